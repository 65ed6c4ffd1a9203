"""From a request to `/_sandbox/...` to its response: who may send it, which operation it is, and what it contains."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from http import HTTPStatus
from inspect import isawaitable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from calcom_async.sandbox.control import (
    calendar,
    clock,
    faults,
    openapi,
    recordings,
    settings,
    state,
    stream,
    world,
)
from calcom_async.sandbox.control.console import console_file
from calcom_async.sandbox.control.operations import ControlError, Operation, Operations, find
from calcom_async.sandbox.control.target import EventStream, Target
from calcom_async.sandbox.http.messages import HttpRequest, HttpResponse, finish, json_response, read_request
from calcom_async.sandbox.webhooks.delivery import is_loopback_host

log: logging.Logger = logging.getLogger("calcom_async.sandbox")
PREFIX = "/_sandbox"
VERSION = "1"
_DESCRIPTION = Operations()

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@_DESCRIPTION.add("GET", "/openapi.json")
def read_openapi(sandbox: Target) -> dict[str, Any]:  # noqa: ARG001
    """Read this document."""
    return openapi.document(OPERATIONS, VERSION)


OPERATIONS: list[Operation] = [
    *settings.OPERATIONS,
    *world.OPERATIONS,
    *state.OPERATIONS,
    *clock.OPERATIONS,
    *faults.OPERATIONS,
    *recordings.OPERATIONS,
    *calendar.OPERATIONS,
    *stream.OPERATIONS,
    *_DESCRIPTION,
]


class ControlApi:
    """Handles the requests to `/_sandbox`, and passes the others on.

    Without a `token` only this machine may send requests, and no web page but the console. With a `token` each request
    needs it; `remote` also allows other host names.
    """

    def __init__(
        self,
        sandbox: Target,
        otherwise: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        token: str | None = None,
        remote: bool = False,
    ) -> None:
        self._sandbox = sandbox
        self._otherwise = otherwise
        self._token = token
        self._remote = remote

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Respond to a request from a connection."""
        if not is_control_path(request.raw_path.partition("?")[0]):
            return await self._otherwise(request)
        response = await self.respond(await read_request(request, body_limit=_largest_body()))
        if isinstance(response, EventStream):
            return await _send_events(request, response)
        sent = web.Response(status=response.status, body=response.body, headers=_HEADERS | response.headers)
        if response.body:
            sent.headers["Content-Type"] = response.content_type
        return await finish(request, sent)

    async def respond(self, request: HttpRequest) -> HttpResponse | EventStream:
        """Return the response to a request to `/_sandbox`."""
        try:
            return await self._respond(request)
        except ControlError as error:
            return json_response(error.status, {"error": str(error)})
        except Exception as error:
            log.exception("the control operation %s %s failed", request.method, request.path)
            self._sandbox.context.on_error(error)
            return json_response(500, {"error": "internal error; the log of the sandbox has the reason"})

    async def _respond(self, request: HttpRequest) -> HttpResponse | EventStream:
        """Check a request and call its operation."""
        self._check_host(request.headers)
        method = "GET" if request.method == "HEAD" else request.method
        url = request.path.removeprefix(PREFIX).removesuffix("/")
        # The files of the console hold no data, so they need no token; the page asks for it.
        if method == "GET" and (file := console_file(url)) is not None:
            return file
        operation, path = find(OPERATIONS, method, url)
        if not operation.public:
            self._check_token(request.headers)
        if request.raw is None or len(request.raw) > operation.body_limit:
            message = f"the body must have at most {operation.body_limit:,} bytes"
            raise ControlError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        if request.fault:
            raise ControlError(HTTPStatus.BAD_REQUEST, f"the body cannot be read: {request.fault}")
        result = operation.handler(self._sandbox, **operation.arguments(request, path))
        if isawaitable(result):
            result = await result
        if operation.method != "GET":
            self._sandbox.context.changes.notify()
        if isinstance(result, EventStream):
            return result
        if result is None:
            return HttpResponse(operation.status)
        return json_response(operation.status, result)

    def _check_host(self, headers: Mapping[str, str]) -> None:
        """Raise a 403 for a web page of another origin, and for a host name that only looks local (DNS rebinding)."""
        host = headers.get("Host", "")
        if not self._remote and not is_loopback_host(_host_name(host)):
            allowed = "localhost or a loopback address unless remote access is allowed"
            raise ControlError(HTTPStatus.FORBIDDEN, f"the Host header must be {allowed}, got {host!r}")
        origin = headers.get("Origin")
        foreign = origin is not None and origin.lower() not in {f"http://{host.lower()}", f"https://{host.lower()}"}
        # Browsers send no Origin with the GET of an image or a script. A link of another page to the console may work.
        embedded = headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}
        if foreign or (embedded and headers.get("Sec-Fetch-Mode") != "navigate"):
            raise ControlError(HTTPStatus.FORBIDDEN, "web pages of other origins may not control the sandbox")

    def _check_token(self, headers: Mapping[str, str]) -> None:
        """Raise a 401 for a request without the token, if there is one."""
        if self._token is None:
            return
        sent = headers.get("Authorization", "").encode()
        if not hmac.compare_digest(sent, f"Bearer {self._token}".encode()):
            raise ControlError(HTTPStatus.UNAUTHORIZED, "send the token of the sandbox: Authorization: Bearer TOKEN")


async def _send_events(request: web.BaseRequest, stream: EventStream) -> web.StreamResponse:
    """Send events until the reader is gone or the sandbox stops."""
    response = web.StreamResponse(headers=_HEADERS)
    response.content_type = "text/event-stream"
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    async with aclosing(stream.events) as events:
        try:
            async for event in events:
                await response.write(event)
        except ConnectionError:
            log.debug("a reader of /_sandbox/events is gone")
    return response


def is_control_path(path: str) -> bool:
    """Return whether a path belongs to the control API."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def _host_name(host: str) -> str:
    """Return the name in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _largest_body() -> int:
    """Return the size of the largest body that an operation accepts."""
    return max(operation.body_limit for operation in OPERATIONS)
