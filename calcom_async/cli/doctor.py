"""`doctor`: check the API key, the connection and what the key can access."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from calcom_async.cli.connect import NETWORK_HINT, connect, origin_of
from calcom_async.cli.exit_codes import exit_code
from calcom_async.cli.options import Target, with_target
from calcom_async.cli.run import error_lines, run
from calcom_async.cli.terminal import one_line, print_json, stdout
from calcom_async.diagnostics import CheckResult, ResponseMonitor, State, diagnose
from calcom_async.errors import ConnectionFailedError

STYLES: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
IMPATIENT: dict[str, Any] = {"max_attempts": 2, "timeout": 15.0, "max_wait": 15.0}
"""Settings of the client: report problems soon."""


class ResultLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the output: the result of one check."""

    name: str
    state: State
    text: str
    code: int = 0
    """Exit code of the command if this is the first failure."""


@with_target
def doctor(
    target: Target,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Check the API key and the connection.

    Also check the clock, the API versions, the rate limit and the latency, and count what the key can access. This
    takes at most ten requests and changes nothing. The exit code is 0, or that of the first failed check. A warning is
    not a failure.

    calcom-async doctor
    """
    results = run(_run_checks(target))
    if json:
        print_json(results)
    else:
        _print_lines(results)
    raise typer.Exit(next((result.code for result in results if result.code), 0))


async def _run_checks(target: Target) -> list[ResultLine]:
    monitor = ResponseMonitor()
    async with connect(target, monitor.on_event, trace_configs=[monitor.trace()], **IMPATIENT) as cal:
        results = await diagnose(cal, monitor)
    return [ResultLine("settings", "ok", origin_of(target)), *map(_line_of, results)]


def _line_of(result: CheckResult) -> ResultLine:
    """Return the line for a check, with what the user can do if it failed."""
    if result.error is None:
        return ResultLine(result.name, result.state, result.text)
    hints = [NETWORK_HINT] if isinstance(result.error, ConnectionFailedError) else error_lines(result.error)[1:]
    return ResultLine(result.name, result.state, ". ".join([result.text, *hints]), exit_code(result.error))


def _print_lines(results: Sequence[ResultLine]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for result in results:
        table.add_row(Text(result.state, STYLES[result.state]), result.name, Text(one_line(result.text)))
    stdout().print(table)
