"""Bookings as a source: by their time of creation; those of a team by their start, since its list knows no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.export.plan import Batch, ExportPlan, Position, Segment, Watermarks
from calcom_async.export.windows import Span, Windows, in_order, size
from calcom_async.keyset import (
    CREATED,
    EARLIEST,
    FIRST,
    LARGEST_PAGE,
    START,
    TIME_RESOLUTION,
    UPDATED,
    Chunk,
    ExportStats,
    KeysetReader,
    ListMethod,
    SortKey,
    clamped,
    counted,
    recut,
    time_of,
    times_of,
)

By = Literal["created", "updated", "start"]

KEYS: Mapping[By, tuple[SortKey, ...]] = {
    "created": (CREATED, START),
    "updated": (UPDATED, CREATED, START),
    "start": (START,),
}
OWN_ORDER = {"sort_start", "sort_end", "sort_created", "sort_updated_at", "skip", "take", "prefetch", "strict"}
UNCOUNTED = {"after_created_at", "before_created_at", "after_updated_at", "before_updated_at"}
"""Filters that the server's total leaves out."""
LEAST_PAGES = 3
"""A window of fewer pages is not worth the one that it reads beyond its end."""

Walked = AsyncGenerator[Chunk, None]
WalkFrom = Callable[[tuple[datetime | None, datetime]], Walked]


