"""`bookings watch`: lines, JSON, the file that it continues from, and errors."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cli_process import interrupt, start_cli
from cli_runner import connection_args, invoke
from sent_requests import ADA

from calcom_async import BookingChange, Calcom, ConnectionFailedError, ExportError
from calcom_async.cli.booking_watch import _line, _read_state, _row, _save_state, _warn
from calcom_async.cli.terminal import json_text
from calcom_async.models.bookings import Booking
from calcom_async.sandbox import Sandbox

PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
NINE = datetime(2026, 11, 4, 9, tzinfo=UTC)


@pytest.mark.slow
async def test_each_change_is_a_line_and_a_restart_continues(tmp_path: Path) -> None:
    """Changes are printed until Ctrl-C. The next watch with the same file prints what happened in between.

    The file is there before the first change, for a watch that is killed.
    """
    state = tmp_path / "state"
    with Sandbox() as sandbox:
        args = ["bookings", "watch", "--interval", "1", "--state", state, *connection_args(sandbox)]
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            now = datetime.now(UTC)
            running = start_cli(*args, "--since", now.isoformat(), "--time-zone", "Asia/Tokyo", **PIPES)
            assert running.stdout
            slot = await cal.slots.first_available(event_type_id=1, start=now.date(), end=now + timedelta(days=7))
            assert slot
            booking = await cal.bookings.create(start=slot.start, event_type_id=1, attendee=ADA)
            line = running.stdout.readline()
            code, message = interrupt(running)
            await cal.bookings.cancel(booking.uid, reason="rain")
            running = start_cli(*args, "--json", **PIPES)
            assert running.stdout
            row = json.loads(running.stdout.readline())
            interrupt(running)
            first_state = tmp_path / "first"
            running = start_cli("bookings", "watch", "--state", first_state, *connection_args(sandbox), **PIPES)
            while not first_state.exists():
                assert running.poll() is None
                await asyncio.sleep(0.05)
            running.kill()
            running.communicate()
    start = slot.start.astimezone(ZoneInfo("Asia/Tokyo")).isoformat(timespec="minutes")
    assert line == f"created {start} {booking.uid} {booking.title}\n"
    assert _read_state(first_state) is not None
    assert (code, "Traceback" in message, "interrupted" in message) == (130, False, True)
    assert (row["change"], row["uid"], row["booking"]["status"]) == ("cancelled", booking.uid, "cancelled")


def test_lines_and_json() -> None:
    """A line, or a JSON text, has the change and both uids."""
    booking = Booking(
        id=1, uid="b", title="Meeting", hosts=[], attendees=[], status="accepted", start=NINE, end=NINE, duration=30,
        created_at=NINE,
    )  # fmt: skip
    change = BookingChange(kind="rescheduled", uid="b", previous_uid="a", booking=booking, previous=None, seen_at=NINE)
    assert _line(change, ZoneInfo("Europe/Rome")) == "rescheduled 2026-11-04T10:00+01:00 b (was a) Meeting"
    row = json.loads(json_text(_row(change), compact=True))
    assert (row["change"], row["uid"], row["previousUid"], row["booking"]["uid"]) == ("rescheduled", "b", "a", "b")


def test_a_failed_poll_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """A failed poll is a warning."""
    _warn(ConnectionFailedError("cut [off]", sent=True))
    assert capsys.readouterr().err == "warning: cannot read the changed bookings, will try again: cut [off]\n"


def test_the_state_is_replaced_in_one_step(tmp_path: Path) -> None:
    """The file has the time; without a time nothing is written, and a folder without access is an error."""
    file = tmp_path / "state"
    _save_state(file, None)
    assert _read_state(file) is None
    _save_state(file, NINE)
    _save_state(None, NINE)
    (tmp_path / "state.part").mkdir()  # of another program
    assert _read_state(file) == NINE
    assert {*tmp_path.iterdir()} == {file, tmp_path / "state.part"}
    with pytest.raises(ExportError, match="cannot write"):
        _save_state(tmp_path / "none" / "state", NINE)
    with pytest.raises(ExportError, match="cannot write"):
        _save_state(tmp_path / "state.part", NINE)
    assert {*tmp_path.iterdir()} == {file, tmp_path / "state.part"}, "nothing is left of a failure"


@pytest.mark.parametrize("content", [b"", b"yesterday", b"2026-11-04T09:00:00", b"\xff", b"2" * 1000])
def test_another_file_is_no_state(content: bytes, tmp_path: Path) -> None:
    """A file that has no time with an offset is an error before a request is sent."""
    file = tmp_path / "state"
    file.write_bytes(content)
    result = invoke("bookings", "watch", "--state", file, "--base-url", "https://cal.invalid", "--api-key", "cal_x")
    assert result.exit_code == 2
    assert "is not a file of bookings watch" in result.stderr
    assert invoke("bookings", "watch", "--state", tmp_path, "--api-key", "cal_x").exit_code == 2


def test_a_permanent_error_ends_the_watch(tmp_path: Path) -> None:
    """A rejected request ends the watch with code 3, and no state is written."""
    with Sandbox() as sandbox:
        result = invoke(
            *("bookings", "watch", "--team", "4711", "--event-type", "1", "--time-zone", "UTC"),
            *("--state", tmp_path / "state", *connection_args(sandbox)),
        )
    assert result.exit_code in {3, 4}
    assert "while watching the list /teams/{}/bookings" in result.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [(["--interval", "0"], "--interval"), (["--since", "soon"], "--since must be"), (["--time-zone", "Mars"], "Mars")],
)
def test_invalid_arguments(args: list[str], message: str) -> None:
    """An invalid argument is an error before a request is sent."""
    result = invoke("bookings", "watch", *args, "--base-url", "https://cal.invalid", "--api-key", "cal_x")
    assert result.exit_code == 2
    assert message in result.stderr
