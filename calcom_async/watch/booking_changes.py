"""What changed between two polls of bookings. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from calcom_async.keyset import EARLIEST, clamped
from calcom_async.models.bookings import Booking

ChangeKind = Literal["created", "rescheduled", "cancelled", "confirmed", "rejected", "updated"]


class BookingChange(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one booking since the previous change of it: one change, however much happened in between."""

    kind: ChangeKind
    uid: str
    """UID of the booking; the new one if it was rescheduled."""
    previous_uid: str | None = None
    """UID before it was rescheduled, else None."""
    booking: Booking
    """The latest state.

    If the list does not have the new booking of a reschedule (it has another host, for example), this is the old one.
    """
    previous: Booking | None
    """The state that was delivered last, or known before; None if it is new or not known."""
    seen_at: datetime
    """Time of the poll, by the clock of this machine."""


def change_kind(booking: Booking, previous: Booking | None, *, is_new: bool) -> ChangeKind:
    """Return what happened to a booking, given its previous state if that is known.

    A booking is new if it was created since the last poll. If the previous state of another one is not known, its
    status decides: a cancelled booking has been cancelled, a rejected one rejected, any other updated.
    """
    if is_replaced(booking, previous) or (is_new and booking.rescheduled_from_uid):
        return "rescheduled"
    if previous and previous.status == booking.status:
        return "updated"
    if booking.is_cancelled:
        return "cancelled"
    if booking.is_rejected:
        return "rejected"
    if previous and booking.is_accepted:  # a rejected or cancelled booking can be confirmed too
        return "confirmed"
    return "created" if is_new else "updated"


def is_replaced(booking: Booking, previous: Booking | None) -> bool:
    """Whether a new booking has replaced this one since its previous state."""
    return booking.is_rescheduled and not (previous and previous.is_rescheduled)


def change_time(booking: Booking) -> datetime:
    """Return the time of the last change, by the clock of the server. Bookings without an update have none of it."""
    return _readable(booking.updated_at) or creation_time(booking)


def creation_time(booking: Booking) -> datetime:
    """Return the time of the creation; a time long ago if it is not readable, so that the booking is not new."""
    return _readable(booking.created_at) or EARLIEST


def has_ended(booking: Booking, now: datetime) -> bool:
    """Whether a booking is over, or its end is not readable."""
    return (_readable(booking.end) or EARLIEST) <= now


def _readable(time: datetime | None) -> datetime | None:
    """Return a time that can be compared with others. The model has None for a value of the server that is no time."""
    if time is None:
        return None
    return clamped(time if time.tzinfo else time.replace(tzinfo=UTC))


def is_same(booking: Booking, other: Booking) -> bool:
    """Whether two states are equal, whatever the order of the people, which can differ between two responses."""
    return booking == other or _in_order(booking) == _in_order(other)


def _in_order(booking: Booking) -> Booking:
    return msgspec.structs.replace(
        booking,
        attendees=sorted(booking.attendees or [], key=repr),  # None if the value of the server is no list
        hosts=sorted(booking.hosts or [], key=repr),
        guests=sorted(booking.guests or []),
    )
