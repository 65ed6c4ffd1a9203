"""Stored records in the form of the slot computation: event types, schedules, bookings and hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from calcom_async.sandbox.accounts.booking_limits import PERIODS, effective_limits, is_round_robin_host, own_limits
from calcom_async.sandbox.event_types.records import host_ids
from calcom_async.sandbox.http.constraints import canonical_zone
from calcom_async.sandbox.slots.grid import BusyBooking, EventSettings, Host
from calcom_async.sandbox.slots.limits import BookingWindow, Limits, periods
from calcom_async.sandbox.slots.seats import seat_count
from calcom_async.sandbox.slots.working_hours import MINUTE, Hours, Override, Schedule, Zone, milliseconds, zone
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

Wire = dict[str, Any]

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WORKING_WEEK: list[Wire] = [{"days": list(DAYS[1:6]), "startTime": "09:00", "endTime": "17:00"}]
DEFAULT_ZONE = "Europe/London"


# --- the event type


def event_settings(store: Store, event_type: Wire) -> EventSettings:
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
        limits=limits_of(event_type),
        limit_zone=limit_zone(store, event_type),
        window=_booking_window(event_type.get("bookingWindow")),
        scheduling=scheduling if scheduling in {"collective", "roundRobin"} else None,
    )


def limits_of(event_type: Wire) -> Limits:
    """Return the limits of an event type."""
    return Limits(event_type.get("bookingLimitsCount") or {}, event_type.get("bookingLimitsDuration") or {})


def limit_zone(store: Store, event_type: Wire) -> Zone:
    """Return the time zone of limits: of the event type's schedule, or of its first host's profile."""
    record = store.schedules.get(event_type.get("scheduleId") or 0)
    user_ids = host_ids(event_type) if event_type["id"] else []
    # The profile decides, not the default schedule, although that one decides about working hours.
    name = record["time_zone"] if record else store.users[user_ids[0]]["time_zone"] if user_ids else None
    return zone_named(name) or zone("UTC")


def _booking_window(setting: Wire | None) -> BookingWindow:
    """Return the booking window in the form of the slot computation."""
    if not setting or setting.get("disabled"):
        return BookingWindow()
    if setting["type"] == "range":
        first, last = (date.fromisoformat(day[:10]) for day in setting["value"])
        return BookingWindow(dates=(first, last))
    return BookingWindow(setting["value"], setting["type"] == "businessDays", bool(setting.get("rolling")))


# --- hosts


def is_fixed(event_type: Wire, host_id: int) -> bool:
    """Return whether the event type needs this host."""
    if event_type.get("schedulingType") != "roundRobin":
        return True
    return any(host["userId"] == host_id and host.get("mandatory") for host in event_type["hosts"])


@dataclass(frozen=True, slots=True)
class Loaded:
    """The time range of the bookings that are read, and within it the range of those that can block time."""

    start: datetime
    end: datetime
    first: datetime
    last: datetime

    @classmethod
    def all_of(cls, start: datetime, end: datetime) -> Loaded:
        """Return a range in which every booking can block time."""
        return cls(start, end, start, end)


def host_of(store: Store, event_type: Wire, host_id: int, loaded: Loaded, moving_uid: str | None) -> Host:
    """Return a host with everything that decides when they are free."""
    return Host(
        schedule_of(store, event_type, host_id),
        _busy_bookings(store, event_type, host_id, loaded, moving_uid),
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
            *_periods_at_limit(store, event_type, host_id, loaded, moving_uid),
        ],
        fixed=is_fixed(event_type, host_id),
    )


def _periods_at_limit(
    store: Store, event_type: Wire, host_id: int, loaded: Loaded, moving_uid: str | None
) -> Iterable[tuple[int, int]]:
    """Return the periods in which the host has as many bookings as the host's own limits and the team's allow."""
    yield from _full_periods(store, host_id, own_limits(store, host_id), store.event_types, loaded, moving_uid)
    team = store.teams.get(event_type.get("teamId") or 0)
    if team is not None and is_round_robin_host(event_type, host_id):
        # The limits of a team count the host's bookings of all its event types together.
        of_team = {other["id"] for other in store.event_types.values() if other.get("teamId") == team["id"]}
        yield from _full_periods(store, host_id, effective_limits(store, team, host_id), of_team, loaded, moving_uid)


def _full_periods(  # noqa: PLR0917 - whose limits, over what, and when
    store: Store,
    host_id: int,
    limits: Mapping[str, int],
    event_type_ids: Collection[int],
    loaded: Loaded,
    moving_uid: str | None,
) -> Iterable[tuple[int, int]]:
    """Return the calendar periods around a range in which the accepted bookings of these event types reach a limit."""
    if not limits:
        return
    host = zone_named(store.users[host_id]["time_zone"]) or zone("UTC")
    # Any period that overlaps the range counts as a whole.
    reach = timedelta(days=367 if "perYear" in limits else 33)
    starts = [
        milliseconds(booking.start)
        for booking in store.bookings.hosted_by(host_id, loaded.start - reach, loaded.end + reach)
        if booking.status == "accepted" and booking.event_type_id in event_type_ids and booking.uid != moving_uid
    ]
    for name, most in limits.items():
        counts = Counter(next(periods(PERIODS[name], host, start, start + 1)) for start in starts)
        yield from ((period.start, period.end) for period, count in counts.items() if count >= most)


def _busy_bookings(
    store: Store, event_type: Wire, host_id: int, loaded: Loaded, moving_uid: str | None
) -> list[BusyBooking]:
    """Return the bookings that block a host, in the form of the slot computation.

    Bookings with the same buffers that overlap are merged: a week of a crowded calendar has a thousand of them.
    """
    buffers = _Buffers(store.event_types)
    own_id, seats = event_type["id"], seat_count(event_type)
    blocks_unconfirmed = _blocks_unconfirmed(event_type)
    busy: list[BusyBooking] = []
    merged: dict[tuple[int, int], tuple[datetime, datetime]] = {}
    for booking in _considered(store, host_id, loaded, moving_uid):
        event_type_id = booking.event_type_id
        # A pending booking blocks its own event type alone, and only if the policy says so. The host's other event
        # types can still be booked then.
        if (status := booking.status) != "accepted" and not (
            status == "pending" and blocks_unconfirmed and event_type_id == own_id
        ):
            continue
        start, end, around = booking.start, booking.end, buffers[event_type_id]
        # The server counts bookings here, not attendees: one booking stays open, however full it is.
        open_seat = seats > 1 and event_type_id == own_id and bool(booking.seats)
        moving = moving_uid is not None and booking.uid == moving_uid
        if open_seat or moving:
            busy.append(_busy_booking(start, end, around, open_seat=open_seat, moving=moving))
            continue
        known = merged.get(around)
        if known is None:
            merged[around] = start, end
        elif start > known[1]:
            busy.append(_busy_booking(*known, around))
            merged[around] = start, end
        elif end > known[1]:
            merged[around] = known[0], end
    return busy + [_busy_booking(start, end, around) for around, (start, end) in merged.items()]


def _considered(store: Store, host_id: int, loaded: Loaded, moving_uid: str | None) -> list[Booking]:
    """Return a host's bookings that can block time, and the one that is rescheduled."""
    email = store.users[host_id]["email"]
    if moving_uid is None:
        return store.bookings.of_person(host_id, email, loaded.first, loaded.last)
    return [
        booking
        for booking in store.bookings.of_person(host_id, email, loaded.start, loaded.end)
        if booking.uid == moving_uid or (booking.start <= loaded.last and booking.end >= loaded.first)
    ]


