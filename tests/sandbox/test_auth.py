"""Authentication: credentials, their errors, tokens and keys, and the profile."""

from __future__ import annotations

import asyncio
import json

import pytest
from http_client import send_request

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.http.messages import HttpRequest
from calcom_async.sandbox.http.routing import Route, RouteTable

CLIENT = {"x-cal-client-id": "sandbox-client", "x-cal-secret-key": "sandbox-secret"}
ONLY_ID = {"x-cal-client-id": "sandbox-client"}
ONLY_SECRET = {"x-cal-secret-key": "sandbox-secret"}
KEY = {"Authorization": "Bearer cal_sandbox"}
REFRESH = "/v2/oauth/sandbox-client/refresh"
TOKEN = "/v2/auth/oauth2/token"


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


def call_route(auth, headers, *, kinds=(), prepare=lambda store: None):
    """Send a request to a route of this kind; `data` is the caller's kind and user id."""
    sandbox = Sandbox()
    prepare(sandbox.store)
    route = Route("GET", "/v2/x", lambda call: [call.caller.kind, call.caller.user_id], auth=auth, kinds=kinds)
    response = asyncio.run(
        sandbox.server(RouteTable([route])).handle(HttpRequest("GET", "/v2/x", "", headers, b"", "ip"))
    )
    body = json.loads(response.body)
    return (response.status, body["data"]) if response.status == 200 else (response.status, body["error"]["message"])


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        (KEY, ["key", 1]),
        ({"Authorization": "cal_sandbox_bo"}, ["key", 2]),
        ({"Authorization": "Bearer sandbox-access-token"}, ["token", 4]),
        ({"Authorization": "Bearer sandbox-app-access"}, ["token", 1]),
        (CLIENT, ["client", 1]),
        (CLIENT | {"Authorization": "Bearer cal_sandbox_bo"}, ["client", 1]),
        (ONLY_ID | {"Authorization": "Bearer cal_sandbox_bo"}, ["key", 2]),
    ],
)
def test_the_kind_of_credentials_that_decides(headers, caller):
    """Client credentials win over a bearer; a client id alone is ignored next to a bearer; a bare key works."""
    assert call_route("required", headers) == (200, caller)
    assert call_route("guarded", headers) == (200, caller)


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "ApiAuthStrategy - No authentication method provided."),
        (
            ONLY_ID,
            401,
            "ApiAuthStrategy - Only 'x-cal-client-id' header provided. Please also provide 'x-cal-secret-key'",
        ),
        (ONLY_SECRET, 401, "ApiAuthStrategy - Only 'x-cal-secret-key' header provided."),
        ({"Authorization": "bearer cal_sandbox"}, 401, "Invalid Access Token."),
        ({"Authorization": "Bearer unknown"}, 401, "Invalid Access Token."),
        (CLIENT | {"x-cal-client-id": "x"}, 401, "ApiAuthStrategy - oAuth client - Client with ID x not found"),
        (CLIENT | {"x-cal-secret-key": "x"}, 401, "ApiAuthStrategy - oAuth client - Invalid client secret"),
        ({"Authorization": "Bearer cal_x"}, 401, "CustomThrottlerGuard - Invalid API Key"),
    ],
)
def test_messages_for_missing_and_invalid_credentials(headers, status, message):
    """Each kind of missing or invalid credentials has its own message."""
    code, text = call_route("required", headers)
    assert code == status
    assert text.startswith(message)


@pytest.mark.parametrize(("headers", "status"), [({}, 403), (ONLY_SECRET, 403), (ONLY_ID, 401), (KEY, 200)])
def test_routes_behind_the_permission_check(headers, status):
    """Routes behind the permission check return 403 without credentials, and 401 for a client id alone."""
    assert call_route("guarded", headers)[0] == status


