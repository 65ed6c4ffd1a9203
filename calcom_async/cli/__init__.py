"""The command line. Each command calls the library and prints the result."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from calcom_async._version import __version__
from calcom_async.cli.agenda import agenda
from calcom_async.cli.api import api, whoami
from calcom_async.cli.book import book
from calcom_async.cli.bookings import bookings
from calcom_async.cli.doctor import doctor
from calcom_async.cli.event_types import event_types
from calcom_async.cli.exit_codes import EXIT_CODES_HELP, INTERRUPTED, OUTPUT_CLOSED, exit_code
from calcom_async.cli.export import export_command
from calcom_async.cli.mcp import mcp
from calcom_async.cli.ops import ops
from calcom_async.cli.options import Command, Target, with_target
from calcom_async.cli.profiles import profiles
from calcom_async.cli.sandbox import sandbox
from calcom_async.cli.skill import skill
from calcom_async.cli.slots import slots
from calcom_async.cli.terminal import discard_output, echo, one_line, print_problem, tolerate_encodings
from calcom_async.cli.webhooks import webhooks
from calcom_async.errors import ExportError

ORDER = (
    *("bookings", "agenda", "book", "slots", "event-types", "export", "webhooks", "api", "ops", "whoami", "doctor"),
    *("profiles", "mcp", "skill", "sandbox"),
)
"""The order of the commands in the help."""


class Commands(TyperGroup):
    """All commands, with the handling of output errors, usage errors and Ctrl-C that they share."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands in the order of the help."""
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def make_context(self, *args: Any, **more: Any) -> Any:
        """Parse the command line, or print the help."""
        tolerate_encodings()
        with _output_errors(), _safe_usage_errors():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _output_errors():
            with _safe_usage_errors(), _interruptions():
                result = super().invoke(ctx)
            if sys.stdout:  # None where the process has no standard output
                sys.stdout.flush()
        return result


@contextmanager
def _output_errors() -> Iterator[None]:
    """Turn an error while writing the output into an exit code and at most one message."""
    try:
        yield
    except BrokenPipeError:
        discard_output()
        raise typer.Exit(OUTPUT_CLOSED) from None
    except OSError as error:
        # Commands report input that they cannot read. What is left is the output, for example a full disk.
        discard_output()
        print_problem("[red]error:[/]", f"cannot write the output: {error.strerror or error}")
        raise typer.Exit(exit_code(ExportError())) from None


@contextmanager
def _interruptions() -> Iterator[None]:
    """Turn Ctrl-C outside of `run`, for example at the prompt of `profiles add`, into a message and an exit code."""
    try:
        yield
    except (KeyboardInterrupt, typer.Abort):
        print_problem("[yellow]interrupted.[/]")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _safe_usage_errors() -> Iterator[None]:
    """Remove control characters from messages about arguments, which quote the arguments."""
    try:
        yield
    except Exception as error:
        # Without arguments, the message is the help text: it needs its line breaks, and quotes nothing.
        if isinstance(message := getattr(error, "message", None), str) and type(error).__name__ != "NoArgsIsHelpError":
            error.message = one_line(message)  # type: ignore[attr-defined]
        raise


app: typer.Typer = typer.Typer(
    cls=Commands,
    help="Use Cal.com from the command line. CAL_API_KEY contains the API key, CAL_API_URL the base URL.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,  # the tables of rich truncate names and defaults on a narrow terminal
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("export", cls=Command, no_args_is_help=True)(export_command)
app.add_typer(slots)
app.command(cls=Command, no_args_is_help=True)(book)
app.add_typer(bookings)
app.command(cls=Command)(agenda)
app.add_typer(event_types)
app.add_typer(webhooks)
app.command(cls=Command)(sandbox)
app.command(cls=Command)(api)
app.command(cls=Command)(whoami)
app.command(cls=Command)(doctor)
app.add_typer(profiles)
app.command(cls=Command)(skill)
app.command(cls=Command)(ops)
app.command(cls=Command)(mcp)


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"calcom-async {__version__}")
        raise typer.Exit


@app.callback()
@with_target
def _everywhere(
    target: Target,
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Show the version."),
) -> None:
    """Accept the options that select a server before the name of the command too."""
