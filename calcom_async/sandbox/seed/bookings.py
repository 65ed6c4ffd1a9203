"""Sample bookings: creates 100,000 in about a second."""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

YEAR = timedelta(days=365)
#: Approximate number of bookings per creation time and per start; primes, so that runs and pages do not align.
_TIED_CREATIONS, _TIED_STARTS = 89, 41
_VISITORS = 600
_SEATED_EVERY = 20
_MANY = 50_000

#: Attendees whose names are hard to export: quotes, commas, formulas, non-Latin scripts.
_NAMES = (
    "Åsa Öberg",
    "Nguyễn Thị Hoa",
    'Dana "Dee" Cole, MD',
    "=Total+1 Ltd",
    "Łukasz Żak",
    "陳大文",
    "مريم حداد",
    "Tom Fisher",
    "Grace O'Hara",
    "@home Repairs",
)
_ZONES = ("Europe/Stockholm", "Asia/Ho_Chi_Minh", "America/Chicago", "Europe/London", "Europe/Warsaw", "Asia/Taipei")
_NOTES = ("", "", "", "Please call first.", "Two topics:\nbudget\nhiring", "Café, 2nd floor; ring twice")
_REASONS = ("Something came up", "Conflict", 'Moved to "next week"')

_PAST = (["accepted"] * 16) + (["cancelled"] * 3) + ["rejected"]
_FUTURE = (["accepted"] * 14) + (["pending"] * 3) + (["cancelled"] * 3)


@dataclass(frozen=True, slots=True)
class _Kind:
    """An event type, and the titles of its bookings by attendee."""

    id: int
    length: timedelta
    titles: list[str]


@dataclass(frozen=True, slots=True)
class _World:
    """The values that all sample bookings share."""

    host_id: int
    host_ids: tuple[int]
    plain: list[_Kind]
    seated: _Kind
    #: attendees without ids; sharing their strings is what keeps a million bookings small
    visitors: list[dict[str, Any]]
    #: faster than `Store.next_id`, which continues after them
    booking_ids: Iterator[int]
    attendee_ids: Iterator[int]


def add_bookings(store: Store, now: datetime, *, count: int, host_id: int, ties: bool) -> None:
    """Add `count` bookings of one host: starts within a year of now, creation times in the last two years.

    Ids follow the creation time. Without `ties` all starts and all creation times are distinct; with them most are not.
    """
    if not count:
        return
    rng = random.Random(store.rng.random())
    world = _world(store, host_id)
    with _no_collection(settle=count >= _MANY):
        times = zip(_starts(now, count, rng, ties=ties), _creations(now, count, ties=ties), strict=True)
        bookings = [_booking(store, world, rng.random, now=now, start=start, created=at) for start, at in times]
        store.reserve_id("booking", next(world.booking_ids) - 1)
        store.reserve_id("attendee", next(world.attendee_ids) - 1)
        _chain_series(store, bookings)
        store.bookings.add_all(bookings)


def _world(store: Store, host_id: int) -> _World:
    """Return the event types and visitors of the sample bookings."""
    own = [event_type for event_type in store.event_types.values() if event_type["ownerId"] == host_id]
    visitors = [_visitor(number) for number in range(_VISITORS)]
    plain = [
        _kind(event_type, store.users[host_id]["name"], visitors)
        for event_type in own
        if event_type["seats"].get("disabled")
    ]
    seated = [
        _kind(event_type, store.users[host_id]["name"], visitors)
        for event_type in own
        if not event_type["seats"].get("disabled")
    ]
    booking_ids, attendee_ids = (itertools.count(store.next_id(kind)) for kind in ("booking", "attendee"))
    return _World(host_id, (host_id,), plain, seated[0], visitors, booking_ids, attendee_ids)


def _kind(event_type: dict[str, Any], host: str, visitors: list[dict[str, Any]]) -> _Kind:
    """Return an event type with its titles."""
    titles = [f"{event_type['title']} between {host} and {visitor['name']}" for visitor in visitors]
    return _Kind(event_type["id"], timedelta(minutes=event_type["lengthInMinutes"]), titles)


def _visitor(number: int) -> dict[str, Any]:
    """Return an attendee by number; names and time zones repeat."""
    email = f"visitor{number}@visitors.test"
    return {
        "name": _NAMES[number % len(_NAMES)],
        "email": email,
        "displayEmail": email,
        "timeZone": _ZONES[number % len(_ZONES)],
        "language": "en",
        "absent": False,
    }


