"""Walking a list: where it stops, where it goes on, what it drops, and what it says about rows that never came."""

from __future__ import annotations

import asyncio
import gc
import random
import warnings
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run

from calcom_async import IncompleteListError, IncompleteListWarning, InvalidRequestError, Pages, ServerError
from calcom_async.models.pagination import Pagination
from calcom_async.pagination import UNPAGED, Page, PageOffset, PaginationSpec

PLAIN = PaginationSpec(maximum=10)
COUNTED = PaginationSpec(maximum=10, has_total=True)
AUDITED = PaginationSpec(maximum=10, has_total=True, orders=({"sort": "asc"}, {"sort": "desc"}))


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


class Server:
    """A list on a server: `view` may reorder or hide rows for a cursor, `faults` maps a skip to an error told once."""

    def __init__(self, rows: int, *, has_total: bool = False, seconds: float = 1.0, **options: Any) -> None:
        self.rows = list(range(rows))
        self.has_total = has_total
        self.seconds = seconds
        self.view: Callable[[list[int], PageOffset], list[int]] = options.get("view", lambda rows, cursor: rows)
        self.faults: dict[int, Exception] = options.get("faults", {})
        self.asked: list[PageOffset] = []
        self.running = self.most = 0

    @property
    def skips(self) -> list[int]:
        return [cursor.skip for cursor in self.asked]

    async def __call__(self, cursor: PageOffset) -> Page[int]:
        self.asked.append(cursor)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1
        if fault := self.faults.pop(cursor.skip, None):
            raise fault
        end = cursor.skip + cursor.take if cursor.take else None
        items = self.view(self.rows, cursor)[cursor.skip : end]
        told = metadata(len(self.rows), cursor.skip + cursor.take < len(self.rows)) if self.has_total else None
        return Page(items, cursor.skip, cursor.take, told)


def walk(server: Server, listing: PaginationSpec | None = None, **options: Any) -> Pages[int]:
    listing = listing or (COUNTED if server.has_total else PLAIN)
    return Pages(server, listing, key=lambda row: row, name="/things", **options)


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
    server = Server(40, has_total=True, view=lambda rows, cursor: rows[:15])
    assert collected(walk(server)) == list(range(15))
    assert server.skips == [0, 10, 20]


def test_metadata_decides_over_a_short_page():
    """A page that is short for another reason does not end a walk whose server says that there is more."""
    server = Server(25, has_total=True, view=lambda rows, cursor: [row for row in rows if row != 3] + [24])
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

    async def fetch(cursor: PageOffset) -> Page[int]:
        return Page(list(range(10)), cursor.skip, cursor.take, metadata(30, has_next=True) if has_total else None)

    pages = Pages(fetch, COUNTED if has_total else PLAIN, key=lambda row: row, name="/teams")
    with pytest.warns(IncompleteListWarning, match=r"/teams: after 10 rows the same ones came again"):
        assert collected(pages) == list(range(10))


@pytest.mark.parametrize("prefetch", [0, 5])
@pytest.mark.parametrize("listing", [COUNTED, AUDITED])
@pytest.mark.parametrize("total", [10**6, 10**400])
@pytest.mark.parametrize("rows", [10, 95])
def test_a_list_that_repeats_itself_has_an_end_whatever_its_total(rows, total, listing, prefetch):
    """The number of requests is bounded by the rows that came, also when the server claims many more."""
    asked = []

    async def fetch(cursor: PageOffset) -> Page[int]:
        asked.append(cursor)
        assert len(asked) <= rows // 10 + 10 + 2 * prefetch
        place = cursor.skip % rows
        return Page(list(range(place, min(place + 10, rows))), cursor.skip, cursor.take, metadata(total, has_next=True))

    pages = Pages(fetch, listing, key=lambda row: row, name="/things", prefetch=prefetch)
    with pytest.warns(IncompleteListWarning, match=f"after {rows} rows the same ones came again"):
        assert sorted(collected(pages)) == list(range(rows))


def test_later_passes_are_bounded_by_the_rows_too():
    """A search for missing rows ends where the known ones end, however many the server still counts."""
    asked = []

    async def fetch(cursor: PageOffset) -> Page[int]:
        asked.append(cursor)
        assert len(asked) < 100
        first = not cursor.order
        items = list(range(10)) if not first else list(range(cursor.skip, min(cursor.skip + 10, 55)))
        return Page(items, cursor.skip, cursor.take, metadata(10**9, has_next=not first or cursor.skip < 50))

    with pytest.warns(IncompleteListWarning):
        assert collected(Pages(fetch, AUDITED, key=lambda row: row)) == list(range(55))


