"""The HTTP layers that all routes share."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import logging
import socket
import sys
import threading
import time
import zlib
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import msgspec
import pytest
from http_client import send_request

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.http.messages import HttpRequest, etag
from calcom_async.sandbox.http.query_string import parse_query
from calcom_async.sandbox.http.results import Page, RawResponse, Status, pagination
from calcom_async.sandbox.http.routing import Route, RouteTable

JSON_TYPE = {"Content-Type": "application/json"}


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


def serve(sandbox, *routes):
    """Return a server for these routes, without a socket."""
    server = sandbox.server(RouteTable(routes))

    def send(method, path, **headers):
        url, _, query = path.partition("?")
        incoming = HttpRequest(method, url, query, {"Authorization": "cal_sandbox"} | headers, b"", "ip")
        return asyncio.run(server.handle(incoming))

    return send


# --- paths and methods


@pytest.mark.parametrize("path", ["/v2/me", "/V2/Me", "/v2/me/", "/api/v2/me", "/v2/ee/me"])
def test_spellings_of_a_path(sandbox, path):
    """Case, a trailing slash and the self-hosted prefixes make no difference."""
    assert send_request(sandbox, "GET", path).data["username"] == "ana"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "//v2/me"), ("GET", "/v2//me"), ("GET", "/v2/nope?x=1"), ("PUT", "/v2/me")]
)
def test_no_route(sandbox, method, path):
    """An unknown path, a doubled slash and a wrong method are a 404 that names method and URL."""
    reply = send_request(sandbox, method, path)
    assert reply.status == 404
    assert reply.body["error"] == {
        "code": "NotFoundException",
        "message": f"Cannot {method} {path}",
        "details": {"message": f"Cannot {method} {path}", "error": "Not Found", "statusCode": 404},
    }
    assert reply.body["path"] == path
    assert reply.rate_limit == {}


def test_head(sandbox):
    """HEAD returns the headers of GET without a body."""
    get, head = send_request(sandbox, "GET", "/v2/me"), send_request(sandbox, "HEAD", "/v2/me")
    assert (head.status, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.content))
    assert head.headers["ETag"] == get.headers["ETag"]


def test_options(sandbox):
    """OPTIONS is a 204 on any path, does not count and has no request id."""
    reply = send_request(sandbox, "OPTIONS", "/v2/nothing/here")
    assert (reply.status, reply.content, reply.rate_limit) == (204, b"", {})
    assert "X-Request-Id" not in reply.headers
    assert reply.headers["Access-Control-Max-Age"] == "86400"


def test_literal_before_placeholder(sandbox):
    """A literal segment wins over a placeholder if its route has the version; values are decoded."""
    send = serve(
        sandbox,
        Route("GET", "/v2/a/{id}", lambda call: call.path["id"]),
        Route("GET", "/v2/a/default", lambda call: "literal", versions=frozenset({"2024-06-11"})),
    )
    literal = send("GET", "/v2/a/default", **{"cal-api-version": "2024-06-11"})
    assert json.loads(literal.body)["data"] == "literal"
    assert json.loads(send("GET", "/v2/a/default").body)["data"] == "default"
    assert json.loads(send("GET", "/v2/a/x%20%2Fy").body)["data"] == "x /y"


@pytest.mark.parametrize(
    ("sent", "status"),
    [("2024-08-13", 200), ("2024-06-14", 404), (None, 404), ("1999-01-01", 404), ("2024-04-15", 404)],
)
def test_version(sandbox, sent, status):
    """A route exists in its versions only; a missing or unknown header is 2024-04-15."""
    send = serve(sandbox, Route("GET", "/v2/b", lambda call: call.version, versions=frozenset({"2024-08-13"})))
    assert send("GET", "/v2/b", **({"cal-api-version": sent} if sent else {})).status == status
    old = serve(sandbox, Route("GET", "/v2/b", lambda call: call.version, versions=frozenset({"2024-04-15"})))
    assert old("GET", "/v2/b", **{"cal-api-version": "garbage"}).status == 200


# --- bodies


@pytest.mark.parametrize(("size", "status"), [(102_400, 200), (102_401, 413)])
def test_body_limit(sandbox, size, status):
    """A body of 102,400 bytes passes; one more is a 413 without envelope and request id, and does not count."""
    body = b'{"unknown": "' + b"x" * (size - 15) + b'"}'
    assert len(body) == size
    reply = send_request(sandbox, "PATCH", "/v2/me", body, headers=JSON_TYPE)
    assert reply.status == status
    if status == 413:
        assert reply.body == {"statusCode": 413, "message": "request entity too large"}
        assert "X-Request-Id" not in reply.headers
        assert reply.rate_limit == {}


def test_compressed_bodies(sandbox):
    """A compressed body is read; an invalid one is a 400, and a too large one a 413 before it is unpacked."""
    sent = JSON_TYPE | {"Content-Encoding": "gzip"}
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(90 << 20)) + packer.flush()
    assert len(bomb) < 102_400
    for body, status in ((gzip.compress(b'{"bio": "packed"}'), 200), (b"no gzip", 400), (bomb, 413)):
        assert send_request(sandbox, "PATCH", "/v2/me", body, headers=sent).status == status
    assert send_request(sandbox, "GET", "/v2/me").data["bio"] == "packed"
    assert not sandbox.handler_errors


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 50_000,
        b'{"a":' * 10_000,
        b'{"metadata": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"metadata": ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}",
        b'{"bio": "\xff"}',
    ],
)
@pytest.mark.parametrize("path", ["/v2/me", "/v2/webhooks/x", "/v2/event-types/1"])
def test_odd_json(sandbox, path, body):
    """JSON that is nested too deeply or is not UTF-8 is a 400."""
    assert send_request(sandbox, "PATCH", path, body, headers=JSON_TYPE).status == 400
    assert not sandbox.handler_errors


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"eventTypeId": 3,', "Expected double-quoted property name in JSON at position 18"),
        (b'{"a": ', "Unexpected end of JSON input"),
        (b'{"a": nope}', 'Unexpected token \'o\', "{"a": nope}" is not valid JSON'),
        (b'"text"', 'Unexpected token \'"\', ""text"" is not valid JSON'),
    ],
)
def test_unparsable_json(sandbox, body, message):
    """Invalid JSON is a 400 before routing, does not count, and has a fixed request id."""
    reply = send_request(sandbox, "POST", "/v2/no/such/route", body, headers=JSON_TYPE)
    assert (reply.status, reply.rate_limit) == (400, {})
    assert reply.headers["X-Request-Id"] == "unknown-request-id"
    if "nope" not in message:  # V8 points at the letter, Python's parser at the word
        assert reply.message == message


def test_other_bodies_count_as_empty(sandbox):
    """A form-encoded body counts as empty where JSON is expected."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    before = send_request(sandbox, "GET", "/v2/me").data
    reply = send_request(sandbox, "PATCH", "/v2/me", b"name=Other", headers=headers)
    assert reply.data["name"] == before["name"]


