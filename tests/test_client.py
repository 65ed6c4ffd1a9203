"""Calcom: life cycle, twins, the way to anything else, and what it tells about itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from fakes import NO_LIMIT, CutResponse, EventRecorder, FakeServer, ReceivedRequest, http_response
from timeouts import TIMEOUT

from calcom_async import (
    AccessToken,
    ApiKey,
    Calcom,
    Config,
    ConfigError,
    InvalidRequestError,
    NotFoundError,
    PlatformClient,
    RateLimit,
    Secret,
    ServerError,
    TokenBucket,
)
from calcom_async.client import RateLimitRate
from calcom_async.sandbox import Sandbox

ME = http_response(body=b'{"status":"success","data":{"id":1,"email":"a@b.test"}}')
SECRET = "cal_live_verysecret"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox in a thread, so that it outlives event loops."""
    with Sandbox(bookings=30) as running:
        yield running


async def received_request(*args: Any, steps: tuple[Any, ...] = (ME,), **kwargs: Any) -> ReceivedRequest:
    """Return one `request()` as the server received it."""
    async with FakeServer(*steps) as server, Calcom(SECRET, base_url=server.url, **kwargs.pop("settings", {})) as cal:
        await cal.request(*args, **kwargs)
        return server.received[-1]


# --------------------------------------------------------------------------------------------------------- construction


def test_a_key_may_be_plain_text():
    """A text is an API key; credentials of other kinds are used as they are."""
    assert Calcom("cal_x").credentials.headers == {"Authorization": "Bearer cal_x"}
    token = AccessToken("t")
    assert Calcom(token).credentials is token


def test_the_environment_is_the_default(monkeypatch):
    """Key and base URL are read from the environment unless they are given."""
    monkeypatch.setenv("CAL_API_KEY", "cal_env")
    monkeypatch.setenv("CAL_API_URL", "https://cal.example.org")
    assert Calcom().credentials.headers == {"Authorization": "Bearer cal_env"}
    assert Calcom().config.base_url == "https://cal.example.org/v2"
    assert Calcom("cal_x", base_url="https://other.test").config == Config(
        base_url="https://other.test", api_key="cal_env"
    )


def test_a_config_replaces_the_environment(monkeypatch):
    """With `config=` the environment is not read, so no key is sent to a server that it was not meant for."""
    monkeypatch.setenv("CAL_API_KEY", "cal_env")
    with pytest.raises(ConfigError, match=r"Config\.from_env\(\)"):
        Calcom(config=Config(base_url="https://other.test"))
    assert Calcom(config=Config(api_key="cal_x"), timeout=3).config == Config(api_key="cal_x", timeout=3)


def test_missing_credentials():
    """Without credentials the error names both ways to set them."""
    with pytest.raises(ConfigError, match=r"Pass an API key to Calcom\(\), or set CAL_API_KEY"):
        Calcom()


def test_an_unknown_setting():
    """An unknown keyword is a ConfigError that names it and lists the settings."""
    with pytest.raises(ConfigError, match=r"no setting 'timeuot'. The settings are base_url, .*timeout"):
        Calcom("cal_x", timeuot=3)


def test_an_invalid_setting():
    """Settings given as keywords are checked like those of a Config."""
    with pytest.raises(ConfigError, match="timeout"):
        Calcom("cal_x", timeout=-1)
    with pytest.raises(ConfigError, match="timeout"):
        Calcom("cal_x", config=Config(), timeout=-1)


@pytest.mark.parametrize(
    "credentials", [SECRET, ApiKey(SECRET), PlatformClient("client", SECRET), AccessToken(SECRET), None]
)
def test_no_secret_is_printed(credentials):
    """Client, resources, config and statistics show no secret in their repr."""
    cal = Calcom(credentials, api_key=SECRET)
    shown = f"{cal!r} {cal.config!r} {cal.stats()!r} {cal.me!r} {cal.organization(7)!r} {cal._context!r}"
    assert SECRET not in shown


