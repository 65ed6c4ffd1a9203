"""Out of office: days on which a user takes no bookings, and who stands in."""

from datetime import datetime
from typing import Literal

from calcom_async.models._base import Model

OutOfOfficeReason = Literal["unspecified", "vacation", "travel", "sick", "public_holiday"] | str


class OutOfOfficeEntry(Model, frozen=True, kw_only=True):
    """Days off, always whole days of UTC: `end` is the last millisecond of the last one."""

    id: int
    uuid: str
    user_id: int
    to_user_id: int | None = None
    """Who takes the bookings meanwhile."""
    start: datetime
    end: datetime
    notes: str | None = None
    reason: OutOfOfficeReason | None = None


class _OutOfOfficeBody(Model, frozen=True, kw_only=True):
    """What creating and updating an entry have in common."""

    notes: str | None = None
    to_user_id: int | None = None
    reason: OutOfOfficeReason | None = None


class CreateOutOfOffice(_OutOfOfficeBody, frozen=True, kw_only=True):
    """A new entry; the server widens the times to whole days of UTC."""

    start: datetime
    end: datetime


class UpdateOutOfOffice(_OutOfOfficeBody, frozen=True, kw_only=True):
    """Changes to an entry; `start` and `end` only together."""

    start: datetime | None = None
    end: datetime | None = None
