"""Slots: free times, and the reservations that hide one for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from math import inf
from types import NoneType
from typing import Any, Required, TypedDict, Unpack
from zoneinfo import ZoneInfo, available_timezones

from calcom_async.errors import CalcomError, InvalidRequestError, in_range, shown
from calcom_async.models.slots import Reservation, ReserveSlot, Slot, SlotDays
from calcom_async.models.times import parse_date_or_datetime, parse_datetime
from calcom_async.requests import timestamp
from calcom_async.resources._base import Resource, listed, table

MAYBE: Any = Reservation | None

NOTHING = timedelta()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
MONTH = timedelta(days=31)


class SlotOptions(TypedDict, total=False):
    """What `Slots.search` takes beside its span."""

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
    """One search of `Slots.search_many`: the keywords of `Slots.search`."""

    start: Required[date | datetime | str]
    end: Required[date | datetime | str]


class Slots(Resource):
    """Free times of event types; readable without credentials of the host."""

    area = "slots"
    version = "2024-09-04"

    @property
    def reservations(self) -> Reservations:
        """Reservations of slots."""
        return self._below(Reservations)

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
        """Free slots from `start` to `end`, by date of `time_zone` (UTC without one); days without slots are left out.

        Name the event type in one of four ways: `event_type_id`; `event_type_slug` with `username`, or with `team_slug`
        (each with `organization_slug` where it is in one); or two or more `usernames` with `organization_slug`, for a
        meeting with all of them.

        A date means that day in `time_zone`, and `end` includes its day. Only slots that lie wholly inside are
        returned. `duration` is in minutes; `include_end=True` fills in `Slot.end`. Slots of seated event
        types have their seats filled in, and full slots stay in the list. `booking_uid_to_reschedule` counts the time
        of that booking as free. A month at a time is fast enough; there is no paging.

        The starts depend on the time zone: the server rounds them to full and half hours of `time_zone`. Where a
        datetime is the `end` and `time_zone` leaves summer time inside the span, the server leaves out the last day:
        ask for a day more.
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
        first, last, earliest, latest = start, end, date.min, date.max
        if time_zone is not None:  # without one the server reads dates as we do
            first, last = first_moment(start, "start", time_zone), last_moment(end, "end", time_zone)
            if not isinstance(start, datetime):
                first, earliest = day_before(first, time_zone), start
            if not isinstance(end, datetime):
                last, latest = _day_after(first, last, time_zone), end
        days = await self._get(
            dict[date, list[Slot]],
            "/slots",
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
        return SlotDays({day: slots for day, slots in days.items() if earliest <= day <= latest})

    async def first_available(
        self, *, start: date | datetime | str, end: date | datetime | str, **options: Unpack[SlotOptions]
    ) -> Slot | None:
        """The first slot from `start` to `end` that can be booked, or None; full seated ones are passed over.

        Asks for a week, then a month at a time, and stops at the first that has one. The rest is as in `search`.
        """
        start, end = parse_date_or_datetime(start, "start"), parse_date_or_datetime(end, "end")
        zone = options.get("time_zone")
        first, last = first_moment(start, "start", zone), last_moment(end, "end", zone)
        for since, until in _stretches(first, last, first if zone is None else start, end):
            days = await self.search(start=since, end=until, **options)
            if found := next((slot for slot in days.slots() if has_room(slot)), None):
                return found
        return None

    async def search_many(
        self, searches: Iterable[SlotSearch], *, concurrency: int = 8
    ) -> list[SlotDays | CalcomError]:
        """Make many searches, so many at a time; each item holds the keywords of `search`.

        The results come in the order asked; where a search failed, its error stands in its place.
        """
        if not isinstance(concurrency, int) or not in_range(concurrency, 1, inf):
            raise InvalidRequestError(f"concurrency must be an integer of at least 1, not {shown(concurrency)}")
        wanted = [table("each search", search) for search in listed("searches", searches)]
        turn = asyncio.Semaphore(concurrency)

        async def result(search: dict[str, Any]) -> SlotDays | CalcomError:
            async with turn:
                try:
                    return await self.search(**search)
                except CalcomError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            results = [group.create_task(result(search)) for search in wanted]
        return [task.result() for task in results]


def has_room(slot: Slot) -> bool:
    """Whether a slot can be booked; seated ones stay in the list when they are full, or fuller than that."""
    return slot.seats_remaining is None or slot.seats_remaining > 0


def first_moment(day: date | datetime, name: str, time_zone: str | None) -> datetime:
    """Return when a date begins in a time zone (UTC without one); a datetime is returned as it is."""
    return _aware(day, name) if isinstance(day, datetime) else _midnight(day, name, time_zone)


def last_moment(day: date | datetime, name: str, time_zone: str | None) -> datetime:
    """Return the last second of a date in a time zone (UTC without one); a datetime is returned as it is."""
    return _aware(day, name) if isinstance(day, datetime) else _midnight(day, name, time_zone, days=1) - SECOND


def _aware(time: datetime, name: str) -> datetime:
    timestamp(time, name)  # refuses a naive one
    return time


def _midnight(day: date, name: str, time_zone: str | None, *, days: int = 0) -> datetime:
    """Return, in UTC, when a date (or the one so many days later) begins in a time zone."""
    if not isinstance(day, date):
        raise InvalidRequestError(f"{name} must be a date or a datetime with a time zone, not {shown(day)}")
    try:
        return datetime.combine(day + days * DAY, time.min, zone_named(time_zone)).astimezone(UTC)
    except OverflowError:
        raise InvalidRequestError(f"{name} is out of range: {day.isoformat()}") from None


def zone_named(name: str | None) -> tzinfo:
    """Return the time zone of an IANA name in any case, as the server takes it; UTC for None."""
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError, TypeError):
        pass
    everything = _known_zones()
    if not everything:
        if str(name).upper() == "UTC":
            return UTC
        raise InvalidRequestError(
            f"time zone {name}: this machine has no time zone database. Install one: pip install tzdata"
        )
    known = everything.get(str(name).lower())
    if known is None:
        raise InvalidRequestError(f"unknown time zone: {shown(name)}. Use an IANA name, such as Europe/Rome")
    return ZoneInfo(known)


