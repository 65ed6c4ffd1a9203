"""Changes of bookings, without a watcher: their kinds, reschedules, merging, and what is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from calcom_async.models.bookings import Booking, BookingAttendee
from calcom_async.watch.booking_changes import change_kind, is_same
from calcom_async.watch.tracked_bookings import TrackedBookings

START = datetime(2026, 11, 4, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minute: float) -> datetime:
    """Return a time of this many minutes after the watcher began."""
    return datetime(2026, 11, 2, 8, tzinfo=UTC) + minute * MINUTE


def booking(uid: str = "a", status: str = "accepted", created: float = -60, updated: float | None = 0, **fields: Any):
    """Return a booking; the times are minutes, by default of one that is older than the watcher."""
    return Booking(
        id=1,
        uid=uid,
        hosts=[],
        status=status,
        start=START,
        end=START + 30 * MINUTE,
        duration=30,
        created_at=at(created),
        updated_at=None if updated is None else at(updated),
        **{"title": "Meeting", "attendees": []} | fields,
    )


class Tracker:
    """Tracked bookings, and a short form of the changes that they deliver."""

    def __init__(self) -> None:
        self.bookings = TrackedBookings()

    def poll(self, *rows: Booking, minute: float = 1, is_known: bool = False) -> None:
        for row in rows:
            self.bookings.note(row, at(minute), new_since=at(0), is_known=is_known)

    def read(self) -> list[tuple[str, str, str | None, str]]:
        """Return kind, both uids and status of the undelivered changes."""
        changes = iter(self.bookings.pop, None)
        return [(change.kind, change.uid, change.previous_uid, change.booking.status) for change in changes]


def moved(old: str, new: str, at_minute: float, created: float = -60, **fields: Any) -> tuple[Booking, Booking]:
    """Return the two halves of a reschedule: the old booking, cancelled, and the new one."""
    return (
        booking(old, "cancelled", created, at_minute, rescheduled_to_uid=new, **fields),
        booking(new, "accepted", at_minute, at_minute, rescheduled_from_uid=old),
    )


@pytest.mark.parametrize(
    ("previous", "status", "is_new", "kind"),
    [
        (None, "accepted", True, "created"),
        (None, "pending", True, "created"),
        (None, "cancelled", True, "cancelled"),
        (None, "rejected", True, "rejected"),
        (None, "accepted", False, "updated"),
        (None, "pending", False, "updated"),
        (None, "cancelled", False, "cancelled"),
        (None, "rejected", False, "rejected"),
        ("pending", "accepted", False, "confirmed"),
        ("pending", "rejected", False, "rejected"),
        ("pending", "cancelled", False, "cancelled"),
        ("pending", "pending", False, "updated"),
        ("accepted", "accepted", False, "updated"),
        ("accepted", "cancelled", False, "cancelled"),
        ("accepted", "rejected", False, "rejected"),
        ("accepted", "pending", False, "updated"),
        ("cancelled", "cancelled", False, "updated"),
        ("cancelled", "accepted", False, "confirmed"),
        ("accepted", "of the future", False, "updated"),
    ],
)
def test_the_kind_follows_from_both_states(previous: str | None, status: str, is_new: Any, kind: str) -> None:
    """The kind follows from the previous status, the present one, and whether the booking is new."""
    before = None if previous is None else booking(status=previous)
    assert change_kind(booking(status=status), before, is_new=is_new) == kind


@pytest.mark.parametrize("previous", [None, booking()])
def test_a_replaced_booking_was_rescheduled_once(previous: Booking | None) -> None:
    """A cancelled booking with a successor was rescheduled; a later change of it is an update."""
    old, _ = moved("a", "b", 1)
    assert change_kind(old, previous, is_new=False) == "rescheduled"
    assert change_kind(msgspec.structs.replace(old, rating=5), old, is_new=False) == "updated"


def test_the_order_of_people_is_no_change() -> None:
    """Two states that differ only in the order of the attendees are the same."""
    ada, bea = (BookingAttendee(name=name, time_zone="UTC") for name in ("Ada", "Bea"))
    assert is_same(booking(attendees=[ada, bea]), booking(attendees=[bea, ada]))
    assert not is_same(booking(attendees=[ada, bea]), booking(attendees=[ada]))


def test_one_change_holds_the_latest_state_and_the_one_delivered_before() -> None:
    """Updates that were not read are merged; `previous` is what was delivered last."""
    tracker = Tracker()
    first, second, third = (booking(updated=minute, title=f"Title {minute}") for minute in (1, 2, 3))
    tracker.poll(first)
    assert tracker.read() == [("updated", "a", None, "accepted")]
    tracker.poll(second)
    tracker.poll(third, minute=3)
    change = tracker.bookings.pop()
    assert change
    assert (change.previous, change.booking, change.seen_at) == (first, third, at(3))
    assert tracker.read() == []


def test_a_state_that_was_seen_is_no_change() -> None:
    """The same state again, and an older one from a replica of the database, are no changes."""
    tracker = Tracker()
    tracker.poll(booking(updated=2))
    assert len(tracker.read()) == 1
    tracker.poll(booking(updated=2), booking(updated=1, title="Older"))
    assert tracker.read() == []


def test_two_updates_of_one_millisecond_are_noticed() -> None:
    """A booking whose content differs has changed, even if its update time is the same."""
    tracker = Tracker()
    tracker.poll(booking())
    tracker.poll(booking(location="here"))
    tracker.read()
    tracker.poll(booking(location="there"))
    assert tracker.read() == [("updated", "a", None, "accepted")]


def test_made_and_cancelled_between_two_polls_is_one_change() -> None:
    """A booking that was made and cancelled between two polls, or before it was read, is one change."""
    tracker = Tracker()
    tracker.poll(booking("a", "cancelled", 1, 2), booking("b", "accepted", 1, 1))
    tracker.poll(booking("b", "cancelled", 1, 3))
    assert tracker.read() == [("cancelled", "a", None, "cancelled"), ("cancelled", "b", None, "cancelled")]


def test_what_was_known_at_the_start_is_not_delivered() -> None:
    """A state from before the start is not delivered, but it is the previous state of the next change."""
    tracker = Tracker()
    known = booking(status="pending")
    tracker.poll(known, is_known=True)
    assert tracker.read() == []
    tracker.poll(booking(updated=1))
    change = tracker.bookings.pop()
    assert change
    assert (change.kind, change.previous) == ("confirmed", known)


class TestReschedules:
    """A reschedule is one change with both uids."""

    @pytest.mark.parametrize("first", ["old", "new", "both"])
    def test_the_halves_are_one_change(self, first: str) -> None:
        """It is one change, whichever half a poll sees first."""
        tracker = Tracker()
        before = booking("a")
        tracker.poll(before, is_known=True)
        halves = [*moved("a", "b", 1)]
        if first == "new":
            halves.reverse()
        changes = []
        for half in halves:
            tracker.poll(half)
            if first != "both" and (change := tracker.bookings.pop()):
                changes.append(change)
        changes += iter(tracker.bookings.pop, None)
        tracker.bookings.release_replaced(at(60))
        assert tracker.read() == []
        [change] = changes
        assert (change.kind, change.uid, change.previous_uid) == ("rescheduled", "b", "a")
        assert (change.booking.uid, change.previous) == ("b", before)

    def test_of_a_chain_each_step_is_one_change_in_order(self) -> None:
        """Two reschedules between two polls are two changes, in order, in whatever order the rows come."""
        first, middle = moved("a", "b", 1)
        middle, last = moved("b", "c", 2, 1, rescheduled_from_uid="a")
        for rows in ([first, middle, last], [last, middle, first], [middle, last, first], [last, first, middle]):
            tracker = Tracker()
            tracker.poll(*rows)
            assert tracker.read() == [("rescheduled", "b", "a", "cancelled"), ("rescheduled", "c", "b", "accepted")]

    def test_an_unread_update_of_the_old_booking_is_merged(self) -> None:
        """An update of the old booking that was not read is a part of the reschedule."""
        tracker = Tracker()
        tracker.poll(booking(updated=1))
        tracker.poll(*moved("a", "b", 2))
        assert tracker.read() == [("rescheduled", "b", "a", "accepted")]

    def test_an_old_booking_waits_for_the_new_one_only_so_long(self) -> None:
        """If the list does not have the new booking, the change has the old one; until then it is undelivered."""
        tracker = Tracker()
        old, _ = moved("a", "b", 1)
        tracker.poll(old)
        assert tracker.read() == []
        assert tracker.bookings.untaken_times() == [at(1)]
        tracker.bookings.release_replaced(at(0))
        assert tracker.read() == []
        tracker.bookings.release_replaced(at(1))
        assert tracker.read() == [("rescheduled", "b", "a", "cancelled")]

    def test_a_reschedule_across_the_start_is_delivered(self) -> None:
        """If only the new booking is older than the start, the change of the old one is delivered."""
        tracker = Tracker()
        old, new = moved("a", "b", 1)
        tracker.poll(new, is_known=True)
        tracker.poll(old)
        tracker.bookings.release_replaced(at(60))
        assert tracker.read() == [("rescheduled", "b", "a", "cancelled")]

    def test_moved_and_cancelled_is_one_change(self) -> None:
        """A booking that was rescheduled and then cancelled is one change with both uids and the latest status."""
        tracker = Tracker()
        old, _ = moved("a", "b", 1)
        tracker.poll(old, booking("b", "cancelled", 1, 2, rescheduled_from_uid="a"))
        assert tracker.read() == [("rescheduled", "b", "a", "cancelled")]

    def test_a_cycle_ends(self) -> None:
        """Bookings that claim to have replaced each other, or themselves, are delivered."""
        tracker = Tracker()
        tracker.poll(
            booking("a", created=1, rescheduled_from_uid="b", rescheduled_to_uid="b"),
            booking("b", created=1, rescheduled_from_uid="a", rescheduled_to_uid="a"),
            booking("c", rescheduled_to_uid="c"),
        )
        tracker.bookings.release_replaced(at(60))
        assert sorted(change[1] for change in tracker.read()) == ["a", "b", "c"]


class TestForgetting:
    """State does not grow with time."""

    def test_delivered_bookings_are_forgotten(self) -> None:
        """A booking is forgotten when polls no longer read it and its changes have been delivered."""
        tracker = Tracker()
        tracker.poll(booking("a", updated=1), booking("b", updated=1), *moved("c", "d", 1)[:1])
        assert tracker.bookings.pop()
        tracker.bookings.forget(at(5), at(5))
        assert set(tracker.bookings._tracked) == {"b", "c"}
        assert len(tracker.bookings) == 1

    def test_bookings_that_await_confirmation_are_kept_until_their_end(self) -> None:
        """A request is known as such when it is confirmed days later; after its end it is forgotten."""
        tracker = Tracker()
        tracker.bookings.add_pending(booking("a", "pending", updated=None))
        tracker.poll(booking("b", "pending", 1, 1))
        tracker.read()
        tracker.bookings.forget(at(5), at(5))
        tracker.poll(booking("a", updated=10), booking("b", created=-5, updated=10))
        assert [change[0] for change in tracker.read()] == ["confirmed", "confirmed"]
        tracker.bookings.add_pending(booking("c", "pending"))
        tracker.bookings.forget(at(20), START + 31 * MINUTE)
        assert tracker.bookings._pending == {}
        assert tracker.bookings._tracked == {}
