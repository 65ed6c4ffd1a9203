"""Out of office: entries of one user and of all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sent_requests import ANA, BO, CY, ORGANIZATION, SALES, SentRequest, last_request

from calcom_async import BadRequestError, ConflictError, ForbiddenError
from calcom_async.models import OutOfOfficeEntry

MARCH = {"start": date(2027, 3, 2), "end": date(2027, 3, 5)}
PATH = f"/organizations/1/users/{BO}/ooo"


def out_of_office_of(cal, user_id):
    """Return the out-of-office entries of one user."""
    return cal.organization(ORGANIZATION).user(user_id).out_of_office


@pytest.fixture
def bo(cal):
    """Return Bo's out-of-office entries."""
    return out_of_office_of(cal, BO)


@pytest.fixture
def all_entries(cal):
    """Return the out-of-office entries of the organization."""
    return cal.organization(ORGANIZATION).out_of_office


async def test_create(bo, calcom_sandbox):
    """Dates are sent as times in UTC and returned as whole days; every field is sent under its name."""
    entry = await bo.create(**MARCH, notes="away", to_user_id=CY, reason="vacation")
    body = {"start": "2027-03-02T00:00:00Z", "end": "2027-03-05T00:00:00Z"}
    body |= {"notes": "away", "toUserId": CY, "reason": "vacation"}
    assert last_request(calcom_sandbox) == SentRequest("POST", PATH, {}, body, None)
    assert isinstance(entry, OutOfOfficeEntry)
    assert entry.start == datetime(2027, 3, 2, tzinfo=UTC)
    assert entry.end == datetime(2027, 3, 6, tzinfo=UTC) - timedelta(milliseconds=1)
    assert (entry.user_id, entry.to_user_id, entry.notes, entry.reason) == (BO, CY, "away", "vacation")


async def test_away_days_have_no_slots(cal):
    """A host who is away has no slots on these days, and the same slots on other days."""
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
    entry = await bo.create(start=start, end=start)
    assert last_request(calcom_sandbox).body == {"start": "2027-03-01T23:00:00Z", "end": "2027-03-01T23:00:00Z"}
    assert (entry.start.date(), entry.end.date(), entry.reason) == (date(2027, 3, 1), date(2027, 3, 1), "unspecified")
    with pytest.raises(ValueError, match="must have a time zone"):
        await bo.create(start=datetime(2027, 3, 2), end=date(2027, 3, 3))  # noqa: DTZ001 - on purpose
    assert len(calcom_sandbox.requests) == 1


async def test_update_and_delete(bo, calcom_sandbox):
    """An update sends the given fields; deleting returns the entry."""
    entry = await bo.create(**MARCH)
    changed = await bo.update(entry.id, notes="changed", reason="sick", to_user_id=CY)
    body = {"notes": "changed", "reason": "sick", "toUserId": CY}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{PATH}/{entry.id}", {}, body, None)
    assert (changed.notes, changed.reason, changed.to_user_id, changed.start) == ("changed", "sick", CY, entry.start)
    moved = await bo.update(entry.id, start=date(2027, 4, 1), end=date(2027, 4, 1))
    assert last_request(calcom_sandbox).body == {"start": "2027-04-01T00:00:00Z", "end": "2027-04-01T00:00:00Z"}
    assert moved.start == datetime(2027, 4, 1, tzinfo=UTC)
    assert await bo.delete(entry.id) == moved
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{PATH}/{entry.id}", {}, None, None)
    assert await bo.list().collect() == []


