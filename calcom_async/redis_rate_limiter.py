"""Rate limiter shared by many processes: the state of each bucket is in Redis, the waiters are in their process.

    RedisScript       compare-and-set of a state (redis_script.py)
    SharedState       a `BucketState` in Redis's clock, and how processes that wait divide what is left
    RedisBucketQueue  one bucket in one process: a queue, and one transaction at a time for all its waiters
    RedisTokenBucket  all buckets of a process

A transaction adds the results since the last one to the state, and grants permits to as many waiters as it allows. It
is computed in Python, by the code of the local limiter. It is stored if no other process has changed the state since it
was read; otherwise it is computed again from the new state. From its copy of the state, a process knows when to try
again, and which waiters would wait too long. Requests in flight of a process that dies are dropped after one window.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from math import ceil, inf
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import msgspec

from calcom_async.errors import ConfigError, RateLimit
from calcom_async.rate_limit_state import Bucket, BucketState, Permit
from calcom_async.rate_limit_window import MAX_LIMIT, MAX_NAMED_LIMITS, MAX_RESET, WindowEstimate
from calcom_async.rate_limiter import BATCH, BucketQueue, TokenBucket, Waiter
from calcom_async.redis_script import RedisScript
from calcom_async.secret import Secret

if TYPE_CHECKING:
    from redis.asyncio import Redis

RECONNECT_INTERVAL = 1.0
"""Seconds between attempts to reach Redis while it is unavailable."""
MIN_POLL_INTERVAL = 0.01
"""Seconds until a process first checks whether a response to another one has opened the window; then ever longer."""
MIN_DELAY = 0.001
"""Seconds between two transactions, at least, if the first was a little too early."""


class PermitResult(NamedTuple):
    """Result of one permit. `sent_at` is at most, `ended_at` at least the time by Redis's clock."""

    request: str
    sent_at: float
    ended_at: float
    limits: Sequence[RateLimit] | None
    retry_after: float | None
    sent: bool


class WaitingProcess(msgspec.Struct):
    """Process with waiters: when it last had to wait, and its part of what is left for one poll interval."""

    waiting_at: float = -inf
    part_since: float = -inf
    part: int = 0


class SharedState(BucketState):
    """State of a bucket in Redis."""

    processes: dict[str, WaitingProcess] = msgspec.field(default_factory=dict)

    def apply(self, result: PermitResult, now: float) -> None:
        """Update from the result of a permit."""
        if result.sent:
            ended_at = min(result.ended_at, now)
            self.release(result.request, result.sent_at, result.limits, result.retry_after, ended_at)
        else:
            self.cancel(result.request, now)

    def grant_up_to(self, requests: Sequence[str], process: str, poll_interval: float, now: float) -> int:
        """Grant as many of the requests as the state permits, and return the number."""
        own = self.processes.get(process) or WaitingProcess()
        most = min(len(requests), self._part_of(process, own, poll_interval, now))
        granted = 0
        while granted < most and self.ready_at(now) <= now:
            self.grant(requests[granted], now)
            granted += 1
        own.part -= granted
        own.waiting_at = now if granted < len(requests) else -inf
        if requests:
            self.processes[process] = own
        return granted

    def _part_of(self, process: str, own: WaitingProcess, poll_interval: float, now: float) -> int:
        """While other processes wait too, each takes an equal part, and then lets the others take theirs."""
        in_flight = self.in_flight(now)
        usable = max((w.usable(in_flight) for w in self.windows.values() if now < w.ends_by), default=0)
        others = 0
        for name, other in list(self.processes.items()):
            if name == process:
                continue
            if now - other.waiting_at < 2 * poll_interval:
                others += 1
            elif now - other.part_since > poll_interval:
                del self.processes[name]
        if not others or usable < 1:
            return MAX_LIMIT
        if now - own.part_since >= poll_interval:
            own.part_since, own.part = now, ceil(usable / (others + 1))
        return own.part

    def is_plausible(self, now: float) -> bool:
        """Return whether all values are possible: the state may be damaged, or the clock may have been set back."""
        latest = now + 2 * MAX_RESET
        times = [self.blocked_until]
        counts = [0.0]
        for window in self.windows.values():
            times += [window.ends_after, window.ends_by, window.previous_end, window.confirmed_at]
            times += [window.unconfirmed_at, window.next_paced_at]
            counts += [window.remaining, window.confirmed, window.unconfirmed, window.other_hits, window.initial_hits]
            counts += [window.expected_other_hits, window.other_hits_per_own, window.caution, window.other_clients]
            counts += [window.previous_other_hits or 0, window.reserve]
        # Written so that NaN fails.
        return (
            1 <= len(self.windows) <= MAX_NAMED_LIMITS
            and 0 <= self.used_at <= now
            and all(time <= latest for time in times)
            and all(0 <= count <= 1e9 for count in counts)
            and all(1 <= w.limit <= MAX_LIMIT and 0 < w.window <= MAX_RESET for w in self.windows.values())
            and all(since <= now for since in self.in_flight_since.values())
        )


