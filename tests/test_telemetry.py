"""OpenTelemetry: spans of calls and attempts, metrics, no secrets, and nothing at all without a provider."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from fakes import (
    CutResponse,
    EventRecorder,
    FakeSend,
    FakeServer,
    error_response,
    http_response,
    make_call,
    ok_response,
)
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from virtual_time import run

from calcom_async import (
    AccessToken,
    ApiKey,
    Calcom,
    CalcomError,
    Config,
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
    Secret,
    TokenBucket,
)
from calcom_async.events import Observer
from calcom_async.middleware import limited, observed
from calcom_async.retry import RetryBudget, retrying
from calcom_async.sandbox import Sandbox
from calcom_async.telemetry import DURATION_BUCKETS, Telemetry

ME = http_response(body=b'{"status":"success","data":{"id":1,"email":"a@b.test"}}')
MARK = "MARKEDSECRET"


class Exported:
    """What the application has exported: finished spans, and metrics."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans in the order of their ends: an attempt is before its call."""
        return list(self._spans.get_finished_spans())

    @property
    def calls(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.kind is SpanKind.INTERNAL]

    @property
    def attempts(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.kind is SpanKind.CLIENT]

    def points(self, metric: str) -> list[Any]:
        """Return the data points of a metric."""
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
        ]

    def as_text(self) -> str:
        """Return everything that was exported."""
        data = self._reader.get_metrics_data()
        return "".join(span.to_json() for span in self.spans) + (data.to_json() if data else "")


@pytest.fixture
def exported(monkeypatch) -> Iterator[Exported]:
    """Set global providers for the duration of a test."""
    everything = Exported()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: everything.tracers)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: everything.meters)
    yield everything
    everything.tracers.shutdown()
    everything.meters.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def parent_id(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


async def hang(writer: asyncio.StreamWriter) -> None:
    """Send nothing until the connection is closed."""
    await writer.wait_closed()


def stack(send: Any, config: Config | None = None) -> Any:
    """Wrap a `Send` as the client does, for an event loop with virtual time."""
    config = config or Config(base_url="https://cal.example.org")
    telemetry = Telemetry(config)
    observer = Observer(telemetry.record_events(None))
    send = limited(telemetry.trace_attempts(send), TokenBucket(), ApiKey("cal_x"), config, observer)
    return observed(telemetry.trace_calls(retrying(send, config, RetryBudget(1), observer)), observer)


# ---------------------------------------------------------------------------------------------------------------- spans


async def test_a_call_is_a_span_with_a_child_for_each_attempt(exported):
    """A retried call is a span inside the caller's, with a client span for each attempt and an event for the retry."""
    tracer = exported.tracers.get_tracer("application")
    async with (
        FakeServer(http_response(500, b"{}"), ME) as server,
        Calcom("cal_x", base_url=server.url, backoff_base=0) as cal,
    ):
        with tracer.start_as_current_span("request of a user") as user_span:
            await cal.me.get()
        base_url = server.url
    first, second, call, _ = exported.spans
    host, port = base_url.removeprefix("http://").split(":")
    common = {
        "http.request.method": "GET",
        "url.template": "/v2/me",
        "server.address": host,
        "server.port": int(port),
    }
    url = {"url.full": f"{base_url}/v2/me"}
    assert [span.name for span in (first, second, call)] == ["GET /v2/me"] * 3
    assert [span.kind for span in (first, second, call)] == [SpanKind.CLIENT, SpanKind.CLIENT, SpanKind.INTERNAL]
    assert attributes(first) == common | url | {"http.response.status_code": 500, "error.type": "500"}
    assert attributes(second) == common | url | {"http.response.status_code": 200, "http.request.resend_count": 1}
    assert attributes(call) == common | {"http.response.status_code": 200}
    assert [span.status.status_code for span in (first, second, call)] == [
        StatusCode.ERROR,
        StatusCode.UNSET,
        StatusCode.UNSET,
    ]
    assert [parent_id(span) for span in (first, second)] == [call.context.span_id] * 2
    assert parent_id(call) == user_span.get_span_context().span_id
    assert [(event.name, dict(event.attributes)) for event in call.events] == [
        ("retry", {"calcom.seconds": 0.0, "calcom.reason": "500"})
    ]


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (http_response(404, b"{}"), {"http.response.status_code": 404, "error.type": "404"}),
        (CutResponse(b""), {"error.type": "ConnectionFailedError"}),
    ],
)
async def test_failed_calls(exported, step, outcome):
    """A failed call and its attempt have the status or the type of the error, and no message, which has the path."""
    async with FakeServer(step) as server, Calcom("cal_x", base_url=server.url, max_attempts=1) as cal:
        with pytest.raises((NotFoundError, ConnectionFailedError)):
            await cal.bookings.get("uid-7")
    for span in exported.spans:
        assert outcome.items() <= attributes(span).items()
        assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
    assert len(exported.spans) == 2


