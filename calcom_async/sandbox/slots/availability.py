"""Availability from the store: what `GET /v2/slots` returns and what `POST /v2/bookings` accepts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from calcom_async.sandbox.event_types.records import host_ids, is_team_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.slots.grid import Query, Reserved, available_slots, is_free, loaded_range
from calcom_async.sandbox.slots.grid_inputs import (
    Loaded,
    event_settings,
    host_of,
    is_fixed,
    limit_zone,
    limits_of,
    schedule_of,
    zone_named,
)
from calcom_async.sandbox.slots.limits import NO_LIMITS, UNITS, CountedBooking, Period, periods
from calcom_async.sandbox.slots.seats import Seats, Slot, reserved_times, seat_count
from calcom_async.sandbox.slots.working_hours import MINUTE, milliseconds, to_datetime, zone
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Store

Wire = dict[str, Any]

#: The longest buffer that the web app offers. The API accepts longer ones, which a booking check then does not see.
LONGEST_BUFFER = 120 * MINUTE

#: Nobody is free for longer; an event type may last thousands of years, and its days would be searched one by one.
LONGEST_MEETING = timedelta(days=366)


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
    user_ids = _hosts(event_type, hosts)
    if not user_ids:
        return {}
    # Only when it looks for a new time does the server load bookings from outside the range.
    margin = (duration or 0) * MINUTE if reschedule_uid else 0
    query = Query(
        milliseconds(start), milliseconds(end), milliseconds(clock.now()), zone_named(zone), duration or None, margin
    )
    event = event_settings(store, event_type)
    # A rolling window is computed from a month before the range.
    reach = timedelta(days=33 if event.window.rolling else 1)
    period = Loaded(start - reach, end + reach, *map(to_datetime, loaded_range(query, event)))
    built = [host_of(store, event_type, host_id, period, reschedule_uid) for host_id in user_ids]
    if event.limits:
        counted = _counted_around(store, event_type, start, end, reschedule_uid)
        built = [replace(host, counted=counted.get(user_id, ())) for host, user_id in zip(built, user_ids, strict=True)]
    seats = Seats.taken(store, clock, event_type, start - reach, end + reach)
    reserved = Reserved(reserved_times(store, clock, user_ids), frozenset(seats.booked))
    days = available_slots(query, event, built, reserved)
    length = timedelta(minutes=duration or event.length)
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
    # The host is busy with this very booking. Whether a seat is left is checked later, with another error.
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
    if _enough_hosts(event_type, free):
        return
    # A team's booking that is rescheduled gets the text for one host.
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
    """Return whether a host works then and is free, buffers included.

    The start need not be on the slot grid: the server books 10:07 if the host is free. Reservations do not count, not
    even those of others.
    """
    if end - start > LONGEST_MEETING:
        return False
    # Unlike the list of slots, this check considers the buffers of bookings outside the wanted time.
    margin = timedelta(milliseconds=LONGEST_BUFFER)
    query = Query(milliseconds(start), milliseconds(end), milliseconds(clock.now()), margin=LONGEST_BUFFER)
    host = host_of(store, event_type, host_id, Loaded.all_of(start - margin, end + margin), ignore_uid)
    return is_free(query, replace(event_settings(store, event_type), limits=NO_LIMITS), host)


def limit_reached(
    store: Store, event_type: Wire, start: datetime, end: datetime, *, ignore_uid: str | None = None
) -> None:
    """Raise an error if the limit of a day, week, month or year is used up: a 401 without envelope.

    The status says nothing about credentials, and hosts are not exempt (recorded from a self-hosted server of 2026-07).
    """
    limits = limits_of(event_type)
    host = limit_zone(store, event_type)
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
    event = event_settings(store, event_type)
    host = next((schedule_of(store, event_type, host_id).zone for host_id in host_ids(event_type)), zone("UTC"))
    now, wanted = milliseconds(clock.now()), milliseconds(start)
    first, last = event.window.bounds(now, host, zone_named(zone_name) or zone("UTC"), None)
    # One message for both cases: nothing in the response tells which of the two limits rejected the start.
    too_soon = wanted < now + event.notice * MINUTE or (first is not None and wanted < first)
    if too_soon or (last is not None and wanted > last):
        raise errors.bad_request(
            "The event type can't be booked at the \"start\" time provided. This could be because it's too soon "
            "(violating the minimum booking notice) or too far in the future (outside the event's scheduling window). "
            "Try fetching available slots first using the GET /v2/slots endpoint and then make a booking with "
            '"start" time equal to one of the available slots.'
        )


def _enough_hosts(event_type: Wire, free: Mapping[int, bool]) -> bool:
    """Return whether all fixed hosts are free, and at least one of the others."""
    fixed = {host_id for host_id in free if is_fixed(event_type, host_id)}
    others = free.keys() - fixed
    return (
        bool(free)
        and all(free[host_id] for host_id in fixed)
        and (not others or any(free[host_id] for host_id in others))
    )


# --- bookings and hosts


def _accepted_at(store: Store, event_type: Wire, start: datetime) -> bool:
    """Return whether an accepted booking of the event type starts then."""
    return any(
        booking.start == start and booking.status == "accepted"
        for booking in store.bookings.of_event_type(event_type["id"], start, start)
    )


def _counted_around(
    store: Store, event_type: Wire, start: datetime, end: datetime, excluding: str | None
) -> dict[int, list[CountedBooking]]:
    """Return, by host, the bookings that may count towards a limit whose period overlaps the range."""
    limits = limits_of(event_type)
    yearly = limits.count.get("year") or limits.duration.get("year")
    reach = timedelta(days=367 if yearly else 33)
    counted: dict[int, list[CountedBooking]] = {}
    for booking in store.bookings.of_event_type(event_type["id"], start - reach, end + reach):
        if _counts(booking, excluding):
            counted.setdefault(booking.user_id, []).append(
                CountedBooking(milliseconds(booking.start), milliseconds(booking.end))
            )
    return counted


def _own_bookings(store: Store, event_type: Wire, period: Period, excluding: str | None) -> Iterable[Booking]:
    """Yield the bookings within a period that count towards the event type's limits."""
    first, last = to_datetime(period.start), to_datetime(period.end)
    for booking in store.bookings.of_event_type(event_type["id"], first, last):
        inside = booking.start >= first and booking.end <= last
        if inside and _counts(booking, excluding):
            yield booking


def _counts(booking: Booking, excluding: str | None) -> bool:
    """Return whether a booking counts towards the limits of its event type."""
    return booking.status == "accepted" and booking.uid != excluding


def _hosts(event_type: Wire, chosen: Collection[int] | None) -> list[int]:
    """Return the hosts; `chosen` are those of a dynamic event type (id 0), or limit a round robin's."""
    if chosen is None:
        return host_ids(event_type)
    return list(chosen) if event_type["id"] == 0 else [host_id for host_id in host_ids(event_type) if host_id in chosen]
