"""Working hours: weekly hours and overrides as ranges of instants, with the server's errors at clock changes.

All values are milliseconds since 1970. The server keeps the UTC offset of a day fixed if the clocks change during it,
and looks offsets up as if a wall-clock time were UTC. Both errors are repeated here, because they decide which slots it
returns on such days. Its code is `packages/features/schedules/lib/date-ranges.ts` of https://github.com/calcom/cal.com.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

from calcom_async.sandbox.http.time_zones import zone_named

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Zone:
    """A time zone that computes in milliseconds."""

    def __init__(self, name: str) -> None:
        self._info = zone_named(name)

    def offset(self, instant: int) -> int:
        """Return the UTC offset at an instant."""
        shift = datetime.fromtimestamp(instant // SECOND, self._info).utcoffset()
        assert shift is not None, "an aware datetime has an offset"
        return shift.days * DAY + shift.seconds * SECOND

    def wall(self, instant: int) -> int:
        """Return the wall-clock time at an instant, encoded as if it were UTC."""
        return instant + self.offset(instant)

    def at(self, wall: int) -> int:
        """Return the instant of a wall-clock time, with the offset that applies if that time is read as UTC."""
        return wall - self.offset(wall)

    def read_back(self, instant: int) -> int:
        """Return the instant of the wall-clock time at an instant: the same, except near a clock change."""
        return self.at(self.wall(instant))


@lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """Return the time zone of a proper IANA name."""
    return Zone(name)


def start_of_day(wall: int) -> int:
    """Return the midnight before a wall-clock time."""
    return wall - wall % DAY


def day_label(wall: int) -> str:
    """Return the date of a wall-clock time, such as `2030-03-06`."""
    return date.fromordinal(_EPOCH + wall // DAY).isoformat()


def milliseconds(moment: datetime) -> int:
    """Return an aware datetime as milliseconds since 1970."""
    return round(moment.timestamp() * SECOND)


def to_datetime(instant: int) -> datetime:
    """Return milliseconds since 1970 as an aware datetime in UTC."""
    return datetime.fromtimestamp(instant / SECOND, UTC)


_EPOCH = date(1970, 1, 1).toordinal()


class Range(NamedTuple):
    """A range of instants; `day` is the local date whose overrides replace it."""

    start: int
    end: int
    day: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """A row of weekly hours: days with 0 = Sunday, times in milliseconds after midnight."""

    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Override:
    """The hours of one date, which replace the weekly ones."""

    date: date
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule: working hours in a time zone."""

    zone: Zone
    weekly: Sequence[Hours]
    overrides: Sequence[Override] = field(default=())


class QueryRange(NamedTuple):
    """The requested range, and the time zone of the result."""

    start: int
    end: int
    zone: Zone


def working_ranges(schedule: Schedule, span: QueryRange) -> list[Range]:
    """Return the host's hours. Weekly ones are cut to the range; overrides are not, and may be a day outside."""
    # An override replaces the weekly hours of its date, also if it is empty: then the host is away that day.
    overrides = _override_ranges(schedule, span)
    replaced = {hours.day for hours in overrides}
    weekly = [hours for hours in _weekly_ranges(schedule, span) if hours.day not in replaced]
    return [hours for hours in weekly + overrides if hours.start != hours.end]


# --- weekly hours


def _weekly_ranges(schedule: Schedule, span: QueryRange) -> list[Range]:
    """Index ranges by end: a range that starts where another ends extends it, also over midnight."""
    by_end: dict[int, Range] = {}
    midnights = list(_midnights(schedule.zone, span))
    for hours in schedule.weekly:
        for midnight in midnights:
            worked = _worked(schedule.zone, hours, midnight, span)
            if worked is not None:
                _add(by_end, worked)
    return list(by_end.values())


def _midnights(host: Zone, span: QueryRange) -> Iterator[int]:
    """Yield the starts of the host's days, from the day of the range's start."""
    wall = start_of_day(host.wall(span.start))
    first = host.at(wall)
    for day in range(first, span.end, DAY):
        yield day + (wall - first) - host.offset(day)


