"""Organisations: teams, users and bookings of one."""

from __future__ import annotations

from calcom_async.resources._base import Resource
from calcom_async.resources.bookings import OrganizationBookings, UserBookings
from calcom_async.resources.teams import OrganizationTeams, Team


class OrganizationUser(Resource):
    """One user of an organisation."""

    @property
    def bookings(self) -> UserBookings:
        """The user's bookings."""
        return self._below(UserBookings)


class Organization(Resource):
    """One organisation; most of it is for its admins and owners."""

    @property
    def teams(self) -> OrganizationTeams:
        """Its teams."""
        return self._below(OrganizationTeams)

    @property
    def bookings(self) -> OrganizationBookings:
        """Bookings of all its teams and members."""
        return self._below(OrganizationBookings)

    def team(self, team_id: int) -> Team:
        """One of its teams: event types and bookings."""
        return self._below(Team, "/teams/{}", team_id)

    def user(self, user_id: int) -> OrganizationUser:
        """One of its users."""
        return self._below(OrganizationUser, "/users/{}", user_id)
