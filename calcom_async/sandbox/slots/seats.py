"""Seats and reservations of an event type, and the slots that show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from calcom_async.sandbox.slots.working_hours import milliseconds, to_datetime
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Store

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """An available slot; `seats_total` is None unless the event type has seats."""

    start: datetime
    end: datetime
    seats_total: int | None = None
    seats_booked: int = 0
    booking_uid: str | None = None


def seat_count(event_type: Wire) -> int:
    """Return the number of seats, or 0."""
    seats = event_type.get("seats") or {}
    return 0 if seats.get("disabled") else seats.get("seatsPerTimeSlot") or 0


@dataclass(frozen=True, slots=True)
class Seats:
    """The number of seats of an event type, and by start the taken seats and their booking."""

    total: int
    booked: dict[int, int]
    uids: dict[int, str]

    @classmethod
    def taken(cls, store: Store, clock: Clock, event_type: Wire, start: datetime, end: datetime) -> Seats:
        """Return the taken seats in live reservations, and in accepted bookings that overlap a time range."""
        total = seat_count(event_type)
        booked: Counter[int] = Counter()
        uids: dict[int, str] = {}
        for booking in store.bookings.of_event_type(event_type["id"], start, end) if total else ():
            if booking.status == "accepted":
                booked[milliseconds(booking.start)] += len(booking.seats or booking.attendees)
                uids[milliseconds(booking.start)] = booking.uid
        for reservation in live_reservations(store, clock) if total else ():
            if reservation["event_type_id"] == event_type["id"]:
                # A reservation counts as a seat and lends its uid as `bookingUid` where no booking exists yet (recorded
                # from a self-hosted server of 2026-07).
                booked[milliseconds(reservation["start"])] += 1
                uids.setdefault(milliseconds(reservation["start"]), reservation["uid"])
        return cls(total, dict(booked), uids)

    def slot(self, start: int, length: timedelta) -> Slot:
        """Return the slot at a start, with its seats."""
        begins = to_datetime(start)
        total = self.total or None
        return Slot(begins, begins + length, total, self.booked.get(start, 0), self.uids.get(start))


def live_reservations(store: Store, clock: Clock) -> list[Wire]:
    """Return the reservations that have not expired."""
    now = clock.now()
    return [reservation for reservation in store.reservations.values() if reservation["until"] > now]


def reserved_times(store: Store, clock: Clock, user_ids: Collection[int]) -> list[tuple[int, int]]:
    """Return the slots that reservations of these hosts hide; reserved seats hide none."""
    return [
        (milliseconds(reservation["start"]), milliseconds(reservation["end"]))
        for reservation in live_reservations(store, clock)
        if reservation["user_id"] in user_ids and not _is_seat(store, reservation)
    ]


def _is_seat(store: Store, reservation: Wire) -> bool:
    """Return whether a reservation is for a seat, not for the whole time."""
    return bool(seat_count(store.event_types.get(reservation["event_type_id"], {})))
