"""export(): pages go to the sink as they come, and a failure leaves what was written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from calcom_async import Calcom
from calcom_async.errors import DecodeError, ExportError
from calcom_async.export import JsonlSink, Progress, export, open_sink
from calcom_async.pages import Pages
from calcom_async.sandbox import Sandbox
from calcom_async.wire import Cursor, Listing, Page, raw_key

ROWS = [Raw(json.dumps({"uid": f"u{number}"}).encode()) for number in range(10)]


def pages(fetch: Callable[[Cursor], Awaitable[Page[Raw]]], take: int = 4) -> Pages[Raw]:
    return Pages(fetch, Listing(), key=raw_key("uid"), take=take)


async def slices(cursor: Cursor) -> Page[Raw]:
    return Page(ROWS[cursor.skip : cursor.skip + cursor.take], cursor.skip, cursor.take)


def uids(path: Path) -> list[str]:
    return [json.loads(line)["uid"] for line in path.read_text().splitlines()]


@asynccontextmanager
async def sandboxed(**options: int) -> AsyncIterator[tuple[Sandbox, Calcom]]:
    with Sandbox(**options) as world:
        async with Calcom(world.api_key, base_url=world.url) as cal:
            yield world, cal


async def test_every_row_is_written(tmp_path: Path) -> None:
    """All rows are in the file, and the report counts them."""
    report = await export(pages(slices), open_sink(tmp_path / "a.jsonl"))
    assert uids(tmp_path / "a.jsonl") == [f"u{number}" for number in range(10)]
    assert (report.rows, report.pages) == (10, 3)
    assert report.seconds >= 0


async def test_progress_is_told_after_every_page(tmp_path: Path) -> None:
    """The callback learns rows, pages, total and the last row, each time after they are on the disk."""
    told: list[tuple[int, int, int | None, str, int]] = []
    sink = JsonlSink(tmp_path / "a.jsonl")

    def on_progress(now: Progress) -> None:
        last = msgspec.json.decode(now.last)["uid"]
        told.append((now.rows, now.pages, now.total, last, len(uids(sink.partial))))

    await export(pages(slices), sink, on_progress=on_progress)
    assert told == [(4, 1, None, "u3", 4), (8, 2, None, "u7", 8), (10, 3, None, "u9", 10)]


async def test_a_page_is_written_before_the_next_is_asked_for(tmp_path: Path) -> None:
    """Rows do not gather in memory: when a page is asked for, all before it are on the disk."""
    sink = JsonlSink(tmp_path / "a.jsonl")
    on_disk: list[int] = []

    async def fetch(cursor: Cursor) -> Page[Raw]:
        on_disk.append(len(uids(sink.partial)))
        return await slices(cursor)

    await export(pages(fetch), sink)
    assert on_disk == [0, 4, 8]


async def test_a_failure_of_the_list_leaves_the_rows_before_it(tmp_path: Path) -> None:
    """An error of the list comes out as it is; the partial file has the pages before it."""

    async def fetch(cursor: Cursor) -> Page[Raw]:
        if cursor.skip:
            raise DecodeError("not JSON")
        return await slices(cursor)

    with pytest.raises(DecodeError, match="not JSON"):
        await export(pages(fetch), open_sink(tmp_path / "a.jsonl"))
    assert uids(tmp_path / "a.jsonl.part") == ["u0", "u1", "u2", "u3"]


async def test_cancelling_leaves_the_rows_before_it(tmp_path: Path) -> None:
    """A cancelled export ends at once, with whole lines in the partial file."""
    waiting = asyncio.Event()

    async def fetch(cursor: Cursor) -> Page[Raw]:
        if cursor.skip:
            waiting.set()
            await asyncio.Event().wait()
        return await slices(cursor)

    running = asyncio.create_task(export(pages(fetch), open_sink(tmp_path / "a.jsonl")))
    await waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert uids(tmp_path / "a.jsonl.part") == ["u0", "u1", "u2", "u3"]


async def test_a_sink_that_cannot_be_opened_costs_no_request(tmp_path: Path) -> None:
    """The file is opened before the first page is asked for."""

    async def fetch(_: Cursor) -> Page[Raw]:
        pytest.fail("a page was asked for")

    with pytest.raises(ExportError):
        await export(pages(fetch), open_sink(tmp_path / "nowhere" / "a.jsonl"))


async def test_a_full_disk_ends_the_walk() -> None:
    """After a write that failed no further page is asked for."""
    asked: list[int] = []

    async def fetch(cursor: Cursor) -> Page[Raw]:
        asked.append(cursor.skip)
        return await slices(cursor)

    with pytest.raises(ExportError, match="No space left"):
        await export(pages(fetch), open_sink("/dev/full"))
    assert asked == [0]


@pytest.mark.parametrize("ties", [False, True])
async def test_a_real_list_is_exported_whole(ties: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    """Every booking of the server is in the file once, ties or not, with every field that it sent."""
    async with sandboxed(bookings=700, ties=ties) as (world, cal):
        report = await export(cal.bookings.list(take=100, prefetch=3).raw(), open_sink(tmp_path / "a.jsonl"))
        answer = await cal.request("GET", "/v2/bookings", query={"take": 1, "skip": 5})
    assert sorted(uids(tmp_path / "a.jsonl")) == sorted(world.store.bookings)
    assert report.rows == 700
    [sent] = answer["data"]
    assert sent in [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
