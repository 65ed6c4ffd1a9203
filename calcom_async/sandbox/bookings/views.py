"""JSON forms of bookings: the form of 2024-08-13, and the seated form."""

from __future__ import annotations

import re
from typing import Any

from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

Wire = dict[str, Any]

# The addresses of managed users contain the id of their client: ada+<25 characters>@example.com.
PLATFORM_SUFFIX = re.compile(r"\+[a-z0-9]{25}(?=@)")
# Responses that are not repeated in the attendees of a seated booking.
PRIVATE_RESPONSES = ("email", "displayEmail", "displayGuests")
# Statuses in the list of cancelled bookings.
INACTIVE = frozenset({"cancelled", "rejected"})
UNKNOWN_USER: Wire = {"id": "unknown", "name": "", "email": "unknown", "username": "unknown", "time_zone": "unknown"}


def display_email(address: str) -> str:
    """Return the address without the suffix of a platform client."""
    return PLATFORM_SUFFIX.sub("", address) if "+" in address else address


def is_seated(store: Store, booking: Booking) -> bool:
    """Return whether the attendees of the booking have seats."""
    if booking.seats:
        return True
    return seats_of(store.event_types.get(booking.event_type_id or 0)) is not None


def seats_of(event_type: Wire | None) -> Wire | None:
    """Return the seat settings of an event type, or None if seats are off."""
    seats = (event_type or {}).get("seats") or {"disabled": True}
    return None if seats.get("disabled") else seats


def shows_attendees(store: Store, booking: Booking) -> bool:
    """Return whether everybody may see the attendees of a seated booking."""
    seats = seats_of(store.event_types.get(booking.event_type_id or 0))
    return seats is None or bool(seats.get("showAttendeeInfo"))


def booking_view(store: Store, booking: Booking, *, attendees_shown: bool = True) -> Wire:
    """Return a booking in the form of 2024-08-13; `attendees_shown=False` hides the attendees of a seated one."""
    if is_seated(store, booking):
        return _seated(store, booking, attendees_shown=attendees_shown)
    return _plain(store, booking)


def series_view(store: Store, bookings: list[Booking], *, attendees_shown: bool = True) -> list[Wire]:
    """Return the occurrences of a series, by start."""
    ordered = sorted(bookings, key=lambda booking: booking.start)
    return [booking_view(store, booking, attendees_shown=attendees_shown) for booking in ordered]


def _plain(store: Store, booking: Booking) -> Wire:
    """Return a booking without seats."""
    row = _common(store, booking)
    # Present on every booking without seats, cancelled or not.
    row["cancelledByEmail"] = booking.cancelled_by or ""
    row["metadata"] = booking.metadata
    row["attendees"] = [attendee_view(attendee) for attendee in booking.attendees]
    row["bookingFieldsResponses"] = responses_view(booking)
    if booking.guests:
        row["guests"] = booking.guests
    return row


def _seated(store: Store, booking: Booking, *, attendees_shown: bool) -> Wire:
    """Return a booking with seats, which has no `metadata` and no responses of its own."""
    row = _common(store, booking)
    # The answers, guests and metadata belong to the seats, one set per attendee.
    row["attendees"] = [_seat_view(booking, seat) for seat in booking.seats] if attendees_shown else []
    return row


def _common(store: Store, booking: Booking) -> Wire:
    """Return the fields that all forms share, in one expression: lists render 250 bookings per page."""
    event_type = store.event_types.get(booking.event_type_id or 0)
    location = booking.location
    row = {
        "id": booking.id,
        "uid": booking.uid,
        "title": booking.title,
        "description": booking.description,
        "hosts": [host_view(store.users.get(booking.user_id, UNKNOWN_USER))],
        "status": booking.status,
        "cancellationReason": booking.cancellation_reason or "",
        "start": iso(booking.start),
        "end": iso(booking.end),
        "duration": int((booking.end - booking.start).total_seconds() // 60),
        "eventTypeId": booking.event_type_id if event_type else None,
        "eventType": {"id": booking.event_type_id, "slug": event_type["slug"]} if event_type else None,
        "meetingUrl": location,
        "location": location,
        "absentHost": booking.absent_host,
        "createdAt": iso(booking.created_at),
        "updatedAt": iso(booking.updated_at) if booking.updated_at else None,
        "rating": booking.rating,
        "icsUid": booking.ics_uid,
    }
    if booking.recurring_uid:
        row["recurringBookingUid"] = booking.recurring_uid
    else:
        # An occurrence of a series lacks the field (recorded from a self-hosted server of 2026-07).
        row["rescheduledByEmail"] = booking.rescheduled_by
    if booking.from_uid or booking.to_uid or booking.rescheduling_reason:
        row |= _chain(booking)
    return row


def _chain(booking: Booking) -> Wire:
    """Return the links to the bookings before and after a reschedule, without empty ones."""
    links = {
        "reschedulingReason": booking.rescheduling_reason,
        "rescheduledFromUid": booking.from_uid,
        "rescheduledToUid": booking.to_uid,
    }
    return {name: value for name, value in links.items() if value}


def host_view(user: Wire) -> Wire:
    """Return a user as host of a booking."""
    return {
        "id": user["id"],
        "name": user["name"],
        "email": user["email"],
        "displayEmail": display_email(user["email"]),
        "username": user["username"],
        "timeZone": user["time_zone"],
    }


def attendee_view(attendee: Wire) -> Wire:
    """Return an attendee as in lists of bookings, without the id of the attendee endpoints."""
    row = attendee.copy()
    row.pop("id", None)
    return row


def _seat_view(booking: Booking, seat: Wire) -> Wire:
    """Return a seat: its attendee and their answers."""
    attendee = next((attendee for attendee in booking.attendees if attendee["id"] == seat["attendee_id"]), {})
    answers = {name: value for name, value in seat["responses"].items() if name not in PRIVATE_RESPONSES}
    return attendee_view(attendee) | {
        "seatUid": seat["seat_uid"],
        "bookingFieldsResponses": answers,
        "metadata": seat.get("metadata") or {},
    }


def responses_view(booking: Booking) -> Wire:
    """Return the responses to the booking fields; name and email come first."""
    booker = booking.attendees[0] if booking.attendees else {"email": "", "name": ""}
    responses = {"email": booker["email"], "name": booker["name"], **booking.responses}
    responses["displayEmail"] = display_email(responses["email"])
    if booking.guests:
        responses["guests"] = booking.guests
        responses["displayGuests"] = [display_email(guest) for guest in booking.guests]
    return responses


def seat_only_view(store: Store, booking: Booking, seat_uid: str, *, everybody: bool) -> Wire:
    """Return a seated booking found by a seat uid: hosts have no time zone, and other seats are hidden by default."""
    row = _seated(store, booking, attendees_shown=True)
    # This operation alone leaves the time zone out (recorded from a self-hosted server of 2026-07).
    for host in row["hosts"]:
        host.pop("timeZone")
    if not everybody:
        row["attendees"] = [attendee for attendee in row["attendees"] if attendee["seatUid"] == seat_uid]
    return row
