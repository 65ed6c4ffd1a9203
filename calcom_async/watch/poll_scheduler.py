"""Decide which query is polled when: in the order of their deadlines, at a limited pace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Generic, NamedTuple, TypeVar

Q = TypeVar("Q")

BURST = 6.0
"""Seconds of pace that polls may use at once after a pause: the tenth of a minute that the default share leaves."""


class ScheduledPoll(NamedTuple, Generic[Q]):
    """The next poll of a query: not before `not_before`, and by `deadline` if possible. Ordered by deadline."""

    deadline: float
    number: int
    """Distinct, so that the heap never compares queries."""
    not_before: float
    query: Q


class PollScheduler(Generic[Q]):
    """Polls queries in the order of their deadlines, at a limited pace, with one timer and one task per poll.

    `poll` returns the seconds until the next poll of the query, or None for no further poll. `cost` returns the seconds
    for which one poll uses up the pace. `jitter` returns the fraction of its interval by which a poll may be early.
    Ordering by deadline is fair, and an early poll never delays one that is due. Times are those of the event loop.
    """

    def __init__(
        self,
        queries: Iterable[Q],
        poll: Callable[[Q], Awaitable[float | None]],
        cost: Callable[[], float],
        jitter: Callable[[], float],
        concurrency: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._poll = poll
        self._cost = cost
        self._jitter = jitter
        self._concurrency = concurrency
        self._paced_until = -inf
        """Until when the polls so far have used up the pace. It may lie in the future, up to `BURST` and one poll."""
        self._numbers = count()
        now = self._loop.time()
        self._queue = [ScheduledPoll(now, next(self._numbers), now, query) for query in queries]
        self._polls: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._poll_ended = asyncio.Event()
        self._error: BaseException | None = None
        self._start_due_polls()

    async def wait_for_poll(self) -> bool:
        """Wait until a poll ends; return False if there will be no more. Raise the error that ended a query."""
        if self._error:
            raise self._error
        # Without a poll in progress or in the queue, the event would never be set.
        if self._queue or self._polls:
            await self._poll_ended.wait()
        self._poll_ended.clear()
        return bool(self._queue or self._polls or self._error)

    def poll_soon(self, query: Q) -> None:
        """Make the next poll of a query due now, unless one is in progress."""
        for index, scheduled in enumerate(self._queue):
            if scheduled.query is query:
                now = self._loop.time()
                self._queue[index] = scheduled._replace(deadline=now, not_before=now)
                heapify(self._queue)
                self._start_due_polls()
                return

    def stop(self) -> Awaitable[object]:
        """Start no more polls and cancel those in progress. Await the result until they have ended."""
        self._queue.clear()
        self._concurrency = 0  # a cancelled poll that ends calls `_start_due_polls` once more
        self._poll_ended.set()
        if self._timer:
            self._timer.cancel()
        for poll in self._polls:
            poll.cancel()
        return asyncio.gather(*self._polls, return_exceptions=True)

    def _start_due_polls(self) -> None:
        """Start every poll that is due, and set the timer for the next one."""
        if self._timer:
            self._timer.cancel()
        now = self._loop.time()
        while self._queue and len(self._polls) < self._concurrency:
            at = max(self._queue[0].not_before, self._paced_until - BURST)
            if at > now:
                self._timer = self._loop.call_at(at, self._start_due_polls)
                break
            # Charged when the poll starts, not when it ends: otherwise slow polls would exceed the pace.
            # From now on at the earliest, so that an idle time is worth no more than `BURST`.
            self._paced_until = max(self._paced_until, now) + self._cost()
            poll = self._loop.create_task(self._run(heappop(self._queue).query))
            self._polls.add(poll)
            poll.add_done_callback(self._on_poll_end)

    async def _run(self, query: Q) -> None:
        """Poll a query once, and put its next poll into the queue."""
        started = self._loop.time()
        interval = await self._poll(query)
        if interval is not None:
            # Early, never late: the deadline stays, and clients that started together drift apart.
            not_before = started + interval * (1 - self._jitter())
            heappush(self._queue, ScheduledPoll(started + interval, next(self._numbers), not_before, query))

    def _on_poll_end(self, poll: asyncio.Task[None]) -> None:
        """Keep the first error of a poll, and start the polls that waited for it to end."""
        self._polls.discard(poll)
        if not poll.cancelled():
            self._error = self._error or poll.exception()
        self._poll_ended.set()
        self._start_due_polls()