def _creations(now: datetime, count: int, *, ties: bool) -> Iterator[datetime]:
    """Return ascending times of the last two years, the last one a minute ago."""
    first, span = now - 2 * YEAR, 2 * YEAR - timedelta(minutes=1)
    distinct = _distinct(count, _TIED_CREATIONS) if ties else count
    millisecond = timedelta(milliseconds=1)
    step = int(span / millisecond) / max(1, distinct - 1)
    for index in range(count):
        yield first + millisecond * int(index * distinct // count * step)


def _distinct(count: int, shared: int) -> int:
    """Return the number of distinct times if about `shared` bookings have the same one."""
    return min(count, max(7, count // shared))


def _starts(now: datetime, count: int, rng: random.Random, *, ties: bool) -> list[datetime]:
    """Return starts with the widest spacing that fits all; later starts tend to be created later."""
    distinct = _distinct(count, _TIED_STARTS) if ties else count
    minutes = next((step for step in (30, 15, 5, 1) if 2 * YEAR / timedelta(minutes=step) >= distinct), None)
    spacing = timedelta(minutes=minutes) if minutes else 2 * YEAR / distinct
    base = now.replace(minute=0, second=0, microsecond=0) - YEAR
    room = int(2 * YEAR / spacing)
    places = [index * distinct // count * room // distinct for index in range(count)]
    reach = max(2, count // 10)
    # Later meetings tend to be booked later, with some disorder: exports must not rely on either order.
    order = sorted(range(count), key=lambda index: index + rng.random() * reach)
    return [base + spacing * places[index] for index in order]


def _booking(
    store: Store, world: _World, draw: Callable[[], float], *, now: datetime, start: datetime, created: datetime
) -> Booking:
    """Return a sample booking; every twentieth has seats."""
    number, uid = next(world.booking_ids), store.uid()
    seated = number % _SEATED_EVERY == 0
    kind = world.seated if seated else world.plain[number % len(world.plain)]
    end = start + kind.length
    first_visitor = int(draw() * (_VISITORS - 3))
    booking = Booking(
        id=number,
        uid=uid,
        title=kind.titles[first_visitor],
        user_id=world.host_id,
        start=start,
        end=end,
        created_at=created,
        updated_at=created,
        status="accepted" if seated else _one_of(_PAST if end <= now else _FUTURE, draw()),
        description=_one_of(_NOTES, draw()),
        event_type_id=kind.id,
        location="integrations:daily",
        attendees=[
            {"id": next(world.attendee_ids), **visitor}
            for visitor in world.visitors[first_visitor : first_visitor + (3 if seated else 1)]
        ],
        host_ids=world.host_ids,
        ics_uid=f"{uid}@Cal.com",
    )
    if seated:
        booking.seats = [_seat(store, attendee) for attendee in booking.attendees]
    elif booking.status == "cancelled":
        _cancel(booking, draw, now)
    return booking


def _one_of(values: Sequence[str], drawn: float) -> str:
    """Return the value for a random number; twice as fast as `random.choice`."""
    return values[int(drawn * len(values))]


def _seat(store: Store, attendee: dict[str, Any]) -> dict[str, Any]:
    """Return a seat of an attendee."""
    answers = {"name": attendee["name"], "email": attendee["email"]}
    return {"seat_uid": store.uuid(), "attendee_id": attendee["id"], "responses": answers, "metadata": {}}


def _cancel(booking: Booking, draw: Callable[[], float], now: datetime) -> None:
    """Add the reason and time of a cancellation."""
    booking.cancellation_reason = _one_of(_REASONS, draw())
    booking.cancelled_by = booking.attendees[0]["email"]
    booking.updated_at = min(booking.created_at + timedelta(minutes=1 + int(draw() * 20_000)), now)


def _chain_series(store: Store, bookings: list[Booking]) -> None:
    """Turn four consecutive bookings, of each sixty, into a series."""
    for first in range(30, len(bookings) - 3, 60):
        uid = store.uuid()
        for booking in bookings[first : first + 4]:
            if not booking.seats:
                booking.recurring_uid = uid


@contextmanager
def _no_collection(*, settle: bool) -> Iterator[None]:
    """Pause garbage collection, which would scan a growing heap again and again.

    `settle` collects once at the end, rather than in the middle of a later request.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
    if settle and was_on:
        gc.collect()
