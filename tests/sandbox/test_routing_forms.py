"""Routing forms and their responses over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

from calcom_async.sandbox.routing.forms import field, new_form, route_to, store_response
from calcom_async.sandbox.seed.world import FORM
from calcom_async.sandbox.state.booking import Booking

ORG = "/v2/organizations/1/routing-forms"
TEAM = "/v2/organizations/1/teams/2/routing-forms"
DAY = "?start=2030-05-06&end=2030-05-06"


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client() as api:
        yield api


def intro(api: ApiClient) -> int:
    body = {"title": "Intro", "slug": "intro", "lengthInMinutes": 30, "schedulingType": "collective"}
    hosts = [{"userId": 1}]
    return api.post("/v2/organizations/1/teams/2/event-types", body | {"hosts": hosts}).data["id"]


@pytest.mark.parametrize(("path", "name"), [(ORG, "org_routing_forms_list"), (TEAM, "org_team_routing_forms_list")])
def test_forms_have_the_recorded_fields(api, shared, path, name):
    """Forms, their fields and their routes have the recorded keys."""
    [ours], theirs = api.get(path).data, recorded_body(shared, f"organisations/{name}")["data"][0]
    assert ours.keys() == theirs.keys()
    assert ours["fields"][0].keys() == theirs["fields"][0].keys()
    assert [route["isFallback"] for route in ours["routes"]] == [False, False, True]
    for mine, real in zip(ours["routes"], theirs["routes"], strict=True):
        assert mine.keys() == real.keys()
        assert mine["queryValue"].keys() == real["queryValue"].keys()


def test_responses_have_the_recorded_fields(api, shared):
    """Responses that lead to slots or a message, and stored responses, have the recorded keys."""
    response = api.post(f"{TEAM}/{FORM}/responses{DAY}", {"topic": "sales"}).data
    real = recorded_body(shared, "organisations/org_team_routing_form_responses_create")["data"]
    assert response.keys() == real.keys()
    assert response["routing"].keys() == real["routing"].keys()
    message = api.post(f"{ORG}/{FORM}/responses{DAY}", {"topic": "other"}).data
    real = recorded_body(shared, "organisations/org_routing_form_responses_create_custom_message")["data"]
    assert message.keys() == real.keys()
    kept = api.get(f"{ORG}/{FORM}/responses").data
    assert kept[0].keys() == recorded_body(shared, "organisations/org_routing_form_responses_list")["data"][0].keys()
    assert [response["id"] for response in kept] == [1, 2]


@pytest.mark.parametrize(
    ("request_of", "name"),
    [
        (("GET", f"{ORG}?sortCreatedAt=up", None), "org_routing_forms_list_400"),
        (
            ("POST", f"/v2/routing-forms/{FORM}/calculate-slots", {"topic": "sales"}),
            "routing_forms_calculate_slots_400",
        ),
    ],
)
def test_invalid_queries_get_the_recorded_errors(api, shared, request_of, name):
    """The validation error equals the recorded one."""
    real = recorded_body(shared, f"organisations/{name}")["error"]["details"]
    assert api(*request_of).body["error"]["details"] == real


def test_invalid_requests(api):
    """A missing answer, another team's form and an unknown response have the recorded errors."""
    assert api.post(f"{TEAM}/{FORM}/responses{DAY}", {}).error == (400, "Missing required fields Topic")
    assert api.get(f"{TEAM}/nope/responses").error == (
        403,
        "IsRoutingFormInTeam - team with id=(2) does not own routing form with id=(nope).",
    )
    missing = api.patch(f"{TEAM}/{FORM}/responses/99999", {"response": {}})
    assert missing.error == (404, "Invalid Query: The requested record was not found.")
    assert api.as_user("cy").get(ORG).status == 403
    assert api.get(f"{ORG}/nope/responses").error == (404, "Routing form not found.")


def test_a_text_is_stored_as_its_letters(api):
    """An update with a text instead of an object stores its letters by index, as on the real server."""
    api.post(f"{TEAM}/{FORM}/responses{DAY}", {"topic": "x"})
    changed = api.patch(f"{TEAM}/{FORM}/responses/1", {"response": "x"})
    assert changed.data["response"] == {"0": "x"}


def test_responses_are_filtered_and_sorted(api):
    """Responses can be filtered by creation and booking, sorted and paged; more than 250 per page are allowed."""
    form, clock, store = api.sandbox.store.routing_forms[FORM], api.sandbox.clock, api.sandbox.store
    clock.freeze()
    for number in range(4):
        clock.move(minutes=1)
        kept = store_response(store, form, {}, clock.now())
        kept["routedToBookingUid"] = f"u{number}"
    path = f"{ORG}/{FORM}/responses"
    ids = lambda query: [response["id"] for response in api.get(f"{path}?{query}").data]  # noqa: E731 - it reads best
    third = api.get(path).data[2]["createdAt"]
    assert ids("sortCreatedAt=desc&take=1001") == [4, 3, 2, 1]
    assert ids("take=2&skip=1") == [2, 3]
    assert ids(f"afterCreatedAt={third}") == [3, 4]
    assert ids(f"beforeUpdatedAt={third}&sortUpdatedAt=desc") == [3, 2, 1]
    assert ids("routedToBookingUid=u1") == [2]
    assert [form["id"] for form in api.get(f"{ORG}?routedToBookingUid=u1").data] == [FORM]
    assert api.get(f"{ORG}?routedToBookingUid=x").data == []
    assert api.get(f"{path}?take=0").status == 400


