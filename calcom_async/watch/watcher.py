"""Watcher: what all watchers share. It polls while a loop reads, yields changes, and survives transient errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import datetime
from math import inf
from typing import Generic, TypeVar

import msgspec

from calcom_async.errors import CalcomError, InvalidRequestError, in_range, is_transient, shown
from calcom_async.watch.poll_scheduler import PollScheduler

MAX_INTERVAL = 366 * 86_400.0  # seconds
MAX_RETRY_INTERVAL = 300.0
"""Seconds between polls of a query that keeps failing, unless `interval` is longer."""


class PolledQuery(msgspec.Struct, eq=False, kw_only=True):
    """What is polled, and whether its last polls have failed."""

    failures: int = 0
    error: CalcomError | None = None


Q = TypeVar("Q", bound=PolledQuery)
C = TypeVar("C")


class Watcher(ABC, Generic[Q, C]):
    """An async iterator of changes that are found by polling.

    `rate` returns how many requests per second the rate limit allows. `random` (from 0 to 1) and `clock` can be
    replaced to make a run reproducible.
    """

    def __init__(
        self,
        queries: Iterable[Q],
        *,
        interval: float,
        rate_limit_share: float,
        concurrency: int,
        jitter: float,
        rate: Callable[[], float] | None,
        random: Callable[[], float],
        clock: Callable[[], datetime],
    ) -> None:
        if not (in_range(interval, 0, MAX_INTERVAL) and interval > 0):
            raise InvalidRequestError(f"interval must be above 0 and at most a year of seconds, got {shown(interval)}")
        if not (in_range(rate_limit_share, 0, 1) and rate_limit_share > 0):
            raise InvalidRequestError(f"rate_limit_share must be above 0 and at most 1, got {shown(rate_limit_share)}")
        if not (in_range(jitter, 0, 1) and jitter < 1):
            raise InvalidRequestError(f"jitter must be at least 0 and below 1, got {shown(jitter)}")
        if not in_range(concurrency, 1, inf):
            raise InvalidRequestError(f"concurrency must be at least 1, got {shown(concurrency)}")
        self._watched = list(queries)
        self._interval = interval
        self._rate_limit_share = rate_limit_share
        self._concurrency = concurrency
        self._jitter = lambda: jitter * random()
        self._rate = rate
        self._clock = clock
        self._scheduler: PollScheduler[Q] | None = None

    # Reading. Queries are polled only while a loop reads.

    async def __aiter__(self) -> AsyncGenerator[C, None]:
        """Poll, and yield changes. A second loop ends the first and continues after it."""
        if self._scheduler:
            self._scheduler.stop()  # the loop that reads it ends when it wakes up, and waits for its polls itself
        scheduler = self._scheduler = PollScheduler(
            self._watched, self._poll, self._poll_cost, self._jitter, self._concurrency
        )
        has_polls = True
        try:
            while scheduler is self._scheduler:
                if (change := self._next_change()) is not None:
                    yield change
                elif has_polls:
                    # The last poll may end with a change, so the changes are checked once more.
                    has_polls = await scheduler.wait_for_poll()
                else:
                    break
        finally:
            await scheduler.stop()

    async def aclose(self) -> None:
        """End the reading loop and its polls."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler:
            await scheduler.stop()

    @abstractmethod
    def _next_change(self) -> C | None:
        """Return the next change, which is no longer pending then; None if there is none."""

    # Polling.

    async def _poll(self, watched: Q) -> float | None:
        """Poll a query once; return the seconds until its next poll, or None for no further poll."""
        try:
            seconds = await self._poll_once(watched)
        except CalcomError as error:
            if not is_transient(error):
                # Raised in the loop of the reader, to whom the traceback of a task says nothing about the query.
                self._add_subject(error, watched)
                raise
            watched.failures += 1
            watched.error = error
            self._report(watched, error)
            return self._retry_interval(watched, error)
        watched.failures, watched.error = 0, None
        return seconds

    def _add_subject(self, error: CalcomError, watched: Q) -> None:
        error.add_note(f"while watching {self._subject(watched)}")

    def _retry_interval(self, watched: Q, error: CalcomError) -> float:
        """Return the seconds until the next poll after a failure, which double with each one."""
        interval = self._poll_interval()
        delay = min(interval * 2.0 ** min(watched.failures - 1, 10), max(interval, MAX_RETRY_INTERVAL))
        return max(delay, float(getattr(error, "retry_after", 0.0)))  # 429 and 5xx may say how long to wait

    @abstractmethod
    async def _poll_once(self, watched: Q) -> float | None:
        """Send the requests of a poll, and keep what has changed; return as `_poll` does."""

    @abstractmethod
    def _subject(self, watched: Q) -> str:
        """Return what an error of this query is about."""

    @abstractmethod
    def _report(self, watched: Q, error: CalcomError) -> None:
        """Report a transient error of a poll."""

    # How often.

    @abstractmethod
    def _requests_per_poll(self) -> int:
        """Return how many requests a poll sends."""

    def _poll_cost(self) -> float:
        """Return for how many seconds one poll uses up the share of the rate limit."""
        if not self._rate:
            return 0.0
        return self._requests_per_poll() / (self._rate_limit_share * self._rate())

    def _poll_interval(self) -> float:
        """Return the seconds between two polls of a query: `interval`, or more if the rate limit requires it."""
        return max(self._interval, len(self._watched) * self._poll_cost())
