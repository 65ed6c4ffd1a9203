"""Operations: slots and their reservations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from calcom_async.sandbox import errors
from calcom_async.sandbox.availability import Slot, bookings_between, free_slots, live_reservations
from calcom_async.sandbox.clock import iso
from calcom_async.sandbox.event_types import host_ids, is_of_team
from calcom_async.sandbox.routes import Call, Status, route
from calcom_async.sandbox.rules import (
    array,
    canonical_zone,
    date_string,
    each,
    integer,
    min_size,
    number,
    one_of,
    strict_iso8601,
    string,
    time_zone,
)
from calcom_async.sandbox.store import Booking, Store
from calcom_async.sandbox.validation import Field, Form, to_int, to_ints, to_list
from calcom_async.sandbox.zones import zone_named

Wire = dict[str, Any]

VERSION = ("2024-09-04",)
RESERVATION_MINUTES = 5

# --- GET /v2/slots

_COMMON = (
    Field("start", strict_iso8601.named("isDateString")),
    Field("end", strict_iso8601.named("isDateString")),
    Field("timeZone", time_zone, optional=True),
    Field("duration", number, optional=True, convert=to_int),
    Field(
        "format",
        one_of(["range", "time"]).saying("slotFormat must be either 'range' or 'time'"),
        optional=True,
        convert=lambda value: str(value).lower() if value else None,
    ),
    Field("bookingUidToReschedule", string, optional=True),
    Field("rrHostSubsetIds", each(number), array, optional=True, convert=to_ints),
)
_SLUG = Field("eventTypeSlug", string)
_ORGANIZATION = Field("organizationSlug", string, optional=True)

_BY_ID = Form(Field("eventTypeId", number, convert=to_int), *_COMMON)
_BY_USERNAME = Form(_SLUG, Field("username", string), _ORGANIZATION, *_COMMON)
_BY_TEAM = Form(_SLUG, Field("teamSlug", string), _ORGANIZATION, *_COMMON)
_BY_USERNAMES = Form(
    Field(
        "usernames",
        each(string),
        min_size(2).saying("The array must contain at least 2 elements."),
        array,
        convert=to_list,
    ),
    Field("organizationSlug", string),
    *_COMMON,
)

#: What the seed text calls the range, and what the server calls it.
_SEED_NAMES = {"startTime": "start", "endTime": "end"}


@dataclass(frozen=True, slots=True)
class _Target:
    """Whose slots are meant: an event type, and its hosts when they are not all of its own."""

    event_type: Wire
    hosts: list[int] | None = None


@route("GET", "/v2/slots", version=VERSION, auth="public")
def get_slots(call: Call) -> object:
    """Free times by local date. The fields that are sent decide how the event type is named."""
    fields = _seed_names(call.fields) if call.sandbox.seed_dialect else call.fields
    query = _form(fields).read_strict(fields)
    target = _target(call.store, query)
    days = free_slots(
        call.store,
        call.clock,
        target.event_type,
        _moment(query["start"], "start"),
        _end(query["end"]),
        zone=query.get("timeZone"),
        duration=query.get("duration"),
        reschedule_uid=query.get("bookingUidToReschedule"),
        hosts=query.get("rrHostSubsetIds") if target.hosts is None else target.hosts,
    )
    shown = _Shown(query.get("timeZone"), ranges=query.get("format") == "range")
    return {day: [shown.slot(slot) for slot in slots] for day, slots in days.items()}


def _seed_names(fields: Wire) -> Wire:
    """The seed dialect: `startTime` and `endTime`, and a slug that is ignored beside an id."""
    renamed = {_SEED_NAMES.get(name, name): value for name, value in fields.items()}
    if renamed.get("eventTypeId"):
        renamed.pop("eventTypeSlug", None)
    return renamed


def _form(fields: Mapping[str, Any]) -> Form:
    if fields.get("eventTypeId"):
        return _BY_ID
    if fields.get("eventTypeSlug") and fields.get("username"):
        return _BY_USERNAME
    if fields.get("eventTypeSlug") and fields.get("teamSlug"):
        return _BY_TEAM
    return _BY_USERNAMES


def _target(store: Store, query: Wire) -> _Target:
    if "usernames" in query:
        return _Target(_dynamic(query), _ids(store, query["usernames"]))
    if "eventTypeId" in query:
        found = store.event_types.get(query["eventTypeId"])
    elif "username" in query:
        found = _of_user(store, query["username"], query["eventTypeSlug"])
    else:
        found = _of_team(store, query["teamSlug"], query.get("organizationSlug"), query["eventTypeSlug"])
    if found is None:
        raise errors.not_found("Event Type not found")
    return _Target(found)


def _of_user(store: Store, username: str, slug: str) -> Wire | None:
    user = next((one for one in store.users.values() if one["username"] == username), None)
    if user is None:
        raise errors.not_found(f"User with username {username} not found")
    own = (one for one in store.event_types.values() if one["ownerId"] == user["id"] and not is_of_team(one))
    return next((one for one in own if one["slug"] == slug), None)


def _of_team(store: Store, team_slug: str, organization_slug: str | None, slug: str) -> Wire | None:
    inside: set[int | None] = {None}
    if organization_slug is not None:
        inside = {one["id"] for one in store.organizations.values() if one["slug"] == organization_slug}
    teams = [one for one in store.teams.values() if one["slug"] == team_slug and one["parent_id"] in inside]
    if not teams:
        raise errors.not_found(f"Team with slug {team_slug} not found")
    team_id = teams[0]["id"]
    return next(
        (one for one in store.event_types.values() if one.get("teamId") == team_id and one["slug"] == slug), None
    )


def _ids(store: Store, usernames: list[str]) -> list[int]:
    return [one["id"] for one in store.users.values() if one["username"] in usernames]


def _dynamic(query: Wire) -> Wire:
    """The event type that stands for several people at once; all of them must be free."""
    return {
        "id": 0,
        "lengthInMinutes": query.get("duration") or 30,
        "minimumBookingNotice": 120,
        "schedulingType": "collective",
    }


def _moment(text: str, name: str) -> datetime:
    """A date or time of the query; no zone means UTC."""
    padded = text + "-01" * (2 - text.count("-")) if len(text) < len("2030-03-06") else text
    try:
        moment = datetime.fromisoformat(padded) if " " not in padded else None
    except ValueError:
        moment = None
    if moment is None:
        raise errors.bad_request(f"Invalid {name} date")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _end(text: str) -> datetime:
    """The query's end, which reaches to the end of its day when it falls on midnight."""
    end = _moment(text, "end")
    if (end.hour, end.minute, end.second) == (0, 0, 0):
        return end.replace(hour=23, minute=59, second=59)
    return end


