"""Rows that a list loses: plain take/skip pages by hand against `cal.bookings.list()`, from a server like Cal.com's.

Shows: how many of the bookings each of them never returned, and the requests that it took. The server sorts by start
only, as Cal.com does, so bookings that start at the same time change places between pages.

Does not show: bookings that are created or moved during the list, which lose even more rows by hand.

Bias: some 40 bookings share each start time, and the sandbox orders them differently on each page. A real calendar has
fewer ties, and a real server often repeats the same order, so it loses fewer rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from statistics import mean
from typing import Any

from benchmarks import report
from calcom_async import Calcom
from calcom_async.sandbox import Sandbox

Reader = Callable[[Sandbox, int], Awaitable[set[str]]]


async def by_hand(sandbox: Sandbox, take: int) -> set[str]:
    """Read pages by `skip` until the server reports no next page."""
    import aiohttp

    headers = {"Authorization": f"Bearer {sandbox.api_key}", "cal-api-version": "2024-08-13"}
    seen: set[str] = set()
    async with aiohttp.ClientSession(headers=headers) as session:
        skip, more = 0, True
        while more:
            query = {"take": take, "skip": skip}
            async with session.get(f"{sandbox.url}/bookings", params=query) as response:
                response.raise_for_status()
                page: dict[str, Any] = await response.json()
            seen |= {row["uid"] for row in page["data"]}
            skip += take
            more = page["pagination"]["hasNextPage"]
    return seen


async def ours(sandbox: Sandbox, take: int) -> set[str]:
    """Read the list as the client does."""
    async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
        return {booking.uid async for booking in cal.bookings.list(take=take)}


READERS: dict[str, Reader] = {"take/skip by hand": by_hand, "calcom_async": ours}


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=5)
    parser.add_argument("--bookings", type=int, default=1254, help="length of the list (%(default)s)")
    parser.add_argument("--take", type=int, default=50, help="rows per page (%(default)s)")
    options = parser.parse_args(arguments)
    lost: dict[str, list[int]] = {name: [] for name in READERS}
    requests: dict[str, list[int]] = {name: [] for name in READERS}
    starts = 0
    for seed in range(options.repeats):
        for name, read in READERS.items():
            with Sandbox(bookings=options.bookings, seed=seed, ties=True) as sandbox:
                starts = len({booking.start for booking in sandbox.store.bookings.values()})
                seen = asyncio.run(read(sandbox, options.take))
                lost[name].append(options.bookings - len(seen))
                requests[name].append(len(sandbox.requests))
    rows = [
        {
            "reader": name,
            "rows": options.bookings,
            "start times": starts,
            "rows lost": round(mean(lost[name]), 1),
            "requests": round(mean(requests[name]), 1),
        }
        for name in READERS
    ]
    budgets = [
        report.Budget("rows lost by calcom_async", max(lost["calcom_async"]), 0, "rows"),
        report.Budget("requests for the list", max(requests["calcom_async"]), 60, "requests"),
    ]
    report.Report("missing_rows", vars(options), rows, budgets).show(as_json=options.json)


if __name__ == "__main__":
    main()
