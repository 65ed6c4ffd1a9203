"""Processes that call a server as often as one limiter in Redis lets them, and what they got together.

`python tests/redis_processes.py BASE_URL KEY REDIS_URL PREFIX WINDOW SECONDS` is one of them: it says when it is ready,
begins when it reads a line, and prints how many calls were served and how many refused.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from calcom_async import Calcom, ClientEvent
from calcom_async.redis_rate_limiter import RedisTokenBucket
from calcom_async.sandbox import Sandbox

MOMENT = 0.3
TASKS = 8
"""How many calls each process makes at a time."""


class Outcome(NamedTuple):
    """How many calls of each process were served, how many answers were 429, and the part used of what was allowed."""

    served: list[int]
    refused: int
    share: float


async def together(number: int, sandbox: Sandbox, redis_url: str, windows: int) -> Outcome:
    """Let so many processes work through so many windows, and a moment more.

    In that moment the calls of one more window can be made by those who lost no more than 5 % of each before it.
    """
    seconds = 1.05 * windows * sandbox.settings.window + MOMENT
    arguments = [
        sandbox.url,
        sandbox.api_key,
        redis_url,
        secrets.token_hex(8),
        str(sandbox.settings.window),
        str(seconds),
    ]
    pipe = asyncio.subprocess.PIPE
    workers = [
        await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, stdin=pipe, stdout=pipe)
        for _ in range(number)
    ]
    for worker in workers:
        assert worker.stdout is not None
        await worker.stdout.readline()
    answers = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    counts = [[int(number) for number in out.split()] for out, _ in answers]
    served = [served for served, _ in counts]
    allowed = (windows + 1) * sandbox.settings.rate_limit
    return Outcome(served, sum(refused for _, refused in counts), sum(served) / allowed)


async def work(base_url: str, key: str, redis_url: str, prefix: str, *, window: float, seconds: float) -> None:
    statuses: Counter[int | None] = Counter()

    def note(event: ClientEvent) -> None:
        if event.kind == "request":
            statuses[event.status] += 1

    async def greedy() -> None:
        while True:
            await cal.me.get()

    async with (
        RedisTokenBucket(redis_url, prefix=prefix, window=window) as limiter,
        Calcom(key, base_url=base_url, limiter=limiter, on_event=note) as cal,
    ):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                for _ in range(TASKS):
                    group.create_task(greedy())
        sys.stdout.write(f"{statuses[200]} {statuses[429]}\n")


if __name__ == "__main__":
    *place, window, seconds = sys.argv[1:]
    asyncio.run(work(*place, window=float(window), seconds=float(seconds)))
