"""Bookings as a source, read by their time of creation, which never changes.

The lists of teams have the filter on creation since 2026. Older servers ignore it, and are read by start, which every
server can filter by. A booking whose start changes during such an export may come twice or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from calcom_async.errors import BadRequestError, InvalidRequestError
from calcom_async.export.plan import Batch, ExportPlan, Position, Segment, Watermarks
from calcom_async.keyset import (
    CREATED,
    EARLIEST,
    MAX_TIME,
    START,
    TIME_RESOLUTION,
    UPDATED,
    KeysetReader,
    ReadStats,
    SortKey,
    clamped,
    fetch_latest,
    plausible_total,
    read_times,
    recut,
    time_of,
)
from calcom_async.pages import Pages
from calcom_async.pagination import PageOffset

By = Literal["created", "updated", "start"]

KEYS: Mapping[By, tuple[SortKey, ...]] = {
    "created": (CREATED, START),
    "updated": (UPDATED, CREATED, START),
    "start": (START,),
}
SET_BY_THE_EXPORT = {
    "sort_start", "sort_end", "sort_created", "sort_updated_at", "skip", "take", "prefetch", "strict"
}  # fmt: skip
ROWS_LEAVE = {"status", "after_created_at", "before_created_at", "after_updated_at", "before_updated_at"}
"""Filters that a booking may stop matching, or that would replace those of an incremental export."""


class BookingSource:
    """A list of bookings, read by keyset; see `Source` for the methods and `keyset.py` for how it reads."""

    def __init__(
        self, list_method: Callable[..., Pages[Any]], filters: Mapping[str, Any], *, is_team: bool, take: int | None
    ) -> None:
        if wrong := SET_BY_THE_EXPORT & filters.keys():
            raise InvalidRequestError(f"{min(wrong)} cannot be a filter of an export: the export sets it. Leave it out")
        # The call sends nothing, but checks the arguments. A list that is read with a cursor has no order by time.
        list_call = list_method(**filters).list_call.by_offset()
        self.model: Any = list_call.row_type
        self.key: str = list_call.key_field
        self._list = list_call.raw()
        self._filters = {name for name, value in filters.items() if value is not None}
        self._is_team = is_team
        self._take = list_call.spec.page_size(take)

    def check_incremental(self) -> None:
        """Reject lists of teams, and filters that bookings may stop to match."""
        if self._is_team:
            raise InvalidRequestError(
                "an incremental export needs a list of changes, and not every server lists the changed bookings of a "
                "team. Export your own bookings or those of the organization with the filter team_ids"
            )
        if wrong := ROWS_LEAVE & self._filters:
            raise InvalidRequestError(
                f"an incremental export cannot have the filter {min(wrong)}: bookings that stop matching it would stay "
                "in the file. Leave it out, and filter the file"
            )

    async def plan(self, *, since: Watermarks | None, lookback: timedelta, incremental: bool) -> ExportPlan:
        """Costs one request, or two if `incremental` or for the list of a team."""
        if incremental:
            self.check_incremental()
        by = await self._order()
        latest, total = await fetch_latest(self._list.fetch_page, KEYS[by][0])
        total = plausible_total(total)
        watermarks = await self._watermarks(latest, since, lookback) if incremental else None
        if since and watermarks:
            # A booking that was never updated has updatedAt = null, which afterUpdatedAt never matches.
            updated = Segment("updated", since.updated - lookback, watermarks.updated)
            created = Segment("created", since.created - lookback, watermarks.created, only_never_updated=True)
            return ExportPlan((updated, created), watermarks=watermarks, is_full=False, listed=total)
        expected = total if self._list.has_reliable_total else None
        segments = (Segment(by, None, latest),) if latest else ()
        # With a filter on status the total is not verified: bookings change their status during the export.
        return ExportPlan(segments, expected, verify_total="status" not in self._filters, watermarks=watermarks)

    async def _order(self) -> By:
        """Return the time to read the list by.

        Servers that know the filter on creation find no booking after the year 9998, and others return any row or
        reject the filter. A list without rows can be read by either time.
        """
        if not self._is_team:
            return "created"
        try:
            page = await self._list.fetch_page(PageOffset(0, 1), {CREATED.after: MAX_TIME})
        except BadRequestError:
            return "start"
        return "start" if page.items else "created"

    async def _watermarks(self, created: datetime | None, since: Watermarks | None, lookback: timedelta) -> Watermarks:
        """Return the times from which the next incremental run continues; costs one request."""
        # Without a lower bound, rows without an update time would come first here.
        after = since.updated - lookback if since else EARLIEST
        updated, _ = await fetch_latest(self._list.fetch_page, UPDATED, {UPDATED.after: after})
        before = since or Watermarks()
        return Watermarks(max(created or EARLIEST, before.created), max(updated or EARLIEST, before.updated))

    async def count(self) -> int | None:
        """Costs one request."""
        page = await self._list.fetch_page(PageOffset(0, 1))
        return plausible_total(page.total_items)

    async def split(self, plan: ExportPlan, maximum: int) -> list[ExportPlan]:
        """Cut at the times of rows at equal distances; costs a request for each cut, and one more."""
        if not plan.segments:
            return [plan]
        (segment,) = plan.segments
        _, rows = await self._time_at(segment, 0)
        parts = min(maximum, rows // self._take + 1)  # a shard of less than a page is not worth its requests
        times = await asyncio.gather(*[self._time_at(segment, rows * part // parts) for part in range(1, parts)])
        # Rows that share a time stay together, so that each range can be read on its own.
        cuts = sorted({time for time, _ in times if time and time < segment.until})
        ranges = zip([segment.after, *[cut + TIME_RESOLUTION for cut in cuts]], [*cuts, segment.until], strict=True)
        return [msgspec.structs.replace(plan, segments=(Segment(segment.by, *range_),)) for range_ in ranges]

    async def _time_at(self, segment: Segment, index: int) -> tuple[datetime | None, int]:
        """Fetch the time of the row at an index of the list, and the number of rows."""
        key = KEYS[segment.by][0]
        page = await self._list.fetch_page(PageOffset(index, 1), {key.sort: "asc"})
        times = read_times(page.items[:1])
        return time_of(times[0], key) if times else None, plausible_total(page.total_items) or 0

    async def batches(
        self, plan: ExportPlan, position: Position | None, *, stats: ReadStats, minimum: int = 0
    ) -> AsyncGenerator[Batch, None]:
        """Yield complete tie groups, in ascending order of time."""
        for number, segment in enumerate(plan.segments):
            if position and number < position.segment:
                continue  # an earlier run has read it
            after = segment.after and clamped(segment.after)
            if position and number == position.segment:
                after = clamped(position.done) + TIME_RESOLUTION
            keys = KEYS[segment.by]
            reader = KeysetReader(
                self._list.fetch_page,
                keys,
                bounds={keys[0].before: segment.until} if keys[0].before else {},
                after=after,
                until=segment.until,
                take=self._take,
                stats=stats,
            )
            chunks = reader.chunks()
            cut = recut(chunks, minimum) if minimum else chunks
            async with aclosing(chunks), aclosing(cut):
                async for rows, _, done in cut:
                    kept = rows
                    if segment.only_never_updated:
                        kept = [
                            row for row, times in zip(rows, read_times(rows), strict=True) if times.updated_at is None
                        ]
                    yield Batch(kept, Position(number, done) if done else None)
