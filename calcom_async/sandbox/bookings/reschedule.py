"""Rescheduling: a new booking replaces the old one, which is cancelled; a seat is moved alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from calcom_async.sandbox.bookings.create import (
    check_seat,
    emit_booking_event,
    needs_confirmation,
    new_attendee,
    seated_at,
)
from calcom_async.sandbox.bookings.hosts import free_host, replace_organizer
from calcom_async.sandbox.bookings.lookup import attendee_of, find_seat
from calcom_async.sandbox.bookings.permissions import is_host, led_teams
from calcom_async.sandbox.bookings.request import overrides_of
from calcom_async.sandbox.bookings.times import read_start
from calcom_async.sandbox.bookings.views import INACTIVE, Wire, is_seated
from calcom_async.sandbox.bookings.webhook_payloads import requested_payload, rescheduled_payload
from calcom_async.sandbox.event_types.records import allows_host_choice
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import is_email
from calcom_async.sandbox.slots.availability import NO_OVERRIDES, Overrides, check_bookable, host_is_free
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

NOT_FREE = "User either already has booking at this time or is not available"
TEAM_NOT_FREE = "One of the hosts either already has booking at this time or is not available"


def check_movable(call: Call, booking: Booking, body: Wire) -> None:
    """Raise an error if a booking cannot be rescheduled, whatever the new time."""
    _check_live(booking)
    if body.get("rescheduledBy") is not None and not is_email(body["rescheduledBy"]):
        raise errors.zod(("rescheduledBy", "Invalid email"))
    if is_seated(call.store, booking) and "seatUid" not in body:
        _check_whole_booking(call, booking)
    _check_notice(call, booking)


def _check_live(booking: Booking) -> None:
    """Raise an error for a cancelled or declined booking; the message names the uid of its successor, if any."""
    if booking.status not in INACTIVE:
        return
    uid, moved = booking.uid, booking.to_uid
    if moved:
        raise errors.bad_request(
            f"Can't reschedule booking with uid={uid} because it has been cancelled and rescheduled already to booking "
            f"with uid={moved}. You probably want to reschedule {moved} instead by passing it within the request URL."
        )
    raise errors.bad_request(
        f"Can't reschedule booking with uid={uid} because it has been cancelled. Please provide uid of a booking that "
        "is not cancelled."
    )


def _check_whole_booking(call: Call, booking: Booking) -> None:
    """Allow only admins of an organization to move a seated booking with all attendees, except their own."""
    user_id = call.caller.user_id
    # Recorded from a self-hosted server of 2026-07: without credentials the server fails on its own check.
    if user_id is None:
        raise errors.no_envelope(500, "Internal server error")
    if is_host(booking, user_id) or led_teams(call.store, user_id).isdisjoint(call.store.organizations):
        raise errors.bad_request(
            f"Booking with uid={booking.uid} is a seated booking which means you have to provide seatUid in the "
            "request body to specify which seat specifically you want to reschedule. First, fetch the booking using "
            "https://cal.com/docs/api-reference/v2/bookings/get-a-booking and then within the attendees array you will "
            "find the seatUid of the booking you want to reschedule. Second, provide the seatUid in the request body."
        )


def _check_notice(call: Call, booking: Booking) -> None:
    """Raise an error within `minutesBefore` of the start, except for hosts. The API ignores `disabled`."""
    event_type = call.store.event_types.get(booking.event_type_id or 0) or {}
    # Only the web app enforces `disabled`: through the API the booking moves (recorded from a self-hosted server of
    # 2026-07).
    minutes = (event_type.get("disableRescheduling") or {}).get("minutesBefore")
    if minutes and not is_host(booking, call.caller.user_id):
        left = booking.start - call.clock.now()
        if left < timedelta(minutes=minutes):
            raise errors.no_envelope(
                403, "Rescheduling is not allowed within the minimum notice period before the event"
            )


def move(call: Call, old: Booking, body: Wire) -> Booking:
    """Create the new booking with the length, people and answers of the old one."""
    start = read_start(body["start"])
    # The length is that of the booking, also if the event type has another one by now.
    end = start + (old.end - old.start)
    overrides = _overrides(call, old, body)
    _check_free(call, old, start, end, overrides)
    choice = body.get("rescheduleWithSameHost")
    host = old.user_id if overrides.conflicts else _host_at(call, old, start, end, choice=choice)
    new = _moved(call, old, start, end, body)
    if host != new.user_id:
        replace_organizer(call.store, new, host)
    old.status, old.to_uid = "cancelled", new.uid
    old.rescheduled_by, old.updated_at = new.rescheduled_by, new.created_at
    call.store.add_booking(new)
    if new.status == "pending":
        emit_booking_event(call, "BOOKING_REQUESTED", new, requested_payload(call.store, new))
    else:
        emit_booking_event(call, "BOOKING_RESCHEDULED", new, rescheduled_payload(call.store, new, old))
    return new


def _overrides(call: Call, old: Booking, body: Wire) -> Overrides:
    """Return the overrides of a body."""
    event_type = call.store.event_types.get(old.event_type_id or 0)
    return NO_OVERRIDES if event_type is None else overrides_of(call, event_type, body)


def _check_free(call: Call, old: Booking, start: datetime, end: datetime, overrides: Overrides) -> None:
    """Raise an error if the event type cannot be booked then, the old booking aside."""
    event_type = call.store.event_types.get(old.event_type_id or 0)
    if event_type is None:
        return
    try:
        check_bookable(call.store, call.clock, event_type, start, end, ignore_uid=old.uid, overrides=overrides)
    except errors.HttpError as error:
        # The server's message says "User" for team events too.
        raise errors.bad_request(NOT_FREE) if error.message == TEAM_NOT_FREE else error from None


def _host_at(call: Call, old: Booking, start: datetime, end: datetime, *, choice: bool | None) -> int:
    """Return the organizer at the new time: the same person, unless a round robin must choose another.

    `choice` is whether the booker wants the same host; it counts only where the event type allows it.
    """
    store, event_type = call.store, call.store.event_types.get(old.event_type_id or 0) or {}
    if event_type.get("schedulingType") != "roundRobin":
        return old.user_id
    # A free host stays, also if the booker may choose and asked for another.
    if host_is_free(store, call.clock, event_type, old.user_id, start, end, ignore_uid=old.uid):
        return old.user_id
    chosen = choice is not None and allows_host_choice(event_type)
    keep = choice if chosen else event_type.get("rescheduleWithSameRoundRobinHost")
    other = None if keep else free_host(call, event_type, start, end, ignore_uid=old.uid)
    if other is None:
        raise errors.bad_request(NOT_FREE)
    return other


def _moved(call: Call, old: Booking, start: datetime, end: datetime, body: Wire) -> Booking:
    """Return the new booking; it is not stored yet."""
    store, now, reason = call.store, call.clock.now(), body.get("reschedulingReason")
    attendees = _carried(store, old)
    return replace(
        old,
        id=store.next_id("booking"),
        uid=store.uid(),
        start=start,
        end=end,
        created_at=now,
        updated_at=now,
        status=_status_after(call, old, start, body),
        attendees=attendees,
        guests=list(old.guests),
        responses=_answers(old, body),
        metadata=dict(old.metadata),
        host_ids=list(old.host_ids),
        seats=_seats_with(store, old, attendees),
        references=[],
        absent_host=False,
        rating=None,
        rescheduling_reason=reason,
        rescheduled_by=body.get("rescheduledBy"),
        # `ics_uid` stays that of the first booking, so calendars move the entry instead of adding one.
        from_uid=old.uid,
        to_uid=None,
    )


def _answers(old: Booking, body: Wire) -> Wire:
    """Return the old answers with the new reason. `rescheduledBy` without a reason removes the old reason."""
    reason = body.get("reschedulingReason")
    if reason:
        return old.responses | {"rescheduledReason": reason}
    # Measured on both self-hosted builds; a body without either field keeps the old reason.
    drops = "rescheduledBy" in body
    return {name: answer for name, answer in old.responses.items() if not (drops and name == "rescheduledReason")}


def _status_after(call: Call, old: Booking, start: datetime, body: Wire) -> str:
    """Return "pending" if the booking needs confirmation, unless the organizer reschedules it."""
    event_type = call.store.event_types.get(old.event_type_id or 0) or {}
    if not needs_confirmation(event_type, start, call.clock.now()):
        return "accepted"
    organizer = call.store.users.get(old.user_id, {}).get("email")
    by = body.get("rescheduledBy")
    booker = old.attendees[0]["email"] if old.attendees else None
    by_organizer = is_host(old, call.caller.user_id) or (by is not None and by == organizer and by != booker)
    return "accepted" if by_organizer else "pending"


def _carried(store: Store, old: Booking) -> list[Wire]:
    """Return the attendees of the old booking; guests lose their names and get the first attendee's time zone."""
    # The server stores guests as bare addresses and builds their rows anew.
    zone = old.attendees[0]["timeZone"] if old.attendees else "UTC"
    return [
        new_attendee(store, attendee | ({"name": "", "timeZone": zone} if attendee["email"] in old.guests else {}))
        for attendee in old.attendees
    ]


