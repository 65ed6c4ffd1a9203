"""Event types in the form of 2024-04-15: the columns of the database, with locations and fields in their stored form.

The list, a single read and the public read add different things to the same columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from calcom_async.sandbox.accounts.teams import accepted_team_ids, memberships_of, role_in
from calcom_async.sandbox.bookings.location import FROM_ATTENDEE, INTERNAL, internal_name
from calcom_async.sandbox.bookings.webhook_payloads import FREQUENCIES
from calcom_async.sandbox.event_types.fields import INTEGRATIONS
from calcom_async.sandbox.event_types.forms import SCHEDULING_TYPES
from calcom_async.sandbox.event_types.records import EventType, host_ids, is_team_event_type
from calcom_async.sandbox.event_types.views import WEBSITE
from calcom_async.sandbox.state.store import Store

Wire = dict[str, Any]

# Names of the default fields, and what they have beside their settings.
_SYSTEM_FIELDS: dict[str, Wire] = {
    "name": {"defaultLabel": "your_name"},
    "email": {"defaultLabel": "email_address"},
    "location": {"defaultLabel": "location", "getOptionsAt": "locations", "hideWhenJustOneOption": True},
    "title": {"defaultLabel": "what_is_this_meeting_about", "defaultPlaceholder": ""},
    "notes": {"defaultLabel": "additional_notes", "defaultPlaceholder": "share_additional_notes"},
    "guests": {"defaultLabel": "additional_guests", "defaultPlaceholder": "email"},
    "rescheduleReason": {"defaultLabel": "reason_for_reschedule", "defaultPlaceholder": "reschedule_placeholder"},
}
_SPLIT_NAME = {"splitName": "name"}

# --- locations and booking fields ------------------------------------------------------------------------------------


def stored_locations(locations: Iterable[Mapping[str, Any]]) -> list[Wire]:
    """Return locations as the database stores them: `{"type": "integrations:daily"}` for Cal Video."""
    return [_stored_location(location) for location in locations]


def _stored_location(location: Mapping[str, Any]) -> Wire:
    """Return one location."""
    kind, public = location["type"], {"displayLocationPublicly": bool(location.get("public"))}
    match kind:
        case "integration":
            return {"type": internal_name(location["integration"])}
        case "address":
            return {"type": "inPerson", "address": location["address"], **public}
        case "link":
            return {"type": "link", "link": location["link"], **public}
        case "phone":
            return {"type": "userPhone", "hostPhoneNumber": location["phone"], **public}
        case "unknown":
            return dict(json.loads(location["location"]))
        case _:
            return {"type": FROM_ATTENDEE[kind][1] if kind in FROM_ATTENDEE else "conferencing"}


def read_locations(given: Iterable[Wire]) -> list[Wire]:
    """Return stored locations of a request in the form of later versions; other types are `unknown` there."""
    return [_read_location(location) for location in given]


def _read_location(location: Wire) -> Wire:
    """Return one location."""
    kind, public = str(location["type"]), bool(location.get("displayLocationPublicly"))
    apps = {internal_name(app): app for app in (*INTEGRATIONS, *INTERNAL)}
    asked = {value: name for name, (_, value) in FROM_ATTENDEE.items()} | {"conferencing": "organizersDefaultApp"}
    named = {"inPerson": ("address", "address"), "link": ("link", "link"), "userPhone": ("phone", "hostPhoneNumber")}
    if kind in apps:
        return {"type": "integration", "integration": apps[kind]}
    if kind in asked:
        return {"type": asked[kind]}
    name, key = named.get(kind, ("", ""))
    if location.get(key) is None:
        return {"type": "unknown", "location": json.dumps(location)}
    return {"type": name, name: location[key], "public": public}


def stored_booking_fields(fields: Iterable[Mapping[str, Any]]) -> list[Wire]:
    """Return booking fields as the database stores them: `name` instead of `slug`, and who may change them."""
    return [_stored_field(field) for field in fields]


def _stored_field(field: Mapping[str, Any]) -> Wire:
    """Return one booking field."""
    name = _SPLIT_NAME.get(field["slug"], field["slug"])
    settings = {key: value for key, value in field.items() if key not in {"isDefault", "slug", "type", "options"}}
    if name in _SYSTEM_FIELDS and field["isDefault"]:
        kind = "name" if name == "name" else field["type"]
        always = name in {"name", "email", "location"}
        default = {"id": "default", "type": "default", "label": "Default"}
        extras = {"editable": "system" if always else "system-but-optional", "sources": [default]}
        return {"name": name, "type": kind, **_SYSTEM_FIELDS[name], **settings, **extras}
    options = [
        option if isinstance(option, dict) else {"label": option, "value": option}
        for option in field.get("options") or []
    ]
    sources: list[Wire] = [
        {"id": "user", "type": "user", "label": "User", "fieldRequired": bool(field.get("required"))}
    ]
    custom = {"name": name, "type": field["type"], **settings, "editable": "user", "sources": sources}
    return custom | ({"options": options} if options else {})


def read_booking_fields(given: Iterable[Wire]) -> list[Wire]:
    """Return stored booking fields of a request as later versions take them. The email address is always asked for."""
    fields = [_read_field(field) for field in given]
    return fields if any(field.get("type") in {"email", "phone"} for field in fields) else [*fields, {"type": "email"}]


def _read_field(field: Wire) -> Wire:
    """Return one booking field."""
    settings: Wire = {key: field[key] for key in ("label", "placeholder", "required", "hidden") if key in field}
    name = field["name"]
    if name in {"name", "email"}:
        return {"type": name, **settings}
    if name in _SYSTEM_FIELDS:
        return {"slug": name, **settings}
    options = [option.get("value") for option in field.get("options") or [] if isinstance(option, dict)]
    custom = {"type": field["type"], "slug": name, "label": name, "required": False, **settings}
    return custom | ({"options": options} if options else {})


# --- columns ---------------------------------------------------------------------------------------------------------


def event_type_row(record: EventType) -> Wire:
    """Return the columns of an event type."""
    seats = record["seats"] if not record["seats"].get("disabled") else {}
    policy = record["confirmationPolicy"]
    confirms = not policy.get("disabled")
    return {
        "id": record["id"],
        "title": record["title"],
        "slug": record["slug"],
        "description": record["description"] or None,
        "interfaceLanguage": record["interfaceLanguage"],
        "position": 0,
        "locations": stored_locations(record["locations"]),
        "length": record["lengthInMinutes"],
        "offsetStart": record["offsetStart"],
        "hidden": record["hidden"],
        "userId": record["ownerId"],
        "profileId": None,
        "teamId": record.get("teamId"),
        "useEventLevelSelectedCalendars": False,
        "eventName": record.get("customName"),
        "parentId": record.get("parentEventTypeId"),
        "bookingFields": stored_booking_fields(record["bookingFields"]),
        "timeZone": None,
        **_period(record["bookingWindow"]),
        "lockTimeZoneToggleOnBookingPage": record["lockTimeZoneToggleOnBookingPage"],
        "requiresConfirmation": confirms,
        "requiresConfirmationWillBlockSlot": confirms and bool(policy.get("blockUnconfirmedBookingsInBooker")),
        "requiresConfirmationForFreeEmail": False,
        "requiresBookerEmailVerification": record["requiresBookerEmailVerification"],
        "canSendCalVideoTranscriptionEmails": True,
        "autoTranslateDescriptionEnabled": False,
        "recurringEvent": _recurring(record["recurrence"]),
        "disableGuests": record["disableGuests"],
        "hideCalendarNotes": record["hideCalendarNotes"],
        "hideCalendarEventDetails": record["hideCalendarEventDetails"],
        "minimumBookingNotice": record["minimumBookingNotice"],
        "beforeEventBuffer": record["beforeEventBuffer"],
        "afterEventBuffer": record["afterEventBuffer"],
        "seatsPerTimeSlot": seats.get("seatsPerTimeSlot"),
        "onlyShowFirstAvailableSlot": record["onlyShowFirstAvailableSlot"],
        "disableCancelling": bool(record["disableCancelling"].get("disabled")),
        "disableRescheduling": bool(record["disableRescheduling"].get("disabled")),
        "seatsShowAttendees": seats.get("showAttendeeInfo", False),
        "seatsShowAvailabilityCount": seats.get("showAvailabilityCount", True),
        "schedulingType": SCHEDULING_TYPES.get(record.get("schedulingType") or ""),
        "scheduleId": record["scheduleId"],
        "price": record["price"],
        "currency": record["currency"],
        "slotInterval": record["slotInterval"],
        "metadata": record["metadata"],
        "successRedirectUrl": record["successRedirectUrl"],
        "forwardParamsSuccessRedirect": record["forwardParamsSuccessRedirect"],
        "bookingLimits": _limits(record.get("bookingLimitsCount")),
        "durationLimits": _limits(record.get("bookingLimitsDuration")),
        "isInstantEvent": record["isInstantEvent"],
        "instantMeetingExpiryTimeOffsetInSeconds": 90,
        "instantMeetingScheduleId": None,
        "instantMeetingParameters": [],
        "assignAllTeamMembers": record.get("assignAllTeamMembers", False),
        "assignRRMembersUsingSegment": False,
        "rrSegmentQueryValue": None,
        "useEventTypeDestinationCalendarEmail": record["useDestinationCalendarEmail"],
        "isRRWeightsEnabled": False,
        "maxLeadThreshold": None,
        "allowReschedulingPastBookings": record["allowReschedulingPastBookings"],
        "hideOrganizerEmail": record["hideOrganizerEmail"],
        "eventTypeColor": _color(record.get("color")),
        "rescheduleWithSameRoundRobinHost": record.get("rescheduleWithSameRoundRobinHost", False),
        "secondaryEmailId": None,
    }


def _period(window: Mapping[str, Any]) -> Wire:
    """Return the columns of the booking window."""
    period: Wire = {
        "periodType": "UNLIMITED",
        "periodStartDate": None,
        "periodEndDate": None,
        "periodDays": None,
        "periodCountCalendarDays": None,
    }
    if window.get("disabled"):
        return period
    if window["type"] == "range":
        start, end = (f"{day}T00:00:00.000Z" for day in window["value"][:2])
        return period | {"periodType": "RANGE", "periodStartDate": start, "periodEndDate": end}
    kind = "ROLLING_WINDOW" if window.get("rolling") else "ROLLING"
    calendar_days = window["type"] == "calendarDays"
    return period | {"periodType": kind, "periodDays": window["value"], "periodCountCalendarDays": calendar_days}


def _recurring(rule: Mapping[str, Any] | None) -> Wire | None:
    """Return the recurrence with its frequency as a number."""
    if not rule:
        return None
    return {"interval": rule["interval"], "count": rule["occurrences"], "freq": FREQUENCIES[rule["frequency"]]}


def _limits(limits: Mapping[str, Any] | None) -> Wire | None:
    """Return limits by period: `{"PER_DAY": 3}`."""
    return {f"PER_{period.upper()}": limit for period, limit in limits.items()} if limits else None


def _color(color: Mapping[str, Any] | None) -> Wire | None:
    """Return the two colors of an event type."""
    return (
        {"lightEventTypeColor": color["lightThemeHex"], "darkEventTypeColor": color["darkThemeHex"]} if color else None
    )


# --- the list --------------------------------------------------------------------------------------------------------


def viewer_groups(store: Store, user: Mapping[str, Any]) -> Wire:
    """Return the user's event types in groups: their own ones, then those of each of their teams."""
    own = [record for record in store.event_types.values() if record["ownerId"] == user["id"]]
    name = {"slug": user.get("username"), "name": user.get("name"), "image": _avatar(user)}
    groups = [_group(own, name, {"teamId": None, "membershipRole": None}, members=1, read_only=False)]
    for team_id in sorted(accepted_team_ids(store, user["id"]) & store.teams.keys()):
        team = store.teams[team_id]
        role = role_in(store, team["id"], user["id"])
        records = [
            record
            for record in store.event_types.values()
            if record.get("teamId") == team["id"] and not (role == "MEMBER" and record["schedulingType"] == "managed")
        ]
        slug = team.get("slug") if team.get("parent_id") else f"team/{team.get('slug')}"
        shown = {"image": f"{WEBSITE}/team.svg", "name": team["name"], "slug": slug}
        whose = {"teamId": team["id"], "parentId": team.get("parent_id"), "membershipRole": role}
        members = sum(1 for _ in memberships_of(store, team["id"]))
        groups.append(_group(records, shown, whose, members=members, read_only=role == "MEMBER"))
    profiles = [
        {**group["profile"], **group["metadata"], "teamId": group["teamId"], "membershipRole": group["membershipRole"]}
        for group in groups
    ]
    # The server fills a JavaScript Map here, which is empty as JSON.
    return {"eventTypeGroups": groups, "profiles": profiles, "allUsersAcrossAllEventTypes": {}}


