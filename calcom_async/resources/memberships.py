"""Memberships: who belongs to a team or an organisation, and as what. Three scopes with the same five operations."""

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
from calcom_async.resources._base import Paging, Resource
from calcom_async.wire import Listing

M = TypeVar("M", bound=Membership)

LISTING = Listing(maximum=250)


class AnyMemberships(Resource, Generic[M]):
    """What every scope has; `kind` is what it answers."""

    kind: type[M]

    def list(self, **paging: Unpack[Paging]) -> Pages[M]:
        """All members, pending ones included, 250 a page by id."""
        return self._pages(self.kind, "/memberships", listing=LISTING, **paging)

    async def get(self, membership_id: int) -> M:
        """Fetch one membership by its own id, which is not the user's. Raises `NotFoundError`."""
        return await self._get(self.kind, "/memberships/{}", membership_id)

    async def create(
        self,
        *,
        user_id: int,
        role: MembershipRole = "MEMBER",
        accepted: bool | None = None,
        disable_impersonation: bool | None = None,
    ) -> M:
        """Make a user a member; pending unless `accepted=True`.

        In a team, an accepted member becomes a host of the event types that everybody hosts; who is a member already is
        a `ConflictError`, and who is not in the organisation above an `UnprocessableError`.

        In an organisation this overwrites the membership of who is a member already: the role is replaced, and without
        `accepted=True` they are pending again. `update` is the way to change one.
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
        """Change what is given: promote, demote, or accept in the user's stead.

        A role that was taken away goes on working for up to five minutes.
        """
        body = UpdateMembership(role=role, accepted=accepted, disable_impersonation=disable_impersonation)
        return await self._patch(self.kind, "/memberships/{}", membership_id, body=body)

    async def delete(self, membership_id: int) -> M:
        """Remove the user from here and return the membership as it was. Raises `NotFoundError`."""
        return await self._delete(self.kind, "/memberships/{}", membership_id)


class Memberships(AnyMemberships[Membership]):
    """Members of a team; for admins of that team, which admins of the organisation above are not here."""

    kind = Membership

    def list(self, *, emails: Sequence[str] | None = None, **paging: Unpack[Paging]) -> Pages[Membership]:
        """All members, pending ones included, 250 a page by id; or those with one of at most 20 `emails`."""
        return self._pages(Membership, "/memberships", listing=LISTING, query={"emails": emails}, **paging)


class OrganizationTeamMemberships(AnyMemberships[Membership]):
    """Members of an organisation's team; for admins of the team or of the organisation."""

    kind = Membership


class OrganizationMemberships(AnyMemberships[OrganizationMembership]):
    """Members of an organisation with their attributes; for its admins and owners."""

    kind = OrganizationMembership
