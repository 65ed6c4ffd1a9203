"""export(): one complete run, and its arguments."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from booking_factory import NOW, BookingFactory
from export_runs import ROWS, client, file_names, uids

from calcom_async import Calcom, IncompleteListError, IncompleteListWarning, InvalidRequestError
from calcom_async.export import EXPORTABLE, ExportJob, ExportProgress, export, open_sink
from calcom_async.sandbox import Sandbox


async def test_every_row_is_in_the_file_once(factory: BookingFactory, tmp_path: Path) -> None:
    """The file contains the list and has its final name, and no other file is left."""
    async with client(factory) as cal:
        report = await export(cal, ExportJob(take=50), tmp_path / "a.jsonl")
    exported = uids(tmp_path / "a.jsonl")
    assert sorted(exported) == sorted(factory.store.bookings)
    assert file_names(tmp_path) == {"a.jsonl"}
    assert (report.rows, report.missing_rows, report.is_full, report.resumed) == (ROWS, 0, True, False)
    assert report.requests == len(factory.sandbox.requests)
    assert report.duplicates > 0
    assert report.seconds > 0


@pytest.mark.parametrize("resource", [resource for resource in EXPORTABLE if resource != "bookings"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
async def test_every_list_can_be_exported(resource: str, name: str, tmp_path: Path) -> None:
    """Each exportable list goes into each format, with as many rows as the server has."""
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    job = ExportJob(resource, organization=None if "" in EXPORTABLE[resource].scopes else 1)
    with Sandbox() as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            if resource == "webhooks":
                await cal.webhooks.create(subscriber_url="https://hooks.test/", triggers=["BOOKING_CREATED"])
            report = await export(cal, job, tmp_path / name)
            expected = sum([len(batch.rows) async for batch in batches(cal, job)])
    assert report.rows == expected
    assert file_names(tmp_path) == {name}


def batches(cal: Calcom, job: ExportJob) -> Any:
    from calcom_async.export.plan import ExportPlan
    from calcom_async.keyset import ReadStats

    return job.source(cal).batches(ExportPlan(), None, stats=ReadStats())


async def test_progress_is_reported_when_rows_are_on_the_disk(factory: BookingFactory, tmp_path: Path) -> None:
    """The callback gets the number of rows after each batch, when the partial file has them, and the total."""
    reported: list[ExportProgress] = []

    def on_progress(progress: ExportProgress) -> None:
        reported.append(progress)
        assert len(uids(tmp_path / "a.jsonl.part")) == progress.rows

    async with client(factory) as cal:
        await export(cal, ExportJob(take=60), tmp_path / "a.jsonl", on_progress=on_progress)
    assert [progress.rows for progress in reported] == sorted(progress.rows for progress in reported)
    assert reported[-1] == ExportProgress(ROWS, ROWS, path=tmp_path / "a.jsonl.part")


@pytest.mark.parametrize("strict", [False, True])
async def test_missing_rows_are_reported(factory: BookingFactory, tmp_path: Path, *, strict: bool) -> None:
    """If the server counts more rows than it returns, that is a warning and in the report, or with strict an error."""
    async with client(factory) as cal:
        page = await cal.request("GET", "/v2/bookings", query={"take": 1, "sortCreated": "desc"})
        page["pagination"]["totalItems"] += 3
        factory.sandbox.faults.add("GET", "/v2/bookings", body=page)
        if strict:
            with pytest.raises(IncompleteListError, match="3 rows that the server counts"):
                await export(cal, ExportJob(), tmp_path / "a.jsonl", strict=True)
            assert file_names(tmp_path) == {"a.jsonl.part", "a.jsonl.checkpoint"}
            return
        with pytest.warns(IncompleteListWarning, match="3 rows that the server counts"):
            report = await export(cal, ExportJob(), tmp_path / "a.jsonl")
    assert (report.rows, report.missing_rows) == (ROWS, 3)


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "output", "options", "message"),
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
async def test_invalid_arguments_are_rejected_before_a_request(  # noqa: PLR0917
    factory: BookingFactory, tmp_path: Path, job: ExportJob, output: str, options: dict[str, Any], message: str
) -> None:
    """Neither a request is sent nor a file created."""
    async with client(factory) as cal:
        with pytest.raises(InvalidRequestError, match=message):
            await export(cal, job, output if output == "-" else tmp_path / output, **options)
    assert factory.sandbox.requests == []
    assert file_names(tmp_path) == set()


@pytest.mark.parametrize(
    ("job", "message"),
    [(ExportJob("schedules"), "changes of bookings only"), (ExportJob(team=2), "bookings of a team")],
    ids=str,
)
async def test_lists_without_changes_reject_incremental(
    factory: BookingFactory, tmp_path: Path, job: ExportJob, message: str
) -> None:
    """If the server cannot list changes, the error says what to do instead."""
    async with client(factory) as cal:
        with pytest.raises(InvalidRequestError, match=message):
            await export(cal, job, tmp_path / "a.jsonl", incremental=True)
    assert file_names(tmp_path) == set()


async def test_a_sink_that_the_caller_opens(factory: BookingFactory, tmp_path: Path) -> None:
    """A caller can open the sink to see its rows or to choose its model."""
    sink = open_sink(tmp_path / "a.jsonl")
    async with client(factory) as cal:
        report = await export(cal, ExportJob(), sink)
    assert report.rows == sink.rows == ROWS


@pytest.mark.parametrize("filters", [None, 5, ["status"], "status", {5: "x"}], ids=str)
def test_filters_must_be_keywords(filters: Any) -> None:
    """Anything but a mapping of keywords is rejected when the job is created."""
    with pytest.raises(InvalidRequestError, match="filters must be a mapping"):
        ExportJob(filters=filters)
    with pytest.raises(InvalidRequestError, match="it must be one of"):
        ExportJob(["bookings"])


def test_a_job_is_a_value() -> None:
    """A job can be sent to other processes, and its text names the list."""
    job = ExportJob("bookings", organization=7, filters={"event_type_id": 12, "after_start": NOW})
    assert msgspec.json.decode(msgspec.json.encode(job))["organization"] == 7
    assert str(job) == "bookings, organization 7, after_start=2026-11-02T08:00:00Z, event_type_id=12"
