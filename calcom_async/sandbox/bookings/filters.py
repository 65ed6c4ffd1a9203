"""Filters, sort orders and pages of booking lists, over records in memory.

Reading 100,000 bookings takes 400 pages. A page that filters only on its sort key, or on one status in an order by
start, is therefore found by bisection. Other filters take one pass over the rows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf, nextafter
from sys import float_info
from typing import Literal

from calcom_async.sandbox.bookings.views import INACTIVE
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

# With exactly one status and no sort order, these two are sorted latest first, all others earliest first (measured).
LATEST_FIRST = frozenset({"past", "cancelled"})

Keep = Callable[[Booking], bool]
Key = Callable[[Booking], float]
Bounds = tuple[datetime | None, datetime | None]

KEYS: dict[str, Key] = {
    "start": lambda booking: booking.start.timestamp(),
    "end": lambda booking: booking.end.timestamp(),
    "created": lambda booking: booking.created_at.timestamp(),
    # As in PostgreSQL, null is greater than any value: last ascending, first descending, outside every bound.
    "updated": lambda booking: booking.updated_at.timestamp() if booking.updated_at else inf,
}
MAX_TIMESTAMP = float_info.max
# Bounds on these two times filter the rows, but not `totalItems` (measured on both self-hosted builds).
UNCOUNTED = ("created", "updated")


@dataclass(frozen=True, slots=True)
class Order:
    """A sort key and its direction; equal keys have no defined order on the real server."""

    field: str = "start"
    descending: bool = False

    @property
    def key(self) -> Key:
        """Return a number that ascends in this order."""
        key = KEYS[self.field]
        return (lambda booking: -key(booking)) if self.descending else key

    def window(self, rows: list[Booking], low: float, high: float) -> list[Booking]:
        """Return the rows in this order whose sort field is in [low, high]."""
        if self.descending:
            low, high = -high, -low
        return rows[bisect_left(rows, low, key=self.key) : bisect_right(rows, high, key=self.key)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingQuery:
    """The query of a list; bounds are inclusive."""

    statuses: tuple[str, ...] = ()
    attendee_email: str | None = None
    attendee_name: str | None = None
    uid: str | None = None
    event_type_ids: frozenset[int] = frozenset()
    team_ids: frozenset[int] = frozenset()
    user_ids: frozenset[int] = frozenset()
    bounds: dict[str, Bounds] = field(default_factory=dict)
    sort: Order | None = None
    take: int = 100
    skip: int = 0

    @property
    def order(self) -> Order:
        """The requested order, or the default of a single status, or by start."""
        if self.sort:
            return self.sort
        return Order("start", descending=len(self.statuses) == 1 and self.statuses[0] in LATEST_FIRST)


@dataclass(frozen=True, slots=True)
class Selection:
    """A page of rows, and the total that the server reports."""

    rows: list[Booking]
    total: int


def select(store: Store, rows: list[Booking], query: BookingQuery, now: datetime) -> Selection:
    """Return a page of rows that are already sorted."""
    # So a page may be empty although `totalItems` counts rows: a client must stop at an empty page too.
    counted = _within(rows, query, [name for name in query.bounds if name not in UNCOUNTED])
    for keep in _filters(query, now):
        counted = list(filter(keep, counted))
    shown = _within(counted, query, [name for name in query.bounds if name in UNCOUNTED])
    return Selection(store.cut(shown, query.order.key, query.skip, query.take, query.order), len(counted))


def matching(rows: Iterable[Booking], query: BookingQuery, now: datetime) -> Iterator[Booking]:
    """Yield the rows that match a query, in their order; its order and page do not count."""
    tests = [*_filters(query, now), *(_between(name, bounds) for name, bounds in query.bounds.items())]
    return (booking for booking in rows if all(test(booking) for test in tests))


def _within(rows: list[Booking], query: BookingQuery, fields: Iterable[str]) -> list[Booking]:
    """Return the rows within the bounds of these fields; those of the sort key are found by bisection."""
    for name in fields:
        if name == query.order.field:
            rows = query.order.window(rows, *_timestamps(query.bounds[name]))
        else:
            rows = list(filter(_between(name, query.bounds[name]), rows))
    return rows


def _between(name: str, bounds: Bounds) -> Keep:
    """Return the test for bookings within the bounds of a field."""
    key, (low, high) = KEYS[name], _timestamps(bounds)
    return lambda booking: low <= key(booking) <= high


def _timestamps(bounds: Bounds) -> tuple[float, float]:
    """Return bounds as numbers. A missing bound is wider than any time, but narrower than null."""
    low, high = bounds
    return (low.timestamp() if low else -MAX_TIMESTAMP, high.timestamp() if high else MAX_TIMESTAMP)


def _filters(query: BookingQuery, now: datetime) -> Iterable[Keep]:
    """Yield a test for each filter of the query except the bounds."""
    if query.uid:
        yield lambda booking: booking.uid == query.uid
    if query.event_type_ids:
        yield lambda booking: booking.event_type_id in query.event_type_ids
    if query.team_ids:
        yield lambda booking: booking.team_id in query.team_ids
    if query.user_ids:
        yield lambda booking: booking.user_id in query.user_ids
    if query.statuses:
        yield _any_status(query.statuses, now)
    if query.attendee_email:
        yield _attended("email", query.attendee_email)
    if query.attendee_name:
        yield _attended("name", query.attendee_name)


def _attended(name: str, value: str) -> Keep:
    """Return the test for an attendee with this name or address."""
    # The match is exact, and guests count as attendees.
    return lambda booking: any(attendee[name] == value for attendee in booking.attendees)


def _any_status(statuses: tuple[str, ...], now: datetime) -> Keep:
    """Return the test for bookings with at least one of these statuses."""
    tests = [STATUSES[name] for name in statuses]
    if len(tests) == 1:
        only = tests[0]
        return lambda booking: only(booking, now)
    return lambda booking: any(test(booking, now) for test in tests)


@dataclass(frozen=True, slots=True)
class Status:
    """A status of lists: what a booking must be at any time, and on which side of now it must end."""

    covers: Keep
    ends: Literal["ahead", "past"] | None = None

    def __call__(self, booking: Booking, now: datetime) -> bool:
        """Return whether a booking has this status."""
        return self.covers(booking) and self.in_time(booking, now)

    def in_time(self, booking: Booking, now: datetime) -> bool:
        """Return whether a booking ends on the right side of now: one that ends at this moment is on both."""
        if self.ends is None:
            return True
        return booking.end >= now if self.ends == "ahead" else booking.end <= now

    def within(self, rows: list[Booking], order: Order, now: datetime, longest: timedelta) -> list[Booking]:
        """Return the rows that end on the right side, of rows in an order by start; `longest` bounds their lengths."""
        if self.ends is None:
            return rows
        # What starts after now ends after it, and what started long ago has ended. Only the rows between are examined.
        earlier, later = (now - longest).timestamp(), now.timestamp()
        before = order.window(rows, -MAX_TIMESTAMP, nextafter(earlier, -inf))
        between = [booking for booking in order.window(rows, earlier, later) if self.in_time(booking, now)]
        after = order.window(rows, nextafter(later, inf), MAX_TIMESTAMP)
        sure = after if self.ends == "ahead" else before
        return between + sure if (self.ends == "ahead") != order.descending else sure + between


STATUSES: dict[str, Status] = {
    # Every status counts to the end of a meeting: one that runs now is upcoming. Pending ones are upcoming as well,
    # except occurrences of a series.
    "upcoming": Status(
        lambda booking: booking.status == "accepted" if booking.recurring_uid else booking.status not in INACTIVE,
        "ahead",
    ),
    "recurring": Status(
        lambda booking: booking.recurring_uid is not None and booking.status not in INACTIVE,
        "ahead",
    ),
    "past": Status(lambda booking: booking.status not in INACTIVE, "past"),
    "cancelled": Status(lambda booking: booking.status in INACTIVE),
    "unconfirmed": Status(lambda booking: booking.status == "pending", "ahead"),
}
