"""Attendees and guests that are added or removed later."""

from __future__ import annotations

from collections.abc import Sequence

from calcom_async.sandbox.bookings.create import new_attendee
from calcom_async.sandbox.bookings.lookup import attendee_of
from calcom_async.sandbox.bookings.permissions import may_manage
from calcom_async.sandbox.bookings.views import Wire
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.state.booking import Booking

MOST_ATTENDEES = 30


def check_access(call: Call, uid: str) -> Booking:
    """Return the booking if the caller hosts it or manages a host; unknown uids get the same error."""
    booking = call.store.bookings.get(uid)
    if booking is None or not may_manage(call.store, booking, call.caller.user_id):
        raise errors.forbidden(
            f"BookingPbacGuard - user with id={call.caller.user_id} does not have access to booking with uid={uid}"
        )
    return booking


def check_permission(call: Call, booking: Booking) -> None:
    """Apply the same rule in endpoints where an inner guard of the server raises the error."""
    if not may_manage(call.store, booking, call.caller.user_id):
        raise errors.no_details(403, "TRPCError", "you_do_not_have_permission")


def add_people(call: Call, booking: Booking, people: Sequence[Wire]) -> list[Wire]:
    """Add the people whose addresses are new; they also become guests of the booking."""
    _check_allowed(call, booking)
    present = {attendee["email"] for attendee in booking.attendees}
    fresh = {person["email"]: person for person in people if person["email"] not in present}
    if not fresh:
        raise errors.no_details(400, "TRPCError", "emails_must_be_unique_valid")
    host = call.store.users[booking.user_id]
    added = [
        new_attendee(call.store, {"name": "", "timeZone": host["time_zone"]} | person) for person in fresh.values()
    ]
    # On the real server the order of the attendees is not fixed after this: the booker need not be the first.
    booking.attendees = [*booking.attendees, *added]
    booking.guests = [*booking.guests, *fresh]
    booking.responses["guests"] = list(booking.guests)
    booking.updated_at = call.clock.now()
    return added


def _check_allowed(call: Call, booking: Booking) -> None:
    """Raise an error if the event type has no guests."""
    event_type = call.store.event_types.get(booking.event_type_id or 0) or {}
    if event_type.get("disableGuests"):
        raise errors.no_details(
            400,
            "TRPCError",
            "Cannot add guests to this booking. The guests field is disabled for event type "
            f'"{event_type["title"]}" (ID: {event_type["id"]}). Please enable the guests field in the event type '
            "settings to add guests.",
        )


def check_room(booking: Booking, count: int) -> None:
    """Raise an error above 30 attendees."""
    # The message speaks of guests, and the server counts all attendees, the booker included.
    present = len(booking.attendees)
    if present + count > MOST_ATTENDEES:
        raise errors.bad_request(
            f"Cannot add {count} guests. This booking already has {present} attendees. Maximum total guests allowed is "
            f"{MOST_ATTENDEES}. You can add up to {max(0, MOST_ATTENDEES - present)} more guests."
        )


def remove_person(call: Call, booking: Booking, attendee_id: int) -> Wire:
    """Remove an attendee. The first attendee cannot be removed."""
    attendee = attendee_of(booking, attendee_id)
    if attendee is None:
        raise errors.no_details(404, "TRPCError", "attendee_not_found")
    # That is the booker; the other attendees are guests, or hosts of a team.
    if attendee is booking.attendees[0]:
        raise errors.no_details(400, "TRPCError", "cannot_remove_primary_attendee")
    booking.attendees = [other for other in booking.attendees if other is not attendee]
    booking.guests = [guest for guest in booking.guests if guest != attendee["email"]]
    if "guests" in booking.responses:
        booking.responses["guests"] = list(booking.guests)
    booking.updated_at = call.clock.now()
    shown = {name: attendee[name] for name in ("name", "email", "timeZone")}
    return {"id": attendee["id"], "bookingId": booking.id} | shown
