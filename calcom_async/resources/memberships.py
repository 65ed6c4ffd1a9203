"""Memberships of teams and organizations: who is a member, and in which role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar, Unpack

from calcom_async.errors import InvalidRequestError
from calcom_async.models.memberships import (
    CreateMembership,
    CreateMembershipByEmail,
    Membership,
    MembershipRole,
    OrganizationMembership,
    UpdateMembership,
)
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource

M = TypeVar("M", bound=Membership)

# Without a total: only a full page tells that there may be another one.
PAGINATION = PaginationSpec(maximum=250)


class AnyMemberships(Resource, Generic[M]):
    """Base of the three scopes; `kind` is the model of a membership."""

    kind: type[M]

    def list(self, **paging: Unpack[Paging]) -> Pages[M]:
        """List all members by id, pending ones included, 250 per page."""
        return self._pages(self.kind, "/memberships", pagination=PAGINATION, **paging)

    async def get(self, membership_id: int) -> M:
        """Fetch one membership by its own id, which is not the id of the user. Raises `NotFoundError`."""
        return await self._get(self.kind, "/memberships/{}", membership_id)

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


class TeamMemberships(AnyMemberships[Membership]):
    """Base of the members of a team."""

    kind = Membership

    async def create(
        self,
        *,
        user_id: int,
        role: MembershipRole = "MEMBER",
        accepted: bool | None = None,
        disable_impersonation: bool | None = None,
    ) -> Membership:
        """Add a user as a member; pending unless `accepted=True`.

        An accepted member becomes a host of the event types that all members host. An existing member raises
        `ConflictError`, and a user outside the organization of the team raises `UnprocessableError`.
        """
        body = CreateMembership(
            user_id=user_id, role=role, accepted=accepted, disable_impersonation=disable_impersonation
        )
        return await self._post(Membership, "/memberships", body=body)


class Memberships(TeamMemberships):
    """Members of a team; for admins of the team itself. Admins of its organization do not count as such here."""

    def list(self, *, emails: Sequence[str] | None = None, **paging: Unpack[Paging]) -> Pages[Membership]:
        """List all members by id, pending ones included, 250 per page, or those with one of up to 20 `emails`."""
        # Separated by commas here; the list of users of an organization wants the parameter once per address.
        return self._pages(Membership, "/memberships", pagination=PAGINATION, query={"emails": emails}, **paging)


class OrganizationTeamMemberships(TeamMemberships):
    """Members of a team in an organization; for admins of either."""


class OrganizationMemberships(AnyMemberships[OrganizationMembership]):
    """Members of an organization with their attributes; for its admins and owners."""

    kind = OrganizationMembership

    async def create(
        self,
        *,
        user_id: int | None = None,
        email: str | None = None,
        role: MembershipRole = "MEMBER",
        accepted: bool | None = None,
        disable_impersonation: bool | None = None,
    ) -> OrganizationMembership:
        """Add an existing user as a member, by id or by address; give exactly one of them. A seat is billed.

        By `user_id` the membership is pending unless `accepted=True`, and no email is sent. This overwrites an existing
        membership: the role is replaced, and without `accepted=True` the member is pending again. Use `update` to
        change a membership.

        By `email`, which self-hosted servers do not accept, Cal.com emails the user. The membership is accepted if the
        organization is verified and accepts the domain automatically, and else pending. An address without a user
        raises `NotFoundError`: use `users.create`.
        """
        if (user_id is None) == (email is None):
            raise InvalidRequestError("a new member is either a user_id or an email", hint="Pass one of them")
        # Two forms of one operation, of which the server takes exactly one.
        if user_id is not None:
            by_id = CreateMembership(
                user_id=user_id, role=role, accepted=accepted, disable_impersonation=disable_impersonation
            )
            return await self._post(OrganizationMembership, "/memberships", body=by_id)
        if accepted is not None or disable_impersonation is not None:
            raise InvalidRequestError("accepted and disable_impersonation need user_id: the API ignores them for email")
        by_email = CreateMembershipByEmail(email=email or "", role=role)
        return await self._post(OrganizationMembership, "/memberships", body=by_email)
