"""The remaining differences of the sandbox from recorded responses, each with its reason."""

from __future__ import annotations

_MOVED = {
    "body.data.bookingFieldsResponses.location": "recorded after the location of the booking had been changed",
}
DIFFERENCES: dict[str, dict[str, str]] = {"bookings_reschedule": _MOVED, "bookings_cancel": _MOVED}
"""Name of the exchange -> place -> why the sandbox differs there."""

NOT_REPEATED: dict[str, str] = {
    "auth_expired_key_401": "needs an API key that has expired",
    "bookings_create_race_identical_0": "two requests at the same moment; test_races.py has the races",
    "bookings_create_race_identical_1": "two requests at the same moment; test_races.py has the races",
    **dict.fromkeys(
        ("ratelimit_low_request_1", "ratelimit_low_429", "ratelimit_low_429_after_10s"),
        "needs an API key with a low limit, and waits; test_rate_limiter.py has the limits",
    ),
    **dict.fromkeys(
        ("ratelimit_two_limits_ok", "ratelimit_two_limits_429"),
        "needs an API key with two limits; test_rate_limiter.py has the limits",
    ),
}
"""Recorded exchanges that the script does not repeat, and why."""
