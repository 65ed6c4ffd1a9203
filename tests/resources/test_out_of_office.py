"""Out of office: entered, listed for one user and for all, changed, deleted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sent_requests import ANA, BO, CY, ORGANIZATION, SentRequest, last_request

from calcom_async import BadRequestError, ConflictError, ForbiddenError
from calcom_async.models import OutOfOfficeEntry

MARCH = {"start": date(2027, 3, 2), "end": date(2027, 3, 5)}
PATH = f"/organizations/1/users/{BO}/ooo"


def out_of_office_of(cal, user_id):
    """Days off of one user."""
    return cal.organization(ORGANIZATION).user(user_id).out_of_office


@pytest.fixture
def bo(cal):
    """Bo's days off."""
    return out_of_office_of(cal, BO)


@pytest.fixture
def everybody(cal):
    """Out-of-office entries of the whole organization."""
    return cal.organization(ORGANIZATION).out_of_office


async def test_create(bo, calcom_sandbox):
    """Dates are sent as times in UTC and returned as whole days; every field is sent under its name."""
    made = await bo.create(**MARCH, notes="away", to_user_id=CY, reason="vacation")
    body = {"start": "2027-03-02T00:00:00Z", "end": "2027-03-05T00:00:00Z"}
    body |= {"notes": "away", "toUserId": CY, "reason": "vacation"}
    assert last_request(calcom_sandbox) == SentRequest("POST", PATH, {}, body, None)
    assert isinstance(made, OutOfOfficeEntry)
    assert made.start == datetime(2027, 3, 2, tzinfo=UTC)
    assert made.end == datetime(2027, 3, 6, tzinfo=UTC) - timedelta(milliseconds=1)
    assert (made.user_id, made.to_user_id, made.notes, made.reason) == (BO, CY, "away", "vacation")


async def test_away_days_have_no_slots(cal):
    """A host who is away offers nothing on those days, and all the other days as before."""
    event_type = (await cal.event_types.list().collect())[0]
    week = {"event_type_id": event_type.id, "start": date(2027, 3, 1), "end": date(2027, 3, 5)}
    before = await cal.slots.search(**week)
    await out_of_office_of(cal, ANA).create(start=date(2027, 3, 2), end=date(2027, 3, 3))
    after = await cal.slots.search(**week)
    assert {*before} - {*after} == {date(2027, 3, 2), date(2027, 3, 3)}
    assert all(after[day] == before[day] for day in after)


async def test_times_are_of_utc(bo, calcom_sandbox):
    """A datetime is sent in UTC, so its day may differ; a naive one is rejected before it is sent."""
    tokyo = timezone(timedelta(hours=9))
    start = datetime(2027, 3, 2, 8, tzinfo=tokyo)
    made = await bo.create(start=start, end=start)
    assert last_request(calcom_sandbox).body == {"start": "2027-03-01T23:00:00Z", "end": "2027-03-01T23:00:00Z"}
    assert (made.start.date(), made.end.date(), made.reason) == (date(2027, 3, 1), date(2027, 3, 1), "unspecified")
    with pytest.raises(ValueError, match="must have a time zone"):
        await bo.create(start=datetime(2027, 3, 2), end=date(2027, 3, 3))  # noqa: DTZ001 - on purpose
    assert len(calcom_sandbox.requests) == 1


async def test_update_and_delete(bo, calcom_sandbox):
    """An update sends the given fields; deleting returns the entry."""
    made = await bo.create(**MARCH)
    changed = await bo.update(made.id, notes="changed", reason="sick", to_user_id=CY)
    body = {"notes": "changed", "reason": "sick", "toUserId": CY}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{PATH}/{made.id}", {}, body, None)
    assert (changed.notes, changed.reason, changed.to_user_id, changed.start) == ("changed", "sick", CY, made.start)
    moved = await bo.update(made.id, start=date(2027, 4, 1), end=date(2027, 4, 1))
    assert last_request(calcom_sandbox).body == {"start": "2027-04-01T00:00:00Z", "end": "2027-04-01T00:00:00Z"}
    assert moved.start == datetime(2027, 4, 1, tzinfo=UTC)
    assert await bo.delete(made.id) == moved
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{PATH}/{made.id}", {}, None, None)
    assert await bo.list().collect() == []


async def test_lists(cal, bo, everybody, calcom_sandbox):
    """Entries are listed of one user, of all or of an email address, optionally sorted, page by page."""
    made = [
        await out_of_office_of(cal, who).create(start=day, end=day)
        for who, day in ((BO, date(2027, 3, n)) for n in (9, 2))
    ]
    made.append(await out_of_office_of(cal, CY).create(start=date(2027, 3, 5), end=date(2027, 3, 8)))
    ids = [one.id for one in made]
    assert [one.id async for one in bo.list()] == ids[:2]
    assert last_request(calcom_sandbox) == SentRequest("GET", PATH, {"take": "250", "skip": "0"}, None, None)
    assert [one.id async for one in bo.list(sort_end="asc", take=1)] == [ids[1], ids[0]]
    assert last_request(calcom_sandbox).query == {"sortEnd": "asc", "take": "1", "skip": "2"}
    assert [one.id async for one in everybody.list()] == ids
    assert [one.id async for one in everybody.list(sort_start="desc")] == [ids[0], ids[2], ids[1]]
    assert last_request(calcom_sandbox).query["sortStart"] == "desc"
    assert [one.id async for one in everybody.list(email="cy@sandbox.test")] == [ids[2]]
    assert last_request(calcom_sandbox).endpoint == "GET /organizations/1/ooo"
    assert [one.id async for one in everybody.list(sort_end="asc")] == [ids[1], ids[2], ids[0]]


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (MARCH, ConflictError, "already exists"),
        ({"start": date(2027, 5, 2), "end": date(2027, 5, 1)}, BadRequestError, "before end"),
        ({**MARCH, "start": date(2027, 3, 1), "to_user_id": BO}, BadRequestError, "to self"),
        ({**MARCH, "start": date(2027, 3, 1), "to_user_id": 4}, BadRequestError, "to this user"),
        ({**MARCH, "start": date(2027, 3, 1), "reason": "bored"}, BadRequestError, "unspecified, vacation"),
    ],
)
async def test_what_cannot_be(bo, given, kind, words):
    """Duplicate days, days in the wrong order and invalid substitutes are rejected."""
    await bo.create(**MARCH)
    with pytest.raises(kind, match=words):
        await bo.create(**given)


async def test_days_go_in_pairs(bo):
    """A start without an end is refused."""
    made = await bo.create(**MARCH)
    with pytest.raises(BadRequestError, match="both ooo start and end"):
        await bo.update(made.id, start=date(2027, 3, 1))


async def test_no_circles(cal, bo):
    """Who stands in for somebody cannot send bookings back on the same days."""
    await bo.create(**MARCH, to_user_id=CY)
    with pytest.raises(BadRequestError, match="infinite"):
        await out_of_office_of(cal, CY).create(**MARCH, to_user_id=BO)


async def test_whose_entries(cal, bo):
    """Other people's entries, strangers and mere members are all a ForbiddenError."""
    made = await bo.create(**MARCH)
    with pytest.raises(ForbiddenError, match="does not belong"):
        await out_of_office_of(cal, ANA).delete(made.id)
    with pytest.raises(ForbiddenError, match="IsUserInOrg"):
        await out_of_office_of(cal, 4).list().collect()
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await out_of_office_of(cal.with_credentials("cal_sandbox_cy"), CY).list().collect()
