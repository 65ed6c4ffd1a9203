"""KeyedBookings: find the bookings that carry an idempotency key, and cancel those that are one too many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from calcom_async.booking.availability import EventTypeSettings
from calcom_async.booking.booking_request import IDEMPOTENCY_KEY, BookingRequest
from calcom_async.booking.lookup import bookings_at, follow_reschedules
from calcom_async.booking.reconcile import Retries
from calcom_async.errors import (
    ApiError,
    BadRequestError,
    CalcomError,
    ForbiddenError,
    UnauthorizedError,
    UnknownOutcomeError,
    is_transient,
)
from calcom_async.models.bookings import Booking
from calcom_async.resources.bookings import Bookings

CANCELLATION_REASON = "Duplicate or incomplete booking of an interrupted request"


@dataclass
class KeyedBookings:
    """The bookings on the server that carry the key of one call."""

    bookings: Bookings
    request: BookingRequest
    settings: EventTypeSettings
    retries: Retries
    partial: Booking | None = None
    """An occurrence of a series that lacks others, as the last look-up has found it."""

    async def find_earlier(self) -> list[Booking] | None:
        """Return what an earlier call with the same key created; cancel a series that it created only in part."""
        try:
            existing = await self.retries.read(self.find)
        except (UnauthorizedError, ForbiddenError, BadRequestError):
            return None  # these credentials cannot list the bookings
        if self.partial:
            await self.cancel_partial()
            self.partial = None
        return existing

    async def find(self) -> list[Booking] | None:
        """Return the booking with this key, or all occurrences of the series; cancel duplicates of it."""
        # Every process that sees duplicates cancels the same ones, because all of them keep the lowest id.
        active = await self.list_active()
        for duplicate in active[1:]:
            # One that was rescheduled is in use: somebody has acted on it since.
            if duplicate.start == self.request.start and duplicate.rescheduled_from_uid is None:
                await self.cancel(duplicate)
        return await self.complete_series(active[0]) if active else None

    async def list_active(self) -> list[Booking]:
        """Fetch the bookings and seats that carry the key, as they are now. The one that stays comes first."""
        request = self.request
        rows = await bookings_at(self.bookings, request.start, **request.filters)
        keyed = sorted((booking for row in rows for booking in self.with_key(row)), key=precedence)
        if keyed and request.event_type_id is None and (event_type := await self.settings.read()):
            # Two users may have event types with the same slug.
            keyed = [booking for booking in keyed if booking.event_type_id in {None, event_type.id}]
        latest = [await self.latest(booking) for booking in keyed]
        return [booking for booking in latest if not (booking.is_cancelled or booking.is_rejected)]

    def with_key(self, row: Booking) -> Iterator[Booking]:
        """Yield the booking if it carries the key, or each of its seats that does.

        A booking that was rescheduled to this start carries the key of another start. If it was rescheduled from here
        and back, the original booking leads to it. A seat may have been added after that, so seats are not skipped.
        """
        slug, event_type = self.request.params.get("event_type_slug"), row.event_type
        if self.request.event_type_id is None and event_type is not None and event_type.slug not in {None, slug}:
            return
        # On seated bookings the metadata of each seat counts, instead of that of the booking.
        seats = [attendee for attendee in row.attendees or () if attendee.seat_uid]
        for seat in seats:
            if (seat.metadata or {}).get(IDEMPOTENCY_KEY) == self.request.key:
                yield msgspec.structs.replace(row, seat_uid=seat.seat_uid)
        metadata = row.metadata or {}
        if not seats and not row.rescheduled_from_uid and metadata.get(IDEMPOTENCY_KEY) == self.request.key:
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
        count = self.request.count
        series = await self.bookings.get_series(first.recurring_booking_uid)
        created = [booking for booking in series if booking.rescheduled_from_uid is None]
        is_partial = len(created) < (count or await self.settings.occurrences(first))
        self.partial = first if is_partial else None
        if is_partial:
            return None
        current = [booking for booking in series if not booking.is_rescheduled]
        # Without a count, the caller gets the first occurrence, whenever it takes place now.
        return current if count else [first, *(booking for booking in current if booking.uid != first.uid)]

    async def remove_duplicates(self, created: list[Booking]) -> list[Booking]:
        """Return the booking that stays, if another attempt or process has created one too."""
        try:
            active = await self.retries.read(self.list_active)
        except CalcomError:
            return created  # the booking exists, and nothing indicates that there are two
        if all((other.uid, other.seat_uid) == (created[0].uid, created[0].seat_uid) for other in active):
            return created
        try:
            return await self.retries.read(self.find) or created
        except UnknownOutcomeError:
            raise
        except CalcomError as error:
            raise self.unknown_outcome(f"a duplicate may exist: {error.message}") from error

    async def can_list_bookings(self) -> bool:
        """Return whether a look-up would have shown the booking: the owner of an event type sees all its bookings."""
        with suppress(CalcomError):
            return await self.retries.read(self.settings.read) is not None
        return False

    async def cancel_partial(self) -> None:
        """Cancel the series that `complete_series` has found to be incomplete, if any."""
        if partial := self.partial:
            await self.retries.read(lambda: self.cancel(partial))

    async def cancel(self, booking: Booking) -> None:
        """Cancel a duplicate or an incomplete series. Raise `UnknownOutcomeError` if the server rejects that."""
        try:
            if booking.recurring_booking_uid:
                # The server rejects cancelling a whole series once an occurrence of it was rescheduled.
                await self.bookings.cancel_subsequent(booking.uid, reason=CANCELLATION_REASON)
            else:
                await self.bookings.cancel(booking.uid, seat_uid=booking.seat_uid, reason=CANCELLATION_REASON)
        except CalcomError as error:
            if is_transient(error):
                raise
            if isinstance(error, ApiError) and error.reason == "already_cancelled":
                return  # another process has seen the same duplicate
            raise self.unknown_outcome(
                f"booking {booking.uid} is a duplicate or an incomplete series and cannot be cancelled: {error.message}"
            ) from error

    def unknown_outcome(self, reason: str) -> UnknownOutcomeError:
        """Return the error for an outcome that no look-up could determine."""
        request, params = self.request, self.request.params
        owner = params.get("username") or params.get("team_slug")
        event_type = request.event_type_id or f"{params.get('event_type_slug')} of {owner}"
        return UnknownOutcomeError(
            f"the booking may or may not exist: {reason}",
            lookup=request.filters | {"after_start": request.start, "metadata": {IDEMPOTENCY_KEY: request.key}},
            hint=f"Before you retry, look for a booking of event type {event_type} at {request.start.isoformat()} with "
            f"{IDEMPOTENCY_KEY} {request.key} in its metadata",
        )


def precedence(booking: Booking) -> tuple[bool, bool, int, str]:
    """Sort key: of duplicates the lowest id stays, which comes first. An id that could not be read comes last."""
    was_moved_here = booking.rescheduled_from_uid is not None  # a booking whose seats may belong to another start
    return was_moved_here, booking.id is None, booking.id or 0, booking.seat_uid or ""
