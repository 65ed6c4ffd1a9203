"""A Redis to test with: the one that `CALCOM_ASYNC_REDIS` names, or a `redis-server` of our own on loopback.

`LIMITERS` are both limiters, for tests of what either guarantees. The one in Redis is given the time of the virtual
loop instead of Redis's clock, and its round trips are real but blocking, so that they take no virtual time: hours pass
in milliseconds here too, always the same way.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis
from timeouts import TIMEOUT, free_port

from calcom_async.rate_limiter import TokenBucket
from calcom_async.redis_rate_limiter import RedisTokenBucket

ELSEWHERE = "CALCOM_ASYNC_REDIS"
MISSING = f"no redis-server on this machine, and {ELSEWHERE} names none elsewhere"


def is_available() -> bool:
    return bool(os.environ.get(ELSEWHERE) or shutil.which("redis-server"))


class RedisServer:
    """A server without persistence that can be stopped and started again on the same port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Wait until it answers, even if only to demand a password."""
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([*command, *self.options], cwd=self.folder, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise RuntimeError(f"redis-server does not answer on port {self.port}")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def own_server(*options: str) -> Iterator[RedisServer]:
    """Run a server of our own."""
    with TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), *options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def any_server() -> Iterator[str]:
    """Return the URL of a Redis for keys of our own."""
    if url := os.environ.get(ELSEWHERE):
        yield url
    else:
        with own_server() as server:
            yield server.url


def keys_of(url: str, prefix: str) -> list[bytes]:
    with redis.Redis.from_url(url) as client:
        return sorted(client.scan_iter(f"{prefix}:*"))


SESSION = ExitStack()
"""Holds the server that `session_url` started until the tests end."""
prefixes = (f"test-{os.getpid()}-{number}" for number in itertools.count())


@cache
def session_url() -> str:
    """Return the one server for all tests of this process that share one."""
    atexit.register(SESSION.close)
    return SESSION.enter_context(any_server())


class BlockingClient:
    """As much of `redis.asyncio.Redis` as the limiter uses, on a loop without sockets; `trip` is in virtual seconds."""

    def __init__(self, trip: float = 0.0) -> None:
        self._redis = redis.Redis.from_url(session_url())
        self.connection_pool = self._redis.connection_pool
        self.trip = trip
        self.calls = 0
        self.is_down = False

    def register_script(self, text: str) -> Any:
        script = self._redis.register_script(text)

        async def call(keys: list[str], args: list[Any]) -> Any:
            self.calls += 1
            await asyncio.sleep(self.trip / 2)
            if self.is_down:
                raise redis.ConnectionError("Error 111 connecting to nowhere. Connection refused.")
            answer = script(keys=keys, args=args)
            await asyncio.sleep(self.trip / 2)
            return answer

        return call


@cache
def quick_client() -> BlockingClient:
    return BlockingClient()


class InRedis(RedisTokenBucket):
    """The limiter in Redis, in virtual time; it shares with those that have its `prefix`, by default with nobody."""

    def __init__(
        self, limit: int | None = None, *, client: BlockingClient | None = None, prefix: str = "", **options: Any
    ) -> None:
        redis: Any = client or quick_client()
        super().__init__(redis, prefix=prefix or next(prefixes), limit=limit, **options)

    def _now(self) -> str:
        return repr(asyncio.get_running_loop().time())


async def heard() -> None:
    """Let Redis hear what was settled: nobody waits for that, so it takes a moment."""
    await asyncio.sleep(0.001)


needs_redis = pytest.mark.skipif(not is_available(), reason=MISSING)
LIMITERS = [pytest.param(TokenBucket, id="local"), pytest.param(InRedis, id="redis", marks=needs_redis)]
either = pytest.mark.parametrize("new", LIMITERS)
SIMULATED_IN_REDIS = [needs_redis, pytest.mark.slow]
"""For tests of minutes of traffic, which are tens of thousands of calls of Redis."""
