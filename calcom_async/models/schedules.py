"""Schedules: weekly working hours of a host, in their own time zone."""

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import force_setattr

from calcom_async.errors import InvalidRequestError, shown
from calcom_async.models._base import Model
from calcom_async.models.times import Weekday, format_time_of_day, parse_date, weekdays


class Availability(Model, frozen=True, kw_only=True):
    """Working hours on some weekdays, from `start_time` to `end_time` ("HH:MM" in the schedule's time zone).

    `days` may be 0..6 (0 = Sunday), `Weekday` members or English names, and become `Weekday` members. Values are
    checked when they become part of a `CreateSchedule` or `UpdateSchedule`; responses are not checked. The server
    accepts an end before the start, which gives no slots.
    """

    days: list[Weekday]
    start_time: str
    end_time: str

    if TYPE_CHECKING:

        def __init__(
            self, *, days: Iterable[int | str], start_time: str | dt.time, end_time: str | dt.time
        ) -> None: ...

    # Responses are read by the same class, so nothing is rejected here: one odd value must not lose the schedule.
    def __post_init__(self) -> None:
        _normalize(self, days=weekdays, **HOURS)

    def check(self) -> None:
        """Raise `InvalidRequestError` for values that the API does not support."""
        weekdays(self.days)
        _check_hours(self)


class Override(Model, frozen=True, kw_only=True):
    """Hours of one date, which replace its weekly hours; several overrides of a date are combined.

    Checked at the same time as an `Availability`.
    """

    date: dt.date
    start_time: str
    end_time: str

    if TYPE_CHECKING:

        def __init__(self, *, date: dt.date | str, start_time: str | dt.time, end_time: str | dt.time) -> None: ...

    def __post_init__(self) -> None:
        _normalize(self, date=parse_date, **HOURS)

    @classmethod
    def day_off(cls, date: dt.date | str) -> "Override":
        """An override without hours, which the API writes as 00:00 to 00:00."""
        return cls(date=date, start_time="00:00", end_time="00:00")

    def check(self) -> None:
        """Raise `InvalidRequestError` for values that the API does not support."""
        parse_date(self.date)
        _check_hours(self)


HOURS: dict[str, Callable[[Any], Any]] = {
    "start_time": partial(format_time_of_day, "start_time"),
    "end_time": partial(format_time_of_day, "end_time"),
}


def _normalize(hours: Availability | Override, **forms: Callable[[Any], Any]) -> None:
    """Convert each field to its normal form; keep values that have none, since a response may contain anything."""
    for name, form in forms.items():
        with suppress(InvalidRequestError):
            force_setattr(hours, name, form(getattr(hours, name)))


# Neither the order of the times nor overlaps: the server accepts both, and they give no slots or the same slots.
def _check_hours(hours: Availability | Override) -> None:
    format_time_of_day("start_time", hours.start_time)
    format_time_of_day("end_time", hours.end_time)


def _check(name: str, kind: type[Availability | Override], items: Any) -> None:
    """Check the hours of a request body."""
    if items is None:
        return
    if not isinstance(items, list | tuple) or not all(isinstance(item, kind) for item in items):
        raise InvalidRequestError(f"{name} must be a list of {kind.__name__}, got {shown(items)}")
    for item in items:
        item.check()


class Schedule(Model, frozen=True, kw_only=True):
    """Weekly hours and their exceptions, in the schedule's own `time_zone`. Slots are computed from it."""

    id: int
    owner_id: int
    name: str
    time_zone: str
    availability: list[Availability]
    is_default: bool
    overrides: list[Override]


class CreateSchedule(Model, frozen=True, kw_only=True):
    """A new schedule; without `availability` it is Monday to Friday, 09:00 to 17:00.

    Names are not unique: a repeated request creates a second schedule.
    """

    name: str
    time_zone: str
    is_default: bool = False
    """Always sent, since the API requires it."""
    availability: list[Availability] | None = None
    overrides: list[Override] | None = None

    def __post_init__(self) -> None:
        _check("availability", Availability, self.availability)
        _check("overrides", Override, self.overrides)


class UpdateSchedule(Model, frozen=True, kw_only=True):
    """Changes to a schedule; `availability` and `overrides` are replaced as a whole."""

    name: str | None = None
    time_zone: str | None = None
    is_default: bool | None = None
    """True makes it the user's default; false does not unset it."""
    availability: list[Availability] | None = None
    overrides: list[Override] | None = None

    def __post_init__(self) -> None:
        _check("availability", Availability, self.availability)
        _check("overrides", Override, self.overrides)
