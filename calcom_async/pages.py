"""Pages[T]: a list of the API as something to walk, with the cursor in the object and an audit at the end."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from contextlib import aclosing
from math import inf
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from calcom_async.errors import IncompleteListError, InvalidRequestError
from calcom_async.wire import Cursor, Listing, Page

T = TypeVar("T")

Fetch = Callable[[Cursor], Awaitable[Page[T]]]
Ahead = deque[asyncio.Future[Page[T]]]


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
        model: Any = None,
        identity: str = "id",
        raw: Callable[[], Pages[Raw]] | None = None,
    ) -> None:
        if skip < 0 or prefetch < 0:
            raise InvalidRequestError(f"skip and prefetch must not be negative: {skip=}, {prefetch=}")
        self._fetch = fetch
        self._listing = listing
        self._key = key
        self._first = self._cursor = Cursor(skip, listing.page_size(take))
        self._furthest: float = inf if listing.furthest is None else listing.furthest
        self._prefetch = prefetch
        self._strict = strict
        self._name = name
        self.model: Any = model
        """What a row is decoded as; None where that is left open."""
        self.identity: str = identity
        """The field that tells a row from the others, in the server's spelling."""
        self._make_raw = raw
        self._page: Page[T] | None = None
        self._rows: list[T] = []
        self._seen: set[Hashable] = set()
        self._total: int | None = None
        self._passes = 1
        self._fruitless = 0
        self._seen_before_pass = 0
        self._turning = False
        self._done = False
        self._verdict: str | None = None

    def __repr__(self) -> str:
        return f"<Pages of {self._name}: {len(self._seen)} of {'?' if self._total is None else self._total} rows seen>"

    @property
    def total(self) -> int | None:
        """The server's latest count of the list; None before the first page, or where it does not count."""
        return self._total

    def __aiter__(self) -> AsyncIterator[T]:
        return self._walk(None)

    async def _walk(self, limit: int | None) -> AsyncGenerator[T, None]:
        # The pages in flight belong to this loop: one that was left is closed later, when the next may be under way.
        ahead: Ahead[T] = deque()
        try:
            while True:
                rows = self._rows
                if limit is not None:
                    limit -= len(rows)
                # Rows leave from the end of the reversed page, so that who comes back after a break finds the rest.
                while rows:
                    yield rows.pop()
                if self._done:
                    break
                self._page = await self._turn(ahead, limit)
                self._rows = self._page.items[::-1]
            self._conclude()
        finally:
            _stop(ahead)

    async def pages(self) -> AsyncGenerator[Page[T], None]:
        """Walk page by page; each holds only rows not seen before, so it may be shorter than `take`."""
        ahead: Ahead[T] = deque()
        try:
            if self._page and self._rows:
                rest, self._rows = self._rows[::-1], []
                yield msgspec.structs.replace(self._page, items=rest)
            while not self._done:
                page = await self._turn(ahead)
                if page.items:
                    yield page
            self._conclude()
        finally:
            _stop(ahead)

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
        async with aclosing(self._walk(limit)) as walk:
            async for row in walk:
                rows.append(row)
                if len(rows) == limit:
                    break
        return rows

    async def _turn(self, ahead: Ahead[T], limit: int | None = None) -> Page[T]:
        """One page further: what is new of it, and what it means for the walk."""
        page = await self._next_page(ahead, limit)
        self._cursor = self._cursor.ahead(1)
        self._total = page.total_items
        fresh = self._unseen(page.items)
        if not page.has_next:
            _stop(ahead)
            self._finish_pass()
        elif not fresh and self._cursor.skip >= (self._total or 0):
            self._done = True
            self._verdict = (
                f"{self._name}: after {len(self._seen)} rows the same ones came again. The server cuts this list; "
                "rows beyond cannot be reached by paging"
            )
        elif self._cursor.skip > self._furthest:
            self._done = True
            self._verdict = (
                f"{self._name}: the server lists nothing beyond row {self._cursor.skip}, since it takes no skip over "
                f"{self._furthest}. There may be more; narrow the list with a filter to reach it"
            )
        return msgspec.structs.replace(page, items=fresh)

    async def _next_page(self, ahead: Ahead[T], limit: int | None) -> Page[T]:
        if self._turning:
            raise InvalidRequestError(f"{self!r} is walked by two tasks at once; give each a list of its own")
        self._turning = True
        try:
            return await (self._from_ahead(ahead, limit) if self._prefetch else self._fetch(self._cursor))
        finally:
            self._turning = False

    def _unseen(self, rows: list[T]) -> list[T]:
        keys = list(map(self._key, rows))
        if self._seen.isdisjoint(keys):
            before = len(self._seen)
            self._seen.update(keys)
            if len(self._seen) - before == len(rows):
                return rows
            self._seen.difference_update(keys)  # one of them stands twice on this very page
        fresh = []
        for key, row in zip(keys, rows, strict=True):
            if key is None or key not in self._seen:
                self._seen.add(key)
                fresh.append(row)
        return fresh

    # The audit: the server's total against the rows that came.

    def _finish_pass(self) -> None:
        missing = self._missing()
        self._fruitless = self._fruitless + 1 if len(self._seen) == self._seen_before_pass else 0
        if not missing or self._passes >= self.MOST_PASSES or self._fruitless >= self.FRUITLESS_PASSES:
            self._done = True
            if missing:
                self._verdict = (
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

    def _conclude(self) -> None:
        """Tell, after the last row, what the walk has found wrong."""
        verdict, self._verdict = self._verdict, None
        if verdict and self._strict:
            raise IncompleteListError(verdict, expected=self._total or len(self._seen), seen=len(self._seen))
        if verdict:
            warnings.warn(verdict, IncompleteListWarning, stacklevel=3)

    # Prefetch: the next pages in flight, answered in order.

    async def _from_ahead(self, ahead: Ahead[T], limit: int | None) -> Page[T]:
        while len(ahead) < self._prefetch:
            cursor = self._cursor.ahead(len(ahead))
            if ahead and cursor.skip >= self._horizon(limit):
                break
            ahead.append(asyncio.ensure_future(self._fetch(cursor)))
        if ahead[0].done():
            await asyncio.sleep(0)  # else those just asked for would not be sent before this page is used up
        page = await ahead[0]
        ahead.popleft()
        return page

    def _horizon(self, limit: int | None) -> float:
        """Where asking ahead stops: at the last row wanted, and at the total once a list that tells one has told it."""
        wanted = self._furthest + 1 if limit is None else min(self._cursor.skip + limit, self._furthest + 1)
        if not self._cursor.take or (self._total is None and self._listing.counted):
            return 0
        return wanted if self._total is None else min(wanted, self._total)


def _stop(ahead: Ahead[Any]) -> None:
    while ahead:
        task = ahead.pop()
        task.cancel()
        task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Any]) -> None:
    """Take the exception of a page that nobody waits for any more, so that asyncio does not report it as lost."""
    if not task.cancelled():
        task.exception()
