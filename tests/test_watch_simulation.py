"""The watcher within the rate limit: scheduled slots and a model of the server's rate limiter, in virtual time."""

from __future__ import annotations

import asyncio
import gc
import random
import warnings
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from test_rate_limiter_simulation import QUICK, USUAL, ClientResults, SimulatedServer, SimulatedThrottle
from virtual_time import VirtualTimeLoop, run

from calcom_async.auth import ApiKey
from calcom_async.config import Config
from calcom_async.errors import RateLimit, RateLimitedError
from calcom_async.events import Observer
from calcom_async.middleware import limited
from calcom_async.models.slots import Slot
from calcom_async.rate_limiter import TokenBucket
from calcom_async.requests import CallContext, Request, encode
from calcom_async.resources._base import ResourceContext
from calcom_async.resources.slots import Slots
from calcom_async.responses import Response
from calcom_async.watch import SlotChange, SlotWatcher, StalenessWarning

BEGINNING = datetime(2026, 11, 2, 8, tzinfo=UTC)
HOUR = 3600.0
WEEK = {"start": BEGINNING + timedelta(days=1), "end": BEGINNING + timedelta(days=8)}


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def clock() -> datetime:
    return BEGINNING + timedelta(seconds=loop_time())


@dataclass
class SlotSchedule:
    """The slots of each event type, with the times at which they open and close."""

    starts: list[datetime]
    events: dict[int, list[tuple[float, datetime, bool]]] = field(default_factory=dict)

    @classmethod
    def random_events(cls, types: int, seed: int, pauses: tuple[float, float] = (300.0, 900.0)) -> SlotSchedule:
        """Create random events, far enough apart that a poll sees each of them."""
        rng = random.Random(seed)
        schedule = cls([WEEK["start"] + timedelta(minutes=30 * number) for number in range(20)])
        for event_type in range(1, types + 1):
            free: set[datetime] = set()
            events = schedule.events[event_type] = []
            moment = rng.uniform(130.0, 400.0)
            while moment < HOUR - 300:
                start = rng.choice(schedule.starts)
                free ^= {start}
                events.append((moment, start, start in free))
                moment += rng.uniform(*pauses)
        return schedule

    def free_at(self, event_type: int, now: float) -> list[datetime]:
        last = {start: opened for moment, start, opened in self.events.get(event_type, []) if moment <= now}
        return sorted(start for start, opened in last.items() if opened)


class SimulatedClient:
    """A client with the real `Slots` and rate limiter, and a server that returns the scheduled slots."""

    def __init__(self, schedule: SlotSchedule, server: SimulatedServer) -> None:
        self.schedule = schedule
        self.server = server
        self.limiter = TokenBucket()
        self.tally = ClientResults()
        self.polls: dict[int, list[float]] = {}
        self.observer = Observer()
        self.send = limited(self.exchange, self.limiter, ApiKey("cal_x"), Config(), self.observer)

    def slots(self, priority: int) -> Slots:
        return Slots(ResourceContext(self.send, self.observer, priority=priority))

    async def exchange(self, request: Request, context: CallContext) -> Response:
        rejected, limits = await self.server.send(self.tally)
        if rejected:
            raise RateLimitedError("no", retry_after=min(limit.reset for limit in limits), rate_limits=limits)
        event_type = int(dict(pair.split("=") for pair in request.query.split("&"))["eventTypeId"])
        self.polls.setdefault(event_type, []).append(loop_time())
        slots = [Slot(start=start) for start in self.schedule.free_at(event_type, loop_time())]
        return Response(200, headers(limits), encode({"status": "success", "data": {"2026-11-03": slots}}))

    def rate(self) -> float:
        return next((bucket.limit for bucket in self.limiter.stats()), 120) / 60

    def watcher(self, targets: Any, **options: Any) -> SlotWatcher:
        rng = random.Random(7).random
        options = {"rate": self.rate, "clock": clock, "random": rng, **WEEK} | options
        return SlotWatcher(targets, self.slots(1).search, **options)


def headers(limits: list[RateLimit]) -> dict[str, str]:
    """Return the headers as the server writes them."""
    return {
        f"x-ratelimit-{word}-{limit.name}": str(value)
        for limit in limits
        for word, value in (("limit", limit.limit), ("remaining", limit.remaining), ("reset", limit.reset))
    }


async def read(watcher: SlotWatcher, until: float, changes: list[SlotChange]) -> None:
    """Append the changes until the given time."""
    try:
        async with asyncio.timeout_at(until), aclosing(aiter(watcher)) as reading:
            async for change in reading:
                changes.append(change)  # noqa: PERF401 - what was read before the time is over counts
    except TimeoutError:
        assert loop_time() >= until


