"""Event types of teams, below /v2/teams and below an organization, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

from calcom_async.sandbox.event_types.team_event_types import assign_member

EVENT_TYPES = "/v2/event-types"
SALES = "/v2/organizations/1/teams/2/event-types"
SUPPORT_TEAM = "/v2/organizations/1/teams/3/event-types"
ANA, BO, CY = 1, 2, 3


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client(version="2024-06-14") as api:
        yield api


def body(**more: Any) -> dict[str, Any]:
    return {"title": "Intro", "slug": "intro", "lengthInMinutes": 30, **more}


def team_body(kind: str = "roundRobin", **more: Any) -> dict[str, Any]:
    return body(schedulingType=kind, **{"hosts": [{"userId": BO}, {"userId": CY, "priority": "high"}], **more})


def test_email_settings(api):
    """One email setting adds the other, and both appear in the metadata too."""
    record = api.post(SALES, team_body(emailSettings={"disableEmailsToAttendees": True})).data
    assert record["emailSettings"] == {"disableEmailsToAttendees": True, "disableEmailsToHosts": False}
    assert record["metadata"]["disableStandardEmails"] == {"all": {"attendee": True, "host": False}}


@pytest.mark.parametrize("path", [SALES, "/v2/teams/2/event-types"])
def test_team_event_types_have_the_recorded_fields(api, shared, path):
    """Both endpoints return the fields of the real server, plus the newer settings."""
    real = recorded_body(shared, "organisations/teams_eventtypes_create")["data"]
    ours = api.post(path, team_body()).data
    assert real.keys() <= ours.keys()
    assert not {"users", "bookingUrl"} & ours.keys()
    assert ours["hosts"][0].keys() == real["hosts"][0].keys()
    assert ours["locations"] == real["locations"]
    assert ours["team"] == {"id": 2}


def test_the_public_list_of_team_event_types(api, shared):
    """The public list contains the team, and can be filtered by slug."""
    api.post(SALES, team_body())
    real = recorded_body(shared, "organisations/org_team_eventtypes_list")["data"][0]
    [ours] = api.as_user(None).get(f"{SALES}?eventSlug=intro&hostsLimit=1").data
    assert ours["team"].keys() == real["team"].keys()
    assert len(ours["hosts"]) == 2
    assert api.as_user(None).get(f"{SALES}?eventSlug=none").data == []


def test_only_round_robin_hosts_have_a_priority(api):
    """`priority` and `mandatory` appear only for a round robin."""
    hosts = api.post(SALES, team_body("collective")).data["hosts"]
    assert [host.keys() & {"mandatory", "priority"} for host in hosts] == [set(), set()]


def test_scheduling_types_as_the_database_names_them(api):
    """The database's name COLLECTIVE is accepted and returned as collective."""
    assert api.post(SALES, team_body("COLLECTIVE")).data["schedulingType"] == "collective"
    assert (
        "ROUND_ROBIN, COLLECTIVE, MANAGED" in api.post(SALES, team_body("solo")).constraints["schedulingType"]["isEnum"]
    )


def test_a_managed_event_type_has_a_child_per_host(api):
    """Create and update return a list, parent first; children follow the hosts, and their owners can read them."""
    parent, bo, cy = api.post(SALES, team_body("managed")).data
    assert (parent["ownerId"], parent["teamId"], parent["schedulingType"]) == (None, 2, "managed")
    assert [(child["ownerId"], child["parentEventTypeId"], child["teamId"]) for child in (bo, cy)] == [
        (BO, parent["id"], None),
        (CY, parent["id"], None),
    ]
    changed = api.patch(f"{SALES}/{parent['id']}", {"title": "New", "hosts": [{"userId": CY}]}).data
    assert [(record["id"], record["title"]) for record in changed] == [(parent["id"], "New"), (cy["id"], "New")]
    assert api.as_user("cy").get(f"{EVENT_TYPES}/{cy['id']}").data["title"] == "New"
    assert api.get(f"{EVENT_TYPES}/{bo['id']}").status == 404
    assert api.get(f"{SALES}/{cy['id']}").error == (404, f"Event type with id {cy['id']} not found")
    assert api.get(f"{SALES}/{parent['id']}").data["id"] == parent["id"]


def test_a_managed_child_has_the_recorded_fields(api, shared):
    """A managed child has the recorded keys."""
    child = api.post(SALES, team_body("managed")).data[1]
    real = recorded_body(shared, "organisations/eventtypes_get_managed_child_as_host")["data"]
    ours = api.as_user("bo").get(f"{EVENT_TYPES}/{child['id']}").data
    assert real.keys() <= ours.keys()
    assert ours["metadata"] == real["metadata"]


