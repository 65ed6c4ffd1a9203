"""Sequences of calls over several resources against a sandbox, with and without faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from sent_requests import ADA, ANA, BEA, BO, MONDAY, ORGANIZATION, SALES, THIRTY, at, book, sent_requests

from calcom_async import (
    BadRequestError,
    Calcom,
    ConflictError,
    ConnectionFailedError,
    DecodeError,
    Pages,
    RateLimitedError,
    ServerError,
    TokenBucket,
    TransportError,
)
from calcom_async.export import ExportJob, export
from calcom_async.models import (
    Attendee,
    Availability,
    Booking,
    ConfirmationPolicy,
    CreateEventType,
    CreateTeamEventType,
    Host,
    Override,
)
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.state.store import Store

EVE = Attendee(name="Eve", email="eve@visitors.test", time_zone="UTC")
DAY = {"start": date(2026, 11, 4), "end": date(2026, 11, 4)}
WHOLE_WEEK = {"start": date(2026, 11, 2), "end": date(2026, 11, 8)}


@contextmanager
def running_sandbox(**options: Any) -> Iterator[Sandbox]:
    """Run a sandbox on the Monday, and check that no handler failed."""
    with Sandbox(**{"now": MONDAY} | options) as sandbox:
        yield sandbox
        assert sandbox.handler_errors == []


def client(sandbox: Sandbox, **options: Any) -> Calcom:
    """Return a client that waits neither for the rate limit nor before a retry."""
    defaults = {"backoff_base": 0.001, "limiter": TokenBucket(1_000_000, window=0.01)}
    return Calcom(sandbox.api_key, base_url=sandbox.url, **defaults | options)


async def free(cal: Calcom, event_type_id: int = THIRTY) -> set[Any]:
    """Return the starts of the free slots of Wednesday."""
    return {slot.start for slot in (await cal.slots.search(event_type_id=event_type_id, **DAY)).slots()}


# --- a service


async def test_from_a_slot_to_a_cancelled_booking():
    """A booked slot is not free; a reschedule frees it and takes another, and a cancellation frees all."""
    with running_sandbox() as sandbox:
        async with client(sandbox) as cal:
            before = await free(cal)
            slot = (await cal.slots.search(event_type_id=THIRTY, **DAY)).first()
            booking = await cal.bookings.create(start=slot.start, event_type_id=THIRTY, attendee=ADA)
            assert await free(cal) == before - {slot.start}
            with pytest.raises(BadRequestError, match="already has booking"):
                await cal.bookings.create(start=slot.start, event_type_id=THIRTY, attendee=BEA)
            moved = await cal.bookings.reschedule(booking.uid, start=at(15), reason="Later")
            assert await free(cal) == before - {at(15)}
            assert {row.uid async for row in cal.bookings.list(status="upcoming")} == {moved.uid}
            await cal.bookings.cancel(moved.uid, reason="Ill")
            assert await free(cal) == before
            assert {row.uid async for row in cal.bookings.list(status="cancelled")} == {booking.uid, moved.uid}


async def test_a_schedule_decides_which_slots_are_free():
    """A new schedule changes the slots of its event types, and a day off removes them all."""
    with running_sandbox() as sandbox:
        async with client(sandbox) as cal:
            evening = Availability(days=["Wednesday"], start_time="18:00", end_time="19:00")
            schedule = await cal.schedules.create(name="Evening", time_zone="Europe/Lisbon", availability=[evening])
            body = CreateEventType(title="Late", slug="late", length_in_minutes=30, schedule_id=schedule.id)
            late = await cal.event_types.create(body)
            days = await cal.slots.search(event_type_id=late.id, **WHOLE_WEEK)
            assert [slot.start for slot in days.slots()] == [at(18), at(18.5)]
            await cal.schedules.update(schedule.id, overrides=[Override.day_off("2026-11-04")])
            assert await cal.slots.search(event_type_id=late.id, **WHOLE_WEEK) == {}


async def test_a_booking_that_needs_confirmation():
    """A booking that needs confirmation is unconfirmed until decided, and declining frees its time."""
    with running_sandbox() as sandbox:
        async with client(sandbox) as cal:
            policy = ConfirmationPolicy(type="always", block_unconfirmed_bookings_in_booker=True)
            body = CreateEventType(title="Ask", slug="ask", length_in_minutes=30, confirmation_policy=policy)
            event_type = await cal.event_types.create(body)
            first, second = [await book(cal, hour, event_type.id) for hour in (9, 10)]
            assert {row.uid async for row in cal.bookings.list(status="unconfirmed")} == {first.uid, second.uid}
            await cal.bookings.confirm(first.uid)
            await cal.bookings.decline(second.uid, reason="Full")
            assert [row.uid async for row in cal.bookings.list(status="unconfirmed")] == []
            assert {at(9), at(10)} - await free(cal, event_type.id) == {at(9)}


async def test_a_reserved_slot():
    """A reserved slot is not free for others until the reservation expires."""
    with running_sandbox() as sandbox:
        async with client(sandbox) as cal:
            other = cal.with_credentials("cal_sandbox_bo")
            await cal.slots.reservations.create(event_type_id=THIRTY, start=at(9))
            assert at(9) not in await free(other)
            sandbox.clock.move(minutes=6)
            assert at(9) in await free(other)


@pytest.mark.servers("hosted", "self-hosted-2025-12")
async def test_a_round_robin_team():
    """A team's event type is found by slug, booked until every host is busy, and listed with the team."""
    with running_sandbox() as sandbox:
        async with client(sandbox) as cal:
            team = cal.organization(ORGANIZATION).team(SALES)
            demo = await team.event_types.create(
                CreateTeamEventType(
                    title="Demo",
                    slug="demo",
                    length_in_minutes=60,
                    scheduling_type="ROUND_ROBIN",
                    hosts=[Host(user_id=ANA), Host(user_id=BO)],
                )
            )
            event_type = {"event_type_slug": "demo", "team_slug": "sales", "organization_slug": "sandbox-org"}
            days = await cal.slots.search(**event_type, **WHOLE_WEEK)
            [start] = [slot.start for slot in days.slots() if slot.start == at(15)]
            booking = await cal.bookings.create(start=start, attendee=ADA, **event_type)
            assert booking.event_type.id == demo.id
            assert [row.uid async for row in team.bookings.list(status="upcoming")] == [booking.uid]
            other = await cal.bookings.create(start=start, attendee=BEA, **event_type)
            assert {booking.hosts[0].id, other.hosts[0].id} == {ANA, BO}
            with pytest.raises(BadRequestError, match="One of the hosts"):
                await cal.bookings.create(start=start, attendee=EVE, **event_type)
            assert (await cal.bookings.create(start=start, attendee=ADA, **event_type)).uid == booking.uid, (
                "a repeat is safe"
            )
            assert at(15) not in {slot.start for slot in (await cal.slots.search(**event_type, **WHOLE_WEEK)).slots()}


