"""The rate limiter without a network: cost of a permit, event-loop gap, and use of a rate limit.

Shows:

* CPU time of `acquire` and `release` when nobody waits, next to asyncio's semaphore;
* the longest iteration of the event loop, in CPU time, when 1,000 requests wait and something happens to all of them;
* ten minutes of a stock limit (120 requests per 60 s, and a block of 60 s after a 429) with as many requests as
  possible, in virtual time, against the sandbox's rate limiter: by one client, and by eight independent ones;
* the same by four processes that share one limiter in Redis, over real sockets against the sandbox. The window is
  short, so that it ends soon.

Does not show: other clients on the same key, lost responses, and clocks that differ. The tests cover these.

Bias: the longest iteration includes steps of the tasks, so it is an upper bound of the limiter's part. The latencies of
the ten minutes are random, from 20 ms to 1 s; with a server that needs ten seconds, more of each window would stay
unused. Short windows are harder for the four processes than those of a minute, because the loss at the end of each
window is the same.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.run import Contender, Round, compare

PAIRS = 5000
LIMIT, WINDOW, MINUTES = 120, 60, 10
CLIENTS = 8
PROCESSES, SHORT_LIMIT, SHORT_WINDOW = 4, 60, 2
FOUR = "four processes on one Redis limiter"


@asynccontextmanager
async def turns() -> AsyncIterator[Round]:
    """Permits that are available at once."""
    from calcom_async.errors import RateLimit
    from calcom_async.rate_limit_state import Bucket
    from calcom_async.rate_limiter import TokenBucket

    limiter, bucket = TokenBucket(), Bucket("key")
    limits = (RateLimit("default", 1_000_000, 900_000, 30.0),)

    async def take() -> int:
        for _ in range(PAIRS):
            await limiter.release(await limiter.acquire(bucket), limits)
        return PAIRS

    yield take


@asynccontextmanager
async def semaphore() -> AsyncIterator[Round]:
    """A semaphore of asyncio, which does less."""
    places = asyncio.Semaphore(10)

    async def take() -> int:
        for _ in range(PAIRS):
            async with places:
                pass
        return PAIRS

    yield take


SEMAPHORE, TURN = "asyncio.Semaphore", "acquire + release"
CONTENDERS: dict[str, Contender] = {SEMAPHORE: semaphore, TURN: turns}


async def loop_gaps(waiters: int) -> dict[str, float]:
    """Return the milliseconds that the loop is blocked when waiters arrive, are granted, rejected or cancelled."""
    from calcom_async.errors import RateLimit, RateLimitedError
    from calcom_async.rate_limit_state import Bucket, Permit
    from calcom_async.rate_limiter import TokenBucket

    loop: Any = asyncio.get_running_loop()
    bucket, room = Bucket("key"), 10 * waiters
    gaps: dict[str, float] = {}

    async def wait(limiter: TokenBucket, max_wait: float | None) -> None:
        with suppress(RateLimitedError):
            permit = await limiter.acquire(bucket, max_wait=max_wait)
            await limiter.release(permit, [RateLimit("default", room, room - 1, 60)])

    async def queue(max_wait: float | None = None) -> tuple[TokenBucket, Permit, list[asyncio.Task[None]]]:
        limiter = TokenBucket(limit=room)
        first = await limiter.acquire(bucket)
        await limiter.release(first, [RateLimit("default", room, 0, 10)])
        tasks = [asyncio.create_task(wait(limiter, max_wait)) for _ in range(waiters)]
        await during("all arrive", 1)
        assert limiter.stats()[0].waiting == waiters
        return limiter, first, tasks

    async def during(what: str, seconds: float) -> None:
        loop.longest_iteration = 0.0
        await asyncio.sleep(seconds)
        gaps[what] = round(loop.longest_iteration * 1000, 2)

    _, _, tasks = await queue()
    await during("all are granted", 100)
    await asyncio.gather(*tasks)

    limiter, first, tasks = await queue(max_wait=20)
    await limiter.release(first, retry_after=50)
    await during("all are rejected", 1)
    await asyncio.gather(*tasks)

    _, _, tasks = await queue()
    for task in tasks:
        task.cancel()
    await during("all are cancelled", 1)
    return gaps


async def ten_minutes(callers: int, clients: int = 1) -> dict[str, float]:
    """Let independent clients call without a pause, against the sandbox's rate limiter, in virtual time."""
    from calcom_async.errors import RateLimit
    from calcom_async.rate_limit_state import Bucket
    from calcom_async.rate_limiter import TokenBucket
    from calcom_async.sandbox.http.rate_limiter import RateLimiter as ServerRateLimiter
    from calcom_async.sandbox.state.store import Limit

    loop, rng = asyncio.get_running_loop(), random.Random(7)
    limiters, bucket = [TokenBucket() for _ in range(clients)], Bucket("key")
    throttler, limits = ServerRateLimiter(), (Limit("default", LIMIT, WINDOW),)
    ends = loop.time() + WINDOW * MINUTES
    counts = {"served": 0, "refused": 0}

    async def call(limiter: TokenBucket) -> None:
        while True:
            permit = await limiter.acquire(bucket)
            if loop.time() >= ends:
                return
            await asyncio.sleep(rng.uniform(0.01, 0.5))
            (result,) = throttler.hit("key", limits, loop.time())
            await asyncio.sleep(rng.uniform(0.01, 0.5))
            counts["refused" if result.blocked else "served"] += 1
            limit = RateLimit("default", result.limit.limit, result.remaining, result.reset)
            await limiter.release(permit, [limit], retry_after=result.reset if result.blocked else None)

    tasks = [asyncio.create_task(call(limiters[number % clients])) for number in range(callers)]
    await asyncio.sleep(WINDOW * MINUTES)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {**counts, "share": counts["served"] / (LIMIT * MINUTES)}