class _Shown:
    """How slots are written: in UTC with `Z`, or with the offset of the zone that was asked for."""

    def __init__(self, zone: str | None, *, ranges: bool) -> None:
        self._zone = (
            None if zone is None or zone.lower() in {"utc", "gmt"} else zone_named(canonical_zone(zone) or "UTC")
        )
        self._ranges = ranges

    def slot(self, slot: Slot) -> Wire:
        shown: Wire = {"start": self._time(slot.start)}
        if self._ranges:
            shown["end"] = self._time(slot.end)
        if slot.seats_total is not None:
            shown |= {
                "seatsBooked": slot.seats_booked,
                "seatsRemaining": slot.seats_total - slot.seats_booked,
                "seatsTotal": slot.seats_total,
            }
            if slot.booking_uid is not None:
                shown["bookingUid"] = slot.booking_uid
        return shown

    def _time(self, moment: datetime) -> str:
        if self._zone is None:
            return iso(moment)
        return moment.astimezone(self._zone).isoformat(timespec="milliseconds")


# --- reservations

_RESERVATION = Form(
    Field("eventTypeId", integer),
    Field("slotStart", date_string),
    Field("slotDuration", integer, optional=True),
    Field("reservationDuration", integer, optional=True),
)


@route("POST", "/v2/slots/reservations", version=VERSION, auth="optional", status=201)
def reserve_slot(call: Call) -> object:
    """Hide a time from the slots for some minutes. That it is an offered slot is not checked."""
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
    people = host_ids(event_type)
    if not people:
        raise errors.bad_request("Cannot reserve a slot for a team event without any hosts")
    reservation = {"uid": call.store.uuid(), "user_id": people[0], **wanted}
    call.store.reservations[reservation["uid"]] = reservation
    return _shown_reservation(reservation, body)


@route("GET", "/v2/slots/reservations/{uid}", version=VERSION, auth="public")
def get_reservation(call: Call) -> object:
    """The reservation while it is live, else null."""
    found = _live(call)
    return found and _shown_reservation(found)