async def test_lists(cal, bo, all_entries, calcom_sandbox):
    """Entries are listed of one user, of all or of an email address, optionally sorted, page by page."""
    entries = [
        await out_of_office_of(cal, who).create(start=day, end=day)
        for who, day in ((BO, date(2027, 3, n)) for n in (9, 2))
    ]
    entries.append(await out_of_office_of(cal, CY).create(start=date(2027, 3, 5), end=date(2027, 3, 8)))
    ids = [entry.id for entry in entries]
    assert [entry.id async for entry in bo.list()] == ids[:2]
    assert last_request(calcom_sandbox) == SentRequest("GET", PATH, {"take": "250", "skip": "0"}, None, None)
    assert [entry.id async for entry in bo.list(sort_end="asc", take=1)] == [ids[1], ids[0]]
    assert last_request(calcom_sandbox).query == {"sortEnd": "asc", "take": "1", "skip": "2"}
    assert [entry.id async for entry in all_entries.list()] == ids
    assert [entry.id async for entry in all_entries.list(sort_start="desc")] == [ids[0], ids[2], ids[1]]
    assert last_request(calcom_sandbox).query["sortStart"] == "desc"
    assert [entry.id async for entry in all_entries.list(email="cy@sandbox.test")] == [ids[2]]
    assert last_request(calcom_sandbox).endpoint == "GET /organizations/1/ooo"
    assert [entry.id async for entry in all_entries.list(sort_end="asc")] == [ids[1], ids[2], ids[0]]


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (MARCH, ConflictError, "already exists"),
        ({"start": date(2027, 5, 2), "end": date(2027, 5, 1)}, BadRequestError, "before end"),
        ({**MARCH, "start": date(2027, 3, 1), "to_user_id": BO}, BadRequestError, "to self"),
        ({**MARCH, "start": date(2027, 3, 1), "to_user_id": 4}, BadRequestError, "to this user"),
        ({**MARCH, "start": date(2027, 3, 1), "reason": "bored"}, BadRequestError, "unspecified, vacation"),
    ],
)
async def test_rejections(bo, arguments, kind, words):
    """Duplicate days, days in the wrong order and invalid substitutes are rejected."""
    await bo.create(**MARCH)
    with pytest.raises(kind, match=words):
        await bo.create(**arguments)


async def test_a_start_without_an_end(bo):
    """An update of the start without the end is rejected."""
    entry = await bo.create(**MARCH)
    with pytest.raises(BadRequestError, match="both ooo start and end"):
        await bo.update(entry.id, start=date(2027, 3, 1))


async def test_circular_substitutes(cal, bo):
    """A substitute cannot refer bookings of the same days back."""
    await bo.create(**MARCH, to_user_id=CY)
    with pytest.raises(BadRequestError, match="infinite"):
        await out_of_office_of(cal, CY).create(**MARCH, to_user_id=BO)


async def test_entries_of_others(cal, bo):
    """Other users' entries, users outside the organization and requests of members are a ForbiddenError."""
    entry = await bo.create(**MARCH)
    with pytest.raises(ForbiddenError, match="does not belong"):
        await out_of_office_of(cal, ANA).delete(entry.id)
    with pytest.raises(ForbiddenError, match="IsUserInOrg"):
        await out_of_office_of(cal, 4).list().collect()
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await out_of_office_of(cal.with_credentials("cal_sandbox_cy"), CY).list().collect()


@pytest.mark.parametrize(
    ("entries_of", "path", "user_id"),
    [
        (lambda cal: cal.me.out_of_office, "/me/ooo", ANA),
        (lambda cal: cal.team(SALES).user(BO).out_of_office, f"/teams/{SALES}/users/{BO}/ooo", BO),
    ],
)
async def test_entries_of_oneself_and_of_team_members(cal, calcom_sandbox, entries_of, path, user_id):
    """The current user and members of a team have the same operations, at other paths."""
    entries = entries_of(cal)
    entry = await entries.create(**MARCH, notes="away", reason="travel")
    assert last_request(calcom_sandbox).endpoint == f"POST {path}"
    assert (entry.user_id, entry.notes, entry.reason) == (user_id, "away", "travel")
    assert await entries.list(sort_start="asc").collect() == [entry]
    query = {"sortStart": "asc", "take": "250", "skip": "0"}
    assert last_request(calcom_sandbox) == SentRequest("GET", path, query, None, None)
    changed = await entries.update(entry.id, reason="sick")
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{path}/{entry.id}", {}, {"reason": "sick"}, None)
    with pytest.raises(ConflictError):
        await entries.create(**MARCH)
    assert await entries.delete(entry.id) == changed
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{path}/{entry.id}", {}, None, None)
    assert await entries.list().collect() == []


async def test_entries_of_others_are_forbidden(cal):
    """Entries of another user, and users outside the team, raise `ForbiddenError`."""
    entry = await cal.team(SALES).user(BO).out_of_office.create(**MARCH)
    with pytest.raises(ForbiddenError, match="does not belong"):
        await cal.me.out_of_office.delete(entry.id)
    with pytest.raises(ForbiddenError, match="IsUserInTeam"):
        await cal.team(SALES).user(4).out_of_office.list().collect()
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await cal.with_credentials("cal_sandbox_cy").team(SALES).user(BO).out_of_office.list().collect()
