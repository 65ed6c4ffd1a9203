"""Teams of the user, and event types of teams: collective, round robin and managed."""

from __future__ import annotations

import pytest
from sent_requests import ANA, BO, CY, ORGANIZATION, SentRequest, last_request

from calcom_async import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from calcom_async.models import (
    CreateTeam,
    CreateTeamEventType,
    DeletedEventType,
    EventType,
    Host,
    Team,
    TeamAwaitingPayment,
    UpdateTeam,
    UpdateTeamEventType,
)
from calcom_async.sandbox.accounts.teams import add_member


@pytest.fixture
async def team(cal, calcom_sandbox):
    """Create a team of Ana outside the organization, with Bo as a member."""
    new_team = await cal.teams.create(CreateTeam(name="Crew"))
    calcom_sandbox.run(lambda: add_member(calcom_sandbox.store, new_team.id, BO))
    return new_team


def demo(kind, *hosts, **fields):
    """Return a new event type of a team."""
    rows = [Host(user_id=user_id) for user_id in hosts]
    defaults = {"title": "Demo", "slug": "demo", "length_in_minutes": 30, "scheduling_type": kind, "hosts": rows}
    return CreateTeamEventType(**defaults | fields)


async def test_create(cal, calcom_sandbox):
    """A team is created from a name; fields that are not given are not sent."""
    team_created = await cal.teams.create(CreateTeam(name="Crew", time_zone="Europe/Rome", week_start=1))
    body = {"name": "Crew", "timeZone": "Europe/Rome", "weekStart": "Monday"}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/teams", {}, body, None)
    assert isinstance(team_created, Team)
    assert (team_created.name, team_created.slug, team_created.parent_id, team_created.is_organization) == (
        "Crew",
        "crew",
        None,
        False,
    )
    assert (team_created.time_zone, team_created.week_start) == ("Europe/Rome", "Monday")


async def test_create_where_teams_are_billed(cal, calcom_sandbox):
    """On servers that bill teams, the result is a payment link with a class of its own."""
    pending = {"id": 9, "name": "Crew", "isOrganization": False}
    body = {"message": "Pay first", "paymentLink": "https://pay.test/1", "pendingTeam": pending}
    calcom_sandbox.faults.add("POST", "/v2/teams", body={"status": "success", "data": body})
    awaiting_payment = await cal.teams.create(CreateTeam(name="Crew"))
    assert isinstance(awaiting_payment, TeamAwaitingPayment)
    assert (awaiting_payment.payment_link, awaiting_payment.pending_team.id) == ("https://pay.test/1", 9)


async def test_list(cal, calcom_sandbox, team):
    """The list is one response and includes the organization."""
    teams = await cal.teams.list().collect()
    assert [(row.name, row.is_organization) for row in teams] == [
        ("Sandbox Org", True),
        ("Sales", False),
        ("Support", False),
        ("Crew", False),
    ]
    assert last_request(calcom_sandbox) == SentRequest("GET", "/teams", {}, None, None)


async def test_get(cal, calcom_sandbox, team):
    """A member can read the team."""
    assert await cal.teams.get(team.id) == team
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/teams/{team.id}", {}, None, None)
    assert (await cal.with_credentials("cal_sandbox_bo").teams.get(team.id)).id == team.id


async def test_update(cal, calcom_sandbox, team):
    """Only given fields are sent and changed; without a name the server rejects the update."""
    changed = await cal.teams.update(team.id, UpdateTeam(name="Crew", bio="We sell", is_private=True))
    body = {"name": "Crew", "bio": "We sell", "isPrivate": True}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/teams/{team.id}", {}, body, None)
    with pytest.raises(BadRequestError) as caught:
        await cal.teams.update(team.id, UpdateTeam(bio="Other"))
    assert list(caught.value.fields) == ["name"]
    assert (changed.name, changed.bio, changed.is_private) == ("Crew", "We sell", True)


async def test_delete(cal, calcom_sandbox, team):
    """Deleting returns the team, which is forbidden afterwards, not missing."""
    assert (await cal.teams.delete(team.id)).name == "Crew"
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/teams/{team.id}", {}, None, None)
    with pytest.raises(ForbiddenError, match="not a member of the team"):
        await cal.teams.get(team.id)


async def test_rejections(cal, team):
    """A duplicate name is a bad request, another user's slug a conflict, and members are forbidden to change it."""
    with pytest.raises(BadRequestError, match="already have created a team with name=Crew"):
        await cal.teams.create(CreateTeam(name="Crew"))
    with pytest.raises(ConflictError):
        await cal.with_credentials("cal_sandbox_cy").teams.create(CreateTeam(name="Crew"))
    with pytest.raises(ForbiddenError, match="TEAM_OWNER"):
        await cal.with_credentials("cal_sandbox_bo").teams.update(team.id, UpdateTeam(name="Mine"))
    with pytest.raises(ForbiddenError):
        await cal.with_credentials("cal_sandbox_cy").teams.get(team.id)


# --- event types of a team


@pytest.mark.parametrize(
    ("kind", "spelling"),
    [
        ("collective", "collective"),
        ("COLLECTIVE", "collective"),
        ("roundRobin", "roundRobin"),
        ("ROUND_ROBIN", "roundRobin"),
    ],
)
async def test_create_event_type(cal, calcom_sandbox, team, kind, spelling):
    """The scheduling type is accepted in the database's spelling too and sent as the API expects; hosts are typed."""
    event_type = await cal.team(team.id).event_types.create(demo(kind, ANA, BO))
    assert last_request(calcom_sandbox) == SentRequest(
        "POST",
        f"/teams/{team.id}/event-types",
        {},
        {
            "title": "Demo",
            "slug": "demo",
            "lengthInMinutes": 30,
            "schedulingType": spelling,
            "hosts": [{"userId": ANA}, {"userId": BO}],
        },
        None,
    )
    assert isinstance(event_type, EventType)
    assert (event_type.scheduling_type, event_type.team_id, event_type.owner_id) == (spelling, team.id, None)
    assert [host.user_id for host in event_type.hosts] == [ANA, BO]