def test_forms_that_tests_add(api):
    """The first matching route wins; all operators work; a route can name an event type by id."""
    event_type_id, store = intro(api), api.sandbox.store
    to_event = route_to("a", "eventTypeRedirectUrl", "ignored", size="small")
    to_event["action"]["eventTypeId"] = event_type_id
    unlike, like = (
        route_to("b", "customPageMessage", "large", size="tiny"),
        route_to("c", "customPageMessage", "huge", size="hu"),
    )
    for route, operator in ((unlike, "not_equal"), (like, "like")):
        next(iter(route["queryValue"]["children1"].values()))["properties"]["operator"] = operator
    about = {"name": "Own", "team_id": 3, "user_id": 1, "fields": [field("size", "Size")]}
    form = new_form(store, api.sandbox.clock.now(), **about, routes=[to_event, like, unlike])
    path = f"/v2/organizations/1/teams/3/routing-forms/{form['id']}/responses{DAY}"
    assert api.post(path, {"size": "Small"}).data["eventTypeId"] == event_type_id
    assert api.post(path, {"size": "huge"}).data == {"routingCustomMessage": "huge"}
    assert api.post(path, {"size": "big"}).data == {"routingCustomMessage": "large"}
    assert api.post(path, {"size": "tiny"}).status == 404


def test_answers_are_appended_to_an_external_url(api):
    """The answers, the form and the action are appended to an external URL."""
    about = {"name": "Own", "team_id": 3, "user_id": 1, "fields": [field("topic", "Topic")]}
    away = route_to("a", "externalRedirectUrl", "https://else.test/go")
    form = new_form(api.sandbox.store, api.sandbox.clock.now(), **about, routes=[away], form_id="f")
    path = f"/v2/organizations/1/teams/3/routing-forms/{form['id']}/responses{DAY}"
    assert api.post(path, {"topic": "a & b"}).data == {
        "routingExternalRedirectUrl": "https://else.test/go?topic=a+%26+b&form=f&cal.action=externalRedirectUrl"
    }


def test_webhooks_receive_responses(api):
    """FORM_SUBMITTED contains the answers in its payload and at the root of the body."""
    webhook = {"subscriberUrl": "https://hooks.test/", "triggers": ["FORM_SUBMITTED"], "active": True}
    api.post("/v2/organizations/1/webhooks", webhook)
    about = {"name": "Own", "team_id": 3, "user_id": 1, "fields": [field("topic", "Topic")]}
    route = route_to("a", "customPageMessage", "thanks")
    new_form(api.sandbox.store, api.sandbox.clock.now(), **about, routes=[route], form_id="f")
    api.post(f"/v2/organizations/1/teams/3/routing-forms/f/responses{DAY}", {"topic": "tea"})
    api.sandbox.wait_idle()
    [sent] = api.sandbox.deliveries
    assert (sent.json["triggerEvent"], sent.json["topic"]) == ("FORM_SUBMITTED", "tea")
    assert sent.json["payload"] == {
        "formId": "f",
        "formName": "Own",
        "teamId": 3,
        "responses": {"topic": {"value": "tea", "response": "tea"}},
    }


def make_booking(sandbox, email):
    """Store a booking that somebody has just made."""
    now = sandbox.clock.now()
    attendee = {"id": 1, "name": "A", "email": email, "timeZone": "UTC"}
    times = {"start": now, "end": now, "created_at": now, "updated_at": None}
    booking = Booking(id=1, uid="uid", title="Tea", user_id=1, **times, attendees=[attendee])
    sandbox.store.add_booking(booking)


@pytest.mark.parametrize(("attendee", "count"), [(None, 1), ("else@x.test", 1), ("Ada@x.test", 0)])
def test_a_form_that_led_to_no_booking(api, attendee, count):
    """FORM_SUBMITTED_NO_EVENT follows after 15 minutes, unless somebody with an address of the answers has booked."""
    webhook = {"subscriberUrl": "https://hooks.test/", "triggers": ["FORM_SUBMITTED_NO_EVENT"], "active": True}
    api.post("/v2/organizations/1/webhooks", webhook)
    about = {"name": "Own", "team_id": 3, "user_id": 1, "fields": [field("email", "Email")]}
    route = route_to("a", "customPageMessage", "thanks")
    new_form(api.sandbox.store, api.sandbox.clock.now(), **about, routes=[route], form_id="f")
    api.post(f"/v2/organizations/1/teams/3/routing-forms/f/responses{DAY}", {"email": "ada@x.test"})
    if attendee is not None:
        make_booking(api.sandbox, attendee)
    api.sandbox.clock.move(minutes=14)
    api.sandbox.wait_idle()
    assert api.sandbox.deliveries == []
    api.sandbox.clock.move(minutes=2)
    api.sandbox.wait_idle()
    assert [sent.json["payload"]["responseId"] for sent in api.sandbox.deliveries] == [1] * count


def test_calculating_slots_needs_no_credentials(api, shared):
    """Slots are calculated without credentials, with the recorded keys, and nothing is stored."""
    response = api.as_user(None).post(f"/v2/routing-forms/{FORM}/calculate-slots{DAY}", {"topic": "sales"})
    assert (response.status, response.data.keys()) == (
        200,
        recorded_body(shared, "organisations/routing_forms_calculate_slots_nokey")["data"].keys(),
    )
    assert api.sandbox.store.form_responses == {}
