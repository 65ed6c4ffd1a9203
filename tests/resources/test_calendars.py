"""Calendars: connections, busy times, connecting and disconnecting."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sent_requests import BO, SentRequest, at, last_request, sent_requests

from calcom_async import (
    BadRequestError,
    IncompleteListError,
    IncompleteListWarning,
    NotFoundError,
    UnauthorizedError,
)
from calcom_async.models import BusyTime, Calendar, CalendarCredential, ConnectedCalendars

FEED = "https://calendars.sandbox.test/ana.ics"
DAY = {"start": date(2026, 11, 4), "end": date(2026, 11, 5)}


async def test_list(cal, calcom_sandbox):
    """The list has all connections with their calendars, and the calendar that receives bookings."""
    calendars = await cal.calendars.list()
    assert isinstance(calendars, ConnectedCalendars)
    assert [
        (connection.integration.type, connection.credential_id) for connection in calendars.connected_calendars
    ] == [("ics-feed_calendar", 1)]
    assert [connection.external_id for connection in calendars.connected_calendars[0].calendars] == [FEED]
    assert calendars.destination_calendar.external_id == FEED
    assert last_request(calcom_sandbox) == SentRequest("GET", "/calendars", {}, None, None)


async def test_busy_times_of_all(cal, calcom_sandbox):
    """Without `calendars` the busy times of all connected ones are fetched, which costs one more request."""
    busy = await cal.calendars.busy_times(**DAY)
    assert [request.endpoint for request in sent_requests(calcom_sandbox)] == [
        "GET /calendars",
        "GET /calendars/busy-times",
    ]
    assert last_request(calcom_sandbox).query == {
        "timeZone": "UTC",
        "dateFrom": "2026-11-04",
        "dateTo": "2026-11-05",
        "calendarsToLoad[0][credentialId]": "1",
        "calendarsToLoad[0][externalId]": FEED,
    }
    assert BusyTime(start=at(12), end=at(13), title="Lunch", source="ics-feed") in busy


async def test_busy_times_of_named_calendars(cal, calcom_sandbox):
    """Given calendars are sent in one request, each by its pair of ids, in UTC."""
    calendars = [
        Calendar(read_only=True, external_id=name, is_selected=True, credential_id=1) for name in (FEED, "other")
    ]
    start, end = datetime(2026, 11, 4, 9, tzinfo=UTC), at(17)
    busy = await cal.calendars.busy_times(start=start, end=end, calendars=calendars, time_zone="Asia/Tokyo")
    assert [request.endpoint for request in sent_requests(calcom_sandbox)] == ["GET /calendars/busy-times"]
    query = last_request(calcom_sandbox).query
    assert (query["dateFrom"], query["dateTo"], query["timeZone"]) == (
        "2026-11-04T09:00:00Z",
        "2026-11-04T17:00:00Z",
        "Asia/Tokyo",
    )
    assert (query["calendarsToLoad[1][credentialId]"], query["calendarsToLoad[1][externalId]"]) == ("1", "other")
    assert {busy_time.start.utcoffset().total_seconds() for busy_time in busy} == {0}


async def test_busy_times_without_calendars(cal, calcom_sandbox):
    """Without calendars there are no busy times, and no request is sent, because the server would reject it."""
    calcom_sandbox.store.calendars.pop(BO, None)
    bo = cal.with_credentials("cal_sandbox_bo").calendars
    assert (await bo.list()).destination_calendar is None
    assert await bo.busy_times(**DAY) == []
    assert [request.endpoint for request in sent_requests(calcom_sandbox)] == ["GET /calendars"] * 2
    assert await bo.busy_times(calendars=[], **DAY) == []
    assert len(calcom_sandbox.requests) == 2


async def test_broken_connections(cal, calcom_sandbox):
    """Busy times of a broken connection are missing, which is a warning, or with `strict` an error."""
    [feed] = calcom_sandbox.store.calendars[1]
    broken = feed | {"credentialId": 9, "calendars": None, "error": {"message": "token revoked"}}
    calcom_sandbox.store.calendars[1].append(broken)
    with pytest.warns(IncompleteListWarning, match=r"1 of 2 .*ics-feed_calendar \(token revoked\)"):
        assert await cal.calendars.busy_times(**DAY)
    calcom_sandbox.store.calendars[1].remove(feed)
    with pytest.warns(IncompleteListWarning, match="1 of 1"):
        assert await cal.calendars.busy_times(**DAY) == []
    with pytest.raises(IncompleteListError, match="token revoked") as caught:
        await cal.calendars.busy_times(**DAY, strict=True)
    assert (caught.value.expected, caught.value.seen) == (1, 0)
    assert await cal.calendars.busy_times(**DAY, calendars=[], strict=True) == []


async def test_calendars_of_another_type(cal, calcom_sandbox):
    """Anything but a `Calendar` is rejected before a request is sent."""
    with pytest.raises(ValueError, match="must be Calendar objects, got 7"):
        await cal.calendars.busy_times(calendars=[7], **DAY)
    assert calcom_sandbox.requests == []


async def test_naive_times(cal, calcom_sandbox):
    """A naive datetime is rejected before a request is sent."""
    naive = datetime(2026, 11, 4, 9)  # noqa: DTZ001 - on purpose
    with pytest.raises(ValueError, match="start must have a time zone"):
        await cal.calendars.busy_times(start=naive, end=at(17), calendars=[_connect_feed()])
    with pytest.raises(ValueError, match="start must have a time zone"):
        await cal.calendars.busy_times(start=naive, end=at(17))
    assert calcom_sandbox.requests == []


def _connect_feed(credential_id=1):
    return Calendar(read_only=True, external_id=FEED, is_selected=True, credential_id=credential_id)


async def test_foreign_calendar(cal):
    """The calendar of another user is an UnauthorizedError, although the key is valid."""
    with pytest.raises(UnauthorizedError, match="do not belong to you"):
        await cal.calendars.busy_times(calendars=[_connect_feed(99)], **DAY)
    assert (await cal.me.get()).id == 1


async def test_check(cal, calcom_sandbox):
    """A working connection returns None; a missing one raises an error."""
    assert await cal.calendars.check("ics-feed") is None
    assert last_request(calcom_sandbox).endpoint == "GET /calendars/ics-feed/check"
    with pytest.raises(BadRequestError, match="google_calendar not found"):
        await cal.calendars.check("google")


async def test_connect_url(cal, calcom_sandbox):
    """The URL for connecting contains the key, so its repr is masked."""
    target = await cal.calendars.connect_url("google", redirect_to="https://app.test/done", dry_run=True)
    query = {"redir": "https://app.test/done", "isDryRun": "true"}
    assert last_request(calcom_sandbox) == SentRequest("GET", "/calendars/google/connect", query, None, None)
    assert calcom_sandbox.api_key in target.auth_url
    assert calcom_sandbox.api_key not in repr(target)
    await cal.calendars.connect_url("office365")
    assert last_request(calcom_sandbox).query == {}


async def test_connect_apple(cal, calcom_sandbox):
    """An Apple calendar is connected with user name and password."""
    assert await cal.calendars.connect_apple(username="ana@icloud.test", password="app-pass") is None
    assert last_request(calcom_sandbox).endpoint == "POST /calendars/apple/credentials"
    assert last_request(calcom_sandbox).body == {"username": "ana@icloud.test", "password": "app-pass"}
    assert await cal.calendars.check("apple") is None


async def test_connect_and_disconnect_feeds(cal, calcom_sandbox):
    """Feeds are connected by URL, and disconnected by the id that `connect_ics` returns."""
    bo = cal.with_credentials("cal_sandbox_bo").calendars
    credential = await bo.connect_ics("https://feeds.test/a.ics", "https://feeds.test/b.ics", read_only=True)
    body = {"urls": ["https://feeds.test/a.ics", "https://feeds.test/b.ics"], "readOnly": True}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/calendars/ics-feed/save", {}, body, None)
    assert isinstance(credential, CalendarCredential)
    assert (credential.type, credential.user_id) == ("ics-feed_calendar", BO)
    disconnected = await bo.disconnect("ics-feed", credential_id=credential.id)
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", "/calendars/ics-feed/disconnect", {}, {"id": credential.id}, None
    )
    assert disconnected.id == credential.id
    assert (await bo.list()).connected_calendars == []
    with pytest.raises(NotFoundError, match="credentials not found"):
        await bo.disconnect("ics-feed", credential_id=credential.id)


async def test_an_invalid_feed_url(cal):
    """A URL that is not a feed is named in `fields`."""
    with pytest.raises(BadRequestError) as caught:
        await cal.calendars.connect_ics("https://feeds.test/page.html")
    assert list(caught.value.fields) == ["urls"]