# ----------------------------------------------------------------------------------------------------------- life cycle


async def test_a_client_that_is_not_open():
    """Requests before opening and after closing raise a ConfigError."""
    cal = Calcom("cal_x", base_url="http://localhost", limiter=TokenBucket(limit=1000, window=0.1))
    assert not cal.is_open
    with pytest.raises(ConfigError, match="not open"):
        await cal.me.get()
    async with cal:
        assert cal.is_open
    with pytest.raises(ConfigError, match="not open"):
        await cal.request("GET", "/v2/me")


async def test_a_client_cannot_be_opened_twice():
    """Opening an open client raises a ConfigError and leaves it open."""
    async with Calcom("cal_x") as cal:
        with pytest.raises(ConfigError, match="open already"):
            await cal.__aenter__()
        assert cal.is_open


def test_one_event_loop_after_another(sandbox):
    """A client can be opened again in another event loop, and keeps its limiter and statistics."""
    cal = Calcom(sandbox.api_key, base_url=sandbox.url)

    async def read_id() -> int:
        async with cal:
            return (await cal.me.get()).id

    assert [asyncio.run(read_id()) for _ in range(3)] == [1, 1, 1]
    assert cal.stats().requests == 3
    assert len(cal.stats().limits) == 1


async def test_a_borrowed_session_is_used_and_not_closed():
    """A borrowed session is used and not closed."""
    async with FakeServer(ME) as server, aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        async with Calcom("cal_x", base_url=server.url, session=session) as cal:
            await cal.me.get()
        assert not session.closed
        assert not cal.is_open
    assert server.received[0].headers["x-mine"] == "1"


async def test_closing_without_opening():
    """A client that was never opened can be closed."""
    await Calcom("cal_x").aclose()


async def test_nothing_is_left_running():
    """After closing, no task and no connection remains."""
    async with FakeServer(ME) as server:
        async with Calcom("cal_x", base_url=server.url) as cal:
            await asyncio.gather(*(cal.me.get() for _ in range(5)))
        await asyncio.wait_for(server.wait_closed(), TIMEOUT)
    assert len(asyncio.all_tasks()) == 1


# ---------------------------------------------------------------------------------------------------------------- views


async def test_with_credentials():
    """A view has its own credentials, limits and statistics; connections, events and retry budget are shared."""
    recorder = EventRecorder()
    async with FakeServer(ME) as server, Calcom("cal_a", base_url=server.url, on_event=recorder) as cal:
        view = cal.with_credentials("cal_b")
        await cal.me.get()
        await view.me.get()
        assert [request.headers["authorization"] for request in server.received] == ["Bearer cal_a", "Bearer cal_b"]
        assert [request.connection for request in server.received] == [1, 1]
        assert len({bucket.key for bucket in cal.stats().limits}) == 2
        assert (cal.stats().requests, view.stats().requests) == (2, 1)
        assert view._core is cal._core
        async with view:
            pass
        assert cal.is_open
        assert view.is_open
    assert not view.is_open
    assert len(recorder.of_kind("request")) == 2


async def test_a_view_has_its_own_resources():
    """A resource that was used before `with_credentials` keeps its credentials."""
    async with FakeServer(ME) as server, Calcom("cal_a", base_url=server.url) as cal:
        await cal.me.get()
        await cal.with_credentials("cal_b").me.get()
        await cal.me.get()
    keys = [request.headers["authorization"][-1] for request in server.received]
    assert keys == ["a", "b", "a"]


