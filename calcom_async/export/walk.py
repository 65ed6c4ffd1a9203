"""The exact walk: a list of bookings by the key of a time, in whole groups of equal time, whatever moves meanwhile.

The server orders by one time and breaks no ties, so pages of a growing skip lose rows that share it, and rows that
move shift others out of sight. Here each request begins at the time where the last answer ended, with the filter that
includes it; the rows of an answer's last time, which may be cut there, are left for that next request. So nothing
depends on what lies before, a deep page costs what the first one does, and no row comes twice.

    Key         a time that a list can be walked by: how to sort by it, and how to ask for what comes after
    Walk        from one time to another, by one key; a group too large for a page is walked by the next key
    _Group      rows that share every key, more than a page of them: passes of changing page size until all were seen
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from calcom_async.errors import DecodeError
from calcom_async.pages import Pages
from calcom_async.wire import Page, decoder

LARGEST_PAGE = 250
TICK = timedelta(milliseconds=1)
"""The server keeps times in whole milliseconds (its columns are `timestamp(3)`): this much later is the next one."""
MOST_REPEATS = 4
"""So many rows for each different one end a pass through a group."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)

Ask = Callable[..., Pages[Any]]
"""`cal.bookings.list`, or the list of another scope."""


class Key(NamedTuple):
    """A time that a list can be walked by: a field of `Times`, and its parameters of the list."""

    field: str
    sort: str
    after: str
    before: str | None


CREATED = Key("created_at", "sort_created", "after_created_at", "before_created_at")
UPDATED = Key("updated_at", "sort_updated_at", "after_updated_at", "before_updated_at")
START = Key("start", "sort_start", "after_start", None)  # beforeEnd bounds the end, not the start