def _group(records: Iterable[EventType], profile: Wire, whose: Wire, *, members: int, read_only: bool) -> Wire:
    """Return one group."""
    return {
        **whose,
        "bookerUrl": WEBSITE,
        "profile": profile,
        "metadata": {"membershipCount": members, "readOnly": read_only},
        "eventTypes": [_listed(record) for record in records],
    }


def _listed(record: EventType) -> Wire:
    """Return an event type as the list contains it."""
    related: Wire = {"hashedLink": [], "hosts": [], "team": None, "parent": None, "children": []}
    more: Wire = {"managedBy": {"admins": []}, "userIds": host_ids(record)}
    if record["description"]:
        more["safeDescription"] = f"<p>{record['description']}</p>\n"
    return event_type_row(record) | related | more


# --- single event types ----------------------------------------------------------------------------------------------


def editor_view(store: Store, record: EventType) -> Wire:
    """Return an event type as an editor needs it: columns, users, schedule and calendar."""
    schedule = store.schedules.get(record["scheduleId"] or 0, {})
    default = None if is_team_event_type(record) else store.users[record["ownerId"]].get("default_schedule_id")
    people = [store.users[user_id] for user_id in host_ids(record)]
    return event_type_row(record) | {
        "schedule": schedule.get("id") or default,
        "scheduleName": schedule.get("name"),
        "owner": {"id": record["ownerId"]},
        "users": [_editor_user(person) for person in people],
        "hosts": [{"isFixed": host.get("mandatory", False), **host} for host in record.get("hosts", ())],
        "customInputs": [],
        "hashedLink": [],
        "children": [],
        "webhooks": [],
        "workflows": [],
        "parent": None,
        "team": None,
        "destinationCalendar": record.get("destinationCalendar"),
        "bookerUrl": WEBSITE,
        "metadata": record["metadata"] | {"apps": {}},
    }


