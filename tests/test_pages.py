"""Reading a list: where it ends, where it resumes, which rows it drops, and how it finds missing rows."""

from __future__ import annotations

import asyncio
import gc
import random
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from fakes import pagination_metadata
from hypothesis import given, settings, strategies as st
from moving_bookings import BEGIN, MovingBookings
from msgspec import Raw
from virtual_time import run

from calcom_async import (
    BadRequestError,
    IncompleteListError,
    IncompleteListWarning,
    InvalidRequestError,
    Pages,
    ServerError,
)
from calcom_async.list_call import PagedList
from calcom_async.pagination import UNPAGED, Page, PageOffset, PaginationSpec

PLAIN = PaginationSpec(maximum=10)
COUNTED = PaginationSpec(maximum=10, has_total=True)


class NumberList(PagedList[Any]):
    """A list of numbers. `view` may reorder or hide rows; `faults` maps an offset to an error that is raised once."""

    def __init__(self, rows: int, *, has_total: bool = False, seconds: float = 1.0, **options: Any) -> None:
        super().__init__("/things", COUNTED if has_total else PLAIN, int)
        self.rows = list(range(rows))
        self.has_total = has_total
        self.seconds = seconds
        self.view: Callable[[list[int], PageOffset], list[int]] = options.get("view", lambda rows, offset: rows)
        self.faults: dict[int, Exception] = options.get("faults", {})
        self.requests: list[PageOffset] = []
        self.running = self.most = 0

    @property
    def skips(self) -> list[int]:
        """Return the offsets of all requests."""
        return [offset.skip for offset in self.requests]

    def key(self) -> Callable[[Any], Any]:
        return lambda row: row

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[Any]:
        assert not query
        self.requests.append(offset)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1
        if fault := self.faults.pop(offset.skip, None):
            raise fault
        end = offset.skip + offset.take if offset.take else None
        items = self.view(self.rows, offset)[offset.skip : end]
        pagination = None
        if self.has_total:
            has_next = offset.skip + offset.take < len(self.rows)
            pagination = pagination_metadata(len(self.rows), has_next=has_next)
        return Page(items, offset.skip, offset.take, pagination)


class FunctionList(PagedList[Any]):
    """A list whose pages come from a function."""

    def __init__(
        self,
        fetch: Callable[[PageOffset], Awaitable[Page[Any]]],
        spec: PaginationSpec,
        key: Callable[[Any], Any] = lambda row: row,
    ) -> None:
        super().__init__("/things", spec, int)
        self._fetch, self._key = fetch, key

    def key(self) -> Callable[[Any], Any]:
        return self._key

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[Any]:
        assert not query
        return await self._fetch(offset)


def number_list(server: NumberList, spec: PaginationSpec | None = None, **options: Any) -> Pages[int]:
    """Return the pages of a list of numbers."""
    server.spec = spec or server.spec
    return Pages(server, **options)


def collect(pages: Pages[int], limit: int | None = None) -> list[int]:
    """Collect the rows on a virtual clock."""
    return run(pages.collect(limit))


async def append_rows(rows: list[int], pages: Pages[int]) -> None:
    """Append rows one by one, so that an error keeps those that came before."""
    async for row in pages:
        rows.append(row)  # noqa: PERF401 - a comprehension would lose them to the error


def running_tasks() -> int:
    """Return the number of tasks."""
    return len(asyncio.all_tasks())


async def let_loop_run() -> None:
    """Let pending callbacks of the event loop run, without any time passing."""
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)


# ---------------------------------------------------------------------------------------------------- where a list ends


@pytest.mark.parametrize(
    ("rows", "has_total", "skips"),
    [
        (0, False, [0]),
        (3, False, [0]),
        (10, False, [0, 10]),
        (23, False, [0, 10, 20]),
        (0, True, [0]),
        (10, True, [0]),
        (20, True, [0, 10]),
        (23, True, [0, 10, 20]),
    ],
)
def test_where_a_list_ends(rows, has_total, skips):
    """Metadata ends the list without another request; without it a short page does, or an empty one."""
    server = NumberList(rows, has_total=has_total)
    assert collect(number_list(server)) == server.rows
    assert server.skips == skips


