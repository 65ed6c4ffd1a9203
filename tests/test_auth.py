"""Credentials: their headers, hidden secrets, and one token refresh for all waiting calls."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes import FakeSend, error_response, make_call, ok_response
from virtual_time import run

from calcom_async import (
    AccessToken,
    ApiKey,
    ConfigError,
    DecodeError,
    PlatformClient,
    ServerError,
    Tokens,
    TransportError,
    UnauthorizedError,
)
from calcom_async.middleware import authenticated
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response
from calcom_async.secret import Secret

SECRETS = ("cal_live_first", "sesame_secret", "old_refresh", "old_access")
EXPIRED = error_response(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")
UNAUTHORIZED = error_response(401, "UnauthorizedException")


def now() -> datetime:
    return datetime.now(UTC)


def managed(**fields: Any) -> AccessToken:
    """Return the token of a managed user."""
    return AccessToken("old_access", "old_refresh", client_id="client", client_secret="sesame_secret", **fields)


def oauth2(**fields: Any) -> AccessToken:
    """Return an OAuth2 token."""
    return AccessToken("old_access", "old_refresh", client_id="client", oauth2=True, **fields)


PAIR = {
    "accessToken": "new_access",
    "refreshToken": "new_refresh",
    "accessTokenExpiresAt": 2_000_000_000_000,
    "refreshTokenExpiresAt": 2_100_000_000_000,
}
OAUTH2_PAIR = {"access_token": "new_access", "token_type": "bearer", "refresh_token": "new_refresh", "expires_in": 1800}


class FakeAuthServer:
    """A `Send` that accepts one token, and refreshes tokens; each request takes a second."""

    def __init__(self, *, expired: Response = EXPIRED, refresh_response: Any = None) -> None:
        self.expired = expired
        self.refresh_response = refresh_response
        self.valid_token = "new_access"
        self.refreshes: list[Request] = []
        self.contexts: list[CallContext] = []
        self.served: list[float] = []

    async def __call__(self, request: Request, context: CallContext) -> Response:
        await asyncio.sleep(1)
        if request.path.endswith(("/refresh", "/token")):
            self.refreshes.append(request)
            self.contexts.append(context)
            return await FakeSend(self.refresh_response or self.pair(request))(request, context)
        if request.headers["Authorization"] != f"Bearer {self.valid_token}":
            return await FakeSend(self.expired)(request, context)
        self.served.append(asyncio.get_running_loop().time())
        return ok_response()

    @staticmethod
    def pair(request: Request) -> Response:
        return Response(200, {}, json.dumps(OAUTH2_PAIR).encode()) if "oauth2" in request.path else ok_response(PAIR)


@pytest.mark.parametrize(
    ("credentials", "headers", "budget"),
    [
        (ApiKey("cal_live_first"), {"Authorization": "Bearer cal_live_first"}, 120),
        (PlatformClient("client", "sesame"), {"x-cal-client-id": "client", "x-cal-secret-key": "sesame"}, 500),
        (AccessToken("old_access"), {"Authorization": "Bearer old_access"}, 500),
    ],
)
def test_headers_and_limits_of_each_kind(credentials, headers, budget):
    """Keys and tokens are bearer tokens, a platform client has two headers; each has its documented limit."""
    assert credentials.headers == headers
    assert credentials.default_rate_limit == budget


@pytest.mark.parametrize(
    "printed",
    [
        ApiKey("cal_live_first"),
        PlatformClient("client", "sesame_secret"),
        managed(),
        oauth2(),
        Tokens(access="old_access", refresh="old_refresh", expires_at=None),
    ],
)
def test_no_secret_is_printed(printed):
    """Neither repr, nor rich's repr, nor the fingerprint contains a secret."""
    rich = str(printed.__rich_repr__()) if hasattr(printed, "__rich_repr__") else ""
    shown = f"{printed!r} {printed} {rich} {getattr(printed, 'fingerprint', '')}"
    assert not [secret for secret in SECRETS if secret in shown]


