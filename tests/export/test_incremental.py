"""Incremental exports: the file follows the changes of the list."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from booking_factory import NOW, BookingFactory
from export_runs import ROWS, client, interrupt_export, uids

from calcom_async import DecodeError, ExportError, IncompleteListError, IncompleteListWarning
from calcom_async.export import ExportJob, export


def rows(path: Path) -> dict[str, Any]:
    return {row["uid"]: row for row in map(json.loads, path.read_text("utf-8").splitlines())}


def status_by_uid(factory: BookingFactory) -> dict[str, str]:
    return {uid: booking.status for uid, booking in factory.store.bookings.items()}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
async def test_the_file_follows_the_changes(factory: BookingFactory, tmp_path: Path, name: str) -> None:
    """Each run updates the file by uid: new rows are added, changed ones replaced, and cancelled ones kept."""
    async with client(factory) as cal:
        first = await export(cal, ExportJob(), tmp_path / name, incremental=True)
        factory.mutate(2, 2, 2, 2)
        for _ in range(3):
            await cal.me.get()
        factory.sandbox.faults.clear()
        second = await export(cal, ExportJob(), tmp_path / name, incremental=True)
        third = await export(cal, ExportJob(), tmp_path / name, incremental=True, resume=True)
    data = (tmp_path / name).read_bytes()
    rows = [json.loads(line) for line in (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()]
    assert {row["uid"]: row["status"] for row in rows} == status_by_uid(factory)
    assert len(rows) == len(factory.store.bookings)
    assert (first.is_full, second.is_full, third.is_full) == (True, False, False)
    assert second.rows == third.rows == len(rows)
    assert second.requests <= 7


async def test_bookings_without_an_update_time_are_read(factory: BookingFactory, tmp_path: Path) -> None:
    """A booking that was created and never updated is not missed, though no filter on updates matches it."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        booking = factory.add(NOW, NOW, None)
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    assert booking.uid in uids(tmp_path / "a.jsonl")


async def test_an_update_that_becomes_visible_late_is_read(factory: BookingFactory, tmp_path: Path) -> None:
    """A run reads the last minutes again, because an update can become visible after later ones."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        latest = max(booking.updated_at for booking in factory.store.bookings.values() if booking.updated_at)
        late = next(iter(factory.store.bookings.values()))
        late.status, late.updated_at = "cancelled", latest - 5 * (latest - latest.replace(minute=latest.minute - 1))
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    assert rows(tmp_path / "a.jsonl")[late.uid]["status"] == "cancelled"


async def test_a_run_without_its_file_is_a_full_one(factory: BookingFactory, tmp_path: Path) -> None:
    """If the file was deleted or moved, the next run writes all rows and not only the changes."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.csv", incremental=True)
        (tmp_path / "a.csv").unlink()
        report = await export(cal, ExportJob(), tmp_path / "a.csv", incremental=True)
    assert report.is_full
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert len([*csv.DictReader(file)]) == ROWS


async def test_a_failed_run_changes_neither_file_nor_watermark(factory: BookingFactory, tmp_path: Path) -> None:
    """The next run reads the changes that a failed run did not."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        before = (tmp_path / "a.jsonl").read_bytes()
        factory.mutate(3, 3, 0, 0)
        await cal.me.get()
        factory.sandbox.faults.clear()
        factory.sandbox.faults.add("GET", "/v2/bookings", invalid_body=True, after=2, times=99)
        with pytest.raises(DecodeError):
            await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        assert (tmp_path / "a.jsonl").read_bytes() == before
        factory.sandbox.faults.clear()
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    assert {uid: row["status"] for uid, row in rows(tmp_path / "a.jsonl").items()} == status_by_uid(factory)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
async def test_deleted_rows_are_reported_and_verify_removes_them(
    factory: BookingFactory, tmp_path: Path, name: str
) -> None:
    """No list of changes has deletions. The total shows them, and reading everything again removes them."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / name, incremental=True)
        for uid in [*factory.store.bookings][:40]:
            del factory.store.bookings[uid]
        with pytest.warns(IncompleteListWarning, match="has 500 rows, but the server counts 460: at least 40 of them"):
            report = await export(cal, ExportJob(), tmp_path / name, incremental=True)
        assert (report.rows, report.stale, report.missing_rows) == (ROWS, 40, 0)
        report = await export(cal, ExportJob(), tmp_path / name, incremental=True, verify=True)
        assert (report.rows, report.stale, report.is_full) == (ROWS - 40, 0, True)
        report = await export(cal, ExportJob(), tmp_path / name, incremental=True)
    assert (report.rows, report.stale, report.is_full) == (ROWS - 40, 0, False)


@pytest.mark.parametrize("strict", [False, True])
async def test_rows_that_the_file_lacks_are_reported(factory: BookingFactory, tmp_path: Path, *, strict: bool) -> None:
    """A file that lost rows is not up to date, and with strict that is an error."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        lines = (tmp_path / "a.jsonl").read_bytes().splitlines(keepends=True)
        (tmp_path / "a.jsonl").write_bytes(b"".join(lines[7:]))
        message = "has 493 rows, but the server counts 500: it lacks 7"
        if strict:
            with pytest.raises(IncompleteListError, match=message):
                await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True, strict=True)
            return
        with pytest.warns(IncompleteListWarning, match=message):
            report = await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    assert (report.rows, report.missing_rows, report.stale) == (493, 7, 0)


async def test_bookings_created_during_a_run_are_no_difference(factory: BookingFactory, tmp_path: Path) -> None:
    """A total that grows during the run explains its difference, so there is no warning."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
        factory.mutate(3, 1, 1, 1)
        for _ in range(4):
            report = await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
            assert (report.missing_rows, report.stale) == (0, 0)


async def test_an_interrupted_incremental_run_cannot_verify(factory: BookingFactory, tmp_path: Path) -> None:
    """Only a run that began by reading everything can be resumed as one."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    factory.mutate(0, 60, 0, 0)
    async with client(factory) as cal:
        await cal.me.get()
    await interrupt_export(factory, tmp_path / "a.jsonl", after=4, incremental=True)
    async with client(factory) as cal:
        with pytest.raises(ExportError, match="has read only what changed"):
            await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True, resume=True, verify=True)
        report = await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True, restart=True, verify=True)
    assert report.is_full
