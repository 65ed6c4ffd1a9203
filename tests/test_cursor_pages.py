"""Lists with a cursor: where the cursor is, where the list resumes, and that it always ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import parse_qs

import msgspec
import pytest
from fakes import FakeSend
from hypothesis import given, settings, strategies as st
from msgspec import Raw
from virtual_time import run

from calcom_async import Config, DecodeError, InvalidRequestError, Pages, ServerError
from calcom_async.decoding import raw_field_reader
from calcom_async.events import Observer
from calcom_async.list_call import PagedList
from calcom_async.operations import lists
from calcom_async.pages import MAX_EMPTY_CURSOR_PAGES
from calcom_async.pagination import Page, PageOffset, PaginationSpec, read_cursor_page
from calcom_async.resources._base import Resource, ResourceContext
from calcom_async.responses import Response

SPEC = PaginationSpec(maximum=10, take="limit", cursor=True)
NESTED = PaginationSpec(maximum=50, take="limit", cursor=True, rows="auditLogs")
START = PageOffset(0, 10)


class Row(msgspec.Struct, frozen=True):
    id: int | None = None
    name: str | None = None


class CursorServer(PagedList[int]):
    """A list of numbers. A cursor is the last number of a page; `faults` maps a cursor to an error raised once."""

    def __init__(self, rows: int, **options: Any) -> None:
        super().__init__("/things", SPEC, int)
        self.rows = list(range(rows))
        self.faults: dict[str | None, Exception] = options.get("faults", {})
        self.after_each: Callable[[int], object] = options.get("after_each", lambda requests: None)
        self.asked: list[str | None] = []

    def key(self) -> Callable[[Any], Any]:
        return lambda row: row

    def raw(self) -> PagedList[Raw]:
        raise NotImplementedError

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[int]:
        assert not query
        self.asked.append(offset.cursor)
        if fault := self.faults.pop(offset.cursor, None):
            raise fault
        after = [row for row in self.rows if offset.cursor is None or row > int(offset.cursor)]
        items = after[: offset.take]
        self.after_each(len(self.asked))
        cursor = str(items[-1]) if len(after) > offset.take else None
        return Page(items, offset.skip, offset.take, by_cursor=True, next_cursor=cursor)


class Scripted(PagedList[int]):
    """A list with scripted pages: the rows and the next cursor of each request, the last one repeated."""

    def __init__(self, page: Callable[[int], tuple[list[int], str | None]]) -> None:
        super().__init__("/things", SPEC, int)
        self.page = page
        self.requests = 0

    def key(self) -> Callable[[Any], Any]:
        return lambda row: row

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[int]:
        rows, cursor = self.page(self.requests)
        self.requests += 1
        return Page(rows, offset.skip, offset.take, by_cursor=True, next_cursor=cursor)


def response(body: Any) -> Response:
    return Response(200, {}, json.dumps(body).encode())


async def append_rows(rows: list[int], pages: Pages[int]) -> None:
    """Append rows one by one, so that an error keeps those that came before."""
    async for row in pages:
        rows.append(row)  # noqa: PERF401 - a comprehension would lose them to the error


async def all_pages(pages: Pages[int]) -> list[Page[int]]:
    return [page async for page in pages.pages()]


# Where the cursor is.


@pytest.mark.parametrize("container", ["pagination", "meta"])
@pytest.mark.parametrize(
    ("more", "cursor"),
    [
        ({"nextCursor": "a/b", "hasMore": True}, "a/b"),
        ({"nextCursor": "x"}, "x"),
        ({"nextCursor": 10, "hasMore": True}, "10"),
        ({"nextCursor": None, "hasMore": False}, None),
        ({"nextCursor": None}, None),
        ({"hasMore": False}, None),
        ({"nextCursor": "x", "hasMore": False}, None),
    ],
)
def test_the_cursor_may_be_in_pagination_or_meta(container, more, cursor):
    """`hasMore` decides; without it a list goes on as long as there is a cursor."""
    for kind in (Row, Raw):
        page = read_cursor_page(kind, response({"data": [{"id": 1}], container: more}), spec=SPEC, offset=START)
        assert (len(page.items), page.next_cursor, page.has_next) == (1, cursor, cursor is not None)
        assert page.total_items is None


@pytest.mark.parametrize(
    ("more", "beside", "cursor"),
    [
        ({"nextCursor": "x", "hasMore": True}, {}, "x"),
        ({"hasMore": False}, {}, None),
        ({}, {"pagination": {"nextCursor": "y", "hasMore": True}}, "y"),
    ],
)
def test_the_rows_may_be_in_a_member_of_data(more, beside, cursor):
    """The rows may be in a member of `data`, with the cursor next to the rows or to `data`."""
    body = {"data": {"userId": 5, "auditLogs": [{"id": 1}, {"id": 2}], **more}, **beside}
    page = read_cursor_page(Row, response(body), spec=NESTED, offset=START)
    assert page.items == [Row(1), Row(2)]
    assert page.next_cursor == cursor
    raw = read_cursor_page(Raw, response(body), spec=NESTED, offset=START)
    assert [raw_field_reader("id")(row) for row in raw.items] == [1, 2]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"pagination": None, "meta": None},
        {"pagination": {"totalItems": 250, "hasNextPage": True}},
        {"pagination": {"hasMore": True}},
        {"pagination": {"hasMore": True, "nextCursor": None}},
        {"pagination": {"hasMore": True, "nextCursor": ""}},
        {"pagination": {"hasMore": True, "nextCursor": "x" * 5000}},
        {"pagination": {"hasMore": True, "nextCursor": ["x"]}},
        {"pagination": {"hasMore": True, "nextCursor": True}},
        {"pagination": {"hasMore": "yes", "nextCursor": "x"}},
        {"pagination": {"hasMore": [], "nextCursor": "x"}},
        {"meta": [{"hasMore": True, "nextCursor": "x"}]},
    ],
)
def test_a_page_without_a_usable_cursor(more):
    """A page with rows and without a usable cursor is a DecodeError, never the last page."""
    with pytest.raises(DecodeError, match="does not support the pagination of this list"):
        read_cursor_page(Row, response({"data": [{"id": 1}], **more}), spec=SPEC, offset=START)


def test_an_empty_list_needs_no_cursor():
    """A response without rows and without a cursor is the end of the list."""
    assert not read_cursor_page(Row, response({"data": []}), spec=SPEC, offset=START).has_next


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"bookings": []}}, {"data": [5]}, {"data": [None]}])
@pytest.mark.parametrize("spec", [SPEC, NESTED])
def test_a_response_that_is_not_a_list(body, spec):
    """A response that does not hold the rows of a cursor list is an error."""
    body = {**body, "pagination": {"hasMore": False}}
    with pytest.raises(DecodeError):
        read_cursor_page(Row, response(body), spec=spec, offset=START)


def test_values_of_a_wrong_type():
    """A value of a wrong type is dropped, not its row; an error names the position of an unreadable row."""
    more = {"pagination": {"hasMore": False}}
    data = [{"id": 1, "name": 5}, {"id": 2, "name": "Ada"}]
    rows = read_cursor_page(Row, response({"data": data, **more}), spec=SPEC, offset=START).items
    assert rows == [Row(1), Row(2, "Ada")]
    with pytest.raises(DecodeError, match=r"\$\.data\.auditLogs\[1\]"):
        read_cursor_page(Row, response({"data": {"auditLogs": [{"id": 1}, 5]}, **more}), spec=NESTED, offset=START)


# Reading.


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 20, 95])
def test_every_row_is_delivered_once_and_in_order(rows):
    """A cursor list is read to its end, one request per page."""
    server = CursorServer(rows)
    assert run(Pages(server).collect()) == server.rows
    assert len(server.asked) == max(1, -(-rows // 10))


def test_a_deleted_row_hides_no_other():
    """Rows that leave the list while it is read do not shift the next page."""
    server = CursorServer(50)
    server.after_each = server.rows.remove
    assert set(run(Pages(server).collect())) >= set(range(10, 50))


def test_an_error_resumes_with_the_same_cursor():
    """After an error, the next loop requests the page that failed, and delivers only the rows after the last one."""
    server = CursorServer(35, faults={"19": ServerError("down", status=503)})

    async def read() -> None:
        pages: Pages[int] = Pages(server)
        rows: list[int] = []
        with pytest.raises(ServerError):
            await append_rows(rows, pages)
        assert rows == list(range(20))
        assert await pages.collect() == list(range(20, 35))

    run(read())
    assert server.asked == [None, "9", "19", "19", "29"]


def test_a_failed_collect_delivers_its_rows_later():
    """The rows that a failed `collect()` held back come first in the next one, or in the next `pages()`."""
    server = CursorServer(25, faults={"19": ServerError("down", status=503)})
    pages = Pages(server)
    with pytest.raises(ServerError):
        run(pages.collect())
    assert run(pages.collect()) == list(range(25))
    assert server.asked == [None, "9", "19", "19"]

    server.faults = {"19": ServerError("down", status=503)}
    with pytest.raises(ServerError):
        run(pages.collect())
    read = run(all_pages(pages))
    assert [page.items for page in read] == [list(range(20)), list(range(20, 25))]
    assert [page.has_next for page in read] == [True, False]


@settings(max_examples=60)
@given(
    count=st.integers(0, 60),
    take=st.integers(1, 10),
    faults=st.sets(st.integers(0, 60)),
    deletions=st.lists(st.integers(0, 59), max_size=20),
    collects=st.booleans(),
)
def test_no_row_is_lost_or_repeated(*, count, take, faults, deletions, collects):
    """Whatever fails or is deleted meanwhile, each row that stays is delivered exactly once."""
    server = CursorServer(count, faults={str(row): ServerError("down", status=503) for row in faults})
    gone = deletions[::-1]

    def delete_a_row(_: int) -> None:
        server.rows = [row for row in server.rows if row not in gone[-1:]]
        del gone[-1:]

    server.after_each = delete_a_row
    pages: Pages[int] = Pages(server, take=take)
    rows: list[int] = []

    async def read() -> None:
        for _ in range(len(faults) + 1):
            with suppress(ServerError):
                if collects:
                    rows.extend(await pages.collect())
                else:
                    await append_rows(rows, pages)
                return

    run(read())
    assert len(rows) == len(set(rows))
    assert set(server.rows) <= set(rows) <= set(range(count))


def test_first_first_page_and_pages():
    """`first()` and `first_page()` are one request; pages carry the next cursor, and count the rows before them."""
    server = CursorServer(25)

    async def read() -> None:
        pages = Pages(server, take=7)
        assert await pages.first() == 0
        assert (await pages.first_page()).next_cursor == "6"
        assert server.asked == [None, None]
        read = [(page.skip, page.next_cursor) async for page in pages.pages()]
        assert read == [(0, "6"), (7, "13"), (14, "20"), (21, None)]
        assert pages.total is None

    run(read())


def test_prefetch_is_ignored():
    """`prefetch` has no effect, because each page contains the cursor of the next one."""
    server = CursorServer(45)
    assert run(Pages(server, prefetch=8).collect()) == server.rows
    assert server.asked == [None, "9", "19", "29", "39"]


def test_empty_pages_do_not_end_the_list():
    """A page without rows that has a cursor is not the end."""
    pages = [([1], "a"), ([], "b"), ([], "c"), ([], "d"), ([], "e"), ([2], None)]
    assert run(Pages(Scripted(lambda request: pages[request])).collect()) == [1, 2]


def test_duplicate_rows_are_dropped():
    """A cursor list delivers each row once too."""
    pages = [([1, 2], "a"), ([2, 3], None)]
    assert run(Pages(Scripted(lambda request: pages[request])).collect()) == [1, 2, 3]


@pytest.mark.parametrize("rows", [[], [1]])
def test_an_endless_list_without_new_rows(rows):
    """After a number of pages without a new row the list raises; the next loop starts from the first row."""
    server = Scripted(lambda request: (rows, str(request)))
    pages = Pages(server)
    for _ in range(2):
        server.requests = 0
        with pytest.raises(DecodeError, match="pages without a new row"):
            run(pages.collect())
        assert server.requests <= MAX_EMPTY_CURSOR_PAGES + 2


@pytest.mark.parametrize("period", [1, 2, 5])
def test_a_repeated_cursor_is_an_error(period):
    """A cursor that comes twice raises an error after the rows before it, because the list would be endless."""
    server = Scripted(lambda request: ([request], str(request % period)))
    rows: list[int] = []
    with pytest.raises(DecodeError, match="cursor of an earlier page again"):
        run(append_rows(rows, Pages(server)))
    assert rows == list(range(period + 1))


@pytest.mark.parametrize("options", [{"skip": 1}, {"strict": True}])
def test_a_cursor_list_has_neither_skip_nor_strict(options):
    """`skip` and `strict` need a total, so they raise before a request is sent."""
    with pytest.raises(InvalidRequestError, match="no positions or total"):
        Pages(CursorServer(1), **options)


# Through a resource.


class Things(Resource):
    """A cursor list of the API."""

    def list(self, **paging: Any) -> Pages[Row]:
        return self._pages(Row, "/things", pagination=NESTED, query={"status": "past"}, **paging)


def test_the_query_of_a_cursor_list():
    """Each request has the filters, `limit` and, after the first, the cursor; raw rows are read the same way."""

    async def read(*, raw: bool) -> tuple[list[Any], list[dict[str, list[str]]]]:
        send = FakeSend(
            response({"data": {"auditLogs": [{"id": 1}], "nextCursor": "a&b", "hasMore": True}}),
            response({"data": {"auditLogs": [{"id": 2}], "hasMore": False}}),
        )
        pages: Pages[Any] = Things(ResourceContext(send, Observer(None))).list()
        rows = await (pages.raw() if raw else pages).collect()
        return rows, [parse_qs(request.query) for request in send.sent]

    queries = [{"status": ["past"], "limit": ["50"]}, {"status": ["past"], "limit": ["50"], "cursor": ["a&b"]}]
    assert run(read(raw=False)) == ([Row(1), Row(2)], queries)
    rows, sent = run(read(raw=True))
    assert ([json.loads(bytes(row)) for row in rows], sent) == ([{"id": 1}, {"id": 2}], queries)


@pytest.mark.parametrize(
    "bodies",
    [
        [{"data": [{"id": 1}], "meta": {"nextCursor": "a", "hasMore": True}}, {"data": [], "meta": {"hasMore": False}}],
        [{"data": {"logs": [{"id": 1}], "nextCursor": "a", "hasMore": True}}, {"data": {"logs": [], "hasMore": False}}],
    ],
)
def test_the_rows_of_a_cursor_list_at_any_path(bodies, monkeypatch):
    """`list_rows` reads a list without a method to its end, wherever its rows and its cursor are."""
    monkeypatch.setattr(lists, "pagination_at", lambda *_: lists.CURSOR_LIST)

    class Client:
        config = Config()
        queries: ClassVar[list[Any]] = []

        async def request(self, method: str, path: str, *, query: Any, version: str | None) -> Any:
            self.queries.append(query)
            return bodies[len(self.queries) - 1]

    client: Any = Client()
    assert run(lists.list_rows(client, "/v2/things", {"limit": "5", "status": "x"}).collect()) == [{"id": 1}]
    assert client.queries == [
        {"status": "x", "limit": 5, "cursor": None},
        {"status": "x", "limit": 5, "cursor": "a"},
    ]


@pytest.mark.parametrize("data", [None, 5, {}, {"logs": [], "others": []}])
def test_a_list_at_any_path_that_is_unclear(data, monkeypatch):
    """If `data` contains no list, or more than one, the error says that the response is not a list."""
    monkeypatch.setattr(lists, "pagination_at", lambda *_: lists.CURSOR_LIST)

    class Client:
        config = Config()

        async def request(self, *_: Any, **__: Any) -> Any:
            return {"data": data, "pagination": {"hasMore": False}}

    client: Any = Client()
    with pytest.raises(InvalidRequestError, match="does not return a list"):
        run(lists.list_rows(client, "/v2/things").collect())
