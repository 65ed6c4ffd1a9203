"""Booking fields of one event type: of the user, of a team, and of a team in an organization."""

from __future__ import annotations

import pytest
from fakes import FakeSend, ok_response
from msgspec.structs import replace
from sent_requests import ORGANIZATION, SALES, SIXTY, THIRTY, SentRequest, last_request

from calcom_async import ApiError, BadRequestError, Calcom, Config, ForbiddenError, NotFoundError
from calcom_async.events import Observer
from calcom_async.models import (
    BookingField,
    CalVideoSettings,
    CreateEventType,
    CreateTeamEventType,
    EmailSettings,
    UpdateEventType,
    UpdateTeamEventType,
)
from calcom_async.resources._base import ResourceContext
from calcom_async.resources.event_types import EventTypes
from calcom_async.sandbox import Sandbox

VERSION = "2026-06-12"
OLDER = "2024-06-14"
DEFAULTS = ["name", "email", "attendeePhoneNumber", "location", "title", "notes", "guests", "rescheduleReason"]
TOPIC = BookingField(field="custom", type="shortText", slug="topic", label="Topic")
TOPIC_BODY = {"field": "custom", "type": "shortText", "slug": "topic", "label": "Topic"}
AGREE = BookingField(field="custom", type="checkbox", slug="agree", label="I agree", required=True)


async def team_event_type(cal):
    """A new event type of the sales team."""
    event_type = CreateTeamEventType(
        title="Demo", slug="demo", length_in_minutes=30, scheduling_type="collective", assign_all_team_members=True
    )
    return (await cal.organization(ORGANIZATION).team(SALES).event_types.create(event_type)).id


@pytest.fixture(params=["user", "team", "organization team"])
async def fields(request, cal):
    """Booking fields of an event type in each scope, and the path to them."""
    if request.param == "user":
        return cal.event_types.booking_fields(THIRTY), f"/event-types/{THIRTY}/booking-fields"
    event_type_id = await team_event_type(cal)
    if request.param == "team":
        resource = cal.team(SALES).event_types.booking_fields(event_type_id)
        return resource, f"/teams/{SALES}/event-types/{event_type_id}/booking-fields"
    resource = cal.organization(ORGANIZATION).team(SALES).event_types.booking_fields(event_type_id)
    return resource, f"/organizations/1/teams/{SALES}/event-types/{event_type_id}/booking-fields"


def slugs(booking_fields):
    """The slugs of fields, in order."""
    return [field.slug for field in booking_fields]


async def test_life_of_a_custom_field(fields, calcom_sandbox):
    """A custom field is added after the location, changed and deleted; each method returns all fields."""
    resource, path = fields
    before = await resource.get()
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {}, None, VERSION)
    assert slugs(before) == DEFAULTS
    assert before[0].variant == "fullName"
    assert (before[2].hidden, before[2].required) == (True, False)

    added = await resource.add(booking_fields=[TOPIC, AGREE])
    assert last_request(calcom_sandbox).method == "POST"
    assert last_request(calcom_sandbox).body["bookingFields"][0] == TOPIC_BODY
    assert slugs(added) == [*DEFAULTS[:4], "topic", "agree", *DEFAULTS[4:]]
    assert (added[4].required, added[5].type) == (False, "checkbox")

    changed = await resource.update(booking_fields=[BookingField(slug="topic", label="Subject", required=True)])
    body = {"bookingFields": [{"slug": "topic", "label": "Subject", "required": True}]}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", path, {}, body, VERSION)
    assert (changed[4].label, changed[4].required, changed[4].type) == ("Subject", True, "shortText")

    remaining = await resource.delete("topic")
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{path}/topic", {}, None, VERSION)
    assert slugs(remaining) == [*DEFAULTS[:4], "agree", *DEFAULTS[4:]]
    assert await resource.get() == remaining


async def test_the_result_of_get_can_be_passed_back(fields):
    """Replacing the fields by what `get` returned changes nothing; one field can be edited on the way."""
    resource, _ = fields
    split = BookingField(field="name", variant="splitName", last_name_required=True)
    await resource.replace(booking_fields=[split, TOPIC])
    before = await resource.get()
    assert (before[0].variant, before[0].last_name_required) == ("splitName", True)
    assert await resource.replace(booking_fields=before) == before
    notes = next(index for index, field in enumerate(before) if field.slug == "notes")
    before[notes] = replace(before[notes], hidden=True)
    assert (await resource.replace(booking_fields=before))[notes].hidden is True
    assert (await resource.update(booking_fields=[before[notes]]))[notes].hidden is True


