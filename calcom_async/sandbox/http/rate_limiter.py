"""The rate limiter: fixed windows that start with the first request, and a block after the limit is exceeded.

A caller may have several named limits. Each counts every request, and a request is rejected only if all of them are
blocked. Rejected requests count too, so a client that keeps sending may cause the next block. The real server does this
in `apps/api/v2/src/lib/throttler-guard.ts` of https://github.com/calcom/cal.com.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from calcom_async.sandbox.http.errors import HttpError, string_details
from calcom_async.sandbox.state.store import Limit


@dataclass(slots=True)
class _Count:
    """The counter of one limit for one caller."""

    hits: int = 0
    window_ends: float = 0
    block_ends: float = 0


@dataclass(frozen=True, slots=True)
class LimitResult:
    """The result of one limit for one request."""

    limit: Limit
    remaining: int
    reset: int
    blocked: bool

    def headers(self) -> dict[str, str]:
        """Return the three headers of this limit; Reset is in whole seconds from now, not a time.

        There is no header without the name of a limit, and no `Retry-After`.
        """
        name = self.limit.name[:1].upper() + self.limit.name[1:]
        return {
            f"X-RateLimit-Limit-{name}": str(self.limit.limit),
            f"X-RateLimit-Remaining-{name}": str(self.remaining),
            f"X-RateLimit-Reset-{name}": str(self.reset),
        }


class RateLimiter:
    """Counters by caller and limit name."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def hit(self, tracker: str, limits: Sequence[Limit], now: float) -> list[LimitResult]:
        """Count a request of `tracker` against all of its limits."""
        if len(self._counts) > 10_000:
            self._forget(now)
        return [self._count(tracker, limit, now) for limit in limits]

    def clear(self) -> None:
        """Reset all counters and blocks."""
        self._counts.clear()

    def _count(self, tracker: str, limit: Limit, now: float) -> LimitResult:
        """Count a request against one limit. A block outlasts the window, and is not extended while it lasts."""
        count = self._counts.setdefault((tracker, limit.name), _Count())
        # The window goes on during a block. If it begins anew there and the caller keeps sending, the first request
        # after the block may start the next one (recorded from a self-hosted server of 2026-07).
        if now >= count.window_ends:
            count.hits, count.window_ends = 0, now + limit.window
        count.hits += 1
        if now >= count.block_ends and count.hits > limit.limit:
            count.block_ends = now + limit.block
        # Reset counts to the end of the block then, and Remaining stays 0.
        if now < count.block_ends:
            return LimitResult(limit, 0, ceil(count.block_ends - now), blocked=True)
        return LimitResult(limit, limit.limit - count.hits, ceil(count.window_ends - now), blocked=False)

    def _forget(self, now: float) -> None:
        """Drop the counters of callers whose window and block have ended."""
        live = {key: count for key, count in self._counts.items() if max(count.window_ends, count.block_ends) > now}
        self._counts = live


def rate_limit_headers(results: Iterable[LimitResult]) -> dict[str, str]:
    """Return three headers for each limit."""
    return {name: value for result in results for name, value in result.headers().items()}


def rate_limit_error(results: Sequence[LimitResult]) -> HttpError | None:
    """Return the 429 if all limits are blocked."""
    if all(result.blocked for result in results):
        text = "CustomThrottlerGuard - Too many requests. Please try again later."
        return string_details(429, "ThrottlerException", text)
    return None
