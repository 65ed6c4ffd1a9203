"""Booking limits of the user: over all event types, and of teams."""

from __future__ import annotations

from datetime import date

import pytest
from sent_requests import ANA, BO, SALES, SIXTY, THIRTY, SentRequest, at, book, last_request

from calcom_async import BadRequestError, ForbiddenError, NotFoundError
from calcom_async.models import UpdateUserBookingLimits as Changes, UserBookingLimits

WEEK = {"start": date(2026, 11, 2), "end": date(2026, 11, 8)}


@pytest.fixture
def team_event_type(calcom_sandbox):
    """A round robin of the Sales team with Ana and Bo, whose team allows two bookings per day."""
    event_type = {"title": "Intro", "slug": "intro", "lengthInMinutes": 60, "schedulingType": "roundRobin"}
    event_type["hosts"] = [{"userId": ANA}, {"userId": BO}]
    calcom_sandbox.run(lambda: calcom_sandbox.store.teams[SALES].update(booking_limits={"perDay": 2, "perWeek": 9}))
    return event_type


async def test_limits_are_merged(cal, calcom_sandbox):
    """An update sets the given limits, null removes one, and all four are returned."""
    assert await cal.me.booking_limits.get() == UserBookingLimits()
    assert last_request(calcom_sandbox) == SentRequest("GET", "/me/booking-limits", {}, None, None)
    await cal.me.booking_limits.update(Changes(per_day=3, per_week=9))
    limits = await cal.me.booking_limits.update(Changes(per_day=None, per_year=100))
    body = {"perDay": None, "perYear": 100}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", "/me/booking-limits", {}, body, None)
    assert limits == await cal.me.booking_limits.get() == UserBookingLimits(per_week=9, per_year=100)


async def test_delete(cal, calcom_sandbox):
    """Deleting removes all limits; the response has no body, and a repetition is no error."""
    await cal.me.booking_limits.update(Changes(per_month=1))
    for _ in range(2):
        assert await cal.me.booking_limits.delete() is None
    assert last_request(calcom_sandbox) == SentRequest("DELETE", "/me/booking-limits", {}, None, None)
    assert await cal.me.booking_limits.get() == UserBookingLimits()


async def test_zero_is_no_limit(cal):
    """The server rejects a limit below 1."""
    with pytest.raises(BadRequestError):
        await cal.me.booking_limits.update(Changes(per_day=0))


async def test_only_members_of_an_organization_have_limits(cal, calcom_sandbox):
    """Another user gets a `ForbiddenError`."""
    calcom_sandbox.run(lambda: calcom_sandbox.store.users[ANA].update(organization_id=None))
    with pytest.raises(ForbiddenError):
        await cal.me.booking_limits.get()


async def test_a_full_day_has_no_slots_and_no_bookings(cal):
    """The limit counts accepted bookings of all event types; on a full day nothing is free any more."""
    await cal.me.booking_limits.update(Changes(per_day=2))
    await book(cal, 9, THIRTY)
    assert date(2026, 11, 4) in await cal.slots.search(event_type_id=THIRTY, **WEEK)
    second = await book(cal, 11, SIXTY)
    days = await cal.slots.search(event_type_id=THIRTY, **WEEK)
    assert date(2026, 11, 4) not in days
    assert date(2026, 11, 5) in days
    with pytest.raises(BadRequestError, match="not available"):
        await book(cal, 15, THIRTY)
    await cal.bookings.cancel(second.uid, reason="moved")
    assert (await book(cal, 15, THIRTY)).status == "accepted"


async def test_a_booking_of_a_full_day_can_be_moved_within_it(cal):
    """A booking that moves does not count against itself."""
    await cal.me.booking_limits.update(Changes(per_day=1))
    booking = await book(cal, 9)
    assert (await cal.bookings.reschedule(booking.uid, start=at(15))).start == at(15)


async def test_a_full_week(cal):
    """A weekly limit blocks the rest of the week from Sunday to Saturday."""
    await cal.me.booking_limits.update(Changes(per_week=1))
    await book(cal)
    days = await cal.slots.search(event_type_id=SIXTY, start=date(2026, 11, 2), end=date(2026, 11, 13))
    assert min(days) == date(2026, 11, 9)


async def test_limits_of_teams(cal, calcom_sandbox, team_event_type):
    """Teams where the user is a round-robin host show their limits, the user's own and those that count."""
    limits = await cal.me.team_booking_limits.list()
    assert last_request(calcom_sandbox) == SentRequest("GET", "/me/team-booking-limits", {}, None, None)
    assert (limits.teams, limits.global_limit, limits.is_overcommitted) == ([], None, False)

    await cal.request("POST", f"/v2/teams/{SALES}/event-types", body=team_event_type)
    await cal.me.booking_limits.update(Changes(per_week=4))
    changed = await cal.me.team_booking_limits.update(SALES, Changes(per_day=1))
    assert last_request(calcom_sandbox) == SentRequest(
        "PATCH", f"/me/team-booking-limits/{SALES}", {}, {"perDay": 1}, None
    )
    limits = await cal.me.team_booking_limits.list()
    assert limits.teams == [changed]
    assert (changed.team_id, changed.team_name) == (SALES, "Sales")
    assert changed.team_limit == UserBookingLimits(per_day=2, per_week=9)
    assert changed.member_limit == UserBookingLimits(per_day=1)
    assert changed.effective_limit == UserBookingLimits(per_day=1, per_week=4)
    assert limits.global_limit == UserBookingLimits(per_week=4)

    await cal.me.team_booking_limits.delete(SALES)
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/me/team-booking-limits/{SALES}", {}, None, None)
    assert (await cal.me.team_booking_limits.list()).teams[0].member_limit is None
    with pytest.raises(NotFoundError):
        await cal.me.team_booking_limits.delete(SALES)


async def test_a_full_host_of_a_round_robin_is_passed_over(cal, team_event_type):
    """When a host has as many bookings of the team as allowed, the others get the next ones."""
    response = await cal.request("POST", f"/v2/teams/{SALES}/event-types", body=team_event_type)
    event_type_id = response["data"]["id"]
    await cal.me.team_booking_limits.update(SALES, Changes(per_day=1))
    hosts = [(await book(cal, hour, event_type_id)).hosts[0].id for hour in (14, 15, 16)]
    assert hosts.count(ANA) == 1
    assert hosts.count(BO) == 2
    with pytest.raises(BadRequestError):
        await book(cal, 17, event_type_id)


async def test_a_team_without_limits_cannot_be_changed(cal):
    """A user who is not a round-robin host of the team gets a `BadRequestError`."""
    with pytest.raises(BadRequestError):
        await cal.me.team_booking_limits.update(SALES, Changes(per_day=1))
