"""Kinds of servers: versions, routes, and the statuses and shapes that differ."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from http_client import ApiClient, send_request
from sent_requests import MONDAY

from calcom_async.cli.sandbox import SERVERS
from calcom_async.sandbox import Sandbox, ServerName
from calcom_async.sandbox.event_types.records import new_event_type
from calcom_async.sandbox.http.server_kind import SERVER_KINDS
from calcom_async.sandbox.sandbox import ROUTES

HOSTED, WITH_TEAMS, WITHOUT_TEAMS = get_args(ServerName)


@pytest.fixture
def start():
    """A function that starts a sandbox of a kind, and returns it."""
    started: list[Sandbox] = []

    def start(server: ServerName) -> Sandbox:
        started.append(Sandbox(server=server, now=MONDAY).start())
        return started[-1]

    yield start
    for sandbox in started:
        sandbox.stop()
        assert sandbox.handler_errors == []


def test_every_kind_has_a_name():
    """The command line, the type and the table name the same kinds; an unknown name raises ValueError."""
    assert [*SERVER_KINDS] == [*get_args(ServerName)] == [*SERVERS]
    with pytest.raises(ValueError, match="server must be one of hosted, self-hosted-2025-12, self-hosted-2026-07, got"):
        Sandbox(server="cloud")  # type: ignore[arg-type]


@pytest.mark.parametrize(("server", "status"), [(HOSTED, 200), (WITH_TEAMS, 200), (WITHOUT_TEAMS, 404)])
def test_teams_exist_only_on_two_kinds(start, server, status):
    """The build of 2026-07 has no teams and organizations."""
    api = ApiClient(start(server), "")
    assert api.get("/v2/teams").status == status
    assert api.get("/v2/organizations/1/teams").status == status
    assert api.get("/v2/me").data["organizationId"] == (1 if status == 200 else None)


def test_self_hosted_builds_lack_exactly_the_operations_of_september(shared):
    """Self-hosted builds have no operation that only the specification of September 2026 has."""
    march, september = (
        {
            (verb.upper(), path)
            for path, operations in json.loads((shared / "reference" / name).read_text())["paths"].items()
            for verb in operations
        }
        for name in ("openapi.json", "live/openapi.json")
    )
    for server in (WITH_TEAMS, WITHOUT_TEAMS):
        kind = SERVER_KINDS[server]
        assert [operation for operation in september - march if kind.has(*operation)] == []
    missing = {operation for operation in march if not SERVER_KINDS[WITH_TEAMS].has(*operation)}
    assert len(missing) == 15, missing
    without = {path for verb, path in march if not SERVER_KINDS[WITHOUT_TEAMS].has(verb, path)}
    assert without == {path for _, path in march if path.startswith(("/v2/teams", "/v2/organizations"))}


def test_every_missing_route_is_a_route(start):
    """Each pattern of a missing route stands for at least one route of the sandbox or of the specification."""
    assert all(kind.has("GET", "/v2/me") and kind.has("POST", "/v2/bookings") for kind in SERVER_KINDS.values())
    assert all(SERVER_KINDS[HOSTED].has(route.method, route.path) for route in ROUTES)


@pytest.mark.parametrize(("server", "version"), [(HOSTED, "2026-05-01"), (WITH_TEAMS, "2024-04-15")])
def test_self_hosted_builds_read_a_newer_version_as_the_oldest(start, server, version):
    """A self-hosted build treats a version of 2026 like a missing one."""
    assert SERVER_KINDS[server].version("2026-05-01") == version
    response = ApiClient(start(server), "2026-05-01").get("/v2/bookings")
    assert isinstance(response.data, list) == (server == HOSTED)


# --- statuses and shapes

MONDAY_BOOKING = {"eventTypeId": 1, "start": "2026-11-02T15:00:00Z"}


def book(sandbox: Sandbox, **more) -> str:
    """Book Ana's event type of 30 minutes and return the uid."""
    attendee = {"name": "Ada", "email": "ada@visitors.test", "timeZone": "UTC"}
    return (
        ApiClient(sandbox, "2024-08-13")
        .post("/v2/bookings", MONDAY_BOOKING | {"attendee": attendee} | more)
        .data["uid"]
    )


