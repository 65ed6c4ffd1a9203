"""Watch the slots of many event types within the rate limit, and report which opened and closed.

    SlotQuery                           an event type and how to search it: a value that can be a dictionary key
    WatchedRange, bookable_slots, diff  the range watched now, the slots in it, and what changed between two polls
    PollScheduler                       decides which query is polled when, within a share of the rate limit
    SlotWatcher                         keeps the last known slots of each key and what was delivered to the reader

Changes are not queued. The next change of a key is the difference between the slots that were delivered last and the
slots known now. So a slow reader gets fewer and larger changes, a slot that opened and closed in between is not
reported, and memory does not grow.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import random as chance
from typing import Any, NamedTuple

import msgspec

from calcom_async.errors import CalcomError, InvalidRequestError, in_range, is_transient, shown
from calcom_async.events import log
from calcom_async.models.slots import Slot, SlotDays
from calcom_async.models.times import parse_date_or_datetime
from calcom_async.resources.slots import has_room
from calcom_async.time_ranges import (
    SECOND,
    TimeRange,
    first_instant,
    last_instant,
    query_range,
    search_start,
    split_by_month,
)

BURST = 6.0
"""Seconds of pace that polls may use at once after a pause: the tenth of a minute that the default share leaves."""
STALENESS_FACTOR, STALENESS_SLACK = 1.1, 1.0
"""What `staleness` allows beyond the planned interval, since responses take time: a factor, and seconds."""
MAX_DAYS = 3660
MAX_INTERVAL = 366 * 86_400.0  # seconds
MAX_RETRY_INTERVAL = 300.0
"""Seconds between polls of a query that keeps failing, unless `interval` is longer."""

SlotsByStart = dict[datetime, Slot]  # datetimes compare by instant, whatever their time zones


class SlotQuery(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """An event type, selected in one of the ways of `Slots.search`, and the options of its search."""

    event_type_id: int | None = None
    event_type_slug: str | None = None
    username: str | None = None
    team_slug: str | None = None
    usernames: Sequence[str] | None = None
    organization_slug: str | None = None
    time_zone: str | None = None
    duration: int | None = None
    """In minutes."""
    booking_uid_to_reschedule: str | None = None
    host_subset_ids: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for name in ("usernames", "host_subset_ids"):  # a list is not hashable
            if isinstance(value := getattr(self, name), list):
                msgspec.structs.force_setattr(self, name, tuple(value))

    def options(self) -> dict[str, Any]:
        """Return the options that are set, as keywords of `Slots.search`."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class SlotChange(msgspec.Struct, frozen=True, kw_only=True):
    """Slots of one key that opened or closed since the previous change."""

    key: Hashable
    """The target as it was given to the watcher, or its name if the targets are a mapping."""
    query: SlotQuery
    opened: tuple[Slot, ...]
    closed: tuple[Slot, ...]
    seen_at: datetime
    since: datetime | None
    """Time of the poll of the previous change of this key. The slots opened and closed after that, up to `seen_at`."""

    @property
    def is_initial(self) -> bool:
        """Whether this is the first change of the key: `opened` holds all free slots, and may be empty."""
        return self.since is None


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


class WatchedRange(NamedTuple):
    """The range that is watched. Without a start it begins now; without an end it has a fixed length."""

    start: datetime | None
    end: datetime | None
    length: timedelta

    def at(self, now: datetime) -> TimeRange:
        """Return the part of the range that has not passed yet."""
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        start = max(self.start or minute, minute)
        return TimeRange(start, self.end or start + self.length)


def bookable_slots(slots: Iterable[Slot], part: TimeRange, whole: TimeRange) -> SlotsByStart:
    """Return the slots that can be booked, start in the part and end in the whole range."""
    return {
        slot.start: slot
        for slot in slots
        if part.start <= slot.start < part.end and (slot.end or slot.start) <= whole.end and has_room(slot)
    }


def diff(before: SlotsByStart, after: SlotsByStart, now: datetime) -> tuple[tuple[Slot, ...], tuple[Slot, ...]]:
    """Return which slots opened and which closed, by start. A slot whose start has passed did not close."""
    opened = sorted(after.keys() - before.keys())
    closed = sorted(start for start in before.keys() - after.keys() if start > now)
    return tuple(after[start] for start in opened), tuple(before[start] for start in closed)


class WatchedQuery(msgspec.Struct, eq=False):
    """A query, the keys that it belongs to, and the result of its last poll."""

    query: SlotQuery
    keys: list[Hashable] = []
    free: SlotsByStart = {}
    seen_at: datetime | None = None
    answered_at: float | None = None
    """Time of the event loop."""
    interval: float = 0.0
    """Seconds between its last two responses."""
    failures: int = 0
    error: CalcomError | None = None


class ScheduledPoll(NamedTuple):
    """The next poll of a query: not before `not_before`, and by `deadline` if possible. Ordered by deadline."""

    deadline: float
    number: int
    not_before: float
    query: WatchedQuery


