"""Event pages: listed and read."""

from __future__ import annotations

import pytest
from sent_requests import SentRequest, last_request

from calcom_async import BadRequestError, NotFoundError
from calcom_async.models import RsvpEvent


async def test_list(cal, calcom_sandbox):
    """Events are listed on one page, optionally by the slug of their page; the number of guests is only there."""
    events = await cal.events.list().collect()
    assert last_request(calcom_sandbox) == SentRequest("GET", "/events", {}, None, None)
    assert all(isinstance(event, RsvpEvent) for event in events)
    assert [event.confirmed_count for event in events] == [2]
    assert await cal.events.list(slug="nothing-here").collect() == []
    assert last_request(calcom_sandbox).query == {"slug": "nothing-here"}


async def test_get(cal, calcom_sandbox):
    """Every kind of location is read, and an unknown kind does not affect the others."""
    event = await cal.events.get((await cal.events.list().collect())[0].uuid)
    assert last_request(calcom_sandbox).endpoint == f"GET /events/{event.uuid}"
    kinds = [location.type for location in event.locations]
    assert kinds == ["address", "link", "integration", "organizersDefaultApp"]
    assert (event.title, event.cancelled_at, event.confirmed_count) == ("Sandbox party", None, None)


async def test_unknown_events(cal):
    """An id that is no UUID is a `BadRequestError`, an unknown one a `NotFoundError`."""
    with pytest.raises(BadRequestError):
        await cal.events.get("party")
    with pytest.raises(NotFoundError):
        await cal.events.get("22222222-2222-4222-8222-222222222222")
