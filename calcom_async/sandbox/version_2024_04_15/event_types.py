"""Event types of users in the form of 2024-04-15, which also serves 2024-06-11.

The outer shape of the list, public reads, lengths and deletion were measured on the self-hosted build of 2026-07. The
other fields come from the source code of the server.
"""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.teams import role_in
from calcom_async.sandbox.event_types.handlers import by_slug, delete_event_type
from calcom_async.sandbox.event_types.records import (
    EventType,
    change_event_type,
    is_team_event_type,
    new_event_type,
)
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    array,
    boolean,
    integer,
    maximum,
    minimum,
    number,
    string,
    url,
)
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.version_2024_04_15.event_type_views import (
    editor_view,
    event_type_row,
    public_list_view,
    public_view,
    read_booking_fields,
    read_locations,
    viewer_groups,
)

ROUTES = Routes()

VERSIONS = ("2024-04-15", "2024-06-11")

_LOCATION = Form(
    Field("type", string),
    Field("address", string, optional=True),
    Field("link", url, optional=True),
    Field("displayLocationPublicly", boolean, optional=True),
    Field("hostPhoneNumber", string, optional=True),
    Field("credentialId", number, optional=True),
    Field("teamName", string, optional=True),
)
_COMMON = (
    Field("description", string, optional=True),
    Field("hidden", boolean, optional=True),
    Field("locations", array, optional=True, nested=_LOCATION),
    Field("disableGuests", boolean, optional=True),
    Field("slotInterval", minimum(0), integer, optional=True),
    Field("minimumBookingNotice", minimum(0), integer, optional=True),
    Field("beforeEventBuffer", minimum(0), integer, optional=True),
    Field("afterEventBuffer", minimum(0), integer, optional=True),
)
_CREATE = Form(
    Field("length", minimum(1), number),
    Field("slug", string),
    Field("title", string),
    *_COMMON,
)
_UPDATE = Form(
    Field("length", minimum(1), integer, optional=True),
    Field("slug", string, optional=True),
    Field("title", string, optional=True),
    *_COMMON,
    Field(
        "bookingFields",
        array,
        optional=True,
        nested=Form(
            Field("type", string),
            Field("name", string),
            Field("options", array, optional=True, nested=Form(Field("value", string), Field("label", string))),
            Field("label", string, optional=True),
            Field("placeholder", string, optional=True),
            Field("required", boolean, optional=True),
            Field("hidden", boolean, optional=True),
        ),
    ),
    Field("seatsPerTimeSlot", maximum(1000), minimum(1), integer, optional=True),
)


def _read_body(call: Call, form: Form) -> dict[str, Any]:
    """Return the validated body in the form of later versions."""
    body = form.read(call.body)
    if (length := body.pop("length", None)) is not None:
        # The first validation accepts fractions, the second one does not.
        if not isinstance(length, int):
            raise errors.zod(("length", "Expected integer, received float"))
        body["lengthInMinutes"] = length
    if body.get("locations") is not None:
        body["_locations"] = read_locations(body.pop("locations"))
    return body


@ROUTES.add("POST", "/v2/event-types", version=VERSIONS, auth="guarded", status=201)
def create_event_type(call: Call) -> object:
    """Create an event type and return its columns. Fields of later versions are dropped."""
    body = _read_body(call, _CREATE)
    if by_slug(call.store, call.user["id"], body["slug"]):
        raise errors.bad_request("User already has an event type with this slug.")
    return event_type_row(new_event_type(call.store, call.user["id"], body, now=call.clock.now()))


@ROUTES.add("GET", "/v2/event-types", version=VERSIONS, auth="guarded")
def list_event_types(call: Call) -> object:
    """List the caller's event types and those of their teams, in groups."""
    return viewer_groups(call.store, call.user)


