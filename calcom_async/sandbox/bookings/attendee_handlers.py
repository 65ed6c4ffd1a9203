"""Handlers of attendees, guests, location, calendar links, references and video sessions of a booking."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.bookings.calendar_links import calendar_links
from calcom_async.sandbox.bookings.create import emit_booking_event
from calcom_async.sandbox.bookings.forms import GUESTS, NEW_ATTENDEE, REFERENCES, location_form
from calcom_async.sandbox.bookings.guests import add_people, check_access, check_permission, check_room, remove_person
from calcom_async.sandbox.bookings.location import resolve_new_location
from calcom_async.sandbox.bookings.lookup import attendee_of, find_booking
from calcom_async.sandbox.bookings.permissions import may_manage
from calcom_async.sandbox.bookings.views import attendee_view, booking_view
from calcom_async.sandbox.bookings.webhook_payloads import created_payload
from calcom_async.sandbox.event_types.records import connected_apps
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.errors import bad_request, forbidden, not_found
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.booking import Booking

ROUTES = Routes()


VERSION = ("2024-08-13",)
VERSIONS = (*VERSION, "2026-02-25")
"""The versions of all operations but guests, location and the removal of an attendee."""
UNKNOWN = "Booking with uid {} not found"


# --- attendees and guests


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/attendees", version=VERSIONS, auth="guarded")
def get_booking_attendees(call: Call) -> object:
    """List the attendees with their ids, which bookings omit."""
    booking = check_access(call, call.path["bookingUid"])
    return [_with_id(attendee) for attendee in booking.attendees]


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/attendees/{attendeeId}", version=VERSIONS, auth="guarded")
def get_booking_attendee(call: Call) -> object:
    """Return one attendee with their id."""
    booking = check_access(call, call.path["bookingUid"])
    attendee_id = call.int_path("attendeeId", checked=True)
    attendee = attendee_of(booking, attendee_id)
    if attendee is None:
        raise not_found(f"Attendee with id {attendee_id} not found in booking {booking.uid}")
    return _with_id(attendee)


@ROUTES.add(
    "POST",
    "/v2/bookings/{bookingUid}/attendees",
    version=VERSIONS,
    auth="guarded",
    status=201,
    limit=("booking_attendees_add", 5),
)
def add_booking_attendee(call: Call) -> object:
    """Add an attendee, who also becomes a guest. At most 5 requests a minute."""
    booking = check_access(call, call.path["bookingUid"])
    added = add_people(call, booking, [NEW_ATTENDEE.read(call.body)])
    return _with_id(added[0]) | {"bookingId": booking.id}


@ROUTES.add(
    "DELETE",
    "/v2/bookings/{bookingUid}/attendees/{attendeeId}",
    version=VERSION,
    auth="guarded",
    limit=("booking_attendees_remove", 5),
)
def remove_booking_attendee(call: Call) -> object:
    """Remove an attendee. At most 5 requests a minute."""
    attendee_id = call.int_path("attendeeId", checked=True)
    booking = find_booking(call.store, call.path["bookingUid"], UNKNOWN)
    check_permission(call, booking)
    return remove_person(call, booking, attendee_id)


@ROUTES.add(
    "POST", "/v2/bookings/{bookingUid}/guests", version=VERSION, auth="guarded", limit=("booking_guests_add", 5)
)
def add_booking_guests(call: Call) -> object:
    """Add up to 10 guests and return the booking. At most 5 requests a minute."""
    guests = GUESTS.read(call.body)["guests"]
    booking = find_booking(call.store, call.path["bookingUid"], UNKNOWN)
    check_permission(call, booking)
    check_room(booking, len(guests))
    add_people(call, booking, guests)
    return booking_view(call.store, booking)


def _with_id(attendee: dict[str, Any]) -> dict[str, Any]:
    """Return an attendee as JSON with the id."""
    return attendee_view(attendee) | {"id": attendee["id"]}


# --- location and calendar links


@ROUTES.add(
    "PATCH", "/v2/bookings/{bookingUid}/location", version=VERSION, auth="guarded", limit=("booking_location_update", 5)
)
def update_booking_location(call: Call) -> object:
    """Replace the location. A body without `location` changes nothing."""
    # The form depends on the type of the location.
    location = location_form(call.body.get("location")).read(call.body).get("location")
    booking = find_booking(call.store, call.path["bookingUid"], "Booking with uid={} not found")
    if not may_manage(call.store, booking, call.caller.user_id):
        raise forbidden(
            "User is not authorized to update this booking location. User must be the event type owner, host, team "
            "admin or owner, or org admin or owner."
        )
    if location is not None:
        place = resolve_new_location(location, connected_apps(call.store, booking.user_id))
        previous, booking.location = booking.location, place.location
        booking.responses["location"] = place.response
        booking.updated_at = call.clock.now()
        # A trigger of September 2026. Older servers send nothing for a new location, nor for new guests.
        payload = created_payload(call.store, booking) | {"previousLocation": previous}
        emit_booking_event(call, "BOOKING_LOCATION_UPDATED", booking, payload)
    return booking_view(call.store, booking)


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/calendar-links", version=VERSIONS, auth="guarded")
def get_calendar_links(call: Call) -> object:
    """Return the calendar links. As on the real server, any key may read those of any booking."""
    booking = find_booking(call.store, call.path["bookingUid"], UNKNOWN)
    if booking.event_type_id not in call.store.event_types:
        raise bad_request(f"Booking with uid {booking.uid} has no event type")
    return calendar_links(booking)


# --- references


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/references", version=VERSIONS, auth="guarded")
def get_booking_references(call: Call) -> object:
    """List the references of a booking for its organizer; for others this is a 400, not a 403."""
    kind = REFERENCES.read(dict(call.query)).get("type")
    booking = find_booking(call.store, call.path["bookingUid"], UNKNOWN)
    if booking.user_id != call.user["id"]:
        raise bad_request(f"Booking with uid {booking.uid} does not belong to user")
    return _references(booking, kind)


@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/{teamId}/bookings/{bookingUid}/references")
def get_team_booking_references(call: Call) -> object:
    """List the references of a team's booking for admins of the team."""
    team = guarded_team(call, "TEAM_ADMIN")
    kind = REFERENCES.read(dict(call.query)).get("type")
    booking = find_booking(call.store, call.path["bookingUid"], UNKNOWN)
    if booking.team_id != team["id"]:
        raise not_found(UNKNOWN.format(booking.uid))
    return _references(booking, kind)


