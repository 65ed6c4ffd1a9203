"""Pages[T]: iterate over a list of the API, and check at the end that no row is missing.

Pages       iterates over the rows or the pages of a list call
_Reading    one pass over a list: its position, the rows seen, and what is wrong with the list
"""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Hashable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import msgspec
from msgspec import Raw

from calcom_async.errors import DecodeError, IncompleteListError, InvalidRequestError, shown
from calcom_async.list_call import PagedList
from calcom_async.models.pagination import Pagination
from calcom_async.pagination import Page, PageOffset

if TYPE_CHECKING:
    import pyarrow as pa

    from calcom_async.arrow import ArrowRows
    from calcom_async.missing_rows import MissingRows

T = TypeVar("T")
R = TypeVar("R")

Prefetched = deque[asyncio.Future[Page[T]]]

MAX_SKIP = 2**53 - 1
MAX_PREFETCH = 1_000
MAX_BATCH_ROWS = 1_000_000
MAX_EMPTY_PAGES = 3
"""After this many pages in a row without a new row, beyond the position of the last known row, the list ends."""
MAX_EMPTY_CURSOR_PAGES = 100


class IncompleteListWarning(UserWarning):
    """The server returned fewer rows of a list than its own total."""


class CursorFallbackWarning(UserWarning):
    """The server cannot read a list with a cursor, so the client reads it by take and skip."""


