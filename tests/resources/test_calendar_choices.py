"""Calendars: which are checked for conflicts, which receives bookings, their events, and the OAuth callback."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from sent_requests import ANA, SentRequest, at, book, last_request

from calcom_async import BadRequestError, NotFoundError
from calcom_async.models import (
    CalendarEvent,
    CalendarEventTime,
    SelectedCalendar,
    UpdateCalendarEvent,
    UpdateCalendarEventAttendee,
)

FEED = {"integration": "ics-feed_calendar", "external_id": "https://calendars.sandbox.test/ana.ics", "credential_id": 1}
WIRE = {"integration": FEED["integration"], "externalId": FEED["external_id"], "credentialId": 1}
CHOSEN = SelectedCalendar(user_id=ANA, **FEED)


async def connected(cal):
    """Connect Ana's Google calendar, as a browser would."""
    url = (await cal.calendars.connect_url("google", redirect_to="https://app.test/done")).auth_url
    state = parse_qs(urlsplit(url).query)["state"][0]
    return await cal.calendars.complete_connect("google", state=state, code="from-google")


async def test_complete_connect_returns_the_redirect(cal, calcom_sandbox):
    """The OAuth callback returns the URL of the redirect without following it."""
    assert await connected(cal) == "https://app.test/done"
    assert last_request(calcom_sandbox).endpoint == "GET /calendars/google/save"
    assert last_request(calcom_sandbox).query["code"] == "from-google"
    await cal.calendars.check("google")


async def test_complete_connect_is_not_retried(cal, calcom_sandbox):
    """The callback changes state, so a lost response is an error and not retried."""
    calcom_sandbox.faults.add("GET", "/v2/calendars/google/save", status=503)
    with pytest.raises(Exception, match="503"):
        await cal.calendars.complete_connect("google", state="s", code="c")
    assert len(calcom_sandbox.requests) == 1


async def test_deselect_and_select(cal, calcom_sandbox):
    """A calendar is excluded from conflict checks and included again; doing it twice changes nothing."""
    assert await cal.calendars.deselect(**FEED) == CHOSEN
    assert last_request(calcom_sandbox) == SentRequest(
        "DELETE", "/selected-calendars", WIRE | {"credentialId": "1"}, None, None
    )
    assert not (await cal.calendars.list()).connected_calendars[0].calendars[0].is_selected
    with pytest.raises(NotFoundError, match="No SelectedCalendar found"):
        await cal.calendars.deselect(**FEED)
    assert await cal.calendars.select(**FEED) == CHOSEN
    assert last_request(calcom_sandbox) == SentRequest("POST", "/selected-calendars", {}, WIRE, None)
    assert await cal.calendars.select(**FEED) is None


async def test_unknown_credentials(cal):
    """The credential of another user is not found."""
    with pytest.raises(NotFoundError, match="Calendar credentials not found"):
        await cal.calendars.select(**FEED | {"credential_id": 99})


async def test_set_destination(cal, calcom_sandbox):
    """The calendar for new bookings can be selected if it is writable."""
    await connected(cal)
    mail = "ana@sandbox.test"
    chosen = await cal.calendars.set_destination(integration="google_calendar", external_id=mail)
    body = {"integration": "google_calendar", "externalId": mail}
    assert last_request(calcom_sandbox) == SentRequest("PUT", "/destination-calendars", {}, body, None)
    assert (chosen.user_id, chosen.external_id) == (ANA, mail)
    assert (await cal.calendars.list()).destination_calendar.external_id == mail
    with pytest.raises(NotFoundError, match="Could not find calendar nowhere"):
        await cal.calendars.set_destination(integration="google_calendar", external_id="nowhere")
    with pytest.raises(BadRequestError):
        await cal.calendars.set_destination(integration="ics-feed_calendar", external_id=FEED["external_id"])


async def test_events_of_a_calendar(cal, calcom_sandbox):
    """An event is read and changed by the uid of a booking's reference; another uid is unknown."""
    booked = calcom_sandbox.store.bookings[(await book(cal)).uid]
    booked.references = [{"type": "google_calendar", "eventUid": uid} for uid in ("abc/1", "abc")]
    event = await cal.calendars.event("google", "abc/1")
    assert isinstance(event, CalendarEvent)
    assert (event.id, event.source, event.start.time.tzinfo is not None) == ("abc/1", "google", True)
    assert last_request(calcom_sandbox).path == "/calendars/google/event/abc%2F1"
    changes = UpdateCalendarEvent(
        start=CalendarEventTime(time=at(9), time_zone="Europe/Lisbon"),
        description=None,
        attendees=[UpdateCalendarEventAttendee(email="ada@visitors.test", is_self=False)],
    )
    changed = await cal.calendars.update_event("google", "abc", changes)
    assert last_request(calcom_sandbox) == SentRequest(
        "PATCH",
        "/calendars/google/events/abc",
        {},
        {
            "start": {"time": "2026-11-04T09:00:00Z", "timeZone": "Europe/Lisbon"},
            "description": None,
            "attendees": [{"email": "ada@visitors.test", "self": False}],
        },
        None,
    )
    assert changed.start.time == at(9)
    with pytest.raises(NotFoundError):
        await cal.calendars.event("google", "other")
    with pytest.raises(BadRequestError, match="Google"):
        await cal.calendars.event("apple", "abc")
