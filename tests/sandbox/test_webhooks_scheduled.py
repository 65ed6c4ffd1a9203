"""Deliveries that follow an event later, when the clock of the sandbox reaches their time."""

from __future__ import annotations

import pytest
from sent_requests import ADA, MONDAY, at, book

from calcom_async import Calcom
from calcom_async.sandbox import Sandbox
from calcom_async.webhooks import parse

HOOK = "https://example.test/hook"
MEETINGS = ["MEETING_STARTED", "MEETING_ENDED"]


@pytest.fixture
def sandbox():
    """Run a sandbox whose clock is frozen."""
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


@pytest.fixture
async def cal(sandbox):
    """Open a client whose webhook wants to know of meetings."""
    async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
        await cal.webhooks.create(subscriber_url=HOOK, triggers=MEETINGS)
        yield cal


def delivered(sandbox, moment):
    """Move the clock to a time, and return the events that were delivered so far."""
    sandbox.clock.set(moment)
    sandbox.wait_idle()
    return [parse(delivery.body) for delivery in sandbox.deliveries]


async def test_a_meeting_starts_and_ends(cal, sandbox):
    """Each event comes once, when its time has come, with the booking as a flat body."""
    booking = await book(cal)
    assert delivered(sandbox, at(8.99)) == []
    [started] = delivered(sandbox, at(9))
    assert (started.trigger, started.uid, started.payload.start_time) == ("MEETING_STARTED", booking.uid, at(9))
    assert started.raw["attendees"][0]["email"] == ADA.email
    assert [event.trigger for event in delivered(sandbox, at(10))] == MEETINGS
    assert len(delivered(sandbox, at(12))) == 2


async def test_the_next_request_sends_what_is_due(cal, sandbox):
    """A sandbox that nobody waits for sends a delivery when it gets a request."""
    await book(cal)
    sandbox.clock.set(at(9.1))
    await cal.me.get()
    sandbox.wait_idle()
    assert [delivery.trigger for delivery in sandbox.deliveries] == ["MEETING_STARTED"]


async def test_a_cancelled_booking_has_no_meeting(cal, sandbox):
    """Nothing is delivered for a booking that was cancelled before its start."""
    booking = await book(cal)
    await cal.bookings.cancel(booking.uid, reason="rain")
    assert delivered(sandbox, at(12)) == []


async def test_a_rescheduled_booking_starts_at_its_new_time(cal, sandbox):
    """The old time is dropped, and the new booking is planned."""
    booking = await book(cal)
    moved = await cal.bookings.reschedule(booking.uid, start=at(11))
    assert delivered(sandbox, at(10)) == []
    assert [event.uid for event in delivered(sandbox, at(12))] == [moved.uid, moved.uid]


async def test_a_delivery_that_is_a_day_late_is_dropped(cal, sandbox):
    """The server drops a planned delivery that it could not send for more than a day."""
    await book(cal)
    assert delivered(sandbox, at(12, day=6)) == []


async def test_only_webhooks_of_the_time_of_booking_are_planned_for(cal, sandbox):
    """A webhook that is created after the booking does not learn of its start."""
    [webhook] = await cal.webhooks.list().collect()
    await cal.webhooks.delete(webhook.id)
    await book(cal)
    await cal.webhooks.create(subscriber_url=HOOK, triggers=MEETINGS)
    assert delivered(sandbox, at(12)) == []
