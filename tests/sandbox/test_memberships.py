"""Memberships and invitations over HTTP: shapes, errors, and the effects of joining and leaving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

ORG = "/v2/organizations/1"
ORG_TEAM = f"{ORG}/teams/3"
TEAM = "/v2/teams/3"
ANA, BO, CY, MIA = 1, 2, 3, 4
BOSS = {"role": "BOSS"}


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client() as api:
        yield api


@pytest.mark.parametrize(
    ("scope", "name"), [(ORG, "org_memberships"), (ORG_TEAM, "org_team_memberships"), (TEAM, "teams_memberships")]
)
def test_memberships_have_the_recorded_fields(api, shared, scope, name):
    """All five operations return the recorded keys."""
    member = {"userId": MIA if scope == ORG else CY, "role": "MEMBER", "accepted": True}
    real = recorded_body(shared, f"organisations/{name}_create")["data"]
    membership = api.post(f"{scope}/memberships", member).data
    path = f"{scope}/memberships/{membership['id']}"
    listed = api.get(f"{scope}/memberships").data[-1]
    for ours in (
        membership,
        listed,
        api.get(path).data,
        api.patch(path, {"role": "ADMIN"}).data,
        api.delete(path).data,
    ):
        assert ours.keys() == real.keys()
        assert ours["user"].keys() == real["user"].keys()


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (("POST", f"{ORG}/memberships", {"userId": 17, **BOSS}), "org_memberships_create_400_role"),
        (("PATCH", f"{ORG}/memberships/1", BOSS), "org_memberships_update_400"),
        (("GET", f"{ORG}/memberships?take=abc"), "org_memberships_list_400"),
        (("POST", f"{ORG_TEAM}/memberships", {"userId": "x"}), "org_team_memberships_create_400"),
        (("PATCH", f"{ORG_TEAM}/memberships/7", BOSS), "org_team_memberships_update_400"),
        (("POST", f"{TEAM}/memberships", {"role": "MEMBER"}), "teams_memberships_create_400"),
        (("PATCH", f"{TEAM}/memberships/7", BOSS), "teams_memberships_update_400"),
    ],
)
def test_invalid_requests_get_the_recorded_errors(api, shared, ask, name):
    """The validation error equals the recorded one, with the defaults that it repeats."""
    assert api(*ask).body["error"]["details"] == recorded_body(shared, f"organisations/{name}")["error"]["details"]


def test_unknown_memberships(api):
    """Each route has its own error for an unknown membership; one of another team is unknown too."""
    assert api.get(f"{TEAM}/memberships/1").error == (404, "Organization's Team membership not found")
    assert api.delete(f"{TEAM}/memberships/1").error == (404, "Membership with id 1 not found in team 3")
    text = "Membership with id 1 not found in team 3 of organization 1"
    assert api.delete(f"{ORG_TEAM}/memberships/1").error == (404, text)
    assert api.get(f"{ORG}/memberships/99").error == (404, "IsMembershipInOrg - Membership (99) not found.")


def hosts(api: ApiClient, path: str) -> list[int]:
    return [host["userId"] for host in api.get(path).data["hosts"]]


def event_type(api: ApiClient, **more: Any) -> str:
    body = {"title": "All", "slug": "all", "lengthInMinutes": 30, "schedulingType": "collective", **more}
    return f"{ORG_TEAM}/event-types/{api.post(f'{ORG_TEAM}/event-types', body).data['id']}"


@pytest.mark.parametrize("scope", [ORG_TEAM, TEAM])
def test_members_host_event_types_that_assign_all_members(api, scope):
    """Active members host event types that assign all members, until they leave."""
    path = event_type(api, assignAllTeamMembers=True)
    membership = api.post(f"{scope}/memberships", {"userId": CY, "role": "MEMBER"}).data
    assert hosts(api, path) == [ANA, BO]
    api.patch(f"{scope}/memberships/{membership['id']}", {"accepted": True})
    assert hosts(api, path) == [ANA, BO, CY]
    api.delete(f"{scope}/memberships/{membership['id']}")
    assert hosts(api, path) == [ANA, BO]
    api.post(f"{scope}/memberships", {"userId": CY, "role": "MEMBER", "accepted": True})
    assert hosts(api, path) == [ANA, BO, CY]


def children(api: ApiClient) -> list[int]:
    return [record["ownerId"] for record in api.sandbox.store.event_types.values() if record.get("parentEventTypeId")]


def test_managed_event_types_follow_the_members(api):
    """A new member gets a managed child, and loses it on leaving."""
    body = {"title": "All", "slug": "all", "lengthInMinutes": 30, "schedulingType": "managed"}
    api.post(f"{ORG_TEAM}/event-types", {**body, "assignAllTeamMembers": True})
    assert children(api) == [ANA, BO]
    membership = api.post(f"{ORG_TEAM}/memberships", {"userId": CY, "role": "MEMBER", "accepted": True}).data
    assert children(api) == [ANA, BO, CY]
    api.delete(f"{ORG_TEAM}/memberships/{membership['id']}")
    assert children(api) == [ANA, BO]


def test_leaving_a_team_removes_the_host(api):
    """Event types that did not have the member stay unchanged."""
    path = event_type(api, hosts=[{"userId": ANA}])
    before = api.get(path).data
    [bo] = [membership for membership in api.get(f"{TEAM}/memberships").data if membership["userId"] == BO]
    api.delete(f"{TEAM}/memberships/{bo['id']}")
    assert api.get(path).data == before


@pytest.mark.parametrize("scope", [ORG_TEAM, TEAM])
def test_invitations(api, shared, scope):
    """An invitation link is new each time, works for anybody, and only admins of the team can create it."""
    real = recorded_body(shared, "organisations/org_team_invite")["data"]
    first, second = (api.post(f"{scope}/invite") for _ in range(2))
    assert first.status == 200
    assert first.data.keys() == real.keys()
    assert len(first.data["token"]) == len(real["token"])
    assert first.data["token"] in first.data["inviteLink"]
    assert first.data != second.data
    assert api.sandbox.store.invites == {first.data["token"]: 3, second.data["token"]: 3}
    assert api.as_user("cy").post(f"{scope}/invite").status == 403
