"""What a run is to walk, and how far it has come; plain values, which a checkpoint keeps."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Raw

from calcom_async.export.walk import EARLIEST, Moment, Tally

Count = Annotated[int, msgspec.Meta(ge=0)]


class Horizons(msgspec.Struct, frozen=True):
    """The latest times of creation and of update that a run saw at its beginning: the next one goes on from there."""

    created: Moment = EARLIEST
    updated: Moment = EARLIEST


class Stretch(msgspec.Struct, frozen=True):
    """A part of a list by one of its times ("created", "updated", "start"), both ends included.

    `untouched` leaves out rows that have an update time: they come in the stretch that goes by it. `rows` is about how
    many there are, where the server tells.
    """

    by: Literal["created", "updated", "start"]
    after: Moment | None
    upto: Moment
    untouched: bool = False
    rows: int | None = None


class Plan(msgspec.Struct, frozen=True):
    """What a run is to walk, fixed at its beginning: what is made later is for the next run.

    `expected` is the number of rows by the server's count, None where it counts others too; `audited` says that the
    rows can be held against it. `horizons` are remembered for a later run that asks for changes only; `is_full` says
    that this is not such a run itself. `listed` is then the server's count of the whole list.
    """

    stretches: tuple[Stretch, ...] = ()
    expected: int | None = None
    audited: bool = False
    horizons: Horizons | None = None
    is_full: bool = True
    listed: int | None = None

    def missing(self, rows: int, tally: Tally) -> int:
        """How many rows the server counts that never showed, when `rows` have."""
        uncounted = self.expected - rows if self.audited and self.expected is not None else 0
        return max(tally.gaps, uncounted)


class Place(msgspec.Struct, frozen=True):
    """How far a walk has come: all stretches before this one, and of this one `rows`, those up to a time `done`."""

    stretch: Count
    done: Moment
    rows: Count = 0


class Batch(NamedTuple):
    """Rows to write, and the place behind them; None where a walk cannot go on from, but only from a place before."""

    rows: list[Raw]
    place: Place | None


class Source(Protocol):
    """One list of one account, about to be exported: rows of a `model`, told apart by their field `key`."""

    model: Any
    key: str

    def check_follows(self) -> None:
        """Raise `InvalidRequestError` where the server cannot be asked for what has changed."""

    async def plan(self, *, since: Horizons | None, overlap: timedelta, follow: bool) -> Plan:
        """Fix what is to be walked: everything, or what has changed `since` an earlier run.

        `follow` has the plan remember what a later run needs for that, and checks that there can be one.
        """

    async def split(self, plan: Plan, most: int) -> list[Plan]:
        """Cut the plan of a full run into up to `most` of about as many rows; one after the other they are the same."""

    async def count(self) -> int | None:
        """Return the server's count of the list now, if it counts."""

    def batches(
        self, plan: Plan, place: Place | None, *, parallel: int, tally: Tally, least: int = 0
    ) -> AsyncGenerator[Batch, None]:
        """Walk the plan, on from `place`, with up to `parallel` requests at once.

        With `least`, a batch has at least so many rows, and where it ends depends on the rows alone.
        """
