"""Organisations: their teams, a list that the server cuts, and bookings of everybody in them."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from fakes import ok_response
from sent_requests import (
    ADA,
    ANA,
    BO,
    CY,
    ORGANIZATION,
    SALES,
    SUPPORT,
    THIRTY,
    SentRequest,
    at,
    last_request,
    sent_requests,
)

from calcom_async import (
    ForbiddenError,
    IncompleteListError,
    IncompleteListWarning,
    InvalidRequestError,
    NotFoundError,
    ServerError,
)
from calcom_async.events import Observer
from calcom_async.models import Booking, CreateTeam, CreateTeamEventType, EventType, Host, UpdateTeam
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import ResourceContext
from calcom_async.resources.teams import OrganizationTeams
from calcom_async.responses import Response
from calcom_async.sandbox.accounts.teams import new_team

BASE = f"/organizations/{ORGANIZATION}"


async def test_teams_crud(cal, calcom_sandbox):
    """Teams are created, read, updated and deleted below the organization."""
    teams = cal.organization(ORGANIZATION).teams
    made = await teams.create(CreateTeam(name="Field"))
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{BASE}/teams", {}, {"name": "Field"}, None)
    assert made.parent_id == ORGANIZATION
    assert await teams.get(made.id) == made
    assert (await teams.update(made.id, UpdateTeam(name="Field", bio="Out there"))).bio == "Out there"
    body = {"name": "Field", "bio": "Out there"}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{BASE}/teams/{made.id}", {}, body, None)
    assert (await teams.delete(made.id)).id == made.id
    assert last_request(calcom_sandbox).endpoint == f"DELETE {BASE}/teams/{made.id}"
    with pytest.raises(NotFoundError, match="IsTeamInOrg"):
        await teams.get(made.id)


async def test_teams_list(cal, calcom_sandbox):
    """A short list of teams takes one request without `take` and `skip`, to which some servers return 500."""
    found = await cal.organization(ORGANIZATION).teams.list().collect()
    assert [(one.id, one.name, one.role) for one in found] == [(SALES, "Sales", None), (SUPPORT, "Support", None)]
    assert [(one.path, one.query) for one in sent_requests(calcom_sandbox)] == [(f"{BASE}/teams", {})]


async def test_own_teams(cal, calcom_sandbox):
    """`list_mine` returns the caller's role; members see only their own teams."""
    mine = await cal.organization(ORGANIZATION).teams.list_mine().collect()
    assert last_request(calcom_sandbox).path == f"{BASE}/teams/me"
    assert [(one.name, one.role, one.accepted) for one in mine] == [
        ("Sales", "OWNER", True),
        ("Support", "OWNER", True),
    ]
    cy = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION)
    assert [(one.name, one.role) async for one in cy.teams.list_mine()] == [("Sales", "MEMBER")]


def _grow(sandbox, count):
    """Create teams until the organization has this many."""
    for number in range(count - 2):
        new_team(sandbox.store, {"name": f"Team {number}"}, creator_id=ANA, parent_id=ORGANIZATION)


@pytest.mark.parametrize("which", ["list", "list_mine"])
async def test_cut_list_warns(cal, calcom_sandbox, which):
    """If the server always returns the first 250, the list ends with each team once and a warning."""
    calcom_sandbox.run(lambda: _grow(calcom_sandbox, 253))
    pages = getattr(cal.organization(ORGANIZATION).teams, which)()
    with pytest.warns(IncompleteListWarning, match="after 250 rows the server returned the same rows again"):
        found = await pages.collect()
    assert len({one.id for one in found}) == len(found) == 250
    assert len(calcom_sandbox.requests) == 2


async def test_cut_list_is_an_error_when_strict(cal, calcom_sandbox):
    """With `strict=True` an incomplete list raises an error with the number of rows seen."""
    calcom_sandbox.run(lambda: _grow(calcom_sandbox, 260))
    with pytest.raises(IncompleteListError) as caught:
        await cal.organization(ORGANIZATION).teams.list(strict=True).collect()
    assert caught.value.seen == 250