def _seats_with(store: Store, old: Booking, attendees: list[Wire]) -> list[Wire]:
    """Return the seats of a booking that moves with all attendees; they get new uids."""
    arrived = {was["id"]: now["id"] for was, now in zip(old.attendees, attendees, strict=True)}
    return [seat | {"seat_uid": store.uuid(), "attendee_id": arrived[seat["attendee_id"]]} for seat in old.seats]


# --- one seat


def move_seat(call: Call, body: Wire) -> tuple[Booking, str]:
    """Move a seat to the booking of another start, created if needed. Returns it and the uid of the new seat."""
    seat_uid = body["seatUid"]
    old, seat = find_seat(call.store, seat_uid, errors.not_found(f"Seat with uid={seat_uid} does not exist."))
    start = read_start(body["start"])
    _check_free(call, old, start, start + (old.end - old.start), _overrides(call, old, body))
    attendee = attendee_of(old, seat["attendee_id"])
    assert attendee is not None, "a seat has its attendee"
    event_type = call.store.event_types[old.event_type_id or 0]
    # The seats of one start are one booking. Whoever moves joins it, or begins it.
    target = seated_at(call.store, event_type, start)
    if target is not None and target is not old:
        check_seat(target, event_type, attendee["email"])
    target = target or _empty_at(call, old, start)
    was = replace(old)
    leave(call, old, seat)
    new_uid = _add_seat(call, target, attendee, seat)
    target.rescheduled_by = body.get("rescheduledBy")
    payload = rescheduled_payload(call.store, target, was, seat_uid=new_uid)
    emit_booking_event(call, "BOOKING_RESCHEDULED", target, payload)
    return target, new_uid


