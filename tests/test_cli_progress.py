"""The display of an export's progress: waits for the rate limit, retries, and the time left."""

from __future__ import annotations

import os
import pty
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli_process import read_terminal, start_cli
from timeouts import TIMEOUT

from calcom_async.cli.progress import ProgressDisplay
from calcom_async.client import Stats
from calcom_async.events import ClientEvent
from calcom_async.export import ExportProgress


def make_stats(**changes: Any) -> Stats:
    """Return statistics with one rate limit."""
    bucket = SimpleNamespace(
        **{
            "blocked_for": 0.0,
            "waiting": 0,
            "in_flight": 0,
            "next_permit_in": 0.0,
            "limit": 120,
            "window": 60.0,
            "available": 9,
            **changes,
        }
    )
    return Stats(
        requests=1, retries=0, waits=0, rate_limited=0, pages=0, seconds_waited=0, connections=0, limits=[bucket]
    )


def make_event(**changes: Any) -> ClientEvent:
    """Return the event of one request."""
    return ClientEvent(**{"kind": "request", "method": "GET", "path": "/bookings", "status": 200, **changes})


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ({"waiting": 2, "next_permit_in": 12.2}, "waiting for the rate limit, 12 s"),
        ({"waiting": 2, "next_permit_in": 12.2, "blocked_for": 41.6}, "blocked by the rate limit for 42 s"),
        ({"waiting": 2, "next_permit_in": 12.2, "in_flight": 1}, "118 calls left"),
        ({}, "118 calls left"),
    ],
)
def test_the_progress_display_shows_waits(stats: dict[str, Any], expected: str) -> None:
    """The progress display shows a wait for the rate limit, or a block, with its seconds."""
    display = ProgressDisplay("bookings")
    display.on_event(make_event(remaining=118))
    display._read_limits(make_stats(**stats))
    assert expected in display._text()


def test_the_progress_display_shows_a_retry() -> None:
    """A retry is shown until the next response."""
    display = ProgressDisplay("bookings")
    display.on_event(make_event(kind="retry", status=503))
    assert "503, trying again" in display._text()
    display.on_event(make_event())
    assert "503" not in display._text()


def test_concurrent_waits_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages that wait during the same ten seconds count as ten seconds, not twenty."""
    display = ProgressDisplay("bookings")
    begun = display._waited_until
    monkeypatch.setattr(time, "monotonic", lambda: begun + 10)
    display.on_event(make_event(kind="wait", seconds=10.0))
    display.on_event(make_event(kind="wait", seconds=9.0))
    assert display.waited == 10.0


def test_the_progress_display_estimates_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row count, rate, calls left and remaining time are computed from the progress and the clock."""
    display = ProgressDisplay("bookings")
    display._started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: display._started + 10)
    display.on_event(make_event(remaining=7))
    display.on_progress(ExportProgress(1_000, 4_000))
    assert display._text() == "1,000 of 4,000 bookings, 100/s, 7 calls left, 0:00:30 to go"


def test_the_time_left_respects_the_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate after a burst of requests includes the minutes that the rate limit will add."""
    display = ProgressDisplay("bookings")
    display._started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: display._started + 1)
    for _ in range(100):
        display.on_event(make_event(remaining=20))
    display._read_limits(make_stats(limit=120))
    display.on_progress(ExportProgress(25_000, 100_000))
    assert display._text().endswith("0:02:20 to go")


def test_the_time_left_includes_the_wait_and_decreases(monkeypatch: pytest.MonkeyPatch) -> None:
    """During a wait the remaining time is at least the wait, and decreases with it."""
    display, texts = ProgressDisplay("bookings"), []
    begun = display._started
    monkeypatch.setattr(time, "monotonic", lambda: begun + 10)
    for _ in range(10):
        display.on_event(make_event(remaining=0))
    display.on_progress(ExportProgress(1_000, 1_500))
    for passed in range(45):
        monkeypatch.setattr(time, "monotonic", lambda passed=passed: begun + 10 + passed)
        display._read_limits(make_stats(waiting=1, next_permit_in=45.0 - passed))
        texts.append(display._text())
    assert texts[0].endswith("waiting for the rate limit, 45 s, 0:00:50 to go")
    assert texts[20].endswith("waiting for the rate limit, 25 s, 0:00:30 to go")
    monkeypatch.setattr(time, "monotonic", lambda: begun + 55)
    display.on_event(make_event(kind="wait", seconds=45.0))
    display._read_limits(make_stats())
    assert display._text().endswith("0:00:05 to go")


def test_the_time_left_includes_further_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that do not fit into the window after the wait add further windows to the estimate."""
    display = ProgressDisplay("bookings")
    begun = display._started
    monkeypatch.setattr(time, "monotonic", lambda: begun + 1)
    for _ in range(100):
        display.on_event(make_event(remaining=0))
    display.on_progress(ExportProgress(25_000, 100_000))
    display._read_limits(make_stats(limit=120, waiting=8, next_permit_in=59.0))
    # 59 s of waiting, then 300 requests: 120 at once and 180 in one and a half windows.
    assert display._text().endswith("0:02:29 to go")


def test_rows_of_an_earlier_run_do_not_count_for_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a resume, the rate and the remaining time are computed from the rows of this run only."""
    display = ProgressDisplay("bookings")
    begun = display._started
    monkeypatch.setattr(time, "monotonic", lambda: begun + 10)
    display.on_progress(ExportProgress(51_000, 52_000, 50_000))
    assert display._text() == "51,000 of 52,000 bookings, 100/s, 0:00:10 to go"


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    """On a terminal the progress bar is drawn on stderr, with rows and calls left."""
    terminal, stderr = pty.openpty()
    running = start_cli("--sandbox", "export", "bookings", "-o", tmp_path / "out.jsonl", stderr=stderr)
    os.close(stderr)
    drawn = b"".join(read_terminal(terminal)).decode()
    assert running.wait(TIMEOUT) == 0
    assert "━" in drawn
    assert "2,000 of 2,000 bookings" in drawn
    assert "calls left" in drawn
