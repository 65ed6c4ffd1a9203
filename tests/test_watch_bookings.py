"""The watcher of bookings: schedule, start, restart, errors, backlog and webhooks in virtual time, then the sandbox."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, repeat
from typing import Any
from urllib.parse import parse_qs

import pytest
from sent_requests import ADA, MONDAY, ORGANIZATION, THIRTY, at, book
from timeouts import TIMEOUT
from virtual_time import run

from calcom_async import (
    ApiError,
    BookingChange,
    BookingWatcher,
    Calcom,
    CalcomError,
    ForbiddenError,
    InvalidRequestError,
    RateLimitedError,
    ServerError,
    TokenBucket,
)
from calcom_async.events import Observer
from calcom_async.models.bookings import Booking, BookingLocation, Guest
from calcom_async.requests import CallContext, Request, encode
from calcom_async.resources._base import ResourceContext
from calcom_async.resources.bookings import Bookings, OrganizationBookings
from calcom_async.responses import Response
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.event_types.records import new_event_type
from calcom_async.watch import booking_watcher
from calcom_async.webhooks import parse

BEGINNING = datetime(2026, 11, 2, 8, tzinfo=UTC)
FIELDS = {"Start": "start", "End": "end", "Created": "createdAt", "UpdatedAt": "updatedAt"}
WEBHOOK = parse(b'{"triggerEvent":"BOOKING_CREATED","createdAt":"2026-11-02T08:00:00Z","payload":{"uid":"u"}}')


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def clock() -> datetime:
    """Return the beginning plus the time of the event loop."""
    return BEGINNING + timedelta(seconds=loop_time())


class SimulatedServer:
    """A server with a list of bookings that can be filtered and sorted by creation and update, in virtual time."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.polls: list[float] = []
        """Times of the lists of changes."""
        self.queries: list[dict[str, str]] = []
        self.errors: list[Exception] = []
        self.seconds = 0.1
        self.ignores_filters = False
        self.skew = 0.0
        """Seconds by which the clock of the server is ahead."""

    def set(self, uid: str, *, at: float | None = None, **fields: Any) -> None:
        """Create or change a booking at this time, by default now."""
        now = iso((loop_time() if at is None else at) + self.skew)
        row = self.rows.setdefault(uid, {"uid": uid, "createdAt": now, **NEW})
        row.update(fields, updatedAt=now)

    async def send(self, request: Request, context: CallContext) -> Response:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        self.queries.append(query)
        assert context.priority == 1
        if query.get("sortUpdatedAt") == "asc" and query["skip"] == "0":
            self.polls.append(loop_time())
        await asyncio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        listed = [row for row in self.rows.values() if query.get("status") in {None, UNCONFIRMED.get(row["status"])}]
        rows = self.matching(listed, query)
        skip, take = int(query["skip"]), int(query["take"])
        pagination = {
            "returnedItems": len(rows[skip : skip + take]), "totalItems": len(listed), "itemsPerPage": take,
            "remainingItems": 0, "currentPage": 1, "totalPages": 1, "hasNextPage": skip + take < len(listed),
            "hasPreviousPage": False,
        }  # fmt: skip
        return Response(
            200, {}, encode({"status": "success", "data": rows[skip : skip + take], "pagination": pagination})
        )

    def matching(self, rows: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
        """Return the rows after the bounds, in order; the total of the server ignores these bounds."""
        for name in ("createdAt", "updatedAt"):
            bound = query.get(f"after{name[0].upper()}{name[1:]}", "")
            if bound and not self.ignores_filters:
                rows = [row for row in rows if row[name] and moment(row[name]) >= moment(bound)]
        for name, field in FIELDS.items():
            if order := query.get(f"sort{name}"):
                rows = sorted(rows, key=lambda row: row[field] or "9", reverse=order == "desc")
        return rows

    def watcher(self, bookings: type[Any] = Bookings, **options: Any) -> BookingWatcher:
        filters = options.pop("filters", {})
        options = {"clock": clock, "random": lambda: 0.0} | options
        return BookingWatcher(bookings(ResourceContext(self.send, Observer())), filters, **options)


UNCONFIRMED = {"pending": "unconfirmed"}
NEW = {
    "id": 1, "title": "Meeting", "hosts": [], "attendees": [], "status": "accepted", "duration": 30,
    "start": "2026-11-04T09:00:00Z", "end": "2026-11-04T09:30:00Z",
}  # fmt: skip


moment = cache(datetime.fromisoformat)


def iso(second: float) -> str:
    return (BEGINNING + timedelta(seconds=second)).isoformat(timespec="milliseconds")


def later(seconds: float, function: Callable[..., object], *args: Any, **fields: Any) -> None:
    asyncio.get_running_loop().call_later(seconds, lambda: function(*args, **fields))


async def read_for(watcher: BookingWatcher, seconds: float, pause: float = 0.0) -> list[BookingChange]:
    """Read the changes of that many seconds, with a pause after each."""
    changes: list[BookingChange] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(aiter(watcher)) as reading:
            async for change in reading:
                changes.append(change)
                await asyncio.sleep(pause)
    return changes


def short(changes: list[BookingChange]) -> list[tuple[str, str]]:
    return [(change.kind, change.uid) for change in changes]


class TestSchedule:
    """When polls are sent, and what they deliver."""

    def test_changes_since_the_start_are_delivered_once(self) -> None:
        """What is older than the start is not delivered; each later change is, once, with the previous state."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("old", at=-3600)
            server.set("recent", at=-30)
            later(90, server.set, "recent", title="Other")
            later(150, server.set, "new")
            later(210, server.set, "new", status="cancelled")
            later(270, server.set, "old", status="cancelled")
            changes = await read_for(server.watcher(), 1000)
            assert short(changes) == [
                ("updated", "recent"),
                ("created", "new"),
                ("cancelled", "new"),
                ("cancelled", "old"),
            ]
            assert [change.previous and change.previous.title for change in changes] == [
                "Meeting",
                None,
                "Meeting",
                None,
            ]
            assert server.polls[1:4] == pytest.approx([60, 120, 180], abs=1)

        run(main(), start=0.0)

    def test_a_poll_costs_two_requests(self) -> None:
        """A poll costs two requests, also if there are changes within the lookback and more rows in the list."""

        async def main() -> None:
            server = SimulatedServer()
            for number in range(300):
                server.set(f"u{number}", at=-30 * number)
            await read_for(server.watcher(), 30)
            first = len(server.queries)
            watcher = server.watcher(since=BEGINNING)
            await read_for(watcher, 610)
            assert first == 6
            assert len(server.queries) - first == 2 + 2 * 11

        run(main(), start=0.0)

    def test_requests_that_are_confirmed_late(self) -> None:
        """A booking that has been pending for hours is reported as confirmed, not as updated."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("a", at=-7200, status="pending")
            later(100, server.set, "b", status="pending")
            later(7000, server.set, "a", status="accepted")
            later(7000, server.set, "b", status="rejected")
            changes = await read_for(server.watcher(), 8000)
            assert short(changes) == [("created", "b"), ("confirmed", "a"), ("rejected", "b")]
            assert all(change.previous and change.previous.is_pending for change in changes[1:])

        run(main(), start=0.0)

    @pytest.mark.parametrize("status", ["pending", "rejected", "cancelled"])
    def test_a_booking_that_is_accepted_again(self, status: str) -> None:
        """A booking with any other status that is accepted is reported as confirmed."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("a", at=-60, status=status)
            later(100, server.set, "a", status="accepted")
            assert short(await read_for(server.watcher(), 300)) == [("confirmed", "a")]

        run(main(), start=0.0)

    def test_a_slow_reader_gets_merged_changes(self) -> None:
        """While the reader is busy, the changes of a booking become one."""

        async def main() -> None:
            server = SimulatedServer()
            for second in (100, 200, 300, 400, 500):
                later(second, server.set, "a", title=str(second))
            changes = await read_for(server.watcher(), 2000, pause=1000)
            assert [(change.kind, change.booking.title) for change in changes] == [
                ("created", "100"),
                ("updated", "500"),
            ]

        run(main(), start=0.0)

    @pytest.mark.parametrize("skew", [-7200, 7200])
    def test_the_clock_of_the_server_may_be_wrong(self, skew: float) -> None:
        """Changes are delivered once, even if the clocks of server and client differ by hours."""

        async def main() -> None:
            server = SimulatedServer()
            server.skew = skew
            server.set("old")
            for second in (100, 1000, 5000):
                later(second, server.set, f"at {second}")
            assert len(await read_for(server.watcher(), 9000)) == 3

        run(main(), start=0.0)

    def test_a_time_in_the_future_hides_nothing(self) -> None:
        """A booking with an update time in the future is delivered once, and so are all later changes."""

        async def main() -> None:
            server = SimulatedServer()
            later(100, server.set, "future", at=10**9)
            later(1000, server.set, "after")
            watcher = server.watcher()
            assert short(await read_for(watcher, 3000)) == [("created", "future"), ("created", "after")]
            assert watcher.watermark == BEGINNING + timedelta(seconds=watcher_poll_start(server))

        run(main(), start=0.0)

    def test_updates_that_become_visible_late_are_delivered(self) -> None:
        """A change whose time lies before changes that were read is delivered, within the lookback."""

        async def main() -> None:
            server = SimulatedServer()
            later(100, server.set, "a")
            later(200, server.set, "late", at=95)
            assert short(await read_for(server.watcher(), 300)) == [("created", "a"), ("created", "late")]

        run(main(), start=0.0)

    def test_bookings_without_an_update_time(self) -> None:
        """A booking whose update time is null is found by its creation."""

        async def main() -> None:
            server = SimulatedServer()
            later(100, server.set, "a")
            later(100, lambda: server.rows["a"].update(updatedAt=None))
            assert short(await read_for(server.watcher(), 300)) == [("created", "a")]

        run(main(), start=0.0)

    def test_state_does_not_grow_with_time(self) -> None:
        """After hours with a change per minute, only the bookings of the lookback are kept."""

        async def main() -> None:
            server = SimulatedServer()
            for minute in range(360):
                later(60 * minute + 30, server.set, f"u{minute}")
            watcher = server.watcher(interval=300)
            assert len(await read_for(watcher, 21_900)) == 360
            assert len(watcher._bookings._tracked) <= 11
            assert len(asyncio.all_tasks()) == 1

        run(main(), start=0.0)


def watcher_poll_start(server: SimulatedServer) -> float:
    return server.polls[-1]


class TestRestart:
    """The watermark."""

    def test_a_change_is_taken_when_the_next_one_is_asked_for(self) -> None:
        """The watermark covers a change when the loop asks for the next one, and not while it is handled."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("old", at=-100)
            watcher = server.watcher(interval=10)
            assert watcher.watermark is None
            later(20, server.set, "a")
            later(22, server.set, "b")
            marks = []
            async with aclosing(aiter(watcher)) as reading:
                for _ in range(2):
                    await anext(reading)
                    marks.append(watcher.watermark)
                later(20, server.set, "c")
                await anext(reading)
            assert marks == [BEGINNING + timedelta(seconds=second) for second in (20, 22)]
            assert watcher.watermark > marks[1]
            assert short(await read_for(watcher, 30)) == [], "once within a process"

        run(main(), start=0.0)

    def test_half_a_reschedule_is_not_covered(self) -> None:
        """While the old booking of a reschedule waits for the new one, the watermark does not pass it."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("old", at=-3600)
            later(100, server.set, "old", status="cancelled", rescheduledToUid="new")
            later(150, server.set, "b")
            watcher = server.watcher()
            assert short(await read_for(watcher, 300)) == [("created", "b")]
            assert watcher.watermark == BEGINNING + timedelta(seconds=100)
            assert short(await read_for(watcher, 300)) == [("rescheduled", "new")]
            assert watcher.watermark == BEGINNING + timedelta(seconds=150)

        run(main(), start=0.0)

    def test_a_process_that_ends_before_the_first_change(self) -> None:
        """`start` returns a watermark before the first change; without `since`, what is older is not delivered."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("old", at=-100)
            watcher = server.watcher()
            mark = await watcher.start()
            assert mark == watcher.watermark == BEGINNING - timedelta(seconds=100)
            later(10, server.set, "a")
            assert short(await read_for(watcher, 100)) == [("created", "a")]
            assert short(await read_for(server.watcher(since=mark), 100)) == [("created", "old"), ("created", "a")]
            server.errors = [ForbiddenError("no", status=403)]
            with pytest.raises(ForbiddenError) as raised:
                await server.watcher().start()
            assert raised.value.__notes__ == ["while watching the list /bookings"]

        run(main(), start=0.0)

    def test_requests_of_an_earlier_process_are_confirmed(self) -> None:
        """After a restart, a booking that has been pending since before it is reported as confirmed."""

        async def main() -> None:
            server = SimulatedServer()
            for uid, second in (("a", -7200), ("b", -10)):
                server.set(uid, at=second, status="pending")
            server.rows["b"]["createdAt"] = iso(-7200)
            later(100, server.set, "a", status="accepted")
            changes = await read_for(server.watcher(since=BEGINNING), 200)
            assert short(changes) == [("updated", "b"), ("confirmed", "a")]
            assert changes[0].previous is None

        run(main(), start=0.0)

    def test_a_new_booking_is_new_for_the_next_process_too(self) -> None:
        """A booking whose creation was never delivered is `created` after a restart, also if it was updated later."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("old", at=-1000)
            watcher = server.watcher()
            later(50, server.set, "a")
            later(110, server.set, "b")
            later(900, server.set, "b", title="Other")
            async with aclosing(aiter(watcher)) as reading:
                await anext(reading)
                await asyncio.sleep(1000)
                assert (await anext(reading)).booking.title == "Other"
            changes = await read_for(server.watcher(since=watcher.watermark), 100)
            assert short(changes) == [("created", "a"), ("created", "b")]

        run(main(), start=0.0)

    @pytest.mark.parametrize("seed", range(5))
    def test_nothing_is_lost_across_restarts(self, seed: int) -> None:
        """Across crashes at any time, the last delivered state of each booking is its final one."""

        async def main() -> None:
            rng = random.Random(seed)
            server = SimulatedServer()
            for second in range(60, 6000, 20):
                later(second, server.set, f"u{rng.randrange(60)}", title=str(second))
            handled: dict[str, Booking] = {}
            mark = None
            while loop_time() < 7000:
                watcher = server.watcher(since=mark, lookback=timedelta(seconds=5))
                mark, seen = await handle_until_crash(watcher, rng, handled, mark)
                assert len(seen) == len(set(seen)), "once within a process"
            assert {uid: booking.title for uid, booking in handled.items()} == {
                uid: row["title"] for uid, row in server.rows.items()
            }

        run(main(), start=0.0)


async def handle_until_crash(
    watcher: BookingWatcher, rng: random.Random, handled: dict[str, Booking], mark: datetime | None
) -> tuple[datetime | None, list[tuple[str, str]]]:
    """Handle changes until a crash, which may come while one is handled; return the stored watermark."""
    seen: list[tuple[str, str]] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(rng.uniform(1, 700)), aclosing(aiter(watcher)) as reading:
            async for change in reading:
                mark = watcher.watermark
                await asyncio.sleep(rng.choice([0, 0, 1, 30]))
                handled[change.uid] = change.booking
                seen.append((change.uid, change.booking.title))
    return mark, seen


class TestBacklog:
    """Many changes at once."""

    def test_a_backlog_is_read_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """After a long downtime, changes are delivered before all are read, in order, within half of the rate limit."""
        monkeypatch.setattr(booking_watcher, "MAX_REQUESTS", 2)

        async def main() -> None:
            server = SimulatedServer()
            for number in range(3000):
                server.set(f"u{number:04}", at=-20_000 + number)
            watcher = server.watcher(since=BEGINNING - timedelta(days=1), rate=lambda: 2.0)
            async with aclosing(aiter(watcher)) as reading:
                uids = [(await anext(reading)).uid]
                assert loop_time() < 5
                before = watcher.watermark
                uids += [(await anext(reading)).uid for _ in range(2999)]
            assert uids == [f"u{number:04}" for number in range(3000)]
            assert watcher.watermark
            assert before < watcher.watermark
            assert 20 <= len(server.queries) < loop_time() + 16

        run(main(), start=0.0)

    def test_a_backlog_of_bookings_without_an_update_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """If one of the two lists is read in parts, the other one does not hide what is left of it."""
        monkeypatch.setattr(booking_watcher, "MAX_REQUESTS", 2)

        async def main() -> None:
            server = SimulatedServer()
            for number in range(1500):
                server.set(f"u{number:04}", at=-20_000 + number)
                server.rows[f"u{number:04}"]["updatedAt"] = None
            server.set("last", at=-10)
            watcher = server.watcher(since=BEGINNING - timedelta(days=1))
            assert len({change.uid for change in await read_for(watcher, 600)}) == 1501

        run(main(), start=0.0)

    def test_a_reader_that_takes_nothing_stops_the_reading(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """While many changes are undelivered, no more are read: they are not lost, and memory does not grow."""
        monkeypatch.setattr(booking_watcher, "MAX_REQUESTS", 2)
        monkeypatch.setattr(booking_watcher, "MAX_UNDELIVERED", 500)

        async def main() -> None:
            server = SimulatedServer()
            for number in range(2000):
                server.set(f"u{number:04}", at=-20_000 + number)
            watcher = server.watcher(since=BEGINNING - timedelta(days=1))
            async with aclosing(aiter(watcher)) as reading:
                await anext(reading)
                await asyncio.sleep(1000)
                assert 500 <= len(watcher._bookings) <= 1000
                assert len({(await anext(reading)).uid for _ in range(1999)}) == 1999

        run(main(), start=0.0)

    def test_many_changes_in_one_millisecond(self) -> None:
        """Bookings that share their update time, more than fit on a page, are each delivered once."""

        async def main() -> None:
            server = SimulatedServer()
            for number in range(400):
                later(100, server.set, f"u{number}", at=100)
            changes = await read_for(server.watcher(), 300)
            assert (len(changes), len({change.uid for change in changes})) == (400, 400)

        run(main(), start=0.0)


class TestWebhooks:
    """`feed` shortens the delay."""

    def test_an_event_makes_the_next_poll_due_at_once(self) -> None:
        """A webhook makes the next poll due now; what is delivered comes from the poll, not from the event."""

        async def main() -> None:
            server = SimulatedServer()
            watcher = server.watcher(interval=600)
            later(100, server.set, "a")
            later(101, watcher.feed, WEBHOOK)
            changes = await read_for(watcher, 300)
            assert short(changes) == [("created", "a")]
            assert changes[0].seen_at < BEGINNING + timedelta(seconds=102)
            assert server.polls == pytest.approx([0.4, 101], abs=0.5)

        run(main(), start=0.0)

    def test_many_events_are_merged_into_few_polls(self) -> None:
        """A thousand events in a minute cause only polls that half of the rate limit allows, and one after the last."""

        async def main() -> None:
            server = SimulatedServer()
            watcher = server.watcher(interval=600, rate=lambda: 2.0)
            for number in range(1000):
                later(100 + number * 0.06, watcher.feed, WEBHOOK)
            await read_for(watcher, 300)
            during = [poll for poll in server.polls if poll > 50]
            assert 25 <= len(during) <= 36
            assert during[-1] >= 100 + 999 * 0.06

        run(main(), start=0.0)

    def test_an_event_during_a_poll_causes_another_one(self) -> None:
        """An event that comes while a poll is in progress causes one more after it."""

        async def main() -> None:
            server = SimulatedServer()
            server.seconds = 5
            watcher = server.watcher(interval=600, since=BEGINNING)
            for second in (11, 12, 13):
                later(second, watcher.feed, WEBHOOK)
            await read_for(watcher, 300)
            assert server.polls == [10, 20]

        run(main(), start=0.0)

    def test_events_do_not_shorten_the_wait_after_a_failure(self) -> None:
        """While the server fails, events cause no polls."""

        async def main() -> None:
            server = SimulatedServer()
            server.errors = [RateLimitedError("no", status=429, retry_after=200)]
            watcher = server.watcher(since=BEGINNING, on_error=lambda _: None)
            for second in range(1, 150, 10):
                later(second, watcher.feed, WEBHOOK)
            await read_for(watcher, 250)
            assert server.polls == pytest.approx([200.2], abs=0.2)

        run(main(), start=0.0)

    def test_anything_else_is_rejected(self) -> None:
        """Only a parsed event is accepted; without a loop that reads, it does nothing."""
        watcher = SimulatedServer().watcher()
        watcher.feed(WEBHOOK)
        with pytest.raises(InvalidRequestError, match="event must be a WebhookEvent"):
            watcher.feed(b"{}")  # type: ignore[arg-type]


class TestTrouble:
    """Errors and invalid arguments."""

    def test_transient_errors_do_not_end_the_loop(self, caplog: pytest.LogCaptureFixture) -> None:
        """A transient error goes to `on_error`, or else to the log; nothing is lost, even if it came during a poll."""
        errors: list[CalcomError] = []

        async def main() -> None:
            server = SimulatedServer()
            for on_error in (errors.append, None):
                server.rows = {}
                watcher = server.watcher(since=clock(), lookback=timedelta(0), on_error=on_error)
                later(70, server.set, "a")
                for second in (30, 60.15, 180.05):
                    later(second, setattr, server, "errors", [ServerError("down", status=502)])
                assert short(await read_for(watcher, 700)) == [("created", "a")]

        run(main(), start=0.0)
        assert [str(error) for error in errors] == ["502 down"] * len(errors)
        assert len(errors) == 3
        assert caplog.text.count("polling the changed bookings failed, will retry: 502 down") == 3

    def test_other_errors_end_the_loop(self) -> None:
        """Any other error is raised in the loop, and names the list."""

        async def main() -> None:
            server = SimulatedServer()
            server.errors = [ForbiddenError("no", status=403)]
            with pytest.raises(ForbiddenError) as raised:
                await read_for(server.watcher(), 10)
            assert raised.value.__notes__ == ["while watching the list /bookings"]
            assert len(asyncio.all_tasks()) == 1

        run(main(), start=0.0)

    @pytest.mark.parametrize("is_filled_later", [False, True])
    def test_a_server_that_ignores_the_filters(self, is_filled_later: Any) -> None:
        """A list that the server does not filter by update is refused, at the latest when it has old rows."""

        async def main() -> None:
            server = SimulatedServer()
            server.ignores_filters = True
            later(100 if is_filled_later else 0, server.set, "a", at=-5000)
            with pytest.raises(InvalidRequestError, match="does not filter it by update"):
                await read_for(server.watcher(since=BEGINNING, on_error=lambda _: None), 600)

        run(main(), start=0.0)

    @pytest.mark.parametrize(
        "fields",
        [
            {"hosts": None, "attendees": 5},
            {"createdAt": None},
            {"end": None, "status": "pending"},
            {"end": "2026-11-04T09:30:00", "status": "pending"},
        ],
        ids=str,
    )
    def test_odd_values_of_the_server(self, fields: dict[str, Any]) -> None:
        """A booking with values of a wrong type is delivered like any other, and so is what comes after it."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("old", at=-1000)
            later(100, server.set, "odd", **fields)
            later(110, server.set, "after")
            later(900, server.set, "odd", title="Other", **fields)
            changes = await read_for(server.watcher(), 2000)
            assert [change.uid for change in changes] == ["odd", "after", "odd"]

        run(main(), start=0.0)

    def test_since_any_time(self) -> None:
        """The first time that a datetime can express is a valid `since`."""

        async def main() -> None:
            server = SimulatedServer()
            server.set("a", at=-1000)
            watcher = server.watcher(since="0001-01-01T00:00:00Z", lookback=timedelta(days=1))
            assert short(await read_for(watcher, 10)) == [("created", "a")]

        run(main(), start=0.0)

    def test_leaving_the_loop_ends_the_polls(self) -> None:
        """After the loop, no task and no request is left; `aclose` ends a loop in another task."""

        async def main() -> None:
            server = SimulatedServer()
            watcher = server.watcher()
            reading = asyncio.ensure_future(read_for(watcher, 3600))
            await asyncio.sleep(60.05)
            await watcher.aclose()
            assert await reading == []
            sent = len(server.queries)
            await asyncio.sleep(600)
            assert (len(server.queries), len(asyncio.all_tasks())) == (sent, 1)

        run(main(), start=0.0)

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"interval": 0}, "interval"),
            ({"rate_limit_share": 2}, "rate_limit_share"),
            ({"lookback": timedelta(days=-1)}, "lookback"),
            ({"lookback": 60}, "lookback"),
            ({"since": "2026-11-02T08:00:00"}, "since must have a time zone"),
            ({"since": "yesterday"}, "since must be ISO 8601"),
            ({"filters": {"status": "past"}}, "'status' cannot be a filter of a watcher"),
            ({"filters": {"take": 5}}, "'take' cannot be a filter of a watcher"),
            ({"filters": {"user_ids": [1]}}, "unknown filter 'user_ids'"),
            ({"bookings": lambda _: "mine"}, "bookings must be a list of bookings"),
        ],
    )
    def test_invalid_arguments(self, options: dict[str, Any], complaint: str) -> None:
        """Invalid arguments raise an error when the watcher is created."""
        with pytest.raises(InvalidRequestError, match=complaint):
            SimulatedServer().watcher(**{"clock": lambda: BEGINNING} | options)

    def test_filters_are_sent(self) -> None:
        """The filters are sent with every request."""

        async def main() -> None:
            server = SimulatedServer()
            await read_for(server.watcher(OrganizationBookings, filters={"user_ids": [7], "team_id": 2}), 10)
            assert len(server.queries) == 6
            assert all((query["userIds"], query["teamId"]) == ("7", "2") for query in server.queries)

        run(main(), start=0.0)


