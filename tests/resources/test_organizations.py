"""Organizations: their teams, an incomplete list, and the bookings of all members."""

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
    team = await teams.create(CreateTeam(name="Field"))
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{BASE}/teams", {}, {"name": "Field"}, None)
    assert team.parent_id == ORGANIZATION
    assert await teams.get(team.id) == team
    assert (await teams.update(team.id, UpdateTeam(name="Field", bio="Out there"))).bio == "Out there"
    body = {"name": "Field", "bio": "Out there"}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{BASE}/teams/{team.id}", {}, body, None)
    assert (await teams.delete(team.id)).id == team.id
    assert last_request(calcom_sandbox).endpoint == f"DELETE {BASE}/teams/{team.id}"
    with pytest.raises(NotFoundError, match="IsTeamInOrg"):
        await teams.get(team.id)


async def test_teams_list(cal, calcom_sandbox):
    """A short list of teams takes one request without `take` and `skip`, to which some servers return 500."""
    teams_found = await cal.organization(ORGANIZATION).teams.list().collect()
    assert [(team.id, team.name, team.role) for team in teams_found] == [
        (SALES, "Sales", None),
        (SUPPORT, "Support", None),
    ]
    assert [(request.path, request.query) for request in sent_requests(calcom_sandbox)] == [(f"{BASE}/teams", {})]


async def test_own_teams(cal, calcom_sandbox):
    """`list_mine` returns the caller's role; members see only their own teams."""
    own_teams = await cal.organization(ORGANIZATION).teams.list_mine().collect()
    assert last_request(calcom_sandbox).path == f"{BASE}/teams/me"
    assert [(team.name, team.role, team.accepted) for team in own_teams] == [
        ("Sales", "OWNER", True),
        ("Support", "OWNER", True),
    ]
    cy = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION)
    assert [(team.name, team.role) async for team in cy.teams.list_mine()] == [("Sales", "MEMBER")]


def _create_teams(sandbox, count):
    """Create teams until the organization has this many."""
    for number in range(count - 2):
        new_team(sandbox.store, {"name": f"Team {number}"}, creator_id=ANA, parent_id=ORGANIZATION)


@pytest.mark.parametrize("which", ["list", "list_mine"])
async def test_an_incomplete_list_warns(cal, calcom_sandbox, which):
    """If the server always returns the first 250, the list ends with each team once and a warning."""
    calcom_sandbox.run(lambda: _create_teams(calcom_sandbox, 253))
    pages = getattr(cal.organization(ORGANIZATION).teams, which)()
    with pytest.warns(IncompleteListWarning, match="after 250 rows the server returned the same rows again"):
        teams_found = await pages.collect()
    assert len({team.id for team in teams_found}) == len(teams_found) == 250
    assert len(calcom_sandbox.requests) == 2


async def test_an_incomplete_list_is_an_error_when_strict(cal, calcom_sandbox):
    """With `strict=True` an incomplete list raises an error with the number of rows seen."""
    calcom_sandbox.run(lambda: _create_teams(calcom_sandbox, 260))
    with pytest.raises(IncompleteListError) as caught:
        await cal.organization(ORGANIZATION).teams.list(strict=True).collect()
    assert caught.value.seen == 250


class FakeTeamsServer:
    """A server that rejects a query with 500, ignores it, or uses it."""

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
    ("build", "count", "expected", "requests"),
    [("fails", 3, 3, 1), ("ignores", 3, 3, 1), ("reads", 3, 3, 1), ("reads", 600, 600, 3)],
)
async def test_teams_of_every_build(which, build, count, expected, requests):
    """If the server uses `skip`, all teams are returned; no server needs more requests than it has pages."""
    server = FakeTeamsServer(build, count)
    assert len(await getattr(server.teams(), which)().collect()) == expected
    assert len(server.queries) == requests


