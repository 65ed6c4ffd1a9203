"""Routing forms: lists, responses and slot calculation."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sent_requests import ADA, ANA, BO, ORGANIZATION, SALES, SIXTY, SUPPORT, SentRequest, book, last_request

from calcom_async import BadRequestError, ForbiddenError, InvalidRequestError, NotFoundError, TransportError
from calcom_async.models import CreateTeamEventType, Host, Routing, RoutingForm
from calcom_async.sandbox.seed.world import FORM

TEAM_PATH = f"/organizations/1/teams/2/routing-forms/{FORM}/responses"
DAY = {"start": date(2026, 11, 4), "end": date(2026, 11, 4)}
DAY_QUERY = {"start": "2026-11-04", "end": "2026-11-04"}
SALES_WANTED = {"topic": "sales", "company": "Acme"}


@pytest.fixture
def forms(cal):
    """Return the routing forms of the organization's first team."""
    return cal.organization(ORGANIZATION).team(SALES).routing_forms


@pytest.fixture
def all_forms(cal):
    """Return the routing forms of the whole organization."""
    return cal.organization(ORGANIZATION).routing_forms


@pytest.fixture
async def intro(cal, calcom_sandbox):
    """Return the event type that the seeded form selects, in place of the seeded one."""
    calcom_sandbox.store.event_types.pop(4)
    kind = {"title": "Intro", "slug": "sales-call", "length_in_minutes": 30, "scheduling_type": "collective"}
    team = cal.organization(ORGANIZATION).team(SALES)
    return await team.event_types.create(CreateTeamEventType(**kind, hosts=[Host(user_id=1)]))


async def test_list(forms, all_forms, calcom_sandbox):
    """Forms of a team and of an organization are typed, with 250 per page."""
    [form] = await forms.list().collect()
    assert isinstance(form, RoutingForm)
    assert (form.id, form.team_id, form.disabled, form.fields[0]["identifier"]) == (FORM, SALES, False, "topic")
    path = "/organizations/1/teams/2/routing-forms"
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {"take": "250", "skip": "0"}, None, None)
    assert await all_forms.list().collect() == [form]
    assert last_request(calcom_sandbox).path == "/organizations/1/routing-forms"


FILTERS = {
    "sort_created_at": ("asc", "sortCreatedAt", "asc"),
    "sort_updated_at": ("desc", "sortUpdatedAt", "desc"),
    "after_created_at": (datetime(2026, 1, 1, tzinfo=UTC), "afterCreatedAt", "2026-01-01T00:00:00Z"),
    "before_created_at": (datetime(2027, 1, 1, tzinfo=UTC), "beforeCreatedAt", "2027-01-01T00:00:00Z"),
    "after_updated_at": (datetime(2026, 1, 1, tzinfo=UTC), "afterUpdatedAt", "2026-01-01T00:00:00Z"),
    "before_updated_at": (datetime(2027, 1, 1, tzinfo=UTC), "beforeUpdatedAt", "2027-01-01T00:00:00Z"),
}


async def test_filters(forms, all_forms, calcom_sandbox):
    """Every filter is sent under the server's name, teams comma-separated, and the form matches all of them."""
    filters = {name: value for name, (value, _, _) in FILTERS.items()}
    query = {wire: text for _, wire, text in FILTERS.values()}
    assert len(await forms.list(**filters, take=10, skip=0).collect()) == 1
    assert last_request(calcom_sandbox).query == query | {"take": "10", "skip": "0"}
    assert len(await all_forms.list(**filters, team_ids=[SALES, SUPPORT]).collect()) == 1
    assert last_request(calcom_sandbox).query == query | {"take": "250", "skip": "0", "teamIds": "2,3"}
    assert await all_forms.list(team_ids=[SUPPORT]).collect() == []
    assert await forms.responses(FORM).list(**filters, routed_to_booking_uid="x").collect() == []
    assert last_request(calcom_sandbox).query == query | {"take": "250", "skip": "0", "routedToBookingUid": "x"}
    assert await forms.list(after_created_at=datetime(2027, 1, 1, tzinfo=UTC)).collect() == []


