"""Compare-and-set of a rate limit state in Redis, by the script `redis_script.lua`, and the messages about Redis."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from calcom_async.rate_limit_state import Bucket
from calcom_async.redis_connection import REPLY_TIMEOUT, RedisConnection

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from calcom_async.secret import Secret

log: logging.Logger = logging.getLogger("calcom_async")

SCRIPT: str = Path(__file__).with_suffix(".lua").read_text("utf-8")


class RedisScript(RedisConnection):
    """Compare-and-set in Redis."""

    content = "the rate limit"

    def __init__(self, redis: str | Secret | Redis, prefix: str) -> None:
        super().__init__(redis)
        self.prefix = prefix
        self._is_disconnected: bool = False

    async def compare_and_set(
        self, bucket: Bucket, expected: bytes | None, new: bytes, seconds: float, now: str
    ) -> tuple[bool, float, bytes]:
        """Replace the state if it is the expected one; None never is. Return whether it was, the time, and the state.

        States are encoded as ASCII: a borrowed client may decode what it reads.
        """
        owner = hashlib.sha256(bucket.key.encode(errors="surrogatepass")).hexdigest()[:32]
        digest = "" if expected is None else hashlib.sha1(expected, usedforsecurity=False).hexdigest()
        script = self.client().register_script(SCRIPT)
        async with asyncio.timeout(REPLY_TIMEOUT):
            stored, clock, found = await script(
                keys=[f"{self.prefix}:{{{owner}:{bucket.name}}}"], args=[digest, new, ceil(seconds * 1000), now]
            )
        return bool(stored), float(clock), found.encode() if isinstance(found, str) else found

    def on_disconnect(self, error: Exception, share: float) -> None:
        """Log once that this process continues without Redis."""
        if not self._is_disconnected:
            log.warning(
                "Redis at %s is unavailable (%s): using %g of the rate limit until it is back",
                self.server,
                self.reason(error),
                share,
            )
        self._is_disconnected = True

    def on_reconnect(self) -> None:
        """Log once that Redis is back, if it was unavailable."""
        if self._is_disconnected:
            log.warning("Redis at %s is back: sharing the rate limit with other processes again", self.server)
        self._is_disconnected = False