async def test_a_server_that_fails_on_a_query_is_remembered():
    """After a 500 this and later lists are requested without a query, and `skip` is applied by the client."""
    server = FakeTeamsServer("fails", 250)
    teams = server.teams()
    with pytest.warns(IncompleteListWarning, match="the server returned the same rows again"):
        assert len(await teams.list().collect()) == 250
    assert server.queries == ["", "take=250&skip=250", ""]
    server.rows = server.rows[:3]
    assert [team.id async for team in teams.list(skip=2)] == [2]
    assert server.queries[3:] == [""]


async def test_a_503_does_not_omit_the_query(cal, calcom_sandbox):
    """A 503 is retried with the query; a 500 is not, and the list is read without one."""
    path = f"/v2{BASE}/teams"
    for status, queries in ((503, [{"take": "250", "skip": "1"}] * 2), (500, [{"take": "250", "skip": "1"}, {}])):
        calcom_sandbox.faults.add("GET", path, status=status)
        calcom_sandbox.requests.clear()
        assert await cal.organization(ORGANIZATION).teams.list(skip=1).collect()
        assert [request.query for request in sent_requests(calcom_sandbox)] == queries


async def test_small_pages_of_a_server_that_ignores_them(cal, calcom_sandbox):
    """With small pages the list returns every team once, without a warning if none can be missing."""
    teams_found = await cal.organization(ORGANIZATION).teams.list(take=1).collect()
    assert [team.id for team in teams_found] == [SALES, SUPPORT]


async def test_team_event_types(cal, calcom_sandbox):
    """A team of an organization has event types below its own path, with the same shape."""
    types = cal.organization(ORGANIZATION).team(SALES).event_types
    body = CreateTeamEventType(
        title="Demo", slug="demo", length_in_minutes=30, scheduling_type="collective", hosts=[Host(user_id=BO)]
    )
    event_type = await types.create(body)
    assert last_request(calcom_sandbox).path == f"{BASE}/teams/{SALES}/event-types"
    assert isinstance(event_type, EventType)
    assert [row.id async for row in types.list(event_slug="demo")] == [event_type.id]
    assert last_request(calcom_sandbox) == SentRequest(
        "GET", f"{BASE}/teams/{SALES}/event-types", {"eventSlug": "demo"}, None, None
    )
    assert (await types.get(event_type.id)).id == event_type.id
    assert (await types.delete(event_type.id)).id == event_type.id
    assert last_request(calcom_sandbox).endpoint == f"DELETE {BASE}/teams/{SALES}/event-types/{event_type.id}"


@pytest.fixture
async def bookings(cal):
    """Create a booking of Ana and one of the Sales team with Bo as host."""
    own = await cal.bookings.create(start=at(9), event_type_id=THIRTY, attendee=ADA)
    demo = CreateTeamEventType(
        title="Demo", slug="demo", length_in_minutes=30, scheduling_type="collective", hosts=[Host(user_id=BO)]
    )
    event_type = await cal.organization(ORGANIZATION).team(SALES).event_types.create(demo)
    of_team = await cal.bookings.create(start=at(15), event_type_id=event_type.id, attendee=ADA)
    return own, of_team


async def test_bookings_of_the_organization(cal, calcom_sandbox, bookings):
    """The organization's list has the bookings of all members and teams, with a total."""
    own, of_team = bookings
    pages = cal.organization(ORGANIZATION).bookings.list()
    rows = await pages.collect()
    assert all(isinstance(booking, Booking) for booking in rows)
    assert [booking.uid for booking in rows] == [own.uid, of_team.uid]
    assert pages.total == 2
    query = {"take": "250", "skip": "0"}
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{BASE}/bookings", query, None, None)


async def test_bookings_of_some_users(cal, calcom_sandbox, bookings):
    """Only the list of the organization can be filtered by users."""
    own, of_team = bookings
    lists = cal.organization(ORGANIZATION).bookings
    assert [booking.uid async for booking in lists.list(user_ids=[BO])] == [of_team.uid]
    assert last_request(calcom_sandbox).query["userIds"] == str(BO)
    assert [booking.uid async for booking in lists.list(user_ids=[ANA, CY])] == [own.uid]
    assert last_request(calcom_sandbox).query["userIds"] == f"{ANA},{CY}"


