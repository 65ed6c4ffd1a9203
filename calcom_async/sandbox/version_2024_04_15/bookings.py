"""Bookings in the form of 2024-04-15, which also serves 2024-06-11 and 2024-06-14.

Requests become those of later versions, so the same rules apply. The errors have the internal names of the server and
the code `HttpException` (measured on the self-hosted build of 2026-07).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from calcom_async.sandbox.bookings.cancel import cancel
from calcom_async.sandbox.bookings.create import book, is_shared, take_seat
from calcom_async.sandbox.bookings.decisions import set_absent
from calcom_async.sandbox.bookings.filters import BookingQuery, select
from calcom_async.sandbox.bookings.list_query import STATUSES, ordered
from calcom_async.sandbox.bookings.location import ResolvedLocation, default_location, offered_place, stored_type
from calcom_async.sandbox.bookings.lookup import find_booking, find_seat
from calcom_async.sandbox.bookings.permissions import booking_scope
from calcom_async.sandbox.bookings.request import BookingRequest, parse_request
from calcom_async.sandbox.bookings.reschedule import NOT_FREE, TEAM_NOT_FREE, check_movable, move, move_seat
from calcom_async.sandbox.bookings.times import read_start, read_time
from calcom_async.sandbox.bookings.views import INACTIVE
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    array,
    boolean,
    check,
    each,
    email,
    is_email,
    maximum,
    minimum,
    number,
    object_,
    one_of,
    string,
    time_zone,
)
from calcom_async.sandbox.http.errors import HttpError
from calcom_async.sandbox.http.forms import Field, Form, to_int
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.version_2024_04_15.booking_views import (
    created_view,
    info_view,
    list_row,
    reschedule_view,
    series_info,
)

ROUTES = Routes()

Wire = dict[str, Any]

VERSIONS = ("2024-04-15", "2024-06-11", "2024-06-14")
DOES_NOT_EXIST = "Booking with UID={} does not exist."
_NO_USERS = "no_available_users_found_error"
_INTERNAL_NAMES = {
    NOT_FREE: _NO_USERS,
    TEAM_NOT_FREE: _NO_USERS,
    "No more seats left at this seated booking.": "booking_seats_full_error",
}

# --- lists and reads


def _ids(name: str) -> Field:
    """Return the filter for a list of ids."""
    return Field(name, array, optional=True, convert=lambda value: list(map(to_int, value)) if value else value)


_LIST = Form(
    Field(
        "filters",
        optional=True,
        nested=Form(
            _ids("teamsIds"),
            _ids("userIds"),
            Field("status", one_of(STATUSES)),
            _ids("eventTypeIds"),
        ),
    ),
    Field("limit", maximum(100), minimum(1), number, optional=True, convert=to_int, default=10),
    Field("cursor", number, optional=True, convert=to_int, default=0),
)


@ROUTES.add("GET", "/v2/bookings", version=VERSIONS, auth="guarded")
def get_bookings(call: Call) -> object:
    """List ten upcoming bookings, or those of `filters[status]`. This version ignores status, take and skip."""
    # A client that forgets `cal-api-version` ends here: a 200 with ten rows in another shape.
    values = _LIST.read(call.fields)
    filters = values.get("filters") or {}
    query = BookingQuery(
        statuses=(filters.get("status", "upcoming"),),
        team_ids=frozenset(filters.get("teamsIds") or ()),
        user_ids=frozenset(filters.get("userIds") or ()),
        event_type_ids=frozenset(filters.get("eventTypeIds") or ()),
        take=values["limit"],
        skip=max(0, values["cursor"]),
    )
    rows = ordered(call.store, booking_scope(call.store, call.user["id"]), query.order)
    selection = select(call.store, rows, query, call.clock.now())
    reached = query.skip + query.take
    return {
        "bookings": [list_row(call.store, booking, call.user["email"]) for booking in selection.rows],
        "recurringInfo": series_info(row for row in rows if row.user_id == call.user["id"]),
        "totalCount": selection.total,
        "nextCursor": reached if reached < selection.total else None,
    }


@ROUTES.add("GET", "/v2/bookings/{bookingUid}", version=VERSIONS, auth="public")
def get_booking(call: Call) -> object:
    """Return any booking; no credentials are needed."""
    return info_view(call.store, find_booking(call.store, call.path["bookingUid"], DOES_NOT_EXIST))


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/reschedule", version=VERSIONS, auth="public")
def get_booking_for_reschedule(call: Call) -> object:
    """Return what a booking page needs to move a booking; no credentials are needed."""
    return reschedule_view(call.store, find_booking(call.store, call.path["bookingUid"], DOES_NOT_EXIST))


# --- creation


def _is_name(value: Any) -> bool:
    """Return whether a value is a name, or an object with a first name."""
    first = value.get("firstName") if isinstance(value, dict) else value
    return isinstance(first, str) and bool(first.strip())


_NAME = "Name must be either a non-empty string or an object with non-empty firstName and lastName"
_RESPONSES = Form(
    Field("name", check("validateBookingName", _NAME, _is_name)),
    Field("email", check("customValidation", "Invalid response email", lambda v: not v or is_email(v))),
    Field("guests", each(string), array, optional=True),
    Field("location", optional=True, nested=Form(Field("optionValue", string), Field("value", string))),
    Field("notes", string, optional=True),
)
_CREATE = Form(
    Field("end", string, optional=True),
    Field("start", string),
    Field("eventTypeId", number),
    Field("rescheduleUid", string, optional=True),
    Field(
        "rescheduledBy",
        check("customValidation", "Invalid rescheduledBy email format", lambda v: not v or is_email(v)),
        optional=True,
    ),
    Field("timeZone", time_zone),
    Field("language", string),
    Field("bookingUid", string, optional=True),
    Field("metadata", object_),
    Field("hasHashedBookingLink", boolean, optional=True),
    Field("hashedLink", string, optional=True),
    Field("seatReferenceUid", string, optional=True),
    Field("responses", nested=_RESPONSES),
    Field("orgSlug", string, optional=True),
    Field("locationUrl", string, optional=True),
)


@ROUTES.add("POST", "/v2/bookings", version=VERSIONS, auth="optional", status=201)
async def create_booking(call: Call) -> object:
    """Create a booking or a seat, or move the booking of `rescheduleUid`. Never creates a series."""
    with _internal_errors():
        if call.body.get("rescheduleUid"):
            return _reschedule(call, _CREATE.read(call.body))
        request = _request(call, call.body)
        if is_shared(request.event_type):
            booking, seat_uid = await take_seat(call, request)
            return created_view(call.store, booking, seat_uid)
        return created_view(call.store, (await book(call, request))[0])


@ROUTES.add("POST", "/v2/bookings/recurring", version=VERSIONS, auth="optional", status=201)
async def create_recurring_booking(call: Call) -> object:
    """Create a series from a JSON array with one object per occurrence. An error leaves the ones before it."""
    if not call.items:
        # The server reads the first object without looking whether there is one.
        raise errors.internal("Cannot read properties of undefined (reading 'schedulingType')")
    with _internal_errors():
        # The event type of the series does not say how many there are: the client computes the starts.
        requests = [_request(call, item, recurring=True) for item in call.items]
        uid = next((item["recurringEventId"] for item in call.items if item.get("recurringEventId")), call.store.uuid())
        bookings = []
        for request in requests:
            request.series_uid = uid
            bookings += await book(call, request)
        return [created_view(call.store, booking) for booking in bookings]


def _request(call: Call, sent: Any, *, recurring: bool = False) -> BookingRequest:
    """Return the request for a body. Its custom responses stand beside the ones that the form knows."""
    body = _CREATE.read(sent)
    if not isinstance(body.get("responses"), dict):
        raise errors.zod(("responses", "Required"))
    responses: Wire = sent["responses"]
    event_type = call.store.event_types.get(body["eventTypeId"])
    if event_type is None:
        raise _http_exception(404, "event_type_not_found_error")
    request = parse_request(call, _newer_body(event_type, body, responses))
    _set_end(request, body.get("end"), required=recurring)
    request.place = _place(event_type, responses.get("location"), body.get("locationUrl"))
    # One request makes one booking here.
    request.event_type = request.event_type | {"recurrence": None}
    return request


def _newer_body(event_type: Wire, body: Wire, responses: Wire) -> Wire:
    """Return the body of a later version."""
    known = {"name", "email", "guests", "location", "attendeePhoneNumber"}
    # The booking core treats a missing answer as an empty one.
    required = [field["slug"] for field in event_type["bookingFields"] if field.get("required")]
    missing = {slug: "" for slug in required if not _is_builtin(slug)}
    name = responses["name"]
    attendee = {
        "name": name if isinstance(name, str) else f"{name['firstName']} {name.get('lastName') or ''}".strip(),
        "email": responses.get("email"),
        "timeZone": body["timeZone"],
        "language": body["language"],
        "phoneNumber": responses.get("attendeePhoneNumber"),
    }
    return {
        "start": body["start"],
        "eventTypeId": body["eventTypeId"],
        "attendee": {key: value for key, value in attendee.items() if value},
        "guests": responses.get("guests") or [],
        "metadata": body["metadata"],
        "bookingFieldsResponses": missing | {key: value for key, value in responses.items() if key not in known},
    }


def _is_builtin(slug: str) -> bool:
    """Return whether a booking field is the server's own."""
    return slug in {"name", "splitName", "email", "location", "title", "attendeePhoneNumber"}