def test_an_empty_page_ends_the_list():
    """An empty page ends the list even if metadata has a next page, because the total may count hidden rows."""
    server = NumberList(40, has_total=True, view=lambda rows, offset: rows[:15])
    assert collect(number_list(server)) == list(range(15))
    assert server.skips == [0, 10, 20]


def test_metadata_decides_over_a_short_page():
    """A short page does not end the list if metadata has a next page."""
    server = NumberList(25, has_total=True, view=lambda rows, offset: [row for row in rows if row != 3] + [24])
    assert collect(number_list(server))[-1] == 24
    assert server.skips == [0, 10, 20]


def test_missing_metadata():
    """Without the expected metadata the list ends with a short page."""
    server = NumberList(23)
    assert collect(number_list(server, COUNTED)) == server.rows


def test_a_list_without_pages_is_one_request():
    """A list without pages takes one request, whatever its length and `prefetch`."""
    for prefetch in (0, 4):
        server = NumberList(300)
        assert collect(number_list(server, UNPAGED, prefetch=prefetch)) == server.rows
        assert server.requests == [PageOffset(0, 0)]


@pytest.mark.parametrize("has_total", [True, False])
def test_a_server_that_ignores_skip(has_total):
    """A page without new rows ends the list with a warning that rows may be missing."""

    async def fetch(offset: PageOffset) -> Page[int]:
        return Page(
            list(range(10)), offset.skip, offset.take, pagination_metadata(30, has_next=True) if has_total else None
        )

    pages = Pages(FunctionList(fetch, COUNTED if has_total else PLAIN))
    with pytest.warns(IncompleteListWarning, match=r"/things: after 10 rows the server returned the same rows again"):
        assert collect(pages) == list(range(10))


@pytest.mark.parametrize("prefetch", [0, 5])
@pytest.mark.parametrize("total", [10**6, 10**400])
@pytest.mark.parametrize("rows", [10, 95])
def test_a_list_that_repeats_rows_ends(rows, total, prefetch):
    """The number of requests is bounded by the rows received, even if the total is much larger."""
    offsets = []

    async def fetch(offset: PageOffset) -> Page[int]:
        offsets.append(offset)
        assert len(offsets) <= rows // 10 + 10 + 2 * prefetch
        first = offset.skip % rows
        return Page(
            list(range(first, min(first + 10, rows))),
            offset.skip,
            offset.take,
            pagination_metadata(total, has_next=True),
        )

    pages = Pages(FunctionList(fetch, COUNTED), prefetch=prefetch)
    with pytest.warns(IncompleteListWarning, match=f"after {rows} rows the server returned the same rows again"):
        assert sorted(collect(pages)) == list(range(rows))


def test_repeated_rows_without_a_key_end_the_list():
    """A repeated page of rows whose key is null is recognized by its content."""

    async def fetch(offset: PageOffset) -> Page[Any]:
        assert offset.skip < 100
        return Page(
            [{"uid": None, "n": n} for n in range(10)],
            offset.skip,
            offset.take,
            pagination_metadata(10**9, has_next=True),
        )

    with pytest.warns(IncompleteListWarning, match="returned the same rows again"):
        assert len(run(Pages(FunctionList(fetch, COUNTED, lambda row: row["uid"])).collect())) == 10


def test_an_incomplete_list_is_an_error_when_strict():
    """With `strict=True` an incomplete list raises after the rows that were received."""
    server = NumberList(30, view=lambda rows, offset: rows[:10] * 9)
    rows: list[int] = []
    with pytest.raises(IncompleteListError, match="does not return the rest of this list"):
        run(append_rows(rows, number_list(server, strict=True)))
    assert rows == list(range(10))


