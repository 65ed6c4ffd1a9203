"""Rules that remove whole days: booking limits per period, and the booking window.

The server checks limits in `packages/features/bookings/lib/checkBookingLimits.ts` and `checkDurationLimits.ts` of
https://github.com/calcom/cal.com.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from calcom_async.sandbox.slots.working_hours import DAY, MINUTE, QueryRange, Zone, day_label, start_of_day

Unit = Literal["year", "month", "week", "day"]
UNITS: tuple[Unit, ...] = ("year", "month", "week", "day")

#: The number of days that the server searches for days with availability.
ROLLING_DAYS = 61


# --- periods


class Period(NamedTuple):
    """A calendar period of the host: its first and last date, and the range that a used-up limit blocks."""

    first: str
    last: str
    start: int
    end: int


def floor_unit(wall: int, unit: Unit) -> int:
    """Return the start of the calendar period of a wall-clock time; weeks begin on Sunday."""
    day = start_of_day(wall)
    if unit == "day":
        return day
    if unit == "week":
        # January 1, 1970 was a Thursday. The week begins on Sunday whatever the host has set.
        return day - (day // DAY + 4) % 7 * DAY
    local = datetime.fromtimestamp(day // 1000, UTC)
    return _wall(local.replace(day=1, month=1 if unit == "year" else local.month))


def next_unit(wall: int, unit: Unit) -> int:
    """Return the start of the period after that of `wall`."""
    first = floor_unit(wall, unit)
    return floor_unit(first + {"day": 1, "week": 7, "month": 31, "year": 366}[unit] * DAY, unit)


def _wall(local: datetime) -> int:
    """Return a wall-clock time as milliseconds."""
    return int(local.timestamp()) * 1000


def periods(unit: Unit, host: Zone, start: int, end: int) -> Iterator[Period]:
    """Return the host's periods that overlap a range.

    Their starts keep the UTC offset of the first one, so after a clock change they miss midnight by an hour. The range
    that a used-up limit blocks ends with the calendar period of that start.
    """
    wall = floor_unit(host.wall(start), unit)
    offset = wall - host.at(wall)
    stop = host.at(next_unit(host.wall(end), unit) - 1)
    while host.at(wall) < stop:
        following = next_unit(wall, unit)
        begins = wall - offset
        ends = host.at(next_unit(host.wall(begins), unit) - 1)
        yield Period(day_label(wall), day_label(following - 1), begins, ends)
        wall = following


# --- limits


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an event type per period: bookings and minutes; None and 0 mean no limit."""

    count: Mapping[str, int]
    duration: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.count or self.duration)


NO_LIMITS = Limits({}, {})


class CountedBooking(NamedTuple):
    """An accepted booking of the event type, with the fields that limits need."""

    start: int
    end: int


class LimitUsage(NamedTuple):
    """What counts towards limits: one host's bookings, those of all hosts, and the minutes of one more."""

    own: Sequence[CountedBooking]
    shared: Sequence[CountedBooking]
    length: int


def limit_busy(limits: Limits, use: LimitUsage, host: Zone, span: QueryRange) -> list[tuple[int, int]]:
    """Return the ranges that used-up limits block for a host. Bookings count over all hosts, minutes per host."""
    busy: list[tuple[int, int]] = []
    for unit in UNITS:
        most, minutes = limits.count.get(unit), limits.duration.get(unit)
        if not most and not minutes:
            continue
        own, shared = (_counting(bookings, limits, unit, span) for bookings in (use.own, use.shared))
        for period in periods(unit, host, span.start, span.end):
            # A used-up limit removes the period for this event type only; the host's other event types keep their
            # slots.
            full = most and len(_within(shared, period, host)) >= most
            long = minutes and _minutes(_within(own, period, host)) + use.length > minutes
            if full or long:
                busy.append((period.start, period.end))
    return busy


def _counting(bookings: Sequence[CountedBooking], limits: Limits, unit: Unit, span: QueryRange) -> list[CountedBooking]:
    """Return the bookings that the server loads: all for a year, else those of the UTC periods around the range."""
    if unit == "year":
        return list(bookings)
    set_units = [
        other_unit for other_unit in UNITS[1:] if limits.count.get(other_unit) or limits.duration.get(other_unit)
    ]
    first = min(floor_unit(span.start, other_unit) for other_unit in set_units)
    last = max(next_unit(span.end, other_unit) for other_unit in set_units) - 1
    return [booking for booking in bookings if booking.start >= first and booking.end <= last]


def _within(bookings: Iterable[CountedBooking], period: Period, host: Zone) -> list[CountedBooking]:
    """Return the bookings that start on a date of the period."""
    return [booking for booking in bookings if period.first <= day_label(host.wall(booking.start)) <= period.last]


def _minutes(bookings: Iterable[CountedBooking]) -> int:
    """Return the minutes of all bookings."""
    return sum((booking.end - booking.start) // MINUTE for booking in bookings)


# --- booking windows


@dataclass(frozen=True, slots=True)
class BookingWindow:
    """The booking window: `days` ahead (calendar or business days, `rolling` over days with slots), or two dates."""

    days: int | None = None
    business: bool = False
    rolling: bool = False
    dates: tuple[date, date] | None = None

    def bounds(
        self, now: int, host: Zone, booker: Zone, available: Iterable[str] | None
    ) -> tuple[int | None, int | None]:
        """Return the first and last instant; `available` are the dates with slots (None: unlimited).

        The offset of today applies to all days, also after a clock change.
        """
        # The dates of a range are those of the host, whatever time zone is requested.
        if self.dates is not None:
            offset = host.offset(now)
            first, last = (_midnight(day) for day in self.dates)
            return first - offset, last - offset + DAY - 1
        if self.days is None or (self.rolling and available is None):
            return None, None
        # All other windows count the days of the attendee.
        offset = booker.offset(now)
        today = start_of_day(now + offset)
        last = self._rolling_end(today, frozenset(available or ())) if self.rolling else self._ahead(today, self.days)
        return None, last - offset + DAY - 1

    def _ahead(self, day: int, days: int) -> int:
        """Return the day that is some days later."""
        if not self.business:
            return day + days * DAY
        for _ in range(days):
            day = _next_business_day(day)
        return day

    def _rolling_end(self, day: int, available: frozenset[str]) -> int:
        """Return the day with the wanted number of days with slots, or the last such day."""
        days_with_slots = 0
        end: int | None = None
        for _ in range(ROLLING_DAYS):
            if days_with_slots >= (self.days or 0):
                break
            # Weekend days with slots count for business days only if the count begins on one: it steps from one
            # business day to the next.
            if day_label(day) in available:
                days_with_slots += 1
                end = day
            day = self._ahead(day, 1)
        return day if end is None else end


ALWAYS = BookingWindow()


def _next_business_day(day: int) -> int:
    """Return the next day from Monday to Friday."""
    day += DAY
    while (day // DAY + 4) % 7 in {0, 6}:
        day += DAY
    return day


def _midnight(day: date) -> int:
    """Return the start of a date as wall-clock time."""
    return _wall(datetime(day.year, day.month, day.day, tzinfo=UTC))


def month_before(instant: int) -> int:
    """Return the same day and time a month earlier, or that month's last day."""
    local = datetime.fromtimestamp(instant // 1000, UTC)
    last_of_month_before = local.replace(day=1) - timedelta(days=1)
    day = min(local.day, last_of_month_before.day)
    return _wall(last_of_month_before.replace(day=day)) + instant % 1000