def test_unknown_filters(forms):
    """A filter that the list does not have is an error; the list of a team has no filter by team."""
    with pytest.raises(InvalidRequestError, match="unknown filter 'team_ids'"):
        forms.list(team_ids=[1])


async def test_answers_that_select_an_event_type(cal, forms, calcom_sandbox, intro):
    """The result has slots and a routing that a booking accepts unchanged; the response is stored."""
    routed = await forms.responses(FORM).create(answers=SALES_WANTED, **DAY, time_zone="Europe/Lisbon")
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", TEAM_PATH, DAY_QUERY | {"timeZone": "Europe/Lisbon"}, SALES_WANTED, None
    )
    assert routed.event_type_id == intro.id
    assert (routed.routing_custom_message, routed.routing_external_redirect_url) == (None, None)
    assert isinstance(routed.routing, Routing)
    slot = routed.days.first()
    assert slot.start.date() == date(2026, 11, 4)
    booking = await cal.bookings.create(
        start=slot.start, event_type_id=routed.event_type_id, attendee=ADA, routing=routed.routing
    )
    assert booking.start == slot.start
    [stored] = await forms.responses(FORM).list().collect()
    assert (stored.id, stored.form_id) == (routed.routing.response_id, FORM)
    assert stored.response["company"] == {"label": "Company", "value": "Acme"}


async def test_slot_options(forms, calcom_sandbox, intro):
    """Duration, ranges, the booking to reschedule and queueing are sent under the server's names."""
    routed = await forms.responses(FORM).create(
        answers=SALES_WANTED,
        **DAY,
        include_end=True,
        duration=30,
        booking_uid_to_reschedule="x",
        reschedule_with_same_host=True,
        queue=True,
    )
    shown = {"duration": "30", "format": "range", "bookingUidToReschedule": "x", "queueResponse": "true"}
    shown["rescheduleWithSameHost"] = "true"
    assert last_request(calcom_sandbox).query == DAY_QUERY | shown
    assert routed.days.first().end is not None
    assert routed.routing.queued_response_id
    assert await forms.responses(FORM).list().collect() == []


@pytest.mark.parametrize(
    ("topic", "message", "url"),
    [
        ("press", None, "https://press.sandbox.test?topic=press&form=sandbox-form&cal.action=externalRedirectUrl"),
        ("else", "Write to help@sandbox.test", None),
    ],
)
async def test_answers_without_an_event_type(forms, all_forms, topic, message, url):
    """A redirect or a message has its own field, without slots; an admin of the organization may respond too."""
    for place in (forms, all_forms):
        routed = await place.responses(FORM).create(answers={"topic": topic}, **DAY)
        assert (routed.routing_custom_message, routed.routing_external_redirect_url) == (message, url)
        assert (routed.event_type_id, routed.routing, routed.slots) == (None, None, None)
        assert routed.days == {}


async def test_rejected_answers(forms, intro):
    """A missing answer and an end before the start raise BadRequestError."""
    responses = forms.responses(FORM)
    with pytest.raises(BadRequestError, match="Missing required fields Topic"):
        await responses.create(answers={"company": "Acme"}, **DAY)
    with pytest.raises(BadRequestError, match="End date cannot be before start date"):
        await responses.create(answers=SALES_WANTED, start=date(2026, 11, 5), end=date(2026, 11, 4))


async def test_update_replaces_all_answers(forms, calcom_sandbox):
    """An update replaces all answers; an unknown response raises NotFoundError."""
    responses = forms.responses(FORM)
    await responses.create(answers={"topic": "x", "company": "Acme"}, **DAY)
    [stored] = await responses.list().collect()
    answers = {"topic": {"label": "Topic", "value": "changed"}}
    changed = await responses.update(stored.id, response=answers)
    assert (changed.id, changed.response) == (stored.id, answers)
    assert last_request(calcom_sandbox) == SentRequest(
        "PATCH", f"{TEAM_PATH}/{stored.id}", {}, {"response": answers}, None
    )
    with pytest.raises(NotFoundError):
        await responses.update(999, response={})