@pytest.mark.parametrize("key", ["", "two words", "cal_x\r\nX-Evil: 1", "cal_x\n", "clé", "Bearer cal_x"])
@pytest.mark.parametrize(
    "make", [ApiKey, AccessToken, lambda text: PlatformClient("client", text), lambda text: PlatformClient(text, "s")]
)
def test_an_invalid_credential_is_not_printed(make, key):
    """A credential that cannot be sent in a header is a ConfigError without the value."""
    with pytest.raises(ConfigError) as caught:
        make(key)
    assert not key or key not in str(caught.value)


def test_fingerprints():
    """Credentials have equal fingerprints if their secrets are equal."""
    assert ApiKey("a").fingerprint == ApiKey("a").fingerprint
    assert len({ApiKey("a").fingerprint, ApiKey("b").fingerprint, AccessToken("c").fingerprint}) == 3


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"refresh": "r"}, "client_id and client_secret"),
        ({"refresh": "r", "client_id": "c"}, "client_id and client_secret"),
        ({"refresh": "r", "oauth2": True}, "client_id and client_secret"),
        ({"expires_at": datetime(2030, 1, 1)}, "must have a time zone"),  # noqa: DTZ001 - what is refused
    ],
)
def test_a_token_that_cannot_be_refreshed(fields, reason):
    """Missing values for a refresh are an error when the token is created."""
    with pytest.raises(ConfigError, match=reason):
        AccessToken("a", **fields)


def test_a_token_can_be_copied_during_a_refresh():
    """A copy of a token is complete even if a refresh is running."""

    async def scene() -> AccessToken:
        token = managed()
        waiter = asyncio.create_task(authenticated(FakeAuthServer(), token)(*make_call()))
        await asyncio.sleep(1.5)
        copied = copy.deepcopy(token)
        await waiter
        return copied

    copied = run(scene())
    assert copied.headers == {"Authorization": "Bearer old_access"}
    assert copied.client_secret == Secret("sesame_secret")


@pytest.mark.parametrize(
    "credentials", [ApiKey("cal_live_first"), PlatformClient("client", "sesame_secret"), AccessToken("old_access")]
)
def test_credentials_are_not_pickled(credentials):
    """Pickling credentials raises an error."""
    with pytest.raises(ConfigError, match="not pickled"):
        pickle.dumps(credentials)


def test_refresh_of_a_managed_user():
    """A 498 refreshes the token with the secret of the platform client, then the call is sent again."""
    server, token = FakeAuthServer(), managed()
    run(authenticated(server, token)(*make_call()))
    [refresh] = server.refreshes
    assert (refresh.method, refresh.path, refresh.route) == ("POST", "/oauth/client/refresh", "/oauth/{}/refresh")
    assert refresh.headers == {"x-cal-secret-key": "sesame_secret"}
    assert json.loads(refresh.body) == {"refreshToken": "old_refresh"}
    assert not server.contexts[0].idempotent
    assert len(server.served) == 1
    assert token.tokens.expires_at == datetime.fromtimestamp(2_000_000_000, UTC)


def test_refresh_of_an_oauth2_token():
    """A 401 refreshes an OAuth2 token once; only a confidential client sends a secret."""
    for secret in (None, "sesame_secret"):
        server, token = FakeAuthServer(expired=UNAUTHORIZED), oauth2(client_secret=secret)
        run(authenticated(server, token)(*make_call()))
        [refresh] = server.refreshes
        body = {"client_id": "client", "grant_type": "refresh_token", "refresh_token": "old_refresh"}
        assert json.loads(refresh.body) == body | ({"client_secret": secret} if secret else {})
        assert refresh.path == "/auth/oauth2/token"
        assert timedelta(minutes=29) < token.tokens.expires_at - now() <= timedelta(minutes=30)


