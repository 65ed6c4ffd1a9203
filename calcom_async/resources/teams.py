"""Teams: the user's own, and those of an organisation; the same shapes in two places."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from msgspec import Raw

from calcom_async.models.event_types import EventType
from calcom_async.models.teams import CreateTeam, TeamAwaitingPayment, TeamInvite, UpdateTeam
from calcom_async.models.teams import Team as TeamModel
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource
from calcom_async.resources.bookings import OrganizationTeamBookings, TeamBookings
from calcom_async.resources.conferencing import Conferencing
from calcom_async.resources.event_types import Order, OrganizationTeamEventTypes, UserTeamEventTypes
from calcom_async.resources.member_schedules import OrganizationTeamSchedules, TeamSchedules
from calcom_async.resources.memberships import Memberships, OrganizationTeamMemberships
from calcom_async.resources.roles import Roles
from calcom_async.resources.routing_forms import RoutingForms
from calcom_async.resources.stripe import Stripe
from calcom_async.resources.verified_resources import VerifiedResources
from calcom_async.resources.workflows import Workflows
from calcom_async.wire import WHOLE, Listing, decode

EVENT_TYPES = Listing(maximum=250)


class BaseTeam(Resource):
    """What belongs to a team, wherever it stands."""

    @property
    def verified_resources(self) -> VerifiedResources:
        """E-mail addresses and phone numbers that its workflows may write to."""
        return self._below(VerifiedResources)

    async def invite(self) -> TeamInvite:
        """Make a link that lets whoever opens it join the team; for admins of the team."""
        return await self._post(TeamInvite, "/invite")


class Team(BaseTeam):
    """What belongs to a team of one's own."""

    @property
    def event_types(self) -> UserTeamEventTypes:
        """Its event types: collective, round robin and managed."""
        return self._below(UserTeamEventTypes)

    @property
    def bookings(self) -> TeamBookings:
        """Its bookings."""
        return self._below(TeamBookings)

    @property
    def memberships(self) -> Memberships:
        """Who is in it, and as what."""
        return self._below(Memberships)

    @property
    def schedules(self) -> TeamSchedules:
        """Working hours of its members."""
        return self._below(TeamSchedules)


class OrganizationTeam(BaseTeam):
    """What belongs to a team of an organisation."""

    @property
    def event_types(self) -> OrganizationTeamEventTypes:
        """Its event types: collective, round robin and managed."""
        return self._below(OrganizationTeamEventTypes)

    @property
    def bookings(self) -> OrganizationTeamBookings:
        """Its bookings."""
        return self._below(OrganizationTeamBookings)

    @property
    def memberships(self) -> OrganizationTeamMemberships:
        """Who is in it, and as what."""
        return self._below(OrganizationTeamMemberships)

    @property
    def schedules(self) -> OrganizationTeamSchedules:
        """Working hours of its members."""
        return self._below(OrganizationTeamSchedules)

    @property
    def roles(self) -> Roles:
        """Its roles and their permissions."""
        return self._below(Roles)

    @property
    def routing_forms(self) -> RoutingForms:
        """Its routing forms and their responses."""
        return self._below(RoutingForms)

    @property
    def workflows(self) -> Workflows:
        """Its workflows: reminders and the like around event types, and those of routing forms."""
        return self._below(Workflows)

    @property
    def conferencing(self) -> Conferencing:
        """Its video apps."""
        return self._below(Conferencing)

    @property
    def stripe(self) -> Stripe:
        """Its Stripe account."""
        return self._below(Stripe)


class Teams(Resource):
    """Teams that the user is a member of."""

    listing: ClassVar[Listing] = WHOLE

    def list(self, **paging: Unpack[Paging]) -> Pages[TeamModel]:
        """The teams, pending memberships and the organisation itself included (`is_organization`)."""
        return self._whole("/teams", paging)

    def _whole(self, template: str, paging: Paging) -> Pages[TeamModel]:
        # Whatever `take` says, the server answers all it ever will: a page of the largest size, not many small ones.
        paging["take"] = None
        return self._pages(TeamModel, template, listing=self.listing, **paging)

    async def get(self, team_id: int) -> TeamModel:
        """Fetch one team. An unknown one is a `ForbiddenError` here, a `NotFoundError` inside an organisation."""
        return await self._get(TeamModel, "/teams/{}", team_id)

    async def create(self, team: CreateTeam) -> TeamModel | TeamAwaitingPayment:
        """Make a team. Where teams are billed the answer is a `TeamAwaitingPayment` with a link to pay."""
        answer = await self._post(Raw, "/teams", body=team)
        fields = decode(dict[str, Any], answer)
        made: TeamModel | TeamAwaitingPayment = decode(
            TeamAwaitingPayment if "paymentLink" in fields else TeamModel, answer
        )
        return made

    async def update(self, team_id: int, changes: UpdateTeam) -> TeamModel:
        """Change a team; what is not given stays. The server wants the `name` each time, even if it stays."""
        return await self._patch(TeamModel, "/teams/{}", team_id, body=changes)

    async def delete(self, team_id: int) -> TeamModel:
        """Delete a team and return it as it was."""
        return await self._delete(TeamModel, "/teams/{}", team_id)


class OrganizationTeams(Teams):
    """Teams of an organisation.

    The server cuts both lists at 250. Builds of 2025 ignore `take` and `skip`, or answer 500 to them: there a 251st
    team is out of reach, and a warning says so.
    """

    listing: ClassVar[Listing] = Listing(maximum=250, fragile=True)

    def event_types(self, *, sort_created_at: Order | None = None, **paging: Unpack[Paging]) -> Pages[EventType]:
        """Event types of all teams, 250 a page. A server of 2025 answers 500 to everybody here."""
        query = {"sortCreatedAt": sort_created_at}
        return self._pages(EventType, "/teams/event-types", listing=EVENT_TYPES, query=query, **paging)

    def list_mine(self, **paging: Unpack[Paging]) -> Pages[TeamModel]:
        """The caller's teams, with `role` and `accepted`; for admins of the organisation all of them."""
        return self._whole("/teams/me", paging)