def test_skip_and_take():
    """`skip` omits the first rows, and `take` sets the page size."""
    server = NumberList(23, has_total=True)
    assert collect(number_list(server, skip=15, take=4)) == list(range(15, 23))
    assert server.requests == [PageOffset(15, 4), PageOffset(19, 4)]


@pytest.mark.parametrize(
    "options",
    [{"take": 11}, {"take": 0}, {"skip": -1}, {"prefetch": -1}, {"skip": 2**53}, {"skip": "1"}, {"prefetch": 1.5},
     {"prefetch": 10**9}, {"skip": None}, {"prefetch": True}],
)  # fmt: skip
def test_invalid_arguments(options):
    """Invalid arguments raise when the list is created."""
    with pytest.raises(InvalidRequestError):
        number_list(NumberList(1), **options)


# ------------------------------------------------------------------------------------------------- where a list resumes


@pytest.mark.parametrize("prefetch", [0, 1, 3, 20])
def test_a_loop_after_an_error_resumes(prefetch):
    """After an error the next loop resumes with the page that failed: no row is lost or repeated."""
    server = NumberList(95, has_total=True, faults={60: ServerError("no", status=503)})
    pages, rows = number_list(server, prefetch=prefetch), []

    async def scene() -> None:
        with pytest.raises(ServerError):
            await append_rows(rows, pages)
        assert rows == list(range(60))
        await let_loop_run()
        assert running_tasks() == 1
        rows.extend([row async for row in pages])

    run(scene())
    assert rows == server.rows
    assert server.skips.count(60) == 2


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_every_new_loop_starts_from_the_first_row(prefetch):
    """After a break, after `first()` and after the end, the next loop starts from the first row."""
    server = NumberList(45, has_total=True)
    pages = number_list(server, prefetch=prefetch)

    async def scene() -> None:
        for _ in range(2):
            async for row in pages:
                if row == 12:
                    break
        assert await pages.first() == 0
        assert await pages.first() == 0
        assert await pages.collect(3) == [0, 1, 2]
        for _ in range(2):
            assert await pages.collect() == server.rows
            assert [row async for row in pages] == server.rows
            assert [row async for page in pages.pages() for row in page.items] == server.rows
        await let_loop_run()
        assert running_tasks() == 1

    run(scene())
    assert pages.total == 45


def test_one_iterator_can_be_read_in_parts():
    """One iterator keeps its position over several loops; other iterators are independent of it."""
    server = NumberList(35, has_total=True)
    pages = number_list(server)

    async def scene() -> list[Any]:
        parts = []
        async with aclosing(aiter(pages)) as rows:
            async for row in rows:
                parts.append(row)
                if row == 6:
                    break
            assert await pages.first() == 0
            parts += [await anext(rows)]
            parts += [row async for row in rows]
        return parts

    assert run(scene()) == server.rows


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("method", ["collect", "loop", "pages", "first"])
def test_rows_of_a_failed_collect_are_delivered_later(method, prefetch):
    """The rows of a `collect()` that failed are delivered by the next call, without new requests for them."""
    server = NumberList(35, has_total=True, faults={20: ServerError("no", status=503)})
    pages = number_list(server, prefetch=prefetch)

    async def scene() -> list[int]:
        with pytest.raises(ServerError):
            await pages.collect()
        match method:
            case "collect":
                return await pages.collect()
            case "loop":
                return [row async for row in pages]
            case "pages":
                return [row async for page in pages.pages() for row in page.items]
            case _:
                assert await pages.first() == 0
                assert server.skips.count(0) == 1
                return await pages.collect()

    assert run(scene()) == server.rows
    assert server.skips.count(0) == (2 if method == "first" else 1)


def test_a_cancelled_loop_is_resumed_once():
    """The loop after a cancelled one resumes; the one after that starts from the first row."""
    server = NumberList(45, has_total=True)
    pages, rows = number_list(server), []

    async def scene() -> None:
        task = asyncio.create_task(append_rows(rows, pages))
        await asyncio.sleep(2.5)
        task.cancel()
        await asyncio.wait([task])
        assert rows == list(range(20))
        await append_rows(rows, pages)
        assert rows == server.rows
        assert await pages.first() == 0

    run(scene())


