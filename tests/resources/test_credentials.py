"""Refreshing API keys, and OAuth2: a client, and tokens for a code or a refresh token."""

from __future__ import annotations

import asyncio

import pytest
from fakes import ok_response
from sent_requests import ANA, SentRequest, last_request

from calcom_async import (
    AccessToken,
    ApiKey,
    BadRequestError,
    InvalidRequestError,
    NotFoundError,
    PlatformClient,
    UnauthorizedError,
)
from calcom_async.events import Observer
from calcom_async.models import ApiKeyRefreshed, OAuth2Client, OAuth2Tokens
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import ResourceContext
from calcom_async.resources.api_keys import ApiKeys
from calcom_async.resources.oauth2 import OAuth2
from calcom_async.responses import Response

APP, SECRET, BACK = "sandbox-app", "sandbox-app-secret", "https://app.sandbox.test/callback"


def keys_of(cal):
    return ApiKeys(cal._context)


# --- API keys


async def test_the_client_uses_the_new_key(cal, calcom_sandbox):
    """Refreshing returns the new key, which the client uses from then on; the old key is invalid."""
    refreshed = await keys_of(cal).refresh(days_valid=10)
    assert last_request(calcom_sandbox) == SentRequest("POST", "/api-keys/refresh", {}, {"apiKeyDaysValid": 10}, None)
    assert isinstance(refreshed, ApiKeyRefreshed)
    assert refreshed.api_key.startswith("cal_")
    assert refreshed.api_key not in f"{refreshed!r}{cal.credentials!r}"
    assert (await cal.me.get()).id == ANA
    with pytest.raises(UnauthorizedError):
        await cal.with_credentials("cal_sandbox").me.get()


async def test_an_invalid_new_key_is_returned(caplog):
    """The old key is invalid and the response holds the only copy of the new one, so even an odd key is returned."""

    async def send(_: Request, context: CallContext) -> Response:
        return ok_response({"apiKey": "cal_x\n"})

    key = ApiKey("cal_old")
    refreshed = await ApiKeys(ResourceContext(send, Observer(None), credentials=key)).refresh()
    assert refreshed.api_key == "cal_x\n"
    assert key.headers == {"Authorization": "Bearer cal_old"}
    assert "cannot be sent" in caplog.text


async def test_clients_share_an_api_key_object(cal, calcom_client):
    """Clients that share one `ApiKey` object all use the new key."""
    key = ApiKey("cal_sandbox")
    async with calcom_client(key) as other:
        await keys_of(cal.with_credentials(key)).refresh(never_expires=True)
        assert (await other.me.get()).id == ANA
        assert (await other.with_priority(1).me.get()).id == ANA


@pytest.mark.slow
async def test_a_call_in_flight_is_retried_with_the_new_key(cal, calcom_sandbox):
    """A call in flight during the key refresh is rejected and retried with the new key."""
    await cal.me.get()  # from now on the limiter knows that two calls may be on their way
    calcom_sandbox.faults.add("GET", "/v2/me", slow=2)
    reading = asyncio.create_task(cal.me.get())
    while calcom_sandbox.faults.fired == 0:  # noqa: ASYNC110 - the sandbox lives in another thread
        await asyncio.sleep(0)
    await keys_of(cal).refresh()
    assert (await reading).id == ANA
    assert [request.status for request in calcom_sandbox.requests if request.path == "/v2/me"] == [200, 401, 200]


async def test_a_rejected_refresh(cal):
    """Two lifetimes at once are rejected, and the key stays valid."""
    with pytest.raises(BadRequestError, match="Cannot set both"):
        await keys_of(cal).refresh(days_valid=3, never_expires=True)
    assert (await cal.me.get()).id == ANA


@pytest.mark.parametrize(
    "credentials", [PlatformClient("sandbox-client", "sandbox-secret"), AccessToken("sandbox-access-token")]
)
async def test_other_credentials(cal, credentials):
    """Other credentials have no key to refresh."""
    with pytest.raises(UnauthorizedError):
        await keys_of(cal.with_credentials(credentials)).refresh()


# --- OAuth2


@pytest.fixture
def oauth2(cal):
    return OAuth2(cal._context)