@pytest.mark.parametrize(("server", "locale", "email"), [(HOSTED, True, False), (WITH_TEAMS, False, True)])
def test_the_profile(start, server, locale, email):
    """Only the hosted API returns the locale; only the build of 2025-12 applies a new email address at once."""
    profile = ApiClient(start(server), "").patch("/v2/me", {"email": "new@sandbox.test"}).data
    assert ("locale" in profile, profile["email"] == "new@sandbox.test") == (locale, email)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (HOSTED, "Instant bookings are only supported for team event types, not individual user event types."),
        (WITHOUT_TEAMS, "instant property is wrong,property instant should not exist "),
    ],
)
def test_instant_bookings(start, server, message):
    """An instant booking of a user's event type is a 400; a server without teams does not know the field."""
    attendee = {"name": "Ada", "email": "ada@visitors.test", "timeZone": "UTC"}
    api = ApiClient(start(server), "2024-08-13")
    rejected = api.post("/v2/bookings", MONDAY_BOOKING | {"attendee": attendee, "instant": True})
    assert rejected.error == (400, message)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (WITH_TEAMS, "Bad request: Please check your request data and try again"),
        (WITHOUT_TEAMS, "Booking already confirmed"),
    ],
)
def test_messages_of_trpc(start, server, message):
    """The build of 2025-12 has one message for all 400s with the code TRPCError."""
    sandbox = start(server)
    refused = ApiClient(sandbox, "2024-08-13").post(f"/v2/bookings/{book(sandbox)}/confirm")
    assert (refused.status, refused.body["error"]) == (400, {"code": "TRPCError", "message": message})


@pytest.mark.parametrize(("server", "status"), [(HOSTED, 200), (WITH_TEAMS, 400), (WITHOUT_TEAMS, 200)])
def test_reassigning_a_single_host(start, server, status):
    """Reassigning a booking of one host is a 400 on the build of 2025-12, and changes nothing on the others."""
    sandbox = start(server)
    assert ApiClient(sandbox, "2024-08-13").post(f"/v2/bookings/{book(sandbox)}/reassign").status == status


@pytest.mark.parametrize(("server", "status"), [(HOSTED, 200), (WITH_TEAMS, 500), (WITHOUT_TEAMS, 200)])
def test_an_unknown_address_that_is_absent(start, server, status):
    """Marking an unknown address as absent is a 500 on the build of 2025-12, and changes nothing on the others."""
    sandbox = start(server)
    uid = book(sandbox)
    sandbox.clock.move(days=1)
    body = {"attendees": [{"email": "nobody@visitors.test", "absent": True}]}
    assert ApiClient(sandbox, "2024-08-13").post(f"/v2/bookings/{uid}/mark-absent", body).status == status


def test_fields_that_the_build_of_2025_12_does_not_know(start):
    """The build neither returns nor applies them: its bookings can be cancelled, its people have one address."""
    sandbox = start(WITH_TEAMS)
    event_types, bookings = ApiClient(sandbox, "2024-06-14"), ApiClient(sandbox, "2024-08-13")
    changed = event_types.patch("/v2/event-types/1", {"disableCancelling": {"disabled": True}}).data
    assert not {"disableCancelling", "disableRescheduling", "interfaceLanguage", "bookingUrl"} & changed.keys()
    uid = book(sandbox)
    booking = bookings.get(f"/v2/bookings/{uid}").data
    assert "displayEmail" not in json.dumps(booking)
    assert bookings.post(f"/v2/bookings/{uid}/cancel", {"cancellationReason": "ill"}).status == 200


@pytest.mark.parametrize(("server", "status"), [(HOSTED, 200), (WITH_TEAMS, 500)])
@pytest.mark.parametrize("path", ["/v2/organizations/1/teams", "/v2/organizations/1/teams/me"])
def test_paging_of_team_lists(start, server, status, path):
    """The build of 2025-12 fails with a 500 if `take` or `skip` is sent; the hosted API ignores both."""
    api = ApiClient(start(server), "")
    assert api.get(path).status == 200
    assert api.get(f"{path}?take=1").status == status


