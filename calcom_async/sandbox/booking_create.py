"""Making bookings: plain ones, series, seats, instant ones.

Looking whether a time is free and keeping the booking are two steps, as on the server. In a sandbox with races other
requests come in between, and only the database's unique key notices what they do there.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from . import errors
from .availability import check_bookable
from .booking_find import series_of
from .booking_hosts import Cast, cast_for
from .booking_payload import created_payload, requested_payload
from .booking_time import occurrences
from .booking_view import Wire, display_email, seats_of
from .booking_wish import Wish
from .event_type_fields import split_name
from .routes import Call
from .store import Booking, Store

RACE_WINDOW = 0.01
"""Seconds between a check and what relies on it, in a sandbox with races."""


async def book(call: Call, wish: Wish) -> list[Booking]:
    """Make what was asked for, or raise why not; one booking, or the occurrences of a series."""
    repeated = _already_made(call.store, wish)
    if repeated:
        return series_of(call.store, repeated.recurring_uid) if repeated.recurring_uid else [repeated]
    if wish.instant:
        return [_make(call, wish, cast_for(call, wish.event_type, wish.start, wish.end), status="awaiting_host")]
    check_bookable(call.store, call.clock, wish.event_type, wish.start, wish.end, zone=wish.zone.key)
    _check_active_bookings(call, wish)
    cast = cast_for(call, wish.event_type, wish.start, wish.end)
    await _meanwhile(call)
    if wish.event_type.get("recurrence"):
        return _make_series(call, wish, cast)
    return [_make(call, wish, cast)]


def _already_made(store: Store, wish: Wish) -> Booking | None:
    """Asking again for a pending or round-robin booking gives the one that there is."""
    robin = wish.event_type.get("schedulingType") == "roundRobin"
    for one in store.bookings.values():
        if one.start == wish.start and one.event_type_id == wish.event_type["id"]:
            live = one.status == "pending" or (robin and one.status == "accepted")
            if live and one.attendees and one.attendees[0]["email"] == wish.email:
                return one
    return None


def _check_active_bookings(call: Call, wish: Wish) -> None:
    limit = wish.event_type.get("bookerActiveBookingsLimit") or {"disabled": True}
    if limit.get("disabled"):
        return
    now = call.clock.now()
    active = [
        one
        for one in call.store.bookings.values()
        if one.event_type_id == wish.event_type["id"]
        and one.start >= now
        and one.status in ("accepted", "pending")
        and any(attendee["email"] == wish.email for attendee in one.attendees)
    ]
    if len(active) >= limit["maximumActiveBookings"]:
        offer = ""
        if limit.get("offerReschedule"):
            offer = f" You can reschedule your existing booking ({active[-1].uid}) to a new timeslot instead."
        raise errors.bad_request(
            "Attendee with this email can't book because the maximum number of active bookings has been reached."
            + offer
        )


async def _meanwhile(call: Call) -> None:
    """Let other requests in between a check and what relies on it, if the sandbox has races."""
    if call.sandbox.races:
        await asyncio.sleep(RACE_WINDOW)


def _insert(store: Store, booking: Booking) -> Booking:
    """Keep a booking, unless the unique key forbids: one accepted booking for each host, start and end."""
    clash = booking.status == "accepted" and any(
        one.start == booking.start and one.end == booking.end and one.user_id == booking.user_id
        for one in store.bookings.values()
        if one.status == "accepted"
    )
    if clash:
        raise errors.raw(409, "booking_conflict_error")
    return store.add_booking(booking)


def _make_series(call: Call, wish: Wish, cast: Cast) -> list[Booking]:
    """One after another and without rollback: a clash leaves the earlier ones booked, as on the server."""
    uid = call.store.uuid()
    starts = occurrences(wish.start, wish.event_type["recurrence"], wish.count, wish.zone)
    return [_make(call, wish, cast, start=start, recurring_uid=uid) for start in starts]


def _make(
    call: Call,
    wish: Wish,
    cast: Cast,
    *,
    start: datetime | None = None,
    recurring_uid: str | None = None,
    status: str | None = None,
) -> Booking:
    store, now, uid = call.store, call.clock.now(), call.store.uid()
    begin = start or wish.start
    booking = Booking(
        id=store.next_id("booking"),
        uid=uid,
        title=title_of(store, wish.event_type, cast, wish.attendee["name"]),
        user_id=cast.organizer,
        host_ids=cast.everybody,
        start=begin,
        end=begin + (wish.end - wish.start),
        created_at=now,
        updated_at=now,
        status=status or first_status(wish.event_type, begin, now),
        description=wish.answers.get("notes", ""),
        event_type_id=wish.event_type["id"],
        location=wish.place.location,
        attendees=[new_attendee(store, wish.attendee | {"email": wish.email}), *_others(store, wish, cast)],
        guests=list(wish.guests),
        responses=_responses(wish),
        metadata=dict(wish.metadata),
        ics_uid=f"{uid}@Cal.com",
        team_id=wish.event_type.get("teamId"),
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


def title_of(store: Store, event_type: Wire, cast: Cast, booker: str) -> str:
    """Intro between Ana and Bo; a collective one is between the team and the booker."""
    team = store.teams.get(event_type.get("teamId") or 0)
    together = team is not None and event_type.get("schedulingType") == "collective"
    host = str(team["name"] if team and together else store.users[cast.organizer]["name"])
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


def _others(store: Store, wish: Wish, cast: Cast) -> list[Wire]:
    """The other hosts, whom the server keeps among the attendees, and the guests, who have no name of their own."""
    hosts = [store.users[one] for one in cast.others]
    people = [{"name": one["name"], "email": one["email"], "timeZone": one["time_zone"]} for one in hosts]
    people += [{"name": "", "email": one, "timeZone": wish.attendee["timeZone"]} for one in wish.guests]
    return [new_attendee(store, one) for one in people]


def _responses(wish: Wish) -> Wire:
    name = wish.attendee["name"]
    names = split_name(wish.event_type.get("bookingFields", []), name)
    responses: dict[str, Any] = {"email": wish.email, "name": names or name}
    if wish.attendee.get("phoneNumber"):
        responses["attendeePhoneNumber"] = wish.attendee["phoneNumber"]
    if wish.guests:
        responses["guests"] = list(wish.guests)
    responses |= wish.answers
    if wish.place.response:
        responses["location"] = wish.place.response
    return responses


# --- seats


def is_shared(event_type: Wire) -> bool:
    """Whether bookers of the same start sit in one booking."""
    return seats_of(event_type) is not None


async def take_seat(call: Call, wish: Wish) -> tuple[Booking, str]:
    """Join the booking of that start, or make it; answers the booking and the new seat's uid."""
    booking = seated_at(call.store, wish.event_type, wish.start)
    if booking is None:
        booking = await _first_at(call, wish)
        check_seat(booking, wish.event_type, wish.email)
    else:
        check_bookable(call.store, call.clock, wish.event_type, wish.start, wish.end, zone=wish.zone.key)
        check_seat(booking, wish.event_type, wish.email)
        await _meanwhile(call)  # those who meet here are not counted again, so they may be more than the seats
    seat_uid = seat(call, booking, new_attendee(call.store, wish.attendee | {"email": wish.email}), wish)
    announce(call, booking, seat_uid=seat_uid)
    return booking, seat_uid


