"""The command line: each command calls the library and formats its answer."""

from __future__ import annotations

import typer

from calcom_async import __version__
from calcom_async.cli.api import api, whoami
from calcom_async.cli.book import book
from calcom_async.cli.connection import EXIT_CODES, ApiKeyOption, BaseUrlOption, SandboxOption, Where
from calcom_async.cli.doctor import doctor
from calcom_async.cli.export import export_command
from calcom_async.cli.ops import ops
from calcom_async.cli.sandbox import sandbox
from calcom_async.cli.slots import slots
from calcom_async.cli.webhooks import webhooks

app: typer.Typer = typer.Typer(
    help="Cal.com from the command line. The key comes from CAL_API_KEY, the address from CAL_API_URL.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("export", epilog=EXIT_CODES, no_args_is_help=True)(export_command)
app.add_typer(slots)
app.command(epilog=EXIT_CODES, no_args_is_help=True)(book)
app.add_typer(webhooks)
app.command()(sandbox)
app.command()(api)
app.command()(whoami)
app.command(epilog=EXIT_CODES)(doctor)
app.command()(ops)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"calcom-async {__version__}")
        raise typer.Exit


@app.callback()
def _everywhere(
    context: typer.Context,
    base_url: BaseUrlOption = None,
    api_key: ApiKeyOption = None,
    sandbox: SandboxOption = False,
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Show the version."),
) -> None:
    context.obj = Where(base_url, api_key, sandbox)
