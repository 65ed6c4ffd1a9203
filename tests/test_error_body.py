"""Reading error responses: five shapes of Cal.com's errors, pages of proxies, and headers about limits and waits."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from fakes import error_response, make_call

from calcom_async import errors
from calcom_async.requests import Request
from calcom_async.responses import Response, check, rate_limits, retry_after

SECRET = "cal_live_verysecret"

# ----------------------------------------------------------------------------------------------------- reading an error


def error_of(response: Response, request: Request | None = None) -> errors.ApiError:
    """Return the error that a response raises."""
    with pytest.raises(errors.ApiError) as caught:
        check(request or make_call()[0], response)
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_raises_nothing(status):
    """Any 2xx raises nothing."""
    assert check(make_call()[0], Response(status, {}, b"")) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *errors.BY_STATUS.items(),
        (429, errors.RateLimitedError),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (599, errors.ServerError),
        (418, errors.ApiError),
        (304, errors.ApiError),
        (301, errors.ApiError),
    ],
)
def test_each_status_has_its_class(status, kind):
    """The status decides the class, and every status from 300 on is an error."""
    error = error_of(error_response(status, "SomeException"))
    assert type(error) is kind
    assert error.status == status


def test_recorded_errors(shared: Path):
    """Recorded errors of every shape have the right class, message, code, request id, limits and fields."""
    shapes = set()
    for file in sorted((shared / "reference" / "real").rglob("*.json")):
        exchange = json.loads(file.read_text())
        if "response" not in exchange or exchange["response"]["status"] < 300:
            continue
        shapes.add(shape_of(exchange["response"].get("body")))
        check_recorded(file.name, exchange["request"], exchange["response"])
    assert shapes == {"details", "errors", "text", "code", "bare", "empty"}


def shape_of(body: Any) -> str:
    """Return the name of the shape of an error body."""
    match body:
        case {"error": {"details": {"errors": [*_]}}}:
            return "errors"
        case {"error": {"details": {}}}:
            return "details"
        case {"error": {"details": str()}}:
            return "text"
        case {"error": {"code": _}}:
            return "code"
        case {"statusCode": _}:
            return "bare"
    return "empty"


def check_recorded(name: str, request: dict[str, Any], response: dict[str, Any]) -> None:
    body, status = response.get("body"), response["status"]
    headers = {key.lower(): value for key, value in response["headers"].items()}
    raw = json.dumps(body).encode() if body else b""
    error = error_of(Response(status, headers, raw), Request(method=request["method"], route="/x", path="/x"))
    fallback = errors.ServerError if status >= 500 else errors.ApiError
    kind = errors.RateLimitedError if status == 429 else errors.BY_STATUS.get(status, fallback)
    server_error = body.get("error", body) if body else {}
    assert type(error) is kind, name
    assert error.status == status, name
    assert error.code == server_error.get("code"), name
    assert not body or error.server_message == server_error["message"], name
    assert error.request_id == headers.get("x-request-id"), name
    named = [header for header in headers if header.startswith("x-ratelimit-limit-")]
    assert [limit.name for limit in error.rate_limits] == [header[18:] for header in named], name
    if shape_of(body) == "errors":
        assert {path.split(".")[0] for path in error.fields} == {
            fault["property"] for fault in server_error["details"]["errors"]
        }
        assert all(error.fields.values()), name
    if " property is wrong," in error.server_message:
        assert error.fields, name
    assert not echoes(error.details), name
    assert status != 429 or error.retry_after == min(limit.reset for limit in error.rate_limits), name


def echoes(details: Any) -> bool:
    """Return whether the details repeat values of the request."""
    match details:
        case dict():
            return bool({"target", "value"} & details.keys()) or any(map(echoes, details.values()))
        case list():
            return any(map(echoes, details))
    return False


def test_validation_details_do_not_repeat_what_was_sent():
    """`target` and `value` repeat the request with its secrets, so they are removed at any depth."""
    fault = {
        "target": {"password": SECRET},
        "value": SECRET,
        "property": "a",
        "children": [
            {
                "target": {"k": SECRET},
                "property": "b",
                "children": [],
                "constraints": {"x": "b is bad", "y": "b is odd"},
            }
        ],
    }
    body = {
        "error": {"code": "BadRequestException", "message": "Bad Request Exception", "details": {"errors": [fault]}}
    }
    error = error_of(Response(400, {}, json.dumps(body).encode()))
    assert error.fields == {"a.b": ["b is bad", "b is odd"]}
    assert SECRET not in str(error) + repr(error) + str(vars(error))
    assert error.details["errors"][0]["children"][0]["property"] == "b"


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            "start property is wrong,start must be a date , end property is wrong,end must be a date ",
            {"start": ["start must be a date"], "end": ["end must be a date"]},
        ),
        (
            "attendee property is wrong, name property is wrong,must be a string , timeZone property is wrong,not one ",
            {"name": ["must be a string"], "timeZone": ["not one"]},
        ),
        (
            "attendee property is wrong,attendee should not be null , id or slug property is wrong,Give id or slug ",
            {"attendee": ["attendee should not be null"], "id or slug": ["Give id or slug"]},
        ),
        (
            "attendee property is wrong, attendee email or phone property is wrong,Give one, please ",
            {"attendee email or phone": ["Give one, please"]},
        ),
        (
            "a property is wrong,one,two b property is wrong,three ",
            {"a": ["one,two"], "b": ["three"]},
        ),
    ],
)
def test_sentences_of_the_strict_validation(message, fields):
    """`<property> property is wrong,<texts>` is split by property; a parent without a text of its own is omitted."""
    assert error_of(error_response(400, "BadRequestException", message)).fields == fields


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("responses - {email}email_validation_error, ", {"responses.email": ["email_validation_error"]}),
        (
            "responses - {name}error_required_field, metadata.k - Expected string, received number, ",
            {"responses.name": ["error_required_field"], "metadata.k": ["Expected string, received number"]},
        ),
        ("a - one, a - two, ", {"a": ["one", "two"]}),
    ],
)
def test_issues_of_the_schema_validation(message, fields):
    """`path - text, ` pairs are split by path, which includes the field of a booking's responses."""
    assert error_of(error_response(400, "BAD_REQUEST", message)).fields == fields


