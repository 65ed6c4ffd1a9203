"""The limiter against a model of the server's throttler: minutes of seeded traffic in virtual time."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from redis_server import SIMULATED_IN_REDIS, InRedis
from virtual_time import run

from calcom_async.errors import RateLimit
from calcom_async.rate_limiter import Bucket, TokenBucket

BUCKET = Bucket("key")
TEN_MINUTES = 600.0
Range = tuple[float, float]
QUICK, USUAL, SLOW = (0.005, 0.05), (0.05, 0.2), (0.005, 2.0)


@dataclass
class Throttle:
    """One named limit: a fixed window from its first hit, refused hits counted, a block from the first refusal on."""

    name: str = "default"
    limit: int = 120
    window: float = 60.0
    block: float = 60.0
    hits: int = 0
    ends: float = -math.inf
    blocked_until: float = -math.inf

    def hit(self, now: float) -> RateLimit:
        if now >= self.ends:
            self.hits, self.ends = 0, now + self.window
        self.hits += 1
        if self.hits > self.limit and now >= self.blocked_until:
            self.blocked_until = now + self.block
        blocked = now < self.blocked_until
        until = self.blocked_until if blocked else self.ends
        return RateLimit(self.name, self.limit, 0 if blocked else self.limit - self.hits, math.ceil(until - now))


@dataclass
class Tally:
    """What one client got: when it sent what was served and what was refused, and the ends of the blocks it met."""

    seconds: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    blocks: list[float] = field(default_factory=list)

    @property
    def served(self) -> int:
        return len(self.seconds)

    def served_between(self, start: float, end: float) -> int:
        return sum(start <= second < end for second in self.seconds)


class Server:
    """Counts a request somewhere on its way, as the real guard does before anything else; `guard_after`: that soon."""

    def __init__(
        self, *throttles: Throttle, latency: Range = SLOW, seed: int = 0, guard_after: float = math.inf
    ) -> None:
        self.throttles = throttles or (Throttle(),)
        self.latency = latency
        self.guard_after = guard_after
        self.random = random.Random(seed)

    async def answer(self, tally: Tally) -> tuple[bool, list[RateLimit]]:
        """Send one request; whether it was refused, and the headers of the answer."""
        latency = self.random.uniform(*self.latency)
        there = min(latency * self.random.random(), self.guard_after)
        sent_at = asyncio.get_running_loop().time()
        await asyncio.sleep(there)
        now = asyncio.get_running_loop().time()
        told = [throttle.hit(now) for throttle in self.throttles]
        refused = all(now < throttle.blocked_until for throttle in self.throttles)
        if refused:
            tally.blocks.append(self.throttles[0].blocked_until)
        await asyncio.sleep(latency - there)
        (tally.refused if refused else tally.seconds).append(sent_at)
        return refused, told


async def one_call(server: Server, limiter: TokenBucket, tally: Tally) -> bool:
    """What the middleware does: wait, send, tell what the answer said."""
    permit = await limiter.acquire(BUCKET)
    refused, told = await server.answer(tally)
    await limiter.release(permit, told, retry_after=min(t.reset for t in told) if refused else None)
    return not refused


async def greedy(server: Server, limiter: TokenBucket, tally: Tally) -> None:
    while True:
        await one_call(server, limiter, tally)


async def reckless(server: Server, tally: Tally) -> None:
    """A client without a limiter: as fast as it can, and after a refusal it waits as told."""
    while True:
        refused, told = await server.answer(tally)
        if refused:
            await asyncio.sleep(told[0].reset)


async def steady(server: Server, tally: Tally, every: float, until: float = math.inf) -> None:
    async with asyncio.TaskGroup() as group:
        while asyncio.get_running_loop().time() < until:
            group.create_task(server.answer(tally))
            await asyncio.sleep(every)


async def bursty(server: Server, tally: Tally, size: int, every: float, after: float) -> None:
    await asyncio.sleep(after)
    async with asyncio.TaskGroup() as group:
        while True:
            for _ in range(size):
                group.create_task(server.answer(tally))
            await asyncio.sleep(every)


async def later(seconds: float, actor: Coroutine[Any, Any, None]) -> None:
    await asyncio.sleep(seconds)
    await actor


def simulate(*actors: Coroutine[Any, Any, None], seconds: float = TEN_MINUTES) -> None:
    """Let everybody act for a while, then stop them in the middle of whatever they do."""

    async def main() -> None:
        tasks = [asyncio.ensure_future(actor) for actor in actors]
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main(), start=0.0)


def crowd(number: int, server: Server, tally: Tally, limiter: TokenBucket) -> list[Coroutine[Any, Any, None]]:
    """Many tasks of one process, that is, with one limiter."""
    return [greedy(server, limiter, tally) for _ in range(number)]


def most_refusals_in_a_block(tally: Tally) -> int:
    return max(Counter(tally.blocks).values(), default=0)


EITHER = pytest.mark.parametrize(
    "new", [pytest.param(TokenBucket, id="local"), pytest.param(InRedis, id="redis", marks=SIMULATED_IN_REDIS)]
)
EVERYWHERE = pytest.mark.parametrize(
    ("new", "latency"),
    [
        pytest.param(TokenBucket, QUICK, id="quick"),
        pytest.param(TokenBucket, USUAL, id="usual"),
        pytest.param(TokenBucket, SLOW, id="slow"),
        pytest.param(InRedis, USUAL, id="redis", marks=SIMULATED_IN_REDIS),
    ],
)


@EVERYWHERE
@pytest.mark.parametrize("tasks", [4, 16, 300])
def test_alone_on_the_stock_limit(new: type[TokenBucket], latency: Range, tasks: int) -> None:
    """Ten minutes of greed on 120 per 60 s: at least 98 % of the 1,200 that the server would serve, and no 429."""
    server, ours = Server(latency=latency, seed=tasks), Tally()
    simulate(*crowd(tasks, server, ours, new()))
    assert ours.refused == []
    assert 1176 <= ours.served <= 1200


@EITHER
def test_slow_answers_of_an_old_window_do_no_harm(new: type[TokenBucket]) -> None:
    """Answers that take up to 47 s, as those of slot searches do, cost less than a tenth of the window and no 429."""
    server, ours = Server(latency=(0.05, 47.0), seed=3, guard_after=0.05), Tally()
    simulate(*crowd(120, server, ours, new()))
    assert ours.refused == []
    assert ours.served >= 1000


@EITHER
@pytest.mark.parametrize("latency", [QUICK, USUAL, (0.1, 0.5)])
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_documented_limit_costs_one_refusal_at_most(new: type[TokenBucket], latency: Range, seed: int) -> None:
    """Told 120 per 60 s where the server has 5 per 2 s and blocks for 4: at most one 429, and full use."""
    server, ours = Server(Throttle(limit=5, window=2, block=4), latency=latency, seed=seed), Tally()
    simulate(*crowd(8, server, ours, new()))
    assert len(ours.refused) <= 1
    assert ours.served >= 0.8 * 1500


@pytest.mark.slow
@EVERYWHERE
@pytest.mark.parametrize(
    ("throttle", "possible"),
    [
        (Throttle(limit=3), 30),
        pytest.param(Throttle(limit=1000), 10_000, marks=pytest.mark.slow),
        (Throttle(limit=500, window=30), 10_000),
        (Throttle(limit=30, block=4), 300),
    ],
    ids=["3 a minute", "1000 a minute", "500 in 30 s", "30 a minute, short block"],
)
def test_any_limit_is_learned(new: type[TokenBucket], throttle: Throttle, possible: int, latency: Range) -> None:
    """Whatever the server's limit, up or down, nearly all of it is used and nothing is refused."""
    server, ours = Server(replace(throttle), latency=latency), Tally()
    simulate(*crowd(50, server, ours, new()))
    assert ours.refused == []
    assert ours.served >= 0.94 * possible


