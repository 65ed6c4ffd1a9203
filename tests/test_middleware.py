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
from calcom_async.errors import RateLimit
from calcom_async.events import Observer
from calcom_async.middleware import authenticated, limited, observed
from calcom_async.rate_limiter import DEFAULT_RETRY_AFTER, Bucket, Permit
from calcom_async.requests import CallContext, EndpointLimit, Request
from calcom_async.responses import Response
from calcom_async.retry import RetryBudget, retrying

LIMITS = {"x_ratelimit_limit_default": "120", "x_ratelimit_remaining_default": "7", "x_ratelimit_reset_default": "30"}
LATER = {"x_ratelimit_limit_default": "120", "x_ratelimit_remaining_default": "0", "x_ratelimit_reset_default": "40"}
NOT_SENT = ConnectionFailedError("cannot connect", sent=False, seconds=1.0)
LOST = ConnectionFailedError("lost", sent=True, seconds=1.0)
SLOW = TimedOutError("slow", sent=True, seconds=60.0)


def now() -> float:
    return asyncio.get_running_loop().time()


class FreeLimiter:
    """A limiter that never holds anybody, and remembers what it was told."""

    def __init__(self, waited: float = 0.0, refuse: Exception | None = None) -> None:
        self.waited = waited
        self.refuse = refuse
        self.acquired: list[tuple[Bucket, int, float | None]] = []
        self.settled: list[tuple[tuple[RateLimit, ...] | None, float | None, bool]] = []

    async def acquire(self, bucket: Bucket, *, priority: int = 0, max_wait: float | None = None) -> Permit:
        self.acquired.append((bucket, priority, max_wait))
        if self.refuse:
            raise self.refuse
        return Permit(bucket, len(self.acquired), 0.0, self.waited)

    async def release(
        self,
        permit: Permit,
        limits: Sequence[RateLimit] | None = None,
        *,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        self.settled.append((limits if limits is None else tuple(limits), retry_after, sent))

    def stats(self) -> list[Any]:
        return []


def through(
    send: Any, recorder: EventRecorder | None = None, budget: RetryBudget | None = None, **settings: Any
) -> Any:
    config = Config(**settings)
    return retrying(send, config, budget or RetryBudget(config.retry_budget), Observer(recorder))


def outcome(send: Any, call: tuple[Request, CallContext]) -> Response | CalcomError:
    try:
        return run(send(*call))
    except CalcomError as error:
        return error


# ------------------------------------------------------------------------------------------------ what is repeated

POLICY = {
    # trouble: (repeated if idempotent, repeated if not)
    "429 with a time to wait": (error_response(429, "ThrottlerException", **LATER), True, True),
    "429 without": (error_response(429, None), True, True),
    "never sent": (NOT_SENT, True, True),
    "connecting took too long": (TimedOutError("slow", sent=False), True, True),
    "answer lost": (LOST, True, False),
    "no answer in time": (TimedOutError("slow", sent=True), True, False),
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
    "an answer that is too large": (DecodeError("too large"), False, False),
    "an argument that cannot be sent": (InvalidRequestError("naive"), False, False),
    "no room under the limit within max_wait": (RateLimitedError("nothing was sent", retry_after=9.0), False, False),
}


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("trouble", POLICY)
def test_what_is_repeated(trouble, idempotent):
    """429 and "never sent" always; 5xx and "answer lost" only what may be done twice; nothing else ever."""
    step, if_repeatable, otherwise = POLICY[trouble]
    fake_send = FakeSend(step, ok_response("done"))
    result = outcome(through(fake_send), make_call("POST", idempotent=idempotent))
    expected = if_repeatable if idempotent else otherwise
    assert isinstance(result, Response) is expected
    assert len(fake_send.sent) == (2 if expected else 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_verb_decides_nothing(method):
    """Whether a call may be repeated is a property of the operation, whatever its verb."""
    for idempotent in (True, False):
        fake_send = FakeSend(LOST, ok_response())
        assert isinstance(outcome(through(fake_send), make_call(method, idempotent=idempotent)), Response) is idempotent


def test_attempts_are_counted_in_the_request():
    """Every attempt carries its number, for events."""
    fake_send = FakeSend(NOT_SENT, NOT_SENT, ok_response())
    run(through(fake_send)(*make_call()))
    assert [context.attempt for context in fake_send.contexts] == [1, 2, 3]


@pytest.mark.parametrize("trouble", ["never sent", "429 without", "503"])
def test_no_more_attempts_than_allowed(trouble):
    """After `max_attempts` the last error is raised as it came."""
    step = POLICY[trouble][0]
    fake_send = FakeSend(step)
    result = outcome(through(fake_send, max_attempts=3), make_call(idempotent=True))
    assert len(fake_send.sent) == 3
    assert not isinstance(result, TimedOutError)


def test_pauses_are_full_jitter_over_an_exponential(monkeypatch):
    """The n-th pause is drawn from 0 to base * 2^n, at most to the cap."""
    drawn = []
    monkeypatch.setattr(random, "uniform", lambda low, high: drawn.append((low, high)) or high)
    recorder = EventRecorder()
    outcome(through(FakeSend(NOT_SENT), recorder, max_attempts=6, backoff_base=0.5, backoff_max=3), make_call())
    assert drawn == [(0, 0.5), (0, 1.0), (0, 2.0), (0, 3), (0, 3)]
    assert [event.seconds for event in recorder.of_kind("retry")] == [high for _, high in drawn]


def test_the_pause_is_slept():
    """A repeat comes after its pause, and the pause is told before it."""

    async def scene() -> tuple[float, float]:
        began = now()
        await through(FakeSend(NOT_SENT, ok_response()), recorder, backoff_base=20)(*make_call())
        return now() - began, recorder.events[0].seconds

    recorder = EventRecorder()
    slept, told = run(scene())
    assert slept == pytest.approx(told)
    assert [event.kind for event in recorder.events] == ["retry"]


# ---------------------------------------------------------------------------------------------------- the deadline


def lasting(seconds: float, error: type[TimedOutError] = TimedOutError) -> Any:
    async def attempt(request: Request, context: CallContext) -> Response:
        allowed = min(seconds, context.time_left or 60.0)
        await asyncio.sleep(allowed)
        raise error("slow", sent=True, seconds=allowed)

    return attempt


def test_the_deadline_bounds_all_attempts_together():
    """Attempts and pauses together never exceed the deadline; the error says so and keeps the last one's as cause."""

    async def scene() -> float:
        began = now()
        with pytest.raises(TimedOutError, match="failed after") as caught:
            await through(fake_send, total_timeout=100.0, max_attempts=50)(*make_call(idempotent=True))
        assert isinstance(caught.value.__cause__, TimedOutError)
        assert caught.value.sent
        return now() - began

    fake_send = FakeSend(lasting(60))
    assert run(scene()) <= 100.0
    assert fake_send.contexts[1].time_left <= 40.0


def test_an_attempt_gets_what_is_left():
    """A first attempt with a deadline shorter than the timeout is bounded by the deadline."""
    fake_send = FakeSend(ok_response())
    run(through(fake_send, total_timeout=5.0, timeout=60.0)(*make_call()))
    assert fake_send.contexts[0].time_left == 5.0
    run(through(fake_send, total_timeout=300.0, timeout=60.0)(*make_call()))
    assert fake_send.contexts[1].time_left is None


def test_waiting_for_the_limit_is_no_part_of_the_deadline():
    """A call that waits an hour for its turn still has its whole deadline."""

    async def turn(request: Request, context: CallContext) -> Response:
        await asyncio.sleep(3600)
        return await fake_send(request, context)

    fake_send = FakeSend(LOST, ok_response("done"))
    assert isinstance(outcome(through(turn, total_timeout=61.0), make_call(idempotent=True)), Response)


@settings(max_examples=60)
@given(
    deadline=st.floats(1, 200),
    attempts=st.integers(1, 8),
    lengths=st.lists(st.floats(0, 90), min_size=1, max_size=9),
    base=st.floats(0, 50),
)
def test_no_mixture_of_troubles_exceeds_the_bounds(deadline, attempts, lengths, base):
    """Whatever happens, a call ends within its deadline and its number of attempts."""
    calls = []

    async def attempt(request: Request, context: CallContext) -> Response:
        calls.append(request)
        return await lasting(lengths[len(calls) % len(lengths)])(request, context)

    async def scene() -> float:
        began = now()
        send = through(attempt, RetryBudget(5), total_timeout=deadline, max_attempts=attempts, backoff_base=base)
        with pytest.raises(TimedOutError):
            await send(*make_call(idempotent=True))
        return now() - began

    def through(send: Any, budget: RetryBudget, **fields: Any) -> Any:
        return retrying(send, Config(**fields), budget, Observer())

    assert run(scene()) <= deadline + 1e-6
    assert len(calls) <= attempts


# ------------------------------------------------------------------------------------------------- the retry budget


def test_the_budget_is_shared_by_all_calls():
    """When everything fails, repeats are a part of the calls, not a multiple."""
    fake_send = FakeSend(NOT_SENT)
    budget = RetryBudget(0.2)
    send = through(fake_send, budget=budget)

    async def scene() -> None:
        for _ in range(200):
            with pytest.raises(ConnectionFailedError):
                await send(*make_call())

    run(scene())
    repeats = len(fake_send.sent) - 200
    assert 40 <= repeats <= 40 + RetryBudget.FULL


def test_a_429_costs_no_budget():
    """The limiter paces what was refused, so an empty budget does not keep it from being repeated."""
    budget = RetryBudget(0.0)
    budget.left = 0.0
    assert isinstance(
        outcome(through(FakeSend(error_response(429), ok_response()), budget=budget), make_call()), Response
    )
    assert isinstance(
        outcome(through(FakeSend(NOT_SENT, ok_response()), budget=budget), make_call()), ConnectionFailedError
    )


def test_success_earns_the_budget_back_up_to_full():
    """Calls earn a part of a repeat each; what is saved up has a bound."""
    budget = RetryBudget(0.5)
    budget.left = 0.0
    for _ in range(3):
        budget.earn()
    assert (budget.spend(), budget.spend()) == (True, False)
    for _ in range(100):
        budget.earn()
    assert budget.left == RetryBudget.FULL


# -------------------------------------------------------------------------------------------- the server's own time


def stacked(send: Any, limiter: Any, **fields: Any) -> Any:
    config, observer = Config(**fields), Observer()
    limits = limited(observed(send, observer), limiter, config, observer)
    return retrying(authenticated(limits, ApiKey("cal_x"), "here"), config, RetryBudget(0.2), observer)


@pytest.mark.parametrize("asked", [2, 40, 3000])
def test_the_servers_waiting_time_is_never_shortened(asked):
    """After a 429 nothing goes to the server before the time that it said, whoever asks."""
    reset = {**LATER, "x_ratelimit_reset_default": str(asked)}
    times: list[float] = []

    async def server(request: Request, context: CallContext) -> Response:
        times.append(now())
        return await FakeSend(error_response(429, "ThrottlerException", **reset) if len(times) == 1 else ok_response())(
            request, context
        )

    async def scene() -> None:
        send = stacked(server, TokenBucket(), total_timeout=3600.0)
        first = asyncio.create_task(send(*make_call()))
        await asyncio.sleep(0.1)
        await asyncio.gather(first, *(send(*make_call()) for _ in range(5)))

    run(scene())
    assert len(times) == 7
    assert min(times[1:]) - times[0] >= asked


def test_a_429_is_repeated_only_through_the_limiter():
    """With a time from the server there is no pause of our own: the repeat waits in the limiter's line."""
    fake_send, recorder, limiter = (
        FakeSend(error_response(429, None, **LATER), ok_response()),
        EventRecorder(),
        FreeLimiter(),
    )
    config, observer = Config(), Observer(recorder)
    send = retrying(limited(fake_send, limiter, config, observer), config, RetryBudget(0.2), observer)
    run(send(*make_call()))
    assert [event.seconds for event in recorder.of_kind("retry")] == [0.0]
    assert len(limiter.acquired) == 2
    assert limiter.settled[0] == ((RateLimit("default", 120, 0, 40.0),), 40.0, True)


@pytest.mark.parametrize("headers", [{**LATER, "x_ratelimit_reset_default": "500"}, {"retry_after": "500"}])
def test_a_wait_longer_than_the_deadline_is_an_error_at_once(headers):
    """When one response demands more than what is left, the call ends with the wait in the error, and sends no more."""

    async def scene() -> float:
        began = now()
        with pytest.raises(RateLimitedError, match="asks to wait 500 s, longer than the 300 s") as caught:
            await stacked(fake_send, TokenBucket(), total_timeout=300.0)(*make_call())
        assert caught.value.retry_after == 500
        assert caught.value.__cause__ is not None
        return now() - began

    fake_send = FakeSend(error_response(429, **headers), ok_response())
    assert run(scene()) == 0
    assert len(fake_send.sent) == 1


def test_the_wait_that_a_429_demands_counts_towards_the_deadline():
    """Two waits of 40 s do not fit into 60 s; the time in the queue of the limiter does."""
    fake_send = FakeSend(error_response(429, **LATER), error_response(429, **LATER), ok_response())

    async def scene() -> None:
        with pytest.raises(RateLimitedError, match="asks to wait 40 s, longer than the 20 s that are left of the 60 s"):
            await stacked(fake_send, TokenBucket(), total_timeout=60.0)(*make_call())

    run(scene())
    assert len(fake_send.sent) == 2


def test_a_429_without_a_time_backs_off(monkeypatch):
    """A refusal that does not say how long is followed by a pause of our own."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    recorder = EventRecorder()
    run(through(FakeSend(error_response(429), ok_response()), recorder, backoff_base=7)(*make_call()))
    assert [event.seconds for event in recorder.of_kind("retry")] == [7]


def test_a_proxys_retry_after_is_kept_with_5xx():
    """A 503 with Retry-After is not repeated sooner, and not at all if that is past the deadline."""
    recorder = EventRecorder()
    run(through(FakeSend(error_response(503, retry_after="30"), ok_response()), recorder)(*make_call(idempotent=True)))
    assert recorder.events[0].seconds == 30.0
    fake_send = FakeSend(error_response(503, retry_after="3000"), ok_response())
    result = outcome(through(fake_send), make_call(idempotent=True))
    assert isinstance(result, TimedOutError)
    assert isinstance(result.__cause__, ServerError)
    assert len(fake_send.sent) == 1


def test_max_wait_turns_a_long_wait_into_an_error_at_once():
    """When the limiter says no, the call ends there: nothing was sent and nothing is repeated."""
    fake_send = FakeSend(error_response(429, None, **LATER), ok_response())

    async def scene() -> float:
        began = now()
        with pytest.raises(RateLimitedError, match="No request was sent"):
            await stacked(fake_send, TokenBucket(), max_wait=5.0)(*make_call())
        return now() - began

    assert run(scene()) < 1.0
    assert len(fake_send.sent) == 1


# --------------------------------------------------------------------------------------------------- order of layers


def test_every_attempt_pays_and_signs_for_itself():
    """Retry is outermost: each attempt takes its own place under the limit and carries fresh credentials."""
    fake_send, limiter = FakeSend(NOT_SENT, NOT_SENT, ok_response()), FreeLimiter()
    run(stacked(fake_send, limiter)(*make_call()))
    assert len(limiter.acquired) == len(limiter.settled) == 3
    assert [request.headers["Authorization"] for request in fake_send.sent] == ["Bearer cal_x"] * 3


def test_each_layer_is_a_function_of_a_send():
    """Every layer takes a Send first, so that they can be stacked and tested one by one."""
    for layer in (observed, limited, authenticated, retrying):
        assert next(iter(inspect.signature(layer).parameters)) == "send"


@pytest.mark.parametrize(
    ("step", "settled"),
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
def test_every_place_is_given_back_with_what_was_learnt(step, settled):
    """However an attempt ends, the limiter hears of it: limits from any answer, the wait from a 429."""
    limiter, observer = FreeLimiter(), Observer()
    with suppress(CalcomError, RuntimeError):
        run(limited(FakeSend(step), limiter, Config(), observer)(*make_call()))
    assert limiter.settled == [settled]


@pytest.mark.parametrize(
    ("fields", "settings", "bucket"),
    [
        ({"rate_limit_key": "me"}, {}, Bucket("me", limit=120)),
        ({"rate_limit_key": "me", "default_limit": 500}, {}, Bucket("me", limit=500)),
        ({"rate_limit_key": "me", "default_limit": 500}, {"rate_limit": 9}, Bucket("me", limit=9)),
        ({"rate_limit_key": "me", "endpoint_limit": EndpointLimit("booking_guests_add", 5)}, {"rate_limit": 9},
         Bucket("me", "booking_guests_add", 5)),
    ],
)  # fmt: skip
def test_what_a_request_counts_against(fields, settings, bucket):
    """The caller's own limit, from the settings or the documented one; or the limit of the one operation."""
    limiter = FreeLimiter()
    run(limited(FakeSend(), limiter, Config(max_wait=3, **settings), Observer())(*make_call(priority=4, **fields)))
    assert limiter.acquired == [(bucket, 4, 3)]


def test_a_signed_request_says_whose_it_is_and_where():
    """The same key on two servers is counted twice, and the key itself is in no bucket."""
    fake_send = FakeSend()
    run(authenticated(fake_send, ApiKey("cal_x"), "https://a/v2")(*make_call(headers={"cal-api-version": "1"})))
    run(authenticated(fake_send, ApiKey("cal_x"), "https://b/v2")(*make_call()))
    first, second = fake_send.contexts
    assert fake_send.sent[0].headers == {"cal-api-version": "1", "Authorization": "Bearer cal_x"}
    assert first.rate_limit_key.startswith("https://a/v2 ")
    assert first.rate_limit_key != second.rate_limit_key
    assert "cal_x" not in first.rate_limit_key


# -------------------------------------------------------------------------------------------------------- the events


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (Response(200, {}, b"{}", 0.5), (200, 0.5, None)),
        (Response(200, {name.replace("_", "-"): text for name, text in LIMITS.items()}, b"{}", 0.5), (200, 0.5, 7)),
        (Response(404, {}, b"{}", 0.25), (404, 0.25, None)),
        (LOST, (None, 1.0, None)),
        (DecodeError("too large"), (None, 0.0, None)),
    ],
)
def test_every_attempt_is_told(step, told):
    """An attempt gives one event, answered or not, by the path's template."""
    recorder = EventRecorder()
    request = Request(method="GET", route="/bookings/{}", path="/bookings/secret-uid")
    outcome(observed(FakeSend(step), Observer(recorder)), (request, CallContext(attempt=2)))
    [event] = recorder.events
    assert (event.status, event.seconds, event.remaining) == told
    assert (event.kind, event.method, event.path, event.attempt) == ("request", "GET", "/bookings/{}", 2)


def test_a_wait_for_the_limit_is_told():
    """A call that had to wait says how long; one that did not says nothing."""
    recorder = EventRecorder()
    for waited in (0.0, 2.5):
        run(limited(FakeSend(), FreeLimiter(waited), Config(), Observer(recorder))(*make_call()))
    assert [(event.kind, event.seconds) for event in recorder.events] == [("wait", 2.5)]
