"""Days of the week, times of the day and moments, as the API wants them written."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time
from enum import StrEnum

from calcom_async.errors import InvalidRequestError

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
            f"{day!r} is not a day of the week: give 0..6 (0 = Sunday), a Weekday or a name such as 'Monday'"
        )


def weekdays(days: Iterable[int | str]) -> list[Weekday]:
    """Days in any of the accepted forms, as `Weekday` members."""
    if isinstance(days, str) or not isinstance(days, Iterable):
        raise InvalidRequestError(f"days is a list of days, such as [{days!r}], not {days!r} itself")
    return [Weekday.of(day) for day in days]


def clock(name: str, value: time | str) -> str:
    """A time of the day as `HH:MM`; there is no 24:00, the API stores "until midnight" as 23:59."""
    if isinstance(value, time):
        if value.tzinfo is not None or value.second or value.microsecond:
            raise InvalidRequestError(
                f"{name} is whole minutes of the schedule's own time zone, not {value.isoformat()!r}"
            )
        return value.strftime("%H:%M")
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise InvalidRequestError(f"{name} must be 'HH:MM' from 00:00 to 23:59 or a datetime.time, not {value!r}")
    return value


def from_epoch(figure: float, *, per_second: int = 1) -> datetime | None:
    """The moment of an epoch time in a response; None if no datetime can hold it."""
    try:
        return datetime.fromtimestamp(figure / per_second, UTC)
    except (OverflowError, OSError, TypeError, ValueError):
        return None


def aware(name: str, moment: object) -> None:
    """Refuse anything but a datetime with a time zone: the server would take a naive one as UTC."""
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidRequestError(
            f"{name} must be a datetime with a time zone, such as one with tzinfo=UTC, not {moment!r}"
        )
