"""Who asks: headers, silence about secrets, and one renewal for everybody."""

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
    return AccessToken("old_access", "old_refresh", client_id="client", client_secret="sesame_secret", **fields)


def oauth2(**fields: Any) -> AccessToken:
    return AccessToken("old_access", "old_refresh", client_id="client", oauth2=True, **fields)


PAIR = {
    "accessToken": "new_access",
    "refreshToken": "new_refresh",
    "accessTokenExpiresAt": 2_000_000_000_000,
    "refreshTokenExpiresAt": 2_100_000_000_000,
}
OAUTH2_PAIR = {"access_token": "new_access", "token_type": "bearer", "refresh_token": "new_refresh", "expires_in": 1800}


class Server:
    """Knows one good token; renews, after some virtual time, whoever asks for it."""

    def __init__(self, *, expired: Response = EXPIRED, renewal: Any = None) -> None:
        self.expired = expired
        self.renewal = renewal
        self.good = "new_access"
        self.renewals: list[Request] = []
        self.contexts: list[CallContext] = []
        self.served: list[float] = []

    async def __call__(self, request: Request, context: CallContext) -> Response:
        await asyncio.sleep(1)
        if request.path.endswith(("/refresh", "/token")):
            self.renewals.append(request)
            self.contexts.append(context)
            return await FakeSend(self.renewal or self.pair(request))(request, context)
        if request.headers["Authorization"] != f"Bearer {self.good}":
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
def test_each_kind_proves_itself_with_its_headers(credentials, headers, budget):
    """Key and token are bearers, a platform client has headers of its own; each begins with its documented limit."""
    assert credentials.headers == headers
    assert credentials.default_rate_limit == budget


@pytest.mark.parametrize(
    "thing",
    [
        ApiKey("cal_live_first"),
        PlatformClient("client", "sesame_secret"),
        managed(),
        oauth2(),
        Tokens(access="old_access", refresh="old_refresh", expires_at=None),
    ],
)
def test_no_secret_is_printed(thing):
    """Neither repr, nor rich's, nor the fingerprint gives a secret away."""
    rich = str(thing.__rich_repr__()) if hasattr(thing, "__rich_repr__") else ""
    shown = f"{thing!r} {thing} {rich} {getattr(thing, 'fingerprint', '')}"
    assert not [secret for secret in SECRETS if secret in shown]


@pytest.mark.parametrize("key", ["", "two words", "cal_x\r\nX-Evil: 1", "cal_x\n", "clé", "Bearer cal_x"])
@pytest.mark.parametrize(
    "make", [ApiKey, AccessToken, lambda text: PlatformClient("client", text), lambda text: PlatformClient(text, "s")]
)
def test_what_is_no_credential_is_refused_unseen(make, key):
    """A credential that cannot stand in a header is a ConfigError that does not repeat it."""
    with pytest.raises(ConfigError) as caught:
        make(key)
    assert not key or key not in str(caught.value)


def test_fingerprints_tell_credentials_apart():
    """The limit is counted by fingerprint: equal for the same secret, different for others."""
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
def test_a_token_that_could_not_be_renewed_is_refused_at_once(fields, reason):
    """What renewal needs is asked for when the token is given, not an hour later."""
    with pytest.raises(ConfigError, match=reason):
        AccessToken("a", **fields)


def test_a_token_is_copied_without_its_renewal():
    """A copied token is whole, also while a renewal is in flight."""

    async def scene() -> AccessToken:
        token = managed()
        waiter = asyncio.create_task(authenticated(Server(), token, "")(*make_call()))
        await asyncio.sleep(1.5)
        arrived = copy.deepcopy(token)
        await waiter
        return arrived

    arrived = run(scene())
    assert arrived.headers == {"Authorization": "Bearer old_access"}
    assert arrived.client_secret == Secret("sesame_secret")


@pytest.mark.parametrize(
    "credentials", [ApiKey("cal_live_first"), PlatformClient("client", "sesame_secret"), AccessToken("old_access")]
)
def test_credentials_are_not_pickled(credentials):
    """A pickle holds no secret: each process is given its own credentials."""
    with pytest.raises(ConfigError, match="not pickled"):
        pickle.dumps(credentials)


