"""Compare catalog, methods and models with an OpenAPI document: `python -m calcom_async.operations --against FILE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from calcom_async.operations.catalog import OPERATIONS
from calcom_async.operations.drift import compare, unexplained
from calcom_async.operations.specification import read_specification


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the differences and return the exit code: 1 if there are any, 2 if the document cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m calcom_async.operations", description=__doc__)
    parser.add_argument("--against", metavar="FILE", required=True, help="OpenAPI document of the Cal.com API v2")
    parser.add_argument(
        "--older", action="store_true", help="the document is older than the client: report only what it has more"
    )
    parser.add_argument("--all", action="store_true", help="print the differences that have a known reason, too")
    options = parser.parse_args(arguments)
    try:
        specified = read_specification(options.against)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        sys.stderr.write(f"cannot read {options.against} as an OpenAPI document: {error!r}\n")
        return 2
    differences = [difference for difference in compare(specified) if not (options.older and difference.sign == "-")]
    shown = differences if options.all else unexplained(differences)
    sys.stdout.writelines(f"{difference}\n" for difference in shown)
    sys.stdout.write(
        f"{len(specified)} operations specified, {len(OPERATIONS)} known, {len(differences)} differences, "
        f"{len(unexplained(differences))} of them without a known reason\n"
    )
    return 1 if unexplained(differences) else 0


if __name__ == "__main__":
    sys.exit(main())
