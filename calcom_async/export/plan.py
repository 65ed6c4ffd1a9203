"""What a run is to walk, and how far it has come; plain values, which a checkpoint keeps."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Raw

from calcom_async.keyset import EARLIEST, ExportStats, Moment

Count = Annotated[int, msgspec.Meta(ge=0)]


class Watermarks(msgspec.Struct, frozen=True):
    """The latest times of creation and of update that a run saw at its beginning: the next one goes on from there."""

    created: Moment = EARLIEST
    updated: Moment = EARLIEST


class Segment(msgspec.Struct, frozen=True):
    """A part of a list by one of its times ("created", "updated", "start"), both ends included.

    `only_never_updated` leaves out rows that have an update time: they come in the segment that goes by it. `rows` is
    their approximate number, if the server returns a total.
    """

    by: Literal["created", "updated", "start"]
    after: Moment | None
    until: Moment
    only_never_updated: bool = False
    rows: int | None = None


class ExportPlan(msgspec.Struct, frozen=True):
    """What a run is to walk, fixed at its beginning: what is made later is for the next run.

    `expected` is the number of rows by the server's count, None where it counts others too; `audited` says that the
    rows can be held against it. `watermarks` are remembered for a later run that asks for changes only; `is_full` says
    that this is not such a run itself. `listed` is then the server's count of the whole list.
    """

    segments: tuple[Segment, ...] = ()
    expected: int | None = None
    verify_total: bool = False
    watermarks: Watermarks | None = None
    is_full: bool = True
    listed: int | None = None

    def missing(self, rows: int, stats: ExportStats) -> int:
        """How many rows the server counts that never showed, when `rows` have."""
        uncounted = self.expected - rows if self.verify_total and self.expected is not None else 0
        return max(stats.missing_rows, uncounted)


class Position(msgspec.Struct, frozen=True):
    """How far a walk has come: all segments before this one, and of this one `rows`, those up to a time `done`."""

    segment: Count
    done: Moment
    rows: Count = 0


class Batch(NamedTuple):
    """Rows to write, and the position after them; None where an export cannot resume."""

    rows: list[Raw]
    position: Position | None


class Source(Protocol):
    """One list of one account, about to be exported: rows of a `model`, told apart by their field `key`."""

    model: Any
    key: str

    def check_incremental(self) -> None:
        """Raise `InvalidRequestError` where the server cannot be asked for what has changed."""

    async def plan(self, *, since: Watermarks | None, lookback: timedelta, incremental: bool) -> ExportPlan:
        """Fix what is to be walked: everything, or what has changed `since` an earlier run.

        `incremental` has the plan remember what a later run needs for that, and checks that there can be one.
        """

    async def split(self, plan: ExportPlan, most: int) -> list[ExportPlan]:
        """Cut the plan of a full run into up to `most` of about as many rows; one after the other they are the same."""

    async def count(self) -> int | None:
        """Return the server's count of the list now, if it counts."""

    def batches(
        self, plan: ExportPlan, position: Position | None, *, concurrency: int, stats: ExportStats, least: int = 0
    ) -> AsyncGenerator[Batch, None]:
        """Read the plan, on from `position`, with up to `concurrency` requests at once.

        With `least`, a batch has at least so many rows, and where it ends depends on the rows alone.
        """
