"""BookingWatcher: poll the lists of changed and of new bookings, and yield what happened to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from random import random as chance
from typing import Any, TypedDict

from calcom_async.errors import CalcomError, InvalidRequestError, shown
from calcom_async.events import log
from calcom_async.keyset import (
    CREATED,
    EARLIEST,
    MAX_TIME,
    SORTS,
    START,
    UPDATED,
    KeysetError,
    KeysetReader,
    ReadStats,
    SortKey,
    clamped,
    fetch_latest,
)
from calcom_async.list_call import PagedList
from calcom_async.models.bookings import Booking
from calcom_async.models.times import parse_datetime
from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.pages import Pages
from calcom_async.pagination import PageOffset
from calcom_async.resources.booking_lists import BookingList
from calcom_async.watch.booking_changes import BookingChange, change_time
from calcom_async.watch.tracked_bookings import TrackedBookings
from calcom_async.watch.watcher import PolledQuery, Watcher

DEFAULT_LOOKBACK = timedelta(minutes=5)
MAX_LOOKBACK = timedelta(days=1)
MAX_REQUESTS = 20
"""A poll with many changes ends after this many requests, so that they are delivered before the next ones are read."""
MAX_UNDELIVERED = 5_000
"""With this many changes to deliver, no more are read until the reader has taken some."""

ORDERS: tuple[tuple[SortKey, ...], ...] = ((UPDATED, CREATED, START), (CREATED, START))
"""The two lists of a poll. A booking without an update has updatedAt = null, which afterUpdatedAt never matches."""


class WatchFilters(TypedDict, total=False):
    """Filters of `Calcom.watch_bookings`; see `BookingFilters`. `user_ids` is for the bookings of an organization.

    Filters by status or time are missing: a booking that no longer matches them would not be noticed.
    """

    attendee_email: str | None
    attendee_name: str | None
    event_type_ids: list[int] | None
    event_type_id: int | None
    team_ids: list[int] | None
    team_id: int | None
    user_ids: list[int] | None


class _BookingQuery(PolledQuery, eq=False):
    """The only query of a watcher of bookings."""

    is_wanted: bool = False
    """Whether a poll was asked for since the last one began."""


class BookingWatcher(Watcher[_BookingQuery, BookingChange]):
    """Polls bookings and yields their changes. Created by `Calcom.watch_bookings`, which documents the parameters.

    See `Watcher` for `rate`, `random` and `clock`.
    """

    def __init__(
        self,
        bookings: BookingList,
        filters: Mapping[str, Any],
        *,
        interval: float = 60.0,
        since: datetime | str | None = None,
        lookback: timedelta = DEFAULT_LOOKBACK,
        rate_limit_share: float = 0.5,
        jitter: float = 0.1,
        rate: Callable[[], float] | None = None,
        on_error: Callable[[CalcomError], object] | None = None,
        random: Callable[[], float] = chance,
        clock: Callable[[], datetime] = partial(datetime.now, UTC),  # noqa: B008 - it is a function
    ) -> None:
        super().__init__(
            [_BookingQuery()],
            interval=interval,
            rate_limit_share=rate_limit_share,
            concurrency=1,
            jitter=jitter,
            rate=rate,
            random=random,
            clock=clock,
        )
        if not isinstance(lookback, timedelta) or not timedelta() <= lookback <= MAX_LOOKBACK:
            raise InvalidRequestError(f"lookback must be a timedelta from 0 to a day, got {shown(lookback)}")
        _check(bookings, filters)
        self._list = _list(bookings, filters)
        self._raw = self._list.raw()
        self._pending_list = _list(bookings, {**filters, "status": "unconfirmed"})
        self._lookback = lookback
        self._on_error = on_error
        self._bookings = TrackedBookings()
        self._read_until = None if since is None else min(clamped(parse_datetime(since, "since")), clock())
        """Time of the server up to which all changes have been read, except for those that become visible late."""
        self._started_at: datetime | None = None
        """Changes until this time happened before the watcher started, and are not delivered."""
        self._is_checked = False
        self._has_pending = False
        """Whether the bookings that await confirmation have been read."""
        self._requests_sent = 0

    def __repr__(self) -> str:
        if not hasattr(self, "_requests_sent"):
            return "<BookingWatcher, not initialized>"
        return f"<BookingWatcher of {self._list.name} every {self._interval:g} s>"

    @property
    def watermark(self) -> datetime | None:
        """The time to store, and to pass as `since` to a watcher that continues after this one.

        Without `since`, it is None before `start` or the first poll. It covers a change when the loop asks for the next
        one.
        """
        if self._read_until is None:
            return None
        return min([self._read_until, *self._bookings.untaken_times()])

    async def start(self) -> datetime:
        """Find the time from which on changes are delivered, and return it: the first `watermark`.

        If it is stored before the loop, nothing is lost when the process ends before the first change. Without this
        call, the first poll does the same. Takes four requests or, with `since`, two. Transient errors are raised, not
        passed to `on_error`.
        """
        [query] = self._watched
        try:
            await self._start()
        except CalcomError as error:
            self._add_subject(error, query)
            raise
        watermark = self.watermark
        assert watermark
        return watermark

    def feed(self, event: WebhookEvent[Any]) -> None:
        """Poll now, because of a webhook. Events that come during a poll cause one more, however many they are.

        Nothing else of the event is used, so it need not be verified. Call it in the event loop of the reader. After a
        failed poll it does not shorten the delay.
        """
        if not isinstance(event, WebhookEvent):
            raise InvalidRequestError(f"event must be a WebhookEvent, got {shown(event)}")
        [query] = self._watched
        query.is_wanted = True
        if self._scheduler and not query.failures:
            self._scheduler.poll_soon(query)

    def _next_change(self) -> BookingChange | None:
        return self._bookings.pop()

    # Polling.

    async def _poll_once(self, watched: _BookingQuery) -> float:
        watched.is_wanted = False
        if len(self._bookings) >= MAX_UNDELIVERED:
            return min(1.0, self._interval)
        if not await self._read_changes():
            return 0.0
        return 0.0 if watched.is_wanted else self._poll_interval()

    async def _read_changes(self) -> bool:
        """Read what has changed; return whether that was all."""
        # Not the time at the end: changes that happen while the first page is read may stand before those read last.
        now = self._clock()
        self._requests_sent = 0
        await self._start()
        assert self._read_until
        after, until = self._read_until - self._lookback, MAX_TIME
        latest = self._read_until
        for keys in ORDERS:
            last, until = await self._read(keys, after, until)
            latest = max(latest, last)
        # A time in the future, from a wrong clock, must not hide the changes before it.
        self._read_until = max(self._read_until, min(latest, until, now))
        self._started_at = None
        self._bookings.release_replaced(self._clock() - self._lookback)
        self._bookings.forget(self._read_until - self._lookback, now)
        return until == MAX_TIME

    async def _start(self) -> None:
        """Check the list, and find out where changes begin, unless that was done."""
        now = self._clock()
        if not self._is_checked:
            await self._check_filter()
        if self._read_until is None:
            self._started_at = await self._fetch_last_change()
            self._read_until = min(self._started_at, now)
        if not self._has_pending:
            await self._read_pending(self._read_until - self._lookback)

    async def _check_filter(self) -> None:
        """Raise `InvalidRequestError` if the server does not filter this list by update."""
        page = await self._raw.fetch_page(PageOffset(0, 1), {**dict.fromkeys(SORTS), UPDATED.after: MAX_TIME})
        self._requests_sent += 1
        if page.items:
            raise InvalidRequestError(
                f"cannot watch the list {self._list.name}: this server does not filter it by update. Watch your own "
                "bookings, or those of the organization with the filter team_ids"
            )
        self._is_checked = True

    async def _fetch_last_change(self) -> datetime:
        """Return the time of the latest change."""
        updated, _ = await fetch_latest(self._raw.fetch_page, UPDATED, {UPDATED.after: EARLIEST})
        created, _ = await fetch_latest(self._raw.fetch_page, CREATED)
        self._requests_sent += 2
        return max(updated or EARLIEST, created or EARLIEST)

    async def _read_pending(self, changed_before: datetime) -> None:
        """Keep the bookings that await confirmation. Polls find those that have changed since that time."""
        self._requests_sent += 1
        async for booking in Pages(self._pending_list):
            if change_time(booking) < changed_before:
                self._bookings.add_pending(booking)
        self._has_pending = True

    async def _read(self, keys: tuple[SortKey, ...], after: datetime, until: datetime) -> tuple[datetime, datetime]:
        """Read one of the two lists; return the time of its last row, and the time until which all were read.

        Reading by keyset loses no booking that is changed meanwhile: it moves to the end of the list, which is read
        last. If the last page has been read by then, the next poll finds it.
        """
        assert self._read_until
        last = after
        stats = ReadStats()
        reader = KeysetReader(self._raw.fetch_page, keys, after=after, until=until, ends_short=True, stats=stats)
        try:
            async with aclosing(reader.chunks()) as chunks:
                async for chunk in chunks:
                    now = self._clock()
                    for row in chunk.rows:
                        self._note(self._list.decode_row(row), now, after)
                    last = max([last, *chunk.moments[-1:]])
                    if stats.requests >= MAX_REQUESTS and chunk.done and chunk.done > self._read_until:
                        return last, chunk.done
        except KeysetError:
            self._is_checked = False  # perhaps the list was empty when it was checked
            raise
        finally:
            self._requests_sent += stats.requests
        return last, until

    def _note(self, booking: Booking, now: datetime, after: datetime) -> None:
        is_known = self._started_at is not None and change_time(booking) <= self._started_at
        self._bookings.note(booking, now, new_since=after, is_known=is_known)

    def _subject(self, watched: _BookingQuery) -> str:  # noqa: ARG002
        return f"the list {self._list.name}"

    def _report(self, watched: _BookingQuery, error: CalcomError) -> None:  # noqa: ARG002
        if self._on_error is not None:
            self._on_error(error)
        else:
            log.warning("polling the changed bookings failed, will retry: %s", error)

    def _requests_per_poll(self) -> int:
        return max(self._requests_sent, len(ORDERS))


def _check(bookings: object, filters: Mapping[str, Any]) -> None:
    """Raise `InvalidRequestError` for a wrong list or filter."""
    if not isinstance(bookings, BookingList):
        raise InvalidRequestError(
            f"bookings must be a list of bookings, such as cal.organization(7).bookings, got {shown(bookings)}"
        )
    allowed = WatchFilters.__annotations__
    if unknown := filters.keys() - allowed:
        raise InvalidRequestError(
            f"{min(unknown)!r} cannot be a filter of a watcher. Choose from {', '.join(sorted(allowed))}"
        )


def _list(bookings: Any, filters: Mapping[str, Any]) -> PagedList[Booking]:
    """Return a list to poll."""
    pages: Pages[Booking] = bookings.list(**filters)
    return pages.list_call.by_offset().at_lower_priority()