async def test_with_priority():
    """A view with a priority shares the rate limit, and all its requests have that priority."""

    class Spy(TokenBucket):
        priorities: list[int]

        async def acquire(self, bucket: Any, *, priority: int = 0, max_wait: float | None = None) -> Any:
            self.priorities.append(priority)
            return await super().acquire(bucket, priority=priority, max_wait=max_wait)

    limiter = Spy()
    limiter.priorities = []
    async with FakeServer(ME) as server, Calcom("cal_a", base_url=server.url, limiter=limiter) as cal:
        export = cal.with_priority(3)
        await cal.me.get()
        await export.me.get()
        await export.request("GET", "/v2/me")
        await export.with_credentials("cal_b").me.get()
    assert limiter.priorities == [0, 3, 3, 3]
    assert len(limiter.stats()) == 2


def test_with_options():
    """A view with other settings keeps the rest, and checks the new ones."""
    cal = Calcom("cal_a", max_attempts=3, max_wait=9)
    view = cal.with_options(total_timeout=5, max_wait=None, read_only=True)
    assert (view.config.total_timeout, view.config.max_attempts, view.config.max_wait) == (5, 3, None)
    assert view.config.read_only
    assert view.limiter is cal.limiter
    assert cal.config.total_timeout == Config().total_timeout
    with pytest.raises(ConfigError, match="max_attempts"):
        cal.with_options(max_attempts=0)


async def test_headers_are_sent_with_every_request():
    """Headers of the client and of a view are in each attempt, and in the requests that refresh a token."""
    token = AccessToken("old", "r", client_id="c", client_secret="s")
    expired = http_response(498, b'{"error": {"code": "TokenExpiredException", "message": "expired"}}')
    pair = http_response(body=b'{"data": {"accessToken": "new", "refreshToken": "newer"}}')
    steps = (ME, http_response(503, b"{}"), expired, pair, ME, ME)
    async with (
        FakeServer(*steps) as server,
        Calcom(token, base_url=server.url, headers={"X-Gateway": "g", "X-Team": "1"}, backoff_base=0) as cal,
    ):
        await cal.me.get()
        await cal.with_options(headers={"x-team": "2", "X-Trace": Secret("t")}).me.get()
        await cal.me.get()
    names = ("x-gateway", "x-team", "x-trace")
    sent = [tuple(request.headers.get(name) for name in names) for request in server.received]
    assert sent == [("g", "1", None)] + [("g", "2", "t")] * 4 + [("g", "1", None)]
    assert server.received[-1].headers["authorization"] == "Bearer new"


async def test_a_borrowed_session_sends_the_headers():
    """Headers of the client are added to those of a given session."""
    async with (
        FakeServer(ME) as server,
        aiohttp.ClientSession(headers={"X-Session": "s"}) as session,
        Calcom("cal_a", base_url=server.url, session=session, headers={"X-Trace": "t"}) as cal,
    ):
        await cal.me.get()
    assert [server.received[0].headers[name] for name in ("x-session", "x-trace")] == ["s", "t"]


async def test_closing_waits_for_token_refreshes_of_views():
    """A token refresh of a view is completed and stored before the connections are closed."""
    pair = {"accessToken": "new", "refreshToken": "newer", "accessTokenExpiresAt": 1, "refreshTokenExpiresAt": 2}
    expired = json.dumps({"error": {"code": "TokenExpiredException", "message": "expired"}}).encode()
    started, closing, stored = asyncio.Event(), asyncio.Event(), []

    async def respond_slowly(writer: asyncio.StreamWriter) -> None:
        started.set()
        await closing.wait()
        writer.write(http_response(body=json.dumps({"status": "success", "data": pair}).encode()))

    async with FakeServer(http_response(498, expired), respond_slowly, ME) as server:
        async with Calcom("cal_a", base_url=server.url) as cal:
            token = AccessToken("old", "r", client_id="c", client_secret="s", on_refresh=stored.append)
            call = asyncio.create_task(cal.with_credentials(token).me.get())
            await started.wait()
            call.cancel()
            asyncio.get_running_loop().call_soon(closing.set)  # runs when `aclose` waits
        assert [tokens.access for tokens in stored] == ["new"]


