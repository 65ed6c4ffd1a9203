"""SlotWatcher: poll slots, and yield what opened and closed."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from math import inf
from random import random as chance
from typing import Any

import msgspec

from calcom_async.errors import CalcomError, InvalidRequestError, in_range, is_transient, shown
from calcom_async.events import log
from calcom_async.models.slots import Slot, SlotDays
from calcom_async.time_ranges import TimeRange, query_range, search_start, split_by_month
from calcom_async.watch.poll_scheduler import PollScheduler
from calcom_async.watch.slot_changes import SlotChange, SlotsByStart, bookable_slots, diff
from calcom_async.watch.slot_queries import SlotQuery, keys_by_query, watched_range

STALENESS_FACTOR, STALENESS_SLACK = 1.1, 1.0
"""What `staleness` allows beyond the planned interval, since responses take time: a factor, and seconds."""
MAX_INTERVAL = 366 * 86_400.0  # seconds
MAX_RETRY_INTERVAL = 300.0
"""Seconds between polls of a query that keeps failing, unless `interval` is longer."""


class WatchStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and current state of a watcher."""

    polls: int
    failed: int
    pending: int
    """Keys with a change that has not been read yet."""
    failing: Mapping[SlotQuery, CalcomError]
    """Queries whose last poll failed, with the error."""


class StalenessWarning(UserWarning):
    """Slots are polled less often than `interval`, because of the rate limit or slow responses."""


class WatchedQuery(msgspec.Struct, eq=False):
    """A query, the keys that it belongs to, and the result of its last poll."""

    query: SlotQuery
    keys: list[Hashable]
    free: SlotsByStart = {}
    seen_at: datetime | None = None
    answered_at: float | None = None
    """Time of the event loop."""
    interval: float = 0.0
    """Seconds between its last two responses."""
    failures: int = 0
    error: CalcomError | None = None