async def test_bookings_of_a_team(cal, calcom_sandbox, bookings):
    """A team's list has only its bookings, as do other lists filtered by team."""
    _, of_team = bookings
    team = cal.organization(ORGANIZATION).team(SALES)
    assert [booking.uid async for booking in team.bookings.list(attendee_email=ADA.email)] == [of_team.uid]
    assert last_request(calcom_sandbox).path == f"{BASE}/teams/{SALES}/bookings"
    assert [booking.uid async for booking in cal.team(SALES).bookings.list()] == [of_team.uid]
    assert last_request(calcom_sandbox).path == f"/teams/{SALES}/bookings"
    everything = cal.organization(ORGANIZATION).bookings
    assert [booking.uid async for booking in everything.list(team_ids=[SALES])] == [of_team.uid]
    assert [booking.uid async for booking in everything.list(team_id=SALES)] == [of_team.uid]
    assert await team.bookings.references(of_team.uid) == []
    assert last_request(calcom_sandbox).path == f"{BASE}/teams/{SALES}/bookings/{of_team.uid}/references"


async def test_bookings_of_a_user(cal, calcom_sandbox, bookings):
    """A member's list holds the bookings of that member."""
    own, of_team = bookings
    organization = cal.organization(ORGANIZATION)
    assert [booking.uid async for booking in organization.user(BO).bookings.list()] == [of_team.uid]
    assert last_request(calcom_sandbox).path == f"{BASE}/users/{BO}/bookings"
    assert [booking.uid async for booking in organization.user(ANA).bookings.list(status="upcoming")] == [own.uid]


@pytest.mark.parametrize(
    "unknown",
    [{"team_ids": [1]}, {"user_ids": [1]}, {"updated": 1}],
    ids=lambda filters: next(iter(filters)),
)
async def test_filters_that_a_team_list_lacks(cal, calcom_sandbox, unknown):
    """A filter that the server would silently ignore is rejected, with the list of valid ones."""
    with pytest.raises(InvalidRequestError, match=f"unknown filter '{next(iter(unknown))}'.*attendee_email"):
        cal.team(SALES).bookings.list(**unknown)
    assert calcom_sandbox.requests == []


async def test_a_team_list_is_filtered_by_its_changes(cal, calcom_sandbox):
    """Lists of teams have had the filters and the sort by creation and update since September 2026."""
    await cal.team(SALES).bookings.list(after_created_at=at(9), sort_updated_at="asc").collect()
    query = last_request(calcom_sandbox).query
    assert (query["afterCreatedAt"], query["sortUpdatedAt"]) == ("2026-11-04T09:00:00Z", "asc")


async def test_roles(cal):
    """Members are forbidden to call operations of admins; an unknown organization is forbidden too."""
    cy = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION)
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await cy.bookings.list().first_page()
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await cy.teams.list().first()
    with pytest.raises(ForbiddenError, match="IsOrgGuard"):
        await cal.organization(99).teams.list().first()


def test_ids_are_checked_at_once(calcom_client):
    """An invalid id raises when it is passed, not at the first call."""
    cal = calcom_client()
    with pytest.raises(InvalidRequestError, match="id in a path"):
        cal.organization("..")
    with pytest.raises(InvalidRequestError, match="id in a path"):
        cal.organization(1).team("")


async def test_a_team_without_its_creator(cal, calcom_sandbox):
    """The creator of a team becomes its owner unless the request says otherwise."""
    organization = cal.organization(ORGANIZATION)
    team = await organization.teams.create(CreateTeam(name="Night shift", add_creator_as_owner=False))
    assert last_request(calcom_sandbox).body == {"name": "Night shift", "addCreatorAsOwner": False}
    assert await organization.team(team.id).memberships.list().collect() == []
    team = await organization.teams.create(CreateTeam(name="Day shift"))
    assert [member.role async for member in organization.team(team.id).memberships.list()] == ["OWNER"]