# ------------------------------------------------------------------------------------------------------------ request()


@pytest.mark.parametrize(
    ("path", "settings", "version"),
    [
        ("/v2/bookings/1", {}, "2024-08-13"),
        ("/v2/bookings/1/not-listed", {}, "2024-08-13"),
        ("/v2/event-types/1", {}, "2024-06-14"),
        ("/v2/event-types/1/booking-fields", {}, "2026-06-12"),
        ("/v2/schedules/default", {}, "2024-06-11"),
        ("/v2/slots/reservations/abc", {}, "2024-09-04"),
        ("/v2/teams/1/event-types", {}, None),
        ("/v2/teams/1/event-types", {"api_versions": "latest"}, "2026-06-12"),
        ("/v2/bookings/1", {"api_versions": {"bookings": "2026-02-25"}}, "2026-02-25"),
        ("/v2/me", {}, None),
        ("/v2/event-types/1/private-links", {}, None),
        ("/v2/event-types/1/private-links/x", {}, None),
        ("/v2/verified-resources/emails", {}, None),
        ("/v2/organizations/1/teams", {}, None),
        ("/v2/event-types/1", {"api_versions": {"event_types": "2030-01-01"}}, "2030-01-01"),
    ],
)
async def test_the_version_of_any_request(path, settings, version):
    """The version depends on the path and the settings; some paths have none."""
    assert (await received_request("GET", path, settings=settings)).headers.get("cal-api-version") == version


async def test_a_version_can_be_given():
    """`version=` overrides the settings."""
    request = await received_request("GET", "/v2/slots", version="1", settings={"api_versions": {"slots": "2"}})
    assert request.headers["cal-api-version"] == "1"


async def test_request_writes_like_the_typed_methods():
    """Query and body are written as in typed methods, `/v2` is optional, and the decoded JSON is returned."""
    start = datetime(2030, 5, 6, 10, tzinfo=UTC)
    request = await received_request(
        "post", "/slots/reservations", query={"a": [1, 2], "b": None}, body={"start": start}
    )
    assert (request.method, request.target) == ("POST", "/v2/slots/reservations?a=1%2C2")
    assert json.loads(request.body) == {"start": "2030-05-06T10:00:00Z"}
    async with (
        FakeServer(http_response(body=b'{"any":[1]}'), http_response(204, b"")) as server,
        Calcom("cal_x", base_url=server.url) as cal,
    ):
        assert await cal.request("GET", "/v2/me") == {"any": [1]}
        assert await cal.request("DELETE", "/v2/me") is None


@pytest.mark.parametrize(
    "path",
    ["", "/", "me", "v2/me", "//evil.test/me", "/v2//me", "/v2/../admin", "/v2/bookings/../../x", "/v2/bookings/./x",
     "/v2/bookings/%2e%2e/me", "/v2/bookings/%2E./me", "/v2/me?x=1", "/v2/me#x", "/v2/a b", "/v2/a\\b", "/v2/me/",
     "https://evil.test/v2/me", "/v2/me\r\nX-Evil: 1", "/v2/me\t", "/v2/é", "/v2/a%zz", "/v2/", "/v2/me\x00"],
)  # fmt: skip
async def test_an_invalid_path(path):
    """A path that could leave the API, add a header or hide a query is rejected before a request is sent."""
    async with FakeServer(ME) as server, Calcom("cal_x", base_url=server.url) as cal:
        with pytest.raises(InvalidRequestError, match="a path must look like"):
            await cal.request("GET", path)
    assert server.received == []


@pytest.mark.parametrize("path", ["/v2/me", "/me", "/v2/bookings/aZ09-_.~", "/v2/x/a%2Fb", "/v2/x/a@b.test", "/v2/v2"])
async def test_a_valid_path_is_sent_unchanged(path):
    """A path with quoted ids is sent unchanged, below one /v2."""
    assert (await received_request("GET", path)).target == (path if path.startswith("/v2/") else f"/v2{path}")


