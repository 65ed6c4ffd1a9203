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
from redis_server import SIMULATED_IN_REDIS, VirtualTimeRedisLimiter
from virtual_time import run

from calcom_async.errors import RateLimit
from calcom_async.rate_limit_state import Bucket
from calcom_async.rate_limiter import TokenBucket

BUCKET = Bucket("key")
TEN_MINUTES = 600.0
Range = tuple[float, float]
QUICK, USUAL, SLOW = (0.005, 0.05), (0.05, 0.2), (0.005, 2.0)


@dataclass
class SimulatedThrottle:
    """One named limit: a fixed window from its first request. A request beyond the limit starts a block."""

    name: str = "default"
    limit: int = 120
    window: float = 60.0
    block: float = 60.0
    hits: int = 0
    ends: float = -math.inf
    blocked_until: float = -math.inf

    def hit(self, now: float) -> RateLimit:
        """Count a request, and return the limit that its response reports."""
        if now >= self.ends:
            self.hits, self.ends = 0, now + self.window
        self.hits += 1
        if self.hits > self.limit and now >= self.blocked_until:
            self.blocked_until = now + self.block
        blocked = now < self.blocked_until
        until = self.blocked_until if blocked else self.ends
        return RateLimit(self.name, self.limit, 0 if blocked else self.limit - self.hits, math.ceil(until - now))


@dataclass
class ClientResults:
    """Send times of a client's accepted and rejected requests, and the ends of the blocks it met."""

    seconds: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    blocks: list[float] = field(default_factory=list)

    @property
    def served(self) -> int:
        """Number of accepted requests."""
        return len(self.seconds)

    def served_between(self, start: float, end: float) -> int:
        """Return the number of accepted requests sent in an interval."""
        return sum(start <= second < end for second in self.seconds)


class SimulatedServer:
    """A server that counts each request during its latency, at most `guard_after` seconds after it was sent."""

    def __init__(
        self, *throttles: SimulatedThrottle, latency: Range = SLOW, seed: int = 0, guard_after: float = math.inf
    ) -> None:
        self.throttles = throttles or (SimulatedThrottle(),)
        self.latency = latency
        self.guard_after = guard_after
        self.random = random.Random(seed)

    async def send(self, results: ClientResults) -> tuple[bool, list[RateLimit]]:
        """Send one request; return whether it was rejected, and the limits of its response."""
        latency = self.random.uniform(*self.latency)
        until_counted = min(latency * self.random.random(), self.guard_after)
        sent_at = asyncio.get_running_loop().time()
        await asyncio.sleep(until_counted)
        now = asyncio.get_running_loop().time()
        limits = [throttle.hit(now) for throttle in self.throttles]
        rejected = all(now < throttle.blocked_until for throttle in self.throttles)
        if rejected:
            results.blocks.append(self.throttles[0].blocked_until)
        await asyncio.sleep(latency - until_counted)
        (results.rejected if rejected else results.seconds).append(sent_at)
        return rejected, limits


async def one_call(server: SimulatedServer, limiter: TokenBucket, results: ClientResults) -> bool:
    """Acquire a permit, send and release, as the middleware does."""
    permit = await limiter.acquire(BUCKET)
    rejected, limits = await server.send(results)
    await limiter.release(permit, limits, retry_after=min(t.reset for t in limits) if rejected else None)
    return not rejected


async def greedy(server: SimulatedServer, limiter: TokenBucket, results: ClientResults) -> None:
    """Send requests without a pause."""
    while True:
        await one_call(server, limiter, results)


async def reckless(server: SimulatedServer, results: ClientResults) -> None:
    """Send requests without a limiter; after a 429 wait as long as it demands."""
    while True:
        rejected, limits = await server.send(results)
        if rejected:
            await asyncio.sleep(limits[0].reset)


async def steady(server: SimulatedServer, results: ClientResults, every: float, until: float = math.inf) -> None:
    """Send a request at regular intervals."""
    async with asyncio.TaskGroup() as group:
        while asyncio.get_running_loop().time() < until:
            group.create_task(server.send(results))
            await asyncio.sleep(every)


