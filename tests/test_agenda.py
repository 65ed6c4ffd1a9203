"""`cal.agenda`: the bookings of the user, day by day."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any

import pytest
from sent_requests import ADA, BO, MONDAY, ORGANIZATION, SALES, SIXTY, THIRTY, at, book

from calcom_async import Calcom, InvalidRequestError
from calcom_async.models import Attendee, ConfirmationPolicy, CreateEventType, CreateTeamEventType, Host
from calcom_async.sandbox import Sandbox

WEDNESDAY = date(2026, 11, 4)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


@pytest.fixture
async def cal(sandbox: Sandbox) -> AsyncIterator[Calcom]:
    async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
        yield cal


def uids(day: Any) -> list[str]:
    return [booking.uid for booking in day.bookings]


async def test_days_and_their_bookings(cal: Calcom) -> None:
    """Each day has its accepted bookings by start; a day without any is empty, and cancelled ones are left out."""
    late, early = await book(cal, 15), await book(cal, 9)
    cancelled, friday = await book(cal, 11), await cal.book(start=at(9, day=6), event_type_id=THIRTY, attendee=ADA)
    await cal.bookings.cancel(cancelled.uid, reason="Ill")
    wednesday, thursday, last = await cal.agenda(WEDNESDAY, days=3)
    assert (wednesday.day, thursday.day) == (WEDNESDAY, date(2026, 11, 5))
    assert (uids(wednesday), uids(thursday), uids(last)) == ([early.uid, late.uid], [], [friday.uid])


async def test_days_are_those_of_the_time_zone(cal: Calcom) -> None:
    """A booking over midnight of the time zone is on both days."""
    booking = await book(cal, 14.5, event_type_id=SIXTY)  # 23:30 to 00:30 in Tokyo
    tokyo = await cal.agenda("2026-11-03", days=4, time_zone="Asia/Tokyo")
    assert [uids(day) for day in tokyo] == [[], [booking.uid], [booking.uid], []]
    assert [uids(day) for day in await cal.agenda(WEDNESDAY, days=2)] == [[booking.uid], []]


async def test_pending_bookings_are_listed(cal: Calcom) -> None:
    """A booking that waits for confirmation is on the agenda; a declined one is not."""
    policy = ConfirmationPolicy(type="always", block_unconfirmed_bookings_in_booker=True)
    body = CreateEventType(title="Ask", slug="ask", length_in_minutes=30, confirmation_policy=policy)
    event_type = await cal.event_types.create(body)
    pending, declined = [await book(cal, hour, event_type.id) for hour in (9, 10)]
    await cal.bookings.decline(declined.uid)
    [day] = await cal.agenda(WEDNESDAY)
    assert uids(day) == [pending.uid]


async def test_bookings_of_colleagues_are_left_out(cal: Calcom) -> None:
    """An admin lists the bookings of the team, but the agenda has only those with the admin as host or attendee."""
    demo = (
        await cal.organization(ORGANIZATION)
        .team(SALES)
        .event_types.create(
            CreateTeamEventType(
                title="Demo", slug="demo", length_in_minutes=60, scheduling_type="ROUND_ROBIN", hosts=[Host(user_id=BO)]
            )
        )
    )
    of_colleague = await book(cal, 15, demo.id)
    as_attendee = await book(
        cal, 16, demo.id, Attendee(name="Ana", email="ANA@sandbox.test", time_zone="Europe/Lisbon")
    )
    assert of_colleague.uid in {row.uid async for row in cal.bookings.list()}
    assert [uids(day) for day in await cal.agenda(WEDNESDAY)] == [[as_attendee.uid]]


async def test_a_booking_without_a_readable_time_has_no_day(cal: Calcom, sandbox: Sandbox) -> None:
    """A booking whose start is unreadable does no harm."""
    await book(cal, 9)
    request = await cal.request("GET", "/v2/bookings")
    [row] = request["data"]
    body = json.dumps({**request, "data": [row | {"start": "soon"}]})
    sandbox.faults.add("GET", "/v2/bookings", body=body)
    assert [uids(day) for day in await cal.agenda(WEDNESDAY)] == [[]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "soon"}, "start must be a date"),
        ({"start": date.max}, "start is out of range"),
        ({"start": date.min}, "start is out of range"),
        ({"start": WEDNESDAY, "days": 0}, "days must be an integer from 1 to 366"),
        ({"start": WEDNESDAY, "days": True}, "days must be an integer from 1 to 366"),
        ({"start": WEDNESDAY, "time_zone": "Mars/Base"}, "unknown time zone"),
    ],
    ids=str,
)
async def test_invalid_arguments(arguments: dict[str, Any], message: str, cal: Calcom, sandbox: Sandbox) -> None:
    """An invalid argument raises before the list is requested."""
    with pytest.raises(InvalidRequestError, match=message):
        await cal.agenda(**arguments)
    assert "/v2/bookings" not in {request.path for request in sandbox.requests}
