"""What each layer adds to a Send, and what is repeated: error x operation as one table, deadlines in virtual time."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from fakes import EventRecorder, FakeSend, error_response, make_call, ok_response
from hypothesis import given, settings, strategies as st
from virtual_time import run

from calcom_async import (
    AccessToken,
    ApiKey,
    CalcomError,
    Config,
    ConfigError,
    ConnectionFailedError,
    DecodeError,
    InvalidRequestError,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TokenBucket,
)
from calcom_async.auth import Anonymous
from calcom_async.errors import RateLimit
from calcom_async.events import Observer
from calcom_async.middleware import authenticated, limited, observed
from calcom_async.rate_limit_state import Bucket, Permit
from calcom_async.rate_limiter import DEFAULT_RETRY_AFTER
from calcom_async.requests import CallContext, EndpointLimit, Request
from calcom_async.responses import Response
from calcom_async.retry import RetryBudget, retrying

LIMITS = {"x_ratelimit_limit_default": "120", "x_ratelimit_remaining_default": "7", "x_ratelimit_reset_default": "30"}
LATER = {"x_ratelimit_limit_default": "120", "x_ratelimit_remaining_default": "0", "x_ratelimit_reset_default": "40"}
NOT_SENT = ConnectionFailedError("cannot connect", sent=False, seconds=1.0)
LOST = ConnectionFailedError("lost", sent=True, seconds=1.0)
KEY = ApiKey("cal_x")
SERVER = "https://cal.example.com/v2"
PAIR = {"accessToken": "new", "refreshToken": "next"}
SLOW = TimedOutError("slow", sent=True, seconds=60.0)


def loop_time() -> float:
    """Return the time of the event loop."""
    return asyncio.get_running_loop().time()


class FakeLimiter:
    """A limiter that grants every permit at once and records its calls."""

    def __init__(self, waited: float = 0.0, reject: Exception | None = None) -> None:
        self.waited = waited
        self.reject = reject
        self.acquired: list[tuple[Bucket, int, float | None]] = []
        self.released: list[tuple[tuple[RateLimit, ...] | None, float | None, bool]] = []

    async def acquire(self, bucket: Bucket, *, priority: int = 0, max_wait: float | None = None) -> Permit:
        self.acquired.append((bucket, priority, max_wait))
        if self.reject:
            raise self.reject
        return Permit(bucket, len(self.acquired), 0.0, self.waited)

    async def release(
        self,
        permit: Permit,
        limits: Sequence[RateLimit] | None = None,
        *,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        self.released.append((limits if limits is None else tuple(limits), retry_after, sent))

    def stats(self) -> list[Any]:
        return []


def with_retries(
    send: Any, recorder: EventRecorder | None = None, budget: RetryBudget | None = None, **settings: Any
) -> Any:
    """Wrap a `Send` in the retry middleware."""
    config = Config(**settings)
    return retrying(send, config, budget or RetryBudget(config.retry_budget), Observer(recorder))


def outcome(send: Any, call: tuple[Request, CallContext]) -> Response | CalcomError:
    """Return the response of a call, or its error."""
    try:
        return run(send(*call))
    except CalcomError as error:
        return error


# ------------------------------------------------------------------------------------------------------ what is retried

POLICY = {
    # failure: (retried if idempotent, retried if not)
    "429 with a time to wait": (error_response(429, "ThrottlerException", **LATER), True, True),
    "429 without a time": (error_response(429, None), True, True),
    "never sent": (NOT_SENT, True, True),
    "connection timeout": (TimedOutError("slow", sent=False), True, True),
    "response lost": (LOST, True, False),
    "no response in time": (TimedOutError("slow", sent=True), True, False),
    "500": (error_response(500, "INTERNAL_SERVER_ERROR"), True, False),
    "502 of a proxy": (error_response(502), True, False),
    "503": (error_response(503), True, False),
    "400": (error_response(400, "BadRequestException"), False, False),
    "401": (error_response(401, "UnauthorizedException"), False, False),
    "403": (error_response(403, "ForbiddenException"), False, False),
    "404": (error_response(404, "NotFoundException"), False, False),
    "409": (error_response(409, None), False, False),
    "418": (error_response(418), False, False),
    "422": (error_response(422, "UnprocessableEntityException"), False, False),
    "498": (error_response(498, "TokenExpiredException"), False, False),
    "301": (error_response(301), False, False),
    "a response that is too large": (DecodeError("too large"), False, False),
    "an argument that cannot be sent": (InvalidRequestError("naive"), False, False),
    "the rate limit exceeds max_wait": (
        RateLimitedError("not sent", retry_after=9.0, sent=False),
        False,
        False,
    ),
}


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("failure", POLICY)
def test_what_is_retried(failure, idempotent):
    """429s and unsent requests are retried, 5xx and lost responses if the operation is idempotent, nothing else."""
    step, if_idempotent, otherwise = POLICY[failure]
    fake_send = FakeSend(step, ok_response("done"))
    result = outcome(with_retries(fake_send), make_call("POST", idempotent=idempotent))
    expected = if_idempotent if idempotent else otherwise
    assert isinstance(result, Response) is expected
    assert len(fake_send.sent) == (2 if expected else 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_method_does_not_decide(method):
    """Whether a call is retried depends on the operation, not on its HTTP method."""
    for idempotent in (True, False):
        fake_send = FakeSend(LOST, ok_response())
        assert (
            isinstance(outcome(with_retries(fake_send), make_call(method, idempotent=idempotent)), Response)
            is idempotent
        )


def test_attempts_are_numbered():
    """Each attempt has its number in the context, for events."""
    fake_send = FakeSend(NOT_SENT, NOT_SENT, ok_response())
    run(with_retries(fake_send)(*make_call()))
    assert [context.attempt for context in fake_send.contexts] == [1, 2, 3]


@pytest.mark.parametrize("failure", ["never sent", "429 without a time", "503"])
def test_no_more_attempts_than_allowed(failure):
    """After `max_attempts` the last error is raised unchanged."""
    step = POLICY[failure][0]
    fake_send = FakeSend(step)
    result = outcome(with_retries(fake_send, max_attempts=3), make_call(idempotent=True))
    assert len(fake_send.sent) == 3
    assert not isinstance(result, TimedOutError)


def test_backoff_is_exponential_with_full_jitter(monkeypatch):
    """The n-th delay is drawn from 0 to base * 2^n, and is at most the maximum."""
    drawn = []
    monkeypatch.setattr(random, "uniform", lambda low, high: drawn.append((low, high)) or high)
    recorder = EventRecorder()
    outcome(with_retries(FakeSend(NOT_SENT), recorder, max_attempts=6, backoff_base=0.5, backoff_max=3), make_call())
    assert drawn == [(0, 0.5), (0, 1.0), (0, 2.0), (0, 3), (0, 3)]
    assert [event.seconds for event in recorder.of_kind("retry")] == [high for _, high in drawn]


def test_the_delay_before_a_retry():
    """A retry follows after the delay that its event reports."""

    async def scene() -> tuple[float, float]:
        started = loop_time()
        await with_retries(FakeSend(NOT_SENT, ok_response()), recorder, backoff_base=20)(*make_call())
        return loop_time() - started, recorder.events[0].seconds

    recorder = EventRecorder()
    delay, reported = run(scene())
    assert delay == pytest.approx(reported)
    assert [event.kind for event in recorder.events] == ["retry"]


# ---------------------------------------------------------------------------------------------------- the total timeout


def timing_out(seconds: float, error: type[TimedOutError] = TimedOutError) -> Any:
    """Return a `Send` that times out after some seconds."""

    async def attempt(request: Request, context: CallContext) -> Response:
        allowed = min(seconds, context.time_left or 60.0)
        await asyncio.sleep(allowed)
        raise error("slow", sent=True, seconds=allowed)

    return attempt


def test_the_total_timeout_bounds_all_attempts():
    """Attempts and delays end within the total timeout; the error has the last one as its cause."""

    async def scene() -> float:
        started = loop_time()
        with pytest.raises(TimedOutError, match="failed after") as caught:
            await with_retries(fake_send, total_timeout=100.0, max_attempts=50)(*make_call(idempotent=True))
        assert isinstance(caught.value.__cause__, TimedOutError)
        assert caught.value.sent
        return loop_time() - started

    fake_send = FakeSend(timing_out(60))
    assert run(scene()) <= 100.0
    assert fake_send.contexts[1].time_left <= 40.0


def test_time_left_for_an_attempt():
    """`time_left` is set only if the total timeout is shorter than the timeout of an attempt."""
    fake_send = FakeSend(ok_response())
    run(with_retries(fake_send, total_timeout=5.0, timeout=60.0)(*make_call()))
    assert fake_send.contexts[0].time_left == 5.0
    run(with_retries(fake_send, total_timeout=300.0, timeout=60.0)(*make_call()))
    assert fake_send.contexts[1].time_left is None


def test_the_queue_for_the_limit_does_not_count_towards_the_timeout():
    """A call that waits an hour for the rate limit still has its whole total timeout."""

    async def wait_and_send(request: Request, context: CallContext) -> Response:
        await asyncio.sleep(3600)
        return await fake_send(request, context)

    fake_send = FakeSend(LOST, ok_response("done"))
    assert isinstance(outcome(with_retries(wait_and_send, total_timeout=61.0), make_call(idempotent=True)), Response)


@settings(max_examples=60)
@given(
    total_timeout=st.floats(1, 200),
    attempts=st.integers(1, 8),
    durations=st.lists(st.floats(0, 90), min_size=1, max_size=9),
    base=st.floats(0, 50),
)
def test_no_mixture_of_failures_exceeds_the_bounds(total_timeout, attempts, durations, base):
    """Whatever fails, a call ends within its total timeout and its number of attempts."""
    calls = []

    async def attempt(request: Request, context: CallContext) -> Response:
        calls.append(request)
        return await timing_out(durations[len(calls) % len(durations)])(request, context)

    async def scene() -> float:
        started = loop_time()
        send = with_retries(
            attempt, RetryBudget(5), total_timeout=total_timeout, max_attempts=attempts, backoff_base=base
        )
        with pytest.raises(TimedOutError):
            await send(*make_call(idempotent=True))
        return loop_time() - started

    def with_retries(send: Any, budget: RetryBudget, **fields: Any) -> Any:
        return retrying(send, Config(**fields), budget, Observer())

    assert run(scene()) <= total_timeout + 1e-6
    assert len(calls) <= attempts


# ----------------------------------------------------------------------------------------------------- the retry budget


def test_the_budget_is_shared_by_all_calls():
    """If every call fails, the retries are a fraction of the calls."""
    fake_send = FakeSend(NOT_SENT)
    budget = RetryBudget(0.2)
    send = with_retries(fake_send, budget=budget)

    async def scene() -> None:
        for _ in range(200):
            with pytest.raises(ConnectionFailedError):
                await send(*make_call())

    run(scene())
    retries = len(fake_send.sent) - 200
    assert 40 <= retries <= 40 + RetryBudget.FULL


def test_a_429_costs_no_budget():
    """A 429 is retried even if the retry budget is empty, because the limiter delays it."""
    budget = RetryBudget(0.0)
    budget.left = 0.0
    assert isinstance(
        outcome(with_retries(FakeSend(error_response(429), ok_response()), budget=budget), make_call()), Response
    )
    assert isinstance(
        outcome(with_retries(FakeSend(NOT_SENT, ok_response()), budget=budget), make_call()), ConnectionFailedError
    )


def test_calls_refill_the_budget():
    """Each call refills a fraction of the retry budget, up to a maximum."""
    budget = RetryBudget(0.5)
    budget.left = 0.0
    for _ in range(3):
        budget.earn()
    assert (budget.spend(), budget.spend()) == (True, False)
    for _ in range(100):
        budget.earn()
    assert budget.left == RetryBudget.FULL


# ----------------------------------------------------------------------------------------- waits demanded by the server


def with_all_middleware(send: Any, limiter: Any, **fields: Any) -> Any:
    """Wrap a `Send` in all middleware."""
    config, observer = Config(**fields), Observer()
    credentials = ApiKey("cal_x")
    send = authenticated(limited(send, limiter, credentials, config, observer), credentials)
    return retrying(send, config, RetryBudget(0.2), observer)


@pytest.mark.parametrize("wait", [2, 40, 3000])
def test_no_request_during_the_wait_of_a_429(wait):
    """After a 429 no call sends a request before the time that the server returned."""
    reset = {**LATER, "x_ratelimit_reset_default": str(wait)}
    times: list[float] = []

    async def server(request: Request, context: CallContext) -> Response:
        times.append(loop_time())
        return await FakeSend(error_response(429, "ThrottlerException", **reset) if len(times) == 1 else ok_response())(
            request, context
        )

    async def scene() -> None:
        send = with_all_middleware(server, TokenBucket(), total_timeout=3600.0)
        first = asyncio.create_task(send(*make_call()))
        await asyncio.sleep(0.1)
        await asyncio.gather(first, *(send(*make_call()) for _ in range(5)))

    run(scene())
    assert len(times) == 7
    assert min(times[1:]) - times[0] >= wait


def test_a_429_waits_only_in_the_limiter():
    """If a 429 has a time, the retry has no delay of its own and waits in the queue of the limiter."""
    fake_send, recorder, limiter = (
        FakeSend(error_response(429, None, **LATER), ok_response()),
        EventRecorder(),
        FakeLimiter(),
    )
    config, observer = Config(), Observer(recorder)
    send = retrying(limited(fake_send, limiter, KEY, config, observer), config, RetryBudget(0.2), observer)
    run(send(*make_call()))
    assert [event.seconds for event in recorder.of_kind("retry")] == [0.0]
    assert len(limiter.acquired) == 2
    assert limiter.released[0] == ((RateLimit("default", 120, 0, 40.0),), 40.0, True)


@pytest.mark.parametrize("headers", [{**LATER, "x_ratelimit_reset_default": "500"}, {"retry_after": "500"}])
def test_a_wait_longer_than_the_total_timeout(headers):
    """If a 429 demands a longer wait than the time left, the call raises at once, with the wait in the error."""

    async def scene() -> float:
        started = loop_time()
        with pytest.raises(RateLimitedError, match="asks to wait 500 s, longer than the 300 s") as caught:
            await with_all_middleware(fake_send, TokenBucket(), total_timeout=300.0)(*make_call())
        assert caught.value.retry_after == 500
        assert caught.value.__cause__ is not None
        return loop_time() - started

    fake_send = FakeSend(error_response(429, **headers), ok_response())
    assert run(scene()) == 0
    assert len(fake_send.sent) == 1


def test_the_wait_of_a_429_counts_towards_the_total_timeout():
    """Two waits of 40 s exceed a total timeout of 60 s."""
    fake_send = FakeSend(error_response(429, **LATER), error_response(429, **LATER), ok_response())

    async def scene() -> None:
        with pytest.raises(RateLimitedError, match="asks to wait 40 s, longer than the 20 s that are left of the 60 s"):
            await with_all_middleware(fake_send, TokenBucket(), total_timeout=60.0)(*make_call())

    run(scene())
    assert len(fake_send.sent) == 2


def test_a_429_without_a_time_backs_off(monkeypatch):
    """After a 429 without a time the retry follows with exponential backoff."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    recorder = EventRecorder()
    run(with_retries(FakeSend(error_response(429), ok_response()), recorder, backoff_base=7)(*make_call()))
    assert [event.seconds for event in recorder.of_kind("retry")] == [7]