@pytest.mark.parametrize("method", ["", "GET ", "GE T", "GET\r\nX: 1", "G3T", "GÉT"])
async def test_an_invalid_method(method):
    """A method that is not a word is rejected."""
    with pytest.raises(InvalidRequestError, match="method must be a word"):
        await Calcom("cal_x").request(method, "/v2/me")


@pytest.mark.parametrize(
    ("method", "idempotent", "attempts"),
    [("GET", None, 2), ("POST", None, 1), ("DELETE", None, 1), ("GET", False, 1), ("POST", True, 2)],
)
async def test_retries_of_request(method, idempotent, attempts):
    """GET requests are retried and others are not, unless `idempotent` says otherwise."""
    async with (
        FakeServer(http_response(503, b""), ME) as server,
        Calcom("cal_x", base_url=server.url, backoff_base=0) as cal,
    ):
        with suppress(ServerError):
            await cal.request(method, "/v2/things", idempotent=idempotent)
    assert len(server.received) == attempts


async def test_naive_datetimes():
    """A naive datetime in query or body raises a ValueError before a request is sent."""
    naive = datetime(2030, 5, 6)  # noqa: DTZ001 - what is refused
    async with FakeServer(ME) as server, Calcom("cal_x", base_url=server.url) as cal:
        for arguments in ({"query": {"start": naive}}, {"body": {"a": [naive]}}):
            with pytest.raises(ValueError, match="must have a time zone"):
                await cal.request("POST", "/v2/slots", **arguments)
    assert server.received == []


# ------------------------------------------------------------------------------------------------ statistics and events


async def test_stats(sandbox):
    """Requests, retries, pages and limits are counted."""
    async with Calcom(sandbox.api_key, base_url=sandbox.url, backoff_base=0) as cal:
        free = {name.replace("_", "-"): text for name, text in NO_LIMIT.items()}
        sandbox.faults.add("GET", "/v2/me", status=503, times=1, headers=free)
        await cal.me.get()
        assert len(await cal.bookings.list(take=10).collect()) == 30
        with pytest.raises(NotFoundError):
            await cal.bookings.get("nope")
        stats = cal.stats()
    assert (stats.requests, stats.retries, stats.pages, stats.rate_limited) == (6, 1, 3, 0)
    assert stats.connections >= 1
    assert [bucket.in_flight for bucket in stats.limits] == [0]


@pytest.mark.parametrize(
    ("list_rows", "paging"),
    [
        (lambda cal: cal.event_types.list().raw(), {}),
        (
            lambda cal: cal.event_types.crm_sync_errors(1, app_slug="salesforce").raw(),
            {"pagination": {"nextCursor": None, "hasMore": False}},
        ),
    ],
    ids=["by offset", "by cursor"],
)
async def test_a_page_has_the_request_id_and_the_rate_limits(list_rows, paging):
    """A page has the id of its request and the rate limits of its response."""
    body = json.dumps({"data": [{"id": 1}], **paging}).encode()
    async with (
        FakeServer(http_response(body=body, X_Request_Id="r-7")) as server,
        Calcom("c", base_url=server.url) as cal,
    ):
        pages = [await list_rows(cal).first_page(), *[page async for page in list_rows(cal).pages()]]
    limits = (RateLimit("default", 1_000_000, 999_999, 60.0),)
    assert [(page.request_id, page.rate_limits) for page in pages] == [("r-7", limits)] * 2