# --- against a server

EAGER = {"backoff_base": 0.001, "limiter": TokenBucket(1_000_000, window=0.01)}
ASK = {"title": "Ask", "slug": "ask", "lengthInMinutes": 30}
ON_REQUEST = {"confirmationPolicy": {"type": "always", "blockUnconfirmedBookingsInBooker": False}}


def watch(cal: Calcom, sandbox: Sandbox, **options: Any) -> BookingWatcher:
    bookings = options.pop("bookings", cal.bookings)
    return BookingWatcher(bookings, {}, **{"interval": 0.01, "clock": sandbox.clock.now} | options)


async def test_each_kind_of_change() -> None:
    """Each operation on a booking is one change of its kind, with both states, through the public client."""
    with Sandbox(now=MONDAY) as sandbox:
        on_request = new_event_type(sandbox.store, 1, ASK | ON_REQUEST)["id"]
        async with Calcom(sandbox.api_key, base_url=sandbox.url, **EAGER) as cal:
            older = await book(cal, 15)
            sandbox.clock.move(minutes=1)
            changes: asyncio.Queue[BookingChange] = asyncio.Queue()
            reading = asyncio.ensure_future(read_into(changes, watch(cal, sandbox)))
            await wait_until(lambda: len(sandbox.requests) > 8)

            async def change_after(operation: Awaitable[Any]) -> BookingChange:
                sandbox.clock.move(seconds=1)
                await operation
                return await changes.get()

            async with asyncio.timeout(TIMEOUT):
                created = await change_after(book(cal, 9))
                uid = created.uid
                moved = await change_after(cal.bookings.reschedule(uid, start=at(10)))
                place = BookingLocation(type="address", address="Rua 1")
                updated = await change_after(cal.bookings.update_location(moved.uid, place))
                cancelled = await change_after(cal.bookings.cancel(moved.uid, reason="Ill"))
                asked = await change_after(book(cal, 11, on_request))
                confirmed = await change_after(cal.bookings.confirm(asked.uid))
                second = await change_after(book(cal, 13, on_request))
                rejected = await change_after(cal.bookings.decline(second.uid, reason="Full"))
                older_one = await change_after(cal.bookings.add_guests(older.uid, Guest(email="g@b.test")))
            await stop(reading)
    every = [created, moved, updated, cancelled, asked, confirmed, second, rejected, older_one]
    assert [change.kind for change in every] == [
        "created", "rescheduled", "updated", "cancelled", "created", "confirmed", "created", "rejected", "updated"
    ]  # fmt: skip
    assert (moved.previous_uid, moved.booking.start) == (uid, at(10))
    assert [change.previous for change in every[1:4]] == [created.booking, moved.booking, updated.booking]
    assert (asked.booking.is_pending, confirmed.booking.is_accepted) == (True, True)
    assert older_one.previous
    assert older_one.uid == older_one.previous.uid == older.uid
    assert sandbox.handler_errors == []