class RedisBucketQueue(BucketQueue):
    """One bucket in one event loop. `state` is a copy of the one in Redis, or the fallback while Redis is away."""

    def __init__(
        self,
        bucket: Bucket,
        state: BucketState,
        loop: asyncio.AbstractEventLoop,
        *,
        script: RedisScript,
        numbers: Iterator[int],
        fallback: Literal["raise"] | float,
        clock: Callable[[], str],
    ) -> None:
        super().__init__(bucket, state, loop)
        self.script = script
        self.fallback = fallback
        self.process: str = secrets.token_hex(8)
        self.degraded: bool = False
        self._numbers = numbers
        self._clock = clock
        self._known = _sizes(state)
        self._stored: bytes | None = None  # the state in Redis, as last seen
        self._max_clock_offset = 0.0  # `clock_offset` is the lower bound of Redis's clock less ours, this the upper one
        self._results: list[PermitResult] = []
        self._own: set[int] = set()  # permits of this process that are in flight
        self._task: asyncio.Task[None] | None = None
        self._is_requested: bool = False
        self._poll_interval: float = MIN_POLL_INTERVAL
        self._reconnect_at: float = 0.0

    def try_acquire(self, number: int) -> Permit | None:
        """Return a permit if a new request may be sent at once, which only Redis knows while it is available."""
        return super().try_acquire(number) if self.degraded else None

    def grant(self, number: int, now: float, waited: float = 0.0) -> Permit:
        """Permit one request while Redis is unavailable."""
        self._try_to_reconnect()
        return super().grant(number, now, waited)

    def _enqueue(self, waiter: Waiter) -> None:
        if self.degraded:
            super()._enqueue(waiter)
        else:
            self.waiters.append(waiter)
            self.transact_soon()

    def grant_permits(self) -> None:
        """Request permits for the waiters."""
        if self.degraded:
            super().grant_permits()
            self._try_to_reconnect()
        elif self.waiters:
            self.transact_soon()

    def release(
        self, permit: Permit, limits: Sequence[RateLimit] | None, retry_after: float | None, *, sent: bool
    ) -> None:
        """Report a result to Redis, without waiting for that."""
        self._own.discard(permit.number)
        if self.degraded:
            # The server's figures are not those of our share. They matter only if nothing is left.
            if retry_after is None and limits and all(limit.remaining < 1 for limit in limits):
                retry_after = min(limit.reset for limit in limits)
            super().release(permit, None, retry_after, sent=sent)
            return
        sent_at, ended_at = permit.sent_at + self.clock_offset, self.loop.time() + self._max_clock_offset
        self._results.append(PermitResult(self._request(permit.number), sent_at, ended_at, limits, retry_after, sent))
        self._poll_interval = MIN_POLL_INTERVAL
        self.transact_soon()

    def transact_soon(self) -> None:
        """Start a transaction now, or after the one in progress."""
        self._is_requested = True
        if self._task is None:
            self._task = self.loop.create_task(self._transact_while_requested())

    async def finish(self) -> None:
        """Wait until Redis has all results."""
        if self._task and self.loop is asyncio.get_running_loop():
            await asyncio.wait([self._task])

    def _request(self, number: int) -> str:
        return f"{self.process}:{number}"

    def _try_to_reconnect(self) -> None:
        if self.degraded and self.loop.time() >= self._reconnect_at:
            self._reconnect_at = self.loop.time() + RECONNECT_INTERVAL
            self.transact_soon()

    async def _transact_while_requested(self) -> None:
        try:
            while self._is_requested:
                self._is_requested = False
                await self._transact()
        finally:
            self._task = None

    async def _transact(self) -> None:
        numbers = list(itertools.islice(self._numbers, min(len(self.waiters), BATCH)))
        results, self._results = self._results, []
        try:
            self.state, granted = await self._store(results, [self._request(number) for number in numbers])
        except Exception as error:  # noqa: BLE001 - whatever it is, no waiter may be left without an answer
            self._results = results + self._results
            self._use_fallback(error)
            return
        self._known = _sizes(self.state)
        self.degraded = False
        self.script.on_reconnect()
        for number in numbers[:granted]:
            self._hand_out(number)
        if granted == BATCH:
            self._is_requested = True
        elif self.waiters:
            self._set_timer(self._next_transaction_at())
            self._reject_unreachable(before=numbers[0] if numbers else 0)  # later ones were not part of this
            self._log_long_wait(self.state.ready_at(self.now()))

    async def _store(self, results: list[PermitResult], requests: list[str]) -> tuple[SharedState, int]:
        """Apply the results, grant the requests, and store the state. Return it and the number granted."""
        if self._stored is None:
            await self._compare_and_set(b"", 1.0)  # only reads: nothing can be computed without Redis's clock
        while True:
            now = self.now()
            state = self._stored_state(now)
            for result in results:
                state.apply(result, now)
            if self.degraded:  # requests were sent that Redis does not know of
                state.forget_windows(now)
            granted = state.grant_up_to(requests, self.process, self._max_poll_interval, now)
            state.used_at = now
            if await self._compare_and_set(base64.b64encode(msgspec.msgpack.encode(state)), state.expires_at() - now):
                return state, granted

    async def _compare_and_set(self, new: bytes, seconds: float) -> bool:
        sent_at = self.loop.time()
        is_stored, clock, found = await self.script.compare_and_set(
            self.bucket, self._stored, new, seconds, self._clock()
        )
        self.clock_offset: float = clock - self.loop.time()
        self._max_clock_offset = clock - sent_at
        self._stored = new if is_stored else found
        return is_stored

    def _stored_state(self, now: float) -> SharedState:
        """Return the state in Redis, or a new one if there is none, or none that can be used."""
        with suppress(ValueError):  # that includes all errors of base64 and msgspec
            state = msgspec.msgpack.decode(base64.b64decode(self._stored or b""), type=SharedState)
            if state.is_plausible(now + self._max_clock_offset - self.clock_offset):
                return state
        return SharedState({name: WindowEstimate(limit, window) for name, limit, window in self._known}, now)

    def _hand_out(self, number: int) -> None:
        """Give a permit to the first waiter, or back to Redis if none is left."""
        self._poll_interval = MIN_POLL_INTERVAL
        self._own.add(number)
        now, first = self.loop.time(), self.waiters.first()
        permit = Permit(self.bucket, number, now, now - first.since if first else 0.0)
        if first:
            self.waiters.remove(first)
        if first and not first.future.done():
            first.future.set_result(permit)
        else:
            self.release(permit, None, None, sent=False)

    def _next_transaction_at(self) -> float:
        """Return when there will be a permit, or earlier if a response to another process may open the window."""
        now = self.now()
        ready_at = self.state.ready_at(now)
        if ready_at <= now:  # other processes wait too, and it is their turn
            return now + self._max_poll_interval
        if self.state.in_flight(now) > len(self._own) and self.state.estimate_grant_time(now, 0) < ready_at:
            ready_at = min(ready_at, now + self._poll_interval)
            self._poll_interval = min(2 * self._poll_interval, self._max_poll_interval)
        return max(ready_at, now + MIN_DELAY)

    @property
    def _max_poll_interval(self) -> float:
        return max(MIN_POLL_INTERVAL, max(window for _, _, window in self._known) / 100)

    def _expire(self, waiter: Waiter) -> None:
        if self.degraded:
            super()._expire(waiter)
        else:
            self.transact_soon()  # after which the waiter is rejected, unless it was granted

    def _use_fallback(self, error: Exception) -> None:
        share = self.fallback
        if isinstance(share, str):
            for waiter in list(self.waiters):
                self.waiters.remove(waiter)
                if not waiter.future.done():
                    waiter.future.set_exception(self.script.unavailable_error(error))
            return
        self.script.on_disconnect(error, share)
        self._reconnect_at = self.loop.time() + RECONNECT_INTERVAL
        if not self.degraded:
            self.degraded = True
            self.state: BucketState = _share_of(self.state, share, self.now())
        super().grant_permits()
        self._reject_unreachable()