def test_retry_after_of_a_503():
    """A 503 with Retry-After is not retried sooner, and not at all if that exceeds the total timeout."""
    recorder = EventRecorder()
    run(
        with_retries(FakeSend(error_response(503, retry_after="30"), ok_response()), recorder)(
            *make_call(idempotent=True)
        )
    )
    assert recorder.events[0].seconds == 30.0
    fake_send = FakeSend(error_response(503, retry_after="3000"), ok_response())
    result = outcome(with_retries(fake_send), make_call(idempotent=True))
    assert isinstance(result, TimedOutError)
    assert isinstance(result.__cause__, ServerError)
    assert len(fake_send.sent) == 1


def test_max_wait():
    """If the limiter's wait exceeds `max_wait`, the call raises at once without another request."""
    fake_send = FakeSend(error_response(429, None, **LATER), ok_response())

    async def scene() -> float:
        started = loop_time()
        with pytest.raises(RateLimitedError, match="No request was sent"):
            await with_all_middleware(fake_send, TokenBucket(), max_wait=5.0)(*make_call())
        return loop_time() - started

    assert run(scene()) < 1.0
    assert len(fake_send.sent) == 1


# ------------------------------------------------------------------------------------------------------ order of layers


def test_every_attempt_has_its_own_permit_and_credentials():
    """Retry is the outermost layer: each attempt acquires a permit and gets current credentials."""
    fake_send, limiter = FakeSend(NOT_SENT, NOT_SENT, ok_response()), FakeLimiter()
    run(with_all_middleware(fake_send, limiter)(*make_call()))
    assert len(limiter.acquired) == len(limiter.released) == 3
    assert [request.headers["Authorization"] for request in fake_send.sent] == ["Bearer cal_x"] * 3


