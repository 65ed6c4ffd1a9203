"""Waiting for a turn, so that the server never has to refuse.

    WindowEstimate        what is known of one named limit, and when it lets a request go (`gauge.py`; read it first)
    BucketState       one bucket: its gauges, the requests on their way, and the block after a 429
    WaitQueue         who waits: by priority, then first come first served
    BucketQueue         grants turns from the ledger to the line; one timer, and nothing is held while anybody sleeps
    TokenBucket  the desks of all buckets

A credential may have several named limits, and the server refuses only when all of them are used up. All times are
those of the running event loop, in seconds.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from math import inf, isfinite
from typing import Protocol

import msgspec

from calcom_async.errors import ConfigError, InvalidRequestError, RateLimit, RateLimitedError
from calcom_async.rate_limit_window import CLOCK_TOLERANCE, MAX_LIMIT, MAX_RESET, WindowEstimate, plausible_limits

log: logging.Logger = logging.getLogger("calcom_async")

DEFAULT_RETRY_AFTER = 1.0
"""Seconds that a 429 holds all requests back when it names no usable time; the call itself backs off in addition."""
LONG_WAIT = 65.0
"""Seconds; a longer wait is logged as a warning. Waiting for the next minute is normal, and Reset is rounded up."""
DEFAULT_LIMIT_NAME = "default"
"""What the server calls the limit of endpoints that have none of their own."""


class Bucket(msgspec.Struct, frozen=True):
    """What is counted together: a caller, and a limit to begin with until answers tell the real one.

    `key` says whose calls are counted and where: a fingerprint of the credential and the address of the server.
    """

    key: str
    name: str = DEFAULT_LIMIT_NAME
    limit: int = 120
    window: float = 60.0

    def __post_init__(self) -> None:
        _check(f"Bucket {self.name!r}", self.limit, self.window)


class Permit(msgspec.Struct, frozen=True):
    """One request that may go now. Give it back with `release` when its answer came, or when none will come."""

    bucket: Bucket
    number: int
    sent_at: float
    waited: float = 0.0


class BucketStats(msgspec.Struct, frozen=True):
    """One bucket at one moment; of several named limits, the one that leaves most room. `blocked_for` is in seconds.

    `available` is the server's figure, less the requests in flight. The limiter may hold some of it back for other
    clients on the same key: see `next_permit_in`.
    """

    key: str
    name: str
    limit: int
    available: int
    in_flight: int
    waiting: int
    blocked_for: float
    next_permit_in: float
    """Seconds until the next one may go, if no answer comes before."""
    window: float = 60.0
    """Seconds in which the limit counts."""


class RateLimiter(Protocol):
    """Who may send when. The state changes through these calls only, so that it may live in another process."""

    async def acquire(self, bucket: Bucket, *, priority: int = 0, max_wait: float | None = None) -> Permit:
        """Wait for a turn; lower `priority` numbers go first, equals in order of arrival.

        Raises `RateLimitedError` at once when the wait would be longer than `max_wait` seconds, also when only later
        news make it so.
        """

    async def release(
        self,
        permit: Permit,
        limits: Sequence[RateLimit] | None = None,
        *,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        """Tell what became of a request: the limits that its answer named, and after a 429 the seconds to wait.

        Without an answer `limits` is None: the request counts as one that the server has seen, unless it was never
        `sent`. Limits and times that cannot be true are ignored.
        """

    def stats(self) -> list[BucketStats]:
        """How every bucket in use stands now."""


class BucketState:
    """One bucket's books: how its limits stand, what is on its way, and until when everything is refused."""

    def __init__(self, bucket: Bucket, limit: int, window: float, now: float) -> None:
        self.bucket = bucket
        self.gauges: dict[str, WindowEstimate] = {bucket.name: WindowEstimate(min(limit, MAX_LIMIT), window)}
        self.on_the_way: dict[int, float] = {}
        self.blocked_until: float = -inf
        self.used_at: float = now

    def ready_at(self, now: float) -> float:
        """When the next request may go: any one limit with room is enough."""
        in_flight = self._in_flight(now)
        return max(self.blocked_until, min([gauge.ready_at(now, in_flight) for gauge in self.gauges.values()]))

    def turn_at(self, now: float, ahead: int) -> float:
        """The earliest time for a request with so many others before it."""
        in_flight = self._in_flight(now)
        return max(self.blocked_until, min(gauge.turn_at(now, in_flight, ahead) for gauge in self.gauges.values()))

    def admit(self, number: int, now: float) -> None:
        """A request goes."""
        self.on_the_way[number] = self.used_at = now
        for gauge in self.gauges.values():
            gauge.sent(now)

    def withdraw(self, number: int, now: float) -> None:
        """A request that was admitted was not sent."""
        if self.on_the_way.pop(number, None) is not None:
            for gauge in self.gauges.values():
                gauge.withdrawn(now)

    def release(
        self, permit: Permit, limits: Sequence[RateLimit] | None, retry_after: float | None, now: float
    ) -> None:
        """A request has ended."""
        self.on_the_way.pop(permit.number, None)
        self.used_at = now
        if limits:
            self._learn(permit, limits, now, refused=retry_after is not None)
        if retry_after is not None:
            self._refuse(now, retry_after, told=bool(limits))
        elif not limits:
            self._lose(1, now)
            if limits is not None:
                self._hear_nothing()

    def _hear_nothing(self) -> None:
        """An answer that names no limits: its server may not tell them at all."""
        for gauge in self.gauges.values():
            gauge.untold = True

    def _refuse(self, now: float, retry_after: float, *, told: bool) -> None:
        """A 429: everybody waits. One that names no limits says no more than that what we knew was wrong."""
        self.blocked_until = max(self.blocked_until, now + retry_after + CLOCK_TOLERANCE)
        for gauge in () if told else self.gauges.values():
            gauge.ends = min(gauge.ends, now)

    def _learn(self, permit: Permit, limits: Sequence[RateLimit], now: float, *, refused: bool) -> None:
        in_flight = self._in_flight(now)
        if [told.name for told in limits] != [*self.gauges]:
            known, self.gauges = self.gauges, {}
            for told in limits:
                self.gauges[told.name] = known.get(told.name) or WindowEstimate(told.limit, max(1.0, told.reset))
        for told in limits:
            blocked = told.remaining < 1 and (refused or len(limits) > 1)
            self.gauges[told.name].learn(told, permit.sent_at, now, in_flight, blocked=blocked)

    def _in_flight(self, now: float) -> int:
        """How many requests the server may not have counted yet: not those sent a whole window ago."""
        if not self.on_the_way:
            return 0
        longest = max([gauge.window for gauge in self.gauges.values()])
        while self.on_the_way:
            oldest = next(iter(self.on_the_way))
            if self.on_the_way[oldest] > now - longest:
                break
            del self.on_the_way[oldest]
        return len(self.on_the_way)

    def lose_all(self, now: float) -> None:
        """The event loop that the requests were sent from is gone, and their answers with it."""
        self._lose(len(self.on_the_way), now)
        self.on_the_way.clear()

    def _lose(self, number: int, now: float) -> None:
        for gauge in self.gauges.values():
            gauge.lose(number, now)

    def is_idle(self, now: float) -> bool:
        """Whether a new ledger would do as well."""
        over = max(max(gauge.ends, self.used_at + 2 * gauge.window) for gauge in self.gauges.values())
        return not self._in_flight(now) and now > max(over, self.blocked_until)

    def stats(self, now: float, waiting: int) -> BucketStats:
        """How the bucket stands."""
        in_flight = self._in_flight(now)
        room = {name: gauge.room(now, in_flight) for name, gauge in self.gauges.items()}
        roomiest = max(room, key=room.__getitem__)
        return BucketStats(
            key=self.bucket.key,
            name=self.bucket.name,
            limit=self.gauges[roomiest].limit,
            available=room[roomiest] if now >= self.blocked_until else 0,
            in_flight=in_flight,
            waiting=waiting,
            blocked_for=max(0.0, self.blocked_until - now),
            next_permit_in=max(0.0, self.ready_at(now) - now),
            window=self.gauges[roomiest].window,
        )


