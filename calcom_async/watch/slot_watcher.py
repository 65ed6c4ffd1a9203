"""SlotWatcher: poll slots, and yield what opened and closed."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from random import random as chance
from typing import Any

import msgspec

from calcom_async.errors import CalcomError
from calcom_async.events import log
from calcom_async.models.slots import Slot, SlotDays
from calcom_async.time_ranges import TimeRange, query_range, search_start, split_by_month
from calcom_async.watch.slot_changes import SlotChange, SlotsByStart, bookable_slots, diff
from calcom_async.watch.slot_queries import SlotQuery, keys_by_query, watched_range
from calcom_async.watch.watcher import PolledQuery, Watcher

STALENESS_FACTOR, STALENESS_SLACK = 1.1, 1.0
"""What `staleness` allows beyond the planned interval, since responses take time: a factor, and seconds."""


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


class WatchedQuery(PolledQuery, eq=False):
    """A query, the keys that it belongs to, and the result of its last poll."""

    query: SlotQuery
    keys: list[Hashable]
    free: SlotsByStart = msgspec.field(default_factory=dict)
    seen_at: datetime | None = None
    answered_at: float | None = None
    """Time of the event loop."""
    interval: float = 0.0
    """Seconds between its last two responses."""


class SlotWatcher(Watcher[WatchedQuery, SlotChange]):
    """Polls slots and yields what opened and closed. Created by `Calcom.watch_slots`, which documents the parameters.

    `search` is `Slots.search` of a client with a low priority. See `Watcher` for `rate`, `random` and `clock`.
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
        super().__init__(
            [WatchedQuery(query, keys) for query, keys in keys_by_query(targets, time_zone).items()],
            interval=interval,
            rate_limit_share=rate_limit_share,
            concurrency=concurrency,
            jitter=jitter,
            rate=rate,
            random=random,
            clock=clock,
        )
        self._range = watched_range(start, end, days, time_zone)
        self._search = search
        self._on_error = on_error
        self._delivered: dict[Hashable, tuple[datetime, SlotsByStart]] = {}
        self._pending: dict[Hashable, WatchedQuery] = {}
        """The keys with a change that has not been delivered, the oldest first."""
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

    # Reading.

    def __aiter__(self) -> AsyncGenerator[SlotChange, None]:
        """Poll, and yield changes until the range has passed. A second loop ends the first and continues after it."""
        for watched in self._watched:
            watched.answered_at = None  # the time since the last loop is not an interval between polls
        return super().__aiter__()

    def _next_change(self) -> SlotChange | None:
        return self._deliver(next(iter(self._pending))) if self._pending else None

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

    async def _poll_once(self, watched: WatchedQuery) -> float | None:
        whole = self._range.at(self._clock())
        if whole.end <= whole.start:
            return None
        self._polls += 1
        self._on_success(watched, await self._fetch(watched.query, whole))
        return self._poll_interval()

    def _subject(self, watched: WatchedQuery) -> str:
        return ", ".join(map(str, watched.keys))

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

    def _report(self, watched: WatchedQuery, error: CalcomError) -> None:
        self._failed += 1
        if self._on_error is not None:
            self._on_error(watched.query, error)
        else:
            log.warning("polling the slots of %s failed, will retry: %s", watched.query, error)

    # How often.

    def _requests_per_poll(self) -> int:
        """Return how many requests a poll sends: one search per month."""
        return len(split_by_month(self._range.at(self._clock())))

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
