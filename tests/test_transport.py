"""The one place that touches sockets, against a server that says any bytes: sent or not, whole or not, and no more."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from fakes import CutResponse, FakeServer, http_response, make_call
from timeouts import TIMEOUT, closed_port, slow

from calcom_async import (
    ApiError,
    CalcomError,
    Config,
    ConfigError,
    ConnectionFailedError,
    DecodeError,
    NotFoundError,
    RateLimitedError,
    TimedOutError,
)
from calcom_async.responses import Response
from calcom_async.transport import Transport, _mapped

GOOD = http_response(body=b'{"status":"success","data":1}')


@asynccontextmanager
async def transport(
    url: str, *, session: aiohttp.ClientSession | None = None, trace_configs: Any = (), **settings: Any
) -> AsyncIterator[Transport]:
    opened = Transport(Config(base_url=url, **settings), "tests/1", session=session, trace_configs=trace_configs)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.aclose()


async def exchanged(*lines: Any, **settings: Any) -> Response | CalcomError:
    """What one request to a server that says these lines comes to."""
    async with FakeServer(*lines) as peer, transport(peer.url, **settings) as to:
        try:
            return await to.exchange(*make_call("POST", "/bookings", body=b"{}"))
        except CalcomError as error:
            return error


# ------------------------------------------------------------------------------------------------ what goes out


async def test_a_request_goes_out_as_it_was_written():
    """Method, path, query, headers and body arrive as the Request says, below the base URL."""
    async with FakeServer(GOOD) as peer, transport(f"{peer.url}/prefix") as to:
        request = make_call(
            "POST", "/bookings/a%2Fb%2F..", query="x=%2Fa+b", headers={"cal-api-version": "1"}, body=b'{"a":1}'
        )
        await to.exchange(*request)
    [heard] = peer.received
    assert (heard.method, heard.target) == ("POST", "/prefix/v2/bookings/a%2Fb%2F..?x=%2Fa+b")
    assert heard.body == b'{"a":1}'
    sent = {name: heard.headers[name] for name in ("accept", "user-agent", "content-type", "cal-api-version")}
    assert sent == {
        "accept": "application/json",
        "user-agent": "tests/1",
        "content-type": "application/json",
        "cal-api-version": "1",
    }


async def test_no_body_no_content_type():
    """A request without a body does not claim to have one."""
    async with FakeServer(GOOD) as peer, transport(peer.url) as to:
        await to.exchange(*make_call("POST"))
    assert peer.received[0].body == b""
    assert peer.received[0].headers.get("content-type", "application/octet-stream") == "application/octet-stream"


async def test_cookies_are_not_kept():
    """What the server sets is not sent back: a client that acts for several users mixes nothing."""
    async with FakeServer(http_response(Set_Cookie="who=ana")) as peer, transport(peer.url) as to:
        await to.exchange(*make_call())
        await to.exchange(*make_call())
    assert "cookie" not in peer.received[1].headers


# ------------------------------------------------------------------------------------------------- what comes back


async def test_an_answer_is_read_to_its_end():
    """Status, headers in lower case, body and the seconds it took; the connection is used again."""
    async with FakeServer(http_response(201, b"{}", X_Request_Id="r-1")) as peer, transport(peer.url) as to:
        response = await to.exchange(*make_call())
        await to.exchange(*make_call())
        assert [heard.connection for heard in peer.received] == [1, 1]
    assert (response.status, response.body, response.request_id) == (201, b"{}", "r-1")
    assert response.seconds > 0


@pytest.mark.parametrize(
    "line",
    [
        http_response(body=b"5\r\nhello\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        http_response(body=gzip.compress(b"hello"), Content_Encoding="gzip"),
        CutResponse(b"HTTP/1.1 200 X\r\n\r\nhello"),
    ],
    ids=["chunked", "compressed", "until it closes"],
)
async def test_every_way_to_send_a_body(line):
    """Chunked, compressed and unmeasured bodies are read whole."""
    response = await exchanged(line)
    assert isinstance(response, Response)
    assert response.body == b"hello"


async def test_refusals_are_raised_with_the_request():
    """A refusal is the error of its status and names the operation."""
    error = await exchanged(http_response(404, json.dumps({"error": {"code": "X", "message": "no"}}).encode()))
    assert isinstance(error, NotFoundError)
    assert str(error) == "POST /bookings: 404 no"
    assert error.seconds > 0
    assert isinstance(await exchanged(http_response(429, b"{}", Retry_After="3")), RateLimitedError)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(status):
    """Credentials do not go where a redirect points."""
    async with FakeServer(GOOD) as elsewhere, FakeServer(http_response(status, b"", Location=elsewhere.url)) as peer:
        async with transport(peer.url) as to:
            with pytest.raises(ApiError, match="redirect, which is not followed"):
                await to.exchange(*make_call(headers={"Authorization": "Bearer cal_x"}))
        assert elsewhere.received == []


# --------------------------------------------------------------------------------------------- sent, or not sent


async def test_nobody_there():
    """A refused connection proves that nothing was sent."""
    with closed_port() as port:
        async with transport(f"http://127.0.0.1:{port}") as to:
            with pytest.raises(ConnectionFailedError, match="POST /bookings: cannot connect") as caught:
                await to.exchange(*make_call("POST", "/bookings"))
    assert not caught.value.sent
    assert isinstance(caught.value, ConnectionError)


async def hang(writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def drip(writer: asyncio.StreamWriter) -> None:
    """An answer that never stalls for long and never ends."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (CutResponse(b""), ConnectionFailedError),
        (CutResponse(b"HTTP/1.1 200 X\r\nContent-"), ConnectionFailedError),
        (CutResponse(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{"), ConnectionFailedError),
        (CutResponse(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), ConnectionFailedError),
        (CutResponse(b"\x16\x03\x01 no HTTP at all\r\n\r\n"), ConnectionFailedError),
        (http_response(body=b"zz\r\n", Transfer_Encoding="chunked"), ConnectionFailedError),
        (http_response(body=b"no gzip", Content_Encoding="gzip"), ConnectionFailedError),
        (http_response(X_Long="x" * 100_000), ConnectionFailedError),
        (hang, TimedOutError),
        (drip, TimedOutError),
    ],
    ids=["silent", "half a head", "half a body", "half a chunk", "garbage", "bad chunk", "bad gzip", "long", "slow",
         "dripping"],
)  # fmt: skip
async def test_an_answer_that_never_comes_whole(line, kind):
    """Once the request is out, any trouble with its answer means that it may have been acted on."""
    error = await exchanged(line, timeout=TIMEOUT if kind is ConnectionFailedError else 1)
    assert type(error) is kind
    assert error.sent
    assert "POST /bookings" in str(error)
    assert error.seconds > 0


@pytest.mark.parametrize(
    ("foreign", "kind", "sent"),
    [
        (aiohttp.ConnectionTimeoutError("slow"), TimedOutError, False),
        (aiohttp.ServerTimeoutError("slow"), TimedOutError, True),
        (TimeoutError(), TimedOutError, True),
        (aiohttp.ClientConnectorError(SimpleNamespace(ssl=False, host="h", port=1), OSError(1, "x")),
         ConnectionFailedError, False),
        (aiohttp.ClientConnectorDNSError(SimpleNamespace(ssl=False, host="h", port=1), OSError(1, "x")),
         ConnectionFailedError, False),
        (aiohttp.ClientConnectorCertificateError(SimpleNamespace(ssl=True, host="h", port=1, is_ssl=True),
         ssl.SSLCertVerificationError("bad")), ConnectionFailedError, False),
        (aiohttp.ServerDisconnectedError(), ConnectionFailedError, True),
        (aiohttp.ClientPayloadError("x"), ConnectionFailedError, True),
        (aiohttp.ClientOSError(104, "reset"), ConnectionFailedError, True),
        (ConnectionResetError("reset"), ConnectionFailedError, True),
        (ssl.SSLError("x"), ConnectionFailedError, True),
    ],
)  # fmt: skip
def test_foreign_exceptions_become_ours(foreign, kind, sent):
    """Only a failure to connect proves that nothing was sent; everything else may have been."""
    error = _mapped(foreign, make_call("POST", "/bookings")[0], 1.5)
    assert (type(error), error.sent, error.seconds) == (kind, sent, 1.5)


def test_an_address_that_aiohttp_cannot_use_is_our_configuration():
    """An invalid URL is a ConfigError that points to base_url."""
    assert isinstance(_mapped(aiohttp.InvalidURL("x"), make_call()[0], 0.0), ConfigError)


async def test_only_errors_of_the_operating_system_stay_as_the_cause():
    """Exceptions of aiohttp hold headers and cannot all be pickled, so none stays attached to an error."""
    half = b"HTTP/1.1 200 x\r\nSet-Cookie: marker\r\n"
    for sent in (b"", half, half + b"Content-Length: 9\r\n\r\n{", half + b"Transfer-Encoding: chunked\r\n\r\n2\r\n"):
        error = await exchanged(CutResponse(sent))
        assert isinstance(error, CalcomError)
        assert "marker" not in str(error)
        assert (error.__cause__, error.__context__) == (None, None)
    refused = _mapped(
        aiohttp.ClientConnectorError(SimpleNamespace(ssl=False, host="h", port=1), OSError(111, "refused")),
        make_call()[0],
        0.0,
    )
    assert isinstance(refused.__cause__, OSError)
    assert not isinstance(refused.__cause__, aiohttp.ClientError)


async def test_the_deadline_of_the_call_bounds_an_attempt():
    """An attempt gets what is left of the deadline where that is less than the timeout."""
    async with FakeServer(hang) as peer, transport(peer.url, timeout=TIMEOUT) as to:
        with pytest.raises(TimedOutError) as caught:
            await to.exchange(*make_call(time_left=0.02))
    assert caught.value.seconds < TIMEOUT


# -------------------------------------------------------------------------------------------------- hidden repeats


def reconnecting() -> tuple[Any, ...]:
    """One good answer, then the reused connection drops, then all is well."""
    return GOOD, CutResponse(b""), GOOD


async def test_aiohttp_by_itself_repeats():
    """The premise: aiohttp resends on a reused connection that dropped, and nobody is told."""
    async with FakeServer(*reconnecting()) as peer, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(peer.url) as response:
                await response.read()
    assert len(peer.received) == 3


@pytest.mark.parametrize("borrowed", [False, True])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_no_request_is_repeated_behind_our_back(method, borrowed):
    """A reused connection that drops is an error of ours, not a second request that no limit ever saw."""
    async with (
        FakeServer(*reconnecting()) as peer,
        aiohttp.ClientSession() as session,
        transport(peer.url, session=session if borrowed else None) as to,
    ):
        await to.exchange(*make_call(method))
        with pytest.raises(ConnectionFailedError) as caught:
            await to.exchange(*make_call(method))
    assert caught.value.sent
    assert [heard.connection for heard in peer.received] == [1, 1]


async def test_the_middleware_of_a_borrowed_session_is_kept():
    """A borrowed session's own client middleware runs as well."""

    async def mark(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers["X-Mark"] = "1"
        return await handler(request)

    async with (
        FakeServer(GOOD) as peer,
        aiohttp.ClientSession(middlewares=(mark,)) as session,
        transport(peer.url, session=session) as to,
    ):
        await to.exchange(*make_call())
    assert peer.received[0].headers["x-mark"] == "1"


# ------------------------------------------------------------------------------------------------------ the bounds


@pytest.mark.parametrize(
    "line",
    [
        http_response(body=b"x" * 200_000),
        http_response(body=b"30D40\r\n" + b"x" * 200_000 + b"\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        http_response(body=gzip.compress(b"0" * 50_000_000), Content_Encoding="gzip"),
        CutResponse(b"HTTP/1.1 200 X\r\n\r\n" + b"x" * 200_000),
    ],
    ids=["told", "chunked", "bomb", "until it closes"],
)
async def test_an_answer_that_is_too_large(line):
    """Nobody can fill our memory: an answer is cut off at its bound, a compressed one as it unfolds."""
    error = await exchanged(line, max_response_bytes=100_000)
    assert isinstance(error, DecodeError)
    assert "larger than the limit of 100,000 bytes" in str(error)


async def test_an_answer_of_exactly_the_bound():
    """The bound itself is allowed, compressed or not."""
    for line in (
        http_response(body=b"x" * 1000),
        http_response(body=gzip.compress(b"x" * 1000), Content_Encoding="gzip"),
    ):
        response = await exchanged(line, max_response_bytes=1000)
        assert isinstance(response, Response)
        assert len(response.body) == 1000


async def test_idle_connections_are_dropped_before_the_server_does():
    """The pool keeps idle connections for less than the server's 5 s, and drops them in time."""
    async with FakeServer(GOOD) as peer, transport(peer.url, keepalive_expiry=0.01) as to:
        await to.exchange(*make_call())
        await asyncio.sleep(0.03)
        await to.exchange(*make_call())
        assert [heard.connection for heard in peer.received] == [1, 2]


async def pause(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.4)
    writer.write(GOOD)


@pytest.mark.parametrize("limits", [None, *slow({"limit": 1}, {"limit": 5, "limit_per_host": 1})])
async def test_the_wait_for_a_connection_is_no_part_of_the_timeout(limits):
    """With one connection for three requests all succeed, though together they take longer than the timeout."""
    async with FakeServer(pause) as peer:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(**limits)) if limits else None
        async with transport(peer.url, session=session, max_connections=1, timeout=1) as to:
            await asyncio.gather(*(to.exchange(*make_call()) for _ in range(3)))
        if session:
            await session.close()
    assert {heard.connection for heard in peer.received} == {1}


async def test_connections_are_counted():
    """Connections in use or kept alive, for stats."""
    async with FakeServer(GOOD) as peer, transport(peer.url) as to:
        assert to.connections == 0
        await asyncio.gather(to.exchange(*make_call()), to.exchange(*make_call()))
        assert to.connections == 2
    assert to.connections == 0


# --------------------------------------------------------------------------------------------------- the session


async def test_a_transport_that_is_not_open_says_what_to_do():
    """Before opening and after closing, a request is a ConfigError that says how to open."""
    closed = Transport(Config(), "tests/1")
    with pytest.raises(ConfigError, match=re.escape("`async with Calcom(...) as cal:`")):
        closed.check_event_loop()
    async with FakeServer(GOOD) as peer, transport(peer.url) as to:
        assert to.is_open
        await to.exchange(*make_call())
    assert not to.is_open
    with pytest.raises(ConfigError):
        await to.exchange(*make_call())


async def test_closing_while_others_wait_for_a_place():
    """Who waits for a connection when the client is closed is told so, and not by aiohttp."""
    async with FakeServer(hang) as peer:
        async with transport(peer.url, max_connections=1) as to:
            first, second = (asyncio.create_task(to.exchange(*make_call())) for _ in range(2))
            while not peer.received:  # noqa: ASYNC110 - the peer has no event for it
                await asyncio.sleep(0.001)
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionFailedError, ConfigError]


async def test_a_borrowed_session_is_left_open():
    """A session that is not ours is used and never closed."""
    async with FakeServer(GOOD) as peer, aiohttp.ClientSession() as session:
        async with transport(peer.url, session=session) as to:
            await to.exchange(*make_call())
        assert not session.closed
        async with session.get(peer.url) as response:
            assert response.status == 200


async def test_a_borrowed_session_that_raises_by_itself_raises_ours():
    """`raise_for_status=True` of a borrowed session does not hide what Cal.com said."""
    async with (
        FakeServer(http_response(404, b"{}")) as peer,
        aiohttp.ClientSession(raise_for_status=True) as session,
        transport(peer.url, session=session) as to,
    ):
        with pytest.raises(NotFoundError):
            await to.exchange(*make_call())


async def test_a_closed_session_cannot_be_borrowed():
    """Lending a closed session is told when the client opens."""
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(ConfigError, match="session given to Calcom\\(\\) is closed"):
        await Transport(Config(), "tests/1", session=session).open()


async def test_trace_configs_reach_aiohttp():
    """Tracing as aiohttp and OpenTelemetry do it sees every request; with a borrowed session it is the lender's."""
    seen: list[str] = []

    async def started(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        seen.append(params.method)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(started)
    async with FakeServer(GOOD) as peer, transport(peer.url, trace_configs=[trace]) as to:
        await to.exchange(*make_call())
        assert seen == ["GET"]
        with pytest.raises(ConfigError, match="trace_configs belong to the session"):
            Transport(Config(), "tests/1", session=to._session, trace_configs=[trace])


# --------------------------------------------------------------------------------------------------- with mocks


async def test_aioresponses_works_for_those_who_test_with_it(mocked):
    """Users who mock aiohttp by address can do so with this client."""
    mocked.get("http://localhost/v2/me", payload={"data": 1}, headers={"X-Request-Id": "r-1"})
    async with transport("http://localhost") as to:
        response = await to.exchange(*make_call())
    assert (response.status, response.body, response.request_id) == (200, b'{"data": 1}', "r-1")


@pytest.mark.parametrize(
    ("foreign", "sent"), [(aiohttp.ServerDisconnectedError(), True), (aiohttp.ConnectionTimeoutError(), False)]
)
async def test_mocked_troubles_are_mapped(mocked, foreign, sent):
    """An exception that a mock raises is mapped as a real one."""
    mocked.post("http://localhost/v2/bookings", exception=foreign)
    async with transport("http://localhost") as to:
        with pytest.raises((ConnectionFailedError, TimedOutError)) as caught:
            await to.exchange(*make_call("POST", "/bookings", body=b"{}"))
    assert caught.value.sent is sent


async def test_a_mock_sees_body_and_headers(mocked):
    """What was sent can be asserted on."""
    mocked.patch("http://localhost/v2/me", status=200, body="{}")
    async with transport("http://localhost") as to:
        await to.exchange(*make_call("PATCH", body=b'{"name":"Ana"}'))
    [[call]] = mocked.requests.values()
    assert call.kwargs["data"] == b'{"name":"Ana"}'
    assert call.kwargs["allow_redirects"] is False