def test_rows_without_a_key_that_repeat_have_an_end():
    """A page of rows whose key is null, sent again and again, is noticed by its content."""

    async def fetch(cursor: PageOffset) -> Page[Any]:
        assert cursor.skip < 100
        return Page(
            [{"uid": None, "n": n} for n in range(10)], cursor.skip, cursor.take, metadata(10**9, has_next=True)
        )

    with pytest.warns(IncompleteListWarning, match="the same ones came again"):
        assert len(run(Pages(fetch, COUNTED, key=lambda row: row["uid"]).collect())) == 10


def test_a_cut_list_is_an_error_when_strict():
    """With `strict=True` a list that the server cuts raises, after the rows that came."""
    server = Server(30, view=lambda rows, cursor: rows[:10] * 9)
    rows: list[int] = []
    with pytest.raises(IncompleteListError, match="The server cuts this list"):
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


def test_a_strict_error_at_the_end_is_not_resumed():
    """A list that ended incomplete is read again from the start: an empty rest would look like success."""
    server = Server(25, has_total=True, view=hiding(7))
    pages = walk(server, AUDITED, strict=True)
    for _ in range(2):
        rows: list[int] = []
        with pytest.raises(IncompleteListError):
            run(into(rows, pages))
        assert len(rows) == 24
        with pytest.raises(IncompleteListError):
            collected(pages)


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
    """`raw()` is a walk of its own over the same list; raw rows have no further rawness."""
    raw = walk(Server(3))
    pages = walk(Server(5), raw=lambda: raw)
    assert pages.raw() is raw
    with pytest.raises(InvalidRequestError, match="raw already"):
        raw.raw()


# ---------------------------------------------------------------------------------------------------- looking ahead


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 10, 35, 100])
@pytest.mark.parametrize("prefetch", [1, 2, 5, 50])
def test_looking_ahead_keeps_the_order(rows, prefetch, has_total):
    """With pages in flight the rows still come in order, also when later pages answer first."""
    server = Server(rows, has_total=has_total)

    async def fetch(cursor: PageOffset) -> Page[int]:
        await asyncio.sleep(random.Random(cursor.skip).random() * 10)
        return await server(cursor)

    pages = Pages(fetch, COUNTED if has_total else PLAIN, key=lambda row: row, prefetch=prefetch)
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

    def shift(rows: list[int], cursor: PageOffset) -> list[int]:
        return rows if cursor.skip == 0 else [-1, *rows]

    server = Server(25, has_total=True, view=shift)
    assert collected(walk(server)) == server.rows


def test_pages_hold_only_what_is_new():
    """Walking by pages drops the rows seen before as well, and skips pages of nothing else."""
    server = Server(30, has_total=True, view=lambda rows, cursor: rows[:10] + rows[5:15] + rows[20:])

    async def scene() -> list[list[int]]:
        return [page.items async for page in walk(server).pages()]

    assert run(scene()) == [list(range(10)), list(range(10, 15)), list(range(20, 30))]


def test_rows_without_a_key_are_not_taken_for_one():
    """Rows whose key is null are all given: they cannot be told apart."""
    rows: list[Mapping[str, Any]] = [{"uid": None, "n": n} for n in range(12)]

    async def fetch(cursor: PageOffset) -> Page[Any]:
        return Page(rows[cursor.skip : cursor.skip + cursor.take], cursor.skip, cursor.take)

    pages = Pages(fetch, PLAIN, key=lambda row: row["uid"])
    assert run(pages.collect()) == rows


# ------------------------------------------------------------------------------------------------------- the audit


def tied(seed: int) -> Callable[[list[int], PageOffset], list[int]]:
    """All rows tie: each request sees them in an order of its own."""
    chance = random.Random(seed)
    return lambda rows, cursor: chance.sample(rows, len(rows))


def hiding(*hidden: int, unless: Callable[[PageOffset], bool] = lambda cursor: False) -> Any:
    """Some rows are doubled by others and so never shown."""

    def view(rows: list[int], cursor: PageOffset) -> list[int]:
        return rows if unless(cursor) else [0 if row in hidden else row for row in rows]

    return view


