"""Schedules of an organization's users and of team members."""

from __future__ import annotations

import pytest
from sent_requests import ANA, BO, CY, ORGANIZATION, SALES, SUPPORT, SentRequest, last_request, sent_requests

from calcom_async import BadRequestError, ForbiddenError
from calcom_async.models import Availability, CreateTeamEventType, Host


@pytest.mark.parametrize(
    ("scope", "path", "owners"),
    [
        (lambda cal: cal.organization(ORGANIZATION), "/organizations/1/schedules", [ANA, BO, CY]),
        (lambda cal: cal.team(SUPPORT), "/teams/3/schedules", [ANA, BO]),
        (lambda cal: cal.organization(ORGANIZATION).team(SUPPORT), "/organizations/1/teams/3/schedules", [ANA, BO]),
    ],
)
async def test_lists(cal, calcom_sandbox, scope, path, owners):
    """The schedules of all members are listed by id, in pages."""
    schedules = scope(cal).schedules
    assert [schedule.owner_id async for schedule in schedules.list()] == owners
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {"take": "250", "skip": "0"}, None, None)
    assert [schedule.owner_id async for schedule in schedules.list(take=1)] == owners
    assert [request.query["skip"] for request in sent_requests(calcom_sandbox)[1:]] == [
        str(n) for n in range(len(owners) + 1)
    ]


async def test_by_event_type(cal, calcom_sandbox):
    """A team of an organization lists the schedules that apply to an event type's hosts."""
    body = CreateTeamEventType(
        title="Intro", slug="tea", length_in_minutes=30, scheduling_type="roundRobin", hosts=[Host(user_id=BO)]
    )
    event_type = await cal.organization(ORGANIZATION).team(SALES).event_types.create(body)
    await cal.organization(ORGANIZATION).user(BO).schedules.create(name="x", time_zone="UTC")
    schedules = cal.organization(ORGANIZATION).team(SALES).schedules
    schedules_found = [schedule async for schedule in schedules.list(event_type_id=event_type.id)]
    assert last_request(calcom_sandbox).query["eventTypeId"] == str(event_type.id)
    assert [(schedule.owner_id, schedule.is_default) for schedule in schedules_found] == [(BO, True)]
    assert [schedule async for schedule in schedules.list_for_user(BO, event_type_id=event_type.id)] == schedules_found
    path = f"/organizations/1/teams/{SALES}/users/{BO}/schedules"
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {"eventTypeId": str(event_type.id)}, None, None)


async def test_of_one_member(cal, calcom_sandbox):
    """A member's schedules are one response; a user outside the team has none."""
    schedules = cal.organization(ORGANIZATION).team(SUPPORT).schedules
    assert [schedule.owner_id async for schedule in schedules.list_for_user(BO)] == [BO]
    assert last_request(calcom_sandbox).query == {}
    with pytest.raises(ForbiddenError, match="IsUserInOrgTeam"):
        await schedules.list_for_user(CY).collect()


async def test_an_admin_edits_the_schedules_of_a_user(cal, calcom_sandbox):
    """The class for one's own schedules works for those of a user too, with the same version header."""
    schedules = cal.organization(ORGANIZATION).user(CY).schedules
    nights = [Availability(days=["Saturday"], start_time="20:00", end_time="22:00")]
    schedule = await schedules.create(name="Nights", time_zone="UTC", availability=nights)
    path = f"/organizations/1/users/{CY}/schedules"
    assert (last_request(calcom_sandbox).endpoint, last_request(calcom_sandbox).version) == (
        f"POST {path}",
        None,
    )
    assert (schedule.owner_id, schedule.availability, schedule.is_default) == (CY, nights, False)
    assert await schedules.get(schedule.id) == schedule
    assert (await schedules.update(schedule.id, name="Late nights", is_default=True)).is_default
    assert [row.name async for row in schedules.list()] == ["Working hours", "Late nights"]
    await schedules.delete(schedule.id)
    assert last_request(calcom_sandbox).endpoint == f"DELETE {path}/{schedule.id}"
    with pytest.raises(BadRequestError, match="does not exist"):
        await schedules.delete(schedule.id)


async def test_schedules_of_others(cal):
    """The schedule of another user is rejected below this user, and members are forbidden to use any of it."""
    schedules = cal.organization(ORGANIZATION).user(CY).schedules
    [anas] = await cal.schedules.list().collect()
    with pytest.raises(ForbiddenError, match=f"User with ID={CY} does not own schedule"):
        await schedules.get(anas.id)
    mere = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).user(CY).schedules
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await mere.list().collect()
