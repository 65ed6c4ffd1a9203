"""The requests of the conformance script, in order. Each has the name of the recorded exchange that it repeats.

`{name}` in a path or a body is a value that an earlier step has saved from its response, or one of `start_values`.
Steps without a recorded exchange prepare what the others need, or remove it at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from types import MappingProxyType
from typing import Any, NamedTuple

SLOTS, BOOKINGS, EVENT_TYPES, SCHEDULES = "2024-09-04", "2024-08-13", "2024-06-14", "2024-06-11"


class PlannedRequest(NamedTuple):
    """One request. `save` names values of the response: variable -> path such as `data.0.id`."""

    name: str
    method: str
    path: str
    version: str | None = None
    body: Any = None
    key: str | None = "key"
    save: Mapping[str, str] = MappingProxyType({})
    recorded: bool = True


def prepare(
    name: str, method: str, path: str, version: str | None = None, body: Any = None, **save: str
) -> PlannedRequest:
    """Return a step that is not compared."""
    return PlannedRequest(name, method, path, version, body, save=save, recorded=False)


def start_values(now: datetime) -> dict[str, str]:
    """Return the first values: a tag for slugs and URLs, and days of a week about two months ahead."""
    monday = (now + timedelta(days=63 - now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    names = ("monday", "tuesday", "wednesday", "thursday", "friday")
    days = {name: f"{monday + timedelta(days=number):%Y-%m-%d}" for number, name in enumerate(names)}
    days |= {"this_week": f"{now:%Y-%m-%d}", "next_week": f"{now + timedelta(days=7):%Y-%m-%d}"}
    return {"tag": token_hex(4), "new_year": f"{monday.year + 1}-01-01", **days}


def today() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


VISITOR = {"name": "Noor Visser", "email": "noor@visitors.test", "timeZone": "America/New_York", "language": "en"}
OTHER = {**VISITOR, "email": "other@visitors.test"}
WORKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
LINK = {"type": "link", "link": "https://meet.visitors.test/room", "public": True}


def event_type(slug: str, minutes: int, **more: Any) -> dict[str, Any]:
    """Return the body of an event type that is bookable at once, in the working hours of the script's schedule."""
    common = {"scheduleId": "{own_schedule}", "minimumBookingNotice": 0}
    return {"title": slug.capitalize(), "slug": f"{slug}-{{tag}}", "lengthInMinutes": minutes, **common, **more}


def booking(event: str, start: str, attendee: dict[str, str] = VISITOR, **more: Any) -> dict[str, Any]:
    """Return the body of a booking."""
    return {"eventTypeId": f"{{{event}}}", "start": start, "attendee": attendee, **more}