def test_assigning_all_members(api):
    """All members are hosts at once, and a new one becomes a host when they join."""
    path = "/v2/teams/3/event-types"
    event_type = api.post(path, body(schedulingType="collective", assignAllTeamMembers=True)).data
    assert [host["userId"] for host in event_type["hosts"]] == [ANA, BO]
    api.sandbox.run(lambda: assign_member(api.sandbox.store, 3, CY))
    assert [host["userId"] for host in api.get(f"{path}/{event_type['id']}").data["hosts"]] == [ANA, BO, CY]


def test_a_pending_member_fails_the_request_but_the_event_type_stays(api):
    """A pending member causes an error, but the event type is created, as on the real server."""
    for membership in api.sandbox.store.memberships.values():
        membership["accepted"] = (membership["team_id"], membership["user_id"]) != (2, CY)
    response = api.post(SALES, body(schedulingType="collective", assignAllTeamMembers=True))
    assert (response.status, response.body["error"]["code"]) == (403, "TRPCError")
    _, left = api.get(SALES).data
    assert (left["slug"], left["hosts"]) == ("intro", [])


def test_invalid_requests_for_team_event_types(api):
    """Used slugs, foreign hosts, unknown ids and low roles have their own messages."""
    event_type = api.post(SALES, team_body()).data
    assert api.post(SALES, team_body()).error == (400, "Team event type with this slug already exists")
    assert api.post(SALES, team_body(slug="b") | {"hosts": [{"userId": 4}]}).status == 404
    assert api.patch(f"{SALES}/99", {"title": "x"}).error == (400, "Event type to update not found")
    assert api.get(f"{SALES}/99").error == (404, "Event type with id 99 not found")
    assert api.delete(f"{SALES}/99").error == (404, "Event type with ID=99 does not exist.")
    assert api.as_user("cy").get(f"{SALES}/{event_type['id']}").status == 403
    assert api.get("/v2/teams/abc/event-types").error == (400, "Validation failed (numeric string is expected)")
    assert api.get("/v2/organizations/1/teams/99/event-types").error == (404, "IsTeamInOrg - Team (99) not found.")


def test_changing_the_scheduling_type_without_hosts(api):
    """A change of the scheduling type without hosts removes all hosts."""
    event_type = api.post(SALES, team_body()).data
    changed = api.patch(f"{SALES}/{event_type['id']}", {"schedulingType": "collective"}).data
    assert (changed["schedulingType"], changed["hosts"]) == ("collective", [])


def test_deleting_a_team_event_type(api):
    """A delete returns id and title, and deletes managed children."""
    parent, child, _ = api.post(SALES, team_body("managed")).data
    assert api.delete(f"{SALES}/{parent['id']}").data == {"id": parent["id"], "title": "Intro"}
    assert api.as_user("bo").get(f"{EVENT_TYPES}/{child['id']}").status == 404


def test_a_phone_number_instead_of_an_email(api):
    """A required phone number can replace the email only for teams of organizations."""
    fields = [
        {"type": "email", "required": False, "hidden": True},
        {"type": "phone", "slug": "attendeePhoneNumber", "label": "Phone", "required": True},
    ]
    assert api.post(SALES, team_body(bookingFields=fields)).status == 201


@pytest.mark.servers("self-hosted-2025-12")
def test_the_list_of_all_event_types_fails_in_2025(api):
    """The route order of the build of 2025-12 hides it, so it always fails there."""
    response = api.get("/v2/organizations/1/teams/event-types")
    assert response.error == (500, "There was an error, please try again later.")


@pytest.mark.servers("hosted")
def test_the_hosted_api_lists_the_event_types_of_all_teams(api):
    """The list has the event types of all teams of the organization, in pages, for its admins."""
    [seeded] = api.get(SALES).data
    for number, path in enumerate((SALES, SUPPORT_TEAM)):
        api.post(path, team_body(slug=str(number), hosts=[]))
    ids = [seeded["id"], seeded["id"] + 1, seeded["id"] + 2]
    path = "/v2/organizations/1/teams/event-types"
    assert [record["id"] for record in api.get(path).data] == ids
    assert [record["id"] for record in api.get(f"{path}?sortCreatedAt=desc&take=1").data] == ids[2:]
    assert api.as_user("cy").get(path).status == 403