@pytest.mark.parametrize(
    ("headers", "optional", "public"),
    [
        ({}, 200, 200),
        (ONLY_ID, 200, 200),
        (ONLY_SECRET, 200, 200),
        ({"Authorization": "Bearer unknown"}, 401, 200),
        ({"Authorization": "Bearer cal_unknown"}, 401, 401),
    ],
)
def test_optional_and_public_routes(headers, optional, public):
    """Optional routes reject only invalid credentials, public routes only unknown keys (in the limiter)."""
    assert call_route("optional", headers)[0] == optional
    assert call_route("public", headers)[0] == public


def test_an_expired_key():
    """The limiter accepts an expired key and authentication rejects it; public routes accept it."""

    def expire(store):
        store.expired_keys.add("cal_old")

    old = {"Authorization": "Bearer cal_old"}
    text = "ApiAuthStrategy - api key - Your api key is expired"
    assert call_route("required", old, prepare=expire) == (401, text)
    assert call_route("public", old, prepare=expire)[0] == 200


def test_a_route_restricts_the_kinds_of_credentials():
    """A route can restrict the kinds of credentials that it accepts."""
    code, text = call_route("required", KEY, kinds=("client",))
    assert (code, "Invalid authentication method" in text) == (401, True)


def test_a_token_is_bound_to_origins():
    """A managed user's token is bound to the client's origins."""
    token = {"Authorization": "Bearer sandbox-access-token"}
    assert call_route("required", token | {"Origin": "https://platform.sandbox.test"})[0] == 200
    code, text = call_route("required", token | {"Origin": "https://evil.test"})
    assert (code, text.startswith("ApiAuthStrategy - access token - Invalid request origin")) == (401, True)


# --- tokens


def test_expired_tokens(sandbox):
    """After an hour a managed user's token is 498 with string details, while a third-party one is 401."""
    sandbox.clock.move(minutes=61)
    managed = send_request(sandbox, "GET", "/v2/me", key="sandbox-access-token")
    assert (managed.status, managed.reason) == (498, "unknown")
    text = "ACCESS_TOKEN_IS_EXPIRED"
    assert managed.body["error"] == {"code": "TokenExpiredException", "message": text, "details": text}
    assert send_request(sandbox, "GET", "/v2/me", key="sandbox-app-access").status == 401


def test_a_refresh_token_works_once(sandbox):
    """A refresh token works once; its access token lives on; expiries are epoch milliseconds, rounded down."""
    body = {"refreshToken": "sandbox-refresh-token"}
    pair = send_request(sandbox, "POST", REFRESH, body, key=None, headers=ONLY_SECRET).data
    assert send_request(sandbox, "GET", "/v2/me", key=pair["accessToken"]).data["id"] == 4
    assert send_request(sandbox, "GET", "/v2/me", key="sandbox-access-token").status == 200
    left = pair["accessTokenExpiresAt"] / 1000 - sandbox.clock.monotonic()
    assert 59 * 60 - 1 <= left <= 60 * 60
    assert (pair["accessTokenExpiresAt"] % 60_000, pair["refreshTokenExpiresAt"] % 86_400_000) == (0, 0)
    again = send_request(sandbox, "POST", REFRESH, body, key=None, headers=ONLY_SECRET)
    assert (again.status, again.message) == (400, "Invalid refresh token")
    newer = send_request(
        sandbox, "POST", REFRESH, {"refreshToken": pair["refreshToken"]}, key=None, headers=ONLY_SECRET
    )
    assert newer.status == 200


def test_refreshes_that_fail(sandbox):
    """A wrong secret is a 401, and a missing token a 400."""
    wrong = send_request(sandbox, "POST", REFRESH, {"refreshToken": "x"}, key=None, headers={"x-cal-secret-key": "no"})
    assert (wrong.status, wrong.message) == (401, "ApiAuthStrategy - oAuth client - Invalid client secret")
    empty = send_request(sandbox, "POST", REFRESH, {}, key=None, headers=ONLY_SECRET)
    assert empty.body["error"]["details"]["errors"][0]["constraints"] == {"isString": "refreshToken must be a string"}


