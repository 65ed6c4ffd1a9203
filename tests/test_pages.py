"""Reading a list: where it ends, where it resumes, what it drops, and how it finds missing rows."""

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
from calcom_async.models.pagination import Pagination
from calcom_async.pages import PagedList
from calcom_async.pagination import UNPAGED, Page, PageOffset, PaginationSpec

PLAIN = PaginationSpec(maximum=10)
COUNTED = PaginationSpec(maximum=10, has_total=True)


def metadata(total: Any, has_next: Any) -> Pagination:
    return Pagination(
        returned_items=0,
        total_items=total,
        items_per_page=1,
        remaining_items=0,
        current_page=1,
        total_pages=1,
        has_next_page=has_next,
        has_previous_page=False,
    )


class Server(PagedList[Any]):
    """A list of numbers. `view` may reorder or hide rows for an offset; `faults` maps a skip to an error sent once."""

    def __init__(self, rows: int, *, has_total: bool = False, seconds: float = 1.0, **options: Any) -> None:
        super().__init__("/things", COUNTED if has_total else PLAIN, int)
        self.rows = list(range(rows))
        self.has_total = has_total
        self.seconds = seconds
        self.view: Callable[[list[int], PageOffset], list[int]] = options.get("view", lambda rows, offset: rows)
        self.faults: dict[int, Exception] = options.get("faults", {})
        self.asked: list[PageOffset] = []
        self.running = self.most = 0

    @property
    def skips(self) -> list[int]:
        return [offset.skip for offset in self.asked]

    def key(self) -> Callable[[Any], Any]:
        return lambda row: row

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[Any]:
        assert not query
        self.asked.append(offset)
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
        pagination = metadata(len(self.rows), offset.skip + offset.take < len(self.rows)) if self.has_total else None
        return Page(items, offset.skip, offset.take, pagination)


class Fetching(PagedList[Any]):
    """A list that a function returns the pages of."""

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


def walk(server: Server, spec: PaginationSpec | None = None, **options: Any) -> Pages[int]:
    server.spec = spec or server.spec
    return Pages(server, **options)


def collected(pages: Pages[int], limit: int | None = None) -> list[int]:
    return run(pages.collect(limit))


async def into(rows: list[int], pages: Pages[int]) -> None:
    """Collect rows in a way that an error leaves those that came."""
    async for row in pages:
        rows.append(row)  # noqa: PERF401 - a comprehension would lose them to the error


def tasks() -> int:
    return len(asyncio.all_tasks())


async def settled() -> None:
    """Give what was left behind a few turns of the loop to go away, but no time."""
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)


# ---------------------------------------------------------------------------------------------------- where it stops


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
def test_where_a_walk_stops(rows, has_total, skips):
    """Metadata ends the walk without another request; without it a short page does, and at worst an empty one."""
    server = Server(rows, has_total=has_total)
    assert collected(walk(server)) == server.rows
    assert server.skips == skips


def test_an_empty_page_always_ends_the_walk():
    """Metadata that says "more" beside an empty page is not believed: the server counts rows that filters hide."""
    server = Server(40, has_total=True, view=lambda rows, offset: rows[:15])
    assert collected(walk(server)) == list(range(15))
    assert server.skips == [0, 10, 20]


def test_metadata_decides_over_a_short_page():
    """A page that is short for another reason does not end a walk whose server says that there is more."""
    server = Server(25, has_total=True, view=lambda rows, offset: [row for row in rows if row != 3] + [24])
    assert collected(walk(server))[-1] == 24
    assert server.skips == [0, 10, 20]


def test_missing_metadata():
    """A list that should be has_total and is not is walked by the size of its pages."""
    server = Server(23)
    assert collected(walk(server, COUNTED)) == server.rows


def test_a_list_that_comes_whole_is_one_request():
    """A list without paging is asked for once, however many rows it has and whatever prefetch says."""
    for prefetch in (0, 4):
        server = Server(300)
        assert collected(walk(server, UNPAGED, prefetch=prefetch)) == server.rows
        assert server.asked == [PageOffset(0, 0)]


