"""Import time of `calcom_async`, and of `from calcom_async import Calcom`, over importing aiohttp and msgspec.

Shows: CPU and wall time of the import statement in a fresh interpreter, and how many modules it brings.

Does not show: the first start ever, when bytecode is compiled and the disk is cold (a run to warm up takes that away);
or resources and models, which are imported when first used ("and a resource" has one).

Bias: none known. The interpreter's own start is left out on all sides.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from benchmarks import report
from benchmarks.run import Result, Sample

BASE, OURS = "aiohttp + msgspec", "Calcom"
STATEMENTS = {
    BASE: "import aiohttp, msgspec",
    "calcom_async": "import calcom_async",
    OURS: "from calcom_async import Calcom",
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
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return told


def measure(statements: dict[str, str], repeats: int) -> tuple[dict[str, Result], dict[str, int]]:
    """Measure each statement `repeats` times in turn. Return the results and the number of modules of each."""
    results = {name: Result(name) for name in statements}
    modules = {name: int(start(statement)["modules"]) for name, statement in statements.items()}
    for _ in range(repeats):
        for name, statement in statements.items():
            told = start(statement)
            del told["modules"]
            results[name].lives.append([Sample(**told)])
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
    budgets = [
        report.Budget(f"import of {name} over {BASE}", results[name].over(results[BASE]), 1.05)
        for name in ("calcom_async", OURS)
    ]
    report.Report("startup", vars(options), rows, budgets, skipped).show(as_json=options.json)


if __name__ == "__main__":
    main()
