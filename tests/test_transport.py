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
async def open_transport(
    url: str, *, session: aiohttp.ClientSession | None = None, trace_configs: Any = (), **settings: Any
) -> AsyncIterator[Transport]:
    """Open a transport, and close it at the end."""
    transport = Transport(Config(base_url=url, **settings), "tests/1", session=session, trace_configs=trace_configs)
    await transport.open()
    try:
        yield transport
    finally:
        await transport.aclose()


async def exchange_once(*steps: Any, **settings: Any) -> Response | CalcomError:
    """Return the result of one request to a server with these steps, or its error."""
    async with FakeServer(*steps) as server, open_transport(server.url, **settings) as transport:
        try:
            return await transport.exchange(*make_call("POST", "/bookings", body=b"{}"))
        except CalcomError as error:
            return error


# ------------------------------------------------------------------------------------------------------------- requests


async def test_a_request_is_sent_unchanged():
    """Method, path, query, headers and body arrive as they are in the request, below the base URL."""
    async with FakeServer(GOOD) as server, open_transport(f"{server.url}/prefix") as transport:
        request = make_call(
            "POST", "/bookings/a%2Fb%2F..", query="x=%2Fa+b", headers={"cal-api-version": "1"}, body=b'{"a":1}'
        )
        await transport.exchange(*request)
    [request] = server.received
    assert (request.method, request.target) == ("POST", "/prefix/v2/bookings/a%2Fb%2F..?x=%2Fa+b")
    assert request.body == b'{"a":1}'
    sent = {name: request.headers[name] for name in ("accept", "user-agent", "content-type", "cal-api-version")}
    assert sent == {
        "accept": "application/json",
        "user-agent": "tests/1",
        "content-type": "application/json",
        "cal-api-version": "1",
    }


async def test_a_request_without_a_body_has_no_content_type():
    """A request without a body sends no JSON content type."""
    async with FakeServer(GOOD) as server, open_transport(server.url) as transport:
        await transport.exchange(*make_call("POST"))
    assert server.received[0].body == b""
    assert server.received[0].headers.get("content-type", "application/octet-stream") == "application/octet-stream"


async def test_cookies_are_not_kept():
    """Cookies are not stored, because one client can act for several users."""
    async with FakeServer(http_response(Set_Cookie="who=ana")) as server, open_transport(server.url) as transport:
        await transport.exchange(*make_call())
        await transport.exchange(*make_call())
    assert "cookie" not in server.received[1].headers


# ------------------------------------------------------------------------------------------------------------ responses


async def test_a_response_is_read_completely():
    """A response has status, headers, body and duration, and its connection is reused."""
    async with (
        FakeServer(http_response(201, b"{}", X_Request_Id="r-1")) as server,
        open_transport(server.url) as transport,
    ):
        response = await transport.exchange(*make_call())
        await transport.exchange(*make_call())
        assert [request.connection for request in server.received] == [1, 1]
    assert (response.status, response.body, response.request_id) == (201, b"{}", "r-1")
    assert response.seconds > 0