async def _first_at(call: Call, wish: Wish) -> Booking:
    """Make the seated booking of a start that had none; one that appears meanwhile makes the host busy."""
    await _meanwhile(call)
    if seated_at(call.store, wish.event_type, wish.start):
        raise errors.bad_request("User either already has booking at this time or is not available")
    check_bookable(call.store, call.clock, wish.event_type, wish.start, wish.end, zone=wish.zone.key)
    cast = cast_for(call, wish.event_type, wish.start, wish.end)
    await _meanwhile(call)
    return _make_shared(call, wish, cast)


def seated_at(store: Store, event_type: Wire, start: datetime) -> Booking | None:
    """The running booking of a seated event type at that start."""
    for one in store.bookings.values():
        if one.start == start and one.event_type_id == event_type["id"] and one.status in ("accepted", "pending"):
            return one
    return None


def check_seat(booking: Booking, event_type: Wire, email: str) -> None:
    """Refuse who sits here already, and whoever comes when all seats are taken."""
    if any(one["email"] == email for one in booking.attendees):
        raise errors.raw(409, "already_signed_up_for_this_booking_error")
    seats = seats_of(event_type) or {"seatsPerTimeSlot": 1}
    if len(booking.seats) >= seats["seatsPerTimeSlot"]:
        raise errors.conflict("No more seats left at this seated booking.")


def _make_shared(call: Call, wish: Wish, cast: Cast) -> Booking:
    """A seated booking in which nobody sits yet."""
    store, now = call.store, call.clock.now()
    booking = Booking(
        id=store.next_id("booking"),
        uid=store.uid(),
        title=title_of(store, wish.event_type, cast, wish.attendee["name"]),
        user_id=cast.organizer,
        host_ids=cast.everybody,
        start=wish.start,
        end=wish.end,
        created_at=now,
        updated_at=now,
        description=None,
        event_type_id=wish.event_type["id"],
        location=wish.place.location,
        ics_uid=f"{store.uid()}@Cal.com",
        team_id=wish.event_type.get("teamId"),
    )
    return _insert(store, booking)


def seat(call: Call, booking: Booking, attendee: Wire, wish: Wish) -> str:
    """Put an attendee into a seat of a booking, with what they answered."""
    uid = call.store.uuid()
    booking.attendees.append(attendee)
    answers = {"name": attendee["name"], "guests": list(wish.guests), **wish.answers}
    booking.seats.append(
        {"seat_uid": uid, "attendee_id": attendee["id"], "responses": answers, "metadata": dict(wish.metadata)}
    )
    booking.updated_at = call.clock.now()
    return uid
