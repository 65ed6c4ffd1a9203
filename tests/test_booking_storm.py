"""Thousands of `book()` calls with server faults: one booking per success, none per failure."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sent_requests import MONDAY

from calcom_async import Calcom, TokenBucket
from calcom_async.booking import IDEMPOTENCY_KEY, book
from calcom_async.models import Attendee, Booking
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.accounts.users import new_user
from calcom_async.sandbox.event_types.records import new_event_type

CALLS = int(os.environ.get("CALCOM_ASYNC_STORM", "500"))
AT_ONCE = 50
CHECKED_FIRST = 20
"""One call in this many checks its slot first; a search costs the sandbox more than everything else."""
RIVALS = 10
"""One call in this many requests the time of the call before it."""
ALWAYS = [{"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]}]
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"confirmationPolicy": {"type": "always", "blockUnconfirmedBookingsInBooker": True}},
    {"seats": {"seatsPerTimeSlot": 1, "showAttendeeInfo": True, "showAvailabilityCount": True}},
)
TROUBLE: tuple[dict[str, Any], ...] = (
    {"cut": "before"},
    {"cut": "after"},
    {"status": 503},
    {"slow": 2.0},
    {"status": 429, "headers": {"Retry-After": "0.01"}},
)


def prepared(sandbox: Sandbox) -> list[int]:
    """A host with 24-hour availability for each kind of event type, and faults in five percent of the requests."""
    event_types = []
    for number, kind in enumerate(KINDS):
        host = new_user(sandbox.store, 100 + number, f"host{number}", f"Host {number}", "UTC")
        hours = {"availability": [day | {"startTime": "00:00", "endTime": "23:59"} for day in ALWAYS]}
        sandbox.store.schedules[host["default_schedule_id"]] |= hours
        body = {"title": "Chat", "slug": "chat", "lengthInMinutes": 15, "minimumBookingNotice": 0} | kind
        event_types.append(new_event_type(sandbox.store, host["id"], body)["id"])
        sandbox.store.api_keys[f"cal_host_{number}"] = host["id"]
    for trouble in TROUBLE:
        sandbox.faults.add("*", "/v2/*", probability=0.01, **trouble)
    return event_types


def booking_arguments(number: int, event_types: list[int]) -> dict[str, Any]:
    time = number - 1 if number % RIVALS == RIVALS - 1 else number
    start = MONDAY + timedelta(days=1, minutes=15 * (time // len(KINDS)))
    email = f"v{number}@visitors.test"
    attendee = Attendee(name=f"V{number}", email=email, time_zone="UTC")
    kind = time % len(KINDS)
    return {
        "start": start,
        "attendee": attendee,
        "event_type_id": event_types[kind],
        "check": not number % CHECKED_FIRST,
    }


async def run_storm(sandbox: Sandbox, calls: int) -> list[Booking | BaseException]:
    event_types = prepared(sandbox)
    turn = asyncio.Semaphore(AT_ONCE)
    options: dict[str, Any] = {"base_url": sandbox.url, "backoff_base": 0, "timeout": 1.5}
    clients = [
        Calcom(f"cal_host_{kind}", limiter=TokenBucket(1_000_000, window=0.01), **options) for kind in range(len(KINDS))
    ]

    async def book_number(number: int) -> Booking:
        async with turn:
            arguments = booking_arguments(number, event_types)
            cal = clients[event_types.index(arguments["event_type_id"])]
            return await book(cal.bookings, cal.slots, cal.event_types, pause=0, **arguments)

    async with clients[0], clients[1], clients[2]:
        return await asyncio.gather(*map(book_number, range(calls)), return_exceptions=True)


def keys_of_active_bookings(sandbox: Sandbox) -> Counter[str]:
    """The number of active bookings or seats with each key."""
    active = [booking for booking in sandbox.store.bookings.values() if booking.status in {"accepted", "pending"}]
    return Counter(
        holder[IDEMPOTENCY_KEY]
        for booking in active
        for holder in (booking.metadata, *(s["metadata"] for s in booking.seats))
        if IDEMPOTENCY_KEY in holder
    )


def key_of(booking: Booking) -> str:
    return booking.metadata[IDEMPOTENCY_KEY] if booking.metadata else booking.attendees[-1].metadata[IDEMPOTENCY_KEY]


@pytest.mark.slow
async def test_concurrent_bookings_with_faults():
    """As many bookings exist as calls succeeded, each with its own key; failures leave nothing, and none is unknown."""
    with Sandbox(now=MONDAY, races=True) as sandbox:
        results = await run_storm(sandbox, CALLS)
        created = [result for result in results if isinstance(result, Booking)]
        failed = Counter(type(result).__name__ for result in results if not isinstance(result, Booking))
        assert keys_of_active_bookings(sandbox) == Counter(map(key_of, created))
        assert set(failed) <= {"SlotTakenError"}
        event_types = sorted({result.event_type_id for result in sandbox.store.bookings.values()})
        arguments_of_calls = [booking_arguments(number, event_types) for number in range(CALLS)]
        assert {(result.event_type_id, result.start) for result in sandbox.store.bookings.values()} == {
            (result["event_type_id"], result["start"]) for result in arguments_of_calls
        }
        assert failed["SlotTakenError"] <= CALLS // RIVALS
        assert sandbox.faults.fired > CALLS / 50
        assert sandbox.handler_errors == []
