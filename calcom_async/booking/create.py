"""book(): a booking, a seat in one, or a series, known again by the key in its metadata."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from math import inf
from typing import Any, Unpack, overload
from uuid import uuid4

import msgspec

from calcom_async.booking.key_locks import KeyLocks
from calcom_async.booking.lookup import bookings_at, follow_reschedules
from calcom_async.booking.pursuit import DAY, PAUSE, Pursuit, says_taken
from calcom_async.booking.slot_searches import fallback_searches
from calcom_async.errors import (
    ApiError,
    BadRequestError,
    CalcomError,
    DecodeError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    SlotTakenError,
    UnauthorizedError,
    UnprocessableError,
    in_range,
    is_transient,
    may_have_acted,
    shown,
)
from calcom_async.models.bookings import Attendee, Booking
from calcom_async.models.event_types import EventType
from calcom_async.models.slots import Slot
from calcom_async.models.times import parse_datetime
from calcom_async.resources.bookings import BookingFields, Bookings
from calcom_async.resources.event_types import EventTypes
from calcom_async.resources.slots import Slots, has_room

IDEMPOTENCY_KEY = "calcom_async_idempotency_key"
"""The key in a booking's metadata under which the idempotency key is stored."""

TAKEN_BACK = "Made twice, or only in part, by a request that was interrupted"

NOT_A_RACE = ("already_signed_up_for_this_booking_error", 'can\'t be booked at the "start" time provided')
"""Refusals of a slot that stay the same however often one tries."""
GONE_ALREADY = ("has been cancelled already", "has already been cancelled")

LOCKS = KeyLocks()


@overload
async def book(
    bookings: Bookings,
    slots: Slots,
    event_types: EventTypes,
    *,
    start: datetime | str,
    attendee: Attendee,
    recurrence_count: int,
    idempotency_key: str | None = ...,
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
    start: datetime | str,
    attendee: Attendee,
    idempotency_key: str | None = ...,
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
    start: datetime | str,
    attendee: Attendee,
    recurrence_count: int | None = None,
    idempotency_key: str | None = None,
    reserve: bool = False,
    check: bool = True,
    deadline: float | None = None,
    pause: float = PAUSE,
    **fields: Unpack[BookingFields],
) -> Booking | list[Booking]:
    """Book once and know the outcome: a booking, or an error that means that none was made.

    With `check` only a start that a search offers, in whatever time zone, is booked; `reserve` hides it from others
    meanwhile. A time that is not free is a `SlotTakenError`; as long as a slot has free hosts or seats, a race lost to
    others is run again. When the response is lost, the booking is looked for, and booked again only when it is not
    there. `UnknownOutcomeError` is raised when looking does not help: the credentials cannot list the event type's
    bookings, or no look-up was answered.

    Of a series all occurrences are booked, or none. After `deadline` seconds nothing is tried again; a last look is
    taken in any case. `pause` is the first of the growing pauses between looks.

    With an `idempotency_key`, such as an order number, a later call with the same key, event type and start returns the
    booking as it is now, moved or not, instead of making another; one that was cancelled or rejected counts as none.
    The key is stored in the metadata of the booking. Calls with the same key wait for each other in one process; of
    duplicates made by several processes the lowest id stays.

    The server itself does not guarantee three things: several attendees may hold pending bookings of one slot where a
    host has to confirm (`reserve=True` keeps callers of this function apart), a seated event type can get more
    attendees than seats, and a seat that was moved leaves no trace, so that it counts as none.
    """
    if fields.get("instant"):
        raise InvalidRequestError("an instant meeting takes no slot; make it with bookings.create(instant=True)")
    if reserve and fields.get("event_type_id") is None:
        raise InvalidRequestError("a slot is reserved by the event_type_id; a slug will not do")
    given = {
        "start": parse_datetime(start, "start"),
        "attendee": attendee,
        "recurrence_count": recurrence_count,
        **fields,
    }
    wish = {name: value for name, value in given.items() if value is not None}
    booker = _Booker(
        bookings, slots, event_types, wish, idempotency_key=idempotency_key, deadline=deadline, pause=pause
    )
    made = await booker.book(check=check, reserve=reserve)
    return made if "recurrence_count" in wish else made[0]


