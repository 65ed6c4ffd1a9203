"""Responses recorded from a real server are read by the client methods that they belong to.

The table says which method asks what was asked; the method itself decides what the answer is decoded as. Decoding is
strict here: the client's lenience towards a server that breaks its word is switched off.
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

from calcom_async import Calcom, decoding, errors, responses
from calcom_async.events import Observer
from calcom_async.models import Booking
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import ResourceContext
from calcom_async.responses import Response

REDIRECTS = {301, 302}
# Recorded to show what a client must not do.
NOT_OURS = {
    "head_me": "a verb that the client has no use for",
    "options_me": "a verb that the client has no use for",
    "noversion_schedules_create": "the old answer to a request without version",
}


@dataclass(frozen=True)
class Exchange:
    """A recorded exchange, by the name of its file."""

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


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace(r"\{\}", "([^/]+)"))


@cache
def exchanges(shared: Path) -> list[Exchange]:
    """Return all recorded exchanges, without webhook deliveries and the pages of the long list."""
    folder = shared / "reference" / "real"
    files = sorted([*folder.glob("*.json"), *folder.glob("organisations/*.json")])
    return [Exchange.of(file) for file in files if not file.name.startswith("webhook_delivery_")]


class Wire:
    """A transport that returns the recorded response and records the request."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.asked: list[Request] = []
        self._answer = answer

    async def send(self, request: Request, context: CallContext) -> Response:
        self.asked.append(request)
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

    def refuse(kind: Any, value: Any, where: str) -> Any:
        msgspec.convert(value, kind)
        raise AssertionError(f"decoded only by lenience at {where}")

    monkeypatch.setattr(decoding, "build", refuse)


async def ask(exchange: Exchange) -> Any:
    """Call the method of the table; it must send what was recorded."""
    assert exchange.operation is not None
    end = Wire(lambda request: exchange.response)
    ids = _pattern(exchange.operation).fullmatch(f"{exchange.method} {exchange.path}")
    try:
        return await OPERATIONS[exchange.operation](end.client(), *ids.groups())
    finally:
        (request,) = end.asked
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
async def test_recorded_answers(shared, strict, operation):
    """Each recorded success decodes strictly and completely into the method's return type; each error is raised."""
    found = [one for one in exchanges(shared) if one.operation == operation and one.name not in NOT_OURS]
    assert found, "an operation without recorded answers has no place in the table"
    for exchange in found:
        await (check_success if exchange.response.status < 400 else check_refusal)(exchange)


async def check_success(exchange: Exchange) -> None:
    """The result has as many rows and the same ids as the recording."""
    result, data = await ask(exchange), exchange.body.get("data") if isinstance(exchange.body, dict) else None
    rows = getattr(result, "items", result)
    if exchange.response.status in REDIRECTS:
        assert result == exchange.response.headers.get("location", ""), exchange.name
    elif isinstance(data, list):
        assert len(rows) == len(data), exchange.name
    elif not isinstance(data, dict):
        assert result == data, exchange.name
    else:
        one = rows[0] if isinstance(rows, list) else result
        for key in {"id", "uid"} & data.keys():
            assert getattr(one, key) == data[key], exchange.name


async def check_refusal(exchange: Exchange) -> None:
    """The error has the class of its status and the server's message, code, request id and limits."""
    with pytest.raises(errors.ApiError) as caught:
        await ask(exchange)
    error, response = caught.value, exchange.response
    inner = exchange.body.get("error", exchange.body)
    assert type(error) is CLASSES[response.status], exchange.name
    assert (error.status, error.server_message, error.code) == (response.status, inner["message"], inner.get("code"))
    assert error.request_id == response.headers.get("x-request-id")
    assert [limit.name for limit in error.rate_limits] == _limits(response.headers)
    assert bool(error.fields) == _names_fields(inner), exchange.name
    assert "target" not in json.dumps(error.details)


def _limits(headers: dict[str, str]) -> list[str]:
    return [name.removeprefix("x-ratelimit-limit-") for name in headers if name.startswith("x-ratelimit-limit-")]


def _names_fields(error: dict[str, Any]) -> bool:
    """Return whether a recorded error names the invalid fields."""
    details = error.get("details")
    return "property is wrong" in error["message"] or (isinstance(details, dict) and "errors" in details)


def test_every_recorded_operation_is_known(shared):
    """Each recorded exchange belongs to an operation of the table, or is listed with the reason why not."""
    lost = [one for one in exchanges(shared) if one.operation is None and one.name not in NOT_OURS]
    assert [f"{one.name}: {one.method} {one.path}" for one in lost] == []
    assert {one.name for one in exchanges(shared)} >= NOT_OURS.keys()


async def test_recorded_walk(shared, strict):
    """Reading the six recorded pages yields every booking once, in order, up to the total, without a warning."""
    folder = shared / "reference" / "real" / "bookings_walk"

    def answer(request: Request) -> Response:
        query = dict(pair.split("=") for pair in request.query.split("&"))
        assert (query["take"], query["sortCreated"]) == ("250", "asc")
        return Response(200, {}, (folder / f"skip-{query['skip']}.json").read_bytes())

    end = Wire(answer)
    pages = end.client().bookings.list(sort_created="asc", strict=True)
    rows = [row async for row in pages]
    assert len(end.asked) == len([*folder.iterdir()]) == 6
    assert len({row.uid for row in rows}) == len(rows) == pages.total == 1254
    assert all(isinstance(row, Booking) for row in rows)
    assert [row.created_at for row in rows] == sorted(row.created_at for row in rows)
