"""Schedules: the weekly hours of a host, in a time zone of their own."""

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from calcom_async.models._base import Model
from calcom_async.models.times import Weekday, clock, weekdays


class Availability(Model, frozen=True, kw_only=True):
    """Hours of a week: these days, from `start_time` to `end_time` ("HH:MM", the schedule's time zone).

    `days` are accepted as 0..6 (0 = Sunday), `Weekday` members or English names, and are `Weekday` members afterwards.
    The server takes an end before the start without a word; such hours give no slots.
    """

    days: list[Weekday]
    start_time: str
    end_time: str

    if TYPE_CHECKING:

        def __init__(
            self, *, days: Iterable[int | str], start_time: str | dt.time, end_time: str | dt.time
        ) -> None: ...

    def __post_init__(self) -> None:
        force_setattr(self, "days", weekdays(self.days))
        force_setattr(self, "start_time", clock("start_time", self.start_time))
        force_setattr(self, "end_time", clock("end_time", self.end_time))


class Override(Model, frozen=True, kw_only=True):
    """Hours of one date, instead of its weekly ones; all overrides of a date count together."""

    date: dt.date
    start_time: str
    end_time: str

    if TYPE_CHECKING:

        def __init__(self, *, date: dt.date | str, start_time: str | dt.time, end_time: str | dt.time) -> None: ...

    def __post_init__(self) -> None:
        force_setattr(self, "date", _date(self.date))
        force_setattr(self, "start_time", clock("start_time", self.start_time))
        force_setattr(self, "end_time", clock("end_time", self.end_time))

    @classmethod
    def day_off(cls, date: dt.date | str) -> "Override":
        """No hours at all on this date, which the API writes as 00:00 to 00:00."""
        return cls(date=date, start_time="00:00", end_time="00:00")


def _date(value: dt.date | str) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


class Schedule(Model, frozen=True, kw_only=True):
    """Weekly hours and their exceptions, in the schedule's own `time_zone`; slots are computed from it."""

    id: int
    owner_id: int
    name: str
    time_zone: str
    availability: list[Availability]
    is_default: bool
    overrides: list[Override]


class CreateSchedule(Model, frozen=True, kw_only=True):
    """A new schedule; Monday to Friday, 09:00 to 17:00, unless `availability` says otherwise.

    Nothing makes names unique: a repeated request makes a second schedule.
    """

    name: str
    time_zone: str
    is_default: bool = False
    """The API wants this one always, so it is always sent."""
    availability: list[Availability] | UnsetType = UNSET
    overrides: list[Override] | UnsetType = UNSET


class UpdateSchedule(Model, frozen=True, kw_only=True):
    """Changes to a schedule; `availability` and `overrides` replace the whole list when they are given."""

    name: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET
    """True makes it the user's default; false does not unset it."""
    availability: list[Availability] | UnsetType = UNSET
    overrides: list[Override] | UnsetType = UNSET
