"""Check whether a start is on offer, and find free slots near one that is not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from calcom_async.booking.slot_searches import Search, fallback_searches
from calcom_async.error_reasons import Reason
from calcom_async.errors import (
    ApiError,
    BadRequestError,
    CalcomError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    SlotTakenError,
    is_transient,
)
from calcom_async.models.bookings import Booking
from calcom_async.models.event_types import EventType
from calcom_async.models.slots import Slot
from calcom_async.models.times import parse_datetime
from calcom_async.resources.event_types import EventTypes
from calcom_async.resources.slots import Slots, has_room
from calcom_async.time_ranges import DAY, SECOND

MAX_ALTERNATIVES = 10

NOT_FREE: Collection[Reason | None] = ("slot_taken", "outside_booking_window", "no_seats_left")
"""Reasons of a rejected request that mean that the time is not free."""


def is_slot_taken(error: CalcomError) -> bool:
    """Return whether Cal.com rejected the request because the time is not free."""
    if isinstance(error, BadRequestError):
        return error.reason in NOT_FREE
    return isinstance(error, ConflictError | SlotTakenError)


def parse_start(start: datetime | str) -> datetime:
    """Return a start in UTC and without microseconds, as Cal.com stores it."""
    # The server keeps seconds and cuts off the rest, so a look-up by the exact start would find nothing.
    parsed = parse_datetime(start, "start")
    try:
        moment = parsed.astimezone(UTC).replace(microsecond=0)
        days_around(moment)
    except OverflowError:
        raise InvalidRequestError(f"start is out of range: {parsed.isoformat()}") from None
    return moment


def days_around(start: datetime) -> Search:
    """Return the search from the day before to a week later: whole days in UTC, since a start moves the slot grid."""
    midnight = start.replace(hour=0, minute=0, second=0)
    return {"start": midnight - DAY, "end": midnight + 7 * DAY}


async def slot_taken_error(
    slots: Slots, start: datetime, reason: str, event_type: Mapping[str, Any] | None
) -> SlotTakenError:
    """Return the error for a start that is not free, with the nearest free slots if a search for them succeeds.

    `event_type` holds the keywords of `Slots.search` that select the event type; None if it is unknown.
    """
    free: list[Slot] = []
    if event_type is not None:
        # The caller needs to know that the slot is taken, even if the search for others fails.
        with suppress(CalcomError):
            days = await slots.search(**days_around(start), **event_type)
            free = [slot for slot in days.slots() if has_room(slot) and slot.start != start]
    nearest = sorted(free, key=lambda slot: abs(slot.start - start))[:MAX_ALTERNATIVES]
    return SlotTakenError(
        f"{start.isoformat()} is not free: {reason}",
        alternatives=nearest,
        hint=f"Choose from `alternatives`; the nearest free slot is {nearest[0].start.isoformat()}" if nearest else "",
    )


@dataclass
class EventTypeSettings:
    """The event type that a booking names, as far as the credentials may read it."""

    event_types: EventTypes
    params: Mapping[str, Any]
    """The keywords of `Bookings.create`."""
    _event_type: EventType | None = None

    async def read(self) -> EventType | None:
        """Fetch the event type once; None if the credentials may not read it. Transient errors are raised."""
        if self._event_type is None:
            try:
                self._event_type = await self._fetch()
            except ApiError as error:
                if is_transient(error):
                    raise
        return self._event_type

    async def _fetch(self) -> EventType | None:
        """Fetch the event type, by its slug with one request more. That of a team cannot be found by its slug."""
        event_type_id: int | None = self.params.get("event_type_id")
        if event_type_id is None and "username" in self.params:
            public = await self.event_types.list(
                username=self.params["username"],
                event_slug=self.params["event_type_slug"],
                organization_slug=self.params.get("organization_slug"),
            ).first()
            event_type_id = public.id if public else None
        # The list contains public event types of anyone. `get` works only for those that the credentials may read.
        return None if event_type_id is None else await self.event_types.get(event_type_id)

    async def occurrences(self, booking: Booking) -> int:
        """Fetch how many occurrences a series has, 1 if the credentials may not read that."""
        with suppress(NotFoundError, ForbiddenError):
            event_type = await self.event_types.get(booking.event_type_id or 0)
            return getattr(event_type.recurrence, "occurrences", None) or 1
        return 1


@dataclass
class SlotCheck:
    """Checks one start. The starts that a search offers depend on its time zone and range, so it may take several."""

    slots: Slots
    start: datetime
    event_type: Mapping[str, Any]
    """The keywords of `Slots.search` that select the event type."""
    time_zone: str
    settings: EventTypeSettings
    _offering: Search | None = None
    """The search that offered the start."""
    _repeats: int = 0

    async def is_available(self) -> bool:
        """Return whether a search in any time zone offers the start. A later call repeats only that search."""
        if self._offering is not None:
            self._repeats += 1
            end = self._offering["end"] if "time_zone" in self._offering else self.start + 2 * DAY
            # The server caches equal searches for about 2 s, and the cached one may lack the latest booking
            # (recorded from a self-hosted server of 2026-07). So each repetition ends a second later.
            slot = await self._slot_in(self._offering | {"end": end + self._repeats * SECOND})
            return slot is not None and has_room(slot)
        if slot := await self._slot_in(days_around(self.start)):
            self._offering = days_around(self.start)
            return has_room(slot)
        length = self.event_type.get("duration")
        for search in fallback_searches(self.start, self.time_zone, await self.settings.read(), length):
            if slot := await self._slot_in(search):
                self._offering = search
                return has_room(slot)
        return False

    async def _slot_in(self, search: Search) -> Slot | None:
        """Return the slot at the start that a search offers, or None."""
        try:
            days = await self.slots.search(**search, **self.event_type)
        except BadRequestError:
            if "time_zone" in search:  # the server may not know the time zone
                return None
            raise
        return next((slot for slot in days.slots() if slot.start == self.start), None)
