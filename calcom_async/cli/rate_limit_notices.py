"""Announce long waits for the rate limit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import ceil, inf

from calcom_async.cli.terminal import print_status
from calcom_async.errors import RateLimit
from calcom_async.rate_limit_state import Bucket, BucketStats, Permit
from calcom_async.rate_limiter import RateLimiter

ANNOUNCE_AFTER = 2.0
"""Seconds after which a wait is announced."""


class AnnouncingLimiter:
    """A rate limiter that prints on stderr when a request waits longer than `ANNOUNCE_AFTER`, and for how long."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter
        self._announced_until = -inf

    async def acquire(self, bucket: Bucket, *, priority: int = 0, max_wait: float | None = None) -> Permit:
        """Wait for a permit; see `RateLimiter.acquire`."""
        notice = asyncio.create_task(self._announce())
        try:
            return await self._limiter.acquire(bucket, priority=priority, max_wait=max_wait)
        finally:
            notice.cancel()

    async def _announce(self) -> None:
        """Announce the wait, once for all requests that wait until the same time."""
        while True:
            await asyncio.sleep(ANNOUNCE_AFTER)
            now = asyncio.get_running_loop().time()
            waits = [
                max(one.blocked_for, one.next_permit_in) for one in self.stats() if one.blocked_for or not one.in_flight
            ]
            if now >= self._announced_until and (seconds := max(waits, default=0.0)) > 0:
                self._announced_until = now + seconds
                print_status("[yellow]waiting:[/]", f"the rate limit allows the next request in {ceil(seconds)} s")

    async def release(
        self,
        permit: Permit,
        limits: Sequence[RateLimit] | None = None,
        *,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        """Return a permit; see `RateLimiter.release`."""
        await self._limiter.release(permit, limits, retry_after=retry_after, sent=sent)

    def stats(self) -> list[BucketStats]:
        """Return the state of every bucket in use."""
        return self._limiter.stats()
