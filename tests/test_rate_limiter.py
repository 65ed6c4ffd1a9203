"""Rate limiter: exact waits, order, and what is rejected at once."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from limiter_helpers import BUCKET, acquire_once, block_for, loop_time, open_window, rate_limits, start_acquire
from redis_server import both_limiters, wait_for_redis
from virtual_time import VirtualTimeLoop, run

from calcom_async.errors import RateLimit, RateLimitedError
from calcom_async.rate_limit_state import Bucket
from calcom_async.rate_limit_window import CLOCK_TOLERANCE, MAX_NAMED_LIMITS
from calcom_async.rate_limiter import TokenBucket


@both_limiters
class TestWaits:
    """When permits are granted."""

    def test_the_first_response_opens_the_window(self, new: type[TokenBucket]) -> None:
        """One request is sent first. The others wait for its response and are then granted together."""

        async def main() -> None:
            limiter = new()
            first = await limiter.acquire(BUCKET)
            others = [start_acquire(limiter) for _ in range(2)]
            await asyncio.sleep(1.5)
            assert not any(task.done() for task in others)
            await limiter.release(first, rate_limits(100))
            permits = await asyncio.gather(*others)
            assert [permit.sent_at for permit in permits] == [1001.5, 1001.5]
            assert [permit.waited for permit in permits] == [1.5, 1.5]

        run(main())

    def test_a_server_without_limit_headers(self, new: type[TokenBucket]) -> None:
        """Without headers, half of the documented limit is granted at once, and at most all of it within a minute."""

        async def main() -> list[float]:
            limiter = new()
            times = []
            for _ in range(400):
                permit = await limiter.acquire(BUCKET)
                times.append(permit.sent_at)
                await limiter.release(permit, ())
            return times

        times = run(main())
        assert times[59] == times[0]
        assert times[60] > times[59]
        assert all(later - first >= 60 - 1e-6 for first, later in zip(times, times[120:], strict=False))

    def test_an_unsent_request_costs_nothing(self, new: type[TokenBucket]) -> None:
        """A request that could not be sent returns its permit at once."""

        async def main() -> None:
            limiter = new()
            for _ in range(5):
                permit = await limiter.acquire(BUCKET)
                assert permit.waited == 0
                await limiter.release(permit, sent=False)

        run(main())

    def test_stats_have_the_time_until_the_next_permit(self, new: type[TokenBucket]) -> None:
        """`next_permit_in` counts down to the end of a window that is used up."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter, remaining=0, reset=17)
            await asyncio.sleep(7)
            assert limiter.stats()[0].next_permit_in == pytest.approx(10 + CLOCK_TOLERANCE)

        run(main())

    def test_requests_without_responses_are_paced(self, new: type[TokenBucket]) -> None:
        """Without any response, one request is granted every 60/119 s, which is 120 per minute."""

        async def main() -> list[float]:
            limiter = new()
            times = []
            for _ in range(240):
                permit = await limiter.acquire(BUCKET)
                times.append(permit.sent_at)
                await limiter.release(permit)
            return times

        times = run(main())
        assert times[121] - times[2] == pytest.approx(60, abs=0.01)
        assert all(later - first >= 60 - 1e-6 for first, later in zip(times, times[120:], strict=False))

    def test_the_wait_for_the_next_window(self, new: type[TokenBucket]) -> None:
        """If nothing is left, the next permit is granted when the window has certainly ended."""

        async def main() -> None:
            limiter = new()
            ends = await open_window(limiter, remaining=0, reset=17)
            assert await acquire_once(limiter) == pytest.approx(ends)

        run(main())

    def test_requests_in_flight_count(self, new: type[TokenBucket]) -> None:
        """Permits are limited to what the response reported, less the requests sent since."""

        async def main() -> None:
            limiter = new()
            ends = await open_window(limiter, remaining=4, limit=5)
            permits = [start_acquire(limiter) for _ in range(6)]
            await asyncio.sleep(10)
            assert sum(task.done() for task in permits) == 2  # the number in flight doubles in the first window
            for task, left in zip(list(permits[:2]), (3, 2), strict=True):
                await limiter.release(task.result(), rate_limits(left, 50, 5))
            await wait_for_redis()
            assert sum(task.done() for task in permits) == 4
            await limiter.release(permits[2].result())
            await limiter.release(permits[3].result())
            await asyncio.sleep(ends - loop_time() - 1)
            assert sum(task.done() for task in permits) == 4
            await asyncio.sleep(1.1)
            assert sum(task.done() for task in permits) == 5
            for task in permits:
                task.cancel()

        run(main())

    def test_a_timer_that_fires_early_is_set_again(self, new: type[TokenBucket]) -> None:
        """A timer that fires just before its time, because clocks are coarse, is set again."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter, remaining=0)
            await asyncio.wait_for(acquire_once(limiter), 100)

        loop = VirtualTimeLoop(early=5e-10)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())

    def test_arguments_replace_the_documented_limit(self, new: type[TokenBucket]) -> None:
        """Default buckets start from `limit` and `window`. Limits of endpoints are unaffected."""

        async def main() -> tuple[int, ...]:
            limiter = new(500, window=30)
            await limiter.acquire(BUCKET)
            await limiter.acquire(Bucket("key", "booking_guests_add", 5))
            return tuple(stats.limit for stats in limiter.stats())

        assert run(main()) == (500, 5)

    @pytest.mark.parametrize("limit", [3, 500])
    def test_the_reported_limit_is_used(self, new: type[TokenBucket], limit: int) -> None:
        """The limit that the server reports replaces the documented one."""

        async def main() -> list[int]:
            limiter = new()
            await open_window(limiter, remaining=limit - 1, limit=limit)
            await wait_for_redis()
            return [stats.limit for stats in limiter.stats()]

        assert run(main()) == [limit]

    def test_any_one_of_several_limits_is_enough(self, new: type[TokenBucket]) -> None:
        """The server rejects only if all named limits are used up, so one with requests left is enough."""

        async def main() -> None:
            limiter = new()
            permit = await limiter.acquire(BUCKET)
            await limiter.release(permit, [*rate_limits(0, 2, 4, "burst"), *rate_limits(7, 20, 8, "daily")])
            await limiter.acquire(BUCKET, max_wait=0)

        run(main())

    def test_the_limit_that_resets_first_counts(self, new: type[TokenBucket]) -> None:
        """If all limits are used up, the next permit is granted when the first of them is reset."""

        async def main() -> None:
            limiter = new()
            permit = await limiter.acquire(BUCKET)
            await limiter.release(permit, [*rate_limits(0, 3, 4, "burst"), *rate_limits(0, 20, 8, "daily")])
            assert await acquire_once(limiter) == pytest.approx(1003 + CLOCK_TOLERANCE)

        run(main())


@both_limiters
class TestRejections:
    """Effects of a 429."""

    def test_a_block_delays_all_requests(self, new: type[TokenBucket]) -> None:
        """After a 429 all requests wait as long as it demands. Then one is sent, and its response frees the rest."""

        async def main() -> None:
            limiter = new()
            await block_for(limiter, 60)
            times = await asyncio.gather(*(acquire_once(limiter) for _ in range(50)))
            assert min(times) == pytest.approx(1060 + CLOCK_TOLERANCE)

        run(main())

    def test_a_block_is_never_shortened(self, new: type[TokenBucket]) -> None:
        """A second 429 with a shorter wait does not shorten the block."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter)
            late = await limiter.acquire(BUCKET)
            await block_for(limiter, 60)
            await limiter.release(late, retry_after=1.0)
            await wait_for_redis()
            assert limiter.stats()[0].blocked_for == pytest.approx(60 + CLOCK_TOLERANCE, abs=0.01)
            assert await acquire_once(limiter) >= 1060

        run(main())

    def test_endpoint_limits_are_separate(self, new: type[TokenBucket]) -> None:
        """A block of one endpoint's limit does not delay requests under the default limit."""

        async def main() -> None:
            limiter, guests = new(), Bucket("key", "booking_guests_add", limit=5)
            await block_for(limiter, 60, guests)
            assert await acquire_once(limiter) == 1000
            with pytest.raises(RateLimitedError):
                await limiter.acquire(guests, max_wait=59)
            assert await acquire_once(limiter, bucket=Bucket("other key", "booking_guests_add", limit=5)) == 1000

        run(main())

    def test_a_429_without_headers(self, new: type[TokenBucket]) -> None:
        """A 429 without headers, as from a proxy, makes the window unknown: one request is sent first."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter)
            await limiter.release(await limiter.acquire(BUCKET), retry_after=5.0)
            assert (await limiter.acquire(BUCKET)).sent_at == pytest.approx(1005 + CLOCK_TOLERANCE)
            with pytest.raises(RateLimitedError):
                await limiter.acquire(BUCKET, max_wait=1)

        run(main())


INVALID_LIMITS = [
    RateLimit("default", 2**53 - 1, 2**53 - 2, 60),
    RateLimit("default", 10**400, 119, 60),
    RateLimit("default", 120, 10**400, 60),
    RateLimit("default", 120, 119, 1_800_000_000),
    RateLimit("default", 120, 119, float("nan")),
    RateLimit("default", 120, 119, float("inf")),
    RateLimit("default", 120, 119, -1),
    RateLimit("default", -5, -5, 60),
    RateLimit("default", 120, 119, 86_400),
    RateLimit("default", 120, 0, 86_400),
    RateLimit("default", 7, 0, 90_000),
]


@both_limiters
class TestInvalidHeaders:
    """Invalid headers: no single response stops a client for long."""

    @pytest.mark.slow
    @pytest.mark.parametrize("invalid", INVALID_LIMITS, ids=[f"{number}" for number in range(len(INVALID_LIMITS))])
    def test_a_valid_response_corrects_an_invalid_one(self, new: type[TokenBucket], invalid: RateLimit) -> None:
        """After one invalid response and one valid one, permits are granted at once again."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter)
            await limiter.release(await limiter.acquire(BUCKET, max_wait=1), [invalid])
            await asyncio.sleep(1)
            await limiter.release(await limiter.acquire(BUCKET, max_wait=5), rate_limits(117, 58))
            await wait_for_redis()
            assert limiter.stats()[0].available == 117
            assert (await limiter.acquire(BUCKET, max_wait=0)).waited == 0
            for _ in range(300):
                await acquire_once(limiter, remaining=100, max_wait=65)
                await asyncio.sleep(0.5)

        run(main())

    @pytest.mark.parametrize("retry_after", [1e12, float("nan"), float("inf"), -1.0])
    def test_an_impossible_wait_is_a_short_block(self, new: type[TokenBucket], retry_after: float) -> None:
        """A 429 with an impossible wait blocks for one second."""

        async def main() -> None:
            limiter = new()
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(0, 1e12), retry_after=retry_after)
            assert 1001 + CLOCK_TOLERANCE <= (await limiter.acquire(BUCKET, max_wait=10)).sent_at <= 1003

        run(main())

    def test_the_number_of_named_limits_is_bounded(self, new: type[TokenBucket]) -> None:
        """Each response replaces the named limits of the previous one, and their number is bounded."""

        async def main() -> None:
            limiter = new()
            for turn in range(5):
                permit = await limiter.acquire(BUCKET, max_wait=5)
                await limiter.release(permit, [*(rate_limits(50, name=f"{turn} {number}")[0] for number in range(40))])
                await wait_for_redis()
            (queue,) = limiter._queues.values()
            assert len(queue.state.windows) == MAX_NAMED_LIMITS

        run(main())

    def test_a_long_wait_is_logged_once(self, new: type[TokenBucket], caplog: pytest.LogCaptureFixture) -> None:
        """A wait of an hour is logged once as a warning. A wait for the next minute is not."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter, remaining=0)
            waiting = [start_acquire(limiter) for _ in range(20)]
            await wait_for_redis()
            assert not caplog.records
            await asyncio.gather(*waiting)
            for task in waiting:
                await limiter.release(task.result(), rate_limits(0, 3600), retry_after=3600.0)
            waiting = [start_acquire(limiter) for _ in range(20)]
            await wait_for_redis()
            for task in waiting:
                task.cancel()

        run(main())
        [record] = [record for record in caplog.records if record.levelname == "WARNING"]
        assert "rate limit 'default': " in record.getMessage()
        assert "wait at least 3600 s" in record.getMessage()


@both_limiters
class TestMaxWait:
    """Waits beyond `max_wait` are rejected at once."""

    def test_too_long_a_wait_is_rejected_at_once(self, new: type[TokenBucket]) -> None:
        """The error is raised without a wait, says how long it would be, and quotes no status: nothing was sent."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter, remaining=0)
            with pytest.raises(RateLimitedError, match=r"possible in 60\.\d s, and the allowed wait is 10 s") as caught:
                await limiter.acquire(BUCKET, max_wait=10)
            assert loop_time() == 1000
            assert caught.value.retry_after == pytest.approx(60 + CLOCK_TOLERANCE)
            assert str(caught.value).startswith("rate limit 'default' reached")
            assert not caught.value.sent
            assert await acquire_once(limiter, max_wait=61) == pytest.approx(1060 + CLOCK_TOLERANCE)

        run(main())

    def test_earlier_waiters_count(self, new: type[TokenBucket]) -> None:
        """After more waiters than a window permits, the wait is one window longer."""

        async def main() -> None:
            limiter = new()
            await open_window(limiter, remaining=0, limit=5)
            waiting = [start_acquire(limiter) for _ in range(5)]
            await asyncio.sleep(0)
            with pytest.raises(RateLimitedError) as caught:
                await limiter.acquire(BUCKET, max_wait=100)
            assert caught.value.retry_after == pytest.approx(120 + CLOCK_TOLERANCE)
            urgent = start_acquire(limiter, max_wait=100, priority=-1)
            await asyncio.sleep(0)
            assert not urgent.done()
            for task in [*waiting, urgent]:
                task.cancel()

        run(main())

    def test_a_429_rejects_waiters_at_once(self, new: type[TokenBucket]) -> None:
        """A 429 rejects the waiters whose wait becomes too long at once. Others stay."""

        async def main() -> None:
            limiter = new()
            first = await limiter.acquire(BUCKET)
            short, long = start_acquire(limiter, max_wait=20), start_acquire(limiter, max_wait=100)
            await asyncio.sleep(1)
            await limiter.release(first, rate_limits(0), retry_after=60)
            with pytest.raises(RateLimitedError):
                await short
            assert loop_time() == 1001
            assert (await long).sent_at == pytest.approx(1061 + CLOCK_TOLERANCE)

        run(main())

    def test_no_request_waits_longer_than_max_wait(self, new: type[TokenBucket]) -> None:
        """If the wait is unknown, because a response is due, it ends after `max_wait`."""

        async def main() -> None:
            limiter = new()
            await limiter.acquire(BUCKET)
            with pytest.raises(RateLimitedError) as caught:
                await limiter.acquire(BUCKET, max_wait=2)
            assert loop_time() == 1002
            assert caught.value.retry_after == pytest.approx(1)

        run(main())

    def test_waiters_for_the_first_responses_are_not_rejected(self, new: type[TokenBucket]) -> None:
        """While responses of the first window are due, waiters with a short `max_wait` are not rejected."""

        async def main() -> None:
            limiter = new()

            async def call() -> None:
                permit = await limiter.acquire(BUCKET, max_wait=2)
                await asyncio.sleep(0.2)
                await limiter.release(permit, rate_limits(119 - next(hits)))

            hits = itertools.count()
            await asyncio.gather(*(call() for _ in range(40)))
            assert loop_time() < 1002

        run(main())