def test_oauth_errors_have_their_own_shape():
    """The OAuth2 endpoint returns `error` and `error_description`, which are code and message."""
    body = b'{"error":"invalid_grant","error_description":"code_invalid_or_expired"}'
    error = error_of(Response(400, {}, body))
    assert (error.code, error.server_message) == ("invalid_grant", "code_invalid_or_expired")


def test_a_list_of_messages():
    """A list of messages, as NestJS can return it, is joined to one text."""
    error = error_of(Response(400, {}, b'{"statusCode":400,"message":["a is bad","b is bad"],"error":"Bad Request"}'))
    assert (error.code, error.server_message) == ("Bad Request", "a is bad, b is bad")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><head><title>502 Bad\nGateway</title></head>", "not a response of Cal.com: 502 Bad Gateway"),
        (b"", "not a response of Cal.com: an empty body"),
        (b"[1]", "not a response of Cal.com: [1]"),
        (b"\xff\xfe", "not a response of Cal.com: \ufffd\ufffd"),
        (b"{}", "not a response of Cal.com: {}"),
        (b'{"error":{"code":"X"}}', 'not a response of Cal.com: {"error":{"code":"X"}}'),
    ],
)
def test_a_foreign_body_is_summarized(body, message):
    """A body that is not a Cal.com error is summarized in one short line."""
    assert error_of(Response(502, {}, body)).server_message == message


ODD_DETAILS = [
    None, 5, "text", [], [None], {}, {"errors": None}, {"errors": 5}, {"errors": [None, 5, "x", []]},
    {"errors": [{"property": None, "constraints": ["a"], "children": 5}]},
    {"errors": [{"property": {"a": 1}, "constraints": {"x": None, "y": {"z": 1}}, "children": {"a": 1}}]},
]  # fmt: skip


@pytest.mark.parametrize("details", ODD_DETAILS, ids=str)
def test_odd_parts_of_an_error(details):
    """Whatever types code, message and details have, the error has texts and can be printed and pickled."""
    codes = ["X", None, 5, [1], {"a": 1}]
    messages = ["no", None, 5, {"a": 1}, ["a", 5, None], [], True]
    for code, message in itertools.product(codes, messages):
        body = json.dumps({"status": "error", "error": {"code": code, "message": message, "details": details}}).encode()
        error = error_of(Response(400, {}, body))
        assert isinstance(error.server_message, str)
        assert error.code is None or isinstance(error.code, str)
        assert all(isinstance(reason, str) for reasons in error.fields.values() for reason in reasons)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("depth", [60, 300, 900, 5_000, 100_000])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [(b'{"children":[', b"]}"), (b"[", b"]"), (b'{"a":', b"}")],
    ids=["children", "list", "object"],
)
def test_deep_details_are_cut(opening, closing, depth):
    """Deeply nested details are cut, so that the error can be printed, copied and pickled."""
    deep = opening * depth + b"1" * opening.endswith(b":") + closing * depth
    for body in (b'{"error":{"code":"X","message":"no","details":{"errors":[%b]}}}' % deep, deep, opening * depth):
        error = error_of(Response(400, {}, body))
        assert str(copy.deepcopy(pickle.loads(pickle.dumps(error)))) == str(error)
        assert len(repr(vars(error))) < 10_000


