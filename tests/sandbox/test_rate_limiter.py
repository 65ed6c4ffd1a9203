"""The rate limiter: windows, blocks, several limits, and who is counted."""

from __future__ import annotations

import asyncio
import json

import pytest
from http_client import send_request

from calcom_async.sandbox import Limit, Sandbox
from calcom_async.sandbox.http.messages import HttpRequest
from calcom_async.sandbox.http.rate_limiter import RateLimiter, rate_limit_error, rate_limit_headers
from calcom_async.sandbox.http.routing import Route, RouteTable


def hit(throttler, now, *limits, times=1):
    """Return the statuses of some requests at one time."""
    return [429 if rate_limit_error(throttler.hit("me", limits, now)) else 200 for _ in range(times)]


def test_window_and_block():
    """One request above the limit blocks for the block time; rejected requests do not extend it."""
    throttler, limit = RateLimiter(), Limit("default", 3, window=60, block=60)
    assert hit(throttler, 100.0, limit, times=4) == [200, 200, 200, 429]
    assert hit(throttler, 130.0, limit) == [429]
    assert hit(throttler, 159.9, limit) == [429]
    assert hit(throttler, 160.0, limit) == [200]


def test_window_is_fixed_from_the_first_hit():
    """The window starts with its first request; the next one starts with the first request after it."""
    throttler, limit = RateLimiter(), Limit("default", 2, window=10, block=60)
    assert hit(throttler, 0.0, limit) + hit(throttler, 9.0, limit) + hit(throttler, 10.0, limit) == [200] * 3


def test_requests_during_a_block_may_start_another():
    """Rejected requests count for the window that begins during the block, so the next request is rejected too."""
    throttler, limit = RateLimiter(), Limit("default", 3, window=4, block=4)
    answers = [hit(throttler, index * 0.4, limit)[0] for index in range(20)]
    assert answers[:3] == [200] * 3
    assert set(answers[3:]) == {429}


def test_waiting_for_the_reset_gives_a_new_window():
    """A client that waits for Reset gets a new window."""
    throttler, limit = RateLimiter(), Limit("default", 3, window=4, block=4)
    hit(throttler, 0.0, limit, times=4)
    (verdict,) = throttler.hit("me", [limit], 4.0)
    assert (verdict.blocked, verdict.remaining) == (False, 2)


def test_two_limits():
    """A request is rejected only if all limits are blocked; each has its own window and block."""
    throttler = RateLimiter()
    limits = (Limit("burst", 4, window=3, block=2), Limit("daily", 8, window=20, block=6))
    assert hit(throttler, 0.0, *limits, times=14) == [200] * 8 + [429] * 6
    assert hit(throttler, 2.5, *limits) == [429]
    verdicts = throttler.hit("me", limits, 6.6)
    assert rate_limit_error(verdicts) is None
    assert rate_limit_headers(verdicts) == {
        "X-RateLimit-Limit-Burst": "4",
        "X-RateLimit-Remaining-Burst": "3",
        "X-RateLimit-Reset-Burst": "3",
        "X-RateLimit-Limit-Daily": "8",
        "X-RateLimit-Remaining-Daily": "0",
        "X-RateLimit-Reset-Daily": "6",
    }


def test_reset_is_in_whole_seconds_rounded_up():
    """Reset is in whole seconds, rounded up."""
    throttler, limit = RateLimiter(), Limit("default", 5, window=60, block=60)
    resets = [throttler.hit("me", [limit], now)[0].reset for now in (0.0, 0.4, 59.0, 59.9)]
    assert resets == [60, 60, 1, 1]


def test_callers_have_separate_limits():
    """Callers have separate limits, and old counters are dropped."""
    throttler, limit = RateLimiter(), Limit("default", 1, window=1, block=1)
    for number in range(12_000):
        throttler.hit(str(number), [limit], float(number))
    assert len(throttler._counts) < 11_000
    throttler.clear()
    assert hit(throttler, 0.0, limit, times=2) == [200, 429]
    assert rate_limit_error(throttler.hit("you", [limit], 0.0)) is None


