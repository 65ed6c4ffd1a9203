"""Client-side rate limiter: delays requests so that the server does not answer 429.

    WindowEstimate  one named limit: what is left of it, and when the next request may be sent (rate_limit_window.py)
    BucketState     one bucket: its windows, the requests in flight, and the block after a 429 (rate_limit_state.py)
    WaitQueue       requests that wait: by priority, then first come, first served
    BucketQueue     grants permits from a state to a queue, with one timer for the first waiter
    TokenBucket     all buckets of a process

All times are those of the running event loop, in seconds.
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

from calcom_async.errors import InvalidRequestError, RateLimit, RateLimitedError
from calcom_async.rate_limit_state import DEFAULT_LIMIT_NAME, Bucket, BucketState, BucketStats, Permit, check_limit
from calcom_async.rate_limit_window import CLOCK_TOLERANCE, MAX_RESET, plausible_limits

log: logging.Logger = logging.getLogger("calcom_async")

DEFAULT_RETRY_AFTER = 1.0
"""Seconds that a 429 without a usable time delays all requests. The call itself backs off in addition."""
LONG_WAIT = 65.0
"""Seconds. Longer waits are logged. A wait for the next minute is normal, and Reset is rounded up."""
BATCH = 100
"""Waiters served in one iteration of the event loop, so that a thousand of them do not delay other tasks."""


class RateLimiter(Protocol):
    """Interface of a rate limiter. All state changes go through these methods, so the state can be elsewhere."""

    async def acquire(self, bucket: Bucket, *, priority: int = 0, max_wait: float | None = None) -> Permit:
        """Wait for a permit. Lower `priority` numbers go first; equal ones in order of arrival.

        Raises `RateLimitedError` as soon as it is known that the wait would exceed `max_wait` seconds.
        """

    async def release(
        self,
        permit: Permit,
        limits: Sequence[RateLimit] | None = None,
        *,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        """Report the result of a request: the limits in its response, and the seconds to wait after a 429.

        Without a response `limits` is None, and the request counts as received unless `sent` is false. Impossible
        limits and times are ignored.
        """

    def stats(self) -> list[BucketStats]:
        """Return the state of every bucket in use."""


class Waiter(msgspec.Struct, eq=False):
    """A queued request. It fails at `deadline`."""

    bucket: Bucket
    number: int
    priority: int
    since: float
    deadline: float
    future: asyncio.Future[Permit]


class WaitQueue:
    """Waiters by priority, lower numbers first, then in order of arrival. Each can be removed at any time."""

    def __init__(self) -> None:
        self._by_priority: dict[int, OrderedDict[int, Waiter]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_priority)

    def __len__(self) -> int:
        return sum(len(waiters) for waiters in self._by_priority.values())

    def __iter__(self) -> Iterator[Waiter]:
        for priority in sorted(self._by_priority):
            yield from self._by_priority[priority].values()

    def first(self) -> Waiter | None:
        """Return the next waiter, if there is any."""
        return next(iter(self), None)

    def ahead_of(self, priority: int) -> int:
        """Return how many waiters a new one would have before it."""
        return sum(len(waiters) for other, waiters in self._by_priority.items() if other <= priority)

    def append(self, waiter: Waiter) -> None:
        """Add a waiter after the others of its priority."""
        self._by_priority.setdefault(waiter.priority, OrderedDict())[waiter.number] = waiter

    def remove(self, waiter: Waiter) -> None:
        """Remove a waiter if it is still queued."""
        waiters = self._by_priority.get(waiter.priority, OrderedDict())
        waiters.pop(waiter.number, None)
        if not waiters:
            self._by_priority.pop(waiter.priority, None)


class BucketQueue:
    """Queue and state of one bucket in one event loop, with one timer for the first waiter.

    `clock_offset` is the clock of the state less that of the event loop.
    """

    def __init__(self, bucket: Bucket, state: BucketState, loop: asyncio.AbstractEventLoop) -> None:
        self.bucket = bucket
        self.state: BucketState = state
        self.loop = loop
        self.clock_offset: float = 0.0
        self.waiters: WaitQueue = WaitQueue()
        self._ready_at = -inf
        self._logged_until = -inf
        self._timer: asyncio.TimerHandle | None = None
        self._has_next_batch: bool = False

    def now(self) -> float:
        """Return the time by the clock of the state."""
        return self.loop.time() + self.clock_offset

    def stats(self) -> BucketStats:
        """Return the state in figures."""
        return self.state.stats(self.bucket, self.now(), len(self.waiters))

    def try_acquire(self, number: int) -> Permit | None:
        """Return a permit if a new request may be sent at once."""
        now = self.loop.time() + self.clock_offset
        return self.grant(number, now) if not self.waiters and self.state.ready_at(now) <= now else None

    def grant(self, number: int, now: float, waited: float = 0.0) -> Permit:
        """Permit one request."""
        self.state.grant(number, now)
        return Permit(self.bucket, number, now - self.clock_offset, waited)

    async def wait(self, waiter: Waiter) -> Permit:
        """Queue a request until it is granted."""
        self._enqueue(waiter)
        expiry = self.loop.call_at(waiter.deadline, self._expire, waiter) if isfinite(waiter.deadline) else None
        try:
            return await waiter.future
        except (asyncio.CancelledError, GeneratorExit):
            self._abandon(waiter)
            raise
        finally:
            if expiry:
                expiry.cancel()

    def _enqueue(self, waiter: Waiter) -> None:
        grant_time = self.state.estimate_grant_time(self.now(), self.waiters.ahead_of(waiter.priority))
        if grant_time - self.clock_offset > waiter.deadline:
            raise self._wait_too_long(waiter, grant_time)
        self.waiters.append(waiter)
        if len(self.waiters) == 1:
            self.grant_permits()
        self._log_long_wait(grant_time)

    def grant_permits(self) -> None:
        """Grant what the state permits, up to a batch, and schedule the next call."""
        self._has_next_batch = False
        now = self.now()
        for _ in range(BATCH):
            first = self.waiters.first()
            if first is None:
                return
            ready_at = self.state.ready_at(now)
            if ready_at > now:
                self._schedule(ready_at)
                return
            self.waiters.remove(first)
            if not first.future.done():
                first.future.set_result(self.grant(first.number, now, self.loop.time() - first.since))
        self._has_next_batch = True
        self.loop.call_soon(self.grant_permits)

    def release(
        self, permit: Permit, limits: Sequence[RateLimit] | None, retry_after: float | None, *, sent: bool
    ) -> None:
        """Update the state from the result of a request, and grant what it makes possible."""
        now = self.now()
        if sent:
            self.state.release(permit.number, permit.sent_at + self.clock_offset, limits, retry_after, now)
        else:
            self.state.cancel(permit.number, now)
        if self.waiters and not self._has_next_batch:
            self.grant_permits()

    def _schedule(self, ready_at: float) -> None:
        """Set the timer. If that is later than before, reject the waiters that can no longer meet their deadline."""
        self._set_timer(ready_at)
        if ready_at > self._ready_at:
            self._reject_unreachable()
            self._log_long_wait(ready_at)
        self._ready_at = ready_at

    def _set_timer(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        # Rounding of the offset may put `when` a hair too early, at which time nothing would be ready.
        self._timer = self.loop.call_at(max(when - self.clock_offset, self.loop.time() + 1e-6), self.grant_permits)

    def _log_long_wait(self, until: float) -> None:
        """Log a long wait: once, and again when it has become a minute longer."""
        wait = until - self.now()
        if wait > LONG_WAIT and until > self._logged_until + LONG_WAIT:
            self._logged_until = until
            log.warning(
                "rate limit %.40a: %d request(s) wait at least %.0f s", self.bucket.name, len(self.waiters), wait
            )

    def _reject_unreachable(self, before: float = inf) -> None:
        """Reject waiters that would be granted after their deadline, up to a batch; only numbers below `before`."""
        now, local_now, rejected = self.now(), self.loop.time(), 0
        for ahead, waiter in enumerate(list(self.waiters)):
            if not isfinite(waiter.deadline) or waiter.number >= before:
                continue
            grant_time = self.state.estimate_grant_time(now, ahead)
            if grant_time - self.clock_offset > waiter.deadline or local_now >= waiter.deadline:
                self._reject(waiter, max(grant_time, self.state.ready_at(now)))
                rejected += 1
                if rejected == BATCH:
                    self.loop.call_soon(self._reject_unreachable, before)
                    return

    def _expire(self, waiter: Waiter) -> None:
        if not self._has_next_batch:
            self.grant_permits()
        if not waiter.future.done():
            self._reject(waiter, self.state.ready_at(self.now()))

    def _reject(self, waiter: Waiter, grant_time: float) -> None:
        self.waiters.remove(waiter)
        if not waiter.future.done():
            waiter.future.set_exception(self._wait_too_long(waiter, grant_time))

    def _wait_too_long(self, waiter: Waiter, grant_time: float) -> RateLimitedError:
        wait = max(CLOCK_TOLERANCE, grant_time - self.now())
        return RateLimitedError(
            f"rate limit {self.bucket.name!r} reached: the next request is possible in {wait:.1f} s, and the allowed "
            f"wait is {waiter.deadline - waiter.since:g} s. No request was sent",
            retry_after=wait,
            sent=False,
            hint="Try again later, or allow a longer wait with max_wait",
        )

    def _abandon(self, waiter: Waiter) -> None:
        """Remove a cancelled waiter. If it was granted at the same moment, the permit goes to the next one."""
        self.waiters.remove(waiter)
        future = waiter.future
        granted = future.done() and not future.cancelled() and future.exception() is None
        if granted and not self.loop.is_closed():
            self.release(future.result(), None, None, sent=False)
        future.cancel()


class TokenBucket(RateLimiter):
    """Rate limiter of one process, shared by the clients that are given it.

    It is not a plain token bucket: it follows the windows that the server reports in the headers of its responses.
    `limit` and `window` replace the documented limit that default buckets start from; responses correct both. It can be
    used in one event loop after another, and keeps what it knows. Buckets that are no longer used are dropped.
    """

    def __init__(self, limit: int | None = None, *, window: float | None = None) -> None:
        check_limit("TokenBucket", 1 if limit is None else limit, 1.0 if window is None else window)
        self.limit = limit
        self.window = window
        self._queues: OrderedDict[tuple[str, str], BucketQueue] = OrderedDict()
        self._numbers = itertools.count(1)

    async def acquire(self, bucket: Bucket, *, priority: int = 0, max_wait: float | None = None) -> Permit:
        """Wait for a permit; see `RateLimiter.acquire`."""
        if max_wait is not None and not max_wait >= 0:
            raise InvalidRequestError(f"max_wait must be at least 0 seconds, or None for no bound, got {max_wait!r}")
        queue, number = self._queue(bucket), next(self._numbers)
        if permit := queue.try_acquire(number):
            return permit
        since = queue.loop.time()
        deadline = inf if max_wait is None else since + max_wait
        return await queue.wait(Waiter(bucket, number, priority, since, deadline, queue.loop.create_future()))

    async def release(
        self,
        permit: Permit,
        limits: Sequence[RateLimit] | None = None,
        *,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        """Report the result of a request; see `RateLimiter.release`. It never suspends: a `finally` may await it."""
        if retry_after is not None and not 0 <= retry_after <= MAX_RESET:
            retry_after = DEFAULT_RETRY_AFTER
        self._queue(permit.bucket).release(permit, limits and plausible_limits(limits), retry_after, sent=sent)

    def stats(self) -> list[BucketStats]:
        """Return the state of every bucket in use."""
        return [queue.stats() for queue in self._queues.values()]

    def _queue(self, bucket: Bucket) -> BucketQueue:
        loop, key = asyncio.get_running_loop(), (bucket.key, bucket.name)
        queue = self._queues.get(key)
        if queue is None or queue.loop is not loop:
            state = self._initial_state(bucket, queue, loop.time())
            queue = self._queues[key] = self._new_queue(bucket, state, loop)
        if len(self._queues) > 1:
            self._queues.move_to_end(key)
            self._drop_unused(loop)
        return queue

    def _new_queue(self, bucket: Bucket, state: BucketState, loop: asyncio.AbstractEventLoop) -> BucketQueue:
        return BucketQueue(bucket, state, loop)

    def _initial_state(self, bucket: Bucket, old: BucketQueue | None, now: float) -> BucketState:
        if old is not None and old.state.used_at <= now:  # otherwise the other event loop had another clock
            old.state.mark_all_unconfirmed(now)
            return old.state
        limit, window = bucket.limit, bucket.window
        if bucket.name == DEFAULT_LIMIT_NAME:
            limit, window = self.limit or limit, self.window or window
        return BucketState.initial(bucket.name, limit, window, now)

    def _drop_unused(self, loop: asyncio.AbstractEventLoop) -> None:
        while len(self._queues) > 1:
            key, oldest = next(iter(self._queues.items()))
            is_waited_for = oldest.waiters and oldest.loop is loop
            now = oldest.now()
            if is_waited_for or oldest.state.in_flight(now) or now <= oldest.state.expires_at():
                break
            del self._queues[key]
