"""book(): a booking, a seat in one, or a series, known again by its mark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NoReturn, Unpack, overload
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType

from calcom_async.booking.pursuit import PAUSE, Pursuit, answer_is_lost
from calcom_async.errors import (
    BadRequestError,
    CalcomError,
    ConflictError,
    DecodeError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    SlotTakenError,
    UnprocessableError,
)
from calcom_async.models.bookings import Attendee, Booking
from calcom_async.models.times import aware
from calcom_async.resources._base import given
from calcom_async.resources.bookings import BookingFields, Bookings
from calcom_async.resources.event_types import EventTypes
from calcom_async.resources.slots import Slots

MARK = "calcom_async_request"
"""The key in a booking's metadata that holds the mark of the call that made it."""

LOST_RACE = "booking_conflict_error"
TAKEN_BACK = "Made twice, or only in part, by a request that was interrupted"


@overload
async def book(
    bookings: Bookings,
    slots: Slots,
    event_types: EventTypes,
    *,
    start: datetime,
    attendee: Attendee,
    recurrence_count: int,
    reserve: bool = ...,
    check: bool = ...,
    deadline: float | None = ...,
    pause: float = ...,
    **fields: Unpack[BookingFields],
) -> list[Booking]: ...
@overload
async def book(
    bookings: Bookings,
    slots: Slots,
    event_types: EventTypes,
    *,
    start: datetime,
    attendee: Attendee,
    reserve: bool = ...,
    check: bool = ...,
    deadline: float | None = ...,
    pause: float = ...,
    **fields: Unpack[BookingFields],
) -> Booking: ...
async def book(
    bookings: Bookings,
    slots: Slots,
    event_types: EventTypes,
    *,
    start: datetime,
    attendee: Attendee,
    recurrence_count: int | UnsetType = UNSET,
    reserve: bool = False,
    check: bool = True,
    deadline: float | None = None,
    pause: float = PAUSE,
    **fields: Unpack[BookingFields],
) -> Booking | list[Booking]:
    """Book once and know the outcome: a booking, or an error that means that none was made.

    With `check` only a time that `slots.search` offers is asked for; `reserve` hides it from others meanwhile. A time
    that is not free is a `SlotTakenError`. When the answer is lost, the booking is looked for, and asked for again
    only when it is not there. `UnknownOutcomeError` is raised when looking does not help: the credentials may not see
    the event type's bookings, or no look-up was answered.

    Of a series all occurrences are booked, or none. After `deadline` seconds nothing is asked again; a last look is
    taken all the same. `pause` is the first of the growing pauses between looks.

    The booking's metadata tell this call by the key `calcom_async_request`. Give it a value of your own, such as an
    order number, and a later call with the same value returns the booking instead of making another: also after a
    call that was cancelled midway, which knows nothing of its outcome.
    """
    if fields.get("instant"):
        raise InvalidRequestError("an instant meeting takes no slot; make it with bookings.create(instant=True)")
    if reserve and "event_type_id" not in fields:
        raise InvalidRequestError("a slot is reserved by the event_type_id; a slug will not do")
    aware("start", start)
    wish = given(start=start, attendee=attendee, recurrence_count=recurrence_count, **fields)
    booker = _Booker(bookings, slots, event_types, wish, deadline=deadline, pause=pause)
    made = await booker.book(check=check, reserve=reserve)
    return made[0] if recurrence_count is UNSET else made


