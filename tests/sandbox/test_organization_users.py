"""Users, attributes, roles and out-of-office entries over HTTP: shapes and errors of the real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

ORG = "/v2/organizations/1"
USERS, ATTRIBUTES, ROLES = f"{ORG}/users", f"{ORG}/attributes", f"{ORG}/roles"
TEAM_ROLES = f"{ORG}/teams/2/roles"
OOO = f"{USERS}/2/ooo"
ANA, BO, CY = 1, 2, 3
MARCH = {"start": "2027-03-02T00:00:00.000Z", "end": "2027-03-05T23:59:59.000Z"}


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client() as api:
        yield api


def real(shared: Any, name: str) -> Any:
    return recorded_body(shared, f"organisations/{name}")


@pytest.mark.servers("self-hosted-2025-12")
@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (("GET", f"{USERS}?emails=not-a-mail"), "org_users_list_400_email"),
        (("POST", USERS, {"username": "x"}), "org_users_create_400"),
        (("PATCH", f"{USERS}/3", {"timeZone": "Mars/One", "email": "x"}), "org_users_update_400"),
        (("GET", f"{ATTRIBUTES}?take=0"), "org_attributes_list_400_take0"),
        (("POST", ATTRIBUTES, {"name": "X"}), "org_attributes_create_400"),
        (("POST", f"{ATTRIBUTES}/x/options", {"slug": 1}), "org_attribute_options_create_400"),
        (("POST", ROLES, {"permissions": ["booking.read", "eventType.read"]}), "org_roles_create_400_no_name"),
        (
            ("POST", TEAM_ROLES, {"permissions": ["booking.read", "eventType.read"]}),
            "org_team_roles_create_400_no_name",
        ),
        (("GET", f"{ORG}/ooo?sortStart=up"), "org_ooo_list_400"),
        (("POST", OOO, {"start": "tomorrow"}), "org_user_ooo_create_400_body"),
        (("POST", f"{USERS}/3/schedules", {"name": "x", "timeZone": "UTC"}), "org_user_schedules_create_400"),
    ],
)
def test_invalid_requests_get_the_recorded_errors(api, shared, ask, name):
    """Message and validation error equal the recorded ones, with the defaults that they repeat."""
    response, error = api(*ask).body["error"], real(shared, name)["error"]
    assert (response["message"], response["details"]) == (error["message"], error["details"])


def test_users_have_the_recorded_fields(api, shared):
    """All operations return the recorded keys; `metadata` only if it was given."""
    body = {"email": "newbie@acme.test", "metadata": {"ref": "A1"}}
    expected = real(shared, "org_users_create")["data"]
    user = api.post(USERS, body).data
    path = f"{USERS}/{user['id']}"
    for ours in (user, api.get(USERS).data[-1], api.patch(path, {"bio": "x"}).data, api.delete(path).data):
        assert ours.keys() == expected.keys()
        assert ours["profile"].keys() == expected["profile"].keys()
    assert api.get(USERS).data[0].keys() == real(shared, "org_users_list")["data"][0].keys()


def test_deleting_a_user_deletes_their_data(api):
    """Deleting a user deletes their event types, bookings, schedules and memberships only."""
    store = api.sandbox.store
    api.as_user("cy").post("/v2/schedules", {"name": "x", "timeZone": "UTC", "isDefault": False})
    assert api.delete(f"{USERS}/{CY}").status == 200
    assert CY not in {membership["user_id"] for membership in store.memberships.values()}
    assert {ANA, BO} <= {schedule["owner_id"] for schedule in store.schedules.values()}
    assert CY not in {schedule["owner_id"] for schedule in store.schedules.values()}
    assert api.get(f"{ORG}/memberships").status == 200


def test_attributes_have_the_recorded_fields(api, shared):
    """Attributes, options, assignments and assigned options have the recorded keys."""
    body = {"name": "Temp", "slug": "temp", "type": "SINGLE_SELECT", "options": [{"value": "a", "slug": "a"}]}
    attribute = api.post(ATTRIBUTES, body).data
    assert attribute.keys() == real(shared, "org_attributes_create_disabled")["data"].keys()
    options = f"{ATTRIBUTES}/{attribute['id']}/options"
    option = api.get(options).data[0]
    assert option.keys() == real(shared, "org_attribute_options_list")["data"][0].keys()
    assigned = api.post(
        f"{ATTRIBUTES}/options/3", {"attributeId": attribute["id"], "attributeOptionId": option["id"]}
    ).data
    assert assigned.keys() == real(shared, "org_attributes_assign_for_delete")["data"].keys()
    [row] = api.get(f"{options}/assigned").data
    assert row.keys() == real(shared, "org_attribute_options_assigned")["data"][0].keys()
    [row] = api.get(f"{ATTRIBUTES}/options/3").data
    assert row.keys() == real(shared, "org_attributes_user_options")["data"][0].keys()


def test_unknown_attributes(api):
    """Reading an unknown attribute returns null; writing it is an error."""
    assert api.get(f"{ATTRIBUTES}/nope").body == {"status": "success", "data": None}
    missing = (404, "Invalid Query: The requested record was not found.")
    assert api.patch(f"{ATTRIBUTES}/nope", {"name": "x"}).error == missing
    assert api.patch(f"{ATTRIBUTES}/nope/options/nope", {"value": "x"}).error == missing
    assert api.delete(f"{ATTRIBUTES}/options/3/nope").error == (404, "Attribute does not belong to this user")


def test_an_assignment_without_a_value_is_a_500(api):
    """An assignment without option and value is a 500 without envelope."""
    attribute = api.post(ATTRIBUTES, {"name": "T", "slug": "t", "type": "TEXT", "options": []}).data
    response = api.post(f"{ATTRIBUTES}/options/3", {"attributeId": attribute["id"]})
    assert response.body == {"statusCode": 500, "message": "Internal server error"}


def test_number_attributes_with_text(api):
    """A NUMBER attribute stores any text; memberships show null for one that is no number."""
    attribute = api.post(ATTRIBUTES, {"name": "N", "slug": "n", "type": "NUMBER", "options": []}).data
    for user, value in ((BO, "many"), (CY, "1.5")):
        api.post(f"{ATTRIBUTES}/options/{user}", {"attributeId": attribute["id"], "value": value})
    shown = {membership["userId"]: membership["attributes"] for membership in api.get(f"{ORG}/memberships").data}
    assert [row["option"] for user in (BO, CY) for row in shown[user]] == [None, 1.5]


def test_pending_members_have_no_attributes(api):
    """Options can be assigned only to members who have accepted."""
    attribute = api.post(ATTRIBUTES, {"name": "T", "slug": "t", "type": "TEXT", "options": []}).data
    body = {"attributeId": attribute["id"], "value": "x"}
    api.post(f"{ORG}/memberships", {"userId": 4, "role": "MEMBER"})
    refusal = (404, "User is not a member of the organization")
    assert api.post(f"{ATTRIBUTES}/options/4", body).error == refusal
    refusal = (404, "Membership for user with id 99 within organization id 1 not found")
    assert api.post(f"{ATTRIBUTES}/options/99", body).error == refusal


@pytest.mark.parametrize(("path", "name"), [(ROLES, "org_roles"), (TEAM_ROLES, "org_team_roles")])
def test_system_roles_are_the_recorded_ones(api, shared, path, name):
    """Custom roles have the recorded fields; the system roles equal the recorded ones."""
    role = api.post(path, {"name": "Booker", "permissions": ["booking.read"]}).data
    assert role.keys() == real(shared, f"{name}_create")["data"].keys()
    ours, theirs = api.get(path).data[:3], real(shared, f"{name}_list")["data"]
    assert [role.keys() for role in ours] == [role.keys() for role in theirs]
    for column in ("id", "name", "color", "description", "type"):
        assert [role[column] for role in ours] == [role[column] for role in theirs]
    assert [set(role["permissions"]) for role in ours] == [set(role["permissions"]) for role in theirs]


def test_removing_permissions_has_no_body(api):
    """Both endpoints return 204 without a body; unknown roles and permissions are still errors."""
    role = api.post(ROLES, {"name": "Booker", "permissions": ["booking.read"]}).data["id"]
    path = f"{ROLES}/{role}/permissions"
    for url in (f"{path}?permissions=booking.read", f"{path}/booking.read", path):
        response = api.delete(url)
        assert (response.status, response.body) == (204, None)
    assert api.delete(f"{path}/fly.high").status == 400
    text = "Role with id nope within team id 1 not found"
    assert api.delete(f"{ROLES}/nope/permissions?permissions=booking.read").error == (404, text)


def test_out_of_office_entries_have_the_recorded_fields(api, shared):
    """Entries have the recorded keys; times are widened to whole days."""
    expected = real(shared, "org_user_ooo_create")["data"]
    entry = api.post(OOO, {**MARCH, "notes": "away", "reason": "vacation", "toUserId": CY}).data
    assert entry.keys() == expected.keys()
    assert (entry["start"], entry["end"]) == (expected["start"], expected["end"])
    assert api.post(f"{USERS}/1/ooo", MARCH).status == 201
    bare = api.get(f"{USERS}/1/ooo").data[0]
    assert (bare["notes"], bare["toUserId"], bare["reason"]) == (None, None, "unspecified")


def test_redirects_of_out_of_office_entries(api):
    """An entry is rejected on days to which another entry redirects bookings."""
    api.post(OOO, {**MARCH, "toUserId": CY})
    assert api.post(f"{USERS}/3/ooo", MARCH).error == (400, "Booking redirect infinite not allowed.")


@pytest.mark.parametrize("day", ["2027-03-02", "2027-02-30T00:00:00Z", "2027-03-02T00:00:00+01:00", 5])
def test_times_of_out_of_office_entries(api, day):
    """Times that do not exist or do not end in Z are rejected before other validation."""
    assert api.post(OOO, {"start": day, "reason": "bored"}).error == (400, "Invalid Date.")


def test_sorted_out_of_office_entries_may_change_places(api):
    """With `ties`, pages of entries of the same day repeat and miss some."""
    with sandbox_client(ties=True, now=datetime(2026, 11, 2, tzinfo=UTC)) as tied:
        for number in range(12):
            day = f"2027-03-{number + 1:02}T00:00:00Z"
            assert tied.post(OOO, {"start": "2027-03-01T00:00:00Z", "end": day}).status == 201
        pages = [tied.get(f"{ORG}/ooo?sortStart=asc&take=3&skip={skip}").data for skip in range(0, 12, 3)]
        plain = [tied.get(f"{ORG}/ooo?take=3&skip={skip}").data for skip in range(0, 12, 3)]
    assert sum(map(len, pages)) == 12
    assert len({entry["id"] for page in pages for entry in page}) < 12
    assert len({entry["id"] for page in plain for entry in page}) == 12


@pytest.mark.parametrize(
    "path",
    [f"{ORG}/memberships", USERS, ROLES, TEAM_ROLES, f"{ORG}/ooo", OOO, f"{ORG}/schedules", f"{USERS}/3/schedules"],
)
def test_operations_that_members_may_not_call(api, path):
    """Only admins of an organization read these lists; its members read attributes only."""
    assert "ORG_ADMIN" in api.as_user("cy").get(path).message
    assert api.as_user("cy").get(ATTRIBUTES).status == 200
    assert api.as_user("bo").get(path).status == 200
