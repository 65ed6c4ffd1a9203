"""Parquet: column types from the model, and every value as the server sent it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import Raw

from calcom_async import models
from calcom_async.arrow import schema_of
from calcom_async.errors import ExportError
from calcom_async.export import parquet
from calcom_async.export.sinks import open_sink
from calcom_async.models._base import IntOrFloat, Model
from calcom_async.models.times import Weekday

MOMENT = pa.timestamp("ms", tz="UTC")


class Inner(Model, frozen=True, kw_only=True):
    id: int | str
    note: str | None = None


class Sample(Model, frozen=True, kw_only=True):
    uid: str
    count: int | None = None
    amount: IntOrFloat | None = None
    share: float | None = None
    is_on: bool | None = None
    seen_at: datetime | None = None
    day: date | None = None
    state: Literal["a", "b"] | str | None = None
    level: Literal[1, 2] | None = None
    weekday: Weekday | None = None
    option: str | IntOrFloat | None = None
    tags: list[str] | None = None
    inner: Inner | None = None
    inners: list[Inner] | None = None
    free: dict[str, Any] | None = None
    anything: Any = None
    shape: list[int] | dict[str, int] | None = None
    deep: list[list[Inner]] | None = None


INNER = pa.struct([pa.field("id", pa.string()), pa.field("note", pa.string())])
TYPES = {
    "uid": pa.string(), "count": pa.int64(), "amount": pa.float64(), "share": pa.float64(), "is_on": pa.bool_(),
    "seen_at": MOMENT, "day": pa.date32(), "state": pa.string(), "level": pa.string(), "weekday": pa.string(),
    "option": pa.string(), "tags": pa.list_(pa.string()), "inner": INNER, "inners": pa.list_(INNER),
    "free": pa.string(), "anything": pa.string(), "shape": pa.string(), "deep": pa.list_(pa.list_(INNER)),
}  # fmt: skip

# What the server sends for a column, and what a reader finds there.
VALUES: list[tuple[str, Any, Any]] = [
    ("count", -(2**62), -(2**62)),
    ("amount", 30, 30.0),
    ("amount", 30.5, 30.5),
    ("share", 0.25, 0.25),
    ("is_on", False, False),
    ("seen_at", "2026-05-06T12:00:00.123+02:00", datetime(2026, 5, 6, 10, 0, 0, 123000, UTC)),
    ("seen_at", "2026-05-06T12:00:00", datetime(2026, 5, 6, 12, tzinfo=UTC)),
    ("day", "2026-05-06", date(2026, 5, 6)),
    ("state", "a state of tomorrow", "a state of tomorrow"),
    ("level", 1, "1"),
    ("weekday", "Monday", "Monday"),
    ("option", "x", "x"),
    ("option", 7, "7"),
    ("tags", [], []),
    ("tags", ["=é\n\u2028", None], ["=é\n\u2028"]),
    ("inner", {"id": 1}, {"id": "1", "note": None}),
    ("inners", [{"id": "unknown", "note": "x"}, None], [{"id": "unknown", "note": "x"}]),
    ("inners", [{"id": 1, "note": 5}], [{"id": "1", "note": None}]),
    ("count", "many", None),
    ("seen_at", "soon", None),
    ("free", {}, "{}"),
    ("free", {"ü": [1, None]}, '{"ü":[1,null]}'),
    ("anything", "text", '"text"'),
    ("shape", [1], "[1]"),
    ("shape", {"a": 1}, '{"a":1}'),
    ("deep", [[], None, [{"id": 2}]], [[], [{"id": "2", "note": None}]]),
]


def write_and_read(
    path: Path, *rows: dict[str, Any], model: type[msgspec.Struct] = Sample, key: str = "uid"
) -> pa.Table:
    write(path, [Raw(json.dumps(row).encode()) for row in rows], model=model, key=key)
    return pq.read_table(path)


def write(path: Path, *batches: Sequence[Raw], model: type[msgspec.Struct] = Sample, key: str = "uid") -> None:
    with open_sink(path, model, key=key) as sink:
        sink.begin()
        for batch in batches:
            sink.write(batch)
        sink.finish(upsert=path.exists())


# --- types --------------------------------------------------------------------------------------------------------


def test_the_type_of_every_kind_of_field() -> None:
    """Types come from the model. A field without a single type is JSON text, and every column is nullable."""
    schema = schema_of(Sample)
    assert {field.name: field.type for field in schema} == TYPES
    assert all(field.nullable for field in schema)


def test_the_columns_of_bookings() -> None:
    """Hosts and attendees are lists of structs, times are timestamps, and responses are JSON."""
    schema = schema_of(models.Booking)
    assert schema.names == list(models.Booking.__struct_fields__)
    assert schema.field("start").type == MOMENT
    assert schema.field("duration").type == pa.float64()
    assert schema.field("hosts").type.value_type.field("id").type == pa.string()
    assert schema.field("attendees").type.value_type.field("absent").type == pa.bool_()
    assert schema.field("booking_fields_responses").type == pa.string()


@pytest.mark.parametrize(
    "model",
    [
        models.Booking, models.EventType, models.Schedule, models.Webhook, models.Team, models.Membership,
        models.OrganizationMembership, models.OrganizationUser, models.OutOfOfficeEntry, models.RoutingForm,
        models.RoutingFormResponse,
    ],
)  # fmt: skip
def test_every_file_of_a_model_has_the_same_schema(model: type[msgspec.Struct], tmp_path: Path) -> None:
    """Without rows, and with a row that has only its key, the columns keep their types."""
    id = "x" if model in {models.Webhook, models.RoutingForm} else 1
    empty = write_and_read(tmp_path / "empty.parquet", model=model, key="id")
    sparse = write_and_read(tmp_path / "sparse.parquet", {"id": id}, model=model, key="id")
    assert empty.schema.equals(schema_of(model))
    assert sparse.schema.equals(schema_of(model))
    assert sparse.num_rows == 1


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "sent", "expected"), VALUES)
def test_a_value(column: str, sent: Any, expected: Any, tmp_path: Path) -> None:
    """A reader finds what the server sent, next to rows without a value."""
    name = msgspec.structs.fields(Sample)[Sample.__struct_fields__.index(column)].encode_name
    table = write_and_read(tmp_path / "a.parquet", {"uid": "u1"}, {"uid": "u2", name: sent}, {"uid": "u3", name: None})
    assert table.column(column).to_pylist() == [None, expected, None]


def test_missing_fields_are_null(tmp_path: Path) -> None:
    """A row with only its key is written, and has no other values."""
    (row,) = write_and_read(tmp_path / "a.parquet", {"uid": "u1", "news": {"of": "tomorrow"}}).to_pylist()
    assert row == {"uid": "u1"} | dict.fromkeys(list(TYPES)[1:])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"count": 2**63}, r"row 3, column count, does not fit"),
        ({"amount": 2**63 + 1}, r"row 3, column amount, does not fit"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    """The error names the row and column, and all rows are kept in the partial file."""
    good = [{"uid": "u1"}, {"uid": "u2"}]
    with pytest.raises(ExportError, match=message):
        write_and_read(tmp_path / "a.parquet", *good, {"uid": "u3", **row}, {"uid": "u4"})
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet.part"]
    lines = (tmp_path / "a.parquet.part").read_text().splitlines()
    assert [json.loads(line)["uid"] for line in lines] == ["u1", "u2", "u3", "u4"]


def test_a_query_engine_reads_the_file(tmp_path: Path) -> None:
    """It reads times as times, and the people of a booking as a list."""
    people = [{"name": "Ada", "email": "ada@x.test", "timeZone": "Europe/Rome", "absent": False}]
    row = {
        "id": 1, "uid": "u1", "title": "Talk", "hosts": [], "status": "accepted", "start": "2026-05-06T12:00:00Z",
        "end": "2026-05-06T12:30:00Z", "duration": 30, "createdAt": "2026-05-01T08:00:00Z", "attendees": people,
        "metadata": {"crm": "42"},
    }  # fmt: skip
    write_and_read(tmp_path / "a.parquet", row, model=models.Booking)
    (result,) = duckdb.sql(
        f"""select epoch_ms("end") - epoch_ms("start"), attendees[1].email, metadata ->> 'crm'
        from '{tmp_path / "a.parquet"}'"""
    ).fetchall()
    assert result == (30 * 60 * 1000, "ada@x.test", "42")


# --- groups -------------------------------------------------------------------------------------------------------


def test_row_groups_keep_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any number of updates, the rows are in their order in groups of one size."""
    monkeypatch.setattr(parquet, "GROUP", 20)
    monkeypatch.setattr(parquet, "BATCH", 4)
    path = tmp_path / "a.parquet"
    for first in (0, 25, 50):
        write(path, [Raw(b'{"uid":"u%d","count":%d}' % (n, n)) for n in range(first, first + 30)])
    file = pq.ParquetFile(path)
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert sum(sizes) == 80
    assert all(20 <= size < 24 for size in sizes[:-1])
    assert file.read().column("count").to_pylist() == list(range(80))


def test_only_one_row_group_is_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of a group are freed before those of the next one are read."""
    monkeypatch.setattr(parquet, "GROUP", 1_000)
    schema = pa.schema([("text", pa.string())])
    batch_size = pa.RecordBatch.from_pylist([{"text": "x" * 1_000}] * 100, schema).nbytes
    in_use: list[int] = []  # before the first batch of each group

    def batches() -> Iterator[pa.RecordBatch]:
        before = pa.total_allocated_bytes()
        for number in range(40):
            if number % 10 == 0:
                in_use.append(pa.total_allocated_bytes() - before)
            yield pa.RecordBatch.from_pylist([{"text": "x" * 1_000}] * 100, schema)

    with (tmp_path / "rows.parquet").open("wb") as file:
        parquet.write(file, schema, batches())
    assert max(in_use) < 3 * batch_size
