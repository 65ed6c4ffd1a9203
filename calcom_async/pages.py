"""Pages[T]: a list of the API to iterate over, and an audit of its rows at the end."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import msgspec
from msgspec import Raw

from calcom_async.errors import IncompleteListError, InvalidRequestError, shown
from calcom_async.pagination import Page, PageOffset, PaginationSpec

T = TypeVar("T")

Fetch = Callable[[PageOffset], Awaitable[Page[T]]]
Ahead = deque[asyncio.Future[Page[T]]]

MOST_SKIP = 2**53 - 1
MOST_PREFETCH = 1_000


class IncompleteListWarning(UserWarning):
    """The server returned fewer rows of a list than its own total."""


class Pages(Generic[T]):
    """The rows of a list, fetched page by page; no request is sent before the first row is needed.

    `async for row in pages` goes through the rows, `pages.pages()` through the pages. Every new loop, `first()` and
    `collect()` starts from the first row. Only after a request failed or was cancelled does the next one resume after
    the last row delivered. To take rows in portions use one iterator (`rows = aiter(pages)`), or `pages()`. Leaving a
    loop leaves no task behind.

    Rows that come twice, since the list changed or the server orders equal ones differently from page to page, are
    dropped. Where the server gives a total, rows that hid that way are looked for in other orders (more requests, only
    when rows are missing); if some stay missing, `IncompleteListWarning` tells how many, or `IncompleteListError` with
    `strict=True`. The keys of all rows seen are kept for this: about 100 bytes a row.
    """

    MOST_PASSES = 10
    FRUITLESS_PASSES = 2
    """So many passes in a row that bring nothing new end the search."""
    FRUITLESS_PAGES = 3
    """So many pages in a row that repeat rows, past the place where they are expected, end the list."""

    def __init__(
        self,
        fetch: Fetch[T],
        spec: PaginationSpec,
        *,
        key: Callable[[T], Hashable],
        take: int | None = None,
        skip: int = 0,
        prefetch: int = 0,
        strict: bool = False,
        name: str = "list",
        model: Any = None,
        key_field: str = "id",
        raw: Callable[[], Pages[Raw]] | None = None,
    ) -> None:
        self._fetch = fetch
        self._spec = spec
        self._key = key
        self._name = name
        self._first = PageOffset(_whole("skip", skip, MOST_SKIP), spec.page_size(take))
        self._prefetch = _whole("prefetch", prefetch, MOST_PREFETCH)
        self._strict = strict
        self.model: Any = model
        """What a row is decoded as; None where that is left open."""
        self.key_field: str = key_field
        """The field that tells a row from the others, in the server's spelling."""
        self._make_raw = raw
        self._latest: _Walk[T] = self._fresh()
        self._interrupted: _Walk[T] | None = None

    def __repr__(self) -> str:
        if not hasattr(self, "_latest"):
            return f"<Pages of {self._name}, not set up>"
        return f"<Pages of {self._name}: {self._latest.count} of {'?' if self.total is None else self.total} rows seen>"

    @property
    def total(self) -> int | None:
        """The server's latest count of the list; None before the first page, or where it does not count."""
        return self._latest.total

    def __aiter__(self) -> AsyncGenerator[T, None]:  # noqa: PYI058 - it can be closed
        return self._rows(None, None)

    if not TYPE_CHECKING:  # a type checker is to report these uses, not to follow them

        def __iter__(self) -> NoReturn:
            raise TypeError(
                f"{self!r} sends requests: write `async for row in ...`, or `rows = await (...).collect()` for a list"
            )

        def __await__(self) -> NoReturn:
            raise TypeError(
                f"{self!r} cannot be awaited itself: write `await (...).collect()` for all rows, `.first()` for one, "
                "or `async for row in ...`"
            )

    async def _rows(self, walk: _Walk[T] | None, limit: int | None) -> AsyncGenerator[T, None]:
        walk = walk or self._begin()
        # Prefetched pages belong to this iterator: an abandoned one may be closed after a new one has started.
        ahead: Ahead[T] = deque()
        try:
            while True:
                rows = walk.rows
                if limit is not None:
                    limit -= len(rows)
                while rows:
                    yield rows.pop()
                if walk.done:
                    break
                walk.rows = (await self._turn(walk, ahead, limit)).items[::-1]
        finally:
            _stop(ahead)
        self._conclude(walk)

    async def pages(self) -> AsyncGenerator[Page[T], None]:
        """Iterate page by page; each holds only rows not seen before, so it may be shorter than `take`."""
        walk = self._begin()
        ahead: Ahead[T] = deque()
        try:
            if walk.page and walk.rows:
                rest, walk.rows = walk.rows[::-1], []
                yield msgspec.structs.replace(walk.page, items=rest)
            while not walk.done:
                page = await self._turn(walk, ahead, None)
                if page.items:
                    yield page
        finally:
            _stop(ahead)
        self._conclude(walk)

    def raw(self) -> Pages[Raw]:
        """The same list from its start, each row as the JSON text that the server sent, unknown fields and all."""
        if self._make_raw is None:
            raise InvalidRequestError("these rows are raw already")
        return self._make_raw()

    async def first(self) -> T | None:
        """The first row, or None for an empty list; one request."""
        rows = await self.collect(limit=1)
        return rows[0] if rows else None

    async def first_page(self) -> Page[T]:
        """The first page as the server gives it: `items`, `total_items`, `has_next`."""
        return await self._fetch(self._first)

    async def collect(self, limit: int | None = None) -> list[T]:
        """All rows as a list, or the first `limit` of them; no page is asked for that is not needed."""
        rows: list[T] = []
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise InvalidRequestError(f"limit must be an integer, got {shown(limit)}")
        if limit is not None and limit <= 0:
            return rows
        walk = self._begin()
        try:
            async with aclosing(self._rows(walk, limit)) as iterator:
                async for row in iterator:
                    rows.append(row)
                    if len(rows) == limit:
                        break
        except BaseException:
            # The caller gets none of these rows, so the next call has to deliver them.
            walk.rows += rows[::-1]
            raise
        return rows

    def _fresh(self) -> _Walk[T]:
        return _Walk(self._spec, self._first, key=self._key, name=self._name)

    def _begin(self) -> _Walk[T]:
        walk, self._interrupted = self._interrupted or self._fresh(), None
        self._latest = walk
        return walk

    async def _turn(self, walk: _Walk[T], ahead: Ahead[T], limit: int | None) -> Page[T]:
        try:
            page = await (self._from_ahead(walk, ahead, limit) if self._prefetch else self._fetch(walk.cursor))
            return walk.accept(page, ahead)
        except BaseException:
            self._interrupted = walk
            raise

    def _conclude(self, walk: _Walk[T]) -> None:
        """Tell, after the last row, what is wrong with the list."""
        if walk.verdict and self._strict:
            raise IncompleteListError(walk.verdict, expected=walk.total or walk.count, seen=walk.count)
        if walk.verdict:
            warnings.warn(walk.verdict, IncompleteListWarning, stacklevel=3)

    # Prefetch: the next pages in flight, answered in order.

    async def _from_ahead(self, walk: _Walk[T], ahead: Ahead[T], limit: int | None) -> Page[T]:
        while len(ahead) < self._prefetch:
            cursor = walk.cursor.advance(len(ahead))
            if ahead and cursor.skip >= self._prefetch_limit(walk, limit):
                break
            ahead.append(asyncio.ensure_future(self._fetch(cursor)))
        if ahead[0].done():
            await asyncio.sleep(0)  # let the requests just made be sent before the rows of this page are used
        page = await ahead[0]
        ahead.popleft()
        return page

    def _prefetch_limit(self, walk: _Walk[T], limit: int | None) -> float:
        """Where asking ahead stops: at the last row wanted, and at the total once a list that tells one has told it."""
        furthest = self._spec.skip_limit + 1
        wanted = furthest if limit is None else min(walk.cursor.skip + limit, furthest)
        if not walk.cursor.take or (walk.total is None and self._spec.has_total):
            return 0
        return wanted if walk.total is None else min(wanted, walk.total)


