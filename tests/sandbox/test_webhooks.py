"""Webhook subscriptions and deliveries."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.http.auth import Caller
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.webhooks.delivery import fill, is_loopback, render, sign
from calcom_async.sandbox.webhooks.subscriptions import LEGACY_TRIGGERS, TRIGGERS

HOOKS = "/v2/webhooks"
FOREIGN = "IsUserWebhookGuard - user with id=(2) is not the owner of webhook with id=({})"
PLACES = [HOOKS, "/v2/event-types/1/webhooks", "/v2/organizations/1/webhooks"]


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client() as api:
        yield api


def hook(url: str = "https://hooks.example.com/cal", **more: Any) -> dict[str, Any]:
    return {"active": True, "subscriberUrl": url, "triggers": ["BOOKING_CREATED"], **more}


# --- subscriptions


@pytest.mark.servers("self-hosted-2025-12", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("place", "name", "owner"),
    [
        (PLACES[0], "webhooks_create", {"userId": 1}),
        (PLACES[1], "eventtype_webhooks_create", {"eventTypeId": 1}),
        (PLACES[2], "organisations/org_webhooks_create", {"teamId": 1}),
    ],
)
def test_a_webhook_has_the_recorded_fields(api, shared, place, name, owner):
    """A webhook contains its own owner only; template and secret are null unless given."""
    ours = api.post(place, hook()).data
    assert ours.keys() == recorded_body(shared, name)["data"].keys()
    assert ours.items() >= owner.items()
    assert (ours["secret"], ours["payloadTemplate"]) == (None, None)


@pytest.mark.parametrize("place", [*PLACES, "/v2/teams/2/event-types/{}/webhooks"])
def test_the_life_of_a_webhook(api, place):
    """In every scope a webhook can be created, read, listed, changed and deleted; a delete returns it."""
    event_type = {"title": "T", "slug": "t", "lengthInMinutes": 30, "schedulingType": "collective"}
    place = place.format(api.post("/v2/teams/2/event-types", event_type).data["id"])
    webhook = api.post(place, hook(secret="s", payloadTemplate="")).data
    path = f"{place}/{webhook['id']}"
    assert api.get(path).data.items() >= webhook.items()
    assert webhook["payloadTemplate"] == ""
    assert api.get(place).data == [webhook]
    changed = api.patch(path, {"active": False, "triggers": []}).data
    assert changed == webhook | {"active": False, "triggers": []}
    changed = api.patch(path, {"secret": None, "active": None}).data
    assert changed == webhook | {"active": False, "triggers": [], "secret": None}
    assert api.delete(path).data == changed
    assert api.get(place).data == []


def test_reading_a_webhook_of_a_user_returns_every_column(api, shared):
    """A single read of a user's webhook returns every column, as recorded; the list does not."""
    webhook = api.post(HOOKS, hook()).data
    whole = api.get(f"{HOOKS}/{webhook['id']}").data
    assert whole.keys() == recorded_body(shared, "webhooks_get")["data"].keys()
    assert whole["version"] == "2021-10-20"


def test_a_list_is_sorted_by_id(api):
    """The list is sorted by id and honors `take` (up to 250) and `skip`."""
    ids = sorted(api.post(HOOKS, hook(f"https://x.test/{n}")).data["id"] for n in range(5))
    assert [webhook["id"] for webhook in api.get(f"{HOOKS}?take=2&skip=1").data] == ids[1:3]
    assert api.get(f"{HOOKS}?take=251").status == 400


def test_deleting_all_webhooks_of_an_event_type(api):
    """DELETE on the collection returns the number as text, and keeps other owners' webhooks."""
    for place in (HOOKS, PLACES[1]):
        assert api.post(place, hook()).status == 201
    assert api.delete(PLACES[1]).data == "1 webhooks deleted"
    assert len(api.get(HOOKS).data) == 1


def test_an_empty_body_gets_the_recorded_error(api, shared):
    """The validation error names the three required fields; the list of triggers differs by build."""
    errors = api.post(HOOKS, {}).body["error"]["details"]["errors"]
    real = recorded_body(shared, "webhooks_create_400")["error"]["details"]["errors"]
    assert [(error["property"], set(error["constraints"])) for error in errors] == [
        (error["property"], set(error["constraints"])) for error in real
    ]


