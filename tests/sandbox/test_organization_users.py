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
def test_bad_requests_are_refused_as_really(api, shared, ask, name):
    """Message and validation tree equal the recorded ones, with the defaults that they echo."""
    answer, error = api(*ask).body["error"], real(shared, name)["error"]
    assert (answer["message"], answer["details"]) == (error["message"], error["details"])


def test_users_have_the_fields_of_real_ones(api, shared):
    """Made, listed, changed and deleted; `metadata` is there only when it was given."""
    body = {"email": "newbie@acme.test", "metadata": {"ref": "A1"}}
    expected = real(shared, "org_users_create")["data"]
    made = api.post(USERS, body).data
    one = f"{USERS}/{made['id']}"
    for ours in (made, api.get(USERS).data[-1], api.patch(one, {"bio": "x"}).data, api.delete(one).data):
        assert ours.keys() == expected.keys()
        assert ours["profile"].keys() == expected["profile"].keys()
    assert api.get(USERS).data[0].keys() == real(shared, "org_users_list")["data"][0].keys()


def test_a_users_own_things_go_with_them(api):
    """Event types, bookings, schedules and memberships of a deleted user are gone; the rest stays."""
    store = api.sandbox.store
    api.as_user("cy").post("/v2/schedules", {"name": "x", "timeZone": "UTC", "isDefault": False})
    assert api.delete(f"{USERS}/{CY}").status == 200
    assert CY not in {one["user_id"] for one in store.memberships.values()}
    assert {ANA, BO} <= {one["owner_id"] for one in store.schedules.values()}
    assert CY not in {one["owner_id"] for one in store.schedules.values()}
    assert api.get(f"{ORG}/memberships").status == 200


def test_attributes_have_the_fields_of_real_ones(api, shared):
    """Attributes, options, assignments and lists of assigned options, key by key."""
    body = {"name": "Temp", "slug": "temp", "type": "SINGLE_SELECT", "options": [{"value": "a", "slug": "a"}]}
    made = api.post(ATTRIBUTES, body).data
    assert made.keys() == real(shared, "org_attributes_create_disabled")["data"].keys()
    options = f"{ATTRIBUTES}/{made['id']}/options"
    option = api.get(options).data[0]
    assert option.keys() == real(shared, "org_attribute_options_list")["data"][0].keys()
    assigned = api.post(f"{ATTRIBUTES}/options/3", {"attributeId": made["id"], "attributeOptionId": option["id"]}).data
    assert assigned.keys() == real(shared, "org_attributes_assign_for_delete")["data"].keys()
    [row] = api.get(f"{options}/assigned").data
    assert row.keys() == real(shared, "org_attribute_options_assigned")["data"][0].keys()
    [row] = api.get(f"{ATTRIBUTES}/options/3").data
    assert row.keys() == real(shared, "org_attributes_user_options")["data"][0].keys()


def test_attributes_that_nobody_knows(api):
    """A read returns null with 200; writes raise the server's errors."""
    assert api.get(f"{ATTRIBUTES}/nope").body == {"status": "success", "data": None}
    gone = (404, "Invalid Query: The requested record was not found.")
    assert api.patch(f"{ATTRIBUTES}/nope", {"name": "x"}).error == gone
    assert api.patch(f"{ATTRIBUTES}/nope/options/nope", {"value": "x"}).error == gone
    assert api.delete(f"{ATTRIBUTES}/options/3/nope").error == (404, "Attribute does not belong to this user")


def test_an_assignment_of_nothing_breaks_the_server(api):
    """Without an option and a value the answer is the bare 500."""
    made = api.post(ATTRIBUTES, {"name": "T", "slug": "t", "type": "TEXT", "options": []}).data
    answer = api.post(f"{ATTRIBUTES}/options/3", {"attributeId": made["id"]})
    assert answer.body == {"statusCode": 500, "message": "Internal server error"}


def test_numbers_that_are_none(api):
    """Whatever is given as a number is kept; a membership shows null for a text."""
    made = api.post(ATTRIBUTES, {"name": "N", "slug": "n", "type": "NUMBER", "options": []}).data
    for user, value in ((BO, "many"), (CY, "1.5")):
        api.post(f"{ATTRIBUTES}/options/{user}", {"attributeId": made["id"], "value": value})
    shown = {one["userId"]: one["attributes"] for one in api.get(f"{ORG}/memberships").data}
    assert [row["option"] for user in (BO, CY) for row in shown[user]] == [None, 1.5]


