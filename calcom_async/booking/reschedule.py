"""reschedule(): move a booking, or one seat of it, once. The chain of reschedules shows whether that was done."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Unpack

import msgspec

from calcom_async.booking.availability import is_slot_taken, parse_start, slot_taken_error
from calcom_async.booking.lookup import bookings_at, follow_reschedules
from calcom_async.booking.reconcile import DEFAULT_PAUSE, Retries, run_safely
from calcom_async.errors import ApiError, CalcomError, NotFoundError, UnknownOutcomeError, may_have_acted
from calcom_async.models.bookings import Booking
from calcom_async.resources.bookings import Bookings, RescheduleFields
from calcom_async.resources.slots import Slots


async def reschedule(
    bookings: Bookings,
    slots: Slots,
    uid: str,
    *,
    start: datetime | str,
    total_timeout: float | None = None,
    pause: float = DEFAULT_PAUSE,
    **fields: Unpack[RescheduleFields],
) -> Booking:
    """Move a booking, or one seat of it, once. Return the booking as it is now, which has a new `uid`.

    The `uid` from before an earlier reschedule stands for the booking as it is now. If a response is lost, the chain of
    reschedules shows whether Cal.com has acted. Raises `SlotTakenError` if the time is not free.
    """
    params: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    call = _RescheduleCall(bookings, uid, parse_start(start), params, Retries.start(total_timeout, pause))
    if "seat_uid" in params:
        await call.read_seat()
    try:
        return await run_safely(call.attempt, call.find_existing, call.may_retry, call.retries)
    except CalcomError as error:
        if not is_slot_taken(error):
            raise
        raise await slot_taken_error(slots, call.start, error.message, call.slot_query()) from error


@dataclass
class _RescheduleCall:
    """Parameters and state of one call of `reschedule`."""

    bookings: Bookings
    uid: str
    start: datetime
    params: dict[str, Any]
    """The optional keywords of `Bookings.reschedule`."""
    retries: Retries
    latest: Booking | None = None
    """The booking as the last look-up found it."""
    seat_email: str | None = None

    async def read_seat(self) -> None:
        """Fetch the booking that has the seat, and the email address by which the seat is found after the move."""
        self.latest = await self.bookings.get_by_seat(self.params["seat_uid"])
        self.uid = self.latest.uid
        for seat in self.latest.attendees:
            if seat.seat_uid == self.params["seat_uid"]:
                self.seat_email = seat.email

    # The three functions of run_safely.

    async def attempt(self) -> Booking:
        """Move the booking to the new start with one request, from where the last look-up found it."""
        if self.latest:
            self.uid = self.latest.uid
        return await self.bookings.reschedule(self.uid, start=self.start, **self.params)

    async def find_existing(self, error: CalcomError) -> Booking | None:
        """Look up whether the booking was moved to the new start, by this call or by another one."""
        already_moved = isinstance(error, ApiError) and error.reason == "already_rescheduled"
        if not (self.retries.lost or is_slot_taken(error) or already_moved):
            return None
        if "seat_uid" in self.params and not self.seat_email:
            if self.retries.lost:
                raise self.unknown_outcome("the email address of the attendee is not visible") from error
            return None
        try:
            return await self.retries.look_up(self.find_seat if "seat_uid" in self.params else self.find_booking)
        except CalcomError as problem:
            if self.retries.lost:
                raise self.unknown_outcome(f"the look-up failed: {problem.message}") from error
            return None

    async def may_retry(self, error: CalcomError) -> bool:
        """Return whether another attempt can succeed."""
        # A booking that somebody else has moved elsewhere is moved from there.
        was_moved = self.latest is not None and self.latest.uid != self.uid
        return was_moved or may_have_acted(error)

    # Look-ups.

    async def find_booking(self) -> Booking | None:
        """Return the booking as it is now if it was moved to the new start."""
        chain = await follow_reschedules(self.bookings, await self.bookings.get(self.uid))
        self.latest = chain[-1]
        # If a response was lost, this call may have moved the booking, and somebody else may have moved it on since.
        candidates = chain[1:] if self.retries.lost else chain[-1:]
        is_moved = len(chain) > 1 and any(booking.start == self.start for booking in candidates)
        return self.latest if is_moved else None

    async def find_seat(self) -> Booking | None:
        """Return the booking at the new start that has the seat, which has left its booking and has a new uid now."""
        with suppress(NotFoundError):
            await self.bookings.get_by_seat(self.params["seat_uid"])
            return None  # the old seat still exists, so it was not moved
        event_type_id = self.latest.event_type_id if self.latest else None
        filters = {"event_type_id": event_type_id} if event_type_id else {}
        for row in await bookings_at(self.bookings, self.start, attendee_email=self.seat_email, **filters):
            for seat in row.attendees:
                if seat.email == self.seat_email:
                    return msgspec.structs.replace(row, seat_uid=seat.seat_uid)
        return None

    def slot_query(self) -> dict[str, Any] | None:
        """Return the keywords of `Slots.search` that count the time of the booking itself as free."""
        if self.latest is None:
            return None
        return {"event_type_id": self.latest.event_type_id, "booking_uid_to_reschedule": self.latest.uid}

    def unknown_outcome(self, reason: str) -> UnknownOutcomeError:
        """Return the error for an outcome that no look-up could determine."""
        return UnknownOutcomeError(
            f"the booking may or may not have been moved: {reason}",
            lookup={"uid": self.uid, "start": self.start},
            hint=f"Before you retry, check whether booking {self.uid} was moved to {self.start.isoformat()}",
        )