def watch_for_an_hour(
    types: int, *, throttle: SimulatedThrottle | None = None, latency: tuple[float, float] = USUAL, **options: Any
) -> tuple[SimulatedClient, list[SlotChange], SlotWatcher]:
    """Watch that many event types for an hour; return the client, the changes and the watcher."""
    cal = SimulatedClient(
        SlotSchedule.random_events(types, seed=1),
        SimulatedServer(throttle or SimulatedThrottle(), latency=latency, seed=1),
    )
    changes: list[SlotChange] = []

    async def main() -> SlotWatcher:
        watcher = cal.watcher(range(1, types + 1), **options)
        await read(watcher, HOUR, changes)
        return watcher

    return cal, changes, run(main(), start=0.0)


def changed_starts(change: SlotChange) -> Iterator[tuple[datetime, bool]]:
    """Yield each start in a change, and whether it opened."""
    yield from ((slot.start, False) for slot in change.closed)
    yield from ((slot.start, True) for slot in change.opened)


def longest_gap(cal: SimulatedClient) -> float:
    """Return the longest time between two polls of an event type, including the start and the end of the hour."""
    return max(later - earlier for times in cal.polls.values() for earlier, later in pairwise([0.0, *times, HOUR]))


def assert_delivered_exactly(schedule: SlotSchedule, changes: list[SlotChange]) -> None:
    """Check that each event is delivered once, in order, and between the two times of its change."""
    assert sorted(change.key for change in changes if change.is_initial) == sorted(schedule.events)
    for event_type, events in schedule.events.items():
        delivered = [change for change in changes if change.key == event_type and not change.is_initial]
        assert [start_and_direction for change in delivered for start_and_direction in changed_starts(change)] == [
            (start, opened) for _, start, opened in events
        ]
        for change, (moment, _, _) in zip(delivered, events, strict=True):
            assert change.since <= BEGINNING + timedelta(seconds=moment) <= change.seen_at


@pytest.mark.parametrize("latency", [QUICK, USUAL])
@pytest.mark.slow
def test_two_hundred_event_types_at_the_default_limit(latency: tuple[float, float]) -> None:
    """In an hour there is no 429, each is polled within `staleness`, and each change is delivered once and in order."""
    with pytest.warns(StalenessWarning, match="each is polled within 123 s") as limits:
        cal, changes, watcher = watch_for_an_hour(200, latency=latency)
    assert len(limits) == 1
    assert cal.tally.rejected == []
    assert len(cal.polls) == 200
    assert longest_gap(cal) <= watcher.staleness == pytest.approx(1.1 * 200 / (0.9 * 2) + 1)
    assert_delivered_exactly(cal.schedule, changes)


@pytest.mark.slow
def test_polls_within_the_limit_keep_the_interval() -> None:
    """Ninety event types every 60 s cause no warning, and no poll is late by more than its response time."""
    cal, changes, watcher = watch_for_an_hour(90)
    assert cal.tally.rejected == []
    assert longest_gap(cal) <= 62 < watcher.staleness == pytest.approx(67)
    assert_delivered_exactly(cal.schedule, changes)


@pytest.mark.slow
def test_runs_are_reproducible() -> None:
    """The same schedule gives the same changes at the same times in the same order."""
    with pytest.warns(StalenessWarning):
        first, second = [watch_for_an_hour(150)[1] for _ in range(2)]
    assert first == second
    assert len(first) > 500


@pytest.mark.slow
def test_a_higher_limit_is_used() -> None:
    """If the limit is higher than expected, the interval holds from the first response on, without a warning."""
    cal, _, watcher = watch_for_an_hour(150, throttle=SimulatedThrottle(limit=300))
    assert watcher.staleness == pytest.approx(67)
    assert longest_gap(cal) <= watcher.staleness


@pytest.mark.slow
def test_other_calls_that_use_the_limit_cause_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """If other calls use most of the limit, a warning is issued, and a log record when that is over."""
    cal = SimulatedClient(SlotSchedule.random_events(90, seed=1), SimulatedServer(latency=USUAL, seed=1))
    changes: list[SlotChange] = []

    async def interactive() -> None:
        await asyncio.sleep(600)
        for _ in range(1000):
            await cal.slots(0).search(event_type_id=1000, **WEEK)

    async def main() -> float:
        watcher = cal.watcher(range(1, 91))
        other_calls = asyncio.ensure_future(interactive())
        await read(watcher, HOUR, changes)
        await other_calls
        return watcher.staleness

    with caplog.at_level("INFO", "calcom_async"), pytest.warns(StalenessWarning) as limits:
        assert run(main(), start=0.0) == pytest.approx(67, rel=0.02)
    assert len(limits) < 10
    assert "each is polled within 67 s again" in caplog.text
    assert cal.tally.rejected == []
    assert len(cal.polls[1000]) == 1000


