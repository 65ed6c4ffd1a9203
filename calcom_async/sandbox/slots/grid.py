"""Available slots, computed by pure functions on milliseconds since 1970.

    available_slots(Query, EventSettings, hosts)  ->  {"2030-03-06": [start, start ...]}

Working hours minus busy times and used-up limits give free ranges. Each is divided by a slot grid. Slots that are
reserved, too soon or outside the booking window are removed. The server computes them in
`packages/features/schedules/lib/slots.ts` of https://github.com/calcom/cal.com.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from calcom_async.sandbox.slots.limits import (
    ALWAYS,
    NO_LIMITS,
    BookingWindow,
    CountedBooking,
    Limits,
    LimitUsage,
    limit_busy,
    month_before,
)
from calcom_async.sandbox.slots.working_hours import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    QueryRange,
    Range,
    Schedule,
    Zone,
    day_label,
    intersect,
    merge,
    start_of_day,
    subtract,
    without_contained,
    working_ranges,
    zone,
)

#: The first start is rounded to a multiple of the largest of these that divides the step.
_INTERVALS = (60, 30, 20, 15, 10, 5)
UTC_ZONE = zone("UTC")


@dataclass(frozen=True, slots=True)
class Query:
    """A slot query. `zone` is None if none was given, which differs slightly from UTC.

    The server loads bookings up to `margin` milliseconds outside the range, so that their buffers count.
    """

    start: int
    end: int
    now: int
    zone: Zone | None = None
    duration: int | None = None
    margin: int = 0

    @property
    def booker(self) -> Zone:
        """The time zone of the attendee."""
        return self.zone or UTC_ZONE


@dataclass(frozen=True, slots=True)
class EventSettings:
    """The settings of an event type that decide its slots, in minutes."""

    length: int
    interval: int | None = None
    offset_start: int = 0
    notice: int = 0
    before: int = 0
    after: int = 0
    first_only: bool = False
    optimized: bool = False
    limits: Limits = NO_LIMITS
    limit_zone: Zone = UTC_ZONE
    window: BookingWindow = ALWAYS
    scheduling: Literal["collective", "roundRobin"] | None = None


class BusyBooking(NamedTuple):
    """A booking that blocks time, with the buffers of its own event type.

    - `open_seat`: a seated booking of the queried event type; only its buffers block.
    - `moving`: the booking that is rescheduled; it does not block.
    """

    start: int
    end: int
    before: int = 0
    after: int = 0
    open_seat: bool = False
    moving: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """A host: working hours, bookings, calendar entries, absences, and what counts towards limits."""

    schedule: Schedule
    bookings: Sequence[BusyBooking] = ()
    calendar: Sequence[tuple[int, int]] = ()
    away: Sequence[tuple[int, int]] = ()
    counted: Sequence[CountedBooking] = ()
    fixed: bool = True


@dataclass(frozen=True, slots=True)
class Reserved:
    """Live reservations: time ranges that hide slots, and starts with reserved seats."""

    busy: Sequence[tuple[int, int]] = ()
    seated: frozenset[int] = field(default_factory=frozenset)


def available_slots(
    query: Query, event: EventSettings, hosts: Sequence[Host], reserved: Reserved = Reserved()
) -> dict[str, list[int]]:
    """Return the starts of all slots by local date, in ascending order."""
    span = _span(query, event)
    free = free_ranges(query, event, hosts, span)
    # The server accepts any length, also one that the event type does not offer.
    length = (query.duration or event.length) * MINUTE
    starts = [start for start in _slot_grid(query, event, free) if not _hidden(start, length, reserved)]
    days = _by_day(starts, query.booker, first_only=event.first_only)
    days = _in_window(query, event, hosts[0].schedule.zone, days)
    return _requested_dates(query, days)


def is_free(query: Query, event: EventSettings, host: Host) -> bool:
    """Return whether the host is free from `query.start` to `query.end`, on the slot grid or not."""
    free = _free(query, event, host, (), QueryRange(query.start, query.end, UTC_ZONE))
    return any(free_range.start <= query.start and query.end <= free_range.end for free_range in free)


def loaded_range(query: Query, event: EventSettings) -> tuple[int, int]:
    """Return the range of the bookings that are considered."""
    span = _span(query, event)
    return span.start - query.margin, span.end + query.margin


def _span(query: Query, event: EventSettings) -> QueryRange:
    """Return the range to compute: from the query's start or notice; rolling windows begin a month before."""
    start = query.start
    # A rolling window counts days that have slots, so the server also needs the days before the requested ones.
    yesterday = start_of_day(query.now - DAY)
    if event.window.rolling and start >= yesterday:
        start = month_before(start)
    # No notice means one minute: the server's code treats 0 as "not set", and the recorded slot lists agree.
    soonest = query.now + (event.notice or 1) * MINUTE
    start = max(start, soonest)
    return QueryRange(start - start % SECOND, query.end, query.booker)