@cache
def _known_zones() -> dict[str, str]:
    """The time zones of this machine, by their names in lower case."""
    return {name.lower(): name for name in available_timezones()}


def day_before(start: datetime, time_zone: str) -> datetime:
    """Return where a search has to begin so that the server leaves out no slot of the day that begins at `start`.

    Its midnights are wrong near a change of clocks, so there it is asked for the day before as well.
    """
    try:
        return start - DAY if _clocks_change(start - DAY, start + DAY, time_zone) else start
    except OverflowError:
        raise InvalidRequestError(f"start is out of range: {start.isoformat()}") from None


def _day_after(start: datetime, end: datetime, time_zone: str) -> datetime:
    """Return where a search has to end so that the server does not leave out the last day.

    It counts days in steps of 24 hours from the first midnight of the time zone, so a longer day makes it stop early.
    """
    try:
        return end + DAY if _clocks_change(start, end + DAY, time_zone) else end
    except OverflowError:
        raise InvalidRequestError(f"start or end is out of range: {start} to {end}") from None


def _clocks_change(start: datetime, end: datetime, time_zone: str) -> bool:
    zone = zone_named(time_zone)
    return start.astimezone(zone).utcoffset() != end.astimezone(zone).utcoffset()


def _stretches(
    first: datetime, last: datetime, start: date | datetime, end: date | datetime
) -> Iterator[tuple[date | datetime, date | datetime]]:
    """A week, then months; each begins a day before the last one ended, for a slot that lies across the border."""
    length = WEEK
    while last - first > length:
        yield start, first + length
        start = first = first + length - DAY
        length = MONTH + DAY
    yield start, end


WAYS = ({"eventTypeId"}, {"eventTypeSlug", "username"}, {"eventTypeSlug", "teamSlug"}, {"usernames"})


def _check_target(target: Mapping[str, Any]) -> None:
    """Refuse a mixture of ways to name the event type: the server would judge it by rules of its own."""
    names = target.keys() - {"organizationSlug"}
    if names not in WAYS or ("organizationSlug" in target and "eventTypeId" in target):
        raise InvalidRequestError(
            "name the event type by event_type_id; or by event_type_slug with username or team_slug; "
            "or by usernames with organization_slug"
        )
    if "usernames" not in target:
        return
    users = target["usernames"]
    if isinstance(users, str) or not isinstance(users, Sequence) or len(users) < 2 or "organizationSlug" not in target:
        raise InvalidRequestError("usernames is a list of at least two, with organization_slug beside it")


class Reservations(Resource):
    """Reservations hide a slot from searches for a while. They are advisory: a booking does not ask for them."""

    area = "slots"
    version = "2024-09-04"

    async def create(
        self,
        *,
        event_type_id: int,
        start: datetime | str,
        slot_duration: int | None = None,
        reservation_duration: int | None = None,
    ) -> Reservation:
        """Reserve the slot at `start`, for 5 minutes unless `reservation_duration` (minutes) says otherwise.

        Raises `UnprocessableError` when it is booked or reserved. Whether `start` is a slot at all is not checked.
        """
        body = _reservation(event_type_id, start, slot_duration, reservation_duration)
        return await self._post(Reservation, "/slots/reservations", body=body)

    async def get(self, reservation_uid: str) -> Reservation | None:
        """Fetch a reservation; None when it is unknown or over, which the server does not tell apart."""
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
        """Move a reservation, and start its time anew. A time that overlaps its own present one is refused (422)."""
        body = _reservation(event_type_id, start, slot_duration, reservation_duration)
        return await self._patch(Reservation, "/slots/reservations/{}", reservation_uid, body=body, idempotent=False)

    async def delete(self, reservation_uid: str) -> None:
        """Give a slot back. An unknown reservation is no error."""
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