@pytest.mark.parametrize("has_total", [True, False])
def test_a_server_that_ignores_skip_is_noticed(has_total):
    """A page that brings nothing new ends the walk, with a warning that rows beyond may be out of reach."""

    async def fetch(offset: PageOffset) -> Page[int]:
        return Page(list(range(10)), offset.skip, offset.take, metadata(30, has_next=True) if has_total else None)

    pages = Pages(Fetching(fetch, COUNTED if has_total else PLAIN))
    with pytest.warns(IncompleteListWarning, match=r"/things: after 10 rows the server returned the same rows again"):
        assert collected(pages) == list(range(10))


@pytest.mark.parametrize("prefetch", [0, 5])
@pytest.mark.parametrize("total", [10**6, 10**400])
@pytest.mark.parametrize("rows", [10, 95])
def test_a_list_that_repeats_itself_has_an_end_whatever_its_total(rows, total, prefetch):
    """The number of requests is bounded by the rows that came, also when the server claims many more."""
    asked = []

    async def fetch(offset: PageOffset) -> Page[int]:
        asked.append(offset)
        assert len(asked) <= rows // 10 + 10 + 2 * prefetch
        place = offset.skip % rows
        return Page(list(range(place, min(place + 10, rows))), offset.skip, offset.take, metadata(total, has_next=True))

    pages = Pages(Fetching(fetch, COUNTED), prefetch=prefetch)
    with pytest.warns(IncompleteListWarning, match=f"after {rows} rows the server returned the same rows again"):
        assert sorted(collected(pages)) == list(range(rows))


def test_rows_without_a_key_that_repeat_have_an_end():
    """A page of rows whose key is null, sent again and again, is noticed by its content."""

    async def fetch(offset: PageOffset) -> Page[Any]:
        assert offset.skip < 100
        return Page(
            [{"uid": None, "n": n} for n in range(10)], offset.skip, offset.take, metadata(10**9, has_next=True)
        )

    with pytest.warns(IncompleteListWarning, match="returned the same rows again"):
        assert len(run(Pages(Fetching(fetch, COUNTED, lambda row: row["uid"])).collect())) == 10


def test_a_cut_list_is_an_error_when_strict():
    """With `strict=True` a list that the server cuts raises, after the rows that came."""
    server = Server(30, view=lambda rows, offset: rows[:10] * 9)
    rows: list[int] = []
    with pytest.raises(IncompleteListError, match="does not return the rest of this list"):
        run(into(rows, walk(server, strict=True)))
    assert rows == list(range(10))


def test_the_start_can_be_skipped():
    """`skip` leaves out the first rows, `take` sets the size of pages."""
    server = Server(23, has_total=True)
    assert collected(walk(server, skip=15, take=4)) == list(range(15, 23))
    assert server.asked == [PageOffset(15, 4), PageOffset(19, 4)]


@pytest.mark.parametrize(
    "options",
    [{"take": 11}, {"take": 0}, {"skip": -1}, {"prefetch": -1}, {"skip": 2**53}, {"skip": "1"}, {"prefetch": 1.5},
     {"prefetch": 10**9}, {"skip": None}, {"prefetch": True}],
)  # fmt: skip
def test_arguments_that_cannot_be_meant(options):
    """A walk that could not be asked for raises when it is made."""
    with pytest.raises(InvalidRequestError):
        walk(Server(1), **options)


# ------------------------------------------------------------------------------------------------- where it goes on


@pytest.mark.parametrize("prefetch", [0, 1, 3, 20])
def test_an_error_at_page_seven_leaves_a_walk_that_goes_on_there(prefetch):
    """After an error the same object goes on with the page that failed: nothing twice, nothing lost."""
    server = Server(95, has_total=True, faults={60: ServerError("no", status=503)})
    pages, rows = walk(server, prefetch=prefetch), []

    async def scene() -> None:
        with pytest.raises(ServerError):
            await into(rows, pages)
        assert rows == list(range(60))
        await settled()
        assert tasks() == 1
        rows.extend([row async for row in pages])

    run(scene())
    assert rows == server.rows
    assert server.skips.count(60) == 2


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_every_new_loop_starts_from_the_first_row(prefetch):
    """After a break, after `first()` and at the end of the list, the next loop starts again."""
    server = Server(45, has_total=True)
    pages = walk(server, prefetch=prefetch)

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
        await settled()
        assert tasks() == 1

    run(scene())
    assert pages.total == 45


