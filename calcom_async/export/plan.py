"""What an export reads, and how far it has come: plain values, which a checkpoint keeps, and the `Source` protocol.

The export is one chain:

    segments of the plan -> `Source.batches()` -> `FileSink.write()` -> `Checkpoint.save(batch.position)`

A source knows the API and nothing of files; the exporter in `job.py` knows files and nothing of the API.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Raw

from calcom_async.keyset import EARLIEST, AwareDatetime, ReadStats

Count = Annotated[int, msgspec.Meta(ge=0)]


class Watermarks(msgspec.Struct, frozen=True):
    """The latest times of creation and update when an export began: the next one reads what changed since."""

    # Without a booking, everything that comes later is a change.
    created: AwareDatetime = EARLIEST
    updated: AwareDatetime = EARLIEST


class Segment(msgspec.Struct, frozen=True):
    """A part of a list by one of its times ("created", "updated", "start"), both ends included.

    `only_never_updated` leaves out rows that have an update time: they come in the segment by that time.
    """

    by: Literal["created", "updated", "start"]
    after: AwareDatetime | None
    until: AwareDatetime
    only_never_updated: bool = False


class ExportPlan(msgspec.Struct, frozen=True):
    """What an export reads, fixed when it begins: rows created later are for the next one.

    `expected` is the server's total, None if it counts other rows too; with `verify_total` the exported rows are
    compared with it. The next incremental export starts at `watermarks`. `is_full` is False for an export of changes;
    `listed` is then the server's total of the whole list.
    """

    segments: tuple[Segment, ...] = ()
    expected: int | None = None
    verify_total: bool = False
    watermarks: Watermarks | None = None
    is_full: bool = True
    listed: int | None = None

    def missing(self, rows: int, stats: ReadStats) -> int:
        """Return how many rows the server counts but did not return, when `rows` were exported."""
        # The reader counts what it could not read within a tie group; the total shows the rest.
        below_total = self.expected - rows if self.verify_total and self.expected is not None else 0
        return max(stats.missing_rows, below_total)


class Position(msgspec.Struct, frozen=True):
    """Position of an export: index of the current segment, and the time up to which it was read."""

    segment: Count
    done: AwareDatetime


class Batch(NamedTuple):
    """Rows to write, and the position after them; None if the export cannot resume there, only from an earlier one."""

    rows: list[Raw]
    position: Position | None


class Source(Protocol):
    """A list of one account to be exported: rows of a `model`, identified by their field `key`."""

    model: Any
    key: str

    def check_incremental(self) -> None:
        """Raise `InvalidRequestError` if the server cannot list what has changed."""

    async def plan(self, *, since: Watermarks | None, lookback: timedelta, incremental: bool) -> ExportPlan:
        """Fix what to read: everything, or what has changed `since` an earlier export.

        With `incremental`, the plan has the watermarks that the next export needs for that, or raises as
        `check_incremental` does.
        """

    async def split(self, plan: ExportPlan, maximum: int) -> list[ExportPlan]:
        """Cut the plan of a full export into up to `maximum` consecutive plans of about the same size."""

    async def count(self) -> int | None:
        """Fetch the server's total of the list, if it sends one."""

    def batches(
        self, plan: ExportPlan, position: Position | None, *, stats: ReadStats, minimum: int = 0
    ) -> AsyncGenerator[Batch, None]:
        """Read the segments of the plan in order, from `position` on.

        With `minimum`, a batch has at least that many rows, and its end depends on the rows alone.
        """