async def bursty(server: SimulatedServer, results: ClientResults, size: int, every: float, after: float) -> None:
    """Send a burst of requests at regular intervals."""
    await asyncio.sleep(after)
    async with asyncio.TaskGroup() as group:
        while True:
            for _ in range(size):
                group.create_task(server.send(results))
            await asyncio.sleep(every)


async def start_later(seconds: float, actor: Coroutine[Any, Any, None]) -> None:
    """Start an actor after some seconds."""
    await asyncio.sleep(seconds)
    await actor


def simulate(*actors: Coroutine[Any, Any, None], seconds: float = TEN_MINUTES) -> None:
    """Run all actors for some seconds, then cancel them."""

    async def main() -> None:
        tasks = [asyncio.ensure_future(actor) for actor in actors]
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main(), start=0.0)


def greedy_tasks(
    number: int, server: SimulatedServer, results: ClientResults, limiter: TokenBucket
) -> list[Coroutine[Any, Any, None]]:
    """Return tasks of one process, which share its limiter."""
    return [greedy(server, limiter, results) for _ in range(number)]


def most_rejections_in_a_block(results: ClientResults) -> int:
    """Return the largest number of 429s that a client got in one block."""
    return max(Counter(results.blocks).values(), default=0)


BOTH_LIMITERS = pytest.mark.parametrize(
    "new",
    [
        pytest.param(TokenBucket, id="local"),
        pytest.param(VirtualTimeRedisLimiter, id="redis", marks=SIMULATED_IN_REDIS),
    ],
)
# Each seed simulates other arrivals. One of them is enough for the tests that run by default.
TWO_SEEDS = pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
THREE_SEEDS = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
ALL_LATENCIES = pytest.mark.parametrize(
    ("new", "latency"),
    [
        pytest.param(TokenBucket, QUICK, id="quick", marks=pytest.mark.slow),
        pytest.param(TokenBucket, USUAL, id="usual"),
        pytest.param(TokenBucket, SLOW, id="slow"),
        pytest.param(VirtualTimeRedisLimiter, USUAL, id="redis", marks=SIMULATED_IN_REDIS),
    ],
)


@ALL_LATENCIES
@pytest.mark.parametrize("tasks", [4, 16, 300])
def test_alone_on_the_stock_limit(new: type[TokenBucket], latency: Range, tasks: int) -> None:
    """A client alone on 120 requests per 60 s: at least 98 % of the limit is used in ten minutes, without a 429."""
    server, client = SimulatedServer(latency=latency, seed=tasks), ClientResults()
    simulate(*greedy_tasks(tasks, server, client, new()))
    assert client.rejected == []
    assert 1176 <= client.served <= 1200


@BOTH_LIMITERS
def test_slow_responses_of_an_old_window(new: type[TokenBucket]) -> None:
    """Responses that take up to 47 s, as slot searches can, cost less than a sixth of the limit and no 429."""
    server, client = SimulatedServer(latency=(0.05, 47.0), seed=3, guard_after=0.05), ClientResults()
    simulate(*greedy_tasks(120, server, client, new()))
    assert client.rejected == []
    assert client.served >= 1000


@pytest.mark.slow
@BOTH_LIMITERS
@pytest.mark.parametrize("latency", [QUICK, USUAL, (0.1, 0.5)])
@THREE_SEEDS
def test_a_wrong_documented_limit(new: type[TokenBucket], latency: Range, seed: int) -> None:
    """If the server permits 5 per 2 s instead of 120 per 60 s: at most one 429, and 80 % of the limit is used."""
    server, client = (
        SimulatedServer(SimulatedThrottle(limit=5, window=2, block=4), latency=latency, seed=seed),
        ClientResults(),
    )
    simulate(*greedy_tasks(8, server, client, new()))
    assert len(client.rejected) <= 1
    assert client.served >= 0.8 * 1500


