"""From an HTTP request to an HTTP response, in the order of the real server's layers.

OPTIONS, body size, JSON, request id, route, rate limit, credentials, handler, ETag: each layer can end the request.
"""

from __future__ import annotations

import asyncio
import logging
from inspect import isawaitable
from time import perf_counter
from typing import Any
from uuid import uuid4

import msgspec
from aiohttp import web

from calcom_async.sandbox.http.auth import Credentials, authenticate, check_key_exists
from calcom_async.sandbox.http.bodies import parse_body, parse_form
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.context import Context
from calcom_async.sandbox.http.errors import (
    GENERAL_TRPC_MESSAGE,
    HttpError,
    bad_request,
    no_details,
    no_envelope,
    not_found,
)
from calcom_async.sandbox.http.faults import Fault, Faults
from calcom_async.sandbox.http.messages import (
    PREFLIGHT_HEADERS,
    HttpRequest,
    HttpResponse,
    encode_body,
    etag,
    json_response,
    read_request,
    send_response,
)
from calcom_async.sandbox.http.rate_limiter import LimitResult, RateLimiter, rate_limit_error, rate_limit_headers
from calcom_async.sandbox.http.request_log import RequestLog
from calcom_async.sandbox.http.results import Data, Page, RawResponse, Status
from calcom_async.sandbox.http.routing import Route, RouteTable
from calcom_async.sandbox.http.server_kind import ServerKind
from calcom_async.sandbox.state.store import Limit

log: logging.Logger = logging.getLogger("calcom_async.sandbox")


class Server:
    """Handles requests on the state of a sandbox; runs only in the thread of that sandbox."""

    def __init__(
        self,
        context: Context,
        routes: RouteTable,
        faults: Faults,
        rate_limiter: RateLimiter,
        requests: RequestLog,
    ) -> None:
        self._context = context
        self._routes = routes
        self._faults = faults
        self._rate_limiter = rate_limiter
        self._requests = requests

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Read a request, apply the scripted fault if one is due, and respond."""
        incoming = await read_request(request)
        started = perf_counter()
        fault = self._faults.match(incoming.method, incoming.path)
        if fault is not None and fault.slow:
            await asyncio.sleep(fault.slow)
        if fault is not None and fault.replaces_response:
            response = self._replaced(fault, incoming)
        else:
            response = await self.handle(incoming)
        self._requests.record(
            incoming,
            response,
            time=self._context.clock.now(),
            seconds=perf_counter() - started,
            fault=None if fault is None else fault.number,
        )
        self._faults.run_callbacks(incoming.method, incoming.path, self._context.store)
        self._context.changes.notify()
        return await send_response(request, _corrupt(response, fault), fault)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Return the response to a request: the whole server without a socket."""
        # Meetings that begin, and other planned work, happen between requests, so a frozen clock shows them at the next
        # one.
        self._context.store.schedule.run_due(self._context.clock.now())
        if request.method == "OPTIONS":
            return HttpResponse(204, headers=dict(PREFLIGHT_HEADERS))
        # Too large a body, JSON that cannot be parsed and an unknown route are not counted by the rate limiter; every
        # response after that is, a 304 and a 404 of a handler included.
        if request.raw is None:
            return self._error(no_envelope(413, "request entity too large"), request)
        if request.fault:
            return self._unreadable(bad_request(request.fault), request)
        try:
            body = parse_body(request.raw, request.content_type, request.charset)
        except HttpError as error:
            return self._unreadable(error, request)
        response = await self._route(request, body)
        response.headers.setdefault("X-Request-Id", str(uuid4()))
        return _conditional(request, response)

    async def _route(self, request: HttpRequest, body: dict[str, Any] | list[Any]) -> HttpResponse:
        """Find the route, check the rate limit and the credentials, and call the handler."""
        version = self._context.server.version(request.headers.get("cal-api-version"))
        match = self._routes.find(request.method, request.path, version)
        # A wrong method is a 404 as well, and so is a route that exists only in another version: there is no fallback.
        if match is None:
            return self._error(not_found(f"Cannot {request.method} {request.url}{_doubled(request)}"), request)
        route, path = match
        if route.form and request.content_type == "application/x-www-form-urlencoded":
            body = parse_form(request.raw or b"")
        credentials = Credentials.of(request.headers, path)
        rate_headers: dict[str, str] = {}
        try:
            # The real server looks the key up before it counts, and counts before it authenticates: an unknown key
            # gets no rate limit headers, a revoked token does.
            check_key_exists(self._context.store, credentials)
            results = self._count(route, credentials, request.ip)
            rate_headers = rate_limit_headers(results)
            if (too_many := rate_limit_error(results)) is not None:
                raise too_many
            response = await self._handle(route, path, credentials, request, body, version=version)
        except HttpError as error:
            if self._context.server.general_trpc_messages and (error.status, error.code) == (400, "TRPCError"):
                error = no_details(400, "TRPCError", GENERAL_TRPC_MESSAGE)
            response = self._error(error, request)
        response.headers = rate_headers | response.headers
        return response

    def _count(self, route: Route, credentials: Credentials, ip: str) -> list[LimitResult]:
        """Count the request against the limit of the endpoint, of the key, or the default one."""
        settings = self._context.settings
        if route.limit is not None:
            # The limit of an endpoint replaces the default one: that is neither counted nor shown on this route.
            limits = [Limit(*route.limit, settings.window, settings.block)]
        else:
            default = Limit("default", settings.rate_limit, settings.window, settings.block)
            # The real server reads the limits of a key once per hour; here a change applies at once.
            limits = self._context.store.limits.get(credentials.key or "") or [default]
        return self._rate_limiter.hit(credentials.tracker(ip), limits, self._context.clock.monotonic())

    async def _handle(
        self,
        route: Route,
        path: dict[str, str],
        credentials: Credentials,
        request: HttpRequest,
        body: dict[str, Any] | list[Any],
        *,
        version: str,
    ) -> HttpResponse:
        """Authenticate the caller and return the handler's response."""
        store = self._context.store
        caller = authenticate(store, credentials, self._context.clock.now(), route.auth, route.kinds)
        call = Call(
            self._context,
            caller,
            request.method,
            request.url,
            path,
            request.query,
            self._context.server.known(body) if isinstance(body, dict) else {},
            version,
            request.headers,
            body if isinstance(body, list) else [],
        )
        try:
            result = route.handler(call)
            return _render(route, await result if isawaitable(result) else result, self._context.server)
        except HttpError:
            raise
        except OverflowError:
            # A date, or a number of minutes, outside the range of Python's datetime.
            raise bad_request("Invalid Date.") from None
        except Exception as error:
            log.exception("the handler of %s %s failed; the client receives a 500", route.method, route.path)
            self._context.on_error(error)
            raise no_envelope(500, "Internal server error") from error

    def _unreadable(self, error: HttpError, request: HttpRequest) -> HttpResponse:
        """Return the error for a body that cannot be parsed."""
        response = self._error(error, request)
        # The body parser runs before the middleware that assigns request ids.
        response.headers["X-Request-Id"] = "unknown-request-id"
        return response

    def _error(self, error: HttpError, request: HttpRequest) -> HttpResponse:
        """Return an error as a response."""
        body = msgspec.json.encode(error.body(request.url, self._context.clock.now()))
        response = HttpResponse(error.status, body, dict(error.headers))
        response.headers["ETag"] = etag(body)
        return response

    def _replaced(self, fault: Fault, request: HttpRequest) -> HttpResponse:
        """Return the response of a gateway, or of a broken server, that did not act and did not count."""
        if (error := fault.error()) is not None:
            return self._error(error, request)
        if fault.cut == "before":
            return HttpResponse(0)
        status, body, content_type = fault.replacement()
        return HttpResponse(status, encode_body(body), content_type=content_type)