def test_a_managed_users_renewal_asks_as_the_platform_client():
    """498 renews at the client's own address with its secret, and the call goes again with the new token."""
    server, token = Server(), managed()
    run(authenticated(server, token, "")(*make_call()))
    [renewal] = server.renewals
    assert (renewal.method, renewal.path, renewal.route) == ("POST", "/oauth/client/refresh", "/oauth/{}/refresh")
    assert renewal.headers == {"x-cal-secret-key": "sesame_secret"}
    assert json.loads(renewal.body) == {"refreshToken": "old_refresh"}
    assert not server.contexts[0].idempotent
    assert len(server.served) == 1
    assert token.tokens.expires_at == datetime.fromtimestamp(2_000_000_000, UTC)


def test_an_oauth2_renewal_follows_the_rfc():
    """A 401 renews an OAuth2 token once; a public client sends no secret, a confidential one does."""
    for secret in (None, "sesame_secret"):
        server, token = Server(expired=UNAUTHORIZED), oauth2(client_secret=secret)
        run(authenticated(server, token, "")(*make_call()))
        [renewal] = server.renewals
        body = {"client_id": "client", "grant_type": "refresh_token", "refresh_token": "old_refresh"}
        assert json.loads(renewal.body) == body | ({"client_secret": secret} if secret else {})
        assert renewal.path == "/auth/oauth2/token"
        assert timedelta(minutes=29) < token.tokens.expires_at - now() <= timedelta(minutes=30)


def test_many_refusals_are_one_renewal():
    """A hundred calls that meet the end of the token share one renewal, and all succeed."""

    async def scene(server: Server) -> None:
        send = authenticated(server, managed(), "")
        await asyncio.gather(*(send(*make_call()) for _ in range(100)))

    server = Server()
    run(scene(server))
    assert len(server.renewals) == 1
    assert len(server.served) == 100


def test_a_call_that_comes_late_uses_what_others_renewed():
    """A refusal of a token that has been replaced meanwhile renews nothing; the call just goes again."""
    server, token = Server(), managed()

    async def scene() -> None:
        send = authenticated(server, token, "")
        early = asyncio.create_task(send(*make_call()))
        await asyncio.sleep(0.9)
        late = asyncio.create_task(send(*make_call()))
        await asyncio.gather(early, late)

    run(scene())
    assert len(server.renewals) == 1


def test_the_new_pair_is_stored_before_anybody_repeats():
    """Nobody's call goes again before `on_refresh` has returned: a pair that is not stored may be lost."""
    stored_at: list[float] = []

    async def store(tokens: Tokens) -> None:
        await asyncio.sleep(10)
        assert (tokens.access, tokens.refresh) == ("new_access", "new_refresh")
        stored_at.append(asyncio.get_running_loop().time())

    async def scene(server: Server) -> None:
        send = authenticated(server, managed(on_refresh=store), "")
        first = asyncio.create_task(send(*make_call()))
        await asyncio.sleep(1.5)
        # This one is refused with the old token, after the new one has come but before it is stored.
        second = asyncio.create_task(send(*make_call()))
        await asyncio.gather(first, second)

    server = Server()
    run(scene(server))
    assert len(server.renewals) == 1
    assert min(server.served) > stored_at[0]


def test_on_renewed_may_be_a_plain_function():
    """`on_refresh` may be sync."""
    kept: list[Tokens] = []
    run(authenticated(Server(), managed(on_refresh=kept.append), "")(*make_call()))
    assert [tokens.access for tokens in kept] == ["new_access"]


def test_a_failing_on_renewed_is_told_and_the_pair_is_kept():
    """If storing fails the caller hears it, but the new token is not thrown away with it."""

    def store(tokens: Tokens) -> None:
        raise OSError("disk full")

    token = managed(on_refresh=store)
    with pytest.raises(OSError, match="disk full"):
        run(authenticated(Server(), token, "")(*make_call()))
    assert token.tokens.access == "new_access"


@pytest.mark.parametrize(
    ("renewal", "kind"),
    [
        (error_response(400, "BadRequestException", "Invalid refresh token"), "BadRequestError"),
        (error_response(503), "ServerError"),
        (TransportError("lost", sent=True), "TransportError"),
        (ok_response(None), "DecodeError"),
        (ok_response({}), "DecodeError"),
        (Response(200, {}, b"<html>"), "DecodeError"),
    ],
)
def test_a_renewal_that_fails_fails_everybody(renewal, kind):
    """All who wait for a renewal get its error; the token stays as it was, and the next call tries again."""
    server, token = Server(renewal=renewal), managed()

    async def scene() -> list[BaseException | Response]:
        send = authenticated(server, token, "")
        return await asyncio.gather(*(send(*make_call()) for _ in range(5)), return_exceptions=True)

    outcomes = run(scene())
    assert {type(outcome).__name__ for outcome in outcomes} == {kind}
    assert token.tokens.access == "old_access"
    assert len(server.renewals) == 1
    server.renewal = None
    run(authenticated(server, token, "")(*make_call()))
    assert len(server.served) == 1


