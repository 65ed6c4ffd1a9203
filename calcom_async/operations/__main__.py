"""Compare an OpenAPI document with the catalog: `python -m calcom_async.operations SPEC.json`."""

from __future__ import annotations

import sys

from calcom_async.operations.catalog import OPERATIONS
from calcom_async.operations.specification import differences, read_specification


def main(arguments: list[str]) -> int:
    """Print the differences and return the exit code: 1 if there are any, 2 if the document cannot be read."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m calcom_async.operations SPEC.json\n")
        return 2
    try:
        specified = read_specification(arguments[0])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        sys.stderr.write(f"cannot read {arguments[0]} as an OpenAPI document: {error!r}\n")
        return 2
    lines = list(differences(specified))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.write(f"{len(specified)} operations specified, {len(OPERATIONS)} known, {len(lines)} differences\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
