"""Event types: how one is made, changed, checked against its owner, and shown.

A record is the wire form of `GET /v2/event-types/{id}` without what depends on other records (`users`,
`bookingUrl`, the names of hosts, `team`), which the views add. Keys that start with "_" are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from calcom_async.sandbox import errors
from calcom_async.sandbox.clock import iso
from calcom_async.sandbox.event_type_fields import (
    booking_fields,
    check_connected,
    default_booking_fields,
    locations,
    visible_fields,
)
from calcom_async.sandbox.event_type_settings import OFF, SETTERS, video_settings
from calcom_async.sandbox.store import Store

EventType = dict[str, Any]

WEBSITE = "https://cal.com"

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

_ABSENT_WHEN_UNSET = ("color", "bookerLayouts", "customName", "destinationCalendar", "emailSettings")

_NAME_VARIABLES = frozenset(
    {"Event type title", "Organiser", "Scheduler", "Location", "Organiser first name", "Organiser given name",
     "Scheduler first name", "Scheduler last name", "Event duration", "LOCATION", "HOST/ATTENDEE", "HOST", "ATTENDEE",
     "USER"}
)  # fmt: skip

_TEAM_ONLY = frozenset(_TEAM_DEFAULTS) - {"locations", "calVideoSettings", "ownerId"}

# What a booking page for several people is made of, when `usernames` asks for one.
_DYNAMIC_LENGTHS = [15, 30, 45, 60, 90]


def new_event_type(
    store: Store, owner_id: int | None, body: Mapping[str, Any], *, now: datetime | None = None, **team: Any
) -> EventType:
    """Make an event type from a create body and keep it; raises the server's refusals.

    `team` holds the wire's own names: `teamId`, `schedulingType`, `hosts` (`[{userId, mandatory, priority}]`),
    `assignAllTeamMembers`, `parentEventTypeId`. With a team, `owner_id` is None except for a managed child.
    """
    record: EventType = {"id": store.next_id("event_type"), "ownerId": owner_id, **deepcopy(_DEFAULTS)}
    record["bookingFields"] = default_booking_fields()
    if team:
        record.update(deepcopy(_TEAM_DEFAULTS), ownerId=owner_id)
        record.update(team)
    given = {name: value for name, value in body.items() if value is not None}
    _apply(store, record, given, now or datetime.now(UTC))
    check_rules(store, record, given)
    store.event_types[record["id"]] = record
    return record


def change_event_type(store: Store, record: EventType, body: Mapping[str, Any], *, now: datetime) -> None:
    """Change a kept event type by an update body, wholly or, when a refusal is raised, not at all."""
    if any(body.get(name, "") is None and name not in _NULLABLE for name in _PLAIN):
        raise errors.database(500)
    draft = deepcopy(record)
    if not _is_on(body.get("recurrence")):
        # The server accepts that a series is switched off, and forgets it.
        body = {name: value for name, value in body.items() if name != "recurrence"}
    _apply(store, draft, body, now)
    check_rules(store, draft, body)
    record.clear()
    record.update(draft)


def _apply(store: Store, record: EventType, body: Mapping[str, Any], now: datetime) -> None:
    """Write the fields of a body into a record, each in the form that the server answers it in."""
    for name in _PLAIN:
        if name in body:
            record[name] = body[name]
    for name, build in SETTERS.items():
        if name in body:
            record[name] = build(body[name])
    if "description" in body:
        record["description"] = body["description"] or ""
    if body.get("emailSettings") is not None:
        _apply_email_settings(record, body["emailSettings"])
    if "calVideoSettings" in body:
        record["calVideoSettings"] = video_settings(body["calVideoSettings"], record["id"], iso(now))
    _apply_lengths(record, body)
    _apply_lists(store, record, body)
    for name in _ABSENT_WHEN_UNSET:
        if record.get(name, "") is None:
            del record[name]


def _apply_email_settings(record: EventType, given: Mapping[str, Any]) -> None:
    attendee, host = (bool(given.get(f"disableEmailsTo{who}")) for who in ("Attendees", "Hosts"))
    record["emailSettings"] = {"disableEmailsToAttendees": attendee, "disableEmailsToHosts": host}
    standard = {"disableStandardEmails": {"all": {"attendee": attendee, "host": host}}}
    record["metadata"] = record["metadata"] | standard


def _apply_lengths(record: EventType, body: Mapping[str, Any]) -> None:
    if options := body.get("lengthInMinutesOptions"):
        record["lengthInMinutesOptions"] = options
        record["metadata"] = {**record["metadata"], "multipleDuration": options}


def _apply_lists(store: Store, record: EventType, body: Mapping[str, Any]) -> None:
    of_team = is_of_team(record)
    if body.get("locations") is not None:
        record["locations"] = locations(body["locations"], of_team=of_team)
        if record["ownerId"] is not None:
            check_connected(record["locations"], connected_apps(store, record["ownerId"]))
    if body.get("bookingFields") is not None:
        team = store.teams.get(record.get("teamId") or 0, {})
        phone_will_do = team.get("parent_id") is not None
        record["bookingFields"] = booking_fields(body["bookingFields"], phone_will_do=phone_will_do)


def connected_apps(store: Store, user_id: int) -> set[str]:
    """Name the conferencing apps that a user has connected; Cal Video is always there."""
    apps: dict[int, set[str]] = store.extras["conferencing_apps"]
    return {"cal-video"} | set(apps.get(user_id, ()))


def is_of_team(record: EventType) -> bool:
    """Say whether an event type belongs to a team: managed children do not, though they come from one."""
    return record.get("teamId") is not None


def host_ids(record: EventType) -> list[int]:
    """List the users who may be booked through an event type."""
    if is_of_team(record):
        return [host["userId"] for host in record["hosts"]]
    return [record["ownerId"]]


# --- rules between fields -------------------------------------------------------------------------------------------


def check_rules(store: Store, record: EventType, body: Mapping[str, Any]) -> None:
    """Refuse combinations that the server refuses; `record` is the result, `body` what was sent."""
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
    return bool(setting) and not (setting or {}).get("disabled")


def _check_window(window: Mapping[str, Any] | None) -> None:
    if window and window.get("type") == "range" and len(window["value"]) < 2:
        raise errors.raw(500, "Internal server error")


def _check_threshold(policy: Mapping[str, Any] | None) -> None:
    unit = ((policy or {}).get("noticeThreshold") or {}).get("unit", "hours")
    if unit not in ("minutes", "hours"):
        raise errors.zod(
            (
                "requiresConfirmationThreshold.unit",
                f"Invalid enum value. Expected 'minutes' | 'hours', received '{unit}'",
            )
        )


def _check_seats(record: EventType) -> None:
    if not _is_on(record["seats"]):
        return
    if len(record["locations"]) > 1:
        raise errors.bad_request("Seats Validation failed: Seats are enabled but more than one location provided.")
    if _is_on(record["confirmationPolicy"]):
        raise errors.bad_request("Seats Validation failed: Seats are enabled but requiresConfirmation is true.")
    if record["recurrence"]:
        raise errors.plain(400, "TRPCError", "Recurring Events and Offer Seats cannot be active at the same time.")


def _check_name(name: str | None) -> None:
    for variable in re.findall(r"\{([^}]+)\}", name or ""):
        if variable not in _NAME_VARIABLES:
            raise errors.bad_request(f"Invalid event name variables: {{{variable}}}")


def _check_schedule(store: Store, owner_id: int, schedule_id: int | None) -> None:
    if schedule_id is None:
        return
    schedule = store.schedules.get(schedule_id)
    if schedule is None or schedule["owner_id"] != owner_id:
        raise errors.not_found(f"User with ID={owner_id} does not own schedule with ID={schedule_id}")


def _check_calendars(store: Store, owner_id: int, body: Mapping[str, Any]) -> None:
    calendars = [calendar for one in store.calendars.get(owner_id, []) for calendar in one.get("calendars", [])]
    if body.get("useDestinationCalendarEmail") and not any(calendar.get("primary") for calendar in calendars):
        raise errors.bad_request(
            "Validation failed: A primary connected calendar is required to set useDestinationCalendarEmail"
        )
    wanted = body.get("destinationCalendar")
    if not isinstance(wanted, Mapping):
        return
    named = [one for one in calendars if all(one.get(key) == wanted.get(key) for key in ("externalId", "integration"))]
    if not named:
        raise errors.bad_request("Invalid destinationCalendarId: Calendar does not exist")
    if named[0].get("readOnly"):
        raise errors.bad_request("Invalid destinationCalendarId: Calendar does not have write permission")


# --- views ----------------------------------------------------------------------------------------------------------


def user_view(store: Store, record: EventType, *, listed: bool = False) -> EventType:
    """Show a person's event type; `listed` leaves out hidden booking fields, as the list does for everybody."""
    owner = store.users[record["ownerId"]]
    return {
        **_shown(record, listed=listed, without=_TEAM_ONLY),
        "users": [_person(owner)],
        "bookingUrl": f"{WEBSITE}/{owner['username']}/{record['slug']}",
    }