def test_one_iterator_gives_rows_in_portions():
    """One iterator keeps its place over several loops; another one is independent of it."""
    server = Server(35, has_total=True)
    pages = walk(server)

    async def scene() -> list[Any]:
        portions = []
        async with aclosing(aiter(pages)) as rows:
            async for row in rows:
                portions.append(row)
                if row == 6:
                    break
            assert await pages.first() == 0
            portions += [await anext(rows)]
            portions += [row async for row in rows]
        return portions

    assert run(scene()) == server.rows


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("how", ["collect", "loop", "pages", "first"])
def test_what_a_failed_collect_had_is_delivered_by_the_next(how, prefetch):
    """A `collect()` that fails delivers no row, so the next call delivers those too, without new requests for them."""
    server = Server(35, has_total=True, faults={20: ServerError("no", status=503)})
    pages = walk(server, prefetch=prefetch)

    async def scene() -> list[int]:
        with pytest.raises(ServerError):
            await pages.collect()
        match how:
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
    assert server.skips.count(0) == (2 if how == "first" else 1)


def test_a_cancelled_loop_is_resumed_once():
    """A loop that is cancelled while it waits for a page is resumed by the next one; the one after starts again."""
    server = Server(45, has_total=True)
    pages, rows = walk(server), []

    async def scene() -> None:
        task = asyncio.create_task(into(rows, pages))
        await asyncio.sleep(2.5)
        task.cancel()
        await asyncio.wait([task])
        assert rows == list(range(20))
        await into(rows, pages)
        assert rows == server.rows
        assert await pages.first() == 0

    run(scene())


def test_two_tasks_may_read_one_list():
    """Two loops at once over one object are independent of each other."""
    server = Server(30)
    pages = walk(server, prefetch=2)

    async def scene() -> list[Any]:
        return await asyncio.gather(pages.collect(), pages.collect())

    assert run(scene()) == [server.rows, server.rows]


@pytest.mark.parametrize("use", [list, sorted, tuple, set, iter, sum, lambda pages: [*pages]])
def test_iterating_without_async_says_what_to_write(use):
    """A loop without `async` is a TypeError that names `async for` and `collect()`."""
    with pytest.raises(TypeError, match=r"<Pages of /things.*async for row in .*await .*collect\(\)"):
        use(walk(Server(3)))


def test_awaiting_a_list_says_what_to_write():
    """A list that is awaited is a TypeError that names `collect()`."""

    async def scene() -> None:
        await walk(Server(3))

    with pytest.raises(TypeError, match=r"cannot be awaited.*await \(\.\.\.\)\.collect\(\)"):
        run(scene())


@pytest.mark.parametrize("limit", ["5", 1.5, True, [1]])
def test_a_limit_is_a_number(limit):
    """A limit of another type raises before a request is sent."""
    server = Server(5)
    with pytest.raises(InvalidRequestError, match="limit must be an integer"):
        collected(walk(server), limit)
    assert server.asked == []


def test_first_page_does_not_move_the_walk():
    """The first page is the server's, with total and has_next; the walk starts where it stood."""
    server = Server(15, has_total=True)
    pages = walk(server)
    page = run(pages.first_page())
    assert (page.items, page.total_items, page.has_next) == (list(range(10)), 15, True)
    assert collected(pages) == server.rows


# ------------------------------------------------------------------------------------------ no request too many


@pytest.mark.parametrize(
    ("limit", "requests"), [(None, 4), (0, 0), (-1, 0), (1, 1), (10, 1), (11, 2), (20, 2), (35, 4), (99, 4)]
)
@pytest.mark.parametrize("prefetch", [0, 3, 9])
def test_collect_asks_for_no_page_too_many(limit, requests, prefetch):
    """`collect(limit)` asks only for pages that it needs, however far ahead it may look."""
    server = Server(35, has_total=True)
    pages = walk(server, prefetch=prefetch)
    assert collected(pages, limit) == server.rows[: limit if limit is None else max(0, limit)]
    assert len(server.asked) == requests