def _set_end(request: BookingRequest, end: str | None, *, required: bool) -> None:
    """Set the end of a request, which has to fit a length of the event type."""
    if end is None:
        if required:
            raise _http_exception(400, _NO_USERS)
        return
    moment = read_time(end)
    lengths = request.event_type.get("lengthInMinutesOptions") or [request.event_type["lengthInMinutes"]]
    if moment is None or (moment - request.start) not in [timedelta(minutes=length) for length in lengths]:
        raise _http_exception(400, "Invalid event length")
    request.end = moment


def _place(event_type: Wire, wanted: Wire | None, url: str | None) -> ResolvedLocation:
    """Return the location: the text of the attendee, or the place of the event type that has this type."""
    if url:
        return ResolvedLocation(url, wanted)
    if not wanted:
        return ResolvedLocation(default_location(event_type))
    if wanted["optionValue"]:
        return ResolvedLocation(wanted["optionValue"], wanted)
    offered = (place for place in event_type["locations"] if stored_type(place) == wanted["value"])
    place = next(map(offered_place, offered), wanted["value"])
    return ResolvedLocation(place, wanted)


def _reschedule(call: Call, body: Wire) -> Wire:
    """Move a booking, or the seat of this uid, and return the new booking."""
    uid = body["rescheduleUid"]
    answers: Wire = call.body.get("responses") or {}
    wanted = {
        "start": body["start"],
        "rescheduledBy": body.get("rescheduledBy"),
        "reschedulingReason": answers.get("rescheduleReason"),
    }
    wanted = {name: value for name, value in wanted.items() if value}
    read_start(body["start"])
    old = call.store.bookings.get(uid)
    if old is None:
        old, _ = find_seat(call.store, uid, _http_exception(404, "booking_not_found_error"))
        moved, seat_uid = move_seat(call, wanted | {"seatUid": uid})
        return created_view(call.store, moved, seat_uid)
    if old.status in INACTIVE:
        raise _http_exception(400, "cancelled_bookings_cannot_be_rescheduled")
    check_movable(call, old, wanted)
    moved = move(call, old, wanted)
    # The body describes the whole booking, so what it says replaces what the old one had.
    moved.metadata = dict(body["metadata"])
    moved.responses |= {key: value for key, value in answers.items() if key not in {"name", "email"}}
    return created_view(call.store, moved)


