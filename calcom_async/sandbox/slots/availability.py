"""Availability from the store: what `GET /v2/slots` returns and what `POST /v2/bookings` accepts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from calcom_async.sandbox.accounts.booking_limits import (
    PERIODS,
    effective_limits,
    is_round_robin_host,
    own_limits,
)
from calcom_async.sandbox.event_types.records import host_ids, is_team_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import canonical_zone
from calcom_async.sandbox.slots.grid import BusyBooking, EventSettings, Host, Query, Reserved, available_slots, is_free
from calcom_async.sandbox.slots.limits import NO_LIMITS, UNITS, BookingWindow, CountedBooking, Limits, Period, periods
from calcom_async.sandbox.slots.working_hours import (
    MINUTE,
    Hours,
    Override,
    Schedule,
    Zone,
    milliseconds,
    to_datetime,
    zone,
)
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Store

Wire = dict[str, Any]

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WORKING_WEEK: list[Wire] = [{"days": list(DAYS[1:6]), "startTime": "09:00", "endTime": "17:00"}]
DEFAULT_ZONE = "Europe/London"

#: The longest buffer that the web app offers. The API accepts longer ones, which a booking check then does not see.
LONGEST_BUFFER = 120 * MINUTE


@dataclass(frozen=True, slots=True)
class Slot:
    """An available slot; `seats_total` is None unless the event type has seats."""

    start: datetime
    end: datetime
    seats_total: int | None = None
    seats_booked: int = 0
    booking_uid: str | None = None


def free_slots(
    store: Store,
    clock: Clock,
    event_type: Wire,
    start: datetime,
    end: datetime,
    *,
    zone: str | None = None,
    duration: int | None = None,
    reschedule_uid: str | None = None,
    hosts: Collection[int] | None = None,
) -> dict[str, list[Slot]]:
    """Return the slots by local date in `zone` (UTC if None). `hosts` limits the hosts, or names a dynamic event's."""
    people = _people(event_type, hosts)
    if not people:
        return {}
    margin = (duration or 0) * MINUTE if reschedule_uid else 0
    query = Query(
        milliseconds(start), milliseconds(end), milliseconds(clock.now()), _zone(zone), duration or None, margin
    )
    event = _event(store, event_type)
    reach = timedelta(days=33 if event.window.rolling else 1)
    bookings = bookings_between(store, start - reach, end + reach)
    built = [_host(store, event_type, host_id, bookings, reschedule_uid) for host_id in people]
    if event.limits:
        counted = _counted_around(store, event_type, start, end, reschedule_uid)
        built = [replace(host, counted=counted.get(user_id, ())) for host, user_id in zip(built, people, strict=True)]
    seats = _Seats.taken(store, clock, event_type, bookings)
    reserved = Reserved(_reserved_times(store, clock, people), frozenset(seats.booked))
    days = available_slots(query, event, built, reserved)
    length = timedelta(minutes=event.length if duration is None else duration)
    return {day: [seats.slot(slot_start, length) for slot_start in starts] for day, starts in days.items()}


# --- checks of a new booking


@dataclass(frozen=True, slots=True)
class Overrides:
    """The checks of a new time that are skipped, as hosts may demand in version 2026-02-25."""

    conflicts: bool = False
    out_of_bounds: bool = False
    limits: bool = False


NO_OVERRIDES = Overrides()


def check_bookable(
    store: Store,
    clock: Clock,
    event_type: Wire,
    start: datetime,
    end: datetime,
    *,
    ignore_uid: str | None = None,
    zone: str | None = None,
    overrides: Overrides = NO_OVERRIDES,
) -> None:
    """Raise the server's error for a time that is past, too soon, too far, over a limit or taken.

    `ignore_uid` is the booking that is rescheduled. `zone` is the attendee's time zone, in which booking windows are
    counted. A further seat of an existing booking needs no free time. `overrides` never allow a start in the past.
    """
    if start < clock.now():
        raise errors.bad_request("Attempting to book a meeting in the past.")
    if not overrides.out_of_bounds:
        _check_in_time(store, clock, event_type, start, zone)
    if seat_count(event_type) and _accepted_at(store, event_type, start):
        return
    if not overrides.limits:
        limit_reached(store, event_type, start, end, ignore_uid=ignore_uid)
    if overrides.conflicts:
        return
    free = {
        host_id: host_is_free(store, clock, event_type, host_id, start, end, ignore_uid=ignore_uid)
        for host_id in host_ids(event_type)
    }
    if _enough(event_type, free):
        return
    of_team = is_team_event_type(event_type) and ignore_uid is None
    raise errors.bad_request(
        f"{'One of the hosts' if of_team else 'User'} either already has booking at this time or is not available"
    )


