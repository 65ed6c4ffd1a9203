"""A PostgreSQL server for tests: the one that `CALCOM_ASYNC_POSTGRES` names, or one on loopback.

PostgreSQL refuses to run as root, so root starts it as an unprivileged user.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
from timeouts import free_port

URL_VARIABLE = "CALCOM_ASYNC_POSTGRES"
MISSING = f"no PostgreSQL on this machine, and {URL_VARIABLE} is not set"
UNPRIVILEGED_USERS = ("postgres", "nobody")


def programs() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`, which Debian does not put on the path."""
    if folder := shutil.which("pg_ctl"):
        return Path(folder).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    versions = [folder for folder in folders if (folder / "pg_ctl").exists()]
    return max(versions, key=lambda folder: float(folder.parent.name), default=None)


class PostgresServer:
    """A server in a temporary folder. Every local user may connect, because it has only test data."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._user = next((name for name in UNPRIVILEGED_USERS if _exists(name)), None) if os.geteuid() == 0 else None
        self.port = free_port()
        self.url = f"postgresql://tester:any@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "--username=tester", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "start", "--wait", "--silent", "-o", options, "-l", str(self._folder / "log"))

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate", "--silent")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        # The server inherits the output of pg_ctl and keeps it open, so a captured output would never end.
        subprocess.run(command, user=self._user, cwd="/", check=True, stdout=subprocess.DEVNULL)


@contextmanager
def own_server(programs: Path) -> Iterator[PostgresServer]:
    """Run a server of our own."""
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(programs, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _exists(user: str) -> bool:
    """Return whether this machine has the user."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


SESSION = ExitStack()


@cache
def session_url() -> str:
    """Return the URL of one PostgreSQL for all tests of this process; each test uses its own schema."""
    if url := os.environ.get(URL_VARIABLE):
        return url
    folder = programs()
    assert folder, MISSING
    server = SESSION.enter_context(own_server(folder))
    atexit.register(SESSION.close)  # registered last, so it runs before the temporary folder is deleted
    return server.url


needs_postgres = pytest.mark.skipif(not (os.environ.get(URL_VARIABLE) or programs()), reason=MISSING)
