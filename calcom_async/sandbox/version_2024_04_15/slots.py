"""Slots and their reservation in the form of 2024-04-15; all versions of 2024 but the newest one end here.

Paths, parameters and the outer shape were measured on the self-hosted build of 2026-07. How slots of seated event
types and ranges look comes from the source code of the server.
"""

from __future__ import annotations

from datetime import timedelta
from http.cookies import CookieError, SimpleCookie

from calcom_async.sandbox.event_types.records import host_ids
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    array,
    date_string,
    each,
    integer,
    minimum,
    number,
    one_of,
    strict_iso8601,
    string,
)
from calcom_async.sandbox.http.forms import Field, Form, to_int
from calcom_async.sandbox.http.results import RawResponse, Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.slots.availability import free_slots
from calcom_async.sandbox.slots.handlers import Target, Wire, find_target, parse_time, time_writer
from calcom_async.sandbox.slots.reservation_handlers import RESERVATION_MINUTES
from calcom_async.sandbox.slots.seats import Slot, seat_count

ROUTES = Routes()

VERSIONS = ("2024-04-15", "2024-06-11", "2024-06-14", "2024-08-13")

_AVAILABLE = Form(
    Field("startTime", strict_iso8601.named("isDateString")),
    Field("endTime", strict_iso8601.named("isDateString")),
    Field("eventTypeId", number, optional=True, convert=lambda value: to_int(value) if value else value),
    Field("eventTypeSlug", string, optional=True),
    Field("usernameList", each(string), array, optional=True),
    Field(
        "duration",
        minimum(1).with_text("Duration must be a positive number"),
        number,
        optional=True,
        convert=lambda value: to_int(value) if value else value,
    ),
    Field("rescheduleUid", string, optional=True),
    Field("timeZone", string, optional=True),
    Field("orgSlug", string, optional=True),
    Field(
        "slotFormat",
        one_of(["range", "time"]).with_text("slotFormat must be either 'range' or 'time'"),
        string,
        optional=True,
        convert=lambda value: str(value).lower() if value else None,
    ),
    Field("isTeamEvent", optional=True, convert=lambda value: str(value).lower() == "true"),
)
_RESERVE = Form(
    Field("eventTypeId", integer),
    Field("slotUtcStartDate", date_string),
    Field("slotUtcEndDate", date_string),
    Field("bookingUid", string, optional=True),
)


@ROUTES.add("GET", "/v2/slots/available", version=VERSIONS, auth="public")
def get_available_slots(call: Call) -> object:
    """Return available slots by local date; unknown parameters are ignored. With any `slotFormat` they are ranges."""
    query = _AVAILABLE.read(call.fields)
    target = _target(call, query)
    days = free_slots(
        call.store,
        call.clock,
        target.event_type,
        parse_time(query["startTime"], "start"),
        parse_time(query["endTime"], "end"),
        zone=query.get("timeZone"),
        duration=query.get("duration"),
        reschedule_uid=query.get("rescheduleUid"),
        hosts=target.hosts,
    )
    write = time_writer(query.get("timeZone"))

    def view(slot: Slot) -> Wire:
        """Return a slot as JSON; the number of attendees only if there are some."""
        shown = {"startTime": write(slot.start), "endTime": write(slot.end)}
        taken = {"attendees": slot.seats_booked, "bookingUid": slot.booking_uid} if slot.seats_booked else {}
        return (shown if query.get("slotFormat") else {"time": shown["startTime"]}) | taken

    return {"slots": {day: list(map(view, slots)) for day, slots in days.items()}}


def _target(call: Call, query: Wire) -> Target:
    """Return the event type of a query. Raises a 404."""
    if query.get("eventTypeId"):
        named: Wire = {"eventTypeId": query["eventTypeId"]}
    else:
        slug, names = query.get("eventTypeSlug"), query.get("usernameList") or []
        if len(names) > 1:
            named = {"usernames": names, "duration": query.get("duration")}
        elif slug and names:
            owner = "teamSlug" if query.get("isTeamEvent") else "username"
            named = {owner: names[0], "eventTypeSlug": slug, "organizationSlug": query.get("orgSlug")}
        else:
            raise errors.no_details(404, "TRPCError", "NOT_FOUND")
    try:
        return find_target(call.store, named)
    except errors.HttpError:
        raise errors.no_details(404, "TRPCError", "NOT_FOUND") from None


@ROUTES.add("POST", "/v2/slots/reserve", version=VERSIONS, auth="public", status=201)
def reserve_slot(call: Call) -> object:
    """Reserve a time for some minutes, unchecked, and return the uid as text and as cookie.

    A request with the cookie uses its uid again. The real server then keeps both times, the sandbox only the new one.
    """
    body = _RESERVE.read(call.body)
    event_type = call.store.event_types.get(body["eventTypeId"])
    if event_type is None:
        raise errors.not_found("Event Type not found")
    uid = _cookie(call) or call.store.uuid()
    people = host_ids(event_type)
    if people and _has_room(call, event_type, body.get("bookingUid")):
        call.store.reservations[uid] = {
            "uid": uid,
            "user_id": people[0],
            "event_type_id": event_type["id"],
            "start": parse_time(body["slotUtcStartDate"], "start"),
            "end": parse_time(body["slotUtcEndDate"], "end"),
            "until": call.clock.now() + timedelta(minutes=RESERVATION_MINUTES),
        }
    return RawResponse({"status": "success", "data": uid}, 201, {"Set-Cookie": f"uid={uid}; Path=/"})


@ROUTES.add("DELETE", "/v2/slots/selected-slot", version=VERSIONS, auth="public")
def delete_selected_slot(call: Call) -> object:
    """Delete the reservation of the cookie, or of the parameter `uid`; succeeds without either."""
    call.store.reservations.pop(_cookie(call) or call.param("uid") or "", None)
    return Status()


def _cookie(call: Call) -> str | None:
    """Return the uid of the cookie."""
    try:
        return SimpleCookie(call.headers.get("Cookie", ""))["uid"].value or None
    except (CookieError, KeyError):
        return None


def _has_room(call: Call, event_type: Wire, booking_uid: str | None) -> bool:
    """Return whether a time is reserved at all: of seats only in an existing booking that has one left."""
    if not (seats := seat_count(event_type)):
        return True
    booking = call.store.bookings.get(booking_uid or "")
    return booking is not None and 0 < len(booking.attendees) < seats
