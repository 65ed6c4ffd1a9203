"""Recorded slot lists, compared with the slot computation and with the API."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from http_client import ApiClient

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.slots.grid import BusyBooking, EventSettings, Host, Query, Reserved, available_slots
from calcom_async.sandbox.slots.grid_inputs import DAYS, read_schedule
from calcom_async.sandbox.slots.limits import BookingWindow, CountedBooking, Limits
from calcom_async.sandbox.slots.working_hours import MINUTE, milliseconds, to_datetime, zone

Wire = dict[str, Any]
Player = Callable[["Vector", Wire], dict[str, list[Any]]]

NOW = "2026-11-22T08:00:00Z"
SHORT = [day[:3] for day in DAYS]


@pytest.fixture(scope="module")
def vectors(shared: Path) -> list[Vector]:
    return [Vector(**vector) for vector in json.loads((shared / "reference" / "slot_vectors.json").read_text())]


@dataclass(kw_only=True)
class Vector:
    """One host with a schedule, event types, earlier bookings, and a query."""

    name: str
    group: str
    zone: str
    hours: list[str]
    types: list[Wire]
    ask: list[Wire]
    overrides: list[str] = None  # type: ignore[assignment]
    before: list[str] = None  # type: ignore[assignment]
    now: str = NOW

    @property
    def clock(self) -> datetime:
        return datetime.fromisoformat(self.now)

    @property
    def availability(self) -> list[Wire]:
        return [{"days": days(row.split()[0]), **times(row.split()[1])} for row in self.hours]

    @property
    def dates(self) -> list[Wire]:
        return [{"date": row.split()[0], **times(row.split()[1])} for row in self.overrides or []]

    @property
    def deeds(self) -> list[tuple[str, str, int]]:
        """Triples: book or reserve, start, index of the event type."""
        parts = [[*action.split(), "type", "0"] for action in self.before or []]
        return [(part[0], part[1], int(part[3])) for part in parts]


def days(text: str) -> list[str]:
    if text == "daily":
        return list(DAYS)
    if "-" in text:
        first, last = (SHORT.index(part) for part in text.split("-"))
        return list(DAYS[first : last + 1])
    return [DAYS[SHORT.index(part)] for part in text.split(",")]


def times(text: str) -> Wire:
    start, end = text.split("-")
    return {"startTime": start, "endTime": end}


def window(text: str) -> Wire:
    kind, *values = text.split()
    if kind == "range":
        return {"type": "range", "value": values}
    return {"type": kind, "value": int(values[0]), "rolling": "rolling" in values}


def seats_text(booked: int, total: int) -> str:
    return f"{booked}+{total - booked}={total}"


# --- through the arithmetic


def play_pure(vector: Vector, ask: Wire) -> dict[str, list[Any]]:
    at, query = ask.get("type", 0), ask["q"]
    kind = vector.types[at]
    taken = Counter(start for _, start, other in vector.deeds if other == at) if "seats" in kind else Counter()
    days = available_slots(
        pure_query(vector, query), pure_event(vector, kind), [pure_host(vector, at, query)], pure_reserved(vector, at)
    )
    length = timedelta(minutes=query.get("duration") or kind["length"])
    return {day: [pure_slot(start, length, kind, query, taken) for start in starts] for day, starts in days.items()}


def pure_query(vector: Vector, query: Wire) -> Query:
    start, end = (moment_of(query[name]) for name in ("start", "end"))
    if "T" not in query["end"]:
        end += timedelta(hours=23, minutes=59, seconds=59)
    asked = zone(query["timeZone"]) if "timeZone" in query else None
    return Query(milliseconds(start), milliseconds(end), milliseconds(vector.clock), asked, query.get("duration"))


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text) if "T" in text else datetime.fromisoformat(text).replace(tzinfo=UTC)


def pure_event(vector: Vector, kind: Wire) -> EventSettings:
    return EventSettings(
        kind["length"],
        kind.get("slotInterval"),
        kind.get("offsetStart", 0),
        kind.get("minimumBookingNotice", 0),
        kind.get("beforeEventBuffer", 0),
        kind.get("afterEventBuffer", 0),
        first_only=kind.get("onlyShowFirstAvailableSlot", False),
        optimized=kind.get("showOptimizedSlots", False),
        limits=Limits(kind.get("bookingLimitsCount", {}), kind.get("bookingLimitsDuration", {})),
        limit_zone=zone(vector.zone),
        window=pure_window(kind.get("bookingWindow")),
    )


def pure_window(text: str | None) -> BookingWindow:
    if text is None:
        return BookingWindow()
    parsed = window(text)
    if parsed["type"] == "range":
        first, last = map(date.fromisoformat, parsed["value"])
        return BookingWindow(dates=(first, last))
    return BookingWindow(parsed["value"], parsed["type"] == "businessDays", parsed["rolling"])


def time_range(vector: Vector, start: str, other: int) -> tuple[int, int]:
    begins = milliseconds(moment_of(start))
    return begins, begins + vector.types[other]["length"] * MINUTE


def pure_host(vector: Vector, at: int, query: Wire) -> Host:
    booked_times = []
    for action, start, other in vector.deeds:
        booked = vector.types[other]
        policy = booked.get("confirmationPolicy")
        if action == "book" and (policy is None or (other == at and "block true" in policy)):
            booked_times.append(
                BusyBooking(
                    *time_range(vector, start, other),
                    booked.get("beforeEventBuffer", 0),
                    booked.get("afterEventBuffer", 0),
                    open_seat="seats" in booked and other == at,
                    moving="bookingUidToReschedule" in query,
                )
            )
    counted = [
        CountedBooking(*time_range(vector, start, other))
        for action, start, other in vector.deeds
        if action == "book" and other == at
    ]
    return Host(read_schedule(vector.zone, vector.availability, vector.dates), booked_times, counted=counted)


def pure_reserved(vector: Vector, at: int) -> Reserved:
    reserved = [(start, other) for action, start, other in vector.deeds if action == "reserve"]
    busy = [time_range(vector, start, other) for start, other in reserved if "seats" not in vector.types[other]]
    seated = "seats" in vector.types[at]
    return Reserved(
        busy, frozenset(time_range(vector, start, at)[0] for _, start, other in vector.deeds if seated and other == at)
    )


def pure_slot(start: int, length: timedelta, kind: Wire, query: Wire, taken: Counter[str]) -> Any:
    begins = to_datetime(start)
    texts = [clock_text(moment, query.get("timeZone")) for moment in (begins, begins + length)]
    ranged = query.get("format") == "range"
    if "seats" not in kind:
        return " to ".join(texts) if ranged else texts[0]
    booked = taken[begins.strftime("%Y-%m-%dT%H:%M:%SZ")]
    shown = {"start": texts[0], "seats": seats_text(booked, kind["seats"])}
    return shown | ({"end": texts[1]} if ranged else {}) | ({"bookingUid": "yes"} if booked else {})


def clock_text(at: datetime, name: str | None) -> str:
    if name is None:
        return at.strftime("%H:%M")
    shift = timedelta(milliseconds=zone(name).offset(milliseconds(at)))
    return at.astimezone(timezone(shift)).isoformat(timespec="minutes")[11:]


# --- over HTTP


def play_http(vector: Vector) -> list[dict[str, list[Any]]]:
    """Create schedule, event types, bookings and reservations through the API, as on the recorded server."""
    with Sandbox(now=vector.clock) as sandbox:
        host = {name: ApiClient(sandbox, version, "cal_sandbox_bo") for name, version in VERSIONS.items()}
        schedule = {
            "name": vector.name,
            "timeZone": vector.zone,
            "isDefault": False,
            "availability": vector.availability,
        }
        saved = host["schedules"].post("/v2/schedules", schedule | {"overrides": vector.dates}).data
        ids = [
            host["event types"].post("/v2/event-types", http_event(kind, number, saved["id"])).data["id"]
            for number, kind in enumerate(vector.types)
        ]
        booked = [http_action(host, action, number, ids) for number, action in enumerate(vector.deeds)]
        answers = [http_ask(host["slots"].as_user(None), ask, ids, booked) for ask in vector.ask]
        assert sandbox.handler_errors == []
        return answers


VERSIONS = {"schedules": "2024-06-11", "event types": "2024-06-14", "bookings": "2024-08-13", "slots": "2024-09-04"}


def http_event(kind: Wire, number: int, schedule_id: int) -> Wire:
    body = {
        name: value
        for name, value in kind.items()
        if name not in {"length", "seats", "bookingWindow", "confirmationPolicy"}
    }
    body |= {
        "title": f"Type {number}",
        "slug": f"type-{number}",
        "lengthInMinutes": kind["length"],
        "scheduleId": schedule_id,
    }
    body.setdefault("minimumBookingNotice", 0)
    if "seats" in kind:
        body["seats"] = {"seatsPerTimeSlot": kind["seats"], "showAttendeeInfo": True, "showAvailabilityCount": True}
    if "bookingWindow" in kind:
        body["bookingWindow"] = window(kind["bookingWindow"])
    if "confirmationPolicy" in kind:
        blocks = "block true" in kind["confirmationPolicy"]
        body["confirmationPolicy"] = {"type": "always", "blockUnconfirmedBookingsInBooker": blocks}
    return body


def http_action(host: dict[str, ApiClient], action: tuple[str, str, int], number: int, ids: list[int]) -> str:
    verb, start, other = action
    if verb == "reserve":
        body = {"eventTypeId": ids[other], "slotStart": start}
        uid: str = host["slots"].as_user(None).post("/v2/slots/reservations", body).data["reservationUid"]
        return uid
    attendee = {"name": "Ada", "email": f"ada{number}@example.com", "timeZone": "UTC"}
    booking = (
        host["bookings"].post("/v2/bookings", {"eventTypeId": ids[other], "start": start, "attendee": attendee}).data
    )
    return str(booking["uid"])


def http_ask(api: ApiClient, ask: Wire, ids: list[int], booked: list[str]) -> dict[str, list[Any]]:
    query = {**ask["q"], "eventTypeId": ids[ask.get("type", 0)]}
    if "bookingUidToReschedule" in query:
        query["bookingUidToReschedule"] = booked[0]
    days = api.get("/v2/slots?" + urlencode(query)).data
    return {day: [http_slot(slot, day) for slot in slots] for day, slots in days.items()}


def http_slot(slot: Wire, day: str) -> Any:
    assert slot["start"].startswith(f"{day}T"), (day, slot)
    texts = [short(slot[name]) for name in ("start", "end") if name in slot]
    if "seatsTotal" not in slot:
        return " to ".join(texts)
    assert slot["seatsRemaining"] == slot["seatsTotal"] - slot["seatsBooked"]
    shown = {"start": texts[0], "seats": seats_text(slot["seatsBooked"], slot["seatsTotal"])}
    return (
        shown | ({"end": texts[1]} if len(texts) > 1 else {}) | ({"bookingUid": "yes"} if "bookingUid" in slot else {})
    )


def short(text: str) -> str:
    """Return a time as the recorded lists write it: `2030-03-06T09:30:00.000Z` is `09:30`."""
    assert text[16:23] == ":00.000", text
    return text[11:16] + text[23:].removesuffix("Z")


# --- the tests


def test_the_computation_returns_the_recorded_slots(vectors: list[Vector]) -> None:
    """The slot computation returns the recorded slots for every recorded query."""
    for vector in vectors:
        for ask in vector.ask:
            days = play_pure(vector, ask)
            assert days == ask["slots"], (vector.name, ask["q"])
            assert list(days) == sorted(days), vector.name


def test_the_api_returns_the_recorded_slots(vectors: list[Vector]) -> None:
    """The API returns the recorded slots for every recorded query."""
    for vector in vectors:
        for days, ask in zip(play_http(vector), vector.ask, strict=True):
            assert days == ask["slots"], (vector.name, ask["q"])
            assert list(days) == sorted(days), vector.name
