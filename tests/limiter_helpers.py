"""Acquire permits from a limiter, and release them with responses of a server."""

from __future__ import annotations

import asyncio
from typing import Any

from calcom_async.errors import RateLimit
from calcom_async.rate_limit_state import Bucket, Permit
from calcom_async.rate_limit_window import CLOCK_TOLERANCE
from calcom_async.rate_limiter import TokenBucket

BUCKET = Bucket("key")


def rate_limits(remaining: int, reset: float = 60, limit: int = 120, name: str = "default") -> list[RateLimit]:
    """Return one rate limit, as the middleware reads it from headers."""
    return [RateLimit(name, limit, remaining, reset)]


def loop_time() -> float:
    """Return the time of the event loop."""
    return asyncio.get_running_loop().time()


async def open_window(limiter: TokenBucket, remaining: int = 119, reset: float = 60, limit: int = 120) -> float:
    """Complete one request, so that the window is known. Return the time at which it has certainly ended."""
    permit = await limiter.acquire(BUCKET)
    await limiter.release(permit, rate_limits(remaining, reset, limit))
    return loop_time() + reset + CLOCK_TOLERANCE


async def acquire_once(limiter: TokenBucket, remaining: int = 50, bucket: Bucket = BUCKET, **options: Any) -> float:
    """Acquire and release one permit. Return the time at which it was granted."""
    permit = await limiter.acquire(bucket, **options)
    await limiter.release(permit, rate_limits(remaining))
    return permit.sent_at


async def block_for(limiter: TokenBucket, seconds: float, bucket: Bucket = BUCKET) -> None:
    """Complete one request with a 429."""
    permit = await limiter.acquire(bucket)
    await limiter.release(permit, rate_limits(0, seconds), retry_after=seconds)


def start_acquire(limiter: TokenBucket, **options: Any) -> asyncio.Task[Permit]:
    """Start to acquire a permit in a task."""
    return asyncio.ensure_future(limiter.acquire(BUCKET, **options))