def test_valid_triggers(api):
    """The triggers that a build knows are valid; four names from examples are valid only with `legacy_formats`."""
    organization, unknown = PLACES[2], api.sandbox.context.server.unknown_triggers
    known = [name for name in TRIGGERS if name not in unknown]
    assert len(known) >= 19
    assert api.post(organization, hook(triggers=known)).data["triggers"] == known
    for name in (*LEGACY_TRIGGERS, *unknown, "NOPE"):
        assert "isEnum" in api.post(HOOKS, hook(triggers=[name])).constraints["triggers"]
    with Sandbox(legacy_formats=True) as sandbox:
        assert ApiClient(sandbox).post(HOOKS, hook(triggers=list(LEGACY_TRIGGERS))).status == 201


@pytest.mark.servers("hosted", "self-hosted-2026-07")
@pytest.mark.parametrize(
    ("place", "more", "refusal"),
    [
        (HOOKS, {"subscriberUrl": "nonsense"}, (400, "Webhook URL is not allowed: Invalid URL format")),
        (
            HOOKS,
            {"subscriberUrl": "ftp://x.test/"},
            (400, "Webhook URL is not allowed: Only HTTP and HTTPS protocols are allowed"),
        ),
        (
            HOOKS,
            {"triggers": ["DELEGATION_CREDENTIAL_ERROR"]},
            (400, "DELEGATION_CREDENTIAL_ERROR trigger is only available for organization webhooks"),
        ),
        (HOOKS, {"version": "2020-01-01"}, (400, "Bad Request Exception")),
        (
            "/v2/event-types/99/webhooks",
            {},
            (404, "IsUserEventTypeWebhookGuard - Event type (99) not found"),
        ),
    ],
)
def test_invalid_webhooks(api, place, more, refusal):
    """Each error of a webhook request has its status and message."""
    assert api.post(place, hook() | more).error == refusal


@pytest.mark.parametrize(("place", "owner"), list(zip(PLACES, ["user", "event type", "organization"], strict=True)))
def test_the_same_url_twice(api, place, owner):
    """A second webhook with the same URL and owner is a 409; other owners may use the URL."""
    for each in PLACES:
        assert api.post(each, hook()).status == 201
    text = f"Webhook with this subscriber url already exists for this {owner}"
    assert api.post(place, hook()).error == (409, text)


def test_webhooks_of_other_users(api):
    """Foreign webhooks are 403, unknown ones 404, for every form of id."""
    bo, webhook_id = api.as_user("bo"), api.post(HOOKS, hook()).data["id"]
    for method in ("GET", "PATCH", "DELETE"):
        assert bo(method, f"{HOOKS}/{webhook_id}", {}).error == (403, FOREIGN.format(webhook_id))
        assert bo(method, f"{HOOKS}/nope", {}).error == (404, "Webhook (nope) not found")


def test_webhooks_of_other_event_types_and_organizations(api):
    """Each scope rejects other users and webhooks of other scopes with its own message."""
    list_for_user, other = api.post(HOOKS, hook()).data["id"], api.post("/v2/event-types/2/webhooks", hook()).data["id"]
    guard = "IsUserEventTypeWebhookGuard"
    assert api.as_user("bo").get(PLACES[1]).error == (403, f"{guard} - User (2) is not the owner of event type (1)")
    assert api.get(f"{PLACES[1]}/{list_for_user}").error == (
        400,
        f"{guard} - Webhook ({list_for_user}) is not associated with an event type",
    )
    assert api.get(f"{PLACES[1]}/{other}").error == (
        403,
        f"{guard} - Webhook ({other}) is not associated with event type (1)",
    )
    assert api.get(f"{PLACES[2]}/nope").error == (
        403,
        "IsWebhookInOrg - webhook with id=nope is not part of the organization with id=1.",
    )
    assert api.as_user("cy").get(PLACES[2]).status == 403


# --- deliveries


