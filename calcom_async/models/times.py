"""Days of the week, times of the day and moments, as the API wants them written."""

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
        """The day with this number, 0 = Sunday (Python's `date.weekday()` has 0 = Monday), or this name in any case."""
        if isinstance(day, int) and not isinstance(day, bool) and 0 <= day <= 6:
            return list(cls)[day]
        if isinstance(day, str) and day.upper() in cls.__members__:
            return cls[day.upper()]
        raise InvalidRequestError(
            f"{shown(day)} is not a day of the week: give 0..6 (0 = Sunday), a Weekday or a name such as 'Monday'"
        )


def weekdays(days: Iterable[int | str]) -> list[Weekday]:
    """Days in any of the accepted forms, as `Weekday` members."""
    if isinstance(days, str) or not isinstance(days, Iterable):
        raise InvalidRequestError(f"days is a list of days, such as [{shown(days)}], not {shown(days)} itself")
    return [Weekday.of(day) for day in days]


def format_time_of_day(name: str, value: time | str) -> str:
    """A time of the day as `HH:MM`; there is no 24:00, the API stores "until midnight" as 23:59."""
    if isinstance(value, time):
        if value.tzinfo is not None or value.second or value.microsecond:
            raise InvalidRequestError(
                f"{name} is whole minutes of the schedule's own time zone, not {value.isoformat()!r}"
            )
        return value.strftime("%H:%M")
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise InvalidRequestError(f"{name} must be 'HH:MM' from 00:00 to 23:59 or a datetime.time, not {shown(value)}")
    return value


def from_epoch(figure: float, *, per_second: int = 1) -> datetime | None:
    """The moment of an epoch time in a response; None if no datetime can hold it."""
    try:
        return datetime.fromtimestamp(figure / per_second, UTC)
    except (OverflowError, OSError, TypeError, ValueError):
        return None


def parse_datetime(value: datetime | str, where: str) -> datetime:
    """Return a time as an aware datetime, from one or from ISO 8601 text with an offset; `where` is its keyword.

    A time without an offset raises `InvalidRequestError`: the server would take it for UTC.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidRequestError(
                f"{where} is not a time: {shown(value)}. Write ISO 8601 with an offset, e.g. 2030-05-06T10:00:00Z"
            ) from None
    if not isinstance(value, datetime):
        raise InvalidRequestError(f"{where} must be a datetime or ISO 8601 text, not {type(value).__name__}")
    try:
        has_offset = value.utcoffset() is not None
    except Exception as error:  # noqa: BLE001 - a tzinfo is code of the caller
        raise InvalidRequestError(f"{where} has a time zone that fails: {type(error).__name__}") from None
    if not has_offset:
        raise InvalidRequestError(
            f"{where} has no time zone: {value.isoformat()}. "
            "Give it one, e.g. value.replace(tzinfo=ZoneInfo('Europe/Rome'))"
        )
    return value


def parse_date_or_datetime(value: datetime | date | str, where: str) -> datetime | date:
    """Return a date as it is, and a time as `parse_datetime` does."""
    return value if isinstance(value, date) and not isinstance(value, datetime) else parse_datetime(value, where)


def bound(value: datetime | date | str, where: str, *, is_end: bool = False) -> datetime:
    """Return a time of a filter; a date is its first moment in UTC, or at the end of a span its last."""
    value = parse_date_or_datetime(value, where)
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time.max if is_end else time.min, UTC)
