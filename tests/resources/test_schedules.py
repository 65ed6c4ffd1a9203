"""Schedules: weekly hours, overrides, the default schedule, and rejections."""

from __future__ import annotations

from datetime import date, time

import pytest
from sent_requests import ANA, SentRequest, last_request

from calcom_async import BadRequestError, ForbiddenError, InvalidRequestError, NotFoundError
from calcom_async.models import Availability, Override, Schedule, Weekday

VERSION = "2024-06-11"
WEEK = [Weekday.MONDAY, Weekday.TUESDAY, Weekday.WEDNESDAY, Weekday.THURSDAY, Weekday.FRIDAY]
OFFICE = Availability(days=WEEK, start_time="09:00", end_time="17:00")


async def test_list(cal, calcom_sandbox):
    """All schedules are typed and fetched with one request."""
    rows = await cal.schedules.list().collect()
    assert [(schedule.name, schedule.time_zone, schedule.is_default, schedule.owner_id) for schedule in rows] == [
        ("Working hours", "Europe/Lisbon", True, ANA)
    ]
    assert rows[0].availability == [OFFICE]
    assert [entry.query for entry in calcom_sandbox.requests] == [[]]
    assert last_request(calcom_sandbox) == SentRequest("GET", "/schedules", {}, None, VERSION)


async def test_get_and_default(cal, calcom_sandbox):
    """`default` returns the same schedule as `get` with its id."""
    default = await cal.schedules.default()
    assert last_request(calcom_sandbox) == SentRequest("GET", "/schedules/default", {}, None, VERSION)
    assert isinstance(default, Schedule)
    assert await cal.schedules.get(default.id) == default
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/schedules/{default.id}", {}, None, VERSION)


async def test_no_default(cal):
    """After the default schedule is deleted, `default` returns None."""
    default = await cal.schedules.default()
    assert default is not None
    assert await cal.schedules.delete(default.id) is None
    assert await cal.schedules.default() is None


async def test_create(cal, calcom_sandbox):
    """`isDefault` is always sent; without hours the server sets Monday to Friday, 9 to 17."""
    schedule = await cal.schedules.create(name="Plain", time_zone="Europe/Rome")
    body = {"name": "Plain", "timeZone": "Europe/Rome", "isDefault": False}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/schedules", {}, body, VERSION)
    assert (schedule.name, schedule.time_zone, schedule.is_default, schedule.availability, schedule.overrides) == (
        "Plain",
        "Europe/Rome",
        False,
        [OFFICE],
        [],
    )


@pytest.mark.parametrize(
    "days", [[1, 2], ["Monday", "tuesday"], [Weekday.MONDAY, Weekday.TUESDAY], range(1, 3), (1, "TUESDAY")]
)
async def test_days_in_any_form(cal, calcom_sandbox, days):
    """Days are numbers from Sunday, members or names, and are sent as names."""
    hours = Availability(days=days, start_time=time(8, 30), end_time="12:00")
    schedule = await cal.schedules.create(name="Short", time_zone="UTC", availability=[hours])
    assert last_request(calcom_sandbox).body["availability"] == [
        {"days": ["Monday", "Tuesday"], "startTime": "08:30", "endTime": "12:00"}
    ]
    assert schedule.availability == [hours]


async def test_overrides(cal, calcom_sandbox):
    """An override is a date with its own hours; a day off is sent as midnight to midnight."""
    overrides = [
        Override(date=date(2026, 12, 24), start_time="09:00", end_time="12:00"),
        Override.day_off("2026-12-25"),
    ]
    schedule = await cal.schedules.create(name="Feasts", time_zone="UTC", is_default=True, overrides=overrides)
    assert last_request(calcom_sandbox).body["overrides"] == [
        {"date": "2026-12-24", "startTime": "09:00", "endTime": "12:00"},
        {"date": "2026-12-25", "startTime": "00:00", "endTime": "00:00"},
    ]
    assert (schedule.overrides, schedule.is_default) == (overrides, True)
    assert await cal.schedules.default() == schedule


async def test_empty_hours(cal, calcom_sandbox):
    """An empty list of hours is sent; UNSET is the default week."""
    schedule = await cal.schedules.create(name="Never", time_zone="UTC", availability=[])
    assert last_request(calcom_sandbox).body["availability"] == []
    assert schedule.availability == []


async def test_update(cal, calcom_sandbox):
    """Only given fields are sent; a list replaces the whole list."""
    schedule = await cal.schedules.create(name="Old", time_zone="UTC", overrides=[Override.day_off("2026-12-25")])
    sunday = Availability(days=[0], start_time="10:00", end_time="11:00")
    changed = await cal.schedules.update(schedule.id, name="New", availability=[sunday])
    body = {"name": "New", "availability": [{"days": ["Sunday"], "startTime": "10:00", "endTime": "11:00"}]}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/schedules/{schedule.id}", {}, body, VERSION)
    assert (changed.name, changed.availability, changed.overrides) == ("New", [sunday], schedule.overrides)
    assert (await cal.schedules.update(schedule.id)) == changed
    assert last_request(calcom_sandbox).body == {}


async def test_default_moves(cal):
    """Making a schedule the default unsets the other; `is_default=False` does not unset it."""
    before = await cal.schedules.default()
    schedule = await cal.schedules.create(name="New", time_zone="UTC")
    assert (await cal.schedules.update(schedule.id, is_default=True)).is_default
    assert (await cal.schedules.update(schedule.id, is_default=False)).is_default
    assert not (await cal.schedules.get(before.id)).is_default


async def test_delete(cal, calcom_sandbox):
    """Deleting returns None; deleting twice raises BadRequestError, as on the real server."""
    schedule = await cal.schedules.create(name="Gone", time_zone="UTC")
    assert await cal.schedules.delete(schedule.id) is None
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/schedules/{schedule.id}", {}, None, VERSION)
    with pytest.raises(BadRequestError, match="does not exist"):
        await cal.schedules.delete(schedule.id)


async def test_rejections(cal):
    """An unknown schedule is not found, another user's is forbidden, and an invalid field is named."""
    own = await cal.schedules.default()
    with pytest.raises(NotFoundError, match="ID=999 does not exist"):
        await cal.schedules.get(999)
    with pytest.raises(ForbiddenError, match="does not own schedule"):
        await cal.with_credentials("cal_sandbox_bo").schedules.get(own.id)
    with pytest.raises(BadRequestError) as caught:
        await cal.schedules.create(name="x", time_zone="Mars/Base")
    assert list(caught.value.fields) == ["timeZone"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": [7]},
        {"days": "Monday"},
        {"days": ["Mon"]},
        {"start_time": "9:00"},
        {"end_time": "24:00"},
        {"start_time": time(9, 0, 30)},
    ],
)
async def test_invalid_hours(cal, wrong):
    """Days and times that the server would reject or misread raise before a request is sent."""
    hours = Availability(**{"days": [1], "start_time": "09:00", "end_time": "10:00"} | wrong)
    with pytest.raises(InvalidRequestError, match=r"day|start_time|end_time"):
        await cal.schedules.update(1, availability=[hours])