def test_each_layer_is_a_function_of_a_send():
    """Each layer takes a `Send` as its first argument."""
    for layer in (limited, authenticated, retrying):
        assert next(iter(inspect.signature(layer).parameters)) == "send"


@pytest.mark.parametrize(
    ("step", "released"),
    [
        (ok_response(None, 200, **LIMITS), ((RateLimit("default", 120, 7, 30.0),), None, True)),
        (ok_response(), ((), None, True)),
        (error_response(404, "NotFoundException", **LIMITS), ((RateLimit("default", 120, 7, 30.0),), None, True)),
        (error_response(429, None, **LATER), ((RateLimit("default", 120, 0, 40.0),), 40.0, True)),
        (error_response(429), ((), DEFAULT_RETRY_AFTER, True)),
        (LOST, (None, None, True)),
        (NOT_SENT, (None, None, False)),
        (ConfigError("not open"), (None, None, False)),
        (DecodeError("too large"), (None, None, True)),
        (RuntimeError("a bug"), (None, None, True)),
    ],
)
def test_every_permit_is_released(step, released):
    """However an attempt ends, its permit is released with the limits of the response and the wait of a 429."""
    limiter, observer = FakeLimiter(), Observer()
    with suppress(CalcomError, RuntimeError):
        run(limited(FakeSend(step), limiter, KEY, Config(), observer)(*make_call()))
    assert limiter.released == [released]