def test_the_response_of_a_429():
    """The last allowed response has Remaining 0; the error has text details and no Retry-After."""
    with Sandbox(rate_limit=2) as sandbox:
        first, last, refused = (send_request(sandbox, "GET", "/v2/me") for _ in range(3))
    assert first.rate_limit == {"Limit-Default": 2, "Remaining-Default": 1, "Reset-Default": 60}
    assert last.rate_limit["Remaining-Default"] == 0
    assert refused.status == 429
    text = "CustomThrottlerGuard - Too many requests. Please try again later."
    assert refused.body["error"] == {"code": "ThrottlerException", "message": text, "details": text}
    assert refused.rate_limit == {"Limit-Default": 2, "Remaining-Default": 0, "Reset-Default": 60}
    assert "Retry-After" not in refused.headers


def test_requests_are_counted_before_authentication():
    """Anonymous callers are counted by IP address, and get 429 rather than 401 above the limit."""
    with Sandbox(rate_limit=2) as sandbox:
        assert [send_request(sandbox, "GET", "/v2/me", key=None).status for _ in range(3)] == [401, 401, 429]
        assert send_request(sandbox, "GET", "/v2/me").rate_limit["Remaining-Default"] == 1


def test_requests_that_are_not_counted():
    """Unknown routes, unknown keys, OPTIONS and invalid JSON do not count."""
    with Sandbox(rate_limit=2) as sandbox:
        assert send_request(sandbox, "GET", "/v2/nope").rate_limit == {}
        assert send_request(sandbox, "OPTIONS", "/v2/me").rate_limit == {}
        assert (
            send_request(sandbox, "PATCH", "/v2/me", b"{", headers={"Content-Type": "application/json"}).rate_limit
            == {}
        )
        unknown = send_request(sandbox, "GET", "/v2/me", key="cal_unknown")
        assert (unknown.status, unknown.message, unknown.rate_limit) == (
            401,
            "CustomThrottlerGuard - Invalid API Key",
            {},
        )
        assert send_request(sandbox, "PATCH", "/v2/me", {"timeZone": "Mars"}).rate_limit["Remaining-Default"] == 1


def test_named_limits_of_a_key():
    """A key with its own limits gets three headers for each of them instead of the default ones."""
    with Sandbox() as sandbox:
        sandbox.store.limits["cal_sandbox"] = [Limit("short", 3, 4, 2), Limit("long", 6)]
        reply = send_request(sandbox, "GET", "/v2/me")
        assert reply.rate_limit == {
            "Limit-Short": 3, "Remaining-Short": 2, "Reset-Short": 4,
            "Limit-Long": 6, "Remaining-Long": 5, "Reset-Long": 60,
        }  # fmt: skip
        assert set(send_request(sandbox, "GET", "/v2/me", key="cal_sandbox_bo").rate_limit) == {
            "Limit-Default", "Remaining-Default", "Reset-Default",
        }  # fmt: skip


@pytest.mark.parametrize("credentials", [{"Authorization": "cal_sandbox"}, {}])
def test_endpoint_limit_replaces_the_default(credentials):
    """An endpoint limit is counted per caller for all path parameters, and does not count for the default limit."""
    sandbox = Sandbox()
    routes = [
        Route("POST", "/v2/g/{id}", lambda call: None, auth="optional", limit=("booking_guests_add", 5)),
        Route("GET", "/v2/g", lambda call: None, auth="optional"),
    ]
    server = sandbox.server(RouteTable(routes))

    def send(method, path):
        return asyncio.run(server.handle(HttpRequest(method, path, "", credentials, b"", "ip")))

    answers = [send("POST", f"/v2/g/{n}") for n in range(6)]
    assert [send.status for send in answers] == [200] * 5 + [429]
    assert "X-RateLimit-Limit-Default" not in answers[0].headers
    assert answers[5].headers["X-RateLimit-Reset-Booking_guests_add"] == "60"
    other = send("GET", "/v2/g")
    assert other.headers["X-RateLimit-Remaining-Default"] == "999999"


@pytest.mark.parametrize("name", ["ratelimit_low_429", "ratelimit_two_limits_429", "ratelimit_two_limits_ok"])
def test_headers_are_the_recorded_ones(shared, name):
    """Remaining and Reset equal the recorded ones for the recorded limits."""
    response = json.loads((shared / "reference/real" / f"{name}.json").read_text())["response"]
    recorded = {key: value for key, value in response["headers"].items() if key.startswith("X-RateLimit")}
    two = [Limit("short", 3, window=2, block=2), Limit("long", 6)]
    limits = two if "two" in name else [Limit("default", 5)]
    throttler = RateLimiter()
    verdicts = [throttler.hit("me", limits, 0.0) for _ in range(1 if name.endswith("ok") else 7)][-1]
    assert rate_limit_headers(verdicts) == recorded