@pytest.mark.slow
@ALL_LATENCIES
@pytest.mark.parametrize(
    ("throttle", "possible"),
    [
        (SimulatedThrottle(limit=3), 30),
        pytest.param(SimulatedThrottle(limit=1000), 10_000, marks=pytest.mark.slow),
        (SimulatedThrottle(limit=500, window=30), 10_000),
        (SimulatedThrottle(limit=30, block=4), 300),
    ],
    ids=["3 a minute", "1000 a minute", "500 in 30 s", "30 a minute, short block"],
)
def test_any_limit_is_learned(
    new: type[TokenBucket], throttle: SimulatedThrottle, possible: int, latency: Range
) -> None:
    """Smaller and larger limits than the documented one: 94 % is used, without a 429."""
    server, client = SimulatedServer(replace(throttle), latency=latency), ClientResults()
    simulate(*greedy_tasks(50, server, client, new()))
    assert client.rejected == []
    assert client.served >= 0.94 * possible


@pytest.mark.slow
@ALL_LATENCIES
@pytest.mark.parametrize("every", [1.0, 2.0, 6.0])
def test_next_to_a_steady_client(new: type[TokenBucket], latency: Range, every: float) -> None:
    """Another client uses up to half of the limit evenly: at most one block, and nearly all of the rest is used."""
    server, client, other_client = SimulatedServer(latency=latency, seed=5), ClientResults(), ClientResults()
    simulate(*greedy_tasks(8, server, client, new()), steady(server, other_client, every))
    assert len(client.rejected) <= (2 if latency == SLOW else 1)
    assert len(set(client.blocks)) <= 1
    assert client.served >= 0.97 * (1200 - TEN_MINUTES / every) - 120
    assert other_client.served_between(150, 600) >= 385 / every


@ALL_LATENCIES
@pytest.mark.parametrize("after", [0.0, 30.0, 45.0])
def test_next_to_bursts(new: type[TokenBucket], latency: Range, after: float) -> None:
    """Another client uses half of the limit at once, at any time of the window: at most one 429."""
    server, client, other_client = SimulatedServer(latency=latency, seed=5), ClientResults(), ClientResults()
    simulate(*greedy_tasks(8, server, client, new()), bursty(server, other_client, size=60, every=60.5, after=after))
    assert len(client.rejected) <= 1
    assert client.served >= 500
    assert other_client.served_between(150, 600) >= 7 * 60


@BOTH_LIMITERS
@pytest.mark.parametrize("latency", [USUAL, (0.1, 0.5), SLOW])
@THREE_SEEDS
def test_next_to_a_client_without_a_limiter(new: type[TokenBucket], latency: Range, seed: int) -> None:
    """Eight tasks without a limiter: at most one 429 per block, and the client still gets a share."""
    server, client, other_client = SimulatedServer(latency=latency, seed=seed), ClientResults(), ClientResults()
    simulate(*greedy_tasks(8, server, client, new()), *[reckless(server, other_client) for _ in range(8)])
    assert most_rejections_in_a_block(client) <= 1
    assert client.served >= 0.06 * (client.served + other_client.served)
    last_minutes = [client.served_between(start, start + 130) for start in range(0, 500, 60)]
    assert min(last_minutes) >= 10


@BOTH_LIMITERS
def test_the_whole_window_is_used_after_another_client_stopped(new: type[TokenBucket]) -> None:
    """Two windows after another client has stopped, 95 % of the limit is used."""
    server, client, other_client = SimulatedServer(latency=USUAL, seed=5), ClientResults(), ClientResults()
    simulate(*greedy_tasks(8, server, client, new()), steady(server, other_client, 1.0, until=180.0))
    assert client.served_between(300, 600) >= 0.95 * 600


@pytest.mark.slow
@ALL_LATENCIES
@pytest.mark.parametrize("tasks", [4, 16, 50])
def test_two_clients_share_evenly(new: type[TokenBucket], latency: Range, tasks: int) -> None:
    """Two independent limiters on one key: no 429, 95 % of the limit is used, at least 45 % by each."""
    server, client, other_client = SimulatedServer(latency=latency, seed=tasks), ClientResults(), ClientResults()
    simulate(*greedy_tasks(tasks, server, client, new()), *greedy_tasks(tasks, server, other_client, new()))
    assert client.rejected + other_client.rejected == []
    assert client.served + other_client.served >= 0.95 * 1200
    assert min(client.served, other_client.served) >= 0.45 * 1200