async def read_into(changes: asyncio.Queue[BookingChange], watcher: BookingWatcher) -> None:
    async for change in watcher:
        await changes.put(change)


async def stop(reading: asyncio.Future[None]) -> None:
    """Cancel a task, and raise its error if it has failed."""
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading


async def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - there is no event for what the server has received
        await asyncio.sleep(0.005)


async def test_the_lists_that_can_be_watched() -> None:
    """The bookings of the user and of an organization can be watched through the client."""
    with Sandbox(now=MONDAY, bookings=30) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, **EAGER) as cal, asyncio.timeout(TIMEOUT):
            booking = await book(cal, 9)
            for bookings in (None, cal.organization(ORGANIZATION).bookings):
                watcher = cal.watch_bookings(bookings, since=MONDAY, event_type_id=THIRTY, lookback=timedelta(0))
                async with aclosing(aiter(watcher)) as changes:
                    assert (await anext(changes)).uid == booking.uid


@pytest.mark.parametrize("seed", [0, *[pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8)]])
async def test_random_operations(seed: int) -> None:
    """Whatever happens and whenever the watcher is killed, all final states are delivered.

    Within a process, no state comes twice, and those of one booking come in order.
    """
    rng = random.Random(seed)
    with Sandbox(now=MONDAY) as sandbox:
        on_request = new_event_type(sandbox.store, 1, ASK | ON_REQUEST)["id"]
        async with Calcom(sandbox.api_key, base_url=sandbox.url, **EAGER) as cal, asyncio.timeout(TIMEOUT):
            operations = Operations(cal, sandbox, random.Random(seed), on_request)
            handled = Handled()
            mark: datetime | None = sandbox.clock.now()
            for _ in range(4):
                watcher = watch(cal, sandbox, since=mark, lookback=timedelta(seconds=rng.choice([2, 30])))
                reading = asyncio.ensure_future(handled.read(watcher, rng))
                for _ in range(10):
                    await operations.run_one()
                    await asyncio.sleep(rng.choice([0, 0.03]))
                await stop(reading)
                mark = handled.mark or mark
            watcher = watch(cal, sandbox, since=mark, lookback=timedelta(seconds=30))
            reading = asyncio.ensure_future(handled.read(watcher, rng))
            final = {booking.uid: booking async for booking in cal.bookings.list() if not booking.is_rescheduled}
            await wait_until(lambda: handled.states == final or reading.done())
            await stop(reading)
            assert handled.states == final
    assert len(final) > 5
    assert sandbox.handler_errors == []