def test_a_renewal_without_a_new_refresh_token_keeps_the_old_one():
    """OAuth2 servers may leave the refresh token out; what is missing is not lost."""
    pair = {"access_token": "new_access", "token_type": "bearer"}
    server = Server(expired=UNAUTHORIZED, renewal=Response(200, {}, json.dumps(pair).encode()))
    token = oauth2()
    run(authenticated(server, token, "")(*make_call()))
    assert token.tokens == Tokens(access="new_access", refresh="old_refresh", expires_at=None)


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        (ApiKey("cal_live_first"), UNAUTHORIZED),
        (ApiKey("cal_live_first"), EXPIRED),
        (PlatformClient("client", "sesame"), UNAUTHORIZED),
        (AccessToken("old_access"), EXPIRED),
        (managed(), UNAUTHORIZED),
        (oauth2(), error_response(401, None, "booking_limit_reached")),
    ],
)
def test_what_a_renewal_cannot_help_is_raised(credentials, said):
    """Keys are never renewed, managed users not on 401, and a used-up booking limit is no credential problem."""
    fake_send = FakeSend(said)
    with pytest.raises(UnauthorizedError):
        run(authenticated(fake_send, credentials, "")(*make_call()))
    assert len(fake_send.sent) == 1


def test_a_second_refusal_is_final():
    """When the renewed token is refused too, that is raised: no third try."""
    server = Server()
    server.good = "another"
    with pytest.raises(UnauthorizedError):
        run(authenticated(server, managed(), "")(*make_call()))
    assert len(server.renewals) == 1


def test_an_oauth2_token_is_renewed_shortly_before_its_end():
    """In its last 30 s an OAuth2 token is renewed before the call; earlier it is not."""
    for left, renewals in ((20, 1), (60, 0)):
        server = Server(expired=UNAUTHORIZED)
        server.good = "new_access" if renewals else "old_access"
        run(authenticated(server, oauth2(expires_at=now() + timedelta(seconds=left)), "")(*make_call()))
        assert len(server.renewals) == renewals
        assert len(server.served) == 1


@pytest.mark.parametrize("trouble", [error_response(503), TransportError("lost", sent=True)])
def test_an_early_renewal_that_fails_does_no_harm(trouble):
    """While the old token works, a failed renewal is passed over; once it has ended, it is raised."""
    server = Server(renewal=trouble)
    server.good = "old_access"
    run(authenticated(server, oauth2(expires_at=now() + timedelta(seconds=20)), "")(*make_call()))
    assert len(server.served) == 1
    with pytest.raises((ServerError, TransportError)):
        run(authenticated(server, oauth2(expires_at=now() - timedelta(seconds=1)), "")(*make_call()))


def test_a_renewal_in_another_loop_is_not_waited_for():
    """A renewal that a dead event loop left behind does not hold up the next loop."""

    async def stuck(request: Request, context: CallContext) -> Response:
        if "/oauth/" in request.path:
            await asyncio.Event().wait()
        return await FakeSend(EXPIRED)(request, context)

    async def leave(token: AccessToken) -> None:
        asyncio.create_task(authenticated(stuck, token, "")(*make_call()))  # noqa: RUF006 - it is left behind on purpose
        await asyncio.sleep(1)

    token, server = managed(), Server()
    run(leave(token))
    run(authenticated(server, token, "")(*make_call()))
    assert len(server.served) == 1


def test_closing_waits_for_a_renewal_in_flight():
    """A token that was paid for is stored before the client is gone."""
    kept: list[Tokens] = []

    async def scene() -> None:
        token = managed(on_refresh=kept.append)
        call = asyncio.create_task(authenticated(Server(), token, "")(*make_call()))
        await asyncio.sleep(1.5)
        call.cancel()
        await token.aclose()
        assert kept

    run(scene())