def test_a_call_that_is_not_sent(exported):
    """A call that would wait too long for the rate limit has no attempt, and no status, since there is no response."""
    send = stack(FakeSend(error_response(429, **LATER)), Config(max_wait=5, max_attempts=1))

    async def scene() -> None:
        for _ in range(2):
            with pytest.raises(RateLimitedError):
                await send(*make_call())

    run(scene())
    assert [attributes(call).get("http.response.status_code") for call in exported.calls] == [429, None]
    assert [attributes(call)["error.type"] for call in exported.calls] == ["429", "RateLimitedError"]
    assert len(exported.attempts) == 1


async def test_cancelling_a_call_ends_its_spans(exported):
    """A cancelled call ends both spans, as failed."""
    async with FakeServer(hang) as server, Calcom("cal_x", base_url=server.url) as cal:
        call = asyncio.create_task(cal.me.get())
        while not server.received:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
    assert [attributes(span)["error.type"] for span in exported.spans] == ["CancelledError"] * 2
    assert not trace.get_current_span().get_span_context().is_valid


async def test_parallel_calls_keep_their_parents(exported):
    """Each of many parallel calls is a child of the span of its task, and each attempt a child of its call."""
    tracer = exported.tracers.get_tracer("application")

    async def task(number: int) -> None:
        with tracer.start_as_current_span(f"task {number}"):
            await cal.me.get()
            await cal.bookings.list(take=5, prefetch=2).collect()

    with Sandbox(bookings=20) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            await asyncio.gather(*(task(number) for number in range(5)))
    spans = {span.context.span_id: span for span in exported.spans}
    for attempt in exported.attempts:
        call = spans[parent_id(attempt)]
        assert call.name == attempt.name
        assert spans[parent_id(call)].name.startswith("task")
    parents = Counter(parent_id(call) for call in exported.calls if not call.name.startswith("task"))
    assert [*parents.values()] == [5] * 5


async def test_an_attempt_is_the_current_span_while_it_is_sent(exported):
    """The spans of an instrumentation of aiohttp are children of the attempt. No trace id is sent to the server."""
    current: list[Any] = []

    async def note(*_: Any) -> None:
        current.append(trace.get_current_span().get_span_context().span_id)

    hooks = aiohttp.TraceConfig()
    hooks.on_request_start.append(note)
    async with FakeServer(ME) as server, Calcom("cal_x", base_url=server.url, trace_configs=[hooks]) as cal:
        await cal.me.get()
    assert current == [span.context.span_id for span in exported.attempts]
    assert not {"traceparent", "tracestate", "baggage"} & set(server.received[0].headers)