@pytest.mark.parametrize(
    ("credentials", "fields", "settings", "bucket"),
    [
        (ApiKey("x"), {}, {}, Bucket(f"{SERVER} {ApiKey('x').fingerprint}", limit=120)),
        (AccessToken("x"), {}, {}, Bucket(f"{SERVER} {AccessToken('x').fingerprint}", limit=500)),
        (AccessToken("x"), {}, {"rate_limit": 9}, Bucket(f"{SERVER} {AccessToken('x').fingerprint}", limit=9)),
        (AccessToken("x"), {"is_anonymous": True}, {}, Bucket(f"{SERVER} anonymous", limit=120)),
        (Anonymous(), {"endpoint_limit": EndpointLimit("booking_guests_add", 5)}, {"rate_limit": 9},
         Bucket(f"{SERVER} anonymous", "booking_guests_add", 5)),
    ],
)  # fmt: skip
def test_the_bucket_of_a_request(credentials, fields, settings, bucket):
    """A request counts towards the limit of its credentials, or towards that of its endpoint."""
    limiter, config = FakeLimiter(), Config(base_url=SERVER, max_wait=3, **settings)
    run(limited(FakeSend(), limiter, credentials, config, Observer())(*make_call(priority=4, **fields)))
    assert limiter.acquired == [(bucket, 4, 3)]
    assert bucket.key.startswith(SERVER)


