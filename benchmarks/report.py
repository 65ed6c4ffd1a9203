"""Print the results of a benchmark as a table or as JSON, with the machine and the versions."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.run import Result

PACKAGES = ("aiohttp", "msgspec", "backoff", "httpx", "pydantic", "pyarrow", "calcom-async")


@dataclass(frozen=True)
class Budget:
    """An upper bound of a figure, or a lower one with `at_least`. `value` is None if it was not measured."""

    what: str
    value: float | None
    budget: float
    unit: str = "x"
    at_least: bool = False

    @property
    def kept(self) -> bool | None:
        """Whether the budget is kept."""
        if self.value is None:
            return None
        return self.value >= self.budget if self.at_least else self.value <= self.budget

    def __str__(self) -> str:
        verdict = {True: "kept", False: "MISSED", None: "not measured"}[self.kept]
        value = "-" if self.value is None else f"{self.value:.3g} {self.unit}"
        return f"{verdict:12} {self.what}: {value} ({'>=' if self.at_least else '<='} {self.budget:.3g} {self.unit})"


@dataclass
class Report:
    """Results of a benchmark. The columns of the table are the keys of its first row."""

    benchmark: str
    options: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    budgets: Sequence[Budget] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)

    def show(self, *, as_json: bool) -> None:
        """Print the report."""
        if as_json:
            print(json.dumps(self._plain(), indent=2))
            return
        print(f"{self.benchmark} {dict(self.options)}\n{machine()}\n{versions()}\n")
        _table(self.rows)
        for name, reason in self.skipped.items():
            print(f"skipped      {name}: {reason}")
        for budget in self.budgets:
            print(budget)

    def _plain(self) -> dict[str, Any]:
        found = asdict(self)
        found["budgets"] = [asdict(budget) | {"kept": budget.kept} for budget in self.budgets]
        return {"machine": machine(), "versions": versions()} | found


def figures(results: Mapping[str, Result], base: str, unit: str) -> list[dict[str, Any]]:
    """Return a row for each contender: microseconds per unit, peak memory, and the CPU ratio to the base."""
    return [
        {
            "contender": result.name,
            f"CPU us/{unit}": round(result.median() * 1e6, 2),
            f"wall us/{unit}": round(result.median("wall") * 1e6, 2),
            "peak MiB": round(result.peak() / 2**20, 1),
            f"CPU / {base}": round(result.over(results[base]) or 0, 3),
        }
        for result in results.values()
        if not result.skipped
    ]


def skips(results: Mapping[str, Result]) -> dict[str, str]:
    """Return the contenders that could not run, with the reason."""
    return {name: result.skipped for name, result in results.items() if result.skipped}


def parser(doc: str | None, repeats: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    options = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options.add_argument(
        "--repeats", type=int, default=repeats, help="measurements, of which the median is reported (%(default)s)"
    )
    return options


def machine() -> str:
    """Describe the machine."""
    processor = platform.processor() or platform.machine()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{platform.system()} {processor}, {os.cpu_count()} CPUs{load}, {python}"


def versions() -> dict[str, str]:
    """Return the versions of the packages that are compared."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _table(rows: Sequence[Mapping[str, Any]]) -> None:
    try:
        from rich.console import Console
        from rich.table import Table
    except ModuleNotFoundError:
        _plain_table(rows)
        return
    table = Table(*rows[0])
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def _plain_table(rows: Sequence[Mapping[str, Any]]) -> None:
    lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
