"""Creation of bookings: single ones, series, seats and instant bookings.

As on the real server, checking that a time is free and inserting the booking are two steps. In a sandbox with races
other requests run in between, and only the unique key of the database prevents a duplicate.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from calcom_async.sandbox.bookings.hosts import HostAssignment, assign_hosts
from calcom_async.sandbox.bookings.lookup import series_of
from calcom_async.sandbox.bookings.request import BookingRequest
from calcom_async.sandbox.bookings.times import occurrences
from calcom_async.sandbox.bookings.views import Wire, display_email, seats_of
from calcom_async.sandbox.bookings.webhook_payloads import created_payload, requested_payload
from calcom_async.sandbox.event_types.fields import split_name
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.slots.availability import check_bookable
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

RACE_WINDOW = 0.01
"""Seconds between a check and the insert, in a sandbox with races."""


async def book(call: Call, request: BookingRequest) -> list[Booking]:
    """Create the booking, or the occurrences of a series. Raises an `HttpError` if the time cannot be booked."""
    # Repeating such a request is safe only after its response: several at the same moment are all accepted (recorded
    # from a self-hosted server of 2026-07).
    repeated = _already_made(call.store, request)
    if repeated:
        return series_of(call.store, repeated.recurring_uid) if repeated.recurring_uid else [repeated]
    if request.instant:
        return [
            _make(
                call,
                request,
                _assign_hosts(call, request),
                status="awaiting_host",
            )
        ]
    _check_bookable(call, request)
    _check_active_bookings(call, request)
    assignment = _assign_hosts(call, request)
    await _race_window(call)
    # Only the first occurrence was checked. A later one may overlap other bookings; the same start and end is a 409.
    if request.event_type.get("recurrence"):
        return _make_series(call, request, assignment)
    return [_make(call, request, assignment, recurring_uid=request.series_uid)]


def _check_bookable(call: Call, request: BookingRequest) -> None:
    """Raise the server's error if the time of a request cannot be booked."""
    check_bookable(
        call.store,
        call.clock,
        request.event_type,
        request.start,
        request.end,
        zone=request.zone.key,
        overrides=request.overrides,
    )


def _assign_hosts(call: Call, request: BookingRequest) -> HostAssignment:
    """Choose the hosts for a request."""
    conflicts = request.overrides.conflicts
    return assign_hosts(call, request.event_type, request.start, request.end, allow_conflicts=conflicts)


def _already_made(store: Store, request: BookingRequest) -> Booking | None:
    """Return the existing booking for a repeated request, if it is pending or of a round robin."""
    robin = request.event_type.get("schedulingType") == "roundRobin"
    for booking in store.bookings.of_event_type(request.event_type["id"], request.start, request.start):
        if booking.start == request.start:
            live = booking.status == "pending" or (robin and booking.status == "accepted")
            if live and booking.attendees and booking.attendees[0]["email"] == request.email:
                return booking
    return None


def _check_active_bookings(call: Call, request: BookingRequest) -> None:
    """Raise a 400 if the attendee has as many future bookings as the event type allows."""
    limit = request.event_type.get("bookerActiveBookingsLimit") or {"disabled": True}
    if limit.get("disabled"):
        return
    now = call.clock.now()
    active = [
        booking
        for booking in call.store.bookings.attended_by(request.email)
        if booking.event_type_id == request.event_type["id"]
        and booking.start >= now
        and booking.status in ("accepted", "pending")
    ]
    if len(active) >= limit["maximumActiveBookings"]:
        offer = ""
        if limit.get("offerReschedule"):
            offer = f" You can reschedule your existing booking ({active[-1].uid}) to a new timeslot instead."
        raise errors.bad_request(
            "Attendee with this email can't book because the maximum number of active bookings has been reached."
            + offer
        )


async def _race_window(call: Call) -> None:
    """Let other requests run between a check and the insert, if the sandbox has races."""
    if call.settings.races:
        await asyncio.sleep(RACE_WINDOW)


def _insert(store: Store, booking: Booking) -> Booking:
    """Insert a booking. The unique key allows one accepted booking per host, start and end."""
    # A unique key of the database, made of host, start and end. It is the only protection from a race: pending bookings
    # and partial overlaps are not covered.
    clash = booking.status == "accepted" and any(
        other.start == booking.start and other.end == booking.end and other.user_id == booking.user_id
        for other in store.bookings.hosted_by(booking.user_id, booking.start, booking.start)
        if other.status == "accepted"
    )
    if clash:
        raise errors.no_envelope(409, "booking_conflict_error")
    return store.add_booking(booking)


