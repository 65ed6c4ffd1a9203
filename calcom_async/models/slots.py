"""Free slots, and the reservations that hide them for a while."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain

from msgspec.structs import force_setattr

from calcom_async.models._base import Model
from calcom_async.models.times import parse_datetime


# gc=False here and on other models made of plain values only: they cannot be part of a reference cycle.
class Slot(Model, frozen=True, kw_only=True, gc=False):
    """A start that can be booked, in the time zone that was asked for."""

    start: datetime
    end: datetime | None = None
    """Only when ranges were asked for."""
    seats_booked: int | None = None
    """This and the other figures of seats come for seated event types only; live reservations count as taken."""
    seats_remaining: int | None = None
    seats_total: int | None = None
    booking_uid: str | None = None
    """The seated booking that already exists at this time."""


class Reservation(Model, frozen=True, kw_only=True, gc=False):
    """A slot hidden from everybody's searches until `reservation_until`.

    It is advisory: booking neither checks nor consumes it, and whoever knows the uid may change or delete it.
    """

    event_type_id: int
    slot_start: datetime
    slot_end: datetime
    slot_duration: int
    """Minutes, as is `reservation_duration`."""
    reservation_uid: str
    reservation_duration: int | None = None
    """Missing when a reservation is read."""
    reservation_until: datetime


class ReserveSlot(Model, frozen=True, kw_only=True):
    """The body of a new or changed reservation; the server does not check that the slot was on offer."""

    event_type_id: int
    slot_start: datetime
    slot_duration: int | None = None
    """Minutes; only for event types with several lengths."""
    reservation_duration: int | None = None
    """Minutes, 5 unless given; refused to callers without credentials (401)."""

    def __post_init__(self) -> None:
        force_setattr(self, "slot_start", parse_datetime(self.slot_start, "slot_start"))


class SlotDays(dict[date, list[Slot]]):
    """Slots by the local date of the time zone that was asked for, ascending; days without slots are left out."""

    def slots(self) -> Iterator[Slot]:
        """All slots in their order; days and slots without a usable time are left out."""
        return filter(_is_usable, chain.from_iterable(filter(None, self.values())))

    def first(self) -> Slot | None:
        """The earliest slot, or None."""
        return next(self.slots(), None)


def _is_usable(slot: Slot | None) -> bool:
    """Whether a slot of a response can be compared with others: a server may send nulls, or times without a zone."""
    if slot is None or slot.start is None or slot.start.tzinfo is None:
        return False
    return slot.end is None or slot.end.tzinfo is not None