def test_many_rejected_calls_share_one_refresh():
    """A hundred calls with an expired token share one refresh, and all succeed."""

    async def scene(server: FakeAuthServer) -> None:
        send = authenticated(server, managed())
        await asyncio.gather(*(send(*make_call()) for _ in range(100)))

    server = FakeAuthServer()
    run(scene(server))
    assert len(server.refreshes) == 1
    assert len(server.served) == 100


def test_a_late_rejection_uses_the_refreshed_token():
    """A call that was rejected with a token that has since been replaced is sent again without another refresh."""
    server, token = FakeAuthServer(), managed()

    async def scene() -> None:
        send = authenticated(server, token)
        early = asyncio.create_task(send(*make_call()))
        await asyncio.sleep(0.9)
        late = asyncio.create_task(send(*make_call()))
        await asyncio.gather(early, late)

    run(scene())
    assert len(server.refreshes) == 1


def test_new_tokens_are_stored_before_calls_are_repeated():
    """No call is sent again before `on_refresh` has returned, because tokens that are not stored may be lost."""
    stored_at: list[float] = []

    async def store(tokens: Tokens) -> None:
        await asyncio.sleep(10)
        assert (tokens.access, tokens.refresh) == ("new_access", "new_refresh")
        stored_at.append(asyncio.get_running_loop().time())

    async def scene(server: FakeAuthServer) -> None:
        send = authenticated(server, managed(on_refresh=store))
        first = asyncio.create_task(send(*make_call()))
        await asyncio.sleep(1.5)
        # The server rejects this call with the old token after the new one arrived and before it is stored.
        second = asyncio.create_task(send(*make_call()))
        await asyncio.gather(first, second)

    server = FakeAuthServer()
    run(scene(server))
    assert len(server.refreshes) == 1
    assert min(server.served) > stored_at[0]


def test_on_refresh_may_be_a_plain_function():
    """`on_refresh` may be a plain function."""
    stored: list[Tokens] = []
    run(authenticated(FakeAuthServer(), managed(on_refresh=stored.append))(*make_call()))
    assert [tokens.access for tokens in stored] == ["new_access"]


def test_a_failing_on_refresh():
    """An error of `on_refresh` is raised, and the client keeps the new tokens."""

    def store(tokens: Tokens) -> None:
        raise OSError("disk full")

    token = managed(on_refresh=store)
    with pytest.raises(OSError, match="disk full"):
        run(authenticated(FakeAuthServer(), token)(*make_call()))
    assert token.tokens.access == "new_access"


@pytest.mark.parametrize(
    ("refresh_response", "kind"),
    [
        (error_response(400, "BadRequestException", "Invalid refresh token"), "BadRequestError"),
        (error_response(503), "ServerError"),
        (TransportError("lost", sent=True), "TransportError"),
        (ok_response(None), "DecodeError"),
        (ok_response({}), "DecodeError"),
        (Response(200, {}, b"<html>"), "DecodeError"),
    ],
)
def test_a_failed_refresh(refresh_response, kind):
    """All waiting calls raise the error of the refresh; the token stays, and the next call tries again."""
    server, token = FakeAuthServer(refresh_response=refresh_response), managed()

    async def scene() -> list[BaseException | Response]:
        send = authenticated(server, token)
        return await asyncio.gather(*(send(*make_call()) for _ in range(5)), return_exceptions=True)

    outcomes = run(scene())
    assert {type(outcome).__name__ for outcome in outcomes} == {kind}
    assert token.tokens.access == "old_access"
    assert len(server.refreshes) == 1
    server.refresh_response = None
    run(authenticated(server, token)(*make_call()))
    assert len(server.served) == 1


def test_a_refresh_without_a_new_refresh_token():
    """If the response has no refresh token, the old one is kept."""
    pair = {"access_token": "new_access", "token_type": "bearer"}
    server = FakeAuthServer(expired=UNAUTHORIZED, refresh_response=Response(200, {}, json.dumps(pair).encode()))
    token = oauth2()
    run(authenticated(server, token)(*make_call()))
    assert token.tokens == Tokens(access="new_access", refresh="old_refresh", expires_at=None)


