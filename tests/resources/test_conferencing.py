"""Conferencing apps and Stripe, of a user and of a team: connecting, callback, default and disconnecting."""

from __future__ import annotations

from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from sent_requests import ANA, ORGANIZATION, SALES, SentRequest, last_request, sent_requests

from calcom_async import BadRequestError, ForbiddenError, NotFoundError, ServerError
from calcom_async.decoding import Envelope, decoder
from calcom_async.models import ConferencingApp, CreateEventType, DefaultConferencingApp, Location
from calcom_async.resources.conferencing import MAYBE
from calcom_async.sandbox.calendars.accounts import GOOGLE, connect

SCOPES = {"user": lambda cal: cal, "team": lambda cal: cal.organization(ORGANIZATION).team(SALES)}
PATHS = {"user": "", "team": "/organizations/1/teams/2"}
RETURNS = {"return_to": "https://app.test/ok", "on_error_return_to": "https://app.test/no"}
RETURNS_QUERY = {"returnTo": "https://app.test/ok", "onErrorReturnTo": "https://app.test/no"}
both = pytest.mark.parametrize("owner", SCOPES)


@pytest.fixture(autouse=True)
def google_calendar(calcom_sandbox):
    """Connect Ana's Google calendar, which Google Meet needs."""
    calcom_sandbox.run(lambda: connect(calcom_sandbox.store, ANA, GOOGLE, ["ana@sandbox.test"], read_only=False))


def apps(cal, owner):
    """Return the conferencing apps of a scope."""
    return SCOPES[owner](cal).conferencing


def state_of(url):
    """Return the state inside the URL of a provider."""
    [state] = parse_qs(urlsplit(url).query)["state"]
    return state


@both
async def test_google_meet(cal, calcom_sandbox, owner):
    """Google Meet is connected at once, listed, made the default and disconnected."""
    conferencing, path = apps(cal, owner), f"{PATHS[owner]}/conferencing"
    app = await conferencing.connect()
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{path}/google-meet/connect", {}, None, None)
    assert isinstance(app, ConferencingApp)
    ids = (ANA, None) if owner == "user" else (None, SALES)
    assert (app.type, app.app_id, app.user_id, app.team_id) == ("google_video", "google-meet", *ids)
    assert await conferencing.list().collect() == [app]
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {}, None, None)
    assert await conferencing.set_default("google-meet") is None
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{path}/google-meet/default", {}, None, None)
    assert await conferencing.default() == DefaultConferencingApp(app_slug="google-meet")
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{path}/default", {}, None, None)
    assert await conferencing.disconnect("google-meet") is None
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{path}/google-meet/disconnect", {}, None, None)
    assert await conferencing.list().collect() == []


async def test_no_default_is_none(cal):
    """The default is None until it is set; Cal Video needs no connection."""
    assert await apps(cal, "user").default() is None
    assert decoder(Envelope[MAYBE]).decode(b'{"status": "success"}').data is None, "no detour is needed to read it"
    await apps(cal, "user").set_default("daily-video")
    assert (await apps(cal, "user").default()).app_slug == "daily-video"


async def test_connecting_errors(cal):
    """Connecting unsupported, connected or unknown apps raises an error with the server's message."""
    conferencing = apps(cal, "user")
    await conferencing.connect()
    with pytest.raises(BadRequestError, match="already connected"):
        await conferencing.connect()
    with pytest.raises(BadRequestError, match="Available apps: GOOGLE_MEET"):
        await conferencing.connect("zoom")
    with pytest.raises(BadRequestError, match="requires a Google Calendar"):
        await apps(cal.with_credentials("cal_sandbox_bo"), "user").connect()
    with pytest.raises(BadRequestError, match=r"zoom not connected\."):
        await conferencing.set_default("zoom")
    with pytest.raises(BadRequestError, match="Invalid app"):
        await conferencing.set_default("nope")
    with pytest.raises(BadRequestError, match=r"zoom not connected\."):
        await conferencing.disconnect("zoom")
    with pytest.raises(BadRequestError, match="Invalid conferencing app"):
        await conferencing.connect_url("google-meet", **RETURNS)


@both
async def test_zoom_is_connected_by_oauth(cal, calcom_sandbox, owner):
    """The callback with the state of the URL connects the app and returns the redirect without following it."""
    conferencing, path = apps(cal, owner), f"{PATHS[owner]}/conferencing/zoom/oauth"
    target = await conferencing.connect_url("zoom", **RETURNS)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{path}/auth-url", RETURNS_QUERY, None, None)
    assert target.url.startswith("https://zoom.us/")
    state = state_of(target.url)
    assert await conferencing.complete_connect("zoom", state=state, code="c") == "https://app.test/ok"
    assert last_request(calcom_sandbox) == SentRequest(
        "GET", f"{path}/callback", {"state": state, "code": "c"}, None, None
    )
    assert [app.type async for app in conferencing.list()] == ["zoom_video"]