class _Walk(Generic[T]):
    """One way through a list: its position, the rows seen, and what the server said about their number."""

    def __init__(self, spec: PaginationSpec, start: PageOffset, *, key: Callable[[T], Hashable], name: str) -> None:
        self._spec = spec
        self._start = self.cursor = start
        self._key = key
        self._name = name
        self.page: Page[T] | None = None
        self.rows: list[T] = []
        """Rows not delivered yet, the next one last."""
        self.total: int | None = None
        self.done = False
        self.verdict: str | None = None
        self._seen: set[Hashable] = set()
        self._fruitless_pages = 0
        self._passes = 1
        self._fruitless_passes = 0
        self._seen_before_pass = 0

    @property
    def count(self) -> int:
        """How many rows were seen."""
        return len(self._seen)

    def accept(self, page: Page[T], ahead: Ahead[T]) -> Page[T]:
        """Move past a page, and return it with its new rows only."""
        fresh = self._unseen(page.items)
        self.cursor = self.cursor.advance(1)
        self.total = page.total_items
        if not page.has_next:
            _stop(ahead)
            self._finish_pass()
        elif self._repeats(fresh):
            self.done = True
            self.verdict = (
                f"{self._name}: after {len(self._seen)} rows the same ones came again. The server cuts this list; "
                "rows beyond cannot be reached by paging"
            )
        elif self.cursor.skip > self._spec.skip_limit:
            self.done = True
            self.verdict = (
                f"{self._name}: the server lists nothing beyond row {self.cursor.skip}, since it takes no skip over "
                f"{self._spec.max_skip}. There may be more; narrow the list with a filter to reach it"
            )
        self.page = msgspec.structs.replace(page, items=fresh)
        return self.page

    def _unseen(self, rows: list[T]) -> list[T]:
        keys = list(map(self._key, rows))
        if None in keys:
            # Rows without a key are told apart by their content, so that a repeated page is noticed.
            keys = [msgspec.json.encode(row) if key is None else key for key, row in zip(keys, rows, strict=True)]
        if self._seen.isdisjoint(keys):
            before = len(self._seen)
            self._seen.update(keys)
            if len(self._seen) - before == len(rows):
                return rows
            self._seen.difference_update(keys)  # one of them stands twice on this very page
        fresh = []
        for key, row in zip(keys, rows, strict=True):
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(row)
        return fresh

    def _repeats(self, fresh: list[T]) -> bool:
        """Whether the server repeats itself although it says that there is more.

        The number of requests is bounded by the rows seen, whatever total the server claims.
        """
        if fresh:
            self._fruitless_pages = 0
            return False
        if self.cursor.skip >= (self.total or 0):
            return True
        # A later pass shows the rows of the earlier ones again, but no more places than there are rows.
        if self.cursor.skip - self._start.skip > len(self._seen):
            self._fruitless_pages += 1
        return self._fruitless_pages >= Pages.FRUITLESS_PAGES

    # The audit: the server's total against the rows that came.

    def _finish_pass(self) -> None:
        missing = self._missing()
        self._fruitless_passes = self._fruitless_passes + 1 if len(self._seen) == self._seen_before_pass else 0
        if not missing or self._passes >= Pages.MOST_PASSES or self._fruitless_passes >= Pages.FRUITLESS_PASSES:
            self.done = True
            if missing:
                self.verdict = (
                    f"{self._name}: the server counts {self.total} rows but showed {len(self._seen)} in "
                    f"{self._passes} passes; {missing} could not be found. Rows that share a time change places "
                    "between pages: narrow the list with filters, or sort by another time"
                )
            return
        self.cursor = self._another_pass()

    def _missing(self) -> int:
        if not self._spec.orders or self._start.skip or self.total is None:
            return 0
        return max(0, self.total - len(self._seen))

    def _another_pass(self) -> PageOffset:
        """From the start again, in another order and with other page edges, so that other rows lie on them."""
        order = self._spec.orders[(self._passes - 1) % len(self._spec.orders)]
        take = max(self._start.take - 13 * self._passes, self._start.take // 2, 1)
        self._passes += 1
        self._fruitless_pages = 0
        self._seen_before_pass = len(self._seen)
        return PageOffset(0, take, order)


def _whole(name: str, value: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise InvalidRequestError(f"{name} must be an integer from 0 to {most}, got {shown(value)}")
    return value


def _stop(ahead: Ahead[Any]) -> None:
    while ahead:
        task = ahead.pop()
        task.cancel()
        task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Any]) -> None:
    """Take the exception of a page that nobody waits for any more, so that asyncio does not report it as lost."""
    if not task.cancelled():
        task.exception()
