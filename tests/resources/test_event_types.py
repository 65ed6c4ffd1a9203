"""Event types of the user: every field is written and read, lists of others, and rejections."""

from __future__ import annotations

import pytest
from msgspec import UNSET
from sent_requests import ANA, CLASS, ORGANIZATION, SALES, SIXTY, THIRTY, SentRequest, last_request

from calcom_async import ApiError, BadRequestError, ForbiddenError, InvalidRequestError, NotFoundError
from calcom_async.models import (
    DISABLED,
    BookingField,
    BookingLimits,
    BookingWindow,
    ConfirmationPolicy,
    CreateEventType,
    CreateTeamEventType,
    DeletedEventType,
    EventType,
    Location,
    Recurrence,
    Seats,
    UpdateEventType,
    UpdateTeamEventType,
)

VERSION = "2024-06-14"


def chat(**fields):
    """Return a new event type of fifteen minutes."""
    return CreateEventType(**{"title": "Chat", "slug": "chat", "length_in_minutes": 15} | fields)


async def test_list_own(cal, calcom_sandbox):
    """Without filters the list has the caller's event types, in one response and without paging parameters."""
    fetched = await cal.event_types.list().collect()
    assert [(event_type.id, event_type.slug, event_type.owner_id) for event_type in fetched] == [
        (THIRTY, "thirty", ANA),
        (SIXTY, "sixty", ANA),
        (CLASS, "class", ANA),
    ]
    assert [event_type.is_seated for event_type in fetched] == [False, False, True]
    assert last_request(calcom_sandbox) == SentRequest("GET", "/event-types", {}, None, VERSION)
    assert len(calcom_sandbox.requests) == 1


@pytest.mark.servers("hosted", "self-hosted-2025-12")
@pytest.mark.parametrize(
    ("filters", "query", "slugs"),
    [
        ({"username": "ana"}, {"username": "ana"}, ["thirty", "sixty", "class"]),
        ({"username": "ana", "event_slug": "sixty"}, {"username": "ana", "eventSlug": "sixty"}, ["sixty"]),
        ({"username": "nobody"}, {"username": "nobody"}, []),
        ({"usernames": ["ana", "bo"]}, {"usernames": "ana,bo"}, ["dynamic"]),
        (
            {"username": "ana", "organization_slug": "sandbox-org", "organization_id": 1},
            {"username": "ana", "orgSlug": "sandbox-org", "orgId": "1"},
            ["thirty", "sixty", "class"],
        ),
        ({"sort_created_at": "desc"}, {"sortCreatedAt": "desc"}, ["class", "sixty", "thirty"]),
    ],
)
async def test_list_filters(cal, calcom_sandbox, filters, query, slugs):
    """Each filter is sent under the server's name and takes effect; an unknown user has no event types."""
    assert [event_type.slug async for event_type in cal.event_types.list(**filters)] == slugs
    assert last_request(calcom_sandbox).query == query


async def test_get(cal, calcom_sandbox):
    """`get` returns one event type by id."""
    fetched = await cal.event_types.get(THIRTY)
    assert isinstance(fetched, EventType)
    assert (fetched.length_in_minutes, fetched.minimum_booking_notice, fetched.is_recurring) == (30, 120, False)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/event-types/{THIRTY}", {}, None, VERSION)


async def test_create_minimal(cal, calcom_sandbox):
    """Three fields are enough to create an event type; no other field is sent."""
    created = await cal.event_types.create(chat())
    assert (created.title, created.slug, created.length_in_minutes, created.owner_id) == ("Chat", "chat", 15, ANA)
    body = {"title": "Chat", "slug": "chat", "lengthInMinutes": 15}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/event-types", {}, body, VERSION)
    assert await cal.event_types.get(created.id) == created


SETTINGS = {
    "length_in_minutes_options": [15, 30],
    "description": "A word",
    "locations": [
        Location.video(),
        Location.in_person("Rua 1"),
        Location.at_link("https://meet.example.com/x"),
        Location.by_phone("+351912345678"),
    ],
    "booking_fields": [BookingField(type="text", slug="topic", label="Topic", required=True)],
    "disable_guests": True,
    "slot_interval": 20,
    "minimum_booking_notice": 0,
    "before_event_buffer": 5,
    "after_event_buffer": 10,
    "booking_limits_count": BookingLimits(day=2, week=5),
    "booking_limits_duration": BookingLimits(day=60, week=120),
    "booking_window": BookingWindow(type="calendarDays", value=30, rolling=True),
    "offset_start": 5,
    "confirmation_policy": ConfirmationPolicy(type="always", block_unconfirmed_bookings_in_booker=True),
    "only_show_first_available_slot": True,
    "hidden": True,
    "custom_name": "{Event type title} with {Scheduler}",
    "success_redirect_url": "https://example.com/done",
}


@pytest.mark.parametrize(("name", "value"), SETTINGS.items(), ids=list(SETTINGS))
async def test_settings_come_back(cal, name, value):
    """Every setting is read as it was written, on creation and by an update of this setting only."""
    created = await cal.event_types.create(chat(**{name: value}))
    other = await cal.event_types.create(chat(slug="other"))
    changed = await cal.event_types.update(other.id, UpdateEventType(**{name: value}))
    for event_type in (created, changed):
        read_back = getattr(event_type, name)
        if name == "booking_fields":
            read_back = [
                BookingField(type=field.type, slug=field.slug, label=field.label, required=field.required)
                for field in read_back
                if not field.is_default
            ]
        assert read_back == value


