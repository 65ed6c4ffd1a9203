"""Export a long list of bookings: peak memory, and CPU time per row over writing the same rows by hand.

Shows: peak memory of an export of 1,000,000 bookings and of one of 10,000; CPU time and rows per second for JSON Lines
and Parquet, and for the same rows fetched with aiohttp and written with msgspec or pyarrow. The budgets per row are
numbers of instructions: see `benchmarks.instructions --only jsonl --only parquet`.

Does not show: the Internet, TLS, a slow disk, or the rate limit, which is what a long export really waits for.

Bias: by hand, pages are requested one after another by `skip`, which on the real server loses rows that move or share a
start time, and nothing is checked or synced to the disk. The client reads the times of every row, sorts, writes a
checkpoint after every page, and makes Parquet from a file of JSON Lines that an interrupted run can resume. CPU time is
that of all threads.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.run import Contender, Result, Round, canned_server, compare

if TYPE_CHECKING:
    import aiohttp

    from calcom_async.models import Booking

MODULE = "benchmarks.export"
HEADERS = {"Authorization": "Bearer cal_bench", "cal-api-version": "2024-08-13"}
TAKE = 250
GROUP = 20_000  # rows per row group
ROW = 1_300  # bytes per row on the disk, at most


def exporting(name: str, **how: Any) -> Contender:
    """The client's export to a file of this name."""

    @asynccontextmanager
    async def contender(url: str, directory: str) -> AsyncIterator[Round]:
        if name.endswith(".parquet"):
            import pyarrow as pa  # noqa: F401 - skips the contender if it is missing

        from calcom_async import Calcom
        from calcom_async.export import ExportJob, export

        async with Calcom("cal_bench", base_url=url) as cal:

            async def work() -> int:
                return (await export(cal, ExportJob(), Path(directory, name), **how)).rows

            yield work

    return contender


async def pages(session: aiohttp.ClientSession, url: str, model: Any) -> AsyncIterator[list[Any]]:
    """Yield page after page, by hand."""
    import msgspec

    from calcom_async.decoding import Envelope

    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Envelope[list[model]])
    skip, more = 0, True
    while more:
        query: dict[str, str | int] = {"take": TAKE, "skip": skip, "sortCreated": "asc"}
        async with session.get(f"{url}/bookings", params=query) as response:
            response.raise_for_status()
            page = decoder.decode(await response.read())
        yield page.data
        skip += TAKE
        more = page.pagination.has_next_page


@asynccontextmanager
async def lines(url: str, directory: str) -> AsyncIterator[Round]:
    """JSON lines with aiohttp and msgspec, by hand."""
    import aiohttp
    import msgspec

    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def work() -> int:
            rows = 0
            with Path(directory, "hand.jsonl").open("wb") as file:  # noqa: ASYNC230 - as is done by hand
                async for page in pages(session, url, msgspec.Raw):
                    file.write(b"\n".join([*page, b""]))
                    rows += len(page)
            return rows

        yield work


@asynccontextmanager
async def columns(url: str, directory: str) -> AsyncIterator[Round]:
    """Parquet with aiohttp, msgspec and pyarrow, by hand: the same columns, a page at a time."""
    import aiohttp
    import pyarrow as pa
    import pyarrow.parquet as pq

    from calcom_async.arrow import schema_of
    from calcom_async.models import Booking

    schema = schema_of(Booking)
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def work() -> int:
            rows, group = 0, []
            with pq.ParquetWriter(Path(directory, "hand.parquet"), schema, compression="zstd") as writer:
                async for page in pages(session, url, Booking):
                    group.append(pa.RecordBatch.from_pylist(list(map(plain, page)), schema))
                    rows += len(page)
                    if rows % GROUP < len(page):
                        writer.write_table(pa.Table.from_batches(group, schema))
                        group = []
                writer.write_table(pa.Table.from_batches(group, schema))
            return rows

        yield work


