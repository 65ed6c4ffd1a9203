"""`ops`: list the operations of the API and the Python calls for them."""

from __future__ import annotations

from typing import Annotated

import typer

from calcom_async.cli.terminal import echo, print_json, print_problem
from calcom_async.operations.catalog import OPERATIONS, Operation, read_python_calls

Rows = list[tuple[Operation, list[str]]]


def ops(
    word: Annotated[
        str, typer.Argument(metavar="WORD", help="Only operations with this word in the path or the Python call.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """List the operations of the API.

    Each line has the method, the path and the Python call, where cal is an open client.

    calcom-async ops webhooks
    """
    calls = read_python_calls()
    rows = [(operation, calls[str(operation)]) for operation in OPERATIONS]
    rows = [(operation, python) for operation, python in rows if _mentions(word.casefold(), operation, python)]
    if not rows:
        print_problem("[red]error:[/]", f"no operation has {word} in its path or Python call")
        raise typer.Exit(2)
    _print_json(rows) if json else _print_lines(rows)


def _mentions(word: str, operation: Operation, calls: list[str]) -> bool:
    return any(word in text.casefold() for text in (str(operation), *calls))


def _print_json(rows: Rows) -> None:
    print_json(
        [
            {
                "method": operation.verb,
                "path": operation.path,
                "version": operation.version,
                "list": operation.is_list,
                "python": calls,
            }
            for operation, calls in rows
        ]
    )


def _print_lines(rows: Rows) -> None:
    """Print one line per call, however narrow the terminal, so that `grep` finds it."""
    width = max(len(operation.path) for operation, _ in rows)
    for operation, calls in rows:
        for call in calls or [f'cal.request("{operation.verb}", ...)']:
            echo(f"{operation.verb:<6} {operation.path:<{width}}  {call}")
