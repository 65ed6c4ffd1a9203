"""Free slots, and the reservations that temporarily hide them."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain

from msgspec.structs import force_setattr

from calcom_async.models._base import Model
from calcom_async.models.times import parse_datetime


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


class Reservation(Model, frozen=True, kw_only=True, gc=False):
    """A slot that is hidden from all searches until `reservation_until`.

    It is advisory: booking neither checks nor consumes it, and anyone who knows the uid may change or delete it.
    """

    event_type_id: int
    slot_start: datetime
    slot_end: datetime
    slot_duration: int
    """Minutes, like `reservation_duration`."""
    reservation_uid: str
    reservation_duration: int | None = None
    """Missing when a reservation is fetched."""
    reservation_until: datetime


class ReserveSlot(Model, frozen=True, kw_only=True):
    """Request body of a reservation. The server does not check that the slot is free."""

    event_type_id: int
    slot_start: datetime
    slot_duration: int | None = None
    """Minutes; only for event types with several lengths."""
    reservation_duration: int | None = None
    """Minutes, default 5. Without credentials the server rejects it (401)."""

    def __post_init__(self) -> None:
        force_setattr(self, "slot_start", parse_datetime(self.slot_start, "slot_start"))


class SlotDays(dict[date, list[Slot]]):
    """Slots by local date in the requested time zone, ascending; days without slots are omitted."""

    def slots(self) -> Iterator[Slot]:
        """All slots in order, without days and slots that have no usable time."""
        return filter(_is_usable, chain.from_iterable(filter(None, self.values())))

    def first(self) -> Slot | None:
        """The earliest slot, or None."""
        return next(self.slots(), None)


def _is_usable(slot: Slot | None) -> bool:
    """Whether a slot can be compared with others: a server may send nulls, or times without an offset."""
    if slot is None or slot.start is None or slot.start.tzinfo is None:
        return False
    return slot.end is None or slot.end.tzinfo is not None