@both_limiters
class TestOrder:
    """Order of permits."""

    def test_first_come_first_served(self, new: type[TokenBucket]) -> None:
        """Requests of equal priority are granted in order of arrival."""

        async def main() -> list[int]:
            limiter, order = new(), []
            await open_window(limiter, remaining=0)

            async def acquire(number: int) -> None:
                await acquire_once(limiter)
                order.append(number)

            await asyncio.gather(*(acquire(number) for number in range(40)))
            return order

        assert run(main()) == list(range(40))

    def test_lower_priority_numbers_go_first(self, new: type[TokenBucket]) -> None:
        """Interactive requests overtake an export that arrived before them."""

        async def main() -> list[tuple[int, int]]:
            limiter, order = new(), []
            await open_window(limiter, remaining=0)

            async def acquire(number: int, priority: int) -> None:
                await acquire_once(limiter, priority=priority)
                order.append((priority, number))

            await asyncio.gather(*(acquire(number, priority) for number, priority in enumerate([5, 0, 5, -1, 0, 5])))
            return order

        order = run(main())
        assert order == sorted(order)

    def test_a_new_request_waits_behind_the_queue(self, new: type[TokenBucket]) -> None:
        """A new request queues behind the waiters, even if a permit is available."""

        async def main() -> None:
            limiter = new()
            ends = await open_window(limiter, remaining=0)
            waiting = start_acquire(limiter)
            await asyncio.sleep(ends - loop_time() + 1)
            assert (await limiter.acquire(BUCKET)).sent_at > waiting.result().sent_at

        run(main())