# --- free ranges


def free_ranges(query: Query, event: EventSettings, hosts: Sequence[Host], span: QueryRange) -> list[Range]:
    """Return the free ranges of all hosts together."""
    shared = [booking for host in hosts for booking in host.counted]
    ranges = [_free(query, event, host, shared, span) for host in hosts]
    # Ranges that only touch stay apart, because each free range starts its own grid.
    if event.scheduling is None and len(hosts) == 1:
        return without_contained(merge(ranges[0]))
    return _together(hosts, ranges)


def _together(hosts: Sequence[Host], ranges: Sequence[list[Range]]) -> list[Range]:
    """Intersect the fixed hosts, and unite the others.

    A collective event type has only fixed hosts. A round robin has fixed ones if they are mandatory.
    """
    fixed = merge(intersect([own for host, own in zip(hosts, ranges, strict=True) if host.fixed]))
    others = [own for host, own in zip(hosts, ranges, strict=True) if not host.fixed]
    sides = [fixed] if fixed else []
    if others:
        sides.append([free_range for own in others for free_range in own])
    return without_contained(intersect(sides))


def _free(
    query: Query, event: EventSettings, host: Host, shared: Sequence[CountedBooking], span: QueryRange
) -> list[Range]:
    """Return the free ranges of one host."""
    # Only bookings and calendar entries have buffers. Working hours, absences and reservations do not.
    busy = [*_booked(query, event, host, span), *_calendar(event, host), *host.away]
    if event.limits:
        use = LimitUsage(host.counted, shared, query.duration or event.length)
        busy += limit_busy(event.limits, use, event.limit_zone, span)
    return subtract(working_ranges(host.schedule, span), busy)


def _booked(query: Query, event: EventSettings, host: Host, span: QueryRange) -> Iterator[tuple[int, int]]:
    """Return the ranges of bookings with the buffers of both event types; bookings outside are not considered.

    The server loads bookings by the requested range, so a buffer that reaches into it from outside has no effect.
    """
    for booking in host.bookings:
        if booking.start > span.end + query.margin or booking.end < span.start - query.margin:
            continue
        # Two event types meet at each edge: the buffer after the earlier meeting and the one before the later meeting.
        before = (booking.before + event.after) * MINUTE
        after = (booking.after + event.before) * MINUTE
        # The time itself stays open: the remaining seats can be booked.
        if booking.open_seat:
            yield booking.start - before, booking.start
            yield booking.end, booking.end + after
        elif not booking.moving:
            yield booking.start - before, booking.end + after


def _calendar(event: EventSettings, host: Host) -> Iterator[tuple[int, int]]:
    """Return the calendar entries plus the event type's buffers, without the entry of a moved booking."""
    moved = [(booking.start, booking.end) for booking in host.bookings if booking.moving]
    for start, end, _ in subtract((Range(*entry) for entry in host.calendar), moved):
        yield start - event.after * MINUTE, end + event.before * MINUTE


# --- the slot grid


