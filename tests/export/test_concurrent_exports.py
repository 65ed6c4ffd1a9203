"""Only one export at a time writes a file or a checkpoint."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from booking_factory import BookingFactory
from cli_process import run_cli, start_cli, wait_until
from export_runs import ROWS, client, file_names, uids

from calcom_async import ExportLockedError
from calcom_async.export import ExportJob, export
from calcom_async.export.lock import exclusive


@pytest.mark.parametrize("start", ["at once", "during the first"])
async def test_two_exports_of_one_file_exclude_each_other(factory: BookingFactory, tmp_path: Path, start: str) -> None:
    """The second one fails at once and changes nothing, the first one completes, and a third one can follow."""
    running = asyncio.Event()
    path = tmp_path / "a.jsonl"
    (tmp_path / "link.jsonl").symlink_to(path)
    if start == "at once":
        running.set()
    async with client(factory) as cal, asyncio.TaskGroup() as group:
        factory.sandbox.faults.add("GET", "/v2/bookings", after=3, times=1, slow=0.5)
        first = group.create_task(
            export(cal, ExportJob(take=50), path, on_progress=lambda _: running.set(), resume=True)
        )
        await running.wait()
        await asyncio.sleep(0)
        for other in (path, tmp_path / "link.jsonl", tmp_path / "." / "a.jsonl"):
            for options in ({}, {"resume": True}, {"restart": True}, {"incremental": True}):
                with pytest.raises(ExportLockedError, match=r"another export is writing .*a\.jsonl"):
                    await export(cal, ExportJob(), other, **options)
        with pytest.raises(ExportLockedError, match=r"a\.jsonl\.checkpoint"):
            await export(cal, ExportJob(), tmp_path / "b.jsonl", checkpoint=tmp_path / "a.jsonl.checkpoint")
    assert first.result().rows == ROWS
    assert sorted(uids(path)) == sorted(factory.store.bookings)
    async with client(factory) as cal:
        await export(cal, ExportJob(), path)
    assert file_names(tmp_path) == {"a.jsonl", "link.jsonl"}


async def test_exports_to_a_device_lock_only_their_checkpoint(factory: BookingFactory, tmp_path: Path) -> None:
    """Devices are not locked, their checkpoints are."""
    state = tmp_path / "state.json"
    async with client(factory) as cal:
        with exclusive(Path("/dev/null")):
            await export(cal, ExportJob(), "/dev/null", incremental=True, checkpoint=state)
        with exclusive(state), pytest.raises(ExportLockedError):
            await export(cal, ExportJob(), "/dev/null", incremental=True, checkpoint=state)
    assert file_names(tmp_path) == {"state.json"}


@pytest.mark.slow
def test_a_second_process_is_rejected(factory: BookingFactory, tmp_path: Path) -> None:
    """Of two overlapping runs of cron, the second ends with code 12, and the first completes the file."""
    factory.sandbox.faults.add("GET", "/v2/bookings", after=3, times=1, slow=60)
    connection = ["--base-url", factory.sandbox.url, "--api-key", factory.sandbox.api_key]
    options = ["--page-size", "50", "--resume"]
    command = ["export", "bookings", *connection, "-o", tmp_path / "a.jsonl", *options]
    with start_cli(*command) as first:
        wait_until((tmp_path / "a.jsonl.part").exists, "rows")
        second = run_cli(*command)
        first.send_signal(signal.SIGKILL)
    assert second.returncode == 12
    assert "another export is writing" in second.stderr
    factory.sandbox.faults.clear()
    assert run_cli(*command).returncode == 0
    assert sorted(uids(tmp_path / "a.jsonl")) == sorted(factory.store.bookings)
    assert file_names(tmp_path) == {"a.jsonl"}
