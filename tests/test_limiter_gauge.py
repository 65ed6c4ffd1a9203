"""What one limit lets go, and what answers teach it: arithmetic, without a loop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from turns import told

from calcom_async.errors import RateLimit
from calcom_async.gauge import GRACE, Gauge


class TestGauge:
    """One named limit."""

    @given(limit=st.integers(1, 2000), window=st.floats(0.5, 90_000), lost=st.integers(0, 1))
    def test_the_unknown_pace_fits_any_window(self, limit: int, window: float, lost: int) -> None:
        """While nothing is known, no window of that length, wherever it begins, holds more than the limit."""
        gauge = Gauge(limit, window)
        gauge.lose(lost, 0.0)
        now, times = 0.0, []
        for _ in range(2 * limit + 2):
            now = max(now, gauge.ready_at(now, 0))
            gauge.sent(now)
            times.append(now)
        inside = window * (1 - 1e-9)
        assert all(later - first >= inside for first, later in zip(times, times[limit:], strict=False))

    @given(
        limit=st.integers(2, 500),
        latency=st.floats(0.001, 5),
        steps=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 1)), min_size=1, max_size=30),
    )
    def test_the_end_of_the_window_is_never_placed_too_early(
        self, limit: int, latency: float, steps: list[tuple[float, float]]
    ) -> None:
        """Whatever the latencies, the server's window has ended when we say that it has."""
        gauge, sent = Gauge(limit, 60.0), 1000.0
        true_end = sent + latency * steps[0][1] + 60
        for hits, (pause, part) in enumerate(steps[:limit], 1):
            counted = sent + latency * part
            if counted >= true_end:
                break
            reset = -(-(true_end - counted) // 1)
            gauge.learn(RateLimit("x", limit, limit - hits, reset), sent, sent + latency, 0, blocked=False)
            assert gauge.ends >= true_end
            sent += latency + pause

    def test_answers_narrow_the_end_of_the_window(self) -> None:
        """Reset is rounded up, so that later answers tell the end more exactly than the first."""
        gauge = Gauge(120, 60)
        gauge.learn(told(119, 60)[0], 0.0, 0.1, 0, blocked=False)
        assert gauge.ends == pytest.approx(60.1 + GRACE)
        gauge.learn(told(118, 50)[0], 9.9, 10.05, 0, blocked=False)
        assert gauge.ends == pytest.approx(60.05 + GRACE)

    def test_a_higher_remaining_is_not_believed(self) -> None:
        """Answers overtake each other; the lowest Remaining of the window is the true one."""
        gauge = Gauge(120, 60)
        gauge.learn(told(100)[0], 0.0, 0.1, 0, blocked=False)
        gauge.learn(told(110)[0], 0.0, 0.2, 0, blocked=False)
        assert gauge.remaining == 100

    def test_an_answer_of_the_window_before_is_not_believed(self) -> None:
        """An answer that took nearly a whole window tells nothing of the window in which it arrives."""
        gauge = Gauge(120, 60)
        gauge.learn(told(119, 60)[0], 0.0, 0.1, 0, blocked=False)
        gauge.learn(told(119, 60)[0], 61.0, 61.1, 0, blocked=False)
        gauge.learn(told(3, 50)[0], 10.0, 70.0, 0, blocked=False)
        assert gauge.remaining == 119
        assert gauge.ends == pytest.approx(121.1 + GRACE)

    def test_the_end_of_a_block_does_not_shorten_the_window(self) -> None:
        """A limit that is blocked for 2 s in a window of 3 s is over again until the window ends."""
        gauge = Gauge(4, 3)
        gauge.learn(told(3, 3, 4)[0], 0.0, 0.1, 0, blocked=False)
        gauge.learn(told(0, 2, 4)[0], 0.2, 0.3, 0, blocked=True)
        assert gauge.ready_at(2.5, 0) == pytest.approx(3.1 + GRACE)

    def test_foreign_hits_are_counted_at_the_least(self) -> None:
        """Hits beyond ours are others', but a request in flight may be among the hits."""
        gauge = Gauge(120, 60)
        gauge.learn(told(110)[0], 0.0, 0.1, 4, blocked=False)
        assert gauge.foreign == 5

    def test_lost_requests_count_until_a_later_answer_has_counted_them(self) -> None:
        """Ten without an answer hold ten places; the answer to a later request tells what they really took."""
        gauge = Gauge(120, 60)
        gauge.learn(told(119)[0], 0.0, 0.1, 0, blocked=False)
        gauge.lose(10, 5.0)
        assert gauge.left(0) == 119 - 10 - 1
        gauge.learn(told(118, 55)[0], 4.9, 5.1, 0, blocked=False)
        assert gauge.left(0) == 118 - 10 - 1
        gauge.learn(told(107, 54)[0], 5.5, 5.6, 0, blocked=False)
        assert gauge.left(0) == 107 - 1
        assert gauge.foreign == 0

    def test_half_is_kept_for_others(self) -> None:
        """Beside somebody who took half of the last window, half of this one is ours, and no more."""
        gauge = Gauge(120, 60, before=60.0)
        for sent in range(61):
            gauge.learn(told(119 - sent)[0], 0.001 * sent, 0.001 * sent + 0.0005, 0, blocked=False)
        gauge.answered_at = 59.0
        assert gauge.ready_at(59.0, 0) == gauge.ends
