"""Tokens in Redis, for processes on several machines that act as one user."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from calcom_async.errors import CalcomError, ConfigError, TokenStoreError
from calcom_async.extras import import_extra
from calcom_async.redis_connection import REPLY_TIMEOUT, RedisConnection
from calcom_async.secret import Hidden, Secret
from calcom_async.token_store import wait_for_lock

with import_extra("RedisTokenStore", "redis"):
    from redis.exceptions import LockError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.lock import Lock

log: logging.Logger = logging.getLogger("calcom_async")

LOCK_SECONDS = 10.0
"""Lifetime of a lock. Its holder renews it three times as often, and after a crash others wait at most that long."""


class RedisTokenStore(RedisConnection):
    """Tokens of one user in Redis, under the key `PREFIX:tokens:NAME`; `name` identifies the user.

        async with RedisTokenStore("redis://localhost", "ana") as store:
            token = AccessToken("access", "refresh", client_id=..., client_secret=..., store=store)

    `redis` is a URL, or a client, which must belong to the running event loop and is not closed here. Redis must write
    its data to a disk (`appendonly yes`): a lost pair cannot be restored. The tokens are not encrypted. Raises
    `ConnectionFailedError` while Redis is unavailable.
    """

    content = "the tokens"

    def __init__(self, redis: str | Secret | Redis, name: str, *, prefix: str = "calcom_async") -> None:
        redis = Secret(redis) if isinstance(redis, str) else redis
        if not (isinstance(name, str) and name):
            raise ConfigError(f"RedisTokenStore: name must be a text that identifies the user, got {name!r}")
        super().__init__(redis)
        self.name = name
        self._key = f"{prefix}:tokens:{name}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"RedisTokenStore({self.server!r}, {self.name!r})" if hasattr(self, "_key") else "<RedisTokenStore>"

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Hold the lock, after waiting until no other process or task has it, and renew it until the end."""
        lock = self.client().lock(f"{self._key}:lock", timeout=LOCK_SECONDS, thread_local=False)
        await wait_for_lock(lambda: self._reply(lock.acquire(blocking=False)), self)
        renewal = asyncio.create_task(self._renew(lock))
        try:
            yield
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])
            try:
                await self._reply(lock.release())
            except CalcomError as error:  # it expires soon
                log.warning("cannot release the lock of %r: %s", self, error)

    async def load(self) -> Secret | None:
        """Return the value of the key; None if there is none."""
        value = Hidden(await self._reply(self.client().get(self._key)))
        return None if value.reveal() is None else Secret(_text(value))

    async def save(self, tokens: Secret) -> None:
        """Replace the value of the key, even if the lock is lost: the server may have revoked the earlier tokens."""
        await self._reply(self.client().set(self._key, tokens.reveal()))

    async def _renew(self, lock: Lock) -> None:
        while True:
            await asyncio.sleep(LOCK_SECONDS / 3)
            try:
                await self._reply(lock.reacquire())
            except CalcomError as error:
                log.warning("cannot renew the lock of %r, so two processes may refresh the tokens: %s", self, error)

    async def _reply(self, command: Awaitable[Any]) -> Any:
        """Return the reply to a command, within a bounded time."""
        problem: CalcomError
        try:
            async with asyncio.timeout(REPLY_TIMEOUT):
                return await command
        except LockError:
            problem = TokenStoreError("it has expired")
        except Exception as error:  # noqa: BLE001 - a borrowed client may raise anything
            problem = self.unavailable_error(error)
        raise problem


def _text(value: Hidden[Any]) -> str:
    """Return what Redis sent as a text; a borrowed client may have decoded it."""
    return str(value.reveal(), "utf-8", "replace") if isinstance(value.reveal(), bytes) else str(value.reveal())
