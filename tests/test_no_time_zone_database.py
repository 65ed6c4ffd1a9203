"""Without a time zone database, calls that need none work, and others raise an error that names the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import cli_environment

BLOCKED = "import sys, zoneinfo; zoneinfo.reset_tzpath(to=[]); sys.modules['tzdata'] = None\n"
SEARCH = """
import asyncio
from datetime import date
from calcom_async import Calcom, InvalidRequestError
from calcom_async.sandbox import Sandbox

async def main():
    with Sandbox() as world:
        async with Calcom(world.api_key, base_url=world.url) as cal:
            print((await cal.me.get()).time_zone)
            day = date(2026, 12, 1)
            try:
                await cal.slots.search(event_type_id=1, start=day, end=day, time_zone={zone!r})
            except InvalidRequestError as error:
                print(error)

asyncio.run(main())
"""
COMMAND = "sys.argv = ['calcom-async', {words}]\nfrom calcom_async.__main__ import main\nmain()"
INSTALL = "Install it: pip install tzdata"


def without_database(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python without a time zone database."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + code], env=cli_environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["Europe/Rome", "Nowhere"])
def test_a_client_says_what_to_install(zone: str) -> None:
    """Without the database the sandbox and the client work; a search in a time zone names the package."""
    completed = without_database(SEARCH.format(zone=zone))
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.splitlines()[0] == "Europe/Lisbon"
    assert INSTALL in completed.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["whoami", "--sandbox"], 0),
        pytest.param(["api", "GET", "/v2/bookings", "--sandbox"], 0, marks=pytest.mark.slow),
        pytest.param(["slots", "show", "1", "--sandbox"], 2, marks=pytest.mark.slow),
        (["slots", "show", "1", "--time-zone", "UTC", "--sandbox"], 2),
        (["api", "GET", "/v2/slots", "-q", "eventTypeId=1", "-q", "start=2027-01-01", "-q", "end=2027-01-02",
          "--sandbox"], 3),
    ],
)  # fmt: skip
def test_a_command_says_what_to_install(words: list[str], code: int, tmp_path: Path) -> None:
    """A command succeeds, or ends with one message that names the package."""
    completed = without_database(COMMAND.format(words=", ".join(map(repr, words))))
    assert completed.returncode == code, completed.stderr
    assert "Traceback" not in completed.stderr
    if code:
        assert INSTALL in completed.stderr
