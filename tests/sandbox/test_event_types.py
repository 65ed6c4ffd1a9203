"""Event types of users, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

from calcom_async.sandbox.event_types.fields import default_booking_fields
from calcom_async.sandbox.event_types.settings import SETTERS

EVENT_TYPES = "/v2/event-types"


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client(version="2024-06-14") as api:
        yield api


def body(**more: Any) -> dict[str, Any]:
    return {"title": "Intro", "slug": "intro", "lengthInMinutes": 30, **more}


def created(api: ApiClient, **more: Any) -> Any:
    return api.post(EVENT_TYPES, body(**more)).data


def visible_slugs(api: ApiClient, query: str = "") -> list[str]:
    return [record["slug"] for record in api.get(EVENT_TYPES + query).data]


# --- what an answer holds


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("eventtypes_create", {}),
        (
            "eventtypes_create_confirmation_fields",
            {
                "confirmationPolicy": {"type": "always"},
                "bookingLimitsCount": {"day": 4},
                "bookingWindow": {"type": "businessDays", "value": 60, "rolling": True},
            },
        ),
        (
            "eventtypes_create_seats",
            {"seats": {"seatsPerTimeSlot": 5, "showAttendeeInfo": True, "showAvailabilityCount": True}},
        ),
        ("eventtypes_get", {"lengthInMinutesOptions": [15, 30]}),
    ],
)
def test_an_event_type_has_the_recorded_fields(api, shared, name, more):
    """A response has exactly the recorded keys for the same settings."""
    real = recorded_body(shared, name)["data"]
    ours = created(api, **more)
    assert ours.keys() == real.keys()
    for part in ("bookingWindow", "confirmationPolicy", "seats", "calVideoSettings", "disableRescheduling"):
        assert ours[part].keys() == real[part].keys()
    assert ours["users"][0].keys() == real["users"][0].keys()


def test_default_booking_fields_are_the_recorded_ones(shared):
    """The built-in fields equal the recorded ones."""
    assert default_booking_fields() == recorded_body(shared, "eventtypes_create")["data"]["bookingFields"]


@pytest.mark.servers("hosted", "self-hosted-2026-07")
def test_reading_returns_the_created_event_type(api):
    """A read by id equals the response to the create request, without internal keys."""
    event_type = created(api)
    assert api.get(f"{EVENT_TYPES}/{event_type['id']}").data == event_type
    assert not [name for name in event_type if name.startswith("_")]
    assert event_type["bookingUrl"] == "https://cal.com/ana/intro"


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("field", "given", "answered"),
    [
        ("slotInterval", 0, 0),
        ("beforeEventBuffer", -5, -5),
        ("bookingLimitsCount", {"day": 1, "week": 2, "extra": 3}, {"day": 1, "week": 2}),
        ("bookingLimitsCount", {"disabled": True}, {}),
        ("bookingLimitsDuration", {"disabled": True}, {}),
        (
            "bookerActiveBookingsLimit",
            {"maximumActiveBookings": 2},
            {"maximumActiveBookings": 2, "offerReschedule": False},
        ),
        ("bookerActiveBookingsLimit", {"disabled": True}, {"disabled": True}),
        ("bookingWindow", {"type": "calendarDays", "value": 3}, {"type": "calendarDays", "value": 3, "rolling": False}),
        (
            "bookingWindow",
            {"type": "range", "value": ["2030-09-05T23:30:00-02:00", "2030-09-09"]},
            {"type": "range", "value": ["2030-09-06", "2030-09-09"]},
        ),
        ("bookingWindow", {"disabled": True}, {"disabled": True}),
        ("confirmationPolicy", {"type": "always"}, {"type": "always", "blockUnconfirmedBookingsInBooker": False}),
        (
            "confirmationPolicy",
            {
                "type": "time",
                "noticeThreshold": {"unit": "hours", "count": 2},
                "blockUnconfirmedBookingsInBooker": True,
            },
            {
                "type": "time",
                "noticeThreshold": {"unit": "hours", "count": 2},
                "blockUnconfirmedBookingsInBooker": True,
            },
        ),
        ("confirmationPolicy", {"disabled": True}, {"disabled": True}),
        (
            "recurrence",
            {"interval": 1, "occurrences": 4, "frequency": "weekly"},
            {"disabled": False, "interval": 1, "occurrences": 4, "frequency": "weekly"},
        ),
        ("seats", {"disabled": True}, {"disabled": True}),
        ("disableCancelling", {"disabled": True}, {"disabled": True}),
        ("disableRescheduling", {"disabled": True, "minutesBefore": 5}, {"disabled": True}),
        ("disableRescheduling", {"minutesBefore": 5}, {"disabled": False, "minutesBefore": 5}),
        ("calVideoSettings", {"sendTranscriptionEmails": False}, {"sendTranscriptionEmails": False}),
        (
            "color",
            {"lightThemeHex": "#fff", "darkThemeHex": "black"},
            {"lightThemeHex": "#fff", "darkThemeHex": "black"},
        ),
        ("interfaceLanguage", "", ""),
        ("description", "Hello", "Hello"),
    ],
)
def test_settings_are_returned_in_the_form_of_the_server(api, field, given, answered):
    """Each setting is returned in the server's form, after a create and after an update."""
    assert created(api, **{field: given})[field] == answered
    other = api.post(EVENT_TYPES, body(slug="other")).data
    assert api.patch(f"{EVENT_TYPES}/{other['id']}", {field: given}).data[field] == answered


