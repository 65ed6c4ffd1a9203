"""Read a long list of bookings into an Arrow table: `to_arrow()` against the same with aiohttp, msgspec and pyarrow.

Shows: CPU and wall time per row, and peak memory. The budget is a number of instructions: see `benchmarks.instructions
--only arrow`.

Does not show: the Internet, TLS, or the rate limit, which is what reading a long list really waits for.

Bias: by hand, rows are decoded into our own `Booking`, and the columns are those of the client, which a user would have
to write and keep up to date. Each page becomes a batch and is freed before the next one, as in the client. So the table
has a chunk per page, where the client joins them. By hand, nothing looks for duplicates or missing rows, and a value
that does not fit fails without its place. There are two ways by hand. The budget is over the one with fewer
instructions, a list of values per column; a dictionary per row is shorter. To build the nested columns by hand too
takes about 7 % fewer instructions than the lists of values. It is much longer, so it is not a contender. The garbage
collector skips the modules for all contenders. Else a collection more or less would change the count by a tenth.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.export import HEADERS, TAKE, plain
from benchmarks.run import Contender, Round, canned_server, compare

if TYPE_CHECKING:
    import pyarrow as pa

    from calcom_async.models import Booking

Convert = Callable[["Sequence[Booking]", "pa.Schema"], "pa.RecordBatch"]


@asynccontextmanager
async def by_hand(url: str, *, convert: Convert) -> AsyncIterator[Round]:
    """Aiohttp, msgspec and pyarrow, a page at a time."""
    import aiohttp
    import msgspec
    import pyarrow as pa

    from calcom_async.arrow import schema_of
    from calcom_async.decoding import Envelope
    from calcom_async.models import Booking

    gc.freeze()
    schema = schema_of(Booking)
    decoder = msgspec.json.Decoder(Envelope[list[Booking]])
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def work() -> int:
            batches, skip, more = [], 0, True
            while more:
                async with session.get(f"{url}/bookings", params={"take": TAKE, "skip": skip}) as response:
                    response.raise_for_status()
                    page = decoder.decode(await response.read())
                assert page.pagination
                batches.append(convert(page.data, schema))
                skip += TAKE
                more = page.pagination.has_next_page
                del page
            return pa.Table.from_batches(batches, schema).num_rows

        yield work


def from_dicts(bookings: Sequence[Booking], schema: pa.Schema) -> pa.RecordBatch:
    """Convert bookings with a dictionary per row."""
    import pyarrow as pa

    return pa.RecordBatch.from_pylist(list(map(plain, bookings)), schema)


def from_columns(bookings: Sequence[Booking], schema: pa.Schema) -> pa.RecordBatch:
    """Convert bookings with a list of values per column."""
    import msgspec
    import pyarrow as pa
    from msgspec.structs import asdict

    def text(value: object) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    columns: dict[str, Any] = {name: [getattr(booking, name) for booking in bookings] for name in schema.names}
    columns["hosts"] = [[asdict(host) | {"id": str(host.id)} for host in booking.hosts] for booking in bookings]
    columns["event_type"] = [booking.event_type and asdict(booking.event_type) for booking in bookings]
    columns["attendees"] = [[asdict(attendee) for attendee in booking.attendees] for booking in bookings]
    columns["metadata"] = [text(booking.metadata) for booking in bookings]
    columns["booking_fields_responses"] = [text(booking.booking_fields_responses) for booking in bookings]
    return pa.RecordBatch.from_pydict(columns, schema)


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Round]:
    """The client with its defaults."""
    import pyarrow as pa  # noqa: F401 - skips the contender if it is missing

    import calcom_async.arrow
    import calcom_async.resources.bookings  # noqa: F401
    from calcom_async import Calcom

    gc.freeze()
    async with Calcom("cal_bench", base_url=url) as cal:

        async def work() -> int:
            return (await cal.bookings.list().to_arrow()).num_rows

        yield work


OURS, COLUMNS, DICTS = "to_arrow", "aiohttp + pyarrow, columns", "aiohttp + pyarrow, dictionaries"
CONTENDERS: dict[str, Contender] = {
    COLUMNS: partial(by_hand, convert=from_columns),
    DICTS: partial(by_hand, convert=from_dicts),
    OURS: ours,
}


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=5)
    parser.add_argument("--bookings", type=int, default=10_000, help="number of bookings in the list (%(default)s)")
    options = parser.parse_args(arguments)
    with canned_server(options.bookings) as url:
        cost = compare("benchmarks.arrow", list(CONTENDERS), options.repeats, url=url)
    rows = report.figures(cost, COLUMNS, "row")
    report.Report("arrow", vars(options), rows, skipped=report.skips(cost)).show(as_json=options.json)


if __name__ == "__main__":
    main()