def test_two_clients_on_a_large_limit() -> None:
    """Of 1,000 requests per minute, two clients use 90 % in the first minute, without a 429."""
    server, client, other_client = (
        SimulatedServer(SimulatedThrottle(limit=1000), latency=USUAL, seed=2),
        ClientResults(),
        ClientResults(),
    )
    simulate(
        *greedy_tasks(12, server, client, TokenBucket()),
        *greedy_tasks(12, server, other_client, TokenBucket()),
        seconds=59,
    )
    assert client.rejected + other_client.rejected == []
    assert client.served + other_client.served >= 900


@ALL_LATENCIES
@pytest.mark.parametrize("tasks", [4, 100])
def test_a_client_that_starts_later_gets_its_share(new: type[TokenBucket], latency: Range, tasks: int) -> None:
    """A client that starts while another uses every window gets no 429, and soon 40 % of the limit."""
    server, client, other_client = SimulatedServer(latency=latency, seed=5), ClientResults(), ClientResults()
    newcomers = [start_later(95.0, task) for task in greedy_tasks(tasks, server, other_client, new())]
    simulate(*greedy_tasks(tasks, server, client, new()), *newcomers)
    assert client.rejected + other_client.rejected == []
    assert other_client.served_between(245, 600) >= 0.4 * 720


NUMBERS = pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 8, 12, 16])
LATENCIES = pytest.mark.parametrize(
    "latency", [QUICK, USUAL, SLOW, (0.05, 0.3)], ids=["quick", "usual", "slow", "wide"]
)


@pytest.mark.slow
@NUMBERS
@LATENCIES
def test_independent_clients_on_one_key(number: int, latency: Range) -> None:
    """Up to 16 independent clients with six tasks each: no 429 in ten minutes, and 85 % of the limit is used.

    A client alone uses 99 %. Each of several gets at least a fifth of an equal share.
    """
    server, clients = SimulatedServer(latency=latency, seed=number), [ClientResults() for _ in range(number)]
    simulate(*(task for results in clients for task in greedy_tasks(6, server, results, TokenBucket())))
    assert [results.rejected for results in clients] == [[]] * number
    assert sum(results.served for results in clients) >= (0.99 if number == 1 else 0.85) * 1200
    assert min(results.served for results in clients) >= 0.2 * 1200 / number


@pytest.mark.parametrize("number", [pytest.param(number, marks=SIMULATED_IN_REDIS) for number in (1, 4, 7)])
def test_a_limiter_in_redis_is_one_client_among_others(number: int) -> None:
    """Next to clients without Redis, a Redis limiter behaves like one of them: no 429, and a fair share."""
    server, client, other_clients = (
        SimulatedServer(latency=USUAL, seed=number),
        ClientResults(),
        [ClientResults() for _ in range(number)],
    )
    tasks_of_clients = [task for results in other_clients for task in greedy_tasks(6, server, results, TokenBucket())]
    simulate(*greedy_tasks(6, server, client, VirtualTimeRedisLimiter()), *tasks_of_clients)
    assert [results.rejected for results in [client, *other_clients]] == [[]] * (number + 1)
    assert client.served + sum(results.served for results in other_clients) >= 0.85 * 1200
    assert client.served >= 0.2 * 1200 / (number + 1)


@pytest.mark.parametrize("number", [4, 8, 16])
@TWO_SEEDS
def test_clients_that_start_at_random_times(number: int, seed: int) -> None:
    """Clients that start at random times meet at most three blocks in ten minutes, with one 429 each."""
    rng, server = random.Random(seed), SimulatedServer(latency=USUAL, seed=seed)
    clients = [ClientResults() for _ in range(number)]
    starts = [0.0, *(rng.uniform(0, 300) for _ in range(number - 1))]
    tasks_of_clients = zip(starts, clients, strict=True)
    simulate(
        *(
            start_later(start, task)
            for start, results in tasks_of_clients
            for task in greedy_tasks(6, server, results, TokenBucket())
        )
    )
    assert len({block for results in clients for block in results.blocks}) <= 3
    assert max(most_rejections_in_a_block(results) for results in clients) <= 1
    assert sum(results.served for results in clients) >= 0.65 * 1200