async def test_events_contain_no_ids(sandbox):
    """Events have the route of the operation, so no id gets into logs."""
    recorder = EventRecorder()
    async with Calcom(sandbox.api_key, base_url=sandbox.url, on_event=recorder) as cal:
        uid = (await cal.bookings.list(take=1).collect(1))[0].uid
        await cal.bookings.get(uid)
        await cal.request("GET", f"/v2/bookings/{uid}")
        await cal.request("GET", "/v2/event-types/1")
        await cal.request("GET", "/v2/event-types", query={"username": "ana"})
    paths = [event.path for event in recorder.of_kind("request")]
    assert paths == ["/bookings", "/bookings/{}", "/bookings/{}", "/event-types/{}", "/event-types"]
    assert uid not in repr(recorder.events)
    assert [(event.path, event.rows) for event in recorder.of_kind("page")] == [("/bookings", 1)]


async def test_the_events_of_a_call_share_an_id():
    """All events of a call have its id, and the last one before its page is its end."""
    recorder = EventRecorder()
    broken, rows = http_response(503, b"{}"), http_response(body=b'{"data":[{"id":1}]}')
    async with (
        FakeServer(broken, CutResponse(b""), rows, http_response(404, b"{}")) as server,
        Calcom("cal_a", base_url=server.url, on_event=recorder, backoff_base=0) as cal,
    ):
        await cal.event_types.list().raw().first_page()
        with pytest.raises(NotFoundError):
            await cal.me.get()
    first, second = recorder.events[0].call_id, recorder.events[-1].call_id
    assert [(event.kind, event.call_id, event.status, event.error) for event in recorder.events] == [
        ("request", first, 503, "ServerError"),
        ("retry", first, 503, "ServerError"),
        ("request", first, None, "ConnectionFailedError"),
        ("retry", first, None, "ConnectionFailedError"),
        ("request", first, 200, None),
        ("call", first, 200, None),
        ("page", first, 200, None),
        ("request", second, 404, "NotFoundError"),
        ("call", second, 404, "NotFoundError"),
    ]
    assert 0 < first < second


async def test_a_token_refresh_is_a_call():
    """A token refresh has a call id of its own, and ends before the call that needed it."""
    recorder, token = EventRecorder(), AccessToken("old", "r", client_id="c", client_secret="s")
    expired = http_response(498, b'{"error": {"code": "TokenExpiredException", "message": "expired"}}')
    pair = http_response(body=b'{"data": {"accessToken": "new", "refreshToken": "newer"}}')
    async with (
        FakeServer(expired, pair, ME) as server,
        Calcom(token, base_url=server.url, on_event=recorder) as cal,
    ):
        await cal.me.get()
    assert [(event.kind, event.path) for event in recorder.events] == [
        ("request", "/me"),
        ("request", "/oauth/{}/refresh"),
        ("call", "/oauth/{}/refresh"),
        ("request", "/me"),
        ("call", "/me"),
    ]
    ids = [event.call_id for event in recorder.events]
    assert ids[0] == ids[3] == ids[4] != ids[1] == ids[2]


async def test_a_cancelled_call_is_an_event():
    """A call that is cancelled has an event with its end."""
    recorder, started = EventRecorder(), asyncio.Event()

    async def hang(writer: asyncio.StreamWriter) -> None:
        started.set()
        await writer.wait_closed()

    async with FakeServer(hang) as server, Calcom("cal_a", base_url=server.url, on_event=recorder) as cal:
        call = asyncio.create_task(cal.me.get())
        await started.wait()
        call.cancel()
        await asyncio.wait([call])
    assert [(event.kind, event.error) for event in recorder.events] == [("call", "CancelledError")]


async def test_calls_without_an_observer_have_no_id(monkeypatch, caplog):
    """An id is drawn only if a callback or the log wants events."""
    ids = iter([7])
    monkeypatch.setattr("calcom_async.middleware.CALL_IDS", ids)
    async with FakeServer(ME) as server, Calcom("cal_a", base_url=server.url) as cal:
        await cal.me.get()
        with caplog.at_level("DEBUG", "calcom_async"):
            await cal.me.get()
        await cal.me.get()
    lines = [message for message in caplog.messages if "GET /me" in message]
    assert [(line.split()[0], line.rpartition(" ")[2]) for line in lines] == [("request", "7"), ("call", "7")]


