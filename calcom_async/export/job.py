"""export(): pages to rows to sink, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from msgspec import Raw

from calcom_async.export.sinks import Sink
from calcom_async.pages import Pages


class Progress(msgspec.Struct, frozen=True):
    """How far an export is: `total` is the server's latest count, None where it does not count; `last` the last row."""

    rows: int
    total: int | None
    pages: int
    last: Raw = Raw(b"{}")


class Report(msgspec.Struct, frozen=True):
    """What an export did."""

    rows: int
    pages: int
    seconds: float


async def export(pages: Pages[Raw], sink: Sink, *, on_progress: Callable[[Progress], object] | None = None) -> Report:
    """Write every row of `pages` into `sink`; at most the pages in flight are in memory.

    When it fails or is cancelled, the sink keeps its partial file; errors are those of the list and of the sink.
    """
    started = time.monotonic()
    count = 0
    with sink:
        async for page in pages.pages():
            sink.write(page.items)
            count += 1
            if on_progress:
                on_progress(Progress(sink.rows, pages.total, count, page.items[-1]))
    return Report(sink.rows, count, time.monotonic() - started)