# --- headers


def test_headers_of_every_response(sandbox):
    """Every response has the recorded headers and a new request id."""
    first = send_request(sandbox, "GET", "/v2/me", headers={"X-Request-Id": "mine"})
    second = send_request(sandbox, "GET", "/v2/me")
    assert first.headers["Keep-Alive"] == "timeout=5"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "Location" not in first.headers
    assert len({"mine", first.headers["X-Request-Id"], second.headers["X-Request-Id"]}) == 3


def test_etag_and_304():
    """The ETag is weak; a matching If-None-Match gets a 304, which counts."""
    with Sandbox(rate_limit=10) as sandbox:
        tag = send_request(sandbox, "GET", "/v2/me").headers["ETag"]
        assert tag.startswith('W/"')
        reply = send_request(sandbox, "GET", "/v2/me", headers={"If-None-Match": tag})
        assert (reply.status, reply.content) == (304, b"")
        assert reply.rate_limit["Remaining-Default"] == 8
        assert send_request(sandbox, "GET", "/v2/me", headers={"If-None-Match": 'W/"other"'}).status == 200


@pytest.mark.parametrize("name", ["me", "me_patch_bad_timezone_400", "body_too_large", "throttle_guests_429"])
def test_etag_as_recorded(shared, name):
    """The ETag of a recorded body equals the recorded one."""
    response = json.loads((shared / "reference/real" / f"{name}.json").read_text())["response"]
    assert etag(msgspec.json.encode(response["body"])) == response["headers"]["ETag"]


# --- what handlers return


