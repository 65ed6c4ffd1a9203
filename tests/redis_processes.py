"""Processes that share one limiter in Redis and send requests as fast as it permits.

`python tests/redis_processes.py BASE_URL KEY REDIS_URL PREFIX WINDOW SECONDS` is one of them: it prints a line when it
is ready, starts when it reads a line, and prints the number of accepted and of rejected requests.
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

EXTRA_SECONDS = 0.3
TASKS = 8
"""Number of concurrent requests per process."""


class Outcome(NamedTuple):
    """The accepted requests of each process, the number of 429s, and the share of the limit that was used."""

    served: list[int]
    rejected: int
    share: float


async def run_processes(number: int, sandbox: Sandbox, redis_url: str, windows: int) -> Outcome:
    """Run some processes for some windows and a little longer.

    In the extra time they can use one more window, if each lost at most 5 % of the windows before.
    """
    seconds = 1.05 * windows * sandbox.settings.window + EXTRA_SECONDS
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
    outputs = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    counts = [[int(number) for number in out.split()] for out, _ in outputs]
    served = [accepted for accepted, _ in counts]
    allowed = (windows + 1) * sandbox.settings.rate_limit
    return Outcome(served, sum(rejected for _, rejected in counts), sum(served) / allowed)


async def work(base_url: str, key: str, redis_url: str, prefix: str, *, window: float, seconds: float) -> None:
    """Send requests for some seconds, and print the counts."""
    statuses: Counter[int | None] = Counter()

    def count(event: ClientEvent) -> None:
        if event.kind == "request":
            statuses[event.status] += 1

    async def send_requests() -> None:
        while True:
            await cal.me.get()

    async with (
        RedisTokenBucket(redis_url, prefix=prefix, window=window) as limiter,
        Calcom(key, base_url=base_url, limiter=limiter, on_event=count) as cal,
    ):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                for _ in range(TASKS):
                    group.create_task(send_requests())
        sys.stdout.write(f"{statuses[200]} {statuses[429]}\n")


if __name__ == "__main__":
    *server, window, seconds = sys.argv[1:]
    asyncio.run(work(*server, window=float(window), seconds=float(seconds)))
