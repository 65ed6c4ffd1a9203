"""Compare-and-set of a rate limit state in Redis, by the script `redis_script.lua`, and the messages about Redis."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from math import ceil
from pathlib import Path

from calcom_async.errors import ConfigError, ConnectionFailedError
from calcom_async.extras import import_extra
from calcom_async.rate_limit_state import Bucket
from calcom_async.secret import Secret, without_frames

with import_extra("RedisTokenBucket", "redis"):
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import AuthenticationError, NoPermissionError

log: logging.Logger = logging.getLogger("calcom_async")

SCRIPT_TIMEOUT = 5.0
"""Seconds after which a call of the script counts as unanswered."""
SCRIPT: str = Path(__file__).with_suffix(".lua").read_text("utf-8")


class RedisScript:
    """Compare-and-set in Redis, over a client of our own, created in each event loop, or a borrowed one."""

    def __init__(self, redis: str | Secret | Redis, prefix: str) -> None:
        self.prefix = prefix
        redis = Secret(redis) if isinstance(redis, str) else redis
        self._url = redis if isinstance(redis, Secret) else None
        self._client: Redis = _connect(redis) if isinstance(redis, Secret) else redis
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_disconnected: bool = False

    @property
    def server(self) -> str:
        """Address of Redis, without the password."""
        place = self._client.connection_pool.connection_kwargs
        return place.get("path") or f"{place.get('host', 'localhost')}:{place.get('port', 6379)}/{place.get('db') or 0}"

    async def compare_and_set(
        self, bucket: Bucket, expected: bytes | None, new: bytes, seconds: float, now: str
    ) -> tuple[bool, float, bytes]:
        """Replace the state if it is the expected one; None never is. Return whether it was, the time, and the state.

        States are encoded as ASCII: a borrowed client may decode what it reads.
        """
        loop = asyncio.get_running_loop()
        if self._url and self._loop is not loop:  # connections belong to the event loop that opened them
            self._client = _connect(self._url)
            self._loop = loop
        owner = hashlib.sha256(bucket.key.encode(errors="surrogatepass")).hexdigest()[:32]
        digest = "" if expected is None else hashlib.sha1(expected, usedforsecurity=False).hexdigest()
        script = self._client.register_script(SCRIPT)
        async with asyncio.timeout(SCRIPT_TIMEOUT):
            stored, clock, found = await script(
                keys=[f"{self.prefix}:{{{owner}:{bucket.name}}}"], args=[digest, new, ceil(seconds * 1000), now]
            )
        return bool(stored), float(clock), found.encode() if isinstance(found, str) else found

    async def aclose(self) -> None:
        """Close the client unless it is borrowed."""
        if self._url:
            await self._client.aclose()

    def on_disconnect(self, error: Exception, share: float) -> None:
        """Log once that this process continues without Redis."""
        if not self._is_disconnected:
            log.warning(
                "Redis at %s is unavailable (%s): using %g of the rate limit until it is back",
                self.server,
                self._reason(error),
                share,
            )
        self._is_disconnected = True

    def on_reconnect(self) -> None:
        """Log once that Redis is back, if it was unavailable."""
        if self._is_disconnected:
            log.warning("Redis at %s is back: sharing the rate limit with other processes again", self.server)
        self._is_disconnected = False

    def unavailable_error(self, error: Exception) -> ConnectionFailedError:
        """Return the error to raise while Redis is unavailable."""
        is_rejected = isinstance(error, AuthenticationError | NoPermissionError)
        unavailable = ConnectionFailedError(
            f"Redis at {self.server}, which holds the rate limit, is unavailable ({self._reason(error)}). "
            "Check that it is running and that the URL is correct. No request was sent",
            sent=False,
            retryable=not is_rejected,
        )
        unavailable.__cause__ = without_frames(error)  # the frames of redis hold the password
        return unavailable

    def _reason(self, error: Exception) -> str:
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