@BOTH_LIMITERS
def test_a_client_uses_the_rest_of_a_window(new: type[TokenBucket]) -> None:
    """After three requests of another client, a new client sends 110 in the same window within seconds."""
    server, client, other_client = SimulatedServer(latency=USUAL), ClientResults(), ClientResults()

    async def main() -> None:
        other, limiter = TokenBucket(), new()
        for _ in range(3):
            await one_call(server, other, other_client)
        await one_call(server, limiter, client)
        await asyncio.sleep(0.01)
        assert limiter.stats()[0].available == 116
        await asyncio.gather(*(one_call(server, limiter, client) for _ in range(110)))

    run(main(), start=0.0)
    assert client.rejected == []
    assert max(client.seconds) < 5


def test_two_clients_that_start_in_a_used_up_window() -> None:
    """With one request left, one of two new clients gets a 429. No limiter could avoid that."""
    server, client, new_clients = (
        SimulatedServer(latency=USUAL, seed=1),
        ClientResults(),
        [ClientResults(), ClientResults()],
    )
    newcomers = [
        start_later(57.0, task) for results in new_clients for task in greedy_tasks(1, server, results, TokenBucket())
    ]
    simulate(*greedy_tasks(6, server, client, TokenBucket()), *newcomers, seconds=59)
    assert client.served == 119
    assert sorted((results.served, len(results.rejected)) for results in new_clients) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(("number", "blocks"), [(4, 1), (8, 1), (16, 3)])
@TWO_SEEDS
def test_clients_with_different_latencies(number: int, blocks: int, seed: int) -> None:
    """Responses after 5 ms for some clients and after 2 s for others cause few blocks."""
    rng, server = random.Random(seed), SimulatedServer(seed=seed)
    clients, tasks = [ClientResults() for _ in range(number)], []
    for results in clients:
        replica = SimulatedServer(latency=rng.choice([QUICK, USUAL, SLOW, (0.5, 1.0)]), seed=seed)
        replica.throttles = server.throttles
        tasks += greedy_tasks(6, replica, results, TokenBucket())
    simulate(*tasks)
    assert len({block for results in clients for block in results.blocks}) <= blocks
    assert max(most_rejections_in_a_block(results) for results in clients) <= 2
    assert sum(results.served for results in clients) >= 0.85 * 1200


@BOTH_LIMITERS
@pytest.mark.parametrize("latency", [QUICK, USUAL, (0.1, 0.5)])
@THREE_SEEDS
def test_several_named_limits(new: type[TokenBucket], latency: Range, seed: int) -> None:
    """A key with `burst` and `daily` is used as long as either has requests left; waiting for both would give 240."""
    server = SimulatedServer(
        SimulatedThrottle("burst", 4, 3, 2), SimulatedThrottle("daily", 8, 20, 6), latency=latency, seed=seed
    )
    client = ClientResults()
    simulate(*greedy_tasks(8, server, client, new()))
    assert len(client.rejected) <= 1
    assert client.served >= 600


@BOTH_LIMITERS
def test_one_429_for_all_waiting_tasks(new: type[TokenBucket]) -> None:
    """If fifty tasks wait for a key that is blocked, one gets a 429, and all succeed in the next window."""
    server, client, limiter = SimulatedServer(latency=USUAL), ClientResults(), new()

    async def main() -> None:
        spent = ClientResults()
        await asyncio.gather(*(server.send(spent) for _ in range(121)))
        await asyncio.gather(*(send_until_accepted(server, limiter, client) for _ in range(50)))

    run(main(), start=0.0)
    assert len(client.rejected) == 1
    assert client.served == 50
    assert all(60 < second < 120 for second in client.seconds)


async def send_until_accepted(server: SimulatedServer, limiter: TokenBucket, results: ClientResults) -> None:
    """Repeat a request until it is accepted, as the middleware does after a 429."""
    while not await one_call(server, limiter, results):
        pass
