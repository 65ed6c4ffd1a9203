"""Token stores: processes that act as one user share its tokens and refresh them once, without losing a pair."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from auth_server import AuthServer, MemoryStore, process, token
from fakes import FakeSend, make_call, ok_response
from redis import Redis as SyncRedis
from virtual_time import run

from calcom_async import (
    AccessToken,
    BadRequestError,
    ConfigError,
    FileTokenStore,
    Secret,
    Tokens,
    TokenStoreError,
    TransportError,
    token_store,
)
from calcom_async.middleware import authenticated
from calcom_async.redis_token_store import RedisTokenStore
from calcom_async.responses import Response

# --- which pair is used -------------------------------------------------------------------------------------------


def test_many_processes_refresh_once():
    """The first process refreshes, and the others use the pair that it stored."""

    async def scene() -> AuthServer:
        server, store = AuthServer(), MemoryStore()
        processes = [process(server, store) for _ in range(5)]
        await asyncio.gather(*(send(*make_call()) for send in processes for _ in range(10)))
        return server

    server = run(scene())
    assert server.refreshes == 1
    assert server.served == ["access-2"] * 50


def test_a_new_process_starts_with_the_stored_pair():
    """The given pair may be used up long ago: one from which the stored pair was made is replaced by it."""

    async def scene(given: int) -> AuthServer:
        server, store = AuthServer(), MemoryStore()
        for _ in range(3):
            server.expired.add(server.pair)
            await process(server, store)(*make_call())
        server.served.clear()
        await process(server, store, given)(*make_call())
        return server

    for given in (1, 2, 3, 4):
        server = run(scene(given))
        assert server.served == ["access-4"]
        assert server.refreshes == 3


def test_a_new_grant_replaces_the_stored_pair(caplog):
    """A pair from which the stored one was not made is used, stored by its first refresh, and a warning names it."""

    async def scene() -> tuple[AuthServer, MemoryStore]:
        server, store = AuthServer(), MemoryStore()
        await process(server, store)(*make_call())
        server.pair = 10
        server.expired.add(10)
        await process(server, store, 10)(*make_call())
        await process(server, store, 10)(*make_call())
        return server, store

    server, store = run(scene())
    assert server.served == ["access-2", "access-11", "access-11"]
    assert server.refreshes == 2
    assert "were not made from the given ones" in caplog.text
    assert "access-" not in caplog.text
    assert json.loads(store.text.reveal())["access"] == "access-11"


def test_an_expired_stored_pair_is_refreshed_at_once():
    """If the stored pair has expired too, the process refreshes it in the same call."""

    async def scene() -> AuthServer:
        server, store = AuthServer(), MemoryStore()
        server.lifetime = timedelta(0)
        first, second = process(server, store), process(server, store)
        server.expired.clear()
        await second(*make_call())
        server.expired = {1}
        await first(*make_call())
        server.expired = {1, 2}
        await second(*make_call())
        return server

    server = run(scene())
    assert server.served[-1] == "access-3"
    assert server.refreshes == 2


def test_an_oauth2_token_of_another_process_is_used_before_the_own_one_expires():
    """In the last 30 s of its token a process reads the store first. A refresh token that stays is no obstacle."""
    pair = {"access_token": "access-2", "token_type": "bearer", "expires_in": 1800}

    async def scene() -> FakeSend:
        server, store = FakeSend(Response(200, {}, json.dumps(pair).encode()), ok_response()), MemoryStore()
        for _ in range(2):
            expires_at = datetime.now(UTC) + timedelta(seconds=20)
            credentials = AccessToken(
                "access-1", "refresh-1", client_id="c", oauth2=True, expires_at=expires_at, store=store
            )
            await authenticated(server, credentials)(*make_call())
        return server

    requests = run(scene()).sent
    assert [request.path for request in requests] == ["/auth/oauth2/token", "/me", "/me"]
    assert [request.headers["Authorization"] for request in requests[1:]] == ["Bearer access-2"] * 2


def test_a_process_that_lost_the_lock_uses_the_pair_of_the_other_one():
    """If the server rejects the refresh token, the store is read again before that is an error."""

    class WithoutLock(MemoryStore):
        @asynccontextmanager
        async def lock(self) -> AsyncIterator[None]:
            async with asyncio.Lock() as self._lock_of_nobody:
                yield

        async def load(self) -> Secret | None:
            return self.text

        async def save(self, tokens: Secret) -> None:
            self.text = tokens

    async def scene() -> AuthServer:
        server, store = AuthServer(), WithoutLock()
        first, second = process(server, store), process(server, store)
        call = asyncio.create_task(first(*make_call()))
        await asyncio.sleep(0.5)
        await asyncio.gather(call, second(*make_call()))
        return server

    server = run(scene())
    assert server.refreshes == 2
    assert server.served == ["access-2", "access-2"]


# --- order, and failures ------------------------------------------------------------------------------------------


def test_a_pair_is_stored_before_it_is_used():
    """The new pair is stored, then `on_refresh` gets it outside of the lock, and then requests use it."""
    order: list[str] = []

    class Store(MemoryStore):
        async def save(self, tokens: Secret) -> None:
            await super().save(tokens)
            order.append("stored")

    async def scene() -> None:
        server, store = AuthServer(), Store()

        def on_refresh(tokens: Tokens) -> None:
            assert tokens.access == "access-2"
            assert not store.lock().locked()
            assert server.served == []
            order.append("on_refresh")

        send = process(server, store, on_refresh=on_refresh)
        await asyncio.gather(*(send(*make_call()) for _ in range(5)))
        await process(server, store, on_refresh=on_refresh)(*make_call())

    run(scene())
    assert order == ["stored", "on_refresh"]


def test_a_pair_that_cannot_be_stored_is_kept():
    """The error says so, `on_refresh` gets the pair, and no request uses it until a later call has stored it."""
    reported: list[str] = []

    async def scene() -> None:
        server, store = AuthServer(), MemoryStore()
        credentials = token(store, on_refresh=lambda tokens: reported.append(tokens.access))
        send = authenticated(server, credentials)
        store.problem = OSError("disk full")
        for _ in range(2):
            with pytest.raises(
                TokenStoreError, match=r"refreshed, but cannot be stored in .*: OSError: disk full\. The"
            ):
                await send(*make_call())
        assert (server.served, server.refreshes) == ([], 1)
        assert credentials.tokens.access == "access-2"
        store.problem = None
        await send(*make_call())
        assert server.served == ["access-2"]
        assert server.refreshes == 1
        await process(server, store)(*make_call())
        assert server.served == ["access-2", "access-2"]

    run(scene())
    assert reported == ["access-2"]


def test_a_request_in_flight_does_not_use_a_pair_that_is_not_stored():
    """A request that was rejected with the old token waits for the store as well."""

    async def scene() -> None:
        server, store = AuthServer(), MemoryStore()
        send = authenticated(server, token(store))
        store.problem = OSError("disk full")
        early = asyncio.create_task(send(*make_call()))
        await asyncio.sleep(1.5)  # the store is read, the request is on its way
        late = asyncio.create_task(send(*make_call()))
        outcomes = await asyncio.gather(early, late, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [TokenStoreError, TokenStoreError]
        assert server.served == []

    run(scene())


def test_a_lost_response_is_a_clear_error():
    """Nobody can restore a pair that the server rotated and that got lost; the error says how to get another one."""

    async def scene() -> None:
        server, store = AuthServer(), MemoryStore()
        send = process(server, store)
        server.loses_response = True
        with pytest.raises(TransportError, match="lost"):
            await send(*make_call())
        for attempt in (send, process(server, store)):
            with pytest.raises(BadRequestError, match=r"Invalid refresh token.* Get new tokens: with `force_refresh`"):
                await attempt(*make_call())
        assert store.text is None

    run(scene())


def test_a_cancelled_caller_does_not_lose_the_pair():
    """A refresh goes on after its caller is cancelled, and the pair is stored."""

    async def scene() -> None:
        server, store = AuthServer(), MemoryStore()
        credentials = token(store)
        call = asyncio.create_task(authenticated(server, credentials)(*make_call()))
        await asyncio.sleep(3.5)  # the refresh is on its way
        call.cancel()
        await credentials.aclose()
        assert server.refreshes == 1
        assert json.loads(store.text.reveal())["access"] == "access-2"

    run(scene())


def test_the_given_pair_is_known_after_many_refreshes(monkeypatch):
    """The number of known ancestors is bounded, but the pair that the processes are given stays among them."""
    monkeypatch.setattr(token_store, "MAX_ANCESTORS", 5)

    async def scene() -> AuthServer:
        server, store = AuthServer(), MemoryStore()
        send = process(server, store)
        for _ in range(20):
            server.expired.add(server.pair)
            await send(*make_call())
        assert len(json.loads(store.text.reveal())["ancestors"]) == 5
        await process(server, store)(*make_call())
        return server

    assert run(scene()).served[-1] == "access-21"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        ("[1]", "Expected `object`, got `array`"),
        ("\ufffd", "malformed"),
        ('{"more":' + "[" * 100_000, "recursion"),
        ('{"access": "a"}', "missing required field `refresh`"),
        ('{"access":"a","refresh":"r","expiresAt":"2030-01-01T00:00:00","ancestors":[]}', "timezone"),
        ('{"access":"a\\r\\nX: 1","refresh":"r","expiresAt":null,"ancestors":[]}', "one word of ASCII text"),
        ('{"access":"a","refresh":"","expiresAt":null,"ancestors":[]}', "refresh token is empty"),
        ('{"access":"a","refresh":"r","expiresAt":null,"ancestors":[],"version":2}', "version"),
        (5, "it is not a text"),
    ],
)
def test_damaged_tokens_are_an_error(content, problem):
    """What is no pair of tokens is neither used nor replaced, no request is sent, and no error quotes it."""

    async def scene() -> None:
        server, store = AuthServer(), MemoryStore()
        store.text = Secret(content)
        with pytest.raises(TokenStoreError, match=r"the tokens in .* are damaged: .*Restore them") as caught:
            await process(server, store)(*make_call())
        assert problem in str(caught.value)
        assert store.text == Secret(content) if content != 5 else True
        assert (server.served, server.refreshes, store.saves) == ([], 0, 0)

    run(scene())


@pytest.mark.parametrize(("method", "action"), [("lock", "lock"), ("load", "read")])
def test_any_error_of_a_store_is_one_of_ours(monkeypatch, method, action):
    """An error that a store of a user raises becomes the cause of a TokenStoreError; no request is sent."""

    def fail() -> None:
        raise error

    store, server, error = MemoryStore(), AuthServer(), OSError("disk on fire")
    monkeypatch.setattr(store, method, fail)
    with pytest.raises(TokenStoreError, match=rf"cannot {action} .*MemoryStore.*: OSError: disk on fire") as caught:
        run(process(server, store)(*make_call()))
    assert caught.value.__cause__ is error
    assert server.served == []


def test_invalid_stores_are_rejected(tmp_path: Path):
    """A store must have the methods, and it needs a refresh token; a path must be one."""
    with pytest.raises(ConfigError, match="methods of TokenStore, got PosixPath"):
        token(tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs the refresh token"):
        AccessToken("a", store=MemoryStore())
    with pytest.raises(ConfigError, match="methods of TokenStore, got type"):
        token(MemoryStore)  # type: ignore[arg-type]
    for path in (5, "", "a\0b", "\udcff\ud800"):
        with pytest.raises(ConfigError, match="path must be a path"):
            FileTokenStore(path)  # type: ignore[arg-type]
    for name in ("", None):
        with pytest.raises(ConfigError, match="name must be a text"):
            RedisTokenStore("redis://localhost", name)  # type: ignore[arg-type]
    for redis in (None, 5, SyncRedis()):
        with pytest.raises(ConfigError, match=r"must be a URL or a redis\.asyncio\.Redis, got (builtins|redis)\."):
            RedisTokenStore(redis, "ana")  # type: ignore[arg-type]


def test_waiting_for_a_lock_ends():
    """A holder that never ends does not block others forever, and the error names the store."""

    async def never() -> bool:
        return False

    async def scene() -> float:
        started = asyncio.get_running_loop().time()
        with pytest.raises(TokenStoreError, match="has held the lock of 'the store' for 120 s"):
            await token_store.wait_for_lock(never, "the store")
        return asyncio.get_running_loop().time() - started

    assert run(scene()) == pytest.approx(120, abs=1)
