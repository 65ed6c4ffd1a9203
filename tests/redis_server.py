"""A Redis server for tests: the one that `CALCOM_ASYNC_REDIS` names, or a `redis-server` on loopback.

`LIMITERS` are both limiters, for tests of what both guarantee. The Redis one uses the time of the virtual loop instead
of Redis's clock. Its round trips are real but blocking, so they take no virtual time and the results are deterministic.
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

URL_VARIABLE = "CALCOM_ASYNC_REDIS"
MISSING = f"no redis-server on this machine, and {URL_VARIABLE} is not set"


def is_available() -> bool:
    """Return whether there is a Redis for tests."""
    return bool(os.environ.get(URL_VARIABLE) or shutil.which("redis-server"))


class RedisServer:
    """A server without persistence that can be stopped and started again on the same port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
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
        raise RuntimeError(f"redis-server does not accept connections on port {self.port}")

    def stop(self) -> None:
        """Kill the server."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def own_server(*options: str) -> Iterator[RedisServer]:
    """Run a server for one test."""
    with TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), *options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def any_server() -> Iterator[str]:
    """Yield the URL of a Redis in which tests use keys with their own prefix."""
    if url := os.environ.get(URL_VARIABLE):
        yield url
    else:
        with own_server() as server:
            yield server.url


def keys_of(url: str, prefix: str) -> list[bytes]:
    """Return the keys with a prefix."""
    with redis.Redis.from_url(url) as client:
        return sorted(client.scan_iter(f"{prefix}:*"))


SESSION_STACK = ExitStack()
"""Stops the server of `session_url` when the tests end."""
prefixes = (f"test-{os.getpid()}-{number}" for number in itertools.count())


@cache
def session_url() -> str:
    """Return the URL of one server for all tests of this process."""
    atexit.register(SESSION_STACK.close)
    return SESSION_STACK.enter_context(any_server())


class BlockingClient:
    """The part of `redis.asyncio.Redis` that the limiter uses, without sockets; `trip` is in virtual seconds."""

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
            result = script(keys=keys, args=args)
            await asyncio.sleep(self.trip / 2)
            return result

        return call


@cache
def quick_client() -> BlockingClient:
    """Return one client for all limiters of this process."""
    return BlockingClient()


class VirtualTimeRedisLimiter(RedisTokenBucket):
    """A Redis limiter in virtual time; it shares its state with those that have the same `prefix`."""

    def __init__(
        self, limit: int | None = None, *, client: BlockingClient | None = None, prefix: str = "", **options: Any
    ) -> None:
        redis: Any = client or quick_client()
        super().__init__(redis, prefix=prefix or next(prefixes), limit=limit, **options)

    def _now(self) -> str:
        return repr(asyncio.get_running_loop().time())


async def wait_for_redis() -> None:
    """Wait until the limiter has sent its releases to Redis, which happens in the background."""
    await asyncio.sleep(0.001)


needs_redis = pytest.mark.skipif(not is_available(), reason=MISSING)
LIMITERS = [pytest.param(TokenBucket, id="local"), pytest.param(VirtualTimeRedisLimiter, id="redis", marks=needs_redis)]
both_limiters = pytest.mark.parametrize("new", LIMITERS)
SIMULATED_IN_REDIS = [needs_redis, pytest.mark.slow]
"""Marks of tests that simulate minutes of traffic, which need tens of thousands of calls of Redis."""