def host_is_free(  # noqa: PLR0917 - who, what and when, as check_bookable
    store: Store,
    clock: Clock,
    event_type: Wire,
    host_id: int,
    start: datetime,
    end: datetime,
    *,
    ignore_uid: str | None = None,
) -> bool:
    """Return whether a host works then and is free, buffers included; the start need not be on the slot grid."""
    margin = timedelta(milliseconds=LONGEST_BUFFER)
    bookings = bookings_between(store, start - margin, end + margin)
    host = _host(store, event_type, host_id, bookings, ignore_uid)
    query = Query(milliseconds(start), milliseconds(end), milliseconds(clock.now()), margin=LONGEST_BUFFER)
    return is_free(query, replace(_event(store, event_type), limits=NO_LIMITS), host)


def limit_reached(
    store: Store, event_type: Wire, start: datetime, end: datetime, *, ignore_uid: str | None = None
) -> None:
    """Raise an error if the limit of a day, week, month or year is used up: a 401 without envelope."""
    limits = _limits(event_type)
    host = _limit_zone(store, event_type)
    for unit in UNITS if limits else ():
        period = next(periods(unit, host, milliseconds(start), milliseconds(start) + 1))
        booked = list(_own_bookings(store, event_type, period, ignore_uid))
        most, minutes = limits.count.get(unit), limits.duration.get(unit)
        if most and len(booked) >= most:
            raise errors.no_envelope(401, "booking_limit_reached")
        wanted = sum((booking.end - booking.start for booking in booked), end - start)
        if minutes and wanted > timedelta(minutes=minutes):
            raise errors.no_envelope(401, "duration_limit_reached")


def _check_in_time(store: Store, clock: Clock, event_type: Wire, start: datetime, zone_name: str | None) -> None:
    """Raise an error for a start within the notice, or outside the booking window."""
    event = _event(store, event_type)
    host = next((_schedule(store, event_type, host_id).zone for host_id in host_ids(event_type)), zone("UTC"))
    now, wanted = milliseconds(clock.now()), milliseconds(start)
    first, last = event.window.bounds(now, host, _zone(zone_name) or zone("UTC"), None)
    too_soon = wanted < now + event.notice * MINUTE or (first is not None and wanted < first)
    if too_soon or (last is not None and wanted > last):
        raise errors.bad_request(
            "The event type can't be booked at the \"start\" time provided. This could be because it's too soon "
            "(violating the minimum booking notice) or too far in the future (outside the event's scheduling window). "
            "Try fetching available slots first using the GET /v2/slots endpoint and then make a booking with "
            '"start" time equal to one of the available slots.'
        )


def _enough(event_type: Wire, free: Mapping[int, bool]) -> bool:
    """Return whether all fixed hosts are free, and at least one of the others."""
    fixed = {host_id for host_id in free if _is_fixed(event_type, host_id)}
    others = free.keys() - fixed
    return (
        bool(free)
        and all(free[host_id] for host_id in fixed)
        and (not others or any(free[host_id] for host_id in others))
    )


# --- bookings by time


@dataclass(frozen=True, slots=True)
class _Timeline:
    """All bookings by start, of any status, so that a time range can be found by bisection."""

    starts: Sequence[datetime]
    bookings: Sequence[Booking]
    longest: timedelta

    @classmethod
    def of(cls, bookings: Iterable[Booking]) -> _Timeline:
        """Sort bookings by start."""
        ordered = sorted(bookings, key=lambda booking: booking.start)
        longest = max((booking.end - booking.start for booking in ordered), default=timedelta())
        return cls([booking.start for booking in ordered], ordered, longest)


