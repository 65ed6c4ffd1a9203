"""Reading bookings by keyset while rows move: before a page, during it, and between its two queries."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from moving_bookings import BEGIN, MovingBookings
from msgspec import Raw

from calcom_async import DecodeError
from calcom_async.export.bookings import BookingSource
from calcom_async.keyset import (
    CREATED,
    START,
    UPDATED,
    Chunk,
    KeysetReader,
    ReadStats,
    SortKey,
    read_times,
    recut,
)
from calcom_async.pages import Pages
from calcom_async.pagination import Page, PageOffset


async def chunks(server: MovingBookings, keys: Sequence[SortKey], **options: Any) -> list[Chunk]:
    reader = KeysetReader(server.list(Raw).fetch_page, keys, **{"stats": ReadStats(), **options})
    async with aclosing(reader.chunks()) as chunks:
        return [chunk async for chunk in chunks]


def uids(chunks: list[Chunk]) -> list[str]:
    return [times.uid for chunk in chunks for times in read_times(chunk.rows)]


@pytest.mark.slow
@settings(max_examples=30)
@given(
    sizes=st.lists(st.sampled_from([1, 3, 200, 251, 600]), min_size=1, max_size=4),
    starts=st.sampled_from([1, 5, 900]),
    moves=st.integers(0, 4),
    hours=st.sampled_from([1, 50, 5000]),
    take=st.sampled_from([40, 250]),
    seed=st.integers(0, 10**6),
)
async def test_rows_whose_start_changes_come_once(  # noqa: PLR0917
    sizes: list[int], starts: int, moves: int, hours: int, take: int, seed: int
) -> None:
    """Bookings that share a creation time are complete although their starts change before, during and after a page."""
    rng = random.Random(seed)
    server = MovingBookings(rng, moves, timedelta(hours=hours))
    for created, size in enumerate(sizes):
        for _ in range(size):
            server.add(created, rng.randrange(starts), 0)
    listed = uids(await chunks(server, (CREATED, START), take=take, until=BEGIN + timedelta(days=1)))
    assert Counter(listed) == Counter(server.rows.keys())


@settings(max_examples=30)
@given(
    count=st.sampled_from([3, 200, 900]),
    shared=st.sampled_from([1, 2, 50, 5000]),
    moves=st.integers(0, 4),
    take=st.sampled_from([20, 250]),
    seed=st.integers(0, 10**6),
)
async def test_rows_that_are_updated_during_the_run_hide_no_others(
    count: int, shared: int, moves: int, take: int, seed: int
) -> None:
    """An incremental run has every row that is not updated again. The next run has the others."""
    rng = random.Random(seed)
    server = MovingBookings(rng, moves, moving=UPDATED)
    for _ in range(count):
        server.add(rng.randrange(5), rng.randrange(9), rng.randrange(shared))
    until = BEGIN + timedelta(days=30)
    keys, bound = (UPDATED, CREATED, START), {UPDATED.before: until}
    listed = uids(await chunks(server, keys, bounds=bound, after=BEGIN, until=until, take=take))
    not_updated = {uid for uid, row in server.rows.items() if row["updated_at"] <= until}
    assert not_updated <= set(listed)


async def test_a_page_out_of_order_is_read_again() -> None:
    """If a row moves between the ids and the rows of a page, that costs one more request and is no error."""
    server = MovingBookings(random.Random(1))
    for number in range(100):
        server.add(number, number, 0)
    sort_uids, moved = server.ordered, []

    def ordered(query: dict[str, Any]) -> list[str]:
        uids = sort_uids(query)
        if not moved:
            moved.append(uids[3])
            server.rows[uids[3]]["start"] += timedelta(minutes=30)
        return uids

    server.ordered = ordered  # type: ignore[method-assign]
    listed = uids(await chunks(server, (START,)))
    assert sorted(listed) == sorted(server.rows)
    assert server.requests == 2


async def test_a_last_row_that_moves_hides_no_others() -> None:
    """If the last row of a page moves to a later time, the rows in between are read."""
    server = MovingBookings(random.Random(1))
    for number in range(600):
        server.add(number, number, 0)
    sort_uids = server.ordered

    def ordered(query: dict[str, Any]) -> list[str]:
        uids = sort_uids(query)
        if server.requests == 1:
            server.rows[uids[249]]["start"] += timedelta(minutes=400)
        return uids

    server.ordered = ordered  # type: ignore[method-assign]
    assert Counter(uids(await chunks(server, (START,)))) == Counter(server.rows.keys())


@pytest.mark.parametrize("keys", [(CREATED, START), (START,)], ids=["created", "start"])
async def test_a_server_without_order_is_an_error(keys: tuple[SortKey, ...]) -> None:
    """A page that is out of order in every attempt is an error after a few requests."""
    server = MovingBookings(random.Random(1), broken_order=True)
    for number in range(100):
        server.add(number, number, 0)
    with pytest.raises(DecodeError, match="does not keep to sort"):
        await chunks(server, keys)
    assert server.requests == 5


IGNORED = [
    {CREATED.after}, {CREATED.before}, {CREATED.after, CREATED.before}, {START.after}, {"skip"},
    {CREATED.after, "skip"}, {START.after, "skip"}, {CREATED.before, "skip"},
    {CREATED.after, CREATED.before, START.after, "skip"},
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("ignored", IGNORED, ids=lambda names: " ".join(sorted(names)))
@pytest.mark.parametrize("sizes", [[900], [260, 260], [1] * 600, [300, *[1] * 300]], ids=str)
@pytest.mark.parametrize("starts", [1, 900])
async def test_ignored_parameters_do_not_make_reading_endless(ignored: set[str], sizes: list[int], starts: int) -> None:
    """Each row comes once, or there is an error, and the number of rows bounds the requests."""
    rng = random.Random(1)
    server = MovingBookings(rng, ignores=frozenset(ignored))
    for created, size in enumerate(sizes):
        for _ in range(size):
            server.add(created, rng.randrange(starts), 0)
    until = BEGIN + timedelta(days=1)
    try:
        read = await chunks(server, (CREATED, START), bounds={CREATED.before: until}, until=until)
    except DecodeError:
        pass
    else:
        assert Counter(uids(read)) == Counter(server.rows.keys())
    assert server.requests <= 400


# --- odd totals and odd times -----------------------------------------------------------------------------------------


async def batches(server: MovingBookings, *, take: int | None, by: str = "created") -> list[str]:
    """Return the uids of all rows; by start, as the list of a team on a server that ignores filters on creation."""
    server.ignores |= {CREATED.after, CREATED.before} if by == "start" else set()
    source = BookingSource(lambda **_: Pages(server.list()), {}, is_team=by == "start", take=take)
    plan = await source.plan(since=None, lookback=timedelta(), incremental=by == "created")
    batches = source.batches(plan, None, stats=ReadStats(), minimum=250)
    return [msgspec.json.decode(row)["uid"] async for batch in batches for row in batch.rows]


@pytest.mark.slow
@pytest.mark.parametrize("total", [-5, 0, 1, 10**5, 10**9, 10**10, 10**18, 10**400])
@pytest.mark.parametrize("take", [50, 250])
async def test_an_absurd_total_neither_hides_rows_nor_makes_reading_endless(total: int, take: int) -> None:
    """Whatever total the server sends, all rows come once, and the number of rows bounds the requests."""
    server = MovingBookings(random.Random(1), total=total)
    for number in range(900):
        server.add(number * 60, number, 0)
    assert sorted(await batches(server, take=take)) == sorted(server.rows)
    assert server.requests <= 1000


@pytest.mark.slow
@pytest.mark.parametrize("by", ["created", "start"])
@pytest.mark.parametrize(
    "odd",
    [
        "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-14:00",
        "2026-01-05T00:00:00", "+012026-01-05T00:00:00Z", None, 7, [], "soon",
    ],
)  # fmt: skip
async def test_rows_with_odd_times_are_exported(by: str, odd: Any) -> None:
    """Only a list that is sorted by such a time may be an error."""
    server = MovingBookings(random.Random(1))
    for number in range(900):
        server.add(number, number, 0)
    odd_rows = [*server.rows][:2]
    if isinstance(odd, str) and "+0" not in odd and odd != "soon":
        time = datetime.fromisoformat(odd)
        for uid in odd_rows:
            server.rows[uid]["start"] = time if time.tzinfo else time.replace(tzinfo=UTC)
    plain = server.raw

    def raw(uid: str) -> Raw:
        row = msgspec.json.decode(plain(uid))
        return Raw(msgspec.json.encode(row | ({"start": odd, "updatedAt": odd} if uid in odd_rows else {})))

    server.raw = raw  # type: ignore[method-assign]
    try:
        listed = await batches(server, take=100, by=by)
    except DecodeError:
        assert by == "start"
    else:
        assert sorted(listed) == sorted(server.rows)


@pytest.mark.parametrize("row", [b"5", b"null", b"[]", b"{}", b'{"uid":null}', b'{"uid":5}', b"[" * 9999 + b"]" * 9999])
async def test_a_row_that_is_no_booking_is_an_error(row: bytes) -> None:
    """Any JSON but an object with a uid is a `DecodeError`."""
    server = MovingBookings(random.Random(1))
    server.add(0, 0, 0)
    server.raw = lambda _: Raw(row)  # type: ignore[method-assign]
    with pytest.raises(DecodeError):
        await batches(server, take=100)


# --- where batches end ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=50)
@given(
    sizes=st.lists(st.sampled_from([1, 1, 2, 7, 30, 70]), min_size=1, max_size=12),
    minimum=st.sampled_from([5, 20, 50]),
    data=st.data(),
)
async def test_the_end_of_a_batch_depends_on_the_rows_alone(
    sizes: list[int], minimum: int, data: st.DataObject
) -> None:
    """Batches end after the same rows, however chunks come and wherever reading resumes."""
    server = MovingBookings(random.Random(1))
    for created, size in enumerate(sizes):
        for _ in range(size):
            server.add(created, 0, 0)
    chunked = await chunks(server, (CREATED, START))
    rows = [row for chunk in chunked for row in chunk.rows]
    moments = [moment for chunk in chunked for moment in chunk.moments]

    async def cut_from(first: int) -> list[tuple[list[str], datetime | None]]:
        async def random_chunks() -> Any:
            start = first
            while start < len(rows):
                until = data.draw(st.integers(start + 1, len(rows)))
                ends = until == len(rows) or moments[until - 1] != moments[until]
                yield Chunk(rows[start:until], moments[start:until], moments[until - 1] if ends else None)
                start = until

        return [
            ([times.uid for times in read_times(chunk.rows)], chunk.done)
            async for chunk in recut(random_chunks(), minimum)
        ]

    expected = [batch for batch, _ in await cut_from(0) if batch]
    assert [uid for batch in expected for uid in batch] == [times.uid for times in read_times(rows)]
    assert all(minimum <= len(batch) <= 2 * minimum for batch in expected[:-1])
    end = 0
    for batch, done in await cut_from(0):
        end += len(batch)
        if done and data.draw(st.booleans()):
            assert done == moments[end - 1]
            rest = [batch for batch, _ in await cut_from(end) if batch]
            assert rest == (expected[-len(rest) :] if rest else [])


@pytest.mark.parametrize(
    "metadata",
    [
        {"createdAt": "1999-01-01T00:00:00.000Z"},
        {'x"createdAt': "1999-01-01T00:00:00.000Z"},
        {"note": '"createdAt":"1999-01-01T00:00:00.000Z"'},
        {"note": "createdAt", "list": ["createdAt", {"createdAt": "soon"}]},
    ],
    ids=str,
)
async def test_a_time_in_the_metadata_is_not_the_time_of_the_booking(metadata: dict[str, Any]) -> None:
    """An attendee can choose the metadata. A key named like a time of the booking does not change the reading."""
    rows = [
        {
            "uid": f"u{number}",
            "createdAt": f"2030-01-0{number}T00:00:00.000Z",
            "metadata": metadata if number == 2 else {},
        }
        for number in (1, 2, 3)
    ]
    page = Page([Raw(msgspec.json.encode(row)) for row in rows], skip=0, take=250)

    async def fetch_page(offset: PageOffset, query: Any) -> Page[Raw]:
        return page

    [chunk] = [chunk async for chunk in KeysetReader(fetch_page, (CREATED,), stats=ReadStats()).chunks()]
    assert chunk.rows == page.items
    assert chunk.moments == [datetime(2030, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