@dataclass
class Receiver:
    """A subscriber on loopback that returns `status`, for redirects with its own URL."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(receiver.status)
            self.send_header("Location", receiver.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


def emit(api: ApiClient, trigger: str = "BOOKING_CREATED", payload: Any = None, **scope: Any) -> None:
    call = Call(api.sandbox.context, Caller("none"), "POST", "/", {}, [], {}, "", {})
    api.sandbox.run(lambda: call.emit(trigger, payload or {"title": "Chat"}, **scope))
    api.sandbox.wait_idle()


@pytest.mark.servers("hosted", "self-hosted-2026-07")
def test_a_delivery_arrives_signed(api, receiver):
    """Body, signature and headers are those of the real server, and the delivery is recorded."""
    api.post(HOOKS, hook(receiver.url, secret="s3cret"))
    emit(api, payload={"title": "Zoë"}, user_id=1)
    [(headers, raw)] = receiver.got
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Cal-Webhook-Version"] == "2021-10-20"
    assert headers["X-Cal-Signature-256"] == hmac.new(b"s3cret", raw, hashlib.sha256).hexdigest()
    assert json.loads(raw) | {"createdAt": ""} == {
        "triggerEvent": "BOOKING_CREATED",
        "createdAt": "",
        "payload": {"title": "Zoë"},
    }
    [kept] = api.sandbox.deliveries
    assert (kept.status, kept.error, kept.body, kept.url, kept.trigger) == (
        200,
        None,
        raw,
        receiver.url,
        "BOOKING_CREATED",
    )


def test_the_signature_is_the_recorded_one(shared):
    """A recorded body and secret give the recorded signature."""
    path = shared / "reference" / "real" / "webhook_delivery_01_BOOKING_CREATED.json"
    seen = json.loads(path.read_text())
    headers = dict(seen["headers"])
    assert sign(seen["raw_body"].encode(), "s3cret") == headers["X-Cal-Signature-256"]
    assert sign(b"", None) == sign(b"", "") == "no-secret-provided"


def test_bodies_have_the_recorded_bytes(shared):
    """The body of a recorded payload equals the recorded bytes."""
    seen = json.loads((shared / "reference" / "real" / "webhook_delivery_03_BOOKING_CANCELLED.json").read_text())
    raw, _ = render({}, "BOOKING_CANCELLED", seen["json"]["payload"], seen["json"]["createdAt"])
    assert raw.decode() == seen["raw_body"]


def test_recipients_of_an_event(api, receiver):
    """An event is sent once to the webhooks of the host, the event type and the organization, and to no others."""
    heard = [(HOOKS, "user"), ("/v2/event-types/1/webhooks", "type"), ("/v2/organizations/1/webhooks", "org")]
    for place, name in heard:
        api.post(place, hook(f"{receiver.url}/{name}"))
    api.post(HOOKS, hook(f"{receiver.url}/off", active=False))
    api.post(HOOKS, hook(f"{receiver.url}/other", triggers=["BOOKING_CANCELLED"]))
    api.post("/v2/event-types/2/webhooks", hook(f"{receiver.url}/type-2"))
    api.as_user("bo").post(HOOKS, hook(f"{receiver.url}/bo"))
    emit(api, user_id=1, event_type_id=1)
    receivers = {delivery.url.rpartition("/")[2] for delivery in api.sandbox.deliveries}
    assert receivers == {"user", "type", "org"}
    assert len(receiver.got) == 3


def test_webhooks_of_a_managed_parent_and_of_a_client(api, receiver):
    """A child's booking is sent to its parent's webhooks too, a managed user's to those of the OAuth client."""
    body = {"title": "M", "slug": "m", "lengthInMinutes": 30, "schedulingType": "managed", "hosts": [{"userId": 2}]}
    parent, child = api.post("/v2/teams/2/event-types", body).data
    api.post(f"/v2/teams/2/event-types/{parent['id']}/webhooks", hook(f"{receiver.url}/parent"))
    client = {
        **api.sandbox.store.webhooks.copy().popitem()[1],
        "id": "c",
        "_kind": "client",
        "_owner_id": "sandbox-client",
    }
    api.sandbox.store.webhooks["c"] = client | {"subscriberUrl": f"{receiver.url}/client"}
    emit(api, user_id=[2, 4], event_type_id=child["id"])
    assert {delivery.url.rpartition("/")[2] for delivery in api.sandbox.deliveries} == {"parent", "client"}


