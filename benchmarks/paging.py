"""Read a long list of bookings: the client against the same by hand, with aiohttp + msgspec and with httpx + pydantic.

Shows: CPU time per booking, for fetching, decoding and iterating; wall time on loopback; peak memory; and the wall time
of a list whose responses take 100 ms, one page at a time and with 8 pages in flight. The budget over aiohttp + msgspec
is a number of instructions: see `benchmarks.instructions --only list`.

Does not show: the Internet, TLS, or the rate limit, which is what reading a long list really waits for.

Bias: aiohttp by hand decodes into our own `Booking`, and does not look for duplicates. The client drops them, and
compares the number of rows with the server's total. pydantic decodes bytes directly into models
(`model_validate_json`), its fastest way; by `response.json()`, as in most clients, it takes a third longer. Rows are
not kept. By hand, a page stays in memory until the next one is there. The contender "frugal" frees it earlier, which
saves memory and time. The list for prefetch is the longer one: its first page is always fetched alone, so with 40 pages
even eight requests at a time that cost no CPU would take just under 1/7 of the time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks import report
from benchmarks.run import Contender, Round, canned_server, compare

HEADERS = {"Authorization": "Bearer cal_bench", "cal-api-version": "2024-08-13"}
TAKE = 250


@asynccontextmanager
async def bare(url: str, *, frugal: bool = False) -> AsyncIterator[Round]:
    """Aiohttp and msgspec, by hand; `frugal` frees a page before the next one is fetched."""
    import aiohttp
    import msgspec

    from calcom_async.decoding import Envelope
    from calcom_async.models import Booking

    decoder = msgspec.json.Decoder(Envelope[list[Booking]])
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def read_list() -> int:
            skip, more, seen = 0, True, 0
            while more:
                async with session.get(f"{url}/bookings", params={"take": TAKE, "skip": skip}) as response:
                    response.raise_for_status()
                    page = decoder.decode(await response.read())
                    assert page.pagination
                for _ in page.data:
                    seen += 1
                skip += TAKE
                more = page.pagination.has_next_page
                if frugal:
                    del _, page
            return seen

        yield read_list


def frugal(url: str) -> Any:
    """By hand, with each page freed before the next is fetched."""
    return bare(url, frugal=True)


@asynccontextmanager
async def pydantic(url: str) -> AsyncIterator[Round]:
    """Httpx and pydantic, by hand, as other async clients do it."""
    import httpx

    from benchmarks.pydantic_models import BookingsPage

    async with httpx.AsyncClient(headers=HEADERS) as client:

        async def read_list() -> int:
            skip, more, seen = 0, True, 0
            while more:
                response = await client.get(f"{url}/bookings", params={"take": TAKE, "skip": skip})
                response.raise_for_status()
                page = BookingsPage.model_validate_json(response.content)
                for _ in page.data:
                    seen += 1
                skip += TAKE
                more = page.pagination.has_next_page
            return seen

        yield read_list


@asynccontextmanager
async def ours(url: str, prefetch: int = 0) -> AsyncIterator[Round]:
    """The client with its defaults."""
    from calcom_async import Calcom

    async with Calcom("cal_bench", base_url=url) as cal:

        async def read_list() -> int:
            seen = 0
            async for _ in cal.bookings.list(prefetch=prefetch):
                seen += 1
            return seen

        yield read_list


def prefetching(url: str) -> Any:
    """The client with 8 pages in flight."""
    return ours(url, prefetch=8)


BARE, FRUGAL, HTTPX = "aiohttp + msgspec", "aiohttp + msgspec, frugal", "httpx + pydantic"
OURS, AHEAD = "calcom_async", "calcom_async, prefetch=8"
CONTENDERS: dict[str, Contender] = {FRUGAL: frugal, BARE: bare, HTTPX: pydantic, OURS: ours, AHEAD: prefetching}


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=5)
    parser.add_argument("--bookings", type=int, default=10_000, help="number of bookings in the list (%(default)s)")
    parser.add_argument("--long", type=int, default=40_000, help="number of bookings, for prefetch (%(default)s)")
    parser.add_argument(
        "--latency", type=float, default=100, help="milliseconds of latency, for prefetch (%(default)g)"
    )
    options = parser.parse_args(arguments)

    with canned_server(options.bookings) as url:
        cost = compare("benchmarks.paging", list(CONTENDERS), options.repeats, url=url)
    with canned_server(options.long, options.latency) as url:
        slow = compare("benchmarks.paging", [OURS, AHEAD], 1, rounds=min(3, options.repeats), url=url)

    rows = report.figures(cost, FRUGAL, "booking")
    for row in rows:
        waited = slow.get(row["contender"])
        row[f"s/list at {options.latency:g} ms"] = round(waited.median("wall") * options.long, 2) if waited else "-"
    budgets = [
        report.Budget("CPU over httpx + pydantic", cost[OURS].over(cost[HTTPX]), 0.16),
        report.Budget("wall with prefetch=8 over one page at a time", slow[AHEAD].over(slow[OURS], "wall"), 1 / 7),
    ]
    report.Report("paging", vars(options), rows, budgets, report.skips(cost)).show(as_json=options.json)


if __name__ == "__main__":
    main()
