"""Client methods read the responses that were recorded from a real server.

The table `OPERATIONS` has the method for each request. Responses are decoded strictly here: the client's leniency is
switched off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest
from recorded_operations import OPERATIONS
from test_models import losses

from calcom_async import Calcom, decoding, errors, responses
from calcom_async.events import Observer
from calcom_async.models import Booking, Pagination
from calcom_async.pagination import Page
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import ResourceContext
from calcom_async.responses import Response

REDIRECTS = {301, 302}
# Recorded requests that the client does not send.
EXCLUDED = {
    "head_me": "the client never sends this method",
    "options_me": "the client never sends this method",
    "noversion_schedules_create": "the response to a request without a version",
}


@dataclass(frozen=True)
class Exchange:
    """A recorded exchange with the name of its file."""

    name: str
    method: str
    path: str
    response: Response
    body: Any

    @classmethod
    def of(cls, file: Path) -> Exchange:
        record = json.loads(file.read_bytes())
        request, response = record["request"], record["response"]
        body = response["body"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        path = request["path"].removeprefix("/v2").partition("?")[0]
        return cls(file.stem, request["method"], path, Response(response["status"], headers, raw), body)

    @cached_property
    def operation(self) -> str | None:
        """Return the key in the table: the matching one with the fewest placeholders."""
        fits = (key for key in OPERATIONS if _pattern(key).fullmatch(f"{self.method} {self.path}"))
        return min(fits, key=lambda key: key.count("{}"), default=None)


@cache
def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace(r"\{\}", "([^/]+)"))


@cache
def exchanges(shared: Path) -> list[Exchange]:
    """Return all recorded exchanges, without webhook deliveries and the pages of the long list."""
    folder = shared / "reference" / "real"
    files = sorted([*folder.glob("*.json"), *folder.glob("organisations/*.json")])
    return [Exchange.of(file) for file in files if not file.name.startswith("webhook_delivery_")]


class RecordedServer:
    """A `Send` that returns the recorded response and records the request."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.received: list[Request] = []
        self._answer = answer

    async def send(self, request: Request, context: CallContext) -> Response:
        self.received.append(request)
        response = self._answer(request)
        responses.check(request, response, expects_redirect=context.expects_redirect)
        return response

    def client(self) -> Calcom:
        cal = Calcom("cal_recorded")
        cal._send = self.send
        cal._context = ResourceContext(self.send, Observer(None))
        return cal


@pytest.fixture
def strict(monkeypatch):
    """Decode strictly: a value that does not fit the model is an error."""

    def fail(kind: Any, value: Any, where: str) -> Any:
        msgspec.convert(value, kind)
        raise AssertionError(f"decoded only leniently at {where}")

    monkeypatch.setattr(decoding, "build", fail)


async def call_method(exchange: Exchange) -> Any:
    """Call the method of the table, and check that it sends the recorded request."""
    assert exchange.operation is not None
    server = RecordedServer(lambda request: exchange.response)
    ids = _pattern(exchange.operation).fullmatch(f"{exchange.method} {exchange.path}")
    try:
        return await OPERATIONS[exchange.operation](server.client(), *ids.groups())
    finally:
        (request,) = server.received
        assert (request.method, request.path) == (exchange.method, exchange.path)


CLASSES = {
    400: errors.BadRequestError,
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    413: errors.ApiError,
    422: errors.UnprocessableError,
    429: errors.RateLimitedError,
    498: errors.TokenExpiredError,
    500: errors.ServerError,
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_recorded_responses(shared, strict, operation):
    """Each recorded success decodes strictly, without losing a key or value; each recorded error is raised."""
    recorded = [
        exchange for exchange in exchanges(shared) if exchange.operation == operation and exchange.name not in EXCLUDED
    ]
    assert recorded, "the table lists an operation without recorded responses"
    for exchange in recorded:
        await (check_success if exchange.response.status < 400 else check_error)(exchange)


async def check_success(exchange: Exchange) -> None:
    """Check that the result has every key and value of the recorded response."""
    result, data = await call_method(exchange), exchange.body.get("data") if isinstance(exchange.body, dict) else None
    if exchange.response.status in REDIRECTS:
        assert result == exchange.response.headers.get("location", ""), exchange.name
        return
    if isinstance(result, list) and isinstance(data, dict):
        [result] = result  # methods for a series return a single booking as a list
    assert losses(data, result.items if isinstance(result, Page) else result) == [], exchange.name


async def check_error(exchange: Exchange) -> None:
    """Check class, message, code, request id and limits of the error."""
    with pytest.raises(errors.ApiError) as caught:
        await call_method(exchange)
    error, response = caught.value, exchange.response
    server_error = exchange.body.get("error", exchange.body)
    assert type(error) is CLASSES[response.status], exchange.name
    assert (error.status, error.server_message, error.code) == (
        response.status,
        server_error["message"],
        server_error.get("code"),
    )
    assert error.request_id == response.headers.get("x-request-id")
    assert [limit.name for limit in error.rate_limits] == _limits(response.headers)
    assert bool(error.fields) == _names_fields(server_error), exchange.name
    assert "target" not in json.dumps(error.details)


def _limits(headers: dict[str, str]) -> list[str]:
    return [name.removeprefix("x-ratelimit-limit-") for name in headers if name.startswith("x-ratelimit-limit-")]


def _names_fields(error: dict[str, Any]) -> bool:
    """Return whether a recorded error names the invalid fields."""
    details = error.get("details")
    return "property is wrong" in error["message"] or (isinstance(details, dict) and "errors" in details)


def test_every_recorded_operation_is_known(shared):
    """Each recorded exchange belongs to an operation of the table, or is listed with the reason why not."""
    unknown = [
        exchange for exchange in exchanges(shared) if exchange.operation is None and exchange.name not in EXCLUDED
    ]
    assert [f"{exchange.name}: {exchange.method} {exchange.path}" for exchange in unknown] == []
    assert {exchange.name for exchange in exchanges(shared)} >= EXCLUDED.keys()


async def test_recorded_pages(shared, strict):
    """Reading the six recorded pages yields every booking once, in order and complete, without a warning."""
    folder = shared / "reference" / "real" / "bookings_walk"

    def answer(request: Request) -> Response:
        query = dict(pair.split("=") for pair in request.query.split("&"))
        assert (query["take"], query["sortCreated"]) == ("250", "asc")
        return Response(200, {}, (folder / f"skip-{query['skip']}.json").read_bytes())

    server = RecordedServer(answer)
    pages = server.client().bookings.list(sort_created="asc", strict=True)
    rows = [row async for row in pages]
    bodies = [json.loads((folder / f"skip-{skip}.json").read_bytes()) for skip in range(0, 1251, 250)]
    assert losses([row for body in bodies for row in body["data"]], rows) == []
    metadata = [body["pagination"] for body in bodies]
    assert losses(metadata, msgspec.convert(metadata, list[Pagination])) == []
    assert len(server.received) == len([*folder.iterdir()]) == 6
    assert len({row.uid for row in rows}) == len(rows) == pages.total == 1254
    assert all(isinstance(row, Booking) for row in rows)
    assert [row.created_at for row in rows] == sorted(row.created_at for row in rows)