def _editor_user(user: Mapping[str, Any]) -> Wire:
    """Return a user of an event type for an editor."""
    return {
        "id": user["id"],
        "name": user.get("name"),
        "username": user.get("username"),
        "email": user["email"],
        "avatarUrl": user.get("avatar_url"),
        "locale": user.get("locale"),
        "defaultScheduleId": user.get("default_schedule_id"),
        "avatar": _avatar(user),
    }


def _avatar(user: Mapping[str, Any]) -> str:
    """Return the address of a user's picture."""
    return str(user.get("avatar_url") or f"{WEBSITE}/avatar.svg")


_PUBLIC = (
    "id", "title", "description", "eventName", "slug", "isInstantEvent", "schedulingType", "length", "locations",
    "disableGuests", "metadata", "lockTimeZoneToggleOnBookingPage", "requiresConfirmation",
    "requiresBookerEmailVerification", "recurringEvent", "price", "currency", "seatsPerTimeSlot",
    "seatsShowAvailabilityCount", "bookingFields", "successRedirectUrl", "forwardParamsSuccessRedirect", "hidden",
    "assignAllTeamMembers",
)  # fmt: skip
_LISTED_PUBLIC = (
    "id", "title", "description", "length", "schedulingType", "recurringEvent", "slug", "hidden", "price", "currency",
    "lockTimeZoneToggleOnBookingPage", "requiresConfirmation", "requiresBookerEmailVerification", "metadata",
    "canSendCalVideoTranscriptionEmails",
)  # fmt: skip