class Waiter(msgspec.Struct, eq=False):
    """One request in the line; after `deadline` it does not want its turn any more."""

    bucket: Bucket
    number: int
    priority: int
    since: float
    deadline: float
    future: asyncio.Future[Permit]


class WaitQueue:
    """Who waits: lower priority numbers first, then in order of arrival. Anybody may leave at any time."""

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[int, Waiter]] = {}

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    def __iter__(self) -> Iterator[Waiter]:
        for priority in sorted(self._lanes):
            yield from self._lanes[priority].values()

    def head(self) -> Waiter | None:
        """Who is next."""
        return next(iter(self), None)

    def ahead_of(self, priority: int) -> int:
        """How many would go before a newcomer."""
        return sum(len(lane) for other, lane in self._lanes.items() if other <= priority)

    def join(self, waiter: Waiter) -> None:
        """Stand at the end of one's lane."""
        self._lanes.setdefault(waiter.priority, OrderedDict())[waiter.number] = waiter

    def leave(self, waiter: Waiter) -> None:
        """Go, from whatever place, if still there."""
        lane = self._lanes.get(waiter.priority, OrderedDict())
        lane.pop(waiter.number, None)
        if not lane:
            self._lanes.pop(waiter.priority, None)


class BucketQueue:
    """One bucket in one event loop: a line before a ledger, and one timer for the head of the line."""

    def __init__(self, ledger: BucketState, loop: asyncio.AbstractEventLoop) -> None:
        self.ledger = ledger
        self.loop = loop
        self.line: WaitQueue = WaitQueue()
        self._opens_at = -inf
        self._logged_until = -inf
        self._timer: asyncio.TimerHandle | None = None

    def is_open(self, now: float) -> bool:
        """Whether a newcomer may go at once."""
        return not self.line and self.ledger.ready_at(now) <= now

    def admit(self, bucket: Bucket, number: int, since: float, now: float) -> Permit:
        """Let one go."""
        self.ledger.admit(number, now)
        return Permit(bucket, number, now, now - since)

    async def wait(self, waiter: Waiter) -> Permit:
        """Stand in the line until the turn comes."""
        self._join(waiter)
        expiry = self.loop.call_at(waiter.deadline, self._expire, waiter) if isfinite(waiter.deadline) else None
        try:
            return await waiter.future
        except (asyncio.CancelledError, GeneratorExit):
            self._leave(waiter)
            raise
        finally:
            if expiry:
                expiry.cancel()

    def _join(self, waiter: Waiter) -> None:
        turn_at = self.ledger.turn_at(self.loop.time(), self.line.ahead_of(waiter.priority))
        if turn_at > waiter.deadline:
            raise self._too_late(waiter, turn_at)
        self.line.join(waiter)
        if len(self.line) == 1:
            self.serve()
        self._log_long_wait(turn_at)

    def serve(self) -> None:
        """Let go whoever may, and set the timer for the next one."""
        now = self.loop.time()
        while (head := self.line.head()) and (opens_at := self.ledger.ready_at(now)) <= now:
            self.line.leave(head)
            if not head.future.done():
                head.future.set_result(self.admit(head.bucket, head.number, head.since, now))
        if head:
            self._open_at(opens_at, now)

    def release(
        self, permit: Permit, limits: Sequence[RateLimit] | None, retry_after: float | None, *, sent: bool
    ) -> None:
        """One that was let go has ended, or was not sent; others may go now."""
        now = self.loop.time()
        if sent:
            self.ledger.release(permit, limits, retry_after, now)
        else:
            self.ledger.withdraw(permit.number, now)
        if self.line:
            self.serve()

    def _open_at(self, opens_at: float, now: float) -> None:
        """Come back then. When that is later than it seemed, send away at once those for whom it is too late."""
        self._wake_at(opens_at)
        if opens_at > self._opens_at:
            self._review(now)
            self._log_long_wait(opens_at)
        self._opens_at = opens_at

    def _log_long_wait(self, until: float) -> None:
        """Warn about a long wait: once, and again when it has become a minute longer."""
        wait = until - self.loop.time()
        if wait > LONG_WAIT and until > self._logged_until + LONG_WAIT:
            self._logged_until = until
            log.warning(
                "rate limit %.40a: %d request(s) wait for at least %.0f s",
                self.ledger.bucket.name,
                len(self.line),
                wait,
            )

    def _wake_at(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_at(when, self.serve)

    def _review(self, now: float, until: float = inf) -> None:
        """Send away those with numbers below `until` whose turn would come too late."""
        for place, waiter in enumerate(list(self.line)):
            if isfinite(waiter.deadline) and waiter.number < until:
                turn_at = self.ledger.turn_at(now, place)
                if turn_at > waiter.deadline or now >= waiter.deadline:
                    self._send_away(waiter, max(turn_at, self.ledger.ready_at(now)))

    def _expire(self, waiter: Waiter) -> None:
        self.serve()
        if not waiter.future.done():
            self._send_away(waiter, self.ledger.ready_at(self.loop.time()))

    def _send_away(self, waiter: Waiter, turn_at: float) -> None:
        self.line.leave(waiter)
        if not waiter.future.done():
            waiter.future.set_exception(self._too_late(waiter, turn_at))

    def _too_late(self, waiter: Waiter, turn_at: float) -> RateLimitedError:
        wait = max(CLOCK_TOLERANCE, turn_at - self.loop.time())
        return RateLimitedError(
            f"nothing was sent: the rate limit {waiter.bucket.name!r} has no room for another {wait:.1f} s, "
            f"and the allowed wait is {waiter.deadline - waiter.since:g} s",
            retry_after=wait,
        )

    def _leave(self, waiter: Waiter) -> None:
        """Its task was cancelled. A turn that came in the same moment goes to the next."""
        self.line.leave(waiter)
        granted = waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None
        if granted and not self.loop.is_closed():
            self.release(waiter.future.result(), None, None, sent=False)
        waiter.future.cancel()


class TokenBucket(RateLimiter):
    """The limiter of one process. Clients that share one share its turns.

    `limit` and `window` replace the documented ones that default buckets begin with; answers correct both. In another
    event loop, after the first one ended, it goes on with what it knows. Buckets that nobody uses are forgotten.
    """

    def __init__(self, limit: int | None = None, *, window: float | None = None) -> None:
        _check("TokenBucket", 1 if limit is None else limit, 1.0 if window is None else window)
        self.limit = limit
        self.window = window
        self._desks: OrderedDict[tuple[str, str], BucketQueue] = OrderedDict()
        self._numbers = itertools.count(1)

    async def acquire(self, bucket: Bucket, *, priority: int = 0, max_wait: float | None = None) -> Permit:
        """Wait for a turn; see `RateLimiter.acquire`."""
        if max_wait is not None and not max_wait >= 0:
            raise InvalidRequestError(f"max_wait is {max_wait!r}: give seconds from 0 on, or None to wait for any time")
        desk, number = self._desk(bucket), next(self._numbers)
        now = desk.loop.time()
        if desk.is_open(now):
            return desk.admit(bucket, number, now, now)
        deadline = inf if max_wait is None else now + max_wait
        return await desk.wait(Waiter(bucket, number, priority, now, deadline, desk.loop.create_future()))

    async def release(
        self,
        permit: Permit,
        limits: Sequence[RateLimit] | None = None,
        *,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        """Tell what became of a request; see `RateLimiter.release`. It never suspends, so it is safe in a `finally`."""
        if retry_after is not None and not 0 <= retry_after <= MAX_RESET:
            retry_after = DEFAULT_RETRY_AFTER
        self._desk(permit.bucket).release(permit, limits and plausible_limits(limits), retry_after, sent=sent)

    def stats(self) -> list[BucketStats]:
        """How every bucket in use stands now."""
        return [desk.ledger.stats(desk.loop.time(), len(desk.line)) for desk in self._desks.values()]

    def _desk(self, bucket: Bucket) -> BucketQueue:
        loop, place = asyncio.get_running_loop(), (bucket.key, bucket.name)
        desk = self._desks.get(place)
        if desk is None or desk.loop is not loop:
            desk = self._desks[place] = self._new_desk(self._ledger(bucket, desk, loop.time()), loop)
        if len(self._desks) > 1:
            self._desks.move_to_end(place)
            self._forget_idle(loop)
        return desk

    def _new_desk(self, ledger: BucketState, loop: asyncio.AbstractEventLoop) -> BucketQueue:
        return BucketQueue(ledger, loop)

    def _ledger(self, bucket: Bucket, old: BucketQueue | None, now: float) -> BucketState:
        if old is not None and old.ledger.used_at <= now:  # else the other loop had another clock
            old.ledger.lose_all(now)
            return old.ledger
        if bucket.name != DEFAULT_LIMIT_NAME:
            return BucketState(bucket, bucket.limit, bucket.window, now)
        return BucketState(bucket, self.limit or bucket.limit, self.window or bucket.window, now)

    def _forget_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        while len(self._desks) > 1:
            place, oldest = next(iter(self._desks.items()))
            if (oldest.line and oldest.loop is loop) or not oldest.ledger.is_idle(loop.time()):
                break
            del self._desks[place]


def _check(whose: str, limit: int, window: float) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConfigError(f"{whose}: limit must be a whole number of at least 1, got {limit!r}")
    if isinstance(window, bool) or not isinstance(window, int | float) or not 0 < window <= MAX_RESET:
        raise ConfigError(f"{whose}: window must be seconds above 0 and at most {MAX_RESET:.0f}, got {window!r}")
