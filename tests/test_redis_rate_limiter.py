"""The limiter in Redis, where it is more than the local one: many processes, one script, and a Redis that goes away.

What both limiters guarantee is in `test_limiter*.py`, run with both.
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
from redis_processes import together
from redis_server import (
    BlockingClient,
    InRedis,
    RedisServer,
    heard,
    keys_of,
    needs_redis,
    own_server,
    prefixes,
    session_url,
)
from test_rate_limiter_simulation import QUICK, SLOW, USUAL, Range, Server, Tally, crowd, later, simulate, steady
from timeouts import slow
from virtual_time import run

from calcom_async import CalcomError, ConfigError, ConnectionFailedError, RateLimitedError
from calcom_async.errors import RateLimit
from calcom_async.rate_limit_window import CLOCK_TOLERANCE
from calcom_async.rate_limiter import Bucket, BucketState, Permit
from calcom_async.redis_rate_limiter import RedisTokenBucket
from calcom_async.sandbox import Sandbox

pytestmark = needs_redis


def processes(number: int, *, trip: float = 0.002, **options: Any) -> list[InRedis]:
    """Return limiters that share their state, as those of several processes do."""
    prefix = next(prefixes)
    return [InRedis(client=BlockingClient(trip), prefix=prefix, **options) for _ in range(number)]


def figures(state: BucketState) -> dict[str, float]:
    """Return all figures of a state in one mapping."""
    flat = {"in_flight": state.in_flight(loop_time()), "blocked_for": max(0.0, state.blocked_until - loop_time())}
    for name, window in state.windows.items():
        flat |= {f"{name} {field}": math.nan if value is None else value for field, value in asdict(window).items()}
    return flat


class TestManyProcesses:
    """What four processes get together."""

    @pytest.mark.slow
    @pytest.mark.parametrize("latency", [QUICK, USUAL, SLOW], ids=["quick", "usual", "slow"])
    @pytest.mark.parametrize("tasks", [1, *slow(8, 100)])
    def test_they_use_the_limit_together_and_evenly(self, latency: Range, tasks: int) -> None:
        """Ten minutes of greed: no 429, 98 % of what the limit allows, and nobody has less than half of its quarter."""
        server, tallies = Server(latency=latency, seed=tasks), [Tally() for _ in range(4)]
        pairs = zip(processes(4), tallies, strict=True)
        simulate(*(task for limiter, tally in pairs for task in crowd(tasks, server, tally, limiter)))
        assert [tally.refused for tally in tallies] == [[], [], [], []]
        assert sum(tally.served for tally in tallies) >= 1176
        assert min(tally.served for tally in tallies) >= 150

    @pytest.mark.slow
    def test_beside_somebody_outside(self) -> None:
        """A process that knows nothing of Redis takes a quarter of the limit: one 429 at most, and the rest is used."""
        server, tallies, theirs = Server(latency=USUAL, seed=5), [Tally() for _ in range(4)], Tally()
        pairs = zip(processes(4), tallies, strict=True)
        crowds = [task for limiter, tally in pairs for task in crowd(8, server, tally, limiter)]
        simulate(*crowds, steady(server, theirs, 2.0))
        assert sum(len(tally.refused) for tally in tallies) <= 1
        assert sum(tally.served for tally in tallies) >= 0.94 * 900
        assert theirs.served_between(150, 600) >= 220

    def test_a_process_that_comes_later_gets_its_part(self) -> None:
        """One that starts in the middle is served within the window, and then as much as the other."""
        server, ours, theirs = Server(latency=USUAL, seed=5), Tally(), Tally()
        first, second = processes(2)
        newcomers = [later(95.0, task) for task in crowd(100, server, theirs, second)]
        simulate(*crowd(100, server, ours, first), *newcomers)
        assert ours.refused + theirs.refused == []
        assert theirs.served_between(120, 600) >= 0.4 * 960

    def test_a_refusal_of_one_stops_the_others_at_once(self) -> None:
        """After a 429 that another process met, nobody sends anything before its end."""

        async def main() -> None:
            first, second = processes(2, trip=0)
            await block_for(first, 60)
            await heard()
            with pytest.raises(RateLimitedError):
                await second.acquire(BUCKET, max_wait=59)
            assert loop_time() < 1000.1
            assert await acquire_once(second) == pytest.approx(1060 + CLOCK_TOLERANCE, abs=0.01)

        run(main())

    def test_what_one_learns_the_others_know(self) -> None:
        """A window that one process has opened is open to all, and what one uses is missing to the others."""

        async def main() -> None:
            first, second = processes(2, trip=0)
            await open_window(first, remaining=4, limit=5)
            await open_window(first, remaining=3, limit=5)
            await heard()
            turns = [start_acquire(second) for _ in range(5)]
            await heard()
            assert sum(turn.done() for turn in turns) == 3
            assert second.stats()[0].limit == 5
            for turn in turns:
                turn.cancel()

        run(main())

    def test_turns_of_a_process_that_died_come_back(self) -> None:
        """What was never settled holds its place for one window, and the living go on."""

        async def main() -> None:
            dead, living = processes(2, trip=0, limit=3, window=5)
            await open_window(dead, remaining=2, limit=3, reset=5)
            await dead.acquire(BUCKET)
            await heard()
            assert await acquire_once(living, remaining=1, max_wait=11) <= 1011

        run(main())

    def test_two_credentials_share_nothing(self) -> None:
        """Each bucket has a state of its own, by credentials and by the name of the limit."""

        async def main() -> None:
            first, second = processes(2, trip=0)
            await block_for(first, 60)
            await heard()
            assert await acquire_once(second, bucket=Bucket("another key")) == pytest.approx(1000, abs=0.01)
            assert await acquire_once(second, bucket=Bucket("key", "guests", 5)) == pytest.approx(1000, abs=0.01)
            assert await acquire_once(InRedis()) == pytest.approx(1000, abs=0.01)  # another prefix

        run(main())

    def test_waiting_costs_no_calls(self) -> None:
        """A hundred who wait a minute for the next window ask once, and those who have room are let go by one call."""

        async def main() -> None:
            (limiter,) = processes(1, trip=0)
            await open_window(limiter, remaining=60)
            await open_window(limiter, remaining=0)
            await heard()
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
        """Against a server that counts, with windows of two seconds: no 429, and 95 % of what the limit allows."""
        with Sandbox(rate_limit=40, window=2, block=2) as sandbox:
            outcome = await together(4, sandbox, session_url(), windows=2)
        assert outcome.refused == 0
        assert 0.95 <= outcome.share <= 1
        assert min(outcome.served) > 0


class TestTransactions:
    """The state in Redis, and how it changes."""

    @pytest.mark.slow
    @settings(max_examples=40)
    @given(seed=st.integers(0, 10**9))
    def test_the_state_in_redis_equals_that_of_a_local_limiter(self, seed: int) -> None:
        """Whatever happens in whatever order, a state that is stored and read again has the same figures."""
        dice = random.Random(seed)

        async def main() -> None:
            limiter, state = InRedis(limit=10, window=20), BucketState.initial("default", 10, 20, 1000.0)
            permits: list[Permit] = []
            for _ in range(60):
                await asyncio.sleep(dice.choice([0.01, 0.3, 2.0, 15.0]))
                if permits and dice.random() < 0.5:
                    await end(permits.pop(dice.randrange(len(permits))), limiter, state)
                else:
                    permits += await begin(limiter, state)
                await heard()
                (queue,) = limiter._queues.values()
                assert figures(queue.state) == pytest.approx(figures(state), abs=1e-3, nan_ok=True)

        async def begin(limiter: InRedis, state: BucketState) -> list[Permit]:
            is_ready = state.ready_at(loop_time()) <= loop_time()
            try:
                permit = await limiter.acquire(BUCKET, max_wait=0)
            except RateLimitedError:
                assert not is_ready
                return []
            assert is_ready
            state.grant(permit.number, loop_time())
            return [permit]

        async def end(permit: Permit, limiter: InRedis, state: BucketState) -> None:
            kind = dice.choice(["told", "told", "told", "several", "refused", "proxy", "silent", "lost", "unsent"])
            if kind == "unsent" and permit.sent_at < loop_time() - 1:
                kind = "lost"  # when exactly an old request is dropped depends on when the state is read
            limits: list[RateLimit] | None = rate_limits(dice.randrange(10), dice.randrange(1, 21), 10)
            if kind == "several":
                limits = [
                    *rate_limits(dice.randrange(3), 4, 3, "burst"),
                    *rate_limits(dice.randrange(9), 15, 9, "daily"),
                ]
            elif kind in ("proxy", "silent"):
                limits = []
            elif kind in ("lost", "unsent"):
                limits = None
            retry_after = 3.0 if kind in ("refused", "proxy") else None
            await limiter.release(permit, limits, retry_after=retry_after, sent=kind != "unsent")
            if kind == "unsent":
                state.cancel(permit.number, loop_time())
            else:
                state.release(permit.number, permit.sent_at, limits, retry_after, loop_time())

        run(main())

    def test_a_transaction_is_computed_again_when_another_process_was_faster(self) -> None:
        """Ten processes that ask for permits at the same moment get as many together as are left, and no more."""

        async def main() -> None:
            limiters = processes(10)
            await open_window(limiters[0], remaining=7, limit=10)
            await open_window(limiters[0], remaining=6, limit=10)
            await heard()
            waiting = [start_acquire(limiter) for limiter in limiters for _ in range(2)]
            await asyncio.sleep(1)
            assert sum(task.done() for task in waiting) == 3  # the first window doubles the number in flight
            assert limiters[0].stats()[0].in_flight <= 3
            for task in waiting:
                task.cancel()

        run(main())

    def test_keys_expire_by_themselves(self) -> None:
        """Nothing stays in Redis for longer than two windows after its last use, or a block."""

        async def main() -> InRedis:
            limiter = InRedis()
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
        """Whatever the key holds, from another version or by mistake, costs what was known and nothing else."""

        async def main() -> None:
            limiter = InRedis(prefix=next(prefixes))
            await open_window(limiter, remaining=50)
            await heard()
            (queue,) = limiter._queues.values()
            (key,) = keys_of(session_url(), limiter.prefix)
            with SyncRedis.from_url(session_url()) as redis:
                spoil(redis, key, queue.state)
            assert await acquire_once(limiter, remaining=40, max_wait=10) <= 1010
            await heard()
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

    async def test_it_looks_at_the_clock_of_redis(self) -> None:
        """Without a time given the script takes Redis's, and it works in turns of real time."""
        async with RedisTokenBucket(session_url(), prefix=next(prefixes), limit=100, window=0.2) as limiter:
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(0, reset=0.2))
            permit = await limiter.acquire(BUCKET)
            assert 0.2 <= permit.waited < 1.5

    async def test_it_is_loaded_again_after_a_flush(self) -> None:
        """After a flush, the script is loaded again and the state starts afresh."""
        async with (
            RedisTokenBucket(session_url(), prefix=next(prefixes)) as limiter,
            Redis.from_url(session_url()) as redis,
        ):
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(119))
            await redis.script_flush()
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(118))


