"""Seeded mutations of responses, headers and arguments, and a call of every method of the client."""

from __future__ import annotations

import inspect
import json
import os
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timezone
from decimal import Decimal
from functools import cached_property
from types import SimpleNamespace
from typing import Any, get_args, get_origin

import msgspec
import pytest

from calcom_async import Calcom, CalcomError, list_call
from calcom_async.operations import python_calls
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.requests import CallContext, Request, encode
from calcom_async.resources import _base
from calcom_async.resources._base import Resource
from calcom_async.responses import Response, check

CASES = int(os.environ.get("CALCOM_ASYNC_FUZZ_CASES", "1500"))
SEED = int(os.environ.get("CALCOM_ASYNC_FUZZ_SEED", "20301"))

# ----------------------------------------------------------------------------------------------------------- odd values

RAW: Mapping[str, bytes] = {
    "@huge float@": b"1e999",
    "@huge int@": b"7" * 5000,
    "@long int@": b"-" + b"7" * 400,
    "@nan@": b"NaN",
    "@surrogate@": b'"\\ud83d"',
    "@bytes@": b'"\xff\xfe"',
    "@deep list@": b"[" * 400 + b"]" * 400,
    "@too deep@": b"[" * 3000 + b"]" * 3000,
    "@deep object@": b'{"children":' * 300 + b"[]" + b"}" * 300,
    "@half open@": b'{"a":[' * 50,
    "@nothing@": b"",
}
"""Literals that `json.dumps` cannot write: inserted as text and replaced in the bytes."""

ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**18, 10**400, 1e300, -1e-300, [], {}, [None], [[]], {"": None},
    {"a": {"a": None}}, {"id": None}, [1, "a", None], "",
    " ", "x", "7", "null", "x" * 3000, "\0", "a\r\nb", "\x1b[2J", "\u202e",
    "\U0001f600", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2030-02-30T00:00:00Z", "24:00", "Monday", "Europe/Nowhere", "../../etc/passwd", *RAW,
]  # fmt: skip

NAMES = [
    "data", "status", "error", "pagination", "meta", "nextCursor", "hasMore", "hasNextPage", "totalItems", "message",
    "details", "errors", "constraints", "code", "id", "uid", "start", "end", "days", "target", "children", "",
]  # fmt: skip


def mutate_body(chance: random.Random, body: bytes) -> bytes:
    """Return the body with a few faults in its JSON or its bytes; sometimes unchanged."""
    kind = chance.random()
    if kind < 0.05:
        return body
    if kind < 0.15:
        return _cut_or_garble(chance, body)
    if kind < 0.2:
        return chance.choice([b"", b"null", b"[]", b"{}", b"5", b"<html><title>login", *RAW.values()])
    value = json.loads(body) if body else None
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        value = _with_fault(chance, value)
    written = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "replace")
    for name, raw in RAW.items():
        written = written.replace(json.dumps(name).encode(), raw)
    return _cut_or_garble(chance, written) if chance.random() < 0.05 else written


def _cut_or_garble(chance: random.Random, body: bytes) -> bytes:
    """Cut, overwrite or repeat a part of the bytes."""
    position = chance.randrange(len(body) + 1)
    match chance.randrange(4):
        case 0:
            return body[:position]
        case 1:
            return body[:position] + chance.randbytes(chance.choice([1, 3, 50])) + body[position:]
        case 2:
            return body[:position] + body[position + chance.randrange(1, 40) :]
    return body[:position] + body[position:] + body[position:]