class Pages(Generic[T]):
    """The rows of a list, fetched page by page; no request is sent before the first row is needed.

    `async for row in pages` iterates over the rows, `pages.pages()` over the pages. Every new loop, `first()` and
    `collect()` starts from the first row. Only after a request failed or was cancelled does the next one resume after
    the last row delivered. To take rows in portions, use one iterator (`rows = aiter(pages)`), or `pages()`. Leaving a
    loop leaves no task behind.

    Each row is delivered once: duplicates, from a list that changes or an unstable sort order, are dropped. The keys of
    all rows are kept for this, about 100 bytes per row.

    Lists of bookings are checked at the end. If rows came twice, or fewer than the server's total, the list is read
    again by creation time, with the same filters and 250 rows per request, and the missing rows are delivered last, in
    order of creation. Lists of teams on servers that cannot filter by creation are read by start. The total is not used
    with filters on creation or update, which the server leaves out of it, and nothing is checked with `skip`. Rows that
    are still missing are an `IncompleteListWarning`, or an `IncompleteListError` with `strict=True`.

    Some lists are read with a cursor: each page names the next one. They have no total, so `skip` and `strict=True`
    raise `InvalidRequestError`, and `prefetch` has no effect. If a cursor comes twice, or more than
    100 pages in a row have no new row, a `DecodeError` is raised, and the next loop starts from
    the first row.
    """

    def __init__(
        self,
        list_call: PagedList[T],
        *,
        take: int | None = None,
        skip: int = 0,
        prefetch: int = 0,
        strict: bool = False,
    ) -> None:
        self.list_call: PagedList[T] = list_call
        self._first = PageOffset(_integer("skip", skip, MAX_SKIP), list_call.spec.page_size(take))
        self._prefetch = _integer("prefetch", prefetch, MAX_PREFETCH)
        self._strict = strict
        if list_call.spec.cursor and (skip or strict):
            argument = "skip" if skip else "strict=True"
            raise InvalidRequestError(
                f"{list_call.name} accepts no {argument}: it is read with a cursor and has no positions or total",
                hint="Leave it out",
            )
        self._latest: _Reading[T] = self._new_reading()
        self._interrupted: _Reading[T] | None = None

    def __repr__(self) -> str:
        if not hasattr(self, "_latest"):
            return "<Pages, not set up>"
        seen, total = len(self._latest.seen), self.total
        return f"<Pages of {self.list_call.name}: {seen} of {'?' if total is None else total} rows seen>"

    @property
    def total(self) -> int | None:
        """The server's latest total; None before the first page, or if the server sends none."""
        return self._latest.total

    def __aiter__(self) -> AsyncGenerator[T, None]:  # noqa: PYI058 - it can be closed
        return self._rows(None, None)

    if not TYPE_CHECKING:  # a type checker must report these uses, not accept them

        def __iter__(self) -> NoReturn:
            raise TypeError(
                f"{self!r} sends requests: write `async for row in ...`, or `rows = await (...).collect()` for a list"
            )

        def __await__(self) -> NoReturn:
            raise TypeError(
                f"{self!r} cannot be awaited: write `await (...).collect()` for all rows, `.first()` for one, "
                "or `async for row in ...`"
            )

    async def _rows(self, reading: _Reading[T] | None, limit: int | None) -> AsyncGenerator[T, None]:
        """Yield the rows of a reading, first those that a failed `collect` did not deliver."""
        reading = reading or self._begin()
        undelivered = reading.undelivered
        while undelivered:
            yield undelivered.popleft()
        async with aclosing(self._read(reading, limit)) as pages:
            async for page in pages:
                rows = page.items
                del page
                for row in rows:
                    yield row
                # Free the page before the next one is fetched: half the memory, and faster.
                del row, rows
        self._report_problem(reading)

    async def pages(self) -> AsyncGenerator[Page[T], None]:
        """Iterate page by page; each holds only new rows, so it may be shorter than `take`."""
        reading = self._begin()
        async with aclosing(self._unread_pages(reading)) as pages:
            async for page in pages:
                yield page
        self._report_problem(reading)

    async def to_arrow(self) -> pa.Table:
        """Return all rows as an Arrow table, in chunks of 10,000 rows; needs `pip install 'calcom-async[arrow]'`.

        The columns come from the model, so they are the same for every list of a model, and for an empty one. They
        have the Python names of the fields. Times are UTC timestamps in milliseconds, nested models are structs, and
        a value without a single type is JSON text. Secrets are null: read them from the rows.

        A value of another type than the specification is null, as in the rows. One that Arrow cannot represent, such
        as an integer beyond 64 bits, is a `DecodeError` that names the row and the column.

        If a request fails, the next `to_arrow()` or `arrow_batches()` resumes; loops over rows start from the first.
        """
        reading = self._begin(self._arrow_rows())
        assert reading.arrow
        table = await reading.arrow.table(self._unread_pages(reading))
        self._report_problem(reading)
        return table

    def arrow_batches(self, rows: int = 10_000) -> AsyncGenerator[pa.RecordBatch, None]:
        """Iterate over the rows as Arrow record batches of `rows` rows each; the last one may be shorter.

        The columns and the errors are those of `to_arrow`. Rows in memory are those of one batch and one page.
        """
        return self._arrow_batches(self._arrow_rows(), _integer("rows", rows, MAX_BATCH_ROWS, minimum=1))

    async def _arrow_batches(self, arrow: ArrowRows, rows: int) -> AsyncGenerator[pa.RecordBatch, None]:
        reading = self._begin(arrow)
        assert reading.arrow
        async with aclosing(reading.arrow.batches(self._unread_pages(reading), rows)) as batches:
            async for batch in batches:
                yield batch
        self._report_problem(reading)

    def _arrow_rows(self) -> ArrowRows:
        from calcom_async.extras import require_extra  # noqa: PLC0415 - not part of `import Calcom`

        with require_extra("Arrow", "arrow"):
            from calcom_async.arrow import ArrowRows  # noqa: PLC0415 - an extra
        return ArrowRows(self.list_call.name, self.list_call.row_type)

    def raw(self) -> Pages[Raw]:
        """Return the same list from its start, each row as the JSON text that the server sent."""
        if self.list_call.row_type is Raw:
            raise InvalidRequestError("these rows are raw already", hint="Call raw() once")
        return Pages(
            self.list_call.raw(),
            take=self._first.take or None,
            skip=self._first.skip,
            prefetch=self._prefetch,
            strict=self._strict,
        )

    async def first(self) -> T | None:
        """Return the first row, or None for an empty list; one request."""
        rows = await self.collect(limit=1)
        return rows[0] if rows else None

    async def first_page(self) -> Page[T]:
        """Fetch the first page as the server returns it: `items`, `total_items`, `has_next`."""
        return await self.list_call.fetch_page(self._first)

    async def collect(self, limit: int | None = None) -> list[T]:
        """Return all rows as a list, or the first `limit` of them; fetches only the pages needed."""
        rows: list[T] = []
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise InvalidRequestError(f"limit must be an integer, got {shown(limit)}")
        if limit is not None and limit <= 0:
            return rows
        reading = self._begin()
        try:
            async with aclosing(self._rows(reading, limit)) as iterator:
                async for row in iterator:
                    rows.append(row)
                    if len(rows) == limit:
                        break
        except BaseException:
            # The caller gets none of these rows, so the next call has to deliver them. This includes cancellation.
            reading.undelivered.extendleft(reversed(rows))
            raise
        return rows

    def _new_reading(self) -> _Reading[T]:
        return _Reading(self.list_call, self._first)

    def _begin(self, arrow: ArrowRows | None = None) -> _Reading[T]:
        # Taken out, so that two loops at the same time cannot resume the same reading.
        reading, self._interrupted = self._interrupted, None
        # Rows that are columns cannot become objects again.
        if reading is None or (reading.arrow and not arrow):
            reading = self._new_reading()
        reading.arrow = reading.arrow or arrow
        self._latest = reading
        return reading

    async def _unread_pages(self, reading: _Reading[T]) -> AsyncGenerator[Page[T], None]:
        """Yield the pages of a reading, first the rows that a failed `collect` did not deliver."""
        if reading.undelivered:
            rows = [*reading.undelivered]
            reading.undelivered.clear()
            yield reading.page_of(rows)
            del rows
        async with aclosing(self._read(reading, None)) as pages:
            async for page in pages:
                yield page
                del page  # before the next one is fetched

    async def _read(self, reading: _Reading[T], limit: int | None) -> AsyncGenerator[Page[T], None]:
        """Yield pages of new rows: first page by page, then the missing rows by keyset."""
        # Prefetched pages belong to this iterator: an abandoned one may be closed after a new one has started.
        prefetched: Prefetched[T] = deque()
        wanted = None if limit is None else len(reading.seen) + limit
        try:
            while not reading.reached_end:
                reading.check_progress()
                page = reading.accept(await self._resumable(reading, self._next_page(reading, prefetched, wanted)))
                if page.items:
                    yield page
                del page
        finally:
            _cancel(prefetched)
        if reading.missing is None:
            return
        async with aclosing(reading.missing.chunks()) as chunks:
            while (rows := await self._resumable(reading, anext(chunks, None))) is not None:
                if rows:
                    yield reading.page_of(rows)

    async def _resumable(self, reading: _Reading[T], step: Awaitable[R]) -> R:
        """Await a step of a reading. If it fails or is cancelled, the next loop resumes this reading."""
        try:
            return await step
        except BaseException:
            self._interrupted = reading
            raise

    def _report_problem(self, reading: _Reading[T]) -> None:
        """Warn or raise after the last row if rows may be missing."""
        problem = reading.problem()
        if problem and self._strict:
            raise IncompleteListError(problem, expected=reading.total or len(reading.seen), seen=len(reading.seen))
        if problem:
            warnings.warn(problem, IncompleteListWarning, stacklevel=3)

    # Prefetch: the next pages in flight, used in order.

    async def _next_page(self, reading: _Reading[T], prefetched: Prefetched[T], wanted: int | None) -> Page[T]:
        """Return the next page, and keep up to `prefetch` further ones in flight."""
        fetch = self.list_call.fetch_page
        if not self._prefetch or self.list_call.spec.cursor:
            return await fetch(reading.offset)
        while len(prefetched) < self._prefetch:
            offset = reading.offset.advance(len(prefetched))
            if prefetched and offset.skip >= self._prefetch_limit(reading, wanted):
                break
            prefetched.append(asyncio.ensure_future(fetch(offset)))
        if prefetched[0].done():
            await asyncio.sleep(0)  # let the new requests be sent before the rows of this page are used
        page = await prefetched[0]
        prefetched.popleft()
        return page

    def _prefetch_limit(self, reading: _Reading[T], wanted: int | None) -> float:
        """Return the first `skip` not worth prefetching: after the last row wanted, and after the total once known."""
        spec, offset = self.list_call.spec, reading.offset
        end = spec.skip_limit + 1
        if not offset.take or (reading.total is None and spec.has_total):
            return 0
        if wanted is not None:
            end = min(end, offset.skip + wanted - len(reading.seen))
        return end if reading.total is None else min(end, reading.total)


