"""Teams: the user's own, and those of an organisation; the same shapes in two places."""

from __future__ import annotations

from typing import Any, Unpack

from msgspec import Raw

from calcom_async.models.teams import CreateTeam, TeamAwaitingPayment, UpdateTeam
from calcom_async.models.teams import Team as TeamModel
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource
from calcom_async.resources.bookings import TeamBookings
from calcom_async.resources.event_types import TeamEventTypes
from calcom_async.wire import WHOLE, Listing, decode


class Team(Resource):
    """What belongs to one team."""

    @property
    def event_types(self) -> TeamEventTypes:
        """Its event types: collective, round robin and managed."""
        return self._below(TeamEventTypes)

    @property
    def bookings(self) -> TeamBookings:
        """Its bookings."""
        return self._below(TeamBookings)


class Teams(Resource):
    """Teams that the user is a member of."""

    listing = WHOLE

    def list(self, **paging: Unpack[Paging]) -> Pages[TeamModel]:
        """The teams, pending memberships and the organisation itself included (`is_organization`)."""
        return self._pages(TeamModel, "/teams", listing=self.listing, **paging)

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
        """Change a team; fields left UNSET stay."""
        return await self._patch(TeamModel, "/teams/{}", team_id, body=changes)

    async def delete(self, team_id: int) -> TeamModel:
        """Delete a team and return it as it was."""
        return await self._delete(TeamModel, "/teams/{}", team_id)


class OrganizationTeams(Teams):
    """Teams of an organisation.

    The server cuts both lists at 250 and ignores paging; a 251st team is out of reach and a warning says so.
    """

    listing = Listing(maximum=250)

    def mine(self, **paging: Unpack[Paging]) -> Pages[TeamModel]:
        """The caller's teams, with `role` and `accepted`; for admins of the organisation all of them."""
        return self._pages(TeamModel, "/teams/me", listing=self.listing, **paging)
