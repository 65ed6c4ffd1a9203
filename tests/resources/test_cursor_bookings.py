"""Lists of bookings with a cursor: complete, without duplicates, and with take and skip on servers without cursors."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from fakes import FakeSend, error_response
from sent_requests import MONDAY, sent_requests
from virtual_time import run

from calcom_async import (
    Calcom,
    CursorFallbackWarning,
    DecodeError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    Pages,
    RateLimitedError,
    ServerError,
    TimedOutError,
)
from calcom_async.events import Observer
from calcom_async.export import ExportJob, export
from calcom_async.models import Booking
from calcom_async.operations.lists import list_rows
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import ResourceContext
from calcom_async.resources.bookings import Bookings
from calcom_async.responses import Response
from calcom_async.sandbox import Sandbox
from calcom_async.versions import ApiVersions

COUNT = 330
CURSOR, OLD = "2026-05-01", "2024-08-13"
BY_CURSOR = {"bookings.list": CURSOR, "organization_bookings.list": CURSOR}
ORDER = ["upcoming", "recurring", "unconfirmed", "past", "cancelled"]


@pytest.fixture(scope="module")
def full():
    """Run a sandbox with bookings of every status, many at the same times."""
    with Sandbox(now=MONDAY, bookings=COUNT, ties=True) as sandbox:
        yield sandbox
        assert sandbox.handler_errors == []


@pytest.fixture
async def cal(full):
    """Open a client that reads lists with a cursor."""
    full.run(full.requests.clear)
    full.faults.clear()
    async with Calcom(full.api_key, base_url=full.url, api_versions=BY_CURSOR, backoff_base=0) as cal:
        yield cal


async def expected(full: Sandbox, **filters: Any) -> set[str]:
    """Return the uids in the list that is read by take and skip."""
    async with Calcom(full.api_key, base_url=full.url) as cal:
        uids = {booking.uid async for booking in cal.bookings.list(**filters)}
    full.run(full.requests.clear)
    return uids


def versions(full: Sandbox) -> list[str | None]:
    return [request.version for request in sent_requests(full)]


@pytest.mark.parametrize("take", [7, None])
async def test_every_booking_comes_once(cal, full, take):
    """Each booking comes once, those at equal times too; no request has take or skip."""
    everything = await expected(full)
    uids = [booking.uid async for booking in cal.bookings.list(take=take)]
    assert len(uids) == len(set(uids)) == COUNT
    assert set(uids) == everything
    requests = sent_requests(full)
    assert {request.version for request in requests} == {CURSOR}
    assert {request.query["limit"] for request in requests} == {str(take or 100)}
    assert not {"take", "skip"} & {name for request in requests for name in request.query}
    assert len(requests) == -(-COUNT // (take or 100))


@pytest.mark.parametrize(
    "filters",
    [
        {"status": "past"},
        {"status": ["cancelled", "upcoming"]},
        {"status": ORDER[::-1]},
        {"status": "upcoming,recurring", "event_type_ids": [1, 2]},
    ],
)
async def test_statuses_are_read_one_after_the_other(cal, full, filters):
    """Each request has one status, in a fixed order; a booking that two of them return comes once."""
    matching = await expected(full, **filters)
    uids = [booking.uid async for booking in cal.bookings.list(take=20, **filters)]
    assert len(uids) == len(set(uids))
    assert set(uids) == matching
    requested = [request.query["status"] for request in sent_requests(full)]
    assert requested == sorted(requested, key=ORDER.index)
    statuses = filters["status"].split(",") if isinstance(filters["status"], str) else filters["status"]
    assert set(requested) == set(statuses)


async def test_the_list_of_an_organization(cal, full):
    """The list of an organization is read with a cursor too, and can be filtered by users."""
    async with Calcom(full.api_key, base_url=full.url) as plain:
        matching = {booking.uid async for booking in plain.organization(1).bookings.list(user_ids=[1])}
    full.run(full.requests.clear)
    rows = await cal.organization(1).bookings.list(user_ids=[1]).collect()
    assert {booking.uid for booking in rows} == matching
    assert len(rows) == len(matching) > 100
    assert set(versions(full)) == {CURSOR}


async def test_raw_rows_pages_and_first(cal):
    """Raw rows, pages and the first row come from the same requests."""
    rows = await cal.bookings.list(status=["past", "cancelled"]).raw().collect()
    pages = [page async for page in cal.bookings.list(status=["past", "cancelled"]).pages()]
    uids = [booking.uid for page in pages for booking in page.items]
    assert [json.loads(bytes(row))["uid"] for row in rows] == uids
    assert [page.has_next for page in pages] == [True] * (len(pages) - 1) + [False]
    first = await cal.bookings.list(status=["past", "cancelled"]).first()
    assert first.uid == uids[0]


async def test_bookings_that_vanish_hide_no_other():
    """Bookings that are deleted while the list is read do not hide others."""
    with Sandbox(now=MONDAY, bookings=COUNT) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, api_versions=BY_CURSOR) as cal:
            seen: list[str] = []
            sandbox.faults.after_each("GET", "/v2/bookings", lambda store: store.bookings.pop(max(store.bookings)))
            async for booking in cal.bookings.list(take=10):
                seen.append(booking.uid)  # noqa: PERF401 - the rows matter while they come
            remaining = set(sandbox.run(lambda: set(sandbox.store.bookings)))
        assert sandbox.handler_errors == []
    assert remaining <= set(seen)
    assert len(seen) == len(set(seen))


async def test_an_error_in_the_middle_is_resumed(cal, full):
    """An error after the first page is raised, and the next loop continues with the same cursor."""
    everything = await expected(full)
    full.faults.add("GET", "/v2/bookings", after=2, status=404)
    pages, seen = cal.bookings.list(take=50), []
    with pytest.raises(NotFoundError):
        await append_uids(seen, pages)
    assert len(seen) == 100
    await append_uids(seen, pages)
    assert len(seen) == len(set(seen)) == COUNT
    assert set(seen) == everything
    requests = sent_requests(full)
    assert {request.version for request in requests} == {CURSOR}
    assert requests[2].query == requests[3].query


async def append_uids(uids: list[str], pages: Pages[Booking]) -> None:
    """Append uids one by one, so that an error keeps those that came before."""
    async for booking in pages:
        uids.append(booking.uid)  # noqa: PERF401 - a comprehension would lose them to the error


# Falling back.


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 404},
        {"status": 500},
        {"status": 524},
        {"html": True, "status": 200},
        {"body": {"status": "success", "data": {"bookings": [], "nextCursor": None}}},
        {"body": {"status": "success", "data": [{"uid": "x"}], "pagination": {"totalItems": 9, "hasNextPage": True}}},
    ],
)
async def test_a_server_without_cursors_is_read_by_take_and_skip(cal, full, fault):
    """One request fails, with one warning, and the list is complete; later lists of the client do not try again."""
    everything = await expected(full)
    full.faults.add("GET", "/v2/bookings", **fault)
    with pytest.warns(CursorFallbackWarning, match="cannot read /bookings with a cursor") as caught:
        uids = [booking.uid async for booking in cal.bookings.list()]
    assert len(caught) == 1
    assert len(uids) == COUNT
    assert set(uids) == everything
    assert versions(full) == [CURSOR, *[OLD] * (len(versions(full)) - 1)]

    full.run(full.requests.clear)
    assert len(await cal.bookings.list().collect()) == COUNT
    assert len(await cal.with_priority(1).bookings.list(status="past").collect()) > 0
    assert set(versions(full)) == {OLD}
    assert sent_requests(full)[0].query["take"] == "250"


@pytest.mark.parametrize("server", ["self-hosted-2025-12", "self-hosted-2026-07"])
async def test_a_self_hosted_server_is_read_by_take_and_skip(server):
    """A server that does not know the version returns another list with status 200; the client falls back."""
    with Sandbox(server=server, now=MONDAY, bookings=120) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as plain:
            every_uid = {booking.uid async for booking in plain.bookings.list(status=ORDER)}
        async with Calcom(sandbox.api_key, base_url=sandbox.url, api_versions=BY_CURSOR) as cal:
            with pytest.warns(CursorFallbackWarning) as caught:
                uids = [booking.uid async for booking in cal.bookings.list(status=ORDER)]
        assert sandbox.handler_errors == []
    assert len(caught) == 1
    assert len(uids) == len(every_uid) > 100
    assert set(uids) == every_uid


async def test_each_list_falls_back_separately(cal, full):
    """If the list of an organization cannot be read with a cursor, that of the user still is."""
    full.faults.add("GET", "/v2/organizations/1/bookings", status=524)
    with pytest.warns(CursorFallbackWarning, match="/organizations/{}/bookings"):
        page = await cal.organization(1).bookings.list().first_page()
    assert page.total_items is not None
    assert (await cal.bookings.list().first_page()).next_cursor
    assert [request.version for request in sent_requests(full)] == [CURSOR, None, CURSOR]


async def test_a_list_created_before_the_fallback(cal, full):
    """A list created before the fallback is read by take and skip from its start, without a request with a cursor."""
    bookings = cal.bookings.list(status=["past", "cancelled"])
    full.faults.add("GET", "/v2/bookings", status=404)
    with pytest.warns(CursorFallbackWarning):
        await cal.bookings.list().first()
    full.run(full.requests.clear)
    uids = [booking.uid async for booking in bookings]
    assert set(uids) == await expected(full, status=["past", "cancelled"])
    assert bookings.total == len(uids)


async def test_the_fallback_is_checked_for_missing_rows(full):
    """A list that fell back finds rows hidden by ties, as with take and skip."""
    with Sandbox(now=MONDAY, bookings=COUNT, ties=True, unstable_order=True) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, api_versions=BY_CURSOR) as cal:
            sandbox.faults.add("GET", "/v2/bookings", status=404)
            with pytest.warns(CursorFallbackWarning):
                rows = await cal.bookings.list(take=10).collect()
    assert len({booking.uid for booking in rows}) == len(rows) == COUNT


async def test_other_errors_do_not_fall_back(cal, full):
    """An error that is not about cursors is raised, and the next list tries again."""
    full.faults.add("GET", "/v2/bookings", status=403)
    with pytest.raises(ForbiddenError):
        await cal.bookings.list().first()
    assert await cal.bookings.list().first()
    assert versions(full) == [CURSOR, CURSOR]


# Without sockets.


def cursor_page(uids: list[str], cursor: str | None) -> Response:
    pagination = {"nextCursor": cursor, "hasMore": cursor is not None}
    return Response(200, {}, json.dumps({"data": [{"uid": uid} for uid in uids], "pagination": pagination}).encode())


def offset_page(uids: list[str]) -> Response:
    pagination = {"totalItems": len(uids), "hasNextPage": False}
    return Response(200, {}, json.dumps({"data": [{"uid": uid} for uid in uids], "pagination": pagination}).encode())


def bookings(send: FakeSend) -> Bookings:
    return Bookings(ResourceContext(send, Observer(None), ApiVersions(BY_CURSOR)))


def timed_out(*, sent: bool = True) -> TimedOutError:
    return TimedOutError("no response in time", sent=sent, seconds=15)


def test_the_first_request_has_15_seconds_and_one_attempt():
    """The first request is not retried; later ones have the timeout and retries of the client."""
    send = FakeSend(cursor_page(["a"], "1"), cursor_page(["b"], None), cursor_page(["c"], None))
    listed = bookings(send)
    assert len(run(listed.list().collect())) == 2
    assert len(run(listed.list().collect())) == 1
    assert [(context.timeout, context.idempotent) for context in send.contexts] == [
        (15, False),
        (float("inf"), True),
        (float("inf"), True),
    ]


def test_a_first_request_without_a_response_falls_back():
    """After a timeout the client reads by take and skip, with one warning."""
    send = FakeSend(timed_out(), offset_page(["a"]))
    listed = bookings(send)
    with pytest.warns(CursorFallbackWarning, match="no response in time") as caught:
        assert [booking.uid for booking in run(listed.list().collect())] == ["a"]
    assert len(caught) == 1
    assert [request.headers["cal-api-version"] for request in send.sent] == [CURSOR, OLD]


@pytest.mark.parametrize("error", [timed_out(sent=False), RateLimitedError("slow down", status=429, retry_after=5)])
def test_unsent_requests_and_429s_do_not_fall_back(error):
    """An unreachable server or a 429 does not cause a fallback."""
    listed = bookings(FakeSend(error, cursor_page(["a"], None)))
    with pytest.raises(type(error)):
        run(listed.list().collect())
    assert len(run(listed.list().collect())) == 1


@pytest.mark.parametrize("error", [timed_out(), ServerError("down", status=524), DecodeError("what?")])
def test_after_a_first_page_no_list_falls_back(error):
    """Once a page was received, the first request of another list raises its error too."""
    send = FakeSend(cursor_page(["a"], None), error, cursor_page(["b"], None))
    listed = bookings(send)
    run(listed.list().collect())
    with pytest.raises(type(error)):
        run(listed.list(status="past").collect())
    assert len(run(listed.list(status="past").collect())) == 1


def test_lists_that_begin_at_the_same_time_warn_once():
    """Of concurrent lists the first failure decides for all, and all are complete."""

    async def answer(request: Request, context: CallContext) -> Response:
        await asyncio.sleep(0.1 if "status=past" in request.query else 0.2)
        if request.headers["cal-api-version"] == CURSOR:
            raise timed_out()
        return offset_page(["a"])

    async def read() -> None:
        listed = bookings(FakeSend(answer))
        both = await asyncio.gather(listed.list(status="past").collect(), listed.list().collect())
        assert [len(rows) for rows in both] == [1, 1]

    with pytest.warns(CursorFallbackWarning) as caught:
        run(read())
    assert len(caught) == 1


def test_a_list_that_has_begun_goes_on_although_another_one_falls_back():
    """After its first page a list is read with its cursor to the end, even if the client has given cursors up since."""

    async def answer(request: Request, context: CallContext) -> Response:
        await asyncio.sleep(0.1 if "status=past" in request.query else 0.2)
        if request.headers["cal-api-version"] == OLD:
            return offset_page(["z"])
        if "status=past" in request.query:
            raise timed_out()
        return cursor_page(["b"], None) if "cursor=next" in request.query else cursor_page(["a"], "next")

    async def read() -> None:
        listed = bookings(FakeSend(answer))
        past, whole = await asyncio.gather(listed.list(status="past").collect(), listed.list().collect())
        assert ([row.uid for row in past], [row.uid for row in whole]) == (["z"], ["a", "b"])

    with pytest.warns(CursorFallbackWarning):
        run(read())


def test_a_list_that_another_task_reads_with_a_cursor_does_not_fall_back():
    """If two tasks read one list and only one gets a page, the other sends its request again."""
    replies = [(0.2, timed_out()), (0.1, cursor_page(["a"], None)), (0.1, cursor_page(["a"], None))]

    async def answer(request: Request, context: CallContext) -> Response:
        seconds, reply = replies.pop(0)
        await asyncio.sleep(seconds)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def read() -> None:
        pages = bookings(FakeSend(answer)).list()
        assert [len(rows) for rows in await asyncio.gather(pages.collect(), pages.collect())] == [1, 1]

    run(read())
    assert replies == []


def test_a_repeated_cursor_is_an_error():
    """A repeated cursor would make the list endless, so it is an error without a fallback."""
    send = FakeSend(cursor_page(["a"], "1"), cursor_page(["b"], "1"))
    with pytest.raises(DecodeError, match="cursor of an earlier page again"):
        run(bookings(send).list().collect())
    assert len(send.sent) == 2


def test_equal_cursors_of_two_statuses():
    """Each status has its own cursors, so equal ones of two statuses are no error."""
    send = FakeSend(
        cursor_page(["a"], "1"), cursor_page(["b"], None), cursor_page(["b", "c"], "1"), cursor_page(["d"], None)
    )
    rows = run(bookings(send).list(status=["past", "upcoming"]).collect())
    assert [booking.uid for booking in rows] == ["a", "b", "c", "d"]
    queries = [parse_qs(request.query) for request in send.sent]
    assert [(query["status"], query.get("cursor")) for query in queries] == [
        (["upcoming"], None),
        (["upcoming"], ["1"]),
        (["past"], None),
        (["past"], ["1"]),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strict": True}, "strict=True"),
        ({"skip": 5}, "skip"),
        ({"take": 101}, "take must be an integer from 1 to 100"),
    ],
)
@pytest.mark.parametrize("fell_back", [False, True])
def test_arguments_that_a_cursor_list_cannot_have(arguments, message, fell_back):
    """Arguments that a list with a cursor does not have raise before a request is sent."""
    send = FakeSend(error_response(404), offset_page(["a"]))
    listed = bookings(send)
    if fell_back:
        with pytest.warns(CursorFallbackWarning):
            run(listed.list().collect())
    sent = len(send.sent)
    with pytest.raises(InvalidRequestError, match=message):
        listed.list(**arguments)
    assert len(send.sent) == sent


@pytest.mark.parametrize(
    ("overrides", "filters", "version"),
    [
        ({}, {}, OLD),
        ("latest", {}, OLD),
        ({"bookings": "2026-02-25"}, {}, "2026-02-25"),
        ({"bookings": CURSOR}, {}, CURSOR),
        ({"bookings": "2026-06-12"}, {}, "2026-06-12"),
        ({"bookings": CURSOR, "bookings.list": OLD}, {}, OLD),
        ({"bookings.list": CURSOR}, {}, CURSOR),
        ({"bookings.list": CURSOR}, {"sort_start": "asc"}, OLD),
    ],
)
def test_what_selects_the_cursor(overrides, filters, version):
    """A version from 2026-05-01 on selects the cursor, unless the list is sorted."""
    send = FakeSend(offset_page(["a"]) if version < CURSOR else cursor_page(["a"], None))
    listed = Bookings(ResourceContext(send, Observer(None), ApiVersions(overrides)))
    run(listed.list(**filters).collect())
    [request] = send.sent
    assert request.headers["cal-api-version"] == version
    assert ("take" in parse_qs(request.query)) == (version < CURSOR)


async def test_the_rows_at_a_path(cal, full):
    """`list_rows` reads both lists with a cursor too, by its version or that of the settings."""
    everything = await expected(full)
    rows = await list_rows(cal, "/v2/bookings", {"limit": "90"}).collect()
    async with Calcom(full.api_key, base_url=full.url) as plain:
        others = await list_rows(plain, "/bookings", version=CURSOR).collect()
    assert {row["uid"] for row in rows} == {row["uid"] for row in others} == everything
    assert [request.query["limit"] for request in sent_requests(full)] == ["90"] * 4 + ["100"] * 4


async def test_an_export_reads_by_time(cal, full, tmp_path):
    """Exports need an order by time, so they use take and skip, whatever the version of the list."""
    report = await export(cal, ExportJob("bookings"), tmp_path / "bookings.jsonl")
    assert report.rows == COUNT
    assert {request.version for request in sent_requests(full) if request.path == "/bookings"} == {OLD}