def _with_fault(chance: random.Random, value: Any) -> Any:
    """Return the value with one fault in it."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.15:
        return chance.choice(ODD)
    if isinstance(value, list):
        items = list(value)
        position = chance.randrange(len(items))
        match chance.randrange(6):
            case 0:
                items.insert(position, chance.choice(ODD))
            case 1:
                del items[position]
            case 2:
                items *= chance.choice([2, 20])
            case _:
                items[position] = _with_fault(chance, items[position])
        return items
    fields = dict(value)
    name = chance.choice(list(fields))
    match chance.randrange(8):
        case 0:
            fields[chance.choice(NAMES)] = chance.choice(ODD)
        case 1:
            del fields[name]
        case 2:
            fields[chance.choice(NAMES)] = fields.pop(name)
        case 3:
            fields[name] = [fields[name]]
        case _:
            fields[name] = _with_fault(chance, fields[name])
    return fields


FIGURES = [
    "0",
    "1",
    "119",
    "-1",
    "1.5",
    "1e9",
    "1e400",
    "9" * 400,
    str(2**53 - 1),
    "1790000000",
    "nan",
    "inf",
    "",
    "x",
    "\u0663",
]
HEADERS: Mapping[str, list[str]] = {
    "x-ratelimit-limit-default": ["120", *FIGURES],
    "x-ratelimit-remaining-default": ["119", "0", *FIGURES],
    "x-ratelimit-reset-default": ["60", *FIGURES],
    "x-ratelimit-limit-": FIGURES,
    "x-ratelimit-limit-hour": ["500"],
    "x-ratelimit-remaining-hour": ["0", "5"],
    "x-ratelimit-reset-hour": ["60", *FIGURES],
    "retry-after": ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 -2359", "Mon, 99 Foo", *FIGURES],
    "date": ["Mon, 06 May 2030 10:00:00 GMT", "yesterday", "Mon, 01 Jan 0001 00:00:00 +2359"],
    "content-type": ["text/html", "application/json; charset=utf-16", "", "application/json; charset=nope"],
    "x-request-id": ["", "a\x00b", "\udcff", "x" * 5000, "\x1b[31m"],
    "etag": ['"a"', "", "\udcff"],
    "location": ["https://elsewhere.test", "", "\x00"],
}  # fmt: skip


def headers(chance: random.Random) -> dict[str, str]:
    """Return response headers, most of them odd."""
    named = chance.sample(list(HEADERS), chance.choice([0, 1, 3, 6]))
    return {name: chance.choice(HEADERS[name]) for name in named}


STATUSES = [200] * 14 + [
    201,
    204,
    206,
    299,
    301,
    304,
    400,
    400,
    401,
    403,
    404,
    409,
    418,
    422,
    429,
    498,
    500,
    502,
    503,
    599,
]

INVALID = {"target": {}, "value": 1, "property": "a", "constraints": {"x": "is bad"}, "children": [
    {"property": "b", "constraints": {"y": "is odd"}, "children": []}]}  # fmt: skip
SENTENCES = "a property is wrong,x , b property is wrong, c property is wrong,y "
REFUSALS: list[Any] = [
    {"status": "error", "error": {"code": "NotFoundException", "message": "no", "details": {"message": "no"}}},
    {"status": "error", "error": {"code": "BAD_REQUEST", "message": "a - one, a.b - {c}two, three, ", "details": "x"}},
    {"status": "error", "error": {"code": "BadRequestException", "message": SENTENCES}},
    {"status": "error", "error": {"code": "BadRequestException", "message": ["a"], "details": {"errors": [INVALID]}}},
    {"statusCode": 404, "message": "Cannot GET /v2/x", "error": "Not Found"},
    {"error": "invalid_grant", "error_description": "expired"},
]  # fmt: skip


def response(chance: random.Random, body: bytes) -> Response:
    """Return a response to a call that expects a body like this one."""
    status = chance.choice(STATUSES)
    if status >= 300 or chance.random() < 0.05:
        body = json.dumps(chance.choice(REFUSALS)).encode()
    return Response(status, headers(chance), mutate_body(chance, body))


ARGUMENTS: list[Any] = [
    None, True, -1, 0, 10**30, 10**5000, 1.5, float("nan"), float("inf"), "", " ", "x", "\ud800", "a\r\nHost: b", "\0",
    "..", "x" * 3000, b"x", bytearray(b"x"), Decimal("1.5"), object(), object, [], [None], ["\ud800"], {}, {1: 2},
    {1, 2},
    {"a": object()}, {"\ud800": 1}, {"a": float("nan")}, (1, [2, {"b": b"x"}]), iter([1]), lambda: None, msgspec.UNSET,
    datetime(2030, 1, 1), datetime.max, datetime.min, date.max, date(2030, 1, 1),  # noqa: DTZ001, DTZ901
    datetime.max.replace(tzinfo=timezone.min), datetime.min.replace(tzinfo=timezone.max),
    datetime(2030, 1, 1, tzinfo=UTC),
]  # fmt: skip

# -------------------------------------------------------------------------------------------------------------- methods


@dataclass(frozen=True)
class Method:
    """A method of the client with arguments that it accepts."""

    name: str
    call: Callable[..., Any]
    arguments: list[Any]
    keywords: dict[str, Any]


def methods(client: Any, send: Callable[[Request], Awaitable[Response]]) -> list[Method]:
    """Return every method that makes one request, bound to `send`."""
    methods_found: list[Method] = []

    def remember(path: str, method: Any, function: Any) -> Iterator[Any]:
        name = f"{type(method.__self__).__name__}.{function.__name__}"
        for arguments, keywords in python_calls.sample_arguments(function, name):
            result = method(*arguments, **keywords)
            if isinstance(result, Resource):
                yield from python_calls.calls_of_resource(path, result)
                return
            if inspect.iscoroutine(result):
                result.close()
            methods_found.append(Method(f"{path}.{name}", method, arguments, keywords))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(python_calls, "record_request", send)
        patch.setattr(python_calls, "_calls_of_method", remember)
        assert list(python_calls.python_calls()) == []
    return methods_found


class _Kind(Exception):  # noqa: N818 - what the response would have been read as
    def __init__(self, kind: Any, spec: PaginationSpec | None = None) -> None:
        self.kind = kind
        self.spec = spec


def sample(method: Method) -> bytes:
    """Return a response that fits the method, with every field set."""
    kind: Any = dict[str, Any]
    spec: PaginationSpec | None = None

    def note(kind: Any, *_: Any, **__: Any) -> Any:
        raise _Kind(kind)

    def note_cursor_list(kind: Any, *_: Any, spec: PaginationSpec, **__: Any) -> Any:
        raise _Kind(list[kind], spec)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_base, "read", note)
        patch.setattr(list_call, "read_page", lambda kind, *_, **__: note(list[kind]))
        patch.setattr(list_call, "read_cursor_page", note_cursor_list)
        result = method.call(*method.arguments, **method.keywords)
        coroutine = result.first_page() if isinstance(result, Pages) else result
        try:
            coroutine.send(None)
        except _Kind as kind_error:
            kind, spec = kind_error.kind, kind_error.spec
        except (StopIteration, CalcomError):
            pass  # a method that reads its response itself
        finally:
            coroutine.close()
    data = [full(get_args(kind)[0])] * 3 if get_origin(kind) is list else full(kind)
    body = {"status": "success", "data": data, "access_token": "a", "refresh_token": "r", "expires_in": 1800}
    if spec is not None:
        end = {"nextCursor": None, "hasMore": False}
        body |= {"data": {spec.rows: data, **end}} if spec.rows else {"pagination": end}
    return encode(body)


def full(kind: Any) -> Any:
    """Return a value of a type with every field set, as plain objects."""
    if kind in {Any, msgspec.Raw}:
        return {"id": 1}
    if get_origin(kind) is dict:
        name, item = get_args(kind)
        return {"2030-01-01" if name is date else "a": full(item)}
    if get_origin(kind) is list:
        return [full(get_args(kind)[0])] * 2
    return msgspec.to_builtins(python_calls.sample_value(kind, "x"))


# -------------------------------------------------------------------------------------------------------------- results


def examine(result: Any) -> None:
    """Use a result as a caller does: print it and read the properties of its models."""
    repr(result)
    _read(result, depth=4)


def _read(value: Any, depth: int) -> None:
    if isinstance(value, list) and depth:
        for item in value[:3]:
            _read(item, depth - 1)
    elif isinstance(value, msgspec.Struct) and depth:
        for name in (*_properties(type(value)), *value.__struct_fields__):
            _read(getattr(value, name), depth - 1)


def _properties(kind: type) -> list[str]:
    if not issubclass(kind, msgspec.Struct):
        return []
    return [name for name, _ in inspect.getmembers(kind, lambda member: isinstance(member, property | cached_property))]


class FakeTransport(SimpleNamespace):
    """A transport without a socket: `answer` returns the response, which is checked as a real one is."""

    def __init__(self, respond: Callable[[Request], Response]) -> None:
        super().__init__(is_open=True, connections=0, requests=0)
        self.answer = respond

    async def exchange(self, request: Request, context: CallContext) -> Response:
        self.requests += 1
        assert self.requests < 400, f"{self.requests} requests for one call, the last one {request!r}"
        response = self.answer(request)
        check(request, response, expects_redirect=context.expects_redirect)
        return response

    def check_event_loop(self) -> None:
        """Accept every event loop."""

    async def open(self) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Do nothing."""


def client_over(transport: FakeTransport, credentials: Any = "cal_x", **settings: Any) -> Calcom:
    """Return a client that sends its requests to a fake transport."""
    cal = Calcom(credentials, base_url="http://127.0.0.1:9/v2", max_attempts=3, retry_budget=1000.0, **settings)
    cal._core.transport = transport  # type: ignore[assignment]
    cal._build_middleware()
    return cal
