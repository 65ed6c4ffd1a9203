"""The Redis limiter where it differs from the local one: several processes, its script, and an unavailable Redis.

The tests of `test_rate_limiter*.py` run with both limiters.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import logging
import math
import random
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from limiter_helpers import BUCKET, acquire_once, block_for, loop_time, open_window, rate_limits, start_acquire
from msgspec.structs import asdict
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis_processes import run_processes
from redis_server import (
    BlockingClient,
    RedisServer,
    VirtualTimeRedisLimiter,
    keys_of,
    needs_redis,
    own_server,
    prefixes,
    session_url,
    wait_for_redis,
)
from test_rate_limiter_simulation import (
    QUICK,
    SLOW,
    USUAL,
    ClientResults,
    Range,
    SimulatedServer,
    greedy_tasks,
    simulate,
    start_later,
    steady,
)
from timeouts import slow
from virtual_time import run

from calcom_async import CalcomError, ConfigError, ConnectionFailedError, RateLimitedError
from calcom_async.errors import RateLimit
from calcom_async.rate_limit_state import Bucket, BucketState, Permit
from calcom_async.rate_limit_window import CLOCK_TOLERANCE
from calcom_async.redis_rate_limiter import RedisTokenBucket
from calcom_async.sandbox import Sandbox

pytestmark = needs_redis


def limiters_of_processes(number: int, *, trip: float = 0.002, **options: Any) -> list[VirtualTimeRedisLimiter]:
    """Return limiters that share their state, as those of several processes do."""
    prefix = next(prefixes)
    return [VirtualTimeRedisLimiter(client=BlockingClient(trip), prefix=prefix, **options) for _ in range(number)]


def figures(state: BucketState) -> dict[str, float]:
    """Return all figures of a state in one mapping."""
    flat = {"in_flight": state.in_flight(loop_time()), "blocked_for": max(0.0, state.blocked_until - loop_time())}
    for name, window in state.windows.items():
        flat |= {f"{name} {field}": math.nan if value is None else value for field, value in asdict(window).items()}
    return flat


class TestManyProcesses:
    """Four processes on one key."""

    @pytest.mark.slow
    @pytest.mark.parametrize("latency", [QUICK, USUAL, SLOW], ids=["quick", "usual", "slow"])
    @pytest.mark.parametrize("tasks", [1, *slow(8, 100)])
    def test_processes_share_the_limit_evenly(self, latency: Range, tasks: int) -> None:
        """Four busy processes for ten minutes: no 429, 98 % of the limit is used, and each gets half of its share."""
        server, all_results = SimulatedServer(latency=latency, seed=tasks), [ClientResults() for _ in range(4)]
        pairs = zip(limiters_of_processes(4), all_results, strict=True)
        simulate(*(task for limiter, results in pairs for task in greedy_tasks(tasks, server, results, limiter)))
        assert [results.rejected for results in all_results] == [[], [], [], []]
        assert sum(results.served for results in all_results) >= 1176
        assert min(results.served for results in all_results) >= 150

    @pytest.mark.slow
    def test_next_to_a_client_without_redis(self) -> None:
        """A client without Redis uses a quarter of the limit: at most one 429, and 94 % of the rest is used."""
        server, all_results, other_client = (
            SimulatedServer(latency=USUAL, seed=5),
            [ClientResults() for _ in range(4)],
            ClientResults(),
        )
        pairs = zip(limiters_of_processes(4), all_results, strict=True)
        crowds = [task for limiter, results in pairs for task in greedy_tasks(8, server, results, limiter)]
        simulate(*crowds, steady(server, other_client, 2.0))
        assert sum(len(results.rejected) for results in all_results) <= 1
        assert sum(results.served for results in all_results) >= 0.94 * 900
        assert other_client.served_between(150, 600) >= 220

    def test_a_process_that_starts_later_gets_its_share(self) -> None:
        """A process that starts later gets no 429, and 40 % of the limit from then on."""
        server, earlier, newcomer = SimulatedServer(latency=USUAL, seed=5), ClientResults(), ClientResults()
        first, second = limiters_of_processes(2)
        newcomers = [start_later(95.0, task) for task in greedy_tasks(100, server, newcomer, second)]
        simulate(*greedy_tasks(100, server, earlier, first), *newcomers)
        assert earlier.rejected + newcomer.rejected == []
        assert newcomer.served_between(120, 600) >= 0.4 * 960

    def test_a_429_of_one_process_blocks_the_others(self) -> None:
        """After a 429 that one process got, no process gets a permit before the block ends."""

        async def main() -> None:
            first, second = limiters_of_processes(2, trip=0)
            await block_for(first, 60)
            await wait_for_redis()
            with pytest.raises(RateLimitedError):
                await second.acquire(BUCKET, max_wait=59)
            assert loop_time() < 1000.1
            assert await acquire_once(second) == pytest.approx(1060 + CLOCK_TOLERANCE, abs=0.01)

        run(main())

    def test_processes_share_the_window(self) -> None:
        """A window that one process opened is known to the others, with the requests that were sent."""

        async def main() -> None:
            first, second = limiters_of_processes(2, trip=0)
            await open_window(first, remaining=4, limit=5)
            await open_window(first, remaining=3, limit=5)
            await wait_for_redis()
            tasks = [start_acquire(second) for _ in range(5)]
            await wait_for_redis()
            assert sum(task.done() for task in tasks) == 3
            assert second.stats()[0].limit == 5
            for task in tasks:
                task.cancel()

        run(main())

    def test_permits_of_a_killed_process_expire(self) -> None:
        """A permit that is never released counts for one window."""

        async def main() -> None:
            dead, living = limiters_of_processes(2, trip=0, limit=3, window=5)
            await open_window(dead, remaining=2, limit=3, reset=5)
            await dead.acquire(BUCKET)
            await wait_for_redis()
            assert await acquire_once(living, remaining=1, max_wait=11) <= 1011

        run(main())

    def test_buckets_are_separate(self) -> None:
        """Each bucket has its own state, by credentials, name of the limit and prefix."""

        async def main() -> None:
            first, second = limiters_of_processes(2, trip=0)
            await block_for(first, 60)
            await wait_for_redis()
            assert await acquire_once(second, bucket=Bucket("another key")) == pytest.approx(1000, abs=0.01)
            assert await acquire_once(second, bucket=Bucket("key", "guests", 5)) == pytest.approx(1000, abs=0.01)
            assert await acquire_once(VirtualTimeRedisLimiter()) == pytest.approx(1000, abs=0.01)  # another prefix

        run(main())

    def test_waiting_costs_few_calls_of_redis(self) -> None:
        """A hundred requests that wait a minute for the next window cost at most two calls of Redis."""

        async def main() -> None:
            (limiter,) = limiters_of_processes(1, trip=0)
            await open_window(limiter, remaining=60)
            await open_window(limiter, remaining=0)
            await wait_for_redis()
            client: Any = limiter._script._client
            before = client.calls
            waiting = [start_acquire(limiter) for _ in range(100)]
            await asyncio.sleep(59)
            assert client.calls - before <= 2
            for task in waiting:
                task.cancel()

        run(main())

    @pytest.mark.slow
    async def test_four_real_processes(self) -> None:
        """Four processes against a sandbox with windows of two seconds: no 429, and 95 % of the limit is used."""
        with Sandbox(rate_limit=40, window=2, block=2) as sandbox:
            outcome = await run_processes(4, sandbox, session_url(), windows=2)
        assert outcome.rejected == 0
        assert 0.95 <= outcome.share <= 1
        assert min(outcome.served) > 0


class TestTransactions:
    """Changes of the state in Redis."""

    @pytest.mark.slow
    @settings(max_examples=40)
    @given(seed=st.integers(0, 10**9))
    def test_the_state_in_redis_equals_that_of_a_local_limiter(self, seed: int) -> None:
        """After any sequence of events the state in Redis equals that of a local limiter."""
        rng = random.Random(seed)

        async def main() -> None:
            limiter, state = (
                VirtualTimeRedisLimiter(limit=10, window=20),
                BucketState.initial("default", 10, 20, 1000.0),
            )
            permits: list[Permit] = []
            for _ in range(60):
                await asyncio.sleep(rng.choice([0.01, 0.3, 2.0, 15.0]))
                if permits and rng.random() < 0.5:
                    await end(permits.pop(rng.randrange(len(permits))), limiter, state)
                else:
                    permits += await begin(limiter, state)
                await wait_for_redis()
                (queue,) = limiter._queues.values()
                assert figures(queue.state) == pytest.approx(figures(state), abs=1e-3, nan_ok=True)

        async def begin(limiter: VirtualTimeRedisLimiter, state: BucketState) -> list[Permit]:
            is_ready = state.ready_at(loop_time()) <= loop_time()
            try:
                permit = await limiter.acquire(BUCKET, max_wait=0)
            except RateLimitedError:
                assert not is_ready
                return []
            assert is_ready
            state.grant(permit.number, loop_time())
            return [permit]

        async def end(permit: Permit, limiter: VirtualTimeRedisLimiter, state: BucketState) -> None:
            kind = rng.choice(["ok", "ok", "ok", "several", "rejected", "proxy", "silent", "lost", "unsent"])
            if kind == "unsent" and permit.sent_at < loop_time() - 1:
                kind = "lost"  # when exactly an old request is dropped depends on when the state is read
            limits: list[RateLimit] | None = rate_limits(rng.randrange(10), rng.randrange(1, 21), 10)
            if kind == "several":
                limits = [
                    *rate_limits(rng.randrange(3), 4, 3, "burst"),
                    *rate_limits(rng.randrange(9), 15, 9, "daily"),
                ]
            elif kind in ("proxy", "silent"):
                limits = []
            elif kind in ("lost", "unsent"):
                limits = None
            retry_after = 3.0 if kind in ("rejected", "proxy") else None
            await limiter.release(permit, limits, retry_after=retry_after, sent=kind != "unsent")
            if kind == "unsent":
                state.cancel(permit.number, loop_time())
            else:
                state.release(permit.number, permit.sent_at, limits, retry_after, loop_time())

        run(main())

    def test_concurrent_transactions(self) -> None:
        """Ten processes that request permits at the same time get as many as are available, and no more."""

        async def main() -> None:
            limiters = limiters_of_processes(10)
            await open_window(limiters[0], remaining=7, limit=10)
            await open_window(limiters[0], remaining=6, limit=10)
            await wait_for_redis()
            waiting = [start_acquire(limiter) for limiter in limiters for _ in range(2)]
            await asyncio.sleep(1)
            assert sum(task.done() for task in waiting) == 3  # the first window doubles the number in flight
            assert limiters[0].stats()[0].in_flight <= 3
            for task in waiting:
                task.cancel()

        run(main())

    def test_keys_expire_by_themselves(self) -> None:
        """A key expires two windows after its last use."""

        async def main() -> VirtualTimeRedisLimiter:
            limiter = VirtualTimeRedisLimiter()
            await open_window(limiter)
            await limiter.acquire(BUCKET)
            return limiter

        limiter = run(main())
        client: Any = limiter._script._client
        keys = keys_of(session_url(), limiter.prefix)
        assert len(keys) == 1
        assert all(100 < client._redis.ttl(key) <= 121 for key in keys)
        assert not any(b"key" in key.removeprefix(limiter.prefix.encode()) for key in keys)

    @pytest.mark.parametrize(
        "kind", ["bytes", "list", "other", "far", "huge", "nan", "negative", "empty", "many", "future", "in flight"]
    )
    def test_unusable_state_is_replaced(self, kind: str) -> None:
        """A state that is unreadable or implausible is replaced, and requests continue."""

        async def main() -> None:
            limiter = VirtualTimeRedisLimiter(prefix=next(prefixes))
            await open_window(limiter, remaining=50)
            await wait_for_redis()
            (queue,) = limiter._queues.values()
            (key,) = keys_of(session_url(), limiter.prefix)
            with SyncRedis.from_url(session_url()) as redis:
                spoil(redis, key, queue.state)
            assert await acquire_once(limiter, remaining=40, max_wait=10) <= 1010
            await wait_for_redis()
            assert limiter.stats()[0].available == 40
            with SyncRedis.from_url(session_url()) as redis:
                assert 0 < redis.ttl(key) <= 200_000

        def spoil(redis: Any, key: bytes, state: Any) -> None:
            (window,) = state.windows.values()
            if kind == "list":
                redis.delete(key)
                redis.rpush(key, "a", "b")
                return
            if kind == "far":
                state.blocked_until = window.ends_by = state.used_at + 1e9
            elif kind == "huge":
                window.limit = window.remaining = 2**53
            elif kind == "nan":
                window.expected_other_hits = window.window = math.nan
            elif kind == "negative":
                window.unconfirmed = -(10**6)
            elif kind == "empty":
                state.windows = {}
            elif kind == "many":
                state.windows = {str(number): window for number in range(500)}
            elif kind == "future":
                state.used_at = 1e12
            elif kind == "in flight":
                state.in_flight_since = {f"another:{number}": 1e12 for number in range(500)}
            texts = {"bytes": b"\xc1 no state at all", "other": base64.b64encode(b"\x93\x01\x02\x03")}
            redis.set(key, texts.get(kind) or base64.b64encode(msgspec.msgpack.encode(state)))

        run(main())

    async def test_the_clock_of_redis_is_used(self) -> None:
        """By default the script uses the clock of Redis."""
        async with RedisTokenBucket(session_url(), prefix=next(prefixes), limit=100, window=0.2) as limiter:
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(0, reset=0.2))
            permit = await limiter.acquire(BUCKET)
            assert 0.2 <= permit.waited < 1.5

    async def test_the_script_is_loaded_again_after_a_flush(self) -> None:
        """After SCRIPT FLUSH the script is loaded again."""
        async with (
            RedisTokenBucket(session_url(), prefix=next(prefixes)) as limiter,
            Redis.from_url(session_url()) as redis,
        ):
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(119))
            await redis.script_flush()
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(118))


class TestConnection:
    """The connection: who owns it, and when it is closed."""

    async def test_a_borrowed_client_stays_open(self) -> None:
        """`aclose` does not close a borrowed client, which may decode responses."""
        async with Redis.from_url(session_url(), decode_responses=True) as client:
            async with RedisTokenBucket(client, prefix=next(prefixes)) as limiter:
                await limiter.release(await limiter.acquire(BUCKET), rate_limits(119))
            assert client.connection_pool._available_connections
            assert await client.ping()

    def test_one_event_loop_after_another(self) -> None:
        """A limiter that was closed in one event loop can be opened in the next, and keeps its state."""
        limiter = RedisTokenBucket(session_url(), prefix=next(prefixes))

        async def first() -> None:
            async with limiter:
                await limiter.release(await limiter.acquire(BUCKET), rate_limits(0), retry_after=60)

        async def second() -> None:
            async with limiter:
                with pytest.raises(RateLimitedError):
                    await limiter.acquire(BUCKET, max_wait=50)

        asyncio.run(first())
        asyncio.run(second())

    async def test_a_closed_limiter_can_be_used_again(self) -> None:
        """After `aclose` the next call opens another connection."""
        limiter = RedisTokenBucket(session_url(), prefix=next(prefixes))
        for _ in range(2):
            async with limiter:
                await limiter.release(await limiter.acquire(BUCKET), rate_limits(119))

    async def test_closing_sends_pending_releases(self) -> None:
        """Releases that were not yet sent are in Redis when the limiter is closed."""
        prefix = next(prefixes)
        async with RedisTokenBucket(session_url(), prefix=prefix) as limiter:
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(0), retry_after=60)
        async with RedisTokenBucket(session_url(), prefix=prefix) as limiter:
            with pytest.raises(RateLimitedError):
                await limiter.acquire(BUCKET, max_wait=50)

    @pytest.mark.parametrize("url", ["http://:hunter2@localhost", "redis://:hun#ter2@localhost:1", "hunter2"])
    def test_an_invalid_url(self, url: str) -> None:
        """An invalid URL is a ConfigError that contains no part of the password."""
        with pytest.raises(ConfigError, match="invalid Redis URL") as caught:
            RedisTokenBucket(url)
        assert "ter2" not in repr(caught.value)
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize("share", ["wait", 0, 1.5, None])
    def test_an_invalid_fallback(self, share: Any) -> None:
        """`fallback` must be "raise" or a share of the limit."""
        with pytest.raises(ConfigError, match="fallback must be"):
            RedisTokenBucket(session_url(), fallback=share)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a Redis that the test may stop."""
    with own_server() as server:
        yield server


