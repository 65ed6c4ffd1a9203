"""Scripted faults: each kind, when it occurs, and whether the server acts."""

from __future__ import annotations

import http.client
import json
import time

import pytest
from http_client import send_request

from calcom_async.sandbox import Faults, Sandbox


@pytest.fixture
def sandbox():
    with Sandbox(rate_limit=100) as running:
        yield running


def statuses(sandbox, count, path="/v2/me"):
    return [send_request(sandbox, "GET", path).status for _ in range(count)]


def rename(sandbox):
    return send_request(sandbox, "PATCH", "/v2/me", {"name": "Ann"})


def name(sandbox):
    return sandbox.store.users[1]["name"]


def test_status_times(sandbox):
    """A status is returned `times` times (default once) without acting or counting."""
    sandbox.faults.add("PATCH", "/v2/me", status=503, times=2).add("PATCH", "/v2/me", status=500)
    assert [rename(sandbox).status for _ in range(3)] == [503, 503, 500]
    assert name(sandbox) == "Ana Sandbox"
    assert rename(sandbox).rate_limit["Remaining-Default"] == 99
    assert (name(sandbox), sandbox.faults.fired) == ("Ann", 3)


def test_429_with_headers(sandbox):
    """A scripted 429 has the server's shape and the given headers."""
    sandbox.faults.add("*", "*", status=429, headers={"Retry-After": "3"})
    reply = send_request(sandbox, "GET", "/v2/me")
    assert (reply.status, reply.body["error"]["code"]) == (429, "ThrottlerException")
    assert (reply.headers["Retry-After"], reply.rate_limit) == ("3", {})


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BadRequestException"),
        (401, "UnauthorizedException"),
        (409, "ConflictException"),
        (500, None),
        (599, None),
    ],
)
def test_shapes_of_statuses(sandbox, status, code):
    """A scripted status has the server's body: with envelope below 500, without from 500 on."""
    sandbox.faults.add("GET", "/v2/me", status=status)
    body = send_request(sandbox, "GET", "/v2/me").body
    assert body.get("error", {}).get("code") == code
    assert code or body["statusCode"] == status


def test_after_and_probability(sandbox):
    """`after` lets matching requests pass first; a probability follows the seed."""
    sandbox.faults.add("GET", "/v2/me", status=502, after=2, times=1)
    assert statuses(sandbox, 4) == [200, 200, 502, 200]
    sandbox.faults.clear().add("GET", "/v2/me", status=502, probability=0.5)
    first = statuses(sandbox, 20)
    sandbox.faults.clear().add("GET", "/v2/me", status=502, probability=0.5)
    assert statuses(sandbox, 20) == first
    assert set(first) == {200, 502}


@pytest.mark.parametrize(
    ("method", "path", "hit"),
    [
        ("GET", "/v2/me", True),
        ("*", "/v2/*", True),
        ("*", "*", True),
        ("get", "/v2/{anything}", True),
        ("GET", "/V2/ME/", True),
        ("POST", "/v2/me", False),
        ("GET", "/v2/m", False),
        ("GET", "/v2/{a}/{b}", False),
    ],
)
def test_matching(method, path, hit):
    """Methods and paths match as a whole; `*` and placeholders match anything."""
    fault = Faults().add(method, path, status=500).match("GET", "/v2/me")
    assert (fault is not None) is hit


@pytest.mark.parametrize(("when", "acted"), [("before", False), ("after", True)])
def test_cut(sandbox, when, acted):
    """A cut connection returns no response; only `after` acts."""
    sandbox.faults.add("PATCH", "/v2/me", cut=when)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        rename(sandbox)
    assert name(sandbox) == ("Ann" if acted else "Ana Sandbox")
    assert [seen.status for seen in sandbox.requests] == [200 if acted else 0]
    assert send_request(sandbox, "GET", "/v2/me").status == 200


def test_invalid_and_truncated_bodies(sandbox):
    """Both act; an invalid body is a 200 that is not JSON, a truncated one ends in the middle."""
    sandbox.faults.add("PATCH", "/v2/me", invalid_body=True).add("GET", "/v2/me", truncated=True)
    with pytest.raises(ValueError, match=r"invalid start byte|Expecting"):
        _ = rename(sandbox).body
    assert name(sandbox) == "Ann"
    with pytest.raises(http.client.IncompleteRead):
        send_request(sandbox, "GET", "/v2/me")


def test_proxy_page_and_own_body(sandbox):
    """`html` returns a proxy's page, and `body` any body."""
    sandbox.faults.add("GET", "/v2/me", html=True).add("GET", "/v2/me", status=418, body={"hello": 1})
    page, own = send_request(sandbox, "GET", "/v2/me"), send_request(sandbox, "GET", "/v2/me")
    assert (page.status, page.headers["Content-Type"]) == (502, "text/html")
    assert b"<h1>502 Bad Gateway</h1>" in page.content
    assert (own.status, json.loads(own.content)) == (418, {"hello": 1})


def test_slow(sandbox):
    """A slow response is late and otherwise right."""
    sandbox.faults.add("GET", "/v2/me", slow=0.05)
    begun = time.perf_counter()
    assert send_request(sandbox, "GET", "/v2/me").status == 200
    assert time.perf_counter() - begun >= 0.05


def test_a_rule_for_each_item(sandbox):
    """A callback runs after every matching response, until the faults are cleared."""
    sandbox.faults.after_each("GET", "/v2/me", lambda store: store.users[1].update(bio=f"{len(sandbox.requests)}"))
    assert [send_request(sandbox, "GET", "/v2/me").data["bio"] for _ in range(3)] == [None, "1", "2"]
    sandbox.faults.clear()
    assert [send_request(sandbox, "GET", "/v2/me").data["bio"] for _ in range(2)] == ["3", "3"]


def test_a_valid_body():
    """A fault without effect raises ValueError."""
    with pytest.raises(ValueError, match="needs one of"):
        Faults().add("GET", "/v2/me", times=3)
