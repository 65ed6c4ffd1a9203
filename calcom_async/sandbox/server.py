"""From an HTTP request to an HTTP answer, in the order of the real server's layers.

OPTIONS, body size, JSON, request id, route, limits, credentials, handler, ETag: each can answer and end it.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from inspect import isawaitable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4

import msgspec
from aiohttp import web

from .auth import Credentials, authenticate, check_key_exists
from .bodies import BodyError, parse_body, parse_form
from .errors import Refusal, bad_request, not_found, raw
from .faults import Fault
from .routes import DEFAULT_VERSION, VERSIONS, Bare, Call, Data, Page, Route, RouteTable, Status
from .throttle import Limit, Verdict, rate_headers, refusal

if TYPE_CHECKING:
    from .app import Sandbox

log: logging.Logger = logging.getLogger("calcom_async.sandbox")

BODY_LIMIT = 102_400
#: How many of the latest requests `Sandbox.requests` holds at least: a sandbox may run for days.
REMEMBERED = 10_000
JSON = "application/json; charset=utf-8"
_SECRET_HEADERS = {"authorization", "x-cal-secret-key", "cookie"}

#: What helmet and the CORS layer put on every answer.
_ALWAYS = {
    "Access-Control-Allow-Origin": "*",
    "Content-Security-Policy": "default-src 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "X-Download-Options": "noopen",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-XSS-Protection": "0",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET,PATCH,DELETE,HEAD,POST,PUT,OPTIONS",
    "Access-Control-Allow-Headers": "x-cal-client-id,x-cal-secret-key,x-cal-platform-embed,cal-api-version,Accept,"
    "Authorization,Content-Type,Origin",
    "Access-Control-Max-Age": "86400",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the sandbox saw it: secrets in `headers` are `***`, `status` is 0 if it was cut before acting."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any
    status: int


@dataclass(slots=True)
class Incoming:
    """A request as it arrived, its body read; `raw` is None when it was too large, or `fault` says what is wrong."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    raw: bytes | None
    ip: str
    fault: str = ""

    @property
    def url(self) -> str:
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query_string, keep_blank_values=True)

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def version(self) -> str:
        sent = self.headers.get("cal-api-version")
        return sent if sent in VERSIONS else DEFAULT_VERSION