def public_view(store: Store, record: EventType) -> Wire:
    """Return an event type as the booking page needs it; places that are not public are left out."""
    row = event_type_row(record)
    owner = store.users[host_ids(record)[0]]
    schedule = store.schedules.get(record["scheduleId"] or owner.get("default_schedule_id") or 0)
    return {name: row[name] for name in _PUBLIC} | {
        "description": row["description"] or "",
        "locations": [_without_private(location) for location in row["locations"]],
        "customInputs": [],
        "workflows": [],
        "hosts": [],
        "team": None,
        "aiPhoneCallConfig": None,
        "owner": _public_user(owner) | {"defaultScheduleId": owner.get("default_schedule_id")},
        "schedule": schedule and {"id": schedule["id"], "timeZone": schedule["time_zone"]},
        "bookerLayouts": record.get("bookerLayouts"),
        "profile": _public_user(owner) | {"image": _avatar(owner), "bookerLayouts": None},
        "users": [_public_user(store.users[user_id]) | {"bookerUrl": WEBSITE} for user_id in host_ids(record)],
        "entity": {
            "fromRedirectOfNonOrgLink": True,
            "considerUnpublished": False,
            "orgSlug": None,
            "teamSlug": None,
            "name": None,
        },
        "isDynamic": False,
    }


def _without_private(location: Wire) -> Wire:
    """Return a location without its place unless that is shown publicly."""
    return location if location.get("displayLocationPublicly") else {"type": location["type"]}


def _public_user(user: Mapping[str, Any]) -> Wire:
    """Return a user as public event types contain them."""
    return {
        "id": user["id"],
        "username": user.get("username"),
        "name": user.get("name"),
        "weekStart": user.get("week_start"),
        "avatarUrl": user.get("avatar_url"),
        "brandColor": user.get("brand_color"),
        "darkBrandColor": user.get("dark_brand_color"),
        "theme": None,
        "organizationId": user.get("organization_id"),
    }


def public_list_view(record: EventType) -> Wire:
    """Return an event type as the public list of a user contains it."""
    row = event_type_row(record)
    text = f"<p>{record['description']}</p>\n" if record["description"] else ""
    return {name: row[name] for name in _LISTED_PUBLIC} | {"descriptionAsSafeHTML": text}
