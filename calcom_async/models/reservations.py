"""Reservations, which temporarily hide a slot."""

from datetime import datetime

from msgspec.structs import force_setattr

from calcom_async.models._base import Model
from calcom_async.models.times import parse_datetime


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
        # Structs do not check types when they are created, so a naive datetime would get through here.
        force_setattr(self, "slot_start", parse_datetime(self.slot_start, "slot_start"))