def team_view(store: Store, record: EventType, *, listed: bool = False) -> EventType:
    """Show a team's event type with its hosts; the list names the team, a single read gives only its id."""
    team = store.teams.get(record["teamId"]) if is_of_team(record) else None
    return {
        **_shown(record, listed=False, without=frozenset()),
        "hosts": [_host(store, record, host) for host in record["hosts"]],
        "team": team and (_team(team) if listed else {"id": team["id"]}),
    }


def _shown(record: EventType, *, listed: bool, without: frozenset[str]) -> EventType:
    shown = {name: value for name, value in record.items() if not name.startswith("_") and name not in without}
    if listed:
        shown["bookingFields"] = visible_fields(record["bookingFields"])
    return shown


def _person(user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": user["id"],
        "name": user.get("name"),
        "username": user.get("username"),
        "avatarUrl": user.get("avatar_url"),
        "brandColor": user.get("brand_color"),
        "darkBrandColor": user.get("dark_brand_color"),
        "weekStart": user.get("week_start"),
        "metadata": user.get("metadata") or {},
    }


def _host(store: Store, record: EventType, host: Mapping[str, Any]) -> dict[str, Any]:
    """Show a host; whether one is mandatory and their priority matter, and are told, only for round robin."""
    user = store.users[host["userId"]]
    turns = {}
    if record["schedulingType"] == "roundRobin":
        turns = {"mandatory": host.get("mandatory", False), "priority": host.get("priority", "medium")}
    about = {"name": user.get("name"), "username": user.get("username"), "avatarUrl": user.get("avatar_url")}
    return {**turns, "userId": user["id"], **about}


def _team(team: Mapping[str, Any]) -> dict[str, Any]:
    names = ("banner_url", "logo_url", "week_start", "brand_color", "dark_brand_color", "theme")
    return {
        "id": team["id"],
        "name": team["name"],
        "slug": team.get("slug"),
        **{_camel(name): team.get(name) for name in names},
    }


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def dynamic_view(users: Sequence[Mapping[str, Any]]) -> EventType:
    """Show the event type that stands for several people at once: it is not kept anywhere, and its id is 0."""
    record: EventType = {"id": 0, "ownerId": 0, **deepcopy(_DEFAULTS)}
    record.update(lengthInMinutes=30, lengthInMinutesOptions=list(_DYNAMIC_LENGTHS), title="Group Meeting")
    record.update(slug="dynamic", metadata={"multipleDuration": list(_DYNAMIC_LENGTHS)})
    record["description"] = "Join us for a meeting with multiple people"
    record["locations"] = [{"type": "integration", "integration": "cal-video"}]
    names = "+".join(str(user["username"]) for user in users)
    return {
        **record,
        "users": [_person(user) for user in users],
        "bookingUrl": f"{WEBSITE}/{names}/dynamic",
    }
