"""Changes of a partial file by other programs are noticed, also if they keep its size and its last bytes."""

from __future__ import annotations

import json
import os
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from booking_factory import NOW, BookingFactory
from msgspec import Raw

from calcom_async import Calcom, ForbiddenError, UnfinishedExportError
from calcom_async.export import ExportJob, ExportProgress, ModifiedFileWarning, export, integrity, open_sink
from calcom_async.export.integrity import TAIL, ValidPrefix
from calcom_async.export.sinks import FileSink
from calcom_async.sandbox import Sandbox

SECOND = 10**9
ROW = Raw(json.dumps({"uid": "u1", "title": "x" * 900}).encode())
BATCH = [ROW] * 10


def edit_first_row(path: Path) -> None:
    """Change one byte far before the end, as a program would that runs a second later."""
    modified = path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.seek(30)
        file.write(b"y")
    os.utime(path, ns=(modified, modified + SECOND))


def replace(path: Path) -> None:
    """Replace a file by a copy with the same content and times."""
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


CHANGES = {
    "was changed": edit_first_row,
    "was replaced by another file": replace,
    "is gone": Path.unlink,
    "bytes instead of": lambda path: os.truncate(path, path.stat().st_size - 5),
}


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[FileSink]:
    """An open sink with one batch, next to the file of an earlier export."""
    (tmp_path / "a.jsonl").write_text("earlier")
    with open_sink(tmp_path / "a.jsonl") as sink:
        sink.begin()
        sink.write(BATCH)
        yield sink


@pytest.mark.parametrize("difference", CHANGES)
@pytest.mark.parametrize("step", [lambda sink: sink.write(BATCH), FileSink.finish], ids=["write", "finish"])
def test_a_change_after_a_batch_is_an_error(
    sink: FileSink, difference: str, step: Callable[[FileSink], object]
) -> None:
    """The next batch, or the completion, fails, and the file of the earlier export keeps its name."""
    CHANGES[difference](sink.partial)
    with pytest.raises(UnfinishedExportError, match=rf"cannot complete .*a\.jsonl: .*part .*{difference}") as failure:
        step(sink)
    assert (failure.value.path, failure.value.rows, failure.value.can_resume) == (sink.partial, 10, False)
    assert sink.whole.read_text() == "earlier"


