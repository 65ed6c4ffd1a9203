"""Interrupted exports: nothing is lost or repeated, and the next run continues."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from booking_factory import BookingFactory
from cli_process import start_cli, wait_until
from export_runs import ROWS, Killed, client, file_names, interrupt_export, uids
from timeouts import slow

from calcom_async import Calcom, ExportError, ForbiddenError, UnfinishedExportError
from calcom_async.export import ExportJob, ExportProgress, export
from calcom_async.export.checkpoint import Checkpoint
from calcom_async.export.rows import BOOKING_COLUMNS


async def complete_export(factory: BookingFactory, folder: Path, name: str) -> bytes:
    """Return what a run without an interruption writes."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), folder / f"complete-{name}")
    return (folder / f"complete-{name}").read_bytes()


async def test_after_an_error_the_next_run_continues(factory: BookingFactory, tmp_path: Path) -> None:
    """A failure keeps the rows before it. The next run requests only the rest, and the file is the same."""
    expected = await complete_export(factory, tmp_path, "a.jsonl")
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=8)
    async with client(factory) as cal:
        with pytest.raises(ForbiddenError) as failure:
            await export(cal, ExportJob(take=50), tmp_path / "a.jsonl")
        saved = len(uids(tmp_path / "a.jsonl.part"))
        part = tmp_path / "a.jsonl.part"
        assert failure.value.hint.endswith(f"{saved} rows are in {part}; continue with resume=True")
        assert "resume" not in failure.value.message
        report = await export(cal, ExportJob(take=50), tmp_path / "a.jsonl", resume=True)
    assert 0 < saved < ROWS
    assert report.resumed
    assert report.requests <= 4 + (ROWS - saved) / 43
    assert (tmp_path / "a.jsonl").read_bytes() == expected


async def test_the_error_about_an_unfinished_export_has_its_file_and_rows(
    factory: BookingFactory, tmp_path: Path
) -> None:
    """The attributes are the partial file, its rows, and whether it can be resumed. The message has no keywords."""
    await interrupt_export(factory, tmp_path / "a.jsonl")
    part = tmp_path / "a.jsonl.part"
    saved = len(uids(part))
    async with client(factory) as cal:
        with pytest.raises(UnfinishedExportError) as failure:
            await export(cal, ExportJob(), tmp_path / "a.jsonl")
        assert (failure.value.path, failure.value.rows, failure.value.can_resume) == (part, saved, True)
        assert "=True" not in failure.value.message
        (tmp_path / "a.jsonl.checkpoint").unlink()
        with pytest.raises(UnfinishedExportError, match="no checkpoint") as failure:
            await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
        assert (failure.value.rows, failure.value.can_resume) == (saved, False)


async def test_a_resumed_run_reports_its_earlier_rows_first(factory: BookingFactory, tmp_path: Path) -> None:
    """The first progress of a resumed run is the number of rows in the partial file."""
    await interrupt_export(factory, tmp_path / "a.jsonl")
    saved, progress = len(uids(tmp_path / "a.jsonl.part")), list[ExportProgress]()
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True, on_progress=progress.append)
    assert (progress[0].rows, progress[0].rows_before) == (saved, saved)


async def test_a_cancelled_run_can_be_resumed(factory: BookingFactory, tmp_path: Path) -> None:
    """A run that is cancelled several times leaves no task, and a partial file with which the next one continues."""
    expected = await complete_export(factory, tmp_path, "a.jsonl")
    async with client(factory) as cal:
        for minimum in range(40, ROWS - 100, 97):
            await cancel_export(cal, tmp_path / "a.jsonl", minimum)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert minimum <= len(uids(tmp_path / "a.jsonl.part")) < ROWS
        await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
    assert (tmp_path / "a.jsonl").read_bytes() == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl.gz", *slow("a.csv.gz", "a.jsonl.zst")])