def test_a_forced_refresh(sandbox):
    """A forced refresh needs the client's credentials and invalidates the old tokens at once."""
    path = "/v2/oauth-clients/sandbox-client/users/4/force-refresh"
    pair = send_request(sandbox, "POST", path, key=None, headers=ONLY_SECRET).data
    assert send_request(sandbox, "GET", "/v2/me", key="sandbox-access-token").status == 401
    assert send_request(sandbox, "GET", "/v2/me", key=pair["accessToken"]).status == 200
    assert send_request(sandbox, "POST", path.replace("4", "1"), key=None, headers=ONLY_SECRET).status == 404


def grant(sandbox, **fields):
    body = {"client_id": "sandbox-app", "grant_type": "refresh_token", "client_secret": "sandbox-app-secret"}
    return send_request(sandbox, "POST", TOKEN, body | {"refresh_token": "sandbox-app-refresh"} | fields, key=None)


def test_oauth2_refresh(sandbox):
    """The response has no envelope and must not be stored; the old refresh token stays valid; forms are accepted."""
    first, second = grant(sandbox), grant(sandbox)
    assert (first.body["token_type"], first.body["expires_in"]) == ("bearer", 1800)
    assert first.headers["Cache-Control"] == "no-store"
    assert send_request(sandbox, "GET", "/v2/me", key=second.body["access_token"]).data["id"] == 1
    form = b"client_id=sandbox-app&grant_type=refresh_token&client_secret=sandbox-app-secret"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = send_request(
        sandbox, "POST", TOKEN, form + b"&refresh_token=sandbox-app-refresh", key=None, headers=headers
    )
    assert response.status == 200


@pytest.mark.parametrize(
    ("fields", "status", "error", "description"),
    [
        ({"client_id": ""}, 400, "invalid_request", "client_id is required"),
        (
            {"grant_type": "x"},
            400,
            "invalid_request",
            "grant_type must be 'authorization_code' or 'refresh_token'",
        ),
        (
            {"refresh_token": 1},
            400,
            "invalid_request",
            "refresh_token property is wrong,refresh_token must be a string ",
        ),
        ({"foo": 1}, 400, "invalid_request", "foo property is wrong,property foo should not exist "),
        ({"client_id": "x"}, 401, "invalid_client", "client_not_found"),
        ({"client_secret": "x"}, 401, "invalid_client", "invalid_client_credentials"),
        ({"refresh_token": "x"}, 400, "invalid_grant", "invalid_refresh_token"),
        ({"refresh_token": "sandbox-refresh-token"}, 400, "invalid_grant", "invalid_refresh_token"),
    ],
)
def test_oauth2_errors(sandbox, fields, status, error, description):
    """OAuth2 errors have their own shape and a fixed request id, and count for the rate limit."""
    response = grant(sandbox, **fields)
    assert (response.status, response.body) == (status, {"error": error, "error_description": description})
    assert response.headers["X-Request-Id"] == "unknown-request-id"
    assert response.rate_limit["Limit-Default"] == 1_000_000


def test_oauth2_code(sandbox):
    """A code in the store is valid once, for the right redirect URI."""
    sandbox.store.extras["oauth2_codes"]["c"] = {"user_id": 2}
    uri = "https://app.sandbox.test/callback"
    code = {"client_id": "sandbox-app", "grant_type": "authorization_code", "client_secret": "sandbox-app-secret"}

    def trade(redirect):
        return send_request(sandbox, "POST", TOKEN, code | {"code": "c", "redirect_uri": redirect}, key=None).body

    assert trade("https://evil.test")["error_description"] == "redirect_uri_mismatch"
    assert send_request(sandbox, "GET", "/v2/me", key=trade(uri)["access_token"]).data["username"] == "bo"
    assert trade(uri)["error_description"] == "code_invalid_or_expired"


