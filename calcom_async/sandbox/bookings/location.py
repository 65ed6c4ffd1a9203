"""Locations of bookings: what a request may contain, and what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox.bookings.views import Wire
from calcom_async.sandbox.event_types.fields import INTEGRATIONS, is_phone
from calcom_async.sandbox.http.constraints import is_url
from calcom_async.sandbox.http.errors import bad_request, zod

CAL_VIDEO = "integrations:daily"

# Internal names of integrations that are not the slug with underscores.
INTERNAL = {"cal-video": "daily", "google-meet": "google:meet", "zoom": "zoom", "jitsi": "jitsi", "tandem": "tandem"}

# By type: the field with the value, and the key that bookingFieldsResponses uses for it.
# The value of the first group comes from the event type, that of the second from the request.
FROM_EVENT_TYPE = {"address": ("address", "inPerson"), "link": ("link", "link"), "phone": ("phone", "userPhone")}
FROM_ATTENDEE = {
    "attendeeAddress": ("address", "attendeeInPerson"),
    "attendeePhone": ("phone", "phone"),
    "attendeeDefined": ("location", "somewhereElse"),
}


@dataclass(frozen=True, slots=True)
class ResolvedLocation:
    """The location of a booking, and the response stored under `location` if the request had one."""

    location: str
    response: Wire | None = None


def internal_name(integration: str) -> str:
    """Return the stored location of an integration without a room yet: `integrations:daily` for cal-video."""
    return f"integrations:{INTERNAL.get(integration, integration.replace('-', '_'))}"


def resolve_location(event_type: Wire, wanted: Any) -> ResolvedLocation:
    """Return the location of a new booking. Objects must match a location of the event type, text may be anything."""
    if wanted is None:
        return ResolvedLocation(default_location(event_type))
    if isinstance(wanted, str):
        return _from_text(wanted)
    _check_offered(event_type, wanted)
    return _from_object(event_type, wanted)


def default_location(event_type: Wire) -> str:
    """Return the first location of the event type, or Cal Video."""
    offered = event_type.get("locations") or []
    return offered_place(offered[0]) if offered else CAL_VIDEO


def offered_place(location: Wire) -> str:
    """Return what the server stores for a location of the event type."""
    kind = location["type"]
    if kind == "integration":
        return internal_name(location["integration"])
    if kind in FROM_EVENT_TYPE:
        return str(location.get(FROM_EVENT_TYPE[kind][0], ""))
    # Without a phone number or address the server stores the name of the location type.
    return FROM_ATTENDEE[kind][1] if kind in FROM_ATTENDEE else CAL_VIDEO


def stored_type(location: Wire) -> str:
    """Return the type of an event type's location as responses and the database name it."""
    kind = location["type"]
    if kind == "integration":
        return internal_name(location["integration"])
    return (FROM_EVENT_TYPE | FROM_ATTENDEE).get(kind, ("", "conferencing"))[1]


def _from_text(text: str) -> ResolvedLocation:
    """Return the location for a text: a link, a phone number or another place."""
    # Text is not compared with the locations of the event type; older clients send it.
    kind = "link" if is_url(text) and "://" in text else "phone" if is_phone(text) else "somewhereElse"
    return ResolvedLocation(text, {"value": kind, "optionValue": text})


def _from_object(event_type: Wire, wanted: Wire) -> ResolvedLocation:
    """Return the location for an object that the event type offers."""
    kind = wanted["type"]
    if kind == "integration":
        name = internal_name(wanted["integration"])
        return ResolvedLocation(name, {"value": name, "optionValue": ""})
    if kind in FROM_ATTENDEE:
        return _from_attendee(wanted)
    offered = next(location for location in event_type["locations"] if location["type"] == kind)
    filed = FROM_EVENT_TYPE.get(kind, ("", "conferencing"))[1]
    return ResolvedLocation(offered_place(offered), {"value": filed, "optionValue": ""})


