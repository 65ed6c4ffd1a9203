"""Connection to Redis: a client in each event loop, and errors that contain no password."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from calcom_async.errors import ConfigError, ConnectionFailedError
from calcom_async.extras import import_extra
from calcom_async.secret import Secret, without_frames

with import_extra("a connection to Redis", "redis"):
    from redis import Redis as BlockingRedis
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import AuthenticationError, NoPermissionError

REPLY_TIMEOUT = 5.0
"""Seconds after which a command counts as unanswered."""


class RedisConnection:
    """A client of our own, created in each event loop, or a borrowed one, which is not closed here."""

    content: ClassVar[str]
    """What Redis holds, for error messages."""

    def __init__(self, redis: str | Secret | Redis) -> None:
        redis = Secret(redis) if isinstance(redis, str) else redis
        is_client = hasattr(redis, "connection_pool") and not isinstance(redis, BlockingRedis)
        if not (isinstance(redis, Secret) or is_client):
            raise ConfigError(
                f"redis must be a URL or a redis.asyncio.Redis, got {type(redis).__module__}.{type(redis).__name__}"
            )
        self._url = redis if isinstance(redis, Secret) else None
        self._client: Redis = _connect(redis) if isinstance(redis, Secret) else redis
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def server(self) -> str:
        """Address of Redis, without the password."""
        place = self._client.connection_pool.connection_kwargs
        return place.get("path") or f"{place.get('host', 'localhost')}:{place.get('port', 6379)}/{place.get('db') or 0}"

    def client(self) -> Redis:
        """Return the client for the running event loop."""
        loop = asyncio.get_running_loop()
        if self._url and self._loop is not loop:  # connections belong to the event loop that opened them
            self._client = _connect(self._url)
            self._loop = loop
        return self._client

    async def aclose(self) -> None:
        """Close the client unless it is borrowed. Later use opens it again."""
        if self._url:
            await self._client.aclose()

    def unavailable_error(self, error: Exception) -> ConnectionFailedError:
        """Return the error to raise while Redis is unavailable."""
        is_rejected = isinstance(error, AuthenticationError | NoPermissionError)
        unavailable = ConnectionFailedError(
            f"Redis at {self.server}, which holds {self.content}, is unavailable ({self.reason(error)}). "
            "Check that it is running and that the URL is correct. No request was sent",
            sent=False,
            retryable=not is_rejected,
        )
        unavailable.__cause__ = without_frames(error)  # the frames of redis hold the password
        return unavailable

    def reason(self, error: Exception) -> str:
        """Return the text of an error without the password."""
        password = Secret(self._client.connection_pool.connection_kwargs.get("password") or "")
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        return reason.replace(password.reveal(), "***") if password != Secret("") else reason


def _connect(url: Secret) -> Redis:
    try:
        # No retries: a transaction that was stored although its reply was lost would be stored twice.
        return Redis.from_url(url.reveal(), retry=Retry(NoBackoff(), 0))
    except (ValueError, TypeError):
        pass
    # Raised without its cause: what cannot be parsed may be a part of the password.
    raise ConfigError(
        "invalid Redis URL. It must look like redis://:password@host:6379/0 (rediss:// for TLS, "
        "unix:///path for a socket), with special characters of the password percent-encoded"
    )
