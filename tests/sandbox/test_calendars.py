"""Connected calendars and their busy times, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

NOW = datetime(2030, 1, 1, 9, tzinfo=UTC)
BUSY = "/v2/calendars/busy-times?"
RANGE = {"dateFrom": "2030-01-02", "dateTo": "2030-01-03", "timeZone": "Europe/Rome"}


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client(now=NOW) as api:
        yield api


def busy_times_url(account: Any, **more: str) -> str:
    calendar = account["primary"]
    wanted = {
        "calendarsToLoad[0][credentialId]": account["credentialId"],
        "calendarsToLoad[0][externalId]": calendar["externalId"],
    }
    return BUSY + urlencode(RANGE | wanted | more)


def accounts(api: ApiClient) -> list[Any]:
    return api.get("/v2/calendars").data["connectedCalendars"]


def connect_google(api: ApiClient) -> Any:
    url = api.get("/v2/calendars/google/connect").data["authUrl"]
    [state] = parse_qs(urlsplit(url).query)["state"]
    assert api.as_user(None).get(f"/v2/calendars/google/save?code=x&state={quote(state)}").status == 301
    return accounts(api)[-1]


def test_the_list_has_the_recorded_fields(api, shared):
    """Accounts, their calendars and the destination have the recorded keys."""
    api.as_user("bo").post("/v2/calendars/ics-feed/save", {"urls": ["https://x.test/a.ics"]})
    ours = api.as_user("bo").get("/v2/calendars").data
    real = recorded_body(shared, "calendars_list_connected")["data"]
    assert ours["destinationCalendar"].keys() == real["destinationCalendar"].keys()
    [ours_connected], [theirs] = ours["connectedCalendars"], real["connectedCalendars"]
    assert ours_connected.keys() == theirs.keys()
    assert ours_connected["integration"].keys() == theirs["integration"].keys()
    assert ours_connected["calendars"][0].keys() == theirs["calendars"][0].keys()


def test_without_accounts_the_destination_is_empty(api, shared):
    """Without calendars the destination is an empty object."""
    assert api.as_user("bo").get("/v2/calendars").body == recorded_body(shared, "calendars_list")


# --- busy times


def test_a_feed_returns_all_its_events(api, shared):
    """An ICS feed ignores the range and the calendar name; times are in UTC for every time zone."""
    [feed] = accounts(api)
    whole = api.get(busy_times_url(feed)).data
    assert len(whole) == 14
    assert whole[0] == {
        "start": "2030-01-01T12:00:00.000Z",
        "end": "2030-01-01T13:00:00.000Z",
        "title": "Lunch",
        "source": "ics-feed",
    }
    assert whole[0].keys() == recorded_body(shared, "calendars_busy_times")["data"][0].keys()
    assert api.get(busy_times_url(feed, **{"calendarsToLoad[0][externalId]": "other"})).data == whole


def test_other_calendars_return_the_requested_range(api):
    """Other calendars return what overlaps the range, the end date included."""
    google = connect_google(api)
    rows = api.sandbox.store.busy
    for day in (1, 2, 3, 4):
        times = {"start": datetime(2030, 1, day, 22, tzinfo=UTC), "end": datetime(2030, 1, day, 22, 30, tzinfo=UTC)}
        place = {"calendar_id": google["primary"]["externalId"], "credential_id": google["credentialId"]}
        rows.append({"user_id": 1, "title": None, **place, **times})
    busy_times = api.get(busy_times_url(google)).data
    assert [busy_time["start"][:10] for busy_time in busy_times] == ["2030-01-02", "2030-01-03"]
    assert "title" not in busy_times[0]
    assert api.get(busy_times_url(google, **{"calendarsToLoad[0][externalId]": "other"})).data == []


def test_missing_parameters_get_the_recorded_error(api, shared):
    """The validation error for an empty query equals the recorded one."""
    response = api.get(BUSY)
    assert response.body["error"]["details"] == recorded_body(shared, "calendars_busy_times_400")["error"]["details"]


def test_invalid_queries_of_busy_times(api):
    """A missing zone is reported last, a foreign credential is a 401, and flat parameters are ignored."""
    [feed] = accounts(api)
    assert api.get(busy_times_url(feed, timeZone="")).error == (
        400,
        "Either timeZone or loggedInUsersTz must be provided",
    )
    assert api.get(busy_times_url(feed, timeZone="", loggedInUsersTz="Europe/Rome")).status == 200
    invalid = {"urls": ["https://feeds.invalid/a.ics"]}
    assert api.post("/v2/calendars/ics-feed/save", invalid).error == (400, "Could not add ICS feeds")
    assert api.get(busy_times_url(feed, timeZone="Mars")).error == (400, "timeZone must be a valid IANA time-zone")
    assert api.as_user("bo").get(busy_times_url(feed)).error == (401, "These credentials do not belong to you")
    flat = BUSY + urlencode(RANGE | {"credentialId": 1, "externalId": "x"})
    assert list(api.get(flat).constraints) == ["calendarsToLoad"]
    assert list(api.get(busy_times_url(feed, dateFrom="soon")).constraints) == ["dateFrom"]


# --- coming and going


def test_connecting_redirects_to_the_provider_and_back(api):
    """The state contains the caller and the return URL; the callback connects the account."""
    response = api.get("/v2/calendars/google/connect?redir=https%3A%2F%2Fapp.test%2Fok").data["authUrl"]
    [state] = parse_qs(urlsplit(response).query)["state"]
    back = api.as_user(None).get(f"/v2/calendars/google/save?code=x&state={quote(state)}")
    assert (back.status, back.headers["Location"]) == (301, "https://app.test/ok")
    assert accounts(api)[-1]["integration"]["type"] == "google_calendar"
    assert api.get("/v2/calendars/google/check").body == {"status": "success"}


def test_a_dry_run_connects_nothing(api):
    """A dry run goes through all steps and connects nothing."""
    url = api.get("/v2/calendars/office365/connect?isDryRun=true").data["authUrl"]
    [state] = parse_qs(urlsplit(url).query)["state"]
    assert api.get(f"/v2/calendars/office365/save?code=x&state={quote(state)}").status == 301
    assert len(accounts(api)) == 1


def test_apple_needs_a_name_and_a_password(api):
    """Connecting Apple needs a username and a password."""
    path = "/v2/calendars/apple/credentials"
    assert list(api.post(path, {}).constraints) == ["username", "password"]
    response = api.post(path, {"username": "ana@icloud.test", "password": "p"})
    assert (response.status, response.body) == (201, {"status": "success"})
    assert accounts(api)[-1]["primary"]["externalId"] == "ana@icloud.test"


def test_urls_of_feeds_end_in_ics(api):
    """Feeds are saved as one credential; URLs that do not end in .ics are rejected."""
    path = "/v2/calendars/ics-feed/save"
    saved = api.as_user("bo").post(path, {"urls": ["https://x.test/a.ics", "https://x.test/b.ics"]})
    assert (saved.status, saved.data["type"], saved.data["userId"]) == (201, "ics-feed_calendar", 2)
    assert len(accounts(api.as_user("bo"))[0]["calendars"]) == 2
    assert api.as_user("bo").get("/v2/calendars/ics-feed/check").body == {"status": "success"}
    for urls in ([], ["https://x.test/a.txt"], "https://x.test/a.ics", None):
        assert api.post(path, {"urls": urls}).status == 400


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("google", "Credentials for google_calendar not found."),
        ("office365", "Credentials for office_365_calendar not found."),
        ("apple", "Credentials for apple calendar not found."),
        ("ics-feed", "Credentials for Ics Feed calendar not found."),
        ("outlook", "Invalid calendar type, available calendars are: "),
    ],
)
def test_checking_a_provider_that_is_not_connected(api, word, text):
    """The error names the provider; for an unknown one its list of providers is empty."""
    assert api.as_user("bo").get(f"/v2/calendars/{word}/check").error == (400, text)


def test_disconnecting_deletes_the_account_and_its_busy_times(api):
    """Disconnecting deletes the account and its busy times; a second request, or a foreign account, is a 404."""
    [feed] = accounts(api)
    path, body = "/v2/calendars/ics-feed/disconnect", {"id": feed["credentialId"]}
    assert api.as_user("bo").post(path, body).error == (404, "Calendar credentials not found")
    invalid = api.post(path, body)
    assert (invalid.status, invalid.data["id"], invalid.data["type"]) == (
        200,
        feed["credentialId"],
        "ics-feed_calendar",
    )
    assert api.get("/v2/calendars").data == {"connectedCalendars": [], "destinationCalendar": {}}
    assert api.sandbox.store.busy == []
    assert api.post(path, body).status == 404


@pytest.mark.parametrize(("query", "text"), [("code=x", "state"), ("state=accessToken%3Dx", "code")])
def test_callbacks_without_state_or_code(api, query, text):
    """A callback without state or code is a 400."""
    assert api.get(f"/v2/calendars/google/save?{query}").error == (400, f"Missing `{text}` query param")
