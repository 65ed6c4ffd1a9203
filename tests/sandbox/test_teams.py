"""Teams below /v2/teams and below an organization, and their permissions, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

TEAMS = "/v2/teams"
ORG = "/v2/organizations/1/teams"
TOO_LOW = "RolesGuard - user with id=3 does not have the minimum required role="
NOBODY = "ApiAuthStrategy - No authentication method provided."


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client() as api:
        yield api


def names(api: ApiClient, path: str) -> list[str]:
    return [team["name"] for team in api.get(path).data]


@pytest.mark.parametrize(("path", "parent"), [(TEAMS, None), (ORG, 1)])
def test_a_team_has_the_recorded_fields(api, shared, path, parent):
    """All operations return the recorded keys; `metadata` only if it was given."""
    real = recorded_body(shared, "organisations/teams_get")["data"]
    team = api.post(path, {"name": "New team"}).data
    assert team.keys() == real.keys()
    assert (team["slug"], team["parentId"], team["timeZone"]) == ("new-team", parent, "Europe/London")
    team_path = f"{path}/{team['id']}"
    changed = api.patch(team_path, {"name": "Other", "bio": "x", "metadata": {"a": "b"}}).data
    assert changed == team | {"name": "Other", "bio": "x", "metadata": {"a": "b"}}
    assert api.get(team_path).data == changed
    assert api.delete(team_path).data == changed
    assert api.get(team_path).status in (403, 404)


@pytest.mark.parametrize(
    ("request_of", "name"),
    [
        (("POST", TEAMS, {}), "teams_create_400"),
        (("POST", ORG, {"slug": "x"}), "org_teams_create_400"),
        (("PATCH", f"{TEAMS}/2", {"hideBranding": "x"}), "teams_update_400"),
        (("PATCH", f"{ORG}/2", {"timeFormat": "x", "hideBranding": "maybe"}), "org_teams_update_400"),
    ],
)
def test_invalid_bodies_get_the_recorded_errors(api, shared, request_of, name):
    """The validation error equals the recorded one, with the defaults that it repeats."""
    real = recorded_body(shared, f"organisations/{name}")["error"]["details"]
    assert api(*request_of).body["error"]["details"] == real


def test_the_creator_owns_the_team(api):
    """The creator of a team is its owner, accepted or not."""
    team = api.as_user("cy").post(TEAMS, {"name": "Mine", "autoAcceptCreator": False}).data
    [membership] = [
        membership for membership in api.sandbox.store.memberships.values() if membership["team_id"] == team["id"]
    ]
    assert (membership["user_id"], membership["role"], membership["accepted"]) == (3, "OWNER", False)
    assert api.as_user("cy").patch(f"{TEAMS}/{team['id']}", {"name": "Still mine"}).status == 200


def test_names_and_slugs_of_teams_clash(api):
    """A second team of the same name and owner is a 400, a used slug a 409."""
    team = {"name": "Mine"}
    assert api.post(TEAMS, team).status == 201
    assert api.post(TEAMS, team).error == (400, "You already have created a team with name=Mine")
    assert api.as_user("bo").post(TEAMS, team).status == 409
    assert api.post("/v2/organizations/1/teams", {"name": "Sales"}).status == 409, "in an organization the slug counts"
    assert api.as_user("bo").post(TEAMS, team | {"slug": "free"}).status == 201
    assert api.post(TEAMS, {"name": "Other", "timeFormat": 12}).status == 400
    assert api.post(TEAMS, {"name": "Other", "timeFormat": "12"}).status == 500


def test_the_list_of_teams(api):
    """The list contains all teams of the caller, pending ones and the organization included."""
    api.as_user("cy").post(TEAMS, {"name": "Plain", "autoAcceptCreator": False})
    teams = api.as_user("cy").get(TEAMS).data
    assert [(team["name"], team["isOrganization"]) for team in teams] == [
        ("Sandbox Org", True),
        ("Sales", False),
        ("Plain", False),
    ]


def test_teams_outside_the_organization(api):
    """A team outside the organization is not listed below it, and not found."""
    plain = api.post(TEAMS, {"name": "Plain"}).data["id"]
    assert names(api, ORG) == ["Sales", "Support"]
    assert api.get(f"{ORG}/{plain}").error == (404, f"IsTeamInOrg - Team ({plain}) not found.")


def test_the_teams_of_the_caller(api, shared):
    """Role and acceptance appear if the caller is a member."""
    assert names(api, f"{ORG}/me") == ["Sales", "Support"]
    [own] = api.as_user("cy").get(f"{ORG}/me").data
    assert own.keys() == recorded_body(shared, "organisations/org_teams_me_member")["data"][0].keys()
    assert (own["role"], own["accepted"]) == ("MEMBER", True)
    api.post(ORG, {"name": "Third"})
    assert "role" not in api.as_user("bo").get(f"{ORG}/me").data[-1]


@pytest.mark.parametrize("path", [ORG, f"{ORG}/me"])
def test_the_organizations_lists_ignore_paging(api, path):
    """`take` and `skip` are ignored, and at most 250 teams are listed."""
    for number in range(260):
        team = {"id": 100 + number, "name": f"T{number}", "slug": f"t{number}", "parent_id": 1}
        api.sandbox.store.teams[100 + number] = team
    whole = names(api, path)
    assert len(whole) == 250
    for query in ("take=1", "skip=100000", "take=abc"):
        assert names(api, f"{path}?{query}") == whole


@pytest.mark.parametrize(
    ("user", "method", "path", "refusal"),
    [
        (
            "cy",
            "GET",
            ORG,
            TOO_LOW + "ORG_ADMIN within organization with id=1.",
        ),
        (
            "cy",
            "DELETE",
            f"{ORG}/2",
            TOO_LOW + "ORG_ADMIN within organization with id=1 team with id=2.",
        ),
        (
            "cy",
            "GET",
            f"{ORG}/2",
            TOO_LOW + "TEAM_ADMIN within organization with id=1 team with id=2.",
        ),
        (
            "cy",
            "GET",
            f"{ORG}/3",
            (
                "RolesGuard - User is not part of the team with id=3 and/or, is not an admin nor an owner of the "
                "organization with id=1."
            ),
        ),
        ("cy", "GET", f"{TEAMS}/3", "RolesGuard - User is not a member of the team with id=3."),
        ("cy", "GET", f"{TEAMS}/999", "RolesGuard - User is not a member of the team with id=999."),
        (
            "cy",
            "PATCH",
            f"{TEAMS}/2",
            TOO_LOW + "TEAM_OWNER within team with id=2.",
        ),
        (
            "ana",
            "GET",
            "/v2/organizations/2/teams",
            "IsOrgGuard - provided organization id=2 does not represent any existing organization.",
        ),
    ],
)
def test_callers_without_permission(api, user, method, path, refusal):
    """Each guard rejects with 403 and its own message."""
    assert api.as_user(user)(method, path, {}).error == (403, refusal)


def test_outsiders_of_the_organization(api):
    """Callers outside the organization get its error, for its teams too."""
    memberships = api.sandbox.store.memberships
    for key in [key for key, membership in memberships.items() if membership["user_id"] == 3]:
        del memberships[key]
    cy = api.as_user("cy")
    assert cy.get(f"{ORG}/me").message == "RolesGuard - User is not a member of the organization with id=1."
    assert cy.get(f"{ORG}/2").message == "RolesGuard - User is not part of the organization with id=1."


def test_admins_of_the_organization(api):
    """Admins of the organization may change its teams below the organization, but not below /v2/teams."""
    team = api.post(ORG, {"name": "Third"}).data["id"]
    assert api.as_user("bo").patch(f"{ORG}/{team}", {"name": "3rd"}).data["name"] == "3rd"
    assert api.as_user("bo").get(f"{TEAMS}/{team}").status == 403


def test_deleting_a_team(api):
    """Deleting a team deletes its event types and memberships."""
    body = {"title": "T", "slug": "t", "lengthInMinutes": 30, "schedulingType": "collective"}
    event_type = api.post(f"{ORG}/2/event-types", body).data["id"]
    assert api.delete(f"{ORG}/2").status == 200
    assert event_type not in api.sandbox.store.event_types
    assert not [membership for membership in api.sandbox.store.memberships.values() if membership["team_id"] == 2]


def test_an_organization_as_a_team(api):
    """Below /v2/teams an organization can be read, renamed and deleted like a team."""
    assert api.get(f"{TEAMS}/1").data["isOrganization"] is True
    assert api.patch(f"{TEAMS}/1", {"name": "Renamed"}).data["name"] == "Renamed"
    assert names(api, TEAMS)[0] == "Renamed"
    assert api.delete(f"{TEAMS}/1").status == 200
    assert names(api, TEAMS) == ["Sales", "Support"]
    assert api.get("/v2/me").data["organizationId"] is None


def test_ids_that_are_not_numbers(api):
    """A team's id that is no number is a 400, an organization's a 500."""
    assert api.get(f"{TEAMS}/abc").status == 400
    assert api.get("/v2/organizations/abc/teams").error == (500, "There was an error, please try again later.")
    assert api.as_user(None).get(TEAMS).message.startswith(NOBODY)