def test_first_is_one_request():
    """The first row costs one request, with prefetch too."""
    for prefetch in (0, 5):
        server = Server(35)
        assert run(walk(server, prefetch=prefetch).first()) == 0
        assert len(server.asked) == 1


def test_nothing_is_sent_before_the_first_row_is_asked_for():
    """Making a list, printing it and asking for its total sends nothing."""
    server = Server(5)
    pages = walk(server)
    assert pages.total is None
    assert repr(pages) == "<Pages of /things: 0 of ? rows seen>"
    assert server.asked == []


def test_total_and_repr_follow_the_walk():
    """The server's count and the rows seen are to be had at any time."""
    pages = walk(Server(15, has_total=True))
    collected(pages, 1)
    assert pages.total == 15
    assert repr(pages) == "<Pages of /things: 10 of 15 rows seen>"


def test_raw_starts_from_the_start():
    """`raw()` is the same list from its start, with the same options; raw rows cannot be made raw again."""
    server = bookings(30)
    pages = Pages(server.list(), take=7, skip=3)
    raw = pages.raw()
    first, rows = run(pages.collect(5)), run(raw.collect(5))
    assert [msgspec.json.decode(row)["uid"] for row in rows] == [row.uid for row in first]
    with pytest.raises(InvalidRequestError, match="raw already"):
        raw.raw()


# ---------------------------------------------------------------------------------------------------- looking ahead


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 10, 35, 100])
@pytest.mark.parametrize("prefetch", [1, 2, 5, 50])
def test_looking_ahead_keeps_the_order(rows, prefetch, has_total):
    """With pages in flight the rows still come in order, also when later pages answer first."""
    server = Server(rows, has_total=has_total)

    async def fetch(offset: PageOffset) -> Page[int]:
        await asyncio.sleep(random.Random(offset.skip).random() * 10)
        return await server.fetch_page(offset)

    pages = Pages(Fetching(fetch, COUNTED if has_total else PLAIN), prefetch=prefetch)
    assert collected(pages) == server.rows
    assert server.most <= prefetch


def test_looking_ahead_saves_time():
    """Eight pages in flight are as quick as one at a time is slow."""

    async def scene(prefetch: int) -> float:
        began = asyncio.get_running_loop().time()
        await walk(Server(320, has_total=True), prefetch=prefetch).collect()
        return asyncio.get_running_loop().time() - began

    assert run(scene(0)) == pytest.approx(32)
    assert run(scene(8)) <= 32 / 6


def test_looking_ahead_stops_at_the_total():
    """Where the server counts, no page beyond the end is asked for, and none before the first has told the total."""
    server = Server(35, has_total=True)
    assert collected(walk(server, prefetch=20)) == server.rows
    assert server.skips == [0, 10, 20, 30]


@pytest.mark.parametrize("leave", ["break", "error", "cancel", "aclose"])
@pytest.mark.parametrize("way", [lambda pages: pages, lambda pages: pages.pages()])
def test_leaving_a_loop_leaves_nothing_running(leave, way):
    """However a loop is left, its pages in flight are cancelled and no task stays behind."""
    server = Server(200, has_total=True)

    async def loop() -> None:
        seen = 0
        async for _ in way(walk(server, prefetch=5)):
            seen += 1
            if seen == 2 and leave == "break":
                break
            if seen == 2 and leave == "error":
                raise ZeroDivisionError

    async def scene() -> None:
        if leave == "aclose":
            async with aclosing(aiter(way(walk(server, prefetch=5)))) as walked:
                await anext(walked)
        else:
            task = asyncio.create_task(loop())
            await asyncio.sleep(1.5)
            if leave == "cancel":
                task.cancel()
            await asyncio.wait([task])
            task.cancelled() or task.exception()
        await settled()
        assert (tasks(), server.running) == (1, 0)

    run(scene())


