"""Token stores: processes that act as one user share its tokens and refresh them once, without losing a pair."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis_server
from cli_process import cli_environment
from fakes import FakeSend, error_response, make_call, ok_response
from redis.asyncio import Redis
from redis_server import needs_redis
from timeouts import TIMEOUT
from virtual_time import run

from calcom_async import (
    AccessToken,
    BadRequestError,
    Calcom,
    ConfigError,
    ConnectionFailedError,
    FileTokenStore,
    Secret,
    Tokens,
    TokenStore,
    TokenStoreError,
    TransportError,
    file_lock,
    redis_token_store,
    token_store,
)
from calcom_async.middleware import authenticated
from calcom_async.redis_token_store import RedisTokenStore
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response, Send
from calcom_async.sandbox import Sandbox

EXPIRED = error_response(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")
INVALID_REFRESH = error_response(400, "BadRequestException", "Invalid refresh token")


class AuthServer:
    """A `Send` that rotates pairs: `refresh-1` gives `access-2` and `refresh-2`, once. Each request takes a second."""

    def __init__(self, delay: float = 1.0) -> None:
        self.delay = delay
        self.pair = 1
        self.expired = {1}
        self.spent: set[int] = set()
        self.served: list[str] = []
        self.refreshes = 0
        self.lifetime = timedelta(hours=1)
        self.loses_response = False

    async def __call__(self, request: Request, context: CallContext) -> Response:
        await asyncio.sleep(self.delay)
        if request.path.endswith("/refresh"):
            return await self.refresh(request, context)
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if int(token.rpartition("-")[2]) in self.expired:
            return await FakeSend(EXPIRED)(request, context)
        self.served.append(token)
        return ok_response()

    async def refresh(self, request: Request, context: CallContext) -> Response:
        self.refreshes += 1
        number = int(json.loads(request.body or b"")["refreshToken"].rpartition("-")[2])
        if number in self.spent or number > self.pair:
            return await FakeSend(INVALID_REFRESH)(request, context)
        self.spent.add(number)
        self.pair += 1
        expires_at = (datetime.now(UTC) + self.lifetime).timestamp() * 1000
        data = {"accessToken": f"access-{self.pair}", "refreshToken": f"refresh-{self.pair}"}
        if self.loses_response:
            raise TransportError("lost", sent=True)
        return ok_response(data | {"accessTokenExpiresAt": int(expires_at)})


class MemoryStore:
    """A store in memory, whose operations take a second and can fail."""

    def __init__(self) -> None:
        self.text: Secret | None = None
        self.problem: Exception | None = None
        self.saves = 0
        self._lock = asyncio.Lock()

    def lock(self) -> asyncio.Lock:
        return self._lock

    async def load(self) -> Secret | None:
        assert self._lock.locked()
        await asyncio.sleep(1)
        return self.text

    async def save(self, tokens: Secret) -> None:
        assert self._lock.locked()
        await asyncio.sleep(1)
        self.saves += 1
        if self.problem:
            raise self.problem
        self.text = tokens


def token(store: TokenStore, number: int = 1, **fields: Any) -> AccessToken:
    """Return the credentials of a process that is given the pair with this number."""
    return AccessToken(f"access-{number}", f"refresh-{number}", client_id="c", client_secret="s", store=store, **fields)


def process(server: AuthServer, store: TokenStore, number: int = 1, **fields: Any) -> Send:
    """Return the `Send` of a process of its own."""
    return authenticated(server, token(store, number, **fields))


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


def test_invalid_stores_are_rejected(tmp_path: Path):
    """A store must have the methods, and it needs a refresh token; a path must be one."""
    with pytest.raises(ConfigError, match="methods of TokenStore, got PosixPath"):
        token(tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs the refresh token"):
        AccessToken("a", store=MemoryStore())
    for path in (5, "a\0b", "\udcff\ud800"):
        with pytest.raises(ConfigError, match="path must be a path"):
            FileTokenStore(path)  # type: ignore[arg-type]
    for name in ("", None):
        with pytest.raises(ConfigError, match="name must be a text"):
            RedisTokenStore("redis://localhost", name)  # type: ignore[arg-type]


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


# --- files --------------------------------------------------------------------------------------------------------


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def store_text(store: TokenStore, text: str) -> None:
    async with store.lock():
        await store.save(Secret(text))


async def stored_text(store: TokenStore) -> str | None:
    async with store.lock():
        text = await store.load()
    return None if text is None else text.reveal()


async def test_a_file_is_private_and_replaced(tmp_path: Path):
    """Only its owner can read it, also if it was public before. A temporary file of a crash is no obstacle."""
    path = tmp_path / "tokens.json"
    store = FileTokenStore(path)
    assert await stored_text(store) is None
    (tmp_path / "tokens.json.new").write_text("of a crash")
    path.touch(mode=0o644)
    for text in ("first", "second"):
        await store_text(store, text)
        assert await stored_text(FileTokenStore(path)) == text
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names_in(tmp_path) == [path.name]
    assert repr(store) == f"FileTokenStore('{path}')"


async def test_links_to_the_file_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A symbolic link is followed, its target is replaced, and all paths of a file have one lock."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.json").symlink_to("real.json")
    store, other = FileTokenStore("link.json"), FileTokenStore(tmp_path / "real.json")
    monkeypatch.chdir("/")
    await store_text(store, "text")
    assert (tmp_path / "link.json").is_symlink()
    assert await stored_text(other) == "text"
    async with store.lock():
        waiting = asyncio.create_task(stored_text(other))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert names_in(tmp_path) == ["link.json", "real.json", "real.json.lock"]
    assert await waiting == "text"


async def test_odd_files_are_an_error(tmp_path: Path):
    """Folders, pipes, devices, large files and missing folders are a `TokenStoreError`, and none of them blocks."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b" " * (token_store.MAX_BYTES + 1))
    (tmp_path / "loop").symlink_to("loop")
    expected = {
        tmp_path / "folder": "is not a regular file",
        tmp_path / "pipe": "is not a regular file",
        tmp_path / "large": "is larger than 1 MB",
        tmp_path / "loop": "cannot read",
        tmp_path / "nowhere" / "tokens": r"cannot write .*tokens\.lock",
    }
    for path, problem in expected.items():
        with pytest.raises(TokenStoreError, match=problem):
            await stored_text(FileTokenStore(path))
    with pytest.raises(TokenStoreError, match=r"cannot write .*folder: "):
        await store_text(FileTokenStore(tmp_path / "folder"), "text")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert await stored_text(FileTokenStore(tmp_path / "binary")) == "\ufffd\ufffd"