def test_errors_of_a_renewal_hold_no_secret():
    """What a failed renewal says holds neither token nor client secret."""
    server = Server(renewal=error_response(401, "UnauthorizedException"))
    with pytest.raises(UnauthorizedError) as caught:
        run(authenticated(server, managed(), "")(*make_call()))
    error: BaseException | None = caught.value
    while error:
        assert not [secret for secret in SECRETS if secret in f"{error!r}{vars(error)}"]
        error = error.__context__


def test_an_answer_that_is_no_pair_holds_no_token_in_its_error():
    """Half an answer with a token in it is not quoted."""
    server = Server(renewal=Response(200, {}, b'{"data":{"accessToken":"old_access"'))
    with pytest.raises(DecodeError) as caught:
        run(authenticated(server, managed(), "")(*make_call()))
    assert "old_access" not in str(caught.value)


@pytest.mark.parametrize("expiry", [10**18, 10**30, 1e300, -1, 0, True, "soon", [1], {"at": 1}, None])
@pytest.mark.parametrize("make", [managed, oauth2])
def test_an_odd_expiry_costs_only_the_expiry(make, expiry):
    """The new pair is kept and reported whatever its expiry is; a time that is none is None."""
    kept: list[Tokens] = []
    is_oauth2 = make is oauth2
    pair = OAUTH2_PAIR | {"expires_in": expiry} if is_oauth2 else PAIR | {"accessTokenExpiresAt": expiry}
    renewal = Response(200, {}, json.dumps(pair if is_oauth2 else {"data": pair}).encode())
    token = make(on_refresh=kept.append)
    run(authenticated(Server(expired=UNAUTHORIZED if is_oauth2 else EXPIRED, renewal=renewal), token, "")(*make_call()))
    assert kept == [token.tokens]
    assert (token.tokens.access, token.tokens.refresh) == ("new_access", "new_refresh")
    assert token.tokens.expires_at is None or token.tokens.expires_at <= now() + timedelta(seconds=2)


@pytest.mark.parametrize("access", ["a\r\nX-Evil: 1", "", " a", "cl\u00e9", 5, None, ["a"]])
def test_a_new_access_token_that_cannot_be_sent_costs_no_refresh_token(access):
    """The new refresh token is kept and reported, since the old one is spent; the call is a DecodeError."""
    kept: list[Tokens] = []
    token = managed(on_refresh=kept.append)
    with pytest.raises(DecodeError, match="no valid access token"):
        run(authenticated(Server(renewal=ok_response(PAIR | {"accessToken": access})), token, "")(*make_call()))
    assert [(one.access, one.refresh) for one in kept] == [("old_access", "new_refresh")]
    run(authenticated(Server(), token, "")(*make_call()))  # the next call renews with it
    assert token.tokens.access == "new_access"


@pytest.mark.parametrize("refresh", [None, "", 5, ["r"], "r\n"])
def test_a_new_refresh_token_that_cannot_be_used_leaves_the_old_one(refresh):
    """A pair without a usable refresh token renews the access token alone."""
    token = managed()
    run(authenticated(Server(renewal=ok_response(PAIR | {"refreshToken": refresh})), token, "")(*make_call()))
    assert (token.tokens.access, token.tokens.refresh) == ("new_access", "old_refresh")


@pytest.mark.parametrize("data", [None, [], "x", 5, {}, {"accessToken": None, "refreshToken": None}])
@pytest.mark.parametrize("make", [managed, oauth2])
def test_a_renewal_without_any_token_is_a_decode_error(make, data):
    """What has neither token changes nothing and reports nothing."""
    kept: list[Tokens] = []
    token = make(on_refresh=kept.append)
    body = Response(200, {}, json.dumps(data if make is oauth2 else {"data": data}).encode())
    with pytest.raises(DecodeError, match="contains no token"):
        run(
            authenticated(Server(expired=UNAUTHORIZED if make is oauth2 else EXPIRED, renewal=body), token, "")(
                *make_call()
            )
        )
    assert kept == []
    assert token.tokens.refresh == "old_refresh"


@pytest.mark.parametrize("expires_at", ["2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)])
def test_an_expiry_is_a_time_or_iso_text(expires_at):
    """As everywhere, a time is an aware datetime or ISO 8601 text with an offset."""
    assert AccessToken("a", expires_at=expires_at).tokens.expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    for bad in ("2030-01-01T00:00:00", "soon", 5, True):
        with pytest.raises(ConfigError, match="expires_at"):
            AccessToken("a", expires_at=bad)
