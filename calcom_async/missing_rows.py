"""MissingRows: find bookings that reading page by page has missed, by reading the list again by time.

The server sorts bookings by one time only. Rows that share it change places between two requests, so `take` and `skip`
can repeat a row and omit another one (recorded on self-hosted builds of 2025-12 and 2026-07). `keyset.py` reads
correctly under such ties, but needs a filter on the time that it reads by.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable, Mapping
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from msgspec import Raw

from calcom_async.errors import BadRequestError
from calcom_async.keyset import (
    CREATED,
    START,
    TIME_RESOLUTION,
    Chunk,
    KeysetError,
    KeysetReader,
    ReadStats,
    SortKey,
    fetch_latest,
    read_times,
)
from calcom_async.list_call import PagedList
from calcom_async.pagination import Page, PageOffset

T = TypeVar("T")

KEYSETS: tuple[tuple[SortKey, ...], ...] = ((CREATED, START), (START,))
"""Times to read missing bookings by. Servers of 2025 ignore filters on the creation of a team's bookings."""
EXTRA_REQUESTS = 100
"""The search sends at most this many requests more than there are rows."""


class MissingRows(Generic[T]):
    """The rows of a list that are not in `seen`. After an error, `chunks()` continues where it stopped."""

    def __init__(self, list_call: PagedList[T], seen: set[Hashable], total: int | None) -> None:
        self._call = list_call
        self._seen = seen
        self.total: int | None = total
        """The server's total, without rows that were created after the search began."""
        self.error: str | None = None
        """Why the list cannot be read by time; None if it can."""
        self._keysets = KEYSETS
        self._after: datetime | None = None
        self._until: datetime | None = None
        self._requests = 0

    @property
    def is_finished(self) -> bool:
        """Whether every way to read the list by time has been tried, or one has succeeded."""
        return not self._keysets

    async def chunks(self) -> AsyncGenerator[list[T], None]:
        """Yield the missing rows chunk by chunk, up to the latest row of now. A chunk may be empty."""
        while self._keysets:
            try:
                async with aclosing(self._read(self._keysets[0])) as chunks:
                    async for chunk in chunks:
                        yield self._new_rows(chunk)
                self._keysets = ()
            # A 400 means that the server does not know a filter or a sort, so the next keyset may work.
            except (KeysetError, BadRequestError) as error:
                self._keysets, self._after, self._until = self._keysets[1:], None, None
                self.error = None if self._keysets else str(error)

    async def _read(self, keys: tuple[SortKey, ...]) -> AsyncGenerator[Chunk, None]:
        """Read all rows by a keyset, on from where the last reader stopped."""
        fetch = partial(self._fetch, self._call.raw())
        if self._until is None:
            # Without this bound, a list that grows faster than it is read would have no end.
            self._until, self.total = await fetch_latest(fetch, keys[0])
        if self._until is None:
            return
        reader = KeysetReader(fetch, keys, after=self._after, until=self._until, stats=ReadStats())
        async with aclosing(reader.chunks()) as chunks:
            async for chunk in chunks:
                yield chunk

    def _new_rows(self, chunk: Chunk) -> list[T]:
        """Move past a chunk, and return its rows that have not been seen."""
        if chunk.done:  # all rows up to this time have been read
            self._after = chunk.done + TIME_RESOLUTION
        rows = []
        for times, row in zip(read_times(chunk.rows), chunk.rows, strict=True):
            if times.uid not in self._seen:
                rows.append(self._call.decode_row(row))  # only missing rows are decoded; the others were delivered
                self._seen.add(times.uid)
        return rows

    async def _fetch(self, list_call: PagedList[Raw], offset: PageOffset, query: Mapping[str, Any]) -> Page[Raw]:
        """Fetch a page for the keyset reader; their number is bounded by the rows seen, whatever the server sends."""
        self._requests += 1
        if self._requests > len(self._seen) + EXTRA_REQUESTS:
            raise KeysetError(f"the server sent no new rows in {self._requests - 1} requests")
        page = await list_call.fetch_page(offset, query)
        # Rows that were created since the reading began are not missing, nor are those that have left.
        if self.total is not None and page.total_items is not None:
            self.total = min(self.total, page.total_items)
        return page