def test_recurrence_is_never_switched_off(api):
    """A request to switch recurrence off succeeds and does not do it; other changes apply."""
    assert created(api, slug="once", recurrence={"disabled": True})["recurrence"] is None
    record = created(api, recurrence=WEEKLY)
    changed = api.patch(f"{EVENT_TYPES}/{record['id']}", {"recurrence": {"disabled": True}, "title": "New"}).data
    assert (changed["recurrence"], changed["title"]) == (record["recurrence"], "New")


def test_settings_are_optional():
    """Null switches every rebuilt setting off without an error."""
    assert all(build(None) in ({}, None, {"disabled": True}, {"disabled": False}) for build in SETTERS.values())


def test_one_color_alone_is_dropped(api):
    """If one of the two colors is missing, both are dropped."""
    assert "color" not in created(api, color={"lightThemeHex": "#fff"})


def test_one_video_setting_adds_the_others(api):
    """One video setting adds all others with their defaults."""
    settings = created(api, calVideoSettings={"disableRecordingForGuests": True})["calVideoSettings"]
    assert settings["disableRecordingForGuests"] is True
    assert settings["disableRecordingForOrganizer"] is False
    assert {"eventTypeId", "requireEmailForGuests", "createdAt", "updatedAt"} < settings.keys()


def test_possible_lengths_are_in_the_metadata(api):
    """Length options appear in the metadata too, which cannot be set directly."""
    event_type = created(api, lengthInMinutesOptions=[15, 30], metadata={"mine": 1})
    assert event_type["lengthInMinutesOptions"] == [15, 30]
    assert event_type["metadata"] == {"multipleDuration": [15, 30]}


def test_slugs_are_stored_as_sent(api):
    """A slug may be any text, even an empty one, and is compared with case."""
    assert created(api, slug="My Slug!")["slug"] == "My Slug!"
    assert created(api, slug="my slug!")["slug"] == "my slug!"
    assert created(api, slug="")["slug"] == ""


# --- refusals


def test_missing_fields_get_the_recorded_error(api, shared):
    """The validation error for an empty body equals the recorded one."""
    response = api.post(EVENT_TYPES, {"title": "Tmp"})
    assert response.body["error"]["details"] == recorded_body(shared, "eventtypes_create_400")["error"]["details"]


