"""Lists as Arrow: the columns of every model, batches of one size, and the guarantees of lists."""

from __future__ import annotations

import asyncio
import random
import sys
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes import pagination_metadata
from moving_bookings import MovingBookings
from virtual_time import run

from calcom_async import (
    Calcom,
    ConfigError,
    DecodeError,
    IncompleteListError,
    IncompleteListWarning,
    InvalidRequestError,
    Pages,
    ServerError,
    arrow,
)
from calcom_async.arrow import schema_of
from calcom_async.export import ExportJob, export
from calcom_async.list_call import PagedList
from calcom_async.models import AttributeAuditLog, Booking, EventType, Membership, OrganizationUser, Webhook
from calcom_async.models._base import SecretModel
from calcom_async.operations import python_calls
from calcom_async.pagination import Page, PageOffset, PaginationSpec
from calcom_async.sandbox import Sandbox

COUNTED = PaginationSpec(maximum=10, has_total=True)
SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())])


class Row(msgspec.Struct, frozen=True, weakref=True):
    id: int
    name: str | None = None


class RowList(PagedList[Any]):
    """A list of rows with the ids from 0. `fault` is raised by one request, by its number from 1."""

    def __init__(
        self, rows: Sequence[Any] | int, model: Any = Row, *, fault: tuple[int, BaseException] | None = None
    ) -> None:
        super().__init__("/things", COUNTED, model)
        self.rows = [Row(id) for id in range(rows)] if isinstance(rows, int) else rows
        self.fault = fault
        self.requests: list[int] = []

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[Any]:
        self.requests.append(offset.skip)
        if self.fault and len(self.requests) == self.fault[0]:
            raise self.fault[1]
        await asyncio.sleep(1)
        # Copies, as from a response.
        rows = [msgspec.structs.replace(row) for row in self.rows[offset.skip : offset.skip + offset.take]]
        has_next = offset.skip + offset.take < len(self.rows)
        return Page(rows, offset.skip, offset.take, pagination_metadata(len(self.rows), has_next=has_next))


async def read_batches(pages: Pages[Any], rows: int, batches: list[pa.RecordBatch]) -> None:
    """Append the batches one by one, so that an error keeps those that came before."""
    async for batch in pages.arrow_batches(rows):
        batches.append(batch)  # noqa: PERF401 - a comprehension would lose them to the error


def ids(batches: Sequence[pa.RecordBatch] | pa.Table) -> list[int]:
    """Return the ids of the rows."""
    table = batches if isinstance(batches, pa.Table) else pa.Table.from_batches(batches, SCHEMA)
    return table.column("id").to_pylist()


# --- columns ------------------------------------------------------------------------------------------------------


@cache
def models_of_lists() -> set[type[msgspec.Struct]]:
    """Return the model of every list that a method of the client returns."""
    lists: list[PagedList[Any]] = []
    first_page = Pages.first_page

    def note(pages: Pages[Any]) -> Awaitable[Page[Any]]:
        lists.append(pages.list_call)
        return first_page(pages)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pages, "first_page", note)
        models = {get_args(call.return_type)[0] for call in python_calls.python_calls() if call.is_list}
    assert {list_call.row_type for list_call in lists} == models
    return models


def test_every_list_has_columns() -> None:
    """The lists of each model have its fields as columns, and an empty one is an empty table and no batches."""

    async def read(model: type[msgspec.Struct]) -> None:
        table = await Pages(RowList([], model)).to_arrow()
        assert table.num_rows == 0
        assert table.schema.equals(schema_of(model))
        assert table.schema.names == list(model.__struct_fields__)
        assert [batch async for batch in Pages(RowList([], model)).arrow_batches()] == []

    assert {Booking, EventType, Membership, OrganizationUser, AttributeAuditLog} <= models_of_lists()
    for model in models_of_lists():
        run(read(model))


def test_no_list_has_a_secret_in_a_nested_model() -> None:
    """Only secrets of the row itself are hidden."""
    with_secrets = {model.__name__ for model in SecretModel.__subclasses__()}
    for model in models_of_lists():
        parts = msgspec.json.schema(model)["$defs"].keys()
        assert model.__name__ in parts
        assert parts & with_secrets <= {model.__name__}


async def test_a_table_has_the_values_of_the_rows(tmp_path: Path) -> None:
    """A table has the values of the rows, times in UTC, and is equal to the Parquet file of an export."""
    with Sandbox(bookings=30) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            rows = await cal.bookings.list().collect()
            table = await cal.bookings.list(take=10).to_arrow()
            await export(cal, ExportJob("bookings"), tmp_path / "a.parquet")
    assert table.column("start").to_pylist() == [row.start for row in rows]
    assert table.schema.field("start").type == pa.timestamp("ms", tz="UTC")
    assert [people[0]["email"] for people in table.column("attendees").to_pylist()] == [
        row.attendees[0].email for row in rows
    ]
    assert table.sort_by("uid").equals(pq.read_table(tmp_path / "a.parquet").sort_by("uid"))