# --- changes

_CANCEL = Form(
    Field("allRemainingBookings", boolean, optional=True),
    Field("cancellationReason", string, optional=True),
    Field("seatReferenceUid", string, optional=True),
)
_NO_SHOW = Form(
    Field("noShowHost", boolean, optional=True),
    Field("attendees", array, optional=True, nested=Form(Field("email", email), Field("noShow", boolean))),
)


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/cancel", version=VERSIONS, auth="optional", status=201)
def cancel_booking(call: Call) -> object:
    """Cancel a booking, a seat, or what remains of the series. Whoever has the uid may do this."""
    body = _CANCEL.read(call.body)
    uid = call.path["bookingUid"]
    if uid.isdecimal():
        raise errors.bad_request("Please provide booking uid instead of booking id.")
    booking = find_booking(call.store, uid, DOES_NOT_EXIST)
    seat_uid = body.get("seatReferenceUid")
    newer = {"cancellationReason": body.get("cancellationReason"), **({"seatUid": seat_uid} if seat_uid else {})}
    with _internal_errors():
        remaining = body.get("allRemainingBookings") and booking.recurring_uid
        cancel(call, str(remaining or uid), newer)
    removed = seat_uid is not None and booking.status != "cancelled"
    return {"bookingId": booking.id, "bookingUid": booking.uid, "onlyRemovedAttendee": removed}


@ROUTES.add("POST", "/v2/bookings/{bookingUid}/mark-no-show", version=VERSIONS, auth="guarded", status=201)
def mark_no_show(call: Call) -> object:
    """Mark the host or attendees as absent. The text of the message is made up."""
    body = _NO_SHOW.read(call.body)
    booking = find_booking(call.store, call.path["bookingUid"], DOES_NOT_EXIST)
    marked = body.get("attendees") or []
    absences = [{"email": attendee["email"], "absent": attendee["noShow"]} for attendee in marked]
    set_absent(call, booking, {"host": body.get("noShowHost"), "attendees": absences})
    return {
        "attendees": [{"email": attendee["email"], "noShow": attendee["noShow"]} for attendee in marked],
        "noShowHost": booking.absent_host,
        "message": "No-show updated",
    }


# --- errors


def _http_exception(status: int, message: str) -> HttpError:
    """Return an error of the booking core in the envelope of this version."""
    return errors.string_details(status, "HttpException", message)


@contextmanager
def _internal_errors() -> Iterator[None]:
    """Turn errors of later versions into those of this one: the core's own name inside of the envelope."""
    try:
        yield
    except HttpError as error:
        raise _older(error) from None


def _older(error: HttpError) -> HttpError:
    """Return an error as this version sends it."""
    if error.code is None and error.status < 500:
        return _http_exception(error.status, error.message)
    if error.message in _INTERNAL_NAMES:
        return _http_exception(error.status, _INTERNAL_NAMES[error.message])
    starts = {
        "The event type can't be booked": "booking_time_out_of_bounds_error",
        "Attendee with this email can't book": "booker_limit_exceeded_error",
        "Attempting to book": error.message,
    }
    for start, name in starts.items():
        if error.message.startswith(start):
            return _http_exception(error.status, name)
    return error
