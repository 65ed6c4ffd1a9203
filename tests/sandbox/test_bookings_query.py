"""Filters, orders and pages of booking lists, without HTTP."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from calcom_async.sandbox.bookings.filters import KEYS, STATUSES, BookingQuery, Order, select
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def booking(number: int, start: datetime, **more) -> Booking:
    times = {"start": start, "end": start + HOUR / 2, "created_at": NOW, "updated_at": NOW}
    return Booking(id=number, uid=f"b{number}", title="", user_id=1, **(times | more))


def names(rows) -> list[str]:
    return [booking.uid for booking in rows]


def run(rows, query: BookingQuery, *, ties: bool = False):
    return select(Store(ties=ties), sorted(rows, key=query.order.key), query, NOW)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upcoming", {"ahead", "ahead pending", "now", "series"}),
        ("recurring", {"series", "series pending"}),
        ("past", {"gone by"}),
        ("cancelled", {"ahead cancelled", "gone rejected"}),
        ("unconfirmed", {"ahead pending", "series pending"}),
    ],
)
def test_the_meaning_of_statuses(name, expected):
    """Upcoming contains pending bookings unless they recur, past no cancelled ones, and cancelled the rejected ones."""
    ahead, gone = NOW + HOUR, NOW - 2 * HOUR
    rows = {
        "ahead": booking(1, ahead),
        "ahead pending": booking(2, ahead, status="pending"),
        "ahead cancelled": booking(3, ahead, status="cancelled"),
        "now": booking(4, NOW - HOUR / 4),
        "series": booking(5, ahead, recurring_uid="r"),
        "series pending": booking(6, ahead, recurring_uid="r", status="pending"),
        "gone by": booking(7, gone),
        "gone rejected": booking(8, gone, status="rejected"),
    }
    assert {label for label, booking in rows.items() if STATUSES[name](booking, NOW)} == expected


@pytest.mark.parametrize(
    ("statuses", "descending"),
    [((), False), (("upcoming",), False), (("past",), True), (("cancelled",), True), (("past", "cancelled"), False)],
)
def test_the_default_order_of_statuses(statuses, descending):
    """Without a sort, exactly one of past and cancelled is listed by start descending, all else ascending."""
    assert BookingQuery(statuses=statuses).order == Order("start", descending=descending)


@pytest.mark.parametrize("field", sorted(KEYS))
@pytest.mark.parametrize("descending", [False, True])
def test_bounds_on_the_sort_key_equal_a_scan(field, descending):
    """Bisection over the sort key and a pass over the rows agree, bounds included."""
    dice = random.Random(f"{field}{descending}")
    rows = []
    for number in range(200):
        start, created = (NOW + timedelta(minutes=dice.randrange(60)) for _ in range(2))
        rows.append(booking(number, start, created_at=created, updated_at=created + HOUR))
    low, high = NOW + timedelta(minutes=70), NOW + timedelta(minutes=95)
    if field in ("start", "created"):
        low, high = low - HOUR, high - HOUR
    if field == "end":
        low, high = low - HOUR / 2, high - HOUR / 2
    sort = Order(field, descending=descending)
    query = BookingQuery(bounds={field: (low, high)}, sort=sort, take=250)
    key = KEYS[field]
    expected = {booking.uid for booking in rows if low.timestamp() <= key(booking) <= high.timestamp()}
    selected = run(rows, query).rows
    assert set(names(selected)) == expected
    assert 0 < len(expected) < 200
    assert [key(booking) for booking in selected] == sorted((key(booking) for booking in selected), reverse=descending)


@pytest.mark.parametrize("name", sorted(STATUSES))
@pytest.mark.parametrize("descending", [False, True])
def test_a_status_in_an_order_by_start_equals_a_scan(name, descending):
    """The rows that end on the right side of now are found by bisection, as a pass over the rows finds them."""
    dice = random.Random(f"{name}{descending}")
    statuses, series = ["accepted", "pending", "cancelled"], [None, "r"]
    store, order = Store(), Order("start", descending=descending)
    for number in range(200):
        start, length = NOW + timedelta(minutes=dice.randrange(-90, 60)), timedelta(minutes=dice.randrange(60))
        more = {"status": dice.choice(statuses), "recurring_uid": dice.choice(series), "end": start + length}
        store.add_booking(booking(number, start, **more))
    rows = store.bookings.ordered("all", order.key)
    found = STATUSES[name].within(list(filter(STATUSES[name].covers, rows)), order, NOW, store.bookings.longest)
    assert found == [row for row in rows if STATUSES[name](row, NOW)]
    assert 0 < len(found) < 200


@pytest.mark.parametrize(("direction", "expected"), [(False, ["old", "new", "null"]), (True, ["null", "new", "old"])])
def test_a_null_sorts_above_every_time(direction, expected):
    """Rows that were never updated come last by update ascending and first descending, as in PostgreSQL."""
    updates = {"null": None, "new": NOW, "old": NOW - HOUR}
    rows = [booking(1, NOW, updated_at=moment) for moment in updates.values()]
    for row, name in zip(rows, updates, strict=True):
        row.uid = name
    assert names(run(rows, BookingQuery(sort=Order("updated", descending=direction))).rows) == expected


@pytest.mark.parametrize("bounds", [(NOW, None), (None, NOW), (NOW, NOW)])
@pytest.mark.parametrize("sort", [None, Order("updated"), Order("updated", descending=True)])
def test_no_bound_on_the_update_finds_a_null(bounds, sort):
    """A booking that was never updated matches no bound on the update time, bisected or scanned."""
    rows = [booking(1, NOW), booking(2, NOW, updated_at=None)]
    assert names(run(rows, BookingQuery(bounds={"updated": bounds}, sort=sort)).rows) == ["b1"]


def test_the_count_leaves_out_filters_on_creation_and_update():
    """`totalItems` counts rows that the filters on creation and update have removed."""
    rows = [booking(number, NOW + HOUR * number, created_at=NOW - HOUR * number) for number in range(5)]
    bounds = {"created": (NOW - HOUR, None), "start": (NOW + HOUR, None)}
    selection = run(rows, BookingQuery(bounds=bounds))
    assert (names(selection.rows), selection.total) == (["b1"], 4)


def test_attendees_are_matched_exactly():
    """Names and addresses match as a whole and with case, for any attendee."""
    people = [{"email": "a@x.test", "name": "Al"}, {"email": "G@x.test", "name": ""}]
    rows = [booking(1, NOW, attendees=people), booking(2, NOW, attendees=people[:1])]
    assert names(run(rows, BookingQuery(attendee_email="G@x.test")).rows) == ["b1"]
    assert names(run(rows, BookingQuery(attendee_email="g@x.test")).rows) == []
    assert names(run(rows, BookingQuery(attendee_name="Al")).rows) == ["b1", "b2"]


def walk(rows, *, ties: bool, take: int) -> list[str]:
    selected = []
    for skip in range(0, len(rows), take):
        selected += names(run(rows, BookingQuery(take=take, skip=skip), ties=ties).rows)
    return selected


def test_ties_lose_rows_only_on_request():
    """With `ties`, take/skip paging repeats and misses rows like the real server; without, it is exact."""
    rows = [booking(number, NOW + HOUR * (number // 60)) for number in range(300)]
    assert walk(rows, ties=False, take=50) == names(rows)
    lossy = walk(rows, ties=True, take=50)
    assert len(lossy) == 300
    assert len(set(lossy)) < 300
    assert lossy == walk(rows, ties=True, take=50)