async def test_sending_again_after_a_token_refresh(exported):
    """The refresh is a call inside the call that needed it, and the second attempt counts as sent again."""
    expired = http_response(498, b'{"error": {"code": "TokenExpiredException", "message": "expired"}}')
    pair = http_response(body=b'{"data": {"accessToken": "new", "refreshToken": "newer"}}')
    token = AccessToken("old", "r", client_id="c", client_secret="s")
    async with FakeServer(expired, pair, ME) as server, Calcom(token, base_url=server.url) as cal:
        await cal.me.get()
    refresh, call = exported.calls
    assert refresh.name == "POST /v2/oauth/{}/refresh"
    assert parent_id(refresh) == call.context.span_id
    resends = [attributes(attempt).get("http.request.resend_count") for attempt in exported.attempts]
    assert resends == [None, None, 1]


async def test_a_cached_response_has_no_attempt(exported):
    """A call that the cache answers is a span without a child."""
    with Sandbox() as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, cache_ttl=60) as cal:
            await cal.event_types.get(1)
            await cal.event_types.get(1)
    assert (len(exported.calls), len(exported.attempts)) == (2, 1)


async def test_a_method_that_is_unknown(exported):
    """A method that HTTP does not have is `_OTHER`, so that names stay few."""
    async with FakeServer(ME) as server, Calcom("cal_x", base_url=server.url) as cal:
        await cal.request("BREW", "/v2/me")
    assert [(span.name, attributes(span)["http.request.method"]) for span in exported.spans] == [
        ("HTTP /v2/me", "_OTHER")
    ] * 2


LATER = {"x_ratelimit_limit_default": "120", "x_ratelimit_remaining_default": "0", "x_ratelimit_reset_default": "40"}
FREE = {"x_ratelimit_limit_default": "120", "x_ratelimit_remaining_default": "100", "x_ratelimit_reset_default": "60"}


def test_waits_after_429s_are_events(exported):
    """Many calls that meet a 429 wait; each wait is an event of its own call, and all of them are in the metrics."""
    steps = [error_response(429, **LATER)] * 5 + [ok_response(**FREE)]
    send = stack(FakeSend(*steps))

    async def scene() -> None:
        await asyncio.gather(*(send(*make_call()) for _ in range(5)))

    run(scene())
    events = [event for call in exported.calls for event in call.events]
    seconds = [event.attributes["calcom.seconds"] for event in events if event.name == "wait"]
    assert all([event.name for event in call.events][-2:] == ["retry", "wait"] for call in exported.calls)
    assert {(event.name, event.attributes["calcom.reason"]) for event in events} == {
        ("retry", "429"),
        ("wait", "rate_limit"),
    }
    assert max(seconds) >= 40
    [waits] = exported.points("calcom.client.wait.duration")
    assert (waits.count, waits.sum) == (len(seconds), pytest.approx(sum(seconds)))
    [retries] = exported.points("calcom.client.retries")
    assert (retries.value, retries.attributes["error.type"]) == (5, "429")
    assert len(exported.attempts) == 10


def test_the_first_caller_of_a_shared_call_is_cancelled(exported):
    """A call that goes on for others without the span of its first caller still has spans of its attempts."""
    telemetry = Telemetry(Config())
    fake_send = FakeSend()
    run(telemetry.trace_attempts(fake_send)(*make_call(call_id=99)))
    assert len(exported.attempts) == 1


# -------------------------------------------------------------------------------------------------------------- metrics


async def test_metrics(exported):
    """Attempts are measured with the recommended buckets, and the remaining limit is that of the last response."""
    headers = {"X_RateLimit_Remaining_Default": "41", "X_RateLimit_Limit_Default": "120"}
    async with (
        FakeServer(http_response(503, b"{}"), ME, http_response(200, b'{"data":{}}', **headers)) as server,
        Calcom("cal_x", base_url=server.url, backoff_base=0) as cal,
    ):
        await cal.me.get()
        await cal.request("GET", "/v2/bookings/kYz9bT")
    durations = {
        (point.attributes["url.template"], point.attributes["http.response.status_code"]): point
        for point in exported.points("http.client.request.duration")
    }
    assert {key: point.count for key, point in durations.items()} == {
        ("/v2/me", 503): 1,
        ("/v2/me", 200): 1,
        ("/v2/bookings/{}", 200): 1,
    }
    assert durations["/v2/me", 503].attributes["error.type"] == "503"
    assert durations["/v2/me", 200].explicit_bounds == DURATION_BUCKETS
    assert [point.value for point in exported.points("calcom.client.rate_limit.remaining")] == [41]