def bookings_between(store: Store, start: datetime, end: datetime) -> list[Booking]:
    """Return the bookings of any status and host that overlap a time range, by start."""
    timeline = store.cached("bookings by start", lambda: _Timeline.of(store.bookings.values()))
    first = bisect_left(timeline.starts, start - timeline.longest)
    last = bisect_right(timeline.starts, end)
    return [booking for booking in timeline.bookings[first:last] if booking.end >= start]


def _accepted_at(store: Store, event_type: Wire, start: datetime) -> bool:
    """Return whether an accepted booking of the event type starts then."""
    return any(
        booking.start == start and booking.event_type_id == event_type["id"] and booking.status == "accepted"
        for booking in bookings_between(store, start, start)
    )


def _counted_around(
    store: Store, event_type: Wire, start: datetime, end: datetime, but: str | None
) -> dict[int, list[CountedBooking]]:
    """Return, by host, the bookings that may count towards a limit whose period overlaps the range."""
    limits = _limits(event_type)
    yearly = limits.count.get("year") or limits.duration.get("year")
    reach = timedelta(days=367 if yearly else 33)
    counted: dict[int, list[CountedBooking]] = {}
    for booking in bookings_between(store, start - reach, end + reach):
        if _counts(event_type, booking, but):
            counted.setdefault(booking.user_id, []).append(
                CountedBooking(milliseconds(booking.start), milliseconds(booking.end))
            )
    return counted


def _own_bookings(store: Store, event_type: Wire, period: Period, but: str | None) -> Iterable[Booking]:
    """Yield the bookings within a period that count towards the event type's limits."""
    first, last = to_datetime(period.start), to_datetime(period.end)
    for booking in bookings_between(store, first, last):
        inside = booking.start >= first and booking.end <= last
        if inside and _counts(event_type, booking, but):
            yield booking


def _counts(event_type: Wire, booking: Booking, but: str | None) -> bool:
    """Return whether a booking counts towards the event type's limits."""
    return booking.event_type_id == event_type["id"] and booking.status == "accepted" and booking.uid != but


# --- hosts


def _people(event_type: Wire, chosen: Collection[int] | None) -> list[int]:
    """Return the hosts; `chosen` are those of a dynamic event type (id 0), or limit a round robin's."""
    if chosen is None:
        return host_ids(event_type)
    return list(chosen) if event_type["id"] == 0 else [host_id for host_id in host_ids(event_type) if host_id in chosen]


def _is_fixed(event_type: Wire, host_id: int) -> bool:
    """Return whether the event type needs this host."""
    if event_type.get("schedulingType") != "roundRobin":
        return True
    return any(host["userId"] == host_id and host.get("mandatory") for host in event_type["hosts"])


def _host(store: Store, event_type: Wire, host_id: int, bookings: Iterable[Booking], moved: str | None) -> Host:
    """Return a host with everything that decides when they are free."""
    email = store.users[host_id]["email"]
    return Host(
        _schedule(store, event_type, host_id),
        [
            _held(store, event_type, booking, moved)
            for booking in bookings
            if _blocks(event_type, booking, host_id, email)
        ],
        [
            (milliseconds(busy_time["start"]), milliseconds(busy_time["end"]))
            for busy_time in store.busy
            if busy_time["user_id"] == host_id
        ],
        away=[
            *(
                (
                    milliseconds(datetime.fromisoformat(entry["start"])),
                    milliseconds(datetime.fromisoformat(entry["end"])),
                )
                for entry in store.out_of_office.values()
                if entry["userId"] == host_id
            ),
            *_limited(store, event_type, host_id, moved),
        ],
        fixed=_is_fixed(event_type, host_id),
    )


