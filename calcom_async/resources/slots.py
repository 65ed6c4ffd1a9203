"""Slots: free times of event types, and reservations that hide one for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from math import inf
from types import NoneType
from typing import Any, Required, TypedDict, Unpack

from calcom_async.errors import CalcomError, InvalidRequestError, in_range, shown
from calcom_async.models.reservations import Reservation, ReserveSlot
from calcom_async.models.slots import Slot, SlotDays
from calcom_async.models.times import parse_date_or_datetime, parse_datetime
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import Resource, listed, table
from calcom_async.responses import Response
from calcom_async.shared_calls import share
from calcom_async.time_ranges import first_instant, growing_parts, last_instant, search_end, search_start

MAYBE: Any = Reservation | None


class SlotOptions(TypedDict, total=False):
    """Keywords of `Slots.search` other than its range."""

    event_type_id: int | None
    event_type_slug: str | None
    username: str | None
    team_slug: str | None
    usernames: Sequence[str] | None
    organization_slug: str | None
    time_zone: str | None
    duration: int | None
    include_end: bool
    booking_uid_to_reschedule: str | None
    host_subset_ids: Sequence[int] | None


class SlotSearch(SlotOptions, total=False):
    """One search of `Slots.search_many`, as keywords of `Slots.search`."""

    start: Required[date | datetime | str]
    end: Required[date | datetime | str]


class Slots(Resource):
    """Free times of event types. They are public: a search needs no credentials of the host."""

    @property
    def reservations(self) -> Reservations:
        """Reservations of slots."""
        return self._child(Reservations)

    async def search(
        self,
        *,
        start: date | datetime | str,
        end: date | datetime | str,
        event_type_id: int | None = None,
        event_type_slug: str | None = None,
        username: str | None = None,
        team_slug: str | None = None,
        usernames: Sequence[str] | None = None,
        organization_slug: str | None = None,
        time_zone: str | None = None,
        duration: int | None = None,
        include_end: bool = False,
        booking_uid_to_reschedule: str | None = None,
        host_subset_ids: Sequence[int] | None = None,
    ) -> SlotDays:
        """Return the free slots from `start` to `end`, by date in `time_zone` (UTC without one).

        Select the event type in one of four ways: `event_type_id`; `event_type_slug` with `username`, or with
        `team_slug` (each with `organization_slug` if it belongs to one); or two or more `usernames` with
        `organization_slug`, for a meeting with all of them.

        A date means that day in `time_zone`, and `end` includes its day. Only slots that lie wholly inside the range
        are returned, and days without any are left out. `duration` is in minutes; `include_end=True` fills in
        `Slot.end`. Slots of seated event types have their seats filled in, and full slots are listed too.
        `booking_uid_to_reschedule` counts the time of that booking as free. There is no paging; the server is slow for
        ranges of more than a month.

        The starts depend on `time_zone`: the server rounds them to full and half hours of it. If `end` is a datetime
        and summer time ends within the range, the server omits the last day; search for an extra day then.

        Identical searches of one client that are in flight share one request. A search that joins one ends with it,
        also if it fails or its `total_timeout` is over. A view of the client joins no request of another view. After a
        booking or another change by the client, a search sends a new request.
        """
        target = {
            "eventTypeId": event_type_id,
            "eventTypeSlug": event_type_slug,
            "username": username,
            "teamSlug": team_slug,
            "usernames": usernames,
            "organizationSlug": organization_slug,
        }
        _check_target({name: value for name, value in target.items() if value is not None})
        start, end = parse_date_or_datetime(start, "start"), parse_date_or_datetime(end, "end")
        # The searched range may be longer than the given one (see `time_ranges`). Other days are dropped at the end.
        first, last, earliest, latest = start, end, date.min, date.max
        if time_zone is not None:  # without one the server reads dates as we do
            first, last = first_instant(start, "start", time_zone), last_instant(end, "end", time_zone)
            if not isinstance(start, datetime):
                first, earliest = search_start(first, time_zone), start
            if not isinstance(end, datetime):
                last, latest = search_end(first, last, time_zone), end
        request = self._request(
            "GET",
            "/slots",
            (),
            query={
                "start": first,
                "end": last,
                **target,
                "timeZone": time_zone,
                "duration": duration,
                "format": "range" if include_end else None,
                "bookingUidToReschedule": booking_uid_to_reschedule,
                "rrHostSubsetIds": host_subset_ids,
            },
        )
        days = await self._send(dict[date, list[Slot]], request, idempotent=True, send=self._join)
        return SlotDays({day: slots for day, slots in days.items() if earliest <= day <= latest})

    async def _join(self, request: Request, context: CallContext) -> Response:
        """Return the response of an identical search in flight, or send a new one."""
        send, searches = self._context.send, self._context.slot_searches
        if searches is None:
            return await send(request, context)

        async def search() -> Response:
            return await send(request, context)

        # Each view has a `send` of its own, which stands for its credentials and settings.
        return await share(searches, (send, request.path, request.query, *request.headers.items()), search)

    async def first_available(
        self, *, start: date | datetime | str, end: date | datetime | str, **options: Unpack[SlotOptions]
    ) -> Slot | None:
        """Return the first slot from `start` to `end` that can be booked, or None. Full seated slots are skipped.

        Searches a week first, then a month at a time, until one has a slot. Otherwise like `search`.
        """
        start, end = parse_date_or_datetime(start, "start"), parse_date_or_datetime(end, "end")
        zone = options.get("time_zone")
        first, last = first_instant(start, "start", zone), last_instant(end, "end", zone)
        for since, until in growing_parts(first, last, first if zone is None else start, end):
            days = await self.search(start=since, end=until, **options)
            if first_slot := next((slot for slot in days.slots() if has_room(slot)), None):
                return first_slot
        return None

    async def search_many(
        self, searches: Iterable[SlotSearch], *, concurrency: int = 8
    ) -> list[SlotDays | CalcomError]:
        """Make many searches, at most `concurrency` at a time. Each item holds the keywords of `search`.

        Returns the results in the order of the searches. A search that failed has its error as the result.
        """
        if not isinstance(concurrency, int) or not in_range(concurrency, 1, inf):
            raise InvalidRequestError(f"concurrency must be an integer of at least 1, got {shown(concurrency)}")
        # All items are checked before the first search is sent.
        wanted = [table("each search", search) for search in listed("searches", searches)]
        turn = asyncio.Semaphore(concurrency)

        async def result(search: dict[str, Any]) -> SlotDays | CalcomError:
            """Return the slots of one search, or its error, so that one failure does not end the group."""
            async with turn:
                try:
                    return await self.search(**search)
                except CalcomError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            results = [group.create_task(result(search)) for search in wanted]
        return [task.result() for task in results]


def has_room(slot: Slot) -> bool:
    """Return whether a slot can be booked. Seated slots are listed even if they are full or overbooked."""
    return slot.seats_remaining is None or slot.seats_remaining > 0


# The ways to select an event type, by the parameters of the API.
WAYS = ({"eventTypeId"}, {"eventTypeSlug", "username"}, {"eventTypeSlug", "teamSlug"}, {"usernames"})


def _check_target(target: Mapping[str, Any]) -> None:
    """Reject a mixture of ways to select the event type, which the server would resolve by undocumented rules."""
    names = target.keys() - {"organizationSlug"}
    if names not in WAYS or ("organizationSlug" in target and "eventTypeId" in target):
        raise InvalidRequestError(
            "the event type of the search is missing, or selected in more than one way",
            hint="Pass event_type_id; or event_type_slug with username or team_slug; or usernames with "
            "organization_slug",
        )
    if "usernames" not in target:
        return
    users = target["usernames"]
    if isinstance(users, str) or not isinstance(users, Sequence) or len(users) < 2 or "organizationSlug" not in target:
        raise InvalidRequestError("usernames must be a list of at least two, together with organization_slug")


class Reservations(Resource):
    """Reservations hide a slot from searches for a while. They are advisory: bookings ignore them."""

    async def create(
        self,
        *,
        event_type_id: int,
        start: datetime | str,
        slot_duration: int | None = None,
        reservation_duration: int | None = None,
    ) -> Reservation:
        """Reserve the slot at `start` for `reservation_duration` minutes, 5 by default.

        Raises `UnprocessableError` if it is booked or reserved. The server does not check whether `start` is a slot.
        """
        body = _reservation(event_type_id, start, slot_duration, reservation_duration)
        return await self._post(Reservation, "/slots/reservations", body=body)

    async def get(self, reservation_uid: str) -> Reservation | None:
        """Fetch a reservation; None if it is unknown or has expired, which the server does not distinguish."""
        return await self._get(MAYBE, "/slots/reservations/{}", reservation_uid)

    async def update(
        self,
        reservation_uid: str,
        *,
        event_type_id: int,
        start: datetime | str,
        slot_duration: int | None = None,
        reservation_duration: int | None = None,
    ) -> Reservation:
        """Move a reservation and restart its time. The server rejects a time that overlaps the current one (422)."""
        body = _reservation(event_type_id, start, slot_duration, reservation_duration)
        # Not idempotent, unlike other PATCHes: a repetition would overlap the time that it has just reserved (422).
        return await self._patch(Reservation, "/slots/reservations/{}", reservation_uid, body=body, idempotent=False)

    async def delete(self, reservation_uid: str) -> None:
        """Delete a reservation. An unknown one is no error."""
        await self._delete(NoneType, "/slots/reservations/{}", reservation_uid, idempotent=True)


def _reservation(
    event_type_id: int, start: datetime | str, slot_duration: int | None, reservation_duration: int | None
) -> ReserveSlot:
    return ReserveSlot(
        event_type_id=event_type_id,
        slot_start=parse_datetime(start, "start"),
        slot_duration=slot_duration,
        reservation_duration=reservation_duration,
    )
