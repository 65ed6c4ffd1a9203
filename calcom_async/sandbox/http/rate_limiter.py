"""The rate limiter: fixed windows from the first hit, and a block once a window is overdrawn.

Several named limits may hold for one caller. Each counts every request; a request is refused only when all of
them are blocked. Refused requests still count, which is why hammering through a block may start another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from calcom_async.sandbox.http.errors import HttpError, string_details
from calcom_async.sandbox.state.store import Limit


@dataclass(slots=True)
class _Count:
    hits: int = 0
    window_ends: float = 0
    block_ends: float = 0


@dataclass(frozen=True, slots=True)
class LimitResult:
    """What one limit says about one request."""

    limit: Limit
    remaining: int
    reset: int
    blocked: bool

    def headers(self) -> dict[str, str]:
        """The three headers of this limit; Reset is in whole seconds from now."""
        name = self.limit.name[:1].upper() + self.limit.name[1:]
        return {
            f"X-RateLimit-Limit-{name}": str(self.limit.limit),
            f"X-RateLimit-Remaining-{name}": str(self.remaining),
            f"X-RateLimit-Reset-{name}": str(self.reset),
        }


class RateLimiter:
    """Counts requests per caller and limit name."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def hit(self, tracker: str, limits: Sequence[Limit], now: float) -> list[LimitResult]:
        """Count one request of `tracker` against all of its limits."""
        if len(self._counts) > 10_000:
            self._forget(now)
        return [self._count(tracker, limit, now) for limit in limits]

    def clear(self) -> None:
        """Forget all counts and blocks."""
        self._counts.clear()

    def _count(self, tracker: str, limit: Limit, now: float) -> LimitResult:
        count = self._counts.setdefault((tracker, limit.name), _Count())
        if now >= count.window_ends:
            count.hits, count.window_ends = 0, now + limit.window
        count.hits += 1
        if now >= count.block_ends and count.hits > limit.limit:
            count.block_ends = now + limit.block
        if now < count.block_ends:
            return LimitResult(limit, 0, ceil(count.block_ends - now), blocked=True)
        return LimitResult(limit, limit.limit - count.hits, ceil(count.window_ends - now), blocked=False)

    def _forget(self, now: float) -> None:
        live = {key: count for key, count in self._counts.items() if max(count.window_ends, count.block_ends) > now}
        self._counts = live


def rate_limit_headers(results: Iterable[LimitResult]) -> dict[str, str]:
    """One triple of headers for each limit."""
    return {name: value for result in results for name, value in result.headers().items()}


def rate_limit_error(results: Sequence[LimitResult]) -> HttpError | None:
    """The 429 when every limit is blocked."""
    if all(result.blocked for result in results):
        text = "CustomThrottlerGuard - Too many requests. Please try again later."
        return string_details(429, "ThrottlerException", text)
    return None