def _limited(store: Store, event_type: Wire, host_id: int, moved: str | None) -> Iterable[tuple[int, int]]:
    """Return the periods in which the host has as many bookings as the host's own limits and the team's allow."""
    yield from _full_periods(store, host_id, own_limits(store, host_id), store.event_types, moved)
    team = store.teams.get(event_type.get("teamId") or 0)
    if team is not None and is_round_robin_host(event_type, host_id):
        of_team = {other["id"] for other in store.event_types.values() if other.get("teamId") == team["id"]}
        yield from _full_periods(store, host_id, effective_limits(store, team, host_id), of_team, moved)


def _full_periods(
    store: Store, host_id: int, limits: Mapping[str, int], event_type_ids: Collection[int], moved: str | None
) -> Iterable[tuple[int, int]]:
    """Return the calendar periods in which the accepted bookings of these event types reach a limit of the host."""
    if not limits:
        return
    host = _zone(store.users[host_id]["time_zone"]) or zone("UTC")
    starts = [
        milliseconds(booking.start)
        for booking in store.bookings.values()
        if booking.status == "accepted" and booking.event_type_id in event_type_ids and booking.uid != moved
        if booking.user_id == host_id or host_id in booking.host_ids
    ]
    for name, most in limits.items():
        counts = Counter(next(periods(PERIODS[name], host, start, start + 1)) for start in starts)
        yield from ((period.start, period.end) for period, count in counts.items() if count >= most)


def _blocks(event_type: Wire, booking: Booking, host_id: int, email: str) -> bool:
    """Return whether a booking blocks the host, who may own it, co-host it or attend it."""
    if booking.status == "pending":
        policy = event_type.get("confirmationPolicy") or {}
        if booking.event_type_id != event_type["id"] or not policy.get("blockUnconfirmedBookingsInBooker"):
            return False
    elif booking.status != "accepted":
        return False
    if booking.user_id == host_id or host_id in booking.host_ids:
        return True
    return any(attendee["email"] == email for attendee in booking.attendees)


def _held(store: Store, event_type: Wire, booking: Booking, moved: str | None) -> BusyBooking:
    """Return a booking in the form of the slot computation."""
    booked = store.event_types.get(booking.event_type_id or 0, {})
    seats = seat_count(event_type) if booking.event_type_id == event_type["id"] else 0
    return BusyBooking(
        milliseconds(booking.start),
        milliseconds(booking.end),
        booked.get("beforeEventBuffer") or 0,
        booked.get("afterEventBuffer") or 0,
        # The server counts bookings here, not attendees: one booking stays open, however full it is.
        open_seat=bool(booking.seats) and seats > 1,
        moving=booking.uid == moved,
    )


def _schedule(store: Store, event_type: Wire, host_id: int) -> Schedule:
    """Return the event type's schedule, the host's default, or Monday to Friday, 9 to 5."""
    user = store.users[host_id]
    schedule_id = event_type.get("scheduleId") or user.get("default_schedule_id")
    record = store.schedules.get(schedule_id or 0)
    if record is None:
        return read_schedule(user["time_zone"], WORKING_WEEK, [])
    return read_schedule(record["time_zone"], record["availability"], record["overrides"])


def read_schedule(zone_name: str | None, availability: Iterable[Wire], overrides: Iterable[Wire]) -> Schedule:
    """Return a schedule in the form of the slot computation."""
    weekly = [
        Hours(frozenset(map(DAYS.index, row["days"])), _time(row["startTime"]), _time(row["endTime"]))
        for row in availability
    ]
    dates = [
        Override(date.fromisoformat(row["date"]), _time(row["startTime"]), _time(row["endTime"])) for row in overrides
    ]
    return Schedule(_zone(zone_name) or zone(DEFAULT_ZONE), weekly, dates)


def _time(text: str) -> int:
    """Return a time of day in milliseconds after midnight."""
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes)) * MINUTE


def _zone(name: str | None) -> Zone | None:
    """Return a time zone, or None for a missing or unknown name."""
    known = canonical_zone(name) if name else None
    return zone(known) if known else None


# --- the event type