def test_shapes_of_responses(sandbox):
    """Values get an envelope, pages also a pagination object; raw responses are sent unchanged."""
    send = serve(
        sandbox,
        Route("GET", "/v2/none", lambda call: None),
        Route("POST", "/v2/status", lambda call: Status(), status=201),
        Route("GET", "/v2/page", lambda call: Page.of([1, 2], total=5, take=2, skip=2)),
        Route("GET", "/v2/bare", lambda call: RawResponse("text", 418, content_type="text/plain")),
        Route("DELETE", "/v2/gone", lambda call: RawResponse(None, 204)),
    )
    assert json.loads(send("GET", "/v2/none").body) == {"status": "success", "data": None}
    assert (send("POST", "/v2/status").status, send("POST", "/v2/status").body) == (201, b'{"status":"success"}')
    assert json.loads(send("GET", "/v2/page").body)["pagination"]["currentPage"] == 2
    bare = send("GET", "/v2/bare")
    assert (bare.status, bare.body, bare.content_type) == (418, b"text", "text/plain")
    assert (send("DELETE", "/v2/gone").status, send("DELETE", "/v2/gone").body) == (204, b"")


@pytest.mark.parametrize(
    ("total", "take", "skip", "expected"),
    [
        (0, 100, 0, (0, 0, 0, 0, False, False)),
        (1254, 100, 0, (100, 1154, 1, 13, True, False)),
        (1254, 100, 1200, (54, 0, 13, 13, False, True)),
        (1254, 100, 5000, (0, 0, 13, 13, False, True)),
    ],
)
def test_pagination(total, take, skip, expected):
    """The pagination object follows from total, take and skip, also past the end."""
    page = pagination(total=total, take=take, skip=skip)
    names = ("returnedItems", "remainingItems", "currentPage", "totalPages", "hasNextPage", "hasPreviousPage")
    assert tuple(page[name] for name in names) == expected


def test_bug_in_a_handler(sandbox, caplog):
    """An unplanned error is a 500 without envelope, logged and visible to the test."""

    def broken(call):
        raise KeyError("oops")

    with caplog.at_level(logging.ERROR, "calcom_async.sandbox"):
        send = serve(sandbox, Route("GET", "/v2/x", broken))("GET", "/v2/x")
    assert json.loads(send.body) == {"statusCode": 500, "message": "Internal server error"}
    assert [type(error) for error in sandbox.handler_errors] == [KeyError]
    assert "GET /v2/x" in caplog.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("take=5&name=Ada+B", {"take": "5", "name": "Ada B"}),
        ("a[0][b]=c&a[1][b]=d", {"a": [{"b": "c"}, {"b": "d"}]}),
        ("a[]=x&a[]=y", {"a": ["x", "y"]}),
        ("a=x&a=y&b=", {"a": ["x", "y"], "b": ""}),
        ("f[s]=x", {"f": {"s": "x"}}),
    ],
)
def test_query(query, expected):
    """Query strings nest and repeat like in `qs`."""
    assert parse_query(HttpRequest("GET", "/", query, {}, b"", "ip").query) == expected


@pytest.mark.parametrize("key", ["a" + "[b]" * 2000, "a[²]", "a[" + "9" * 1900 + "]", "a[٣]", "a[][][]"])
def test_odd_query_keys(sandbox, key):
    """Deep keys and unusual digits in a query string make no handler fail."""
    assert send_request(sandbox, "GET", f"/v2/calendars/busy-times?{quote(key)}=1").status == 400
    assert not sandbox.handler_errors


@pytest.mark.parametrize("query", ["s=a,b", "s=a, b", "s=a&s=b", "s[]=a&s[]=b", "s[0]=a&s[1]=b"])
def test_list_parameters(sandbox, query):
    """Commas, repeated keys and brackets all make a list."""
    send = serve(sandbox, Route("GET", "/v2/l", lambda call: [call.params("s"), call.params("t"), call.param("u")]))
    assert json.loads(send("GET", f"/v2/l?{query.replace(' ', '%20')}").body)["data"] == [["a", "b"], None, None]


@pytest.mark.parametrize(
    ("text", "status", "checked_status"),
    [("7", 200, 200), ("1.5", 200, 400), ("abc", 500, 400), ("99999999999", 500, 500)],
)
def test_integer_paths(sandbox, text, status, checked_status):
    """An id that is no number is a 500 of the database, or a 400 on checked routes; fractions are cut."""
    send = serve(
        sandbox,
        Route("GET", "/v2/i/{id}", lambda call: call.int_path("id")),
        Route("GET", "/v2/c/{id}", lambda call: call.int_path("id", checked=True)),
    )
    assert send("GET", f"/v2/i/{text}").status == status
    assert send("GET", f"/v2/c/{text}").status == checked_status


# --- recording, state, life