def _sizes(state: BucketState) -> list[tuple[str, int, float]]:
    return [(name, window.limit, window.window) for name, window in state.windows.items()]


def _share_of(whole: BucketState, share: float, now: float) -> BucketState:
    """Return a share of what is left of this window, and of each later window at a steady pace."""
    in_flight = whole.in_flight(now)
    windows = {
        name: WindowEstimate(
            limit=max(1, int(window.limit * share)),
            window=window.window,
            ends_by=window.ends_by,
            remaining=int(max(0, window.usable(in_flight)) * share),
            previous_other_hits=0.0,
            next_paced_at=window.next_paced_at,
        )
        for name, window in whole.windows.items()
    }
    return BucketState(windows, now, blocked_until=whole.blocked_until)


class RedisTokenBucket(TokenBucket):
    """`TokenBucket` for many processes: all that use the same Redis and `prefix` share the limits of credentials.

        async with RedisTokenBucket("redis://localhost") as limiter, Calcom(limiter=limiter) as cal:
            ...

    `fallback` applies while Redis is unavailable: "raise" raises a `ConnectionFailedError`. A number continues with
    that share of the limit and logs a warning: 0.25 for each of four processes. `redis` is a URL, or a client, which
    must belong to the running event loop and is not closed here. Requests are served in order of arrival within a
    process, and processes that wait get equal shares. `stats` returns the state of the last transaction.
    """

    def __init__(
        self,
        redis: str | Secret | Redis,
        *,
        prefix: str = "calcom_async",
        fallback: Literal["raise"] | float = "raise",
        limit: int | None = None,
        window: float | None = None,
    ) -> None:
        redis = Secret(redis) if isinstance(redis, str) else redis
        super().__init__(limit, window=window)
        if fallback != "raise" and not (isinstance(fallback, float | int) and 0 < fallback <= 1):
            raise ConfigError(
                'RedisTokenBucket: fallback must be "raise", or the share of the limit to use without Redis, '
                f"above 0 and at most 1, got {fallback!r}"
            )
        self.prefix = prefix
        self.fallback = fallback
        self._script = RedisScript(redis, prefix)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if not hasattr(self, "_script"):
            return "<RedisTokenBucket, not initialized>"
        return f"RedisTokenBucket({self._script.server!r}, prefix={self.prefix!r}, fallback={self.fallback!r})"

    async def aclose(self) -> None:
        """Send outstanding results to Redis, and close the client unless it is borrowed. Later use opens it again."""
        for queue in self._queues.values():
            if isinstance(queue, RedisBucketQueue):
                await queue.finish()
        await self._script.aclose()

    def _new_queue(self, bucket: Bucket, state: BucketState, loop: asyncio.AbstractEventLoop) -> BucketQueue:
        return RedisBucketQueue(
            bucket, state, loop, script=self._script, numbers=self._numbers, fallback=self.fallback, clock=self._now
        )

    def _now(self) -> str:
        """Return nothing: the script uses Redis's clock. Tests in virtual time override this."""
        return ""