@pytest.mark.slow
def test_a_blocked_key() -> None:
    """If others make the server block the key, the error is reported and polling continues after the block."""
    cal = SimulatedClient(SlotSchedule.random_events(50, seed=1), SimulatedServer(latency=USUAL, seed=1))
    changes: list[SlotChange] = []
    errors: list[Exception] = []

    async def main() -> SlotWatcher:
        watcher = cal.watcher(range(1, 51), on_error=lambda _, error: errors.append(error))
        burst = ClientResults()
        asyncio.get_running_loop().call_later(20, lambda: tasks.extend(stranger(burst)))
        await read(watcher, HOUR, changes)
        return watcher

    def stranger(tally: ClientResults) -> list[asyncio.Task[Any]]:
        return [asyncio.ensure_future(cal.server.send(tally)) for _ in range(121)]

    tasks: list[asyncio.Task[Any]] = []
    with pytest.warns(StalenessWarning):
        assert run(main(), start=0.0).staleness == pytest.approx(67, rel=0.02)
    assert {type(error) for error in errors} == {RateLimitedError}
    assert 1 <= len(errors) == len(cal.tally.rejected) <= 5
    assert_delivered_exactly(cal.schedule, changes)


@pytest.mark.slow
def test_polls_do_not_delay_other_calls() -> None:
    """While polls use nine tenths of the limit, an occasional other call is sent at once."""
    cal = SimulatedClient(SlotSchedule.random_events(200, seed=1), SimulatedServer(latency=USUAL, seed=1))
    waits: list[float] = []

    async def interactive() -> None:
        while True:
            await asyncio.sleep(19)
            started = loop_time()
            await cal.slots(0).search(event_type_id=1000, **WEEK)
            waits.append(loop_time() - started)

    async def main() -> None:
        other_calls = asyncio.ensure_future(interactive())
        await read(cal.watcher(range(1, 201)), HOUR, [])
        other_calls.cancel()

    with pytest.warns(StalenessWarning):
        run(main(), start=0.0)
    assert cal.tally.rejected == []
    assert sorted(waits)[len(waits) * 9 // 10] < 1
    assert max(waits) < 10


def test_an_interactive_call_overtakes_a_hundred_waiting_polls() -> None:
    """A call with a higher priority is sent before a hundred waiting polls."""
    cal = SimulatedClient(
        SlotSchedule.random_events(100, seed=1), SimulatedServer(SimulatedThrottle(limit=20), latency=USUAL)
    )

    async def main() -> None:
        for _ in range(20):
            await cal.slots(0).search(event_type_id=1000, **WEEK)
        watcher = cal.watcher(range(1, 101), rate=None, concurrency=100)
        reading = asyncio.ensure_future(read(watcher, loop_time() + 300, []))
        await asyncio.sleep(5)
        assert cal.limiter.stats()[0].waiting == 100
        sent = len(cal.tally.seconds)
        await cal.slots(0).search(event_type_id=1001, **WEEK)
        assert len(cal.tally.seconds) == sent + 1
        await reading

    run(main(), start=0.0)
    assert cal.tally.rejected == []


@pytest.mark.slow
def test_a_thousand_event_types_do_not_block_the_loop() -> None:
    """The longest iteration of the event loop grows linearly with the number of queries."""

    def longest_iteration(number: int) -> float:
        loop = VirtualTimeLoop(0.0)
        cal = SimulatedClient(SlotSchedule.random_events(number, seed=1), SimulatedServer(latency=USUAL, seed=1))

        async def main() -> None:
            await read(cal.watcher(range(1, number + 1)), HOUR, [])
            assert len(asyncio.all_tasks()) == 1, "nothing stays behind"

        gc.disable()
        with asyncio.Runner(loop_factory=lambda: loop) as runner, warnings.catch_warnings():
            warnings.simplefilter("ignore", StalenessWarning)  # the limit carries a hundred, but not a thousand
            runner.run(main())
        gc.enable()
        assert cal.tally.rejected == []
        return loop.longest_iteration

    assert longest_iteration(1000) < 40 * longest_iteration(100)
