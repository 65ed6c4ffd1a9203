"""Event types: creation, changes and the rules for their owner.

A record is the JSON of `GET /v2/event-types/{id}` without what depends on other records (`users`, `bookingUrl`, the
names of hosts, `team`), which the views add. Keys that start with "_" are internal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from calcom_async.sandbox.event_types.fields import booking_fields, check_connected, default_booking_fields, locations
from calcom_async.sandbox.event_types.named_fields import WORKFLOW_ADDED
from calcom_async.sandbox.event_types.settings import OFF, SETTERS, video_settings
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

EventType = dict[str, Any]

_DEFAULTS: EventType = {
    "description": "",
    "locations": [],
    "bookingFields": [],
    "recurrence": None,
    "disableGuests": False,
    "slotInterval": None,
    "minimumBookingNotice": 120,
    "beforeEventBuffer": 0,
    "afterEventBuffer": 0,
    "metadata": {},
    "price": 0,
    "currency": "usd",
    "lockTimeZoneToggleOnBookingPage": False,
    "forwardParamsSuccessRedirect": True,
    "successRedirectUrl": None,
    "isInstantEvent": False,
    "scheduleId": None,
    "onlyShowFirstAvailableSlot": False,
    "offsetStart": 0,
    "bookingWindow": OFF,
    "confirmationPolicy": OFF,
    "requiresBookerEmailVerification": False,
    "hideCalendarNotes": False,
    "seats": OFF,
    "useDestinationCalendarEmail": False,
    "hideCalendarEventDetails": False,
    "hideOrganizerEmail": False,
    "calVideoSettings": {"sendTranscriptionEmails": True},
    "hidden": False,
    "bookingRequiresAuthentication": False,
    "bookerActiveBookingsLimit": OFF,
    "disableCancelling": {"disabled": False},
    "disableRescheduling": {"disabled": False},
    "interfaceLanguage": None,
    "allowReschedulingPastBookings": False,
    "allowReschedulingCancelledBookings": False,
    "showOptimizedSlots": False,
}

_TEAM_DEFAULTS: EventType = {
    "locations": [{"type": "integration", "integration": "cal-video"}],
    "calVideoSettings": None,
    "hosts": [],
    "teamId": None,
    "ownerId": None,
    "parentEventTypeId": None,
    "schedulingType": None,
    "assignAllTeamMembers": False,
    "rescheduleWithSameRoundRobinHost": False,
    "rrHostSubsetEnabled": False,
}

_PLAIN = (
    "title", "slug", "lengthInMinutes", "disableGuests", "slotInterval", "minimumBookingNotice", "beforeEventBuffer",
    "afterEventBuffer", "scheduleId", "onlyShowFirstAvailableSlot", "offsetStart", "requiresBookerEmailVerification",
    "hideCalendarNotes", "lockTimeZoneToggleOnBookingPage", "customName", "destinationCalendar",
    "useDestinationCalendarEmail", "hideCalendarEventDetails", "successRedirectUrl", "hideOrganizerEmail", "hidden",
    "bookingRequiresAuthentication", "interfaceLanguage", "allowReschedulingPastBookings",
    "allowReschedulingCancelledBookings", "showOptimizedSlots", "emailSettings", "rescheduleWithSameRoundRobinHost",
    "rrHostSubsetEnabled",
)  # fmt: skip

_NULLABLE = frozenset(
    {"slotInterval", "scheduleId", "successRedirectUrl", "interfaceLanguage", "showOptimizedSlots", "customName",
     "destinationCalendar", "emailSettings", "allowReschedulingCancelledBookings"}
)  # fmt: skip

NEWER_DEFAULTS: EventType = {
    "skipAttendeeEmailDeliverabilityCheck": False,
    "privateNoteEnabled": False,
    "privateNoteMode": None,
    "privateNoteTemplate": None,
    "bookingProposalCount": None,
}
"""Fields of version 2026-06-12, stored under `_newer`."""
NEWER_TEAM_DEFAULTS: EventType = {**NEWER_DEFAULTS, "allowRRHostChoiceOnReschedule": False}

_ABSENT_WHEN_UNSET = ("color", "bookerLayouts", "customName", "destinationCalendar", "emailSettings")

_NAME_VARIABLES = frozenset(
    {"Event type title", "Organiser", "Scheduler", "Location", "Organiser first name", "Organiser given name",
     "Scheduler first name", "Scheduler last name", "Event duration", "LOCATION", "HOST/ATTENDEE", "HOST", "ATTENDEE",
     "USER"}
)  # fmt: skip


def new_event_type(
    store: Store, owner_id: int | None, body: Mapping[str, Any], *, now: datetime | None = None, **team: Any
) -> EventType:
    """Create an event type from a validated body. Raises the server's errors.

    `team` has the JSON names: `teamId`, `schedulingType`, `hosts` (`[{userId, mandatory, priority}]`),
    `assignAllTeamMembers`, `parentEventTypeId`. With a team, `owner_id` is None except for a managed child.
    """
    record: EventType = {"id": store.next_id("event_type"), "ownerId": owner_id, **deepcopy(_DEFAULTS)}
    record["bookingFields"] = default_booking_fields()
    if team:
        record.update(deepcopy(_TEAM_DEFAULTS), ownerId=owner_id)
        record.update(team)
    # A create request treats null as missing.
    given = {name: value for name, value in body.items() if value is not None}
    _apply(store, record, given, now or datetime.now(UTC))
    check_rules(store, record, given)
    store.event_types[record["id"]] = record
    return record


def change_event_type(store: Store, record: EventType, body: Mapping[str, Any], *, now: datetime) -> None:
    """Apply an update. After an error the event type is unchanged."""
    # The validation accepts null for every optional field; the database rejects it where the column needs a value.
    if any(body.get(name, "") is None and name not in _NULLABLE for name in _PLAIN):
        raise errors.database(500)
    draft = deepcopy(record)
    if not _is_on(body.get("recurrence")):
        # Both self-hosted builds respond with 200 to a request to switch recurrence off, and do not do it.
        body = {name: value for name, value in body.items() if name != "recurrence"}
    _apply(store, draft, body, now)
    check_rules(store, draft, body)
    record.clear()
    record.update(draft)


def _apply(store: Store, record: EventType, body: Mapping[str, Any], now: datetime) -> None:
    """Write the fields of a body into a record, in the form of responses."""
    for name in _PLAIN:
        if name in body:
            record[name] = body[name]
    for name, build in SETTERS.items():
        if name in body:
            record[name] = build(body[name])
    if "description" in body:
        # An unset description is an empty text, never null.
        record["description"] = body["description"] or ""
    if body.get("emailSettings") is not None:
        _apply_email_settings(record, body["emailSettings"])
    if "calVideoSettings" in body:
        record["calVideoSettings"] = video_settings(body["calVideoSettings"], record["id"], iso(now))
    if newer := {name: body[name] for name in NEWER_TEAM_DEFAULTS if name in body}:
        record["_newer"] = record.get("_newer", {}) | newer
    _apply_lengths(record, body)
    _apply_lists(store, record, body)
    for name in _ABSENT_WHEN_UNSET:
        if record.get(name, "") is None:
            # Responses leave these out when they are unset; other unset settings are null or `{"disabled": true}`.
            del record[name]


def _apply_email_settings(record: EventType, given: Mapping[str, Any]) -> None:
    """Write the email settings, which the server keeps in the metadata too."""
    attendee, host = (bool(given.get(f"disableEmailsTo{person}")) for person in ("Attendees", "Hosts"))
    record["emailSettings"] = {"disableEmailsToAttendees": attendee, "disableEmailsToHosts": host}
    standard = {"disableStandardEmails": {"all": {"attendee": attendee, "host": host}}}
    record["metadata"] = record["metadata"] | standard


def _apply_lengths(record: EventType, body: Mapping[str, Any]) -> None:
    """Write the possible lengths, which the server keeps in the metadata too."""
    if options := body.get("lengthInMinutesOptions"):
        record["lengthInMinutesOptions"] = options
        record["metadata"] = {**record["metadata"], "multipleDuration": options}


def _apply_lists(store: Store, record: EventType, body: Mapping[str, Any]) -> None:
    """Write locations and booking fields."""
    of_team = is_team_event_type(record)
    if "_locations" in body:
        record["locations"] = body["_locations"]
    if body.get("locations") is not None:
        record["locations"] = locations(body["locations"], of_team=of_team)
        if record["ownerId"] is not None:
            check_connected(record["locations"], connected_apps(store, record["ownerId"]))
    if body.get("bookingFields") is not None:
        team = store.teams.get(record.get("teamId") or 0, {})
        phone_suffices = team.get("parent_id") is not None
        record["bookingFields"] = booking_fields(body["bookingFields"], phone_suffices=phone_suffices)
    if "_bookingFields" in body:
        record["bookingFields"] = [*body["_bookingFields"], *workflow_added(record)]


def workflow_added(record: EventType) -> list[dict[str, Any]]:
    """Return the booking fields that workflows have added."""
    return [field for field in record["bookingFields"] if field["slug"] in WORKFLOW_ADDED]


def connected_apps(store: Store, user_id: int) -> set[str]:
    """Return the conferencing apps that a user has connected; Cal Video is always included."""
    apps: dict[int, set[str]] = store.extras["conferencing_apps"]
    return {"cal-video"} | set(apps.get(user_id, ()))


def allows_host_choice(event_type: Mapping[str, Any]) -> bool:
    """Return whether a booker who reschedules may choose between the same host and any host."""
    newer = event_type.get("_newer") or {}
    return event_type.get("schedulingType") == "roundRobin" and bool(newer.get("allowRRHostChoiceOnReschedule"))


def is_team_event_type(record: EventType) -> bool:
    """Return whether an event type belongs to a team. Managed children belong to a user."""
    return record.get("teamId") is not None


def host_ids(record: EventType) -> list[int]:
    """Return the ids of the hosts."""
    if is_team_event_type(record):
        return [host["userId"] for host in record["hosts"]]
    return [record["ownerId"]]


# --- rules between fields -------------------------------------------------------------------------------------------


def check_rules(store: Store, record: EventType, body: Mapping[str, Any]) -> None:
    """Raise an error for combinations that the server rejects; `record` is the result, `body` the request."""
    if _is_on(body.get("recurrence")) and _is_on(body.get("bookerActiveBookingsLimit")):
        raise errors.bad_request(
            "Can't have `recurrence` and `bookerActiveBookingsLimit` enabled at the same time - recurring events do "
            "not support maximum active bookings limit setting."
        )
    _check_window(body.get("bookingWindow"))
    _check_threshold(body.get("confirmationPolicy"))
    _check_seats(record)
    _check_name(body.get("customName"))
    if (owner_id := record["ownerId"]) is not None:
        _check_schedule(store, owner_id, body.get("scheduleId"))
        _check_calendars(store, owner_id, body)


def _is_on(setting: Mapping[str, Any] | None) -> bool:
    """Return whether a setting is given and not switched off."""
    return bool(setting) and not (setting or {}).get("disabled")


def _check_window(window: Mapping[str, Any] | None) -> None:
    """Fail with a 500 on a range of one date, which the validation accepts."""
    if window and window.get("type") == "range" and len(window["value"]) < 2:
        raise errors.no_envelope(500, "Internal server error")


def _check_threshold(policy: Mapping[str, Any] | None) -> None:
    """Raise a zod error for a unit of the notice that the database does not know."""
    unit = ((policy or {}).get("noticeThreshold") or {}).get("unit", "hours")
    if unit not in ("minutes", "hours"):
        raise errors.zod(
            (
                "requiresConfirmationThreshold.unit",
                f"Invalid enum value. Expected 'minutes' | 'hours', received '{unit}'",
            )
        )


def _check_seats(record: EventType) -> None:
    """Raise an error if seats are combined with a setting that excludes them."""
    if not _is_on(record["seats"]):
        return
    # Seats exclude these settings whichever of the two a request changes.
    if len(record["locations"]) > 1:
        raise errors.bad_request("Seats Validation failed: Seats are enabled but more than one location provided.")
    if _is_on(record["confirmationPolicy"]):
        raise errors.bad_request("Seats Validation failed: Seats are enabled but requiresConfirmation is true.")
    if record["recurrence"]:
        raise errors.no_details(400, "TRPCError", "Recurring Events and Offer Seats cannot be active at the same time.")


def _check_name(name: str | None) -> None:
    """Raise a 400 for an unknown variable in a custom title."""
    for variable in re.findall(r"\{([^}]+)\}", name or ""):
        if variable not in _NAME_VARIABLES:
            raise errors.bad_request(f"Invalid event name variables: {{{variable}}}")


def _check_schedule(store: Store, owner_id: int, schedule_id: int | None) -> None:
    """Raise a 404 for a schedule that is not the owner's."""
    if schedule_id is None:
        return
    schedule = store.schedules.get(schedule_id)
    if schedule is None or schedule["owner_id"] != owner_id:
        raise errors.not_found(f"User with ID={owner_id} does not own schedule with ID={schedule_id}")


def _check_calendars(store: Store, owner_id: int, body: Mapping[str, Any]) -> None:
    """Raise a 400 for a destination calendar that is not connected, or read-only."""
    calendars = [calendar for account in store.calendars.get(owner_id, []) for calendar in account.get("calendars", [])]
    if body.get("useDestinationCalendarEmail") and not any(calendar.get("primary") for calendar in calendars):
        raise errors.bad_request(
            "Validation failed: A primary connected calendar is required to set useDestinationCalendarEmail"
        )
    wanted = body.get("destinationCalendar")
    if not isinstance(wanted, Mapping):
        return
    named = [
        calendar
        for calendar in calendars
        if all(calendar.get(key) == wanted.get(key) for key in ("externalId", "integration"))
    ]
    if not named:
        raise errors.bad_request("Invalid destinationCalendarId: Calendar does not exist")
    if named[0].get("readOnly"):
        raise errors.bad_request("Invalid destinationCalendarId: Calendar does not have write permission")