def _references(booking: Booking, kind: str | None) -> list[dict[str, Any]]:
    """Return the references of a type, or all."""
    return [reference for reference in booking.references if kind is None or reference["type"] == kind]


# --- video rooms


def _video_data(call: Call, extras: str) -> list[Any]:
    """Return the data of the booking's video room, which tests put into `extras`. Raises a 404 if there is none."""
    booking = check_access(call, call.path["bookingUid"])
    sessions = call.store.extras[extras].get(booking.uid)
    if sessions is None:
        raise not_found(f"No Cal Video reference found with booking uid {booking.uid}")
    return list(sessions)


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/recordings", version=VERSIONS, auth="guarded")
def get_booking_recordings(call: Call) -> object:
    """Return the recordings that a test put into `extras`."""
    return _video_data(call, "recordings")


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/transcripts", version=VERSIONS, auth="guarded")
def get_booking_transcripts(call: Call) -> object:
    """Return the transcripts that a test put into `extras`."""
    return _video_data(call, "transcripts")


@ROUTES.add("GET", "/v2/bookings/{bookingUid}/conferencing-sessions", version=VERSIONS, auth="guarded")
def get_booking_sessions(call: Call) -> object:
    """Return the video sessions that a test put into `extras`."""
    return _video_data(call, "conferencing_sessions")
