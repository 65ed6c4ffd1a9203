"""Reading bookings by keyset: each that exists throughout comes once, whatever else changes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from booking_factory import EPOCH, MINUTE, NOW, BookingFactory
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
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(ties=True, unstable_order=True, now=NOW) as sandbox:
        yield sandbox


def client(sandbox: Sandbox, **settings: Any) -> Calcom:
    return Calcom(sandbox.api_key, base_url=sandbox.url, **QUICK, **settings)


def uid(row: msgspec.Raw) -> str:
    return str(msgspec.json.decode(row)["uid"])


async def read_batches(
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
    batches = source.batches(plan, position, stats=stats or ReadStats())
    return [batch async for batch in batches]


def uids(batches: list[Batch]) -> list[str]:
    return [uid(row) for batch in batches for row in batch.rows]


# --- bookings -----------------------------------------------------------------------------------------------------


@st.composite
def booking_times(draw: Any) -> list[tuple[int, int, int | None]]:
    """Return bookings as minutes of creation, start and update; times are shared by few or by hundreds."""
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


change_counts = st.tuples(*[st.integers(0, 4)] * 4)
pages = st.one_of(st.integers(1, 12), st.integers(13, 250))
faults = st.sampled_from([{}, {"status": 503}, {"cut": "before"}, {"cut": "after"}, {"status": 429}, {"html": True}])


@pytest.mark.slow
@settings(max_examples=30)
@given(times=booking_times(), changes=change_counts, take=pages, fault=faults, seed=st.integers(0, 99))
async def test_what_exists_throughout_comes_once(  # noqa: PLR0917
    sandbox: Sandbox, times: Any, changes: Any, take: int, fault: Any, seed: int
) -> None:
    """All bookings of the beginning come once while others are created, updated, rescheduled and cancelled."""
    if len(times) > 100:
        take = max(take, 20)
    factory = BookingFactory(sandbox, random.Random(seed))
    created = factory.fill(times)
    factory.mutate(*changes)
    if fault:
        sandbox.faults.add("GET", "/v2/bookings", probability=0.1, **fault)
    async with client(sandbox) as cal:
        listed = uids(await read_batches(cal, take=take))
    assert len(listed) == len(set(listed))
    assert created <= set(listed) <= factory.all_uids


async def plan_of(cal: Calcom, job: ExportJob) -> ExportPlan:
    return await job.source(cal).plan(since=None, lookback=DEFAULT_LOOKBACK, incremental=False)


SERVERS = [("hosted", "created"), ("self-hosted-2025-12", "start")]
"""Kinds of server, and the time by which they list the bookings of a team."""
OF_TEAM = {"organization": 1, "team": 2}


@pytest.fixture(scope="module")
def old_sandbox() -> Iterator[Sandbox]:
    """A server whose lists of teams ignore the filter on creation."""
    with Sandbox(ties=True, unstable_order=True, now=NOW, server="self-hosted-2025-12") as sandbox:
        yield sandbox


@pytest.fixture(params=SERVERS, ids=[name for name, _ in SERVERS])
def team_list(request: pytest.FixtureRequest) -> tuple[Sandbox, str]:
    """A server of each kind, and the time by which it lists the bookings of a team."""
    name, by = request.param
    return request.getfixturevalue("sandbox" if name == "hosted" else "old_sandbox"), by


def fill_team(factory: BookingFactory, times: Any) -> set[str]:
    created = factory.fill(times)
    for booking in factory.store.bookings.values():
        booking.team_id = 2
    return created


async def test_the_list_of_a_team_is_read_by_creation_where_the_server_can_filter_by_it(
    team_list: tuple[Sandbox, str],
) -> None:
    """Other servers read it by start. With either time, rows that share it all come once."""
    sandbox, by = team_list
    factory = BookingFactory(sandbox, random.Random(0))
    created = fill_team(factory, [(number // 90, number // 110, None) for number in range(600)])
    async with client(sandbox) as cal:
        job = ExportJob(take=40, **OF_TEAM)
        plan = await plan_of(cal, job)
        listed = uids(await read_batches(cal, job=job, plan=plan))
    assert [segment.by for segment in plan.segments] == [by]
    assert len(listed) == 600
    assert set(listed) == created


async def test_the_list_of_a_team_is_read_by_start_if_the_server_rejects_the_filter(sandbox: Sandbox) -> None:
    """A server that does not know the filter on creation may also answer 400."""
    fill_team(BookingFactory(sandbox, random.Random(0)), [(number, number, None) for number in range(9)])
    sandbox.faults.add("GET", "/v2/organizations/*/teams/*/bookings", status=400, times=1)
    async with client(sandbox) as cal:
        plan = await plan_of(cal, ExportJob(**OF_TEAM))
    assert [segment.by for segment in plan.segments] == ["start"]


async def test_bookings_of_a_team_whose_start_changes_come_once_by_creation(sandbox: Sandbox) -> None:
    """Read by start, a booking that moves forward or back during the export could be missed."""
    factory = BookingFactory(sandbox, random.Random(0))
    created = fill_team(factory, [(number, number, None) for number in range(300)])

    def move(_: Any) -> None:
        for booking in factory.rng.sample([*factory.store.bookings.values()], 30):
            booking.start += factory.rng.randrange(-200, 200) * MINUTE

    sandbox.faults.after_each("GET", "/v2/*", move)
    async with client(sandbox) as cal:
        listed = uids(await read_batches(cal, job=ExportJob(take=20, **OF_TEAM)))
    assert len(listed) == 300
    assert set(listed) == created


async def test_the_list_of_a_team_without_bookings_is_empty(team_list: tuple[Sandbox, str]) -> None:
    """A list without rows does not show which filters the server knows, and needs none."""
    sandbox, _ = team_list
    fill_team(BookingFactory(sandbox, random.Random(0)), [])
    async with client(sandbox) as cal:
        assert uids(await read_batches(cal, job=ExportJob(**OF_TEAM))) == []


@pytest.mark.slow
@settings(max_examples=25)
@given(times=booking_times(), changes=change_counts, seed=st.integers(0, 99), take=pages)
async def test_what_exists_throughout_in_the_list_of_a_team_comes_once(
    team_list: tuple[Sandbox, str], times: Any, changes: Any, seed: int, take: int
) -> None:
    """By creation and by start, all bookings of the beginning come once while others change."""
    sandbox, _ = team_list
    factory = BookingFactory(sandbox, random.Random(seed))
    created = fill_team(factory, times)
    factory.mutate(*changes)
    async with client(sandbox) as cal:
        listed = uids(await read_batches(cal, job=ExportJob(take=max(take, 20), **OF_TEAM)))
    assert len(listed) == len(set(listed))
    assert created <= set(listed) <= factory.all_uids


@pytest.mark.slow
@settings(max_examples=25)
@given(times=booking_times(), take=pages, cut=st.floats(0, 1))
async def test_rows_depend_on_neither_page_size_nor_resume(sandbox: Sandbox, times: Any, take: int, cut: float) -> None:
    """Neither the page size nor where reading is resumed changes the rows or their order."""
    BookingFactory(sandbox, random.Random(0)).fill(times)
    async with client(sandbox) as cal:
        plain = uids(await read_batches(cal))
        batches = await read_batches(cal, take=take)
        before = batches[: round(cut * len(batches))]
        while before and not before[-1].position:
            before.pop()
        plan = await ExportJob().source(cal).plan(since=None, lookback=DEFAULT_LOOKBACK, incremental=False)
        position = before[-1].position if before else None
        rest = await read_batches(cal, plan=plan, position=position)
    assert uids(batches) == plain
    assert uids(before) + uids(rest) == plain


@pytest.mark.slow
@settings(max_examples=25)
@given(
    times=booking_times(),
    changes=change_counts,
    runs=st.integers(1, 3),
    take=st.integers(20, 250),
    seed=st.integers(0, 99),
)
async def test_incremental_runs_lead_to_the_current_list(  # noqa: PLR0917
    sandbox: Sandbox, times: Any, changes: Any, runs: int, take: int, seed: int
) -> None:
    """A full run and the incremental runs after it, merged by uid, are the list as the last of them began."""
    factory = BookingFactory(sandbox, random.Random(seed))
    factory.fill(times)
    factory.mutate(*changes)
    copy: dict[str, Any] = {}
    watermarks: Watermarks | None = None
    async with client(sandbox) as cal:
        source = ExportJob(take=take).source(cal)
        for run in range(runs + 1):
            if run == runs:
                sandbox.faults.clear()
            there = {name: one.status for name, one in sandbox.store.bookings.items()}
            plan = await source.plan(since=watermarks, lookback=DEFAULT_LOOKBACK, incremental=True)
            watermarks = plan.watermarks
            for batch in await read_batches(cal, plan=plan, take=take):
                copy |= {uid(row): msgspec.json.decode(row) for row in batch.rows}
    assert {name: row["status"] for name, row in copy.items()} == there


async def test_no_request_skips_rows(sandbox: Sandbox) -> None:
    """A deep page costs the server as little as the first one."""
    BookingFactory(sandbox, random.Random(0)).fill([(number // 3, 0, None) for number in range(600)])
    sandbox.requests.clear()
    async with client(sandbox) as cal:
        await read_batches(cal, take=50)
    asked = [dict(seen.query) for seen in sandbox.requests if seen.path.endswith("/bookings")]
    assert len(asked) <= 1 + 600 / 47 + 2
    assert {query.get("skip", "0") for query in asked} == {"0"}


async def test_a_tie_group_larger_than_a_page_is_read_by_the_next_key(sandbox: Sandbox) -> None:
    """Thousands of rows with one creation time cost few more requests than others if their starts differ."""
    BookingFactory(sandbox, random.Random(0)).fill([(7, number, None) for number in range(2000)])
    stats = ReadStats()
    async with client(sandbox) as cal:
        listed = uids(await read_batches(cal, stats=stats))
    assert len(set(listed)) == 2000
    assert stats.requests <= 2 + 2000 / 249 + 2


@pytest.mark.parametrize("job", [ExportJob(), ExportJob(team=2)], ids=str)
async def test_the_millisecond_after_a_tie_group_is_read(sandbox: Sandbox, job: ExportJob) -> None:
    """Rows directly after a tie group that fills a page come too."""
    factory = BookingFactory(sandbox, random.Random(0))
    factory.fill([])
    for number in range(264):
        moment = EPOCH + max(0, number - 259) * TIME_RESOLUTION
        factory.add(moment, moment, None).team_id = 2
    async with client(sandbox) as cal:
        listed = uids(await read_batches(cal, job=job))
    assert sorted(listed) == sorted(sandbox.store.bookings)


async def test_bookings_created_later_belong_to_the_next_run(sandbox: Sandbox) -> None:
    """Reading ends although more bookings are created after each response than a page holds."""
    factory = BookingFactory(sandbox, random.Random(0))
    created = factory.fill([(number, number, None) for number in range(100)])
    factory.mutate(40, 0, 0, 0)
    async with client(sandbox) as cal:
        listed = uids(await read_batches(cal, take=20))
    assert created == set(listed)


async def test_a_page_out_of_order_is_an_error(sandbox: Sandbox) -> None:
    """Reading by keyset needs the requested order; without it, no row is reported as complete."""
    BookingFactory(sandbox, random.Random(0)).fill([(number, 0, None) for number in range(9)])
    async with client(sandbox) as cal:
        page = await cal.request("GET", "/v2/bookings", query={"sortCreated": "desc"})
        sandbox.faults.add("GET", "/v2/bookings", body=page, after=1, times=9)
        with pytest.raises(DecodeError, match="does not keep to sortCreated"):
            await read_batches(cal)


async def test_a_server_that_ignores_skip_within_a_tie_group_is_an_error(sandbox: Sandbox) -> None:
    """Rows of one time that come again whatever is skipped end the reading."""
    rows = [{"id": n, "uid": f"u{n:03}", "start": NOON, "createdAt": NOON, "updatedAt": NOON} for n in range(250)]
    page = {"data": rows, "pagination": {"totalItems": 10**9, "hasNextPage": True}}
    sandbox.faults.clear().add("GET", "/v2/bookings", body=page, times=40)
    async with client(sandbox) as cal:
        with pytest.raises(DecodeError, match="returns the same 250 bookings"):
            await read_batches(cal)
    sandbox.faults.clear()


@pytest.mark.parametrize(
    ("job", "message"),
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
async def test_an_invalid_job_is_rejected_before_a_request(sandbox: Sandbox, job: ExportJob, message: str) -> None:
    """The error says what is wrong."""
    async with client(sandbox) as cal:
        with pytest.raises(InvalidRequestError, match=message):
            job.source(cal)
        assert cal.stats().requests == 0


@pytest.mark.parametrize("filters", [{"status": ["past"]}, {"after_created_at": NOW}], ids=str)
async def test_an_incremental_export_rejects_filters_that_rows_can_leave(sandbox: Sandbox, filters: Any) -> None:
    """A booking that stops matching would stay in the file unchanged."""
    async with client(sandbox) as cal:
        with pytest.raises(InvalidRequestError, match="an incremental export cannot have the filter"):
            await ExportJob(filters=filters).source(cal).plan(since=None, lookback=DEFAULT_LOOKBACK, incremental=True)
