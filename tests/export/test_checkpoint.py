"""A checkpoint belongs to one job, one account and one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from booking_factory import BookingFactory
from export_runs import client

from calcom_async import ExportError, ForbiddenError
from calcom_async.export import ExportJob, export

OTHERS: dict[str, tuple[dict[str, Any], str | None]] = {
    "other list": ({"job": ExportJob("event-types")}, None),
    "other filter": ({"job": ExportJob(filters={"attendee_email": "ada@visitors.test"})}, None),
    "other account": ({}, "cal_sandbox_bo"),
    "other format": ({"format": "csv"}, None),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_the_checkpoint_of_another_job_is_rejected(factory: BookingFactory, tmp_path: Path, other: str) -> None:
    """Rows of two jobs never meet in one file. The error names both, and no file is changed."""
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
    """A run into one file must not advance the watermark of another, which would then miss changes."""
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
    """A run into another file does not take over the checkpoint of an interrupted one, unless it restarts."""
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
    """A checkpoint belongs to the file next to it by name, or to the file on a path relative to it."""
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
    ("damage", "message"),
    [
        (
            lambda folder: (folder / "a.jsonl.checkpoint").write_text("{"),
            "is not a checkpoint, or it was changed. Move it away",
        ),
        (lambda folder: (folder / "a.jsonl.part").write_text("{}\n" * 90_000), "was changed. Restore"),
        (lambda folder: (folder / "a.jsonl.part").unlink(), "is gone. Restore"),
    ],
)
async def test_a_changed_checkpoint_or_partial_file_is_an_error(
    factory: BookingFactory, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    """The error says what was changed and what to do."""
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=4)
    async with client(factory) as cal:
        with pytest.raises(ForbiddenError):
            await export(cal, ExportJob(take=50), tmp_path / "a.jsonl")
        damage(tmp_path)
        with pytest.raises(ExportError, match=message):
            await export(cal, ExportJob(), tmp_path / "a.jsonl", resume=True)


async def test_a_checkpoint_contains_no_secret(factory: BookingFactory, tmp_path: Path) -> None:
    """It names the job and the user, not the key."""
    async with client(factory) as cal:
        await export(cal, ExportJob(), tmp_path / "a.jsonl", incremental=True)
    text = (tmp_path / "a.jsonl.checkpoint").read_text()
    assert "bookings" in text
    assert factory.sandbox.api_key not in text
