"""The requests of a user, in order."""

from __future__ import annotations

from typing import Any

from conformance.plan import (
    BOOKINGS,
    EVENT_TYPES,
    SCHEDULES,
    SLOTS,
    PlannedRequest,
    delete,
    get,
    patch,
    post,
    prepare,
)

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
    get("auth_none_401", "/me", key=None),
    get("auth_bad_key_401", "/me", key="unknown"),
    get("me", "/me", username="data.username"),
    PlannedRequest("head_me", "HEAD", "/me"),
    PlannedRequest("options_me", "OPTIONS", "/me", key=None),
    PlannedRequest("method_404", "PUT", "/me", body={}),
    get("route_404", "/nope"),
    post("body_too_large", "/me", b'{"a": "' + b"x" * 102_400 + b'"}'),
    patch("me_patch", "/me", {"timeFormat": 24}),
    patch("me_patch_bad_timezone_400", "/me", {"timeZone": "Mars/Olympus"}),
    # --- schedules
    *prepare(
        post(
            "own schedule",
            "/schedules",
            {
                "name": "Conformance",
                "timeZone": "Europe/Lisbon",
                "isDefault": False,
                "availability": [{"days": WORKDAYS, "startTime": "09:00", "endTime": "18:00"}],
            },
            SCHEDULES,
            own_schedule="data.id",
        )
    ),
    post(
        "schedules_create",
        "/schedules",
        {
            "name": "Nights",
            "timeZone": "Asia/Kolkata",
            "isDefault": False,
            "availability": [{"days": ["Saturday", "Sunday"], "startTime": "18:00", "endTime": "23:00"}],
            "overrides": [{"date": "{new_year}", "startTime": "10:00", "endTime": "11:00"}],
        },
        SCHEDULES,
        schedule="data.id",
    ),
    post("schedules_create_400", "/schedules", {"name": "x"}, SCHEDULES),
    post("noversion_schedules_create", "/schedules", {"name": "Old", "timeZone": "UTC", "isDefault": False}),
    get("schedules_default", "/schedules/default", SCHEDULES),
    get("schedules_list", "/schedules", SCHEDULES),
    get("schedules_get_nonnumeric", "/schedules/abc", SCHEDULES),
    get("schedules_get_other_users", "/schedules/{own_schedule}", SCHEDULES, key="other_key"),
    patch("schedules_patch", "/schedules/{schedule}", {"name": "Late nights", "overrides": []}, SCHEDULES),
    delete("schedules_delete", "/schedules/{schedule}", SCHEDULES),
    # --- event types
    post(
        "eventtypes_create",
        "/event-types",
        {"title": "Short", "slug": "short-{tag}", "lengthInMinutes": 25},
        EVENT_TYPES,
        short="data.id",
    ),
    post(
        "eventtypes_create_duplicate_slug",
        "/event-types",
        {"title": "Short", "slug": "short-{tag}", "lengthInMinutes": 25},
        EVENT_TYPES,
    ),
    post("eventtypes_create_400", "/event-types", {"title": "Short"}, EVENT_TYPES),
    post(
        "eventtypes_create_confirmation_fields",
        "/event-types",
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
        EVENT_TYPES,
        asked="data.id",
    ),
    post(
        "eventtypes_create_seats",
        "/event-types",
        event_type(
            "seated",
            90,
            locations=[{"type": "address", "address": "Room 4", "public": False}],
            seats={"seatsPerTimeSlot": 5, "showAttendeeInfo": True, "showAvailabilityCount": True},
        ),
        EVENT_TYPES,
        seated="data.id",
    ),
    *prepare(
        post(
            "event type with three lengths",
            "/event-types",
            event_type("talk", 15, lengthInMinutesOptions=[15, 30, 60], locations=[LINK]),
            EVENT_TYPES,
            talk="data.id",
        )
    ),
    *prepare(
        post(
            "recurring event type",
            "/event-types",
            event_type(
                "weekly", 30, locations=[LINK], recurrence={"interval": 1, "occurrences": 6, "frequency": "weekly"}
            ),
            EVENT_TYPES,
            weekly="data.id",
        )
    ),
    get("eventtypes_get", "/event-types/{talk}", EVENT_TYPES),
    get("eventtypes_get_404", "/event-types/999999999", EVENT_TYPES),
    get("eventtypes_unknown_user", "/event-types?username=nobody-{tag}", EVENT_TYPES),
    patch(
        "eventtypes_patch",
        "/event-types/{short}",
        {"title": "Shorter", "lengthInMinutes": 35, "hidden": True},
        EVENT_TYPES,
    ),
    delete("eventtypes_delete", "/event-types/{short}", EVENT_TYPES),
    post(
        "eventtype_webhooks_create",
        "/event-types/{talk}/webhooks",
        {"active": True, "subscriberUrl": "https://hooks.visitors.test/{tag}/talk", "triggers": ["BOOKING_CREATED"]},
        EVENT_TYPES,
    ),
    # --- slots
    get("slots_by_id", "/slots?start={thursday}&end={friday}&eventTypeId={talk}", SLOTS),
    get(
        "slots_by_slug_range_tz",
        "/slots?start={thursday}&end={friday}&eventTypeSlug=talk-{tag}&username={username}"
        "&timeZone=America/New_York&format=range&duration=60",
        SLOTS,
    ),
    get("slots_no_dates_400", "/slots?eventTypeId={talk}", SLOTS),
    get("noversion_slots", "/slots?start={thursday}&end={friday}&eventTypeId={talk}"),
    post(
        "slots_reserve",
        "/slots/reservations",
        {"eventTypeId": "{talk}", "slotStart": "{thursday}T13:00:00Z", "slotDuration": 30, "reservationDuration": 7},
        SLOTS,
        reservation="data.reservationUid",
    ),
    post(
        "slots_reserve_taken",
        "/slots/reservations",
        {"eventTypeId": "{talk}", "slotStart": "{thursday}T13:00:00Z", "slotDuration": 30},
        SLOTS,
    ),
    get("slots_reservation_get", "/slots/reservations/{reservation}", SLOTS),
    delete("slots_reservation_delete", "/slots/reservations/{reservation}", SLOTS),
    # --- bookings
    post(
        "bookings_create",
        "/bookings",
        booking(
            "talk",
            "{thursday}T10:00:00Z",
            guests=["guest@visitors.test"],
            lengthInMinutes=30,
            metadata={"order": "7"},
            bookingFieldsResponses={"notes": "hello"},
        ),
        BOOKINGS,
        booking="data.uid",
    ),
    post("bookings_create_slot_taken", "/bookings", booking("talk", "{thursday}T10:00:00Z", OTHER), BOOKINGS),
    post("bookings_create_400", "/bookings", {"start": "{thursday}T10:00:00Z"}, BOOKINGS),
    post("bookings_create_malformed_json", "/bookings", b'{"eventTypeId": 3,', BOOKINGS),
    post("bookings_create_outside_hours", "/bookings", booking("talk", "{thursday}T03:00:00Z"), BOOKINGS),
    post(
        "bookings_create_pending",
        "/bookings",
        booking(
            "asked",
            "{wednesday}T15:00:00Z",
            {**VISITOR, "phoneNumber": "+351912345678"},
            bookingFieldsResponses={"company": "Visitors"},
            location={"type": "integration", "integration": "cal-video"},
        ),
        BOOKINGS,
        pending="data.uid",
    ),
    post(
        "bookings_create_recurring",
        "/bookings",
        booking("weekly", "{friday}T09:00:00Z", recurrenceCount=3),
        BOOKINGS,
        series="data.0.recurringBookingUid",
    ),
    get("slots_seated", "/slots?start={friday}&end={friday}&eventTypeId={seated}", SLOTS),
    post("bookings_create_seated", "/bookings", booking("seated", "{friday}T14:00:00Z"), BOOKINGS, seat="data.uid"),
    get("bookings_get", "/bookings/{booking}", BOOKINGS),
    get("bookings_get_404", "/bookings/nope", BOOKINGS),
    get("bookings_get_recurring_series", "/bookings/{series}", BOOKINGS),
    get("bookings_get_seated", "/bookings/{seat}", BOOKINGS),
    get("bookings_attendees", "/bookings/{booking}/attendees", BOOKINGS),
    get("bookings_calendar_links", "/bookings/{booking}/calendar-links", BOOKINGS),
    get("bookings_references", "/bookings/{booking}/references", BOOKINGS),
    post("bookings_confirm", "/bookings/{pending}/confirm", version=BOOKINGS),
    post("bookings_cancel_no_reason", "/bookings/{pending}/cancel", {}, BOOKINGS),
    post(
        "bookings_add_guests",
        "/bookings/{booking}/guests",
        {"guests": [{"email": "late@visitors.test", "name": "Late"}]},
        BOOKINGS,
    ),
    post(
        "bookings_reschedule",
        "/bookings/{booking}/reschedule",
        {"start": "{thursday}T16:00:00Z", "reschedulingReason": "later", "rescheduledBy": "noor@visitors.test"},
        BOOKINGS,
        moved="data.uid",
    ),
    post(
        "bookings_reschedule_already_rescheduled",
        "/bookings/{booking}/reschedule",
        {"start": "{thursday}T15:00:00Z"},
        BOOKINGS,
    ),
    *prepare(
        *(
            post(
                f"guest {number}",
                "/bookings/{moved}/guests",
                {"guests": [{"email": f"guest{number}@visitors.test"}]},
                BOOKINGS,
            )
            for number in range(4)
        )
    ),
    post(
        "throttle_guests_429",
        "/bookings/{moved}/guests",
        {"guests": [{"email": "one-too-many@visitors.test"}]},
        BOOKINGS,
    ),
    *prepare(
        get(
            "a booking in the past",
            "/bookings?status=past&take=1",
            BOOKINGS,
            past="data.0.uid",
            past_attendee="data.0.attendees.0.email",
        )
    ),
    post(
        "bookings_mark_absent",
        "/bookings/{past}/mark-absent",
        {"host": False, "attendees": [{"email": "{past_attendee}", "absent": True}]},
        BOOKINGS,
    ),
    post("bookings_cancel", "/bookings/{moved}/cancel", {"cancellationReason": "ill"}, BOOKINGS),
    post("bookings_cancel_404", "/bookings/nope/cancel", {}, BOOKINGS),
    get("bookings_list_bad_status_400", "/bookings?status=nope", BOOKINGS),
    get("bookings_list_nokey_401", "/bookings", BOOKINGS, key=None),
    get("bookings_list_skip_past_end", "/bookings?take=100&skip=500000", BOOKINGS),
    get("bookings_list_take10_skip20", "/bookings?take=10&skip=0", BOOKINGS),
    get("bookings_list_last_page", "/bookings?take=250", BOOKINGS),
    get("bookings_list_take251_400", "/bookings?take=251", BOOKINGS),
    get("bookings_list_two_statuses", "/bookings?status=upcoming,past&take=5", BOOKINGS),
    get("version_2024-09-04_bookings", "/bookings?take=2", SLOTS),
    # --- webhooks
    post(
        "webhooks_create",
        "/webhooks",
        {
            "active": True,
            "subscriberUrl": "https://hooks.visitors.test/{tag}",
            "triggers": ["BOOKING_CREATED", "BOOKING_CANCELLED"],
            "secret": "not-a-secret",
        },
        webhook="data.id",
    ),
    post("webhooks_create_400", "/webhooks", {}),
    post(
        "webhooks_create_bad_trigger_400",
        "/webhooks",
        {"active": True, "subscriberUrl": "https://hooks.visitors.test/{tag}/2", "triggers": ["NOPE"]},
    ),
    post(
        "webhooks_create_same_url",
        "/webhooks",
        {"active": True, "subscriberUrl": "https://hooks.visitors.test/{tag}", "triggers": ["BOOKING_CREATED"]},
    ),
    get("webhooks_list", "/webhooks"),
    get("webhooks_get", "/webhooks/{webhook}"),
    get("webhooks_get_user2_403", "/webhooks/{webhook}", key="other_key"),
    patch("webhooks_patch", "/webhooks/{webhook}", {"active": False}),
    delete("webhooks_delete", "/webhooks/{webhook}"),
    # --- calendars and apps
    get("calendars_busy_times_400", "/calendars/busy-times"),
    get("calendars_list", "/calendars", key="other_key"),
    get(
        "calendars_list_connected",
        "/calendars",
        credential="data.connectedCalendars.0.credentialId",
        calendar="data.connectedCalendars.0.calendars.0.externalId",
    ),
    get(
        "calendars_busy_times",
        "/calendars/busy-times?dateFrom={this_week}&dateTo={next_week}&timeZone=Europe/Lisbon"
        "&calendarsToLoad[0][credentialId]={credential}&calendarsToLoad[0][externalId]={calendar}",
    ),
    get("conferencing_list", "/conferencing"),
    get("stripe_check", "/stripe/check"),
    # --- the end
    *prepare(
        delete("remove talk", "/event-types/{talk}", EVENT_TYPES),
        delete("remove weekly", "/event-types/{weekly}", EVENT_TYPES),
        delete("remove asked", "/event-types/{asked}", EVENT_TYPES),
        delete("remove seated", "/event-types/{seated}", EVENT_TYPES),
        delete("remove own schedule", "/schedules/{own_schedule}", SCHEDULES),
    ),
)