@ROUTES.add("GET", "/v2/event-types/{eventTypeId}", version=VERSIONS, auth="guarded")
def get_event_type(call: Call) -> object:
    """Return an event type of the caller for an editor. Event types of teams are a 403, also for their members."""
    event_type_id = call.int_path("eventTypeId", checked=True)
    record = call.store.event_types.get(event_type_id)
    if record is None or not _is_visible(call, record):
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    if record["ownerId"] != call.user["id"]:
        raise errors.forbidden(f"User with ID={call.user['id']} does not own event type with ID={event_type_id}")
    organization_id = call.user.get("organization_id")
    return {
        "eventType": editor_view(call.store, record),
        # The sandbox leaves out the list of apps that could be locations.
        "locationOptions": [],
        "destinationCalendar": record.get("destinationCalendar"),
        "team": None,
        "teamMembers": [],
        "currentUserMembership": None,
        "isUserOrganizationAdmin": organization_id is not None
        and role_in(call.store, organization_id, call.user["id"]) in {"ADMIN", "OWNER"},
    }


def _is_visible(call: Call, record: EventType) -> bool:
    """Return whether the caller owns the event type or belongs to its team."""
    if not is_team_event_type(record):
        return bool(record["ownerId"] == call.user["id"])
    return role_in(call.store, record["teamId"], call.user["id"]) is not None


@ROUTES.add("PATCH", "/v2/event-types/{eventTypeId}", version=VERSIONS, auth="guarded")
def update_event_type(call: Call) -> object:
    """Update an event type. Custom booking fields that the body lacks are deleted, also if it has no fields at all."""
    event_type_id = call.int_path("eventTypeId", checked=True)
    body = _read_body(call, _UPDATE)
    record = call.store.event_types.get(event_type_id)
    if record is None or record["ownerId"] != call.user["id"]:
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    if "slug" in body and by_slug(call.store, call.user["id"], body["slug"]) not in ([], [record]):
        raise errors.no_details(400, "TRPCError", "error_event_type_url_duplicate")
    body["bookingFields"] = read_booking_fields(body.get("bookingFields") or [])
    if seats := body.pop("seatsPerTimeSlot", None):
        shown = {"showAttendeeInfo": False, "showAvailabilityCount": True, **record["seats"]}
        body["seats"] = shown | {"disabled": False, "seatsPerTimeSlot": seats}
    change_event_type(call.store, record, body, now=call.clock.now())
    return editor_view(call.store, record)


@ROUTES.add("DELETE", "/v2/event-types/{eventTypeId}", version=VERSIONS, auth="guarded")
def remove_event_type(call: Call) -> object:
    """Delete an event type. A foreign one is a 403."""
    deleted = delete_event_type(call)
    return {
        "id": deleted["id"],
        "length": deleted["lengthInMinutes"],
        "slug": deleted["slug"],
        "title": deleted["title"],
    }


# --- public reads


@ROUTES.add("GET", "/v2/event-types/{username}/{eventSlug}/public", version=VERSIONS, auth="public")
def get_public_event_type(call: Call) -> object:
    """Return an event type by the names in its booking page, also a hidden one; null if there is none."""
    owner = _named(call, call.path["username"].lower())
    slug = call.path["eventSlug"]
    records = [] if owner is None else by_slug(call.store, owner["id"], slug)
    return public_view(call.store, records[0]) if records else None


@ROUTES.add("GET", "/v2/event-types/{username}/public", version=VERSIONS, auth="public")
def list_public_event_types(call: Call) -> object:
    """List the event types of a user that are not hidden."""
    owner = _named(call, call.path["username"])
    if owner is None:
        raise errors.not_found(f'User with username "{call.path["username"]}" not found')
    records = [record for record in call.store.event_types.values() if record["ownerId"] == owner["id"]]
    return [public_list_view(record) for record in records if not record["hidden"]]


def _named(call: Call, username: str) -> dict[str, Any] | None:
    """Return the user with this name."""
    return next((user for user in call.store.users.values() if user["username"] == username), None)
