"""Reading a long list of bookings: ours against the same by hand, with aiohttp + msgspec and with httpx + pydantic.

Shows: CPU for one booking (fetching, decoding, walking), wall time on loopback, peak memory; and how long a walk takes
when every answer takes 100 ms, one page at a time and with 8 pages in flight.

Does not show: the Internet, TLS, or the rate limit, which is what a real walk of a long list waits for.

Bias: aiohttp by hand decodes into our own Booking and looks at no row twice, while ours also drops doubles and counts
them against the server's total. pydantic reads bytes straight into models (`model_validate_json`), its fastest way;
with `response.json()` first, as most clients do it, it takes a third longer. Rows are not kept. A page by hand lives
until the next is there; freeing it before ("frugal") saves some fresh memory, and is what ours is held against.
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

        async def walk() -> int:
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

        yield walk


def frugal(url: str) -> Any:
    """By hand, at its best: each page is freed before the next."""
    return bare(url, frugal=True)


@asynccontextmanager
async def pydantic(url: str) -> AsyncIterator[Round]:
    """Httpx and pydantic, by hand, as other async clients do it."""
    import httpx

    from benchmarks.pydantic_models import BookingsPage

    async with httpx.AsyncClient(headers=HEADERS) as client:

        async def walk() -> int:
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

        yield walk


@asynccontextmanager
async def ours(url: str, prefetch: int = 0) -> AsyncIterator[Round]:
    """The client with its defaults."""
    from calcom_async import Calcom

    async with Calcom("cal_bench", base_url=url) as cal:

        async def walk() -> int:
            seen = 0
            async for _ in cal.bookings.list(prefetch=prefetch):
                seen += 1
            return seen

        yield walk


def prefetching(url: str) -> Any:
    """The client with 8 pages in flight."""
    return ours(url, prefetch=8)


BARE, FRUGAL, HTTPX = "aiohttp + msgspec", "aiohttp + msgspec, frugal", "httpx + pydantic"
OURS, AHEAD = "calcom_async", "calcom_async, prefetch=8"
CONTENDERS: dict[str, Contender] = {FRUGAL: frugal, BARE: bare, HTTPX: pydantic, OURS: ours, AHEAD: prefetching}


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=5)
    parser.add_argument("--bookings", type=int, default=10_000, help="length of the list (%(default)s)")
    parser.add_argument("--latency", type=float, default=100, help="milliseconds, for the walls (%(default)g)")
    options = parser.parse_args(arguments)

    with canned_server(options.bookings) as url:
        cost = compare("benchmarks.paging", list(CONTENDERS), options.repeats, url=url)
    with canned_server(options.bookings, options.latency) as url:
        slow = compare("benchmarks.paging", [OURS, AHEAD], 1, rounds=min(3, options.repeats), url=url)

    rows = report.figures(cost, FRUGAL, "booking")
    for row in rows:
        waited = slow.get(row["contender"])
        row[f"s/walk at {options.latency:g} ms"] = round(waited.median("wall") * options.bookings, 2) if waited else "-"
    budgets = [
        report.Budget(f"CPU per booking over {FRUGAL}", cost[OURS].over(cost[FRUGAL]), 1.08),
        report.Budget("CPU per booking over httpx + pydantic", cost[OURS].over(cost[HTTPX]), 0.16),
        report.Budget("wall with prefetch=8 over one page at a time", slow[AHEAD].over(slow[OURS], "wall"), 1 / 7),
    ]
    report.Report("paging", vars(options), rows, budgets, report.skips(cost)).show(as_json=options.json)


if __name__ == "__main__":
    main()