def test_two_tasks_may_read_one_list():
    """Two concurrent loops over one object are independent."""
    server = NumberList(30)
    pages = number_list(server, prefetch=2)

    async def scene() -> list[Any]:
        return await asyncio.gather(pages.collect(), pages.collect())

    assert run(scene()) == [server.rows, server.rows]


@pytest.mark.parametrize("use", [list, sorted, tuple, set, iter, sum, lambda pages: [*pages]])
def test_iterating_without_async(use):
    """Iteration without `async` is a TypeError that names `async for` and `collect()`."""
    with pytest.raises(TypeError, match=r"<Pages of /things.*async for row in .*await .*collect\(\)"):
        use(number_list(NumberList(3)))


def test_awaiting_a_list():
    """Awaiting a list is a TypeError that names `collect()`."""

    async def scene() -> None:
        await number_list(NumberList(3))

    with pytest.raises(TypeError, match=r"cannot be awaited.*await \(\.\.\.\)\.collect\(\)"):
        run(scene())


@pytest.mark.parametrize("limit", ["5", 1.5, True, [1]])
def test_an_invalid_limit(limit):
    """A limit that is not an integer raises before a request is sent."""
    server = NumberList(5)
    with pytest.raises(InvalidRequestError, match="limit must be an integer"):
        collect(number_list(server), limit)
    assert server.requests == []


def test_first_page_does_not_change_the_position():
    """`first_page()` returns rows, total and `has_next`, and leaves the position of the list unchanged."""
    server = NumberList(15, has_total=True)
    pages = number_list(server)
    page = run(pages.first_page())
    assert (page.items, page.total_items, page.has_next) == (list(range(10)), 15, True)
    assert collect(pages) == server.rows


# --------------------------------------------------------------------------------------------------- number of requests


@pytest.mark.parametrize(
    ("limit", "requests"), [(None, 4), (0, 0), (-1, 0), (1, 1), (10, 1), (11, 2), (20, 2), (35, 4), (99, 4)]
)
@pytest.mark.parametrize("prefetch", [0, 3, 9])
def test_collect_requests_only_the_pages_it_needs(limit, requests, prefetch):
    """`collect(limit)` requests only the pages it needs, whatever `prefetch` is."""
    server = NumberList(35, has_total=True)
    pages = number_list(server, prefetch=prefetch)
    assert collect(pages, limit) == server.rows[: limit if limit is None else max(0, limit)]
    assert len(server.requests) == requests


def test_first_is_one_request():
    """`first()` takes one request, with `prefetch` too."""
    for prefetch in (0, 5):
        server = NumberList(35)
        assert run(number_list(server, prefetch=prefetch).first()) == 0
        assert len(server.requests) == 1


def test_a_list_sends_no_request_before_iteration():
    """Creating a list, its repr and its total send no request."""
    server = NumberList(5)
    pages = number_list(server)
    assert pages.total is None
    assert repr(pages) == "<Pages of /things: 0 of ? rows seen>"
    assert server.requests == []


def test_total_and_repr_follow_the_reading():
    """Total and repr show the server's total and the rows read so far."""
    pages = number_list(NumberList(15, has_total=True))
    collect(pages, 1)
    assert pages.total == 15
    assert repr(pages) == "<Pages of /things: 10 of 15 rows seen>"


def test_raw_is_a_new_list():
    """`raw()` is a new list with the same options; a raw list has no `raw()`."""
    server = bookings(30)
    pages = Pages(server.list(), take=7, skip=3)
    raw = pages.raw()
    first, rows = run(pages.collect(5)), run(raw.collect(5))
    assert [msgspec.json.decode(row)["uid"] for row in rows] == [row.uid for row in first]
    with pytest.raises(InvalidRequestError, match="raw already"):
        raw.raw()