def _empty_at(call: Call, old: Booking, start: datetime) -> Booking:
    """Create a seated booking like the old one, without attendees."""
    now = call.clock.now()
    uid = call.store.uid()
    fresh: dict[str, Any] = {name: [] for name in ("attendees", "seats", "references", "guests")}
    booking = replace(
        old,
        id=call.store.next_id("booking"),
        uid=uid,
        start=start,
        end=start + (old.end - old.start),
        created_at=now,
        updated_at=now,
        ics_uid=f"{uid}@Cal.com",
        host_ids=list(old.host_ids),
        metadata=dict(old.metadata),
        responses={},
        **fresh,
    )
    return call.store.add_booking(booking)


def _add_seat(call: Call, booking: Booking, attendee: Wire, seat: Wire) -> str:
    """Add an attendee with the answers of an old seat, and return the new seat's uid."""
    uid = call.store.uuid()
    arrived = new_attendee(call.store, attendee)
    booking.attendees = [*booking.attendees, arrived]
    booking.seats = [*booking.seats, seat | {"seat_uid": uid, "attendee_id": arrived["id"]}]
    booking.updated_at = call.clock.now()
    return uid


def leave(call: Call, booking: Booking, seat: Wire) -> None:
    """Remove a seat; removing the last one cancels the booking."""
    booking.seats = [other for other in booking.seats if other != seat]
    booking.attendees = [attendee for attendee in booking.attendees if attendee["id"] != seat["attendee_id"]]
    booking.updated_at = call.clock.now()
    if not booking.seats:
        booking.status = "cancelled"
