"""The exact walk: every booking that is there throughout comes once, whatever its neighbours do meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from booking_factory import EPOCH, NOW, BookingFactory
from hypothesis import given, settings, strategies as st

from calcom_async import Calcom, DecodeError, InvalidRequestError
from calcom_async.export.plan import Batch, ExportPlan, Position, Watermarks
from calcom_async.export.sources import ExportJob
from calcom_async.keyset import TIME_RESOLUTION, ReadStats
from calcom_async.sandbox import Sandbox

QUICK = {"backoff_base": 0.0, "max_attempts": 12, "retry_budget": 1000.0}
DEFAULT_LOOKBACK = timedelta(minutes=10)
NOON = "2030-05-06T12:00:00.000Z"


@pytest.fixture(scope="module")
def restless() -> Iterator[Sandbox]:
    with Sandbox(ties=True, unstable_order=True, now=NOW) as sandbox:
        yield sandbox


def client(sandbox: Sandbox, **settings: Any) -> Calcom:
    return Calcom(sandbox.api_key, base_url=sandbox.url, **QUICK, **settings)


def uid(row: msgspec.Raw) -> str:
    return str(msgspec.json.decode(row)["uid"])


async def walked(
    cal: Calcom,
    *,
    take: int | None = None,
    job: ExportJob | None = None,
    plan: ExportPlan | None = None,
    position: Position | None = None,
    stats: ReadStats | None = None,
) -> list[Batch]:
    source = (job or ExportJob(take=take)).source(cal)
    plan = plan or await source.plan(since=None, lookback=DEFAULT_LOOKBACK, incremental=False)
    walk = source.batches(plan, position, stats=stats or ReadStats())
    return [batch async for batch in walk]


def uids(batches: list[Batch]) -> list[str]:
    return [uid(row) for batch in batches for row in batch.rows]


# --- worlds -------------------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: Any) -> list[tuple[int, int, int | None]]:
    """Bookings by minutes of creation, start and update; times are shared by few or by hundreds."""
    count = draw(st.one_of(st.integers(0, 40), st.integers(200, 700)))
    shared = [draw(st.sampled_from([1, 2, 7, 60, 5000])) for _ in range(3)]
    rng = random.Random(draw(st.integers(0, 10**6)))
    untouched = draw(st.sampled_from([0.0, 0.3, 1.0]))
    return [
        (
            rng.randrange(shared[0]),
            rng.randrange(shared[1]),
            None if rng.random() < untouched else 5000 + rng.randrange(shared[2]),
        )
        for _ in range(count)
    ]


stirs = st.tuples(*[st.integers(0, 4)] * 4)
pages = st.one_of(st.integers(1, 12), st.integers(13, 250))
faults = st.sampled_from([{}, {"status": 503}, {"cut": "before"}, {"cut": "after"}, {"status": 429}, {"html": True}])


@pytest.mark.slow
@settings(max_examples=30)
@given(times=worlds(), stir=stirs, take=pages, fault=faults, seed=st.integers(0, 99))
async def test_what_exists_throughout_comes_once(  # noqa: PLR0917
    restless: Sandbox, times: Any, stir: Any, take: int, fault: Any, seed: int
) -> None:
    """All bookings of the beginning come, each once, while others are made, touched, moved and cancelled."""
    if len(times) > 100:
        take = max(take, 20)
    factory = BookingFactory(restless, random.Random(seed))
    throughout = factory.fill(times)
    factory.mutate(*stir)
    if fault:
        restless.faults.add("GET", "/v2/bookings", probability=0.1, **fault)
    async with client(restless) as cal:
        found = uids(await walked(cal, take=take))
    assert len(found) == len(set(found))
    assert throughout <= set(found) <= factory.all_uids


@pytest.mark.slow
@settings(max_examples=25)
@given(times=worlds(), stir=stirs, seed=st.integers(0, 99), take=pages)
async def test_a_teams_list_is_walked_by_start(restless: Sandbox, times: Any, stir: Any, seed: int, take: int) -> None:
    """Lists that know no creation time are as exact, since the start of a booking never changes."""
    factory = BookingFactory(restless, random.Random(seed))
    throughout = factory.fill(times)
    for booking in restless.store.bookings.values():
        booking.team_id = 2
    factory.mutate(*stir)
    async with client(restless) as cal:
        found = uids(await walked(cal, job=ExportJob(team=2, take=max(take, 20))))
    assert len(found) == len(set(found))
    assert throughout <= set(found) <= factory.all_uids


@pytest.mark.slow
@settings(max_examples=25)
@given(times=worlds(), take=pages, cut=st.floats(0, 1))
async def test_the_rows_are_the_same_however_they_are_walked(
    restless: Sandbox, times: Any, take: int, cut: float
) -> None:
    """Neither the page size nor where it was resumed changes the rows or their order."""
    BookingFactory(restless, random.Random(0)).fill(times)
    async with client(restless) as cal:
        plain = uids(await walked(cal))
        batches = await walked(cal, take=take)
        behind = batches[: round(cut * len(batches))]
        while behind and not behind[-1].position:
            behind.pop()
        plan = await ExportJob().source(cal).plan(since=None, lookback=DEFAULT_LOOKBACK, incremental=False)
        position = behind[-1].position if behind else None
        rest = await walked(cal, plan=plan, position=position)
    assert uids(batches) == plain
    assert uids(behind) + uids(rest) == plain


@pytest.mark.slow
@settings(max_examples=25)
@given(times=worlds(), stir=stirs, runs=st.integers(1, 3), take=st.integers(20, 250), seed=st.integers(0, 99))
async def test_following_changes_leads_to_what_is_there(  # noqa: PLR0917
    restless: Sandbox, times: Any, stir: Any, runs: int, take: int, seed: int
) -> None:
    """A full run and runs of changes after it, laid over each other by uid, are the list as the last of them began."""
    factory = BookingFactory(restless, random.Random(seed))
    factory.fill(times)
    factory.mutate(*stir)
    copy: dict[str, Any] = {}
    watermarks: Watermarks | None = None
    async with client(restless) as cal:
        source = ExportJob(take=take).source(cal)
        for run in range(runs + 1):
            if run == runs:
                restless.faults.clear()
            there = {name: one.status for name, one in restless.store.bookings.items()}
            plan = await source.plan(since=watermarks, lookback=DEFAULT_LOOKBACK, incremental=True)
            watermarks = plan.watermarks
            for batch in await walked(cal, plan=plan, take=take):
                copy |= {uid(row): msgspec.json.decode(row) for row in batch.rows}
    assert {name: row["status"] for name, row in copy.items()} == there


async def test_a_deep_page_costs_what_the_first_one_does(restless: Sandbox) -> None:
    """No request skips rows, so the server has none to count out of sight."""
    BookingFactory(restless, random.Random(0)).fill([(number // 3, 0, None) for number in range(600)])
    restless.requests.clear()
    async with client(restless) as cal:
        await walked(cal, take=50)
    asked = [dict(seen.query) for seen in restless.requests if seen.path.endswith("/bookings")]
    assert len(asked) <= 1 + 600 / 47 + 2
    assert {query.get("skip", "0") for query in asked} == {"0"}


async def test_a_group_beyond_a_page_is_walked_by_the_next_time(restless: Sandbox) -> None:
    """Thousands that were created at one moment cost little more than others, as long as their starts differ."""
    BookingFactory(restless, random.Random(0)).fill([(7, number, None) for number in range(2000)])
    stats = ReadStats()
    async with client(restless) as cal:
        found = uids(await walked(cal, stats=stats))
    assert len(set(found)) == 2000
    assert stats.requests <= 2 + 2000 / 249 + 2


@pytest.mark.parametrize("job", [ExportJob(), ExportJob(team=2)], ids=str)
async def test_the_millisecond_after_a_group_is_not_stepped_over(restless: Sandbox, job: ExportJob) -> None:
    """What follows a group that fills a page comes too, however close behind it stands."""
    factory = BookingFactory(restless, random.Random(0))
    factory.fill([])
    for number in range(264):
        moment = EPOCH + max(0, number - 259) * TIME_RESOLUTION
        factory.add(moment, moment, None).team_id = 2
    restless.store.changed()
    async with client(restless) as cal:
        found = uids(await walked(cal, job=job))
    assert sorted(found) == sorted(restless.store.bookings)


async def test_what_comes_later_is_for_the_next_run(restless: Sandbox) -> None:
    """A walk ends although more bookings are made after each answer than a page holds."""
    factory = BookingFactory(restless, random.Random(0))
    throughout = factory.fill([(number, number, None) for number in range(100)])
    factory.mutate(40, 0, 0, 0)
    async with client(restless) as cal:
        found = uids(await walked(cal, take=20))
    assert throughout == set(found)


async def test_a_server_that_keeps_to_no_order_is_told(restless: Sandbox) -> None:
    """A walk by key needs the order it asks for; without it nothing is given out as whole."""
    BookingFactory(restless, random.Random(0)).fill([(number, 0, None) for number in range(9)])
    async with client(restless) as cal:
        page = await cal.request("GET", "/v2/bookings", query={"sortCreated": "desc"})
        restless.faults.add("GET", "/v2/bookings", body=page, after=1, times=9)
        with pytest.raises(DecodeError, match="does not keep to sortCreated"):
            await walked(cal)


async def test_a_server_that_ignores_skip_within_a_group_is_an_error(restless: Sandbox) -> None:
    """Rows of one time that come again whatever is skipped end the walk instead of keeping it busy."""
    rows = [{"id": n, "uid": f"u{n:03}", "start": NOON, "createdAt": NOON, "updatedAt": NOON} for n in range(250)]
    page = {"data": rows, "pagination": {"totalItems": 10**9, "hasNextPage": True}}
    restless.faults.clear().add("GET", "/v2/bookings", body=page, times=40)
    async with client(restless) as cal:
        with pytest.raises(DecodeError, match="returns the same 250 bookings"):
            await walked(cal)
    restless.faults.clear()


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (ExportJob("lunches"), "cannot export 'lunches': it must be one of bookings, "),
        (ExportJob("users"), "users cannot be exported for the account itself. Choose one of: organization"),
        (ExportJob("webhooks", team=3), "cannot be exported for team"),
        (ExportJob(user=5), "cannot be exported for user"),
        (ExportJob(filters={"sort_start": "asc"}), "sort_start cannot be a filter of an export"),
        (ExportJob(filters={"flavour": "sweet"}), "unknown filter 'flavour'"),
        (ExportJob("schedules", filters={"flavour": "sweet"}), "schedules cannot be listed with"),
        (ExportJob(take=251), "take"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    restless: Sandbox, job: ExportJob, told: str
) -> None:
    """A job that makes no sense says why, without a request."""
    async with client(restless) as cal:
        with pytest.raises(InvalidRequestError, match=told):
            job.source(cal)
        assert cal.stats().requests == 0


@pytest.mark.parametrize("filters", [{"status": ["past"]}, {"after_created_at": NOW}], ids=str)
async def test_changes_cannot_be_followed_through_a_filter_that_rows_leave(restless: Sandbox, filters: Any) -> None:
    """A booking that stops matching would stay in the file as it was, so this is refused."""
    async with client(restless) as cal:
        with pytest.raises(InvalidRequestError, match="an incremental export cannot have the filter"):
            await ExportJob(filters=filters).source(cal).plan(since=None, lookback=DEFAULT_LOOKBACK, incremental=True)
