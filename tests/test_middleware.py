"""What each layer adds to a Send, and what is repeated: error x operation as one table, deadlines in virtual time."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_ins import Diary, Script, answer, ask, refusal
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
from calcom_async.middleware import RetryBudget, authorized, limited, observed, retrying
from calcom_async.rate_limiter import DEFAULT_RETRY_AFTER, Bucket, Permit
from calcom_async.wire import Request, Response, Throttle

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


def through(send: Any, diary: Diary | None = None, budget: RetryBudget | None = None, **settings: Any) -> Any:
    config = Config(**settings)
    return retrying(send, config, budget or RetryBudget(config.retry_budget), Observer(diary))


def outcome(send: Any, request: Request) -> Response | CalcomError:
    try:
        return run(send(request))
    except CalcomError as error:
        return error


# ------------------------------------------------------------------------------------------------ what is repeated

POLICY = {
    # trouble: (repeated if repeatable, repeated if not)
    "429 with a time to wait": (refusal(429, "ThrottlerException", **LATER), True, True),
    "429 without": (refusal(429, None), True, True),
    "never sent": (NOT_SENT, True, True),
    "connecting took too long": (TimedOutError("slow", sent=False), True, True),
    "answer lost": (LOST, True, False),
    "no answer in time": (TimedOutError("slow", sent=True), True, False),
    "500": (refusal(500, "INTERNAL_SERVER_ERROR"), True, False),
    "502 of a proxy": (refusal(502), True, False),
    "503": (refusal(503), True, False),
    "400": (refusal(400, "BadRequestException"), False, False),
    "401": (refusal(401, "UnauthorizedException"), False, False),
    "403": (refusal(403, "ForbiddenException"), False, False),
    "404": (refusal(404, "NotFoundException"), False, False),
    "409": (refusal(409, None), False, False),
    "418": (refusal(418), False, False),
    "422": (refusal(422, "UnprocessableEntityException"), False, False),
    "498": (refusal(498, "TokenExpiredException"), False, False),
    "301": (refusal(301), False, False),
    "an answer that is too large": (DecodeError("too large"), False, False),
    "an argument that cannot be sent": (InvalidRequestError("naive"), False, False),
    "no room under the limit within max_wait": (RateLimitedError("nothing was sent", retry_after=9.0), False, False),
}


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("trouble", POLICY)
def test_what_is_repeated(trouble, repeatable):
    """429 and "never sent" always; 5xx and "answer lost" only what may be done twice; nothing else ever."""
    step, if_repeatable, otherwise = POLICY[trouble]
    script = Script(step, answer("done"))
    result = outcome(through(script), ask("POST", repeatable=repeatable))
    expected = if_repeatable if repeatable else otherwise
    assert isinstance(result, Response) is expected
    assert len(script.sent) == (2 if expected else 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_verb_decides_nothing(method):
    """Whether a call may be repeated is a property of the operation, whatever its verb."""
    for repeatable in (True, False):
        script = Script(LOST, answer())
        assert isinstance(outcome(through(script), ask(method, repeatable=repeatable)), Response) is repeatable


def test_attempts_are_counted_in_the_request():
    """Every attempt carries its number, for events."""
    script = Script(NOT_SENT, NOT_SENT, answer())
    run(through(script)(ask()))
    assert [request.attempt for request in script.sent] == [1, 2, 3]


@pytest.mark.parametrize("trouble", ["never sent", "429 without", "503"])
def test_no_more_attempts_than_allowed(trouble):
    """After `max_attempts` the last error is raised as it came."""
    step = POLICY[trouble][0]
    script = Script(step)
    result = outcome(through(script, max_attempts=3), ask(repeatable=True))
    assert len(script.sent) == 3
    assert not isinstance(result, TimedOutError)


def test_pauses_are_full_jitter_over_an_exponential(monkeypatch):
    """The n-th pause is drawn from 0 to base * 2^n, at most to the cap."""
    drawn = []
    monkeypatch.setattr(random, "uniform", lambda low, high: drawn.append((low, high)) or high)
    diary = Diary()
    outcome(through(Script(NOT_SENT), diary, max_attempts=6, backoff_base=0.5, backoff_cap=3), ask())
    assert drawn == [(0, 0.5), (0, 1.0), (0, 2.0), (0, 3), (0, 3)]
    assert [event.seconds for event in diary.of("retry")] == [high for _, high in drawn]


def test_the_pause_is_slept():
    """A repeat comes after its pause, and the pause is told before it."""

    async def scene() -> tuple[float, float]:
        began = now()
        await through(Script(NOT_SENT, answer()), diary, backoff_base=20)(ask())
        return now() - began, diary.events[0].seconds

    diary = Diary()
    slept, told = run(scene())
    assert slept == pytest.approx(told)
    assert [event.kind for event in diary.events] == ["retry"]


# ---------------------------------------------------------------------------------------------------- the deadline


def lasting(seconds: float, error: type[TimedOutError] = TimedOutError) -> Any:
    async def attempt(request: Request) -> Response:
        allowed = min(seconds, request.timeout or 60.0)
        await asyncio.sleep(allowed)
        raise error("slow", sent=True, seconds=allowed)

    return attempt


def test_the_deadline_bounds_all_attempts_together():
    """Attempts and pauses together never exceed the deadline; the error says so and keeps the last one's as cause."""

    async def scene() -> float:
        began = now()
        with pytest.raises(TimedOutError, match="gave up after") as caught:
            await through(script, deadline=100.0, max_attempts=50)(ask(repeatable=True))
        assert isinstance(caught.value.__cause__, TimedOutError)
        assert caught.value.sent
        return now() - began

    script = Script(lasting(60))
    assert run(scene()) <= 100.0
    assert script.sent[1].timeout <= 40.0


