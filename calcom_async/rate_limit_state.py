"""State of one rate limit bucket: its named limits, the requests in flight, and the block after a 429. No I/O.

Credentials may have several named limits. The server sends a 429 only when all of them are used up. All times are those
of the caller's clock, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Self

import msgspec

from calcom_async.errors import ConfigError, RateLimit
from calcom_async.rate_limit_window import CLOCK_TOLERANCE, MAX_LIMIT, MAX_RESET, WindowEstimate

DEFAULT_LIMIT_NAME = "default"
"""The server's name for the limit of endpoints without a limit of their own."""


class Bucket(msgspec.Struct, frozen=True):
    """Requests that count together, with the limit to assume until the server has reported the real one.

    `key` identifies the credentials and the server: a fingerprint and a base URL.
    """

    key: str
    name: str = DEFAULT_LIMIT_NAME
    limit: int = 120
    window: float = 60.0

    def __post_init__(self) -> None:
        check_limit(f"Bucket {self.name!r}", self.limit, self.window)


class Permit(msgspec.Struct, frozen=True):
    """Permission to send one request now. Pass it to `release` when the response has arrived, or when none will."""

    bucket: Bucket
    number: int
    sent_at: float
    waited: float = 0.0


class BucketStats(msgspec.Struct, frozen=True):
    """State of one bucket; of several named limits, the one with the most requests left.

    `available` is the server's figure, less the requests in flight. The limiter may withhold some of it for other
    clients on the same key: see `next_permit_in`.
    """

    key: str
    name: str
    limit: int
    available: int
    in_flight: int
    waiting: int
    blocked_for: float
    """Seconds until the block after a 429 ends."""
    next_permit_in: float
    """Seconds until the next request may be sent, if no response arrives before."""
    window: float = 60.0
    """Length of the rate limit window, in seconds."""


class BucketState(msgspec.Struct):
    """State of one bucket: its named limits, the requests in flight, and the time until which all are blocked."""

    windows: dict[str, WindowEstimate]
    used_at: float
    in_flight_since: dict[str | int, float] = {}
    blocked_until: float = -inf

    @classmethod
    def initial(cls, name: str, limit: int, window: float, now: float) -> Self:
        """Return the state before the first request."""
        return cls({name: WindowEstimate(min(limit, MAX_LIMIT), window)}, now)

    def ready_at(self, now: float) -> float:
        """Return when the next request may be sent: one named limit that permits it is enough."""
        # Every request passes here. A comparison costs a fifth of a call of min() or max().
        in_flight = self.in_flight(now) if self.in_flight_since else 0
        ready_at = inf
        for window in self.windows.values():
            window_ready_at = window.ready_at(now, in_flight)
            if window_ready_at < ready_at:
                ready_at = window_ready_at
        return ready_at if ready_at > self.blocked_until else self.blocked_until

    def estimate_grant_time(self, now: float, ahead: int) -> float:
        """Return the earliest time for a request with `ahead` others before it."""
        in_flight = self.in_flight(now)
        times = [window.estimate_grant_time(now, in_flight, ahead) for window in self.windows.values()]
        return max(self.blocked_until, min(times))

    def grant(self, request: str | int, now: float) -> None:
        """Count a request that is sent now."""
        self.in_flight_since[request] = self.used_at = now
        for window in self.windows.values():
            if now >= window.ends_by:
                window.record_paced(now)

    def cancel(self, request: str | int, now: float) -> None:
        """Take back a request that was granted but not sent."""
        if self.in_flight_since.pop(request, None) is not None:
            for window in self.windows.values():
                if now >= window.ends_by:
                    window.undo_paced(now)

    def release(
        self,
        request: str | int,
        sent_at: float,
        limits: Sequence[RateLimit] | None,
        retry_after: float | None,
        now: float,
    ) -> None:
        """Update from the result of a request; see `RateLimiter.release`."""
        self.in_flight_since.pop(request, None)
        self.used_at = now
        if limits:
            self._update_from_headers(sent_at, limits, now, rejected=retry_after is not None)
        if retry_after is not None:
            self.blocked_until = max(self.blocked_until, now + retry_after + CLOCK_TOLERANCE)
            if not limits:
                self.forget_windows(now)
        elif not limits:
            for window in self.windows.values():
                window.mark_unconfirmed(1, now)
                window.no_headers = window.no_headers or limits is not None

    def forget_windows(self, now: float) -> None:
        """Treat the windows as unknown: what is known about them is wrong or out of date."""
        for window in self.windows.values():
            window.ends_by = min(window.ends_by, now)

    def _update_from_headers(self, sent_at: float, limits: Sequence[RateLimit], now: float, *, rejected: bool) -> None:
        in_flight = self.in_flight(now) if self.in_flight_since else 0
        if len(limits) != len(self.windows):
            self._rename_windows(limits)
        for limit in limits:
            if limit.name not in self.windows:
                self._rename_windows(limits)
            blocked = limit.remaining < 1 and (rejected or len(limits) > 1)
            self.windows[limit.name].update(limit, sent_at, now, in_flight, blocked=blocked)

    def _rename_windows(self, limits: Sequence[RateLimit]) -> None:
        """Keep a window for each of these limits, with what is known about those that had one."""
        known, self.windows = self.windows, {}
        for limit in limits:
            window = known.get(limit.name)
            self.windows[limit.name] = window or WindowEstimate(limit.limit, max(1.0, limit.reset))

    def in_flight(self, now: float) -> int:
        """Return how many requests the server may not have counted yet, which excludes those older than a window."""
        if not self.in_flight_since:
            return 0
        expired = now - max([window.window for window in self.windows.values()])
        while self.in_flight_since:
            oldest = next(iter(self.in_flight_since))
            if self.in_flight_since[oldest] > expired:
                break
            del self.in_flight_since[oldest]
        return len(self.in_flight_since)

    def mark_all_unconfirmed(self, now: float) -> None:
        """Give up the responses of all requests in flight, because their event loop has ended."""
        for window in self.windows.values():
            window.mark_unconfirmed(len(self.in_flight_since), now)
        self.in_flight_since.clear()

    def expires_at(self) -> float:
        """Return when the state is worth no more than a new one, if no request is in flight."""
        unused = max(max(window.ends_by, self.used_at + 2 * window.window) for window in self.windows.values())
        return max(unused, self.blocked_until)

    def stats(self, bucket: Bucket, now: float, waiting: int) -> BucketStats:
        """Return the state in figures."""
        in_flight = self.in_flight(now)
        available = {name: window.available(now, in_flight) for name, window in self.windows.items()}
        widest = max(available, key=available.__getitem__)
        return BucketStats(
            key=bucket.key,
            name=bucket.name,
            limit=self.windows[widest].limit,
            available=available[widest] if now >= self.blocked_until else 0,
            in_flight=in_flight,
            waiting=waiting,
            blocked_for=max(0.0, self.blocked_until - now),
            next_permit_in=max(0.0, self.ready_at(now) - now),
            window=self.windows[widest].window,
        )


def check_limit(owner: str, limit: int, window: float) -> None:
    """Raise `ConfigError` for a limit or window that cannot be one; `owner` names it in the message."""
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConfigError(f"{owner}: limit must be an integer of at least 1, got {limit!r}")
    if isinstance(window, bool) or not isinstance(window, int | float) or not 0 < window <= MAX_RESET:
        raise ConfigError(f"{owner}: window must be above 0 and at most {MAX_RESET:.0f} seconds, got {window!r}")
