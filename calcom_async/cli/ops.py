"""`ops`: list the operations of the API and the Python calls for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from calcom_async.cli.options import JsonOption
from calcom_async.cli.tables import Column, print_rows
from calcom_async.cli.terminal import echo, print_problem, stdout
from calcom_async.operations.catalog import OPERATIONS, Operation, read_python_calls

Rows = list[tuple[Operation, list[str]]]
COLUMNS = [
    Column[tuple[Operation, str]]("method", lambda row: row[0].verb),
    Column[tuple[Operation, str]]("path", lambda row: row[0].path),
    Column[tuple[Operation, str]]("python", lambda row: row[1]),
]


def ops(
    word: Annotated[
        str, typer.Argument(metavar="WORD", help="Only operations with this word in the path or the Python call.")
    ] = "",
    json: JsonOption = False,
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
    if json:
        print_rows([_as_json(*row) for row in rows], (), json=True)
    elif stdout().is_terminal:
        _print_lines(rows)
    else:
        print_rows(_calls(rows), COLUMNS, json=False)


def _mentions(word: str, operation: Operation, calls: list[str]) -> bool:
    return any(word in text.casefold() for text in (str(operation), *calls))


def _as_json(operation: Operation, calls: list[str]) -> dict[str, object]:
    return {
        "method": operation.verb,
        "path": operation.path,
        "version": operation.version,
        "list": operation.is_list,
        "python": calls,
    }


def _print_lines(rows: Rows) -> None:
    """Print one line per call, however narrow the terminal: a table would leave out the calls."""
    width = max(len(operation.path) for operation, _ in rows)
    for operation, call in _calls(rows):
        echo(f"{operation.verb:<6} {operation.path:<{width}}  {call}")


def _calls(rows: Rows) -> Iterator[tuple[Operation, str]]:
    """Yield each operation with each Python call for it."""
    for operation, calls in rows:
        for call in calls or [f'cal.request("{operation.verb}", ...)']:
            yield operation, call
