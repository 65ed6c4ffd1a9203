"""Operations of the client on bookings that take several requests; the steps are in `booking/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import msgspec

from calcom_async.client_resources import ClientResources
from calcom_async.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime, timedelta

    from calcom_async.booking import AgendaDay, BookingLink
    from calcom_async.errors import CalcomError
    from calcom_async.models.bookings import Attendee, Booking
    from calcom_async.resources.booking_lists import BookingList
    from calcom_async.resources.bookings import BookingFields, RescheduleFields
    from calcom_async.resources.slots import Slots
    from calcom_async.watch import BookingWatcher
    from calcom_async.watch.booking_watcher import WatchFilters


class ClientBooking(ClientResources):
    """Book, reschedule and list bookings safely, through the resources of the client."""

    config: Config

    async def book(
        self,
        *,
        start: datetime | str,
        attendee: Attendee,
        idempotency_key: str | None = None,
        check: bool = True,
        reserve: bool = False,
        total_timeout: float | None = None,
        **fields: Unpack[BookingFields],
    ) -> Booking:
        """Create one booking, even if responses are lost. Takes the fields of `bookings.create`.

        Books every slot that a search in some time zone offers; `check=False` skips that search, and so allows start
        times outside the slot grid. `reserve=True` hides the slot from others while it is booked. Of a recurring event
        type all occurrences are booked or none, and the first is returned. `total_timeout` replaces that of the config.

        With an `idempotency_key`, such as an order number, a later call with the same key, event type and start returns
        that booking as it is now, rescheduled or not, unless it was cancelled or rejected.

        Raises `SlotTakenError`, with `alternatives`, if the time is not free, and `UnknownOutcomeError`, with what to
        look for, if no look-up can tell whether a booking was made, as for event types whose bookings you cannot list.
        Any other error means that nothing was booked. The server does not guarantee three things. Where a host has to
        confirm, several attendees can hold pending bookings of one slot (`reserve=True` keeps callers of this method
        apart). A seated event type can get more attendees than seats. A seat that was rescheduled leaves no trace, so
        its idempotency key finds nothing.
        """
        from calcom_async.booking import book

        return await book(
            self.bookings,
            self._slots_of_checks(),
            self.event_types,
            start=start,
            attendee=attendee,
            idempotency_key=idempotency_key,
            check=check,
            reserve=reserve,
            **self._retries(total_timeout),
            **fields,
        )

    async def book_series(
        self,
        *,
        start: datetime | str,
        attendee: Attendee,
        recurrence_count: int,
        idempotency_key: str | None = None,
        check: bool = True,
        reserve: bool = False,
        total_timeout: float | None = None,
        **fields: Unpack[BookingFields],
    ) -> list[Booking]:
        """Create `recurrence_count` occurrences of a recurring event type, or none. Otherwise like `book`.

        Returns the occurrences in order of their start. For an event type that does not recur, the server ignores the
        count, and the list has one booking.
        """
        from calcom_async.booking import book_series

        return await book_series(
            self.bookings,
            self._slots_of_checks(),
            self.event_types,
            start=start,
            attendee=attendee,
            recurrence_count=recurrence_count,
            idempotency_key=idempotency_key,
            check=check,
            reserve=reserve,
            **self._retries(total_timeout),
            **fields,
        )

    async def reschedule(
        self, uid: str, *, start: datetime | str, total_timeout: float | None = None, **fields: Unpack[RescheduleFields]
    ) -> Booking:
        """Move a booking, or one seat of it, once. Return the booking as it is now, which has a new `uid`.

        The `uid` from before an earlier reschedule stands for the booking as it is now. If a response is lost, the
        chain of reschedules shows whether Cal.com has acted. Raises `SlotTakenError` if the time is not free.
        """
        from calcom_async.booking import reschedule

        return await reschedule(
            self.bookings,
            self.slots,
            uid,
            start=start,
            **self._retries(total_timeout),
            **fields,
        )

    async def cancel(
        self,
        uid: str,
        *,
        reason: str | None = None,
        seat_uid: str | None = None,
        following: bool = False,
        total_timeout: float | None = None,
    ) -> Booking:
        """Cancel a booking, one seat of it, or an occurrence of a series and all `following` ones. Return the booking.

        If the response is lost, the booking shows whether Cal.com has acted; if not, the request is sent again. Raises
        `UnknownOutcomeError` if it cannot be read. Hosts must usually give a `reason`.
        """
        from calcom_async.booking import cancel

        return await cancel(
            self.bookings, uid, reason=reason, seat_uid=seat_uid, following=following, **self._retries(total_timeout)
        )

    async def confirm(self, uid: str, *, total_timeout: float | None = None) -> Booking:
        """Accept a pending booking. Cal.com does not check for conflicts.

        Reads the booking first, and raises `InvalidRequestError` if it is not pending: `bookings.confirm` would also
        restore a cancelled or declined one. A lost response is handled as by `cancel`.
        """
        from calcom_async.booking import confirm

        return await confirm(self.bookings, uid, **self._retries(total_timeout))

    async def decline(self, uid: str, *, reason: str | None = None, total_timeout: float | None = None) -> Booking:
        """Decline a pending booking, as `confirm` accepts one. The attendee receives the reason."""
        from calcom_async.booking import decline

        return await decline(self.bookings, uid, reason=reason, **self._retries(total_timeout))

    def _slots_of_checks(self) -> Slots:
        """Return `slots` whose searches join none in flight: it may be older than a change that a check must see."""
        from calcom_async.resources.slots import Slots

        return Slots(msgspec.structs.replace(self._context, slot_searches=None))

    def _retries(self, total_timeout: float | None) -> dict[str, float]:
        """Return how long a composed operation retries, and the first pause."""
        timeout = self.config.total_timeout if total_timeout is None else total_timeout
        return {"total_timeout": timeout, "pause": self.config.backoff_base}

    async def agenda(self, start: date | str, *, days: int = 1, time_zone: str | None = None) -> list[AgendaDay]:
        """Return the accepted and pending bookings that the user hosts or attends, for each day from `start`.

        Days are those of `time_zone`, by default that of the user. A day without bookings has an empty list, and a
        booking over midnight is on both days. Takes one request for the user, and one per 250 bookings.
        """
        from calcom_async.booking import agenda

        return await agenda(self.bookings, await self.me.get(), start=start, days=days, time_zone=time_zone)

    def watch_bookings(
        self,
        bookings: BookingList | None = None,
        *,
        interval: float = 60.0,
        since: datetime | str | None = None,
        lookback: timedelta | None = None,
        rate_limit_share: float = 0.5,
        on_error: Callable[[CalcomError], object] | None = None,
        **filters: Unpack[WatchFilters],
    ) -> BookingWatcher:
        """Poll bookings: `async for change in cal.watch_bookings()` yields a `BookingChange` for each that has changed.

        `bookings` are by default those of `cal.bookings.list()`; another list is `cal.organization(7).bookings`. A list
        that the server cannot filter by update raises `InvalidRequestError` in the loop: servers of 2025 cannot filter
        the bookings of teams. Deleted bookings are not noticed, nor are those that leave the list, for example because
        another host takes over, nor changes that the server makes without a new `updated_at`.

        A change holds the latest state of a booking next to the one delivered before. So there is one change for
        everything that happened between two polls, and a slow reader gets merged changes. A booking that was made and
        cancelled in between is one change, "cancelled". A reschedule is one change with both uids, "rescheduled", also
        if the new booking has been cancelled by then. But if a seat of a shared booking moves, the server does not say
        where to: the old booking is "updated" or "cancelled", and the new one "created" or "updated".

        Without `since`, changes are delivered from now on. To continue in another process, store `watcher.watermark`
        and pass it as `since`. Then no change is lost, but those of the last `lookback` (5 minutes) come again. The
        watermark covers a change when the loop asks for the next one, or when a second loop begins. `await
        watcher.start()` returns it before the first change. `lookback` is also how long a change may take to become
        visible, and how long the old half of a reschedule waits for the new one.

        States are kept for as long as `lookback`, and until their end for bookings that await confirmation. If the
        previous state is not known (`change.previous` is None), the kind is inferred: a booking created since the last
        poll is "created" or "rescheduled". Any other one is "cancelled" or "rejected" if that is its status now, and
        else "updated".

        A poll costs two requests, more if over 100 bookings have changed within `lookback`, and the first one a few
        more. Polls use at most `rate_limit_share` of the rate limit, with a lower priority than other calls.
        `watcher.feed(webhook_event)` makes the next poll due now. Transient errors go to `on_error`, or else to the
        log; other errors are raised in the loop. Leaving the loop ends the polls; to end them at a defined point, use
        `contextlib.aclosing` or `await watcher.aclose()`.
        """
        from calcom_async.watch.booking_watcher import DEFAULT_LOOKBACK, BookingWatcher

        return BookingWatcher(
            self.bookings if bookings is None else bookings,
            filters,
            interval=interval,
            since=since,
            lookback=DEFAULT_LOOKBACK if lookback is None else lookback,
            rate_limit_share=rate_limit_share,
            rate=self._requests_per_second,
            on_error=on_error,
        )

    def _requests_per_second(self) -> float:
        """Return how many requests the rate limit allows."""
        raise NotImplementedError

    def link(self, url: str) -> BookingLink:
        """Return what a booking link leads to, such as `https://cal.com/ana/30min`; no request, the link is not opened.

        `await link.slots(...)` searches for free slots, `await link.book(...)` books. The host must be that of
        `Config.booking_url`, or a subdomain of it for an organization. Raises `InvalidRequestError` for another host.
        """
        from calcom_async.booking import BookingLink
        from calcom_async.booking_links import parse_booking_link

        return BookingLink(
            parse_booking_link(url, self.config.booking_url),
            slots=self.slots,
            event_types=self.event_types,
            book=self.book,
        )