@pytest.mark.parametrize(
    ("credentials", "response"),
    [
        (ApiKey("cal_live_first"), UNAUTHORIZED),
        (ApiKey("cal_live_first"), EXPIRED),
        (PlatformClient("client", "sesame"), UNAUTHORIZED),
        (AccessToken("old_access"), EXPIRED),
        (managed(), UNAUTHORIZED),
        (oauth2(), error_response(401, None, "booking_limit_reached")),
    ],
)
def test_rejections_that_cause_no_refresh(credentials, response):
    """API keys are never refreshed, managed users not on 401, and no token because of a booking limit."""
    fake_send = FakeSend(response)
    with pytest.raises(UnauthorizedError):
        run(authenticated(fake_send, credentials)(*make_call()))
    assert len(fake_send.sent) == 1


def test_a_rejected_new_token():
    """If the new token is rejected too, the error is raised without another refresh."""
    server = FakeAuthServer()
    server.valid_token = "another"
    with pytest.raises(UnauthorizedError):
        run(authenticated(server, managed())(*make_call()))
    assert len(server.refreshes) == 1


def test_an_oauth2_token_is_refreshed_before_it_expires():
    """An OAuth2 token is refreshed before a call in its last 30 s, and not earlier."""
    for seconds, refreshes in ((20, 1), (60, 0)):
        server = FakeAuthServer(expired=UNAUTHORIZED)
        server.valid_token = "new_access" if refreshes else "old_access"
        run(authenticated(server, oauth2(expires_at=now() + timedelta(seconds=seconds)))(*make_call()))
        assert len(server.refreshes) == refreshes
        assert len(server.served) == 1


@pytest.mark.parametrize("failure", [error_response(503), TransportError("lost", sent=True)])
def test_a_failed_early_refresh(failure):
    """A failed refresh is ignored while the old token is valid, and raised after that."""
    server = FakeAuthServer(refresh_response=failure)
    server.valid_token = "old_access"
    run(authenticated(server, oauth2(expires_at=now() + timedelta(seconds=20)))(*make_call()))
    assert len(server.served) == 1
    with pytest.raises((ServerError, TransportError)):
        run(authenticated(server, oauth2(expires_at=now() - timedelta(seconds=1)))(*make_call()))


def test_a_refresh_of_another_event_loop():
    """A refresh that a closed event loop left unfinished does not block the next loop."""

    async def stuck(request: Request, context: CallContext) -> Response:
        if "/oauth/" in request.path:
            await asyncio.Event().wait()
        return await FakeSend(EXPIRED)(request, context)

    async def leave(token: AccessToken) -> None:
        asyncio.create_task(authenticated(stuck, token)(*make_call()))  # noqa: RUF006 - it is left behind on purpose
        await asyncio.sleep(1)

    token, server = managed(), FakeAuthServer()
    run(leave(token))
    run(authenticated(server, token)(*make_call()))
    assert len(server.served) == 1


def test_closing_waits_for_a_refresh():
    """Closing waits until a running refresh is stored."""
    stored: list[Tokens] = []

    async def scene() -> None:
        token = managed(on_refresh=stored.append)
        call = asyncio.create_task(authenticated(FakeAuthServer(), token)(*make_call()))
        await asyncio.sleep(1.5)
        call.cancel()
        await token.aclose()
        assert stored

    run(scene())


def test_errors_of_a_refresh_contain_no_secret():
    """The error of a failed refresh contains neither tokens nor the client secret."""
    server = FakeAuthServer(refresh_response=error_response(401, "UnauthorizedException"))
    with pytest.raises(UnauthorizedError) as caught:
        run(authenticated(server, managed())(*make_call()))
    error: BaseException | None = caught.value
    while error:
        assert not [secret for secret in SECRETS if secret in f"{error!r}{vars(error)}"]
        error = error.__context__


