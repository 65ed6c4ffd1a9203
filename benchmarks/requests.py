"""One small request, `GET /v2/me`, again and again: what each layer of the client adds to bare aiohttp.

Shows: CPU and wall time of a request, over aiohttp by hand decoding the same model; the layers are added from the
socket up, so that the difference of two lines is the price of one.

Does not show: what the layers save (a 429, a lost call), connections being made, or TLS, beside which all of this is
small.

Bias: aiohttp by hand sends fixed headers and looks at nothing but the status and the body; ours also reads the rate
limits of every answer, counts, and can repeat. Nothing runs at the same time, so each request pays for the event loop's
turns alone. A little is paid by both: a loopback answer with some 25 headers to parse.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks import report
from benchmarks.run import Contender, Round, canned_server, compare

if TYPE_CHECKING:
    from calcom_async import Calcom
    from calcom_async.responses import Send

HEADERS = {"Authorization": "Bearer cal_bench"}


@asynccontextmanager
async def bare(url: str, requests: int) -> AsyncIterator[Round]:
    """Aiohttp and msgspec, by hand."""
    import aiohttp
    import msgspec

    from calcom_async.decoding import Envelope
    from calcom_async.models import Me

    decoder = msgspec.json.Decoder(Envelope[Me])
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def ask() -> int:
            for _ in range(requests):
                async with session.get(f"{url}/me") as response:
                    response.raise_for_status()
                    me = decoder.decode(await response.read()).data
            assert me.username == "mira"
            return requests

        yield ask


@asynccontextmanager
async def ours(url: str, requests: int) -> AsyncIterator[Round]:
    """The client with its defaults."""
    from calcom_async import Calcom

    async with Calcom("cal_bench", base_url=url) as cal:

        async def ask() -> int:
            for _ in range(requests):
                me = await cal.me.get()
            assert me.username == "mira"
            return requests

        yield ask


def layered(stack: Callable[[Calcom], Send]) -> Contender:
    """Some layers of the client, with the same request each time."""

    @asynccontextmanager
    async def contender(url: str, requests: int) -> AsyncIterator[Round]:
        from calcom_async import Calcom
        from calcom_async.models import Me
        from calcom_async.requests import CallContext, Request
        from calcom_async.responses import read

        request = Request(method="GET", route="/me", path="/me", headers=HEADERS)
        context = CallContext(idempotent=True)
        async with Calcom("cal_bench", base_url=url) as cal:
            send = stack(cal)

            async def ask() -> int:
                for _ in range(requests):
                    read(Me, await send(request, context))
                return requests

            yield ask

    return contender


def exchange(cal: Calcom) -> Send:
    """Write, send and read."""
    return cal._core.transport.exchange  # noqa: SLF001 - the layers are no public thing


def with_limit(cal: Calcom) -> Send:
    """And acquire and release a permit, and count."""
    from calcom_async.middleware import limited

    return limited(exchange(cal), cal.limiter, cal.credentials, cal.config, cal._observer)  # noqa: SLF001


def with_credentials(cal: Calcom) -> Send:
    """And authenticate."""
    from calcom_async.middleware import authenticated

    return authenticated(with_limit(cal), cal.credentials)


def with_retries(cal: Calcom) -> Send:
    """And be ready to retry."""
    return cal._send  # noqa: SLF001


BARE, OURS = "aiohttp + msgspec", "cal.me.get()"
CONTENDERS: dict[str, Contender] = {
    BARE: bare,
    "exchange": layered(exchange),
    "+ limited": layered(with_limit),
    "+ authorized": layered(with_credentials),
    "+ retrying": layered(with_retries),
    OURS: ours,
}


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=5)
    parser.add_argument("--requests", type=int, default=1000, help="of a round (%(default)s)")
    options = parser.parse_args(arguments)
    with canned_server(bookings=1) as url:
        cost = compare("benchmarks.requests", list(CONTENDERS), options.repeats, url=url, requests=options.requests)
    budgets = [report.Budget("CPU per small request over aiohttp + msgspec", cost[OURS].over(cost[BARE]), 1.20)]
    report.Report("requests", vars(options), report.figures(cost, BARE, "request"), budgets).show(as_json=options.json)


if __name__ == "__main__":
    main()