class _Buffers(dict[int | None, tuple[int, int]]):
    """The minutes that event types keep free before and after a booking."""

    def __init__(self, event_types: Mapping[int, Wire]) -> None:
        super().__init__()
        self._event_types = event_types

    def __missing__(self, event_type_id: int | None) -> tuple[int, int]:
        booked = self._event_types.get(event_type_id or 0, {})
        self[event_type_id] = booked.get("beforeEventBuffer") or 0, booked.get("afterEventBuffer") or 0
        return self[event_type_id]


def _blocks_unconfirmed(event_type: Wire) -> bool:
    """Return whether pending bookings of an event type block their time."""
    return bool((event_type.get("confirmationPolicy") or {}).get("blockUnconfirmedBookingsInBooker"))


def _busy_booking(
    start: datetime, end: datetime, buffers: tuple[int, int], *, open_seat: bool = False, moving: bool = False
) -> BusyBooking:
    """Return a busy time with buffers in the form of the slot computation."""
    return BusyBooking(milliseconds(start), milliseconds(end), *buffers, open_seat=open_seat, moving=moving)


def schedule_of(store: Store, event_type: Wire, host_id: int) -> Schedule:
    """Return the event type's schedule, the host's default, or Monday to Friday, 9 to 5."""
    user = store.users[host_id]
    schedule_id = event_type.get("scheduleId") or user.get("default_schedule_id")
    record = store.schedules.get(schedule_id or 0)
    if record is None:
        # Without any schedule the server assumes the hours that a new schedule has.
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
    return Schedule(zone_named(zone_name) or zone(DEFAULT_ZONE), weekly, dates)


def _time(text: str) -> int:
    """Return a time of day in milliseconds after midnight."""
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes)) * MINUTE


def zone_named(name: str | None) -> Zone | None:
    """Return a time zone, or None for a missing or unknown name."""
    known = canonical_zone(name) if name else None
    return zone(known) if known else None
