"""Handlers of slot reservations."""

from __future__ import annotations

from datetime import datetime, timedelta

from calcom_async.sandbox.accounts.teams import accepted_team_ids
from calcom_async.sandbox.event_types.records import host_ids, is_team_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import date_string, integer
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.slots.handlers import VERSION, Wire, parse_time
from calcom_async.sandbox.slots.seats import live_reservations, seat_count
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()

RESERVATION_MINUTES = 5


_RESERVATION = Form(
    Field("eventTypeId", integer),
    Field("slotStart", date_string),
    Field("slotDuration", integer, optional=True),
    Field("reservationDuration", integer, optional=True),
)


@ROUTES.add("POST", "/v2/slots/reservations", version=VERSION, auth="optional", status=201)
def reserve_slot(call: Call) -> object:
    """Reserve a time for some minutes. The server does not check that it is an available slot."""
    body = _RESERVATION.read(call.body)
    if body.get("reservationDuration") and call.caller.user_id is None:
        raise errors.unauthorized(
            "reservationDuration can only be used for authenticated requests - use access token, api key or OAuth "
            "credentials"
        )
    event_type = _event_type(call.store, body["eventTypeId"])
    if body.get("reservationDuration"):
        _check_related(call.store, call.caller.user_id, event_type)
    wanted = _wanted(call, event_type, body)
    # A reservation belongs to one host, and hides the time on all event types of that host.
    people = host_ids(event_type)
    if not people:
        raise errors.bad_request("Cannot reserve a slot for a team event without any hosts")
    reservation = {"uid": call.store.uuid(), "user_id": people[0], **wanted}
    call.store.reservations[reservation["uid"]] = reservation
    return _shown_reservation(reservation, body)


@ROUTES.add("GET", "/v2/slots/reservations/{uid}", version=VERSION, auth="public")
def get_reservation(call: Call) -> object:
    """Return the reservation while it is live, else null. A booking of its time does not end it."""
    reservation = _live(call)
    return reservation and _shown_reservation(reservation)


@ROUTES.add("PATCH", "/v2/slots/reservations/{uid}", version=VERSION, auth="public")
def change_reservation(call: Call) -> object:
    """Move and extend a reservation. Like on the server, it blocks itself where the two times overlap.

    Nobody owns a reservation: whoever knows the uid may change and delete it, and set any duration here.
    """
    body = _RESERVATION.read(call.body)
    reservation = _live(call)
    if reservation is None:
        raise errors.not_found(f"Slot with uid={call.path['uid']} not found")
    reservation |= _wanted(call, _event_type(call.store, body["eventTypeId"]), body)
    return _shown_reservation(reservation, body)


@ROUTES.add("DELETE", "/v2/slots/reservations/{uid}", version=VERSION, auth="public")
def delete_reservation(call: Call) -> object:
    """Delete a reservation; succeeds for unknown ones too."""
    call.store.reservations.pop(call.path["uid"], None)
    return Status()


def _live(call: Call) -> Wire | None:
    """Return the reservation of the path, or None after it has expired."""
    return next(
        (
            reservation
            for reservation in live_reservations(call.store, call.clock)
            if reservation["uid"] == call.path["uid"]
        ),
        None,
    )


def _event_type(store: Store, event_type_id: int) -> Wire:
    """Return an event type, or raise a 404."""
    event_type = store.event_types.get(event_type_id)
    if event_type is None:
        raise errors.not_found(f"Event Type with ID={event_type_id} not found")
    return event_type


def _wanted(call: Call, event_type: Wire, body: Wire) -> Wire:
    """Return the reservation of a body, after the checks of its time."""
    start = parse_time(body["slotStart"], "start")
    end = start + timedelta(minutes=_slot_minutes(event_type, body.get("slotDuration")))
    # Working hours, notice and the grid are not checked, and not even whether the time is past (recorded from a self-
    # hosted server of 2026-07).
    _check_not_booked(call.store, event_type, start, end, body["slotStart"])
    _check_not_reserved(call, event_type, start, end)
    minutes = body.get("reservationDuration")
    until = call.clock.now() + timedelta(minutes=RESERVATION_MINUTES if minutes is None else minutes)
    return {"event_type_id": event_type["id"], "start": start, "end": end, "until": until}


