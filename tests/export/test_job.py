"""export(): whatever ends a run, nothing is lost, nothing comes twice, and the next run goes on."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from booking_factory import NOW, BookingFactory
from cli_process import run_cli, start_cli, wait_until
from timeouts import slow

from calcom_async import (
    Calcom,
    DecodeError,
    ExportError,
    ExportLockedError,
    ForbiddenError,
    IncompleteListError,
    IncompleteListWarning,
    InvalidRequestError,
    UnfinishedExportError,
)
from calcom_async.export import EXPORTABLE, ExportJob, ExportProgress, export, open_sink
from calcom_async.export.checkpoint import Checkpoint
from calcom_async.export.lock import exclusive
from calcom_async.export.rows import BOOKING_COLUMNS
from calcom_async.sandbox import Sandbox

ROWS = 500
TIES = [(number // 7, number // 3, number // 9) for number in range(ROWS)]


@pytest.fixture
def factory() -> Iterator[BookingFactory]:
    with Sandbox(ties=True, unstable_order=True, now=NOW) as sandbox:
        factory = BookingFactory(sandbox, random.Random(7))
        factory.fill(TIES)
        yield factory


def client(factory: BookingFactory, key: str | None = None) -> Calcom:
    return Calcom(key or factory.sandbox.api_key, base_url=factory.sandbox.url, backoff_base=0.0)


def uids(path: Path) -> list[str]:
    return [json.loads(line)["uid"] for line in path.read_text("utf-8").splitlines()]


def rows(path: Path) -> dict[str, Any]:
    return {row["uid"]: row for row in map(json.loads, path.read_text("utf-8").splitlines())}


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


# --- a run ----------------------------------------------------------------------------------------------------------


async def test_every_row_is_in_the_file_once(factory: BookingFactory, tmp_path: Path) -> None:
    """The file holds the list, bears its own name, and nothing else is left."""
    async with client(factory) as cal:
        report = await export(cal, ExportJob(take=50), tmp_path / "a.jsonl")
    found = uids(tmp_path / "a.jsonl")
    assert sorted(found) == sorted(factory.store.bookings)
    assert names(tmp_path) == {"a.jsonl"}
    assert (report.rows, report.missing_rows, report.is_full, report.resumed) == (ROWS, 0, True, False)
    assert report.requests == len(factory.sandbox.requests)
    assert report.duplicates > 0
    assert report.seconds > 0


@pytest.mark.parametrize("thing", [thing for thing in EXPORTABLE if thing != "bookings"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
async def test_every_thing_can_be_exported(thing: str, name: str, tmp_path: Path) -> None:
    """Each list that can be exported goes into each format, with as many rows as the server has."""
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    job = ExportJob(thing, organization=None if "" in EXPORTABLE[thing].scopes else 1)
    with Sandbox() as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            if thing == "webhooks":
                await cal.webhooks.create(subscriber_url="https://hooks.test/", triggers=["BOOKING_CREATED"])
            report = await export(cal, job, tmp_path / name)
            expected = sum([len(batch.rows) async for batch in batches(cal, job)])
    assert report.rows == expected
    assert names(tmp_path) == {name}


def batches(cal: Calcom, job: ExportJob) -> Any:
    from calcom_async.export.plan import ExportPlan
    from calcom_async.keyset import ReadStats

    return job.source(cal).batches(ExportPlan(), None, stats=ReadStats())


async def test_progress_is_told_when_rows_are_on_the_disk(factory: BookingFactory, tmp_path: Path) -> None:
    """The callback learns the rows after each batch, when they can be read from the partial file, and the total."""
    told: list[ExportProgress] = []

    def on_progress(now: ExportProgress) -> None:
        told.append(now)
        assert len(uids(tmp_path / "a.jsonl.part")) == now.rows

    async with client(factory) as cal:
        await export(cal, ExportJob(take=60), tmp_path / "a.jsonl", on_progress=on_progress)
    assert [now.rows for now in told] == sorted(now.rows for now in told)
    assert told[-1] == ExportProgress(ROWS, ROWS, path=tmp_path / "a.jsonl.part")


@pytest.mark.parametrize("strict", [False, True])
async def test_rows_that_never_show_are_told(factory: BookingFactory, tmp_path: Path, *, strict: bool) -> None:
    """When the server counts more rows than it showed, that is a warning and in the report, or with strict an error."""
    async with client(factory) as cal:
        page = await cal.request("GET", "/v2/bookings", query={"take": 1, "sortCreated": "desc"})
        page["pagination"]["totalItems"] += 3
        factory.sandbox.faults.add("GET", "/v2/bookings", body=page)
        if strict:
            with pytest.raises(IncompleteListError, match="3 rows that the server counts"):
                await export(cal, ExportJob(), tmp_path / "a.jsonl", strict=True)
            assert names(tmp_path) == {"a.jsonl.part", "a.jsonl.checkpoint"}
            return
        with pytest.warns(IncompleteListWarning, match="3 rows that the server counts"):
            report = await export(cal, ExportJob(), tmp_path / "a.jsonl")
    assert (report.rows, report.missing_rows) == (ROWS, 3)


# --- breaking off, and going on ---------------------------------------------------------------------------------------


async def whole(factory: BookingFactory, folder: Path, name: str) -> bytes:
    """What an undisturbed run writes."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), folder / f"whole-{name}")
    return (folder / f"whole-{name}").read_bytes()