async def test_a_race_for_one_slot():
    """Of eight concurrent bookings of one slot one succeeds, and the others raise SlotTakenError."""
    with running_sandbox() as sandbox:
        async with client(sandbox) as cal:
            attempts = [book(cal, 9) for _ in range(8)]
            results = await asyncio.gather(*attempts, return_exceptions=True)
        losers = [result for result in results if isinstance(result, BadRequestError | ConflictError)]
        assert len(losers) == 7
        assert len(sandbox.store.bookings) == 1


# --- many bookings


async def test_export_with_ties_is_complete(tmp_path):
    """An export writes bookings with equal times exactly once, although plain pagination would lose some."""
    file = tmp_path / "bookings.jsonl"
    with running_sandbox(bookings=900, ties=True) as sandbox:
        async with client(sandbox) as cal:
            report = await export(cal, ExportJob(take=60), file, strict=True)
    uids = [json.loads(line)["uid"] for line in file.read_text("utf-8").splitlines()]
    assert len(uids) == report.rows == 900
    assert set(uids) == set(sandbox.store.bookings)


def add_newest_booking(store: Store) -> None:
    """Create one more booking, which shifts every row of a list that starts with the newest."""
    newest = max(store.bookings.values(), key=lambda booking: booking.id)
    created_at = newest.created_at + timedelta(seconds=1)
    store.bookings[f"new-{newest.id}"] = msgspec.structs.replace(
        newest, id=newest.id + 1, uid=f"new-{newest.id}", created_at=created_at
    )