async def test_host_settings(cal, calcom_sandbox, team):
    """Weights of round-robin hosts are written and read."""
    hosts = [Host(user_id=ANA, mandatory=True, priority="highest"), Host(user_id=BO)]
    event_type = await cal.team(team.id).event_types.create(demo("roundRobin", hosts=hosts))
    assert last_request(calcom_sandbox).body["hosts"] == [
        {"userId": ANA, "mandatory": True, "priority": "highest"},
        {"userId": BO},
    ]
    assert [(host.mandatory, host.priority) for host in event_type.hosts] == [(True, "highest"), (False, "medium")]


async def test_managed_event_types(cal, team):
    """Creating or updating a managed event type returns the parent and a child per host; `get` returns the parent."""
    types = cal.team(team.id).event_types
    event_types = await types.create(demo("managed", ANA, BO))
    assert isinstance(event_types, list)
    parent, *children = event_types
    assert (parent.scheduling_type, parent.team_id, parent.owner_id) == ("managed", team.id, None)
    assert [
        (event_type.owner_id, event_type.parent_event_type_id, event_type.team_id, event_type.scheduling_type)
        for event_type in children
    ] == [
        (ANA, parent.id, None, None),
        (BO, parent.id, None, None),
    ]
    changed = await types.update(parent.id, UpdateTeamEventType(title="Call"))
    assert [(event_type.id, event_type.title) for event_type in changed] == [
        (event_type.id, "Call") for event_type in event_types
    ]
    assert (await types.get(parent.id)).id == parent.id
    with pytest.raises(NotFoundError):
        await types.get(children[0].id)
    assert (await cal.event_types.get(children[0].id)).owner_id == ANA


async def test_all_members(cal, calcom_sandbox, team):
    """`assign_all_team_members` makes all members hosts."""
    body = demo("collective", assign_all_team_members=True, hosts=[])
    event_type = await cal.team(team.id).event_types.create(body)
    assert last_request(calcom_sandbox).body["assignAllTeamMembers"] is True
    assert (event_type.assign_all_team_members, {host.user_id for host in event_type.hosts}) == (True, {ANA, BO})


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ({}, ["one", "two"])),
        ({"event_slug": "two"}, ({"eventSlug": "two"}, ["two"])),
        ({"event_slug": "none"}, ({"eventSlug": "none"}, [])),
        ({"sort_created_at": "desc", "hosts_limit": 1}, ({"sortCreatedAt": "desc", "hostsLimit": "1"}, ["two", "one"])),
    ],
)
async def test_list_event_types(cal, calcom_sandbox, team, filters, expected):
    """The event types of a team are one response, and each filter is sent under the server's name."""
    query, slugs = expected
    types = cal.team(team.id).event_types
    for slug in ("one", "two"):
        await types.create(demo("collective", ANA, slug=slug))
    assert [event_type.slug async for event_type in types.list(**filters)] == slugs
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/teams/{team.id}/event-types", query, None, None)


async def test_update_event_type(cal, calcom_sandbox, team):
    """An update can change the kind; `hosts` replaces the whole list."""
    types = cal.team(team.id).event_types
    event_type = await types.create(demo("collective", ANA, BO))
    changes = UpdateTeamEventType(scheduling_type="ROUND_ROBIN", hosts=[Host(user_id=BO, priority="low")])
    changed = await types.update(event_type.id, changes)
    body = {"schedulingType": "roundRobin", "hosts": [{"userId": BO, "priority": "low"}]}
    assert last_request(calcom_sandbox) == SentRequest(
        "PATCH", f"/teams/{team.id}/event-types/{event_type.id}", {}, body, None
    )
    assert (changed.scheduling_type, [host.user_id for host in changed.hosts], changed.title) == (
        "roundRobin",
        [BO],
        "Demo",
    )
    assert await types.get(event_type.id) == changed


async def test_delete_event_type(cal, calcom_sandbox, team):
    """Deleting a team's event type returns its id and title only."""
    types = cal.team(team.id).event_types
    event_type = await types.create(demo("collective", ANA))
    assert await types.delete(event_type.id) == DeletedEventType(id=event_type.id, title="Demo")
    assert last_request(calcom_sandbox) == SentRequest(
        "DELETE", f"/teams/{team.id}/event-types/{event_type.id}", {}, None, None
    )
    with pytest.raises(NotFoundError, match="not found"):
        await types.get(event_type.id)


async def test_event_type_rejections(cal, team):
    """A duplicate slug is a bad request, a host outside the team is not found, and members are forbidden to create."""
    types = cal.team(team.id).event_types
    await types.create(demo("collective", ANA))
    with pytest.raises(BadRequestError, match="Team event type with this slug already exists"):
        await types.create(demo("collective", ANA))
    with pytest.raises(NotFoundError, match=f"Invalid hosts: {CY}"):
        await types.create(demo("collective", CY, slug="other"))
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await (
            cal.with_credentials("cal_sandbox_bo")
            .team(team.id)
            .event_types.create(demo("collective", BO, slug="other"))
        )


async def test_an_admin_reaches_all_teams(cal):
    """Admins of an organization can use its teams without being members."""
    bo = cal.with_credentials("cal_sandbox_bo")
    assert (await bo.organization(ORGANIZATION).teams.get(2)).name == "Sales"