def test_a_loop_that_was_left_does_not_disturb_the_next():
    """A loop left by a break is closed a little later; the pages that the next loop has in flight by then stay."""
    server = Server(60, has_total=True)
    pages = walk(server, prefetch=4)

    async def scene() -> list[int]:
        async for row in pages:
            if row == 9:
                break
        return [row async for row in pages]

    assert run(scene()) == server.rows


def test_an_error_behind_the_end_is_not_felt():
    """A page in flight beyond the end may fail: nobody waits for it, and asyncio does not complain."""
    faults = {20: ServerError("no", status=500), 30: ServerError("no", status=500)}
    server = Server(15, faults=faults)
    assert collected(walk(server, prefetch=4)) == server.rows


def test_an_error_ahead_comes_in_its_turn():
    """The rows before a page that fails are delivered first."""
    server = Server(100, has_total=True, faults={30: ServerError("no", status=500)})
    rows: list[int] = []
    with pytest.raises(ServerError):
        run(into(rows, walk(server, prefetch=8)))
    assert rows == list(range(30))


# ----------------------------------------------------------------------------------------------- rows that come twice


def test_rows_that_come_twice_are_dropped():
    """When rows move between pages, each is given once."""

    def shift(rows: list[int], offset: PageOffset) -> list[int]:
        return rows if offset.skip == 0 else [-1, *rows]

    server = Server(25, has_total=True, view=shift)
    assert collected(walk(server)) == server.rows


def test_pages_hold_only_what_is_new():
    """Walking by pages drops the rows seen before as well, and skips pages of nothing else."""
    server = Server(30, has_total=True, view=lambda rows, offset: rows[:10] + rows[5:15] + rows[20:])

    async def scene() -> list[list[int]]:
        return [page.items async for page in walk(server).pages()]

    assert run(scene()) == [list(range(10)), list(range(10, 15)), list(range(20, 30))]


def test_rows_without_a_key_are_not_taken_for_one():
    """Rows whose key is null are all given: they cannot be told apart."""
    rows: list[Mapping[str, Any]] = [{"uid": None, "n": n} for n in range(12)]

    async def fetch(offset: PageOffset) -> Page[Any]:
        return Page(rows[offset.skip : offset.skip + offset.take], offset.skip, offset.take)

    pages = Pages(Fetching(fetch, PLAIN, lambda row: row["uid"]))
    assert run(pages.collect()) == rows


# -------------------------------------------------------------------------------------------------- the missing rows


