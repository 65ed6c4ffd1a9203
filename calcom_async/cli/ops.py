"""`ops`: the operations of the API, and how each is spelled in Python."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from calcom_async.cli.spelling import calls, operation_of
from calcom_async.sandbox.catalog import OPERATIONS, Operation


def ops(
    word: Annotated[str, typer.Argument(help="Show only operations with this word in path or spelling.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the operations of the API with their Python spelling; `cal` is an open `Calcom`.

    calcom-async ops webhooks
    """
    spelled = spellings()
    rows = [(one, spelled.get(one, [])) for one in OPERATIONS]
    wanted = [(one, ways) for one, ways in rows if _mentions(word.casefold(), one, ways)]
    if not wanted:
        typer.echo(f"no operation has {word!r} in its path or spelling", err=True)
        raise typer.Exit(1)
    _print_json(wanted) if json else _print_table(wanted)


def spellings() -> dict[Operation, list[str]]:
    """For each operation the calls that make it; most have one."""
    found: dict[Operation, list[str]] = {}
    for call in calls():
        operation = operation_of(call.request.method, call.path)
        if operation is not None and call.spelling not in (ways := found.setdefault(operation, [])):
            ways.append(call.spelling)
    return found


def _mentions(word: str, operation: Operation, ways: list[str]) -> bool:
    return any(word in text.casefold() for text in (str(operation), *ways))


def _print_json(rows: list[tuple[Operation, list[str]]]) -> None:
    told = [
        {"method": one.verb, "path": one.path, "version": one.version, "list": one.is_list, "python": ways}
        for one, ways in rows
    ]
    Console().print_json(msgspec.json.encode(told).decode())


def _print_table(rows: list[tuple[Operation, list[str]]]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 1))
    for one, ways in rows:
        table.add_row(one.verb, Text(one.path), Text("\n".join(ways) or "cal.request(...)", style="bold"))
    Console(soft_wrap=True).print(table)