class _Booker(Pursuit):
    """Makes a booking, a seat in one, or a series, and knows it again by its mark."""

    def __init__(
        self,
        bookings: Bookings,
        slots: Slots,
        event_types: EventTypes,
        wish: dict[str, Any],
        *,
        deadline: float | None,
        pause: float,
    ) -> None:
        super().__init__(slots, wish["start"], deadline=deadline, pause=pause)
        self._bookings = bookings
        self._event_types = event_types
        metadata = {MARK: uuid4().hex, **wish.get("metadata", {})}
        self._mark: str = metadata[MARK]
        self._is_named = MARK in wish.get("metadata", {})
        self._wish = wish | {"metadata": metadata}
        self._count: int | None = wish.get("recurrence_count")
        self._may_leave_parts = self._count is not None
        self._part: Booking | None = None
        """An occurrence of our series, when others of it are missing."""

    async def book(self, *, check: bool, reserve: bool) -> list[Booking]:
        async with AsyncExitStack() as stack:
            offer = await self._persistently(self._offer) if check else []
            if check and not self._is_in(offer) and not await self._is_offered_locally():
                if made := await self._made_before():
                    return made
                raise await self._taken("it is not among the slots on offer", offer)
            if reserve:
                await stack.enter_async_context(self._reserved())
            return await self.outcome()

    async def _is_offered_locally(self) -> bool:
        """Whether a search in the attendee's zone offers it: zones of half hours have a raster of their own."""
        zone: str = self._wish["attendee"].time_zone
        with suppress(ValueError, OSError, LookupError):  # one that this machine does not know
            if self._start.astimezone(ZoneInfo(zone)).minute == self._start.astimezone(UTC).minute:
                return False
        return self._is_in(await self._persistently(lambda: self._offer(time_zone=zone)))

    async def _made_before(self) -> list[Booking] | None:
        """What an earlier call with the mark that the caller has given made."""
        return await self._persistently(self._look) if self._is_named else None

    @asynccontextmanager
    async def _reserved(self) -> AsyncIterator[None]:
        """Hide the slot from searches; an advice to others, so a lost answer is no reason to stop."""
        reservations, held = self._slots.reservations, None
        try:
            held = await reservations.create(
                event_type_id=self._wish["event_type_id"],
                start=self._start,
                slot_duration=self._wish.get("length_in_minutes", UNSET),
            )
        except UnprocessableError as error:
            raise await self._taken(str(error)) from error
        except CalcomError as error:
            if not answer_is_lost(error):
                raise
        try:
            yield
        finally:
            if held is not None:
                with suppress(CalcomError):
                    await reservations.delete(held.reservation_uid)

    async def _ask(self) -> list[Booking]:
        answer: Booking | list[Booking] = await self._bookings.create(**self._wish)
        made = answer if isinstance(answer, list) else [answer]
        if len(made) < (self._count or 1):
            raise DecodeError("the answer leaves out occurrences, as it does for the first of a round-robin series")
        if made[0].metadata is not None and made[0].metadata.get(MARK) != self._mark:
            # Asked for what the same attendee has already, the server answers that pending or round-robin booking.
            raise SlotTakenError(f"the attendee has booked this time before: {made[0].uid}")
        return await self._without_twins(made) if self._lost else made

    async def _without_twins(self, made: list[Booking]) -> list[Booking]:
        """After a repeat, see whether the first request has acted too."""
        with suppress(CalcomError):
            return await self._persistently(self._look) or made
        return made

    async def _look(self) -> list[Booking] | None:
        page = await self._bookings.list(**self._filters(), sort_start="asc", take=100).first_page()
        ours = [mine for row in page.items if row.start == self._start and (mine := self._ours(row))]
        ours.sort(key=lambda one: (_is_gone(one), one.id))
        for twin in ours[1:]:
            if not _is_gone(twin):
                await self._take_back(twin)
        return await self._whole(ours[0]) if ours else None

    def _ours(self, row: Booking) -> Booking | None:
        """The booking if it bears our mark, with the uid of our seat in it."""
        if (row.metadata or {}).get(MARK) == self._mark:
            return row
        for one in row.attendees:
            if (one.metadata or {}).get(MARK) == self._mark:
                return msgspec.structs.replace(row, seat_uid=one.seat_uid)
        return None

    async def _whole(self, first: Booking) -> list[Booking] | None:
        """All occurrences of a series; None while some are missing."""
        if first.recurring_booking_uid is None:
            return [first]
        series = await self._bookings.get_series(first.recurring_booking_uid)
        missing = len(series) < (self._count or await self._occurrences(first))
        self._part = first if missing else None
        return None if missing else series

    async def _occurrences(self, booking: Booking) -> int:
        with suppress(NotFoundError, ForbiddenError):  # of others: then what there is, is taken for all
            event_type = await self._event_types.get(booking.event_type_id or 0)
            return getattr(event_type.recurrence, "occurrences", 1)
        return 1

    async def _find(self, trouble: CalcomError) -> list[Booking] | None:
        found = await super()._find(trouble)
        if found is None and (part := self._part):
            try:
                await self._persistently(lambda: self._take_back(part))
            except CalcomError as problem:
                raise self._unknown(
                    f"a series was made in part, and cancelling {part.recurring_booking_uid} failed: {problem}"
                ) from trouble
        return found

    async def _take_back(self, booking: Booking) -> None:
        """Cancel what must not stay; done already is done."""
        with suppress(BadRequestError):
            if booking.recurring_booking_uid:
                await self._bookings.cancel_series(booking.recurring_booking_uid, reason=TAKEN_BACK)
            elif booking.seat_uid:
                await self._bookings.cancel(booking.uid, seat_uid=booking.seat_uid, reason=TAKEN_BACK)
            else:
                await self._bookings.cancel(booking.uid, reason=TAKEN_BACK)

    async def _may_ask_again(self, trouble: CalcomError) -> bool:
        if self._part:
            return False
        if isinstance(trouble, ConflictError) and trouble.message == LOST_RACE:
            # Who loses the race for the first seat, or for one host of several, may still get the next one.
            return self._is_in(await self._offer_if_told())
        return answer_is_lost(trouble)

    async def _give_up(self, trouble: CalcomError) -> NoReturn:
        if self._lost and not await self._sees_bookings():
            raise self._unknown("these credentials may not see the bookings of this event type") from trouble
        await super()._give_up(trouble)

    async def _sees_bookings(self) -> bool:
        """Whether a booking that a look has not found is not there: the event type's owner sees all of them."""
        try:
            await self._persistently(self._own_event_type)
        except CalcomError:
            return False
        return True

    async def _own_event_type(self) -> None:
        event_type_id: int | None = self._wish.get("event_type_id")
        if event_type_id is None:
            of_user = self._event_types.list(
                username=self._wish.get("username", ""), event_slug=self._wish["event_type_slug"]
            )
            found = await of_user.first()
            event_type_id = found.id if found else 0
        await self._event_types.get(event_type_id)

    def _filters(self) -> dict[str, Any]:
        """What narrows a list down to our booking and few others."""
        return given(
            after_start=self._start,
            attendee_email=self._wish["attendee"].email,
            event_type_id=self._wish.get("event_type_id", UNSET),
        )

    def _looks_for(self) -> dict[str, Any]:
        return self._filters() | {"metadata": {MARK: self._mark}}

    def _search(self) -> dict[str, Any]:
        names = ("event_type_slug", "username", "team_slug", "organization_slug")
        target = ("event_type_id",) if "event_type_id" in self._wish else names
        asked = {name: self._wish[name] for name in target if name in self._wish}
        return asked | {"duration": self._wish.get("length_in_minutes")}


def _is_gone(booking: Booking) -> bool:
    return booking.is_cancelled or booking.is_rejected
