"""Fakes: a `Send` with scripted outcomes, a recorder of events, and a server that writes any bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from calcom_async.events import ClientEvent
from calcom_async.models.pagination import Pagination
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response, check

Step = Response | Exception | Callable[[Request, CallContext], Awaitable[Response]]


def ok_response(data: Any = None, status: int = 200, **headers: str) -> Response:
    """Return a success in Cal.com's envelope; `x_request_id="..."` sets that header."""
    body = json.dumps({"status": "success", "data": data}).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def error_response(status: int, code: str | None = None, message: str = "no", **headers: str) -> Response:
    """Return an error response, in the envelope if it has a code."""
    bare_body = {"statusCode": status, "message": message}
    body = {"status": "error", "error": {"code": code, "message": message}} if code else bare_body
    return Response(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )


def pagination_metadata(total: Any = 10, *, has_next: Any) -> Pagination:
    """Return the pagination metadata of a page; the other fields do not matter in tests."""
    return Pagination(
        returned_items=0, total_items=total, items_per_page=1, remaining_items=0, current_page=1, total_pages=1,
        has_next_page=has_next, has_previous_page=False,
    )  # fmt: skip


def make_call(method: str = "GET", path: str = "/me", **fields: Any) -> tuple[Request, CallContext]:
    """Return a request and its context. Fields that are not given do not matter for the test."""
    http = {name: fields.pop(name) for name in [*fields] if name in Request.__struct_fields__}
    return Request(method=method, route=path, path=path, **http), CallContext(**fields)


class FakeSend:
    """A `Send` that records requests and takes its steps in order; the last step is repeated."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps) or [ok_response()]
        self.sent: list[Request] = []
        self.contexts: list[CallContext] = []

    async def __call__(self, request: Request, context: CallContext) -> Response:
        self.sent.append(request)
        self.contexts.append(context)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if callable(step):
            step = await step(request, context)
        if isinstance(step, Exception):
            raise step
        check(request, step, expects_redirect=context.expects_redirect)
        return step


@dataclass
class EventRecorder:
    """An `on_event` callback that records the events."""

    events: list[ClientEvent] = field(default_factory=list)

    def __call__(self, event: ClientEvent) -> None:
        self.events.append(event)

    def of_kind(self, kind: str) -> list[ClientEvent]:
        return [event for event in self.events if event.kind == kind]


NO_LIMIT = {
    "X_RateLimit_Limit_Default": "1000000",
    "X_RateLimit_Remaining_Default": "999999",
    "X_RateLimit_Reset_Default": "60",
}


def http_response(status: int = 200, body: bytes = b'{"status":"success","data":null}', **headers: str) -> bytes:
    """Return a whole HTTP response, with a rate limit that is never reached."""
    headers = NO_LIMIT | headers
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it was received, with the number of its connection."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


class CutResponse(bytes):
    """Bytes to write before the connection is dropped."""

    __slots__ = ()


ServerStep = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


class FakeServer:
    """A server on loopback that answers each request with the next step; the last step is repeated."""

    def __init__(self, *steps: ServerStep) -> None:
        self.steps = list(steps) or [http_response()]
        self.received: list[ReceivedRequest] = []
        self.open = 0
        self._count = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until every connection is closed."""
        while self.open:  # noqa: ASYNC110 - the closing of sockets has no event to wait for
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        self.open += 1
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._converse(reader, writer, self._count)
        self._writers.discard(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.open -= 1

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        while True:
            first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            method, target, _ = first.split(" ")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.received.append(ReceivedRequest(method, target, headers, body, connection))
            line = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
            if callable(line):
                await line(writer)
                continue
            writer.write(line)
            await writer.drain()
            if isinstance(line, CutResponse):
                return
