"""Weekdays, times of day and timestamps in the format of the API."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from enum import StrEnum

from calcom_async.errors import InvalidRequestError, shown

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Weekday(StrEnum):
    """A day of the week, which is also its English name: `Weekday.MONDAY == "Monday"`."""

    SUNDAY = "Sunday"
    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"

    @classmethod
    def of(cls, day: int | str) -> "Weekday":
        """Return the day with this number (0 = Sunday, unlike `date.weekday()`) or English name in any case."""
        # The API counts from Sunday where it takes numbers at all, and Python's `weekday()` from Monday.
        if isinstance(day, int) and not isinstance(day, bool) and 0 <= day <= 6:
            return list(cls)[day]
        if isinstance(day, str) and day.upper() in cls.__members__:
            return cls[day.upper()]
        raise InvalidRequestError(
            f"a weekday must be 0..6 (0 = Sunday), a Weekday, or a name such as 'Monday', got {shown(day)}"
        )


def weekdays(days: Iterable[int | str]) -> list[Weekday]:
    """Return days in any accepted form as `Weekday` members."""
    if isinstance(days, str) or not isinstance(days, Iterable):
        raise InvalidRequestError(f"days must be a list such as [{shown(days)}], got {shown(days)}")
    return [Weekday.of(day) for day in days]


def format_time_of_day(name: str, value: time | str) -> str:
    """Return a time of day as `HH:MM`. There is no 24:00: the API stores "until midnight" as 23:59."""
    if isinstance(value, time):
        if value.tzinfo is not None or value.second or value.microsecond:
            raise InvalidRequestError(f"{name} must be whole minutes without a time zone, got {value.isoformat()!r}")
        return value.strftime("%H:%M")
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise InvalidRequestError(f"{name} must be 'HH:MM' from 00:00 to 23:59 or a datetime.time, got {shown(value)}")
    return value


def parse_date(value: date | str, where: str = "date") -> date:
    """Return a date, given one, a datetime or `YYYY-MM-DD`; `where` names the argument in errors."""
    if isinstance(value, datetime):  # first, because a datetime is a date too
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidRequestError(f"{where} must be a date or 'YYYY-MM-DD', got {shown(value)}") from None


def from_epoch(figure: float, *, per_second: int = 1) -> datetime | None:
    """Convert an epoch time in a response to a datetime; None if it is out of range."""
    try:
        return datetime.fromtimestamp(figure / per_second, UTC)
    except (OverflowError, OSError, TypeError, ValueError):
        return None


def parse_datetime(value: datetime | str, where: str) -> datetime:
    """Return an aware datetime, given one or ISO 8601 text with an offset; `where` names the argument in errors.

    A time without an offset raises `InvalidRequestError`, because the server would treat it as UTC.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidRequestError(
                f"{where} must be ISO 8601 with an offset, e.g. 2030-05-06T10:00:00Z, got {shown(value)}"
            ) from None
    if not isinstance(value, datetime):
        raise InvalidRequestError(f"{where} must be a datetime or ISO 8601 text, got {type(value).__name__}")
    # A `tzinfo` alone is not enough: its `utcoffset` may return None.
    try:
        has_offset = value.utcoffset() is not None
    except Exception as error:  # noqa: BLE001 - a tzinfo is the caller's code
        raise InvalidRequestError(f"{where} has a tzinfo that raises {type(error).__name__}") from None
    if not has_offset:
        raise InvalidRequestError(
            f"{where} must have a time zone, got {value.isoformat()}. "
            "Add one, e.g. value.replace(tzinfo=ZoneInfo('Europe/Rome'))"
        )
    return value


def parse_date_or_datetime(value: datetime | date | str, where: str) -> datetime | date:
    """Return a date unchanged, and a time as `parse_datetime` does."""
    return value if isinstance(value, date) and not isinstance(value, datetime) else parse_datetime(value, where)


def bound(value: datetime | date | str, where: str, *, is_end: bool = False) -> datetime:
    """Return the time for a filter; a date becomes its first instant in UTC, or its last at the end of a range."""
    value = parse_date_or_datetime(value, where)
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time.max if is_end else time.min, UTC)
