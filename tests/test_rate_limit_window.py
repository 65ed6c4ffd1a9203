"""The estimate of a rate limit window: when it ends, and how many requests it permits."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from limiter_helpers import rate_limits

from calcom_async.errors import RateLimit
from calcom_async.rate_limit_window import (
    CLOCK_TOLERANCE,
    MAX_LIMIT,
    MAX_NAMED_LIMITS,
    MAX_RESET,
    WindowEstimate,
    plausible_limits,
)


class TestWindowEstimate:
    """The estimate of one named limit."""

    @given(limit=st.integers(1, 2000), seconds=st.floats(0.5, 90_000), unconfirmed=st.integers(0, 1))
    def test_the_pace_of_an_unknown_window_fits_any_window(self, limit: int, seconds: float, unconfirmed: int) -> None:
        """While nothing is known, no window of that length, wherever it begins, has more requests than the limit."""
        window = WindowEstimate(limit, seconds)
        window.mark_unconfirmed(unconfirmed, 0.0)
        now, times = 0.0, []
        for _ in range(2 * limit + 2):
            now = max(now, window.ready_at(now, 0))
            window.record_paced(now)
            times.append(now)
        inside = seconds * (1 - 1e-9)
        assert all(later - first >= inside for first, later in zip(times, times[limit:], strict=False))

    @given(
        limit=st.integers(2, 500),
        latency=st.floats(0.001, 5),
        steps=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 1)), min_size=1, max_size=30),
    )
    def test_the_end_of_the_window_is_never_too_early(
        self, limit: int, latency: float, steps: list[tuple[float, float]]
    ) -> None:
        """Whatever the latencies, the server's window has ended by the estimated time."""
        window, sent = WindowEstimate(limit, 60.0), 1000.0
        true_end = sent + latency * steps[0][1] + 60
        for hits, (pause, fraction) in enumerate(steps[:limit], 1):
            counted = sent + latency * fraction
            if counted >= true_end:
                break
            reset = -(-(true_end - counted) // 1)
            window.update(RateLimit("x", limit, limit - hits, reset), sent, sent + latency, 0, blocked=False)
            assert window.ends_by >= true_end
            sent += latency + pause

    def test_later_responses_narrow_the_end_of_the_window(self) -> None:
        """Reset is rounded up, so later responses make the end of the window more exact."""
        window = WindowEstimate(120, 60)
        window.update(rate_limits(119, 60)[0], 0.0, 0.1, 0, blocked=False)
        assert window.ends_by == pytest.approx(60.1 + CLOCK_TOLERANCE)
        window.update(rate_limits(118, 50)[0], 9.9, 10.05, 0, blocked=False)
        assert window.ends_by == pytest.approx(60.05 + CLOCK_TOLERANCE)

    def test_a_higher_remaining_is_ignored(self) -> None:
        """Responses can arrive out of order, so the lowest Remaining of a window counts."""
        window = WindowEstimate(120, 60)
        window.update(rate_limits(100)[0], 0.0, 0.1, 0, blocked=False)
        window.update(rate_limits(110)[0], 0.0, 0.2, 0, blocked=False)
        assert window.remaining == 100

    def test_a_response_of_the_previous_window_is_ignored(self) -> None:
        """A response that was counted in the previous window does not change the current one."""
        window = WindowEstimate(120, 60)
        window.update(rate_limits(119, 60)[0], 0.0, 0.1, 0, blocked=False)
        window.update(rate_limits(119, 60)[0], 61.0, 61.1, 0, blocked=False)
        window.update(rate_limits(3, 50)[0], 10.0, 70.0, 0, blocked=False)
        assert window.remaining == 119
        assert window.ends_by == pytest.approx(121.1 + CLOCK_TOLERANCE)

    def test_the_end_of_a_block_does_not_shorten_the_window(self) -> None:
        """A block of 2 s in a window of 3 s does not end before the window."""
        window = WindowEstimate(4, 3)
        window.update(rate_limits(3, 3, 4)[0], 0.0, 0.1, 0, blocked=False)
        window.update(rate_limits(0, 2, 4)[0], 0.2, 0.3, 0, blocked=True)
        assert window.ready_at(2.5, 0) == pytest.approx(3.1 + CLOCK_TOLERANCE)

    def test_requests_in_flight_are_not_requests_of_others(self) -> None:
        """Requests beyond ours count as other clients', except as many as are in flight."""
        window = WindowEstimate(120, 60)
        window.update(rate_limits(110)[0], 0.0, 0.1, 4, blocked=False)
        assert window.other_hits == 5

    def test_lost_requests_count_until_a_later_response(self) -> None:
        """Requests without a response count until the response to a later one shows what was used."""
        window = WindowEstimate(120, 60)
        window.update(rate_limits(119)[0], 0.0, 0.1, 0, blocked=False)
        window.mark_unconfirmed(10, 5.0)
        assert window.usable(0) == 119 - 10 - 1
        window.update(rate_limits(118, 55)[0], 4.9, 5.1, 0, blocked=False)
        assert window.usable(0) == 118 - 10 - 1
        window.update(rate_limits(107, 54)[0], 5.5, 5.6, 0, blocked=False)
        assert window.usable(0) == 107 - 1
        assert window.other_hits == 0

    @pytest.mark.parametrize(
        "invalid",
        [
            RateLimit("x", 120, 118, 86_400),
            RateLimit("x", 120, 119, 0),
            RateLimit("x", 1_000_000, 999_999, 60),
            RateLimit("x", 1_000_000, 119, 60),
            RateLimit("x", 7, 3, 60),
            RateLimit("x", 7, 3, 86_400),
        ],
    )
    def test_a_valid_response_corrects_an_invalid_one(self, invalid: RateLimit) -> None:
        """A response replaces what an earlier one contradicts: limit, count and times."""
        window = WindowEstimate(120, 60)
        window.update(rate_limits(119, 60)[0], 0.0, 0.1, 0, blocked=False)
        window.update(invalid, 10.0, 10.1, 0, blocked=False)
        window.update(rate_limits(117, 40)[0], 20.0, 20.1, 0, blocked=False)
        assert (window.limit, window.remaining) == (120, 117)
        assert window.ends_by == pytest.approx(60.1 + CLOCK_TOLERANCE)
        assert window.window <= 60
        assert window.ready_at(20.1, 0) == 20.1
        window.update(rate_limits(119, 60)[0], 61.0, 61.1, 0, blocked=False)
        assert window.ready_at(61.1, 0) == 61.1

    def test_a_window_of_a_day_needs_two_responses(self) -> None:
        """A window of a day counts only after a second response confirms it."""
        window = WindowEstimate(120, 60)
        window.update(rate_limits(119, 60)[0], 0.0, 0.1, 0, blocked=False)
        window.update(rate_limits(0, 86_400)[0], 1.0, 1.1, 0, blocked=False)
        assert window.ready_at(1.1, 0) == 1.1
        window.update(rate_limits(0, 86_400)[0], 2.0, 2.1, 0, blocked=False)
        assert window.ready_at(2.1, 0) > 86_000
        daily = WindowEstimate(120, 60)
        daily.update(rate_limits(0, 86_400)[0], 0.0, 0.1, 0, blocked=False)
        assert daily.ready_at(0.1, 0) <= 0.1
        daily.update(rate_limits(0, 86_400)[0], 1.0, 1.1, 0, blocked=False)
        assert daily.ready_at(1.1, 0) > 86_000

    def test_requests_before_our_first_do_not_count_as_sharing(self) -> None:
        """A client that joins a window uses the rest of it, and doubles its requests in flight."""
        window = WindowEstimate(120, 60)
        window.update(rate_limits(60, 40)[0], 0.0, 0.1, 0, blocked=False)
        assert not window.is_shared
        assert window.unused(0) == window.available(0.1, 0) == 60
        assert [window.ready_at(0.1, in_flight) <= 0.1 for in_flight in range(4)] == [True, True, False, False]
        window.update(rate_limits(59, 40)[0], 0.1, 0.2, 0, blocked=False)
        assert [window.ready_at(0.2, in_flight) <= 0.2 for in_flight in range(4)] == [True, True, True, False]

    def test_the_reserve_grows_with_the_number_of_clients(self) -> None:
        """The reserve is the ratio of other requests to ours with a margin, and larger after a 429."""
        window = WindowEstimate(120, 60, previous_other_hits=0.0)
        window.update(rate_limits(119, 60)[0], 0.0, 0.1, 0, blocked=False)
        window.update(rate_limits(109, 59)[0], 0.2, 0.3, 0, blocked=False)
        window.update(rate_limits(100, 59)[0], 0.4, 0.5, 0, blocked=False)
        assert window.other_hits / window.confirmed == pytest.approx(17 / 3)
        assert window.reserve == int(1.5 * 17 / 3 + 1)
        window.update(rate_limits(0, 59)[0], 0.6, 0.7, 0, blocked=True)
        assert window.reserve == 20

    def test_half_of_the_window_is_left_for_others(self) -> None:
        """If other clients used half of the previous window, half of this one is left for them."""
        window = WindowEstimate(120, 60, previous_other_hits=60.0)
        for sent in range(61):
            window.update(rate_limits(119 - sent)[0], 0.001 * sent, 0.001 * sent + 0.0005, 0, blocked=False)
        window.confirmed_at = 59.0
        assert window.ready_at(59.0, 0) == window.ends_by


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "expected"),
    [
        (120, 119, 60, (120, 119, 60)),
        (2**53 - 1, 2**53 - 2, 60, (MAX_LIMIT, MAX_LIMIT, 60)),
        (10**400, 119, 60, (MAX_LIMIT, 119, 60)),
        (120, 500, 60, (120, 120, 60)),
        (120, -3, 60, (120, 0, 60)),
        (120, float("nan"), 60, (120, 0, 60)),
        (float("inf"), 119.5, 60, (MAX_LIMIT, 119, 60)),
        (float("nan"), 119, 60, None),
        (0, 0, 60, (1, 0, 60)),
        (0, 50, 60, (1, 0, 60)),
        (120, 119, MAX_RESET, (120, 119, MAX_RESET)),
        (120, 119, MAX_RESET + 1, None),
        (120, 119, 1_800_000_000, None),
        (120, 119, -1, None),
        (120, 119, float("nan"), None),
        (120, 119, float("inf"), None),
        (-1, 0, 60, None),
    ],
)
def test_implausible_limits(limit: Any, remaining: Any, reset: float, expected: tuple[float, ...] | None) -> None:
    """A limit has a maximum, a count lies within it, and a window that is too long is ignored."""
    assert [
        msgspec.structs.astuple(limit_read)[1:]
        for limit_read in plausible_limits([RateLimit("x", limit, remaining, reset)])
    ] == ([expected] if expected else [])


def test_the_number_of_names_is_bounded() -> None:
    """Dozens of named limits in one response are cut to a few, each used once."""
    rate_limits_sent = [RateLimit(f"name {number // 2}", 5, number, 60) for number in range(100)]
    assert [rate_limit.name for rate_limit in plausible_limits(rate_limits_sent)] == [
        f"name {number}" for number in range(MAX_NAMED_LIMITS)
    ]
