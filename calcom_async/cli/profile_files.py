"""Read and write the file of profiles, and read `.env`."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import typer

from calcom_async.cli.settings import Source, format_profiles, parse_dotenv, parse_profiles
from calcom_async.errors import ConfigError
from calcom_async.secret import Secret

DEFAULT = "default"
"""The profile that is used without --profile and CAL_PROFILE."""
MAX_FILE_BYTES = 1_000_000


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


def save_profiles(known: dict[str, Source]) -> None:
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


def complete_profile() -> list[str]:
    """Return the names of the profiles, for the completion of the shell."""
    try:
        return [*load_profiles()]
    except ConfigError:
        return []