class Operations:
    """Random operations on bookings."""

    def __init__(self, cal: Calcom, sandbox: Sandbox, rng: random.Random, on_request: int) -> None:
        self.cal = cal
        self.sandbox = sandbox
        self.rng = rng
        self.on_request = on_request
        self.hours = iter([hour / 2 for hour in range(18, 36)] * 100)
        self.day = 4
        # Cal.com allows five updates of each kind per minute.
        address, guest = BookingLocation(type="address", address="Rua 1"), Guest(email="g@visitors.test")
        updates = [
            lambda uid: cal.bookings.update_location(uid, address),
            lambda uid: cal.bookings.add_guests(uid, guest),
        ]
        self.updates: Iterator[Callable[[str], Awaitable[Any]]] = chain(updates * 4, repeat(cal.bookings.get))

    async def run_one(self) -> None:
        """Run one operation; those that the server rejects do nothing."""
        self.sandbox.clock.move(seconds=self.rng.choice([0.001, 1]))
        uids = list(self.sandbox.store.bookings)
        uid = self.rng.choice(uids) if uids else ""
        bookings = self.cal.bookings
        operations: list[Callable[[], Awaitable[Any]]] = [
            self.book, self.book, self.book,
            lambda: bookings.reschedule(uid, start=self.free_time()),
            lambda: bookings.cancel(uid, reason="Ill"),
            lambda: bookings.confirm(uid),
            lambda: bookings.decline(uid, reason="Full"),
            lambda: next(self.updates)(uid),
        ]  # fmt: skip
        with suppress(ApiError, InvalidRequestError):
            await self.rng.choice(operations)()

    def free_time(self) -> datetime:
        self.day = 4 + (self.day - 3) % 20
        return at(next(self.hours) % 8 + 9, self.day)

    async def book(self) -> None:
        event_type_id = self.rng.choice([THIRTY, self.on_request])
        await self.cal.bookings.create(start=self.free_time(), event_type_id=event_type_id, attendee=ADA)


class Handled:
    """The states that a reader has handled, by uid, and the watermark that it has stored."""

    def __init__(self) -> None:
        self.states: dict[str, Booking] = {}
        self.mark: datetime | None = None

    async def read(self, watcher: BookingWatcher, rng: random.Random) -> None:
        """Handle changes until cancelled, which may come while one is handled."""
        delivered: dict[str, list[Booking]] = {}
        async with aclosing(aiter(watcher)) as changes:
            async for change in changes:
                self.mark = watcher.watermark
                await asyncio.sleep(rng.choice([0, 0.002]))
                earlier = delivered.setdefault(change.booking.uid, [])
                assert change.booking not in earlier
                assert all(booking.updated_at <= change.booking.updated_at for booking in earlier)
                earlier.append(change.booking)
                if change.kind == "rescheduled":
                    self.states.pop(change.previous_uid or "", None)
                if not change.booking.is_rescheduled:
                    self.states[change.uid] = change.booking
