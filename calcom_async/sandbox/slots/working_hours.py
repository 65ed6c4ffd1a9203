"""When a host works: weekly hours and overrides turned into ranges of instants, slips at clock changes included.

Everything here is arithmetic on milliseconds since 1970. The server keeps a day's offset fixed where the clocks
change inside it, and looks offsets up as if a wall-clock reading were UTC; both are repeated on purpose, since they
decide which slots it offers on such days.
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
    """A time zone, asked in milliseconds."""

    def __init__(self, name: str) -> None:
        self._info = zone_named(name)

    def offset(self, instant: int) -> int:
        """How far the zone's clocks are ahead of UTC."""
        shift = datetime.fromtimestamp(instant // SECOND, self._info).utcoffset()
        assert shift is not None, "an aware datetime has an offset"
        return shift.days * DAY + shift.seconds * SECOND

    def wall(self, instant: int) -> int:
        """The zone's clock reading, as if it were UTC."""
        return instant + self.offset(instant)

    def at(self, wall: int) -> int:
        """The instant of a clock reading, with the offset that holds when that reading is taken for UTC."""
        return wall - self.offset(wall)

    def read_back(self, instant: int) -> int:
        """The instant of the clock reading at an instant: the same but near a change. The server compares these."""
        return self.at(self.wall(instant))


@lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """The zone of a proper IANA name."""
    return Zone(name)


def start_of_day(wall: int) -> int:
    return wall - wall % DAY


def day_label(wall: int) -> str:
    """The date of a clock reading, `2030-03-06`."""
    return date.fromordinal(_EPOCH + wall // DAY).isoformat()


def milliseconds(moment: datetime) -> int:
    """An aware datetime as milliseconds since 1970."""
    return round(moment.timestamp() * SECOND)


def moment(instant: int) -> datetime:
    """Milliseconds since 1970 as an aware datetime in UTC."""
    return datetime.fromtimestamp(instant / SECOND, UTC)


_EPOCH = date(1970, 1, 1).toordinal()


class Range(NamedTuple):
    """A stretch of time; `day` is the local date whose overrides replace it."""

    start: int
    end: int
    day: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """One row of weekly hours: days with 0 = Sunday, times in milliseconds after midnight."""

    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Override:
    """The hours of one date, in place of the weekly ones."""

    date: date
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Working hours on the clocks of one zone."""

    zone: Zone
    weekly: Sequence[Hours]
    overrides: Sequence[Override] = field(default=())


class Span(NamedTuple):
    """The stretch that is asked about, and the zone that the answer is wanted in."""

    start: int
    end: int
    zone: Zone


def working_ranges(schedule: Schedule, span: Span) -> list[Range]:
    """The host's hours in the span. Weekly ones are cut to it, overrides are not, and may even lie a day beside it."""
    overrides = _override_ranges(schedule, span)
    replaced = {one.day for one in overrides}
    weekly = [one for one in _weekly_ranges(schedule, span) if one.day not in replaced]
    return [one for one in weekly + overrides if one.start != one.end]


# --- weekly hours


def _weekly_ranges(schedule: Schedule, span: Span) -> list[Range]:
    """Ranges by their end: one that starts where a known one ends prolongs it, over midnight too."""
    found: dict[int, Range] = {}
    midnights = list(_midnights(schedule.zone, span))
    for hours in schedule.weekly:
        for midnight in midnights:
            worked = _worked(schedule.zone, hours, midnight, span)
            if worked is not None:
                _add(found, worked)
    return list(found.values())


def _midnights(host: Zone, span: Span) -> Iterator[int]:
    """Where the host's days begin, from the day of the span's start on."""
    wall = start_of_day(host.wall(span.start))
    first = host.at(wall)
    for day in range(first, span.end, DAY):
        yield day + (wall - first) - host.offset(day)


def _worked(host: Zone, hours: Hours, midnight: int, span: Span) -> Range | None:
    """A row's range on one day, cut to the span; None on other weekdays, and when it ends before it starts."""
    offset = host.offset(midnight)
    if ((midnight + offset) // DAY + 4) % 7 not in hours.days:
        return None
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
    """What `hh:mm` makes of a reading: 13:00 becomes 01:00 and 00:00 becomes 12:00. The server probes offsets so."""
    hour = wall % DAY // HOUR
    return wall + ((hour % 12 or 12) - hour) * HOUR


def _through_midnight(end: int, wall: int) -> int:
    """23:59 is how "until midnight" is stored."""
    return end + MINUTE if wall % DAY // MINUTE == 24 * 60 - 1 else end


def _add(found: dict[int, Range], new: Range) -> None:
    if new.end in found:
        found[new.end] = min(found[new.end], new, key=lambda one: one.start)
    elif new.start in found:
        earlier = found.pop(new.start)
        found[new.end] = Range(earlier.start, new.end, earlier.day)
    else:
        found[new.end] = new


# --- overrides


def _override_ranges(schedule: Schedule, span: Span) -> list[Range]:
    first = _start_of_local_day(span.start - DAY, span.zone.offset(span.start))
    last = _start_of_local_day(span.end + DAY, span.zone.offset(span.end)) + DAY
    found: dict[int, Range] = {}
    for override in schedule.overrides:
        midnight = (override.date.toordinal() - _EPOCH) * DAY
        if not first <= midnight < last:
            continue
        new = _overridden(schedule.zone, override, midnight)
        if new.start in found:
            known = found[new.start]
            found[new.start] = known._replace(end=max(known.end, new.end))
        else:
            found[new.end] = new
    return list(found.values())


def _start_of_local_day(instant: int, offset: int) -> int:
    return start_of_day(instant + offset) - offset


def _overridden(host: Zone, override: Override, midnight: int) -> Range:
    end = _through_midnight(midnight + override.end, midnight + override.end)
    return Range(host.at(midnight + override.start), host.at(end), override.date.isoformat())


# --- arithmetic of ranges


def subtract(ranges: Iterable[Range], busy: Iterable[tuple[int, int]]) -> list[Range]:
    """What is left of each range, in the given order of ranges."""
    ordered = sorted(busy)
    left: list[Range] = []
    for one in ranges:
        start = one.start
        for busy_start, busy_end in ordered:
            if busy_start >= one.end:
                break
            if busy_end <= start:
                continue
            if busy_start > start:
                left.append(Range(start, busy_start))
            start = busy_end
        if one.end > start:
            left.append(Range(start, one.end))
    return left


def merge(ranges: Iterable[Range]) -> list[Range]:
    """Join what overlaps; ranges that only touch stay apart."""
    merged: list[Range] = []
    for one in sorted(ranges, key=lambda one: one.start):
        if merged and merged[-1].end > one.start:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, one.end))
        else:
            merged.append(one)
    return merged


def intersect(several: Sequence[Sequence[Range]]) -> list[Range]:
    """What all lists have in common."""
    if not several:
        return []
    common = sorted(several[0])
    for other in several[1:]:
        common = _common(common, sorted(other))
    return common


def _common(left: list[Range], right: list[Range]) -> list[Range]:
    found: list[Range] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i].start, right[j].start), min(left[i].end, right[j].end)
        if start < end:
            found.append(Range(start, end))
        if left[i].end <= right[j].end:
            i += 1
        else:
            j += 1
    return found


def without_contained(ranges: Iterable[Range]) -> list[Range]:
    """Ranges in order of time, without those that lie inside another; overlaps stay."""
    kept: list[Range] = []
    for start, end in sorted({(one.start, one.end) for one in ranges}, key=lambda pair: (pair[0], -pair[1])):
        if not kept or end > kept[-1].end:
            kept.append(Range(start, end))
    return kept