@pytest.mark.parametrize("server", [HOSTED, WITH_TEAMS])
def test_settings_of_organization_users(start, server):
    """The build of 2025-12 fails on `weekday`, and rejects an avatar over http without a reason."""
    api = ApiClient(start(server), "")
    weekday = api.patch("/v2/organizations/1/users/3", {"weekday": "Monday"})
    avatar = api.patch("/v2/organizations/1/users/3", {"avatarUrl": "http://avatars.test/cy.png"})
    assert (weekday.status, avatar.status) == ((200, 200) if server == HOSTED else (500, 400))
    if server == WITH_TEAMS:
        assert avatar.constraints == {"avatarUrl": {"avatarValidator": ""}}


@pytest.mark.parametrize(("server", "has_scope"), [(HOSTED, True), (WITHOUT_TEAMS, False)])
def test_the_scope_of_tokens(start, server, has_scope):
    """Only the hosted API returns the scope of third-party tokens."""
    body = {"grant_type": "refresh_token", "client_id": "sandbox-app", "client_secret": "sandbox-app-secret"}
    body |= {"refresh_token": "sandbox-app-refresh"}
    tokens = send_request(start(server), "POST", "/v2/auth/oauth2/token", body, key=None).body
    assert ("scope" in tokens) == has_scope


def test_webhooks_of_the_hosted_api(start):
    """Only the hosted API has the triggers of 2026, the payload version 2026-07-27 and a delay."""
    newer = {"triggers": ["BOOKING_REASSIGNED"], "version": "2026-07-27", "time": 5, "timeUnit": "MINUTE"}
    body = {"active": True, "subscriberUrl": "https://hooks.test/cal", **newer}
    hosted, older = (ApiClient(start(server), "").post("/v2/webhooks", body) for server in (HOSTED, WITHOUT_TEAMS))
    assert hosted.data.items() >= newer.items()
    assert older.constraints.keys() == {"triggers", "version"}


def test_webhook_urls_and_templates(start):
    """The build of 2025-12 accepts any URL and sends no version; that of 2026-07 has no template for a request."""
    hook = {"active": True, "triggers": ["BOOKING_REQUESTED"], "payloadTemplate": "uid={{uid}}"}
    bodies = {}
    for server in get_args(ServerName):
        sandbox = start(server)
        api = ApiClient(sandbox, "")
        assert api.post("/v2/webhooks", hook | {"subscriberUrl": "not a url"}).status == (
            201 if server == WITH_TEAMS else 400
        )
        api.post("/v2/webhooks", hook | {"subscriberUrl": "https://hooks.test/cal"})
        sandbox.store.event_types[1]["confirmationPolicy"] = {"type": "always"}
        book(sandbox)
        sandbox.wait_idle()
        delivery = sandbox.deliveries[-1]
        assert ("X-Cal-Webhook-Version" in delivery.headers) == (server != WITH_TEAMS)
        bodies[server] = delivery.body.startswith(b"uid=")
    assert bodies == {HOSTED: True, WITH_TEAMS: True, WITHOUT_TEAMS: False}


def test_deliveries_of_the_newer_triggers(start):
    """A new location and a new host are delivered with what they replace."""
    sandbox = start(HOSTED)
    triggers = ["BOOKING_LOCATION_UPDATED", "BOOKING_REASSIGNED"]
    hook = {"active": True, "subscriberUrl": "https://hooks.test/cal", "triggers": triggers}
    ApiClient(sandbox, "").post("/v2/webhooks", hook)
    team = {"teamId": 2, "schedulingType": "roundRobin", "hosts": [{"userId": 2}, {"userId": 1}]}
    fields = {"title": "Demo", "slug": "demo", "lengthInMinutes": 30, "minimumBookingNotice": 0}
    record = new_event_type(sandbox.store, None, fields, **team)
    uid, api = book(sandbox, eventTypeId=record["id"]), ApiClient(sandbox, "2024-08-13")
    api.post(f"/v2/bookings/{uid}/reassign/1")
    api.patch(f"/v2/bookings/{uid}/location", {"location": {"type": "link", "link": "https://meet.test/x"}})
    sandbox.wait_idle()
    payloads = {delivery.trigger: delivery.json["payload"] for delivery in sandbox.deliveries}
    assert payloads["BOOKING_REASSIGNED"].items() >= {"addedHostUserIds": [1], "removedHostUserIds": [2]}.items()
    location = payloads["BOOKING_LOCATION_UPDATED"]
    assert (location["previousLocation"], location["location"]) == ("integrations:daily", "https://meet.test/x")
