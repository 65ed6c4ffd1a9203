"""`profiles`: keep base URLs and API keys in a file that only the user can read."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from calcom_async.cli.options import AllowHttpOption, Command, JsonOption, Target
from calcom_async.cli.settings import (
    Source,
    check_name,
    choose,
    format_profiles,
    parse_dotenv,
    parse_profiles,
    profile,
)
from calcom_async.cli.tables import columns_of, print_rows
from calcom_async.cli.terminal import print_status
from calcom_async.config import BASE_URL
from calcom_async.errors import ConfigError
from calcom_async.secret import Secret

DEFAULT = "default"
"""The profile that is used without --profile and CAL_PROFILE."""
MAX_FILE_BYTES = 1_000_000
MAX_KEY_LENGTH = 1_000

profiles = typer.Typer(
    name="profiles",
    help="""Keep API keys in a private file.

    The first of these sources wins: the options --api-key and --base-url, or --profile; the variables CAL_API_KEY and
    CAL_API_URL; the profile that CAL_PROFILE names, or else the profile default; the same variables in the file .env of
    the working directory. A key is sent only to the URL of its own source.""",
    no_args_is_help=True,
)


def profiles_file() -> Path:
    """Return the path of the file: in XDG_CONFIG_HOME or ~/.config, in %APPDATA%, or in Application Support."""
    return Path(typer.get_app_dir("calcom-async")) / "profiles.toml"


def load_profile(name: str) -> Source:
    """Return a profile. Raises `ConfigError` if there is none of this name."""
    known = load_profiles()
    if name not in known:
        names = f"Profiles are {', '.join(sorted(known))}" if known else "There are no profiles"
        raise ConfigError(f"unknown profile {name:.80}. {names}. Add one with: calcom-async profiles add NAME")
    return known[name]


def load_default_profile() -> Source | None:
    """Return the profile that CAL_PROFILE names, or the one called `default` if it exists."""
    if name := os.environ.get("CAL_PROFILE"):
        return load_profile(name)
    return load_profiles().get(DEFAULT)


def load_profiles() -> dict[str, Source]:
    """Return all profiles by name. Raises `ConfigError` if other users may read the file, or if it is invalid."""
    file = profiles_file()
    text = _read(file, private=True)
    return {} if text is None else parse_profiles(text, str(file))


def load_dotenv() -> Source | None:
    """Return the settings of `.env` in the working directory, if there is one."""
    text = _read(Path(".env"))
    return None if text is None else parse_dotenv(text)


def _read(file: Path, *, private: bool = False) -> Secret | None:
    """Return the text of a file; None if it does not exist, or is not a regular file."""
    try:
        if not file.is_file():  # also False for a named pipe, which would block
            return None
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if private and os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise ConfigError(f"{file} can be read by other users. Run: chmod 600 {file}")
            content = Secret(stream.read(MAX_FILE_BYTES + 1).decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        content = None
    if content is None:
        raise ConfigError(f"cannot read {file}: it is not UTF-8")
    if len(content.reveal()) > MAX_FILE_BYTES:
        raise ConfigError(f"cannot read {file}: it has more than {MAX_FILE_BYTES:,} bytes")
    return content


def _save(known: dict[str, Source]) -> None:
    """Replace the file in one step. No other user can read it at any time."""
    file = profiles_file()
    partial = None
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # with mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(format_profiles(known).reveal())
        Path(partial).replace(file)
    except OSError as error:
        if partial:
            with suppress(OSError):
                Path(partial).unlink()
        raise ConfigError(f"cannot write {file}: {error.strerror or error}") from None


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
    _save(known)
    print_status("[green]added[/]", f"profile {name} in {profiles_file()}. Try: calcom-async whoami --profile {name}")


def _read_key() -> Secret:
    """Read the key from the terminal without echo, or the first line of standard input."""
    if sys.stdin.isatty():
        return Secret(typer.prompt("API key", hide_input=True, err=True).strip())
    return Secret(sys.stdin.readline(MAX_KEY_LENGTH).strip())


@profiles.command("list", cls=Command)
def list_profiles(json: JsonOption = False) -> None:
    """List the profiles, without their keys."""
    rows = [
        {"name": name, "base_url": Secret(known.base_url or "").reveal(), "booking_url": known.booking_url}
        for name, known in sorted(load_profiles().items())
    ]
    print_rows(rows, columns_of(rows), json=json)


@profiles.command(cls=Command)
def remove(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile.")]) -> None:
    """Remove a profile."""
    load_profile(name)
    _save({other: source for other, source in load_profiles().items() if other != name})
    print_status("[green]removed[/]", f"profile {name}")