async def test_a_list_while_others_book():
    """Rows that shift during a list are returned once, and no row that existed from the start is missing."""
    with running_sandbox(bookings=300) as sandbox:
        before = set(sandbox.store.bookings)
        sandbox.faults.after_each("GET", "/v2/bookings", add_newest_booking)
        async with client(sandbox) as cal:
            uids = [row.uid async for row in cal.bookings.list(sort_created="desc", take=50)]
        assert len(sandbox.store.bookings) > 300
    assert len(uids) == len(set(uids))
    assert before <= set(uids)


async def append_uids(pages: Pages[Booking], uids: list[str]) -> None:
    """Append the uids one by one, so that an error keeps those that came before."""
    async for booking in pages:
        uids.append(booking.uid)  # noqa: PERF401 - those before an error count


async def test_a_list_resumes_after_an_unreadable_page():
    """After a malformed page the same list resumes with that page."""
    with running_sandbox(bookings=300) as sandbox:
        sandbox.faults.add("GET", "/v2/bookings", invalid_body=True, after=2)
        async with client(sandbox) as cal:
            pages, uids = cal.bookings.list(take=50), []
            with pytest.raises(DecodeError, match="not JSON"):
                await append_uids(pages, uids)
            assert len(uids) == 100
            await append_uids(pages, uids)
        assert [request.query["skip"] for request in sent_requests(sandbox)] == [
            "0",
            "50",
            "100",
            "100",
            "150",
            "200",
            "250",
        ]
    assert len(uids) == len(set(uids)) == 300


# --- faults


@pytest.mark.parametrize("fault", [{"cut": "before"}, {"cut": "after"}, {"status": 503}, {"truncated": True}], ids=str)
async def test_reads_are_retried(fault):
    """A read whose response is lost is retried without the caller noticing."""
    with running_sandbox() as sandbox:
        sandbox.faults.add("GET", "/v2/me", times=2, **fault)
        async with client(sandbox) as cal:
            assert (await cal.me.get()).username == "ana"
            assert cal.stats().retries == 2
        assert [request.endpoint for request in sent_requests(sandbox)] == ["GET /me"] * 3


@pytest.mark.parametrize(
    ("fault", "kind", "bookings"),
    [
        ({"cut": "before"}, ConnectionFailedError, 0),
        ({"cut": "after"}, ConnectionFailedError, 1),
        ({"truncated": True}, ConnectionFailedError, 1),
        ({"invalid_body": True}, DecodeError, 1),
        ({"status": 502, "html": True}, ServerError, 0),
        ({"status": 500}, ServerError, 0),
    ],
    ids=str,
)
async def test_a_create_is_not_retried(fault, kind, bookings):
    """A create whose response is lost is not retried, and the error says that the server may have acted."""
    with running_sandbox() as sandbox:
        sandbox.faults.add("POST", "/v2/bookings", times=5, **fault)
        async with client(sandbox) as cal:
            with pytest.raises(kind) as caught:
                await book(cal, 9)
        assert len(sandbox.requests) == 1
        assert len(sandbox.store.bookings) == bookings
        if isinstance(caught.value, TransportError):
            assert caught.value.sent is True