def test_secrets_are_null() -> None:
    """The column of a secret is null, because tables are printed and stored; the schema stays that of Parquet files."""
    webhook = Webhook(id="w", subscriber_url="https://x.test/", active=True, triggers=[], secret="hush")
    table = run(Pages(RowList([webhook], Webhook)).to_arrow())
    assert table.column("secret").to_pylist() == [None]
    assert table.column("subscriber_url").to_pylist() == ["https://x.test/"]
    assert table.schema.equals(schema_of(Webhook))


# --- batches ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 10, 15, 25, 40, 100])
@pytest.mark.parametrize("size", [0, 9, 30, 47])
def test_batches_have_one_size(size: int, rows: int) -> None:
    """Batches have `rows` rows whatever the pages have; only the last one may be shorter."""
    batches: list[pa.RecordBatch] = []
    run(read_batches(Pages(RowList(size)), rows, batches))
    assert ids(batches) == list(range(size))
    assert all(batch.num_rows == rows for batch in batches[:-1])
    assert all(0 < batch.num_rows <= rows for batch in batches)


def test_the_chunks_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table has chunks of one size, so that it has few of them."""
    monkeypatch.setattr(arrow, "CHUNK", 20)
    table = run(Pages(RowList(50)).to_arrow())
    assert [chunk.num_rows for chunk in table.to_batches()] == [20, 20, 10]


@pytest.mark.parametrize("rows", [0, -1, 1_000_001, True, "5", 2.0, None])
def test_an_invalid_number_of_rows(rows: Any) -> None:
    """An invalid size raises at the call."""
    with pytest.raises(InvalidRequestError, match="rows must be an integer from 1 to 1000000"):
        Pages(RowList(5)).arrow_batches(rows)


def test_the_objects_of_a_page_are_freed() -> None:
    """The rows of a page are columns only before the next page is requested."""
    alive: list[int] = []

    class Watched(RowList):
        def __init__(self) -> None:
            super().__init__(35)
            self.delivered: list[weakref.ref[Row]] = []

        async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[Any]:
            alive.append(sum(row() is not None for row in self.delivered))
            page = await super().fetch_page(offset, query)
            self.delivered.extend(map(weakref.ref, page.items))
            return page

    run(Pages(Watched()).to_arrow())
    run(read_batches(Pages(Watched()), 100, []))
    assert alive == [0] * 8


# --- guarantees of lists ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [ServerError("no", status=500), asyncio.CancelledError()], ids=["error", "cancelled"])
@pytest.mark.parametrize("request_number", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [4, 25, 1_000])
def test_batches_resume_after_a_failed_request(rows: int, request_number: int, fault: BaseException) -> None:
    """After a failed request the next call delivers the rows that follow, and requests no page again."""
    server = RowList(47, fault=(request_number, fault))
    pages, batches = Pages(server), list[pa.RecordBatch]()
    with pytest.raises(type(fault)):
        run(read_batches(pages, rows, batches))
    assert sum(batch.num_rows for batch in batches) == (request_number - 1) * 10 // rows * rows
    run(read_batches(pages, rows, batches))
    assert ids(batches) == list(range(47))
    assert len(server.requests) == 6


@pytest.mark.parametrize("request_number", [1, 3, 5])
def test_a_table_resumes_after_a_failed_request(request_number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed request the next table has all rows, and no page is requested again."""
    monkeypatch.setattr(arrow, "CHUNK", 15)
    server = RowList(47, fault=(request_number, ServerError("no", status=500)))
    pages = Pages(server)
    with pytest.raises(ServerError):
        run(pages.to_arrow())
    assert ids(run(pages.to_arrow())) == list(range(47))
    assert len(server.requests) == 6
    assert ids(run(pages.to_arrow())) == list(range(47)), "the next call starts from the first row"


def test_batches_resume_a_table() -> None:
    """Batches deliver the rows of a table that failed, in batches of their own size, before a page is requested."""
    server = RowList(47, fault=(4, ServerError("no", status=500)))
    pages = Pages(server)
    with pytest.raises(ServerError):
        run(pages.to_arrow())

    async def first_batch() -> pa.RecordBatch:
        async with aclosing(pages.arrow_batches(12)) as batches:
            return await anext(batches)

    assert ids([run(first_batch())]) == list(range(12))
    assert len(server.requests) == 4


@pytest.mark.parametrize("collected", [True, False])
def test_a_table_resumes_a_loop_over_rows(collected: bool) -> None:  # noqa: FBT001
    """After a failed loop a table has the rows that the loop did not deliver."""
    pages = Pages(RowList(47, fault=(3, ServerError("no", status=500))))
    rows: list[Row] = []

    async def loop() -> None:
        async for row in pages:
            rows.append(row)  # noqa: PERF401 - a comprehension would lose them to the error

    with pytest.raises(ServerError):
        run(pages.collect() if collected else loop())
    assert ids(run(pages.to_arrow())) == list(range(0 if collected else 20, 47))


