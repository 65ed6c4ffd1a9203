"""Booking limits of users: the number of bookings per day, week, month and year, over all event types."""

from msgspec import UNSET, UnsetType

from calcom_async.models._base import IntOrFloat, Model


# The specification says "number" and excludes no fractions. Requests take integers.
class UserBookingLimits(Model, frozen=True, kw_only=True, gc=False):
    """The most bookings per calendar period in the user's time zone; None means no limit."""

    per_day: IntOrFloat | None = None
    per_week: IntOrFloat | None = None
    per_month: IntOrFloat | None = None
    per_year: IntOrFloat | None = None


class UpdateUserBookingLimits(Model, frozen=True, kw_only=True, gc=False):
    """Changes to booking limits, each at least 1. None removes a limit; omitted ones stay unchanged."""

    per_day: int | UnsetType | None = UNSET
    per_week: int | UnsetType | None = UNSET
    per_month: int | UnsetType | None = UNSET
    per_year: int | UnsetType | None = UNSET


class TeamBookingLimit(Model, frozen=True, kw_only=True):
    """The limits of a team for the user as a host of its round-robin event types."""

    team_id: int
    team_name: str
    team_limit: UserBookingLimits | None = None
    """The limits of the team."""
    member_limit: UserBookingLimits | None = None
    """The user's own limits for this team; None if all are those of the team."""
    effective_limit: UserBookingLimits | None = None
    """The limits that the server enforces: the user's own where set, at most those over all event types."""


class TeamBookingLimits(Model, frozen=True, kw_only=True):
    """The limits of all teams, and the user's own over all event types."""

    teams: list[TeamBookingLimit]
    global_limit: UserBookingLimits | None = None
    is_overcommitted: bool = False
    """Whether the limits of all teams together exceed the user's own."""
