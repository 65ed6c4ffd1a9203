"""The current user."""

from __future__ import annotations

from calcom_async.models import me as models
from calcom_async.resources._base import Resource
from calcom_async.resources.booking_limits import BookingLimits, TeamBookingLimitsOfUser
from calcom_async.resources.out_of_office import UserOutOfOffice


class Me(Resource):
    """The user that the credentials belong to."""

    @property
    def out_of_office(self) -> UserOutOfOffice:
        """Days on which the user cannot be booked. Self-hosted servers do not have this."""
        return self._child(UserOutOfOffice, "/me")

    @property
    def booking_limits(self) -> BookingLimits:
        """The most bookings per day, week, month and year. Self-hosted servers do not have this."""
        return self._child(BookingLimits)

    @property
    def team_booking_limits(self) -> TeamBookingLimitsOfUser:
        """The most bookings per period as a host of round-robin event types. Self-hosted servers do not have this."""
        return self._child(TeamBookingLimitsOfUser)

    async def get(self) -> models.Me:
        """Fetch the user. A platform client acts as the owner of its organization."""
        return await self._get(models.Me, "/me")

    async def update(self, changes: models.UpdateMe) -> models.Me:
        """Update the given fields of the user. The response lacks `organization`.

        A new email address takes effect once the user has opened the link in the verification email.
        """
        return await self._patch(models.Me, "/me", body=changes)