async def test_a_failing_on_event_callback(sandbox, caplog):
    """A callback that raises is logged and does not fail the call."""
    async with Calcom(sandbox.api_key, base_url=sandbox.url, on_event=lambda event: 1 / 0) as cal:
        assert (await cal.me.get()).id == 1
    assert "on_event callback failed" in caplog.text


async def test_no_secret_in_logs_or_errors(caplog):
    """Neither log records nor a chain of errors contain the key."""
    caplog.set_level("DEBUG")
    async with (
        FakeServer(http_response(401, b"{}"), CutResponse(b"")) as server,
        Calcom(SECRET, base_url=server.url, max_attempts=1) as cal,
    ):
        for _ in range(2):
            with pytest.raises(Exception) as caught:  # noqa: PT011 - every kind of error is looked at
                await cal.me.get()
            error: BaseException | None = caught.value
            while error:
                assert SECRET not in f"{error!r} {error} {vars(error)}"
                error = error.__cause__ or error.__context__
    assert caplog.records
    assert SECRET not in caplog.text


async def test_user_agent():
    """The user agent names the package and its version, or is the one of the settings."""
    assert (await received_request("GET", "/v2/me")).headers["user-agent"].startswith("calcom_async/")
    assert (await received_request("GET", "/v2/me", settings={"user_agent": "mine/1"})).headers[
        "user-agent"
    ] == "mine/1"


@pytest.mark.parametrize("credentials", [5, b"cal_x", object()])
def test_credentials_of_a_wrong_type(credentials):
    """Credentials of a wrong type are rejected with the name of the type, without the value."""
    with pytest.raises(ConfigError, match=f"got {type(credentials).__name__}$"):
        Calcom(credentials)


class LimiterWithoutStatistics(TokenBucket):
    """A limiter of a user that has no statistics of ours."""

    def __init__(self, statistics: Any) -> None:
        super().__init__()
        self.statistics = statistics

    def stats(self) -> Any:
        return self.statistics


@pytest.mark.parametrize("statistics", [[], (), None, [{"any": "thing"}]])
async def test_a_limiter_may_keep_no_statistics(sandbox, statistics):
    """With such a limiter `stats()` returns its statistics, and `rate_limit()` the documented limit."""
    async with Calcom(sandbox.api_key, base_url=sandbox.url, limiter=LimiterWithoutStatistics(statistics)) as cal:
        await cal.me.get()
        assert list(cal.stats().limits) == list(statistics or ())
        assert cal.rate_limit() == RateLimitRate(120)


async def test_an_odd_request_id_is_made_printable():
    """Control characters, invalid UTF-8 and excessive length are removed from a request id."""
    odd = b"\x1b[31m\xff\xfe" + b"i" * 5_000
    response = b"HTTP/1.1 404 X\r\nX-Request-Id: " + odd + b"\r\nContent-Length: 2\r\n\r\n{}"
    async with FakeServer(response.replace(b"\x1b", b"")) as server, Calcom("cal_x", base_url=server.url) as cal:
        with pytest.raises(NotFoundError) as caught:
            await cal.me.get()
    assert caught.value.request_id is not None
    assert caught.value.request_id.isprintable()
    assert len(caught.value.request_id) < 250
    str(caught.value).encode()


async def test_an_etag_that_cannot_be_sent():
    """An ETag that cannot be sent as a header is ignored, and the read is repeated without it."""
    tagged = http_response(200, b'{"status":"success","data":[]}').replace(b"\r\n\r\n", b"\r\nETag: \xff\xfe\r\n\r\n")
    async with FakeServer(tagged) as server, Calcom("cal_x", base_url=server.url, cache_ttl=0) as cal:
        for _ in range(2):
            await cal.event_types.list().collect()
    assert ["if-none-match" in request.headers for request in server.received] == [False, False]