class BookingSource:
    """A list of bookings, walked exactly; see `walk.py` for how, and `Source` for what the methods do."""

    def __init__(
        self, cal: Calcom, list_method: ListMethod, filters: Mapping[str, Any], *, by: By, take: int | None
    ) -> None:
        if own := OWN_ORDER & filters.keys():
            raise InvalidRequestError(f"{min(own)} is not for an export, which has an order of its own; leave it out")
        blank = list_method(take=take, **filters)  # nothing is sent: what cannot be asked is refused here
        self.model: Any = blank.model
        self.key: str = blank.key_field
        self._cal = cal
        self._list_method = list_method
        self._filters = {name: value for name, value in filters.items() if value is not None}
        self._by = by
        self._take = take or LARGEST_PAGE

    def check_incremental(self) -> None:
        """Refuse the list of a team, and filters that rows leave."""
        if self._by != "created":
            raise InvalidRequestError(
                "the list of a team cannot be asked for what has changed. Export your own bookings or those of the "
                "organisation, with the filter team_ids"
            )
        if wrong := {"status", *UNCOUNTED} & self._filters.keys():
            raise InvalidRequestError(
                f"{min(wrong)} and following changes exclude each other: bookings that stop matching it would stay in "
                "the file as they were. Leave it out, and filter what comes out"
            )

    async def plan(self, *, since: Watermarks | None, lookback: timedelta, incremental: bool) -> ExportPlan:
        """Costs one request, or two to `incremental` changes."""
        if incremental:
            self.check_incremental()
        latest, counted_now = await self._latest(KEYS[self._by][0])
        watermarks = await self._watermarks(latest, since, lookback) if incremental else None
        if since and watermarks:
            # What was created and never updated has no update time at all, and no filter on that finds it.
            touched = Segment("updated", since.updated - lookback, watermarks.updated)
            created = Segment("created", since.created - lookback, watermarks.created, only_never_updated=True)
            return ExportPlan((touched, created), watermarks=watermarks, is_full=False, listed=counted_now)
        expected = None if UNCOUNTED & self._filters.keys() else counted_now
        segments = (Segment(self._by, None, latest, rows=expected),) if latest else ()
        # Bookings leave a status while the walk is under way, and are not missing for it.
        return ExportPlan(segments, expected, verify_total="status" not in self._filters, watermarks=watermarks)

    async def _watermarks(self, created: datetime | None, since: Watermarks | None, lookback: timedelta) -> Watermarks:
        # Without a lower bound, rows that have no update time would come first here.
        after = since.updated - lookback if since else EARLIEST
        updated, _ = await self._latest(UPDATED, after_updated_at=after)
        before = since or Watermarks()
        return Watermarks(max(created or EARLIEST, before.created), max(updated or EARLIEST, before.updated))

    async def _latest(self, key: SortKey, **more: Any) -> tuple[datetime | None, int | None]:
        """The latest of a time in the list, by which a run is bounded so that no clock is trusted; and the count."""
        page = await self._list_method(**{**self._filters, **more, key.sort: "desc"}, take=1).raw().first_page()
        times = times_of(page.items[0]) if page.items else None
        if times is None or (key is UPDATED and times.updated_at is None):
            return None, counted(page)
        return time_of(times, key), counted(page)

    async def count(self) -> int | None:
        """Costs one request."""
        return counted(await self._list_method(**self._filters, take=1).raw().first_page())

    async def split(self, plan: ExportPlan, most: int) -> list[ExportPlan]:
        """Cut at the times of rows that stand at even distances; costs a request for each cut, and one more."""
        if not plan.segments:
            return [plan]
        (whole,) = plan.segments
        _, count = await self._at(whole, 0)
        number = min(most, count // self._take + 1)
        found = await asyncio.gather(*[self._at(whole, count * part // number) for part in range(1, number)])
        cuts = sorted({time for time, _ in found if time and time < whole.until})
        windows = zip([whole.after, *[cut + TIME_RESOLUTION for cut in cuts]], [*cuts, whole.until], strict=True)
        return [msgspec.structs.replace(plan, segments=(Segment(whole.by, *window),)) for window in windows]

    async def _at(self, whole: Segment, position: int) -> tuple[datetime | None, int]:
        """The time of the row at a place of the list, and how many rows there are."""
        key = KEYS[whole.by][0]
        page = await self._list_method(**{**self._filters, key.sort: "asc"}, skip=position, take=1).raw().first_page()
        return time_of(times_of(page.items[0]), key) if page.items else None, counted(page) or 0

    async def batches(
        self, plan: ExportPlan, position: Position | None, *, concurrency: int, stats: ExportStats, least: int = 0
    ) -> AsyncGenerator[Batch, None]:
        """Give whole groups of equal time, in ascending order."""
        for number, segment in enumerate(plan.segments):
            if position and number < position.segment:
                continue
            here = position if position and number == position.segment else None
            seen = here.rows if here else 0
            walk = self._walk(segment, here, concurrency, stats)
            cut = recut(walk, KEYS[segment.by][0], least) if least else walk
            async with aclosing(walk), aclosing(cut):
                async for rows, done in cut:
                    seen += len(rows)
                    kept = [row.raw for row in rows if not (segment.only_never_updated and row.times.updated_at)]
                    yield Batch(kept, Position(number, done, seen) if done else None)

    def _walk(self, segment: Segment, position: Position | None, concurrency: int, stats: ExportStats) -> Walked:
        after = clamped(position.done) + TIME_RESOLUTION if position else segment.after and clamped(segment.after)
        keys = KEYS[segment.by]
        bound = {keys[0].before: segment.until} if keys[0].before else {}
        filters = {**self._filters, **bound}

        def walk(span: tuple[datetime | None, datetime]) -> Walked:
            after, until = span
            return KeysetReader(
                self._list_method, keys, filters=filters, after=after, until=until, take=self._take, stats=stats
            ).chunks()

        span = after, segment.until
        rows = (segment.rows or 0) - (position.rows if position else 0)
        most = min(concurrency, rows // (LEAST_PAGES * self._take))
        return walk(span) if most <= 1 else self._in_windows(walk, keys[0], filters, span, rows=rows, most=most)

    async def _in_windows(
        self,
        walk: WalkFrom,
        key: SortKey,
        filters: Mapping[str, Any],
        span: tuple[datetime | None, datetime],
        *,
        rows: int,
        most: int,
    ) -> Walked:
        """Several windows at once, if a first small request shows that this pays off."""
        asked = time.monotonic()
        after = {key.after: span[0]} if span[0] else {}
        page = await self._list_method(**{**filters, **after, key.sort: "asc"}, take=1).raw().first_page()
        if not page.items:
            return
        whole: Span = time_of(times_of(page.items[0]), key), span[1]
        walks = self._how_many(rows / self._take, time.monotonic() - asked, most)
        if whole[0] <= FIRST:
            walks = 1  # there may be rows before it, which no window begins with
        windows = Windows(whole, expected=rows, rows=size(rows, take=self._take, concurrency=walks))
        async with aclosing(walk(span) if walks == 1 else in_order(windows, walk, concurrency=walks)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _how_many(self, pages: float, latency: float, most: int) -> int:
        """How many walks at once: all if the limit has room for every page, else as many as it keeps busy."""
        mine = self._cal.credentials.fingerprint
        limits = [one for one in self._cal.limiter.stats() if one.key.endswith(mine)]
        if not limits:
            return most
        widest = max(limits, key=lambda one: one.limit)
        busy = most if pages <= widest.available else round(widest.limit / widest.window * latency)
        return max(1, min(busy, most))
