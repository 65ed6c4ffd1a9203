"""Time ranges of slot searches: days of a time zone, ranges that the server reads correctly, and parts of long ranges.

The server returns only slots that lie wholly inside the range of a search. It starts the slot grid at the start of the
range if that is in the working hours, and it omits a day in some ranges around a change of clocks (seen on self-hosted
builds of 2025-12 and 2026-07).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from itertools import pairwise
from math import ceil
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from calcom_async.errors import InvalidRequestError, shown
from calcom_async.models.times import parse_datetime

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
MONTH = timedelta(days=31)
"""The longest range that the server searches quickly.

Searches of teams can still be slow: 47 s were reported in https://github.com/calcom/cal.diy/issues/17868.
"""


class TimeRange(NamedTuple):
    """A range of time, without its end."""

    start: datetime
    end: datetime


# Days of a time zone.


def get_time_zone(name: str | None) -> tzinfo:
    """Return the time zone with an IANA name in any case, as the server accepts it; UTC for None."""
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError, TypeError):  # which one depends on the name and on the platform
        pass
    names = _names_by_lower_case()
    if not names:
        if str(name).upper() == "UTC":
            return UTC
        raise InvalidRequestError(
            f"time zone {name}: this machine has no time zone database. Install it: pip install tzdata"
        )
    known = names.get(str(name).lower())
    if known is None:
        raise InvalidRequestError(f"unknown time zone: {shown(name)}. Use an IANA name, such as Europe/Rome")
    return ZoneInfo(known)


@cache
def _names_by_lower_case() -> dict[str, str]:
    """Return the names of all time zones that this machine knows. This reads its whole database, so once."""
    return {name.lower(): name for name in available_timezones()}


def first_instant(day: date | datetime, name: str, time_zone: str | None) -> datetime:
    """Return the start of a date in a time zone (UTC without one), or an aware datetime unchanged."""
    return parse_datetime(day, name) if isinstance(day, datetime) else _midnight(day, name, time_zone)


def last_instant(day: date | datetime, name: str, time_zone: str | None) -> datetime:
    """Return the last second of a date in a time zone (UTC without one), or an aware datetime unchanged."""
    if isinstance(day, datetime):
        return parse_datetime(day, name)
    return _midnight(day, name, time_zone, days_later=1) - SECOND


def _midnight(day: date, name: str, time_zone: str | None, *, days_later: int = 0) -> datetime:
    """Return the midnight at which a date begins in a time zone, or that number of days later, in UTC."""
    if not isinstance(day, date):
        raise InvalidRequestError(f"{name} must be a date or a datetime with a time zone, got {shown(day)}")
    try:
        return datetime.combine(day + days_later * DAY, time.min, get_time_zone(time_zone)).astimezone(UTC)
    except OverflowError:
        raise InvalidRequestError(f"{name} is out of range: {day.isoformat()}") from None


# Ranges that the server reads correctly.


def search_start(start: datetime, time_zone: str) -> datetime:
    """Return where a search must start so that the server omits no slot of the day that begins at `start`.

    Next to a change of clocks the server gets midnight wrong, so the search starts a day earlier there.
    """
    try:
        return start - DAY if _clocks_change(start - DAY, start + DAY, time_zone) else start
    except OverflowError:
        raise InvalidRequestError(f"start is out of range: {start.isoformat()}") from None


def search_end(start: datetime, end: datetime, time_zone: str) -> datetime:
    """Return where a search must end so that the server does not omit the last day.

    The server counts days as 24 hours from the first midnight, so a longer day makes it stop too early.
    """
    try:
        return end + DAY if _clocks_change(start, end + DAY, time_zone) else end
    except OverflowError:
        raise InvalidRequestError(f"start or end is out of range: {start} to {end}") from None


def _clocks_change(start: datetime, end: datetime, time_zone: str) -> bool:
    zone = get_time_zone(time_zone)
    return start.astimezone(zone).utcoffset() != end.astimezone(zone).utcoffset()


# Long ranges in parts.


def growing_parts(
    first: datetime, last: datetime, start: date | datetime, end: date | datetime
) -> Iterator[tuple[date | datetime, date | datetime]]:
    """Split a range into a week and then months, for a search that stops at the first part with a slot.

    `first` and `last` are the instants of `start` and `end`, which are the outer bounds. Each part begins a day before
    the end of the previous one, so that it contains slots across that border.
    """
    # Most searches end in the first week. A week is also much faster for the server than a month.
    length = WEEK
    while last - first > length:
        yield start, first + length
        start = first = first + length - DAY
        length = MONTH + DAY
    yield start, end


def split_by_month(whole: TimeRange) -> list[TimeRange]:
    """Split a range into equal parts of at most about a month.

    The parts are cut at midnight: a cut that moved with the clock would move the slots of its day.
    """
    parts = ceil((whole.end - whole.start) / MONTH)
    cuts = [whole.start + (whole.end - whole.start) / parts * number for number in range(1, parts)]
    midnights = [cut.replace(hour=0, minute=0, second=0, microsecond=0) for cut in cuts]
    return [TimeRange(*borders) for borders in pairwise([whole.start, *midnights, whole.end])]


def query_range(part: TimeRange, whole: TimeRange) -> TimeRange:
    """Return the range to search for the slots of one part.

    It has an extra day on each side, for slots across a border and because the server may omit the last day. Only the
    start of the whole range stays, where slots must not start earlier.
    """
    start = part.start if part.start == whole.start else part.start - DAY
    return TimeRange(start, part.end + DAY - SECOND)  # the server reads midnight as the end of that day
