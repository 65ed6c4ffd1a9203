"""The control API: each operation, bad input, and who may use it. Most tests need no socket."""

from __future__ import annotations

import asyncio
import json
import random
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from control_client import ControlClient
from http_client import send_request

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.control.api import OPERATIONS
from calcom_async.sandbox.control.faults import NewFault
from calcom_async.sandbox.http.messages import HttpRequest, HttpResponse

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def sandbox():
    return Sandbox(bookings=3)


@pytest.fixture
def control(sandbox):
    return ControlClient(sandbox)


def error(response):
    return response.status, response.body["error"]


def record(sandbox, method="GET", path="/v2/me", status=200):
    """Record a request as the server does."""
    request = HttpRequest(method, path, "a=1", {"Authorization": "secret"}, b"", "ip")
    sandbox.requests.record(request, HttpResponse(status), time=NOON, seconds=0.0015, fault=None)
    sandbox.context.changes.notify()


# --- clock


def test_the_clock_is_set_and_frozen(sandbox, control):
    """`now` freezes the clock, and `frozen: false` lets it run from there."""
    assert control.get("/clock")["frozen"] is False
    assert control.send("PATCH", "/clock", {"now": "2026-12-01T13:00:00+01:00"}).body == {
        "now": "2026-12-01T12:00:00.000Z",
        "frozen": True,
    }
    assert sandbox.clock.now() == NOON
    assert control.send("PATCH", "/clock", {"frozen": False}).body["frozen"] is False
    assert sandbox.clock.now() - NOON < timedelta(hours=1)


def test_the_clock_is_moved(sandbox, control):
    """`moveBy` moves the clock by seconds, back with a negative number, after `now` and before `frozen`."""
    sandbox.clock.set(NOON)
    control.send("PATCH", "/clock", {"moveBy": 90})
    assert sandbox.clock.now() == NOON + timedelta(seconds=90)
    control.send("PATCH", "/clock", {"now": "2026-12-01T12:00:00Z", "moveBy": -60, "frozen": True})
    assert sandbox.clock.now() == NOON - timedelta(seconds=60)


@pytest.mark.parametrize(
    "body",
    [
        {"now": "9999-12-31T00:00:00Z"},
        {"moveBy": 3.1e10},
        {"now": "9999-12-31T00:00:00Z", "moveBy": 1e10},
        {"now": "2026-01-01T00:00:00Z", "moveBy": -2e9},
    ],
)
def test_the_clock_stays_within_bounds(sandbox, control, body):
    """A time that other code could not handle is a 400, and the clock stays."""
    sandbox.clock.set(NOON)
    assert error(control.send("PATCH", "/clock", body)) == (
        400,
        "the clock must stay between 1971-01-01T00:00:00.000Z and 2999-01-01T00:00:00.000Z",
    )
    assert sandbox.clock.now() == NOON


def test_moving_the_clock_runs_what_is_due(sandbox, control):
    """Planned work, such as webhooks of meetings that begin, is done when the clock passes its time."""
    sandbox.clock.set(NOON)
    done = []
    sandbox.store.schedule.add(NOON + timedelta(hours=1), lambda: done.append("begun"))
    control.send("PATCH", "/clock", {"moveBy": 3599})
    assert done == []
    control.send("PATCH", "/clock", {"moveBy": 1})
    assert done == ["begun"]


# --- faults


def test_faults_are_added_and_counted(sandbox, control):
    """A fault is listed with how often it has occurred and how often it still can."""
    added = control.send("POST", "/faults", {"method": "post", "path": "/v2/bookings", "status": 503, "times": 2})
    assert (added.status, added.body["number"], added.body["left"]) == (201, 1, 2)
    assert sandbox.faults.match("GET", "/v2/bookings") is None
    assert sandbox.faults.match("POST", "/v2/bookings").status == 503
    (fault,) = control.get("/faults")["faults"]
    assert (fault["method"], fault["left"], fault["struck"]) == ("POST", 1, 1)