@pytest.mark.parametrize("status", [302, 500])
def test_there_is_one_attempt_and_no_redirect(api, receiver, status):
    """A failing or redirecting subscriber is called once, and its answer recorded."""
    receiver.status = status
    api.post(HOOKS, hook(receiver.url))
    emit(api, user_id=1)
    assert len(receiver.got) == 1
    assert [delivery.status for delivery in api.sandbox.deliveries] == [status]


def test_deliveries_to_other_machines_are_not_sent(api):
    """A delivery to another machine is recorded as not sent."""
    api.post(HOOKS, hook("https://hooks.example.com/cal"))
    api.post(HOOKS, hook("http://127.0.0.1:9/"))
    emit(api, user_id=1)
    outcomes = {delivery.url: (delivery.status, delivery.error) for delivery in api.sandbox.deliveries}
    assert outcomes["https://hooks.example.com/cal"] == (None, "not sent: the sandbox sends only to loopback addresses")
    assert outcomes["http://127.0.0.1:9/"][0] is None
    assert outcomes["http://127.0.0.1:9/"][1]


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:1/", True),
        ("http://127.8.9.1/", True),
        ("http://[::1]:8/", True),
        ("http://10.0.0.1/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://127.0.0.1@example.com/", False),
        ("http:///", False),
    ],
)
def test_loopback_addresses(url, here):
    """Only loopback addresses and the name localhost count as this machine."""
    assert is_loopback(url) is here


@pytest.mark.parametrize(
    ("template", "body", "content_type"),
    [
        ('{"t":"{{title}}","n":"{{attendees.0.name}}"}', b'{"t":"Chat","n":"Zoe"}', "application/json"),
        ("title={{ title }}&x={{nothing.here}}", b"title=Chat&x=", "application/x-www-form-urlencoded"),
        ("{{triggerEvent}} {{createdAt}}", b"BOOKING_CREATED NOW", "application/x-www-form-urlencoded"),
    ],
)
def test_templates_are_the_whole_body(template, body, content_type):
    """A template replaces the whole body; one that is JSON is sent as JSON, any other as a form."""
    payload = {"title": "Chat", "attendees": [{"name": "Zoe"}]}
    assert render({"payloadTemplate": template}, "BOOKING_CREATED", payload, "NOW") == (body, content_type)


def test_values_in_templates():
    """Values in templates are formatted like in JavaScript."""
    variables = {"a": True, "b": 1, "c": None, "d": [1, 2], "e": {}}
    assert fill("{{a}} {{b}} {{c}} {{d}} {{e}} {{d.7}}", variables) == "true 1  1,2 [object Object] "


def test_meeting_triggers_are_flat():
    """MEETING_STARTED and MEETING_ENDED have no envelope, with or without a template."""
    raw, _ = render({"payloadTemplate": "x"}, "MEETING_ENDED", {"id": 7}, "NOW")
    assert json.loads(raw) == {"triggerEvent": "MEETING_ENDED", "id": 7}


def test_a_booking_is_delivered(api, receiver):
    """A booking over HTTP is delivered to the host's webhook."""
    api.post(HOOKS, hook(receiver.url))
    slots = ApiClient(api.sandbox, "2024-09-04").get("/v2/slots?eventTypeId=1&start=2090-01-02&end=2090-01-08").data
    start = next(iter(slots.values()))[0]["start"]
    attendee = {"name": "Zoe", "email": "zoe@example.org", "timeZone": "Europe/Rome"}
    booking = {"start": start, "eventTypeId": 1, "attendee": attendee}
    uid = ApiClient(api.sandbox, "2024-08-13").post("/v2/bookings", booking).data["uid"]
    api.sandbox.wait_idle()
    [(_, raw)] = receiver.got
    assert json.loads(raw)["payload"]["uid"] == uid
