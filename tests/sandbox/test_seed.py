"""The world that a sandbox starts with, its bookings, and the order of equal ones."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from http_client import send_request

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.state.store import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rows(count, **options):
    return list(Sandbox(bookings=count, now=NOW, **options).store.bookings.values())


def test_small_world():
    """Three people with keys and schedules, an organization with two teams, a platform client, a busy calendar."""
    store = Sandbox(now=NOW).store
    assert {store.users[user_id]["username"] for user_id in store.api_keys.values()} == {"ana", "bo", "cy"}
    assert all(store.schedules[user["default_schedule_id"]]["owner_id"] == user["id"] for user in store.users.values())
    assert [one["slug"] for one in store.event_types.values()] == ["thirty", "sixty", "class"]
    assert (list(store.organizations), list(store.teams)) == ([1], [2, 3])
    assert all(team["parent_id"] == 1 for team in store.teams.values())
    assert set(store.oauth_clients) == {"sandbox-client"}
    assert len(store.calendars[1]) == 1
    assert store.busy
    assert not store.bookings


def test_ids_go_on_behind_the_world():
    """New things do not collide with those that are there."""
    store = Sandbox(bookings=10, now=NOW).store
    assert store.next_id("user") == max(store.users) + 1
    assert store.next_id("bookings") == store.next_id("booking") - 1 == 11
    assert store.next_id("event_type") == max(store.event_types) + 1
    assert store.next_id("team") == max(store.teams) + 1


def test_same_seed_same_world():
    """A seed is a world; another seed is another."""
    first, again, other = (rows(50, seed=seed) for seed in (7, 7, 8))
    assert [(one.uid, one.start, one.status) for one in first] == [(one.uid, one.start, one.status) for one in again]
    assert not {one.uid for one in first} & {one.uid for one in other}


@pytest.mark.parametrize("count", [1, 2, 60, 1000, 40_000])
def test_no_ties(count):
    """Without `ties` starts, creation times and uids are all distinct, and ids follow creation."""
    made = rows(count)
    assert len(made) == count
    assert len({one.start for one in made}) == len({one.created_at for one in made}) == count
    assert len({one.uid for one in made}) == count
    assert all(one.id < two.id and one.created_at < two.created_at for one, two in pairwise(made))
    assert all(len(one.uid) == 22 for one in made)


def test_spread():
    """Rows lie within a year of now, were made in the past, and show every status, a series and seats."""
    made = rows(2000)
    assert all(abs(one.start - NOW) <= timedelta(days=366) for one in made)
    assert all(one.created_at <= one.updated_at <= NOW for one in made)
    assert all(one.end > one.start > one.created_at for one in made)
    assert {one.status for one in made} == {"accepted", "cancelled", "rejected", "pending"}
    assert any(one.end <= NOW for one in made)
    assert any(one.start > NOW for one in made)
    assert all(one.seats for one in made if one.event_type_id == 3)
    assert set(Counter(one.recurring_uid for one in made if one.recurring_uid).values()) <= {3, 4}
    assert all(one.end >= NOW for one in made if one.status == "pending")


def test_ties():
    """With `ties` some forty bookings share a start, and twice as many a creation time."""
    made = rows(1000, ties=True)
    assert len({one.start for one in made}) == 1000 // 41
    assert len({one.created_at for one in made}) == 1000 // 89


def test_records_do_not_share_containers():
    """Changing one booking's lists leaves the others alone."""
    one, two, *_ = rows(2)
    one.guests.append("x")
    one.attendees[0]["absent"] = True
    one.metadata["a"] = 1
    assert (two.guests, two.attendees[0]["absent"], two.metadata) == ([], False, {})


# --- order


def start(one):
    return one.start


def walk(store, ordered, take, salt=()):
    pages = [store.cut(ordered, start, skip, take, salt) for skip in range(0, len(ordered), take)]
    return [one.id for page in pages for one in page]


def test_order_without_ties():
    """Without `ties`, reading page by page returns the list itself, for every page size."""
    store = Sandbox(bookings=500, now=NOW).store
    ordered = store.order(store.bookings.values(), start)
    assert walk(store, ordered, 7) == walk(store, ordered, 250) == [one.id for one in ordered]
    backwards = store.order(store.bookings.values(), start, descending=True)
    assert backwards == ordered[::-1]


def test_order_with_ties_loses_rows():
    """With `ties` a walk by pages doubles some rows and loses as many, while every page is sorted."""
    store = Sandbox(bookings=1000, now=NOW, ties=True).store
    ordered = store.order(store.bookings.values(), start)
    seen = walk(store, ordered, 100)
    assert len(seen) == 1000
    assert len(set(seen)) < 1000
    assert walk(store, ordered, 100) == seen
    page = store.cut(ordered, start, 100, 100)
    assert [one.start for one in page] == [one.start for one in ordered[100:200]]


def test_order_with_ties_depends_on_the_query():
    """Equal rows change places with page size and salt; a page that holds everything holds everything."""
    store = Sandbox(bookings=300, now=NOW, ties=True).store
    ordered = store.order(store.bookings.values(), start)
    orders = [store.cut(ordered, start, 0, take, salt) for take in (300, 400) for salt in ("a", "b")]
    assert len({tuple(one.id for one in order) for order in orders}) == 4
    assert all({one.id for one in order} == {one.id for one in ordered} for order in orders)
    assert store.order(store.bookings.values(), start, salt="a") != ordered


def test_unstable_order_changes_with_every_request():
    """With `unstable_order` the same page differs at each request, though sorted; a reset repeats the changes."""
    sandbox = Sandbox(bookings=1000, now=NOW, ties=True, unstable_order=True)
    ordered = sandbox.store.order(sandbox.store.bookings.values(), start)
    pages = [sandbox.store.cut(ordered, start, 100, 100) for _ in range(5)]
    assert len({tuple(one.id for one in page) for page in pages}) == 5
    assert all([one.start for one in page] == [one.start for one in ordered[100:200]] for page in pages)
    sandbox.reset()
    ordered = sandbox.store.order(sandbox.store.bookings.values(), start)
    again = [sandbox.store.cut(ordered, start, 100, 100) for _ in range(5)]
    assert [[one.uid for one in page] for page in again] == [[one.uid for one in page] for page in pages]


def test_cached_until_changed():
    """A cached view is built once, and again when bookings come, go or are said to have changed."""
    store = Sandbox(bookings=3, now=NOW).store
    built = []

    def view():
        return store.cached("all", lambda: built.append(1) or list(store.bookings.values()))

    assert view() is view()
    row = store.bookings.pop(view()[0].uid)
    assert len(view()) == 2
    store.add_booking(row)
    assert len(view()) == 3
    del store.bookings[row.uid]
    store.changed()
    assert (len(view()), len(built)) == (2, 4)


def test_next_ids():
    """Ids of a kind count from 1, singular and plural alike, beyond what is taken."""
    store = Store()
    assert [store.next_id("team"), store.next_id("teams")] == [1, 2]
    store.reserve_id("teams", 10)
    store.reserve_id("team", 5)
    assert store.next_id("team") == 11


def test_a_request_that_changes_drops_the_views():
    """Anything but GET makes cached views stale, as handlers may change what they were built from."""
    with Sandbox(now=NOW) as sandbox:
        sandbox.store.cached("x", lambda: 1)
        send_request(sandbox, "GET", "/v2/me")
        assert sandbox.store.cached("x", lambda: 2) == 1
        send_request(sandbox, "PATCH", "/v2/me", {})
        assert sandbox.store.cached("x", lambda: 2) == 2