async def test_a_default_field_is_changed_by_its_name(cal, calcom_sandbox):
    """The slug of a default field is its name, so either of them identifies it."""
    resource = cal.event_types.booking_fields(THIRTY)
    for field in (BookingField(field="notes", label="Why?"), BookingField(slug="notes", label="Why?")):
        await resource.update(booking_fields=[field])
        assert last_request(calcom_sandbox).body == {"bookingFields": [{"slug": "notes", "label": "Why?"}]}


async def test_replace_deletes_and_resets(cal):
    """Custom fields that are not given are deleted, and default ones return to their defaults."""
    resource = cal.event_types.booking_fields(THIRTY)
    await resource.replace(booking_fields=[TOPIC, BookingField(field="notes", required=True, label="Why?")])
    fields = {field.slug: field for field in await resource.replace(booking_fields=[BookingField(field="location")])}
    assert list(fields) == DEFAULTS
    assert (fields["notes"].required, fields["notes"].label) == (False, None)


async def test_settings_of_the_newer_shape_come_back(cal):
    """Settings that only the newer shape has are stored, and older responses omit them."""
    resource = cal.event_types.booking_fields(THIRTY)
    long_text = BookingField(
        field="custom", type="longText", slug="why", label="Why", min_length=5, max_length=100, required=False
    )
    email = BookingField(
        field="custom", type="email", slug="boss", label="Boss", exclude_emails=["x.test"], require_emails=["y.test"]
    )
    after = {field.slug: field for field in await resource.add(booking_fields=[long_text, email])}
    assert (after["why"].min_length, after["why"].max_length) == (5, 100)
    assert (after["boss"].type, after["boss"].exclude_emails) == ("email", ["x.test"])
    older = {field.slug: field for field in (await cal.event_types.get(THIRTY)).booking_fields}
    assert (older["why"].type, older["why"].max_length) == ("textarea", None)
    assert older["unknown"].upgraded().field == "unknown"


async def test_a_phone_number_may_replace_the_email(cal):
    """An event type can be booked by phone only, and again by email only; it needs one of both."""
    resource = cal.event_types.booking_fields(THIRTY)
    phone = BookingField(slug="attendeePhoneNumber", required=True, hidden=False)
    after = await resource.update(booking_fields=[BookingField(slug="email", required=False, hidden=True), phone])
    assert [(field.required, field.hidden) for field in after[1:3]] == [(False, True), (True, False)]
    with pytest.raises(BadRequestError, match="visible and required email"):
        await resource.update(booking_fields=[replace(phone, required=False)])
    after = await resource.update(
        booking_fields=[
            BookingField(slug="email", required=True, hidden=False),
            BookingField(slug="attendeePhoneNumber", required=False, hidden=True),
        ]
    )
    assert [(field.required, field.hidden) for field in after[1:3]] == [(True, False), (False, True)]


async def test_older_fields_are_converted(cal, calcom_sandbox):
    """Fields read in the older shape can be passed to the newer operations."""
    choices = BookingField(type="checkbox", slug="size", label="Size", required=True, options=["S", "M"])
    await cal.event_types.update(THIRTY, UpdateEventType(booking_fields=[choices]))
    assert last_request(calcom_sandbox).version == OLDER
    older = (await cal.event_types.get(THIRTY)).booking_fields
    resource = cal.event_types.booking_fields(SIXTY)
    after = {field.slug: field for field in await resource.replace(booking_fields=older)}
    assert (after["size"].field, after["size"].type, after["size"].options) == ("custom", "checkboxGroup", ["S", "M"])


async def test_workflow_fields_are_read_only(cal, calcom_sandbox):
    """A field that a workflow added is listed, survives a replacement, and cannot be changed."""
    resource = cal.event_types.booking_fields(THIRTY)
    field = {"isDefault": False, "type": "phone", "slug": "smsReminderNumber", "label": "SMS", "required": False}
    calcom_sandbox.store.event_types[THIRTY]["bookingFields"].append(field | {"hidden": False})
    assert (await resource.get())[-1].field == "smsReminderNumber"
    assert slugs(await resource.replace(booking_fields=[TOPIC]))[-1] == "smsReminderNumber"
    with pytest.raises(BadRequestError, match="added by a workflow"):
        await resource.update(booking_fields=[BookingField(slug="smsReminderNumber", label="x")])
    with pytest.raises(BadRequestError):
        await resource.delete("smsReminderNumber")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (BookingField(field="notes", required=True), "Only custom booking fields can be added"),
        (replace(TOPIC, slug="Top ic"), "must start with a lower-case letter"),
        (replace(TOPIC, type="radioGroup"), "must have options"),
        (replace(TOPIC, type="novel"), "Unsupported type 'novel'"),
        (replace(TOPIC, field="shoeSize"), "Unsupported booking field 'shoeSize'"),
        (replace(TOPIC, label=None), "label must be a string"),
    ],
)
async def test_fields_that_cannot_be_added(cal, field, text):
    """Only custom fields can be added, and their slugs follow a strict rule."""
    with pytest.raises(BadRequestError, match=text):
        await cal.event_types.booking_fields(THIRTY).add(booking_fields=[field])


