"""Decisions of hosts: confirm, decline, mark as absent, reassign."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.bookings.create import emit_booking_event
from calcom_async.sandbox.bookings.hosts import free_host, replace_organizer
from calcom_async.sandbox.bookings.permissions import may_manage
from calcom_async.sandbox.bookings.views import INACTIVE, Wire, display_email
from calcom_async.sandbox.bookings.webhook_payloads import created_payload, no_show_payload, rejected_payload
from calcom_async.sandbox.event_types.records import host_ids
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import iso

HOST_FIELDS = ("id", "name", "email")
DOCS = "https://cal.com/docs/api-reference/v2/bookings/get-a-booking"


def confirm(call: Call, booking: Booking) -> None:
    """Accept a booking. Like the server, accept cancelled and declined ones too, and ignore conflicts."""
    _check_decision(call, booking)
    booking.status = "accepted"
    booking.updated_at = call.clock.now()
    emit_booking_event(call, "BOOKING_CREATED", booking, created_payload(call.store, booking))


def decline(call: Call, booking: Booking, reason: str | None) -> None:
    """Decline a booking; only webhooks receive the reason."""
    _check_decision(call, booking)
    booking.status = "rejected"
    booking.updated_at = call.clock.now()
    emit_booking_event(call, "BOOKING_REJECTED", booking, rejected_payload(call.store, booking, reason))


def _check_decision(call: Call, booking: Booking) -> None:
    """Raise an error if the caller may not decide, or if the booking is accepted already."""
    if not may_manage(call.store, booking, call.caller.user_id):
        raise errors.no_details(401, "TRPCError", "User is not authorized to confirm this booking")
    # Every other status can be accepted: a cancelled booking comes back, also beside another one at its time, and also
    # if the event type needs no confirmation (recorded from a self-hosted server of 2026-07).
    if booking.status == "accepted":
        raise errors.no_details(400, "TRPCError", "Booking already confirmed")


def mark_absent(call: Call, booking: Booking, body: Wire) -> None:
    """Mark people as absent. Unknown addresses are ignored, and any key may do this."""
    now = call.clock.now()
    if now < booking.start:
        raise errors.bad_request(
            "Bookings can only be marked as absent after their scheduled start time. Current time in UTC+0: "
            f"{iso(now)}, Booking start time in UTC+0: {iso(booking.start)}"
        )
    set_absent(call, booking, body)


def set_absent(call: Call, booking: Booking, body: Wire) -> None:
    """Mark people as absent, also before the start."""
    now = call.clock.now()
    if body.get("host") is not None:
        booking.absent_host = body["host"]
    absences = {attendee["email"]: attendee["absent"] for attendee in body.get("attendees") or []}
    # The build of 2025-12 fails on an address that no attendee has; that of 2026-07 ignores it.
    if call.server.absence_needs_attendee and absences.keys() - {person["email"] for person in booking.attendees}:
        raise errors.no_envelope(500, "Internal server error")
    known = [attendee for attendee in booking.attendees if attendee["email"] in absences]
    for attendee in known:
        attendee["absent"] = absences[attendee["email"]]
    if known:
        marked = [{"email": attendee["email"], "noShow": attendee["absent"]} for attendee in known]
        emit_booking_event(call, "BOOKING_NO_SHOW_UPDATED", booking, no_show_payload(booking, marked))
    if known or body.get("host") is not None:
        booking.updated_at = now


def reassign(call: Call, booking: Booking) -> Wire:
    """Reassign a booking to the next host of the round robin; a booking of one person stays unchanged."""
    _check_reassigner(call, booking)
    event_type = call.store.event_types.get(booking.event_type_id or 0)
    if event_type is None or event_type.get("schedulingType") is None:
        if not call.server.reassigns_single_hosts:
            raise errors.no_details(400, "TRPCError", errors.GENERAL_TRPC_MESSAGE)
        # The response names the same host, as if the booking had been reassigned (recorded from a self-hosted server of
        # 2026-07).
        return _set_organizer(call, booking, booking.user_id)
    chosen = None
    if event_type["schedulingType"] == "roundRobin":
        taken = {booking.user_id, *booking.host_ids}
        chosen = free_host(call, event_type, booking.start, booking.end, but=taken, ignore_uid=booking.uid)
    if chosen is None:
        raise errors.bad_request("Can't reassign the booking because no other host is available at that time.")
    return _set_organizer(call, booking, chosen)


def reassign_to(call: Call, booking: Booking, user_id: int, reason: str | None) -> Wire:
    """Reassign a booking to a host, free or not: the server warns about conflicts only in its web app."""
    if user_id not in call.store.users:
        raise errors.not_found(f"User with id={user_id} was not found in the database")
    _check_reassigner(call, booking)
    event_type = call.store.event_types.get(booking.event_type_id or 0)
    if event_type is None or user_id not in host_ids(event_type):
        raise errors.bad_request(
            f"User with id={user_id} is not a valid Round Robin host - the user to which you reassign this booking "
            "must be one of the booking hosts. Fetch the booking using following endpoint and select id of one of the "
            f"hosts: {DOCS}"
        )
    booking.reassign_reason = reason
    return _set_organizer(call, booking, user_id)


def _check_reassigner(call: Call, booking: Booking) -> None:
    """Raise an error if the caller may not reassign the booking, or if it is cancelled."""
    if not may_manage(call.store, booking, call.caller.user_id):
        raise errors.forbidden("You do not have permission to reassign this booking")
    if booking.status in INACTIVE:
        raise errors.bad_request(f"Booking with uid={booking.uid} is cancelled and can't be reassigned.")


def _set_organizer(call: Call, booking: Booking, user_id: int) -> Wire:
    """Make a user the organizer and return the response."""
    previous_id = booking.user_id
    replace_organizer(call.store, booking, user_id)
    new = call.store.users[user_id]
    booking.reassigned_by = call.caller.user_id
    booking.updated_at = call.clock.now()
    if user_id != previous_id:  # the payload follows the guide of the hosted API
        hosts = {"addedHostUserIds": [user_id], "removedHostUserIds": [previous_id]}
        emit_booking_event(call, "BOOKING_REASSIGNED", booking, created_payload(call.store, booking) | hosts)
    shown: dict[str, Any] = {name: new[name] for name in HOST_FIELDS}
    return {"bookingUid": booking.uid, "reassignedTo": shown | {"displayEmail": display_email(new["email"])}}
