"""Instructions per unit of work, counted by valgrind: the client against the same work by hand.

Shows: a small request, a booking of a list, a row of an export as JSON Lines and as Parquet, a row of an
Arrow table, the import of `Calcom`.
By hand means: a request is `session.get`, read, decoded into the same Struct. A list is the same, one page after
another, each freed before the next. An export decodes rows as `msgspec.Raw`, joins them and writes them. An Arrow table
is a list whose pages become columns with pyarrow.

Method: each process warms up and then does its work once or twice, under valgrind (`--tool=cachegrind`). The difference
of the two counts, divided by the units of one round, leaves out the interpreter, the imports and the warm-up. The
counts of an import are those above `pass`. The server is not counted.

Bias: an instruction is not a nanosecond. Cache misses, system calls and waiting are not counted. By hand does the
minimum: no rate limit, no retry, no sort, no checksum. Counts vary by about 0.5 % from run to run, because the event
loop wakes up more or less often; they do not depend on the load of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any

from benchmarks import arrow, export, paging, report, requests
from benchmarks.run import canned_server

VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
COUNT = re.compile(r"I\s+refs:\s+([\d,]+)")
# Sets and dictionaries have the same order in every process, pyarrow allocates as the others do, and modules are
# compiled once, even where the environment turns that off.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "ARROW_DEFAULT_MEMORY_POOL": "system", "PYTHONDONTWRITEBYTECODE": ""}
NOTHING, BASE_IMPORT, OUR_IMPORT = "pass", "import aiohttp, msgspec", "from calcom_async import Calcom"


@dataclass(frozen=True)
class Case:
    """One comparison: two contenders of a benchmark, and the budget of their ratio."""

    what: str
    module: str
    ours: str
    by_hand: str
    budget: float
    needs: tuple[str, ...] = ()


CASES = {
    "request": Case("small request", "requests", requests.OURS, requests.BARE, 1.20),
    "list": Case("booking of a list", "paging", paging.OURS, paging.FRUGAL, 1.08),
    "jsonl": Case("row of a JSON Lines export", "export", export.JSON_LINES, export.LINES, 1.8),
    "parquet": Case("row of a Parquet export", "export", export.EXPORTED, export.COLUMNS, 1.15, ("pyarrow",)),
    "arrow": Case("row of an Arrow table", "arrow", arrow.OURS, arrow.COLUMNS, 1.15, ("pyarrow",)),
}
IMPORT_BUDGET = 1.05


def count(*arguments: str) -> int:
    """Return the number of instructions of a Python process."""
    command = [*VALGRIND, sys.executable, *arguments]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)
    found = COUNT.search(done.stderr)
    if done.returncode or not found:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return int(found[1].replace(",", ""))


def per_unit(module: str, name: str, options: dict[str, Any], bookings: int, repeats: int) -> float:
    """Return the instructions of one contender per unit of work: the median over the repeats."""

    def work(url: str, rounds: int) -> list[str]:
        arguments = json.dumps(options | {"url": url})
        return ["-m", "benchmarks.instructions", "--work", module, name, arguments, str(rounds)]

    def count_work(rounds: int) -> int:
        # A server for each process. In the headers of a shared one the rate limiter would see the requests of the
        # other processes, and would work harder to leave them a part of the limit.
        with canned_server(bookings) as url:
            return count(*work(url, rounds))

    with canned_server(bookings) as url:
        ran = subprocess.run(
            [sys.executable, *work(url, 1)], env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, check=True
        )  # writes the bytecode, too
    return median((count_work(2) - count_work(1)) / int(ran.stdout) for _ in range(repeats))


async def do_work(module: str, name: str, options: dict[str, Any], rounds: int) -> int:
    """Warm up, do the work, and return the units of one round."""
    async with import_module(f"benchmarks.{module}").CONTENDERS[name](**options) as work:
        units: int = await work()
        for _ in range(rounds):
            await work()
    return units


def measure_imports(repeats: int) -> tuple[float, float]:
    """Return the instructions of importing `Calcom`, and of importing aiohttp and msgspec."""
    counts = {}
    for statement in (NOTHING, BASE_IMPORT, OUR_IMPORT):
        subprocess.run(
            [sys.executable, "-c", statement], env=os.environ | ENVIRONMENT, check=True
        )  # writes the bytecode
        counts[statement] = median(count("-c", statement) for _ in range(repeats))
    return counts[OUR_IMPORT] - counts[NOTHING], counts[BASE_IMPORT] - counts[NOTHING]


def row(what: str, ours: float, by_hand: float) -> dict[str, Any]:
    """Return one line of the table."""
    ratio = round(ours / by_hand, 3)
    return {"what": what, "ours": round(ours), "by hand": round(by_hand), "ours / by hand": ratio}


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    parser = report.parser(__doc__, repeats=1)
    parser.add_argument("--only", choices=[*CASES, "import"], action="append", help="count only this case (repeatable)")
    parser.add_argument("--bookings", type=int, default=2500, help="number of bookings in the list (%(default)s)")
    parser.add_argument("--requests", type=int, default=300, help="requests per round (%(default)s)")
    parser.add_argument("--work", nargs=4, metavar=("MODULE", "NAME", "OPTIONS", "ROUNDS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work:
        module, name, its_options, rounds = options.work
        print(asyncio.run(do_work(module, name, json.loads(its_options), int(rounds))))
        return
    if not shutil.which(VALGRIND[0]):
        raise SystemExit("valgrind is not installed")

    wanted = options.only or [*CASES, "import"]
    rows, budgets, skipped = [], [], {}
    with tempfile.TemporaryDirectory() as directory:
        places: dict[str, dict[str, Any]] = {
            "requests": {"requests": options.requests},
            "paging": {},
            "arrow": {},
            "export": {"directory": directory},
        }
        cases = [CASES[name] for name in CASES if name in wanted]
        missing = {case: [module for module in case.needs if not find_spec(module)] for case in cases}
        contenders = {
            (case.module, name): None for case in cases if not missing[case] for name in (case.ours, case.by_hand)
        }
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # counts do not depend on what else runs
            counts = pool.map(lambda one: per_unit(*one, places[one[0]], options.bookings, options.repeats), contenders)
            counted = dict(zip(contenders, counts, strict=True))
        for case in cases:
            ratio = None
            if missing[case]:
                skipped[case.what] = f"{', '.join(missing[case])} not installed"
            else:
                ours, by_hand = counted[case.module, case.ours], counted[case.module, case.by_hand]
                rows.append(row(case.what, ours, by_hand))
                ratio = ours / by_hand
            budgets.append(report.Budget(case.what, ratio, case.budget))
    if "import" in wanted:
        ours, by_hand = measure_imports(options.repeats)
        rows.append(row("import of Calcom", ours, by_hand))
        budgets.append(report.Budget("import of Calcom", ours / by_hand, IMPORT_BUDGET))
    del options.work
    report.Report("instructions", vars(options), rows, budgets, skipped).show(as_json=options.json)


if __name__ == "__main__":
    main()
