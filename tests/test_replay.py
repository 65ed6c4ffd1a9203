"""The command line exports bookings recorded from a real server, with its paging, order and rate limit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cli_process import run_cli
from timeouts import TIMEOUT, free_port

from calcom_async import Calcom

pytestmark = pytest.mark.slow
BOOKINGS = 1_254


@dataclass
class Replay:
    """A running replay server: its URL, and its counters after the end."""

    url: str
    summary: dict[str, int] = field(default_factory=dict)


@contextmanager
def replaying(shared: Path, options: Sequence[str]) -> Iterator[Replay]:
    port = free_port()
    program = shared / "tools" / "replay.py"
    with subprocess.Popen(
        [sys.executable, str(program), "--port", str(port), *options], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        assert str(BOOKINGS) in server.stdout.readline(), "it did not start"
        replay = Replay(f"http://127.0.0.1:{port}")
        try:
            yield replay
        finally:
            server.terminate()
            output, _ = server.communicate(timeout=TIMEOUT)
            replay.summary.update(json.loads(output.splitlines()[-1]))


def recorded(shared: Path) -> set[str]:
    """Return the uids of the recorded bookings, which exist for the whole replay."""
    pages = (shared / "reference" / "real" / "bookings_walk").glob("skip-*.json")
    return {row["uid"] for page in pages for row in json.loads(page.read_text("utf-8"))["data"]}


def exported(replay: Replay, file: Path, *options: str) -> Counter[str]:
    """Export to a file and count each uid in it."""
    run = run_cli("export", "bookings", "--base-url", replay.url, "--api-key", "cal_x", "-o", file, *options)
    assert run.returncode == 0, run.stderr
    assert "warning" not in run.stderr
    return Counter(json.loads(line)["uid"] for line in file.read_text("utf-8").splitlines())


UNLIMITED = ["--limit", "100000"]
TIGHT = ["--limit", "30", "--window", "5", "--block", "10"]


@pytest.mark.parametrize("options", [[], ["--ties"], ["--ties", "--churn", "5"]], ids=" ".join)
@pytest.mark.parametrize("take", ["50", "250"])
def test_every_recorded_booking_is_exported(options: list[str], take: str, shared: Path, tmp_path: Path) -> None:
    """Bookings that exist for the whole run are exported once, while others share their times, appear and change."""
    with replaying(shared, [*UNLIMITED, *options]) as replay:
        counts = exported(replay, tmp_path / "out.jsonl", "--page-size", take)
    assert recorded(shared) <= counts.keys()
    assert set(counts.values()) == {1}
    assert replay.summary["alive_throughout"] == BOOKINGS


def test_every_order_of_ties(shared: Path, tmp_path: Path) -> None:
    """No order of equal times hides a booking."""
    with replaying(shared, [*UNLIMITED, "--ties", "--churn", "5"]) as replay:
        for number in range(10):
            counts = exported(replay, tmp_path / f"{number}.jsonl", "--page-size", "50")
            assert recorded(shared) <= counts.keys()
            assert set(counts.values()) == {1}


def test_a_tight_limit(shared: Path, tmp_path: Path) -> None:
    """Under a small rate limit no booking is lost, and no request is rejected after the first window."""
    with replaying(shared, [*TIGHT, "--ties", "--churn", "5"]) as replay:
        counts = exported(replay, tmp_path / "out.jsonl", "--page-size", "50")
    assert recorded(shared) <= counts.keys()
    assert set(counts.values()) == {1}
    assert replay.summary["refused"] == 0


def test_waits_are_announced(shared: Path, tmp_path: Path) -> None:
    """Under a tight rate limit requests wait, with a notice, and are not rejected."""
    tight = ["--limit", "5", "--window", "2", "--block", "4"]
    with replaying(shared, tight) as replay:
        options = ["--base-url", replay.url, "--api-key", "cal_x", "--page-size", "60"]
        run = run_cli("export", "bookings", *options, "-o", tmp_path / "out.csv")
    assert run.returncode == 0, run.stderr
    assert "calls left" in run.stderr
    assert "s waited for the rate limit" in run.stderr
    assert replay.summary["requests"] >= BOOKINGS / 60
    assert replay.summary["refused"] <= 1


@pytest.mark.parametrize("prefetch", [0, 4])
async def test_a_list_with_ties_is_complete_in_few_requests(shared: Path, prefetch: int) -> None:
    """A list whose rows share times is exact at 50 rows per page, and costs at most 60 requests."""
    with replaying(shared, [*UNLIMITED, "--ties"]) as replay:
        async with Calcom("cal_x", base_url=replay.url) as cal:
            counts = [booking.uid async for booking in cal.bookings.list(take=50, prefetch=prefetch, strict=True)]
    assert Counter(counts) == Counter(recorded(shared))
    assert replay.summary["requests"] <= 60