def test_a_loop_over_rows_does_not_resume_a_table() -> None:
    """Columns cannot become objects again, so after a failed table a loop over rows starts from the first."""
    pages = Pages(RowList(47, fault=(3, ServerError("no", status=500))))
    with pytest.raises(ServerError):
        run(pages.to_arrow())
    assert [row.id for row in run(pages.collect())] == list(range(47))


def test_a_batch_loop_that_is_left_starts_again() -> None:
    """A loop that was left starts from the first row the next time, as with rows."""
    pages = Pages(RowList(47))

    async def leave() -> None:
        async with aclosing(pages.arrow_batches(5)) as batches:
            await anext(batches)

    run(leave())
    assert ids(run(pages.to_arrow())) == list(range(47))


@pytest.mark.parametrize("method", ["to_arrow", "arrow_batches"])
def test_missing_rows_are_found(method: str) -> None:
    """Rows that reading page by page has missed are the last ones."""
    server = MovingBookings(random.Random(1))
    for number in range(60):
        server.add(number // 20, number // 20, 0)

    async def read() -> list[str]:
        pages = Pages(server.list(), take=7)
        if method == "to_arrow":
            return (await pages.to_arrow()).column("uid").to_pylist()
        return [uid async for batch in pages.arrow_batches(13) for uid in batch.column("uid").to_pylist()]

    assert sorted(run(read())) == sorted(server.rows)


class Short(RowList):
    """A list whose total is larger than its rows."""

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[Any]:
        page = await super().fetch_page(PageOffset(0, 10), query)
        return msgspec.structs.replace(page, pagination=pagination_metadata(99, has_next=True))


def test_an_incomplete_table_is_a_warning() -> None:
    """Rows that the server does not return are a warning, and the table has the others."""
    with pytest.warns(IncompleteListWarning, match="returned the same rows again"):
        table = run(Pages(Short(10)).to_arrow())
    assert ids(table) == list(range(10))


def test_an_incomplete_list_is_an_error_when_strict() -> None:
    """With `strict=True` the error comes after the last batch; a table raises it."""
    batches: list[pa.RecordBatch] = []
    with pytest.raises(IncompleteListError):
        run(read_batches(Pages(Short(10), strict=True), 8, batches))
    assert ids(batches) == list(range(10))
    with pytest.raises(IncompleteListError):
        run(Pages(Short(10), strict=True).to_arrow())


# --- errors -------------------------------------------------------------------------------------------------------


def test_a_value_that_does_not_fit_is_an_error() -> None:
    """The error names the list, the row and the column; rows can still be read as objects."""
    rows = [Row(id) for id in range(30)]
    rows[22] = Row(2**63, "x")
    pages = Pages(RowList(rows))
    with pytest.raises(DecodeError, match=r"^/things: row 23, column id, does not fit: .*iterate over the rows$"):
        run(pages.to_arrow())
    assert run(pages.collect()) == rows


def test_a_batch_that_is_too_large_is_an_error() -> None:
    """More items than an Arrow column can count are an error with what to do."""

    class Lists(msgspec.Struct):
        items: list[Any]

    items = pa.ListArray.from_arrays(pa.array([0, 2**30 + 1], pa.int32()), pa.nulls(2**30 + 1))  # nulls need no memory
    rows = arrow.ArrowRows("/things", Lists)
    rows._parts.extend([pa.RecordBatch.from_arrays([items], ["items"])] * 2)

    async def no_pages() -> Any:
        for page in ():
            yield page

    async def read() -> None:
        await anext(rows.batches(no_pages(), 2))

    with pytest.raises(DecodeError, match=r"2 rows are too large for one batch. Use arrow_batches\(\) with fewer rows"):
        run(read())


CALLS: list[Callable[[Pages[Any]], Any]] = [lambda pages: run(pages.to_arrow()), lambda pages: pages.arrow_batches()]


@pytest.mark.parametrize("call", CALLS)
def test_raw_rows_have_no_columns(call: Callable[[Pages[Any]], Any]) -> None:
    """A list of raw rows has no model, so it has no columns."""
    with pytest.raises(InvalidRequestError, match=r"have no model.*Use a list of models, not of raw rows"):
        call(Pages(MovingBookings(random.Random(1)).list().raw()))


@pytest.mark.parametrize("call", CALLS)
def test_pyarrow_is_an_extra(call: Callable[[Pages[Any]], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the error says what to install, before a request."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "calcom_async.arrow")
    server = RowList(5)
    with pytest.raises(ConfigError, match=r"Arrow needs pyarrow: pip install 'calcom-async\[arrow\]'"):
        call(Pages(server))
    assert server.requests == []