async def test_after_an_error_the_next_run_goes_on(factory: BookingFactory, tmp_path: Path) -> None:
    """A failure leaves what came before it; the next run asks only for the rest and ends with the same file."""
    expected = await whole(factory, tmp_path, "a.jsonl")
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
    """The attributes name the partial file, its rows, and whether it can be resumed; the message names no keywords."""
    await broken_off(factory, tmp_path / "a.jsonl")
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


async def test_a_resumed_run_shows_its_earlier_rows_before_it_reads(factory: BookingFactory, tmp_path: Path) -> None:
    """The first progress of a resumed run is the number of rows that the partial file has."""
    await broken_off(factory, tmp_path / "a.jsonl")
    saved, progress = len(uids(tmp_path / "a.jsonl.part")), list[ExportProgress]()
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True, on_progress=progress.append)
    assert (progress[0].rows, progress[0].rows_before) == (saved, saved)


async def test_a_cancelled_run_goes_on(factory: BookingFactory, tmp_path: Path) -> None:
    """Cancelled again and again, a run leaves no task, and a file that the next one goes on with."""
    expected = await whole(factory, tmp_path, "a.jsonl")
    async with client(factory) as cal:
        for seen in range(40, ROWS - 100, 97):
            await cancelled(cal, tmp_path / "a.jsonl", seen)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert seen <= len(uids(tmp_path / "a.jsonl.part")) < ROWS
        await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
    assert (tmp_path / "a.jsonl").read_bytes() == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl.gz", *slow("a.csv.gz", "a.jsonl.zst")])
