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
    """A desk whose creates take a moment between look and insert; all that arrive at once look first."""
    with Sandbox(now=MONDAY, races=True) as sandbox:
        yield BookingApi(sandbox)
        assert sandbox.handler_errors == []


@contextmanager
def standstill(sandbox: Sandbox) -> Iterator[None]:
    """Block the sandbox, so that all requests arrive in one iteration of its event loop."""
    stands, goes_on = threading.Event(), threading.Event()
    holder = threading.Thread(target=sandbox.run, args=(lambda: (stands.set(), goes_on.wait(TIMEOUT)),))
    holder.start()
    try:
        assert stands.wait(TIMEOUT)
        yield
    finally:
        goes_on.set()
        holder.join()


def at_once(sandbox: Sandbox, *bodies: dict[str, Any]) -> list[ApiResponse]:
    """Ask for all these bookings in the same instant."""
    headers = {"Content-Type": "application/json", "cal-api-version": "2024-08-13"}
    with ExitStack() as stack:
        place = urlsplit(sandbox.url).netloc
        lines = [stack.enter_context(closing(http.client.HTTPConnection(place, timeout=TIMEOUT))) for _ in bodies]
        with standstill(sandbox):
            for line, body in zip(lines, bodies, strict=True):
                line.request("POST", "/v2/bookings", json.dumps(body), headers)
        replies = [line.getresponse() for line in lines]
        return [ApiResponse(reply.status, reply.reason, dict(reply.headers), reply.read()) for reply in replies]


def wish(start: str = at(10), event_type: int = THIRTY, **more: Any) -> dict[str, Any]:
    return {"eventTypeId": event_type, "start": start, "attendee": ada()} | more


def outcome(answers: list[ApiResponse]) -> tuple[int, set[tuple[int, str]]]:
    """Return the number of bookings, and the errors of the other requests."""
    refused = [one.error for one in answers if one.status != 201]
    return len(answers) - len(refused), set(refused)


def starts(api: BookingApi) -> list[int]:
    return [one.start.hour for one in api.sandbox.store.bookings.values()]


def test_of_fifty_identical_creates_one_wins(api):
    """One booking is created, 49 creations get 409, and a later one gets the 400 of a taken time."""
    answers = at_once(api.sandbox, *[wish()] * 50)
    assert outcome(answers) == (1, {LOST})
    assert starts(api) == [10]
    assert api.try_book(at(10)).error == TAKEN


def test_a_lost_race_reads_as_the_recorded_one(api, shared):
    """The loser's body is the one that a real server was seen to send."""
    answers = at_once(api.sandbox, wish(), wish())
    lost = next(one for one in answers if one.status == 409)
    assert lost.body == recorded_body(shared, "bookings_create_race_identical_1")


def test_without_a_window_nobody_races():
    """By default creates are handled one after another, so all but the first see a taken time."""
    with Sandbox(now=MONDAY) as sandbox:
        assert outcome(at_once(sandbox, *[wish()] * 50)) == (1, {TAKEN})
        assert len(sandbox.store.bookings) == 1


def test_the_key_is_host_start_and_end(api):
    """Another booker or event type makes no difference to the key; another time or another host does."""
    twin = api.event_type()
    assert outcome(at_once(api.sandbox, wish(), wish(event_type=twin, attendee=ada(email="b@x.test")))) == (1, {LOST})
    assert outcome(at_once(api.sandbox, wish(at(10.5)), wish(at(11)), wish(at(11.5)))) == (3, set())
    bos = api.team_event_type("collective", BO)
    assert outcome(at_once(api.sandbox, wish(at(15)), wish(at(15), bos))) == (2, set())


def test_overlapping_creates_are_not_stopped(api):
    """The key knows identical times only: a longer booking of the same start is made as well."""
    assert outcome(at_once(api.sandbox, wish(), wish(event_type=SIXTY))) == (2, set())


def test_pending_bookings_race_without_losing(api):
    """Six at the same moment make six pending bookings; one after another the first would be found again."""
    asked = api.event_type(confirmationPolicy={"type": "always", "blockUnconfirmedBookingsInBooker": True})
    answers = at_once(api.sandbox, *[wish(event_type=asked)] * 6)
    assert len({one.data["uid"] for one in answers}) == 6
    assert {one.data["status"] for one in answers} == {"pending"}


def test_first_bookers_of_a_seated_time_race(api):
    """One of six gets a seat, five lose though seats are left; a retry then finds one."""
    bodies = [wish(event_type=CLASS, attendee=ada(email=f"v{number}@x.test")) for number in range(6)]
    answers = at_once(api.sandbox, *bodies)
    assert outcome(answers) == (1, {LOST})
    loser = next(body for body, one in zip(bodies, answers, strict=True) if one.status == 409)
    assert api.try_book(at(10), CLASS, attendee=loser["attendee"]).status == 201
    assert starts(api) == [10]


def test_a_later_first_booker_finds_the_host_busy(api, monkeypatch):
    """A request that checked before a seated booking existed, and checks again after, gets the 400 of a taken time."""
    monkeypatch.setattr(booking_create, "RACE_WINDOW", 0.4)
    api.sandbox.faults.add("POST", "/v2/bookings", slow=0.6)  # more than one window, less than two
    bodies = [wish(event_type=CLASS, attendee=ada(email=f"v{number}@x.test")) for number in range(2)]
    assert outcome(at_once(api.sandbox, *bodies)) == (1, {TAKEN})


def test_seats_are_oversold(api):
    """Attendees who join in the same instant all get a seat, however few are left."""
    pair = api.event_type(seats={"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True})
    api.book(at(10), pair)
    bodies = [wish(event_type=pair, attendee=ada(email=f"v{number}@x.test")) for number in range(3)]
    assert outcome(at_once(api.sandbox, *bodies)) == (3, set())
    full = (409, "No more seats left at this seated booking.")
    assert api.try_book(at(10), pair, attendee=ada(email="late@x.test")).error == full


def test_a_round_robin_gives_all_who_meet_the_same_host(api):
    """The host is chosen before the insert, so bookers who meet get the same one, and all but one lose."""
    robin = api.team_event_type("roundRobin", ANA, BO)
    guests = [wish(at(15), robin, attendee=ada(email=f"v{number}@x.test")) for number in range(3)]
    assert outcome(at_once(api.sandbox, *guests)) == (1, {LOST})