class SlotWatcher:
    """Polls slots and yields what opened and closed. Created by `Calcom.watch_slots`, which documents the parameters.

    `search` is `Slots.search` of a client with a low priority; `rate` returns how many requests per second the rate
    limit allows. `random` (from 0 to 1) and `clock` can be replaced to make a run reproducible.
    """

    def __init__(
        self,
        targets: Iterable[int | SlotQuery] | Mapping[Any, int | SlotQuery],
        search: Callable[..., Awaitable[SlotDays]],
        *,
        start: date | datetime | str | None = None,
        end: date | datetime | str | None = None,
        days: float | None = None,
        time_zone: str | None = None,
        interval: float = 60.0,
        rate_limit_share: float = 0.9,
        concurrency: int = 32,
        jitter: float = 0.1,
        rate: Callable[[], float] | None = None,
        on_error: Callable[[SlotQuery, CalcomError], object] | None = None,
        random: Callable[[], float] = chance,
        clock: Callable[[], datetime] = partial(datetime.now, UTC),  # noqa: B008 - it is a function
    ) -> None:
        if not (in_range(interval, 0, MAX_INTERVAL) and interval > 0):
            raise InvalidRequestError(f"interval must be above 0 and at most a year of seconds, got {shown(interval)}")
        if not (in_range(rate_limit_share, 0, 1) and rate_limit_share > 0):
            raise InvalidRequestError(f"rate_limit_share must be above 0 and at most 1, got {shown(rate_limit_share)}")
        if not (in_range(jitter, 0, 1) and jitter < 1):
            raise InvalidRequestError(f"jitter must be at least 0 and below 1, got {shown(jitter)}")
        if not in_range(concurrency, 1, inf):
            raise InvalidRequestError(f"concurrency must be at least 1, got {shown(concurrency)}")
        self._watched = [WatchedQuery(query, keys) for query, keys in keys_by_query(targets, time_zone).items()]
        self._range = watched_range(start, end, days, time_zone)
        self._search = search
        self._interval = interval
        self._rate_limit_share = rate_limit_share
        self._concurrency = concurrency
        self._jitter = lambda: jitter * random()
        self._rate = rate
        self._on_error = on_error
        self._clock = clock
        self._delivered: dict[Hashable, tuple[datetime, SlotsByStart]] = {}
        self._pending: dict[Hashable, WatchedQuery] = {}
        """The keys with a change that has not been delivered, the oldest first."""
        self._scheduler: PollScheduler[WatchedQuery] | None = None
        self._polls = self._failed = 0
        self.staleness: float = _staleness_for(interval)
        """Seconds within which each query is polled, as expected now."""
        self._announced_staleness = self.staleness
        self._update_staleness()

    def __repr__(self) -> str:
        if not hasattr(self, "_announced_staleness"):
            return "<SlotWatcher, not initialized>"
        return f"<SlotWatcher of {len(self._watched)} queries every {self._interval:g} s>"

    def snapshot(self) -> dict[Any, tuple[Slot, ...]]:
        """Return the free slots of each key as of its last poll. Keys that were not polled yet are missing."""
        return {
            key: tuple(watched.free[start] for start in sorted(watched.free))
            for watched in self._watched
            if watched.seen_at
            for key in watched.keys
        }

    def stats(self) -> WatchStats:
        """Return the counts so far and the current state."""
        return WatchStats(
            polls=self._polls,
            failed=self._failed,
            pending=len(self._pending),
            failing={watched.query: watched.error for watched in self._watched if watched.error},
        )

    # Reading. Queries are polled only while a loop reads.

    async def __aiter__(self) -> AsyncGenerator[SlotChange, None]:
        """Poll, and yield changes until the range has passed. A second loop ends the first and continues after it."""
        if self._scheduler:
            self._scheduler.stop()  # the loop that reads it ends when it wakes up, and waits for its polls itself
        for watched in self._watched:
            watched.answered_at = None  # the time since the last loop is not an interval between polls
        scheduler = self._scheduler = PollScheduler(
            self._watched, self._poll, self._poll_cost, self._jitter, self._concurrency
        )
        try:
            while scheduler is self._scheduler:
                if self._pending:
                    yield self._deliver(next(iter(self._pending)))
                # The last poll may end with a change, so the pending ones are checked again.
                elif not await scheduler.wait_for_poll() and not self._pending:
                    break
        finally:
            await scheduler.stop()

    async def aclose(self) -> None:
        """End the reading loop and its polls."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler:
            await scheduler.stop()

    def _deliver(self, key: Hashable) -> SlotChange:
        watched = self._pending.pop(key)
        change = self._change(key, watched)
        self._delivered[key] = change.seen_at, watched.free
        return change

    def _change(self, key: Hashable, watched: WatchedQuery) -> SlotChange:
        """Return the difference between what was delivered for a key and what is known now."""
        assert watched.seen_at
        since, before = self._delivered.get(key, (None, {}))
        opened, closed = diff(before, watched.free, watched.seen_at)
        return SlotChange(
            key=key, query=watched.query, opened=opened, closed=closed, seen_at=watched.seen_at, since=since
        )

    # Polling.

    async def _poll(self, watched: WatchedQuery) -> float | None:
        """Poll a query once; return the seconds until its next poll, or None if the range has passed."""
        whole = self._range.at(self._clock())
        if whole.end <= whole.start:
            return None
        self._polls += 1
        try:
            free = await self._fetch(watched.query, whole)
        except CalcomError as error:
            if not is_transient(error):
                # Raised in the loop of the reader, to whom the traceback of a task says nothing about the query.
                error.add_note(f"while watching {', '.join(map(str, watched.keys))}")
                raise
            return self._on_failure(watched, error)
        self._on_success(watched, free)
        return self._poll_interval()

    async def _fetch(self, query: SlotQuery, whole: TimeRange) -> SlotsByStart:
        """Search the free slots of the whole range, with one request per month."""
        free: SlotsByStart = {}
        for part in split_by_month(whole):
            # The searched range is longer than the part, and `bookable_slots` cuts it: see `time_ranges`.
            start, end = query_range(part, whole)
            if query.time_zone is not None:
                start = search_start(start, query.time_zone)
            days = await self._search(start=start, end=end, include_end=True, **query.options())
            free |= bookable_slots(days.slots(), part, whole)
        return free

    def _on_success(self, watched: WatchedQuery, free: SlotsByStart) -> None:
        """Keep the slots of a poll, and mark the keys whose slots differ from those that were delivered."""
        now = asyncio.get_running_loop().time()
        if watched.answered_at is not None:
            watched.interval = now - watched.answered_at
        watched.answered_at, watched.seen_at, watched.free = now, self._clock(), free
        watched.failures, watched.error = 0, None
        for key in watched.keys:
            change = self._change(key, watched)
            if change.opened or change.closed or change.is_initial:
                self._pending.setdefault(key, watched)
            else:
                # Either nothing has changed, or a pending change has been undone. The next change starts from here.
                self._pending.pop(key, None)
                self._delivered[key] = watched.seen_at, free
        self._update_staleness()
        self._announce_staleness()

    def _on_failure(self, watched: WatchedQuery, error: CalcomError) -> float:
        """Report a transient error; return the seconds until the next poll, which double with each failure."""
        self._failed += 1
        watched.failures += 1
        watched.error = error
        if self._on_error is not None:
            self._on_error(watched.query, error)
        else:
            log.warning("polling the slots of %s failed, will retry: %s", watched.query, error)
        interval = self._poll_interval()
        delay = min(interval * 2.0 ** min(watched.failures - 1, 10), max(interval, MAX_RETRY_INTERVAL))
        return max(delay, float(getattr(error, "retry_after", 0.0)))  # 429 and 5xx may say how long to wait

    # How often.

    def _poll_cost(self) -> float:
        """Return for how many seconds one poll uses up the share of the rate limit: one search per month."""
        if not self._rate:
            return 0.0
        return len(split_by_month(self._range.at(self._clock()))) / (self._rate_limit_share * self._rate())

    def _poll_interval(self) -> float:
        """Return the seconds between two polls of a query: `interval`, or more if the rate limit requires it."""
        return max(self._interval, len(self._watched) * self._poll_cost())

    def _update_staleness(self) -> None:
        """Follow the planned and the measured intervals. Improvements below a fifth are ignored."""
        longest = max(self._poll_interval(), *(watched.interval for watched in self._watched))
        if longest > self.staleness or _staleness_for(longest) < 0.8 * self.staleness:
            self.staleness = _staleness_for(longest)

    def _announce_staleness(self) -> None:
        """Warn if the staleness has grown, and log if it has shrunk."""
        before, self._announced_staleness = self._announced_staleness, self.staleness
        if self.staleness > before:
            queries = "query" if len(self._watched) == 1 else "queries"
            warnings.warn(
                f"{len(self._watched)} slot {queries} cannot be polled every {self._interval:g} s, because of the rate "
                f"limit or slow responses; each is polled within {self.staleness:.0f} s",
                StalenessWarning,
                stacklevel=2,
            )
        elif self.staleness < before:
            log.info("%r: each is polled within %.0f s again", self, self.staleness)


def _staleness_for(interval: float) -> float:
    return STALENESS_FACTOR * interval + STALENESS_SLACK
