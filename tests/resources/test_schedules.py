"""Schedules: weekly hours and overrides, the default one, refusals."""

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
    found = await cal.schedules.list().collect()
    assert [(one.name, one.time_zone, one.is_default, one.owner_id) for one in found] == [
        ("Working hours", "Europe/Lisbon", True, ANA)
    ]
    assert found[0].availability == [OFFICE]
    assert [entry.query for entry in calcom_sandbox.requests] == [[]]
    assert last_request(calcom_sandbox) == SentRequest("GET", "/schedules", {}, None, VERSION)


async def test_get_and_default(cal, calcom_sandbox):
    """The default schedule is the one that a read by its id gives."""
    default = await cal.schedules.default()
    assert last_request(calcom_sandbox) == SentRequest("GET", "/schedules/default", {}, None, VERSION)
    assert isinstance(default, Schedule)
    assert await cal.schedules.get(default.id) == default
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/schedules/{default.id}", {}, None, VERSION)


async def test_no_default_is_none(cal):
    """Deleting the default schedule leaves none, so the default is None."""
    default = await cal.schedules.default()
    assert default is not None
    assert await cal.schedules.delete(default.id) is None
    assert await cal.schedules.default() is None


async def test_create(cal, calcom_sandbox):
    """`isDefault` is always sent; without hours the server gives Monday to Friday, 9 to 17."""
    made = await cal.schedules.create(name="Plain", time_zone="Europe/Rome")
    body = {"name": "Plain", "timeZone": "Europe/Rome", "isDefault": False}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/schedules", {}, body, VERSION)
    assert (made.name, made.time_zone, made.is_default, made.availability, made.overrides) == (
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
    """Days are numbers from Sunday, members or names, and travel as names."""
    hours = Availability(days=days, start_time=time(8, 30), end_time="12:00")
    made = await cal.schedules.create(name="Short", time_zone="UTC", availability=[hours])
    assert last_request(calcom_sandbox).body["availability"] == [
        {"days": ["Monday", "Tuesday"], "startTime": "08:30", "endTime": "12:00"}
    ]
    assert made.availability == [hours]


async def test_overrides(cal, calcom_sandbox):
    """An override is a date with hours of its own; a day off is written as midnight to midnight."""
    overrides = [
        Override(date=date(2026, 12, 24), start_time="09:00", end_time="12:00"),
        Override.day_off("2026-12-25"),
    ]
    made = await cal.schedules.create(name="Feasts", time_zone="UTC", is_default=True, overrides=overrides)
    assert last_request(calcom_sandbox).body["overrides"] == [
        {"date": "2026-12-24", "startTime": "09:00", "endTime": "12:00"},
        {"date": "2026-12-25", "startTime": "00:00", "endTime": "00:00"},
    ]
    assert (made.overrides, made.is_default) == (overrides, True)
    assert await cal.schedules.default() == made


async def test_empty_is_not_unset(cal, calcom_sandbox):
    """No hours at all is an empty list, which is sent; UNSET would be the standard week."""
    made = await cal.schedules.create(name="Never", time_zone="UTC", availability=[])
    assert last_request(calcom_sandbox).body["availability"] == []
    assert made.availability == []


async def test_update(cal, calcom_sandbox):
    """Only given fields are sent; a list replaces the whole list."""
    made = await cal.schedules.create(name="Old", time_zone="UTC", overrides=[Override.day_off("2026-12-25")])
    sunday = Availability(days=[0], start_time="10:00", end_time="11:00")
    changed = await cal.schedules.update(made.id, name="New", availability=[sunday])
    body = {"name": "New", "availability": [{"days": ["Sunday"], "startTime": "10:00", "endTime": "11:00"}]}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/schedules/{made.id}", {}, body, VERSION)
    assert (changed.name, changed.availability, changed.overrides) == ("New", [sunday], made.overrides)
    assert (await cal.schedules.update(made.id)) == changed
    assert last_request(calcom_sandbox).body == {}


async def test_default_moves(cal):
    """Making a schedule the default unsets the other; `is_default=False` does not unset it."""
    before = await cal.schedules.default()
    made = await cal.schedules.create(name="New", time_zone="UTC")
    assert (await cal.schedules.update(made.id, is_default=True)).is_default
    assert (await cal.schedules.update(made.id, is_default=False)).is_default
    assert not (await cal.schedules.get(before.id)).is_default


async def test_delete(cal, calcom_sandbox):
    """Deleting returns None; deleting twice raises BadRequestError, as on the real server."""
    made = await cal.schedules.create(name="Gone", time_zone="UTC")
    assert await cal.schedules.delete(made.id) is None
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/schedules/{made.id}", {}, None, VERSION)
    with pytest.raises(BadRequestError, match="does not exist"):
        await cal.schedules.delete(made.id)


async def test_refusals(cal):
    """An unknown schedule is not found, another user's is forbidden, and an invalid field is named."""
    mine = await cal.schedules.default()
    with pytest.raises(NotFoundError, match="ID=999 does not exist"):
        await cal.schedules.get(999)
    with pytest.raises(ForbiddenError, match="does not own schedule"):
        await cal.with_credentials("cal_sandbox_bo").schedules.get(mine.id)
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
async def test_wrong_hours_are_refused_here(cal, wrong):
    """Days and times that the server would refuse or misread raise where they are written."""
    hours = Availability(**{"days": [1], "start_time": "09:00", "end_time": "10:00"} | wrong)
    with pytest.raises(InvalidRequestError, match=r"day|start_time|end_time"):
        await cal.schedules.update(1, availability=[hours])