def _slot_minutes(event_type: Wire, wanted: int | None) -> int:
    """Return the length of the reserved time in minutes."""
    if not wanted:
        # The server treats 0 as given and reserves no time at all.
        length: int = event_type["lengthInMinutes"] if wanted is None else 0
        return length
    options = event_type.get("lengthInMinutesOptions")
    if not options:
        raise errors.bad_request("You passed 'slotDuration' but this event type is not a variable length event type.")
    if wanted not in options:
        raise errors.bad_request(
            "Provided 'slotDuration' is not one of the possible lengths for the event type. The possible lengths for "
            f"this variable length event type are: {', '.join(map(str, options))}"
        )
    return wanted


def _check_not_booked(store: Store, event_type: Wire, start: datetime, end: datetime, sent: str) -> None:
    """Raise an error if the time is booked. Only this event type counts; a round robin may have a free host."""
    booked = [
        booking
        for booking in store.bookings.of_event_type(event_type["id"], start, end)
        if booking.status in {"accepted", "pending", "awaiting_host"} and booking.start < end and booking.end > start
    ]
    if not (seats := seat_count(event_type)):
        if len(booked) >= _room(event_type):
            raise errors.unprocessable("Can't reserve a slot if the event is already booked.")
    elif booked and _people_in(booked[0]) >= seats:
        raise errors.unprocessable(f"Booking with id={event_type['id']} at {sent} has no more seats left.")


def _check_not_reserved(call: Call, event_type: Wire, start: datetime, end: datetime) -> None:
    """Raise a 422 if the time is reserved for this event type."""
    overlapping = [
        reservation
        for reservation in live_reservations(call.store, call.clock)
        if reservation["event_type_id"] == event_type["id"]
        and reservation["start"] < end
        and reservation["end"] > start
    ]
    if len(overlapping) >= _room(event_type):
        raise errors.unprocessable(
            "This time slot is already reserved by another user. Please choose a different time."
        )


def _room(event_type: Wire) -> int:
    """Return how many reservations are possible at one time."""
    return max(1, len(host_ids(event_type))) if event_type.get("schedulingType") == "roundRobin" else 1


def _people_in(booking: Booking) -> int:
    """Return the number of taken seats."""
    return len(booking.seats or booking.attendees)


def _check_related(store: Store, user_id: int | None, event_type: Wire) -> None:
    """Raise an error if the caller may not set the duration: they need a relation to the event type."""
    if user_id != event_type["ownerId"] and not accepted_team_ids(store, user_id) & _related_teams(store, event_type):
        raise errors.forbidden(
            "authenticated user is not owner of event type, does not have memberships in common with owner of the "
            "event type, nor does belong to event type's team or org."
        )


def _related_teams(store: Store, event_type: Wire) -> set[int]:
    """Return the teams of the event type and its organization, or those of its owner."""
    if not is_team_event_type(event_type):
        return accepted_team_ids(store, event_type["ownerId"])
    team = store.teams.get(event_type["teamId"], {})
    return {event_type["teamId"], team.get("parent_id")} - {None}


def _shown_reservation(reservation: Wire, body: Wire | None = None) -> Wire:
    """Return a reservation as JSON; `reservationDuration` only in responses to create and update."""
    start, end = reservation["start"], reservation["end"]
    shown: Wire = {
        "eventTypeId": reservation["event_type_id"],
        "slotStart": iso(start),
        "slotEnd": iso(end),
        "slotDuration": (end - start) // timedelta(minutes=1),
        "reservationUid": reservation["uid"],
    }
    if body is not None:
        minutes = body.get("reservationDuration")
        shown["reservationDuration"] = RESERVATION_MINUTES if minutes is None else minutes
    return shown | {"reservationUntil": iso(reservation["until"])}
