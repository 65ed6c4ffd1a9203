"""The benchmarks run and report their budgets. No test asserts how fast anything is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from timeouts import TIMEOUT

from benchmarks import chart

needs_valgrind = pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
ROOT = Path(__file__).resolve().parent.parent
SMALL_OPTIONS = {
    "paging": ["--bookings", "300", "--long", "300", "--latency", "1"],
    "arrow": ["--bookings", "300"],
    "requests": ["--requests", "5"],
    "limiter": ["--waiters", "20", "--callers", "2", "--windows", "1"],
    "missing_rows": ["--bookings", "120"],
    "startup": [],
    "instructions": ["--bookings", "300", "--requests", "5", "--only", "request"],
    "sandbox": ["--small", "20", "--large", "60"],
    "export": ["--bookings", "500", "--many", "1000"],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_valgrind) if name == "instructions" else name for name in SMALL_OPTIONS]
)
def test_benchmark_reports(name: str) -> None:
    """Each benchmark, with small numbers, prints JSON with its results, budgets, machine and versions."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", "--repeats", "1", *SMALL_OPTIONS[name]]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert completed.returncode == 0, completed.stderr
    report = json.loads(completed.stdout)
    assert report["benchmark"] == name
    assert report["machine"]
    assert report["versions"]["aiohttp"]
    assert report["options"]["repeats"] == 1
    assert len({tuple(row) for row in report["rows"]}) == 1, "the rows of a table have the same columns"
    for budget in report["budgets"]:
        assert budget["what"]
        assert budget["kept"] is not None or report["skipped"], budget


def test_the_chart_shows_the_measured_results() -> None:
    """The committed SVG is drawn from the committed results, and describes them in words."""
    missing, cost = (json.loads((chart.RESULTS / f"{name}.json").read_text()) for name in ("missing_rows", "paging"))
    panels = chart.panels(missing, cost)
    drawn = chart.draw(panels)
    assert (chart.RESULTS / "chart.svg").read_text() == drawn
    assert ET.fromstring(drawn).findtext("{*}desc") == " ".join(panel.sentence for panel in panels)
    assert [len(panel.bars) for panel in panels] == [2, 3]