async def test_a_compressed_file_is_the_same_wherever_it_was_resumed(
    factory: BookingFactory, tmp_path: Path, name: str
) -> None:
    """Pieces end behind the same rows, whatever the page size and the place of the interruption."""
    factory.fill([(number // 7, number // 3, number // 9) for number in range(1500)])
    expected = await whole(factory, tmp_path, name)
    for seen, take in ((1, 250), (300, 100), (700, 37), (1000, 250), (1400, 80)):
        (tmp_path / name).unlink(missing_ok=True)

        def stop(now: ExportProgress, seen: int = seen) -> None:
            if now.rows >= seen:
                raise Killed

        async with client(factory) as cal:
            with pytest.raises(Killed):
                await export(cal, ExportJob(take=take), tmp_path / name, on_progress=stop)
            report = await export(cal, ExportJob(), tmp_path / name, resume=True)
        assert (tmp_path / name).read_bytes() == expected
        assert (report.rows, report.resumed) == (1500, True)
        assert report.rows_before >= min(seen, 250)


async def cancelled(cal: Calcom, path: Path, seen: int) -> None:
    """An export that is cancelled after so many rows."""

    def cancel(now: ExportProgress) -> None:
        if now.rows >= seen:
            task.cancel()

    task = asyncio.create_task(export(cal, ExportJob(take=20), path, resume=True, on_progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task


def content(path: Path) -> Any:
    """What must be the same: the bytes, or the rows of a format whose bytes hold the versions of libraries."""
    if path.name.endswith(".parquet"):
        from pyarrow import parquet

        return parquet.read_table(path).to_pylist()
    return path.read_bytes()


def has_come_to(size: int, part: Path, running: subprocess.Popen[str]) -> bool:
    return running.poll() is not None or (part.exists() and part.stat().st_size >= size)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", *slow("a.csv", "a.jsonl.gz", "a.csv.zst", "a.parquet")])
async def test_killed_at_any_point_a_run_goes_on(factory: BookingFactory, tmp_path: Path, name: str) -> None:
    """After SIGKILL, again and again, at sizes of the file drawn by chance, it ends as if nothing had happened."""
    await whole(factory, tmp_path, name)
    expected = content(tmp_path / f"whole-{name}")
    factory.sandbox.faults.add("GET", "/v2/bookings", times=10**6, slow=0.01)
    part, size, luck = tmp_path / f"{name}.part", 0, random.Random(name)
    place = ["--base-url", factory.sandbox.url, "--api-key", factory.sandbox.api_key]
    for _ in range(4):
        size += luck.randrange(1, 60_000 if name.endswith(("l", "t")) else 9_000)
        running = start_cli("export", "bookings", *place, "-o", tmp_path / name, "--page-size", "20", "--resume")
        wait_until(partial(has_come_to, size, part, running), "some rows")
        running.send_signal(signal.SIGKILL)
        running.wait()
    factory.sandbox.faults.clear()
    running = start_cli("export", "bookings", *place, "-o", tmp_path / name, "--resume")
    assert running.wait() == 0
    assert content(tmp_path / name) == expected
    assert names(tmp_path) == {name, f"whole-{name}"}


class Killed(Exception):  # noqa: N818 - it is no error of the export's
    """Stands for a kill at one place."""


@pytest.mark.parametrize("step", ["finish", "unlink"])
async def test_killed_at_the_very_end_a_run_is_finished_by_the_next(
    factory: BookingFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Between the last row and the last word of the checkpoint, nothing is written twice and nothing is missing."""
    expected = await whole(factory, tmp_path, "a.jsonl")

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
    assert names(tmp_path) == {"a.jsonl", "whole-a.jsonl"}


async def test_going_on_where_nothing_is_simply_starts(factory: BookingFactory, tmp_path: Path) -> None:
    """A nightly job may always say resume."""
    async with client(factory) as cal:
        report = await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
        again = await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
    assert (report.resumed, again.resumed) == (False, False)
    assert report.rows == again.rows == ROWS


async def test_a_run_that_starts_anew_forgets_the_one_before(factory: BookingFactory, tmp_path: Path) -> None:
    """With restart the old partial file is written over, and its checkpoint does not vouch for the new one."""
    for after in (6, 2):
        factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=after)
        async with client(factory) as cal:
            with pytest.raises(ForbiddenError):
                await export(cal, ExportJob(take=50), tmp_path / "a.jsonl", restart=True)
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)
    assert sorted(uids(tmp_path / "a.jsonl")) == sorted(factory.store.bookings)


async def broken_off(factory: BookingFactory, path: Path, *, after: int = 6, **options: Any) -> bytes:
    """An export that fails after some rows; the bytes of its partial file."""
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=after)
    async with client(factory) as cal:
        with pytest.raises(ForbiddenError):
            await export(cal, ExportJob(take=50), path, **options)
    factory.sandbox.faults.clear()
    return path.with_name(path.name + ".part").read_bytes()


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz", "a.parquet"])
@pytest.mark.parametrize("options", [{}, {"incremental": True}], ids=str)
async def test_rows_of_an_interrupted_run_are_not_discarded(
    factory: BookingFactory, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    """Without resume they are an error that says how many, before a request; with restart they are discarded."""
    await broken_off(factory, tmp_path / name, after=9)
    before = files(tmp_path)
    factory.sandbox.requests.clear()
    async with client(factory) as cal:
        with pytest.raises(
            ExportError, match=r"has [23]\d\d rows of an interrupted export.* resume=True.* restart=True"
        ):
            await export(cal, ExportJob(), tmp_path / name, **options)
        assert (factory.sandbox.requests, files(tmp_path)) == ([], before)
        report = await export(cal, ExportJob(), tmp_path / name, restart=True, **options)
    assert (report.rows, report.resumed) == (ROWS, False)


@pytest.mark.parametrize("left", [b"\x00\xff", b"half a row", b'{"uid":"x"}\n'])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
async def test_a_partial_file_of_any_kind_is_not_discarded(
    factory: BookingFactory, tmp_path: Path, name: str, left: bytes
) -> None:
    """What is in it may be worth something, whether it can be read or not, and resuming needs its checkpoint."""
    (tmp_path / f"{name}.part").write_bytes(left)
    async with client(factory) as cal:
        for resume in (False, True):
            with pytest.raises(ExportError, match=r"would be lost.* restart=True"):
                await export(cal, ExportJob(), tmp_path / name, resume=resume)
    assert (tmp_path / f"{name}.part").read_bytes() == left


async def test_an_empty_partial_file_is_no_matter(factory: BookingFactory, tmp_path: Path) -> None:
    """A partial file without rows does not stop a run."""
    header = b",".join(column.encode() for column in BOOKING_COLUMNS) + b"\r\n"
    for name, left in (("a.jsonl", b""), ("a.csv", header)):
        (tmp_path / f"{name}.part").write_bytes(left)
        async with client(factory) as cal:
            assert (await export(cal, ExportJob(), tmp_path / name)).rows == ROWS


async def test_a_list_without_places_is_read_again_by_resume(factory: BookingFactory, tmp_path: Path) -> None:
    """Lists other than bookings start again, since no time of theirs says how far they came."""
    async with client(factory) as cal:
        expected = await export(cal, ExportJob("event-types"), tmp_path / "whole.csv")
        with pytest.raises(Killed):
            await export(cal, ExportJob("event-types"), tmp_path / "a.csv", on_progress=kill)
        report = await export(cal, ExportJob("event-types"), tmp_path / "a.csv", resume=True)
    assert report.rows == expected.rows
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def kill(_: ExportProgress) -> None:
    raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv.gz", "a.parquet"])
@pytest.mark.parametrize(
    "harm", [lambda data: data + b"{}\n", lambda data: data[:-9], lambda data: data[:9] + data[10:]]
)
async def test_a_partial_file_that_another_program_changed_is_not_renamed(
    factory: BookingFactory, tmp_path: Path, name: str, harm: Callable[[bytes], bytes]
) -> None:
    """The size and the last bytes are verified at the end: a damaged file never gets the name of a complete one."""
    part = tmp_path / f"{name}.part"

    def spoil(now: ExportProgress) -> None:
        if now.rows == ROWS:
            part.write_bytes(harm(part.read_bytes()))

    (tmp_path / name).write_bytes(b"earlier")
    async with client(factory) as cal:
        with pytest.raises(ExportError, match=rf"cannot complete .*{name}: .* (has|was) .*Another program"):
            await export(cal, ExportJob(), tmp_path / name, on_progress=spoil)
    assert (tmp_path / name).read_bytes() == b"earlier"


@pytest.mark.parametrize("start", ["at once", "during the first"])
async def test_two_exports_of_one_file_exclude_each_other(factory: BookingFactory, tmp_path: Path, start: str) -> None:
    """The second one fails at once and changes nothing; the first one is complete, and a third one may follow."""
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
    assert names(tmp_path) == {"a.jsonl", "link.jsonl"}


async def test_exports_of_a_stream_share_no_lock_but_their_checkpoint(factory: BookingFactory, tmp_path: Path) -> None:
    """Devices are not locked; the checkpoint of one is."""
    state = tmp_path / "state.json"
    async with client(factory) as cal:
        with exclusive(Path("/dev/null")):
            await export(cal, ExportJob(), "/dev/null", incremental=True, checkpoint=state)
        with exclusive(state), pytest.raises(ExportLockedError):
            await export(cal, ExportJob(), "/dev/null", incremental=True, checkpoint=state)
    assert names(tmp_path) == {"state.json"}


@pytest.mark.slow
def test_a_second_process_is_refused(factory: BookingFactory, tmp_path: Path) -> None:
    """Two overlapping runs of cron: the second one ends with code 12, the first one completes the file."""
    factory.sandbox.faults.add("GET", "/v2/bookings", after=3, times=1, slow=60)
    place = ["--base-url", factory.sandbox.url, "--api-key", factory.sandbox.api_key]
    command = [
        "export",
        "bookings",
        *place,
        "-o",
        tmp_path / "a.jsonl",
        "--page-size",
        "50",
        "--resume",
    ]
    with start_cli(*command) as first:
        wait_until((tmp_path / "a.jsonl.part").exists, "rows")
        second = run_cli(*command)
        first.send_signal(signal.SIGKILL)
    assert second.returncode == 12
    assert "another export is writing" in second.stderr
    factory.sandbox.faults.clear()
    assert run_cli(*command).returncode == 0
    assert sorted(uids(tmp_path / "a.jsonl")) == sorted(factory.store.bookings)
    assert names(tmp_path) == {"a.jsonl"}


OTHERS: dict[str, tuple[dict[str, Any], str | None]] = {
    "other list": ({"job": ExportJob("event-types")}, None),
    "other filter": ({"job": ExportJob(filters={"attendee_email": "ada@visitors.test"})}, None),
    "other account": ({}, "cal_sandbox_bo"),
    "other format": ({"format": "csv"}, None),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_the_checkpoint_of_another_job_is_refused(factory: BookingFactory, tmp_path: Path, other: str) -> None:
    """Rows of two jobs never meet in one file: the error names both, and nothing is touched."""
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=4)
    async with client(factory) as cal:
        with pytest.raises(ForbiddenError):
            await export(cal, ExportJob(take=50), tmp_path / "a.jsonl")
    before = (tmp_path / "a.jsonl.part").read_bytes()
    changed, key = OTHERS[other]
    async with client(factory, key) as cal:
        with pytest.raises(ExportError, match=r"is of another job: bookings.*This one is: "):
            await export(cal, output=tmp_path / "a.jsonl", resume=True, **{"job": ExportJob(), **changed})
    assert (tmp_path / "a.jsonl.part").read_bytes() == before


async def test_two_files_cannot_share_a_checkpoint(factory: BookingFactory, tmp_path: Path) -> None:
    """A run into one file must not move the watermark of another, which would then miss changes."""
    state = tmp_path / "state"
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True, checkpoint=state)
        before = state.read_bytes()
        with pytest.raises(
            ExportError, match=r"is of another job: bookings as JSON Lines into a\.jsonl.* into b\.jsonl"
        ):
            await export(cal, ExportJob(), tmp_path / "b.jsonl", incremental=True, checkpoint=state)
        assert state.read_bytes() == before
        assert not (await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True, checkpoint=state)).is_full


async def test_an_unfinished_run_keeps_its_checkpoint(factory: BookingFactory, tmp_path: Path) -> None:
    """A run into another file does not take the checkpoint of an interrupted one, unless it restarts."""
    state = tmp_path / "state"
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=4)
    async with client(factory) as cal:
        with pytest.raises(ForbiddenError):
            await export(cal, ExportJob(take=50), tmp_path / "a.jsonl", checkpoint=state)
        with pytest.raises(ExportError, match=r"is of another job"):
            await export(cal, ExportJob(), tmp_path / "b.jsonl", checkpoint=state)
        assert (await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True, checkpoint=state)).resumed
        await export(cal, ExportJob(), tmp_path / "b.jsonl", checkpoint=state, restart=True)


async def test_a_file_and_its_checkpoint_can_be_moved(factory: BookingFactory, tmp_path: Path) -> None:
    """A checkpoint belongs to the file next to it by name, or else by the way from one to the other."""
    (old := tmp_path / "old").mkdir()
    async with client(factory) as cal:
        await export(cal, ExportJob(), old / "a.jsonl", incremental=True)
        await export(cal, ExportJob(), old / "b.jsonl", incremental=True, checkpoint=old / "state")
        new = old.rename(tmp_path / "new")
        (new / "a.jsonl").rename(new / "c.jsonl")
        (new / "a.jsonl.checkpoint").rename(new / "c.jsonl.checkpoint")
        assert not (await export(cal, ExportJob(), new / "c.jsonl", incremental=True)).is_full
        assert not (await export(cal, ExportJob(), new / "b.jsonl", incremental=True, checkpoint=new / "state")).is_full


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda folder: (folder / "a.jsonl.checkpoint").write_text("{"),
            "is not a checkpoint, or it was changed. Move it away",
        ),
        (lambda folder: (folder / "a.jsonl.part").write_text("{}\n" * 90_000), "was changed. Restore"),
        (lambda folder: (folder / "a.jsonl.part").unlink(), "is gone. Restore"),
    ],
)
async def test_what_does_not_belong_together_is_refused(
    factory: BookingFactory, tmp_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    """A checkpoint or a partial file that somebody changed is told, and how to start anew."""
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=4)
    async with client(factory) as cal:
        with pytest.raises(ForbiddenError):
            await export(cal, ExportJob(take=50), tmp_path / "a.jsonl")
        spoil(tmp_path)
        with pytest.raises(ExportError, match=told):
            await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)


async def test_a_checkpoint_holds_no_secret(factory: BookingFactory, tmp_path: Path) -> None:
    """What lies beside the file names the job and the user, and not the key."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    text = (tmp_path / "a.jsonl.checkpoint").read_text()
    assert "bookings" in text
    assert factory.sandbox.api_key not in text


# --- following changes ------------------------------------------------------------------------------------------------


def wire(factory: BookingFactory) -> dict[str, str]:
    return {uid: one.status for uid, one in factory.store.bookings.items()}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
async def test_the_file_follows_the_changes(factory: BookingFactory, tmp_path: Path, name: str) -> None:
    """Each run brings the file up to date by uid: new ones come, changed ones change, cancelled ones stay."""
    async with client(factory) as cal:
        first = await export(cal, ExportJob(), tmp_path / name, incremental=True)
        factory.mutate(2, 2, 2, 2)
        for _ in range(3):
            await cal.me.get()
        factory.sandbox.faults.clear()
        factory.store.changed()
        second = await export(cal, ExportJob(), tmp_path / name, incremental=True)
        third = await export(cal, ExportJob(), tmp_path / name, incremental=True, resume=True)
    data = (tmp_path / name).read_bytes()
    rows = [json.loads(line) for line in (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()]
    assert {row["uid"]: row["status"] for row in rows} == wire(factory)
    assert len(rows) == len(factory.store.bookings)
    assert (first.is_full, second.is_full, third.is_full) == (True, False, False)
    assert second.rows == third.rows == len(rows)
    assert second.requests <= 7


async def test_rows_without_an_update_time_are_found(factory: BookingFactory, tmp_path: Path) -> None:
    """A booking that was made and never updated is not missed, though no filter on updates ever shows it."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        made = factory.add(NOW, NOW, None)
        factory.store.changed()
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    assert made.uid in uids(tmp_path / "a.jsonl")


async def test_an_update_that_shows_late_is_found(factory: BookingFactory, tmp_path: Path) -> None:
    """A run looks back a little, since an update may become visible after later ones have."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        latest = max(one.updated_at for one in factory.store.bookings.values() if one.updated_at)
        late = next(one for one in factory.store.bookings.values())
        late.status, late.updated_at = "cancelled", latest - 5 * (latest - latest.replace(minute=latest.minute - 1))
        factory.store.changed()
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    assert rows(tmp_path / "a.jsonl")[late.uid]["status"] == "cancelled"


async def test_without_its_file_a_run_is_a_full_one(factory: BookingFactory, tmp_path: Path) -> None:
    """Who has deleted or moved the file gets all of it again, and not the changes alone."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.csv", incremental=True)
        (tmp_path / "a.csv").unlink()
        report = await export(cal, ExportJob(), tmp_path / "a.csv", incremental=True)
    assert report.is_full
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert len([*csv.DictReader(file)]) == ROWS


async def test_a_failed_run_changes_neither_file_nor_watermark(factory: BookingFactory, tmp_path: Path) -> None:
    """Changes that a failed run did not bring come with the next one."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        before = (tmp_path / "a.jsonl").read_bytes()
        factory.mutate(3, 3, 0, 0)
        await cal.me.get()
        factory.sandbox.faults.clear()
        factory.store.changed()
        factory.sandbox.faults.add("GET", "/v2/bookings", invalid_body=True, after=2, times=99)
        with pytest.raises(DecodeError):
            await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        assert (tmp_path / "a.jsonl").read_bytes() == before
        factory.sandbox.faults.clear()
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    assert {uid: row["status"] for uid, row in rows(tmp_path / "a.jsonl").items()} == wire(factory)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
async def test_rows_that_were_deleted_are_reported_and_verify_drops_them(
    factory: BookingFactory, tmp_path: Path, name: str
) -> None:
    """No list of changes has deletions: the total shows them, and reading everything again removes them."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / name, incremental=True)
        for uid in [*factory.store.bookings][:40]:
            del factory.store.bookings[uid]
        factory.store.changed()
        with pytest.warns(IncompleteListWarning, match="has 500 rows, but the server counts 460: at least 40 of them"):
            report = await export(cal, ExportJob(), tmp_path / name, incremental=True)
        assert (report.rows, report.stale, report.missing_rows) == (ROWS, 40, 0)
        report = await export(cal, ExportJob(), tmp_path / name, incremental=True, verify=True)
        assert (report.rows, report.stale, report.is_full) == (ROWS - 40, 0, True)
        report = await export(cal, ExportJob(), tmp_path / name, incremental=True)
    assert (report.rows, report.stale, report.is_full) == (ROWS - 40, 0, False)


@pytest.mark.parametrize("strict", [False, True])
async def test_rows_that_the_file_lacks_are_reported(factory: BookingFactory, tmp_path: Path, *, strict: bool) -> None:
    """A file that lost rows is not called up to date; with strict that is an error."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        lines = (tmp_path / "a.jsonl").read_bytes().splitlines(keepends=True)
        (tmp_path / "a.jsonl").write_bytes(b"".join(lines[7:]))
        told = "has 493 rows, but the server counts 500: it lacks 7"
        if strict:
            with pytest.raises(IncompleteListError, match=told):
                await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True, strict=True)
            return
        with pytest.warns(IncompleteListWarning, match=told):
            report = await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    assert (report.rows, report.missing_rows, report.stale) == (493, 7, 0)


async def test_bookings_that_are_made_meanwhile_are_no_difference(factory: BookingFactory, tmp_path: Path) -> None:
    """A total that grows during the run explains its difference: there is no warning."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        factory.mutate(3, 1, 1, 1)
        for _ in range(4):
            report = await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
            assert (report.missing_rows, report.stale) == (0, 0)


async def test_an_interrupted_run_of_changes_cannot_verify(factory: BookingFactory, tmp_path: Path) -> None:
    """Only a run that began by reading everything can be resumed as one."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    factory.mutate(0, 60, 0, 0)
    async with client(factory) as cal:
        await cal.me.get()
    await broken_off(factory, tmp_path / "a.jsonl", after=4, incremental=True)
    async with client(factory) as cal:
        with pytest.raises(ExportError, match="has read only what changed"):
            await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True, resume=True, verify=True)
        report = await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True, restart=True, verify=True)
    assert report.is_full


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "output", "options", "told"),
    [
        (ExportJob(), "-", {"resume": True}, "is not a regular file"),
        (ExportJob(), "-", {"incremental": True}, "needs a checkpoint file"),
        (ExportJob(), "a.xlsx", {}, "unknown output format"),
        (ExportJob("lunches"), "a.csv", {}, "cannot export 'lunches': it must be one of"),
        (ExportJob(), "a.jsonl", {"resume": True, "restart": True}, "choose one"),
        (ExportJob(), "a.jsonl", {"verify": True}, "verify=True needs incremental=True"),
        (ExportJob(), "a.jsonl", {"bom": True}, "options of CSV"),
        (ExportJob(), "a.jsonl", {"lookback": timedelta(days=-1)}, "lookback must be a timedelta"),
        (ExportJob(), "a.jsonl", {"lookback": timedelta.max}, "lookback must be a timedelta"),
        (ExportJob(), "a.jsonl", {"lookback": 600}, "lookback must be a timedelta"),
        (ExportJob(), "a.jsonl", {"on_progress": 5}, "on_progress must be a function"),
        ("bookings", "a.jsonl", {}, "the job must be an ExportJob"),
    ],
    ids=str,
)
async def test_what_cannot_work_is_told_before_anything_is_sent(  # noqa: PLR0917
    factory: BookingFactory, tmp_path: Path, job: ExportJob, output: str, options: dict[str, Any], told: str
) -> None:
    """Arguments that make no sense are refused without a request and without a file."""
    async with client(factory) as cal:
        with pytest.raises(InvalidRequestError, match=told):
            await export(cal, job, output if output == "-" else tmp_path / output, **options)
    assert factory.sandbox.requests == []
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("job", "told"),
    [(ExportJob("schedules"), "changes of bookings only"), (ExportJob(team=2), "bookings of a team")],
    ids=str,
)
async def test_lists_that_tell_no_changes_are_refused(
    factory: BookingFactory, tmp_path: Path, job: ExportJob, told: str
) -> None:
    """Where the server cannot be asked for changes, that is said, and what to do instead."""
    async with client(factory) as cal:
        with pytest.raises(InvalidRequestError, match=told):
            await export(cal, job, tmp_path / "a.jsonl", incremental=True)
    assert names(tmp_path) == set()


async def test_a_sink_of_ones_own(factory: BookingFactory, tmp_path: Path) -> None:
    """A sink may be opened beforehand, to see its rows or to choose its model."""
    sink = open_sink(tmp_path / "a.jsonl")
    async with client(factory) as cal:
        report = await export(cal, ExportJob(), sink)
    assert report.rows == sink.rows == ROWS


@pytest.mark.parametrize("filters", [None, 5, ["status"], "status", {5: "x"}], ids=str)
def test_filters_are_keywords(filters: Any) -> None:
    """Anything but a mapping of keywords is refused when the job is made."""
    with pytest.raises(InvalidRequestError, match="filters must be a mapping"):
        ExportJob(filters=filters)
    with pytest.raises(InvalidRequestError, match="it must be one of"):
        ExportJob(["bookings"])


def test_a_job_is_a_value() -> None:
    """A job can be sent to other processes, and says what it is about."""
    job = ExportJob("bookings", organization=7, filters={"event_type_id": 12, "after_start": NOW})
    assert msgspec.json.decode(msgspec.json.encode(job))["organization"] == 7
    assert str(job) == "bookings, organization 7, after_start=2026-11-02T08:00:00Z, event_type_id=12"