class Builds:
    """Servers that return 500 for a query, ignore it, or use it."""

    def __init__(self, build: str, count: int) -> None:
        self.rows = [{"id": number, "name": "T"} for number in range(count)]
        self.build = build
        self.queries: list[str] = []

    async def __call__(self, request: Request, context: CallContext) -> Response:
        self.queries.append(request.query)
        query = dict(parse_qsl(request.query))
        if query and self.build == "fails":
            assert context.final_status == 500, "five requests would be spent"
            raise ServerError("no", status=500)
        skip = int(query.get("skip", 0)) if self.build == "reads" else 0
        return ok_response(self.rows[skip : skip + 250])

    def teams(self) -> OrganizationTeams:
        return OrganizationTeams(ResourceContext(self, Observer(None)), "/organizations/{}", 1)


@pytest.mark.parametrize("which", ["list", "list_mine"])
@pytest.mark.parametrize(
    ("build", "count", "found", "requests"),
    [("fails", 3, 3, 1), ("ignores", 3, 3, 1), ("reads", 3, 3, 1), ("reads", 600, 600, 3)],
)
async def test_teams_of_every_build(which, build, count, found, requests):
    """If the server uses `skip` all teams are returned; no server costs more requests than it has pages."""
    server = Builds(build, count)
    assert len(await getattr(server.teams(), which)().collect()) == found
    assert len(server.queries) == requests


async def test_a_build_that_fails_on_a_query_is_remembered():
    """After one 500 the list is read without a query, then and later, and `skip` is done here."""
    server = Builds("fails", 250)
    teams = server.teams()
    with pytest.warns(IncompleteListWarning, match="the server returned the same rows again"):
        assert len(await teams.list().collect()) == 250
    assert server.queries == ["", "take=250&skip=250", ""]
    server.rows = server.rows[:3]
    assert [one.id async for one in teams.list(skip=2)] == [2]
    assert server.queries[3:] == [""]


async def test_another_failure_is_no_reason_to_leave_out_the_query(cal, calcom_sandbox):
    """A 503 is retried with the query; a 500 is not, and the list is read without one."""
    path = f"/v2{BASE}/teams"
    for status, queries in ((503, [{"take": "250", "skip": "1"}] * 2), (500, [{"take": "250", "skip": "1"}, {}])):
        calcom_sandbox.faults.add("GET", path, status=status)
        calcom_sandbox.requests.clear()
        assert await cal.organization(ORGANIZATION).teams.list(skip=1).collect()
        assert [one.query for one in sent_requests(calcom_sandbox)] == queries


async def test_small_pages_of_a_list_that_ignores_them(cal, calcom_sandbox):
    """Asked for small pages, such a list gives every team once, and no warning where none can be missing."""
    found = await cal.organization(ORGANIZATION).teams.list(take=1).collect()
    assert [one.id for one in found] == [SALES, SUPPORT]


async def test_team_event_types(cal, calcom_sandbox):
    """A team of an organization has event types below its own path, with the same shape."""
    types = cal.organization(ORGANIZATION).team(SALES).event_types
    body = CreateTeamEventType(
        title="Demo", slug="demo", length_in_minutes=30, scheduling_type="collective", hosts=[Host(user_id=BO)]
    )
    made = await types.create(body)
    assert last_request(calcom_sandbox).path == f"{BASE}/teams/{SALES}/event-types"
    assert isinstance(made, EventType)
    assert [one.id async for one in types.list(event_slug="demo")] == [made.id]
    assert last_request(calcom_sandbox) == SentRequest(
        "GET", f"{BASE}/teams/{SALES}/event-types", {"eventSlug": "demo"}, None, None
    )
    assert (await types.get(made.id)).id == made.id
    assert (await types.delete(made.id)).id == made.id
    assert last_request(calcom_sandbox).endpoint == f"DELETE {BASE}/teams/{SALES}/event-types/{made.id}"


@pytest.fixture
async def bookings(cal):
    """One booking of Ana's own, one of the Sales team that Bo hosts: (own, team's)."""
    own = await cal.bookings.create(start=at(9), event_type_id=THIRTY, attendee=ADA)
    demo = CreateTeamEventType(
        title="Demo", slug="demo", length_in_minutes=30, scheduling_type="collective", hosts=[Host(user_id=BO)]
    )
    made = await cal.organization(ORGANIZATION).team(SALES).event_types.create(demo)
    of_team = await cal.bookings.create(start=at(15), event_type_id=made.id, attendee=ADA)
    return own, of_team