@pytest.fixture
def public_app(calcom_sandbox):
    """Register a client without a secret."""
    app = {"id": "phone-app", "secret": None, "name": "Phone", "redirect_uris": [BACK]}
    calcom_sandbox.run(lambda: calcom_sandbox.store.oauth2_apps.update({"phone-app": app}))
    return "phone-app"


@pytest.fixture
def consent(calcom_sandbox):
    """Return a function that gives a client the code of a user's consent."""

    def give(app):
        owner = {"kind": "oauth2", "user_id": ANA, "client_id": app}
        calcom_sandbox.run(lambda: calcom_sandbox.store.extras["oauth2_codes"].update({"the-code": owner}))
        return "the-code"

    return give


async def test_client(oauth2, calcom_sandbox):
    """The public data of an OAuth client is typed; an unknown client raises NotFoundError."""
    client = await oauth2.client(APP)
    assert isinstance(client, OAuth2Client)
    assert (client.client_id, client.redirect_uris, client.client_type) == (APP, [BACK], "CONFIDENTIAL")
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/auth/oauth2/clients/{APP}", {}, None, None)
    with pytest.raises(NotFoundError, match="unauthorized_client"):
        await oauth2.client("nobody")


async def test_code_for_tokens_with_a_secret(cal, oauth2, consent, calcom_sandbox):
    """A confidential client exchanges a code, once, for tokens of the user."""
    code = consent(APP)
    tokens = await oauth2.token(APP, code=code, redirect_uri=BACK, client_secret=SECRET)
    body = {"client_id": APP, "grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", "/auth/oauth2/token", {}, body | {"client_secret": SECRET}, None
    )
    assert isinstance(tokens, OAuth2Tokens)
    assert tokens.access_token not in repr(tokens)
    assert (await cal.with_credentials(AccessToken(tokens.access_token)).me.get()).id == ANA
    with pytest.raises(BadRequestError) as caught:
        await oauth2.token(APP, code=code, redirect_uri=BACK, client_secret=SECRET)
    assert (caught.value.code, "code_invalid_or_expired" in str(caught.value)) == ("invalid_grant", True)


async def test_code_for_tokens_with_a_verifier(oauth2, consent, public_app, calcom_sandbox):
    """A public client authenticates with the verifier of its code."""
    tokens = await oauth2.token(public_app, code=consent(public_app), redirect_uri=BACK, code_verifier="verifier")
    assert last_request(calcom_sandbox).body.keys() == {
        "client_id",
        "grant_type",
        "code",
        "redirect_uri",
        "code_verifier",
    }
    again = await oauth2.token(public_app, refresh_token=tokens.refresh_token)
    assert last_request(calcom_sandbox).body.keys() == {"client_id", "grant_type", "refresh_token"}
    assert again.access_token != tokens.access_token


async def test_refresh_with_a_secret(oauth2, calcom_sandbox):
    """After a refresh the old refresh token remains valid."""
    for _ in range(2):
        tokens = await oauth2.token(APP, refresh_token="sandbox-app-refresh", client_secret=SECRET)
    assert last_request(calcom_sandbox).body["grant_type"] == "refresh_token"
    assert (tokens.token_type, tokens.expires_in) == ("bearer", 1800)


async def test_a_wrong_client_is_unauthorized(oauth2):
    """The error of a wrong client has the code of RFC 6749, and its message contains no secret."""
    with pytest.raises(UnauthorizedError, match="invalid_client_credentials") as caught:
        await oauth2.token(APP, refresh_token="sandbox-app-refresh", client_secret="guessed-secret")
    assert caught.value.code == "invalid_client"
    assert "guessed-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"code": "c", "client_secret": "s"},
        {"code": "c", "redirect_uri": BACK},
        {"code": "c", "redirect_uri": BACK, "client_secret": "s", "code_verifier": "v"},
    ],
)
async def test_an_incomplete_grant(oauth2, calcom_sandbox, fields):
    """Arguments that are not a valid grant raise before a request is sent."""
    with pytest.raises(InvalidRequestError):
        await oauth2.token(APP, **fields)
    assert calcom_sandbox.requests == []