def test_an_unreadable_refresh_response_is_not_quoted():
    """The error for an incomplete response does not quote it, because it may contain a token."""
    server = FakeAuthServer(refresh_response=Response(200, {}, b'{"data":{"accessToken":"old_access"'))
    with pytest.raises(DecodeError) as caught:
        run(authenticated(server, managed())(*make_call()))
    assert "old_access" not in str(caught.value)


@pytest.mark.parametrize("expiry", [10**18, 10**30, 1e300, -1, 0, True, "soon", [1], {"at": 1}, None])
@pytest.mark.parametrize("make", [managed, oauth2])
def test_an_unreadable_expiry_is_none(make, expiry):
    """New tokens with an unreadable expiry are stored without it."""
    stored: list[Tokens] = []
    is_oauth2 = make is oauth2
    pair = OAUTH2_PAIR | {"expires_in": expiry} if is_oauth2 else PAIR | {"accessTokenExpiresAt": expiry}
    refresh_response = Response(200, {}, json.dumps(pair if is_oauth2 else {"data": pair}).encode())
    token = make(on_refresh=stored.append)
    run(
        authenticated(
            FakeAuthServer(expired=UNAUTHORIZED if is_oauth2 else EXPIRED, refresh_response=refresh_response), token
        )(*make_call())
    )
    assert stored == [token.tokens]
    assert (token.tokens.access, token.tokens.refresh) == ("new_access", "new_refresh")
    assert token.tokens.expires_at is None or token.tokens.expires_at <= now() + timedelta(seconds=2)


@pytest.mark.parametrize("access", ["a\r\nX-Evil: 1", "", " a", "cl\u00e9", 5, None, ["a"]])
def test_an_invalid_new_access_token(access):
    """The new refresh token is stored, since the old one is used up; the call raises a DecodeError."""
    stored: list[Tokens] = []
    token = managed(on_refresh=stored.append)
    with pytest.raises(DecodeError, match="no valid access token"):
        run(
            authenticated(FakeAuthServer(refresh_response=ok_response(PAIR | {"accessToken": access})), token)(
                *make_call()
            )
        )
    assert [(tokens.access, tokens.refresh) for tokens in stored] == [("old_access", "new_refresh")]
    run(authenticated(FakeAuthServer(), token)(*make_call()))  # the next call refreshes with it
    assert token.tokens.access == "new_access"


@pytest.mark.parametrize("refresh", [None, "", 5, ["r"], "r\n"])
def test_an_invalid_new_refresh_token(refresh):
    """The new access token is used and the old refresh token is kept."""
    token = managed()
    run(
        authenticated(FakeAuthServer(refresh_response=ok_response(PAIR | {"refreshToken": refresh})), token)(
            *make_call()
        )
    )
    assert (token.tokens.access, token.tokens.refresh) == ("new_access", "old_refresh")


@pytest.mark.parametrize("data", [None, [], "x", 5, {}, {"accessToken": None, "refreshToken": None}])
@pytest.mark.parametrize("make", [managed, oauth2])
def test_a_refresh_without_tokens(make, data):
    """A response without tokens raises a DecodeError, changes nothing, and is not reported."""
    stored: list[Tokens] = []
    token = make(on_refresh=stored.append)
    body = Response(200, {}, json.dumps(data if make is oauth2 else {"data": data}).encode())
    with pytest.raises(DecodeError, match="contains no token"):
        run(
            authenticated(
                FakeAuthServer(expired=UNAUTHORIZED if make is oauth2 else EXPIRED, refresh_response=body), token
            )(*make_call())
        )
    assert stored == []
    assert token.tokens.refresh == "old_refresh"


@pytest.mark.parametrize("expires_at", ["2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)])
def test_an_expiry_is_a_time_or_iso_text(expires_at):
    """`expires_at` is an aware datetime or ISO 8601 text with an offset."""
    assert AccessToken("a", expires_at=expires_at).tokens.expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    for bad in ("2030-01-01T00:00:00", "soon", 5, True):
        with pytest.raises(ConfigError, match="expires_at"):
            AccessToken("a", expires_at=bad)
