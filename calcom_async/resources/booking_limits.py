"""Booking limits of the user: over all event types, and for round-robin event types of teams."""

from __future__ import annotations

from types import NoneType

from calcom_async.models.booking_limits import (
    TeamBookingLimit,
    TeamBookingLimits,
    UpdateUserBookingLimits,
    UserBookingLimits,
)
from calcom_async.resources._base import Resource


class BookingLimits(Resource):
    """The most bookings of the user per calendar period, counted over all event types in the user's time zone.

    When a limit is reached, the rest of the period is busy. The limits of event types and teams apply as well. Only for
    members of an organization; others get a `ForbiddenError`.
    """

    async def get(self) -> UserBookingLimits:
        """Fetch the limits; None means no limit. OAuth scope PROFILE_READ."""
        return await self._get(UserBookingLimits, "/me/booking-limits")

    async def update(self, changes: UpdateUserBookingLimits) -> UserBookingLimits:
        """Set the given limits, each at least 1. None removes a limit. OAuth scope PROFILE_WRITE."""
        return await self._patch(UserBookingLimits, "/me/booking-limits", body=changes)

    async def delete(self) -> None:
        """Remove all limits. OAuth scope PROFILE_WRITE."""
        # A second deletion succeeds too, unlike that of the limits of a team (hosted API of September 2026).
        await self._delete(NoneType, "/me/booking-limits", idempotent=True)


class TeamBookingLimitsOfUser(Resource):
    """The limits of the user's teams for the user as a host of their round-robin event types.

    Collective event types and fixed hosts keep the limits of the team. Teams without a limit are left out.
    """

    async def list(self) -> TeamBookingLimits:
        """Fetch the limits of all teams. OAuth scope PROFILE_READ."""
        return await self._get(TeamBookingLimits, "/me/team-booking-limits")

    async def update(self, team_id: int, changes: UpdateUserBookingLimits) -> TeamBookingLimit:
        """Set the user's own limits for a team, each at least 1. None restores the limit of the team.

        The user must be a host of one of the team's round-robin event types. OAuth scope PROFILE_WRITE.
        """
        return await self._patch(TeamBookingLimit, "/me/team-booking-limits/{}", team_id, body=changes)

    async def delete(self, team_id: int) -> None:
        """Restore all limits of a team. Raises `NotFoundError` if the user has none of their own for it.

        OAuth scope PROFILE_WRITE.
        """
        await self._delete(NoneType, "/me/team-booking-limits/{}", team_id)
