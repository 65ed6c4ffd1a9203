"""SlotWatcher: many slot searches repeated inside the rate limit, and what opened and closed between them.

    SlotQuery               what a search is about, as a value that can be a key
    split, free_in, diff    a range as searches of a month, their answers as one, and what is new in it
    Rounds                  whose turn it is, and when there is room for it
    SlotWatcher             what is known of every key, and what its reader was told of it

Changes are not queued: what waits to be read is the difference between what was told of a key and what is known of it
now. So whoever reads slowly gets fewer and larger changes, a slot that opened and closed meanwhile is none, and what is
kept never grows.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count, pairwise
from math import ceil, inf
from random import random as chance
from typing import Any, NamedTuple

import msgspec

from calcom_async.errors import CalcomError, InvalidRequestError, in_range, is_transient, shown
from calcom_async.events import log
from calcom_async.models.slots import Slot, SlotDays
from calcom_async.models.times import parse_date_or_datetime
from calcom_async.resources.slots import day_before, first_moment, has_room, last_moment

NOTHING = timedelta()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MONTH = timedelta(days=31)  # a search of more is slow

BURST = 6.0
"""Seconds of the pace that may be used at once after a pause: what nine tenths of a minute's limit leave of it."""
MARGIN, SLACK = 1.1, 1.0
"""What is promised beyond what is planned, as a factor and in seconds: answers take time, and other calls go first."""
LONGEST_RANGE = 3660  # days
LONGEST_EVERY = 366 * 86_400.0  # seconds
LONGEST_PAUSE = 300.0  # seconds between polls of what goes on failing, unless all are rarer anyway

Free = dict[datetime, Slot]  # by start: datetimes compare by instant, whatever their time zones