@EVERYWHERE
@pytest.mark.parametrize("every", [1.0, 2.0, 6.0])
def test_beside_a_steady_stranger(new: type[TokenBucket], latency: Range, every: float) -> None:
    """A process that takes up to half of the limit evenly costs one block at most; the rest of the limit is ours."""
    server, ours, theirs = Server(latency=latency, seed=5), Tally(), Tally()
    simulate(*crowd(8, server, ours, new()), steady(server, theirs, every))
    assert len(ours.refused) <= (2 if latency == SLOW else 1)
    assert len(set(ours.blocks)) <= 1
    assert ours.served >= 0.97 * (1200 - TEN_MINUTES / every) - 120
    assert theirs.served_between(150, 600) >= 385 / every


@EVERYWHERE
@pytest.mark.parametrize("after", [0.0, 30.0, 45.0])
def test_beside_bursts(new: type[TokenBucket], latency: Range, after: float) -> None:
    """A process that takes half of the limit at once, whenever in the window: one 429 at most, before we know."""
    server, ours, theirs = Server(latency=latency, seed=5), Tally(), Tally()
    simulate(*crowd(8, server, ours, new()), bursty(server, theirs, size=60, every=60.5, after=after))
    assert len(ours.refused) <= 1
    assert ours.served >= 500
    assert theirs.served_between(150, 600) >= 7 * 60


