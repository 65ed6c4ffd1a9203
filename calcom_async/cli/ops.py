"""`ops`: the operations of the API, and how each is spelled in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from calcom_async.cli.terminal import echo, print_json, print_status

if TYPE_CHECKING:
    from calcom_async.operations.catalog import Operation

Rows = list[tuple["Operation", list[str]]]


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
    wanted = [(one, ways) for one, ways in spellings() if _mentions(word.casefold(), one, ways)]
    if not wanted:
        print_status("[red]error:[/]", f"no operation has {word!r} in its path or spelling")
        raise typer.Exit(2)
    _print_json(wanted) if json else _print_lines(wanted)


def spellings() -> Rows:
    """Each operation with the calls that make it; most have one."""
    # Both need all resources and the sandbox's routes, which no other command should have to load.
    from calcom_async.cli.spelling import calls, operation_of
    from calcom_async.operations.catalog import OPERATIONS

    found: dict[Operation, list[str]] = {one: [] for one in OPERATIONS}
    for call in calls():
        operation = operation_of(call.request.method, call.path)
        if operation is not None and call.spelling not in found[operation]:
            found[operation].append(call.spelling)
    return [*found.items()]


def _mentions(word: str, operation: Operation, ways: list[str]) -> bool:
    return any(word in text.casefold() for text in (str(operation), *ways))


def _print_json(rows: Rows) -> None:
    told = [
        {"method": one.verb, "path": one.path, "version": one.version, "list": one.is_list, "python": ways}
        for one, ways in rows
    ]
    print_json(told)


def _print_lines(rows: Rows) -> None:
    """One line each, however narrow the screen: this is for `grep`, too."""
    width = max(len(one.path) for one, _ in rows)
    for one, ways in rows:
        for way in ways or [f'cal.request("{one.verb}", ...)']:
            echo(f"{one.verb:<6} {one.path:<{width}}  {way}")