def _make_series(call: Call, request: BookingRequest, assignment: HostAssignment) -> list[Booking]:
    """Create the occurrences one by one without rollback, as the server does: a conflict leaves the earlier ones."""
    uid = call.store.uuid()
    starts = occurrences(request.start, request.event_type["recurrence"], request.count, request.zone)
    return [_make(call, request, assignment, start=start, recurring_uid=uid) for start in starts]


def _make(
    call: Call,
    request: BookingRequest,
    assignment: HostAssignment,
    *,
    start: datetime | None = None,
    recurring_uid: str | None = None,
    status: str | None = None,
) -> Booking:
    """Create and announce one booking."""
    store, now, uid = call.store, call.clock.now(), call.store.uid()
    begin = start or request.start
    booking = Booking(
        id=store.next_id("booking"),
        uid=uid,
        title=title_of(store, request.event_type, assignment, request.attendee["name"]),
        user_id=assignment.organizer,
        host_ids=assignment.everybody,
        start=begin,
        end=begin + (request.end - request.start),
        created_at=now,
        updated_at=now,
        status=status or first_status(request.event_type, begin, now),
        description=request.answers.get("notes", ""),
        event_type_id=request.event_type["id"],
        location=request.place.location,
        attendees=[
            new_attendee(store, request.attendee | {"email": request.email}),
            *_others(store, request, assignment),
        ],
        guests=list(request.guests),
        responses=_responses(request),
        metadata=dict(request.metadata),
        ics_uid=f"{uid}@Cal.com",
        team_id=request.event_type.get("teamId"),
        recurring_uid=recurring_uid,
    )
    _insert(store, booking)
    announce(call, booking)
    return booking


def first_status(event_type: Wire, start: datetime, now: datetime) -> str:
    """Return "accepted", unless the booking needs confirmation or payment."""
    # No status says that a payment is missing; the booking is pending until then.
    waits = needs_confirmation(event_type, start, now) or event_type.get("price", 0) > 0
    return "pending" if waits else "accepted"


def needs_confirmation(event_type: Wire, start: datetime, now: datetime) -> bool:
    """Return whether the host must confirm; a policy of type "time" applies only if the start is near."""
    policy = event_type.get("confirmationPolicy") or {"disabled": True}
    if policy.get("disabled"):
        return False
    if policy["type"] == "always":
        return True
    threshold = policy["noticeThreshold"]
    return start - now < timedelta(**{threshold["unit"]: threshold["count"]})


def announce(call: Call, booking: Booking, *, seat_uid: str | None = None) -> None:
    """Emit the event of a new booking that fits its status."""
    if booking.status == "pending":
        emit_booking_event(call, "BOOKING_REQUESTED", booking, requested_payload(call.store, booking))
    else:
        trigger = "INSTANT_MEETING" if booking.status == "awaiting_host" else "BOOKING_CREATED"
        emit_booking_event(call, trigger, booking, created_payload(call.store, booking, seat_uid=seat_uid))


def emit_booking_event(call: Call, trigger: str, booking: Booking, payload: Wire) -> None:
    """Emit an event to the webhooks of the booking's host, event type and team."""
    call.emit(trigger, payload, user_id=booking.user_id, event_type_id=booking.event_type_id, team_id=booking.team_id)


def title_of(store: Store, event_type: Wire, assignment: HostAssignment, booker: str) -> str:
    """Return the title, such as "Intro between Ana and Bo"; a collective event names the team as host."""
    team = store.teams.get(event_type.get("teamId") or 0)
    together = team is not None and event_type.get("schedulingType") == "collective"
    host = str(team["name"] if team and together else store.users[assignment.organizer]["name"])
    title: str | None = event_type.get("customName")
    if not title:
        return f"{event_type['title']} between {host} and {booker}"
    for part, value in _title_parts(event_type, host, booker).items():
        title = title.replace(f"{{{part}}}", value)
    return title


def _title_parts(event_type: Wire, host: str, booker: str) -> dict[str, str]:
    """Return the values of the variables in a custom title."""
    return {
        "Event type title": event_type["title"],
        "Organiser": host,
        "Scheduler": booker,
        "Organiser first name": host.partition(" ")[0],
        "Scheduler first name": booker.partition(" ")[0],
        "Event duration": f"{event_type['lengthInMinutes']} mins",
    }


def new_attendee(store: Store, given: Wire) -> Wire:
    """Return an attendee in JSON form with a new id; the time zone is stored as sent."""
    attendee = {
        "id": store.next_id("attendee"),
        "name": given["name"],
        "email": given["email"],
        "displayEmail": display_email(given["email"]),
        "timeZone": given["timeZone"],
        "language": given.get("language") or "en",
        "absent": False,
    }
    return attendee | ({"phoneNumber": given["phoneNumber"]} if given.get("phoneNumber") else {})