def test_every_option_of_a_fault_can_be_sent(control):
    """The body of a fault has the options of `Faults.add`, and the response repeats them."""
    body = {"method": "GET", "path": "/v2/*", "times": 3, "after": 1, "probability": 0.5, "status": 500, "cut": "after"}
    body |= {"headers": {"X-Name": "value"}, "body": {"a": [1]}, "slow": 1.5, "invalidBody": True, "truncated": True}
    body |= {"html": True}
    assert {*NewFault.__struct_encode_fields__} == {*body}
    response = control.send("POST", "/faults", body).body
    assert {name: response.get(name) for name in body if name != "times"} == {
        name: value for name, value in body.items() if name != "times"
    }


def test_faults_are_removed(sandbox, control):
    """One fault is removed by number, or all; an unknown number is a 404."""
    for status in (500, 502, 503):
        control.send("POST", "/faults", {"status": status})
    assert control.send("DELETE", "/faults/2").status == 204
    assert [fault["number"] for fault in control.get("/faults")["faults"]] == [1, 3]
    assert error(control.send("DELETE", "/faults/2")) == (404, "there is no fault 2")
    assert control.send("DELETE", "/faults").status == 204
    assert sandbox.faults.all() == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "body: a fault needs one of: a status, headers, a body"),
        ({"status": 700}, "body: Expected `int` <= 599 - at `$.status`"),
        ({"status": 500, "time": 1}, "body: Object contains unknown field `time`"),
        ({"status": 500, "times": 0}, "body: Expected `int` >= 1 - at `$.times`"),
        ({"status": 500, "path": "*a*b*"}, "body: a path must have at most two *"),
        ({"status": 500, "path": "v2/me"}, "body: a path must begin with / or *, got 'v2/me'"),
        ({"status": 500, "path": "/v2/me?take=1"}, "body: a path must have no query string, got '/v2/me?take=1'"),
        ({"headers": {"X-A": "line\nbreak"}}, "body: headers must be names and texts without line breaks"),
        ({"headers": {"X A": "value"}}, "body: headers must be names and texts without line breaks"),
        ({"cut": "during"}, "body: Invalid enum value 'during' - at `$.cut`"),
        (b'{"body": ' + b"[" * 100_000, "body: the JSON is nested too deeply"),
        (b"{", "body: Input data was truncated"),
        (b'{"path": "\xff"}', "body: "),
    ],
)
def test_a_fault_that_cannot_occur_is_a_400(control, body, message):
    """Bad input is a 400 that names the value."""
    status, text = error(control.send("POST", "/faults", body))
    assert (status, text.startswith(message)) == (400, True), text


# --- rate limit


def test_the_rate_limit_changes(sandbox, control):
    """The rate limit is read and changed; counts start again."""
    assert control.get("/rate-limit") == {"limit": 1_000_000, "window": 60, "block": 60}
    assert control.send("PATCH", "/rate-limit", {"limit": 2, "block": 5}).body == {"limit": 2, "window": 60, "block": 5}
    assert (sandbox.settings.rate_limit, sandbox.settings.block) == (2, 5)


def test_a_changed_rate_limit_forgets_the_counts(control, sandbox):
    """A caller that was blocked may send requests again."""
    with sandbox:
        control.send("PATCH", "/rate-limit", {"limit": 1})
        assert [send_request(sandbox, "GET", "/v2/me").status for _ in range(2)] == [200, 429]
        control.send("PATCH", "/rate-limit", {"window": 30})
        assert send_request(sandbox, "GET", "/v2/me").status == 200


# --- requests