@EITHER
@pytest.mark.parametrize("latency", [USUAL, (0.1, 0.5), SLOW])
@pytest.mark.parametrize("seed", range(3))
def test_beside_a_reckless_stranger(new: type[TokenBucket], latency: Range, seed: int) -> None:
    """Eight tasks without any limiter: a 429 for each of their blocks at most, and we are not starved."""
    server, ours, theirs = Server(latency=latency, seed=seed), Tally(), Tally()
    simulate(*crowd(8, server, ours, new()), *[reckless(server, theirs) for _ in range(8)])
    assert most_refusals_in_a_block(ours) <= 1
    assert ours.served >= 0.06 * (ours.served + theirs.served)
    last_minutes = [ours.served_between(start, start + 130) for start in range(0, 500, 60)]
    assert min(last_minutes) >= 10


@EITHER
def test_a_window_is_used_whole_again_when_the_stranger_has_gone(new: type[TokenBucket]) -> None:
    """The next window but one after the last that somebody else used is ours alone."""
    server, ours, theirs = Server(latency=USUAL, seed=5), Tally(), Tally()
    simulate(*crowd(8, server, ours, new()), steady(server, theirs, 1.0, until=180.0))
    assert ours.served_between(300, 600) >= 0.95 * 600


@pytest.mark.slow
@EVERYWHERE
@pytest.mark.parametrize("tasks", [4, 16, 50])
def test_two_clients_share_evenly(new: type[TokenBucket], latency: Range, tasks: int) -> None:
    """Two limiters on one key that know nothing of each other: no 429, 95 % of the limit used, half each."""
    server, ours, theirs = Server(latency=latency, seed=tasks), Tally(), Tally()
    simulate(*crowd(tasks, server, ours, new()), *crowd(tasks, server, theirs, new()))
    assert ours.refused + theirs.refused == []
    assert ours.served + theirs.served >= 0.95 * 1200
    assert min(ours.served, theirs.served) >= 0.45 * 1200


def test_two_clients_on_a_large_limit() -> None:
    """Of 1,000 requests per minute, two clients use 90 % in the first minute already, and no request is rejected."""
    server, ours, theirs = Server(Throttle(limit=1000), latency=USUAL, seed=2), Tally(), Tally()
    simulate(*crowd(12, server, ours, TokenBucket()), *crowd(12, server, theirs, TokenBucket()), seconds=59)
    assert ours.refused + theirs.refused == []
    assert ours.served + theirs.served >= 900


@EVERYWHERE
@pytest.mark.parametrize("tasks", [4, 100])
def test_a_client_that_comes_later_gets_its_half(new: type[TokenBucket], latency: Range, tasks: int) -> None:
    """One that starts while another uses every window whole is served without a refusal, and soon has half."""
    server, ours, theirs = Server(latency=latency, seed=5), Tally(), Tally()
    newcomers = [later(95.0, task) for task in crowd(tasks, server, theirs, new())]
    simulate(*crowd(tasks, server, ours, new()), *newcomers)
    assert ours.refused + theirs.refused == []
    assert theirs.served_between(245, 600) >= 0.4 * 720


NUMBERS = pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 8, 12, 16])
LATENCIES = pytest.mark.parametrize(
    "latency", [QUICK, USUAL, SLOW, (0.05, 0.3)], ids=["quick", "usual", "slow", "wide"]
)


@pytest.mark.slow
@NUMBERS
@LATENCIES
def test_independent_clients_on_one_key(number: int, latency: Range) -> None:
    """Up to 16 clients that know nothing of each other, six tasks each: no 429 in ten minutes, 85 % of the limit used.

    A client alone uses 99 %. Each of several has at least a fifth of an equal share.
    """
    server, clients = Server(latency=latency, seed=number), [Tally() for _ in range(number)]
    simulate(*(task for tally in clients for task in crowd(6, server, tally, TokenBucket())))
    assert [tally.refused for tally in clients] == [[]] * number
    assert sum(tally.served for tally in clients) >= (0.99 if number == 1 else 0.85) * 1200
    assert min(tally.served for tally in clients) >= 0.2 * 1200 / number


@pytest.mark.parametrize("number", [pytest.param(number, marks=SIMULATED_IN_REDIS) for number in (1, 4, 7)])
def test_a_limiter_in_redis_is_one_client_among_others(number: int) -> None:
    """Next to clients without Redis, the limiter in Redis behaves as one of them: no 429, and a share of its own."""
    server, ours, theirs = Server(latency=USUAL, seed=number), Tally(), [Tally() for _ in range(number)]
    crowds = [task for tally in theirs for task in crowd(6, server, tally, TokenBucket())]
    simulate(*crowd(6, server, ours, InRedis()), *crowds)
    assert [tally.refused for tally in [ours, *theirs]] == [[]] * (number + 1)
    assert ours.served + sum(tally.served for tally in theirs) >= 0.85 * 1200
    assert ours.served >= 0.2 * 1200 / (number + 1)