def _others(store: Store, request: BookingRequest, assignment: HostAssignment) -> list[Wire]:
    """Return the other hosts, which the server stores as attendees, and the guests, whose names are empty."""
    hosts = [store.users[host_id] for host_id in assignment.others]
    people = [{"name": host["name"], "email": host["email"], "timeZone": host["time_zone"]} for host in hosts]
    # An event type without guests accepts them here; only later additions are rejected (recorded from a self-hosted
    # server of 2026-07).
    people += [{"name": "", "email": guest, "timeZone": request.attendee["timeZone"]} for guest in request.guests]
    return [new_attendee(store, person) for person in people]


def _responses(request: BookingRequest) -> Wire:
    """Return the responses as the server stores them: the contact, guests, answers and location."""
    name = request.attendee["name"]
    names = split_name(request.event_type.get("bookingFields", []), name)
    responses: dict[str, Any] = {"email": request.email, "name": names or name}
    if request.attendee.get("phoneNumber"):
        responses["attendeePhoneNumber"] = request.attendee["phoneNumber"]
    if request.guests:
        responses["guests"] = list(request.guests)
    responses |= request.answers
    if request.place.response:
        responses["location"] = request.place.response
    return responses


# --- seats


def is_shared(event_type: Wire) -> bool:
    """Return whether the event type has seats."""
    return seats_of(event_type) is not None


async def take_seat(call: Call, request: BookingRequest) -> tuple[Booking, str]:
    """Add a seat to the booking of this start, or create it. Returns the booking and the uid of the seat."""
    booking = seated_at(call.store, request.event_type, request.start)
    if booking is None:
        booking = await _first_at(call, request)
        check_seat(booking, request.event_type, request.email)
    else:
        _check_bookable(call, request)
        check_seat(booking, request.event_type, request.email)
        await _race_window(
            call
        )  # requests that meet here are not counted again, so there may be more attendees than seats
    seat_uid = seat(call, booking, new_attendee(call.store, request.attendee | {"email": request.email}), request)
    announce(call, booking, seat_uid=seat_uid)
    return booking, seat_uid


async def _first_at(call: Call, request: BookingRequest) -> Booking:
    """Create the seated booking of a start. If another request creates it first, the host is busy."""
    await _race_window(call)
    if seated_at(call.store, request.event_type, request.start):
        raise errors.bad_request("User either already has booking at this time or is not available")
    _check_bookable(call, request)
    assignment = _assign_hosts(call, request)
    await _race_window(call)
    return _make_shared(call, request, assignment)


def seated_at(store: Store, event_type: Wire, start: datetime) -> Booking | None:
    """Return the active booking of a seated event type at this start."""
    for booking in store.bookings.of_event_type(event_type["id"], start, start):
        if booking.start == start and booking.status in ("accepted", "pending"):
            return booking
    return None


def check_seat(booking: Booking, event_type: Wire, email: str) -> None:
    """Raise an error if the attendee already has a seat, or if all seats are taken."""
    # Two shapes of 409: this one has no envelope, a full booking has one.
    if any(attendee["email"] == email for attendee in booking.attendees):
        raise errors.no_envelope(409, "already_signed_up_for_this_booking_error")
    seats = seats_of(event_type) or {"seatsPerTimeSlot": 1}
    if len(booking.seats) >= seats["seatsPerTimeSlot"]:
        raise errors.conflict("No more seats left at this seated booking.")


def _make_shared(call: Call, request: BookingRequest, assignment: HostAssignment) -> Booking:
    """Create a seated booking without attendees."""
    store, now = call.store, call.clock.now()
    booking = Booking(
        id=store.next_id("booking"),
        uid=store.uid(),
        title=title_of(store, request.event_type, assignment, request.attendee["name"]),
        user_id=assignment.organizer,
        host_ids=assignment.everybody,
        start=request.start,
        end=request.end,
        created_at=now,
        updated_at=now,
        # Null for seats, and an empty text for other bookings without notes.
        description=None,
        event_type_id=request.event_type["id"],
        location=request.place.location,
        ics_uid=f"{store.uid()}@Cal.com",
        team_id=request.event_type.get("teamId"),
    )
    return _insert(store, booking)


def seat(call: Call, booking: Booking, attendee: Wire, request: BookingRequest) -> str:
    """Add an attendee and their answers to a seated booking. Returns the uid of the seat."""
    uid = call.store.uuid()
    booking.attendees = [*booking.attendees, attendee]
    answers = {"name": attendee["name"], "guests": list(request.guests), **request.answers}
    taken = {"seat_uid": uid, "attendee_id": attendee["id"], "responses": answers, "metadata": dict(request.metadata)}
    booking.seats = [*booking.seats, taken]
    booking.updated_at = call.clock.now()
    return uid