def test_the_refresh_of_a_token_is_counted_by_ip_address():
    """A request that refreshes a token carries none, so it does not count towards the limit of the old token."""
    fake_send, token = (
        FakeSend(error_response(498), ok_response(PAIR), ok_response()),
        AccessToken("old", "once", client_id="c", client_secret="s"),
    )
    limiter, config = FakeLimiter(), Config()
    run(authenticated(limited(fake_send, limiter, token, config, Observer()), token)(*make_call()))
    names = [bucket.key.rpartition(" ")[2] for bucket, _, _ in limiter.acquired]
    assert names[1] == "anonymous"
    assert len(set(names)) == 3


def test_requests_are_signed():
    """The credentials are added to the headers of a request."""
    fake_send = FakeSend()
    run(authenticated(fake_send, ApiKey("cal_x"))(*make_call(headers={"cal-api-version": "1"})))
    assert fake_send.sent[0].headers == {"cal-api-version": "1", "Authorization": "Bearer cal_x"}


# --------------------------------------------------------------------------------------------------------------- events


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Response(200, {}, b"{}", 0.5), (200, 0.5, None)),
        (Response(200, {name.replace("_", "-"): text for name, text in LIMITS.items()}, b"{}", 0.5), (200, 0.5, 7)),
        (Response(404, {}, b"{}", 0.25), (404, 0.25, None)),
        (LOST, (None, 1.0, None)),
        (DecodeError("too large"), (None, 0.0, None)),
    ],
)
def test_every_attempt_is_an_event(step, expected):
    """Each attempt is one event with the route, whether it got a response or not."""
    recorder = EventRecorder()
    request = Request(method="GET", route="/bookings/{}", path="/bookings/secret-uid")
    outcome(
        limited(FakeSend(step), FakeLimiter(), KEY, Config(), Observer(recorder)), (request, CallContext(attempt=2))
    )
    [event] = recorder.events
    assert (event.status, event.seconds, event.remaining) == expected
    assert (event.kind, event.method, event.path, event.attempt) == ("request", "GET", "/bookings/{}", 2)