@pytest.mark.parametrize(
    ("field", "given", "rule", "text"),
    [
        ("lengthInMinutes", 0, "min", "lengthInMinutes must not be less than 1"),
        ("lengthInMinutes", "30", "isInt", "lengthInMinutes must be an integer number"),
        ("lengthInMinutesOptions", [], "arrayNotEmpty", "lengthInMinutesOptions should not be empty"),
        ("lengthInMinutesOptions", [15, 15], "arrayUnique", "All lengthInMinutesOptions's elements must be unique"),
        ("minimumBookingNotice", -1, "min", "minimumBookingNotice must not be less than 0"),
        ("offsetStart", -1, "min", "offsetStart must not be less than 0"),
        ("hidden", "yes", "isBoolean", "hidden must be a boolean value"),
        ("successRedirectUrl", "nowhere", "isUrl", "successRedirectUrl must be a URL address"),
        ("bookingWindow", {"type": "weeks", "value": 1}, "ValidateBookingWindow", "Invalid bookingWindow structure."),
        ("bookingWindow", [], "ValidateBookingWindow", "Invalid bookingWindow structure."),
        (
            "bookingLimitsCount",
            {"day": 5, "week": 2, "month": 1},
            "ValidateBookingLimitsCount",
            "Invalid bookingLimitsCount: The number of bookings for day cannot exceed the number of bookings for week.",
        ),
        (
            "bookingLimitsDuration",
            {"month": 90, "year": 60},
            "ValidateBookingLimitsDuration",
            (
                "Invalid bookingLimitsDuration: The duration of bookings for month cannot exceed the duration of "
                "bookings for year."
            ),
        ),
        (
            "confirmationPolicy",
            {"type": "time"},
            "ConfirmationPolicyValidator",
            (
                'Invalid requiresConfirmation structure. Use "type": "always" or provide a valid time and unit in '
                '"noticeThreshold" for "type": "time".'
            ),
        ),
    ],
)
def test_invalid_values_are_validation_errors(api, field, given, rule, text):
    """An invalid value is a 400 whose validation error names the rule."""
    response = api.post(EVENT_TYPES, body(**{field: given}))
    assert response.error == (400, "Bad Request Exception")
    assert response.constraints[field][rule] == text


def test_errors_inside_objects_are_children(api):
    """Errors inside an object are its children in the validation error."""
    seats = {"seatsPerTimeSlot": 1001, "showAttendeeInfo": True, "showAvailabilityCount": "x"}
    layouts = {"defaultLayout": "week", "enabledLayouts": ["month"]}
    constraints = api.post(EVENT_TYPES, body(seats=seats, bookerLayouts=layouts)).constraints
    assert constraints["seats.seatsPerTimeSlot"] == {"max": "seatsPerTimeSlot must not be greater than 1000"}
    assert constraints["seats.showAvailabilityCount"] == {"isBoolean": "showAvailabilityCount must be a boolean value"}
    assert "isDefaultLayoutWithinEnabledLayouts" in constraints["bookerLayouts"]