async def four_processes(windows: int) -> dict[str, float]:
    """Let four processes share one limiter in Redis for some short windows."""
    from calcom_async.sandbox import Sandbox
    from tests.redis_processes import run_processes
    from tests.redis_server import any_server

    sandbox = Sandbox(rate_limit=SHORT_LIMIT, window=SHORT_WINDOW, block=SHORT_WINDOW)
    with any_server() as redis, sandbox:
        outcome = await run_processes(PROCESSES, sandbox, redis, windows)
    return {"served": sum(outcome.served), "refused": outcome.rejected, "share": outcome.share}


def redis_missing() -> str:
    """Return why Redis cannot be measured, or nothing."""
    sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))  # its modules import each other by name
    try:
        from tests.redis_server import MISSING, is_available
    except ModuleNotFoundError as error:
        return str(error)
    return "" if is_available() else MISSING


def in_virtual_time(work: Callable[..., Coroutine[Any, Any, dict[str, float]]], *arguments: int) -> dict[str, float]:
    """Run on a virtual clock, and measure the longest iteration of the loop in CPU time."""
    from tests.virtual_time import run

    return run(work(*arguments))


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=5)
    parser.add_argument("--waiters", type=int, default=1000, help="requests that wait at once (%(default)s)")
    parser.add_argument("--callers", type=int, default=20, help="tasks of the single client (%(default)s)")
    parser.add_argument("--windows", type=int, default=4, help="windows of 2 s for the four processes (%(default)s)")
    options = parser.parse_args(arguments)

    cost = compare("benchmarks.limiter", list(CONTENDERS), options.repeats)
    runs = [in_virtual_time(loop_gaps, options.waiters) for _ in range(options.repeats)]
    # Other load only makes an iteration longer, so the shortest of several runs is the limiter's own.
    gaps = {what: min(gap[what] for gap in runs) for what in runs[0]}
    minutes = in_virtual_time(ten_minutes, options.callers)
    eight = in_virtual_time(ten_minutes, 6 * CLIENTS, CLIENTS)
    skipped = redis_missing()
    together = {} if skipped else asyncio.run(four_processes(options.windows))

    rows = [
        {"what": f"CPU time of one permit, {name}", "value": round(result.median() * 1e6, 2), "unit": "us"}
        for name, result in cost.items()
    ]
    rows += [
        {"what": f"longest iteration, {options.waiters} waiters, {what}", "value": gap, "unit": "ms"}
        for what, gap in gaps.items()
    ]
    rows += [
        {"what": f"{MINUTES} minutes, requests {what}", "value": round(value, 4), "unit": ""}
        for what, value in minutes.items()
    ]
    rows += [
        {
            "what": f"{MINUTES} minutes, {CLIENTS} independent clients, requests {what}",
            "value": round(value, 4),
            "unit": "",
        }
        for what, value in eight.items()
    ]
    rows += [
        {"what": f"{FOUR}, requests {what}", "value": round(value, 4), "unit": ""} for what, value in together.items()
    ]
    budgets = [
        report.Budget(
            f"longest iteration of the event loop with {options.waiters} waiters", max(gaps.values()), 20, "ms"
        ),
        report.Budget("429 responses", minutes["refused"], 0, "requests"),
        report.Budget("share of the rate limit in use", minutes["share"], 0.99, "x", at_least=True),
        report.Budget(f"{CLIENTS} independent clients, 429 responses", eight["refused"], 5, "requests"),
        report.Budget(
            f"{CLIENTS} independent clients, share of the rate limit in use",
            eight["share"],
            0.85,
            "x",
            at_least=True,
        ),
        report.Budget(f"{FOUR}, 429 responses", together.get("refused"), 0, "requests"),
        report.Budget(f"{FOUR}, share of the rate limit in use", together.get("share"), 0.99, "x", at_least=True),
    ]
    skips = report.skips(cost) | ({FOUR: skipped} if skipped else {})
    report.Report("limiter", vars(options), rows, budgets, skips).show(as_json=options.json)


if __name__ == "__main__":
    main()
