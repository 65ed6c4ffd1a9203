"""Run the command line in this process, against a sandbox."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from typer import testing
from typer.main import get_command
from typer.testing import CliRunner

from calcom_async.cli import app
from calcom_async.sandbox import Sandbox

SECRET = "cal_secret_marker"
# The runner builds all commands again for every run, which takes longer than most runs.
testing._get_command = cache(get_command)


PYTHON_NAMES = re.compile(
    r"\b[a-z_]+=['\"\[{(]|\b[a-z]+_[a-z_]+=|\b(Config|Calcom|datetime|msgspec|urllib)\.\w|<\w+ .*>|\{'|\bNone\b|"
    r"\b(base_url|max_wait|event_type_id|event_type_slug|team_ids|after_start)\b"
)
"""Matches Python in a message: keywords, settings and representations of objects."""


TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "dumb", "LINES": "40"}
"""Variables that make a command print as on a terminal, without styles."""


def invoke(*args: str | Path, columns: int = 200, terminal: bool = False, **more: Any) -> Any:
    """Run a command. Lines are not wrapped unless `columns` is small. With `terminal` its output is a terminal."""
    env = {"COLUMNS": str(columns)} | (TERMINAL if terminal else {}) | more.pop("env", {})
    result = CliRunner().invoke(app, list(map(str, args)), env=env, **more)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert not (match := PYTHON_NAMES.search(result.stderr)), f"Python in a message of the command line: {match[0]}"
    return result


def connection_args(sandbox: Sandbox, key: str | None = None) -> list[str]:
    """Return the options that select the sandbox and a key."""
    return ["--base-url", sandbox.url, "--api-key", key or sandbox.api_key]