def _event(store: Store, event_type: Wire) -> EventSettings:
    """Return the settings of an event type in the form of the slot computation."""
    scheduling = event_type.get("schedulingType")
    return EventSettings(
        event_type["lengthInMinutes"],
        event_type.get("slotInterval"),
        event_type.get("offsetStart") or 0,
        event_type.get("minimumBookingNotice") or 0,
        event_type.get("beforeEventBuffer") or 0,
        event_type.get("afterEventBuffer") or 0,
        first_only=bool(event_type.get("onlyShowFirstAvailableSlot")),
        optimized=bool(event_type.get("showOptimizedSlots")),
        limits=_limits(event_type),
        limit_zone=_limit_zone(store, event_type),
        window=_window(event_type.get("bookingWindow")),
        scheduling=scheduling if scheduling in {"collective", "roundRobin"} else None,
    )


def _limits(event_type: Wire) -> Limits:
    """Return the limits of an event type."""
    return Limits(event_type.get("bookingLimitsCount") or {}, event_type.get("bookingLimitsDuration") or {})


def _limit_zone(store: Store, event_type: Wire) -> Zone:
    """Return the time zone of limits: of the event type's schedule, or of its first host's profile."""
    record = store.schedules.get(event_type.get("scheduleId") or 0)
    people = host_ids(event_type) if event_type["id"] else []
    name = record["time_zone"] if record else store.users[people[0]]["time_zone"] if people else None
    return _zone(name) or zone("UTC")


def _window(setting: Wire | None) -> BookingWindow:
    """Return the booking window in the form of the slot computation."""
    if not setting or setting.get("disabled"):
        return BookingWindow()
    if setting["type"] == "range":
        first, last = (date.fromisoformat(day[:10]) for day in setting["value"])
        return BookingWindow(dates=(first, last))
    return BookingWindow(setting["value"], setting["type"] == "businessDays", bool(setting.get("rolling")))


# --- seats and reservations


def seat_count(event_type: Wire) -> int:
    """Return the number of seats, or 0."""
    seats = event_type.get("seats") or {}
    return 0 if seats.get("disabled") else seats.get("seatsPerTimeSlot") or 0


@dataclass(frozen=True, slots=True)
class _Seats:
    """The number of seats of an event type, and by start the taken seats and their booking."""

    total: int
    booked: dict[int, int]
    uids: dict[int, str]

    @classmethod
    def taken(cls, store: Store, clock: Clock, event_type: Wire, bookings: Iterable[Booking]) -> _Seats:
        """Return the taken seats in accepted bookings and live reservations."""
        total = seat_count(event_type)
        booked: Counter[int] = Counter()
        uids: dict[int, str] = {}
        for booking in bookings if total else ():
            if booking.event_type_id == event_type["id"] and booking.status == "accepted":
                booked[milliseconds(booking.start)] += len(booking.seats or booking.attendees)
                uids[milliseconds(booking.start)] = booking.uid
        for reservation in live_reservations(store, clock) if total else ():
            if reservation["event_type_id"] == event_type["id"]:
                booked[milliseconds(reservation["start"])] += 1
                uids.setdefault(milliseconds(reservation["start"]), reservation["uid"])
        return cls(total, dict(booked), uids)

    def slot(self, start: int, length: timedelta) -> Slot:
        """Return the slot at a start, with its seats."""
        begins = to_datetime(start)
        total = self.total or None
        return Slot(begins, begins + length, total, self.booked.get(start, 0), self.uids.get(start))


def live_reservations(store: Store, clock: Clock) -> list[Wire]:
    """Return the reservations that have not expired."""
    now = clock.now()
    return [reservation for reservation in store.reservations.values() if reservation["until"] > now]


def _reserved_times(store: Store, clock: Clock, people: Collection[int]) -> list[tuple[int, int]]:
    """Return the slots that reservations of these hosts hide; reserved seats hide none."""
    return [
        (milliseconds(reservation["start"]), milliseconds(reservation["end"]))
        for reservation in live_reservations(store, clock)
        if reservation["user_id"] in people and not _is_seat(store, reservation)
    ]


def _is_seat(store: Store, reservation: Wire) -> bool:
    """Return whether a reservation is for a seat, not for the whole time."""
    return bool(seat_count(store.event_types.get(reservation["event_type_id"], {})))
