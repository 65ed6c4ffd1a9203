"""The user that the credentials belong to."""

from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from calcom_async.models._base import Model
from calcom_async.models.booking_limits import UserBookingLimits
from calcom_async.models.times import Weekday


class MeOrganization(Model, frozen=True, kw_only=True, gc=False):
    """The organization of the user."""

    id: int
    is_platform: bool


class Me(Model, frozen=True, kw_only=True):
    """The current user. Platform client credentials act as the owner of the platform organization."""

    id: int
    email: str
    name: str | None = None
    avatar_url: str | None = None
    bio: str | None = None
    time_format: int = 12
    """12 or 24."""
    default_schedule_id: int | None = None
    week_start: str = "Sunday"
    time_zone: str
    username: str | None = None  # null for new users, although the specification requires a text
    organization_id: int | None = None
    locale: str | None = None
    """Not returned by self-hosted servers."""
    booking_limits: UserBookingLimits | None = None
    """Described by the guides of September 2026, but not by the specification."""
    organization: MeOrganization | None = None
    """Only for members of an organization, and never in the response to an update."""


class UpdateMe(Model, frozen=True, kw_only=True):
    """Changes to the current user; omitted fields stay unchanged.

    A new email address must be verified first, except on builds of 2025, where it takes effect immediately. A new time
    zone does not change the time zones of schedules. The server does not check `default_schedule_id`.
    """

    email: str | None = None
    name: str | UnsetType | None = UNSET
    time_format: int | None = None
    default_schedule_id: int | None = None
    week_start: int | str | None = None
    """A weekday in any form that `Weekday.of` accepts; 0 = Sunday."""
    time_zone: str | None = None
    locale: str | None = None
    """Returned only by the hosted API; `metadata` never is."""
    avatar_url: str | None = None
    bio: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | None = None
    """Up to 50 keys of 40 characters, with values of 500."""

    def __post_init__(self) -> None:
        if self.week_start is not None:
            force_setattr(self, "week_start", Weekday.of(self.week_start))