def plain(booking: Booking) -> dict[str, Any]:
    """Return a booking as pyarrow accepts it; values of mixed type become text."""
    import msgspec
    from msgspec.structs import asdict

    def text(value: object) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    return asdict(booking) | {
        "hosts": [asdict(host) | {"id": str(host.id)} for host in booking.hosts],
        "event_type": asdict(booking.event_type) if booking.event_type else None,
        "attendees": [asdict(attendee) for attendee in booking.attendees],
        "metadata": text(booking.metadata),
        "booking_fields_responses": text(booking.booking_fields_responses),
    }


JSON_LINES = "export, JSON lines"
LINES, EXPORTED, COLUMNS = "aiohttp + msgspec, JSON lines", "export, Parquet", "aiohttp + pyarrow, Parquet"
BY_HAND = {LINES: LINES, JSON_LINES: LINES, COLUMNS: COLUMNS, EXPORTED: COLUMNS}
FILES = {JSON_LINES: "export.jsonl", EXPORTED: "export.parquet"}
CONTENDERS: dict[str, Contender] = {
    LINES: lines,
    JSON_LINES: exporting(FILES[JSON_LINES]),
    COLUMNS: columns,
    EXPORTED: exporting(FILES[EXPORTED]),
}


@contextmanager
def bench(bookings: int) -> Iterator[dict[str, Any]]:
    """Run a server with this many bookings, and yield its URL and a temporary directory."""
    with tempfile.TemporaryDirectory() as directory, canned_server(bookings) as url:
        if shutil.disk_usage(directory).free < len(FILES) * ROW * bookings:
            raise SystemExit(f"{directory} has no room for {bookings:,} bookings; name another disk in TMPDIR")
        yield {"url": url, "directory": directory}


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=5)
    parser.add_argument("--quick", action="store_true", help="measure once, with a tenth of --many")
    parser.add_argument(
        "--bookings", type=int, default=10_000, help="number of bookings in the short list (%(default)s)"
    )
    parser.add_argument("--many", type=int, default=1_000_000, help="number of bookings in the long list (%(default)s)")
    options = parser.parse_args(arguments)
    if options.quick:
        options.repeats, options.many = 1, options.many // 10

    with bench(options.bookings) as place:
        cost = compare(MODULE, [LINES, JSON_LINES, COLUMNS, EXPORTED], options.repeats, **place)
        few = compare(MODULE, [JSON_LINES, EXPORTED], options.repeats, rounds=1, cold=True, **place)
    with bench(options.many) as place:
        many = compare(MODULE, [JSON_LINES, EXPORTED], 1, rounds=1, cold=True, **place)

    rows = [
        {
            "contender": name,
            "CPU us/row": cell(cost, name, lambda one: one.median() * 1e6),
            "rows/s": cell(cost, name, lambda one: 1 / one.median("wall"), 0),
            "CPU / by hand": cell(cost, name, lambda one: one.over(cost[BY_HAND[one.name]]), 2),
            f"MiB, {options.bookings:,}": cell(few, name, lambda one: one.peak() / 2**20),
            f"MiB, {options.many:,}": cell(many, name, lambda one: one.peak() / 2**20),
        }
        for name in CONTENDERS
    ]
    budgets = [
        report.Budget(
            f"peak memory with {options.many:,} bookings over {options.bookings:,}, {FILES[name]}",
            None if few[name].skipped else many[name].peak() / few[name].peak(),
            1.1,
        )
        for name in few
    ]
    report.Report("export", vars(options), rows, budgets, report.skips(cost)).show(as_json=options.json)


def cell(results: Mapping[str, Result], name: str, figure: Callable[[Result], float | None], digits: int = 1) -> Any:
    """Return a figure of the table, or a dash if it was not measured."""
    value = figure(results[name]) if name in results and not results[name].skipped else None
    return "-" if value is None else round(value, digits)


if __name__ == "__main__":
    main()