def test_an_attempt_gets_what_is_left():
    """A first attempt with a deadline shorter than the timeout is bounded by the deadline."""
    script = Script(answer())
    run(through(script, deadline=5.0, timeout=60.0)(ask()))
    assert script.sent[0].timeout == 5.0
    run(through(script, deadline=300.0, timeout=60.0)(ask()))
    assert script.sent[1].timeout is None


def test_waiting_for_the_limit_is_no_part_of_the_deadline():
    """A call that waits an hour for its turn still has its whole deadline."""

    async def turn(request: Request) -> Response:
        await asyncio.sleep(3600)
        return await script(request)

    script = Script(LOST, answer("done"))
    assert isinstance(outcome(through(turn, deadline=61.0), ask(repeatable=True)), Response)


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

    async def attempt(request: Request) -> Response:
        calls.append(request)
        return await lasting(lengths[len(calls) % len(lengths)])(request)

    async def scene() -> float:
        began = now()
        send = through(attempt, RetryBudget(5), deadline=deadline, max_attempts=attempts, backoff_base=base)
        with pytest.raises(TimedOutError):
            await send(ask(repeatable=True))
        return now() - began

    def through(send: Any, budget: RetryBudget, **fields: Any) -> Any:
        return retrying(send, Config(**fields), budget, Observer())

    assert run(scene()) <= deadline + 1e-6
    assert len(calls) <= attempts


# ------------------------------------------------------------------------------------------------- the retry budget


def test_the_budget_is_shared_by_all_calls():
    """When everything fails, repeats are a part of the calls, not a multiple."""
    script = Script(NOT_SENT)
    budget = RetryBudget(0.2)
    send = through(script, budget=budget)

    async def scene() -> None:
        for _ in range(200):
            with pytest.raises(ConnectionFailedError):
                await send(ask())

    run(scene())
    repeats = len(script.sent) - 200
    assert 40 <= repeats <= 40 + RetryBudget.FULL


def test_a_429_costs_no_budget():
    """The limiter paces what was refused, so an empty budget does not keep it from being repeated."""
    budget = RetryBudget(0.0)
    budget.left = 0.0
    assert isinstance(outcome(through(Script(refusal(429), answer()), budget=budget), ask()), Response)
    assert isinstance(outcome(through(Script(NOT_SENT, answer()), budget=budget), ask()), ConnectionFailedError)


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
    return retrying(authorized(limits, ApiKey("cal_x"), "here"), config, RetryBudget(0.2), observer)


