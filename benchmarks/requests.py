"""CPU time of a small request, `GET /v2/me`: what each layer of the client adds to aiohttp and msgspec by hand.

Shows: CPU and wall time per request. The layers are added from the socket up, so the difference of two rows is the cost
of one layer. The budget is a number of instructions: see `benchmarks.instructions --only request`.

Does not show: what the layers save, such as a 429 or a lost request; new connections; TLS, which costs more than all
layers together.

Bias: aiohttp by hand sends fixed headers, and reads nothing but the status and the body. The client also reads the rate
limits of every response, counts requests, and can retry. Requests are sent one after another, so each of them pays for
its own iterations of the event loop. All contenders parse a response with some 25 headers.
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

        async def send_requests() -> int:
            for _ in range(requests):
                async with session.get(f"{url}/me") as response:
                    response.raise_for_status()
                    me = decoder.decode(await response.read()).data
            assert me.username == "mira"
            return requests

        yield send_requests


@asynccontextmanager
async def ours(url: str, requests: int) -> AsyncIterator[Round]:
    """The client with its defaults."""
    from calcom_async import Calcom

    async with Calcom("cal_bench", base_url=url) as cal:

        async def send_requests() -> int:
            for _ in range(requests):
                me = await cal.me.get()
            assert me.username == "mira"
            return requests

        yield send_requests


def layered(stack: Callable[[Calcom], Send]) -> Contender:
    """Return a contender that sends the same request through some layers of the client."""

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

            async def send_requests() -> int:
                for _ in range(requests):
                    read(Me, await send(request, context))
                return requests

            yield send_requests

    return contender


def exchange(cal: Calcom) -> Send:
    """Return the transport alone."""
    return cal._core.transport.exchange  # noqa: SLF001 - the layers are not public


def with_limit(cal: Calcom) -> Send:
    """Add the rate limiter and the counts."""
    from calcom_async.middleware import limited

    return limited(exchange(cal), cal.limiter, cal.credentials, cal.config, cal._observer)  # noqa: SLF001


def with_credentials(cal: Calcom) -> Send:
    """Add the credentials."""
    from calcom_async.middleware import authenticated

    return authenticated(with_limit(cal), cal.credentials)


def with_retries(cal: Calcom) -> Send:
    """Add retries: all layers below the resources."""
    return cal._send  # noqa: SLF001


BARE, OURS = "aiohttp + msgspec", "cal.me.get()"
CONTENDERS: dict[str, Contender] = {
    BARE: bare,
    "exchange": layered(exchange),
    "+ limited": layered(with_limit),
    "+ authenticated": layered(with_credentials),
    "+ retrying": layered(with_retries),
    OURS: ours,
}


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=5)
    parser.add_argument("--requests", type=int, default=1000, help="requests per round (%(default)s)")
    options = parser.parse_args(arguments)
    with canned_server(bookings=1) as url:
        cost = compare("benchmarks.requests", list(CONTENDERS), options.repeats, url=url, requests=options.requests)
    report.Report("requests", vars(options), report.figures(cost, BARE, "request")).show(as_json=options.json)


if __name__ == "__main__":
    main()