# ------------------------------------------------------------------------------------------------------------- prefetch


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 10, 35, 100])
@pytest.mark.parametrize("prefetch", [1, 2, 5, 50])
def test_prefetch_keeps_the_order(rows, prefetch, has_total):
    """With `prefetch` rows come in order, even if later pages arrive first."""
    server = NumberList(rows, has_total=has_total)

    async def fetch(offset: PageOffset) -> Page[int]:
        await asyncio.sleep(random.Random(offset.skip).random() * 10)
        return await server.fetch_page(offset)

    pages = Pages(FunctionList(fetch, COUNTED if has_total else PLAIN), prefetch=prefetch)
    assert collect(pages) == server.rows
    assert server.most <= prefetch


def test_prefetch_saves_time():
    """With eight pages in flight a list takes less than a sixth of the time."""

    async def scene(prefetch: int) -> float:
        started = asyncio.get_running_loop().time()
        await number_list(NumberList(320, has_total=True), prefetch=prefetch).collect()
        return asyncio.get_running_loop().time() - started

    assert run(scene(0)) == pytest.approx(32)
    assert run(scene(8)) <= 32 / 6


def test_prefetch_stops_at_the_total():
    """If the total is known, no page after the end is requested."""
    server = NumberList(35, has_total=True)
    assert collect(number_list(server, prefetch=20)) == server.rows
    assert server.skips == [0, 10, 20, 30]


@pytest.mark.parametrize("leave", ["break", "error", "cancel", "aclose"])
@pytest.mark.parametrize("view", [lambda pages: pages, lambda pages: pages.pages()])
def test_leaving_a_loop_leaves_nothing_running(leave, view):
    """However a loop ends, its pages in flight are cancelled and no task remains."""
    server = NumberList(200, has_total=True)

    async def loop() -> None:
        count = 0
        async for _ in view(number_list(server, prefetch=5)):
            count += 1
            if count == 2 and leave == "break":
                break
            if count == 2 and leave == "error":
                raise ZeroDivisionError

    async def scene() -> None:
        if leave == "aclose":
            async with aclosing(aiter(view(number_list(server, prefetch=5)))) as rows:
                await anext(rows)
        else:
            task = asyncio.create_task(loop())
            await asyncio.sleep(1.5)
            if leave == "cancel":
                task.cancel()
            await asyncio.wait([task])
            task.cancelled() or task.exception()
        await let_loop_run()
        assert (running_tasks(), server.running) == (1, 0)

    run(scene())


def test_an_abandoned_loop_does_not_disturb_the_next():
    """An abandoned loop is closed later, and does not cancel the pages of the next loop."""
    server = NumberList(60, has_total=True)
    pages = number_list(server, prefetch=4)

    async def scene() -> list[int]:
        async for row in pages:
            if row == 9:
                break
        return [row async for row in pages]

    assert run(scene()) == server.rows


def test_an_error_after_the_end_is_ignored():
    """If a prefetched page after the end fails, no error is raised or reported by asyncio."""
    faults = {20: ServerError("no", status=500), 30: ServerError("no", status=500)}
    server = NumberList(15, faults=faults)
    assert collect(number_list(server, prefetch=4)) == server.rows


def test_an_error_of_a_prefetched_page_is_raised_in_order():
    """The rows before a page that failed are delivered first."""
    server = NumberList(100, has_total=True, faults={30: ServerError("no", status=500)})
    rows: list[int] = []
    with pytest.raises(ServerError):
        run(append_rows(rows, number_list(server, prefetch=8)))
    assert rows == list(range(30))


# ------------------------------------------------------------------------------------------------------- duplicate rows


def test_duplicate_rows_are_dropped():
    """If rows move between pages, each is delivered once."""

    def shift(rows: list[int], offset: PageOffset) -> list[int]:
        return rows if offset.skip == 0 else [-1, *rows]

    server = NumberList(25, has_total=True, view=shift)
    assert collect(number_list(server)) == server.rows


