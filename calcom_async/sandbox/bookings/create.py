"""Making bookings: plain ones, series, seats, instant ones.

Looking whether a time is free and keeping the booking are two steps, as on the server. In a sandbox with races other
requests come in between, and only the database's unique key notices what they do there.
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
"""Seconds between a check and what relies on it, in a sandbox with races."""


async def book(call: Call, request: BookingRequest) -> list[Booking]:
    """Make what was asked for, or raise why not; one booking, or the occurrences of a series."""
    repeated = _already_made(call.store, request)
    if repeated:
        return series_of(call.store, repeated.recurring_uid) if repeated.recurring_uid else [repeated]
    if request.instant:
        return [
            _make(
                call,
                request,
                assign_hosts(call, request.event_type, request.start, request.end),
                status="awaiting_host",
            )
        ]
    check_bookable(call.store, call.clock, request.event_type, request.start, request.end, zone=request.zone.key)
    _check_active_bookings(call, request)
    hosts_of_booking = assign_hosts(call, request.event_type, request.start, request.end)
    await _race_window(call)
    if request.event_type.get("recurrence"):
        return _make_series(call, request, hosts_of_booking)
    return [_make(call, request, hosts_of_booking)]


def _already_made(store: Store, request: BookingRequest) -> Booking | None:
    """Asking again for a pending or round-robin booking gives the one that there is."""
    robin = request.event_type.get("schedulingType") == "roundRobin"
    for one in store.bookings.values():
        if one.start == request.start and one.event_type_id == request.event_type["id"]:
            live = one.status == "pending" or (robin and one.status == "accepted")
            if live and one.attendees and one.attendees[0]["email"] == request.email:
                return one
    return None


def _check_active_bookings(call: Call, request: BookingRequest) -> None:
    limit = request.event_type.get("bookerActiveBookingsLimit") or {"disabled": True}
    if limit.get("disabled"):
        return
    now = call.clock.now()
    active = [
        one
        for one in call.store.bookings.values()
        if one.event_type_id == request.event_type["id"]
        and one.start >= now
        and one.status in ("accepted", "pending")
        and any(attendee["email"] == request.email for attendee in one.attendees)
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
    """Let other requests in between a check and what relies on it, if the sandbox has races."""
    if call.settings.races:
        await asyncio.sleep(RACE_WINDOW)


def _insert(store: Store, booking: Booking) -> Booking:
    """Keep a booking, unless the unique key forbids: one accepted booking for each host, start and end."""
    clash = booking.status == "accepted" and any(
        one.start == booking.start and one.end == booking.end and one.user_id == booking.user_id
        for one in store.bookings.values()
        if one.status == "accepted"
    )
    if clash:
        raise errors.no_envelope(409, "booking_conflict_error")
    return store.add_booking(booking)


def _make_series(call: Call, request: BookingRequest, hosts_of_booking: HostAssignment) -> list[Booking]:
    """One after another and without rollback: a clash leaves the earlier ones booked, as on the server."""
    uid = call.store.uuid()
    starts = occurrences(request.start, request.event_type["recurrence"], request.count, request.zone)
    return [_make(call, request, hosts_of_booking, start=start, recurring_uid=uid) for start in starts]


def _make(
    call: Call,
    request: BookingRequest,
    hosts_of_booking: HostAssignment,
    *,
    start: datetime | None = None,
    recurring_uid: str | None = None,
    status: str | None = None,
) -> Booking:
    store, now, uid = call.store, call.clock.now(), call.store.uid()
    begin = start or request.start
    booking = Booking(
        id=store.next_id("booking"),
        uid=uid,
        title=title_of(store, request.event_type, hosts_of_booking, request.attendee["name"]),
        user_id=hosts_of_booking.organizer,
        host_ids=hosts_of_booking.everybody,
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
            *_others(store, request, hosts_of_booking),
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
    """Accepted, unless somebody has to confirm or pay first."""
    waits = needs_confirmation(event_type, start, now) or event_type.get("price", 0) > 0
    return "pending" if waits else "accepted"


def needs_confirmation(event_type: Wire, start: datetime, now: datetime) -> bool:
    """Whether the policy asks the host; a policy of type time asks only when the start is near."""
    policy = event_type.get("confirmationPolicy") or {"disabled": True}
    if policy.get("disabled"):
        return False
    if policy["type"] == "always":
        return True
    threshold = policy["noticeThreshold"]
    return start - now < timedelta(**{threshold["unit"]: threshold["count"]})


def announce(call: Call, booking: Booking, *, seat_uid: str | None = None) -> None:
    """Tell webhooks of a new booking, in the way that its status asks for."""
    if booking.status == "pending":
        tell(call, "BOOKING_REQUESTED", booking, requested_payload(call.store, booking))
    else:
        trigger = "INSTANT_MEETING" if booking.status == "awaiting_host" else "BOOKING_CREATED"
        tell(call, trigger, booking, created_payload(call.store, booking, seat_uid=seat_uid))


def tell(call: Call, trigger: str, booking: Booking, payload: Wire) -> None:
    """Emit a webhook event to those who listen for this booking's host, event type or team."""
    call.emit(trigger, payload, user_id=booking.user_id, event_type_id=booking.event_type_id, team_id=booking.team_id)