async def test_a_rejected_consent(cal, calcom_sandbox):
    """An error in place of a code redirects to the other URL and connects nothing."""
    conferencing = apps(cal, "user")
    state = state_of((await conferencing.connect_url("msteams", **RETURNS)).url)
    assert await conferencing.complete_connect("msteams", state=state, error="access_denied") == "https://app.test/no"
    assert last_request(calcom_sandbox).query == {"state": state, "error": "access_denied"}
    assert await conferencing.list().collect() == []


async def test_an_invalid_state(cal):
    """A wrong code redirects to the error page; a callback without a state is rejected."""
    assert await apps(cal, "user").complete_connect("zoom", state="{}", code="c") == ""
    with pytest.raises(BadRequestError, match="Missing `state`"):
        await apps(cal, "user").complete_connect("zoom", state="", code="c")


@pytest.mark.parametrize(
    ("path", "come_back"),
    [
        ("/v2/conferencing/zoom/oauth/callback", lambda cal: partial(cal.conferencing.complete_connect, "zoom")),
        ("/v2/stripe/save", lambda cal: cal.stripe.complete_connect),
    ],
)
async def test_callbacks_are_not_retried(cal, calcom_sandbox, path, come_back):
    """OAuth callbacks are GETs that change state, so a lost response is an error and not retried."""
    calcom_sandbox.faults.add("GET", path, status=503, times=2)
    with pytest.raises(ServerError):
        await come_back(cal)(state="{}", code="c")
    assert [request.path for request in sent_requests(calcom_sandbox)] == [path.removeprefix("/v2")]


async def test_urls_with_the_key_are_masked(cal):
    """The state of the URL contains the caller's key, so its repr is masked."""
    for way in (await apps(cal, "user").connect_url("zoom", **RETURNS), await cal.stripe.connect_url(**RETURNS)):
        address = getattr(way, "url", None) or way.auth_url
        assert "cal_sandbox" in state_of(address)
        assert "cal_sandbox" not in f"{way!r}{list(way.__rich_repr__())}"
        assert "***" in repr(way)


def test_the_key_of_an_app_is_masked():
    """An app's key may contain tokens, so its repr is masked."""
    app = ConferencingApp(id=1, type="zoom_video", key={"access_token": "hush"})
    assert "hush" not in repr(app)
    assert "key='***'" in repr(app)


async def test_disconnecting_removes_links(cal):
    """Disconnecting an app removes the link from locations of the owner's event types, as on the real server."""
    place = [Location.at_link("https://meet.example.com/x"), Location.video()]
    event_type = await cal.event_types.create(
        CreateEventType(title="x", slug="x", length_in_minutes=30, locations=place)
    )
    await apps(cal, "user").connect()
    await apps(cal, "user").disconnect("google-meet")
    first, second = (await cal.event_types.get(event_type.id)).locations
    assert (first.type, first.location) == ("unknown", '{"type":"link"}')
    assert second.integration == "cal-video"


@both
async def test_stripe(cal, calcom_sandbox, owner):
    """The check raises NotFoundError until Stripe is connected."""
    stripe, path = SCOPES[owner](cal).stripe, f"{PATHS[owner]}/stripe"
    with pytest.raises(NotFoundError, match="Credentials for stripe not found"):
        await stripe.check()
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{path}/check", {}, None, None)
    way = await stripe.connect_url(**RETURNS)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{path}/connect", RETURNS_QUERY, None, None)
    assert way.auth_url.startswith("https://connect.stripe.com/")
    state = state_of(way.auth_url)
    assert await stripe.complete_connect(state=state, code="c") == "https://app.test/ok"
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{path}/save", {"state": state, "code": "c"}, None, None)
    assert await stripe.check() is None


async def test_apps_of_a_team_need_an_admin(cal):
    """A member is forbidden."""
    cy = cal.with_credentials("cal_sandbox_cy")
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await apps(cy, "team").list().collect()
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await SCOPES["team"](cy).stripe.check()


async def test_apps_of_a_user(cal, calcom_sandbox):
    """An admin lists the apps of a user and sets the default, which the list marks."""
    await cal.conferencing.connect()
    user, path = cal.organization(ORGANIZATION).user(ANA), f"/organizations/1/users/{ANA}/conferencing"
    [app] = await user.conferencing.list().collect()
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {}, None, None)
    assert (app.type, app.user_id, app.app_slug, app.is_default) == ("google_video", ANA, "google-meet", False)
    assert await user.conferencing.set_default("google-meet") is None
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{path}/default", {}, {"appSlug": "google-meet"}, None)
    assert [app.is_default async for app in user.conferencing.list()] == [True]
    assert (await cal.conferencing.default()).app_slug == "google-meet"


async def test_apps_of_a_user_errors(cal):
    """Only an app that is connected can be the default, and only admins may set it."""
    user = cal.organization(ORGANIZATION).user(ANA)
    with pytest.raises(BadRequestError, match="zoom not connected"):
        await user.conferencing.set_default("zoom")
    with pytest.raises(ForbiddenError):
        await cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).user(ANA).conferencing.list().collect()