def _slot_grid(query: Query, event: EventSettings, free: Iterable[Range]) -> list[int]:
    """Return the starts in all free ranges, without duplicates.

    If a range begins inside the step of an earlier slot, its first start is the end of that step. So an interval longer
    than the event also applies across short gaps.
    """
    length = max(1, query.duration or event.length) * MINUTE
    offset = max(1, event.offset_start) if event.offset_start else 0
    frequency = max(1, event.interval or query.duration or event.length)
    # The server adds the offset to every step, not only to the first start: 30 minutes with an offset of 10 begin at
    # 09:10, 09:50 and 10:30 (recorded from a self-hosted server of 2026-07).
    step = (frequency + offset) * MINUTE
    soonest = query.now + event.notice * MINUTE
    starts: list[int] = []
    for free_range in sorted(free):
        start = _first_start(free_range, soonest, frequency, query.booker, optimized=event.optimized) + offset * MINUTE
        start = _after_earlier(start, free_range, starts, step)
        # The server allows one second, so that a range that ends at 23:59:59 has room for a slot until midnight.
        while start + length - SECOND <= free_range.end:
            _keep(starts, start)
            start += step
    return starts


def _keep(starts: list[int], start: int) -> None:
    """Insert a start in order, unless it is there already."""
    at = bisect_left(starts, start)
    if starts[at : at + 1] != [start]:
        starts.insert(at, start)


def _first_start(free_range: Range, soonest: int, frequency: int, booker: Zone, *, optimized: bool) -> int:
    """Return the start of a range, or the end of the notice, rounded up on the attendee's clock."""
    start = max(free_range.start, soonest)
    # Rounding happens on the clock of the requested time zone. A zone with a half hour in its offset gets other
    # instants than UTC for the same hours.
    start -= start % MINUTE
    interval = next((each for each in _INTERVALS if frequency % each == 0), 1)
    minute = booker.wall(start) % HOUR // MINUTE
    if minute % interval == 0:
        return start
    if optimized:
        return start + _worthwhile_shift(minute, (free_range.end - start) // MINUTE, interval) * MINUTE
    hour = booker.wall(start) - minute * MINUTE
    return booker.at(hour) + -(-minute // interval) * interval * MINUTE


def _worthwhile_shift(minute: int, available: int, interval: int) -> int:
    """Return the minutes to a rounder start, if the range has as many minutes to spare."""
    extra = available % interval
    return next((shift for round_to in (interval, 15, 5) if (shift := round_to - minute % round_to) <= extra), 0)


def _after_earlier(start: int, free_range: Range, starts: list[int], step: int) -> int:
    """Return the first start of a range after the step of an earlier slot."""
    at = bisect_left(starts, start)
    if at == 0 or starts[at - 1] + step <= start:
        return start
    earlier = starts[at - 1]
    return earlier if earlier >= free_range.start else earlier + step


# --- filters


def _hidden(start: int, length: int, reserved: Reserved) -> bool:
    """Return whether a reservation hides a slot."""
    # A reserved seat counts as a taken seat; the slot stays in the list, even when it is full.
    if start in reserved.seated:
        return False
    return any(busy_start < start + length and busy_end > start for busy_start, busy_end in reserved.busy)


def _by_day(starts: Iterable[int], booker: Zone, *, first_only: bool) -> dict[str, list[int]]:
    """Group starts by local date."""
    days: dict[str, list[int]] = {}
    for start in starts:
        day = days.setdefault(day_label(booker.wall(start)), [])
        # The day is that of the attendee, not of the host.
        if not (first_only and day):
            day.append(start)
    return days


def _in_window(query: Query, event: EventSettings, host: Zone, days: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Keep the starts after the notice and within the booking window."""
    first, last = event.window.bounds(query.now, host, query.booker, days)
    soonest = query.now + event.notice * MINUTE

    def fits(start: int) -> bool:
        """Return whether a start is in time."""
        return start >= soonest and (first is None or start >= first) and (last is None or start <= last)

    kept = {day: [start for start in starts if fits(start)] for day, starts in days.items()}
    return {day: starts for day, starts in kept.items() if starts}


def _requested_dates(query: Query, days: dict[str, list[int]]) -> dict[str, list[int]]:
    """Keep the dates of the query, which the server checks if a time zone was given.

    The server counts dates in steps of 24 hours from the first midnight, so a range over the end of daylight saving
    time loses its last date.
    """
    if query.zone is None:
        return days
    wall = start_of_day(query.zone.wall(query.start))
    midnight = query.zone.at(wall)
    dates: set[str] = set()
    while query.end >= query.zone.at(wall):
        dates.add(day_label(query.zone.wall(midnight)))
        wall += DAY
        midnight += DAY
    return {day: starts for day, starts in days.items() if day in dates}