# -------------------------------------------------------------------------------------------------------------- secrets


async def test_nothing_exported_holds_a_secret(exported):
    """Keys, tokens, headers, email addresses, ids and messages of the server are in no attribute, name or event."""
    body = json.dumps({"error": {"code": "BadRequestException", "message": MARK}}).encode()
    steps = (http_response(400, body, X_Request_Id=MARK), CutResponse(b""), http_response(500, body))
    async with (
        FakeServer(*steps) as server,
        Calcom(MARK, base_url=server.url, headers={"X-Key": Secret(MARK)}, backoff_base=0, max_attempts=2) as cal,
    ):
        token = AccessToken(MARK, MARK, client_id=MARK, client_secret=MARK)
        for call in (
            cal.bookings.get(MARK),
            cal.bookings.list(attendee_email=f"{MARK}@example.com").collect(),
            cal.request("GET", f"/v2/event-types/1/private-links/{MARK}", query={MARK: MARK}),
            cal.webhooks.create(subscriber_url=f"https://x.test/{MARK}", triggers=[], secret=MARK),
            cal.with_credentials(token).me.get(),
        ):
            with pytest.raises(CalcomError):
                await call
    assert len(exported.calls) == 5
    assert MARK not in exported.as_text()
    assert "/v2/event-types/REDACTED/private-links/REDACTED" in exported.as_text()


# ----------------------------------------------------------------------------------------------------------- activation


def test_nothing_is_imported_without_a_provider():
    """A client imports nothing of OpenTelemetry before the application sets a provider, not even if it is imported."""
    code = """if True:
        import sys
        from calcom_async import Calcom
        Calcom("cal_x")
        assert not [name for name in sys.modules if name.startswith("opentelemetry")]
        import opentelemetry.trace
        known = set(sys.modules)
        assert Calcom("cal_x")._core.telemetry is None
        opentelemetry.trace.set_tracer_provider(opentelemetry.trace.NoOpTracerProvider())
        assert Calcom("cal_x")._core.telemetry is None
        assert set(sys.modules) == known
    """
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", [trace, metrics])
def test_one_provider_is_enough(module, monkeypatch):
    """A client reports if a tracer provider or a meter provider is set."""
    provider = SimpleNamespace(
        get_tracer=trace.NoOpTracerProvider().get_tracer, get_meter=metrics.NoOpMeterProvider().get_meter
    )
    getter = "get_tracer_provider" if module is trace else "get_meter_provider"
    assert Calcom("cal_x")._core.telemetry is None
    monkeypatch.setattr(module, getter, lambda: provider)
    assert Calcom("cal_x")._core.telemetry is not None


def test_an_old_api(exported, monkeypatch, caplog):
    """A version of OpenTelemetry that is too old is a warning, and the client works without it."""
    monkeypatch.setattr(exported.meters, "get_meter", lambda *_: SimpleNamespace(create_histogram=lambda name: name))
    assert Calcom("cal_x")._core.telemetry is None
    assert "it needs opentelemetry-api 1.30 or newer" in caplog.text


async def test_the_callback_of_the_application_still_gets_all_events(exported):
    """`on_event` works next to telemetry, also in views."""
    recorder = EventRecorder()
    async with FakeServer(ME) as server, Calcom("cal_x", base_url=server.url, on_event=recorder) as cal:
        await cal.with_options(max_attempts=1).me.get()
    assert [event.kind for event in recorder.events] == ["request", "call"]
    assert len(exported.calls) == 1
