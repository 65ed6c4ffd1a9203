"""Credentials from a function: called at the first request, and again only for credentials that were rejected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fakes import FakeSend, error_response, make_call, ok_response
from virtual_time import run

from calcom_async import (
    AccessToken,
    ApiKey,
    BadRequestError,
    Calcom,
    ConfigError,
    PlatformClient,
    Secret,
    TimedOutError,
    TokenBucket,
    UnauthorizedError,
)
from calcom_async.credential_provider import ProvidedCredentials
from calcom_async.middleware import authenticated
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response
from calcom_async.sandbox import Sandbox

REJECTED = error_response(401, "UnauthorizedException")
EXPIRED = error_response(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")


class Server:
    """A `Send` that accepts one secret, wherever it is sent. Each request takes `delay` seconds."""

    def __init__(self, valid: str, rejection: Response = REJECTED) -> None:
        self.valid = valid
        self.rejection = rejection
        self.requests: list[Request] = []
        self.delay = 1.0

    async def __call__(self, request: Request, context: CallContext) -> Response:
        self.requests.append(request)
        await asyncio.sleep(self.delay)
        is_valid = any(value.split()[-1] == self.valid for value in request.headers.values())
        return await FakeSend(ok_response() if is_valid else self.rejection)(request, context)


class Vault:
    """A function for credentials, which takes a second; it returns its results in order, and then the last one."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.calls = 0

    async def __call__(self) -> Any:
        self.calls += 1
        await asyncio.sleep(1)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return result


def provided(vault: Callable[[], Any]) -> ProvidedCredentials:
    credentials = Calcom(vault).credentials
    assert isinstance(credentials, ProvidedCredentials)
    return credentials


async def send_many(server: Any, credentials: ProvidedCredentials, number: int = 50) -> list[Any]:
    """Send requests concurrently, and return their responses and errors."""
    send = authenticated(server, credentials)
    return await asyncio.gather(*(send(*make_call()) for _ in range(number)), return_exceptions=True)


@pytest.mark.parametrize(
    ("result", "limit"),
    [
        ("key", 120),
        (Secret("key"), 120),
        (ApiKey("key"), 120),
        (AccessToken("key"), 500),
        (PlatformClient("c", "key"), 500),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
def test_the_function_is_called_once(result: Any, limit: int, *, is_async: bool) -> None:
    """It may return any kind of credentials. All concurrent requests share the call, and later ones need none."""
    calls: list[None] = []

    def plain() -> Any:
        calls.append(None)
        return result

    vault = Vault(result)
    credentials = provided(vault if is_async else plain)
    assert (vault.calls, calls) == (0, [])
    assert credentials.default_rate_limit == 120
    server = Server("key")
    for _ in range(2):
        assert {outcome.status for outcome in run(send_many(server, credentials))} == {200}
    assert vault.calls + len(calls) == 1
    assert credentials.default_rate_limit == limit
    assert "key" not in f"{credentials!r}{credentials.fingerprint}"


@pytest.mark.parametrize(
    ("old", "new"),
    [("old", "new"), (PlatformClient("c", "old"), PlatformClient("c", "new")), ("old", AccessToken("new"))],
)
def test_a_rotated_key_is_read_again(old: Any, new: Any) -> None:
    """After a rejection the function is called once, and all rejected requests are sent again, late ones too."""

    async def scene() -> list[Any]:
        send = authenticated(server, credentials)
        await send(*make_call())
        server.valid = "new"
        early = asyncio.create_task(send_many(server, credentials))
        await asyncio.sleep(0.5)
        server.delay = 9
        late = asyncio.create_task(send(*make_call()))
        await asyncio.sleep(0.1)
        server.delay = 1
        return [*await early, await late]

    server, vault = Server("old"), Vault(old, new)
    credentials = provided(vault)
    assert {outcome.status for outcome in run(scene())} == {200}
    assert vault.calls == 2
    assert len(server.requests) == 1 + 2 * 51


def test_a_key_that_stays_rejected_is_read_again_after_a_minute() -> None:
    """While the function returns the rejected key it is called once per minute, so that a late rotation is noticed."""

    async def scene() -> list[int]:
        calls = []
        for _ in range(3):
            await send_many(server, credentials)
            calls.append(vault.calls)
        await asyncio.sleep(60)
        await send_many(server, credentials)
        return [*calls, vault.calls]

    server, vault = Server("another"), Vault("key")
    credentials = provided(vault)
    assert run(scene()) == [2, 2, 2, 3]
    assert isinstance(run(send_many(server, credentials, 1))[0], UnauthorizedError)


def test_other_errors_do_not_call_the_function() -> None:
    """A 401 for a reached booking limit is not about the key."""
    server, vault = Server("another", error_response(401, None, "booking_limit_reached")), Vault("key")
    assert {type(outcome) for outcome in run(send_many(server, provided(vault)))} == {UnauthorizedError}
    assert vault.calls == 1


def test_an_error_of_the_function_is_raised_as_it_is() -> None:
    """All waiting requests raise it, and the next request calls the function again, also after a rejection."""

    async def scene() -> None:
        for _ in range(2):
            assert set(await send_many(server, credentials)) == {sealed}
        assert {outcome.status for outcome in await send_many(server, credentials)} == {200}
        server.valid = "new"
        for _ in range(2):
            assert set(await send_many(server, credentials)) == {sealed}
        assert {outcome.status for outcome in await send_many(server, credentials)} == {200}

    sealed = LookupError("the vault is sealed")
    server, vault = Server("old"), Vault(sealed, sealed, "old", sealed, sealed, "new")
    credentials = provided(vault)
    run(scene())
    assert vault.calls == 6


def test_a_function_that_hangs_is_cancelled() -> None:
    """It ends after 60 s with an error of ours; a timeout of the function itself stays as it is."""

    async def hang() -> str:
        if calls:
            raise inner
        calls.append(1)
        await asyncio.sleep(1e9)
        return "sesame"

    async def scene() -> tuple[list[Any], list[Any]]:
        return await send_many(server, credentials, 2), await send_many(server, credentials, 2)

    calls: list[int] = []
    inner, server, credentials = TimeoutError("of the vault"), Server("sesame"), ProvidedCredentials(hang)
    first, second = run(scene())
    assert [str(error) for error in first] == ["the function for the credentials has not returned within 60 s"] * 2
    assert {type(error) for error in first} == {TimedOutError}
    assert second == [inner, inner]
    assert server.requests == []


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (None, "must return an API key .* got NoneType"),
        (b"sesame", "got bytes"),
        (ApiKey, "got type"),
        (lambda: "sesame", "got function"),
        ("sesame\n", "the API key ends with a line break"),
        ("", "the API key is empty"),
    ],
)
def test_an_invalid_result_is_a_config_error(result: Any, problem: str) -> None:
    """No request is sent, and the error does not contain the result."""
    server = Server("sesame")
    (error,) = run(send_many(server, provided(Vault(result)), 1))
    with pytest.raises(ConfigError, match=problem):
        raise error
    assert "sesame" not in str(error)
    assert server.requests == []


