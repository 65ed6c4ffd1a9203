"""Run contenders in processes of their own, one round each in turn; see the package for the method.

`python -m benchmarks.run MODULE NAME OPTIONS` is such a process. It finds the contender in the module's `CONTENDERS`,
does a round to warm up (unless it is to stay `cold`), and then a round for every line of its standard input. It imports
no more than that contender needs.

Bias: none of its own; the modules state theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from importlib import import_module
from statistics import median
from typing import Any

Round = Callable[[], Awaitable[int]]
"""Does the work once and returns the number of units (bookings, requests)."""
Contender = Callable[..., AbstractAsyncContextManager[Round]]

KIB = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Sample:
    """Measurements of one round: CPU and wall seconds, units of work, and peak memory of the process."""

    cpu: float
    wall: float
    units: int
    peak: int

    def per_unit(self, what: str) -> float:
        """Return the seconds of `cpu` or `wall` per unit."""
        return float(getattr(self, what)) / self.units


@dataclass
class Result:
    """All measurements of a contender, by process; or why there are none."""

    name: str
    lives: list[list[Sample]] = field(default_factory=list)
    skipped: str = ""

    def fastest(self, what: str = "cpu") -> list[float]:
        """Return the seconds per unit in the best round of each process: interference only adds time."""
        return [min(sample.per_unit(what) for sample in life) for life in self.lives]

    def median(self, what: str = "cpu") -> float:
        """Return the median of these over the processes."""
        return median(self.fastest(what))

    def peak(self) -> float:
        """Return the peak memory of a process in bytes."""
        return median(life[-1].peak for life in self.lives)

    def over(self, other: Result, what: str = "cpu") -> float | None:
        """Return the median ratio to a contender that ran at the same time; None if one was skipped."""
        pairs = zip(self.fastest(what), other.fastest(what), strict=False)
        ratios = [ours / theirs for ours, theirs in pairs]
        return median(ratios) if ratios else None


class Process:
    """The process of a contender."""

    def __init__(self, module: str, name: str, options: dict[str, Any], *, cold: bool) -> None:
        command = [
            sys.executable,
            "-m",
            "benchmarks.run",
            module,
            name,
            json.dumps(options),
            *(["cold"] if cold else []),
        ]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = name
        self.samples: list[Sample] = []
        self.skipped: str = self._read().get("skipped", "")

    def round(self) -> None:
        """Run one round."""
        if not self.skipped:
            assert self.process.stdin
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
            self.samples.append(Sample(**self._read()))

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a contender failed with exit code {self.process.wait()}; see its output above")
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


def compare(
    module: str, names: Sequence[str], repeats: int, *, rounds: int = 6, cold: bool = False, **options: Any
) -> dict[str, Result]:
    """Start the contenders side by side `repeats` times and run their rounds; `cold`: without warm-up."""
    results = {name: Result(name) for name in names}
    for _ in range(repeats):
        for process in _side_by_side(module, names, rounds, options, cold=cold):
            result = results[process.name]
            result.skipped = process.skipped
            if not process.skipped:
                result.lives.append(process.samples)
    return results


def _side_by_side(
    module: str, names: Sequence[str], rounds: int, options: dict[str, Any], *, cold: bool
) -> list[Process]:
    """Run one process of each contender. Rounds are interleaved, each starting with another contender."""
    processes: list[Process] = []
    with ExitStack() as stack:
        for name in names:
            processes.append(Process(module, name, options, cold=cold))
            stack.callback(processes[-1].close)
        for turn in range(rounds):
            first = turn % len(processes)
            for process in processes[first:] + processes[:first]:
                process.round()
    return processes


@contextlib.contextmanager
def canned_server(bookings: int, latency: float = 0) -> Iterator[str]:
    """Run `server.py` in its own process and yield its base URL. `latency` is in milliseconds."""
    command = [sys.executable, "-m", "benchmarks.server", "--bookings", str(bookings), "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = process.stdout.readline().strip()
        if not port:
            raise SystemExit("the server failed to start; see its output above")
        # Leaving the block closes its standard input, which ends it.
        yield f"http://127.0.0.1:{port}/v2"


async def _do_rounds(contender: Contender, options: dict[str, Any], *, cold: bool) -> None:
    async with contender(**options) as work:
        if not cold:
            await work()
        print("{}", flush=True)
        for _ in sys.stdin:
            print(json.dumps(asdict(await _measure(work))), flush=True)


async def _measure(work: Round) -> Sample:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    units = await work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Sample(cpu, wall, units, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB)


def _main(module: str, name: str, options: str, cold: str = "") -> None:
    try:
        asyncio.run(_do_rounds(import_module(module).CONTENDERS[name], json.loads(options), cold=bool(cold)))
    except ModuleNotFoundError as missing:
        print(json.dumps({"skipped": f"{missing.name} is not installed"}), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
