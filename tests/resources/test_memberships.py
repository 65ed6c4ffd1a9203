"""Memberships of teams and organizations."""

from __future__ import annotations

import pytest
from sent_requests import ANA, BO, CY, ORGANIZATION, SALES, SUPPORT, SentRequest, last_request, sent_requests

from calcom_async import (
    BadRequestError,
    Calcom,
    Config,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    UnprocessableError,
)
from calcom_async.models import CreateTeam, Membership, OrganizationMembership
from calcom_async.sandbox import Sandbox

MIA = 4


SCOPES = {
    "team": lambda cal: cal.team(SUPPORT),
    "organization_team": lambda cal: cal.organization(ORGANIZATION).team(SUPPORT),
    "organization": lambda cal: cal.organization(ORGANIZATION),
}


def members(cal, scope):
    """Return the memberships of a scope."""
    return SCOPES[scope](cal).memberships


@pytest.fixture
def team(cal):
    """Return the memberships of the team Support, below /teams."""
    return members(cal, "team")


@pytest.fixture
def organization_team(cal):
    """Return the memberships of the team Support, below its organization."""
    return members(cal, "organization_team")


@pytest.fixture
def organization(cal):
    """Return the memberships of the organization."""
    return members(cal, "organization")


@pytest.mark.parametrize(
    ("scope", "kind", "path"),
    [
        ("team", Membership, "/teams/3/memberships"),
        ("organization_team", Membership, "/organizations/1/teams/3/memberships"),
        ("organization", OrganizationMembership, "/organizations/1/memberships"),
    ],
)
async def test_life_of_a_membership(cal, calcom_sandbox, scope, kind, path):
    """In each of the three scopes, memberships are created, read, updated and deleted with the given fields only."""
    memberships = members(cal, scope)
    newcomer = MIA if scope == "organization" else CY
    membership = await memberships.create(user_id=newcomer)
    assert last_request(calcom_sandbox) == SentRequest("POST", path, {}, {"userId": newcomer, "role": "MEMBER"}, None)
    assert isinstance(membership, kind)
    assert (membership.user_id, membership.role, membership.accepted, membership.disable_impersonation) == (
        newcomer,
        "MEMBER",
        False,
        False,
    )
    assert await memberships.get(membership.id) == membership
    path_of_one = f"{path}/{membership.id}"
    assert last_request(calcom_sandbox) == SentRequest("GET", path_of_one, {}, None, None)
    changed = await memberships.update(membership.id, role="ADMIN", accepted=True, disable_impersonation=True)
    body = {"role": "ADMIN", "accepted": True, "disableImpersonation": True}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", path_of_one, {}, body, None)
    assert (changed.role, changed.accepted, changed.disable_impersonation) == ("ADMIN", True, True)
    assert await memberships.delete(membership.id) == changed
    assert last_request(calcom_sandbox) == SentRequest("DELETE", path_of_one, {}, None, None)
    with pytest.raises(NotFoundError):
        await memberships.get(membership.id)


async def test_all_fields(organization_team, calcom_sandbox):
    """Every field of a new membership is written under its name."""
    await organization_team.create(user_id=CY, role="OWNER", accepted=True, disable_impersonation=True)
    body = {"userId": CY, "role": "OWNER", "accepted": True, "disableImpersonation": True}
    assert last_request(calcom_sandbox).body == body


@pytest.mark.parametrize("scope", list(SCOPES))
async def test_lists_are_paged(cal, calcom_sandbox, scope):
    """Every list uses take and skip, with 250 per page by default."""
    memberships = members(cal, scope)
    whole = [membership.id async for membership in memberships.list()]
    assert last_request(calcom_sandbox).query == {"take": "250", "skip": "0"}
    assert len(whole) >= 2
    assert [membership.id async for membership in memberships.list(take=1)] == whole
    assert [request.query["skip"] for request in sent_requests(calcom_sandbox)[1:]] == [
        str(n) for n in range(len(whole) + 1)
    ]
    assert [membership.id async for membership in memberships.list(skip=1)] == whole[1:]


async def test_a_team_is_searched_by_email(team, calcom_sandbox):
    """Email addresses are sent comma-separated, and letter case does not matter."""
    members_found = await team.list(emails=["BO@sandbox.test", "nobody@sandbox.test"]).collect()
    assert [membership.user.email for membership in members_found] == ["bo@sandbox.test"]
    assert last_request(calcom_sandbox).query["emails"] == "BO@sandbox.test,nobody@sandbox.test"
    with pytest.raises(BadRequestError) as caught:
        await team.list(emails=[f"{n}@sandbox.test" for n in range(21)]).collect()
    assert list(caught.value.fields) == ["emails"]