def _from_attendee(wanted: Wire) -> ResolvedLocation:
    """Return the location whose value the attendee gives. Raises a zod error without one."""
    field, value = FROM_ATTENDEE[wanted["type"]]
    given = wanted.get(field)
    if not given:
        raise zod(("responses.location.optionValue", "Required"))
    return ResolvedLocation(given, {"value": value, "optionValue": given})


def _check_offered(event_type: Wire, wanted: Wire) -> None:
    """Raise a 400 if the event type does not offer this type of location."""
    # An event type without locations offers none, although its bookings without a location are in Cal Video.
    offered = event_type.get("locations") or []
    if wanted["type"] not in [location["type"] for location in offered]:
        raise bad_request(
            f"Booking location with type {wanted['type']} not valid for event type with id={event_type['id']}. The "
            f"event type has following location types: {', '.join(location['type'] for location in offered)}, and only "
            "these types are allowed for booking location."
        )
    if wanted["type"] == "integration":
        _check_integration(event_type, offered, wanted.get("integration"))


def _check_integration(event_type: Wire, offered: list[Wire], wanted: str | None) -> None:
    """Raise a 400 if the event type does not offer this integration."""
    if wanted not in INTEGRATIONS:
        raise bad_request(f"Invalid integration: {'undefined' if wanted is None else wanted}")
    integrations = [location["integration"] for location in offered if location["type"] == "integration"]
    if wanted not in integrations:
        raise bad_request(
            f"Booking location with integration {wanted} not valid for event type with id={event_type['id']}. The "
            f"event type has following integrations: {', '.join(integrations)}, and only these integrations are "
            "allowed for booking location."
        )


# --- location updates

# By type: the field of the body with the new value.
NEW_PLACE = {
    "address": "address",
    "link": "link",
    "phone": "phone",
    "attendeeAddress": "address",
    "attendeePhone": "phone",
    "attendeeDefined": "location",
    "integration": "integration",
}
VALIDATOR = "UpdateBookingInputLocationValidator_2024_08_13"


def new_location_error(location: Any) -> str | None:
    """Return the validation error of a location update, or None."""
    if not isinstance(location, dict) or "type" not in location:
        return f"{VALIDATOR} - Booking 'location' must have a 'type' property."
    kind = location["type"]
    if not isinstance(kind, str) or kind not in NEW_PLACE:
        known = ", ".join(NEW_PLACE)
        return f"{VALIDATOR} - Unsupported booking location type '{kind}'. Valid types are: {known}"
    field = NEW_PLACE[kind]
    fault = _field_error(field, location.get(field))
    return f"{VALIDATOR} - Validation failed for {kind} location: {fault}" if fault else None


def _field_error(field: str, value: Any) -> str | None:
    """Return what is wrong with the value of a location, or None."""
    if not isinstance(value, str):
        return f"{field} must be a string"
    if field == "link" and not is_url(value):
        return "link must be a URL address"
    if field == "phone" and not is_phone(value):
        return "phone must be a valid phone number"
    if field == "integration" and value not in INTEGRATIONS:
        return f"integration must be one of the following values: {', '.join(INTEGRATIONS)}"
    return None


def resolve_new_location(location: Wire, connected: set[str]) -> ResolvedLocation:
    """Return the location for a validated update."""
    kind = location["type"]
    if kind == "integration":
        integration = location["integration"]
        if integration not in connected:
            raise bad_request(
                f'Video integration "{integration}" is not connected. Please connect the integration in your '
                "settings first."
            )
        name = internal_name(integration)
        return ResolvedLocation(name, {"value": name, "optionValue": ""})
    given = location[NEW_PLACE[kind]]
    filed = (FROM_EVENT_TYPE | FROM_ATTENDEE)[kind][1]
    return ResolvedLocation(given, {"value": filed, "optionValue": "" if kind in FROM_EVENT_TYPE else given})