def bookings(count: int, *, per_minute: int = 1, seed: int = 1, **options: Any) -> MovingBookings:
    """Bookings of which several share a creation time and a start; equal ones come in another order on every page."""
    server = MovingBookings(random.Random(seed), **options)
    for number in range(count):
        server.add(number // per_minute, number // per_minute, number)
    return server


def uids(pages: Pages[Any]) -> list[str]:
    return [row.uid for row in run(pages.collect())]


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize(("count", "per_minute"), [(200, 40), (900, 300), (600, 600)])
def test_rows_hidden_by_ties_are_read_by_keyset(count, per_minute, prefetch):
    """Rows that offset pages never return, since they share a time, are delivered last and once."""
    server = bookings(count, per_minute=per_minute)
    found = uids(Pages(server.list(), take=15, prefetch=prefetch))
    assert len(found) == len(set(found))
    assert set(found) == server.rows.keys()
    assert server.requests > -(-count // 15)


def test_a_complete_list_costs_no_more_requests():
    """When all rows came, each once, nothing more is sent."""
    server = bookings(200)
    assert len(uids(Pages(server.list(), take=15))) == 200
    assert server.requests == 14


def test_missing_rows_are_read_with_the_filters_of_the_list():
    """The requests for missing rows keep the caller's filters, replace the sort, and read 250 rows."""
    server = bookings(200, per_minute=200)
    listed = server.list(eventTypeId=7, sortStart="desc")
    queries = []
    page = server.page
    server.page = lambda query: (queries.append(query), page(query))[1]  # type: ignore[method-assign]
    assert len(uids(Pages(listed, take=15))) == 200
    last = queries[-1]
    assert (last["eventTypeId"], last["sortStart"], last["sortCreated"], last["take"]) == (7, None, "asc", 250)


def test_a_row_that_came_twice_is_a_reason_to_read_by_keyset():
    """With a filter on creation the total counts other rows, so duplicates alone tell that rows may be missing."""
    for per_minute in (40, 1):
        server = bookings(200, per_minute=per_minute, total=10**6)
        found = uids(Pages(server.list(afterCreatedAt=BEGIN), take=15))
        assert set(found) == server.rows.keys()
        assert (server.requests > 14) == (per_minute > 1)


def test_a_list_of_a_team_is_read_by_start_if_the_server_ignores_creation():
    """A server that ignores the filter on creation is noticed, and the list is read by start."""
    server = bookings(900, per_minute=90, ignores=frozenset({"afterCreatedAt", "beforeCreatedAt"}))
    assert set(uids(Pages(server.list(), take=15))) == server.rows.keys()


def test_a_list_of_a_team_is_read_by_start_if_the_server_rejects_creation():
    """A server that answers 400 to the filter on creation is asked by start."""
    server = bookings(900, per_minute=90)
    page = server.page

    def rejecting(query: dict[str, Any]) -> Any:
        if query.get("afterCreatedAt"):
            raise BadRequestError("property afterCreatedAt should not exist", status=400)
        return page(query)

    server.page = rejecting  # type: ignore[method-assign]
    assert set(uids(Pages(server.list(), take=15))) == server.rows.keys()


@pytest.mark.parametrize("how", ["collect", "loop", "pages"])
@pytest.mark.parametrize("request_number", [15, 16, 17, 19])
def test_an_error_in_the_search_for_missing_rows_is_resumed(request_number, how):
    """After an error the next loop resumes there: nothing twice, nothing lost, and no page is fetched again."""
    server = bookings(900, per_minute=30)
    server.faults = {request_number + 46: ServerError("no", status=503)}
    pages, rows = Pages(server.list(), take=15), []

    async def scene() -> None:
        with pytest.raises(ServerError):
            await into(rows, pages)
        match how:
            case "collect":
                rows.extend(await pages.collect())
            case "loop":
                await into(rows, pages)
            case _:
                rows.extend([row async for page in pages.pages() for row in page.items])

    run(scene())
    found = [row.uid for row in rows]
    assert len(found) == len(set(found))
    assert set(found) == server.rows.keys()
    assert server.requests < 2 * 60


def test_a_failed_collect_delivers_the_missing_rows_later():
    """A `collect()` that fails during the search delivers no row, so the next one delivers all."""
    server = bookings(300, per_minute=30)
    server.faults = {22: ServerError("no", status=503)}
    pages = Pages(server.list(), take=15)

    async def scene() -> list[Any]:
        with pytest.raises(ServerError):
            await pages.collect()
        return await pages.collect()

    found = [row.uid for row in run(scene())]
    assert sorted(found) == sorted(server.rows)


def test_rows_that_move_while_missing_ones_are_read():
    """Rows whose start changes during the reading hide none of the others."""
    server = bookings(900, per_minute=60, moves=2)
    found = uids(Pages(server.list(sortStart="asc"), take=50))
    assert len(found) == len(set(found))
    assert set(found) == server.rows.keys()


def test_a_deleted_row_hides_no_other():
    """After a deletion the next page starts one row too late; the smaller total does not hide that."""
    server = bookings(100)
    kept = sorted(server.rows)[1:]

    async def scene() -> list[str]:
        found = []
        async for row in Pages(server.list(), take=10):
            found.append(row.uid)
            server.rows.pop("u00000", None)
        return found

    assert set(kept) <= set(run(scene()))


def test_rows_that_leave_the_list_are_no_gap():
    """A list that shrinks while it is read ends without a warning."""
    server = bookings(100)

    async def scene() -> int:
        count = 0
        async for _ in Pages(server.list(), take=10):
            count += 1
            for uid in sorted(server.rows)[50:]:
                del server.rows[uid]
        return count

    assert run(scene()) == 50


@pytest.mark.parametrize("by", ["sortCreated", "sortStart"])
def test_a_list_that_grows_while_missing_rows_are_read_has_an_end(by):
    """Rows that are created during the search do not prolong it, and are not reported as missing."""
    server = bookings(200, per_minute=50)
    page = server.page

    def growing(query: dict[str, Any]) -> Any:
        if query.get(by) == "asc":
            server.add(10**4 + server.requests, 10**4 + server.requests, 0)
        return page(query)

    server.page = growing  # type: ignore[method-assign]
    before = set(server.rows)
    ignores = frozenset({"afterCreatedAt"} if by == "sortStart" else ())
    server.ignores = ignores
    assert before <= set(uids(Pages(server.list(), take=15)))
    assert server.requests < 60


@pytest.mark.parametrize("total", [103, 10**6, 10**400], ids=["103", "10**6", "10**400"])
def test_rows_that_stay_missing_are_a_warning(total):
    """Rows that the server counts but never returns are a warning after the last row, with the figures."""
    server = bookings(100, total=total)
    with pytest.warns(IncompleteListWarning, match=r"/bookings: the server reported 10.* rows but returned 100; "):
        assert len(uids(Pages(server.list(), take=10))) == 100
    assert server.requests <= 20


def test_rows_that_stay_missing_are_an_error_when_strict():
    """With `strict=True` they raise, figures in hand, after every row that came; the next loop starts again."""
    server = bookings(100, total=101)
    pages = Pages(server.list(), take=10, strict=True)
    for _ in range(2):
        rows: list[Any] = []
        with pytest.raises(IncompleteListError) as caught:
            run(into(rows, pages))
        assert (caught.value.expected, caught.value.seen, len(rows)) == (101, 100, 100)
        with pytest.raises(IncompleteListError):
            collected(pages)


def test_a_list_that_is_left_warns_of_nothing():
    """A loop that takes only some rows is not warned about the others, and searches for none."""
    server = bookings(100, total=200)
    assert len(collected(Pages(server.list(), take=10), 100)) == 100
    assert server.requests == 10


def test_nothing_is_checked_with_skip():
    """A list that skips rows ends where it ends: the total cannot be compared."""
    server = bookings(100, total=200)
    assert len(uids(Pages(server.list(), take=10, skip=5))) == 95
    assert server.requests == 10


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
    """Whatever the server ignores: each row comes once, all of them or a warning, in a bounded number of requests."""
    server = bookings(600, per_minute=300, total=total, ignores=frozenset(ignores - {"take"}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = uids(Pages(server.list(), take=20))
    assert len(found) == len(set(found))
    assert set(found) == server.rows.keys() or len(caught) == 1
    assert server.requests <= 30 + 600 + 100


def test_known_rows_that_come_for_ever_have_an_end():
    """A server that returns known rows with ever later times ends the search, after requests bounded by the rows."""
    server = bookings(100, total=10**9)
    page = server.page

    def endless(query: dict[str, Any]) -> Any:
        if not query.get("sortCreated"):
            return page(query)
        server.requests += 1
        later = (query.get("afterCreatedAt") or BEGIN) + timedelta(milliseconds=1)
        row = {"uid": "u00001", "createdAt": later, "start": later}
        return Page([Raw(msgspec.json.encode(row))], 0, 250, metadata(10**9, has_next=True))

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
def test_nothing_is_lost_in_silence(*, count, per_minute, take, prefetch, seed, faults, collects):
    """Ties, failed requests and pages in flight in any mixture: each row comes once, and all of them do."""
    server = bookings(count, per_minute=per_minute, seed=seed)
    server.faults = {number: ServerError("no", status=503) for number in faults}
    pages = Pages(server.list(), take=take, prefetch=prefetch)

    async def scene() -> list[Any]:
        seen: list[Any] = []
        while True:
            try:
                if collects:
                    return await pages.collect()
                await into(seen, pages)
            except ServerError:
                continue
            return seen

    seen = [row.uid for row in run(scene())]
    assert sorted(seen) == sorted(server.rows)