def test_a_change_while_files_are_merged_is_an_error(sink: FileSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Merging takes a while for a large file, so the partial file is compared again after it."""
    merge = type(sink._format).merge

    def merge_slowly(*arguments: object) -> int:
        edit_first_row(sink.partial)
        return merge(*arguments)

    sink.whole.write_bytes(b"")
    monkeypatch.setattr(type(sink._format), "merge", merge_slowly)
    with pytest.raises(UnfinishedExportError, match="was changed"):
        sink.finish(upsert=True)
    assert sink.whole.read_bytes() == b""
    assert not sink.whole.with_name("a.jsonl.new").exists()


def test_bytes_that_come_during_a_write_are_noticed_at_the_end(sink: FileSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another program appends between our write and the reading of the status, the size is still not ours."""
    with monkeypatch.context() as patch:
        fstat = os.fstat

        def fstat_after_append(descriptor: int) -> os.stat_result:
            with sink.partial.open("ab") as file:
                file.write(b"{}\n")
            return fstat(descriptor)

        patch.setattr(os, "fstat", fstat_after_append)
        sink.write(BATCH)
    with pytest.raises(UnfinishedExportError, match=r"has 18,\d+ bytes instead of 18,\d+"):
        sink.finish()


def test_a_change_of_the_last_bytes_is_noticed_whatever_the_time(sink: FileSink) -> None:
    """The checksum of the last bytes notices an edit within one step of the clock, too."""
    written = sink.partial.stat()
    with sink.partial.open("r+b") as file:
        file.seek(-9, os.SEEK_END)
        file.write(b"y")
    os.utime(sink.partial, ns=(written.st_atime_ns, written.st_mtime_ns))
    with pytest.raises(UnfinishedExportError, match="was changed"):
        sink.finish()
    assert sink.whole.read_text() == "earlier"


@pytest.mark.parametrize("action", [lambda path: path.chmod(0o640), lambda path: os.link(path, f"{path}.backup")])
def test_what_backup_programs_do_is_no_change(sink: FileSink, action: Callable[[Path], object]) -> None:
    """Attributes and hard links change the time of the last status change, but no row."""
    action(sink.partial)
    sink.write(BATCH)
    sink.finish()
    assert sink.rows == 20


def test_windows_compares_no_times(sink: FileSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows may set the modification time of an open file late, so it says nothing about other programs."""
    monkeypatch.setattr(integrity, "TIMES_ARE_EXACT", False)
    os.utime(sink.partial, ns=(0, SECOND))
    assert sink.write(BATCH).modified == 0


def interrupted(folder: Path, *, after_checkpoint: int = 0) -> ValidPrefix:
    """Write two batches, and more rows that no checkpoint has; return the state of the checkpoint."""
    with open_sink(folder / "a.jsonl") as sink:
        sink.begin()
        sink.write(BATCH)
        prefix = sink.write(BATCH)
        sink.write(BATCH[:after_checkpoint])
    return prefix


@pytest.mark.parametrize(
    ("after_checkpoint", "change", "warns"),
    [
        (0, lambda path: None, False),
        (0, edit_first_row, True),
        (0, lambda path: os.utime(path, ns=(0, SECOND)), True),
        (0, replace, False),
        (1, edit_first_row, False),
    ],
    ids=["untouched", "edited", "copied", "copied with its times", "longer than the checkpoint"],
)
def test_the_time_of_a_partial_file_is_compared_when_it_is_resumed(
    tmp_path: Path, after_checkpoint: int, change: Callable[[Path], object], *, warns: bool
) -> None:
    """A file of exactly the size in the checkpoint has the time in it too, unless it was modified or copied since."""
    prefix = interrupted(tmp_path, after_checkpoint=after_checkpoint)
    change(tmp_path / "a.jsonl.part")
    with open_sink(tmp_path / "a.jsonl") as sink:
        sink.begin(prefix)
        assert sink.was_modified is warns
        sink.write(BATCH)
        sink.finish()
    assert sink.rows == 30


def test_cutting_off_rows_restores_the_time(tmp_path: Path) -> None:
    """A run that is killed after it cut off the rows of an earlier one causes no warning in the next run."""
    prefix = interrupted(tmp_path, after_checkpoint=1)
    for _ in range(2):
        os.utime(tmp_path / "a.jsonl.part")
        with open_sink(tmp_path / "a.jsonl") as sink:
            sink.begin(prefix)
        with open_sink(tmp_path / "a.jsonl") as sink:
            sink.begin(prefix)
            assert not sink.was_modified
            sink.write(BATCH)


# --- the whole export -------------------------------------------------------------------------------------------------

ROWS = 120


@pytest.fixture(scope="module")
def factory() -> Iterator[BookingFactory]:
    """A server with enough bookings that the first ones are not among the last bytes of a file."""
    with Sandbox(now=NOW) as sandbox:
        factory = BookingFactory(sandbox, random.Random(7))
        factory.fill([(number, number, number) for number in range(ROWS)])
        yield factory


def client(factory: BookingFactory) -> Calcom:
    return Calcom(factory.sandbox.api_key, base_url=factory.sandbox.url, backoff_base=0.0)


@pytest.mark.parametrize("rows", [30, ROWS], ids=["between batches", "before the rename"])
async def test_an_export_fails_if_its_partial_file_is_edited(
    factory: BookingFactory, tmp_path: Path, rows: int
) -> None:
    """The error says to discard the rows, and not to continue with them."""

    def edit(progress: ExportProgress) -> None:
        if progress.rows >= rows:
            edit_first_row(tmp_path / "a.jsonl.part")

    async with client(factory) as cal:
        with pytest.raises(UnfinishedExportError, match=r"part was changed\. Another program") as failure:
            await export(cal, ExportJob(take=30), tmp_path / "a.jsonl", on_progress=edit)
    assert failure.value.hint == "Discard it with restart=True"
    assert not (tmp_path / "a.jsonl").exists()


@pytest.mark.parametrize("copied", [False, True])
async def test_a_copied_partial_file_is_resumed_with_a_warning(
    factory: BookingFactory, tmp_path: Path, *, copied: bool
) -> None:
    """The rows are used, and the warning says which file and what to do. An untouched file causes none."""
    path, part = tmp_path / "a.jsonl", tmp_path / "a.jsonl.part"
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "expected.jsonl")
        factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=3)
        with pytest.raises(ForbiddenError):
            await export(cal, ExportJob(take=30), path)
        assert part.stat().st_size > TAIL
        if copied:
            os.utime(part, ns=(0, SECOND))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            report = await export(cal, ExportJob(), path, resume=True)
    assert report.resumed
    assert path.read_bytes() == (tmp_path / "expected.jsonl").read_bytes()
    assert [warning.category for warning in caught] == [ModifiedFileWarning] * copied
    if copied:
        assert str(caught[0].message).startswith(f"{part} was modified after the interrupted export had written it")
        assert str(caught[0].message).endswith("restart=True")
