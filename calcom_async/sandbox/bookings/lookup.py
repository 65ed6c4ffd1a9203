"""Lookup of bookings by the uids in paths and bodies."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.http.errors import HttpError, not_found
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store


def find_booking(store: Store, uid: str, text: str = "Booking with uid={} was not found in the database") -> Booking:
    """Return the booking with this uid. Raises a 404 with `text`, which differs between endpoints."""
    booking = store.bookings.get(uid)
    if booking is None:
        raise not_found(text.format(uid))
    return booking


def series_of(store: Store, uid: str) -> list[Booking]:
    """Return the occurrences of a series by start; empty if no series has this uid."""
    return store.bookings.of_series(uid)


def find_seat(store: Store, seat_uid: str, error: HttpError) -> tuple[Booking, dict[str, Any]]:
    """Return the booking and the seat of a seat uid, or raise an error."""
    booking = store.bookings.with_seat(seat_uid)
    if booking is None:
        raise error
    return booking, next(seat for seat in booking.seats if seat["seat_uid"] == seat_uid)


def attendee_of(booking: Booking, attendee_id: int) -> dict[str, Any] | None:
    """Return the attendee with this id."""
    return next((attendee for attendee in booking.attendees if attendee["id"] == attendee_id), None)
