"""The bookings of the store by time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store


@dataclass(frozen=True, slots=True)
class _Timeline:
    """All bookings by start, of any status, so that a time range can be found by bisection."""

    starts: Sequence[datetime]
    bookings: Sequence[Booking]
    longest: timedelta

    @classmethod
    def of(cls, bookings: Iterable[Booking]) -> _Timeline:
        """Sort bookings by start."""
        ordered = sorted(bookings, key=lambda booking: booking.start)
        longest = max((booking.end - booking.start for booking in ordered), default=timedelta())
        return cls([booking.start for booking in ordered], ordered, longest)


def bookings_between(store: Store, start: datetime, end: datetime) -> list[Booking]:
    """Return the bookings of any status and host that overlap a time range, by start."""
    timeline = store.cached("bookings by start", lambda: _Timeline.of(store.bookings.values()))
    # A booking that overlaps the range may start before it, by the longest length at most.
    first = bisect_left(timeline.starts, start - timeline.longest)
    last = bisect_right(timeline.starts, end)
    return [booking for booking in timeline.bookings[first:last] if booking.end >= start]
