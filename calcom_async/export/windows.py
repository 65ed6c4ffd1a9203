"""Windows of time, walked side by side and told in order: what makes an export quick where each answer takes long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from datetime import datetime, timedelta
from math import ceil

from calcom_async.keyset import TIME_RESOLUTION, Chunk

Span = tuple[datetime, datetime]
"""A segment of time, both ends included."""
WalkSpan = Callable[[Span], AsyncGenerator[Chunk, None]]

PAGES = 4
"""So many pages in a window: longer ones would take more memory, since those behind the first one wait for it."""
AHEAD = 1.5
"""So many times as many windows as are walked may be begun: those that are through wait for the first one then."""
FILLED = 0.95
"""How much of a page counts: the end of one comes again on the next, and one row too many costs a window a page."""


def size(rows: int, *, take: int, concurrency: int) -> int:
    """How many rows a window should have so that all are of the same few whole pages, and end in whole rounds."""
    page = FILLED * take
    rounds = ceil(rows / (concurrency * PAGES * page))
    return int(page * ceil(rows / (concurrency * rounds * page)))


class Windows(Iterator[Span]):
    """Cuts a span into windows of about `rows` rows each, by how dense the rows were that came last.

    A wrong guess costs time and no row: windows of different length are walked as exactly as equal ones.
    """

    MEMORY = 0.9
    """How much what was learned before counts against what is learned now."""

    def __init__(self, span: Span, *, expected: int, rows: int) -> None:
        self._at, self._end = span
        self._rows = rows
        self._seen_rows = float(rows)
        self._seen_time = (self._end - self._at) * min(1.0, rows / max(1, expected)) + TIME_RESOLUTION

    @property
    def are_all_cut(self) -> bool:
        """Whether there is no further one."""
        return self._at > self._end

    def __next__(self) -> Span:
        if self.are_all_cut:
            raise StopIteration
        # In seconds: a timedelta could overflow.
        width = self._seen_time.total_seconds() * (self._rows / max(1.0, self._seen_rows))
        left = self._end - self._at
        window = (
            self._at,
            self._at + (left if width >= left.total_seconds() else max(TIME_RESOLUTION, timedelta(seconds=width))),
        )
        self._at = window[1] + TIME_RESOLUTION
        return window

    def learn(self, rows: int, time: timedelta) -> None:
        """So many rows came, of so much time."""
        self._seen_rows = self._seen_rows * self.MEMORY + rows
        self._seen_time = self._seen_time * self.MEMORY + time


async def in_order(windows: Windows, walk: WalkSpan, *, concurrency: int) -> AsyncGenerator[Chunk, None]:
    """Read `concurrency` windows at once and give their chunks in the order of time.

    What is ahead of its turn waits in memory, twice `PAGES` chunks a window at most, and of a few windows more than are
    walked: one that has come to its end makes room for the next, though its turn has not come. Leaving the loop ends
    all walks.
    """
    slots = asyncio.Semaphore(concurrency)
    walks: deque[_Ahead] = deque()
    try:
        while True:
            while len(walks) < AHEAD * concurrency and not windows.are_all_cut:
                walks.append(_Ahead(windows, walk, slots))
            if not walks:
                return
            while chunk := await walks[0].next():
                yield chunk
            walks.popleft()
    finally:
        for ahead in walks:
            await ahead.stop()


class _Ahead:
    """Walks the next window in a task of its own, as soon as there is a slot, a few chunks ahead of who reads them."""

    def __init__(self, windows: Windows, walk: WalkSpan, slots: asyncio.Semaphore) -> None:
        self._queue: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue(2 * PAGES)
        self._task = asyncio.create_task(self._run(windows, walk, slots))

    async def _run(self, windows: Windows, walk: WalkSpan, slots: asyncio.Semaphore) -> None:
        end: Exception | None = None
        try:
            async with slots:  # which go in the order of asking, so that windows are cut in the order of their walks
                if window := next(windows, None):
                    await self._walk(window, windows, walk)
        except Exception as error:  # noqa: BLE001 - raised again where the chunks are read
            end = error
        await self._queue.put(end)

    async def _walk(self, window: Span, windows: Windows, walk: WalkSpan) -> None:
        at, until = window
        rows = 0
        async with aclosing(walk(window)) as chunks:
            async for chunk in chunks:
                rows += len(chunk.rows)
                if chunk.done:
                    windows.learn(rows, chunk.done - at)
                    at, rows = chunk.done, 0
                await self._queue.put(chunk)
        windows.learn(0, until - at)

    async def next(self) -> Chunk | None:
        """The next chunk, None at the end; the error that the walk ended with."""
        chunk = await self._queue.get()
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def stop(self) -> None:
        """End the task, if it has not come to its end."""
        self._task.cancel()
        await asyncio.wait([self._task])