@pytest.mark.parametrize(
    "step",
    [
        http_response(body=b"5\r\nhello\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        http_response(body=gzip.compress(b"hello"), Content_Encoding="gzip"),
        CutResponse(b"HTTP/1.1 200 X\r\n\r\nhello"),
    ],
    ids=["chunked", "compressed", "until it closes"],
)
async def test_every_transfer_of_a_body(step):
    """Chunked bodies, compressed bodies and bodies without a length are read completely."""
    response = await exchange_once(step)
    assert isinstance(response, Response)
    assert response.body == b"hello"


async def test_an_error_status_raises():
    """An error status raises the error of its class, with method and path in the message."""
    error = await exchange_once(http_response(404, json.dumps({"error": {"code": "X", "message": "no"}}).encode()))
    assert isinstance(error, NotFoundError)
    assert str(error) == "POST /bookings: 404 no"
    assert error.seconds > 0
    assert isinstance(await exchange_once(http_response(429, b"{}", Retry_After="3")), RateLimitedError)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(status):
    """A redirect raises an error, so that credentials are not sent elsewhere."""
    async with FakeServer(GOOD) as elsewhere, FakeServer(http_response(status, b"", Location=elsewhere.url)) as server:
        async with open_transport(server.url) as transport:
            with pytest.raises(ApiError, match="redirect, which is not followed"):
                await transport.exchange(*make_call(headers={"Authorization": "Bearer cal_x"}))
        assert elsewhere.received == []


# ------------------------------------------------------------------------------------ failures before and after sending


async def test_a_refused_connection():
    """A refused connection raises an error with `sent=False`."""
    with closed_port() as port:
        async with open_transport(f"http://127.0.0.1:{port}") as transport:
            with pytest.raises(ConnectionFailedError, match="POST /bookings: cannot connect") as caught:
                await transport.exchange(*make_call("POST", "/bookings"))
    assert not caught.value.sent
    assert isinstance(caught.value, ConnectionError)


async def hang(writer: asyncio.StreamWriter) -> None:
    """Send nothing until the connection is closed."""
    await writer.wait_closed()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a response that is never silent for long and never ends."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "kind"),
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
async def test_an_incomplete_response(step, kind):
    """Any failure after the request was sent raises an error with `sent=True`."""
    error = await exchange_once(step, timeout=TIMEOUT if kind is ConnectionFailedError else 1)
    assert type(error) is kind
    assert error.sent
    assert "POST /bookings" in str(error)
    assert error.seconds > 0


@pytest.mark.parametrize(
    ("exception", "kind", "sent"),
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
def test_exceptions_of_aiohttp_are_mapped(exception, kind, sent):
    """Only a failure to connect has `sent=False`; after every other one the request may have been sent."""
    error = _mapped(exception, make_call("POST", "/bookings")[0], 1.5)
    assert (type(error), error.sent, error.seconds) == (kind, sent, 1.5)


def test_an_invalid_url_is_a_config_error():
    """An invalid URL is a ConfigError that points to base_url."""
    assert isinstance(_mapped(aiohttp.InvalidURL("x"), make_call()[0], 0.0), ConfigError)


async def test_only_errors_of_the_operating_system_stay_as_the_cause():
    """Exceptions of aiohttp hold headers and cannot all be pickled, so only an OSError stays as the cause."""
    half = b"HTTP/1.1 200 x\r\nSet-Cookie: marker\r\n"
    for sent in (b"", half, half + b"Content-Length: 9\r\n\r\n{", half + b"Transfer-Encoding: chunked\r\n\r\n2\r\n"):
        error = await exchange_once(CutResponse(sent))
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


@pytest.mark.parametrize(
    "limits",
    [{"time_left": 0.02}, {"timeout": 0.02}, {"timeout": 0.02, "time_left": 99}, {"timeout": 99, "time_left": 0.02}],
)
async def test_the_total_timeout_bounds_an_attempt(limits):
    """An attempt is limited to its own timeout, and to the rest of the total timeout, if they are shorter."""
    async with FakeServer(hang) as server, open_transport(server.url, timeout=TIMEOUT) as transport:
        with pytest.raises(TimedOutError) as caught:
            await transport.exchange(*make_call(**limits))
    assert caught.value.seconds < TIMEOUT


# ------------------------------------------------------------------------------------------------------- hidden retries


def reconnecting() -> tuple[Any, ...]:
    """Return one response, then a dropped connection, then a response."""
    return GOOD, CutResponse(b""), GOOD


async def test_aiohttp_retries_by_itself():
    """The premise: aiohttp sends a request again if a reused connection was dropped."""
    async with FakeServer(*reconnecting()) as server, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(server.url) as response:
                await response.read()
    assert len(server.received) == 3


@pytest.mark.parametrize("borrowed", [False, True])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_aiohttp_does_not_retry_our_requests(method, borrowed):
    """A reused connection that is dropped raises an error; no request is sent that the rate limiter does not count."""
    async with (
        FakeServer(*reconnecting()) as server,
        aiohttp.ClientSession() as session,
        open_transport(server.url, session=session if borrowed else None) as transport,
    ):
        await transport.exchange(*make_call(method))
        with pytest.raises(ConnectionFailedError) as caught:
            await transport.exchange(*make_call(method))
    assert caught.value.sent
    assert [request.connection for request in server.received] == [1, 1]


async def test_the_middleware_of_a_borrowed_session_is_kept():
    """The client middleware of a borrowed session runs too."""

    async def mark(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers["X-Mark"] = "1"
        return await handler(request)

    async with (
        FakeServer(GOOD) as server,
        aiohttp.ClientSession(middlewares=(mark,)) as session,
        open_transport(server.url, session=session) as transport,
    ):
        await transport.exchange(*make_call())
    assert server.received[0].headers["x-mark"] == "1"


# --------------------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    "step",
    [
        http_response(body=b"x" * 200_000),
        http_response(body=b"30D40\r\n" + b"x" * 200_000 + b"\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        http_response(body=gzip.compress(b"0" * 50_000_000), Content_Encoding="gzip"),
        CutResponse(b"HTTP/1.1 200 X\r\n\r\n" + b"x" * 200_000),
    ],
    ids=["with a length", "chunked", "bomb", "until it closes"],
)
async def test_a_response_that_is_too_large(step):
    """Reading stops at the maximum size; a compressed body is measured while it is decompressed."""
    error = await exchange_once(step, max_response_bytes=100_000)
    assert isinstance(error, DecodeError)
    assert "larger than the limit of 100,000 bytes" in str(error)


async def test_a_response_of_exactly_the_maximum_size():
    """A response of exactly the maximum size is read, compressed or not."""
    for step in (
        http_response(body=b"x" * 1000),
        http_response(body=gzip.compress(b"x" * 1000), Content_Encoding="gzip"),
    ):
        response = await exchange_once(step, max_response_bytes=1000)
        assert isinstance(response, Response)
        assert len(response.body) == 1000


async def test_idle_connections_expire():
    """An idle connection is closed after `keepalive_expiry`, before the server closes it after 5 s."""
    async with FakeServer(GOOD) as server, open_transport(server.url, keepalive_expiry=0.01) as transport:
        await transport.exchange(*make_call())
        await asyncio.sleep(0.03)
        await transport.exchange(*make_call())
        assert [request.connection for request in server.received] == [1, 2]


async def pause(writer: asyncio.StreamWriter) -> None:
    """Respond after 0.4 s."""
    await asyncio.sleep(0.4)
    writer.write(GOOD)


@pytest.mark.slow
@pytest.mark.parametrize("limits", [None, *slow({"limit": 1}, {"limit": 5, "limit_per_host": 1})])
async def test_the_wait_for_a_connection_does_not_count_towards_the_timeout(limits):
    """Three requests over one connection succeed, although together they take longer than the timeout."""
    async with FakeServer(pause) as server:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(**limits)) if limits else None
        async with open_transport(server.url, session=session, max_connections=1, timeout=1) as transport:
            await asyncio.gather(*(transport.exchange(*make_call()) for _ in range(3)))
        if session:
            await session.close()
    assert {request.connection for request in server.received} == {1}


async def test_connections_are_counted():
    """`connections` counts the connections in use and those kept alive."""
    async with FakeServer(GOOD) as server, open_transport(server.url) as transport:
        assert transport.connections == 0
        await asyncio.gather(transport.exchange(*make_call()), transport.exchange(*make_call()))
        assert transport.connections == 2
    assert transport.connections == 0


# ---------------------------------------------------------------------------------------------------------- the session


async def test_a_transport_that_is_not_open():
    """Before opening and after closing, a request raises a ConfigError that says how to open."""
    closed = Transport(Config(), "tests/1")
    with pytest.raises(ConfigError, match=re.escape("`async with Calcom(...) as cal:`")):
        closed.check_event_loop()
    async with FakeServer(GOOD) as server, open_transport(server.url) as transport:
        assert transport.is_open
        await transport.exchange(*make_call())
    assert not transport.is_open
    with pytest.raises(ConfigError):
        await transport.exchange(*make_call())


async def test_closing_while_requests_wait_for_a_connection():
    """A request that waits for a connection when the client is closed raises a ConfigError, not one of aiohttp."""
    async with FakeServer(hang) as server:
        async with open_transport(server.url, max_connections=1) as transport:
            first, second = (asyncio.create_task(transport.exchange(*make_call())) for _ in range(2))
            while not server.received:  # noqa: ASYNC110 - the peer has no event for it
                await asyncio.sleep(0.001)
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionFailedError, ConfigError]


async def test_a_borrowed_session_is_left_open():
    """A borrowed session is used and not closed."""
    async with FakeServer(GOOD) as server, aiohttp.ClientSession() as session:
        async with open_transport(server.url, session=session) as transport:
            await transport.exchange(*make_call())
        assert not session.closed
        async with session.get(server.url) as response:
            assert response.status == 200


async def test_a_borrowed_session_with_raise_for_status():
    """`raise_for_status=True` of a borrowed session does not replace our error."""
    async with (
        FakeServer(http_response(404, b"{}")) as server,
        aiohttp.ClientSession(raise_for_status=True) as session,
        open_transport(server.url, session=session) as transport,
    ):
        with pytest.raises(NotFoundError):
            await transport.exchange(*make_call())


async def test_a_closed_session_cannot_be_borrowed():
    """Opening a client with a closed session is a ConfigError."""
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(ConfigError, match="session given to Calcom\\(\\) is closed"):
        await Transport(Config(), "tests/1", session=session).open()


async def test_trace_configs_reach_aiohttp():
    """Trace configurations observe every request; with a borrowed session they are rejected."""
    methods: list[str] = []

    async def started(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        methods.append(params.method)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(started)
    async with FakeServer(GOOD) as server, open_transport(server.url, trace_configs=[trace]) as transport:
        await transport.exchange(*make_call())
        assert methods == ["GET"]
        with pytest.raises(ConfigError, match="trace_configs belong to the session"):
            Transport(Config(), "tests/1", session=transport._session, trace_configs=[trace])


# ----------------------------------------------------------------------------------------------------------- with mocks


async def test_aioresponses(mocked):
    """Users can mock responses by URL with aioresponses."""
    mocked.get("http://localhost/v2/me", payload={"data": 1}, headers={"X-Request-Id": "r-1"})
    async with open_transport("http://localhost") as transport:
        response = await transport.exchange(*make_call())
    assert (response.status, response.body, response.request_id) == (200, b'{"data": 1}', "r-1")


@pytest.mark.parametrize(
    ("exception", "sent"), [(aiohttp.ServerDisconnectedError(), True), (aiohttp.ConnectionTimeoutError(), False)]
)
async def test_mocked_exceptions_are_mapped(mocked, exception, sent):
    """An exception that a mock raises is mapped like a real one."""
    mocked.post("http://localhost/v2/bookings", exception=exception)
    async with open_transport("http://localhost") as transport:
        with pytest.raises((ConnectionFailedError, TimedOutError)) as caught:
            await transport.exchange(*make_call("POST", "/bookings", body=b"{}"))
    assert caught.value.sent is sent


async def test_a_mock_sees_body_and_headers(mocked):
    """A mock receives the body and the options of the request."""
    mocked.patch("http://localhost/v2/me", status=200, body="{}")
    async with open_transport("http://localhost") as transport:
        await transport.exchange(*make_call("PATCH", body=b'{"name":"Ana"}'))
    [[call]] = mocked.requests.values()
    assert call.kwargs["data"] == b'{"name":"Ana"}'
    assert call.kwargs["allow_redirects"] is False
