"""Waits for the rate limit, announced."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import ceil, inf

from calcom_async.cli.terminal import say
from calcom_async.errors import RateLimit
from calcom_async.limiter import Bucket, BucketStats, Limiter, Ticket

PATIENCE = 2.0
"""Seconds of a wait after which it is announced."""


class AnnouncingLimiter:
    """A limiter that says on stderr when a request waits for longer than `PATIENCE`, and for how long it will."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._announced_until = -inf

    async def acquire(self, bucket: Bucket, *, priority: int = 0, max_wait: float | None = None) -> Ticket:
        """Wait for a turn; see `Limiter.acquire`."""
        notice = asyncio.create_task(self._announce())
        try:
            return await self._limiter.acquire(bucket, priority=priority, max_wait=max_wait)
        finally:
            notice.cancel()

    async def _announce(self) -> None:
        """Announce the wait, once for all requests that wait for the same time."""
        while True:
            await asyncio.sleep(PATIENCE)
            now = asyncio.get_running_loop().time()
            waits = [max(one.blocked, one.opens_in) for one in self.snapshot() if one.blocked or not one.in_flight]
            if now >= self._announced_until and (seconds := max(waits, default=0.0)) > 0:
                self._announced_until = now + seconds
                say("[yellow]waiting:[/]", f"the rate limit allows the next request in {ceil(seconds)} s")

    async def settle(
        self,
        ticket: Ticket,
        limits: Sequence[RateLimit] | None = None,
        *,
        refused: float | None = None,
        sent: bool = True,
    ) -> None:
        """Report what became of a request; see `Limiter.settle`."""
        await self._limiter.settle(ticket, limits, refused=refused, sent=sent)

    def snapshot(self) -> list[BucketStats]:
        """How every bucket in use stands now."""
        return self._limiter.snapshot()
