"""`skill`: print or install the texts that teach an agent to use this package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from calcom_async.cli.terminal import echo, print_status
from calcom_async.errors import ConfigError

SKILL, REFERENCE = "SKILL.md", "llms.txt"


def skill(
    llms: Annotated[bool, typer.Option("--llms", help=f"Print {REFERENCE}, the reference for programs.")] = False,
    install: Annotated[
        Path | None, typer.Option(metavar="DIR", help=f"Write {SKILL} and {REFERENCE} into this directory.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="With --install: replace existing files.")] = False,
) -> None:
    """Print a skill for AI agents.

    It says how to schedule with this command, the MCP server and Python, and which mistakes to avoid.

    calcom-async skill --install .claude/skills/calcom-async
    """
    if install is not None:
        _install(install, force=force)
        return
    for line in read_text(REFERENCE if llms else SKILL).splitlines():
        echo(line)


def read_text(name: str) -> str:
    """Return one of the texts."""
    return (files("calcom_async") / "skill" / name).read_text("utf-8")


def _install(folder: Path, *, force: bool) -> None:
    """Write both files, or none if one of them exists."""
    paths = [folder / SKILL, folder / REFERENCE]
    if not force and (existing := [path for path in paths if path.exists()]):
        raise ConfigError(f"{existing[0]} exists. Replace it with --force")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            path.write_text(read_text(path.name), "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror or error}") from error
    print_status("[green]installed[/]", f"{SKILL} and {REFERENCE} in {folder}")
