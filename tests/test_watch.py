"""The watcher: ranges, differences, delivery of changes, schedule of polls, errors and cleanup."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st
from sent_requests import MONDAY, SIXTY, THIRTY, at, book
from timeouts import TIMEOUT
from virtual_time import run

from calcom_async import (
    ApiError,
    BadRequestError,
    Calcom,
    CalcomError,
    ConnectionFailedError,
    DecodeError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TokenBucket,
    UnauthorizedError,
)
from calcom_async.models.slots import Slot, SlotDays
from calcom_async.sandbox import Sandbox
from calcom_async.time_ranges import DAY, MONTH, SECOND, TimeRange, query_range, split_by_month
from calcom_async.watch import SlotChange, SlotQuery, SlotWatcher
from calcom_async.watch.slot_changes import bookable_slots, diff
from calcom_async.watch.slot_queries import WatchedRange


def slots_at(*hours: float, **fields: Any) -> dict[datetime, Slot]:
    """Return slots on Wednesday by start."""
    return {at(hour): Slot(start=at(hour), **fields) for hour in hours}


def hours(slots: Iterable[Slot]) -> list[float]:
    """Return the hours of slots on Wednesday."""
    return [slot.start.hour + slot.start.minute / 60 for slot in slots]


class FakeSearch:
    """A fake `search` that returns the hours of Wednesday in `free`, or raises the next error in `errors`."""

    def __init__(self, *hours: float) -> None:
        self.free: list[float] = [*hours]
        self.errors: list[Exception] = []
        self.queries: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.seconds = 0.1

    async def __call__(self, **query: Any) -> SlotDays:
        self.queries.append(query)
        self.times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        return SlotDays({date(2026, 11, 4): [*slots_at(*self.free).values()]})


def clock() -> datetime:
    """Return Monday morning plus the time of the event loop."""
    return MONDAY + timedelta(seconds=asyncio.get_running_loop().time())


def make_watcher(search: Any, targets: Any = (THIRTY,), **options: Any) -> SlotWatcher:
    return SlotWatcher(targets, search, **{"days": 7, "clock": clock, "random": lambda: 0.0} | options)


async def read_changes(watcher: SlotWatcher, number: int) -> list[SlotChange]:
    """Read that many changes and leave the loop."""
    async with aclosing(aiter(watcher)) as reading:
        return [await anext(reading) for _ in range(number)]


async def read_for(watcher: SlotWatcher, seconds: float) -> list[SlotChange]:
    """Read the changes of that many seconds."""
    changes_read: list[SlotChange] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(aiter(watcher)) as reading:
            async for change in reading:
                changes_read.append(change)  # noqa: PERF401 - what was read before the time is over counts
    return changes_read


def rejected(kind: type[Any], status: int, **more: Any) -> CalcomError:
    """Return the error of a response with this status."""
    error: CalcomError = kind("no", status=status, **more)
    return error


class TestRanges:
    """Ranges, without a watcher."""

    @given(length=st.timedeltas(timedelta(minutes=1), timedelta(days=800)), now=st.integers(0, 10**6))
    def test_parts_cover_the_range(self, length: timedelta, now: int) -> None:
        """The parts have no gap or overlap, are at most a month and a day long, and as few as possible."""
        start = MONDAY + timedelta(seconds=now)
        parts = split_by_month(TimeRange(start, start + length))
        assert parts[0].start == start
        assert parts[-1].end == start + length
        assert all(part.end == next_part.start for part, next_part in pairwise(parts))
        assert all(part.start < part.end <= part.start + MONTH + DAY for part in parts)
        assert len(parts) - 1 < length / MONTH

    def test_parts_are_queried_with_extra_days(self) -> None:
        """Every border but the start gets an extra day, since the server cuts off slots there."""
        whole = TimeRange(at(0, 4), at(0, 4) + 40 * DAY)
        first, second = split_by_month(whole)
        assert query_range(first, whole) == (whole.start, first.end + DAY - SECOND)
        assert query_range(second, whole) == (second.start - DAY, whole.end + DAY - SECOND)

    @pytest.mark.slow
    @given(seed=st.randoms(), days=st.integers(1, 100))
    def test_merged_parts_equal_the_range(self, seed: Any, days: int) -> None:
        """Each slot that lies wholly inside the range comes from exactly one part."""
        whole = TimeRange(at(9), at(9) + days * DAY)
        every = timedelta(minutes=seed.choice([7, 45, 300]))
        slots = [Slot(start=at(0, 2) + n * every, end=at(0, 2) + (n + 1) * every) for n in range(2000)]
        merged: list[datetime] = []
        for part in split_by_month(whole):
            start, end = query_range(part, whole)
            merged += bookable_slots([slot for slot in slots if start <= slot.start and slot.end <= end], part, whole)
        assert merged == [slot.start for slot in slots if whole.start <= slot.start and slot.end <= whole.end]

    def test_an_open_range_moves_with_the_clock(self) -> None:
        """Without a start the range begins in the current minute; the past part of a fixed range is not searched."""
        assert WatchedRange(None, None, 7 * DAY).at(at(9) + 59 * SECOND) == (at(9), at(9, 11))
        assert WatchedRange(at(9), at(9, 20), DAY).at(at(0, 2)) == (at(9), at(9, 20))
        assert WatchedRange(at(9), at(9, 20), DAY).at(at(9, 10)) == (at(9, 10), at(9, 20))

    def test_full_seats_are_not_free(self) -> None:
        """A seated slot without free seats, or overbooked, is listed by the server but cannot be booked."""
        span = TimeRange(at(8), at(18))
        slots = [
            Slot(start=at(8), seats_remaining=-2),
            Slot(start=at(9), seats_remaining=0),
            Slot(start=at(10), seats_remaining=1),
            Slot(start=at(11)),
        ]
        assert hours(bookable_slots(slots, span, span).values()) == [10, 11]


class TestDifferences:
    """Differences between two polls."""

    def test_changes_are_sorted_by_start(self) -> None:
        """Opened and closed slots are sorted by start."""
        opened, closed = diff(slots_at(9, 10, 16), slots_at(15, 10, 14), at(8))
        assert (hours(opened), hours(closed)) == ([14, 15], [9, 16])

    def test_slots_are_compared_by_instant(self) -> None:
        """The same instant in another time zone is the same slot."""
        rome = timezone(timedelta(hours=1))
        same = {start.astimezone(rome): Slot(start=start.astimezone(rome)) for start in slots_at(9, 10)}
        assert diff(slots_at(9, 10), same, at(8)) == ((), ())

    def test_a_past_slot_has_not_closed(self) -> None:
        """Only slots in the future can close."""
        opened, closed = diff(slots_at(9, 9.5, 10), {}, at(9.5))
        assert (hours(opened), hours(closed)) == ([], [10])


class TestReading:
    """What the reader gets."""

    def test_the_first_change_holds_all_free_slots(self) -> None:
        """The first change holds all free slots as opened, is marked as initial, and may be empty."""

        async def main() -> None:
            first, empty = (
                await read_changes(make_watcher(FakeSearch(9, 10)), 1),
                await read_changes(make_watcher(FakeSearch()), 1),
            )
            assert (first[0].is_initial, hours(first[0].opened), first[0].closed) == (True, [9, 10], ())
            assert (empty[0].is_initial, empty[0].opened) == (True, ())

        run(main())

    def test_later_changes_hold_what_opened_and_closed(self) -> None:
        """A change has the time of its poll and of the previous change; polls without changes yield none."""

        async def main() -> None:
            search = FakeSearch(9, 10)
            watcher = make_watcher(search, interval=60)
            asyncio.get_running_loop().call_later(150, setattr, search, "free", [10, 11])
            first, second = await read_changes(watcher, 2)
            assert (second.key, second.query, second.is_initial) == (THIRTY, SlotQuery(event_type_id=THIRTY), False)
            assert (hours(second.opened), hours(second.closed)) == ([11], [9])
            assert second.seen_at - first.seen_at == timedelta(seconds=180)
            assert second.seen_at - second.since == timedelta(seconds=60)
            assert hours(watcher.snapshot()[THIRTY]) == [10, 11]

        run(main(), start=0.0)

    def test_pending_changes_are_merged(self) -> None:
        """A slow reader gets one merged change per key, without slots that opened and closed in between."""

        async def main() -> None:
            search = FakeSearch(9)
            watcher = make_watcher(search)
            async with aclosing(aiter(watcher)) as reading:
                await anext(reading)
                await asyncio.sleep(30)  # to be between two polls
                for search.free in ([9, 10], [10, 11], [11], [11, 12]):
                    await asyncio.sleep(60)
                assert watcher.stats().pending == 1
                await asyncio.sleep(60)
                change = await anext(reading)
            assert (hours(change.opened), hours(change.closed)) == ([11, 12], [9])
            assert change.seen_at - change.since == timedelta(seconds=300)

        run(main(), start=0.0)

    def test_a_change_that_is_undone_is_not_delivered(self) -> None:
        """A pending change that is undone is dropped, and the next one is delivered alone."""

        async def main() -> None:
            search = FakeSearch(9)
            watcher = make_watcher(search)
            async with aclosing(aiter(watcher)) as reading:
                await anext(reading)
                await asyncio.sleep(30)  # to be between two polls
                for search.free in ([9, 10], [9]):
                    await asyncio.sleep(60)
                await asyncio.sleep(60)
                assert watcher.stats().pending == 0
                search.free = []
                change = await anext(reading)
            assert (change.opened, hours(change.closed)) == ((), [9])

        run(main(), start=0.0)

    def test_a_second_loop_yields_what_changed_since(self) -> None:
        """Nothing is polled between two loops, and no change is delivered twice."""

        async def main() -> None:
            search = FakeSearch(9)
            watcher = make_watcher(search)
            async for change in watcher:
                assert change.is_initial
                break
            await asyncio.sleep(600)
            assert len(search.times) == 1
            search.free = [10]
            [change] = await read_for(watcher, 100)
            assert (change.is_initial, hours(change.opened), hours(change.closed)) == (False, [10], [9])

        run(main(), start=0.0)

    def test_loops_may_follow_immediately(self) -> None:
        """A new loop may begin while the previous one is still being closed."""

        async def main() -> None:
            search = FakeSearch(9)
            watcher = make_watcher(search)
            for search.free in ([9], [10], [11]):
                async for change in watcher:
                    assert hours(change.opened) == search.free
                    break

        run(main(), start=0.0)

    def test_a_watcher_works_in_another_event_loop(self) -> None:
        """It continues from what it knows, whatever the clock of the new event loop."""
        search = FakeSearch(9)
        watcher = make_watcher(search)
        assert len(run(read_for(watcher, 100), start=5000.0)) == 1
        assert run(read_for(watcher, 100), start=0.0) == []
        search.free = [10]
        [change] = run(read_for(watcher, 100), start=9000.0)
        assert (change.is_initial, hours(change.opened)) == (False, [10])

    def test_closing_ends_the_reading_loop(self) -> None:
        """`aclose` works from inside the loop too, and with changes pending."""

        async def main() -> None:
            watcher = make_watcher(FakeSearch(9), [1, 2, 3])
            keys = []
            async for change in watcher:
                keys.append(change.key)
                await asyncio.sleep(1)
                await watcher.aclose()
            assert keys == [1]
            await watcher.aclose()

        run(main(), start=0.0)

    def test_the_watch_ends_with_its_range(self) -> None:
        """The loop ends when a fixed range has passed."""

        async def main() -> None:
            search = FakeSearch(9)
            changes_read = [
                change
                async for change in make_watcher(search, start=MONDAY, end=MONDAY + timedelta(minutes=5), days=None)
            ]
            assert changes_read == [changes_read[0]]
            assert len(search.times) == 5

        run(main(), start=0.0)

    def test_past_slots_do_not_close(self) -> None:
        """Slots whose start has passed are not reported; slots that a moving range reaches open."""

        async def main() -> list[SlotChange]:
            return await read_for(make_watcher(FakeSearch(9, 10, 20), days=2), 2 * 86400)

        first, *later = run(main(), start=0.0)
        assert hours(first.opened) == []
        assert [(hours(change.opened), change.closed) for change in later] == [([9], ()), ([10], ()), ([20], ())]


class TestQueries:
    """Which searches are sent, and how often."""

    def test_keys_with_the_same_query_cost_one_request(self) -> None:
        """Two keys with equal queries cost one search, and each gets its change."""

        async def main() -> None:
            search = FakeSearch(9)
            named = {"ana": 1, "bo": SlotQuery(event_type_id=1), "cy": 2}
            delivered = await read_for(make_watcher(search, named), 59)
            assert [change.key for change in delivered] == ["ana", "bo", "cy"]
            assert [query["event_type_id"] for query in search.queries] == [1, 2]

        run(main(), start=0.0)

    def test_a_query_sends_all_its_options(self) -> None:
        """Slugs, users, length and time zone are sent as given, with `include_end`."""

        async def main() -> None:
            search = FakeSearch(9)
            query = SlotQuery(usernames=["ana", "bo"], organization_slug="acme", duration=45, time_zone="Europe/Rome")
            [change] = await read_changes(
                make_watcher(search, [query], start=date(2026, 11, 4), end=date(2026, 11, 5), days=None), 1
            )
            assert change.key is query
            assert search.queries == [
                {"usernames": ("ana", "bo"), "organization_slug": "acme", "duration": 45, "time_zone": "Europe/Rome",
                 "include_end": True, "start": at(0, 4), "end": at(0, 7) - SECOND}
            ]  # fmt: skip

        run(main(), start=0.0)

    def test_days_of_a_time_zone(self) -> None:
        """Dates are whole days of `time_zone`, which is also the time zone of targets without one."""

        async def main() -> None:
            search = FakeSearch(9)
            targets = [1, SlotQuery(event_type_id=2, time_zone="Europe/Rome")]
            day = {"start": date(2026, 11, 4), "end": date(2026, 11, 4), "days": None}
            delivered = await read_for(make_watcher(search, targets, time_zone="Australia/Sydney", **day), 59)
            assert [query["time_zone"] for query in search.queries] == ["Australia/Sydney", "Europe/Rome"]
            assert {(query["start"], query["end"]) for query in search.queries} == {(at(13, 3), at(13, 5) - SECOND)}
            assert [hours(change.opened) for change in delivered] == [[9], [9]]

        run(main(), start=0.0)

    def test_a_long_range_is_searched_by_month(self) -> None:
        """A year takes twelve searches, is one change, and counts twelve times against the rate limit."""

        async def main() -> None:
            search = FakeSearch(9)
            watcher = make_watcher(search, days=365, rate=lambda: 1.0)
            assert watcher.staleness == pytest.approx(67)
            delivered = await read_for(watcher, 59)
            assert len(search.queries) == 12
            assert hours(delivered[0].opened) == [9]

        run(main(), start=0.0)

    def test_one_poll_of_a_query_at_a_time(self) -> None:
        """If responses take longer than the interval, the next poll is late and a warning is issued."""

        async def main() -> None:
            search = FakeSearch(9)
            search.seconds = 100
            watcher = make_watcher(search)
            await read_for(watcher, 450)
            assert search.times == [0, 100, 200, 300, 400]
            assert watcher.staleness == pytest.approx(111)

        with pytest.warns(UserWarning, match="each is polled within 111 s"):
            run(main(), start=0.0)

    def test_polls_start_with_a_burst(self) -> None:
        """The first polls use a few seconds of the rate limit at once; the others follow at its pace, in order."""

        async def main() -> None:
            search = FakeSearch(9)
            await read_for(make_watcher(search, range(1, 11), rate=lambda: 1.0, rate_limit_share=1), 10)
            assert search.times == [0] * 7 + [1, 2, 3]
            assert [query["event_type_id"] for query in search.queries] == [*range(1, 11)]

        run(main(), start=0.0)

    def test_jitter_makes_polls_earlier(self) -> None:
        """The intervals are between nine tenths of `interval` and all of it."""

        async def main() -> None:
            search, rng = FakeSearch(9), iter([0.0, 0.5, 1.0, 0.0])
            await read_for(make_watcher(search, random=lambda: next(rng)), 230)
            assert search.times == pytest.approx([0, 60, 117, 171])

        run(main(), start=0.0)

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"targets": []}, "at least one event type"),
            ({"targets": ["intro"]}, "got 'intro'"),
            ({"targets": 7}, "targets must be a list or a mapping"),
            ({"interval": 0}, "interval"),
            ({"interval": float("inf")}, "interval"),
            ({"rate_limit_share": 1.5}, "rate_limit_share"),
            ({"jitter": 1}, "jitter"),
            ({"concurrency": 0}, "concurrency"),
            ({"days": 0}, "days"),
            ({"days": 1e12}, "days"),
            ({"start": date.max, "days": None}, "start or end is out of range"),
            ({"time_zone": "Mars/Base", "start": date(2026, 11, 5)}, "unknown time zone"),
            ({"end": date(2026, 11, 5)}, "not both"),
            ({"start": datetime(2026, 11, 5), "days": None}, "start must have a time zone"),  # noqa: DTZ001
            ({"start": date(2026, 11, 5), "end": date(2026, 11, 4), "days": None}, "end must be after start"),
        ],
    )
    def test_invalid_arguments(self, options: dict[str, Any], complaint: str) -> None:
        """Invalid arguments raise an error when the watcher is created."""
        with pytest.raises(InvalidRequestError, match=complaint):
            make_watcher(FakeSearch(), **options)


class TestTrouble:
    """Transient and permanent errors."""

    @pytest.mark.parametrize(
        "error",
        [
            rejected(ServerError, 502),
            rejected(RateLimitedError, 429, retry_after=5),
            TimedOutError("late", sent=True),
            ConnectionFailedError("cut", sent=True),
            DecodeError("an HTML page"),
            rejected(ApiError, 408),
            rejected(ApiError, 200),
        ],
        ids=repr,
    )
    def test_transient_errors_do_not_end_the_loop(self, error: CalcomError) -> None:
        """A transient error is reported, the delays double while it lasts, and then polling continues."""
        errors: list[tuple[SlotQuery, CalcomError]] = []

        async def main() -> None:
            search = FakeSearch(9)
            watcher = make_watcher(search, on_error=lambda *reported: errors.append(reported))
            search.errors = [error] * 3
            delivered = await read_for(watcher, 200)
            assert delivered == []
            assert watcher.stats().failing == {SlotQuery(event_type_id=THIRTY): error}
            delivered = await read_for(watcher, 100)
            assert hours(delivered[0].opened) == [9]
            stats = watcher.stats()
            assert (stats.failed, stats.failing) == (3, {})
            assert search.times == [0, 60, 180, 200, 260]

        run(main(), start=0.0)
        assert errors == [(SlotQuery(event_type_id=THIRTY), error)] * 3

    def test_retry_after_is_respected(self) -> None:
        """A query is not polled again before the `Retry-After` of its last response."""

        async def main() -> None:
            search = FakeSearch(9)
            search.errors = [rejected(RateLimitedError, 429, retry_after=400)]
            await read_for(make_watcher(search, on_error=print), 450)
            assert search.times == [0, 400]

        run(main(), start=0.0)

    def test_a_failing_query_does_not_delay_others(self, caplog: pytest.LogCaptureFixture) -> None:
        """The other queries are polled at their interval; without `on_error` the failure is logged."""

        async def search(*, event_type_id: int, **_: Any) -> SlotDays:
            polls[event_type_id] += 1
            if event_type_id == 1:
                raise rejected(ServerError, 500)
            return SlotDays({})

        polls = {1: 0, 2: 0}
        run(read_for(make_watcher(search, [1, 2]), 1805), start=0.0)
        assert polls == {1: 8, 2: 31}
        assert "polling the slots of SlotQuery(event_type_id=1) failed, will retry: 500 no" in caplog.text

    @pytest.mark.parametrize(
        "error",
        [
            rejected(BadRequestError, 400),
            rejected(UnauthorizedError, 401),
            rejected(ForbiddenError, 403),
            rejected(NotFoundError, 404),
            ConnectionFailedError("untrusted", sent=False, retryable=False),
            InvalidRequestError("mixed"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_other_errors_end_the_loop(self, error: CalcomError) -> None:
        """A permanent error is raised in the loop, after the pending changes, and names the query."""

        async def main() -> None:
            search = FakeSearch(9)
            watcher = make_watcher(search, [7, 8])
            async with aclosing(aiter(watcher)) as reading:
                assert (await anext(reading)).is_initial
                search.errors = [error]
                assert (await anext(reading)).key == 8
                with pytest.raises(type(error)) as raised:
                    await anext(reading)
            assert raised.value.__notes__[-1] == "while watching 7"
            assert len(asyncio.all_tasks()) == 1

        run(main(), start=0.0)

    def test_an_error_in_the_callback_ends_the_loop(self) -> None:
        """An exception raised in `on_error` ends the loop."""

        def give_up(query: SlotQuery, error: CalcomError) -> None:
            raise RuntimeError("enough")

        async def main() -> None:
            search = FakeSearch()
            search.errors = [rejected(ServerError, 500)]
            with pytest.raises(RuntimeError, match="enough"):
                await read_changes(make_watcher(search, on_error=give_up), 1)

        run(main())


def nothing_left() -> bool:
    """Return whether this task is the only one and no timer is set."""
    timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]
    return len(asyncio.all_tasks()) == 1 and timers == []


async def leave_by_break(watcher: SlotWatcher) -> None:
    async for _ in watcher:
        break


async def leave_by_cancellation(watcher: SlotWatcher) -> None:
    reading = asyncio.ensure_future(read_for(watcher, 3600))
    await asyncio.sleep(60.05)  # in the middle of a poll
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def leave_by_aclose(watcher: SlotWatcher) -> None:
    reading = asyncio.ensure_future(read_for(watcher, 3600))
    await asyncio.sleep(60.05)
    await watcher.aclose()
    assert len(await reading) == 2


async def leave_by_error(watcher: SlotWatcher) -> None:
    async def fail() -> None:
        async for change in watcher:
            raise KeyError(change.key)

    with pytest.raises(KeyError):
        await fail()


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_cancellation, leave_by_aclose, leave_by_error])
def test_leaving_the_loop_leaves_nothing_running(leave: Callable[[SlotWatcher], Any]) -> None:
    """However the loop ends, no task and no timer remain, and no search is sent."""

    async def main() -> None:
        search = FakeSearch(9)
        await leave(make_watcher(search, [1, 2]))
        assert asyncio.get_running_loop().time() in {0.1, 60.05}, "nobody waits for an answer"
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert nothing_left()
        queries_sent = len(search.times)
        await asyncio.sleep(600)
        assert len(search.times) == queries_sent

    run(main(), start=0.0)


# --- against a server

EAGER = {"backoff_base": 0.001, "limiter": TokenBucket(1_000_000, window=0.01)}


def watch(cal: Calcom, sandbox: Sandbox, targets: Any, **options: Any) -> SlotWatcher:
    search = cal.with_priority(1).slots.search
    day = {"start": date(2026, 11, 4), "end": date(2026, 11, 4)}
    return SlotWatcher(targets, search, **{"interval": 0.01, "clock": sandbox.clock.now, **day} | options)


async def test_bookings_close_slots_and_cancelling_opens_them() -> None:
    """A booking closes slots of all event types of its host, and cancelling it opens them again."""
    with Sandbox(now=MONDAY) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, **EAGER) as cal:
            by_slug = SlotQuery(event_type_slug="thirty", username="ana", time_zone="Asia/Tokyo")
            keys = {THIRTY, SIXTY, by_slug}
            watcher = watch(cal, sandbox, [THIRTY, SIXTY, by_slug])
            async with asyncio.timeout(TIMEOUT), aclosing(aiter(watcher)) as reading:
                firsts = {(await anext(reading)).key for _ in keys}
                booking = await book(cal, 9)
                taken = {change.key: change for change in [await anext(reading) for _ in keys]}
                await cal.bookings.cancel(booking.uid, reason="Ill")
                back = {change.key: change for change in [await anext(reading) for _ in keys]}
    assert firsts == taken.keys() == back.keys() == keys
    for closed, opened in zip(taken.values(), back.values(), strict=True):
        assert (closed.opened, opened.closed) == ((), ())
        assert closed.closed[0].start == opened.opened[0].start == at(9)
        assert len(closed.closed) == len(opened.opened) == 1
    assert sandbox.handler_errors == []


async def test_the_first_change_equals_a_search() -> None:
    """The first change holds the slots that `search` returns for the range, also if it is split."""
    with Sandbox(now=MONDAY) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, **EAGER) as cal:
            for length in (1, 31, 100):
                span = {"start": date(2026, 11, 4), "end": date(2026, 11, 3) + length * DAY}
                [change] = await read_changes(watch(cal, sandbox, [SIXTY], **span), 1)
                days = await cal.slots.search(event_type_id=SIXTY, include_end=True, **span)
                assert change.opened == tuple(days.slots())


@pytest.mark.slow
async def test_server_faults_do_not_end_the_loop() -> None:
    """Cut connections, a 502 and invalid responses do not end the loop; an unknown event type does."""
    errors: list[CalcomError] = []
    with Sandbox(now=MONDAY) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, max_attempts=1, **EAGER) as cal:
            bad = ({"html": True, "status": 200}, {"invalid_body": True}, {"body": []}, {"body": {}})
            for trouble in ({"cut": "before"}, {"status": 502}, {"cut": "after"}, *bad):
                sandbox.faults.add("GET", "/v2/slots", **trouble)
            watcher = watch(cal, sandbox, [THIRTY], on_error=lambda _, error: errors.append(error))
            async with asyncio.timeout(TIMEOUT):
                [change] = await read_changes(watcher, 1)
            assert change.is_initial
            cut = [ConnectionFailedError, ServerError, ConnectionFailedError]
            assert [type(error) for error in errors] == cut + [DecodeError] * len(bad)
            with pytest.raises(NotFoundError, match="Event Type not found"):
                await read_changes(watch(cal, sandbox, [4711]), 1)
