"""Teams of a user, and of an organization."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from msgspec import Raw

from calcom_async.decoding import decode
from calcom_async.models.event_types import EventType
from calcom_async.models.teams import CreateTeam, Team as TeamModel, TeamAwaitingPayment, TeamInvite, UpdateTeam
from calcom_async.pages import Pages
from calcom_async.pagination import UNPAGED, PaginationSpec
from calcom_async.resources._base import Paging, Resource
from calcom_async.resources.bookings import OrganizationTeamBookings, TeamBookings
from calcom_async.resources.conferencing import Conferencing
from calcom_async.resources.event_types import Order, OrganizationTeamEventTypes, UserTeamEventTypes
from calcom_async.resources.member_schedules import OrganizationTeamSchedules, TeamSchedules
from calcom_async.resources.memberships import Memberships, OrganizationTeamMemberships
from calcom_async.resources.out_of_office import UserOutOfOffice
from calcom_async.resources.roles import Roles
from calcom_async.resources.routing_forms import RoutingForms, UserTeamRoutingForms
from calcom_async.resources.stripe import Stripe
from calcom_async.resources.verified_resources import VerifiedResources
from calcom_async.resources.workflows import Workflows

EVENT_TYPES = PaginationSpec(maximum=250)


class BaseTeam(Resource):
    """What teams of a user and of an organization have in common."""

    @property
    def verified_resources(self) -> VerifiedResources:
        """Email addresses and phone numbers that workflows of the team may send messages to."""
        return self._child(VerifiedResources)

    async def invite(self) -> TeamInvite:
        """Create a link that lets anyone who opens it join the team; for admins of the team."""
        return await self._post(TeamInvite, "/invite")


class TeamUser(Resource):
    """One member of a team."""

    @property
    def out_of_office(self) -> UserOutOfOffice:
        """Days on which the member cannot be booked. Self-hosted servers do not have this."""
        return self._child(UserOutOfOffice)


class Team(BaseTeam):
    """One team outside an organization."""

    def user(self, user_id: int) -> TeamUser:
        """One member of the team."""
        return self._child(TeamUser, "/users/{}", user_id)

    @property
    def event_types(self) -> UserTeamEventTypes:
        """Event types of the team: collective, round robin and managed."""
        return self._child(UserTeamEventTypes)

    @property
    def bookings(self) -> TeamBookings:
        """Bookings of the team."""
        return self._child(TeamBookings)

    @property
    def memberships(self) -> Memberships:
        """Memberships of the team: users and their roles."""
        return self._child(Memberships)

    @property
    def schedules(self) -> TeamSchedules:
        """Schedules of the members."""
        return self._child(TeamSchedules)

    @property
    def routing_forms(self) -> UserTeamRoutingForms:
        """Routing forms of the team, to submit responses."""
        return self._child(UserTeamRoutingForms)


class OrganizationTeam(BaseTeam):
    """One team of an organization."""

    @property
    def event_types(self) -> OrganizationTeamEventTypes:
        """Event types of the team: collective, round robin and managed."""
        return self._child(OrganizationTeamEventTypes)

    @property
    def bookings(self) -> OrganizationTeamBookings:
        """Bookings of the team."""
        return self._child(OrganizationTeamBookings)

    @property
    def memberships(self) -> OrganizationTeamMemberships:
        """Memberships of the team: users and their roles."""
        return self._child(OrganizationTeamMemberships)

    @property
    def schedules(self) -> OrganizationTeamSchedules:
        """Schedules of the members."""
        return self._child(OrganizationTeamSchedules)

    @property
    def roles(self) -> Roles:
        """Roles of the team and their permissions."""
        return self._child(Roles)

    @property
    def routing_forms(self) -> RoutingForms:
        """Routing forms of the team and their responses."""
        return self._child(RoutingForms)

    @property
    def workflows(self) -> Workflows:
        """Workflows of the team, for event types and for routing forms."""
        return self._child(Workflows)

    @property
    def conferencing(self) -> Conferencing:
        """Conferencing apps of the team."""
        return self._child(Conferencing)

    @property
    def stripe(self) -> Stripe:
        """Stripe account of the team."""
        return self._child(Stripe)


class Teams(Resource):
    """Teams that the user is a member of."""

    pagination: ClassVar[PaginationSpec] = UNPAGED

    def list(self, **paging: Unpack[Paging]) -> Pages[TeamModel]:
        """List the teams. Includes pending memberships and the organization itself (`is_organization`)."""
        return self._list_teams("/teams", paging)

    def _list_teams(self, route: str, paging: Paging) -> Pages[TeamModel]:
        # The server ignores `take` and returns everything it can, so request one page of the largest size.
        paging["take"] = None
        return self._pages(TeamModel, route, pagination=self.pagination, **paging)

    async def get(self, team_id: int) -> TeamModel:
        """Fetch one team. An unknown id raises `ForbiddenError`, or `NotFoundError` inside an organization."""
        return await self._get(TeamModel, "/teams/{}", team_id)

    async def create(self, team: CreateTeam) -> TeamModel | TeamAwaitingPayment:
        """Create a team. Where teams are billed, returns a `TeamAwaitingPayment` with a payment link."""
        # msgspec cannot tell two models apart that have no tag, so a field decides which one it is.
        response = await self._post(Raw, "/teams", body=team)
        fields = decode(dict[str, Any], response)
        created: TeamModel | TeamAwaitingPayment = decode(
            TeamAwaitingPayment if "paymentLink" in fields else TeamModel, response
        )
        return created

    async def update(self, team_id: int, changes: UpdateTeam) -> TeamModel:
        """Update the given fields of a team. The server requires `name` every time, even if it does not change."""
        return await self._patch(TeamModel, "/teams/{}", team_id, body=changes)

    async def delete(self, team_id: int) -> TeamModel:
        """Delete a team. Returns the deleted team."""
        return await self._delete(TeamModel, "/teams/{}", team_id)


class OrganizationTeams(Teams):
    """Teams of an organization.

    The server cuts both lists at 250. Builds of 2025 ignore `take` and `skip`, or return 500 for them: there a 251st
    team cannot be reached, and a warning says so.
    """

    # `fragile`: these servers return 500 or repeat the first page, so further pages are requested with care.
    pagination: ClassVar[PaginationSpec] = PaginationSpec(maximum=250, fragile=True)

    def event_types(self, *, sort_created_at: Order | None = None, **paging: Unpack[Paging]) -> Pages[EventType]:
        """List event types of all teams, 250 per page. Builds of 2025 return 500 for every request."""
        query = {"sortCreatedAt": sort_created_at}
        return self._pages(EventType, "/teams/event-types", pagination=EVENT_TYPES, query=query, **paging)

    def list_mine(self, **paging: Unpack[Paging]) -> Pages[TeamModel]:
        """List the teams of the caller, with `role` and `accepted`; for admins of the organization, all teams."""
        return self._list_teams("/teams/me", paging)