def test_requests_are_recorded_without_secrets(sandbox):
    """Recorded requests contain no credentials."""
    send_request(sandbox, "PATCH", "/v2/me?x=1", {"name": "Ann"}, headers={"x-cal-secret-key": "hush"})
    (seen,) = sandbox.requests
    assert (seen.method, seen.path, seen.query, seen.body, seen.status) == (
        "PATCH", "/v2/me", [("x", "1")], {"name": "Ann"}, 200,
    )  # fmt: skip
    assert seen.headers["Authorization"] == "***"
    assert "cal_sandbox" not in repr(seen)
    assert "hush" not in repr(seen)


def test_reset(sandbox):
    """A reset restores the sample data and clears requests and faults."""
    send_request(sandbox, "PATCH", "/v2/me", {"name": "Ann"})
    sandbox.faults.add("*", "*", status=500, times=9)
    sandbox.reset()
    assert sandbox.requests == []
    assert send_request(sandbox, "GET", "/v2/me").data["name"] == "Ana Sandbox"


def test_concurrent_requests():
    """Sandboxes do not share state."""
    with Sandbox() as first, Sandbox() as two:
        send_request(first, "PATCH", "/v2/me", {"name": "Ann"})
        assert send_request(two, "GET", "/v2/me").data["name"] == "Ana Sandbox"
        assert first.url != two.url


def test_stop_leaves_nothing():
    """After `stop()` there is no thread and no listener; the sandbox can start again."""
    sandbox = Sandbox()
    for _ in range(3):
        with sandbox:
            assert send_request(sandbox, "GET", "/v2/me").status == 200
            port = int(sandbox.url.split(":")[2].split("/")[0])
        assert not [thread for thread in threading.enumerate() if thread.name == "calcom-sandbox"]
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            pass
    with pytest.raises(RuntimeError, match=r"start\(\)"):
        _ = sandbox.url


def test_stop_does_not_wait_for_slow_responses(sandbox):
    """`stop()` closes idle connections and those with a pending request."""
    sandbox.faults.add("GET", "/v2/me", slow=60)
    port = int(sandbox.url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as held, socket.create_connection(("127.0.0.1", port)):
        held.sendall(b"GET /v2/me HTTP/1.1\r\nHost: x\r\n\r\n")
        while not sandbox.faults.fired:
            time.sleep(0.001)
        sandbox.stop()
        assert held.recv(1) == b""


def test_port_taken(sandbox):
    """A port in use raises an error in `start()` and leaves no thread."""
    port = int(sandbox.url.split(":")[2].split("/")[0])
    with pytest.raises(OSError, match=str(port)):
        Sandbox(port=port).start()
    assert [thread.name for thread in threading.enumerate()].count("calcom-sandbox") == 1


def test_spawned_work(sandbox):
    """Background work can be awaited, and `stop()` cancels what never ends."""
    done, cancelled = [], []

    async def short():
        await asyncio.sleep(0)
        done.append(True)

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    sandbox.run(lambda: sandbox.spawn(short()))
    sandbox.wait_idle()
    assert done == [True]
    sandbox.run(lambda: sandbox.spawn(endless()))
    with pytest.raises(TimeoutError):
        sandbox.wait_idle(timeout=0.01)
    sandbox.stop()
    assert cancelled == [True]


def test_clock():
    """The clock is frozen at `now` and moves on request; limits and timestamps follow it."""
    moment = datetime(2030, 3, 6, 12, tzinfo=UTC)
    with Sandbox(now=moment, rate_limit=1) as sandbox:
        assert send_request(sandbox, "GET", "/v2/nope").body["timestamp"] == "2030-03-06T12:00:00.000Z"
        assert [send_request(sandbox, "GET", "/v2/me").status for _ in range(2)] == [200, 429]
        sandbox.clock.move(seconds=60)
        assert send_request(sandbox, "GET", "/v2/me").status == 200
        assert sandbox.clock.now() == datetime(2030, 3, 6, 12, 1, tzinfo=UTC)
        with pytest.raises(ValueError, match="aware"):
            sandbox.clock.set(datetime(2030, 1, 1))  # noqa: DTZ001
        sandbox.clock.resume()
        assert sandbox.clock.now() >= datetime(2030, 3, 6, 12, 1, tzinfo=UTC)


def test_a_connection_that_is_being_accepted_is_closed(monkeypatch):
    """A client that connects while the sandbox stops leaves no open socket in this process."""
    left: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: left.append(str(what.exc_value)))
    for _ in range(60):
        with Sandbox() as sandbox:
            visitor = socket.create_connection(("127.0.0.1", urlsplit(sandbox.url).port))
        visitor.close()
    gc.collect()
    assert left == []