async def test_a_full_disk_keeps_the_old_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A write that fails leaves the file as it was."""
    store = FileTokenStore(tmp_path / "tokens")
    await store_text(store, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TokenStoreError, match="No space left on device"):
        await store_text(store, "new")
    assert await stored_text(store) == "old"


async def test_a_file_system_without_locks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two processes could refresh at the same time, so nothing is done without a lock."""

    def unsupported(_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(file_lock, "_lock", unsupported)
    for _ in range(2):
        with pytest.raises(TokenStoreError, match="file system has no locks"):
            await stored_text(FileTokenStore(tmp_path / "tokens"))
    assert names_in(tmp_path) == []


async def test_a_cancelled_write_is_completed_under_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The lock is held until the thread that writes has ended."""
    store = FileTokenStore(tmp_path / "tokens")
    replace, held = os.replace, []

    def slow(*paths: Any) -> None:
        loop.call_soon_threadsafe(writing.cancel)
        for _ in range(5):  # iterations of the loop, in which the task is cancelled
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(TIMEOUT)
        held.append((tmp_path / "tokens.lock").exists())
        replace(*paths)

    monkeypatch.setattr(os, "replace", slow)
    loop = asyncio.get_running_loop()
    writing = asyncio.create_task(store_text(store, "text"))
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert held == [True]
    assert await stored_text(store) == "text"


# --- Redis --------------------------------------------------------------------------------------------------------


@pytest.fixture
def redis_store() -> Callable[..., RedisTokenStore]:
    """Return a function that creates stores for one key of its own."""
    prefix = next(redis_server.prefixes)
    return lambda **fields: RedisTokenStore(redis_server.session_url(), "ana", **{"prefix": prefix} | fields)


@needs_redis
async def test_redis_holds_the_tokens(redis_store):
    """What was saved is loaded, also by a borrowed client that decodes; one name is one pair and one lock."""
    async with redis_store() as store, Redis.from_url(redis_server.session_url(), decode_responses=True) as client:
        assert await stored_text(store) is None
        await store_text(store, "text")
        assert await stored_text(store) == "text"
        assert await stored_text(RedisTokenStore(client, "ana", prefix=store._key.partition(":")[0])) == "text"
        assert await stored_text(RedisTokenStore(client, "bo", prefix=store._key.partition(":")[0])) is None
        await store_text(store, "")
        assert await stored_text(store) == ""
        assert repr(store) == f"RedisTokenStore('{store.server}', 'ana')"


@needs_redis
async def test_a_redis_lock_excludes_and_expires(redis_store, caplog):
    """A second holder waits. Only its holder releases a lock: one that has expired may be another's by now."""
    async with redis_store() as store, redis_store() as other:
        client = store.client()
        async with store.lock():
            waiting = asyncio.create_task(stored_text(other))
            await asyncio.sleep(0)
            assert not waiting.done()
            assert 0 < await client.pttl(f"{store._key}:lock") <= redis_token_store.LOCK_SECONDS * 1000
        assert await waiting is None
        async with store.lock():
            await client.set(f"{store._key}:lock", "of another process")
            await store.save(Secret("text"))
        assert await client.get(f"{store._key}:lock") == b"of another process"
        assert "cannot release the lock" in caplog.text
        await client.delete(f"{store._key}:lock")
        assert await stored_text(store) == "text"


def test_a_redis_lock_is_renewed(monkeypatch, caplog):
    """It is renewed three times in its lifetime, however long the holder takes, also after a failure."""

    class Lock:
        renewals = 0

        async def acquire(self, *, blocking: bool) -> bool:
            return True

        async def reacquire(self) -> None:
            Lock.renewals += 1
            if Lock.renewals == 2:
                raise OSError("connection lost")

        async def release(self) -> None:
            Lock.renewals += 100

    client: Any = Redis()
    monkeypatch.setattr(client, "lock", lambda *_, **__: Lock())

    async def hold() -> None:
        async with RedisTokenStore(client, "ana").lock():
            await asyncio.sleep(20)

    run(hold())
    assert Lock.renewals == 105
    assert "cannot renew the lock of RedisTokenStore" in caplog.text


async def test_an_unreachable_redis_is_a_connection_error():
    """No request is sent, the error can be retried, and its frames do not hold the password."""
    store = RedisTokenStore("redis://:sesame@127.0.0.1:9/3", "ana")
    server = AuthServer()
    with pytest.raises(ConnectionFailedError, match=r"Redis at 127\.0\.0\.1:9/3, which holds the tokens") as caught:
        await process(server, store)(*make_call())
    assert caught.value.retryable
    assert not caught.value.sent
    assert "sesame" not in f"{caught.value!r}{caught.value.__cause__!r}{store!r}"
    assert server.served == []


@needs_redis
async def test_a_pair_that_redis_did_not_store(redis_store, monkeypatch):
    """If Redis fails after the refresh, the error says that the pair is not stored; the next call stores it."""
    server = AuthServer(delay=0)
    async with redis_store() as store:
        send = process(server, store)
        with monkeypatch.context() as patch:
            patch.setattr(Redis, "set", _refuse)
            with pytest.raises(TokenStoreError, match=r"cannot be stored in RedisTokenStore\('127"):
                await send(*make_call())
        await send(*make_call())
        assert "access-2" in (await stored_text(store) or "")
    assert (server.served, server.refreshes) == (["access-2"], 1)


REAL_SET = Redis.set


def _refuse(self: Any, name: str, *args: Any, **options: Any) -> Any:
    """Fail to set anything but a lock."""
    if name.endswith(":lock"):
        return REAL_SET(self, name, *args, **options)
    raise OSError("connection lost")


# --- processes ----------------------------------------------------------------------------------------------------

WORKER = """
import asyncio, sys
from calcom_async import AccessToken, Calcom, FileTokenStore
from calcom_async.redis_token_store import RedisTokenStore

async def main(url, kind, place, access, refresh, client, secret):
    store = RedisTokenStore(place, "user") if place.startswith("redis:") else FileTokenStore(place)
    token = AccessToken(
        access, refresh, client_id=client, client_secret=secret, oauth2=kind == "oauth2", store=store
    )
    async with Calcom(token, base_url=url) as cal:
        print("ready", flush=True)
        sys.stdin.readline()
        users = await asyncio.gather(*(cal.me.get() for _ in range(5)))
        print(len(users), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
HOLDER = """
import asyncio, sys
from calcom_async import FileTokenStore
from calcom_async.redis_token_store import RedisTokenStore

async def main(place):
    store = RedisTokenStore(place, "user") if place.startswith("redis:") else FileTokenStore(place)
    async with store.lock():
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""
PAIRS = {
    "managed": ("sandbox-access-token", "sandbox-refresh-token", "sandbox-client", "sandbox-secret"),
    "oauth2": ("sandbox-app-access", "sandbox-app-refresh", "sandbox-app", "sandbox-app-secret"),
}


@contextmanager
def started(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program in a process of its own, until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=cli_environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["file", pytest.param("redis", marks=needs_redis)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the path of a file, or the URL of a Redis of its own."""
    if request.param == "file":
        yield str(tmp_path / "tokens.json")
    else:
        with redis_server.own_server() as server:
            yield server.url


def expire(sandbox: Sandbox, access: str) -> None:
    """Let an access token expire."""
    sandbox.store.access_tokens[access]["expires"] -= timedelta(days=1)


def refreshes(sandbox: Sandbox) -> list[int]:
    """Return the statuses of the requests that refresh a token."""
    return [request.status for request in sandbox.requests if request.path.endswith(("/refresh", "/token"))]


@pytest.mark.parametrize("kind", PAIRS)
async def test_two_clients_share_a_file(kind: str, tmp_path: Path):
    """Two clients with stores of their own for one file, as in two processes, refresh an expired token once."""
    access, refresh, client, secret = PAIRS[kind]

    def credentials() -> AccessToken:
        return AccessToken(
            access, refresh, client_id=client, client_secret=secret, oauth2=kind == "oauth2",
            store=FileTokenStore(tmp_path / "tokens.json"),
        )  # fmt: skip

    with Sandbox() as sandbox:
        expire(sandbox, access)
        async with (
            Calcom(credentials(), base_url=sandbox.url) as one,
            Calcom(credentials(), base_url=sandbox.url) as other,
        ):
            await asyncio.gather(*(cal.me.get() for cal in (one, other) for _ in range(5)))
        async with Calcom(credentials(), base_url=sandbox.url) as later:
            await later.me.get()
        assert refreshes(sandbox) == [200]
    assert names_in(tmp_path) == ["tokens.json"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", PAIRS)
def test_processes_refresh_once(kind: str, place: str):
    """Three processes with five requests each refresh an expired token once. A later one refreshes the next one."""
    with Sandbox() as sandbox:
        for number, processes in ((1, 3), (2, 1)):
            for access in list(sandbox.store.access_tokens):
                expire(sandbox, access)
            with ExitStack() as stack:
                arguments = (WORKER, sandbox.url, kind, place, *PAIRS[kind])
                workers = [stack.enter_context(started(*arguments)) for _ in range(processes)]
                for worker in workers:
                    print("go", file=worker.stdin, flush=True)
                outputs = [worker.communicate(timeout=TIMEOUT)[0] for worker in workers]
            assert outputs == ["5\n"] * processes
            assert refreshes(sandbox) == [200] * number


@pytest.mark.slow
def test_a_killed_holder_blocks_nobody_for_long(place: str):
    """The lock of a file ends with its process, that in Redis within ten seconds."""
    with started(HOLDER, place) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()

    async def take() -> str | None:
        if not place.startswith("redis:"):
            await store_text(FileTokenStore(place), "text")
            return await stored_text(FileTokenStore(place))
        async with RedisTokenStore(place, "user") as store:
            assert 0 < await store.client().pttl(f"{store._key}:lock") <= 10_000
            await store.client().pexpire(f"{store._key}:lock", 1)  # as if that time had passed
            await store_text(store, "text")
            return await stored_text(store)

    assert asyncio.run(take()) == "text"
