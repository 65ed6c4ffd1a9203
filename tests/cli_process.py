"""The command line as a process of its own, as users run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from timeouts import TIMEOUT

ROOT = Path(__file__).resolve().parent.parent


def cli_environment(**extra: str) -> dict[str, str]:
    """The environment of this process without settings of Cal.com, with the project on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CAL_", "FORCE_", "NO_COLOR"))}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **extra}


def cli_command(*args: str | Path) -> list[str]:
    """The words that run calcom-async."""
    return [sys.executable, "-m", "calcom_async", *map(str, args)]


def run_cli(*args: str | Path, env: Mapping[str, str] | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        cli_command(*args),
        env=cli_environment(**(env or {})),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
        **more,
    )


def _listen_to_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_cli(*args: str | Path, env: Mapping[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
    """Start a command that listens to SIGINT, even when the tests themselves run in the background of a shell."""
    return subprocess.Popen(
        cli_command(*args),
        env=cli_environment(**(env or {})),
        text=True,
        encoding="utf-8",
        preexec_fn=_listen_to_sigint,  # noqa: PLW1509 - it takes no lock that a thread could hold
        **more,
    )


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Look again and again until it is so."""
    deadline = time.monotonic() + TIMEOUT
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return found