def test_rows_hidden_by_ties_are_found_in_another_order():
    """Where the total says that rows are missing, further passes in other orders and page sizes look for them."""
    server = Server(25, has_total=True, view=hiding(7, unless=lambda cursor: cursor.order == {"sort": "desc"}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sorted(collected(walk(server, AUDITED))) == server.rows
    orders = [cursor.order for cursor in server.asked]
    assert orders[:3] == [{}] * 3
    assert {"sort": "asc"} in orders
    assert orders[-1] == {"sort": "desc"}
    assert len({cursor.take for cursor in server.asked}) > 1


def test_a_complete_walk_costs_nothing_more():
    """When all rows came, the audit asks for nothing."""
    server = Server(25, has_total=True)
    collected(walk(server, AUDITED))
    assert server.skips == [0, 10, 20]


def test_rows_that_stay_missing_are_told_after_the_last_row():
    """A gap that no pass can close is a warning with the figures."""
    server = Server(25, has_total=True, view=hiding(7, 8))
    with pytest.warns(IncompleteListWarning, match=r"counts 25 rows but showed 23 in 3 passes; 2 could not be found"):
        assert len(collected(walk(server, AUDITED))) == 23


def test_strict_makes_the_gap_an_error_after_the_last_row():
    """With `strict=True` the gap raises, figures in hand, and only after every row that came."""
    server = Server(25, has_total=True, view=hiding(7))
    rows: list[int] = []
    with pytest.raises(IncompleteListError) as caught:
        run(into(rows, walk(server, AUDITED, strict=True)))
    assert (caught.value.expected, caught.value.seen) == (25, 24)
    assert len(rows) == 24


def test_a_pass_that_finds_something_earns_another():
    """Only passes in a row that bring nothing new end the search."""
    hidden = {3: 2, 13: 4, 23: 6}  # the row is shown from that pass on

    def view(rows: list[int], cursor: PageOffset) -> list[int]:
        number = sum(asked.skip == 0 for asked in server.asked)
        return [0 if hidden.get(row, 0) > number else row for row in rows]

    server = Server(25, has_total=True, view=view)
    assert sorted(collected(walk(server, AUDITED))) == server.rows


def test_the_search_has_an_end():
    """However much stays missing, there is a last pass."""
    server = Server(300, has_total=True, view=tied(seed=1))
    pages = walk(server, AUDITED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteListWarning)
        collected(pages)
    assert sum(cursor.skip == 0 for cursor in server.asked) <= Pages.MOST_PASSES


def test_a_walk_that_is_left_says_nothing():
    """Whoever takes only some rows is not warned about the others."""
    server = Server(25, has_total=True, view=hiding(7))
    assert len(collected(walk(server, AUDITED), 24)) == 24


@pytest.mark.parametrize("options", [{"skip": 5}, {}])
def test_no_audit_where_the_total_cannot_be_compared(options):
    """A walk that skipped rows, and a list whose total is not to be trusted, end where they end."""
    server = Server(25, has_total=True, view=hiding(7))
    listing = AUDITED if options else COUNTED
    collected(walk(server, listing, **options))
    assert all(cursor.order == {} for cursor in server.asked)


def test_rows_that_vanish_meanwhile_are_no_gap():
    """A list that shrinks during the walk has shown more than it counts: nothing is missing."""
    server = Server(25, has_total=True)

    async def scene() -> list[int]:
        pages, rows = walk(server, AUDITED), []
        async for row in pages:
            rows.append(row)
            if row == 9:
                del server.rows[20:]
        return rows

    assert run(scene()) == list(range(20))


@settings(max_examples=40)
@given(
    rows=st.integers(0, 80),
    take=st.integers(1, 10),
    prefetch=st.integers(0, 5),
    seed=st.integers(),
    has_total=st.booleans(),
    faults=st.lists(st.integers(0, 10), max_size=4),
    collects=st.booleans(),
)
def test_nothing_is_lost_in_silence(*, rows, take, prefetch, seed, has_total, faults, collects):
    """Ties, failed requests and pages in flight in any mixture: each row once, and all of them or a warning."""
    server = Server(rows, has_total=has_total, view=tied(seed) if has_total else lambda rows, cursor: rows)
    server.faults = {page * take: ServerError("no", status=503) for page in faults}
    pages = walk(server, AUDITED if has_total else PLAIN, take=take, prefetch=prefetch)

    async def scene() -> list[int]:
        seen: list[int] = []
        while True:
            try:
                if collects:
                    return await pages.collect()
                await into(seen, pages)
            except ServerError:
                continue
            return seen

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        seen = run(scene())
    assert len(seen) == len(set(seen))
    assert set(seen) == set(server.rows) or len(told) == 1
