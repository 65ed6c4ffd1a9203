"""The exact walk: a list of bookings by the key of a time, in whole groups of equal time, whatever moves meanwhile.

The server orders by one time and breaks no ties, so pages of a growing skip lose rows that share it, and rows that
move shift others out of sight. Here each request begins at the time where the last answer ended, with the filter that
includes it; the rows of an answer's last time, which may be cut there, are left for that next request. So nothing
depends on what lies before, a deep page costs what the first one does, and no row comes twice.

    Key         a time that a list can be walked by: how to sort by it, and how to ask for what comes after
    KeysetReader        from one time to another, by one key; a group too large for a page is walked by the next key
    _TieGroup      rows that share a time, more than a page of them: what has shown of them, until all were seen
    recut       chunks cut anew, so that where one ends depends on the rows alone

The server reads the rows of a page after it has ordered their ids. A row whose time changes in between stands in the
wrong place, so such a page is read again. Rows of a group are counted at its end, since one that moves while the group
is walked by its next key is easily missed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Raw

from calcom_async.decoding import decoder
from calcom_async.errors import DecodeError
from calcom_async.lenient_json import NotJsonError, parse
from calcom_async.pages import Pages
from calcom_async.pagination import Page

LARGEST_PAGE = 250
TIME_RESOLUTION = timedelta(milliseconds=1)
"""The server keeps times in whole milliseconds (its columns are `timestamp(3)`): this much later is the next one."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
FIRST = datetime(1, 1, 2, tzinfo=UTC)
"""Times before it or after `LATEST` count as these: others could not be calculated with in every time zone."""
REREADS = 4
"""How often a page out of order is read again before the server is at fault."""
MOST_ROWS = 10**10
"""A total beyond it is no count of bookings."""

ListMethod = Callable[..., Pages[Any]]
"""`cal.bookings.list`, or the list of another scope."""


class SortKey(NamedTuple):
    """A time that a list can be walked by: a field of `Times`, and its parameters of the list."""

    field: str
    sort: str
    after: str
    before: str | None