def test_pending_members_have_no_attributes(api):
    """An option is for members who have accepted."""
    made = api.post(ATTRIBUTES, {"name": "T", "slug": "t", "type": "TEXT", "options": []}).data
    body = {"attributeId": made["id"], "value": "x"}
    api.post(f"{ORG}/memberships", {"userId": 4, "role": "MEMBER"})
    refusal = (404, "User is not a member of the organization")
    assert api.post(f"{ATTRIBUTES}/options/4", body).error == refusal
    refusal = (404, "Membership for user with id 99 within organization id 1 not found")
    assert api.post(f"{ATTRIBUTES}/options/99", body).error == refusal


@pytest.mark.parametrize(("path", "name"), [(ROLES, "org_roles"), (TEAM_ROLES, "org_team_roles")])
def test_roles_are_those_of_a_real_server(api, shared, path, name):
    """Custom roles have its fields; the system's roles are its three, with all their permissions."""
    made = api.post(path, {"name": "Booker", "permissions": ["booking.read"]}).data
    assert made.keys() == real(shared, f"{name}_create")["data"].keys()
    ours, theirs = api.get(path).data[:3], real(shared, f"{name}_list")["data"]
    assert [one.keys() for one in ours] == [one.keys() for one in theirs]
    for column in ("id", "name", "color", "description", "type"):
        assert [one[column] for one in ours] == [one[column] for one in theirs]
    assert [set(one["permissions"]) for one in ours] == [set(one["permissions"]) for one in theirs]


def test_removing_permissions_answers_nothing(api):
    """Both endpoints return 204 without a body; unknown roles and permissions are still errors."""
    role = api.post(ROLES, {"name": "Booker", "permissions": ["booking.read"]}).data["id"]
    path = f"{ROLES}/{role}/permissions"
    for url in (f"{path}?permissions=booking.read", f"{path}/booking.read", path):
        answer = api.delete(url)
        assert (answer.status, answer.body) == (204, None)
    assert api.delete(f"{path}/fly.high").status == 400
    text = "Role with id nope within team id 1 not found"
    assert api.delete(f"{ROLES}/nope/permissions?permissions=booking.read").error == (404, text)


def test_days_off_have_the_fields_of_real_ones(api, shared):
    """Times are widened to whole days, notes and stand-in are null unless given."""
    expected = real(shared, "org_user_ooo_create")["data"]
    made = api.post(OOO, {**MARCH, "notes": "away", "reason": "vacation", "toUserId": CY}).data
    assert made.keys() == expected.keys()
    assert (made["start"], made["end"]) == (expected["start"], expected["end"])
    assert api.post(f"{USERS}/1/ooo", MARCH).status == 201
    bare = api.get(f"{USERS}/1/ooo").data[0]
    assert (bare["notes"], bare["toUserId"], bare["reason"]) == (None, None, "unspecified")


def test_who_stands_in_cannot_be_away(api):
    """An entry is rejected on days to which another entry redirects bookings."""
    api.post(OOO, {**MARCH, "toUserId": CY})
    assert api.post(f"{USERS}/3/ooo", MARCH).error == (400, "Booking redirect infinite not allowed.")


@pytest.mark.parametrize("day", ["2027-03-02", "2027-02-30T00:00:00Z", "2027-03-02T00:00:00+01:00", 5])
def test_days_off_want_moments_in_utc(api, day):
    """Any value except an existing time that ends in Z is rejected, before other validation."""
    assert api.post(OOO, {"start": day, "reason": "bored"}).error == (400, "Invalid Date.")


def test_sorted_days_off_that_tie_change_places(api):
    """With `ties`, pages of entries that share a day repeat some and hide others."""
    with sandbox_client(ties=True, now=datetime(2026, 11, 2, tzinfo=UTC)) as tied:
        for number in range(12):
            day = f"2027-03-{number + 1:02}T00:00:00Z"
            assert tied.post(OOO, {"start": "2027-03-01T00:00:00Z", "end": day}).status == 201
        pages = [tied.get(f"{ORG}/ooo?sortStart=asc&take=3&skip={skip}").data for skip in range(0, 12, 3)]
        plain = [tied.get(f"{ORG}/ooo?take=3&skip={skip}").data for skip in range(0, 12, 3)]
    assert sum(map(len, pages)) == 12
    assert len({one["id"] for page in pages for one in page}) < 12
    assert len({one["id"] for page in plain for one in page}) == 12


@pytest.mark.parametrize(
    "path",
    [f"{ORG}/memberships", USERS, ROLES, TEAM_ROLES, f"{ORG}/ooo", OOO, f"{ORG}/schedules", f"{USERS}/3/schedules"],
)
def test_members_may_not(api, path):
    """Only an organization's admins see these lists; its members read attributes alone."""
    assert "ORG_ADMIN" in api.as_user("cy").get(path).message
    assert api.as_user("cy").get(ATTRIBUTES).status == 200
    assert api.as_user("bo").get(path).status == 200
