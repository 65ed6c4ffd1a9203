"""The sample data, its bookings, and the order of equal ones."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.state.store import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rows(count, **options):
    return list(Sandbox(bookings=count, now=NOW, **options).store.bookings.values())


def test_the_initial_data():
    """The sample data has three people, an organization with two teams, a platform client and a calendar."""
    store = Sandbox(now=NOW).store
    assert {store.users[user_id]["username"] for user_id in store.api_keys.values()} == {"ana", "bo", "cy"}
    assert all(store.schedules[user["default_schedule_id"]]["owner_id"] == user["id"] for user in store.users.values())
    assert [event_type["slug"] for event_type in store.event_types.values()] == [
        "thirty",
        "sixty",
        "class",
        "sales-call",
    ]
    assert (list(store.organizations), list(store.teams)) == ([1], [2, 3])
    assert all(team["parent_id"] == 1 for team in store.teams.values())
    assert set(store.oauth_clients) == {"sandbox-client"}
    assert len(store.calendars[1]) == 1
    assert store.busy
    assert not store.bookings


def test_new_ids_follow_those_of_the_initial_data():
    """New ids follow those of the sample data."""
    store = Sandbox(bookings=10, now=NOW).store
    assert store.next_id("user") == max(store.users) + 1
    assert store.next_id("bookings") == store.next_id("booking") - 1 == 11
    assert store.next_id("event_type") == max(store.event_types) + 1
    assert store.next_id("team") == max(store.teams) + 1


def test_the_same_seed_gives_the_same_data():
    """Equal seeds create equal data, other seeds other data."""
    first, again, other = (rows(50, seed=seed) for seed in (7, 7, 8))
    assert [(booking.uid, booking.start, booking.status) for booking in first] == [
        (booking.uid, booking.start, booking.status) for booking in again
    ]
    assert not {booking.uid for booking in first} & {booking.uid for booking in other}


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 60, 1000, 40_000])
def test_no_ties(count):
    """Without `ties` starts, creation times and uids are distinct, and ids follow the creation time."""
    bookings = rows(count)
    assert len(bookings) == count
    assert len({booking.start for booking in bookings}) == len({booking.created_at for booking in bookings}) == count
    assert len({booking.uid for booking in bookings}) == count
    assert all(booking.id < two.id and booking.created_at < two.created_at for booking, two in pairwise(bookings))
    assert all(len(booking.uid) == 22 for booking in bookings)


def test_times_of_the_sample_bookings():
    """Bookings start within a year of now, were created in the past, and include every status, series and seats."""
    bookings = rows(2000)
    assert all(abs(booking.start - NOW) <= timedelta(days=366) for booking in bookings)
    assert all(booking.created_at <= booking.updated_at <= NOW for booking in bookings)
    assert all(booking.end > booking.start > booking.created_at for booking in bookings)
    assert {booking.status for booking in bookings} == {"accepted", "cancelled", "rejected", "pending"}
    assert any(booking.end <= NOW for booking in bookings)
    assert any(booking.start > NOW for booking in bookings)
    assert all(booking.seats for booking in bookings if booking.event_type_id == 3)
    assert set(Counter(booking.recurring_uid for booking in bookings if booking.recurring_uid).values()) <= {3, 4}
    assert all(booking.end >= NOW for booking in bookings if booking.status == "pending")


def test_ties():
    """With `ties` about forty bookings share a start, and twice as many a creation time."""
    bookings = rows(1000, ties=True)
    assert len({booking.start for booking in bookings}) == 1000 // 41
    assert len({booking.created_at for booking in bookings}) == 1000 // 89


def test_records_do_not_share_containers():
    """Changing one booking's attendee or metadata leaves the others alone."""
    first, two, *_ = rows(2)
    first.attendees[0]["absent"] = True
    first.metadata["a"] = 1
    assert (two.attendees[0]["absent"], two.metadata) == (False, {})


# --- order


def start(row):
    return row.start


def walk(store, ordered, take, salt=()):
    pages = [store.cut(ordered, start, skip, take, salt) for skip in range(0, len(ordered), take)]
    return [booking.id for page in pages for booking in page]


def test_order_without_ties():
    """Without `ties`, reading page by page returns the list itself, for every page size."""
    store = Sandbox(bookings=500, now=NOW).store
    ordered = store.order(store.bookings.values(), start)
    assert walk(store, ordered, 7) == walk(store, ordered, 250) == [booking.id for booking in ordered]
    backwards = store.order(store.bookings.values(), start, descending=True)
    assert backwards == ordered[::-1]


def test_order_with_ties_loses_rows():
    """With `ties`, paging repeats some rows and misses as many, while every page is sorted."""
    store = Sandbox(bookings=1000, now=NOW, ties=True).store
    ordered = store.order(store.bookings.values(), start)
    seen = walk(store, ordered, 100)
    assert len(seen) == 1000
    assert len(set(seen)) < 1000
    assert walk(store, ordered, 100) == seen
    page = store.cut(ordered, start, 100, 100)
    assert [booking.start for booking in page] == [booking.start for booking in ordered[100:200]]


def test_order_with_ties_depends_on_the_query():
    """The order of equal rows depends on page size and salt; a page of all rows is complete."""
    store = Sandbox(bookings=300, now=NOW, ties=True).store
    ordered = store.order(store.bookings.values(), start)
    orders = [store.cut(ordered, start, 0, take, salt) for take in (300, 400) for salt in ("a", "b")]
    assert len({tuple(booking.id for booking in order) for order in orders}) == 4
    assert all({booking.id for booking in order} == {booking.id for booking in ordered} for order in orders)
    assert store.order(store.bookings.values(), start, salt="a") != ordered


def test_unstable_order_changes_with_every_request():
    """With `unstable_order` the same page differs at each request; a reset repeats the sequence."""
    sandbox = Sandbox(bookings=1000, now=NOW, ties=True, unstable_order=True)
    ordered = sandbox.store.order(sandbox.store.bookings.values(), start)
    pages = [sandbox.store.cut(ordered, start, 100, 100) for _ in range(5)]
    assert len({tuple(booking.id for booking in page) for page in pages}) == 5
    assert all([booking.start for booking in page] == [booking.start for booking in ordered[100:200]] for page in pages)
    sandbox.reset()
    ordered = sandbox.store.order(sandbox.store.bookings.values(), start)
    again = [sandbox.store.cut(ordered, start, 100, 100) for _ in range(5)]
    assert [[booking.uid for booking in page] for page in again] == [
        [booking.uid for booking in page] for page in pages
    ]


def test_next_ids():
    """Ids of a kind count from 1 and after reserved ones, for its singular and plural."""
    store = Store()
    assert [store.next_id("team"), store.next_id("teams")] == [1, 2]
    store.reserve_id("teams", 10)
    store.reserve_id("team", 5)
    assert store.next_id("team") == 11
