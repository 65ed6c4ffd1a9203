"""OpenTelemetry: spans and metrics of a client. This module is imported only if the application has set a provider.

A client uses the global tracer and meter providers that are set when it is created. Each call is a span, such as
`GET /v2/bookings/{}`, with a client span for each attempt. Waits for the rate limit and retries are its events `wait`
and `retry`, with `calcom.seconds` and `calcom.reason`. The metrics are `http.client.request.duration`,
`calcom.client.retries`, `calcom.client.wait.duration` and `calcom.client.rate_limit.remaining`.

Attributes follow the semantic conventions for HTTP clients. Paths appear as their routes, without ids, and queries not
at all: a booking uid gives access to the booking, and queries hold email addresses. For the same reason no exception is
recorded, only its type. The routes of `Calcom.request` are guessed: parts of the path that are no lower-case words,
such as uids and numbers, count as ids, so a slug stays.

No `traceparent` is sent, because Cal.com is a third party: trace ids, and the baggage that propagators send with them,
stay within the application. An instrumentation of aiohttp sends them if the application wants that; its spans are then
children of the attempts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from calcom_async._version import __version__
from calcom_async.config import Config
from calcom_async.errors import ApiError
from calcom_async.events import ClientEvent
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response, Send

NAME = "calcom_async"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"})
"""The methods of the conventions; any other one is reported as `_OTHER`."""
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bounds in seconds, as the conventions recommend."""

Attributes = Mapping[str, str | int]


class Telemetry:
    """Spans and metrics of a client and its views, for the tracer and meter providers that are set at its creation."""

    def __init__(self, config: Config) -> None:
        parts = urlsplit(config.base_url)
        self._origin, self._base_path = f"{parts.scheme}://{parts.netloc}", parts.path
        self._server: Attributes = {
            "server.address": parts.hostname or "",
            "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        }
        self._calls: dict[int, _CallSpan] = {}
        self._tracer = trace.get_tracer_provider().get_tracer(NAME, __version__)
        meter = metrics.get_meter_provider().get_meter(NAME, __version__)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        )
        self._retries = meter.create_counter("calcom.client.retries", unit="{retry}", description="Retries.")
        self._waits = meter.create_histogram(
            "calcom.client.wait.duration",
            unit="s",
            description="Waits for the rate limit.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        )
        self._remaining = meter.create_gauge(
            "calcom.client.rate_limit.remaining",
            unit="{request}",
            description="Requests left in the rate limit window, from the latest response.",
        )

    def trace_calls(self, send: Send) -> Send:
        """Put a span around each call, with all its attempts and waits."""

        async def traced(request: Request, context: CallContext) -> Response:
            attributes = self._attributes(request.method, request.route)
            with self._span(SpanKind.INTERNAL, attributes) as span:
                self._calls[context.call_id] = _CallSpan(span)
                try:
                    response = await send(request, context)
                except BaseException as error:
                    _end(span, _outcome(error))
                    raise
                finally:
                    del self._calls[context.call_id]
                _end(span, {"http.response.status_code": response.status})
                return response

        return traced

    def trace_attempts(self, send: Send) -> Send:
        """Put a span around each attempt, and measure it."""

        async def traced(request: Request, context: CallContext) -> Response:
            attributes = self._attributes(request.method, request.route)
            url = self._origin + self._base_path + request.route.replace("{}", "REDACTED")
            # A call that is shared goes on without its span when its first caller is cancelled.
            call = self._calls.get(context.call_id)
            resends = {"http.request.resend_count": call.attempts} if call and call.attempts else {}
            if call:
                call.attempts += 1
            with self._span(SpanKind.CLIENT, {**attributes, "url.full": url, **resends}) as span:
                started = time.perf_counter()
                outcome: Attributes = {}
                try:
                    response = await send(request, context)
                    outcome = {"http.response.status_code": response.status}
                except BaseException as error:
                    outcome = _outcome(error)
                    raise
                finally:
                    _end(span, outcome)
                    self._duration.record(time.perf_counter() - started, {**attributes, **outcome})
                return response

        return traced

    def record_events(self, on_event: Callable[[ClientEvent], object] | None) -> Callable[[ClientEvent], None]:
        """Return a callback that turns events into metrics and span events, and passes them on."""

        def record(event: ClientEvent) -> None:
            self._record(event)
            if on_event is not None:
                on_event(event)

        return record

    def _record(self, event: ClientEvent) -> None:
        if event.kind == "request" and event.remaining is not None:
            self._remaining.set(event.remaining, self._server)
        elif event.kind == "wait":
            self._waits.record(event.seconds, self._attributes(event.method, event.path))
            self._add_event(event, "rate_limit")
        elif event.kind == "retry":
            reason = str(event.status or event.error)
            self._retries.add(1, {**self._attributes(event.method, event.path), "error.type": reason})
            self._add_event(event, reason)

    def _add_event(self, event: ClientEvent, reason: str) -> None:
        if call := self._calls.get(event.call_id):
            call.span.add_event(event.kind, {"calcom.seconds": event.seconds, "calcom.reason": reason})

    def _span(self, kind: SpanKind, attributes: Attributes) -> AbstractContextManager[Span]:
        method = attributes["http.request.method"]
        name = f"{'HTTP' if method == '_OTHER' else method} {attributes['url.template']}"
        return self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        )

    def _attributes(self, method: str, route: str) -> Attributes:
        return {
            "http.request.method": method if method in METHODS else "_OTHER",
            "url.template": self._base_path + route,
            **self._server,
        }


class _CallSpan:
    """A call in progress: its span, and how many attempts were sent."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.attempts = 0


def _outcome(error: BaseException) -> Attributes:
    """Return the attributes of an error: the status of the response if there was one, else the type of the error."""
    if not isinstance(error, ApiError) or not getattr(error, "sent", True):
        return {"error.type": type(error).__name__}
    failure = {"error.type": str(error.status)} if error.status >= 400 else {}  # a redirect is no error of HTTP
    return {"http.response.status_code": error.status, **failure}


def _end(span: Span, outcome: Attributes) -> None:
    """Set the outcome of a span, without a description, which would hold the path."""
    span.set_attributes(outcome)
    if "error.type" in outcome:
        span.set_status(Status(StatusCode.ERROR))
