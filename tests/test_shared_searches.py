"""Slot searches in flight: identical ones share a request, and none is older than a change by the client."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime
from typing import Any

import aiohttp
import pytest
from sent_requests import ADA, MONDAY, THIRTY, at, book

from calcom_async import Calcom, CalcomError, ServerError
from calcom_async.booking.availability import days_around
from calcom_async.models import SlotDays
from calcom_async.sandbox import Sandbox

DAY = {"start": date(2026, 11, 4), "end": date(2026, 11, 4)}
SEARCH = {"event_type_id": THIRTY, **DAY}
RESERVATION = {"eventTypeId": THIRTY, "slotStart": at(9).isoformat()}
SLOTS, BOOKINGS = ("GET", "/v2/slots"), ("POST", "/v2/bookings")


class Sent(aiohttp.TraceConfig):
    """Notes the method and path of each request that is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.on_request_start.append(self.note)

    async def note(self, session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        self.requests.append(f"{params.method} {params.url.path}")

    @property
    def searches(self) -> int:
        """The number of slot searches."""
        return self.requests.count("GET /v2/slots")


@pytest.fixture
def sent() -> Sent:
    """Requests that `cal` has sent."""
    return Sent()


@pytest.fixture
def calcom_sandbox() -> Iterator[Sandbox]:
    """A sandbox at a fixed time."""
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


@pytest.fixture
async def cal(calcom_client: Callable[..., Calcom], sent: Sent) -> AsyncIterator[Calcom]:
    """An open client that does not retry."""
    async with calcom_client(max_attempts=1, trace_configs=[sent]) as cal:
        await cal.me.get()  # until a response confirms the rate limit, the client sends one request at a time
        yield cal


@asynccontextmanager
async def in_flight(sandbox: Sandbox, method: str, path: str, call: Awaitable[Any]) -> AsyncIterator[asyncio.Task[Any]]:
    """Start a call whose first request stays at the server, and cancel it at the end."""
    fired = sandbox.faults.fired
    sandbox.faults.add(method, path, slow=5, status=500)
    task = asyncio.ensure_future(call)
    while sandbox.faults.fired == fired:  # noqa: ASYNC110 - the sandbox is in another thread
        await asyncio.sleep(0.001)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def starts(days: SlotDays) -> list[datetime]:
    """Return the starts of all slots."""
    return [slot.start for slot in days.slots()]


async def test_identical_searches_share_one_request(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """Fifty identical searches send one request, and each caller gets objects of its own."""
    results = await asyncio.gather(*(cal.slots.search(**SEARCH) for _ in range(50)))
    assert sent.searches == 1
    assert all(result == results[0] for result in results)
    results[0].clear()
    assert len(starts(results[1])) == 14


async def test_a_search_after_the_response_sends_a_request(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """A search that starts after another one has ended sends a request of its own, and no call is kept."""
    for _ in range(2):
        await asyncio.gather(cal.slots.search(**SEARCH), cal.slots.search(**SEARCH))
    assert sent.searches == 2
    assert cal._core.slot_searches == {}


async def test_composed_searches_share_requests_too(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """`search_many` with equal searches sends one request; so do concurrent calls of `first_available`."""
    await cal.slots.search_many([SEARCH] * 5)
    await asyncio.gather(*(cal.slots.first_available(**SEARCH) for _ in range(5)))
    assert sent.searches == 2


@pytest.mark.parametrize(
    "other",
    [
        lambda cal: cal.slots.search(**SEARCH, time_zone="Europe/Rome"),
        lambda cal: cal.slots.search(**SEARCH | {"event_type_id": 2}),
        lambda cal: cal.with_credentials("cal_sandbox_bo").slots.search(**SEARCH),
        lambda cal: cal.with_options(total_timeout=5).slots.search(**SEARCH),
        lambda cal: cal.with_priority(1).slots.search(**SEARCH),
    ],
)
async def test_other_searches_send_a_request(cal: Calcom, sent: Sent, other: Callable[[Calcom], Awaitable[Any]]):
    """Another query, other credentials and other settings send a request of their own."""
    await asyncio.gather(cal.slots.search(**SEARCH), other(cal), cal.slots.search(**SEARCH))
    assert sent.searches == 2


async def test_the_version_is_part_of_the_key(calcom_client: Callable[..., Calcom]):
    """A search joins no search with another `cal-api-version`."""
    async with calcom_client() as cal:
        ours = asyncio.create_task(cal.slots.search(**SEARCH))
        await asyncio.sleep(0)
        ((*_, header),) = cal._core.slot_searches
        await ours
    assert header == ("cal-api-version", "2024-09-04")


# --------------------------------------------------------------------------------------------------------- cancellation


async def test_cancelling_one_caller_leaves_the_others(cal: Calcom, sent: Sent):
    """If the caller that sent the request is cancelled, the others still get its response."""
    callers = [asyncio.create_task(cal.slots.search(**SEARCH)) for _ in range(3)]
    await asyncio.sleep(0)
    callers[0].cancel()
    first, *others = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert [len(starts(days)) for days in others] == [14, 14]
    assert sent.searches == 1


async def test_cancelling_all_callers_cancels_the_request(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """When the last caller is cancelled the request ends, and the next search sends a new one."""
    async with in_flight(calcom_sandbox, *SLOTS, cal.slots.search(**SEARCH)) as first:
        second = asyncio.create_task(cal.slots.search(**SEARCH))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.wait([first, second])
        assert cal._core.slot_searches == {}
        assert len(starts(await cal.slots.search(**SEARCH))) == 14
    assert sent.searches == 2
    assert asyncio.all_tasks() == {asyncio.current_task()}


# -------------------------------------------------------------------------------------------------------------- changes


@pytest.mark.parametrize(
    "change",
    [
        book,
        lambda cal: book(cal.with_priority(1)),
        lambda cal: cal.slots.reservations.create(event_type_id=THIRTY, start=at(9)),
        lambda cal: cal.request("POST", "/v2/slots/reservations", body=RESERVATION),
    ],
)
async def test_a_search_after_a_change_sees_it(
    cal: Calcom, calcom_sandbox: Sandbox, change: Callable[[Calcom], Awaitable[Any]]
):
    """A search after a change, also through a view or as a raw request, joins none that was sent before its end."""
    async with in_flight(calcom_sandbox, *SLOTS, cal.slots.search(**SEARCH)):
        await change(cal)
        assert starts(await cal.slots.search(**SEARCH))[0] == at(9.5)


async def test_a_search_during_a_change_is_not_joined_after_it(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """A search that was sent while a change was in flight is not joined after the change has ended."""
    async with (
        in_flight(calcom_sandbox, *BOOKINGS, book(cal)) as change,
        in_flight(calcom_sandbox, *SLOTS, cal.slots.search(**SEARCH)),
    ):
        change.cancel()
        await asyncio.wait([change])
        await cal.slots.search(**SEARCH)
        assert sent.searches == 2


async def test_a_failed_change_counts_too(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """A change that fails ends the sharing, because the server may have acted."""
    async with in_flight(calcom_sandbox, *SLOTS, cal.slots.search(**SEARCH)):
        calcom_sandbox.faults.add(*BOOKINGS, status=500)
        with pytest.raises(ServerError):
            await book(cal)
        await cal.slots.search(**SEARCH)
        assert sent.searches == 2


async def test_a_read_that_completes_a_consent_is_a_change(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """The GET that connects a calendar ends the sharing, because a calendar has busy times."""
    async with in_flight(calcom_sandbox, *SLOTS, cal.slots.search(**SEARCH)):
        with suppress(CalcomError):
            await cal.calendars.complete_connect("google", state="x", code="x")
        await cal.slots.search(**SEARCH)
        assert sent.searches == 2


async def test_reads_leave_searches_shared(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """Other reads do not end the sharing."""
    async with in_flight(calcom_sandbox, *SLOTS, cal.slots.search(**SEARCH)):
        await cal.me.get()
        second = asyncio.create_task(cal.slots.search(**SEARCH))
        await cal.me.get()
        second.cancel()
        await asyncio.wait([second])
        assert sent.searches == 1


async def test_the_check_of_a_booking_joins_no_search(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """`book` checks the slot with a request of its own, even if the same search is in flight."""
    around = cal.slots.search(event_type_id=THIRTY, **days_around(at(9)))
    async with in_flight(calcom_sandbox, *SLOTS, around) as early:
        await cal.book(start=at(9), event_type_id=THIRTY, attendee=ADA)
        assert (sent.searches, early.done()) == (2, False)


# --------------------------------------------------------------------------------------------------------------- errors


async def test_an_error_goes_to_all_callers(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """All callers get the error, with a traceback of one call only, however many they are."""
    calcom_sandbox.faults.add("GET", "/v2/slots", status=500)
    tracebacks: list[traceback.StackSummary] = []

    async def search() -> None:
        try:
            await cal.slots.search(**SEARCH)
        except ServerError as error:
            tracebacks.append(traceback.extract_tb(error.__traceback__))

    await asyncio.gather(*(search() for _ in range(20)))
    assert sent.searches == 1
    assert len(tracebacks) == 20
    assert {len(frames) for frames in tracebacks} == {len(tracebacks[0])}
    assert {frames[-1].name for frames in tracebacks} == {"check"}


async def test_a_search_after_an_error_sends_a_request(cal: Calcom, calcom_sandbox: Sandbox, sent: Sent):
    """The next search after an error sends a new request."""
    calcom_sandbox.faults.add("GET", "/v2/slots", status=500)
    with pytest.raises(CalcomError):
        await cal.slots.search(**SEARCH)
    assert len(starts(await cal.slots.search(**SEARCH))) == 14