def _doubled(request: HttpRequest) -> str:
    """Return a hint for a path that has `/v2` twice, as from a client that adds it to its base URL itself."""
    if not request.path.lower().startswith("/v2/v2/"):
        return ""
    host = request.headers.get("Host", "127.0.0.1")
    return f" - the path has /v2 twice: set the base URL of this client to http://{host} without /v2"


def _render(route: Route, result: object, server: ServerKind) -> HttpResponse:
    """Return the HTTP response for the result of a handler."""
    match result:
        case RawResponse():
            return HttpResponse(result.status, encode_body(result.body), dict(result.headers), result.content_type)
        case Page():
            items = server.known(list(result.items))
            return json_response(route.status, {"status": "success", "data": items, "pagination": result.pagination})
        case Status():
            return json_response(result.status or route.status, {"status": "success"})
        case Data():
            return json_response(
                result.status or route.status, {"status": "success", "data": server.known(result.data), **result.extra}
            )
        case _:
            return json_response(route.status, {"status": "success", "data": server.known(result)})


def _conditional(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Add an ETag to a response with a body, or return 304 if the client has this version."""
    if not response.body:
        return response
    tag = response.headers.setdefault("ETag", etag(response.body))
    known = [part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")]
    fresh = "*" in known or tag.removeprefix("W/") in known
    # Express ignores `If-None-Match` on errors.
    if fresh and request.method in {"GET", "HEAD"} and 200 <= response.status < 300:
        return HttpResponse(304, headers=response.headers)
    return response


def _corrupt(response: HttpResponse, fault: Fault | None) -> HttpResponse:
    """Apply the part of a fault that changes a finished response."""
    if fault is None:
        return response
    response.headers |= fault.headers
    if fault.invalid_body:
        return HttpResponse(200, b"\x1f\x8b this is not JSON", response.headers)
    return response