class _Reading(Generic[T]):
    """One pass over a list: its position, the rows seen, and the rows that may be missing."""

    def __init__(self, list_call: PagedList[T], start: PageOffset) -> None:
        self._call = list_call
        self._key = list_call.key()
        self._start = self.offset = start
        self._pagination: Pagination | None = None
        self.undelivered: deque[T] = deque()
        """Rows of a `collect()` that failed."""
        self.arrow: ArrowRows | None = None
        """The rows as columns, if they are read with `to_arrow()` or `arrow_batches()`."""
        self.reached_end = False
        """Whether all pages have been read; missing rows may be left."""
        self.missing: MissingRows[T] | None = None
        """The search for missing rows, if the pages show that it is needed."""
        self.seen: set[Hashable] = set()
        self._largest_total = 0
        self._has_duplicates = False
        self._empty_pages = 0
        self._used_cursors: set[str | None] = set()
        self._page_problem: str | None = None

    @property
    def total(self) -> int | None:
        """The server's latest total; None if it sends none."""
        if self.missing:
            return self.missing.total
        return self._pagination.total_items if self._pagination else None

    def accept(self, page: Page[T]) -> Page[T]:
        """Move past a page, and return it with its new rows only."""
        new = self._new_rows(page.items)
        self._used_cursors.add(self.offset.cursor)
        self.offset = self.offset.after(page)
        self._pagination = page.pagination
        self._largest_total = max(self._largest_total, self.total or 0)
        name, spec = self._call.name, self._call.spec
        if not page.has_next:
            self._end()
        elif page.by_cursor:
            self._empty_pages = 0 if new else self._empty_pages + 1
        elif self._repeats(new):
            self._end(
                f"{name}: after {len(self.seen)} rows the server returned the same rows again, so it does not return "
                "the rest of this list"
            )
        elif self.offset.skip > spec.skip_limit:
            self._end(
                f"{name}: the server accepts no skip over {spec.max_skip}, so rows after row {self.offset.skip} cannot "
                "be read. Narrow the list with a filter"
            )
        return page if new is page.items else msgspec.structs.replace(page, items=new)

    def page_of(self, rows: list[T]) -> Page[T]:
        """Return rows as a page."""
        skip, take, cursor = self.offset.skip, self.offset.take, self.offset.cursor
        return Page(rows, skip, take, self._pagination, by_cursor=self._call.spec.cursor, next_cursor=cursor)

    def check_progress(self) -> None:
        """Raise `DecodeError` if a cursor list does not come closer to its end."""
        if not self._call.spec.cursor:
            return
        name, seen = self._call.name, len(self.seen)
        if self.offset.cursor in self._used_cursors:
            raise DecodeError(f"{name}: after {seen} rows the server sent the cursor of an earlier page again")
        if self._empty_pages > MAX_EMPTY_CURSOR_PAGES:
            raise DecodeError(f"{name}: after {seen} rows the server sent {self._empty_pages} pages without a new row")

    def _new_rows(self, rows: list[T]) -> list[T]:
        """Return the rows whose keys have not been seen, and remember their keys."""
        # Nearly always all rows are new. Three operations on sets then replace a loop over the rows.
        keys = set(map(self._key, rows))
        if len(keys) == len(rows) and None not in keys and self.seen.isdisjoint(keys):
            self.seen |= keys
            return rows
        new = []
        for row in rows:
            # A row without a key is identified by its content, so that a repeated page is noticed.
            key = self._key(row)
            key = msgspec.json.encode(row) if key is None else key
            if key in self.seen:
                self._has_duplicates = True
            else:
                self.seen.add(key)
                new.append(row)
        return new

    def _repeats(self, new: list[T]) -> bool:
        """Whether the server repeats rows although it reports more.

        The number of requests is bounded by the rows seen, whatever total the server reports.
        """
        if new:
            self._empty_pages = 0
            return False
        if self.offset.skip >= (self.total or 0):  # it reports a next page beyond its own total
            return True
        if self.offset.skip - self._start.skip > len(self.seen):
            self._empty_pages += 1
        return self._empty_pages >= MAX_EMPTY_PAGES

    def _end(self, problem: str | None = None) -> None:
        """End the reading page by page, and find out whether rows are missing."""
        self.reached_end = True
        self._page_problem = problem
        # The largest total counts: if a row was deleted while the list was read, another one may have been skipped.
        is_short = self._call.has_reliable_total and len(self.seen) < self._largest_total
        if self._call.spec.reads_by_time and not self._start.skip and (is_short or self._has_duplicates):
            # Most lists are complete, and the module is 0.5 % of the import of aiohttp and msgspec.
            from calcom_async.missing_rows import MissingRows  # noqa: PLC0415

            self.missing = MissingRows(self._call, self.seen, self.total)

    def problem(self) -> str | None:
        """Say why rows may be missing, or None if none are."""
        # A list that was read by time to its end is complete, even if the pages were cut.
        cut = None if self.missing and self.missing.is_finished and not self.missing.error else self._page_problem
        if not self._call.spec.reads_by_time or self._start.skip:
            return cut
        name, seen, total = self._call.name, len(self.seen), self.total
        if total is not None and self._call.has_reliable_total:
            if total <= seen:
                return None
            return cut or (
                f"{name}: the server reported {shown(total)} rows but returned {seen}; {shown(total - seen)} may be "
                "missing. Narrow the list with a filter"
            )
        if self.missing and self.missing.error:
            return f"{name}: rows came twice, so others may be missing, and could not be found: {self.missing.error}"
        return cut


def _integer(name: str, value: int, maximum: int, minimum: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise InvalidRequestError(f"{name} must be an integer from {minimum} to {maximum}, got {shown(value)}")
    return value


def _cancel(prefetched: Prefetched[Any]) -> None:
    while prefetched:
        task = prefetched.pop()
        task.cancel()
        task.add_done_callback(_ignore_error)


def _ignore_error(task: asyncio.Future[Any]) -> None:
    """Retrieve the exception of a page that is no longer needed, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