@dataclass(slots=True)
class Answer:
    """An answer as a value, before it touches a socket."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON


class Server:
    """Answers requests from the sandbox's state; it runs in the sandbox's thread only."""

    def __init__(self, sandbox: Sandbox, table: RouteTable) -> None:
        self._sandbox = sandbox
        self._table = table

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Read the request, let the scripted faults have their way, answer."""
        incoming = await _read(request)
        fault = self._sandbox.faults.strike(incoming.method, incoming.path)
        if fault is not None and fault.slow:
            await asyncio.sleep(fault.slow)
        answer = self._instead(fault, incoming) if fault and fault.instead else await self.answer(incoming)
        self._record(incoming, answer.status)
        self._sandbox.faults.answered(incoming.method, incoming.path, self._sandbox.store)
        return await _send(request, _spoil(answer, fault), fault)

    async def answer(self, incoming: Incoming) -> Answer:
        """The whole server as a function from a request to an answer."""
        if incoming.method == "OPTIONS":
            return Answer(204, headers=dict(_PREFLIGHT))
        if incoming.raw is None:
            return self._refused(raw(413, "request entity too large"), incoming)
        if incoming.fault:
            return self._unreadable(incoming.fault, incoming)
        try:
            body = parse_body(incoming.raw, incoming.content_type)
        except BodyError as error:
            return self._unreadable(str(error), incoming)
        answer = await self._routed(incoming, body)
        answer.headers.setdefault("X-Request-Id", str(uuid4()))
        return _conditional(incoming, answer)

    async def _routed(self, incoming: Incoming, body: dict[str, Any]) -> Answer:
        found = self._table.find(incoming.method, incoming.path, incoming.version)
        if found is None:
            return self._refused(not_found(f"Cannot {incoming.method} {incoming.url}"), incoming)
        route, path = found
        if route.form and incoming.content_type == "application/x-www-form-urlencoded":
            body = parse_form(incoming.raw or b"")
        sent = Credentials.of(incoming.headers, path)
        rates: dict[str, str] = {}
        try:
            check_key_exists(self._sandbox.store, sent)
            verdicts = self._count(route, sent, incoming.ip)
            rates = rate_headers(verdicts)
            if (refused := refusal(verdicts)) is not None:
                raise refused
            answer = await self._handled(route, path, sent, incoming, body)
        except Refusal as error:
            answer = self._refused(error, incoming)
        answer.headers = rates | answer.headers
        return answer

    def _count(self, route: Route, sent: Credentials, ip: str) -> list[Verdict]:
        sandbox = self._sandbox
        limits = sandbox.limits_of(sent.key)
        if route.limit is not None:
            limits = [Limit(*route.limit, sandbox.window, sandbox.block)]
        return sandbox.throttler.hit(sent.tracker(ip), limits, sandbox.clock.monotonic())

    async def _handled(
        self, route: Route, path: dict[str, str], sent: Credentials, incoming: Incoming, body: dict[str, Any]
    ) -> Answer:
        sandbox = self._sandbox
        caller = authenticate(sandbox.store, sent, route, sandbox.clock.now())
        call = Call(
            sandbox,
            caller,
            incoming.method,
            incoming.url,
            path,
            incoming.query,
            body,
            incoming.version,
            incoming.headers,
        )
        try:
            result = route.handler(call)
            return _render(route, await result if isawaitable(result) else result)
        except Refusal:
            raise
        except OverflowError:
            # A date, or a number of minutes, beyond what Python's dates hold.
            raise bad_request("Invalid Date.") from None
        except Exception as error:
            log.exception("the handler of %s %s failed; the client is told 500", route.method, route.path)
            sandbox.failures.append(error)
            raise raw(500, "Internal server error") from error
        finally:
            if incoming.method not in {"GET", "HEAD"}:
                sandbox.store.changed()

    def _unreadable(self, message: str, incoming: Incoming) -> Answer:
        answer = self._refused(bad_request(message), incoming)
        answer.headers["X-Request-Id"] = "unknown-request-id"
        return answer

    def _refused(self, error: Refusal, incoming: Incoming) -> Answer:
        body = msgspec.json.encode(error.body(incoming.url, self._sandbox.clock.now()))
        answer = Answer(error.status, body, dict(error.headers))
        answer.headers["ETag"] = etag(body)
        return answer

    def _instead(self, fault: Fault, incoming: Incoming) -> Answer:
        """What a gateway, or a broken server, says without having acted or counted."""
        if (error := fault.refusal()) is not None:
            return self._refused(error, incoming)
        if fault.cut == "before":
            return Answer(0)
        status, body, content_type = fault.replacement()
        return Answer(status, _encode(body), content_type=content_type)

    def _record(self, incoming: Incoming, status: int) -> None:
        headers = {
            name: "***" if name.lower() in _SECRET_HEADERS else value for name, value in incoming.headers.items()
        }
        body = _decoded(incoming.raw)
        seen = self._sandbox.requests
        seen.append(Seen(incoming.method, incoming.path, incoming.query, headers, body, status))
        if len(seen) > 2 * REMEMBERED:
            del seen[:-REMEMBERED]


# --- reading and writing -------------------------------------------------------------------------------------------


async def _read(request: web.BaseRequest) -> Incoming:
    raw_path, _, query = request.raw_path.partition("?")
    body, fault = await _body(request)
    return Incoming(
        request.method, _rewritten(raw_path), query, request.headers, body, request.remote or "local", fault
    )