async def test_permissions(cal, forms):
    """Members of the team may respond, only admins may read; the form of another team is forbidden."""
    cy = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).team(SALES).routing_forms
    assert (await cy.responses(FORM).create(answers={"topic": "x"}, **DAY)).routing_custom_message
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await cy.responses(FORM).list().collect()
    with pytest.raises(ForbiddenError, match="does not own routing form"):
        await forms.responses("other").list().collect()


async def test_calculate_slots(cal, calcom_sandbox, intro):
    """Answers return slots without being stored; a message or redirect raises NotFoundError."""
    slots = await cal.routing_forms.calculate_slots(FORM, answers=SALES_WANTED, **DAY, include_end=True)
    path = f"/routing-forms/{FORM}/calculate-slots"
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", path, DAY_QUERY | {"format": "range"}, SALES_WANTED, None
    )
    assert slots.event_type_id == intro.id
    assert slots.days.first().end is not None
    assert calcom_sandbox.store.form_responses == {}
    for topic, form_id in (("press", FORM), ("sales", "nope")):
        with pytest.raises(NotFoundError):
            await cal.routing_forms.calculate_slots(form_id, answers={"topic": topic}, **DAY)


@pytest.mark.parametrize(
    ("allowed", "same", "hours"), [(True, True, {14, 16}), (True, False, {14, 15, 16}), (False, True, {14, 15, 16})]
)
async def test_slots_to_reschedule(cal, calcom_sandbox, allowed, same, hours):
    """Where the round robin allows it, the slots can be those of the first host only, without Ana's other bookings."""
    calcom_sandbox.store.event_types.pop(4)
    kind = {"title": "Intro", "slug": "sales-call", "length_in_minutes": 60, "scheduling_type": "roundRobin"}
    hosts = [Host(user_id=ANA), Host(user_id=BO)]
    event_types = cal.organization(ORGANIZATION).team(SALES).event_types
    intro = await event_types.create(
        CreateTeamEventType(**kind, hosts=hosts, allow_rr_host_choice_on_reschedule=allowed)
    )
    booking = await book(cal, 14, intro.id)
    assert booking.hosts[0].id == ANA
    await book(cal, 15, SIXTY)
    routed = await cal.routing_forms.calculate_slots(
        FORM,
        answers=SALES_WANTED,
        **DAY,
        booking_uid_to_reschedule=booking.uid,
        reschedule_with_same_host=same,
    )
    assert {slot.start.hour for slot in routed.days[date(2026, 11, 4)]} & {14, 15, 16} == hours


async def test_retries(cal, forms, calcom_sandbox, intro):
    """After a lost response a calculation is retried; storing a response is not."""
    calcom_sandbox.faults.add("POST", "*", cut="after", times=2)
    with pytest.raises(TransportError):
        await forms.responses(FORM).create(answers=SALES_WANTED, **DAY)
    assert len(await forms.responses(FORM).list().collect()) == 1
    assert (await cal.routing_forms.calculate_slots(FORM, answers=SALES_WANTED, **DAY)).event_type_id == intro.id
    assert calcom_sandbox.faults.fired == 2


async def test_responses_of_a_team_of_a_user(cal, calcom_sandbox, intro):
    """A team outside an organization takes new responses under its own path, for its members."""
    cy = cal.with_credentials("cal_sandbox_cy")
    routed = (
        await cy.team(SALES)
        .routing_forms.responses(FORM)
        .create(answers=SALES_WANTED, **DAY, reschedule_with_same_host=False)
    )
    path = f"/teams/{SALES}/routing-forms/{FORM}/responses"
    query = {**DAY_QUERY, "rescheduleWithSameHost": "false"}
    assert last_request(calcom_sandbox) == SentRequest("POST", path, query, SALES_WANTED, None)
    assert routed.event_type_id == intro.id
    assert routed.routing.response_id
    with pytest.raises(ForbiddenError):
        await cal.team(SUPPORT).routing_forms.responses(FORM).create(answers=SALES_WANTED, **DAY)