CREATED = SortKey("created_at", "sort_created", "after_created_at", "before_created_at")
UPDATED = SortKey("updated_at", "sort_updated_at", "after_updated_at", "before_updated_at")
START = SortKey("start", "sort_start", "after_start", None)  # beforeEnd bounds the end, not the start


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Times(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What a walk reads of a booking; a time that cannot be read is None."""

    uid: str
    created_at: Moment | None = None
    start: Moment | None = None
    updated_at: Moment | None = None


class Row(NamedTuple):
    """A booking as the server sent it, and its times."""

    times: Times
    raw: Raw


class Answer(NamedTuple):
    """Rows of a page in order, whether the server sent as many as were asked for, and whether there are more."""

    rows: list[Row]
    is_full: bool
    has_next: bool


class Chunk(NamedTuple):
    """Rows in order, and the time up to which all have come with them; None in the midst of a group."""

    rows: list[Row]
    done: datetime | None


class ExportStats:
    """What a walk has cost and met so far."""

    def __init__(self) -> None:
        self.requests: int = 0
        self.max_passes: int = 1
        """How often the walk went over a group of rows before all of them had shown."""
        self.duplicates: int = 0
        """Rows that came again, and were dropped."""
        self.missing_rows: int = 0
        """Rows that the server counts and never showed."""


class KeysetReader:
    """The rows of a list whose time lies from `after` to `until`, both included, in ascending order.

    `keys` are the times to walk by, the first one before the others; a list's own filters stand in `filters`.
    """

    def __init__(
        self,
        list_method: ListMethod,
        keys: Sequence[SortKey],
        *,
        filters: Mapping[str, Any],
        after: datetime | None = None,
        until: datetime = LATEST,
        take: int = LARGEST_PAGE,
        stats: ExportStats,
    ) -> None:
        self._list_method = list_method
        self._keys = keys
        self._key = keys[0]
        self._filters = filters
        self._after = after
        self._until = until
        self._take = take
        self._stats = stats

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Read; no row comes twice."""
        edge = self._after
        while edge is None or edge <= self._until:
            page = await self._page(edge, self._take)
            if page.is_full and self._take < LARGEST_PAGE and self._all_share_a_time(page.rows):
                page = await self._page(edge, LARGEST_PAGE)
            inside = [row for row in page.rows if self._time(row) <= self._until]
            if not page.has_next or len(inside) < len(page.rows):
                if inside:
                    yield self._chunk(inside)
                return
            boundary = self._time(inside[-1])
            if whole := [row for row in inside if self._time(row) < boundary]:
                self._stats.duplicates += len(inside) - len(whole)
                yield self._chunk(whole)
                # Not the time of the last row: if that row has just moved there, others lie between.
                edge = self._time(whole[-1]) + TIME_RESOLUTION
                continue
            if not page.is_full:
                yield self._chunk(inside)
            else:
                self._stats.duplicates += len(inside)
                async with aclosing(self._group(boundary)) as group:
                    async for rows in group:
                        yield Chunk(rows, None)
                yield Chunk([], boundary)
            edge = boundary + TIME_RESOLUTION

    async def _page(self, edge: datetime | None, take: int, skip: int = 0) -> Answer:
        """Rows not before `edge`, in the order of their time; read again while rows of the page are moving."""
        query = {**self._filters, self._key.sort: "asc", "take": take, "skip": skip}
        if edge is not None:
            query[self._key.after] = edge
        bound = self._filters.get(self._key.before or "", LATEST)
        for _ in range(REREADS + 1):
            page = await self._list_method(**query).raw().first_page()
            self._stats.requests += 1
            every = [Row(times_of(raw), raw) for raw in page.items]
            # A row beyond the bound has moved there. If all are, the server may not know the bound.
            rows = [row for row in every if self._time(row) <= bound]
            misplaced = self._misplaced(rows, edge or FIRST)
            if not misplaced and (rows or not every):
                return Answer(rows, len(every) >= take, page.has_next)
        if not misplaced:
            return Answer([], is_full=False, has_next=False)
        raise DisorderError(
            f"the server does not keep to {self._key.sort} and {self._key.after}: it returned booking "
            f"{misplaced.times.uid} of {self._time(misplaced).isoformat()} after later ones, or before the time asked "
            f"for, in {REREADS + 1} attempts. The list cannot be read by that time"
        )

    def _misplaced(self, rows: Sequence[Row], earliest: datetime) -> Row | None:
        """The first row that stands behind a later one or lies before the time that was asked for."""
        for row in rows:
            time = self._time(row)
            if time < earliest:
                return row
            earliest = time
        return None

    async def _group(self, time: datetime) -> AsyncGenerator[list[Row], None]:
        """Rows that share a time and do not fit on one page: by the next key, then whatever is still missing."""
        group = _TieGroup()
        if len(self._keys) > 1 and self._key.before is not None:
            async with aclosing(self._by_next_key(time, group)) as fresh:
                async for rows in fresh:
                    yield rows
            if not group.is_disordered and await self._ends_at(time, len(group.uids)):
                return
        yield await self._by_passes(time, group)

    async def _by_next_key(self, time: datetime, group: _TieGroup) -> AsyncGenerator[list[Row], None]:
        only = {**self._filters, self._key.after: time, str(self._key.before): time}
        walk = KeysetReader(self._list_method, self._keys[1:], filters=only, stats=self._stats)
        try:
            async with aclosing(walk.chunks()) as chunks:
                async for chunk in chunks:
                    same = [row for row in chunk.rows if self._time(row) == time]
                    if chunk.rows and not same:
                        break  # other rows than those asked for
                    yield group.fresh(same)
                else:
                    return
        except DisorderError:
            pass  # rows move faster than pages come
        group.is_disordered = True

    async def _ends_at(self, time: datetime, count: int) -> bool:
        """Whether a group has no more rows than so many."""
        page = await self._page(time, 1, skip=count)
        return not any(self._time(row) == time for row in page.rows)

    async def _by_passes(self, time: datetime, group: _TieGroup) -> list[Row]:
        found: list[Row] = []
        while not group.is_whole and group.passes < _TieGroup.MOST_PASSES:
            found += await self._read_once(time, group)
        self._stats.max_passes = max(self._stats.max_passes, group.passes)
        self._stats.missing_rows += group.missing
        return self._in_order(found)

    async def _read_once(self, time: datetime, group: _TieGroup) -> list[Row]:
        """Page through a group with a page size of this pass's own, so that its edges fall between other rows."""
        seen: set[str] = set()
        found: list[Row] = []
        size = 0
        take = max(LARGEST_PAGE - 7 * group.passes, LARGEST_PAGE // 2)
        while True:
            page = await self._page(time, take, skip=size)
            same = [row for row in page.rows if self._time(row) == time]
            uids = {row.times.uid for row in same}
            goes_on = page.is_full and self._time(page.rows[-1]) == time
            if goes_on and uids <= seen:
                raise DecodeError(
                    f"the server returns the same {take} bookings whatever is skipped; more than that share "
                    f"{self._key.field} {time.isoformat()}, so the list cannot be read"
                )
            seen |= uids
            size += len(same)
            fresh = group.fresh(same)
            self._stats.duplicates += len(same) - len(fresh)
            found += fresh
            if not goes_on:
                break
        group.passed(size, seen)
        return found

    def _all_share_a_time(self, rows: Sequence[Row]) -> bool:
        return bool(rows) and self._time(rows[0]) == self._time(rows[-1])

    def _time(self, row: Row) -> datetime:
        return time_of(row.times, self._key)

    def _chunk(self, rows: list[Row]) -> Chunk:
        """Rows whose groups are whole."""
        return Chunk(self._in_order(rows), self._time(rows[-1]))

    def _in_order(self, rows: list[Row]) -> list[Row]:
        """By the keys and then by uid: the same however the rows came."""
        fields = [key.field for key in self._keys]
        return sorted(
            rows, key=lambda row: (*[getattr(row.times, field) or EARLIEST for field in fields], row.times.uid)
        )


class DisorderError(DecodeError):
    """Pages that are not in the order that was asked for."""


class _TieGroup:
    """What has shown of the rows that share a time; only their uids are kept.

    Their order changes between pages, so a pass shows some twice and others never. But each pass shows as many as there
    are. The group is whole when so many different ones have been seen since its size last changed: rows that leave or
    join meanwhile cannot stand in for one that was never shown.
    """

    MOST_PASSES = 80

    def __init__(self) -> None:
        self.uids: set[str] = set()
        self.is_disordered = False
        self.passes = 0
        self._size = -1
        self._standing: set[str] = set()

    def fresh(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows that have not been seen, which are seen now."""
        found = {row.times.uid: row for row in rows if row.times.uid not in self.uids}
        self.uids |= found.keys()
        return list(found.values())

    def passed(self, size: int, seen: set[str]) -> None:
        """Note that one pass has shown so many rows, and which ones."""
        self.passes += 1
        if size != self._size:
            self._size, self._standing = size, set()
        self._standing |= seen

    @property
    def missing(self) -> int:
        return self._size - len(self._standing)

    @property
    def is_whole(self) -> bool:
        return self.missing == 0


async def recut(chunks: AsyncGenerator[Chunk, None], key: SortKey, least: int) -> AsyncGenerator[Chunk, None]:
    """Cut chunks anew: at the first end of a group after `least` rows, or after twice as many in the midst of one.

    So where a chunk ends depends on the rows alone, and not on pages, windows, or where a run was resumed.
    """
    rows: list[Row] = []
    done: datetime | None = None

    def time(row: Row) -> datetime:
        return time_of(row.times, key)

    async for chunk in chunks:
        rows += chunk.rows
        done = chunk.done
        while cut := _cut(rows, time, least, is_whole=done is not None):
            end, is_whole = cut
            yield Chunk(rows[:end], time(rows[end - 1]) if is_whole else None)
            rows = rows[end:]
        if done and not rows:
            yield Chunk([], done)
    if rows:
        yield Chunk(rows, done)


def _cut(
    rows: Sequence[Row], time: Callable[[Row], datetime], least: int, *, is_whole: bool
) -> tuple[int, bool] | None:
    """Where to cut, and whether that is the end of a group; None where more rows have to come first."""
    for end in range(least, min(len(rows), 2 * least) + 1):
        if time(rows[end - 1]) != time(rows[end]) if end < len(rows) else is_whole:
            return end, True
    return (2 * least, False) if len(rows) >= 2 * least else None


def times_of(raw: Raw) -> Times:
    """Read the times of a booking: one that is no time is None, and one without a zone is UTC."""
    try:
        times: Times = decoder(Times).decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        times = _leniently(raw)
    return times


def _leniently(raw: Raw) -> Times:
    try:
        row = parse(bytes(raw))
        found = {field: _moment(row.get(name)) for field, name in TIMES.items()}
        return Times(msgspec.convert(row["uid"], str), **found)
    except (NotJsonError, msgspec.ValidationError, AttributeError, KeyError) as error:
        raise DecodeError(f"a row of the list is no booking with a uid: {error}") from error


TIMES = {"created_at": "createdAt", "start": "start", "updated_at": "updatedAt"}


def _moment(value: Any) -> datetime | None:
    try:
        moment = msgspec.convert(value, datetime | None)
    except msgspec.ValidationError:
        return None
    return moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment


def time_of(times: Times, key: SortKey) -> datetime:
    """The time that a booking is listed by."""
    time: datetime | None = getattr(times, key.field)
    if time is None:
        raise DecodeError(f"booking {times.uid} has no readable {key.field}, although the list is sorted by it")
    return clamped(time)


def clamped(time: datetime) -> datetime:
    """The time, or the nearest one that can be calculated with in every time zone."""
    return time if FIRST <= time <= LATEST else FIRST if time < FIRST else LATEST


def counted(page: Page[Any]) -> int | None:
    """The server's count of a list, if it is one."""
    total = page.total_items
    return total if total is not None and 0 <= total <= MOST_ROWS else None