@pytest.mark.parametrize(
    "body",
    [
        b"<title>" + b" " * 5_000_000,
        b"<title" * 1_000_000,
        b"<title>" * 500_000 + b"</" * 500_000,
        json.dumps({"error": {"code": "BAD_REQUEST", "message": "a" * 5_000_000 + ", "}}).encode(),
        json.dumps({"error": {"code": "BAD_REQUEST", "message": "a - {b" * 500_000 + ", "}}).encode(),
        json.dumps({"error": {"code": "BAD_REQUEST", "message": "a - b, " * 500_000}}).encode(),
        json.dumps({"error": {"code": "B", "message": " property is wrong," * 100_000}}).encode(),
    ],
    ids=range(7),
)
def test_long_bodies_are_parsed_in_linear_time(body):
    """Megabytes that a backtracking pattern would search for hours are parsed in linear time."""
    assert len(str(error_of(Response(400, {}, body)))) < 20_000_000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<TITLE lang='en'>Login</TITLE>", "Login"),
        (b"<title></title><p>hello", "<title></title><p>hello"),
        (b"<title>never closed", "<title>never closed"),
        (b"<title>" + b"x" * 300 + b"</title>", "x" * 100),
    ],
)
def test_titles_of_pages(body, message):
    """The title of an HTML page is the message; without a title, the start of the page."""
    assert error_of(Response(502, {}, body)).server_message == f"not a response of Cal.com: {message}"


def test_a_redirect_points_to_the_base_url():
    """The error of a redirect recommends checking the base URL."""
    assert "is the base URL right?" in error_of(Response(302, {}, b"")).server_message


# ----------------------------------------------------------------------------------------------------- limits and waits


def limits(name: str, limit: object, remaining: object, reset: object) -> dict[str, str]:
    """Return the headers of one limit."""
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{part}-{name}": str(value) for part, value in values.items()}


def test_every_family_of_limit_headers_is_read():
    """Several named limits can be in one response."""
    headers = limits("default", 120, 119, 60) | limits("long", 500, 0, 30.5)
    assert rate_limits(headers) == (
        errors.RateLimit("default", 120, 119, 60.0),
        errors.RateLimit("long", 500, 0, 30.5),
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-limit-default": "120"},
        limits("default", "many", 1, 1),
        limits("default", 1, "few", 1),
        limits("default", 1, 1, "soon"),
        limits("default", 1, 1, "nan"),
        limits("default", 1, 1, "inf"),
        limits("default", 1, 1, "-5"),
    ],
)
def test_unreadable_limits_are_ignored(headers):
    """A limit with a missing or invalid header is ignored."""
    assert rate_limits(headers) == ()


DATE = {"date": "Mon, 06 May 2030 10:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        (limits("default", 120, 0, 42), 42.0),
        (limits("default", 120, 3, 42), None),
        (limits("short", 3, 0, 2) | limits("long", 6, 0, 60), 2.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7"} | limits("default", 120, 0, 42), 42.0),
        ({"retry-after": "90"} | limits("default", 120, 0, 42), 90.0),
        ({"retry-after": "Mon, 06 May 2030 10:00:30 GMT"} | DATE, 30.0),
        ({"retry-after": "Mon, 06 May 2030 09:00:00 GMT"} | DATE, 0.0),
        ({"retry-after": "Mon, 06 May 2030 10:00:30 GMT"}, None),
        ({"retry-after": "soon"} | DATE, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-3"}, None),
    ],
)
def test_the_wait_of_a_429(headers, seconds):
    """The wait is the smallest Reset of the limits that are used up, or Retry-After if that is longer."""
    assert retry_after(rate_limits(headers), headers) == seconds


def test_the_wait_of_a_503():
    """The wait of a 503 is its Retry-After; a limit that is used up does not count."""
    headers = {"retry_after": "30"}
    assert error_of(error_response(503, None, **headers)).retry_after == 30.0
    assert error_of(Response(503, limits("default", 120, 0, 42), b"")).retry_after == 0.0