class PollScheduler:
    """Polls queries in the order of their deadlines, at a limited pace, with one timer and one task per poll.

    `poll` returns the seconds until the next poll of the query, or None for no further poll. `cost` returns the seconds
    for which one poll uses up the pace. `jitter` returns the fraction of its interval by which a poll may be early.
    Ordering by deadline is fair, and an early poll never delays one that is due.
    """

    def __init__(
        self,
        queries: Iterable[WatchedQuery],
        poll: Callable[[WatchedQuery], Awaitable[float | None]],
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
        if self._queue or self._polls:
            await self._poll_ended.wait()
        self._poll_ended.clear()
        return bool(self._queue or self._polls or self._error)

    def stop(self) -> Awaitable[object]:
        """Start no more polls and cancel those in progress. Await the result until they have ended."""
        self._queue.clear()
        self._concurrency = 0
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
            self._paced_until = max(self._paced_until, now) + self._cost()
            poll = self._loop.create_task(self._run(heappop(self._queue).query))
            self._polls.add(poll)
            poll.add_done_callback(self._on_poll_end)

    async def _run(self, query: WatchedQuery) -> None:
        started = self._loop.time()
        interval = await self._poll(query)
        if interval is not None:
            not_before = started + interval * (1 - self._jitter())
            heappush(self._queue, ScheduledPoll(started + interval, next(self._numbers), not_before, query))

    def _on_poll_end(self, poll: asyncio.Task[None]) -> None:
        self._polls.discard(poll)
        if not poll.cancelled():
            self._error = self._error or poll.exception()
        self._poll_ended.set()
        self._start_due_polls()


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
        self._queries = _watched_queries(targets, time_zone)
        self._range = _watched_range(start, end, days, time_zone)
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
        self._scheduler: PollScheduler | None = None
        self._polls = self._failed = 0
        self.staleness: float = _staleness_for(interval)
        """Seconds within which each query is polled, as expected now."""
        self._announced_staleness = self.staleness
        self._update_staleness()

    def __repr__(self) -> str:
        if not hasattr(self, "_announced_staleness"):
            return "<SlotWatcher, not initialized>"
        return f"<SlotWatcher of {len(self._queries)} queries every {self._interval:g} s>"

    def snapshot(self) -> dict[Any, tuple[Slot, ...]]:
        """Return the free slots of each key as of its last poll. Keys that were not polled yet are missing."""
        return {
            key: tuple(query.free[start] for start in sorted(query.free))
            for query in self._queries
            if query.seen_at
            for key in query.keys
        }

    def stats(self) -> WatchStats:
        """Return the counts so far and the current state."""
        return WatchStats(
            polls=self._polls,
            failed=self._failed,
            pending=len(self._pending),
            failing={query.query: query.error for query in self._queries if query.error},
        )

    # Reading. Queries are polled only while a loop reads.

    async def __aiter__(self) -> AsyncGenerator[SlotChange, None]:
        """Poll, and yield changes until the range has passed. A second loop ends the first and continues after it."""
        if self._scheduler:
            self._scheduler.stop()
        for query in self._queries:
            query.answered_at = None  # the time since the last loop is not an interval between polls
        scheduler = self._scheduler = PollScheduler(
            self._queries, self._poll, self._poll_cost, self._jitter, self._concurrency
        )
        try:
            while scheduler is self._scheduler:
                if self._pending:
                    yield self._deliver(next(iter(self._pending)))
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
        query = self._pending.pop(key)
        change = self._change(key, query)
        self._delivered[key] = change.seen_at, query.free
        return change

    def _change(self, key: Hashable, query: WatchedQuery) -> SlotChange:
        """Return the difference between what was delivered for a key and what is known now."""
        assert query.seen_at
        since, before = self._delivered.get(key, (None, {}))
        opened, closed = diff(before, query.free, query.seen_at)
        return SlotChange(key=key, query=query.query, opened=opened, closed=closed, seen_at=query.seen_at, since=since)

    # Polling.

    async def _poll(self, query: WatchedQuery) -> float | None:
        """Poll a query once; return the seconds until its next poll, or None if the range has passed."""
        whole = self._range.at(self._clock())
        if whole.end <= whole.start:
            return None
        self._polls += 1
        try:
            free = await self._fetch(query.query, whole)
        except CalcomError as error:
            if not is_transient(error):
                error.add_note(f"while watching {', '.join(map(str, query.keys))}")
                raise
            return self._on_failure(query, error)
        self._on_success(query, free)
        return self._poll_interval()

    async def _fetch(self, query: SlotQuery, whole: TimeRange) -> SlotsByStart:
        free: SlotsByStart = {}
        for part in split_by_month(whole):
            start, end = query_range(part, whole)
            if query.time_zone is not None:
                start = search_start(start, query.time_zone)
            days = await self._search(start=start, end=end, include_end=True, **query.options())
            free |= bookable_slots(days.slots(), part, whole)
        return free

    def _on_success(self, query: WatchedQuery, free: SlotsByStart) -> None:
        now = asyncio.get_running_loop().time()
        if query.answered_at is not None:
            query.interval = now - query.answered_at
        query.answered_at, query.seen_at, query.free = now, self._clock(), free
        query.failures, query.error = 0, None
        for key in query.keys:
            change = self._change(key, query)
            if change.opened or change.closed or change.is_initial:
                self._pending.setdefault(key, query)
            else:
                # What was pending has been undone: the next change starts from this poll.
                self._pending.pop(key, None)
                self._delivered[key] = query.seen_at, free
        self._update_staleness()
        self._announce_staleness()

    def _on_failure(self, query: WatchedQuery, error: CalcomError) -> float:
        """Report a transient error; return the seconds until the next poll, which double with each failure."""
        self._failed += 1
        query.failures += 1
        query.error = error
        if self._on_error is not None:
            self._on_error(query.query, error)
        else:
            log.warning("polling the slots of %s failed, will retry: %s", query.query, error)
        interval = self._poll_interval()
        delay = min(interval * 2.0 ** min(query.failures - 1, 10), max(interval, MAX_RETRY_INTERVAL))
        return max(delay, float(getattr(error, "retry_after", 0.0)))

    # How often.

    def _poll_cost(self) -> float:
        """Return for how many seconds one poll uses up the share of the rate limit: one search per month."""
        if not self._rate:
            return 0.0
        return len(split_by_month(self._range.at(self._clock()))) / (self._rate_limit_share * self._rate())

    def _poll_interval(self) -> float:
        """Return the seconds between two polls of a query: `interval`, or more if the rate limit requires it."""
        return max(self._interval, len(self._queries) * self._poll_cost())

    def _update_staleness(self) -> None:
        """Follow the planned and the measured intervals. Improvements below a fifth are ignored."""
        longest = max(self._poll_interval(), *(query.interval for query in self._queries))
        if longest > self.staleness or _staleness_for(longest) < 0.8 * self.staleness:
            self.staleness = _staleness_for(longest)

    def _announce_staleness(self) -> None:
        """Warn if the staleness has grown, and log if it has shrunk."""
        before, self._announced_staleness = self._announced_staleness, self.staleness
        if self.staleness > before:
            queries = "query" if len(self._queries) == 1 else "queries"
            warnings.warn(
                f"{len(self._queries)} slot {queries} cannot be polled every {self._interval:g} s, because of the rate "
                f"limit or slow responses; each is polled within {self.staleness:.0f} s",
                StalenessWarning,
                stacklevel=2,
            )
        elif self.staleness < before:
            log.info("%r: each is polled within %.0f s again", self, self.staleness)


def _staleness_for(interval: float) -> float:
    return STALENESS_FACTOR * interval + STALENESS_SLACK


def _watched_queries(
    targets: Iterable[int | SlotQuery] | Mapping[Any, int | SlotQuery], time_zone: str | None
) -> list[WatchedQuery]:
    """Return one query for all keys that have equal targets."""
    if not isinstance(targets, Iterable):
        raise InvalidRequestError(f"targets must be a list or a mapping of event types, got {shown(targets)}")
    by_key = targets.items() if isinstance(targets, Mapping) else [(target, target) for target in targets]
    watched: dict[SlotQuery, WatchedQuery] = {}
    for key, target in dict(by_key).items():
        query = SlotQuery(event_type_id=target) if isinstance(target, int) else target
        if not isinstance(query, SlotQuery):
            raise InvalidRequestError(
                f"each target must be the id of an event type or a SlotQuery, got {shown(target)}"
            )
        if query.time_zone is None:
            query = msgspec.structs.replace(query, time_zone=time_zone)
        watched.setdefault(query, WatchedQuery(query)).keys.append(key)
    if not watched:
        raise InvalidRequestError("targets must contain at least one event type")
    return [*watched.values()]


def _watched_range(
    start: date | datetime | str | None, end: date | datetime | str | None, days: float | None, time_zone: str | None
) -> WatchedRange:
    start = None if start is None else parse_date_or_datetime(start, "start")
    end = None if end is None else parse_date_or_datetime(end, "end")
    if end is not None and days is not None:
        raise InvalidRequestError("pass either end or days, not both")
    if days is not None and not (in_range(days, 0, MAX_DAYS) and days > 0):
        raise InvalidRequestError(f"days must be above 0 and at most {MAX_DAYS}, got {shown(days)}")
    length = timedelta(days=14 if days is None else days)
    try:
        first = None if start is None else first_instant(start, "start", time_zone).astimezone(UTC)
        last = first + length if first and end is None else None
        if end is not None:
            last = last_instant(end, "end", time_zone).astimezone(UTC)
            if not isinstance(end, datetime):
                last += SECOND
    except OverflowError:
        raise InvalidRequestError(f"start or end is out of range: {start} to {end}") from None
    if first and last and first >= last:
        raise InvalidRequestError(f"end must be after start, got {start} to {end}")
    return WatchedRange(first, last, length)