class TestWithoutRedis:
    """Behavior while Redis is unavailable."""

    async def test_the_error_without_redis(self) -> None:
        """The error names the address without the password, says that no request was sent, and is retryable."""
        async with RedisTokenBucket("redis://:hunter2@127.0.0.1:9/3") as limiter:
            with pytest.raises(
                ConnectionFailedError, match=r"Redis at 127\.0\.0\.1:9/3, .*the URL is correct\. No request was sent"
            ) as caught:
                await limiter.acquire(BUCKET)
            assert caught.value.retryable
            assert not caught.value.sent
            assert isinstance(copy.deepcopy(caught.value), CalcomError)
            assert "hunter2" not in repr(limiter) + repr(caught.value) + str(caught.value.__cause__)

    async def test_a_redis_that_does_not_respond(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A Redis that accepts the connection and does not respond is unavailable after a timeout."""
        monkeypatch.setattr("calcom_async.redis_script.REPLY_TIMEOUT", 0.05)

        async def never_respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with closing(writer):
                await reader.read()

        silent = await asyncio.start_server(never_respond, "127.0.0.1", 0)
        async with silent, RedisTokenBucket(f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}") as limiter:
            with pytest.raises(ConnectionFailedError, match="TimeoutError"):
                await limiter.acquire(BUCKET)

    async def test_a_wrong_password(self) -> None:
        """If Redis rejects the password, the error does not contain it and is not retryable."""
        with own_server("--requirepass", "open sesame") as server:
            async with RedisTokenBucket(server.url.replace("//", "//:hunter2@")) as limiter:
                with pytest.raises(ConnectionFailedError, match="AuthenticationError") as caught:
                    await limiter.acquire(BUCKET)
            assert not caught.value.retryable
            assert "hunter2" not in str(caught.value)

    async def test_redis_is_restarted(self, server: RedisServer) -> None:
        """Waiters raise an error when Redis stops, and the limiter works again once it is back."""
        async with RedisTokenBucket(server.url) as limiter:
            permit = await limiter.acquire(BUCKET)
            waiting = start_acquire(limiter)
            await asyncio.sleep(0.01)
            server.stop()
            await limiter.release(permit, rate_limits(119))
            with pytest.raises(ConnectionFailedError):
                await waiting
            with pytest.raises(ConnectionFailedError):
                await limiter.acquire(BUCKET)
            server.start()
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(118))
            assert (await limiter.acquire(BUCKET, max_wait=1)).waited < 1

    async def test_fallback_is_logged(
        self, server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """With a fallback, losing and finding Redis are logged once each, with the share and without the password."""
        monkeypatch.setattr("calcom_async.redis_rate_limiter.RECONNECT_INTERVAL", 0.05)
        with caplog.at_level(logging.INFO, logger="calcom_async"):
            async with RedisTokenBucket(server.url.replace("//", "//:hunter2@"), fallback=0.5) as limiter:
                server.stop()
                await limiter.release(await limiter.acquire(BUCKET), rate_limits(119))
                assert limiter.stats()[0].limit == 60
                await limiter.release(await limiter.acquire(Bucket("other")), rate_limits(119))
                server.start()
                await asyncio.sleep(0.06)
                await limiter.release(await limiter.acquire(Bucket("third")), sent=False)
        away, back = [record.getMessage() for record in caplog.records]
        assert "is unavailable (ConnectionError" in away
        assert "using 0.5 of the rate limit" in away
        assert "is back" in back
        assert "hunter2" not in away + back

    @pytest.mark.slow
    @pytest.mark.parametrize("stops_at", [30.0, *slow(0.0, 62.0, 95.0)])
    def test_fallback_shares_respect_the_limit(self, stops_at: float) -> None:
        """Four processes without Redis for five minutes, with a quarter of the limit each: no 429, and all is used."""
        server, all_results, limiters = (
            SimulatedServer(latency=USUAL, seed=4),
            [ClientResults() for _ in range(4)],
            limiters_of_processes(4, fallback=0.25),
        )

        async def redis_is_away() -> None:
            await asyncio.sleep(stops_at)
            for down in (True, False):
                for limiter in limiters:
                    client: Any = limiter._script._client
                    client.is_down = down
                await asyncio.sleep(300)

        pairs = zip(limiters, all_results, strict=True)
        crowds = [task for limiter, results in pairs for task in greedy_tasks(8, server, results, limiter)]
        simulate(redis_is_away(), *crowds, seconds=900)
        assert [results.rejected for results in all_results] == [[], [], [], []]
        assert sum(results.served_between(stops_at + 60, stops_at + 300) for results in all_results) >= 0.9 * 480
        assert sum(results.served_between(stops_at + 420, 900) for results in all_results) >= 0.8 * 2 * (480 - stops_at)

    def test_a_block_holds_while_redis_is_unavailable(self) -> None:
        """A block from before Redis stopped still holds, and a new one holds too."""

        async def main() -> None:
            limiter = VirtualTimeRedisLimiter(client=BlockingClient(), fallback=0.5)
            await block_for(limiter, 60)
            await wait_for_redis()
            client: Any = limiter._script._client
            client.is_down = True
            permit = await limiter.acquire(BUCKET)
            assert permit.sent_at >= 1060
            await limiter.release(permit, rate_limits(0, 30))
            assert await acquire_once(limiter) >= 1090

        run(main())
