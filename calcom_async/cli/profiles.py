"""`profiles`: keep base URLs and API keys in a file that only the user can read."""

from __future__ import annotations

import sys
from operator import itemgetter
from typing import Annotated

import typer

from calcom_async.cli.options import AllowHttpOption, Command, JsonOption, Target
from calcom_async.cli.profile_files import (
    DEFAULT,
    complete_profile,
    load_profile,
    load_profiles,
    profiles_file,
    save_profiles,
)
from calcom_async.cli.settings import check_name, choose, profile
from calcom_async.cli.tables import Column, print_rows
from calcom_async.cli.terminal import print_status
from calcom_async.config import BASE_URL
from calcom_async.errors import ConfigError
from calcom_async.secret import Secret

MAX_KEY_LENGTH = 1_000

profiles: typer.Typer = typer.Typer(
    name="profiles",
    help="""Keep API keys in a private file.

    The first of these sources wins: the options --api-key and --base-url, or --profile; the variables CAL_API_KEY and
    CAL_API_URL; the profile that CAL_PROFILE names, or else the profile default; the same variables in the file .env of
    the working directory. A key is sent only to the URL of its own source.""",
    no_args_is_help=True,
)


@profiles.command(cls=Command)
def add(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=f"Name of the profile; {DEFAULT} is used without --profile.")
    ],
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help=f"Base URL of the API. [default: {BASE_URL}]")
    ] = None,
    booking_url: Annotated[
        str | None,
        typer.Option("--booking-url", metavar="URL", help="Where the booking pages of a self-hosted server are."),
    ] = None,
    allow_http: AllowHttpOption = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a profile of this name.")] = False,
) -> None:
    """Add a profile.

    The key is read from the terminal, without echo, or from standard input, so that it is not in the history of the
    shell.

    calcom-async profiles add work
    """
    outer: Target = context.obj
    check_name(name, "NAME")
    known = load_profiles()
    if name in known and not force:
        raise ConfigError(f"profile {name} exists. Replace it with --force")
    url = Secret(base_url or outer.base_url or BASE_URL)
    booking = Secret(booking_url) if booking_url else None
    allowed = allow_http or outer.allow_http
    choose([profile(name, Secret("key"), url, booking, allowed)])  # rejects an invalid URL before the key is typed
    known[name] = profile(name, _read_key(), url, booking, allowed)
    save_profiles(known)
    print_status("[green]added[/]", f"profile {name} in {profiles_file()}. Try: calcom-async whoami --profile {name}")


def _read_key() -> Secret:
    """Read the key from the terminal without echo, or the first line of standard input."""
    if sys.stdin.isatty():
        return Secret(typer.prompt("API key", hide_input=True, err=True).strip())
    return Secret(sys.stdin.readline(MAX_KEY_LENGTH).strip())


@profiles.command("list", cls=Command)
def list_profiles(json: JsonOption = False) -> None:
    """List the profiles, without their keys.

    calcom-async profiles list
    """
    rows = [
        {"name": name, "base_url": Secret(known.base_url or "").reveal(), "booking_url": known.booking_url}
        for name, known in sorted(load_profiles().items())
    ]
    print_rows(rows, [Column(name, itemgetter(name)) for name in ("name", "base_url", "booking_url")], json=json)
    if not rows:
        print_status("no profiles.", "Add one with: calcom-async profiles add NAME")


@profiles.command(cls=Command)
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile.", autocompletion=complete_profile)],
) -> None:
    """Remove a profile.

    calcom-async profiles remove work
    """
    load_profile(name)
    save_profiles({other: source for other, source in load_profiles().items() if other != name})
    print_status("[green]removed[/]", f"profile {name}")