@pytest.mark.parametrize("number", [4, 8, 16])
@pytest.mark.parametrize("seed", range(2))
def test_clients_that_come_and_go(number: int, seed: int) -> None:
    """Joining at any time costs few blocks in ten minutes, which each client meets once; see also the next test."""
    dice, server = random.Random(seed), Server(latency=USUAL, seed=seed)
    clients = [Tally() for _ in range(number)]
    starts = [0.0, *(dice.uniform(0, 300) for _ in range(number - 1))]
    crowds = zip(starts, clients, strict=True)
    simulate(*(later(start, task) for start, tally in crowds for task in crowd(6, server, tally, TokenBucket())))
    assert len({block for tally in clients for block in tally.blocks}) <= 3
    assert max(most_refusals_in_a_block(tally) for tally in clients) <= 1
    assert sum(tally.served for tally in clients) >= 0.65 * 1200


@EITHER
def test_a_client_that_joins_uses_what_is_left(new: type[TokenBucket]) -> None:
    """After another client's three calls, one that joins makes 110 calls of the same window within seconds."""
    server, ours, theirs = Server(latency=USUAL), Tally(), Tally()

    async def main() -> None:
        other, limiter = TokenBucket(), new()
        for _ in range(3):
            await one_call(server, other, theirs)
        await one_call(server, limiter, ours)
        await asyncio.sleep(0.01)
        assert limiter.stats()[0].available == 116
        await asyncio.gather(*(one_call(server, limiter, ours) for _ in range(110)))

    run(main(), start=0.0)
    assert ours.refused == []
    assert max(ours.seconds) < 5


def test_two_that_join_a_used_up_window_at_once_cannot_both_be_served() -> None:
    """A client alone uses 99 % of a window, so one call is left; no rule could serve two first calls with it."""
    server, ours, theirs = Server(latency=USUAL, seed=1), Tally(), [Tally(), Tally()]
    newcomers = [later(57.0, task) for tally in theirs for task in crowd(1, server, tally, TokenBucket())]
    simulate(*crowd(6, server, ours, TokenBucket()), *newcomers, seconds=59)
    assert ours.served == 119
    assert sorted((tally.served, len(tally.refused)) for tally in theirs) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(("number", "blocks"), [(4, 1), (8, 1), (16, 3)])
@pytest.mark.parametrize("seed", range(2))
def test_clients_at_different_distances(number: int, blocks: int, seed: int) -> None:
    """Responses after 5 ms for some and after 2 s for others: few blocks, since each makes all clients more careful."""
    dice, server = random.Random(seed), Server(seed=seed)
    clients, tasks = [Tally() for _ in range(number)], []
    for tally in clients:
        place = Server(latency=dice.choice([QUICK, USUAL, SLOW, (0.5, 1.0)]), seed=seed)
        place.throttles = server.throttles
        tasks += crowd(6, place, tally, TokenBucket())
    simulate(*tasks)
    assert len({block for tally in clients for block in tally.blocks}) <= blocks
    assert max(most_refusals_in_a_block(tally) for tally in clients) <= 2
    assert sum(tally.served for tally in clients) >= 0.85 * 1200


@EITHER
@pytest.mark.parametrize("latency", [QUICK, USUAL, (0.1, 0.5)])
@pytest.mark.parametrize("seed", range(3))
def test_several_named_limits(new: type[TokenBucket], latency: Range, seed: int) -> None:
    """A key with `burst` and `daily` is served as long as either has room; waiting for both would give 240."""
    server = Server(Throttle("burst", 4, 3, 2), Throttle("daily", 8, 20, 6), latency=latency, seed=seed)
    ours = Tally()
    simulate(*crowd(8, server, ours, new()))
    assert len(ours.refused) <= 1
    assert ours.served >= 600


@EITHER
def test_after_a_refusal_everybody_waits_once(new: type[TokenBucket]) -> None:
    """With fifty tasks in line, a key that somebody blocked gives one 429, and all are served in the next window."""
    server, ours, limiter = Server(latency=USUAL), Tally(), new()

    async def main() -> None:
        spent = Tally()
        await asyncio.gather(*(server.answer(spent) for _ in range(121)))
        await asyncio.gather(*(served(server, limiter, ours) for _ in range(50)))

    run(main(), start=0.0)
    assert len(ours.refused) == 1
    assert ours.served == 50
    assert all(60 < second < 120 for second in ours.seconds)


async def served(server: Server, limiter: TokenBucket, tally: Tally) -> None:
    """Repeat until served, as the middleware does after a 429."""
    while not await one_call(server, limiter, tally):
        pass