async def test_errors(cal):
    """A slug exists once, unknown slugs are not found, default fields stay, and types are fixed."""
    resource = cal.event_types.booking_fields(THIRTY)
    await resource.add(booking_fields=[TOPIC])
    with pytest.raises(BadRequestError, match="Duplicate bookingFields slug 'topic'"):
        await resource.add(booking_fields=[TOPIC])
    with pytest.raises(BadRequestError, match="changed twice"):
        await resource.update(booking_fields=[BookingField(slug="topic", label=text) for text in "ab"])
    with pytest.raises(BadRequestError, match="cannot be changed"):
        await resource.update(booking_fields=[replace(TOPIC, type="number")])
    with pytest.raises(BadRequestError, match="at least one other property"):
        await resource.update(booking_fields=[BookingField(slug="topic")])
    with pytest.raises(BadRequestError, match="cannot be deleted"):
        await resource.delete("notes")
    for call in (resource.delete("none"), resource.update(booking_fields=[BookingField(slug="none", label="x")])):
        with pytest.raises(NotFoundError):
            await call
    with pytest.raises(BadRequestError, match="at least 1"):
        await resource.add(booking_fields=[])
    with pytest.raises(NotFoundError):
        await cal.with_credentials("cal_sandbox_bo").event_types.booking_fields(THIRTY).get()


async def test_a_member_cannot_read_those_of_a_team(cal):
    """The booking fields of a team's event type are for admins of the team."""
    event_type_id = await team_event_type(cal)
    with pytest.raises(ForbiddenError):
        await cal.with_credentials("cal_sandbox_cy").team(SALES).event_types.booking_fields(event_type_id).get()


# Event types in version 2026-06-12.

NEWER = {
    "skip_attendee_email_deliverability_check": True,
    "private_note_enabled": True,
    "private_note_mode": "separate_events",
    "private_note_template": "Call {Scheduler}",
    "email_settings": EmailSettings(disable_emails_to_attendees=True, disable_emails_to_hosts=False),
}


@pytest.mark.parametrize(("name", "value"), NEWER.items(), ids=list(NEWER))
async def test_newer_settings_need_the_newer_version(cal, calcom_sandbox, name, value):
    """A setting that only version 2026-06-12 has is sent in that version, and comes back."""
    created = await cal.event_types.create(
        CreateEventType(title="New", slug="new", length_in_minutes=15, **{name: value})
    )
    assert last_request(calcom_sandbox).version == VERSION
    changed = await cal.event_types.update(THIRTY, UpdateEventType(**{name: value}))
    assert last_request(calcom_sandbox).version == VERSION
    assert getattr(created, name) == getattr(changed, name) == value


async def test_video_settings_of_the_newer_version(cal, calcom_sandbox):
    """Newer settings of Cal Video are sent in version 2026-06-12; null resets the language."""
    settings = CalVideoSettings(hide_transcription_for_guests=True, transcription_language="pt-BR")
    changed = await cal.event_types.update(THIRTY, UpdateEventType(cal_video_settings=settings))
    assert last_request(calcom_sandbox).version == VERSION
    assert changed.cal_video_settings.transcription_language == "pt-BR"
    assert changed.cal_video_settings.hide_transcription_for_guests is True
    await cal.event_types.update(
        THIRTY, UpdateEventType(cal_video_settings=CalVideoSettings(transcription_language=None))
    )
    assert last_request(calcom_sandbox).body == {"calVideoSettings": {"transcriptionLanguage": None}}
    older = CalVideoSettings(disable_recording_for_guests=True)
    await cal.event_types.update(THIRTY, UpdateEventType(cal_video_settings=older))
    assert last_request(calcom_sandbox).version == OLDER


async def test_a_number_of_proposals(cal, calcom_sandbox):
    """The number of times that a booker proposes is set and cleared by an update."""
    changed = await cal.event_types.update(THIRTY, UpdateEventType(booking_proposal_count=3))
    assert (changed.booking_proposal_count, last_request(calcom_sandbox).version) == (3, VERSION)
    cleared = await cal.event_types.update(THIRTY, UpdateEventType(booking_proposal_count=None))
    assert last_request(calcom_sandbox).body == {"bookingProposalCount": None}
    assert cleared.booking_proposal_count is None


