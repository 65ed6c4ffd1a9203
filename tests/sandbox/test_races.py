"""Creations at the same instant: one succeeds, and the others get an error."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from booking_api import ANA, BO, CLASS, MONDAY, NOT_FREE, SIXTY, THIRTY, BookingApi, ada, at
from http_client import ApiResponse, recorded_body
from timeouts import TIMEOUT

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.bookings import create as booking_create

LOST = (409, "booking_conflict_error")
TAKEN = (400, NOT_FREE)


@pytest.fixture
def api() -> Iterator[BookingApi]:
    """A sandbox with races: all creations that arrive together pass their checks first."""
    with Sandbox(now=MONDAY, races=True) as sandbox:
        yield BookingApi(sandbox)
        assert sandbox.handler_errors == []


@contextmanager
def blocked(sandbox: Sandbox) -> Iterator[None]:
    """Block the sandbox, so that all requests arrive in one iteration of its event loop."""
    is_blocked, may_continue = threading.Event(), threading.Event()
    holder = threading.Thread(target=sandbox.run, args=(lambda: (is_blocked.set(), may_continue.wait(TIMEOUT)),))
    holder.start()
    try:
        assert is_blocked.wait(TIMEOUT)
        yield
    finally:
        may_continue.set()
        holder.join()


def at_once(sandbox: Sandbox, *bodies: dict[str, Any]) -> list[ApiResponse]:
    """Send all these create requests at the same instant."""
    headers = {"Content-Type": "application/json", "cal-api-version": "2024-08-13"}
    with ExitStack() as stack:
        address = urlsplit(sandbox.url).netloc
        connections = [
            stack.enter_context(closing(http.client.HTTPConnection(address, timeout=TIMEOUT))) for _ in bodies
        ]
        with blocked(sandbox):
            for connection, body in zip(connections, bodies, strict=True):
                connection.request("POST", "/v2/bookings", json.dumps(body), headers)
        received = [connection.getresponse() for connection in connections]
        return [
            ApiResponse(response.status, response.reason, dict(response.headers), response.read())
            for response in received
        ]


def booking_body(start: str = at(10), event_type: int = THIRTY, **more: Any) -> dict[str, Any]:
    return {"eventTypeId": event_type, "start": start, "attendee": ada()} | more


def outcome(responses: list[ApiResponse]) -> tuple[int, set[tuple[int, str]]]:
    """Return the number of bookings, and the errors of the other requests."""
    errors = [response.error for response in responses if response.status != 201]
    return len(responses) - len(errors), set(errors)


def starts(api: BookingApi) -> list[int]:
    return [booking.start.hour for booking in api.sandbox.store.bookings.values()]


def test_of_fifty_identical_creates_one_wins(api):
    """One booking is created, 49 creations get 409, and a later one gets the 400 of a taken time."""
    responses = at_once(api.sandbox, *[booking_body()] * 50)
    assert outcome(responses) == (1, {LOST})
    assert starts(api) == [10]
    assert api.try_book(at(10)).error == TAKEN


def test_the_error_of_a_lost_race_is_the_recorded_one(api, shared):
    """The error of a lost race equals the recorded one."""
    responses = at_once(api.sandbox, booking_body(), booking_body())
    lost = next(response for response in responses if response.status == 409)
    assert lost.body == recorded_body(shared, "bookings_create_race_identical_1")


def test_without_races_creations_run_one_after_another():
    """By default creations run one after another, so all but the first get the 400 of a taken time."""
    with Sandbox(now=MONDAY) as sandbox:
        assert outcome(at_once(sandbox, *[booking_body()] * 50)) == (1, {TAKEN})
        assert len(sandbox.store.bookings) == 1


def test_races_are_decided_by_host_start_and_end(api):
    """The unique key is host, start and end; attendee and event type do not matter."""
    twin = api.event_type()
    assert outcome(
        at_once(api.sandbox, booking_body(), booking_body(event_type=twin, attendee=ada(email="b@x.test")))
    ) == (1, {LOST})
    assert outcome(at_once(api.sandbox, booking_body(at(10.5)), booking_body(at(11)), booking_body(at(11.5)))) == (
        3,
        set(),
    )
    bos = api.team_event_type("collective", BO)
    assert outcome(at_once(api.sandbox, booking_body(at(15)), booking_body(at(15), bos))) == (2, set())


def test_overlapping_creations_are_not_prevented(api):
    """Overlapping bookings are all created, because only identical times collide."""
    assert outcome(at_once(api.sandbox, booking_body(), booking_body(event_type=SIXTY))) == (2, set())


def test_pending_bookings_are_not_protected_from_races(api):
    """Six concurrent requests create six pending bookings."""
    event_type = api.event_type(confirmationPolicy={"type": "always", "blockUnconfirmedBookingsInBooker": True})
    responses = at_once(api.sandbox, *[booking_body(event_type=event_type)] * 6)
    assert len({response.data["uid"] for response in responses}) == 6
    assert {response.data["status"] for response in responses} == {"pending"}


def test_concurrent_first_attendees_of_a_seated_start(api):
    """Of six concurrent first requests one gets a seat; a retry of another succeeds."""
    bodies = [booking_body(event_type=CLASS, attendee=ada(email=f"v{number}@x.test")) for number in range(6)]
    responses = at_once(api.sandbox, *bodies)
    assert outcome(responses) == (1, {LOST})
    loser = next(body for body, response in zip(bodies, responses, strict=True) if response.status == 409)
    assert api.try_book(at(10), CLASS, attendee=loser["attendee"]).status == 201
    assert starts(api) == [10]


@pytest.mark.slow
def test_a_first_attendee_who_comes_too_late(api, monkeypatch):
    """A request that checked before a seated booking existed, and checks again after, gets the 400 of a taken time."""
    monkeypatch.setattr(booking_create, "RACE_WINDOW", 0.4)
    api.sandbox.faults.add("POST", "/v2/bookings", slow=0.6)  # more than one window, less than two
    bodies = [booking_body(event_type=CLASS, attendee=ada(email=f"v{number}@x.test")) for number in range(2)]
    assert outcome(at_once(api.sandbox, *bodies)) == (1, {TAKEN})


def test_seats_can_be_oversold(api):
    """Concurrent attendees all get a seat, even more of them than seats."""
    pair = api.event_type(seats={"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True})
    api.book(at(10), pair)
    bodies = [booking_body(event_type=pair, attendee=ada(email=f"v{number}@x.test")) for number in range(3)]
    assert outcome(at_once(api.sandbox, *bodies)) == (3, set())
    full = (409, "No more seats left at this seated booking.")
    assert api.try_book(at(10), pair, attendee=ada(email="late@x.test")).error == full


def test_concurrent_round_robin_requests_choose_one_host(api):
    """Concurrent round-robin requests choose the same host, so all but one fail."""
    robin = api.team_event_type("roundRobin", ANA, BO)
    guests = [booking_body(at(15), robin, attendee=ada(email=f"v{number}@x.test")) for number in range(3)]
    assert outcome(at_once(api.sandbox, *guests)) == (1, {LOST})
