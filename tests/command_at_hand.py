"""The command line within this process, run against a sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from calcom_async.cli import app
from calcom_async.sandbox import Sandbox

SECRET = "cal_secret_marker"


def invoke(*args: str | Path, columns: int = 200, **more: Any) -> Any:
    """Run a command to its end; lines are not folded, unless the screen is made narrow."""
    env = {"COLUMNS": str(columns)} | more.pop("env", {})
    result = CliRunner().invoke(app, list(map(str, args)), env=env, **more)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def at(world: Sandbox, key: str | None = None) -> list[str]:
    """The options that lead there."""
    return ["--base-url", world.url, "--api-key", key or world.api_key]
