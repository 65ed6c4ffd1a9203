"""Odd bodies and queries: the sandbox rejects them, and no handler fails."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from http_client import send_request

from calcom_async.sandbox import Sandbox

MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)
ATTENDEE = {"name": "A", "email": "a@visitors.test", "timeZone": "UTC", "language": "en", "phoneNumber": "+3912345678"}
BOOKING = {
    "start": "2026-11-04T10:00:00Z",
    "eventTypeId": 1,
    "attendee": ATTENDEE,
    "guests": ["b@visitors.test"],
    "location": {"type": "integration", "integration": "cal-video"},
    "metadata": {"a": "b"},
    "bookingFieldsResponses": {"notes": "x"},
}
FIELD = {"type": "select", "slug": "size", "label": "Size", "required": True, "options": ["S"]}
EVENT_TYPE = {
    "title": "T",
    "slug": "t",
    "lengthInMinutes": 30,
    "locations": [{"type": "link", "link": "https://meet.test", "public": True}],
    "bookingFields": [{"type": "splitName", "lastNameRequired": True}, FIELD],
    "recurrence": {"interval": 1, "occurrences": 3, "frequency": "weekly"},
    "bookingWindow": {"type": "range", "value": ["2030-01-01", "2030-02-01"]},
    "confirmationPolicy": {"type": "time", "noticeThreshold": {"unit": "hours", "count": 3}},
    "bookingLimitsCount": {"day": 1},
    "color": {"lightThemeHex": "#fff", "darkThemeHex": "#000"},
    "calVideoSettings": {"redirectUrlOnExit": "https://meet.test"},
    "disableRescheduling": {"minutesBefore": 3},
}
TEAM_EVENT_TYPE = {
    "title": "T",
    "slug": "t",
    "lengthInMinutes": 30,
    "schedulingType": "roundRobin",
    "hosts": [{"userId": 1, "mandatory": True, "priority": "high"}],
    "emailSettings": {"disableEmailsToHosts": True},
}
HOURS = {"startTime": "09:00", "endTime": "10:00"}
SCHEDULE = {
    "name": "S",
    "timeZone": "UTC",
    "isDefault": False,
    "availability": [{"days": ["Monday"], **HOURS}],
    "overrides": [{"date": "2030-01-01", **HOURS}],
}
STEP = {
    "stepNumber": 1,
    "action": "email_attendee",
    "recipient": "attendee",
    "template": "reminder",
    "sender": "Acme",
    "message": {"subject": "Soon", "html": "Soon"},
}
WORKFLOW = {
    "name": "W",
    "activation": {"isActiveOnAllEventTypes": True, "activeOnEventTypeIds": [1]},
    "trigger": {"type": "beforeEvent", "offset": {"value": 1, "unit": "day"}},
    "steps": [STEP],
}
ABSENT = {"host": True, "attendees": [{"email": "a@visitors.test", "absent": True}]}
GUEST = {"email": "c@visitors.test", "name": "C", "timeZone": "UTC"}
MOVE = {"start": "2026-11-04T11:00:00Z", "rescheduledBy": "a@visitors.test", "reschedulingReason": "x"}
SEATS = {"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True}
USER = {"email": "n@acme.test", "weekday": "Monday", "metadata": {"a": 1}, "timeFormat": 12, "locale": "en"}
NAMED_FIELDS = {
    "bookingFields": [
        {"field": "name", "variant": "splitName", "lastNameRequired": True},
        {"field": "email", "slug": "email", "required": True, "excludeEmails": ["x.test"]},
        {"field": "attendeePhoneNumber", "required": True, "hidden": False},
        {"field": "custom", "type": "select", "slug": "size", "label": "Size", "options": ["S"]},
        {"field": "custom", "type": "longText", "slug": "why", "label": "Why", "minLength": 1, "maxLength": 9},
    ]
}
NEWER_EVENT_TYPE = {
    "title": "T",
    "slug": "t",
    "lengthInMinutes": 30,
    "privateNoteMode": "separate_events",
    "emailSettings": {"disableEmailsToHosts": True},
    "calVideoSettings": {"transcriptionLanguage": "pt"},
    **NAMED_FIELDS,
}
KEY = {"private_key": "k", "client_id": "c", "tenant_id": "t"}
DELEGATION = {"workspacePlatformSlug": "office365", "domain": "d.test", "serviceAccountKey": KEY}
RANGE = {"startDate": "2026-09-01", "endDate": "2026-09-30"}
FILTER = {"id": "createdAt", "value": {"type": "dr", "data": RANGE}}
INSIGHTS = {"scope": "org", "selectedTeamId": 2, **RANGE, "columnFilters": [FILTER], "offset": 0, "limit": 10}
OLD_BOOKING = {
    "start": "2026-11-04T10:00:00Z",
    "end": "2026-11-04T10:30:00Z",
    "eventTypeId": 1,
    "timeZone": "UTC",
    "language": "en",
    "metadata": {"a": "b"},
    "locationUrl": "https://meet.test",
    "rescheduledBy": "a@visitors.test",
    "responses": {
        "name": {"firstName": "A", "lastName": "B"},
        "email": "a@visitors.test",
        "guests": ["b@visitors.test"],
        "location": {"value": "link", "optionValue": "https://meet.test"},
        "notes": "x",
        "rescheduleReason": "x",
    },
}
OLD_LOCATION = {"type": "inPerson", "address": "x", "displayLocationPublicly": True}
OLD_FIELD = {
    "name": "size",
    "type": "select",
    "label": "Size",
    "required": True,
    "options": [{"value": "S", "label": "S"}],
}
OLD_EVENT_TYPE = {"title": "T", "slug": "t", "length": 30, "locations": [OLD_LOCATION], "slotInterval": 15}
OLD_HOURS = {"startTime": "2030-01-01T09:00:00.000Z", "endTime": "2030-01-01T10:00:00.000Z"}
OLD_RANGE = {"start": "2030-01-01T09:00:00.000Z", "end": "2030-01-01T10:00:00.000Z"}
OLD_SCHEDULE = {"name": "S", "timeZone": "UTC", "isDefault": False, "availabilities": [{"days": [1], **OLD_HOURS}]}
OLD_SLOT = {"eventTypeId": 1, "slotUtcStartDate": "2030-01-01T09:00:00Z", "slotUtcEndDate": "2030-01-01T10:00:00Z"}
OLD_WRITES: list[tuple[str, str, Any, str]] = [
    ("POST", "/v2/bookings", OLD_BOOKING, ""),
    ("POST", "/v2/bookings", OLD_BOOKING | {"rescheduleUid": "UID"}, ""),
    ("POST", "/v2/bookings", OLD_BOOKING | {"eventTypeId": 3}, ""),
    ("POST", "/v2/bookings/recurring", [OLD_BOOKING, OLD_BOOKING | {"start": "2026-11-05T10:00:00Z"}], ""),
    ("POST", "/v2/bookings/UID/cancel", {"cancellationReason": "x", "allRemainingBookings": True}, ""),
    ("POST", "/v2/bookings/UID/mark-no-show", {"attendees": [{"email": "a@b.test", "noShow": True}]}, ""),
    ("POST", "/v2/event-types", OLD_EVENT_TYPE, ""),
    ("PATCH", "/v2/event-types/1", OLD_EVENT_TYPE | {"bookingFields": [OLD_FIELD], "seatsPerTimeSlot": 3}, ""),
    ("POST", "/v2/schedules", OLD_SCHEDULE, ""),
    ("PATCH", "/v2/schedules/1", {"name": "S", "schedule": [[OLD_RANGE]] * 7, "dateOverrides": [OLD_RANGE]}, ""),
    ("POST", "/v2/slots/reserve", OLD_SLOT, ""),
]
WRITES: list[tuple[str, str, Any, str]] = [
    ("POST", "/v2/bookings", BOOKING, "2024-08-13"),
    ("POST", "/v2/bookings", BOOKING | {"eventTypeId": 3}, "2024-08-13"),
    ("POST", "/v2/bookings/UID/reschedule", MOVE, "2024-08-13"),
    ("POST", "/v2/bookings/UID/cancel", {"cancellationReason": "x", "cancelSubsequentBookings": True}, "2024-08-13"),
    ("POST", "/v2/bookings/UID/mark-absent", ABSENT, "2024-08-13"),
    ("POST", "/v2/bookings/UID/guests", {"guests": [GUEST]}, "2024-08-13"),
    ("PATCH", "/v2/bookings/UID/location", {"location": {"type": "link", "link": "https://meet.test"}}, "2024-08-13"),
    ("POST", "/v2/event-types", EVENT_TYPE, "2024-06-14"),
    ("PATCH", "/v2/event-types/1", {"seats": SEATS, "title": "x", "scheduleId": 1}, "2024-06-14"),
    ("POST", "/v2/schedules", SCHEDULE, "2024-06-11"),
    ("POST", "/v2/webhooks", {"active": True, "subscriberUrl": "https://x.test", "triggers": ["BOOKING_PAID"]}, ""),
    ("PATCH", "/v2/me", {"name": "n", "weekStart": "Monday", "timeZone": "UTC", "metadata": {"a": 1}}, ""),
    ("POST", "/v2/organizations/1/users", USER, ""),
    ("POST", "/v2/organizations/1/teams/2/event-types", TEAM_EVENT_TYPE, "2024-06-14"),
    ("POST", "/v2/organizations/1/teams/2/workflows", WORKFLOW, ""),
    ("POST", "/v2/organizations/1/roles", {"name": "R", "color": "#fff", "permissions": ["booking.read"]}, ""),
    ("POST", "/v2/me/ooo", {"start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z", "reason": "vacation"}, ""),
    ("POST", "/v2/event-types/1/private-links", {"expiresAt": "2030-01-01T00:00:00Z"}, ""),
    ("POST", "/v2/event-types", NEWER_EVENT_TYPE, "2026-06-12"),
    ("PUT", "/v2/event-types/1/booking-fields", NAMED_FIELDS, "2026-06-12"),
    ("POST", "/v2/event-types/1/booking-fields", {"bookingFields": NAMED_FIELDS["bookingFields"][3:]}, "2026-06-12"),
    ("PATCH", "/v2/event-types/1/booking-fields", {"bookingFields": [{"slug": "notes", "label": "N"}]}, "2026-06-12"),
    ("POST", "/v2/organizations/1/delegation-credentials", DELEGATION, ""),
    ("POST", "/v2/organizations/1/memberships", {"email": "cy@sandbox.test", "role": "MEMBER"}, ""),
    ("POST", "/v2/organizations/1/bookings/block", {"bookingUid": "UID", "blockType": "EMAIL"}, ""),
    ("POST", "/v2/insights/routings/form-responses", INSIGHTS, ""),
    ("POST", "/v2/insights/bookings/kpi-stats", {"scope": "user", "timeZone": "UTC", "columnFilters": [FILTER]}, ""),
    *OLD_WRITES,
]
DAYS = {"dateFrom": "2026-11-04", "dateTo": "2026-11-05", "timeZone": "UTC"}
FEED = {"calendarsToLoad[0][credentialId]": "1", "calendarsToLoad[0][externalId]": "x"}
READS: list[tuple[str, dict[str, Any], str]] = [
    ("/v2/slots", {"eventTypeId": "1", "start": "2026-11-04", "end": "2026-11-05", "duration": "30"}, "2024-09-04"),
    (
        "/v2/bookings",
        {"status": "upcoming", "take": "10", "afterStart": "2026-01-01", "sortStart": "asc"},
        "2024-08-13",
    ),
    ("/v2/calendars/busy-times", DAYS | FEED, ""),
    ("/v2/organizations/1/routing-forms", {"afterCreatedAt": "2026-01-01", "teamIds": "2"}, ""),
    ("/v2/event-types/1/history", {"limit": "2", "cursor": "log-3"}, "2026-06-12"),
    ("/v2/event-types/1/crm-sync-errors", {"appSlug": "x", "includeDismissed": "true", "limit": "1"}, "2026-06-12"),
    ("/v2/organizations/1/attributes/sync-history", {"limit": "1", "cursor": "x"}, ""),
    ("/v2/bookings", {"filters[status]": "upcoming", "filters[userIds][]": "1", "limit": "10", "cursor": "0"}, ""),
    ("/v2/slots/available", {"eventTypeId": "1", "startTime": "2026-11-04", "endTime": "2026-11-05"}, ""),
    *((path, {"a": "1"}, "") for path in ("/v2/event-types", "/v2/event-types/1", "/v2/schedules", "/v2/schedules/1")),
    *((path, {"a": "1"}, "") for path in ("/v2/event-types/ana/thirty/public", "/v2/event-types/ana/public")),
]
ODD: list[Any] = [
    *(None, "", 0, -1, 1.5, True, [], {}, [None], [[]], [{}], {"a": 1}, [1, "x"], 10**30, "\0", "x" * 50, "9" * 60),
    *("2030-02-30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "2030", "Mars"),
]


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the paths of all values inside a value."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from paths_in(part, (*path, key))


def with_odd_values(rng: random.Random, value: Any) -> Any:
    """Return the value with one or two odd values in it."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 2)):
        *parents, last = rng.choice(list(paths_in(value)))
        part = value
        for key in parents:
            part = part[key]
        part[last] = copy.deepcopy(rng.choice(ODD))
    return value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_odd_input_fails_no_handler(seed):
    """With any value in any place, the response is an error or a result, and no handler fails."""
    rng = random.Random(seed)
    with Sandbox(bookings=5, now=MONDAY) as sandbox:
        for _ in range(10):
            for method, path, body, version in WRITES:
                url = path.replace("UID", next(iter(sandbox.store.bookings)))
                content = json.dumps(with_odd_values(rng, body)).encode()
                send_request(
                    sandbox, method, url, content, version=version, headers={"Content-Type": "application/json"}
                )
                assert sandbox.handler_errors == [], (method, path, content)
            for path, query, version in READS:
                text = "&".join(
                    f"{quote(name)}={quote(str(value))}" for name, value in with_odd_values(rng, query).items()
                )
                send_request(sandbox, "GET", f"{path}?{text}", version=version)
                assert sandbox.handler_errors == [], (path, text)
            sandbox.reset()