def test_a_wait_for_the_limit_is_an_event():
    """A call that waited for a permit has an event with the seconds; other calls have none."""
    recorder = EventRecorder()
    for waited in (0.0, 2.5):
        run(limited(FakeSend(), FakeLimiter(waited), KEY, Config(), Observer(recorder))(*make_call()))
    assert [event.seconds for event in recorder.of_kind("wait")] == [2.5]


def test_the_end_of_a_call_that_was_not_sent():
    """A call that was rejected by the rate limiter of the client has no status, since there was no response."""
    recorder = EventRecorder()
    unsent = RateLimitedError("not sent", retry_after=9.0, sent=False)
    outcome(observed(FakeSend(unsent), Observer(recorder)), make_call())
    assert [(event.status, event.error) for event in recorder.events] == [(None, "RateLimitedError")]


def test_the_end_of_a_call_is_an_event():
    """The end of a call has an event with its whole duration, the pauses between its attempts included."""

    async def scene() -> float:
        started = loop_time()
        await observed(with_retries(FakeSend(NOT_SENT, NOT_SENT, ok_response()), backoff_base=20), observer)(
            *make_call()
        )
        return loop_time() - started

    recorder = EventRecorder()
    observer = Observer(recorder)
    seconds = run(scene())
    [event] = recorder.of_kind("call")
    assert (event.seconds, event.status, event.error) == (pytest.approx(seconds), 200, None)
