"""reschedule(): a booking, or a seat in one, moved once; the chain of moves tells whether that was done."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, TypedDict, Unpack

import msgspec

from calcom_async.booking.lookup import bookings_at, follow_reschedules
from calcom_async.booking.pursuit import PAUSE, Pursuit, says_taken
from calcom_async.errors import BadRequestError, CalcomError, NotFoundError, may_have_acted
from calcom_async.models.bookings import Booking, BookingAttendee
from calcom_async.models.times import parse_datetime
from calcom_async.resources.bookings import Bookings
from calcom_async.resources.slots import Slots

MOVED_ALREADY = "has been cancelled and rescheduled already to"


class RescheduleFields(TypedDict, total=False):
    """What `reschedule` takes beside the new start; see `Bookings.reschedule`."""

    reason: str | None
    rescheduled_by: str | None
    seat_uid: str | None
    email_verification_code: str | None


async def reschedule(
    bookings: Bookings,
    slots: Slots,
    uid: str,
    *,
    start: datetime | str,
    deadline: float | None = None,
    pause: float = PAUSE,
    **fields: Unpack[RescheduleFields],
) -> Booking:
    """Move a booking, or one seat of it, once; returns the booking as it is now, whose `uid` is a new one.

    A `uid` from before an earlier move stands for the booking that it has become. When the answer is lost, the chain of
    moves tells whether Cal.com has acted. A time that is not free is a `SlotTakenError`.
    """
    how: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    mover = _SeatMover if "seat_uid" in how else _Mover
    [moved] = await mover(
        bookings, slots, uid, parse_datetime(start, "start"), how, deadline=deadline, pause=pause
    ).outcome()
    return moved


class _Mover(Pursuit):
    """Moves a booking, and knows by the chain of moves whether that was done."""

    def __init__(
        self,
        bookings: Bookings,
        slots: Slots,
        uid: str,
        start: datetime,
        fields: dict[str, Any],
        *,
        deadline: float | None,
        pause: float,
    ) -> None:
        super().__init__(slots, start, deadline=deadline, pause=pause)
        self._bookings = bookings
        self._uid = uid
        self._fields = fields
        self._latest: Booking | None = None
        """What the booking has become, once it was looked at."""

    async def _ask(self) -> list[Booking]:
        if self._latest:
            self._uid = self._latest.uid
        return [await self._bookings.reschedule(self._uid, start=self._start, **self._fields)]

    def _is_to_be_looked_into(self, refusal: CalcomError) -> bool:
        return says_taken(refusal) or (isinstance(refusal, BadRequestError) and MOVED_ALREADY in refusal.message)

    async def _look(self) -> list[Booking] | None:
        chain = await follow_reschedules(self._bookings, await self._bookings.get(self._uid))
        self._latest = chain[-1]
        # A move of ours may have been followed by somebody else's; a move to there that is not ours is as good.
        stations = chain[1:] if self._lost else chain[-1:]
        return [chain[-1]] if len(chain) > 1 and any(one.start == self._start for one in stations) else None

    async def _may_ask_again(self, trouble: CalcomError) -> bool:
        moved_on = self._latest is not None and self._latest.uid != self._uid
        return moved_on or may_have_acted(trouble)

    def _looks_for(self) -> dict[str, Any]:
        return {"uid": self._uid, "start": self._start}

    def _sought(self) -> str:
        return f"the booking {self._uid}, and whether it has moved to {self._start.isoformat()}"

    def _search(self) -> dict[str, Any]:
        known = self._latest
        if known is None:
            raise CalcomError("the booking could not be read")
        return {"event_type_id": known.event_type_id, "booking_uid_to_reschedule": known.uid}


class _SeatMover(_Mover):
    """Moves one seat: it leaves the old booking and turns up, under a new uid, in that of the new time."""

    async def outcome(self) -> list[Booking]:
        self._latest = await self._bookings.get_by_seat(self._fields["seat_uid"])
        self._uid = self._latest.uid
        self._sitter = self._seat(self._latest, seat_uid=self._fields["seat_uid"])
        return await super().outcome()

    @staticmethod
    def _seat(booking: Booking, **known: str | None) -> BookingAttendee | None:
        [(name, value)] = known.items()
        return next((one for one in booking.attendees if getattr(one, name) == value), None)

    async def _look(self) -> list[Booking] | None:
        with suppress(NotFoundError):
            await self._bookings.get_by_seat(self._fields["seat_uid"])
            return None
        if self._latest is None or self._sitter is None:
            raise CalcomError("the attendee of the seat is not shown")
        email = self._sitter.email
        filters = {"event_type_id": self._latest.event_type_id, "attendee_email": email}
        known = {name: value for name, value in filters.items() if value}
        for row in await bookings_at(self._bookings, self._start, **known):
            if seat := self._seat(row, email=email):
                return [msgspec.structs.replace(row, seat_uid=seat.seat_uid)]
        return None
