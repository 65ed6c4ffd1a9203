"""Event types of the user: every field written and read, lists of others, refusals."""

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
    """A new event type of fifteen minutes."""
    return CreateEventType(**{"title": "Chat", "slug": "chat", "length_in_minutes": 15} | fields)


async def test_list_own(cal, calcom_sandbox):
    """Without filters the list has the caller's event types, in one response and without paging parameters."""
    found = await cal.event_types.list().collect()
    assert [(one.id, one.slug, one.owner_id) for one in found] == [
        (THIRTY, "thirty", ANA),
        (SIXTY, "sixty", ANA),
        (CLASS, "class", ANA),
    ]
    assert [one.is_seated for one in found] == [False, False, True]
    assert last_request(calcom_sandbox) == SentRequest("GET", "/event-types", {}, None, VERSION)
    assert len(calcom_sandbox.requests) == 1


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
    assert [one.slug async for one in cal.event_types.list(**filters)] == slugs
    assert last_request(calcom_sandbox).query == query


async def test_get(cal, calcom_sandbox):
    """One event type by id, typed."""
    found = await cal.event_types.get(THIRTY)
    assert isinstance(found, EventType)
    assert (found.length_in_minutes, found.minimum_booking_notice, found.is_recurring) == (30, 120, False)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/event-types/{THIRTY}", {}, None, VERSION)


async def test_create_minimal(cal, calcom_sandbox):
    """Three fields make an event type; no other field is sent."""
    made = await cal.event_types.create(chat())
    assert (made.title, made.slug, made.length_in_minutes, made.owner_id) == ("Chat", "chat", 15, ANA)
    body = {"title": "Chat", "slug": "chat", "lengthInMinutes": 15}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/event-types", {}, body, VERSION)
    assert await cal.event_types.get(made.id) == made


SETTINGS = {
    "length_in_minutes_options": [15, 30],
    "description": "A word",
    "locations": [Location.video(), Location.in_person("Rua 1"), Location.at_link("https://meet.example.com/x")],
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
    """Every setting that is written is read back equal, at creation and by an update of that setting alone."""
    made = await cal.event_types.create(chat(**{name: value}))
    other = await cal.event_types.create(chat(slug="other"))
    changed = await cal.event_types.update(other.id, UpdateEventType(**{name: value}))
    for event_type in (made, changed):
        found = getattr(event_type, name)
        if name == "booking_fields":
            found = [
                BookingField(type=one.type, slug=one.slug, label=one.label, required=one.required)
                for one in found
                if not one.is_default
            ]
        assert found == value


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("seats", Seats(seats_per_time_slot=3, show_attendee_info=True, show_availability_count=True), "is_seated"),
        ("confirmation_policy", ConfirmationPolicy(type="always"), "needs_confirmation"),
    ],
)
async def test_switching_off(cal, calcom_sandbox, setting, value, told):
    """`DISABLED` turns a setting off, and the event type shows it."""
    made = await cal.event_types.create(chat(**{setting: value}))
    assert getattr(made, told)
    changed = await cal.event_types.update(made.id, UpdateEventType(**{setting: DISABLED}))
    assert last_request(calcom_sandbox).body == {setting.replace("_p", "P"): {"disabled": True}}
    assert not getattr(changed, told)


@pytest.mark.parametrize("owner", ["user", "team"])
async def test_a_series_that_cannot_be_switched_off(cal, owner):
    """Servers accept `recurrence=DISABLED` but keep it, which raises an ApiError; other changes are made."""
    weekly = Recurrence(interval=1, occurrences=4, frequency="weekly")
    if owner == "user":
        types, body = cal.event_types, chat(recurrence=weekly)
    else:
        types = cal.organization(ORGANIZATION).team(SALES).event_types
        fields = {"title": "Chat", "slug": "chat", "length_in_minutes": 20, "recurrence": weekly}
        body = CreateTeamEventType(**fields, scheduling_type="collective", assign_all_team_members=True)
    made = await types.create(body)
    changes = {"recurrence": DISABLED, "title": "New"}
    with pytest.raises(ApiError, match=r"PATCH /\S+/\d+: 200 .* left recurrence on"):
        await types.update(made.id, UpdateEventType(**changes) if owner == "user" else UpdateTeamEventType(**changes))
    found = await types.get(made.id)
    assert (found.title, found.is_recurring) == ("New", True)
    assert not (await cal.event_types.update(THIRTY, UpdateEventType(recurrence=DISABLED))).is_recurring


async def test_update(cal, calcom_sandbox):
    """An update sends the given fields alone; UNSET stays, None is null where null means the default."""
    changed = await cal.event_types.update(THIRTY, UpdateEventType(title="Half an hour", slot_interval=15))
    assert (changed.title, changed.slug, changed.slot_interval) == ("Half an hour", "thirty", 15)
    body = {"title": "Half an hour", "slotInterval": 15}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/event-types/{THIRTY}", {}, body, VERSION)
    again = await cal.event_types.update(THIRTY, UpdateEventType(title=UNSET, slot_interval=None))
    assert last_request(calcom_sandbox).body == {"slotInterval": None}
    assert (again.title, again.slot_interval) == ("Half an hour", None)


async def test_delete(cal, calcom_sandbox):
    """Deleting returns id and title, and the event type no longer exists."""
    gone = await cal.event_types.delete(SIXTY)
    assert gone == DeletedEventType(id=SIXTY, title="Sixty minutes", slug="sixty", length_in_minutes=60)
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/event-types/{SIXTY}", {}, None, VERSION)
    with pytest.raises(NotFoundError):
        await cal.event_types.get(SIXTY)


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
async def test_refusals(cal, call, kind, words):
    """Each error has the class of its status and the server's message."""
    with pytest.raises(kind, match=words):
        await call(cal.event_types)


async def test_event_types_of_others(cal):
    """Somebody else's event type is not found, and deleting it is forbidden."""
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
async def test_ids_cannot_leave_their_path(cal, calcom_sandbox, wrong):
    """An invalid id is rejected before a request is sent."""
    with pytest.raises(InvalidRequestError):
        await cal.event_types.get(wrong)
    assert calcom_sandbox.requests == []


async def test_quoted_ids_stay_in_their_path(cal, calcom_sandbox):
    """A text with slashes and question marks is one part of the path, and an unknown id."""
    with pytest.raises(NotFoundError):
        await cal.bookings.get("../me?x=1")
    assert calcom_sandbox.requests[-1].path.count("/") == 3
