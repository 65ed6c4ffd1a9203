"""Free slots by day."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain
from typing import Any

from calcom_async.models._base import Model


# gc=False here and on other models of plain values: they cannot be part of a reference cycle.
class Slot(Model, frozen=True, kw_only=True, gc=False):
    """A free start time, in the requested time zone."""

    start: datetime
    end: datetime | None = None
    """Only if `include_end` was requested."""
    seats_booked: int | None = None
    """This and the other seat counts are set for seated event types only; reservations count as taken."""
    seats_remaining: int | None = None
    seats_total: int | None = None
    booking_uid: str | None = None
    """The seated booking that already exists at this time."""


class SlotDays(dict[date, list[Slot]]):
    """Slots by local date in the requested time zone, ascending; days without slots are omitted."""

    def slots(self) -> Iterator[Slot]:
        """All slots in order, without days and slots that have no usable time."""
        return filter(_is_usable, chain.from_iterable(filter(None, self.values())))

    def first(self) -> Slot | None:
        """The earliest slot, or None."""
        return next(self.slots(), None)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Return the schema that pydantic and FastAPI use."""
        from calcom_async.models._pydantic import dict_schema

        return dict_schema(source, dict[date, list[Slot]], handler)


def _is_usable(slot: Slot | None) -> bool:
    """Whether a slot can be compared with others: a server may send nulls, or times without an offset."""
    if slot is None or slot.start is None or slot.start.tzinfo is None:
        return False
    return slot.end is None or slot.end.tzinfo is not None