async def test_a_duplicate_membership_of_a_team(team, organization_team):
    """A duplicate membership in a team is a conflict."""
    for memberships in (team, organization_team):
        with pytest.raises(ConflictError):
            await memberships.create(user_id=BO)


async def test_a_duplicate_membership_of_an_organization(organization):
    """Creating a membership twice updates the first one: the role is replaced and it is pending by default."""
    [before] = [membership async for membership in organization.list() if membership.user_id == CY]
    assert before.accepted
    after = await organization.create(user_id=CY, role="ADMIN")
    assert (after.id, after.role, after.accepted) == (before.id, "ADMIN", False)
    assert (before.custom_role_id, after.custom_role_id) == ("member_role", "admin_role")


async def test_users_outside_the_organization(organization_team, team):
    """A team of an organization accepts users of the organization only; an unknown user is a bad request."""
    with pytest.raises(UnprocessableError, match="not part of the Organization"):
        await organization_team.create(user_id=MIA)
    with pytest.raises(BadRequestError, match="does not exist"):
        await team.create(user_id=999)
    with pytest.raises(BadRequestError, match="role must be one of"):
        await team.create(user_id=MIA, role="BOSS")


async def test_admins(cal, organization):
    """Members are forbidden; an organization's admin has no rights in a team outside it."""
    cy = cal.with_credentials("cal_sandbox_cy")
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await cy.organization(ORGANIZATION).memberships.get(1)
    plain = await cal.teams.create(CreateTeam(name="Plain"))
    bo = cal.with_credentials("cal_sandbox_bo")
    with pytest.raises(ForbiddenError, match="not a member of the team"):
        await bo.team(plain.id).memberships.list().collect()
    with pytest.raises(NotFoundError, match="Membership \\(999\\) not found"):
        await organization.get(999)


async def test_deleting_an_organization_membership(cal, organization, calcom_sandbox):
    """Deleting an organization membership deletes the team memberships, and the user leaves the organization."""
    [membership] = [row async for row in organization.list() if row.user_id == CY]
    assert (await cal.with_credentials("cal_sandbox_cy").me.get()).organization_id == ORGANIZATION
    await organization.delete(membership.id)
    sales = cal.organization(ORGANIZATION).team(SALES).memberships
    assert {row.user_id async for row in sales.list()} == {ANA, BO}
    assert (await cal.with_credentials("cal_sandbox_cy").me.get()).organization_id is None


async def test_members_by_email(organization, calcom_sandbox):
    """An existing user is added by address: accepted at once with an address of the organization's own domain."""
    calcom_sandbox.store.organizations[ORGANIZATION]["auto_accept_domain"] = "sandbox.test"
    path = "/organizations/1/memberships"
    user = calcom_sandbox.store.users[MIA]
    membership = await organization.create(email=user["email"], role="ADMIN")
    body = {"email": user["email"], "role": "ADMIN"}
    assert last_request(calcom_sandbox) == SentRequest("POST", path, {}, body, None)
    domain_is_accepted = user["email"].endswith("@sandbox.test")
    assert (membership.user_id, membership.role, membership.accepted) == (MIA, "ADMIN", domain_is_accepted)
    with pytest.raises(NotFoundError):
        await organization.create(email="nobody@sandbox.test")


async def test_a_member_is_given_by_id_or_by_email(organization, calcom_sandbox):
    """A new member has either an id or an address, and an address has none of the settings of an id."""
    for wrong in ({}, {"user_id": MIA, "email": "mia@sandbox.test"}, {"email": "mia@sandbox.test", "accepted": True}):
        with pytest.raises(InvalidRequestError, match="user_id"):
            await organization.create(**wrong)
    assert calcom_sandbox.requests == []


async def test_a_self_hosted_server_rejects_an_email():
    """A server that does not know the form answers 400, because the user id is missing."""
    with Sandbox(server="self-hosted-2025-12") as sandbox:
        config = Config(base_url=sandbox.url, allow_http=True)
        async with Calcom(sandbox.api_key, config=config) as cal:
            with pytest.raises(BadRequestError) as caught:
                await cal.organization(ORGANIZATION).memberships.create(email="cy@sandbox.test")
    assert list(caught.value.fields) == ["userId"]
