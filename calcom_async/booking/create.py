"""book() and book_series(): create a booking, a seat or a series, identified by an idempotency key in its metadata."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Unpack
from uuid import uuid4

import msgspec

from calcom_async.booking.availability import (
    EventTypeSettings,
    SlotCheck,
    is_slot_taken,
    parse_start,
    slot_taken_error,
)
from calcom_async.booking.key_locks import KeyLocks
from calcom_async.booking.lookup import bookings_at, follow_reschedules
from calcom_async.booking.reconcile import DEFAULT_PAUSE, Retries, run_safely
from calcom_async.error_reasons import Reason
from calcom_async.errors import (
    ApiError,
    BadRequestError,
    CalcomError,
    ConflictError,
    DecodeError,
    ForbiddenError,
    InvalidRequestError,
    SlotTakenError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnprocessableError,
    in_range,
    is_transient,
    may_have_acted,
    shown,
)
from calcom_async.models.bookings import Attendee, Booking
from calcom_async.resources.bookings import BookingFields, Bookings
from calcom_async.resources.event_types import EventTypes
from calcom_async.resources.slots import Slots

IDEMPOTENCY_KEY = "calcom_async_idempotency_key"
"""The metadata key of a booking under which its idempotency key is stored."""

CANCELLATION_REASON = "Duplicate or incomplete booking of an interrupted request"

NEVER_AVAILABLE: Collection[Reason | None] = ("already_booked_by_attendee", "outside_booking_window")
"""Rejections of a slot that no retry changes."""

LOCKS = KeyLocks()


async def book(
    bookings: Bookings,
    slots: Slots,
    event_types: EventTypes,
    *,
    start: datetime | str,
    attendee: Attendee,
    idempotency_key: str | None = None,
    check: bool = True,
    reserve: bool = False,
    total_timeout: float | None = None,
    pause: float = DEFAULT_PAUSE,
    **fields: Unpack[BookingFields],
) -> Booking:
    """Create one booking, or raise an error that means that none was created. See `Calcom.book`.

    After `total_timeout` seconds nothing is retried; a last look-up is made in any case. `pause` is the first of the
    growing pauses between look-ups, in seconds.
    """
    params = {"start": start, "attendee": attendee, **fields}
    retries = Retries.start(total_timeout, pause)
    call = _prepare(bookings, slots, event_types, params, idempotency_key=idempotency_key, retries=retries)
    return (await call.run(check=check, reserve=reserve))[0]


async def book_series(
    bookings: Bookings,
    slots: Slots,
    event_types: EventTypes,
    *,
    start: datetime | str,
    attendee: Attendee,
    recurrence_count: int,
    idempotency_key: str | None = None,
    check: bool = True,
    reserve: bool = False,
    total_timeout: float | None = None,
    pause: float = DEFAULT_PAUSE,
    **fields: Unpack[BookingFields],
) -> list[Booking]:
    """Create `recurrence_count` occurrences of a recurring event type, or none. See `Calcom.book_series`."""
    if not (isinstance(recurrence_count, int) and in_range(recurrence_count, 1, inf)):
        raise InvalidRequestError(f"recurrence_count must be an integer of at least 1, got {shown(recurrence_count)}")
    params = {"start": start, "attendee": attendee, "recurrence_count": recurrence_count, **fields}
    retries = Retries.start(total_timeout, pause)
    call = _prepare(bookings, slots, event_types, params, idempotency_key=idempotency_key, retries=retries)
    return await call.run(check=check, reserve=reserve)


def _prepare(
    bookings: Bookings,
    slots: Slots,
    event_types: EventTypes,
    fields: Mapping[str, Any],
    *,
    idempotency_key: str | None,
    retries: Retries,
) -> _BookingCall:
    """Check the arguments before any request is sent."""
    params = {name: value for name, value in fields.items() if value is not None}
    start = parse_start(fields["start"])
    if params.get("instant"):
        raise InvalidRequestError(
            "an instant meeting takes no slot; create it with bookings.create(instant=True) instead"
        )
    attendee, metadata = fields["attendee"], params.get("metadata", {})
    if not isinstance(attendee, Attendee):
        raise InvalidRequestError(f"attendee must be an Attendee, got {type(attendee).__name__}")
    if not isinstance(metadata, Mapping):
        raise InvalidRequestError(f"metadata must map texts to texts, got {type(metadata).__name__}")
    if IDEMPOTENCY_KEY in metadata:
        raise InvalidRequestError(f"metadata must not contain {IDEMPOTENCY_KEY}; pass idempotency_key instead")
    key = uuid4().hex if idempotency_key is None else idempotency_key
    if not isinstance(key, str) or not key:
        raise InvalidRequestError(f"idempotency_key must be a text that is not empty, got {shown(key)}")
    params["metadata"] = {**metadata, IDEMPOTENCY_KEY: key}
    settings = EventTypeSettings(event_types, params)
    return _BookingCall(
        bookings=bookings,
        slots=slots,
        params=params,
        start=start,
        key=key,
        has_own_key=idempotency_key is not None,
        count=params.get("recurrence_count"),
        settings=settings,
        slot=SlotCheck(slots, start, _slot_query(params), attendee.time_zone, settings),
        retries=retries,
    )


@dataclass
class _BookingCall:
    """Parameters and state of one call of `book` or `book_series`."""

    bookings: Bookings
    slots: Slots
    params: dict[str, Any]
    """The keywords of `Bookings.create` or `Bookings.create_series`."""
    start: datetime
    key: str
    has_own_key: bool
    """Whether the caller gave the key, so that an earlier call may have created the booking."""
    count: int | None
    """The number of occurrences; None without `recurrence_count`."""
    settings: EventTypeSettings
    slot: SlotCheck
    retries: Retries
    reservation_uid: str | None = None
    conflicts: int = 0
    partial: Booking | None = None
    """An occurrence of the series of this call, if others of it are missing."""

    async def run(self, *, check: bool, reserve: bool) -> list[Booking]:
        """Book, unless an earlier call with the caller's key has done so. Return all occurrences of a series."""
        if reserve and "event_type_id" not in self.params:
            raise InvalidRequestError("reserve=True needs event_type_id: Cal.com cannot reserve a slot by slug")
        async with LOCKS.hold((self.key, self.start)) if self.has_own_key else nullcontext():
            if self.has_own_key and (existing := await self.find_earlier()):
                return existing
            if check and not await self.retries.read(self.slot.is_available):
                raise await self.slot_taken_error("no search offers this start")
            async with self.reserved() if reserve else nullcontext():
                try:
                    return await run_safely(self.attempt, self.find_existing, self.may_retry, self.retries)
                except CalcomError as error:
                    if is_slot_taken(error):
                        raise await self.slot_taken_error(error.message) from error
                    raise

    @asynccontextmanager
    async def reserved(self) -> AsyncIterator[None]:
        """Hide the slot from searches. A reservation only advises others, so a lost response does not matter."""
        try:
            reservation = await self.slots.reservations.create(
                event_type_id=self.params["event_type_id"],
                start=self.start,
                slot_duration=self.params.get("length_in_minutes"),
            )
            self.reservation_uid = reservation.reservation_uid
        except UnprocessableError as error:
            raise await self.slot_taken_error(error.message) from error
        except CalcomError as error:
            if not may_have_acted(error):
                raise
        try:
            yield
        finally:
            await self.release_reservation()

    async def release_reservation(self) -> None:
        uid, self.reservation_uid = self.reservation_uid, None
        if uid is not None:
            with suppress(CalcomError):
                await self.slots.reservations.delete(uid)

    # The three functions of run_safely.

    async def attempt(self) -> list[Booking]:
        if self.count is None:
            created = [await self.bookings.create(**self.params)]
        else:
            created = await self.bookings.create_series(**self.params)
            if len(created) < self.count:
                raise DecodeError("the response omits occurrences, such as the first of a round-robin series")
        metadata = created[0].metadata
        if metadata is not None and metadata.get(IDEMPOTENCY_KEY) != self.key:
            # The server returns the pending or round-robin booking that the attendee has at this time already.
            raise SlotTakenError(f"the attendee has another booking at this time: {created[0].uid}")
        if self.retries.lost or self.has_own_key:
            return await self.remove_duplicates(created)
        return created

    async def find_existing(self, error: CalcomError) -> list[Booking] | None:
        """Look the booking up after a failed attempt, and cancel a series that was created only in part."""
        if not self.may_have_left_something(error):
            return None
        # The server rejects a series with a conflict although it has created the occurrences before it.
        is_uncertain = self.retries.lost or (self.count is not None and isinstance(error, ConflictError))
        try:
            found = await self.retries.look_up(self.find)
            if found is None and (part := self.partial):
                await self.retries.read(lambda: self.cancel(part))
        except UnknownOutcomeError:
            raise
        except CalcomError as problem:
            if self.retries.lost or self.count is not None or self.partial or is_transient(problem):
                raise self.unknown_outcome(f"the look-up failed: {problem.message}") from error
            return None  # a single booking that was rejected does not exist, even if nobody may list it
        if found is None and is_uncertain and not await self.can_list_bookings():
            raise self.unknown_outcome("these credentials cannot list the bookings of this event type") from error
        return found

    async def may_retry(self, error: CalcomError) -> bool:
        if self.partial or isinstance(error, SlotTakenError):
            return False
        if not is_slot_taken(error):
            return may_have_acted(error)
        if isinstance(error, ApiError) and error.reason in NEVER_AVAILABLE:
            return False
        # Somebody else may have got one of several hosts or seats: the slot shows whether there are more.
        await self.release_reservation()  # it would hide the slot
        await self.retries.sleep_after_conflict(self.conflicts)
        self.conflicts += 1
        with suppress(CalcomError):
            return await self.retries.read(self.slot.is_available)
        return False

    def may_have_left_something(self, error: CalcomError) -> bool:
        """Return whether a failed attempt, or an earlier one, may have created something."""
        if self.retries.lost:
            return True
        if not is_slot_taken(error):
            return False
        # Only for a single booking is a BadRequestError a proof that nothing was created.
        return self.has_own_key or self.count is not None or not isinstance(error, BadRequestError)

    # Look-ups.

    async def find_earlier(self) -> list[Booking] | None:
        """Return what an earlier call with the same key created; cancel a series that it created only in part."""
        try:
            found = await self.retries.read(self.find)
        except (UnauthorizedError, ForbiddenError, BadRequestError):
            return None  # these credentials cannot list the bookings
        if part := self.partial:
            await self.retries.read(lambda: self.cancel(part))
            self.partial = None
        return found

    async def remove_duplicates(self, created: list[Booking]) -> list[Booking]:
        """Return the booking that stays, if another attempt or process has created one too."""
        try:
            active = await self.retries.read(self.list_active)
        except CalcomError:
            return created
        if all((other.uid, other.seat_uid) == (created[0].uid, created[0].seat_uid) for other in active):
            return created
        try:
            return await self.retries.read(self.find) or created
        except UnknownOutcomeError:
            raise
        except CalcomError as error:
            raise self.unknown_outcome(f"a duplicate may exist: {error.message}") from error

    async def find(self) -> list[Booking] | None:
        """Return the booking with this key, or all occurrences of the series; cancel duplicates of it."""
        active = await self.list_active()
        for duplicate in active[1:]:
            # One that was rescheduled is in use: somebody has acted on it since.
            if duplicate.start == self.start and duplicate.rescheduled_from_uid is None:
                await self.cancel(duplicate)
        return await self.complete_series(active[0]) if active else None

    @property
    def filters(self) -> dict[str, Any]:
        """Filters of the look-up: no value that the server may have changed, such as the attendee's email address."""
        return {"event_type_id": self.params["event_type_id"]} if "event_type_id" in self.params else {}

    async def list_active(self) -> list[Booking]:
        """Fetch the bookings and seats that carry the key, as they are now. The one that stays comes first."""
        rows = await bookings_at(self.bookings, self.start, **self.filters)
        own = sorted((booking for row in rows for booking in self.with_key(row)), key=_precedence)
        if own and "event_type_id" not in self.params and (event_type := await self.settings.read()):
            # Two users may have event types with the same slug.
            own = [booking for booking in own if booking.event_type_id in {None, event_type.id}]
        latest = [await self.latest(booking) for booking in own]
        return [booking for booking in latest if not (booking.is_cancelled or booking.is_rejected)]

    def with_key(self, row: Booking) -> Iterator[Booking]:
        """Yield the booking if it carries the key, or each of its seats that does.

        A booking that was rescheduled to this start carries the key of another start. If it was rescheduled from here
        and back, the original booking leads to it. A seat may have been added after that, so seats are not skipped.
        """
        slug, event_type = self.params.get("event_type_slug"), row.event_type
        if "event_type_id" not in self.params and event_type is not None and event_type.slug not in {None, slug}:
            return
        seats = [attendee for attendee in row.attendees or () if attendee.seat_uid]
        for seat in seats:
            if (seat.metadata or {}).get(IDEMPOTENCY_KEY) == self.key:
                yield msgspec.structs.replace(row, seat_uid=seat.seat_uid)
        if not seats and not row.rescheduled_from_uid and (row.metadata or {}).get(IDEMPOTENCY_KEY) == self.key:
            yield row

    async def latest(self, booking: Booking) -> Booking:
        """Return what a booking has become after it was rescheduled."""
        if not booking.rescheduled_to_uid:
            return booking
        latest = (await follow_reschedules(self.bookings, booking))[-1]
        return next(self.with_key(latest), latest)

    async def complete_series(self, first: Booking) -> list[Booking] | None:
        """Return all occurrences of a series. None, and `partial`, if some are missing."""
        if first.recurring_booking_uid is None:
            return [first]
        series = await self.bookings.get_series(first.recurring_booking_uid)
        created = [booking for booking in series if booking.rescheduled_from_uid is None]
        is_partial = len(created) < (self.count or await self.settings.occurrences(first))
        self.partial = first if is_partial else None
        if is_partial:
            return None
        current = [booking for booking in series if not booking.is_rescheduled]
        # Without a count, the caller gets the first occurrence, whenever it takes place now.
        return current if self.count else [first, *(booking for booking in current if booking.uid != first.uid)]

    async def can_list_bookings(self) -> bool:
        """Return whether a look-up would have shown the booking: the owner of an event type sees all its bookings."""
        with suppress(CalcomError):
            return await self.retries.read(self.settings.read) is not None
        return False

    async def cancel(self, booking: Booking) -> None:
        """Cancel a duplicate or an incomplete series. Raise `UnknownOutcomeError` if the server rejects that."""
        try:
            if booking.recurring_booking_uid:
                # The server refuses to cancel a series as a whole once an occurrence of it was rescheduled.
                await self.bookings.cancel_subsequent(booking.uid, reason=CANCELLATION_REASON)
            else:
                await self.bookings.cancel(booking.uid, seat_uid=booking.seat_uid, reason=CANCELLATION_REASON)
        except CalcomError as error:
            if is_transient(error):
                raise
            if isinstance(error, ApiError) and error.reason == "already_cancelled":
                return
            raise self.unknown_outcome(
                f"booking {booking.uid} is a duplicate or an incomplete series and cannot be cancelled: {error.message}"
            ) from error

    # Errors.

    async def slot_taken_error(self, reason: str) -> SlotTakenError:
        return await slot_taken_error(self.slots, self.start, reason, self.slot.event_type)

    def unknown_outcome(self, reason: str) -> UnknownOutcomeError:
        owner = self.params.get("username") or self.params.get("team_slug")
        event_type = self.params.get("event_type_id") or f"{self.params.get('event_type_slug')} of {owner}"
        return UnknownOutcomeError(
            f"the booking may or may not exist: {reason}. Before you retry, look for a booking of event type "
            f"{event_type} at {self.start.isoformat()} with {IDEMPOTENCY_KEY} {self.key} in its metadata",
            lookup=self.filters | {"after_start": self.start, "metadata": {IDEMPOTENCY_KEY: self.key}},
        )


def _slot_query(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of `Slots.search` that select the event type and the length of a booking."""
    slugs = ("event_type_slug", "username", "team_slug", "organization_slug")
    names = ("event_type_id",) if "event_type_id" in params else slugs
    query = {name: params[name] for name in names if name in params}
    return query | {"duration": params.get("length_in_minutes")}


def _precedence(booking: Booking) -> tuple[bool, bool, int, str]:
    """Sort key: of duplicates the lowest id stays, which comes first. An id that could not be read comes last."""
    was_moved_here = booking.rescheduled_from_uid is not None  # a booking whose seats may belong to another start
    return was_moved_here, booking.id is None, booking.id or 0, booking.seat_uid or ""