class _Booker(Pursuit):
    """Makes a booking, a seat in one, or a series, and knows it again by its mark."""

    def __init__(
        self,
        bookings: Bookings,
        slots: Slots,
        event_types: EventTypes,
        wish: dict[str, Any],
        *,
        idempotency_key: str | None,
        deadline: float | None,
        pause: float,
    ) -> None:
        super().__init__(slots, wish.get("start"), deadline=deadline, pause=pause)
        if not isinstance(wish.get("attendee"), Attendee):
            raise InvalidRequestError(f"attendee must be an Attendee, got {type(wish.get('attendee')).__name__}")
        self._bookings = bookings
        self._event_types = event_types
        metadata = wish.get("metadata", {})
        if not isinstance(metadata, Mapping):
            raise InvalidRequestError(f"metadata must map texts to texts, got {type(metadata).__name__}")
        if IDEMPOTENCY_KEY in metadata:
            raise InvalidRequestError(f"metadata must not contain {IDEMPOTENCY_KEY}: pass idempotency_key instead")
        self._is_named = idempotency_key is not None
        self._mark = idempotency_key if idempotency_key is not None else uuid4().hex
        if not isinstance(self._mark, str) or not self._mark:
            raise InvalidRequestError(f"idempotency_key must be a text that is not empty, got {shown(self._mark)}")
        self._wish = wish | {"metadata": {**metadata, IDEMPOTENCY_KEY: self._mark}}
        self._count: int | None = wish.get("recurrence_count")
        if self._count is not None and not (isinstance(self._count, int) and in_range(self._count, 1, inf)):
            raise InvalidRequestError(f"recurrence_count must be an integer of at least 1, not {shown(self._count)}")
        self._may_leave_parts = self._count is not None
        self._part: Booking | None = None
        """An occurrence of our series, when others of it are missing."""
        self._search_that_offers: dict[str, Any] | None = None
        self._held: str | None = None
        """The uid of our reservation."""
        self._event_type: EventType | None = None
        self._races = 0
        self._stays = False
        """Whether a booking that had to go could not be cancelled."""

    async def book(self, *, check: bool, reserve: bool) -> list[Booking]:
        async with LOCKS.hold((self._mark, self._start)) if self._is_named else nullcontext():
            if self._is_named and (made := await self._made_before()):
                return made
            if check and not await self._persistently(self._is_offered):
                raise await self._taken("it is not among the slots on offer")
            async with self._reserved() if reserve else nullcontext():
                return await self.outcome()

    async def _made_before(self) -> list[Booking] | None:
        """What an earlier call with the caller's mark made; half a series of it is taken back."""
        with suppress(UnauthorizedError, ForbiddenError, BadRequestError):  # bookings that we cannot list
            made = await self._persistently(self._look)
            if self._part:
                await self._take_back(self._part)
                self._part = None
            return made
        return None

    # Whether the slot is free.

    async def _is_offered(self) -> bool:
        """Whether a search offers the start, in whatever time zone it is made; remember which one did."""
        if (known := self._search_that_offers) is not None:
            end: datetime = self._start + 2 * DAY if known is self._days else known["end"]
            # Another end each time: the server may cache equal searches.
            slot = await self._slot_of(known | {"end": end + timedelta(seconds=self._races)})
            return slot is not None and has_room(slot)
        if slot := await self._slot_of(self._days):
            self._search_that_offers = self._days
            return has_room(slot)
        zone, length = self._wish["attendee"].time_zone, self._wish.get("length_in_minutes")
        for search in fallback_searches(self._start, zone, await self._own_event_type(), length):
            if slot := await self._slot_of(search):
                self._search_that_offers = search
                return has_room(slot)
        return False

    async def _slot_of(self, search: dict[str, Any]) -> Slot | None:
        try:
            days = await self._slots.search(**search, **self._search())
        except BadRequestError:
            if "time_zone" in search:  # one that the server does not know
                return None
            raise
        return next((slot for slot in days.slots() if slot.start == self._start), None)

    # Reservations.

    @asynccontextmanager
    async def _reserved(self) -> AsyncIterator[None]:
        """Hide the slot from searches; an advice to others, so a lost response is no reason to stop."""
        try:
            reservation = await self._slots.reservations.create(
                event_type_id=self._wish["event_type_id"],
                start=self._start,
                slot_duration=self._wish.get("length_in_minutes"),
            )
            self._held = reservation.reservation_uid
        except UnprocessableError as error:
            raise await self._taken(str(error)) from error
        except CalcomError as error:
            if not may_have_acted(error):
                raise
        try:
            yield
        finally:
            await self._release()

    async def _release(self) -> None:
        """Give our reservation back."""
        held, self._held = self._held, None
        if held is not None:
            with suppress(CalcomError):
                await self._slots.reservations.delete(held)

    # Booking.

    async def _ask(self) -> list[Booking]:
        answer: Booking | list[Booking] = await self._bookings.create(**self._wish)
        made = answer if isinstance(answer, list) else [answer]
        if len(made) < (self._count or 1):
            raise DecodeError("the response leaves out occurrences, as it does for the first of a round-robin series")
        if made[0].metadata is not None and made[0].metadata.get(IDEMPOTENCY_KEY) != self._mark:
            # Asked for what the same attendee has already, the server returns that pending or round-robin booking.
            raise SlotTakenError(f"the attendee has booked this time before: {made[0].uid}")
        return await self._without_twins(made) if self._lost or self._is_named else made

    async def _without_twins(self, made: list[Booking]) -> list[Booking]:
        """After a repeat, or next to other processes, see whether another request has acted too."""
        try:
            found = await self._persistently(self._look)
        except CalcomError as problem:
            if self._stays:
                raise self._unknown(str(problem)) from problem
            return made
        other = found and (found[0].uid, found[0].seat_uid) != (made[0].uid, made[0].seat_uid)
        return found if found and other else made

    # Looking.

    async def _look(self) -> list[Booking] | None:
        rows = await bookings_at(self._bookings, self._start, **self._filters())
        ours = [mine for row in rows for mine in self._ours(row)]
        # The same mark may belong to another start, from which a booking was moved here: it comes last, and is no twin.
        ours.sort(key=_precedence)
        standing = [now for one in ours for now in await self._as_it_is_now(one)]
        for twin in standing[1:]:
            if twin.start == self._start and twin.rescheduled_from_uid is None:
                await self._take_back(twin)
        return await self._whole(standing[0]) if standing else None

    def _ours(self, row: Booking) -> Iterator[Booking]:
        """The booking if it bears our mark, or each seat of ours in it."""
        slug, kind = self._wish.get("event_type_slug"), row.event_type
        if "event_type_id" not in self._wish and kind is not None and kind.slug not in {None, slug}:
            return
        seats = [one for one in row.attendees or () if one.seat_uid]
        for one in seats:
            if (one.metadata or {}).get(IDEMPOTENCY_KEY) == self._mark:
                yield msgspec.structs.replace(row, seat_uid=one.seat_uid)
        if not seats and (row.metadata or {}).get(IDEMPOTENCY_KEY) == self._mark:
            yield row

    async def _as_it_is_now(self, booking: Booking) -> list[Booking]:
        """What has become of a booking; nothing of one that was cancelled or rejected."""
        if booking.rescheduled_to_uid:
            latest = (await follow_reschedules(self._bookings, booking))[-1]
            booking = next(self._ours(latest), latest)
        return [] if _is_gone(booking) else [booking]

    async def _whole(self, first: Booking) -> list[Booking] | None:
        """All occurrences of a series; None while some are missing."""
        if first.recurring_booking_uid is None:
            return [first]
        series = await self._bookings.get_series(first.recurring_booking_uid)
        made = [one for one in series if one.rescheduled_from_uid is None]
        missing = len(made) < (self._count or await self._occurrences(first))
        self._part = first if missing else None
        if missing:
            return None
        standing = [one for one in series if not one.is_rescheduled]
        # Asked for without a count, the booking is the first occurrence, wherever it was moved.
        return standing if self._count else [first, *(one for one in standing if one.uid != first.uid)]

    async def _occurrences(self, booking: Booking) -> int:
        with suppress(NotFoundError, ForbiddenError):  # of others: then what there is, is taken for all
            event_type = await self._event_types.get(booking.event_type_id or 0)
            return getattr(event_type.recurrence, "occurrences", None) or 1
        return 1

    async def _find(self, trouble: CalcomError) -> list[Booking] | None:
        if not (self._lost or self._is_named or self._may_leave_parts) and isinstance(trouble, BadRequestError):
            return None  # refused before anything was made
        found = await super()._find(trouble)
        if found is None and (part := self._part):
            try:
                await self._persistently(lambda: self._take_back(part))
            except CalcomError as problem:
                raise self._unknown(
                    f"a series was made in part, and cancelling {part.recurring_booking_uid} failed: {problem}"
                ) from trouble
        if found is None and self._lost and not await self._sees_bookings():
            raise self._unknown("these credentials cannot list the bookings of this event type") from trouble
        return found

    async def _take_back(self, booking: Booking) -> None:
        """Cancel what must not stay; what is cancelled already is fine."""
        try:
            if booking.recurring_booking_uid:
                # By occurrence: cancelling the series as a whole fails once one of them was moved.
                await self._bookings.cancel(booking.uid, reason=TAKEN_BACK, subsequent=True)
            elif booking.seat_uid:
                await self._bookings.cancel(booking.uid, seat_uid=booking.seat_uid, reason=TAKEN_BACK)
            else:
                await self._bookings.cancel(booking.uid, reason=TAKEN_BACK)
        except BadRequestError as refusal:
            if not any(text in refusal.message for text in GONE_ALREADY):
                self._stays = True
                raise CalcomError(f"booking {booking.uid} has to go, but cannot be cancelled: {refusal}") from refusal

    async def _may_ask_again(self, trouble: CalcomError) -> bool:
        if self._part or isinstance(trouble, SlotTakenError):
            return False
        if not says_taken(trouble):
            return may_have_acted(trouble)
        if any(text in str(trouble) for text in NOT_A_RACE):
            return False
        # Whoever loses a race for one of several hosts or seats may get the next one: the slot itself tells.
        await self._release()  # our own reservation would hide it
        await self._rest_after_a_race(self._races)
        self._races += 1
        with suppress(CalcomError):
            return await self._persistently(self._is_offered)
        return False

    async def _sees_bookings(self) -> bool:
        """Whether a booking that a look has not found is not there: the event type's owner sees all of them."""
        with suppress(CalcomError):
            return await self._persistently(self._own_event_type) is not None
        return False

    async def _own_event_type(self) -> EventType | None:
        """The event type, if the credentials may read it."""
        if self._event_type is None:
            try:
                self._event_type = await self._read_event_type()
            except ApiError as error:
                if is_transient(error):
                    raise
        return self._event_type

    async def _read_event_type(self) -> EventType | None:
        event_type_id: int | None = self._wish.get("event_type_id")
        if event_type_id is None and "username" in self._wish:
            found = await self._event_types.list(
                username=self._wish["username"],
                event_slug=self._wish["event_type_slug"],
                organization_slug=self._wish.get("organization_slug"),
            ).first()
            event_type_id = found.id if found else None
        return None if event_type_id is None else await self._event_types.get(event_type_id)

    def _filters(self) -> dict[str, Any]:
        """What narrows a list down to our booking and few others; no value that the server may have rewritten."""
        return {"event_type_id": self._wish["event_type_id"]} if "event_type_id" in self._wish else {}

    def _looks_for(self) -> dict[str, Any]:
        return self._filters() | {"after_start": self._start, "metadata": {IDEMPOTENCY_KEY: self._mark}}

    def _sought(self) -> str:
        owner = self._wish.get("username") or self._wish.get("team_slug")
        target = self._wish.get("event_type_id") or f"{self._wish.get('event_type_slug')} of {owner}"
        when = self._start.isoformat()
        return f"a booking of event type {target} at {when} whose metadata has {IDEMPOTENCY_KEY} {self._mark}"

    def _search(self) -> dict[str, Any]:
        names = ("event_type_slug", "username", "team_slug", "organization_slug")
        target = ("event_type_id",) if "event_type_id" in self._wish else names
        asked = {name: self._wish[name] for name in target if name in self._wish}
        return asked | {"duration": self._wish.get("length_in_minutes")}


def _precedence(booking: Booking) -> tuple[bool, bool, int, str]:
    """Sort key: the booking that stays comes first. An id that could not be read is None and comes last."""
    moved_here = booking.rescheduled_from_uid is not None
    return moved_here, booking.id is None, booking.id or 0, booking.seat_uid or ""


def _is_gone(booking: Booking) -> bool:
    return booking.is_cancelled or booking.is_rejected