async def _body(request: web.BaseRequest) -> tuple[bytes | None, str]:
    """The body, or None if it is too large, and what is wrong with it; no more is decompressed than is allowed."""
    if (request.content_length or 0) > BODY_LIMIT:
        return None, ""
    body = bytearray()
    try:
        while len(body) <= BODY_LIMIT and (part := await request.content.readany()):
            body += part
    except web.RequestPayloadError:
        return b"", "incorrect header check"
    return (bytes(body), "") if len(body) <= BODY_LIMIT else (None, "")


def _rewritten(path: str) -> str:
    """The spellings that self-hosted builds forgive."""
    for wrong, right in (("/api/v2/", "/v2/"), ("/v2/ee/", "/v2/")):
        if path.startswith(wrong):
            path = right + path.removeprefix(wrong)
    return path.replace("reccuring", "recurring")


def _render(route: Route, result: object) -> Answer:
    """What a handler returned, as an answer."""
    match result:
        case Bare():
            return Answer(result.status, _encode(result.body), dict(result.headers), result.content_type)
        case Page():
            return _json(route.status, {"status": "success", "data": result.items, "pagination": result.pagination})
        case Status():
            return _json(result.status or route.status, {"status": "success"})
        case Data():
            return _json(result.status or route.status, {"status": "success", "data": result.data, **result.beside})
        case _:
            return _json(route.status, {"status": "success", "data": result})


def _json(status: int, body: object) -> Answer:
    return Answer(status, msgspec.json.encode(body))


def _encode(body: object) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def _decoded(body: bytes | None) -> Any:
    """The body as JSON if it is, as text if it is not, None when there was none."""
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode(errors="replace")


def etag(body: bytes) -> str:
    """Express's weak tag: the length in hex and a SHA-1."""
    digest = b64encode(sha1(body, usedforsecurity=False).digest()).decode().rstrip("=")
    return f'W/"{len(body):x}-{digest}"'


def _conditional(incoming: Incoming, answer: Answer) -> Answer:
    """Tag an answer that has a body, and turn it into 304 when the client has that very one."""
    if not answer.body:
        return answer
    tag = answer.headers.setdefault("ETag", etag(answer.body))
    known = [part.strip().removeprefix("W/") for part in incoming.headers.get("If-None-Match", "").split(",")]
    fresh = "*" in known or tag.removeprefix("W/") in known
    if fresh and incoming.method in {"GET", "HEAD"} and 200 <= answer.status < 300:
        return Answer(304, headers=answer.headers)
    return answer


def _spoil(answer: Answer, fault: Fault | None) -> Answer:
    if fault is None:
        return answer
    answer.headers |= fault.headers
    if fault.garbage:
        return Answer(200, b"\x1f\x8b this is not JSON", answer.headers)
    return answer


async def _send(request: web.BaseRequest, answer: Answer, fault: Fault | None) -> web.StreamResponse:
    headers = _ALWAYS | answer.headers
    if answer.body:
        headers["Content-Type"] = answer.content_type
    if request.keep_alive:
        headers |= {"Connection": "keep-alive", "Keep-Alive": "timeout=5"}
    if fault is not None and fault.cut is not None:
        _hang_up(request)
        return web.Response(status=500)
    # aiohttp knows no phrase for 498; the real server says "unknown".
    reason = "unknown" if answer.status == 498 else None
    if fault is not None and fault.truncated:
        return await _send_half(request, answer, headers)
    response = web.Response(status=answer.status, body=answer.body, headers=headers, reason=reason)
    if answer.status >= 400 and "Content-Encoding" in request.headers:
        # Otherwise aiohttp decompresses and drops the rest of the body, which may be a million times its size.
        response.headers["Connection"] = "close"
        await response.prepare(request)
        await response.write_eof()
        request.protocol.force_close()
    return response


async def _send_half(request: web.BaseRequest, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
    """Promise the whole body, deliver half of it, hang up."""
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    _hang_up(request, politely=True)
    return response


def _hang_up(request: web.BaseRequest, *, politely: bool = False) -> None:
    if request.transport is not None:
        request.transport.close() if politely else request.transport.abort()