SEATS = {"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True}
WEEKLY = {"interval": 1, "occurrences": 3, "frequency": "weekly"}


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("more", "status", "code", "text"),
    [
        (
            {"seats": SEATS, "locations": [{"type": "attendeePhone"}, {"type": "attendeeAddress"}]},
            400,
            "BadRequestException",
            "Seats Validation failed: Seats are enabled but more than one location provided.",
        ),
        (
            {"seats": SEATS, "confirmationPolicy": {"type": "always"}},
            400,
            "BadRequestException",
            "Seats Validation failed: Seats are enabled but requiresConfirmation is true.",
        ),
        (
            {"seats": SEATS, "recurrence": WEEKLY},
            400,
            "TRPCError",
            "Recurring Events and Offer Seats cannot be active at the same time.",
        ),
        (
            {"recurrence": WEEKLY, "bookerActiveBookingsLimit": {"maximumActiveBookings": 1}},
            400,
            "BadRequestException",
            (
                "Can't have `recurrence` and `bookerActiveBookingsLimit` enabled at the same time - recurring events "
                "do not support maximum active bookings limit setting."
            ),
        ),
        ({"scheduleId": 2}, 404, "NotFoundException", "User with ID=1 does not own schedule with ID=2"),
        (
            {"useDestinationCalendarEmail": True},
            400,
            "BadRequestException",
            "Validation failed: A primary connected calendar is required to set useDestinationCalendarEmail",
        ),
        (
            {"destinationCalendar": {"integration": "google_calendar", "externalId": "x"}},
            400,
            "BadRequestException",
            "Invalid destinationCalendarId: Calendar does not exist",
        ),
        ({"customName": "{Nobody}"}, 400, "BadRequestException", "Invalid event name variables: {Nobody}"),
        (
            {"locations": [{"type": "integration", "integration": "google-meet"}]},
            400,
            "BadRequestException",
            "google-meet not connected.",
        ),
        (
            {"locations": [{"type": "integration", "integration": "office365-video"}]},
            400,
            "BadRequestException",
            "msteams not connected.",
        ),
    ],
)
def test_invalid_combinations(api, more, status, code, text):
    """Forbidden combinations of fields have their own messages."""
    response = api.post(EVENT_TYPES, body(**more))
    assert (response.status, response.body["error"]["code"], response.message) == (status, code, text)
    assert "intro" not in visible_slugs(api)


def test_a_range_of_one_date_is_a_500(api):
    """A booking window of one date is a 500 without envelope."""
    response = api.post(EVENT_TYPES, body(bookingWindow={"type": "range", "value": ["2030-01-01"]}))
    assert (response.status, response.body) == (500, {"statusCode": 500, "message": "Internal server error"})


def test_an_invalid_update_changes_nothing(api):
    """A rejected update leaves every field as it was."""
    event_type = created(api, seats=SEATS)
    path = f"{EVENT_TYPES}/{event_type['id']}"
    assert api.patch(path, {"title": "New", "confirmationPolicy": {"type": "always"}}).status == 400
    assert api.get(path).data == event_type


@pytest.mark.servers("hosted", "self-hosted-2026-07")
def test_a_slug_belongs_to_one_event_type_of_a_user(api):
    """A duplicate slug is rejected, with different messages on create and update; other users may have it."""
    first, second = created(api), api.post(EVENT_TYPES, body(slug="second")).data
    assert api.post(EVENT_TYPES, body()).error == (400, "User already has an event type with this slug.")
    clash = api.patch(f"{EVENT_TYPES}/{second['id']}", {"slug": "intro"})
    assert (clash.error, clash.body["error"]["code"]) == ((400, "error_event_type_url_duplicate"), "TRPCError")
    assert api.patch(f"{EVENT_TYPES}/{first['id']}", {"slug": "intro"}).status == 200
    assert api.as_user("bo").post(EVENT_TYPES, body()).status == 201


def test_null_for_a_required_column(api):
    """Null for a required field passes validation and is then a database error."""
    response = api.patch(f"{EVENT_TYPES}/{created(api)['id']}", {"title": None})
    assert response.error == (500, "There was an error, please try again later.")


@pytest.mark.parametrize(
    ("method", "unknown", "foreign"),
    [
        ("GET", (404, "Event type with id 99 not found"), (404, "Event type with id {} not found")),
        ("PATCH", (404, "Event type with id 99 not found"), (404, "Event type with id {} not found")),
        (
            "DELETE",
            (404, "Event type with ID=99 does not exist."),
            (403, "User with ID=3 does not own event type with ID={}"),
        ),
    ],
)
def test_unknown_and_foreign_event_types(api, method, unknown, foreign):
    """Each operation has its own errors for unknown and foreign event types."""
    cy = api.as_user("cy")
    event_type_id = created(api)["id"]
    assert cy(method, f"{EVENT_TYPES}/99", {}).error == unknown
    assert cy(method, f"{EVENT_TYPES}/{event_type_id}", {}).error == (foreign[0], foreign[1].format(event_type_id))


