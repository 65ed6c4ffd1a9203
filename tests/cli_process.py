"""Run the command line in a process of its own, as users do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from timeouts import TIMEOUT

ROOT = Path(__file__).resolve().parent.parent


def cli_environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without Cal.com settings, with the project on the path."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("CAL_", "FORCE_", "NO_COLOR"))
    }
    return {**variables, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **extra}


def cli_command(*args: str | Path) -> list[str]:
    """Return the command that runs calcom-async."""
    return [sys.executable, "-m", "calcom_async", *map(str, args)]


def run_cli(*args: str | Path, env: Mapping[str, str] | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run one command and wait for it."""
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


def restore_sigint() -> None:
    """Restore SIGINT, which shells set to be ignored in background jobs, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_cli(*args: str | Path, env: Mapping[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
    """Start a command that handles SIGINT, even if the tests run in the background of a shell."""
    return subprocess.Popen(
        cli_command(*args),
        env=cli_environment(**(env or {})),
        text=True,
        encoding="utf-8",
        preexec_fn=restore_sigint,  # noqa: PLW1509 - it takes no lock that a thread could hold
        **more,
    )


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Poll until the condition holds."""
    deadline = time.monotonic() + TIMEOUT
    while not (result := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.01)
    return result


def read_terminal(terminal: int) -> Iterator[bytes]:
    """Yield what the other side of a pseudo-terminal writes."""
    try:
        while chunk := os.read(terminal, 4096):
            yield chunk
    except OSError:  # Linux raises EIO once the other side is closed
        os.close(terminal)


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Send Ctrl-C; return the exit code and the text on stderr."""
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=TIMEOUT)
    return process.returncode, message