async def test_a_compressed_file_is_the_same_wherever_it_was_resumed(
    factory: BookingFactory, tmp_path: Path, name: str
) -> None:
    """Compressed pieces end after the same rows, whatever the page size and the place of the interruption."""
    factory.fill([(number // 7, number // 3, number // 9) for number in range(1500)])
    expected = await complete_export(factory, tmp_path, name)
    for minimum, take in ((1, 250), (300, 100), (700, 37), (1000, 250), (1400, 80)):
        (tmp_path / name).unlink(missing_ok=True)

        def stop(progress: ExportProgress, minimum: int = minimum) -> None:
            if progress.rows >= minimum:
                raise Killed

        async with client(factory) as cal:
            with pytest.raises(Killed):
                await export(cal, ExportJob(take=take), tmp_path / name, on_progress=stop)
            report = await export(cal, ExportJob(), tmp_path / name, resume=True)
        assert (tmp_path / name).read_bytes() == expected
        assert (report.rows, report.resumed) == (1500, True)
        assert report.rows_before >= min(minimum, 250)


async def cancel_export(cal: Calcom, path: Path, minimum: int) -> None:
    """Run an export and cancel it after so many rows."""

    def cancel(progress: ExportProgress) -> None:
        if progress.rows >= minimum:
            task.cancel()

    task = asyncio.create_task(export(cal, ExportJob(take=20), path, resume=True, on_progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task


def comparable(path: Path) -> Any:
    """Return what must be the same: the bytes, or the rows of Parquet, which contains the versions of libraries."""
    if path.name.endswith(".parquet"):
        from pyarrow import parquet

        return parquet.read_table(path).to_pylist()
    return path.read_bytes()


def has_size(size: int, part: Path, running: subprocess.Popen[str]) -> bool:
    return running.poll() is not None or (part.exists() and part.stat().st_size >= size)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", *slow("a.csv", "a.jsonl.gz", "a.csv.zst", "a.parquet")])
async def test_a_killed_run_can_be_resumed(factory: BookingFactory, tmp_path: Path, name: str) -> None:
    """After several SIGKILLs at random sizes of the file, the content is as if nothing had happened."""
    await complete_export(factory, tmp_path, name)
    expected = comparable(tmp_path / f"complete-{name}")
    factory.sandbox.faults.add("GET", "/v2/bookings", times=10**6, slow=0.01)
    part, size, rng = tmp_path / f"{name}.part", 0, random.Random(name)
    connection = ["--base-url", factory.sandbox.url, "--api-key", factory.sandbox.api_key]
    for _ in range(4):
        size += rng.randrange(1, 60_000 if name.endswith(("l", "t")) else 9_000)
        running = start_cli("export", "bookings", *connection, "-o", tmp_path / name, "--page-size", "20", "--resume")
        wait_until(partial(has_size, size, part, running), "some rows")
        running.send_signal(signal.SIGKILL)
        running.wait()
    factory.sandbox.faults.clear()
    running = start_cli("export", "bookings", *connection, "-o", tmp_path / name, "--resume")
    assert running.wait() == 0
    assert comparable(tmp_path / name) == expected
    assert file_names(tmp_path) == {name, f"complete-{name}"}


@pytest.mark.parametrize("step", ["finish", "unlink"])
async def test_a_run_killed_at_the_end_is_completed_by_the_next(
    factory: BookingFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A kill between the last row and the end of the checkpoint neither repeats nor loses rows."""
    expected = await complete_export(factory, tmp_path, "a.jsonl")

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "finish":
            patch.setattr(Checkpoint, "finish", killed)
        else:
            patch.setattr("calcom_async.export.sinks.FileSink.finish", killed)
        async with client(factory) as cal:
            with pytest.raises(Killed):
                await export(cal, ExportJob(), tmp_path / "a.jsonl")
    async with client(factory) as cal:
        report = await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
    assert (report.rows, report.resumed) == (ROWS, True)
    assert (tmp_path / "a.jsonl").read_bytes() == expected
    assert file_names(tmp_path) == {"a.jsonl", "complete-a.jsonl"}


async def test_resume_without_an_interrupted_run_starts_one(factory: BookingFactory, tmp_path: Path) -> None:
    """A nightly job can always pass resume."""
    async with client(factory) as cal:
        report = await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
        again = await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
    assert (report.resumed, again.resumed) == (False, False)
    assert report.rows == again.rows == ROWS


async def test_restart_discards_the_interrupted_run(factory: BookingFactory, tmp_path: Path) -> None:
    """With restart the partial file is overwritten, and the old checkpoint is not used for it."""
    for after in (6, 2):
        factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=after)
        async with client(factory) as cal:
            with pytest.raises(ForbiddenError):
                await export(cal, ExportJob(take=50), tmp_path / "a.jsonl", restart=True)
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
    assert sorted(uids(tmp_path / "a.jsonl")) == sorted(factory.store.bookings)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz", "a.parquet"])
@pytest.mark.parametrize("options", [{}, {"incremental": True}], ids=str)
async def test_rows_of_an_interrupted_run_are_not_discarded(
    factory: BookingFactory, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    """Without resume they are an error with their number, before a request; with restart they are discarded."""
    await interrupt_export(factory, tmp_path / name, after=9)
    before = contents(tmp_path)
    factory.sandbox.requests.clear()
    async with client(factory) as cal:
        with pytest.raises(
            ExportError, match=r"has [23]\d\d rows of an interrupted export.* resume=True.* restart=True"
        ):
            await export(cal, ExportJob(), tmp_path / name, **options)
        assert (factory.sandbox.requests, contents(tmp_path)) == ([], before)
        report = await export(cal, ExportJob(), tmp_path / name, restart=True, **options)
    assert (report.rows, report.resumed) == (ROWS, False)


@pytest.mark.parametrize("content", [b"\x00\xff", b"half a row", b'{"uid":"x"}\n'])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
async def test_a_partial_file_of_any_kind_is_not_discarded(
    factory: BookingFactory, tmp_path: Path, name: str, content: bytes
) -> None:
    """It is kept whether it can be read or not, and cannot be resumed without its checkpoint."""
    (tmp_path / f"{name}.part").write_bytes(content)
    async with client(factory) as cal:
        for resume in (False, True):
            with pytest.raises(ExportError, match=r"would be lost.* restart=True"):
                await export(cal, ExportJob(), tmp_path / name, resume=resume)
    assert (tmp_path / f"{name}.part").read_bytes() == content


async def test_a_partial_file_without_rows_is_replaced(factory: BookingFactory, tmp_path: Path) -> None:
    """It does not stop a run."""
    header = b",".join(column.encode() for column in BOOKING_COLUMNS) + b"\r\n"
    for name, content in (("a.jsonl", b""), ("a.csv", header)):
        (tmp_path / f"{name}.part").write_bytes(content)
        async with client(factory) as cal:
            assert (await export(cal, ExportJob(), tmp_path / name)).rows == ROWS


async def test_a_list_without_positions_is_read_again_by_resume(factory: BookingFactory, tmp_path: Path) -> None:
    """Lists other than bookings start again, because they have no time to continue from."""
    async with client(factory) as cal:
        expected = await export(cal, ExportJob("event-types"), tmp_path / "complete.csv")
        with pytest.raises(Killed):
            await export(cal, ExportJob("event-types"), tmp_path / "a.csv", on_progress=kill)
        report = await export(cal, ExportJob("event-types"), tmp_path / "a.csv", resume=True)
    assert report.rows == expected.rows
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "complete.csv").read_bytes()


def kill(_: ExportProgress) -> None:
    raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv.gz", "a.parquet"])
@pytest.mark.parametrize(
    "damage", [lambda data: data + b"{}\n", lambda data: data[:-9], lambda data: data[:9] + data[10:]]
)
async def test_a_partial_file_that_another_program_changed_is_not_renamed(
    factory: BookingFactory, tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    """A damaged file never gets the name of a complete one."""
    part = tmp_path / f"{name}.part"

    def damage_complete_file(progress: ExportProgress) -> None:
        if progress.rows == ROWS:
            part.write_bytes(damage(part.read_bytes()))

    (tmp_path / name).write_bytes(b"earlier")
    async with client(factory) as cal:
        with pytest.raises(ExportError, match=rf"cannot complete .*{name}: .* (has|was) .*Another program"):
            await export(cal, ExportJob(), tmp_path / name, on_progress=damage_complete_file)
    assert (tmp_path / name).read_bytes() == b"earlier"
