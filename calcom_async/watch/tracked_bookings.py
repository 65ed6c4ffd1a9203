"""TrackedBookings: the states of bookings that were seen lately, and the changes that have not been delivered. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from calcom_async.models.bookings import Booking
from calcom_async.watch.booking_changes import (
    BookingChange,
    change_kind,
    change_time,
    creation_time,
    has_ended,
    is_replaced,
    is_same,
)


class _Tracked(msgspec.Struct, eq=False):
    """A booking: its latest state, and the one that was delivered last, or known before."""

    booking: Booking
    seen_at: datetime
    previous: Booking | None
    is_new: bool
    """Whether it was created since the last poll, and has not been delivered."""
    is_reported: bool = False
    """Whether a change of it was delivered, or will be."""
    replaced: Booking | None = None
    """The previous state of the booking that this one replaced."""

    @property
    def changed_at(self) -> datetime:
        """Time from which on a later process has to read, to find the change that is to be delivered.

        For a new booking it is the creation: a process that reads from its update on could not tell that it is new.
        """
        return creation_time(self.booking) if self.is_new else change_time(self.booking)

    @property
    def replaces_another(self) -> bool:
        """Whether the next change of it says that it replaced another booking."""
        return self.is_new and self.booking.rescheduled_from_uid is not None


class TrackedBookings:
    """Bookings as polls find them, and the changes that follow from that.

    A reschedule is found as two bookings: the new one, and the old one, which is cancelled. They are one change, of the
    new booking. So the old one waits until the new one is found, in another poll if need be.

    Bookings are forgotten when polls no longer read them. Those that await confirmation are kept until their end,
    because `confirmed` can only be told from `updated` by the state before.
    """

    def __init__(self) -> None:
        self._tracked: dict[str, _Tracked] = {}
        self._undelivered: dict[str, _Tracked] = {}
        """In the order in which they changed."""
        self._replaced: dict[str, _Tracked] = {}
        """Old bookings whose new one has not been found yet."""
        self._pending: dict[str, Booking] = {}
        """Bookings that await confirmation, and are not tracked."""
        self._in_hand: datetime | None = None
        """Time of the change that was delivered last, until the next one is asked for."""

    def __len__(self) -> int:
        """Return the number of changes to deliver now."""
        return len(self._undelivered)

    def untaken_times(self) -> list[datetime]:
        """Return the times of the changes that are to be delivered, and of the one that the reader handles now."""
        times = [tracked.changed_at for tracked in (*self._undelivered.values(), *self._replaced.values())]
        return [self._in_hand, *times] if self._in_hand else times

    def add_pending(self, booking: Booking) -> None:
        """Keep a booking that awaits confirmation. Its state is not delivered."""
        self._pending[booking.uid] = booking

    def note(self, booking: Booking, seen_at: datetime, *, new_since: datetime, is_known: bool = False) -> None:
        """Take the state that a poll found. If `is_known`, it is not delivered, but the next one is compared to it."""
        tracked = self._tracked.get(booking.uid)
        if tracked is None:
            is_new = creation_time(booking) >= new_since
            pending = self._pending.pop(booking.uid, None)
            tracked = _Tracked(booking, seen_at, None if is_new else pending, is_new)
            self._tracked[booking.uid] = tracked
        elif change_time(booking) < change_time(tracked.booking) or is_same(booking, tracked.booking):
            return
        else:
            tracked.booking, tracked.seen_at = booking, seen_at
        if is_known:
            tracked.previous, tracked.is_new = booking, False
        else:
            self._report(tracked)

    def _report(self, tracked: _Tracked) -> None:
        """Put a changed booking at the end of the undelivered ones, unless it is a part of another change."""
        booking = tracked.booking
        self._undelivered.pop(booking.uid, None)
        self._replaced.pop(booking.uid, None)
        if not tracked.replaces_another and is_replaced(booking, tracked.previous):
            new = self._tracked.get(booking.rescheduled_to_uid or "")
            if new is None or new is tracked or not new.is_reported:
                self._replaced[booking.uid] = tracked
            else:
                self._absorb(tracked, new)
            return
        if tracked.replaces_another and not tracked.is_reported:
            old = self._tracked.get(booking.rescheduled_from_uid or "")
            if old is not None:
                self._absorb(old, tracked)
            else:
                tracked.replaced = self._pending.pop(booking.rescheduled_from_uid or "", None)
        tracked.is_reported = True
        self._undelivered[booking.uid] = tracked

    def _absorb(self, old: _Tracked, new: _Tracked) -> None:
        """Make what happened to the old booking a part of the change of the new one."""
        uid = old.booking.uid
        if old.replaces_another:  # it has a change of its own, which comes first
            new.replaced = old.booking
            return
        new.replaced = new.replaced or old.previous
        self._undelivered.pop(uid, None)
        self._replaced.pop(uid, None)
        old.previous, old.is_new = old.booking, False

    def release_replaced(self, seen_before: datetime) -> None:
        """Stop waiting for the new booking of those that were seen before that time."""
        for uid, tracked in list(self._replaced.items()):
            if tracked.seen_at <= seen_before:
                tracked.is_reported = True
                self._undelivered[uid] = self._replaced.pop(uid)

    def forget(self, changed_before: datetime, now: datetime) -> None:
        """Forget bookings that changed before that time and have been delivered, and pending ones that have ended."""
        for uid, tracked in list(self._tracked.items()):
            is_delivered = uid not in self._undelivered and uid not in self._replaced
            if is_delivered and change_time(tracked.booking) < changed_before:
                del self._tracked[uid]
                if tracked.booking.is_pending:
                    self._pending[uid] = tracked.booking
        self._pending = {uid: booking for uid, booking in self._pending.items() if not has_ended(booking, now)}

    def pop(self) -> BookingChange | None:
        """Return the next change to deliver, and count it as delivered."""
        self._in_hand = None
        if not self._undelivered:
            return None
        tracked = self._undelivered.pop(self._first_uid())
        self._in_hand = tracked.changed_at
        booking, previous = tracked.booking, tracked.previous
        kind = change_kind(booking, previous, is_new=tracked.is_new)
        uid, previous_uid = booking.uid, None
        if kind == "rescheduled":
            if tracked.replaces_another:
                previous, previous_uid = tracked.replaced, booking.rescheduled_from_uid
            else:
                uid, previous_uid = booking.rescheduled_to_uid or uid, uid
        tracked.previous, tracked.is_new, tracked.replaced = booking, False, None
        return BookingChange(
            kind=kind,
            uid=uid,
            previous_uid=previous_uid,
            booking=booking,
            previous=previous,
            seen_at=tracked.seen_at,
        )

    def _first_uid(self) -> str:
        """Return the uid of the first undelivered change, or of an earlier booking that it replaced."""
        uid = next(iter(self._undelivered))
        for _ in range(len(self._undelivered)):  # the server may send a cycle
            earlier = self._undelivered[uid].booking.rescheduled_from_uid
            if earlier not in self._undelivered:
                break
            uid = earlier
        return uid