async def test_a_booking_can_be_found_after_a_lost_response():
    """After a lost response the booking can be found by its attendee and time."""
    with running_sandbox() as sandbox:
        sandbox.faults.add("POST", "/v2/bookings", cut="after")
        async with client(sandbox) as cal:
            with pytest.raises(TransportError):
                await book(cal, 9)
            matches = cal.bookings.list(attendee_email=ADA.email, after_start=at(9), before_end=at(9.5))
            assert [booking.uid async for booking in matches] == list(sandbox.store.bookings)


async def test_a_create_after_a_429():
    """A create rejected by the rate limit is retried, and the booking is created once."""
    with running_sandbox() as sandbox:
        sandbox.faults.add("POST", "/v2/bookings", status=429)
        async with client(sandbox) as cal:
            booking = await book(cal, 9)
        assert list(sandbox.store.bookings) == [booking.uid]
        assert [request.status for request in sandbox.requests] == [429, 201]


async def test_an_unreachable_server():
    """The error for an unreachable server has `sent=False`."""
    with running_sandbox() as sandbox:
        cal = client(sandbox, max_attempts=2)
    with pytest.raises(RuntimeError):
        _ = sandbox.url
    async with cal:
        with pytest.raises(ConnectionFailedError, match="cannot connect") as caught:
            await book(cal, 9)
    assert caught.value.sent is False


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ({"invalid_body": True}, DecodeError, "not JSON"),
        ({"truncated": True}, ConnectionFailedError, "lost before the response was complete"),
        ({"html": True}, ServerError, "not a response of Cal.com: 502 Bad Gateway"),
        ({"status": 200, "body": {"status": "success", "data": ["x"]}}, DecodeError, r"\$\.data"),
    ],
    ids=["garbage", "truncated", "proxy", "another shape"],
)
async def test_a_permanent_fault(fault, kind, message):
    """A fault that does not pass raises the error of its kind, with the reason."""
    with running_sandbox() as sandbox:
        sandbox.faults.add("GET", "/v2/me", times=20, **fault)
        async with client(sandbox) as cal:
            with pytest.raises(kind, match=message):
                await cal.me.get()
        assert 1 <= len(sandbox.requests) <= cal.config.max_attempts


# --- the rate limit


@pytest.mark.slow
async def test_many_calls_under_a_small_limit():
    """Many concurrent calls under an unknown limit all succeed, with at most one 429."""
    with running_sandbox(now=None, rate_limit=5, window=0.3, block=0.3) as sandbox:
        async with client(sandbox, limiter=None) as cal:
            users = await asyncio.gather(*(cal.me.get() for _ in range(8)))
        rejected = [request for request in sandbox.requests if request.status == 429]
    assert len(users) == 8
    assert len(rejected) <= 1


async def test_many_calls_with_max_wait_zero():
    """With `max_wait=0` a call beyond the limit raises an error at once and is not sent."""
    with running_sandbox(rate_limit=5) as sandbox:
        async with client(sandbox, max_wait=0, rate_limit=5, limiter=None) as cal:
            results = await asyncio.gather(*(cal.me.get() for _ in range(12)), return_exceptions=True)
        rejected = [result for result in results if isinstance(result, RateLimitedError)]
        assert len(rejected) + len(sandbox.requests) == 12
        assert len(sandbox.requests) <= 5
        assert {request.status for request in sandbox.requests} == {200}


async def test_each_key_has_its_own_limit():
    """If one key has used up its limit, another key is not delayed."""
    with running_sandbox(rate_limit=5) as sandbox:
        async with client(sandbox, max_wait=0, rate_limit=5, limiter=None) as cal:
            for _ in range(5):
                await cal.schedules.default()
            with pytest.raises(RateLimitedError):
                await cal.schedules.default()
            assert (await cal.with_credentials("cal_sandbox_bo").me.get()).username == "bo"