@pytest.mark.parametrize(("method", "status"), [("GET", 500), ("PATCH", 400), ("DELETE", 500)])
def test_ids_that_are_not_numbers(api, method, status):
    """An id that is not a number is a 400 on update, and a database error on the other operations."""
    assert api(method, f"{EVENT_TYPES}/abc", {}).status == status


def test_only_the_list_needs_no_credentials(api):
    """The permission check returns 403 without credentials; the list returns an empty one."""
    nobody = api.as_user(None)
    assert nobody.post(EVENT_TYPES, body()).status == 403
    assert nobody.get(f"{EVENT_TYPES}/1").status == 403
    assert nobody.get(EVENT_TYPES).data == []


def test_versions_of_event_types(api):
    """Event types exist only in 2024-06-14."""
    assert ApiClient(api.sandbox, "2024-08-13").get(f"{EVENT_TYPES}/1").error == (404, "Cannot GET /v2/event-types/1")


def test_deleting_an_event_type_keeps_its_bookings(api):
    """A delete returns four fields, deletes the webhooks and keeps the bookings."""
    event_type = created(api)
    hooks = f"{EVENT_TYPES}/{event_type['id']}/webhooks"
    assert api.post(hooks, {"active": True, "subscriberUrl": "https://x.test/", "triggers": []}).status == 201
    stub = api.delete(f"{EVENT_TYPES}/{event_type['id']}").data
    assert stub == {"id": event_type["id"], "lengthInMinutes": 30, "slug": "intro", "title": "Intro"}
    assert api.get(f"{EVENT_TYPES}/{event_type['id']}").status == 404
    assert api.sandbox.store.webhooks == {}


# --- lists


def test_hidden_event_types_are_listed_for_the_owner_only(api):
    """Hidden event types are listed only for their owner, hidden booking fields for nobody."""
    created(api, hidden=True)
    assert "intro" in visible_slugs(api, "?username=ana")
    assert "intro" not in visible_slugs(api.as_user("bo"), "?username=ana")
    shown = api.as_user(None).get(f"{EVENT_TYPES}?username=ana").data[0]["bookingFields"]
    assert "title" not in [field["slug"] for field in shown]


@pytest.mark.servers("hosted", "self-hosted-2025-12")
def test_filters_of_the_list(api):
    """Usernames are compared with case, slugs filter only with a username, and an organization restricts usernames."""
    assert visible_slugs(api.as_user("bo"), "?username=ana&eventSlug=sixty") == ["sixty"]
    assert visible_slugs(api, "?username=ana&eventSlug=none") == []
    assert visible_slugs(api, "?username=Ana") == []
    assert visible_slugs(api, "?eventSlug=sixty") == ["thirty", "sixty", "class"]
    assert visible_slugs(api, "?username=ana&orgSlug=sandbox-org&eventSlug=class") == ["class"]
    assert visible_slugs(api, "?username=ana&orgSlug=other") == []
    assert visible_slugs(api, "?username=ana&orgId=1&eventSlug=class") == ["class"]
    assert visible_slugs(api, "?sortCreatedAt=desc") == ["class", "sixty", "thirty"]
    assert api.get(f"{EVENT_TYPES}?sortCreatedAt=up").status == 400


def test_several_usernames_are_one_event_type(api):
    """`usernames` returns one synthetic event type, also for one name, and none for unknown names."""
    [dynamic] = api.get(f"{EVENT_TYPES}?usernames=ana,bo").data
    assert (dynamic["id"], dynamic["slug"], dynamic["lengthInMinutes"]) == (0, "dynamic", 30)
    assert [user["username"] for user in dynamic["users"]] == ["ana", "bo"]
    assert dynamic["locations"] == [{"type": "integration", "integration": "cal-video"}]
    assert (bool(dynamic["description"]), dynamic["bookingFields"]) == (True, [])
    assert api.get(f"{EVENT_TYPES}?usernames=nobody").data == []
