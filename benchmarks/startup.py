"""Import time of `calcom_async`, and of `from calcom_async import Calcom`, next to aiohttp and msgspec.

Shows: CPU and wall time of the import statement in a fresh interpreter, and the number of modules that it imports. The
budget is a number of instructions: see `benchmarks.instructions --only import`.

Does not show: the very first start, when bytecode is compiled and the disk is cold (a run to warm up avoids both); and
resources and models, which are imported when they are first used ("and a resource" includes one).

Bias: none known. The start of the interpreter itself is left out for all contenders.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from benchmarks import report
from benchmarks.run import Result, Sample

BASE = "aiohttp + msgspec"
STATEMENTS = {
    BASE: "import aiohttp, msgspec",
    "calcom_async": "import calcom_async",
    "Calcom": "from calcom_async import Calcom",
    "Calcom and a resource": "from calcom_async import Calcom; import calcom_async.resources.bookings",
    "httpx + pydantic": "import httpx, pydantic",
}
MEASURE = """
import json, sys, time
before, wall, cpu = len(sys.modules), time.perf_counter(), time.process_time()
{statement}
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print(json.dumps({{"cpu": cpu, "wall": wall, "units": 1, "peak": 0, "modules": len(sys.modules) - before}}))
"""


def start(statement: str) -> dict[str, Any]:
    """Measure a statement in a fresh interpreter."""
    command = [sys.executable, "-c", MEASURE.format(statement=statement)]
    measured: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return measured


def measure(statements: dict[str, str], repeats: int) -> tuple[dict[str, Result], dict[str, int]]:
    """Measure each statement `repeats` times in turn. Return the results and the number of modules of each."""
    results = {name: Result(name) for name in statements}
    modules = {name: int(start(statement)["modules"]) for name, statement in statements.items()}
    for _ in range(repeats):
        for name, statement in statements.items():
            measured = start(statement)
            del measured["modules"]
            results[name].lives.append([Sample(**measured)])
    return results, modules


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    options = report.parser(__doc__, repeats=25).parse_args(arguments)
    statements, skipped = dict(STATEMENTS), {}
    if not (find_spec("httpx") and find_spec("pydantic")):
        del statements["httpx + pydantic"]
        skipped = {"httpx + pydantic": "not installed"}

    results, modules = measure(statements, options.repeats)
    rows = [
        {
            "import": name,
            "CPU ms": round(result.median() * 1000, 1),
            "wall ms": round(result.median("wall") * 1000, 1),
            "modules": modules[name],
            f"CPU / {BASE}": round(result.over(results[BASE]) or 0, 3),
        }
        for name, result in results.items()
    ]
    report.Report("startup", vars(options), rows, skipped=skipped).show(as_json=options.json)


if __name__ == "__main__":
    main()
