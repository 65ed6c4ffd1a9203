"""Rate limiter: cancellation at any moment, several event loops, thousands of waiters and keys."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings, strategies as st
from limiter_helpers import BUCKET, acquire_once, block_for, loop_time, open_window, rate_limits, start_acquire
from redis_server import SIMULATED_IN_REDIS, VirtualTimeRedisLimiter, both_limiters, wait_for_redis
from virtual_time import VirtualTimeLoop, WedgedError, run

from calcom_async.errors import ConfigError, InvalidRequestError, RateLimit, RateLimitedError
from calcom_async.rate_limit_state import Bucket
from calcom_async.rate_limit_window import CLOCK_TOLERANCE
from calcom_async.rate_limiter import TokenBucket


@both_limiters
class TestCancellation:
    """Cancelled waiters do not affect the others."""

    def test_a_cancelled_waiter_leaves_the_queue(self, new: type[TokenBucket]) -> None:
        """The waiters after a cancelled one move up."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter, remaining=0)
            first, second = start_acquire(limiter), start_acquire(limiter)
            await asyncio.sleep(1)
            first.cancel()
            assert (await second).sent_at == pytest.approx(1060 + CLOCK_TOLERANCE)
            assert limiter.stats()[0].waiting == 0

        run(main())

    def test_a_permit_granted_to_a_cancelled_waiter_is_passed_on(self, new: type[TokenBucket]) -> None:
        """If a waiter is granted and cancelled in the same iteration, the next one gets its permit at that moment."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter, remaining=0)
            first, second = start_acquire(limiter), start_acquire(limiter)
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_at(1060 + CLOCK_TOLERANCE, first.cancel)
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second).sent_at == pytest.approx(1060 + CLOCK_TOLERANCE)
            assert limiter.stats()[0].in_flight == 1

        run(main())

    @pytest.mark.parametrize("kind", ["news", "expiry"])
    def test_a_waiter_cancelled_while_it_is_rejected(self, new: type[TokenBucket], kind: str) -> None:
        """If a waiter is cancelled while it is rejected, asyncio does not report its error as never retrieved."""

        async def main() -> None:
            limiter = new()
            first = await limiter.acquire(BUCKET)
            waiting = start_acquire(limiter, max_wait=2)
            await asyncio.sleep(1)
            if kind == "news":
                await limiter.release(first, rate_limits(0), retry_after=60)
            else:
                await asyncio.sleep(1)
            waiting.cancel()
            with pytest.raises((asyncio.CancelledError, RateLimitedError)):
                await waiting
            gc.collect()
            assert limiter.stats()[0].waiting == 0

        run(main())

    @pytest.mark.slow
    @settings(max_examples=60)
    @given(seed=st.integers(0, 10**9))
    def test_random_cancellations_lose_nothing(self, new: type[TokenBucket], seed: int) -> None:
        """Whenever requests are cancelled, all others get a permit, and no waiter or permit remains."""
        rng = random.Random(seed)

        async def user(limiter: TokenBucket, served: list[float]) -> None:
            await asyncio.sleep(rng.choice([0, 0, rng.random() * 5]))
            permit = await limiter.acquire(BUCKET, priority=rng.randrange(2), max_wait=rng.choice([None, 500.0]))
            limits: list[RateLimit] = []
            try:
                await asyncio.sleep(rng.choice([0, 0.5]))
                limits = rate_limits(rng.randrange(5), reset=rng.randrange(1, 7), limit=5)
            finally:
                await limiter.release(permit, limits)
            served.append(loop_time())

        async def main() -> None:
            limiter, served = new(limit=5, window=6), []
            tasks = [asyncio.ensure_future(user(limiter, served)) for _ in range(30)]
            doomed = rng.sample(tasks, 15)
            for task in doomed:
                asyncio.get_running_loop().call_at(
                    1000 + rng.choice([0, rng.random() * 40, 6 + CLOCK_TOLERANCE]), task.cancel
                )
            await asyncio.gather(*tasks, return_exceptions=True)
            assert len(served) == sum(not task.cancelled() for task in tasks)
            assert len(served) >= 15
            await wait_for_redis()
            stats = limiter.stats()[0]
            assert (stats.waiting, stats.in_flight) == (0, 0)

        run(main())

    def test_release_never_suspends(self, new: type[TokenBucket]) -> None:
        """`release` never suspends, so a `finally` in a cancelled task can await it."""
        limiter = new()

        async def main() -> None:
            permit = await limiter.acquire(BUCKET)
            release = limiter.release(permit, rate_limits(1))
            with pytest.raises(StopIteration):
                release.send(None)

        run(main())


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(TokenBucket, id="local"),
        pytest.param(VirtualTimeRedisLimiter, id="redis", marks=SIMULATED_IN_REDIS),
    ],
)
class TestUnusedBuckets:
    """Unused buckets are dropped."""

    def test_unused_buckets_are_dropped(self, new: type[TokenBucket]) -> None:
        """With ever new keys the number of buckets stays bounded. A blocked one is kept until the block ends."""

        async def main() -> None:
            limiter = new()
            await block_for(limiter, 3600, Bucket("blocked"))
            for number in range(5000):
                await acquire_once(limiter, bucket=Bucket(f"key {number}"))
                await asyncio.sleep(1)
            assert len(limiter.stats()) < 1900 + 200
            with pytest.raises(RateLimitedError):
                await blocked_twice(limiter)

        async def blocked_twice(limiter: TokenBucket) -> None:
            await block_for(limiter, 3600, Bucket("again"))
            await asyncio.sleep(1800)
            await limiter.acquire(Bucket("again"), max_wait=1)

        run(main())

    def test_a_busy_bucket_does_not_keep_others(self, new: type[TokenBucket]) -> None:
        """Buckets used once are dropped two windows later, although another one is always busy."""

        async def main() -> None:
            limiter = new()
            for number in range(1000):
                await acquire_once(limiter, bucket=Bucket(f"key {number}"))
                await acquire_once(limiter, remaining=100)
                await asyncio.sleep(1)
            assert len(limiter.stats()) < 125

        run(main())


class CountingLoop(VirtualTimeLoop):
    """A virtual-time loop that counts its iterations."""

    iterations = 0

    def _run_once(self) -> None:
        self.iterations += 1
        super()._run_once()


@both_limiters
class TestHousekeeping:
    """Event loops, statistics and bounds."""

    def test_a_second_event_loop_keeps_the_state(self, new: type[TokenBucket]) -> None:
        """A block from one `asyncio.run` holds in the next, and permits of the first loop do not block the second."""
        limiter = new()

        async def first() -> None:
            await limiter.acquire(BUCKET)
            await blocked_for_all()

        async def blocked_for_all() -> None:
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(0), retry_after=60)
            asyncio.ensure_future(limiter.acquire(BUCKET))  # noqa: RUF006
            await asyncio.sleep(0)

        async def second() -> None:
            assert await acquire_once(limiter) >= 1060

        run(first())
        run(second(), start=1010.0)

    def test_a_clock_that_went_back_resets_the_state(self, new: type[TokenBucket]) -> None:
        """Times of a clock that has gone back are ignored."""
        limiter = new()
        run(block_for(limiter, 60), start=1000.0)
        assert run(acquire_once(limiter), start=5.0) == 5.0

    @pytest.mark.slow
    def test_a_thousand_waiters_do_not_block_the_loop(self, new: type[TokenBucket]) -> None:
        """The longest iteration of the event loop grows linearly with the number of waiters."""

        async def main(number: int) -> None:
            limiter = new()
            waits: list[float | None] = [None, 3600.0]
            await asyncio.gather(*(acquire_once(limiter, remaining=119, max_wait=waits[n % 2]) for n in range(number)))
            await open_window(limiter, remaining=0)
            waiting = [start_acquire(limiter, max_wait=waits[n % 2]) for n in range(number)]
            await asyncio.sleep(600)
            for task in waiting:
                task.cancel()

        def longest_iteration(number: int) -> float:
            loop = VirtualTimeLoop()
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                gc.disable()
                runner.run(main(number))
                gc.enable()
            return loop.longest_iteration

        assert longest_iteration(1000) < 40 * longest_iteration(100)

    @pytest.mark.parametrize("kind", ["granted", "rejected"])
    def test_one_iteration_handles_a_batch_of_waiters(self, new: type[TokenBucket], kind: str) -> None:
        """Of a thousand waiters, at most a hundred are granted or rejected in one iteration of the event loop."""
        served: Counter[int] = Counter()

        async def wait(limiter: TokenBucket) -> None:
            permit = None
            with suppress(RateLimitedError):
                permit = await limiter.acquire(BUCKET, max_wait=40)
            served[loop.iterations] += 1
            if permit:
                await limiter.release(permit, rate_limits(1999, 60, 2000))

        async def main() -> None:
            limiter = new()
            first = await limiter.acquire(BUCKET)
            await limiter.release(first, rate_limits(0, 20, 2000))
            async with asyncio.TaskGroup() as group:
                for _ in range(1000):
                    group.create_task(wait(limiter))
                await asyncio.sleep(1)
                if kind == "rejected":
                    await limiter.release(first, rate_limits(0, 60, 2000), retry_after=60.0)

        loop = CountingLoop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())
        assert served.total() == 1000
        assert max(served.values()) <= 100

    def test_stats(self, new: type[TokenBucket]) -> None:
        """`stats` has one entry per bucket, and needs no event loop."""
        limiter = new()

        async def main() -> None:
            await open_window(limiter)
            await limiter.acquire(BUCKET)

        run(main())
        (row,) = limiter.stats()
        assert (row.key, row.name, row.limit, row.in_flight, row.waiting, row.blocked_for) == (
            "key",
            "default",
            120,
            1,
            0,
            0,
        )
        assert row.available == 119 - 1

    def test_a_permit_released_twice_counts_once(self, new: type[TokenBucket]) -> None:
        """Releasing a permit again does not change the number in flight."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter)
            permit, other = await limiter.acquire(BUCKET), await limiter.acquire(BUCKET)
            await limiter.release(permit, rate_limits(118))
            await limiter.release(permit, rate_limits(118))
            await wait_for_redis()
            assert limiter.stats()[0].in_flight == 1
            assert other.number != permit.number

        run(main())

    def test_a_permit_that_is_never_released(self, new: type[TokenBucket]) -> None:
        """A permit that is never released counts for one window."""

        async def main() -> None:
            limiter = new(limit=1, window=5)
            await limiter.acquire(BUCKET)
            assert (await limiter.acquire(BUCKET)).sent_at <= 1010

        run(main())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: TokenBucket(0), ConfigError, "TokenBucket: limit must be an integer of at least 1, got 0"),
        (
            lambda: TokenBucket(window=0),
            ConfigError,
            "TokenBucket: window must be above 0 and at most 90000 seconds, got 0",
        ),
        (lambda: TokenBucket(window=float("inf")), ConfigError, "at most 90000 seconds, got inf"),
        (lambda: TokenBucket(1.5), ConfigError, "at least 1, got 1.5"),  # type: ignore[arg-type]
        (lambda: TokenBucket(window="60"), ConfigError, "at most 90000 seconds, got '60'"),  # type: ignore[arg-type]
        (lambda: Bucket("key", "x", limit=-3), ConfigError, "Bucket 'x': limit must be .* got -3"),
        (lambda: Bucket("key", window=float("nan")), ConfigError, "Bucket 'default': window must be .* got nan"),
        (lambda: run(TokenBucket().acquire(BUCKET, max_wait=-1)), InvalidRequestError, "max_wait must be .* got -1"),
        (
            lambda: run(TokenBucket().acquire(BUCKET, max_wait=float("nan"))),
            InvalidRequestError,
            "max_wait must be .* got nan",
        ),
    ],
)
def test_invalid_arguments(make: Callable[[], object], error: type[Exception], words: str) -> None:
    """Invalid arguments raise an error with the value and the valid range."""
    with pytest.raises(error, match=words):
        make()


def test_virtual_time_reports_a_deadlock() -> None:
    """In virtual time a deadlock is an error, and an hour of sleep takes no time."""

    async def nothing() -> None:
        await asyncio.sleep(3600)
        assert loop_time() == 4600
        await asyncio.Event().wait()

    with pytest.raises(WedgedError):
        run(nothing())
