"""Cancellation of a booking, a seat, a series or the rest of a series."""

from __future__ import annotations

from collections.abc import Sequence

from calcom_async.sandbox.bookings.create import emit_booking_event
from calcom_async.sandbox.bookings.lookup import find_booking, series_of
from calcom_async.sandbox.bookings.permissions import is_host
from calcom_async.sandbox.bookings.reschedule import leave
from calcom_async.sandbox.bookings.views import INACTIVE, Wire, is_seated
from calcom_async.sandbox.bookings.webhook_payloads import cancelled_payload
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.state.booking import Booking


def cancel(call: Call, uid: str, body: Wire) -> list[Booking] | Booking:
    """Cancel the bookings of a uid and return them afterwards; of a series all of them."""
    later = bool(body.get("cancelSubsequentBookings"))
    series = series_of(call.store, uid)
    if series:
        return _cancel_series(call, series, body, later=later)
    booking = find_booking(call.store, uid, "Booking with uid={} not found")
    if later:
        return _cancel_later(call, booking, body)
    if "seatUid" in body:
        return _cancel_seat(call, booking, body)
    _check(call, booking, body)
    # A 401 without envelope, with or without valid credentials: it does not mean that the key is wrong.
    if is_seated(call.store, booking) and booking.seats and not is_host(booking, call.caller.user_id):
        raise errors.no_envelope(401, "User not a host of this event")
    _cancel_all(call, [booking], body)
    return booking


def _cancel_series(call: Call, series: list[Booking], body: Wire, *, later: bool) -> list[Booking]:
    """Cancel the future occurrences of a series; past ones stay as they are."""
    if later:
        raise errors.bad_request(
            "Cannot cancel subsequent bookings for recurring event - you have to provide uid of one of the individual "
            "bookings of a recurring booking."
        )
    # The real server checks one occurrence of the series. If that one was rescheduled, it rejects the request as if
    # the series were cancelled (measured on both self-hosted builds).
    if (moved := next((occurrence for occurrence in series if occurrence.to_uid), None)) is not None:
        _check(call, moved, body)
    now = call.clock.now()
    remaining = [occurrence for occurrence in series if occurrence.start >= now and occurrence.status not in INACTIVE]
    _check(call, remaining[0] if remaining else series[-1], body)
    _cancel_all(call, remaining, body)
    return series


def _cancel_later(call: Call, booking: Booking, body: Wire) -> list[Booking]:
    """Cancel an occurrence and those after it."""
    if booking.recurring_uid is None:
        raise errors.bad_request(f"Booking with bookingUid={booking.uid} is not part of a recurring booking.")
    _check(call, booking, body)
    series = series_of(call.store, booking.recurring_uid)
    _cancel_all(
        call,
        [
            occurrence
            for occurrence in series
            if occurrence.start >= booking.start and occurrence.status not in INACTIVE
        ],
        body,
    )
    return series


def _cancel_seat(call: Call, booking: Booking, body: Wire) -> Booking:
    """Remove one attendee. The booking is cancelled with its last seat."""
    uid = body["seatUid"]
    # Whoever knows the uid of a seat may cancel it.
    seat = next((seat for seat in booking.seats if seat["seat_uid"] == uid), None)
    if seat is None:
        elsewhere = call.store.bookings.with_seat(uid) is not None
        raise errors.bad_request(
            "Invalid seatUid: this seat does not belong to this booking."
            if elsewhere
            else "Invalid seatUid: this seat does not exist or has already been cancelled."
        )
    _check(call, booking, body)
    reason = body.get("cancellationReason")
    payload = cancelled_payload(call.store, booking, reason, seat_uid=uid)
    leave(call, booking, seat)
    if not booking.seats:
        booking.cancellation_reason = reason
    emit_booking_event(call, "BOOKING_CANCELLED", booking, payload)
    return booking


def request_reschedule(call: Call, booking: Booking, reason: str | None) -> None:
    """Cancel a booking so that its attendee chooses another time. The hosts alone may do this.

    The operation is new on the hosted API of September 2026. Only its success was seen; the errors are those of similar
    operations.
    """
    if not is_host(booking, call.caller.user_id):
        raise errors.forbidden("You do not have permission to request a reschedule of this booking")
    if booking.status in INACTIVE:
        raise errors.bad_request(
            f"Can't request a reschedule of booking with uid={booking.uid} because it has been cancelled already."
        )
    booking.status = "cancelled"
    booking.cancellation_reason = reason
    booking.updated_at = call.clock.now()
    payload = cancelled_payload(call.store, booking, reason) | {"requestReschedule": True}
    emit_booking_event(call, "BOOKING_CANCELLED", booking, payload)


def _check(call: Call, booking: Booking, body: Wire) -> None:
    """Raise the first error of the real server's checks."""
    if booking.status == "cancelled":
        raise errors.bad_request(
            f"Can't cancel booking with uid={booking.uid} because it has been cancelled already. Please provide uid of "
            "a booking that is not cancelled."
        )
    event_type = call.store.event_types.get(booking.event_type_id or 0) or {}
    # Hosts are not exempt. A declined booking can be cancelled, an ended one cannot.
    if (event_type.get("disableCancelling") or {}).get("disabled"):
        raise errors.no_envelope(400, "This event type does not allow cancellations")
    if booking.end < call.clock.now():
        raise errors.no_envelope(400, "Cannot cancel a booking that has already ended")
    reason = (body.get("cancellationReason") or "").strip()
    # Attendees, callers without credentials and holders of other keys need no reason (recorded from a self-hosted
    # server of 2026-07).
    if not reason and is_host(booking, call.caller.user_id):
        raise errors.no_envelope(400, "Cancellation reason is required")


def _cancel_all(call: Call, bookings: Sequence[Booking], body: Wire) -> None:
    """Cancel all bookings, with a single webhook event."""
    reason = body.get("cancellationReason")
    # `cancelledByEmail` stays empty on the real server, also when the host cancels with a key.
    for booking in bookings:
        booking.status = "cancelled"
        booking.cancellation_reason = reason
        booking.updated_at = call.clock.now()
    if bookings:
        # The server sends no event for the other occurrences.
        first = bookings[0]
        emit_booking_event(call, "BOOKING_CANCELLED", first, cancelled_payload(call.store, first, reason))
