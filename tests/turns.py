"""Asking a limiter for turns, and answering as the server would."""

from __future__ import annotations

import asyncio
from typing import Any

from calcom_async.errors import RateLimit
from calcom_async.gauge import GRACE
from calcom_async.limiter import Bucket, Ticket, TokenBucket

BUCKET = Bucket("key")


def told(remaining: int, reset: float = 60, limit: int = 120, name: str = "default") -> list[RateLimit]:
    return [RateLimit(name, limit, remaining, reset)]


def now() -> float:
    return asyncio.get_running_loop().time()


async def opened(limiter: TokenBucket, remaining: int = 119, reset: float = 60, limit: int = 120) -> float:
    """Have one request answered, so that the window is known; the time at which it ends for sure."""
    ticket = await limiter.acquire(BUCKET)
    await limiter.settle(ticket, told(remaining, reset, limit))
    return now() + reset + GRACE


async def one(limiter: TokenBucket, remaining: int = 50, bucket: Bucket = BUCKET, **options: Any) -> float:
    """One request, answered at once; the time of its turn."""
    ticket = await limiter.acquire(bucket, **options)
    await limiter.settle(ticket, told(remaining))
    return ticket.sent_at


async def blocked_for(limiter: TokenBucket, seconds: float, bucket: Bucket = BUCKET) -> None:
    ticket = await limiter.acquire(bucket)
    await limiter.settle(ticket, told(0, seconds), refused=seconds)


def taking(limiter: TokenBucket, **options: Any) -> asyncio.Task[Ticket]:
    return asyncio.ensure_future(limiter.acquire(BUCKET, **options))