@pytest.mark.parametrize("asked", [2, 40, 3000])
def test_the_servers_waiting_time_is_never_shortened(asked):
    """After a 429 nothing goes to the server before the time that it said, whoever asks."""
    reset = {**LATER, "x_ratelimit_reset_default": str(asked)}
    times: list[float] = []

    async def server(request: Request) -> Response:
        times.append(now())
        return await Script(refusal(429, "ThrottlerException", **reset) if len(times) == 1 else answer())(request)

    async def scene() -> None:
        send = stacked(server, TokenBucket(), deadline=3600.0)
        first = asyncio.create_task(send(ask()))
        await asyncio.sleep(0.1)
        await asyncio.gather(first, *(send(ask()) for _ in range(5)))

    run(scene())
    assert len(times) == 7
    assert min(times[1:]) - times[0] >= asked


def test_a_429_is_repeated_only_through_the_limiter():
    """With a time from the server there is no pause of our own: the repeat waits in the limiter's line."""
    script, diary, limiter = Script(refusal(429, None, **LATER), answer()), Diary(), FreeLimiter()
    config, observer = Config(), Observer(diary)
    send = retrying(limited(script, limiter, config, observer), config, RetryBudget(0.2), observer)
    run(send(ask()))
    assert [event.seconds for event in diary.of("retry")] == [0.0]
    assert len(limiter.acquired) == 2
    assert limiter.settled[0] == ((RateLimit("default", 120, 0, 40.0),), 40.0, True)


@pytest.mark.parametrize("headers", [{**LATER, "x_ratelimit_reset_default": "500"}, {"retry_after": "500"}])
def test_a_wait_longer_than_the_deadline_is_an_error_at_once(headers):
    """When one response demands more than what is left, the call ends with the wait in the error, and sends no more."""

    async def scene() -> float:
        began = now()
        with pytest.raises(RateLimitedError, match="asks to wait 500 s, longer than the 300 s") as caught:
            await stacked(script, TokenBucket(), deadline=300.0)(ask())
        assert caught.value.retry_after == 500
        assert caught.value.__cause__ is not None
        return now() - began

    script = Script(refusal(429, **headers), answer())
    assert run(scene()) == 0
    assert len(script.sent) == 1


def test_the_wait_that_a_429_demands_counts_towards_the_deadline():
    """Two waits of 40 s do not fit into 60 s; the time in the queue of the limiter does."""
    script = Script(refusal(429, **LATER), refusal(429, **LATER), answer())

    async def scene() -> None:
        with pytest.raises(RateLimitedError, match="asks to wait 40 s, longer than the 20 s that are left of the 60 s"):
            await stacked(script, TokenBucket(), deadline=60.0)(ask())

    run(scene())
    assert len(script.sent) == 2


