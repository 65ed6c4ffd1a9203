"""Windows of time, walked side by side and told in order: what makes an export quick where each answer takes long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from datetime import datetime
from math import ceil
from typing import Generic, TypeVar

from calcom_async.export.walk import TICK, Step

T = TypeVar("T")

Span = tuple[datetime, datetime]
"""A stretch of time, both ends included."""
WalkSpan = Callable[[Span], AsyncGenerator[Step, None]]

PAGES = 4
"""So many pages in a window: longer ones would take more memory, since those behind the first one wait for it."""
FILLED = 0.95
"""How much of a page counts: the end of one comes again on the next, and one row too many costs a window a page."""


def size(rows: int, *, take: int, parallel: int) -> int:
    """How many rows a window should have so that all are of the same few whole pages, and end in whole rounds."""
    page = FILLED * take
    rounds = ceil(rows / (parallel * PAGES * page))
    return int(page * ceil(rows / (parallel * rounds * page)))


class Windows(Iterator[Span]):
    """Cuts a span into windows of about `rows` rows each, by how dense the rows of the windows before turned out.

    A wrong guess costs time and no row: windows of different length are walked as exactly as equal ones.
    """

    def __init__(self, span: Span, *, expected: int, rows: int) -> None:
        self._at, self._end = span
        self._rows = rows
        self._width = (self._end - self._at) * min(1.0, rows / max(1, expected)) + TICK

    def __next__(self) -> Span:
        if self._at > self._end:
            raise StopIteration
        window = self._at, min(self._at + self._width, self._end)
        self._at = window[1] + TICK
        return window

    def learn(self, window: Span, rows: int) -> None:
        """A window was walked, and had so many rows: the next ones are cut by that, though not at once."""
        factor = self._rows / rows if rows else 2.0
        self._width = max(TICK, (window[1] - window[0] + TICK) * min(2.0, max(0.1, factor)))


async def in_order(windows: Windows, walk: WalkSpan, *, parallel: int) -> AsyncGenerator[Step, None]:
    """Walk `parallel` windows at once and give their steps in the order of time.

    What is ahead of its turn waits in memory, `PAGES` steps a window at most. Leaving the loop ends all walks.
    """
    walks: deque[tuple[Span, _Ahead[Step]]] = deque()
    try:
        while True:
            while len(walks) < parallel and (window := next(windows, None)):
                walks.append((window, _Ahead(walk(window))))
            if not walks:
                return
            window, ahead = walks[0]
            rows = 0
            while step := await ahead.next():
                rows += len(step.rows)
                yield step
            walks.popleft()
            windows.learn(window, rows)
    finally:
        for _, ahead in walks:
            await ahead.stop()


class _Ahead(Generic[T]):
    """Runs a generator in a task of its own, a few items ahead of who reads them."""

    def __init__(self, items: AsyncGenerator[T, None]) -> None:
        self._queue: asyncio.Queue[T | Exception | None] = asyncio.Queue(PAGES)
        self._task = asyncio.create_task(self._run(items))

    async def _run(self, items: AsyncGenerator[T, None]) -> None:
        end: Exception | None = None
        try:
            async with aclosing(items):
                async for item in items:
                    await self._queue.put(item)
        except Exception as error:  # noqa: BLE001 - raised again where the items are read
            end = error
        await self._queue.put(end)

    async def next(self) -> T | None:
        """The next item, None at the end; the error that the generator ended with."""
        item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def stop(self) -> None:
        """End the task, if it has not come to its end."""
        self._task.cancel()
        await asyncio.wait([self._task])