class TestConnection:
    """Whose it is, and when it ends."""

    async def test_a_borrowed_client_stays_open(self) -> None:
        """`aclose` leaves a client that is not ours as it was; one that decodes its answers does as well."""
        async with Redis.from_url(session_url(), decode_responses=True) as client:
            async with RedisTokenBucket(client, prefix=next(prefixes)) as limiter:
                await limiter.release(await limiter.acquire(BUCKET), rate_limits(119))
            assert client.connection_pool._available_connections
            assert await client.ping()

    def test_it_may_be_used_in_one_loop_after_the_other(self) -> None:
        """A limiter that was closed in one event loop opens again in the next, and knows what it knew."""
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

    async def test_it_may_be_used_after_it_was_closed(self) -> None:
        """`aclose` ends the connection, and the next call opens another."""
        limiter = RedisTokenBucket(session_url(), prefix=next(prefixes))
        for _ in range(2):
            async with limiter:
                await limiter.release(await limiter.acquire(BUCKET), rate_limits(119))

    async def test_closing_tells_what_was_not_told_yet(self) -> None:
        """What was settled in the last moment is in Redis when the limiter is closed."""
        prefix = next(prefixes)
        async with RedisTokenBucket(session_url(), prefix=prefix) as limiter:
            await limiter.release(await limiter.acquire(BUCKET), rate_limits(0), retry_after=60)
        async with RedisTokenBucket(session_url(), prefix=prefix) as limiter:
            with pytest.raises(RateLimitedError):
                await limiter.acquire(BUCKET, max_wait=50)

    @pytest.mark.parametrize("url", ["http://:hunter2@localhost", "redis://:hun#ter2@localhost:1", "hunter2"])
    def test_a_url_that_cannot_be_read_is_refused(self, url: str) -> None:
        """At once, with what would be right, and without a part of the password."""
        with pytest.raises(ConfigError, match="invalid Redis URL") as caught:
            RedisTokenBucket(url)
        assert "ter2" not in repr(caught.value)
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize("share", ["wait", 0, 1.5, None])
    def test_what_to_do_without_redis_has_to_be_said_right(self, share: Any) -> None:
        """It is "raise" or a share of the limit."""
        with pytest.raises(ConfigError, match="fallback must be"):
            RedisTokenBucket(session_url(), fallback=share)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis that a test may stop."""
    with own_server() as server:
        yield server


class TestWithoutRedis:
    """What happens while it is away."""

    async def test_raising_says_what_where_and_what_next(self) -> None:
        """The error names the place and not the password, says that nothing was sent, and may pass."""
        async with RedisTokenBucket("redis://:hunter2@127.0.0.1:9/3") as limiter:
            with pytest.raises(
                ConnectionFailedError, match=r"Redis at 127\.0\.0\.1:9/3, .*the URL is correct\. No request was sent"
            ) as caught:
                await limiter.acquire(BUCKET)
            assert caught.value.retryable
            assert not caught.value.sent
            assert isinstance(copy.deepcopy(caught.value), CalcomError)
            assert "hunter2" not in repr(limiter) + repr(caught.value) + str(caught.value.__cause__)

    async def test_a_redis_that_never_answers_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Something that takes the connection and then says nothing counts as away after a while."""
        monkeypatch.setattr("calcom_async.redis_rate_limiter.SCRIPT_TIMEOUT", 0.05)

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with closing(writer):
                await reader.read()

        silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        async with silent, RedisTokenBucket(f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}") as limiter:
            with pytest.raises(ConnectionFailedError, match="TimeoutError"):
                await limiter.acquire(BUCKET)

    async def test_a_wrong_password_is_not_shown_and_no_passing_trouble(self) -> None:
        """Redis refuses who we are: the error says so without the password, and trying again is no use."""
        with own_server("--requirepass", "open sesame") as server:
            async with RedisTokenBucket(server.url.replace("//", "//:hunter2@")) as limiter:
                with pytest.raises(ConnectionFailedError, match="AuthenticationError") as caught:
                    await limiter.acquire(BUCKET)
            assert not caught.value.retryable
            assert "hunter2" not in str(caught.value)

    async def test_dying_in_the_middle_and_coming_back(self, server: RedisServer) -> None:
        """Those who wait are told, what they held does not matter, and a Redis that is back is used again."""
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

    async def test_a_share_goes_on_alone_and_says_so(
        self, server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Each switch is one warning in the log, with the place, the share, and no password."""
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
    @pytest.mark.parametrize("gone", [30.0, *slow(0.0, 62.0, 95.0)])
    def test_shares_do_not_add_up_to_more_than_the_limit(self, gone: float) -> None:
        """Four processes without Redis for five minutes: no 429, the limit is used, and again when Redis is back."""
        server, tallies, limiters = (
            Server(latency=USUAL, seed=4),
            [Tally() for _ in range(4)],
            processes(4, fallback=0.25),
        )

        async def redis_is_away() -> None:
            await asyncio.sleep(gone)
            for down in (True, False):
                for limiter in limiters:
                    client: Any = limiter._script._client
                    client.is_down = down
                await asyncio.sleep(300)

        pairs = zip(limiters, tallies, strict=True)
        crowds = [task for limiter, tally in pairs for task in crowd(8, server, tally, limiter)]
        simulate(redis_is_away(), *crowds, seconds=900)
        assert [tally.refused for tally in tallies] == [[], [], [], []]
        assert sum(tally.served_between(gone + 60, gone + 300) for tally in tallies) >= 0.9 * 480
        assert sum(tally.served_between(gone + 420, 900) for tally in tallies) >= 0.8 * 2 * (480 - gone)

    def test_a_block_holds_while_redis_is_away(self) -> None:
        """What was known of a block is not forgotten, and one that a process meets alone holds it back too."""

        async def main() -> None:
            limiter = InRedis(client=BlockingClient(), fallback=0.5)
            await block_for(limiter, 60)
            await heard()
            client: Any = limiter._script._client
            client.is_down = True
            permit = await limiter.acquire(BUCKET)
            assert permit.sent_at >= 1060
            await limiter.release(permit, rate_limits(0, 30))
            assert await acquire_once(limiter) >= 1090

        run(main())