def test_a_429_without_a_time_backs_off(monkeypatch):
    """A refusal that does not say how long is followed by a pause of our own."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    diary = Diary()
    run(through(Script(refusal(429), answer()), diary, backoff_base=7)(ask()))
    assert [event.seconds for event in diary.of("retry")] == [7]


def test_a_proxys_retry_after_is_kept_with_5xx():
    """A 503 with Retry-After is not repeated sooner, and not at all if that is past the deadline."""
    diary = Diary()
    run(through(Script(refusal(503, retry_after="30"), answer()), diary)(ask(repeatable=True)))
    assert diary.events[0].seconds == 30.0
    script = Script(refusal(503, retry_after="3000"), answer())
    result = outcome(through(script), ask(repeatable=True))
    assert isinstance(result, TimedOutError)
    assert isinstance(result.__cause__, ServerError)
    assert len(script.sent) == 1


def test_max_wait_turns_a_long_wait_into_an_error_at_once():
    """When the limiter says no, the call ends there: nothing was sent and nothing is repeated."""
    script = Script(refusal(429, None, **LATER), answer())

    async def scene() -> float:
        began = now()
        with pytest.raises(RateLimitedError, match="nothing was sent"):
            await stacked(script, TokenBucket(), max_wait=5.0)(ask())
        return now() - began

    assert run(scene()) < 1.0
    assert len(script.sent) == 1


# --------------------------------------------------------------------------------------------------- order of layers


def test_every_attempt_pays_and_signs_for_itself():
    """Retry is outermost: each attempt takes its own place under the limit and carries fresh credentials."""
    script, limiter = Script(NOT_SENT, NOT_SENT, answer()), FreeLimiter()
    run(stacked(script, limiter)(ask()))
    assert len(limiter.acquired) == len(limiter.settled) == 3
    assert [request.headers["Authorization"] for request in script.sent] == ["Bearer cal_x"] * 3


def test_each_layer_is_a_function_of_a_send():
    """Every layer takes a Send first, so that they can be stacked and tested one by one."""
    for layer in (observed, limited, authorized, retrying):
        assert next(iter(inspect.signature(layer).parameters)) == "send"


@pytest.mark.parametrize(
    ("step", "settled"),
    [
        (answer(None, 200, **LIMITS), ((RateLimit("default", 120, 7, 30.0),), None, True)),
        (answer(), ((), None, True)),
        (refusal(404, "NotFoundException", **LIMITS), ((RateLimit("default", 120, 7, 30.0),), None, True)),
        (refusal(429, None, **LATER), ((RateLimit("default", 120, 0, 40.0),), 40.0, True)),
        (refusal(429), ((), DEFAULT_RETRY_AFTER, True)),
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
        run(limited(Script(step), limiter, Config(), observer)(ask()))
    assert limiter.settled == [settled]


@pytest.mark.parametrize(
    ("fields", "settings", "bucket"),
    [
        ({"caller": "me"}, {}, Bucket("me", limit=120)),
        ({"caller": "me", "budget": 500}, {}, Bucket("me", limit=500)),
        ({"caller": "me", "budget": 500}, {"rate_limit": 9}, Bucket("me", limit=9)),
        ({"caller": "me", "throttle": Throttle("booking_guests_add", 5)}, {"rate_limit": 9},
         Bucket("me", "booking_guests_add", 5)),
    ],
)  # fmt: skip
def test_what_a_request_counts_against(fields, settings, bucket):
    """The caller's own limit, from the settings or the documented one; or the limit of the one operation."""
    limiter = FreeLimiter()
    run(limited(Script(), limiter, Config(max_wait=3, **settings), Observer())(ask(priority=4, **fields)))
    assert limiter.acquired == [(bucket, 4, 3)]


def test_a_signed_request_says_whose_it_is_and_where():
    """The same key on two servers is counted twice, and the key itself is in no bucket."""
    script = Script()
    run(authorized(script, ApiKey("cal_x"), "https://a/v2")(ask(headers={"cal-api-version": "1"})))
    run(authorized(script, ApiKey("cal_x"), "https://b/v2")(ask()))
    first, second = script.sent
    assert first.headers == {"cal-api-version": "1", "Authorization": "Bearer cal_x"}
    assert first.caller.startswith("https://a/v2 ")
    assert first.caller != second.caller
    assert "cal_x" not in first.caller


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
    diary = Diary()
    request = ask(path="/bookings/secret-uid")
    request = Request(method="GET", template="/bookings/{}", path=request.path, attempt=2)
    outcome(observed(Script(step), Observer(diary)), request)
    [event] = diary.events
    assert (event.status, event.seconds, event.remaining) == told
    assert (event.kind, event.method, event.path, event.attempt) == ("request", "GET", "/bookings/{}", 2)


def test_a_wait_for_the_limit_is_told():
    """A call that had to wait says how long; one that did not says nothing."""
    diary = Diary()
    for waited in (0.0, 2.5):
        run(limited(Script(), FreeLimiter(waited), Config(), Observer(diary))(ask()))
    assert [(event.kind, event.seconds) for event in diary.events] == [("wait", 2.5)]