STEPS = (
    # --- keys, routes and bodies
    PlannedRequest("auth_none_401", "GET", "/me", key=None),
    PlannedRequest("auth_bad_key_401", "GET", "/me", key="unknown"),
    PlannedRequest("me", "GET", "/me", save={"username": "data.username"}),
    PlannedRequest("head_me", "HEAD", "/me"),
    PlannedRequest("options_me", "OPTIONS", "/me", key=None),
    PlannedRequest("method_404", "PUT", "/me", body={}),
    PlannedRequest("route_404", "GET", "/nope"),
    PlannedRequest("body_too_large", "POST", "/me", body=b'{"a": "' + b"x" * 102_400 + b'"}'),
    PlannedRequest("me_patch", "PATCH", "/me", body={"timeFormat": 24}),
    PlannedRequest("me_patch_bad_timezone_400", "PATCH", "/me", body={"timeZone": "Mars/Olympus"}),
    # --- schedules
    prepare(
        "own schedule",
        "POST",
        "/schedules",
        SCHEDULES,
        {
            "name": "Conformance",
            "timeZone": "Europe/Lisbon",
            "isDefault": False,
            "availability": [{"days": WORKDAYS, "startTime": "09:00", "endTime": "18:00"}],
        },
        own_schedule="data.id",
    ),
    PlannedRequest(
        "schedules_create",
        "POST",
        "/schedules",
        SCHEDULES,
        {
            "name": "Nights",
            "timeZone": "Asia/Kolkata",
            "isDefault": False,
            "availability": [{"days": ["Saturday", "Sunday"], "startTime": "18:00", "endTime": "23:00"}],
            "overrides": [{"date": "{new_year}", "startTime": "10:00", "endTime": "11:00"}],
        },
        save={"schedule": "data.id"},
    ),
    PlannedRequest("schedules_create_400", "POST", "/schedules", SCHEDULES, {"name": "x"}),
    PlannedRequest(
        "noversion_schedules_create", "POST", "/schedules", None, {"name": "Old", "timeZone": "UTC", "isDefault": False}
    ),
    PlannedRequest("schedules_default", "GET", "/schedules/default", SCHEDULES),
    PlannedRequest("schedules_list", "GET", "/schedules", SCHEDULES),
    PlannedRequest("schedules_get_nonnumeric", "GET", "/schedules/abc", SCHEDULES),
    PlannedRequest("schedules_get_other_users", "GET", "/schedules/{own_schedule}", SCHEDULES, key="other_key"),
    PlannedRequest(
        "schedules_patch", "PATCH", "/schedules/{schedule}", SCHEDULES, {"name": "Late nights", "overrides": []}
    ),
    PlannedRequest("schedules_delete", "DELETE", "/schedules/{schedule}", SCHEDULES),
    # --- event types
    PlannedRequest(
        "eventtypes_create",
        "POST",
        "/event-types",
        EVENT_TYPES,
        {"title": "Short", "slug": "short-{tag}", "lengthInMinutes": 25},
        save={"short": "data.id"},
    ),
    PlannedRequest(
        "eventtypes_create_duplicate_slug",
        "POST",
        "/event-types",
        EVENT_TYPES,
        {"title": "Short", "slug": "short-{tag}", "lengthInMinutes": 25},
    ),
    PlannedRequest("eventtypes_create_400", "POST", "/event-types", EVENT_TYPES, {"title": "Short"}),
    PlannedRequest(
        "eventtypes_create_confirmation_fields",
        "POST",
        "/event-types",
        EVENT_TYPES,
        event_type(
            "asked",
            60,
            confirmationPolicy={"type": "always", "blockUnconfirmedBookingsInBooker": False},
            locations=[{"type": "attendeePhone"}, {"type": "integration", "integration": "cal-video"}],
            bookingFields=[
                {"type": "text", "slug": "company", "label": "Company", "required": True, "placeholder": "Name"},
                {
                    "type": "select",
                    "slug": "size",
                    "label": "Size",
                    "required": False,
                    "placeholder": "Choose",
                    "options": ["S", "L"],
                },
            ],
            bookingWindow={"type": "businessDays", "value": 90, "rolling": True},
            bookingLimitsCount={"day": 4, "week": 10},
        ),
        save={"asked": "data.id"},
    ),
    PlannedRequest(
        "eventtypes_create_seats",
        "POST",
        "/event-types",
        EVENT_TYPES,
        event_type(
            "seated",
            90,
            locations=[{"type": "address", "address": "Room 4", "public": False}],
            seats={"seatsPerTimeSlot": 5, "showAttendeeInfo": True, "showAvailabilityCount": True},
        ),
        save={"seated": "data.id"},
    ),
    prepare(
        "event type with three lengths",
        "POST",
        "/event-types",
        EVENT_TYPES,
        event_type("talk", 15, lengthInMinutesOptions=[15, 30, 60], locations=[LINK]),
        talk="data.id",
    ),
    prepare(
        "recurring event type",
        "POST",
        "/event-types",
        EVENT_TYPES,
        event_type("weekly", 30, locations=[LINK], recurrence={"interval": 1, "occurrences": 6, "frequency": "weekly"}),
        weekly="data.id",
    ),
    PlannedRequest("eventtypes_get", "GET", "/event-types/{talk}", EVENT_TYPES),
    PlannedRequest("eventtypes_get_404", "GET", "/event-types/999999999", EVENT_TYPES),
    PlannedRequest("eventtypes_unknown_user", "GET", "/event-types?username=nobody-{tag}", EVENT_TYPES),
    PlannedRequest(
        "eventtypes_patch",
        "PATCH",
        "/event-types/{short}",
        EVENT_TYPES,
        {"title": "Shorter", "lengthInMinutes": 35, "hidden": True},
    ),
    PlannedRequest("eventtypes_delete", "DELETE", "/event-types/{short}", EVENT_TYPES),
    PlannedRequest(
        "eventtype_webhooks_create",
        "POST",
        "/event-types/{talk}/webhooks",
        EVENT_TYPES,
        {"active": True, "subscriberUrl": "https://hooks.visitors.test/{tag}/talk", "triggers": ["BOOKING_CREATED"]},
    ),
    # --- slots
    PlannedRequest("slots_by_id", "GET", "/slots?start={thursday}&end={friday}&eventTypeId={talk}", SLOTS),
    PlannedRequest(
        "slots_by_slug_range_tz",
        "GET",
        "/slots?start={thursday}&end={friday}&eventTypeSlug=talk-{tag}&username={username}"
        "&timeZone=America/New_York&format=range&duration=60",
        SLOTS,
    ),
    PlannedRequest("slots_no_dates_400", "GET", "/slots?eventTypeId={talk}", SLOTS),
    PlannedRequest("noversion_slots", "GET", "/slots?start={thursday}&end={friday}&eventTypeId={talk}"),
    PlannedRequest(
        "slots_reserve",
        "POST",
        "/slots/reservations",
        SLOTS,
        {"eventTypeId": "{talk}", "slotStart": "{thursday}T13:00:00Z", "slotDuration": 30, "reservationDuration": 7},
        save={"reservation": "data.reservationUid"},
    ),
    PlannedRequest(
        "slots_reserve_taken",
        "POST",
        "/slots/reservations",
        SLOTS,
        {"eventTypeId": "{talk}", "slotStart": "{thursday}T13:00:00Z", "slotDuration": 30},
    ),
    PlannedRequest("slots_reservation_get", "GET", "/slots/reservations/{reservation}", SLOTS),
    PlannedRequest("slots_reservation_delete", "DELETE", "/slots/reservations/{reservation}", SLOTS),
    # --- bookings
    PlannedRequest(
        "bookings_create",
        "POST",
        "/bookings",
        BOOKINGS,
        booking(
            "talk",
            "{thursday}T10:00:00Z",
            guests=["guest@visitors.test"],
            lengthInMinutes=30,
            metadata={"order": "7"},
            bookingFieldsResponses={"notes": "hello"},
        ),
        save={"booking": "data.uid"},
    ),
    PlannedRequest(
        "bookings_create_slot_taken", "POST", "/bookings", BOOKINGS, booking("talk", "{thursday}T10:00:00Z", OTHER)
    ),
    PlannedRequest("bookings_create_400", "POST", "/bookings", BOOKINGS, {"start": "{thursday}T10:00:00Z"}),
    PlannedRequest("bookings_create_malformed_json", "POST", "/bookings", BOOKINGS, b'{"eventTypeId": 3,'),
    PlannedRequest(
        "bookings_create_outside_hours", "POST", "/bookings", BOOKINGS, booking("talk", "{thursday}T03:00:00Z")
    ),
    PlannedRequest(
        "bookings_create_pending",
        "POST",
        "/bookings",
        BOOKINGS,
        booking(
            "asked",
            "{wednesday}T15:00:00Z",
            {**VISITOR, "phoneNumber": "+351912345678"},
            bookingFieldsResponses={"company": "Visitors"},
            location={"type": "integration", "integration": "cal-video"},
        ),
        save={"pending": "data.uid"},
    ),
    PlannedRequest(
        "bookings_create_recurring",
        "POST",
        "/bookings",
        BOOKINGS,
        booking("weekly", "{friday}T09:00:00Z", recurrenceCount=3),
        save={"series": "data.0.recurringBookingUid"},
    ),
    PlannedRequest("slots_seated", "GET", "/slots?start={friday}&end={friday}&eventTypeId={seated}", SLOTS),
    PlannedRequest(
        "bookings_create_seated",
        "POST",
        "/bookings",
        BOOKINGS,
        booking("seated", "{friday}T14:00:00Z"),
        save={"seat": "data.uid"},
    ),
    PlannedRequest("bookings_get", "GET", "/bookings/{booking}", BOOKINGS),
    PlannedRequest("bookings_get_404", "GET", "/bookings/nope", BOOKINGS),
    PlannedRequest("bookings_get_recurring_series", "GET", "/bookings/{series}", BOOKINGS),
    PlannedRequest("bookings_get_seated", "GET", "/bookings/{seat}", BOOKINGS),
    PlannedRequest("bookings_attendees", "GET", "/bookings/{booking}/attendees", BOOKINGS),
    PlannedRequest("bookings_calendar_links", "GET", "/bookings/{booking}/calendar-links", BOOKINGS),
    PlannedRequest("bookings_references", "GET", "/bookings/{booking}/references", BOOKINGS),
    PlannedRequest("bookings_confirm", "POST", "/bookings/{pending}/confirm", BOOKINGS),
    PlannedRequest("bookings_cancel_no_reason", "POST", "/bookings/{pending}/cancel", BOOKINGS, {}),
    PlannedRequest(
        "bookings_add_guests",
        "POST",
        "/bookings/{booking}/guests",
        BOOKINGS,
        {"guests": [{"email": "late@visitors.test", "name": "Late"}]},
    ),
    PlannedRequest(
        "bookings_reschedule",
        "POST",
        "/bookings/{booking}/reschedule",
        BOOKINGS,
        {"start": "{thursday}T16:00:00Z", "reschedulingReason": "later", "rescheduledBy": "noor@visitors.test"},
        save={"moved": "data.uid"},
    ),
    PlannedRequest(
        "bookings_reschedule_already_rescheduled",
        "POST",
        "/bookings/{booking}/reschedule",
        BOOKINGS,
        {"start": "{thursday}T15:00:00Z"},
    ),
    *(
        prepare(
            f"guest {number}",
            "POST",
            "/bookings/{moved}/guests",
            BOOKINGS,
            {"guests": [{"email": f"guest{number}@visitors.test"}]},
        )
        for number in range(4)
    ),
    PlannedRequest(
        "throttle_guests_429",
        "POST",
        "/bookings/{moved}/guests",
        BOOKINGS,
        {"guests": [{"email": "one-too-many@visitors.test"}]},
    ),
    prepare(
        "a booking in the past",
        "GET",
        "/bookings?status=past&take=1",
        BOOKINGS,
        past="data.0.uid",
        past_attendee="data.0.attendees.0.email",
    ),
    PlannedRequest(
        "bookings_mark_absent",
        "POST",
        "/bookings/{past}/mark-absent",
        BOOKINGS,
        {"host": False, "attendees": [{"email": "{past_attendee}", "absent": True}]},
    ),
    PlannedRequest("bookings_cancel", "POST", "/bookings/{moved}/cancel", BOOKINGS, {"cancellationReason": "ill"}),
    PlannedRequest("bookings_cancel_404", "POST", "/bookings/nope/cancel", BOOKINGS, {}),
    PlannedRequest("bookings_list_bad_status_400", "GET", "/bookings?status=nope", BOOKINGS),
    PlannedRequest("bookings_list_nokey_401", "GET", "/bookings", BOOKINGS, key=None),
    PlannedRequest("bookings_list_skip_past_end", "GET", "/bookings?take=100&skip=500000", BOOKINGS),
    PlannedRequest("bookings_list_take10_skip20", "GET", "/bookings?take=10&skip=0", BOOKINGS),
    PlannedRequest("bookings_list_last_page", "GET", "/bookings?take=250", BOOKINGS),
    PlannedRequest("bookings_list_take251_400", "GET", "/bookings?take=251", BOOKINGS),
    PlannedRequest("bookings_list_two_statuses", "GET", "/bookings?status=upcoming,past&take=5", BOOKINGS),
    PlannedRequest("version_2024-09-04_bookings", "GET", "/bookings?take=2", SLOTS),
    # --- webhooks
    PlannedRequest(
        "webhooks_create",
        "POST",
        "/webhooks",
        None,
        {
            "active": True,
            "subscriberUrl": "https://hooks.visitors.test/{tag}",
            "triggers": ["BOOKING_CREATED", "BOOKING_CANCELLED"],
            "secret": "not-a-secret",
        },
        save={"webhook": "data.id"},
    ),
    PlannedRequest("webhooks_create_400", "POST", "/webhooks", None, {}),
    PlannedRequest(
        "webhooks_create_bad_trigger_400",
        "POST",
        "/webhooks",
        None,
        {"active": True, "subscriberUrl": "https://hooks.visitors.test/{tag}/2", "triggers": ["NOPE"]},
    ),
    PlannedRequest(
        "webhooks_create_same_url",
        "POST",
        "/webhooks",
        None,
        {"active": True, "subscriberUrl": "https://hooks.visitors.test/{tag}", "triggers": ["BOOKING_CREATED"]},
    ),
    PlannedRequest("webhooks_list", "GET", "/webhooks"),
    PlannedRequest("webhooks_get", "GET", "/webhooks/{webhook}"),
    PlannedRequest("webhooks_get_user2_403", "GET", "/webhooks/{webhook}", key="other_key"),
    PlannedRequest("webhooks_patch", "PATCH", "/webhooks/{webhook}", None, {"active": False}),
    PlannedRequest("webhooks_delete", "DELETE", "/webhooks/{webhook}"),
    # --- calendars and apps
    PlannedRequest("calendars_busy_times_400", "GET", "/calendars/busy-times"),
    PlannedRequest("calendars_list", "GET", "/calendars", key="other_key"),
    PlannedRequest(
        "calendars_list_connected",
        "GET",
        "/calendars",
        save={
            "credential": "data.connectedCalendars.0.credentialId",
            "calendar": "data.connectedCalendars.0.calendars.0.externalId",
        },
    ),
    PlannedRequest(
        "calendars_busy_times",
        "GET",
        "/calendars/busy-times?dateFrom={this_week}&dateTo={next_week}&timeZone=Europe/Lisbon"
        "&calendarsToLoad[0][credentialId]={credential}&calendarsToLoad[0][externalId]={calendar}",
    ),
    PlannedRequest("conferencing_list", "GET", "/conferencing"),
    PlannedRequest("stripe_check", "GET", "/stripe/check"),
    # --- the end
    prepare("remove talk", "DELETE", "/event-types/{talk}", EVENT_TYPES),
    prepare("remove weekly", "DELETE", "/event-types/{weekly}", EVENT_TYPES),
    prepare("remove asked", "DELETE", "/event-types/{asked}", EVENT_TYPES),
    prepare("remove seated", "DELETE", "/event-types/{seated}", EVENT_TYPES),
    prepare("remove own schedule", "DELETE", "/schedules/{own_schedule}", SCHEDULES),
)