def test_requests_are_listed_with_filters(sandbox, control):
    """Requests are filtered by method, path, status and number, and have no secrets."""
    for method, path, status in (("GET", "/v2/me", 200), ("POST", "/v2/bookings", 201), ("GET", "/v2/bookings/x", 404)):
        record(sandbox, method, path, status)
    first = control.get("/requests")["requests"][0]
    assert first == {
        "number": 1, "time": "2026-12-01T12:00:00.000Z", "method": "GET", "path": "/v2/me", "query": [["a", "1"]],
        "headers": {"authorization": "***"}, "body": None, "status": 200, "milliseconds": 1.5, "remaining": None,
        "fault": None,
    }  # fmt: skip

    def numbers(query):
        return [request["number"] for request in control.get(f"/requests?{query}")["requests"]]

    assert numbers("method=get") == [1, 3]
    assert numbers("path=/v2/bookings/{uid}") == [3]
    assert numbers("path=/v2/bookings*&status=201") == [2]
    assert numbers("after=1") == [2, 3]
    assert numbers("take=1") == [3]
    assert control.send("DELETE", "/requests").status == 204
    assert numbers("") == []


async def test_a_request_can_be_waited_for(sandbox, control):
    """`wait` returns as soon as `count` requests match, and what there is when the time is over."""
    task = asyncio.create_task(control.send_async("GET", "/requests?path=/v2/me&wait=60&count=2"))
    for _ in range(2):
        await asyncio.sleep(0)
        assert not task.done()
        record(sandbox)
    assert [request["number"] for request in (await task).body["requests"]] == [1, 2]
    late = await control.send_async("GET", "/requests?wait=0.001&count=3")
    assert len(late.body["requests"]) == 2


def test_the_server_records_what_the_log_shows(sandbox, control):
    """A request has the remaining limit and the fault that occurred; those to the control API are not recorded."""
    sandbox.settings.rate_limit = 10
    with sandbox:
        sandbox.faults.add("GET", "/v2/me", slow=0.001, after=1)
        for _ in range(2):
            send_request(sandbox, "GET", "/v2/me")
        send_request(sandbox, "GET", "/_sandbox/clock")
        rows = control.get("/requests")["requests"]
    assert [(row["path"], row["remaining"], row["fault"]) for row in rows] == [("/v2/me", 9, None), ("/v2/me", 8, 1)]
    assert rows[1]["milliseconds"] >= 1