@route("PATCH", "/v2/slots/reservations/{uid}", version=VERSION, auth="public")
def change_reservation(call: Call) -> object:
    """Move a reservation and start its time anew. It stands in its own way where old and new time overlap."""
    body = _RESERVATION.read(call.body)
    found = _live(call)
    if found is None:
        raise errors.not_found(f"Slot with uid={call.path['uid']} not found")
    found |= _wanted(call, _event_type(call.store, body["eventTypeId"]), body)
    return _shown_reservation(found, body)


@route("DELETE", "/v2/slots/reservations/{uid}", version=VERSION, auth="public")
def delete_reservation(call: Call) -> object:
    """Success, known or not."""
    call.store.reservations.pop(call.path["uid"], None)
    return Status()


def _live(call: Call) -> Wire | None:
    return next((one for one in live_reservations(call.store, call.clock) if one["uid"] == call.path["uid"]), None)


def _event_type(store: Store, event_type_id: int) -> Wire:
    found = store.event_types.get(event_type_id)
    if found is None:
        raise errors.not_found(f"Event Type with ID={event_type_id} not found")
    return found


def _wanted(call: Call, event_type: Wire, body: Wire) -> Wire:
    """What a body asks to be kept, after all refusals that the time itself can meet."""
    start = _moment(body["slotStart"], "start")
    end = start + timedelta(minutes=_slot_minutes(event_type, body.get("slotDuration")))
    _check_not_booked(call.store, event_type, start, end, body["slotStart"])
    _check_not_reserved(call, event_type, start, end)
    minutes = body.get("reservationDuration")
    until = call.clock.now() + timedelta(minutes=RESERVATION_MINUTES if minutes is None else minutes)
    return {"event_type_id": event_type["id"], "start": start, "end": end, "until": until}


def _slot_minutes(event_type: Wire, wanted: int | None) -> int:
    if not wanted:
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
    """Only bookings of this very event type stand in the way; a round robin may have a free host left."""
    booked = [
        one
        for one in bookings_between(store, start, end)
        if one.event_type_id == event_type["id"]
        and one.status in {"accepted", "pending", "awaiting_host"}
        and one.start < end
        and one.end > start
    ]
    if not (seats := _seats(event_type)):
        if len(booked) >= _room(event_type):
            raise errors.unprocessable("Can't reserve a slot if the event is already booked.")
    elif booked and _people_in(booked[0]) >= seats:
        raise errors.unprocessable(f"Booking with id={event_type['id']} at {sent} has no more seats left.")


def _check_not_reserved(call: Call, event_type: Wire, start: datetime, end: datetime) -> None:
    overlapping = [
        one
        for one in live_reservations(call.store, call.clock)
        if one["event_type_id"] == event_type["id"] and one["start"] < end and one["end"] > start
    ]
    if len(overlapping) >= _room(event_type):
        raise errors.unprocessable(
            "This time slot is already reserved by another user. Please choose a different time."
        )


def _room(event_type: Wire) -> int:
    """How many things may happen at once."""
    return max(1, len(host_ids(event_type))) if event_type.get("schedulingType") == "roundRobin" else 1


def _seats(event_type: Wire) -> int:
    return int((event_type.get("seats") or {}).get("seatsPerTimeSlot") or 0)


def _people_in(booking: Booking) -> int:
    return len(booking.seats or booking.attendees)


def _check_related(store: Store, user_id: int | None, event_type: Wire) -> None:
    """Whoever sets how long a reservation lasts must have to do with the event type."""
    if user_id != event_type["ownerId"] and not _teams_of(store, user_id) & _related_teams(store, event_type):
        raise errors.forbidden(
            "authenticated user is not owner of event type, does not have memberships in common with owner of the "
            "event type, nor does belong to event type's team or org."
        )


def _related_teams(store: Store, event_type: Wire) -> set[int]:
    """Teams whose members belong to the event type: its own and the organization above, or those of its owner."""
    if not is_of_team(event_type):
        return _teams_of(store, event_type["ownerId"])
    team = store.teams.get(event_type["teamId"], {})
    return {event_type["teamId"], team.get("parent_id")} - {None}


def _teams_of(store: Store, user_id: int | None) -> set[int]:
    return {one["team_id"] for one in store.memberships.values() if one["user_id"] == user_id and one["accepted"]}


def _shown_reservation(reservation: Wire, body: Wire | None = None) -> Wire:
    """The reservation; `reservationDuration` is told only to whoever made or changed it."""
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
