"""Token stores in files and in Redis: they are private, and real processes exclude each other with their locks."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis_server
from auth_server import AuthServer, process
from cli_process import cli_environment
from fakes import make_call
from redis.asyncio import Redis
from redis_server import needs_redis
from timeouts import TIMEOUT
from virtual_time import run

from calcom_async import (
    AccessToken,
    Calcom,
    ConnectionFailedError,
    FileTokenStore,
    Secret,
    TokenStore,
    TokenStoreError,
    file_lock,
    redis_token_store,
    token_store,
)
from calcom_async.redis_token_store import RedisTokenStore
from calcom_async.sandbox import Sandbox

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