def _worked(host: Zone, hours: Hours, midnight: int, span: QueryRange) -> Range | None:
    """Return a row's range on a day, cut to the query; None on other weekdays, and if it is empty."""
    offset = host.offset(midnight)
    if ((midnight + offset) // DAY + 4) % 7 not in hours.days:
        return None
    # On the day of a clock change, hours that begin before the change get the offset of after it for the whole day:
    # 00:00 to 05:00 in New York is 04:00Z to 09:00Z in spring (recorded from a self-hosted server of 2026-07).
    shift = offset - host.offset(_on_twelve_hour_clock(midnight + offset + hours.start))
    start, start_offset = midnight + hours.start + shift, offset
    if host.read_back(span.start) > start:
        start, start_offset = span.start, host.offset(span.start)
    end, end_offset = midnight + hours.end + shift, offset
    if host.read_back(span.end) < end:
        end, end_offset = span.end, host.offset(span.end)
    end = _through_midnight(end, end + end_offset)
    if host.at(end + end_offset) < start:
        return None
    return Range(start, end, day_label(start + start_offset))


def _on_twelve_hour_clock(wall: int) -> int:
    """Return a wall-clock time as the format `hh:mm` reads it: 13:00 becomes 01:00. The server finds offsets so."""
    hour = wall % DAY // HOUR
    return wall + ((hour % 12 or 12) - hour) * HOUR


def _through_midnight(end: int, wall: int) -> int:
    """Return the end of a row; 23:59 is stored for midnight."""
    return end + MINUTE if wall % DAY // MINUTE == 24 * 60 - 1 else end


def _add(by_end: dict[int, Range], new: Range) -> None:
    """Add a range. One that continues another, or ends with it, is merged with it."""
    if new.end in by_end:
        by_end[new.end] = min(by_end[new.end], new, key=lambda hours: hours.start)
    elif new.start in by_end:
        earlier = by_end.pop(new.start)
        by_end[new.end] = Range(earlier.start, new.end, earlier.day)
    else:
        by_end[new.end] = new


# --- overrides


def _override_ranges(schedule: Schedule, span: QueryRange) -> list[Range]:
    """Return the ranges of the overrides around the query."""
    # The server loads overrides for a day more on each side, since the zones of host and attendee may be a day apart.
    first = _start_of_local_day(span.start - DAY, span.zone.offset(span.start))
    last = _start_of_local_day(span.end + DAY, span.zone.offset(span.end)) + DAY
    by_edge: dict[int, Range] = {}
    for override in schedule.overrides:
        midnight = (override.date.toordinal() - _EPOCH) * DAY
        if not first <= midnight < last:
            continue
        new = _overridden(schedule.zone, override, midnight)
        if new.start in by_edge:
            known = by_edge[new.start]
            by_edge[new.start] = known._replace(end=max(known.end, new.end))
        else:
            by_edge[new.end] = new
    return list(by_edge.values())


def _start_of_local_day(instant: int, offset: int) -> int:
    """Return the instant of the midnight before an instant, at a fixed offset."""
    return start_of_day(instant + offset) - offset


def _overridden(host: Zone, override: Override, midnight: int) -> Range:
    """Return the range of an override."""
    end = _through_midnight(midnight + override.end, midnight + override.end)
    return Range(host.at(midnight + override.start), host.at(end), override.date.isoformat())


# --- arithmetic of ranges


def subtract(ranges: Iterable[Range], busy: Iterable[tuple[int, int]]) -> list[Range]:
    """Subtract ranges from each range, in the given order."""
    ordered = sorted(busy)
    left: list[Range] = []
    for hours in ranges:
        start = hours.start
        for busy_start, busy_end in ordered:
            if busy_start >= hours.end:
                break
            if busy_end <= start:
                continue
            if busy_start > start:
                left.append(Range(start, busy_start))
            start = busy_end
        if hours.end > start:
            left.append(Range(start, hours.end))
    return left


def merge(ranges: Iterable[Range]) -> list[Range]:
    """Merge overlapping ranges; ranges that only touch stay separate."""
    merged: list[Range] = []
    for item in sorted(ranges, key=lambda item: item.start):
        if merged and merged[-1].end > item.start:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, item.end))
        else:
            merged.append(item)
    return merged


def intersect(several: Sequence[Sequence[Range]]) -> list[Range]:
    """Intersect several lists of ranges."""
    if not several:
        return []
    common = sorted(several[0])
    for other in several[1:]:
        common = _common(common, sorted(other))
    return common


def _common(left: list[Range], right: list[Range]) -> list[Range]:
    """Return the intersection of two sorted lists of ranges."""
    common: list[Range] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i].start, right[j].start), min(left[i].end, right[j].end)
        if start < end:
            common.append(Range(start, end))
        if left[i].end <= right[j].end:
            i += 1
        else:
            j += 1
    return common


def without_contained(ranges: Iterable[Range]) -> list[Range]:
    """Sort ranges and drop those inside another; overlaps stay."""
    kept: list[Range] = []
    for start, end in sorted({(item.start, item.end) for item in ranges}, key=lambda pair: (pair[0], -pair[1])):
        if not kept or end > kept[-1].end:
            kept.append(Range(start, end))
    return kept
