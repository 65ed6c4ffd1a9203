"""cancel(), confirm() and decline(): change the status of a booking, even if the response is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from calcom_async.booking.reconcile import DEFAULT_PAUSE, Retries, run_safely
from calcom_async.errors import CalcomError, InvalidRequestError, NotFoundError, UnknownOutcomeError, may_have_acted
from calcom_async.models.bookings import Booking
from calcom_async.resources.bookings import Bookings


async def cancel(
    bookings: Bookings,
    uid: str,
    *,
    reason: str | None = None,
    seat_uid: str | None = None,
    following: bool = False,
    total_timeout: float | None = None,
    pause: float = DEFAULT_PAUSE,
) -> Booking:
    """Cancel a booking, one seat of it, or with `following` an occurrence of a series and all later ones."""
    if following and seat_uid is not None:
        raise InvalidRequestError("following=True cancels whole bookings, so it cannot be combined with seat_uid")

    async def attempt() -> Booking:
        """Cancel with one request."""
        if not following:
            return await bookings.cancel(uid, reason=reason, seat_uid=seat_uid)
        # The response is the whole series, also the occurrences before this one.
        series = await bookings.cancel_subsequent(uid, reason=reason)
        return next((booking for booking in series if booking.uid == uid), series[0])

    async def find() -> Booking | None:
        """Return the booking if it, or the seat, is cancelled."""
        booking = await bookings.get(uid)
        # A booking that was moved is cancelled as well, but its meeting still takes place.
        is_done = booking.is_cancelled and not booking.is_rescheduled
        if not is_done and seat_uid is not None:
            is_done = await _is_cancelled_seat(bookings, seat_uid)
        return booking if is_done else None

    return await _decide(uid, "cancelled", attempt, find, Retries.start(total_timeout, pause))


async def _is_cancelled_seat(bookings: Bookings, seat_uid: str) -> bool:
    try:
        await bookings.get_by_seat(seat_uid)
    except NotFoundError:
        return True
    return False


async def confirm(
    bookings: Bookings, uid: str, *, total_timeout: float | None = None, pause: float = DEFAULT_PAUSE
) -> Booking:
    """Accept a pending booking."""
    await _require_pending(bookings, uid)

    async def attempt() -> Booking:
        """Accept with one request."""
        return await bookings.confirm(uid)

    async def find() -> Booking | None:
        """Return the booking if it is accepted."""
        booking = await bookings.get(uid)
        return booking if booking.is_accepted else None

    return await _decide(uid, "confirmed", attempt, find, Retries.start(total_timeout, pause))


async def decline(
    bookings: Bookings,
    uid: str,
    *,
    reason: str | None = None,
    total_timeout: float | None = None,
    pause: float = DEFAULT_PAUSE,
) -> Booking:
    """Decline a pending booking."""
    await _require_pending(bookings, uid)

    async def attempt() -> Booking:
        """Decline with one request."""
        return await bookings.decline(uid, reason=reason)

    async def find() -> Booking | None:
        """Return the booking if it is declined."""
        booking = await bookings.get(uid)
        return booking if booking.is_rejected else None

    return await _decide(uid, "declined", attempt, find, Retries.start(total_timeout, pause))


async def _require_pending(bookings: Bookings, uid: str) -> None:
    """Raise if the booking is not pending. The server would restore a cancelled one.

    Recorded from a self-hosted server of 2026-07: 200, and the cancelled or declined booking is accepted again.
    """
    booking = await bookings.get(uid)
    if not booking.is_pending:
        raise InvalidRequestError(f"booking {uid} is {booking.status}, not pending")


async def _decide(
    uid: str,
    decided: str,
    attempt: Callable[[], Awaitable[Booking]],
    find: Callable[[], Awaitable[Booking | None]],
    retries: Retries,
) -> Booking:
    """Run `attempt`. After a lost response, `find` returns the booking if it is decided."""

    async def find_existing(error: CalcomError) -> Booking | None:
        """Look the booking up, but only after a lost response: any other error is the server's answer."""
        if not retries.lost:
            return None
        try:
            return await retries.look_up(find)
        except CalcomError as problem:
            raise UnknownOutcomeError(
                f"the booking may or may not have been {decided}: the look-up failed: {problem.message}",
                lookup={"uid": uid},
                hint=f"Before you retry, check the status of booking {uid}",
            ) from error

    async def may_retry(error: CalcomError) -> bool:
        """Retry after a lost response only. A second request does no harm, because nothing has changed yet."""
        return may_have_acted(error)

    return await run_safely(attempt, find_existing, may_retry, retries)
