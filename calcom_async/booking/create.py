"""book() and book_series(): create a booking, a seat or a series once, even if responses are lost."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Unpack

from calcom_async.booking.availability import EventTypeSettings, SlotCheck, is_slot_taken, slot_taken_error
from calcom_async.booking.booking_request import IDEMPOTENCY_KEY, BookingRequest, check_request
from calcom_async.booking.key_locks import KeyLocks
from calcom_async.booking.keyed_bookings import KeyedBookings
from calcom_async.booking.reconcile import DEFAULT_PAUSE, Retries, run_safely
from calcom_async.booking.slot_reservation import SlotReservation
from calcom_async.error_reasons import Reason
from calcom_async.errors import (
    ApiError,
    BadRequestError,
    CalcomError,
    ConflictError,
    DecodeError,
    InvalidRequestError,
    SlotTakenError,
    UnknownOutcomeError,
    in_range,
    is_transient,
    may_have_acted,
    shown,
)
from calcom_async.models.bookings import Attendee, Booking
from calcom_async.resources.bookings import BookingFields, Bookings
from calcom_async.resources.event_types import EventTypes
from calcom_async.resources.slots import Slots

UNCHECKED = ("allow_conflicts", "allow_booking_out_of_bounds", "skip_booking_limits")
"""Fields with which a host books a time that no search offers."""


NEVER_AVAILABLE: Collection[Reason | None] = ("already_booked_by_attendee", "outside_booking_window")
"""Rejections of a slot that no retry changes."""

LOCKS = KeyLocks()
"""Calls with the same key and start wait for each other, in all threads of this process."""


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
    request = check_request({"start": start, "attendee": attendee, **fields}, idempotency_key, reserve=reserve)
    retries = Retries.start(total_timeout, pause)
    created = await _book_once(bookings, slots, event_types, request, retries, check=check, reserve=reserve)
    return created[0]


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
    all_fields = {"start": start, "attendee": attendee, "recurrence_count": recurrence_count, **fields}
    request = check_request(all_fields, idempotency_key, reserve=reserve)
    retries = Retries.start(total_timeout, pause)
    return await _book_once(bookings, slots, event_types, request, retries, check=check, reserve=reserve)


async def _book_once(
    bookings: Bookings,
    slots: Slots,
    event_types: EventTypes,
    request: BookingRequest,
    retries: Retries,
    *,
    check: bool,
    reserve: bool,
) -> list[Booking]:
    """Book, unless an earlier call with the caller's key has done so. Return all occurrences of a series."""
    settings = EventTypeSettings(event_types, request.params)
    slot = SlotCheck(slots, request.start, request.slot_query, request.attendee.time_zone, settings)
    keyed = KeyedBookings(bookings, request, settings, retries)
    reservation = SlotReservation(slots, request)
    creation = _Creation(bookings, request, slot, keyed, reservation, retries)
    # The order matters. Under the lock, an earlier call with this key has either booked or failed. The look-up comes
    # before the check, because a booking that exists makes its own slot unavailable. The check comes before the
    # reservation, which hides the slot from every search, ours too.
    async with LOCKS.hold((request.key, request.start)) if request.has_own_key else nullcontext():
        if request.has_own_key and (existing := await keyed.find_earlier()):
            return existing
        is_checked = check and not any(request.params.get(name) for name in UNCHECKED)
        if is_checked and not await retries.read(slot.is_available):
            raise await slot_taken_error(slots, request.start, "no search offers this start", request.slot_query)
        if reserve:
            await reservation.create()
        try:
            return await run_safely(creation.attempt, creation.find_existing, creation.may_retry, retries)
        except CalcomError as error:
            if not is_slot_taken(error):
                raise
            raise await slot_taken_error(slots, request.start, error.message, request.slot_query) from error
        finally:
            # Booking does not end a reservation, which would hide the slot for its remaining minutes.
            await reservation.release()


@dataclass
class _Creation:
    """The three functions that `run_safely` calls to create the booking of one request."""

    bookings: Bookings
    request: BookingRequest
    slot: SlotCheck
    keyed: KeyedBookings
    reservation: SlotReservation
    retries: Retries
    conflicts: int = 0

    async def attempt(self) -> list[Booking]:
        """Create the booking or the series with one request, and cancel duplicates if there may be any."""
        count = self.request.count
        if count is None:
            created = [await self.bookings.create(**self.request.params)]
        else:
            created = await self.bookings.create_series(**self.request.params)
            if len(created) < count:
                # A DecodeError counts as a lost response, so a look-up follows, which finds all occurrences.
                raise DecodeError("the response omits occurrences, such as the first of a round-robin series")
        # A response without metadata says nothing about the key.
        metadata = created[0].metadata
        if metadata is not None and metadata.get(IDEMPOTENCY_KEY) != self.request.key:
            # The server returns the pending or round-robin booking that the attendee has at this time already.
            raise SlotTakenError(f"the attendee has another booking at this time: {created[0].uid}")
        # Otherwise this was the only request with this key, so there is no duplicate to look for.
        if self.retries.lost or self.request.has_own_key:
            return await self.keyed.remove_duplicates(created)
        return created

    async def find_existing(self, error: CalcomError) -> list[Booking] | None:
        """Look the booking up after a failed attempt, and cancel a series that was created only in part."""
        if not self.may_have_left_something(error):
            return None
        is_series = self.request.count is not None
        # The server rejects a series with a conflict although it has created the occurrences before it.
        is_uncertain = self.retries.lost or (is_series and isinstance(error, ConflictError))
        try:
            existing = await self.retries.look_up(self.keyed.find)
            if existing is None:
                await self.keyed.cancel_partial()
        except UnknownOutcomeError:
            raise
        except CalcomError as problem:
            if self.retries.lost or is_series or self.keyed.partial or is_transient(problem):
                raise self.keyed.unknown_outcome(f"the look-up failed: {problem.message}") from error
            return None  # a single booking that was rejected does not exist, even if nobody may list it
        if existing is None and is_uncertain and not await self.keyed.can_list_bookings():
            reason = "these credentials cannot list the bookings of this event type"
            raise self.keyed.unknown_outcome(reason) from error
        return existing

    def may_have_left_something(self, error: CalcomError) -> bool:
        """Return whether a failed attempt, or an earlier one, may have created something."""
        if self.retries.lost:
            return True
        if not is_slot_taken(error):
            return False
        # Only for a single booking is a BadRequestError a proof that nothing was created.
        return self.request.has_own_key or self.request.count is not None or not isinstance(error, BadRequestError)

    async def may_retry(self, error: CalcomError) -> bool:
        """Return whether another attempt can succeed. After a conflict, wait and search the slot again."""
        if self.keyed.partial or isinstance(error, SlotTakenError):
            return False
        if not is_slot_taken(error):
            return may_have_acted(error)
        if isinstance(error, ApiError) and error.reason in NEVER_AVAILABLE:
            return False
        # Somebody else may have got one of several hosts or seats: the slot shows whether there are more.
        await self.reservation.release()  # it would hide the slot
        await self.retries.sleep_after_conflict(self.conflicts)
        self.conflicts += 1
        with suppress(CalcomError):
            return await self.retries.read(self.slot.is_available)
        return False
