"""Out-of-office entries: days on which a user cannot be booked, and the substitute."""

from datetime import datetime
from typing import Literal

from calcom_async.models._base import Model

OutOfOfficeReason = Literal["unspecified", "vacation", "travel", "sick", "public_holiday"] | str


class OutOfOfficeEntry(Model, frozen=True, kw_only=True):
    """Days off, always whole days in UTC: `end` is the last millisecond of the last day."""

    id: int
    uuid: str
    user_id: int
    to_user_id: int | None = None
    """The user who receives the bookings during that time."""
    start: datetime
    end: datetime
    notes: str | None = None
    reason: OutOfOfficeReason | None = None


class _OutOfOfficeBody(Model, frozen=True, kw_only=True):
    """Base of the request bodies."""

    notes: str | None = None
    to_user_id: int | None = None
    reason: OutOfOfficeReason | None = None


class CreateOutOfOffice(_OutOfOfficeBody, frozen=True, kw_only=True):
    """A new entry; the server extends the times to whole days in UTC."""

    start: datetime
    end: datetime


# With only one of the two times the server returns 400: "Please specify both ooo start and end time."
class UpdateOutOfOffice(_OutOfOfficeBody, frozen=True, kw_only=True):
    """Changes to an entry; `start` and `end` must be given together."""

    start: datetime | None = None
    end: datetime | None = None