class Times(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What a walk reads of a booking."""

    uid: str
    created_at: datetime
    start: datetime
    updated_at: datetime | None = None


class Row(NamedTuple):
    """A booking as the server sent it, and its times."""

    times: Times
    raw: Raw


class Step(NamedTuple):
    """Rows in order, and the time up to which all have come with them; None in the midst of a group."""

    rows: list[Row]
    done: datetime | None


class Tally:
    """What a walk has cost and met so far."""

    def __init__(self) -> None:
        self.requests: int = 0
        self.passes: int = 1
        """How often the walk went over a group of rows before all of them had shown."""
        self.duplicates: int = 0
        """Rows that came again, and were dropped."""
        self.gaps: int = 0
        """Rows that the server counts and never showed."""


class Walk:
    """The rows of a list whose time lies from `after` to `upto`, both included, in ascending order.

    `keys` are the times to walk by, the first one before the others; a list's own filters stand in `filters`.
    """

    def __init__(
        self,
        ask: Ask,
        keys: Sequence[Key],
        *,
        filters: Mapping[str, Any],
        after: datetime | None = None,
        upto: datetime = LATEST,
        take: int = LARGEST_PAGE,
        tally: Tally,
    ) -> None:
        self._ask = ask
        self._keys = keys
        self._key = keys[0]
        self._filters = filters
        self._after = after
        self._upto = upto
        self._take = take
        self._tally = tally

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Walk; no row comes twice."""
        edge = self._after
        while edge is None or edge <= self._upto:
            page = await self._page(edge, self._take)
            if len(page.items) == self._take < LARGEST_PAGE and self._all_share_a_time(page.items):
                page = await self._page(edge, LARGEST_PAGE)
            inside = [row for row in page.items if self._time(row) <= self._upto]
            if not page.has_next or len(inside) < len(page.items):
                if inside:
                    yield self._step(inside)
                return
            torn = self._time(inside[-1])
            if whole := [row for row in inside if self._time(row) < torn]:
                self._tally.duplicates += len(inside) - len(whole)
                yield self._step(whole)
                edge = torn
                continue
            if len(inside) < page.take:
                yield self._step(inside)
            else:
                self._tally.duplicates += len(inside)
                async with aclosing(self._group(torn)) as group:
                    async for rows in group:
                        yield Step(rows, None)
                yield Step([], torn)
            edge = torn + TICK

    async def _page(self, edge: datetime | None, take: int, skip: int = 0) -> Page[Row]:
        """One answer: rows not before `edge`, in the order of their time, which is held against both."""
        query = {**self._filters, self._key.sort: "asc", "take": take, "skip": skip}
        if edge is not None:
            query[self._key.after] = edge
        page = await self._ask(**query).raw().first_page()
        self._tally.requests += 1
        rows = [Row(times_of(raw), raw) for raw in page.items]
        earliest = edge or EARLIEST
        for row in rows:
            if self._time(row) < earliest:
                raise DecodeError(
                    f"the server does not keep to {self._key.sort} and {self._key.after}: it shows {row.times.uid} of "
                    f"{self._time(row).isoformat()} after {earliest.isoformat()}. Nothing can be walked by that time"
                )
            earliest = self._time(row)
        return Page(rows, page.skip, page.take, page.pagination)

    async def _group(self, time: datetime) -> AsyncGenerator[list[Row], None]:
        """Rows that share a time and do not fit on one page."""
        if len(self._keys) == 1 or self._key.before is None:
            yield await self._by_passes(time)
            return
        only = {**self._filters, self._key.after: time, self._key.before: time}
        async with aclosing(Walk(self._ask, self._keys[1:], filters=only, tally=self._tally).steps()) as steps:
            async for step in steps:
                yield step.rows

    async def _by_passes(self, time: datetime) -> list[Row]:
        group = _Group()
        while not group.is_whole and group.passes < _Group.MOST_PASSES:
            await self._pass_over(time, group)
        self._tally.passes = max(self._tally.passes, group.passes)
        self._tally.duplicates += group.shown - len(group.rows)
        self._tally.gaps += group.missing
        return self._in_order(list(group.rows.values()))

    async def _pass_over(self, time: datetime, group: _Group) -> None:
        """Page through a group with a page size of this pass's own, so that its edges fall between other rows."""
        rows: list[Row] = []
        shown: set[str] = set()
        take = max(LARGEST_PAGE - 7 * group.passes, LARGEST_PAGE // 2)
        while True:
            page = await self._page(time, take, skip=len(rows))
            same = [row for row in page.items if self._time(row) == time]
            rows += same
            shown.update(row.times.uid for row in same)
            if len(same) < take:
                break
            # In a random order every row comes less than twice per pass.
            if len(rows) > MOST_REPEATS * len(shown):
                raise DecodeError(
                    f"the server returns the same {len(shown)} bookings with one {self._key.field} "
                    f"({time.isoformat()}) again and again, whatever is skipped. This list cannot be read to its end"
                )
        group.passed(rows)

    def _all_share_a_time(self, rows: Sequence[Row]) -> bool:
        return self._time(rows[0]) == self._time(rows[-1])

    def _time(self, row: Row) -> datetime:
        time: datetime | None = getattr(row.times, self._key.field)
        if time is None:
            raise DecodeError(f"booking {row.times.uid} has no {self._key.field}, though it was listed by it")
        return time

    def _step(self, rows: list[Row]) -> Step:
        """Rows whose groups are whole."""
        return Step(self._in_order(rows), self._time(rows[-1]))

    def _in_order(self, rows: list[Row]) -> list[Row]:
        """By the keys and then by uid: the same however the rows came."""
        fields = [key.field for key in self._keys]
        return sorted(rows, key=lambda row: (*[getattr(row.times, field) for field in fields], row.times.uid))


class _Group:
    """Rows that share every key. Their order changes between pages, so a pass shows some twice and others never.

    But each pass shows as many as there are. The group is whole when so many different ones have been seen since its
    size last changed: rows that leave or join meanwhile cannot stand in for one that was never shown.
    """

    MOST_PASSES = 80

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.passes = 0
        self.shown = 0
        self._size = -1
        self._standing: set[str] = set()

    def passed(self, rows: Sequence[Row]) -> None:
        """Take in what one pass has shown."""
        self.passes += 1
        self.shown += len(rows)
        if len(rows) != self._size:
            self._size, self._standing = len(rows), set()
        for row in rows:
            self.rows[row.times.uid] = row
            self._standing.add(row.times.uid)

    @property
    def missing(self) -> int:
        return self._size - len(self._standing)

    @property
    def is_whole(self) -> bool:
        return self.missing == 0


def times_of(raw: Raw) -> Times:
    """Read the times of a booking."""
    try:
        times: Times = decoder(Times).decode(raw)
    except msgspec.ValidationError as error:
        raise DecodeError(f"a booking of the list cannot be placed in time: {error}") from error
    return times
