"""Keyset pagination over bookings, ordered by a time.

The server orders by one time only, and rows that share it change places between pages. So offset pagination loses such
rows, and rows that move push others out of sight. Here each request starts at the time where the last response ended,
with a filter that includes it. The rows of the last time of a full page may be cut off there, so they are left for that
next request. Nothing depends on the rows before, a deep page costs what the first one does, and no row comes twice.

    SortKey       a time that a list can be sorted and filtered by
    KeysetReader  the rows from one time to another; a tie group too large for a page is read by the next key
    _TieGroup     the rows that share a time and do not fit on one page: those seen so far, and whether all were
    recut         chunks cut again, so that the end of a chunk depends on the rows alone

The server first orders the ids of a page and then reads their rows. A row whose time changes in between stands in the
wrong place, so such a page is read again. The rows of a tie group are counted at its end, because one that moves while
the group is read by its next key is easily missed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from operator import le, lt
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Raw

from calcom_async.decoding import decoder
from calcom_async.errors import DecodeError
from calcom_async.lenient_json import NotJsonError, parse
from calcom_async.pagination import Page, PageOffset

MAX_PAGE = 250
TIME_RESOLUTION = timedelta(milliseconds=1)
"""The server stores times in whole milliseconds (its columns are `timestamp(3)`): the next time is this much later."""
TIME_LENGTH = len('2026-01-31T09:00:00.000Z"')
"""Length of a time in the server's format, with the quote after it."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
MIN_TIME = datetime(1, 1, 2, tzinfo=UTC)
MAX_TIME = datetime(9999, 1, 1, tzinfo=UTC)
"""Times outside these two count as them: arithmetic with others overflows in some time zones."""
REREADS = 4
"""How often a page out of order is read again before the reader gives up."""
MAX_TOTAL = 10**10
"""A larger total is no count of bookings."""
SORTS = ("sortStart", "sortEnd", "sortCreated", "sortUpdatedAt")

FetchPage = Callable[[PageOffset, Mapping[str, Any]], Awaitable[Page[Raw]]]
"""Fetches a page of a list, with these parameters instead of its own; `ListCall.fetch_page`."""


class SortKey(NamedTuple):
    """A time that a list can be sorted and filtered by: a field of `Times`, and the query parameters for it."""

    field: str
    sort: str
    after: str
    before: str | None


CREATED = SortKey("created_at", "sortCreated", "afterCreatedAt", "beforeCreatedAt")
UPDATED = SortKey("updated_at", "sortUpdatedAt", "afterUpdatedAt", "beforeUpdatedAt")
START = SortKey("start", "sortStart", "afterStart", None)  # beforeEnd bounds the end, not the start


AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]