async def test_bookings_of_the_organization(cal, calcom_sandbox, bookings):
    """The organization's list has the bookings of all members and teams, with a total."""
    own, of_team = bookings
    pages = cal.organization(ORGANIZATION).bookings.list()
    found = await pages.collect()
    assert all(isinstance(one, Booking) for one in found)
    assert [one.uid for one in found] == [own.uid, of_team.uid]
    assert pages.total == 2
    query = {"take": "250", "skip": "0"}
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{BASE}/bookings", query, None, None)


async def test_bookings_of_some_users(cal, calcom_sandbox, bookings):
    """Only this list can be narrowed to users."""
    own, of_team = bookings
    lists = cal.organization(ORGANIZATION).bookings
    assert [one.uid async for one in lists.list(user_ids=[BO])] == [of_team.uid]
    assert last_request(calcom_sandbox).query["userIds"] == str(BO)
    assert [one.uid async for one in lists.list(user_ids=[ANA, CY])] == [own.uid]
    assert last_request(calcom_sandbox).query["userIds"] == f"{ANA},{CY}"


async def test_bookings_of_a_team(cal, calcom_sandbox, bookings):
    """A team's list holds its bookings alone, and so does the filter by team of the other lists."""
    _, of_team = bookings
    team = cal.organization(ORGANIZATION).team(SALES)
    assert [one.uid async for one in team.bookings.list(attendee_email=ADA.email)] == [of_team.uid]
    assert last_request(calcom_sandbox).path == f"{BASE}/teams/{SALES}/bookings"
    assert [one.uid async for one in cal.team(SALES).bookings.list()] == [of_team.uid]
    assert last_request(calcom_sandbox).path == f"/teams/{SALES}/bookings"
    everything = cal.organization(ORGANIZATION).bookings
    assert [one.uid async for one in everything.list(team_ids=[SALES])] == [of_team.uid]
    assert [one.uid async for one in everything.list(team_id=SALES)] == [of_team.uid]
    assert await team.bookings.references(of_team.uid) == []
    assert last_request(calcom_sandbox).path == f"{BASE}/teams/{SALES}/bookings/{of_team.uid}/references"


async def test_bookings_of_a_user(cal, calcom_sandbox, bookings):
    """A member's list holds the bookings of that member."""
    own, of_team = bookings
    organization = cal.organization(ORGANIZATION)
    assert [one.uid async for one in organization.user(BO).bookings.list()] == [of_team.uid]
    assert last_request(calcom_sandbox).path == f"{BASE}/users/{BO}/bookings"
    assert [one.uid async for one in organization.user(ANA).bookings.list(status="upcoming")] == [own.uid]


@pytest.mark.parametrize(
    "unknown",
    [{"team_ids": [1]}, {"after_created_at": at(9)}, {"sort_updated_at": "asc"}, {"user_ids": [1]}, {"updated": 1}],
    ids=lambda given: next(iter(given)),
)
async def test_filters_that_a_team_list_lacks(cal, calcom_sandbox, unknown):
    """A filter that the server would silently ignore is rejected, with the list of valid ones."""
    with pytest.raises(InvalidRequestError, match=f"unknown filter '{next(iter(unknown))}'.*attendee_email"):
        cal.team(SALES).bookings.list(**unknown)
    assert calcom_sandbox.requests == []


async def test_roles(cal):
    """Operations of admins are forbidden to members; an unknown organization is forbidden, not missing."""
    cy = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION)
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await cy.bookings.list().first_page()
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await cy.teams.list().first()
    with pytest.raises(ForbiddenError, match="IsOrgGuard"):
        await cal.organization(99).teams.list().first()


def test_ids_are_checked_where_they_are_given(calcom_client):
    """A wrong id raises where it is written, not at the first call."""
    cal = calcom_client()
    with pytest.raises(InvalidRequestError, match="id in a path"):
        cal.organization("..")
    with pytest.raises(InvalidRequestError, match="id in a path"):
        cal.organization(1).team("")