def test_a_class_is_not_a_function() -> None:
    """A class instead of an object is a mistake, and an error at once."""
    with pytest.raises(ConfigError, match="got type"):
        Calcom(ApiKey)


def test_a_token_of_the_function_refreshes_itself() -> None:
    """The function is called again only if the refresh token of the token is used up."""
    tokens = [AccessToken(f"access-{name}", f"refresh-{name}", client_id="c", client_secret="s") for name in "ab"]
    pair = {"accessToken": "access-c", "refreshToken": "refresh-c"}
    rejected = error_response(400, "BadRequestException", "Invalid refresh token")
    for refresh_response, calls, valid in (
        (ok_response(pair), 1, "access-c"),
        (rejected, 2, "access-b"),
    ):
        server, vault = RefreshingServer(valid, refresh_response), Vault(*tokens)
        assert {outcome.status for outcome in run(send_many(server, provided(vault)))} == {200}
        assert vault.calls == calls
        tokens = [AccessToken(f"access-{name}", f"refresh-{name}", client_id="c", client_secret="s") for name in "ab"]
    server = RefreshingServer("another", rejected)
    assert {type(outcome) for outcome in run(send_many(server, provided(Vault(tokens[0]))))} == {BadRequestError}


class RefreshingServer(Server):
    """A server with one response to each refresh."""

    def __init__(self, valid: str, refresh_response: Response) -> None:
        super().__init__(valid, EXPIRED)
        self.refresh_response = refresh_response

    async def __call__(self, request: Request, context: CallContext) -> Response:
        if request.path.endswith("/refresh"):
            return await FakeSend(self.refresh_response)(request, context)
        return await super().__call__(request, context)


def test_cancelling_a_request_does_not_cancel_the_call() -> None:
    """The others get the key. Closing waits for a call in progress."""

    async def scene() -> None:
        send = authenticated(Server("key"), credentials)
        first, second = (asyncio.create_task(send(*make_call())) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        await credentials.aclose()
        assert credentials.current is not None
        assert (await second).status == 200

    vault = Vault("key")
    credentials = provided(vault)
    run(scene())
    assert vault.calls == 1


async def test_functions_and_keys_share_a_rate_limit() -> None:
    """The limit belongs to the key that the function returned; before the first call it is that of API keys."""
    limiter = TokenBucket()
    with Sandbox() as sandbox:
        async with Calcom(lambda: sandbox.api_key, base_url=sandbox.url, limiter=limiter) as cal:
            assert cal.rate_limit().limit == 120
            await cal.me.get()
            view = cal.with_credentials(Vault("cal_sandbox_bo"))
            assert (await view.me.get()).id == 2
            keys = {bucket.key for bucket in limiter.stats()}
            same = cal.with_credentials(sandbox.api_key)
            await same.me.get()
            assert {bucket.key for bucket in limiter.stats()} == keys
            assert same.rate_limit() == cal.rate_limit()


async def test_a_refreshed_key_replaces_that_of_the_function() -> None:
    """After `api_keys.refresh` the client uses the new key, which the function does not return yet."""
    with Sandbox() as sandbox:
        async with Calcom(lambda: sandbox.api_key, base_url=sandbox.url) as cal:
            await cal.api_keys.refresh()
            assert (await cal.me.get()).id == 1
