"""Memberships of teams and organizations: who is a member, and in which role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar, Unpack

from calcom_async.models.memberships import (
    CreateMembership,
    Membership,
    MembershipRole,
    OrganizationMembership,
    UpdateMembership,
)
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource

M = TypeVar("M", bound=Membership)

PAGINATION = PaginationSpec(maximum=250)


class AnyMemberships(Resource, Generic[M]):
    """Base of the three scopes, which have the same five operations; `kind` is the model of a membership."""

    kind: type[M]

    def list(self, **paging: Unpack[Paging]) -> Pages[M]:
        """List all members by id, pending ones included, 250 per page."""
        return self._pages(self.kind, "/memberships", pagination=PAGINATION, **paging)

    async def get(self, membership_id: int) -> M:
        """Fetch one membership by its own id, which is not the id of the user. Raises `NotFoundError`."""
        return await self._get(self.kind, "/memberships/{}", membership_id)

    async def create(
        self,
        *,
        user_id: int,
        role: MembershipRole = "MEMBER",
        accepted: bool | None = None,
        disable_impersonation: bool | None = None,
    ) -> M:
        """Add a user as a member; pending unless `accepted=True`.

        In a team, an accepted member becomes a host of the event types that all members host. An existing member raises
        `ConflictError`, and a user outside the organization of the team raises `UnprocessableError`.

        In an organization this overwrites an existing membership: the role is replaced, and without `accepted=True` the
        member is pending again. Use `update` to change a membership.
        """
        body = CreateMembership(
            user_id=user_id, role=role, accepted=accepted, disable_impersonation=disable_impersonation
        )
        return await self._post(self.kind, "/memberships", body=body)

    async def update(
        self,
        membership_id: int,
        *,
        role: MembershipRole | None = None,
        accepted: bool | None = None,
        disable_impersonation: bool | None = None,
    ) -> M:
        """Update the given fields: change the role, or accept on behalf of the user.

        A revoked role keeps working for up to five minutes.
        """
        body = UpdateMembership(role=role, accepted=accepted, disable_impersonation=disable_impersonation)
        return await self._patch(self.kind, "/memberships/{}", membership_id, body=body)

    async def delete(self, membership_id: int) -> M:
        """Remove a member. Returns the deleted membership. Raises `NotFoundError`."""
        return await self._delete(self.kind, "/memberships/{}", membership_id)


class Memberships(AnyMemberships[Membership]):
    """Members of a team; for admins of the team itself. Admins of its organization do not count as such here."""

    kind = Membership

    def list(self, *, emails: Sequence[str] | None = None, **paging: Unpack[Paging]) -> Pages[Membership]:
        """List all members by id, pending ones included, 250 per page, or those with one of up to 20 `emails`."""
        return self._pages(Membership, "/memberships", pagination=PAGINATION, query={"emails": emails}, **paging)


class OrganizationTeamMemberships(AnyMemberships[Membership]):
    """Members of a team in an organization; for admins of either."""

    kind = Membership


class OrganizationMemberships(AnyMemberships[OrganizationMembership]):
    """Members of an organization with their attributes; for its admins and owners."""

    kind = OrganizationMembership