def title_of(store: Store, event_type: Wire, hosts_of_booking: HostAssignment, booker: str) -> str:
    """Intro between Ana and Bo; a collective one is between the team and the booker."""
    team = store.teams.get(event_type.get("teamId") or 0)
    together = team is not None and event_type.get("schedulingType") == "collective"
    host = str(team["name"] if team and together else store.users[hosts_of_booking.organizer]["name"])
    title: str | None = event_type.get("customName")
    if not title:
        return f"{event_type['title']} between {host} and {booker}"
    for part, value in _title_parts(event_type, host, booker).items():
        title = title.replace(f"{{{part}}}", value)
    return title


def _title_parts(event_type: Wire, host: str, booker: str) -> dict[str, str]:
    return {
        "Event type title": event_type["title"],
        "Organiser": host,
        "Scheduler": booker,
        "Organiser first name": host.partition(" ")[0],
        "Scheduler first name": booker.partition(" ")[0],
        "Event duration": f"{event_type['lengthInMinutes']} mins",
    }


def new_attendee(store: Store, given: Wire) -> Wire:
    """An attendee's wire form with a new id; the zone is kept as sent."""
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


def _others(store: Store, request: BookingRequest, hosts_of_booking: HostAssignment) -> list[Wire]:
    """The other hosts, whom the server keeps among the attendees, and the guests, who have no name of their own."""
    hosts = [store.users[one] for one in hosts_of_booking.others]
    people = [{"name": one["name"], "email": one["email"], "timeZone": one["time_zone"]} for one in hosts]
    people += [{"name": "", "email": one, "timeZone": request.attendee["timeZone"]} for one in request.guests]
    return [new_attendee(store, one) for one in people]


def _responses(request: BookingRequest) -> Wire:
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
    """Whether bookers of the same start sit in one booking."""
    return seats_of(event_type) is not None


async def take_seat(call: Call, request: BookingRequest) -> tuple[Booking, str]:
    """Join the booking of that start, or make it; answers the booking and the new seat's uid."""
    booking = seated_at(call.store, request.event_type, request.start)
    if booking is None:
        booking = await _first_at(call, request)
        check_seat(booking, request.event_type, request.email)
    else:
        check_bookable(call.store, call.clock, request.event_type, request.start, request.end, zone=request.zone.key)
        check_seat(booking, request.event_type, request.email)
        await _race_window(call)  # those who meet here are not counted again, so they may be more than the seats
    seat_uid = seat(call, booking, new_attendee(call.store, request.attendee | {"email": request.email}), request)
    announce(call, booking, seat_uid=seat_uid)
    return booking, seat_uid


async def _first_at(call: Call, request: BookingRequest) -> Booking:
    """Make the seated booking of a start that had none; one that appears meanwhile makes the host busy."""
    await _race_window(call)
    if seated_at(call.store, request.event_type, request.start):
        raise errors.bad_request("User either already has booking at this time or is not available")
    check_bookable(call.store, call.clock, request.event_type, request.start, request.end, zone=request.zone.key)
    hosts_of_booking = assign_hosts(call, request.event_type, request.start, request.end)
    await _race_window(call)
    return _make_shared(call, request, hosts_of_booking)


def seated_at(store: Store, event_type: Wire, start: datetime) -> Booking | None:
    """The running booking of a seated event type at that start."""
    for one in store.bookings.values():
        if one.start == start and one.event_type_id == event_type["id"] and one.status in ("accepted", "pending"):
            return one
    return None


def check_seat(booking: Booking, event_type: Wire, email: str) -> None:
    """Refuse who sits here already, and whoever comes when all seats are taken."""
    if any(one["email"] == email for one in booking.attendees):
        raise errors.no_envelope(409, "already_signed_up_for_this_booking_error")
    seats = seats_of(event_type) or {"seatsPerTimeSlot": 1}
    if len(booking.seats) >= seats["seatsPerTimeSlot"]:
        raise errors.conflict("No more seats left at this seated booking.")


def _make_shared(call: Call, request: BookingRequest, hosts_of_booking: HostAssignment) -> Booking:
    """A seated booking in which nobody sits yet."""
    store, now = call.store, call.clock.now()
    booking = Booking(
        id=store.next_id("booking"),
        uid=store.uid(),
        title=title_of(store, request.event_type, hosts_of_booking, request.attendee["name"]),
        user_id=hosts_of_booking.organizer,
        host_ids=hosts_of_booking.everybody,
        start=request.start,
        end=request.end,
        created_at=now,
        updated_at=now,
        description=None,
        event_type_id=request.event_type["id"],
        location=request.place.location,
        ics_uid=f"{store.uid()}@Cal.com",
        team_id=request.event_type.get("teamId"),
    )
    return _insert(store, booking)


def seat(call: Call, booking: Booking, attendee: Wire, request: BookingRequest) -> str:
    """Put an attendee into a seat of a booking, with what they answered."""
    uid = call.store.uuid()
    booking.attendees.append(attendee)
    answers = {"name": attendee["name"], "guests": list(request.guests), **request.answers}
    booking.seats.append(
        {"seat_uid": uid, "attendee_id": attendee["id"], "responses": answers, "metadata": dict(request.metadata)}
    )
    booking.updated_at = call.clock.now()
    return uid
