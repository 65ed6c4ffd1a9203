"""The command line against bookings recorded from a real server, with its paging, its order and its rate limit."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from command_line import PATIENCE, calcom

BOOKINGS = 1_254


@dataclass
class Replay:
    """A running replay: its address, and after the end what it counted."""

    url: str
    summary: dict[str, int] = field(default_factory=dict)


@contextmanager
def replaying(shared: Path, options: Sequence[str]) -> Iterator[Replay]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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
            told, _ = server.communicate(timeout=PATIENCE)
            replay.summary.update(json.loads(told.splitlines()[-1]))


@pytest.mark.parametrize(
    "options",
    [
        ["--limit", "100000"],
        ["--limit", "100000", "--ties"],
        ["--limit", "5", "--window", "2", "--block", "4"],
    ],
    ids=" ".join,
)
def test_every_recorded_booking_is_exported(options: list[str], shared: Path, tmp_path: Path) -> None:
    """All bookings are in the file once, whatever the order and however tight the limit, with one refusal at most."""
    file = tmp_path / "out.jsonl"
    with replaying(shared, options) as replay:
        run = calcom("export", "bookings", "--base-url", replay.url, "--api-key", "cal_x", "-o", file)
    assert run.returncode == 0, run.stderr
    uids = [json.loads(line)["uid"] for line in file.read_text("utf-8").splitlines()]
    assert len(uids) == len(set(uids)) == BOOKINGS
    assert f"{BOOKINGS:,} bookings in" in run.stderr
    assert "warning" not in run.stderr
    assert replay.summary["refused"] <= 1


def test_small_pages_under_a_tight_limit(shared: Path, tmp_path: Path) -> None:
    """Many calls under a tight limit are waited for and told, not refused."""
    file = tmp_path / "out.csv"
    tight = ["--limit", "5", "--window", "2", "--block", "4"]
    with replaying(shared, tight) as replay:
        options = ["--base-url", replay.url, "--api-key", "cal_x", "--take", "60"]
        run = calcom("export", "bookings", *options, "-o", file)
    assert run.returncode == 0, run.stderr
    assert "calls left" in run.stderr
    assert "s waited for the rate limit" in run.stderr
    assert replay.summary["requests"] >= BOOKINGS / 60
    assert replay.summary["refused"] <= 1
