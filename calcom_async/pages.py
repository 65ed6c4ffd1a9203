"""Pages[T]: a list of the API as something to walk, with the cursor in the object and an audit at the end."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from calcom_async.errors import IncompleteListError, InvalidRequestError
from calcom_async.wire import Cursor, Listing, Page

T = TypeVar("T")

Fetch = Callable[[Cursor], Awaitable[Page[T]]]


class IncompleteListWarning(UserWarning):
    """A walk ended, yet rows of the list were never shown by the server."""


class Pages(Generic[T]):
    """The rows of a list, fetched page by page as they are asked for; nothing is sent before the first.

    `async for row in pages` goes through the rows, `pages.pages()` through the pages. The place is kept in this
    object: after an error, or a `break`, the next loop over it goes on where the last one stopped. Leaving a loop
    leaves nothing running.

    Rows that come twice, since the list changed or the server orders equal ones differently from page to page, are
    dropped. Where the server gives a total, rows that hid that way are looked for in other orders (more requests, only
    when rows are missing); if some stay missing, `IncompleteListWarning` tells how many, or `IncompleteListError` with
    `strict=True`. The keys of all rows seen are kept for this: about 100 bytes a row.
    """

    MOST_PASSES = 10
    FRUITLESS_PASSES = 2
    """So many passes in a row that bring nothing new end the search."""

    def __init__(
        self,
        fetch: Fetch[T],
        listing: Listing,
        *,
        key: Callable[[T], Hashable],
        take: int | None = None,
        skip: int = 0,
        prefetch: int = 0,
        strict: bool = False,
        name: str = "list",
        raw: Callable[[], Pages[Raw]] | None = None,
    ) -> None:
        if skip < 0 or prefetch < 0:
            raise InvalidRequestError(f"skip and prefetch must not be negative: {skip=}, {prefetch=}")
        self._fetch = fetch
        self._listing = listing
        self._key = key
        self._first = self._cursor = Cursor(skip, listing.page_size(take))
        self._prefetch = prefetch
        self._strict = strict
        self._name = name
        self._make_raw = raw
        self._ahead: deque[asyncio.Task[Page[T]]] = deque()
        self._rows: list[T] = []
        self._seen: set[Hashable] = set()
        self._total: int | None = None
        self._passes = 1
        self._fruitless = 0
        self._seen_before_pass = 0
        self._done = False

    def __repr__(self) -> str:
        return f"<Pages of {self._name}: {len(self._seen)} of {'?' if self._total is None else self._total} rows seen>"

    @property
    def total(self) -> int | None:
        """The server's latest count of the list; None before the first page, or where it does not count."""
        return self._total

    async def __aiter__(self) -> AsyncIterator[T]:
        try:
            while True:
                # Rows leave from the end of the reversed page, so that who comes back after a break finds the rest.
                while self._rows:
                    yield self._rows.pop()
                if self._done:
                    return
                self._rows = (await self._turn()).items[::-1]
        finally:
            self._stop_ahead()

    async def pages(self) -> AsyncGenerator[Page[T], None]:
        """Walk page by page; each holds only rows not seen before, so it may be shorter than `take`."""
        try:
            while not self._done:
                page = await self._turn()
                if page.items:
                    yield page
        finally:
            self._stop_ahead()

    def raw(self) -> Pages[Raw]:
        """The same list from its start, each row as the JSON text that the server sent, unknown fields and all."""
        if self._make_raw is None:
            raise InvalidRequestError("these rows are raw already")
        return self._make_raw()

    async def first(self) -> T | None:
        """The next row, or None at the end; from a fresh object the first row, for one request."""
        rows = await self.collect(limit=1)
        return rows[0] if rows else None

    async def first_page(self) -> Page[T]:
        """The first page as the server gives it: `items`, `total_items`, `has_next`. The walk is not moved."""
        return await self._fetch(self._first)

    async def collect(self, limit: int | None = None) -> list[T]:
        """The remaining rows as a list, `limit` of them at most; no page is asked for that is not needed."""
        rows: list[T] = []
        if limit is not None and limit <= 0:
            return rows
        walk = self.__aiter__()
        async for row in walk:
            rows.append(row)
            if len(rows) == limit:
                break
        await walk.aclose()  # type: ignore[attr-defined]  # an async generator, promised as the narrower iterator
        return rows

    async def _turn(self) -> Page[T]:
        """One page further: what is new of it, and what it means for the walk."""
        page = await (self._from_ahead() if self._prefetch else self._fetch(self._cursor))
        self._cursor = self._cursor.ahead(1)
        self._total = page.total_items
        fresh = self._unseen(page.items)
        if not page.has_next:
            self._stop_ahead()
            self._finish_pass()
        elif not fresh and page.pagination is None:
            self._done = True
            self._tell(
                f"{self._name}: after {len(self._seen)} rows the same ones came again. The server cuts this list; "
                "rows beyond cannot be reached by paging"
            )
        return msgspec.structs.replace(page, items=fresh)

    def _unseen(self, rows: list[T]) -> list[T]:
        keys = list(map(self._key, rows))
        distinct = set(keys)
        if len(distinct) == len(rows) and self._seen.isdisjoint(distinct):
            self._seen |= distinct
            return rows
        fresh = []
        for key, row in zip(keys, rows, strict=True):
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(row)
        return fresh

    # The audit: the server's total against the rows that came.

    def _finish_pass(self) -> None:
        missing = self._missing()
        if len(self._seen) == self._seen_before_pass:
            self._fruitless += 1
        if not missing or self._passes >= self.MOST_PASSES or self._fruitless >= self.FRUITLESS_PASSES:
            self._done = True
            if missing:
                self._tell(
                    f"{self._name}: the server counts {self._total} rows but showed {len(self._seen)} in "
                    f"{self._passes} passes; {missing} could not be found. Rows that share a time change places "
                    "between pages: narrow the list with filters, or sort by another time"
                )
            return
        self._cursor = self._another_pass()

    def _missing(self) -> int:
        if not self._listing.orders or self._first.skip or self._total is None:
            return 0
        return max(0, self._total - len(self._seen))

    def _another_pass(self) -> Cursor:
        """From the start again, in another order and with other page edges, so that other rows lie on them."""
        order = self._listing.orders[(self._passes - 1) % len(self._listing.orders)]
        take = max(self._first.take - 13 * self._passes, self._first.take // 2, 1)
        self._passes += 1
        self._seen_before_pass = len(self._seen)
        return Cursor(0, take, order)

    def _tell(self, message: str) -> None:
        if self._strict:
            raise IncompleteListError(message, expected=self._total or len(self._seen), seen=len(self._seen))
        warnings.warn(message, IncompleteListWarning, stacklevel=4)

    # Prefetch: the next pages in flight, answered in order.

    async def _from_ahead(self) -> Page[T]:
        while len(self._ahead) < self._prefetch:
            cursor = self._cursor.ahead(len(self._ahead))
            if self._ahead and cursor.skip >= self._horizon():
                break
            self._ahead.append(asyncio.create_task(self._fetch(cursor)))  # type: ignore[arg-type]  # our fetches are coroutines
        page = await self._ahead[0]
        self._ahead.popleft()
        return page

    def _horizon(self) -> float:
        """Where asking ahead stops: at the total, once a list that tells one has told it."""
        if self._total is not None:
            return self._total
        return 0 if self._listing.counted else float("inf")

    def _stop_ahead(self) -> None:
        while self._ahead:
            task = self._ahead.pop()
            task.cancel()
            task.add_done_callback(_forget)


def _forget(task: asyncio.Task[Any]) -> None:
    """Take the exception of a page that nobody waits for any more, so that asyncio does not report it as lost."""
    if not task.cancelled():
        task.exception()
