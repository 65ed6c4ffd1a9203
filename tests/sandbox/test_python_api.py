"""The Python side of a sandbox: waiting for requests, declared data, and a time that another library moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from calcom_async import Calcom
from calcom_async.sandbox import Delivery, Sandbox
from calcom_async.sandbox.http.messages import HttpRequest, HttpResponse
from calcom_async.sandbox.world import Attendee, Booking, EventType, User, World

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def sandbox():
    return Sandbox()


def record(sandbox, path, status=200):
    """Record a request as the server does."""
    request = HttpRequest("GET", path, "", {}, b"", "ip")
    sandbox.requests.record(request, HttpResponse(status), time=NOON, seconds=0.001, fault=None)


def test_waiting_returns_what_has_arrived(sandbox):
    """Waiting returns the requests that match once there are enough, also those that came before."""
    record(sandbox, "/v2/me")
    record(sandbox, "/v2/teams", 503)
    record(sandbox, "/v2/teams")
    found = sandbox.requests.wait_for(path="/v2/teams", count=2, timeout=0)
    assert [(request.number, request.status) for request in found] == [(2, 503), (3, 200)]
    assert [request.number for request in sandbox.requests.wait_for(status=200, after=1, timeout=0)] == [3]


def test_waiting_in_vain_says_what_arrived_instead(sandbox):
    """A timeout says which requests were awaited and which arrived."""
    record(sandbox, "/v2/me")
    with pytest.raises(TimeoutError) as raised:
        sandbox.requests.wait_for(method="post", path="/v2/bookings", status=201, count=2, timeout=0)
    assert str(raised.value) == (
        "0 of 2 requests POST /v2/bookings with status 201 were received within 0 s. "
        "The latest requests: GET /v2/me 200"
    )


def test_waiting_reads_each_request_once(sandbox):
    """Who waits during a load test looks only at new requests, and counts again after the log was cleared."""
    looked = []
    matching = sandbox.requests.matching
    sandbox.requests.matching = lambda **options: looked.append(options["after"]) or matching(**options)
    enough = sandbox.requests.counter(2, method="*", path="/v2/me", status=None, after=0)
    answers = []
    for path in ("/v2/me", "/v2/teams", "/v2/me"):
        record(sandbox, path)
        if len(answers) == 2:
            sandbox.requests.clear()
        answers.append(enough())
    record(sandbox, "/v2/me")
    record(sandbox, "/v2/me")
    assert [*answers, enough()] == [False, False, False, True]
    assert looked == [0, 1, 2, 3, 0]


def test_a_restored_snapshot_clears_the_deliveries(sandbox):
    """Restoring a snapshot brings no earlier deliveries back, and their numbers go on."""
    delivery = Delivery("id", "http://127.0.0.1:1/", "BOOKING_CREATED", {}, b"{}", 200)
    assert sandbox.deliveries.record(delivery).number == 1
    sandbox.restore(sandbox.snapshot())
    assert not sandbox.deliveries
    assert sandbox.deliveries.record(delivery).number == 2


def test_a_sandbox_that_runs_for_days_keeps_the_latest_deliveries(sandbox, monkeypatch):
    """The number of kept deliveries is bounded, and the first number says which are gone."""
    monkeypatch.setattr("calcom_async.sandbox.http.delivery_log.MIN_RECORDED", 2)
    delivery = Delivery("id", "http://127.0.0.1:1/", "BOOKING_CREATED", {}, b"{}", 200)
    for _ in range(5):
        sandbox.deliveries.record(delivery)
    assert [kept.number for kept in sandbox.deliveries] == [4, 5]
    assert sandbox.deliveries.first_number == 4


async def test_a_test_can_wait_for_requests_of_a_service():
    """A coroutine waits in a thread, while the client in its event loop sends the request."""
    with Sandbox() as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            waiting = asyncio.create_task(asyncio.to_thread(sandbox.requests.wait_for, path="/v2/me"))
            await asyncio.sleep(0)
            await cal.me.get()
            (request,) = await waiting
    assert request.method == "GET"


async def test_declared_data_is_served():
    """The client sees the users, event types and bookings of a declared world, past ones too."""
    world = World(
        users=[User(username="eve", time_zone="Europe/Rome")],
        event_types=[EventType(slug="intro", owner="eve", length_in_minutes=15)],
        bookings=[
            Booking(
                event_type="eve/intro",
                start=NOON - timedelta(days=9),
                attendees=[Attendee(name="Ada", email="ada@example.com")],
            )
        ],
    )
    with Sandbox(world=world, now=NOON) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            assert (await cal.me.get()).username == "eve"
            (booking,) = await cal.bookings.list(status="past").collect()
    assert (booking.start, booking.attendees[0].name) == (NOON - timedelta(days=9), "Ada")


async def test_time_machine_moves_the_sandbox_too():
    """The clock of a sandbox in this process follows time-machine, since it reads the time of the system."""
    with time_machine.travel(NOON, tick=False), Sandbox() as sandbox:
        assert sandbox.clock.now() == NOON
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            days = await cal.slots.search(event_type_id=1, start=date(2026, 12, 1), end=date(2026, 12, 1))
    assert days.first().start == NOON + timedelta(hours=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bookings": -1}, "bookings must be at least 0, got -1"),
        ({"rate_limit": 0}, "rate_limit must be at least 1, got 0"),
        ({"window": 0}, "window and block must be seconds, window above 0, got 0 and 60"),
        ({"window": float("inf")}, "window and block must be seconds"),
        ({"block": float("nan")}, "window and block must be seconds"),
        ({"world": {"users": []}}, "world must be a World, got dict; read_world reads one from JSON or YAML"),
    ],
)
def test_wrong_options_are_rejected_at_once(options, message):
    """An option that would fail later, at a request, is an error when the sandbox is made."""
    with pytest.raises((ValueError, TypeError), match=message):
        Sandbox(**options)
