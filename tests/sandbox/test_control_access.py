"""Who may use the control API, and what hostile connections cannot do."""

from __future__ import annotations

import http.client
import re
import socket

import pytest
from control_client import ControlClient
from http_client import send_request

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.control.api import OPERATIONS


@pytest.fixture
def sandbox():
    return Sandbox(bookings=3)


@pytest.fixture
def control(sandbox):
    return ControlClient(sandbox)


def error(response):
    return response.status, response.body["error"]


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:80", "[::1]:8765", "127.0.0.2"])
def test_loopback_hosts_are_accepted(control, host):
    """The Host header may be any name of this machine."""
    assert control.send("GET", "/clock", Host=host).status == 200
    assert control.send("GET", "/clock", Host=host, Origin=f"http://{host}").status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "[", "10.0.0.1", "localhost.evil"])
def test_foreign_hosts_are_rejected(control, host):
    """Another Host header is a 403, also if its name leads to this machine (DNS rebinding)."""
    message = f"the Host header must be localhost or a loopback address unless remote access is allowed, got {host!r}"
    assert error(control.send("GET", "/clock", Host=host)) == (403, message)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1", "http://127.0.0.1:87650"])
def test_foreign_web_pages_are_rejected(control, origin):
    """A web page of another origin gets a 403, other ports of this machine included."""
    assert error(control.send("POST", "/reset", Origin=origin)) == (
        403,
        "web pages of other origins may not control the sandbox",
    )


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        ("cross-site", "no-cors", 403),  # an image or a script of another page, sent without Origin
        ("same-site", "no-cors", 403),  # of a page on another port of this machine
        ("cross-site", "navigate", 200),  # a link
        ("same-origin", "cors", 200),  # the console
        ("none", "navigate", 200),  # the address bar
    ],
)
def test_other_web_pages_cannot_embed_responses(control, site, mode, status):
    """A GET that another page makes without an Origin is a 403 too, unless it opens the response as a page."""
    assert control.send("GET", "/clock", Sec_Fetch_Site=site, Sec_Fetch_Mode=mode).status == status


@pytest.mark.parametrize("token", ["", "two words", "t\u00f6ken", "line\n"])
def test_a_token_that_no_header_can_carry_is_rejected(token):
    """An empty token would be no token, and a client could not send one with other characters."""
    with pytest.raises(ValueError, match="control_token must be printable ASCII without spaces, and must not be empty"):
        Sandbox(control_token=token)


def test_the_headers_of_a_stream_can_be_read_alone(sandbox):
    """HEAD of the stream of events has no body, so the next response on the connection is not confused with it."""
    with sandbox:
        connection = http.client.HTTPConnection("127.0.0.1", sandbox._running.port, timeout=10)
        connection.request("HEAD", "/_sandbox/events")
        response = connection.getresponse()
        assert (response.headers["Content-Type"], response.read()) == ("text/event-stream", b"")
        connection.request("GET", "/_sandbox/health")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize("path", ["/v2/bookings", "/_sandbox/world"])
def test_a_client_that_hangs_up_is_not_an_error(sandbox, path, caplog):
    """A connection that is closed in the middle of a body is neither recorded nor logged with a traceback."""
    with sandbox:
        with socket.create_connection(("127.0.0.1", sandbox._running.port)) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{".encode())
            sandbox.run(lambda: None)
        for _ in range(20):
            assert send_request(sandbox, "GET", "/_sandbox/health").status == 200
        assert not sandbox.requests
    assert not caplog.records


def test_a_compressed_body_is_not_read_to_its_end(sandbox, caplog):
    """An error closes the connection of a compressed body: its rest may be a million times its size."""
    with sandbox, socket.create_connection(("127.0.0.1", sandbox._running.port), timeout=10) as client:
        head = "POST /_sandbox/reset HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 99999\r\n"
        client.sendall(f"{head}\r\nnot compressed".encode())
        received = b""
        while part := client.recv(65_536):
            received += part
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close" in received
    assert not caplog.records


@pytest.mark.parametrize("sent", [None, "wrong", "Bearer", "Bearer wrong", "Bearer tökén", "bearer correct"])
def test_the_token_is_needed_if_there_is_one(sandbox, sent):
    """With a token each operation but health is a 401 without it."""
    control = ControlClient(sandbox, token="correct", remote=True)
    headers = {} if sent is None else {"Authorization": sent}
    for operation in OPERATIONS:
        path = re.sub(r"\{\w+\}", "1", operation.path)
        status = control.send(operation.method, path, Host="ci.example", **headers).status
        assert status == (200 if operation.path == "/health" else 401)
    right = control.send("GET", "/clock", Host="ci.example", Authorization="Bearer correct")
    assert right.status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", ""])
def test_other_machines_need_permission(host):
    """A host that other machines can reach needs `allow_remote`, which brings a random token."""
    with pytest.raises(ValueError, match="host must be a loopback address unless allow_remote is set"):
        Sandbox(host=host)
    tokens = {Sandbox(host=host, allow_remote=True).control_token for _ in range(2)}
    assert len(tokens) == 2
    assert all(token and len(token) >= 32 for token in tokens)
    assert Sandbox().control_token is None


def test_a_sandbox_on_all_addresses(sandbox):
    """The URL of a sandbox that listens on all addresses is one that a client can connect to."""
    with Sandbox(host="0.0.0.0", allow_remote=True) as remote:
        assert remote.url.startswith("http://127.0.0.1:")
        assert send_request(remote, "GET", "/_sandbox/health").status == 200
        assert send_request(remote, "GET", "/_sandbox/clock").status == 401


def test_no_headers_for_web_pages(sandbox):
    """The control API sends no CORS headers, and no other page may embed its responses."""
    with sandbox:
        connection = http.client.HTTPConnection("127.0.0.1", sandbox._running.port)
        for method in ("GET", "OPTIONS"):
            connection.request(method, "/_sandbox/clock")
            response = connection.getresponse()
            response.read()
            assert [name for name in response.headers if name.lower().startswith("access-control")] == []
            assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert response.status == (200 if method == "GET" else 405)
        connection.close()
