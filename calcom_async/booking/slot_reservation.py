"""SlotReservation: hide the slot from the searches of others while it is booked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from calcom_async.booking.availability import slot_taken_error
from calcom_async.booking.booking_request import BookingRequest
from calcom_async.errors import CalcomError, UnprocessableError, may_have_acted
from calcom_async.resources.slots import Slots


@dataclass
class SlotReservation:
    """A reservation of the slot of one call, which ends with the call.

    It is advisory: bookings ignore reservations, and the server drops one after five minutes (recorded from a
    self-hosted server of 2026-07). So its loss does no harm.
    """

    slots: Slots
    request: BookingRequest
    uid: str | None = None

    async def create(self) -> None:
        """Reserve the slot. Raises `SlotTakenError` if somebody else has booked or reserved it."""
        try:
            reservation = await self.slots.reservations.create(
                event_type_id=self.request.params["event_type_id"],
                start=self.request.start,
                slot_duration=self.request.params.get("length_in_minutes"),
            )
        except UnprocessableError as error:
            request = self.request
            raise await slot_taken_error(self.slots, request.start, error.message, request.slot_query) from error
        except CalcomError as error:
            if not may_have_acted(error):
                raise
            # A lost response: the slot may be reserved under a uid that nobody knows. Booking it works anyway.
        else:
            self.uid = reservation.reservation_uid

    async def release(self) -> None:
        """Delete the reservation, if there is one."""
        uid, self.uid = self.uid, None
        if uid is not None:
            with suppress(CalcomError):  # it expires on its own
                await self.slots.reservations.delete(uid)