@pytest.mark.parametrize(
    ("setting", "value", "property_name"),
    [
        ("seats", Seats(seats_per_time_slot=3, show_attendee_info=True, show_availability_count=True), "is_seated"),
        ("confirmation_policy", ConfirmationPolicy(type="always"), "needs_confirmation"),
    ],
)
async def test_switching_off(cal, calcom_sandbox, setting, value, property_name):
    """`DISABLED` turns a setting off, and the response shows it."""
    created = await cal.event_types.create(chat(**{setting: value}))
    assert getattr(created, property_name)
    changed = await cal.event_types.update(created.id, UpdateEventType(**{setting: DISABLED}))
    assert last_request(calcom_sandbox).body == {setting.replace("_p", "P"): {"disabled": True}}
    assert not getattr(changed, property_name)


@pytest.mark.servers("hosted", "self-hosted-2025-12")
@pytest.mark.parametrize("owner", ["user", "team"])
async def test_a_series_that_cannot_be_switched_off(cal, owner):
    """Servers accept `recurrence=DISABLED` without effect, which raises an ApiError; other changes are made."""
    weekly = Recurrence(interval=1, occurrences=4, frequency="weekly")
    if owner == "user":
        types, body = cal.event_types, chat(recurrence=weekly)
    else:
        types = cal.organization(ORGANIZATION).team(SALES).event_types
        fields = {"title": "Chat", "slug": "chat", "length_in_minutes": 20, "recurrence": weekly}
        body = CreateTeamEventType(**fields, scheduling_type="collective", assign_all_team_members=True)
    created = await types.create(body)
    changes = {"recurrence": DISABLED, "title": "New"}
    with pytest.raises(ApiError, match=r"PATCH /\S+/\d+: 200 .* left recurrence on"):
        await types.update(
            created.id, UpdateEventType(**changes) if owner == "user" else UpdateTeamEventType(**changes)
        )
    fetched = await types.get(created.id)
    assert (fetched.title, fetched.is_recurring) == ("New", True)
    assert not (await cal.event_types.update(THIRTY, UpdateEventType(recurrence=DISABLED))).is_recurring


async def test_update(cal, calcom_sandbox):
    """An update sends only the given fields; None is null where null means the default."""
    changed = await cal.event_types.update(THIRTY, UpdateEventType(title="Half an hour", slot_interval=15))
    assert (changed.title, changed.slug, changed.slot_interval) == ("Half an hour", "thirty", 15)
    body = {"title": "Half an hour", "slotInterval": 15}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/event-types/{THIRTY}", {}, body, VERSION)
    again = await cal.event_types.update(THIRTY, UpdateEventType(title=UNSET, slot_interval=None))
    assert last_request(calcom_sandbox).body == {"slotInterval": None}
    assert (again.title, again.slot_interval) == ("Half an hour", None)


async def test_delete(cal, calcom_sandbox):
    """Deleting returns id and title, and the event type no longer exists."""
    deleted = await cal.event_types.delete(SIXTY)
    assert deleted == DeletedEventType(id=SIXTY, title="Sixty minutes", slug="sixty", length_in_minutes=60)
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/event-types/{SIXTY}", {}, None, VERSION)
    with pytest.raises(NotFoundError):
        await cal.event_types.get(SIXTY)


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda types: types.create(chat(slug="thirty")), BadRequestError, "already has an event type with this slug"),
        (lambda types: types.update(SIXTY, UpdateEventType(slug="thirty")), BadRequestError, "url_duplicate"),
        (lambda types: types.get(999), NotFoundError, "999 not found"),
        (lambda types: types.update(999, UpdateEventType(title="x")), NotFoundError, "999 not found"),
        (lambda types: types.delete(999), NotFoundError, "999 does not exist"),
        (lambda types: types.create(chat(schedule_id=999)), NotFoundError, "does not own schedule"),
    ],
)
async def test_rejections(cal, call, kind, words):
    """Each error has the class of its status and the server's message."""
    with pytest.raises(kind, match=words):
        await call(cal.event_types)


async def test_event_types_of_others(cal):
    """The event type of another user is not found, and deleting it is forbidden."""
    stranger = cal.with_credentials("cal_sandbox_cy").event_types
    with pytest.raises(NotFoundError):
        await stranger.get(THIRTY)
    with pytest.raises(ForbiddenError, match="does not own event type"):
        await stranger.delete(THIRTY)


async def test_rejected_field_is_named(cal):
    """The error for a field out of range names the field."""
    with pytest.raises(BadRequestError) as caught:
        await cal.event_types.create(chat(length_in_minutes=0))
    assert list(caught.value.fields) == ["lengthInMinutes"]


@pytest.mark.parametrize("wrong", ["", "..", ".", True, None, 1.5])
async def test_invalid_ids(cal, calcom_sandbox, wrong):
    """An invalid id is rejected before a request is sent."""
    with pytest.raises(InvalidRequestError):
        await cal.event_types.get(wrong)
    assert calcom_sandbox.requests == []


async def test_quoted_ids(cal, calcom_sandbox):
    """A text with slashes and question marks is one part of the path, and an unknown id."""
    with pytest.raises(NotFoundError):
        await cal.bookings.get("../me?x=1")
    assert calcom_sandbox.requests[-1].path.count("/") == 3