def test_pages_contain_only_new_rows():
    """`pages()` drops duplicate rows too, and omits pages without new rows."""
    server = NumberList(30, has_total=True, view=lambda rows, offset: rows[:10] + rows[5:15] + rows[20:])

    async def scene() -> list[list[int]]:
        return [page.items async for page in number_list(server).pages()]

    assert run(scene()) == [list(range(10)), list(range(10, 15)), list(range(20, 30))]


def test_rows_without_a_key_are_all_delivered():
    """Rows whose key is null are all delivered."""
    rows: list[Mapping[str, Any]] = [{"uid": None, "n": n} for n in range(12)]

    async def fetch(offset: PageOffset) -> Page[Any]:
        return Page(rows[offset.skip : offset.skip + offset.take], offset.skip, offset.take)

    pages = Pages(FunctionList(fetch, PLAIN, lambda row: row["uid"]))
    assert run(pages.collect()) == rows


# --------------------------------------------------------------------------------------------------------- missing rows


def bookings(count: int, *, per_minute: int = 1, seed: int = 1, **options: Any) -> MovingBookings:
    """Return a list of bookings. Those that share a creation time and a start change their order on every page."""
    server = MovingBookings(random.Random(seed), **options)
    for number in range(count):
        server.add(number // per_minute, number // per_minute, number)
    return server


def uids(pages: Pages[Any]) -> list[str]:
    """Return the uids of all rows."""
    return [row.uid for row in run(pages.collect())]


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize(("count", "per_minute"), [(200, 40), (900, 300), (600, 600)])
def test_rows_hidden_by_ties_are_read_by_keyset(count, per_minute, prefetch):
    """Rows that offset pages omit because they share a time are delivered last, and once."""
    server = bookings(count, per_minute=per_minute)
    delivered = uids(Pages(server.list(), take=15, prefetch=prefetch))
    assert len(delivered) == len(set(delivered))
    assert set(delivered) == server.rows.keys()
    assert server.requests > -(-count // 15)


def test_a_complete_list_takes_no_more_requests():
    """If each row came once, no further request is sent."""
    server = bookings(200)
    assert len(uids(Pages(server.list(), take=15))) == 200
    assert server.requests == 14


def test_missing_rows_are_read_with_the_filters_of_the_list():
    """Requests for missing rows keep the caller's filters, replace the sort, and read 250 rows."""
    server = bookings(200, per_minute=200)
    listed = server.list(eventTypeId=7, sortStart="desc")
    queries = []
    page = server.page
    server.page = lambda query: (queries.append(query), page(query))[1]  # type: ignore[method-assign]
    assert len(uids(Pages(listed, take=15))) == 200
    last = queries[-1]
    assert (last["eventTypeId"], last["sortStart"], last["sortCreated"], last["take"]) == (7, None, "asc", 250)


def test_a_duplicate_row_causes_keyset_reading():
    """If the total cannot be trusted, because of a filter on creation, a duplicate shows that rows may be missing."""
    for per_minute in (40, 1):
        server = bookings(200, per_minute=per_minute, total=10**6)
        delivered = uids(Pages(server.list(afterCreatedAt=BEGIN), take=15))
        assert set(delivered) == server.rows.keys()
        assert (server.requests > 14) == (per_minute > 1)


def test_a_list_of_a_team_is_read_by_start_if_the_server_ignores_creation():
    """If the server ignores the filter on creation, missing rows are read by start."""
    server = bookings(900, per_minute=90, ignores=frozenset({"afterCreatedAt", "beforeCreatedAt"}))
    assert set(uids(Pages(server.list(), take=15))) == server.rows.keys()


def test_a_list_of_a_team_is_read_by_start_if_the_server_rejects_creation():
    """If the server rejects the filter on creation, missing rows are read by start."""
    server = bookings(900, per_minute=90)
    page = server.page

    def rejecting(query: dict[str, Any]) -> Any:
        if query.get("afterCreatedAt"):
            raise BadRequestError("property afterCreatedAt should not exist", status=400)
        return page(query)

    server.page = rejecting  # type: ignore[method-assign]
    assert set(uids(Pages(server.list(), take=15))) == server.rows.keys()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["collect", "loop", "pages"])
@pytest.mark.parametrize("request_number", [15, 16, 17, 19])
def test_an_error_in_the_search_for_missing_rows_is_resumed(request_number, method):
    """The loop after an error resumes there: no row is lost or repeated, and no page is requested again."""
    server = bookings(900, per_minute=30)
    server.faults = {request_number + 46: ServerError("no", status=503)}
    pages, rows = Pages(server.list(), take=15), []

    async def scene() -> None:
        with pytest.raises(ServerError):
            await append_rows(rows, pages)
        match method:
            case "collect":
                rows.extend(await pages.collect())
            case "loop":
                await append_rows(rows, pages)
            case _:
                rows.extend([row async for page in pages.pages() for row in page.items])

    run(scene())
    delivered = [row.uid for row in rows]
    assert len(delivered) == len(set(delivered))
    assert set(delivered) == server.rows.keys()
    assert server.requests < 2 * 60


def test_a_failed_collect_delivers_the_missing_rows_later():
    """If `collect()` fails during the search for missing rows, the next one delivers all rows."""
    server = bookings(300, per_minute=30)
    server.faults = {22: ServerError("no", status=503)}
    pages = Pages(server.list(), take=15)

    async def scene() -> list[Any]:
        with pytest.raises(ServerError):
            await pages.collect()
        return await pages.collect()

    delivered = [row.uid for row in run(scene())]
    assert sorted(delivered) == sorted(server.rows)


def test_rows_that_move_while_missing_ones_are_read():
    """Rows whose start changes while missing rows are read do not hide others."""
    server = bookings(900, per_minute=60, moves=2)
    delivered = uids(Pages(server.list(sortStart="asc"), take=50))
    assert len(delivered) == len(set(delivered))
    assert set(delivered) == server.rows.keys()


def test_a_deleted_row_hides_no_other():
    """If a row is deleted, the next page starts one row too late; the skipped row is still delivered."""
    server = bookings(100)
    remaining = sorted(server.rows)[1:]

    async def scene() -> list[str]:
        delivered = []
        async for row in Pages(server.list(), take=10):
            delivered.append(row.uid)
            server.rows.pop("u00000", None)
        return delivered

    assert set(remaining) <= set(run(scene()))


def test_rows_that_leave_the_list_are_not_missing():
    """A list that becomes shorter while it is read ends without a warning."""
    server = bookings(100)

    async def scene() -> int:
        count = 0
        async for _ in Pages(server.list(), take=10):
            count += 1
            for uid in sorted(server.rows)[50:]:
                del server.rows[uid]
        return count

    assert run(scene()) == 50


@pytest.mark.parametrize("sort", ["sortCreated", "sortStart"])
def test_a_growing_list_ends(sort):
    """Rows created while missing rows are read do not prolong the reading, and are not reported as missing."""
    server = bookings(200, per_minute=50)
    page = server.page

    def growing(query: dict[str, Any]) -> Any:
        if query.get(sort) == "asc":
            server.add(10**4 + server.requests, 10**4 + server.requests, 0)
        return page(query)

    server.page = growing  # type: ignore[method-assign]
    before = set(server.rows)
    ignores = frozenset({"afterCreatedAt"} if sort == "sortStart" else ())
    server.ignores = ignores
    assert before <= set(uids(Pages(server.list(), take=15)))
    assert server.requests < 60


@pytest.mark.parametrize("total", [103, 10**6, 10**400], ids=["103", "10**6", "10**400"])
def test_rows_that_stay_missing_are_a_warning(total):
    """If the server returns fewer rows than its total, a warning with both numbers follows the last row."""
    server = bookings(100, total=total)
    with pytest.warns(IncompleteListWarning, match=r"/bookings: the server reported 10.* rows but returned 100; "):
        assert len(uids(Pages(server.list(), take=10))) == 100
    assert server.requests <= 20


def test_rows_that_stay_missing_are_an_error_when_strict():
    """With `strict=True` missing rows raise an error after the last row; the next loop starts from the first row."""
    server = bookings(100, total=101)
    pages = Pages(server.list(), take=10, strict=True)
    for _ in range(2):
        rows: list[Any] = []
        with pytest.raises(IncompleteListError) as caught:
            run(append_rows(rows, pages))
        assert (caught.value.expected, caught.value.seen, len(rows)) == (101, 100, 100)
        with pytest.raises(IncompleteListError):
            collect(pages)


def test_a_loop_that_stops_early_does_not_warn():
    """A loop that reads only some rows does not search for missing ones."""
    server = bookings(100, total=200)
    assert len(collect(Pages(server.list(), take=10), 100)) == 100
    assert server.requests == 10


def test_skip_disables_the_check():
    """With `skip` the total is not compared with the rows."""
    server = bookings(100, total=200)
    assert len(uids(Pages(server.list(), take=10, skip=5))) == 95
    assert server.requests == 10


@pytest.mark.slow
@pytest.mark.parametrize("total", [None, 10**9])
@pytest.mark.parametrize(
    "ignores",
    [
        {"sortCreated", "sortStart"}, {"afterCreatedAt", "afterStart"}, {"skip"},
        {"skip", "afterCreatedAt", "afterStart"},
        {"afterCreatedAt", "beforeCreatedAt", "afterStart", "skip"}, {"take"},
    ],
    ids=lambda names: " ".join(sorted(names)),
)  # fmt: skip
def test_the_work_is_bounded_by_the_rows(ignores, total):
    """Whatever the server ignores, each row comes once, missing rows are a warning, and requests are bounded."""
    server = bookings(600, per_minute=300, total=total, ignores=frozenset(ignores - {"take"}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        delivered = uids(Pages(server.list(), take=20))
    assert len(delivered) == len(set(delivered))
    assert set(delivered) == server.rows.keys() or len(caught) == 1
    assert server.requests <= 30 + 600 + 100


def test_endless_known_rows_end_the_search():
    """If the server returns known rows with ever later times, the search ends after a bounded number of requests."""
    server = bookings(100, total=10**9)
    page = server.page

    def endless(query: dict[str, Any]) -> Any:
        if not query.get("sortCreated"):
            return page(query)
        server.requests += 1
        time = (query.get("afterCreatedAt") or BEGIN) + timedelta(milliseconds=1)
        row = {"uid": "u00001", "createdAt": time, "start": time}
        return Page([Raw(msgspec.json.encode(row))], 0, 250, pagination_metadata(10**9, has_next=True))

    server.page = endless  # type: ignore[method-assign]
    with pytest.warns(IncompleteListWarning, match="reported 1000000000 rows"):
        assert len(uids(Pages(server.list(), take=10))) == 100
    assert server.requests <= 10 + 100 + 101


@settings(max_examples=40)
@given(
    count=st.integers(0, 400),
    per_minute=st.sampled_from([1, 3, 50, 400]),
    take=st.integers(5, 60),
    prefetch=st.integers(0, 5),
    seed=st.integers(0, 10**6),
    faults=st.lists(st.integers(1, 60), max_size=4),
    collects=st.booleans(),
)
def test_no_row_is_lost(*, count, per_minute, take, prefetch, seed, faults, collects):
    """With any mixture of ties, failed requests and prefetch, each row comes once."""
    server = bookings(count, per_minute=per_minute, seed=seed)
    server.faults = {number: ServerError("no", status=503) for number in faults}
    pages = Pages(server.list(), take=take, prefetch=prefetch)

    async def scene() -> list[Any]:
        rows: list[Any] = []
        while True:
            try:
                if collects:
                    return await pages.collect()
                await append_rows(rows, pages)
            except ServerError:
                continue
            return rows

    rows = [row.uid for row in run(scene())]
    assert sorted(rows) == sorted(server.rows)