def test_oauth2_client(sandbox):
    """Callers with credentials can read a third-party app; without them the id counts as a client header alone."""
    assert send_request(sandbox, "GET", "/v2/auth/oauth2/clients/sandbox-app").data["client_type"] == "CONFIDENTIAL"
    unknown = send_request(sandbox, "GET", "/v2/auth/oauth2/clients/x")
    assert (unknown.status, unknown.body["error"]["details"]) == (404, "unauthorized_client")
    alone = send_request(sandbox, "GET", "/v2/auth/oauth2/clients/sandbox-app", key=None)
    assert (alone.status, alone.message[:50]) == (401, "ApiAuthStrategy - Only 'x-cal-client-id' header pr")


def test_refresh_key(sandbox):
    """A refresh replaces the API key; the old one is unknown afterwards."""
    both = send_request(sandbox, "POST", "/v2/api-keys/refresh", {"apiKeyDaysValid": 1, "apiKeyNeverExpires": True})
    assert both.message.startswith("ApiKeysService -Cannot set both")
    assert send_request(sandbox, "POST", "/v2/api-keys/refresh", {"apiKeyDaysValid": 0}).status == 400
    assert send_request(sandbox, "POST", "/v2/api-keys/refresh", key="sandbox-access-token").status == 401
    key = send_request(sandbox, "POST", "/v2/api-keys/refresh").data["apiKey"]
    assert send_request(sandbox, "GET", "/v2/me", key=key).data["id"] == 1
    assert send_request(sandbox, "GET", "/v2/me").message == "CustomThrottlerGuard - Invalid API Key"


def test_health(sandbox):
    """The health check is plain text, needs no key, and counts by IP address."""
    response = send_request(sandbox, "GET", "/health", key=None)
    assert (response.content, response.headers["Content-Type"]) == (b"OK", "text/html; charset=utf-8")
    assert response.rate_limit["Remaining-Default"] == 999_999


# --- me


@pytest.mark.servers("hosted", "self-hosted-2025-12")
def test_me_has_the_recorded_fields(shared, sandbox, server_kind):
    """The profile has the recorded fields, on the hosted API also `locale`; a GET names the organization."""
    recorded = json.loads((shared / "reference/real/me.json").read_text())["response"]["body"]["data"]
    changed = send_request(sandbox, "PATCH", "/v2/me", {}).data
    assert [name for name in changed if name != "locale"] == list(recorded)
    assert ("locale" in changed) == (server_kind == "hosted")
    assert send_request(sandbox, "GET", "/v2/me").data == changed | {"organization": {"isPlatform": True, "id": 1}}


def test_a_profile_update(sandbox):
    """An update stores the known fields, corrects the spelling of zones, and does not apply a new email address."""
    body = {"bio": "Hi", "timeZone": "europe/rome", "name": None, "weekStart": "Monday", "timeFormat": 24}
    body |= {"email": "new@sandbox.test", "locale": "pt", "metadata": {"a": 1}, "unknown": 1, "defaultScheduleId": 99}
    data = send_request(sandbox, "PATCH", "/v2/me", body).data
    assert (data["bio"], data["timeZone"], data["name"], data["weekStart"]) == ("Hi", "Europe/Rome", None, "Monday")
    assert (data["email"], data["defaultScheduleId"], data["timeFormat"]) == ("ana@sandbox.test", 99, 24)
    assert sandbox.store.users[1]["metadata"] == {"a": 1, "emailChangeWaitingForVerification": "new@sandbox.test"}


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"timeFormat": 13}, {"isIn": "timeFormat must be a number either 12 or 24"}),
        ({"timeZone": "Mars"}, {"isTimeZone": "timeZone must be a valid IANA time-zone"}),
        ({"weekStart": "monday"}, None),
        ({"locale": "xx"}, None),
        ({"avatarUrl": "x"}, None),
        ({"metadata": {"k" * 41: 1}}, None),
        ({"metadata": {"k": [1]}}, None),
    ],
)
def test_an_invalid_profile_update(sandbox, body, rule):
    """An invalid update changes nothing."""
    response = send_request(sandbox, "PATCH", "/v2/me", body)
    (error,) = response.body["error"]["details"]["errors"]
    assert response.status == 400
    assert rule is None or error["constraints"] == rule
    assert sandbox.store.users[1]["time_format"] == 12