class Times(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The fields of a booking that the reader needs; a time that cannot be read is None."""

    uid: str
    created_at: AwareDatetime | None = None
    start: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class Chunk(NamedTuple):
    """Rows in order, the time of each that the list is sorted by, and the time up to which all rows have come.

    `done` is None within a tie group.
    """

    rows: list[Raw]
    moments: list[datetime]
    done: datetime | None


class ReadStats:
    """Counts of what reading a list has cost so far."""

    def __init__(self) -> None:
        self.requests: int = 0
        self.max_passes: int = 1
        """Number of times that the largest tie group was read until all of its rows had come."""
        self.duplicates: int = 0
        """Rows that came again, and were dropped."""
        self.missing_rows: int = 0
        """Rows that the server counts but did not return."""


class KeysetError(DecodeError):
    """The list cannot be read by a time: the server returns other rows than requested."""


class DisorderError(KeysetError):
    """Pages that are not in the requested order."""


class _OrderedPage(NamedTuple):
    """Rows of a page in order, whether the server returned as many as requested, and whether there are more."""

    rows: list[Raw]
    moments: list[datetime]
    """The time of each row that the list is sorted by."""
    is_full: bool
    has_next: bool
    is_ascending: bool = False
    """Whether each row is known to be later than the one before, so that none share a time."""

    def at(self, moment: datetime) -> list[_Row]:
        """Return the rows of one time."""
        start, end = bisect_left(self.moments, moment), bisect_right(self.moments, moment)
        return _paired(self.rows[start:end])


class _Row(NamedTuple):
    times: Times
    raw: Raw


def _paired(rows: list[Raw]) -> list[_Row]:
    return [_Row(*pair) for pair in zip(read_times(rows), rows, strict=True)]


class KeysetReader:
    """The rows of a list whose time lies from `after` to `until`, both included, in ascending order.

    The list is read by the first of `keys`; the others are for rows that share its time. `bounds` are filters on times
    that are sent with every request. With `ends_short`, a page that is at most half full ends the list, which saves the
    last two requests. Rows that are added to the list in between are read by the next reader then.
    """

    def __init__(
        self,
        fetch_page: FetchPage,
        keys: Sequence[SortKey],
        *,
        bounds: Mapping[str, datetime] | None = None,
        after: datetime | None = None,
        until: datetime = MAX_TIME,
        take: int = MAX_PAGE,
        ends_short: bool = False,
        stats: ReadStats,
    ) -> None:
        self._fetch_page = fetch_page
        self._keys = keys
        self._key = keys[0]
        self._bounds = bounds or {}
        self._after = after
        self._until = until
        self._take = take
        # Rows that are deleted while the server reads a page shorten it, so an almost full one may not be the last.
        self._last_size = take // 2 if ends_short else 0
        self._stats = stats

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Read the rows; none comes twice. Raises `KeysetError`."""
        start = self._after
        while start is None or start <= self._until:
            page = await self._read_page(start, self._take)
            # A larger page may hold the whole tie group, which saves reading it by the next key.
            if page.is_full and self._take < MAX_PAGE and page.moments and page.moments[0] == page.moments[-1]:
                page = await self._read_page(start, MAX_PAGE)
            size = len(page.rows)
            inside = bisect_right(page.moments, self._until)
            # With a filter on creation, the server's total, and so `has_next`, still counts the whole list.
            is_last = not page.has_next or inside < size or size <= self._last_size
            is_last = is_last or (not page.is_full and page.moments[-1] == self._until)
            if is_last:
                if inside:
                    yield self._chunk(page, inside)
                return
            boundary = page.moments[-1]
            if complete := bisect_left(page.moments, boundary):
                self._stats.duplicates += size - complete
                yield self._chunk(page, complete)
                # Not `boundary`: if the last row has just moved there, other rows lie between.
                start = page.moments[complete - 1] + TIME_RESOLUTION
                continue
            if not page.is_full:
                yield self._chunk(page, size)
            else:
                self._stats.duplicates += size
                async with aclosing(self._tie_group(boundary)) as parts:
                    async for rows in parts:
                        yield self._chunk_of(rows, done=None)
                yield Chunk([], [], boundary)
            start = boundary + TIME_RESOLUTION

    async def _read_page(self, start: datetime | None, take: int, skip: int = 0) -> _OrderedPage:
        """Read rows from `start` on in the order of their time; again while rows of the page move."""
        # None removes the caller's own sort, because the server applies only the first of several.
        query: dict[str, Any] = {**dict.fromkeys(SORTS), **self._bounds, self._key.sort: "asc"}
        if start is not None:
            query[self._key.after] = start
        earliest, latest = start or MIN_TIME, self._bounds.get(self._key.before or "", MAX_TIME)
        misplaced: int | None = None
        for _ in range(REREADS + 1):
            page = await self._fetch_page(PageOffset(skip, take), query)
            self._stats.requests += 1
            rows = page.items
            moments, is_ascending = self._read_moments(rows)
            is_full = len(rows) >= take
            is_ordered = is_ascending or all(map(le, moments, moments[1:]))
            if is_ordered and (not rows or (earliest <= moments[0] and moments[-1] <= latest)):
                return _OrderedPage(rows, moments, is_full, page.has_next, is_ascending)
            # A row after the bound has moved there. If all are, the server may not know the bound.
            kept = [index for index, moment in enumerate(moments) if moment <= latest]
            rows, moments = [rows[index] for index in kept], [moments[index] for index in kept]
            misplaced = _first_misplaced(moments, earliest)
            if misplaced is None and rows:
                return _OrderedPage(rows, moments, is_full, page.has_next)
        if misplaced is None:
            return _OrderedPage([], [], is_full=False, has_next=False)
        [times] = read_times([rows[misplaced]])
        raise DisorderError(
            f"the server does not keep to {self._key.sort} and {self._key.after}: it returned booking "
            f"{times.uid} of {moments[misplaced].isoformat()} after later ones, or before the time "
            f"requested, in {REREADS + 1} attempts. The list cannot be read by that time"
        )

    def _read_moments(self, rows: list[Raw]) -> tuple[list[datetime], bool]:
        """Return the time of each row that the list is sorted by, and whether each is later than the one before."""
        moments = _scan_times(rows, FIELDS[self._key.field])
        if moments is not None and all(map(lt, moments, moments[1:])):
            if not moments or (moments[0] >= MIN_TIME and moments[-1] <= MAX_TIME):
                return moments, True
        elif moments is not None and MIN_TIME <= min(moments) <= max(moments) <= MAX_TIME:
            return moments, False
        return [time_of(times, self._key) for times in read_times(rows)], False

    async def _tie_group(self, moment: datetime) -> AsyncGenerator[list[_Row], None]:
        """Read rows that share a time and do not fit on one page: by the next key, then whatever is still missing."""
        group = _TieGroup()
        if len(self._keys) > 1 and self._key.before is not None:
            async with aclosing(self._by_next_key(moment, group)) as parts:
                async for rows in parts:
                    yield rows
            if not group.is_disordered and await self._ends_at(moment, len(group.uids)):
                return
        yield await self._by_passes(moment, group)

    async def _by_next_key(self, moment: datetime, group: _TieGroup) -> AsyncGenerator[list[_Row], None]:
        """Read a tie group in the order of the next key, with its time as both bounds."""
        bounds = {**self._bounds, self._key.after: moment, str(self._key.before): moment}
        reader = KeysetReader(self._fetch_page, self._keys[1:], bounds=bounds, stats=self._stats)
        try:
            async with aclosing(reader.chunks()) as chunks:
                async for chunk in chunks:
                    same = [row for row in _paired(chunk.rows) if time_of(row.times, self._key) == moment]
                    if chunk.rows and not same:
                        break  # other rows than requested
                    yield group.new(same)
                else:
                    return
        except DisorderError:
            pass  # rows move faster than pages come
        group.is_disordered = True

    async def _ends_at(self, moment: datetime, count: int) -> bool:
        """Whether a tie group has no more rows than `count`."""
        page = await self._read_page(moment, 1, skip=count)
        return moment not in page.moments

    async def _by_passes(self, moment: datetime, group: _TieGroup) -> list[_Row]:
        """Read a tie group by offset, again and again, until its rows have all come."""
        rows: list[_Row] = []
        while not group.is_complete and group.passes < _TieGroup.MAX_PASSES:
            rows += await self._read_once(moment, group)
        self._stats.max_passes = max(self._stats.max_passes, group.passes)
        self._stats.missing_rows += group.missing
        return rows

    async def _read_once(self, moment: datetime, group: _TieGroup) -> list[_Row]:
        """Page through a tie group with a page size of this pass, so that its pages end between other rows."""
        seen: set[str] = set()
        new_rows: list[_Row] = []
        size = 0
        # With the same size, the server could omit the same row at the end of a page in every pass.
        take = max(MAX_PAGE - 7 * group.passes, MAX_PAGE // 2)
        while True:
            page = await self._read_page(moment, take, skip=size)
            same = page.at(moment)
            uids = {row.times.uid for row in same}
            has_next = page.is_full and page.moments[-1] == moment
            # Without this check, a server that ignores `skip` would keep this loop running.
            if has_next and uids <= seen:
                raise KeysetError(
                    f"the server returns the same {take} bookings whatever is skipped; more than that share "
                    f"{self._key.field} {moment.isoformat()}, so the list cannot be read"
                )
            seen |= uids
            size += len(same)
            new = group.new(same)
            self._stats.duplicates += len(same) - len(new)
            new_rows += new
            if not has_next:
                break
        group.note_pass(size, seen)
        return new_rows

    def _chunk(self, page: _OrderedPage, end: int) -> Chunk:
        """Return the first rows of a page, whose tie groups are complete."""
        rows, moments = page.rows[:end], page.moments[:end]
        if page.is_ascending:
            return Chunk(rows, moments, moments[-1])
        return self._chunk_of(_paired(rows), done=moments[-1])

    def _chunk_of(self, rows: list[_Row], done: datetime | None) -> Chunk:
        """Order rows by the keys and then by uid: the same however they came."""
        fields = [key.field for key in self._keys]
        rows.sort(key=lambda row: (*[getattr(row.times, field) or EARLIEST for field in fields], row.times.uid))
        return Chunk([row.raw for row in rows], [time_of(row.times, self._key) for row in rows], done)


def _first_misplaced(moments: Sequence[datetime], earliest: datetime) -> int | None:
    """Return the index of the first row that stands after a later one, or lies before the time requested."""
    for index, moment in enumerate(moments):
        if moment < earliest:
            return index
        earliest = moment
    return None


class _TieGroup:
    """The rows that share a time, as far as seen; only their uids are kept.

    Their order changes between pages, so a pass returns some of them twice and others never. But each pass returns as
    many as there are. The group is complete when that many different ones have been seen since its size last changed:
    rows that leave or join in between cannot stand in for one that was never returned.
    """

    MAX_PASSES = 80
    """More would hardly help: rows that are still missing are reported."""

    def __init__(self) -> None:
        self.uids: set[str] = set()
        self.is_disordered = False
        self.passes = 0
        self._size = -1
        self._seen_at_size: set[str] = set()

    def new(self, rows: Sequence[_Row]) -> list[_Row]:
        """Return the rows that have not been seen, and note them as seen."""
        new = {row.times.uid: row for row in rows if row.times.uid not in self.uids}
        self.uids |= new.keys()
        return list(new.values())

    def note_pass(self, size: int, seen: set[str]) -> None:
        """Note how many rows one pass returned, and which."""
        self.passes += 1
        if size != self._size:
            self._size, self._seen_at_size = size, set()
        self._seen_at_size |= seen

    @property
    def missing(self) -> int:
        return self._size - len(self._seen_at_size)

    @property
    def is_complete(self) -> bool:
        return self.missing == 0


async def fetch_latest(
    fetch_page: FetchPage, key: SortKey, filters: Mapping[str, Any] | None = None
) -> tuple[datetime | None, int | None]:
    """Fetch the latest time in a list, None if it has none, and the total. As a bound it trusts no clock."""
    # In descending order, PostgreSQL puts bookings without an update time first. A filter on that time excludes them.
    query = {**dict.fromkeys(SORTS), **(filters or {}), key.sort: "desc"}
    page = await fetch_page(PageOffset(0, 1), query)
    times = read_times(page.items[:1])
    if not times or (key is UPDATED and times[0].updated_at is None):
        return None, page.total_items
    return time_of(times[0], key), page.total_items


async def recut(chunks: AsyncGenerator[Chunk, None], minimum: int) -> AsyncGenerator[Chunk, None]:
    """Cut chunks at the first end of a tie group after `minimum` rows, or within a group after twice as many.

    So the end of a chunk depends on the rows alone, and not on the page size or where a run was resumed.
    """
    rows: list[Raw] = []
    moments: list[datetime] = []
    done: datetime | None = None
    async for chunk in chunks:
        rows += chunk.rows
        moments += chunk.moments
        done = chunk.done
        while boundary := _chunk_end(moments, minimum, is_complete=done is not None):
            end, is_complete = boundary
            yield Chunk(rows[:end], moments[:end], moments[end - 1] if is_complete else None)
            rows, moments = rows[end:], moments[end:]
        if done and not rows:
            yield Chunk([], [], done)
    if rows:
        yield Chunk(rows, moments, done)


def _chunk_end(moments: Sequence[datetime], minimum: int, *, is_complete: bool) -> tuple[int, bool] | None:
    """Return where to cut, and whether a tie group ends there; None if more rows have to come first."""
    for end in range(minimum, min(len(moments), 2 * minimum) + 1):
        ends_group = moments[end - 1] != moments[end] if end < len(moments) else is_complete
        if ends_group:
            return end, True
    return (2 * minimum, False) if len(moments) >= 2 * minimum else None


def _scan_times(rows: Sequence[Raw], name: str) -> list[datetime] | None:
    """Read one time of each row without decoding the rows; None unless every row has that name exactly once.

    Decoding takes as long as the rest of an export. In JSON, `"name":"` can only be a key with a string as its value,
    because a quote within a string is escaped. So a further key of that name, such as one in the metadata of a booking,
    shows in the count. A time of another length than the server's is no JSON when it is cut off.
    """
    _, *rests = b"".join(rows).split(b'"%b":"' % name.encode())
    if len(rests) != len(rows):
        return None
    texts = [rest[:TIME_LENGTH] for rest in rests]
    try:
        times: list[datetime] = decoder(list[AwareDatetime]).decode(b'["%b]' % b',"'.join(texts) if texts else b"[]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return times if len(times) == len(rows) else None


def read_times(rows: Sequence[Raw]) -> list[Times]:
    """Read the times of all rows of a page, in one call of the decoder unless one of them is odd."""
    try:
        times: list[Times] = decoder(list[Times]).decode(b"[" + b",".join(rows) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_times_of(row) for row in rows]
    return times if len(times) == len(rows) else [_times_of(row) for row in rows]


def _times_of(row: Raw) -> Times:
    """Read the times of one booking: an unreadable one is None, and one without an offset is in UTC."""
    try:
        booking = parse(bytes(row))
        times = {field: _parse_time(booking.get(name)) for field, name in FIELDS.items()}
        return Times(msgspec.convert(booking["uid"], str), **times)
    except (NotJsonError, msgspec.ValidationError, AttributeError, KeyError) as error:
        raise KeysetError(f"a row of the list is no booking with a uid: {error}") from error


FIELDS = {"created_at": "createdAt", "start": "start", "updated_at": "updatedAt"}


def _parse_time(value: Any) -> datetime | None:
    """Return a time of the server, or None if it cannot be read."""
    try:
        moment = msgspec.convert(value, datetime | None)
    except msgspec.ValidationError:
        return None
    return moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment


def time_of(times: Times, key: SortKey) -> datetime:
    """Return the time that a booking is listed by, clamped."""
    time: datetime | None = getattr(times, key.field)
    if time is None:
        raise KeysetError(f"booking {times.uid} has no readable {key.field}, although the list is sorted by it")
    return clamped(time)


def clamped(time: datetime) -> datetime:
    """Return the time, or the nearest one that arithmetic in every time zone is possible with."""
    return min(max(time, MIN_TIME), MAX_TIME)


def plausible_total(total: int | None) -> int | None:
    """Return the server's total of a list, if it can be true."""
    return total if total is not None and 0 <= total <= MAX_TOTAL else None