async def test_named_fields_of_an_event_type(cal, calcom_sandbox):
    """Booking fields with a name are sent in version 2026-06-12, and older ones next to them are converted."""
    older = BookingField(type="boolean", slug="news", label="News", required=False)
    created = await cal.event_types.create(
        CreateEventType(title="New", slug="new", length_in_minutes=15, booking_fields=[TOPIC, older])
    )
    sent = last_request(calcom_sandbox)
    assert sent.version == VERSION
    assert sent.body["bookingFields"][1] == {
        "field": "custom",
        "type": "checkbox",
        "slug": "news",
        "label": "News",
        "required": False,
    }
    assert slugs(created.booking_fields) == [*DEFAULTS[:4], "topic", "news", *DEFAULTS[4:]]


async def test_event_types_of_teams(cal, calcom_sandbox):
    """Event types of teams are sent without a version, or in version 2026-06-12 if a field needs it."""
    event_types = cal.organization(ORGANIZATION).team(SALES).event_types
    event_type = CreateTeamEventType(
        title="Turns",
        slug="turns",
        length_in_minutes=30,
        scheduling_type="roundRobin",
        assign_all_team_members=True,
        email_settings=EmailSettings(disable_emails_to_hosts=True),
    )
    created = await event_types.create(event_type)
    assert (last_request(calcom_sandbox).version, created.booking_url) == (None, None)
    changes = UpdateTeamEventType(allow_rr_host_choice_on_reschedule=True, reschedule_with_same_round_robin_host=True)
    changed = await event_types.update(created.id, changes)
    assert last_request(calcom_sandbox).version == VERSION
    body = {"rescheduleWithSameRoundRobinHost": True, "allowRRHostChoiceOnReschedule": True}
    assert last_request(calcom_sandbox).body == body
    assert changed.allow_rr_host_choice_on_reschedule is True
    assert changed.booking_url == "https://cal.com/team/sales/turns"


async def test_both_versions_list_the_same_event_types(cal, calcom_sandbox):
    """Lists of both versions decode into the same model and differ in their booking fields only."""
    older = await cal.event_types.list().collect()
    async with type(cal)(
        calcom_sandbox.api_key, config=Config(base_url=calcom_sandbox.url, allow_http=True, api_versions="latest")
    ) as latest:
        newer = await latest.event_types.list().collect()
        assert last_request(calcom_sandbox).version == VERSION
        await latest.event_types.update(
            THIRTY, UpdateEventType(booking_fields=[BookingField(type="text", slug="a", label="A", required=True)])
        )
        assert last_request(calcom_sandbox).body["bookingFields"][0]["field"] == "custom"
    assert [(row.id, row.slug, row.is_seated) for row in newer] == [(row.id, row.slug, row.is_seated) for row in older]
    assert {field.field for row in newer for field in row.booking_fields} == set(DEFAULTS)
    assert {field.field for row in older for field in row.booking_fields} == {None}


async def test_a_server_without_the_version_is_an_error():
    """A self-hosted server has no booking fields of their own, and the error names the version."""
    with Sandbox(server="self-hosted-2025-12") as sandbox:
        async with Calcom(sandbox.api_key, config=Config(base_url=sandbox.url, allow_http=True)) as cal:
            with pytest.raises(NotFoundError) as caught:
                await cal.event_types.booking_fields(THIRTY).get()
            assert (caught.value.reason, VERSION in caught.value.hint) == ("unknown_operation", True)


async def test_ignored_fields_are_an_error():
    """A server that ignores the version of a team's event type also ignores the fields that need it."""
    with Sandbox(server="self-hosted-2025-12") as sandbox:
        async with Calcom(sandbox.api_key, config=Config(base_url=sandbox.url, allow_http=True)) as cal:
            event_types = cal.organization(ORGANIZATION).team(SALES).event_types
            event_type = CreateTeamEventType(
                title="T", slug="t", length_in_minutes=30, scheduling_type="managed", private_note_enabled=True
            )
            with pytest.raises(ApiError, match=f"know cal-api-version {VERSION} .* created without them"):
                await event_types.create(event_type)
            _, created = await event_types.list().collect()
            with pytest.raises(ApiError, match=f"PATCH /\\S+/{created.id}: 200 .* Other changes were made"):
                await event_types.update(created.id, UpdateTeamEventType(private_note_enabled=True))


async def test_an_event_type_in_the_oldest_shape_is_an_error():
    """A server that falls back to the version of 2024-04-15 answers in another shape, which is no success."""
    oldest = ok_response({"id": 1, "length": 30, "slug": "t", "title": "T"})
    event_types = EventTypes(ResourceContext(FakeSend(oldest), Observer(None)))
    with pytest.raises(ApiError, match=f"know cal-api-version {VERSION}"):
        await event_types.update(1, UpdateEventType(private_note_enabled=True))
