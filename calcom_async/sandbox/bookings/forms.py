"""Forms of the bodies and queries of bookings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calcom_async.sandbox.bookings.location import FROM_ATTENDEE, FROM_EVENT_TYPE, new_location_error
from calcom_async.sandbox.http.constraints import (
    Rule,
    array,
    boolean,
    check,
    date_string,
    defined,
    each,
    email,
    equals,
    fits_metadata_limits,
    integer,
    locale,
    max_size,
    min_size,
    minimum,
    object_,
    one_of,
    string,
    time_zone,
    url,
)
from calcom_async.sandbox.http.forms import Check, Field, Form

LOCATION_TYPES = (*FROM_EVENT_TYPE, *FROM_ATTENDEE, "integration", "organizersDefaultApp")
REFERENCE_TYPES = (
    "google_calendar",
    "office365_calendar",
    "daily_video",
    "google_video",
    "office365_video",
    "zoom_video",
)


def _names_event_type(body: Mapping[str, Any]) -> bool:
    """Return whether a body identifies an event type in one of the three ways."""
    if body.get("eventTypeId") is not None:
        return True
    return bool(body.get("eventTypeSlug") and (body.get("username") or body.get("teamSlug")))


metadata_rule: Rule = check(
    "validateMetadata",
    "Metadata must have at most 50 keys, each key up to 40 characters, and string values up to 500 characters.",
    fits_metadata_limits,
)
location_rule: Rule = check(
    "validateLocation",
    f"location must be a string or an object whose type is one of: {', '.join(LOCATION_TYPES)}",
    lambda value: isinstance(value, str) or (isinstance(value, dict) and value.get("type") in LOCATION_TYPES),
)

ATTENDEE = Form(
    Field("name", string),
    Field("timeZone", time_zone),
    Field("email", string, optional=True),
    Field("phoneNumber", string, optional=True),
    Field("language", locale, optional=True),
    Check(
        "attendee email or phone",
        "attendeeContact",
        "Attendee must have at least one contact method (email or phone number)",
        # The specification marks both as optional; one of the two must be there.
        lambda attendee: bool(attendee.get("email") or attendee.get("phoneNumber")),
    ),
)

CREATE = Form(
    Field("start", date_string),
    Field("attendee", defined, nested=ATTENDEE),
    Field("bookingFieldsResponses", object_, optional=True),
    Field("eventTypeId", integer, optional=True),
    Field("eventTypeSlug", string, optional=True),
    Field("username", string, optional=True),
    Field("teamSlug", string, optional=True),
    Field("organizationSlug", string, optional=True),
    # Only a second check, after the event type was found, looks at the addresses.
    Field("guests", each(string), array, optional=True),
    Field("meetingUrl", url, optional=True),
    Field("location", location_rule, optional=True),
    Field("metadata", metadata_rule, object_, optional=True),
    Field("lengthInMinutes", minimum(1), integer, optional=True),
    Field("routing", object_, optional=True),
    Field("emailVerificationCode", string, optional=True),
    Field("recurrenceCount", minimum(1), integer, optional=True),
    Field("instant", equals(True), optional=True),  # noqa: FBT003 - the API's only value
    Check(
        "eventTypeId or eventTypeSlug + username",
        "eventTypeIdentification",
        "Either eventTypeId or eventTypeSlug + username or eventTypeSlug + teamSlug must be provided",
        _names_event_type,
    ),
)
# A self-hosted server of 2026-07, which has no teams, rejects the field of their instant bookings as unknown.
CREATE_WITHOUT_TEAMS = Form(*(part for part in CREATE.parts if part.name != "instant"))

_OVERRIDES = (
    Field("allowConflicts", boolean, optional=True),
    Field("allowBookingOutOfBounds", boolean, optional=True),
    Field("skipBookingLimits", boolean, optional=True),
)
# Fields of version 2026-02-25. An older server rejects them, because this body must have no unknown fields.
NEWER_CREATE = CREATE.extended(*_OVERRIDES)

RESCHEDULE = Form(
    Field("start", date_string),
    Field("rescheduledBy", string, optional=True),
    Field("reschedulingReason", string, optional=True),
    Field("emailVerificationCode", string, optional=True),
)
# A seat moves without a reason: `reschedulingReason` is an unknown field here.
RESCHEDULE_SEAT = Form(
    Field("start", date_string),
    Field("seatUid", string),
    Field("rescheduledBy", string, optional=True),
    Field("emailVerificationCode", string, optional=True),
)

NEWER_RESCHEDULE = RESCHEDULE.extended(*_OVERRIDES, Field("rescheduleWithSameHost", boolean, optional=True))
NEWER_RESCHEDULE_SEAT = RESCHEDULE_SEAT.extended(*_OVERRIDES)

# The body may be missing altogether.
CANCEL = Form(
    Field("cancellationReason", string, optional=True),
    Field("cancelSubsequentBookings", boolean, optional=True),
)
CANCEL_SEAT = Form(Field("seatUid", string), Field("cancellationReason", string, optional=True))

ABSENT = Form(
    Field("host", boolean, optional=True),
    Field("attendees", array, optional=True, nested=Form(Field("email", email), Field("absent", boolean))),
)
DECLINE = Form(Field("reason", string, optional=True))

NEW_ATTENDEE = Form(
    Field("name", string),
    Field("timeZone", time_zone),
    Field("email", email),
    Field("phoneNumber", string, optional=True),
    Field("language", locale, optional=True),
)
GUEST = Form(
    Field("email", email),
    Field("name", string, optional=True),
    Field("timeZone", time_zone, optional=True),
    Field("phoneNumber", string, optional=True),
    Field("language", locale, optional=True),
)
objects: Rule = check(
    "nestedValidation",
    "each value in nested property $property must be either object or array",
    lambda value: not isinstance(value, list) or all(isinstance(item, (dict, list)) for item in value),
)
GUESTS = Form(
    Field(
        "guests",
        # The limits apply to one request; another one allows 30 attendees in all.
        max_size(10).with_text("Cannot add more than 10 guests at a time"),
        min_size(1),
        array,
        objects,
        nested=GUEST,
    )
)


def location_form(location: Any) -> Form:
    """Return the form of a location update; its only rule reports what is wrong with this location."""
    fault = new_location_error(location)
    rule = Rule("ValidateUpdateLocation", fault or "", lambda _: fault is None)
    return Form(Field("location", rule, optional=True))


REFERENCES = Form(Field("type", one_of(REFERENCE_TYPES, name="isIn"), optional=True))

REQUEST_RESCHEDULE = Form(Field("rescheduleReason", string, optional=True))