class SlotQuery(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Whose slots: an event type named in one of the ways of `Slots.search`, and how to look at it."""

    event_type_id: int | None = None
    event_type_slug: str | None = None
    username: str | None = None
    team_slug: str | None = None
    usernames: Sequence[str] | None = None
    organization_slug: str | None = None
    time_zone: str | None = None
    duration: int | None = None
    """Minutes."""
    booking_uid_to_reschedule: str | None = None
    host_subset_ids: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for name in ("usernames", "host_subset_ids"):  # a list would not make a key
            if isinstance(value := getattr(self, name), list):
                msgspec.structs.force_setattr(self, name, tuple(value))

    def options(self) -> dict[str, Any]:
        """What is given, as keywords of `Slots.search`."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class SlotChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became free and what stopped being free between two looks at one key."""

    key: Hashable
    """The query as it was given to the watcher, or its name where names were given."""
    query: SlotQuery
    opened: tuple[Slot, ...]
    closed: tuple[Slot, ...]
    seen_at: datetime
    since: datetime | None
    """The look that the change before this one came from; it all happened after that and up to `seen_at`."""

    @property
    def is_initial(self) -> bool:
        """Whether this is the first look at the key: `opened` is all that is free, and may be nothing."""
        return self.since is None


class WatchStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher did so far, and how it stands."""

    polls: int
    failed: int
    pending: int
    """Keys with a change that nobody has read yet."""
    failing: Mapping[SlotQuery, CalcomError]
    """What could not be seen when it was last tried, and why."""


class StalenessWarning(UserWarning):
    """Slots are looked at less often than asked for, since the rate limit or the server carries no more."""


class Span(NamedTuple):
    """From one moment up to another."""

    start: datetime
    end: datetime


class Window(NamedTuple):
    """The range watched; an open start is the present, and an open end so much later than the start."""

    start: datetime | None
    end: datetime | None
    length: timedelta

    def at(self, now: datetime) -> Span:
        """The range as it is now: what has passed is no part of it."""
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        start = max(self.start or minute, minute)
        return Span(start, self.end or start + self.length)


def split(span: Span) -> list[Span]:
    """The span in parts of about a month, cut at midnights: a cut that moved by the minute would move slots with it."""
    parts = ceil((span.end - span.start) / MONTH)
    cuts = [span.start + (span.end - span.start) / parts * number for number in range(1, parts)]
    midnights = [cut.replace(hour=0, minute=0, second=0, microsecond=0) for cut in cuts]
    return [Span(*borders) for borders in pairwise([span.start, *midnights, span.end])]


def asked(part: Span, whole: Span) -> Span:
    """What to ask the server for one part.

    It answers only slots that lie wholly inside, begins its raster anew at the start of what is asked, and may leave
    out the last day. So a day more is asked on every side; only the start of the whole is the watcher's own.
    """
    start = part.start if part.start == whole.start else part.start - DAY
    return Span(start, part.end + DAY - SECOND)  # for midnight would mean the end of that day


def free_in(slots: Iterable[Slot], part: Span, whole: Span) -> Free:
    """The slots that can be booked, start in the part and end in the whole."""
    return {
        slot.start: slot
        for slot in slots
        if part.start <= slot.start < part.end and (slot.end or slot.start) <= whole.end and has_room(slot)
    }


def diff(before: Free, after: Free, now: datetime) -> tuple[tuple[Slot, ...], tuple[Slot, ...]]:
    """What opened and what closed, each by start; a slot whose time has come is gone without having closed."""
    opened = sorted(after.keys() - before.keys())
    closed = sorted(start for start in before.keys() - after.keys() if start > now)
    return tuple(after[start] for start in opened), tuple(before[start] for start in closed)


class Target(msgspec.Struct, eq=False):
    """One query, whoever asked for it, and what is known of it."""

    query: SlotQuery
    keys: list[Hashable] = []
    free: Free = {}
    seen_at: datetime | None = None
    answered_at: float | None = None
    interval: float = 0.0
    """Seconds between its last two answers."""
    failures: int = 0
    error: CalcomError | None = None


class Turn(NamedTuple):
    """A target in the line: it is polled from `release` on, by `deadline` if at all possible."""

    deadline: float
    number: int
    release: float
    target: Target


class Rounds:
    """Polls one target after the other, by deadline, at a pace; one timer, and a task for each poll under way.

    `poll` says how many seconds later the next is due, or None for never; `cost`, for how many seconds it uses up the
    pace; `early`, by which part of its pause it comes early, for the jitter. Going by deadlines makes turns fair, and
    what is early never makes another one late.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        poll: Callable[[Target], Awaitable[float | None]],
        cost: Callable[[], float],
        early: Callable[[], float],
        concurrency: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._poll = poll
        self._cost = cost
        self._early = early
        self._concurrency = concurrency
        self._paid_until = -inf
        self._numbers = count()
        now = self._loop.time()
        self._line = [Turn(now, next(self._numbers), now, target) for target in targets]
        self._polls: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._polled = asyncio.Event()
        self._failure: BaseException | None = None
        self._serve()

    async def more(self) -> bool:
        """Wait for the end of a poll; False when there will be none. What ended a poll for good is raised here."""
        if self._failure:
            raise self._failure
        if self._line or self._polls:
            await self._polled.wait()
        self._polled.clear()
        return bool(self._line or self._polls or self._failure)

    def stop(self) -> Awaitable[object]:
        """Begin nothing any more, and cancel what is under way; wait for the result to see it gone."""
        self._line.clear()
        self._concurrency = 0
        self._polled.set()
        if self._timer:
            self._timer.cancel()
        for poll in self._polls:
            poll.cancel()
        return asyncio.gather(*self._polls, return_exceptions=True)

    def _serve(self) -> None:
        """Begin every poll whose time has come, and come back for the next one."""
        if self._timer:
            self._timer.cancel()
        now = self._loop.time()
        while self._line and len(self._polls) < self._concurrency:
            at = max(self._line[0].release, self._paid_until - BURST)
            if at > now:
                self._timer = self._loop.call_at(at, self._serve)
                break
            self._paid_until = max(self._paid_until, now) + self._cost()
            poll = self._loop.create_task(self._run(heappop(self._line).target))
            self._polls.add(poll)
            poll.add_done_callback(self._end)

    async def _run(self, target: Target) -> None:
        begun = self._loop.time()
        pause = await self._poll(target)
        if pause is not None:
            release = begun + pause * (1 - self._early())
            heappush(self._line, Turn(begun + pause, next(self._numbers), release, target))

    def _end(self, poll: asyncio.Task[None]) -> None:
        self._polls.discard(poll)
        if not poll.cancelled():
            self._failure = self._failure or poll.exception()
        self._polled.set()
        self._serve()


class SlotWatcher:
    """Repeats slot searches and yields what opened and closed; made by `Calcom.watch_slots`, which tells the rest.

    `search` is `Slots.search` of a client whose calls give way to others; `rate` tells how many calls a second the
    limit allows, where it is known. `random` (from 0 to 1) and `clock` may be replaced to make a run idempotent.
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
        _check(
            in_range(interval, 0, LONGEST_EVERY) and interval > 0,
            f"interval is in seconds, above 0, not {shown(interval)}",
        )
        _check(
            in_range(rate_limit_share, 0, 1) and rate_limit_share > 0,
            f"rate_limit_share must be above 0 and at most 1, not {shown(rate_limit_share)}",
        )
        _check(
            in_range(jitter, 0, 1) and jitter < 1,
            f"jitter must be from 0 to below 1, not {shown(jitter)}",
        )
        _check(in_range(concurrency, 1, inf), f"concurrency must be at least 1, not {shown(concurrency)}")
        self._targets = _targets(targets, time_zone)
        self._window = _window(start, end, days, time_zone)
        self._search = search
        self._interval = interval
        self._rate_limit_share = rate_limit_share
        self._concurrency = concurrency
        self._early = lambda: jitter * random()
        self._rate = rate
        self._on_error = on_error
        self._clock = clock
        self._told: dict[Hashable, tuple[datetime, Free]] = {}
        self._unread: dict[Hashable, Target] = {}
        self._rounds: Rounds | None = None
        self._polled = self._failed = 0
        self.staleness: float = _promised(interval)
        """Seconds within which everything is looked at again, as far as is known now."""
        self._announced = self.staleness
        self._correct()

    def __repr__(self) -> str:
        if not hasattr(self, "_announced"):
            return "<SlotWatcher, not set up>"
        return f"<SlotWatcher of {len(self._targets)} queries every {self._interval:g} s>"

    def snapshot(self) -> dict[Any, tuple[Slot, ...]]:
        """The free slots of each key as last seen; keys that were not seen yet are missing."""
        return {
            key: tuple(target.free[start] for start in sorted(target.free))
            for target in self._targets
            if target.seen_at
            for key in target.keys
        }

    def stats(self) -> WatchStats:
        """A snapshot of the counts."""
        return WatchStats(
            polls=self._polled,
            failed=self._failed,
            pending=len(self._unread),
            failing={target.query: target.error for target in self._targets if target.error},
        )

    # Reading: polls are made only while a loop reads.

    async def __aiter__(self) -> AsyncGenerator[SlotChange, None]:
        """Poll, and yield changes until the range is over. A second loop ends the first, and hears what it did not."""
        if self._rounds:
            self._rounds.stop()
        for target in self._targets:
            target.answered_at = None  # the time since the last loop is no interval
        rounds = self._rounds = Rounds(self._targets, self._poll, self._cost, self._early, self._concurrency)
        try:
            while rounds is self._rounds:
                if self._unread:
                    yield self._tell(next(iter(self._unread)))
                elif not await rounds.more() and not self._unread:
                    break
        finally:
            await rounds.stop()

    async def aclose(self) -> None:
        """End the loop that reads, and the polls with it."""
        rounds, self._rounds = self._rounds, None
        if rounds:
            await rounds.stop()

    def _tell(self, key: Hashable) -> SlotChange:
        """What is unread of a key, which is read now."""
        target = self._unread.pop(key)
        change = self._change(key, target)
        self._told[key] = change.seen_at, target.free
        return change

    def _change(self, key: Hashable, target: Target) -> SlotChange:
        assert target.seen_at
        since, before = self._told.get(key, (None, {}))
        opened, closed = diff(before, target.free, target.seen_at)
        return SlotChange(
            key=key, query=target.query, opened=opened, closed=closed, seen_at=target.seen_at, since=since
        )

    # Looking.

    async def _poll(self, target: Target) -> float | None:
        """Look once; the seconds until the next look, or None when the range is over."""
        whole = self._window.at(self._clock())
        if whole.end <= whole.start:
            return None
        self._polled += 1
        try:
            free = await self._look(target.query, whole)
        except CalcomError as error:
            if not is_transient(error):
                error.add_note(f"while watching {', '.join(map(str, target.keys))}")
                raise
            return self._miss(target, error)
        self._learn(target, free)
        return self._period()

    async def _look(self, query: SlotQuery, whole: Span) -> Free:
        free: Free = {}
        for part in split(whole):
            start, end = asked(part, whole)
            if query.time_zone is not None:
                start = day_before(start, query.time_zone)
            days = await self._search(start=start, end=end, include_end=True, **query.options())
            free |= free_in(days.slots(), part, whole)
        return free

    def _learn(self, target: Target, free: Free) -> None:
        now = asyncio.get_running_loop().time()
        if target.answered_at is not None:
            target.interval = now - target.answered_at
        target.answered_at, target.seen_at, target.free = now, self._clock(), free
        target.failures, target.error = 0, None
        for key in target.keys:
            change = self._change(key, target)
            if change.opened or change.closed or change.is_initial:
                self._unread.setdefault(key, target)
            else:
                self._unread.pop(key, None)
                self._told[key] = target.seen_at, free
        self._correct()
        self._announce()

    def _miss(self, target: Target, error: CalcomError) -> float:
        """Tell of an error that may pass; the pauses double while it does not."""
        self._failed += 1
        target.failures += 1
        target.error = error
        if self._on_error is not None:
            self._on_error(target.query, error)
        else:
            log.warning("no slots of %s, will try again: %s", target.query, error)
        period = self._period()
        pause = min(period * 2.0 ** min(target.failures - 1, 10), max(period, LONGEST_PAUSE))
        return max(pause, float(getattr(error, "retry_after", 0.0)))

    # How often.

    def _cost(self) -> float:
        """Seconds of the limit that one look takes, which is a search for every month."""
        if not self._rate:
            return 0.0
        return len(split(self._window.at(self._clock()))) / (self._rate_limit_share * self._rate())

    def _period(self) -> float:
        """Seconds between two looks at the same query: as asked for, or what the limit carries."""
        return max(self._interval, len(self._targets) * self._cost())

    def _correct(self) -> None:
        """Let the staleness follow what the limit carries and what the last round took; small changes are no news."""
        held = max(self._period(), *(target.interval for target in self._targets))
        if held > self.staleness or _promised(held) < 0.8 * self.staleness:
            self.staleness = _promised(held)

    def _announce(self) -> None:
        """Say so when the staleness has changed."""
        before, self._announced = self._announced, self.staleness
        if self.staleness > before:
            warnings.warn(
                f"{len(self._targets)} slot queries every {self._interval:g} s are more than the rate limit or the "
                f"server carries now; each is looked at within {self.staleness:.0f} s",
                StalenessWarning,
                stacklevel=2,
            )
        elif self.staleness < before:
            log.info("%r: each is looked at within %.0f s again", self, self.staleness)


def _promised(held: float) -> float:
    return MARGIN * held + SLACK


def _targets(given: Iterable[int | SlotQuery] | Mapping[Any, int | SlotQuery], time_zone: str | None) -> list[Target]:
    """One target for each query, with all the keys that want it."""
    _check(isinstance(given, Iterable), f"watch a list or a mapping of event types, not {shown(given)}")
    named = given.items() if isinstance(given, Mapping) else [(key, key) for key in given]
    found: dict[SlotQuery, Target] = {}
    for key, wish in dict(named).items():
        query = SlotQuery(event_type_id=wish) if isinstance(wish, int) else wish
        _check(isinstance(query, SlotQuery), f"watch ids of event types and SlotQuery objects, not {shown(wish)}")
        if query.time_zone is None:
            query = msgspec.structs.replace(query, time_zone=time_zone)
        found.setdefault(query, Target(query)).keys.append(key)
    _check(bool(found), "there is nothing to watch: give at least one event type")
    return [*found.values()]


def _window(
    start: date | datetime | str | None, end: date | datetime | str | None, days: float | None, time_zone: str | None
) -> Window:
    start = None if start is None else parse_date_or_datetime(start, "start")
    end = None if end is None else parse_date_or_datetime(end, "end")
    _check(end is None or days is None, "give `end` or `days`, not both")
    _check(
        days is None or (in_range(days, 0, LONGEST_RANGE) and days > 0),
        f"days must be above 0 and up to {LONGEST_RANGE}, not {shown(days)}",
    )
    length = timedelta(days=14 if days is None else days)
    try:
        begins = None if start is None else first_moment(start, "start", time_zone).astimezone(UTC)
        ends = begins + length if begins and end is None else None
        if end is not None:
            margin = NOTHING if isinstance(end, datetime) else SECOND
            ends = last_moment(end, "end", time_zone).astimezone(UTC) + margin
    except OverflowError:
        raise InvalidRequestError(f"start or end is out of range: {start} to {end}") from None
    _check(not begins or not ends or begins < ends, f"the range ends before it starts: {start} to {end}")
    return Window(begins, ends, length)


def _check(fine: bool, complaint: str) -> None:  # noqa: FBT001 - it reads as an assertion
    if not fine:
        raise InvalidRequestError(complaint)