def test_deep_bodies_do_not_break_a_list(sandbox, control):
    """A body that is nested too deeply to be sent is replaced by a text."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    sandbox.faults.add("*", "*", body=deep)
    assert control.get("/faults")["faults"][0]["body"] == "(nested too deeply)"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("wait=61", "query: Expected `float` <= 60.0 - at `$.wait`"),
        ("wait=nan", "query: "),
        ("count=a", "query: Expected `int`, got `str` - at `$.count`"),
        ("since=1", "query: Object contains unknown field `since`"),
        ("count=1&count=2", "query: count is given twice"),
        ("path=***", "query: a path must have at most two *"),
    ],
)
def test_bad_filters_are_a_400(control, query, message):
    """A filter that does not exist or cannot be read is a 400."""
    status, text = error(control.send("GET", f"/requests?{query}"))
    assert (status, text.startswith(message)) == (400, True), text


def test_faults_and_limits_do_not_apply_to_the_control_api(sandbox, control):
    """A fault for every path, and a rate limit that is used up, leave the control API alone."""
    sandbox.settings.rate_limit = 1
    with sandbox:
        send_request(sandbox, "GET", "/v2/me")
        sandbox.faults.add("*", "*", status=500)
        assert [send_request(sandbox, "GET", "/_sandbox/clock").status for _ in range(3)] == [200, 200, 200]
        assert (sandbox.faults.fired, len(sandbox.requests)) == (0, 1)
        assert send_request(sandbox, "GET", "/_sandbox/server").body == {
            "kind": "hosted",
            "url": sandbox.url,
            "origin": sandbox.url.removesuffix("/v2"),
        }


# --- state and reset


def test_the_state_is_json(sandbox, control):
    """The state has the rows of each kind, their numbers, and no secret."""
    sandbox.store.webhooks["w"] = {"id": "w", "secret": "hush", "_kind": "user", "_owner_id": 1}
    state = control.get("/state?take=2")
    assert state["counts"] == {"users": 4, "teams": 2, "schedules": 4, "eventTypes": 4, "bookings": 3, "webhooks": 1}
    assert {name: len(rows) for name, rows in state.items() if name != "counts"} == {
        name: min(2, count) for name, count in state["counts"].items()
    }
    assert [row["id"] for row in state["bookings"]] == [2, 3]
    assert [member["role"] for member in state["teams"][0]["members"]] == ["OWNER", "MEMBER", "MEMBER"]
    assert "hush" not in json.dumps(state)
    assert "cal_sandbox" not in json.dumps(state)


def test_reset_restores_the_data(sandbox, control):
    """A reset is that of `Sandbox.reset`."""
    sandbox.store.bookings.clear()
    sandbox.faults.add("*", "*", status=500)
    record(sandbox)
    assert control.send("POST", "/reset").status == 204
    assert (len(sandbox.store.bookings), sandbox.faults.all(), sandbox.requests) == (3, [], [])


# --- the table of operations


def test_unknown_operations(control):
    """An unknown path is a 404 that says where to look, and a wrong method a 405."""
    assert error(control.send("GET", "/clocks")) == (
        404,
        "there is no /_sandbox/clocks; GET /_sandbox/openapi.json describes what there is",
    )
    assert error(control.send("PUT", "/clock")) == (405, "the method must be one of GET, PATCH, got PUT")
    assert error(control.send("GET", "/clock?a=1")) == (400, "this operation has no query parameters")
    assert error(control.send("POST", "/reset", b"{}")) == (400, "this operation has no body")


def test_odd_input_is_never_a_500(sandbox, control):
    """No value in a path, a query or a body leads to an unplanned error."""
    rng = random.Random(1)
    for _ in range(300):
        operation = rng.choice([operation for operation in OPERATIONS if operation.path not in {"/server", "/events"}])
        path = re.sub(r"\{\w+\}", lambda _: rng.choice(["1", "-1", "x", "%00", "9" * 30]), operation.path)
        body = None
        if "query" in operation.types:
            names = ["after", "take", "count", "method", "path", "status", "trigger", "start", "days", "eventTypeId"]
            path += f"?{rng.choice(names)}={rng.choice(['1', '-1', '1e9', '%ff', '***', '', '0001-01-01T00:00:00Z'])}"
        if "body" in operation.types:
            body = json.loads(json.dumps(operation.example))
            replace_some(body, rng)
        response = control.send(operation.method, path, body)
        assert response.status < 500, (operation.path, path, body)
    assert sandbox.handler_errors == []


def replace_some(value, rng):
    """Replace values of a nested document, at any depth, by odd ones."""
    for key in value if isinstance(value, dict) else range(len(value)):
        if rng.random() < 0.15:
            value[key] = rng.choice([None, True, -1, 2**63, 1e308, "", "\n", "x" * 3000, [], [1], {}, {"a": [1]}])
        elif isinstance(value[key], dict | list):
            replace_some(value[key], rng)


def test_large_bodies_are_a_413(control):
    """A body above the limit of its operation is a 413."""
    assert error(control.send("POST", "/faults", b" " * 102_401)) == (413, "the body must have at most 102,400 bytes")


def test_a_failing_operation_is_a_500_that_is_reported(sandbox, control, monkeypatch):
    """An unplanned error is logged, kept in `handler_errors`, and a 500."""
    monkeypatch.setattr(sandbox, "faults", None)
    assert error(control.send("GET", "/faults")) == (500, "internal error; the log of the sandbox has the reason")
    assert len(sandbox.handler_errors) == 1


def test_the_openapi_document_has_every_operation(control):
    """The OpenAPI document is made of the operations, and its references can be resolved."""
    document = control.get("/openapi.json")
    described = {
        (method.upper(), path.removeprefix("/_sandbox"))
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}
    for reference in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]
    texts = [method["summary"] for path in document["paths"].values() for method in path.values()]
    assert all(texts)
    assert len(texts) == len(set(texts))


def test_the_examples_are_valid():
    """Each operation with a body has an example that it accepts."""
    for operation in OPERATIONS:
        if "body" in operation.types:
            assert operation.example is not None, operation.path
            msgspec.convert(operation.example, operation.types["body"], strict=True)
