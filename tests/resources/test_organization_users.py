"""Users of an organization: filtered by email, team and attribute; created, updated and deleted."""

from __future__ import annotations

import pytest
from sent_requests import ANA, BO, CY, ORGANIZATION, SALES, SUPPORT, SentRequest, last_request, sent_requests

from calcom_async import BadRequestError, ConflictError, ForbiddenError, InvalidRequestError, ServerError
from calcom_async.models import CreateAttributeOption, CreateOrganizationUser, OrganizationUser, UpdateOrganizationUser

NEWBIE = "newbie@acme.test"


@pytest.fixture
def users(cal):
    """Users of the sandbox's organization."""
    return cal.organization(ORGANIZATION).users


async def test_list(users, calcom_sandbox):
    """All users by id, typed, a thousand a page."""
    found = await users.list().collect()
    assert [(one.id, one.profile.user_id, one.profile.organization_id) for one in found] == [
        (ANA, ANA, ORGANIZATION),
        (BO, BO, ORGANIZATION),
        (CY, CY, ORGANIZATION),
    ]
    assert last_request(calcom_sandbox) == SentRequest(
        "GET", "/organizations/1/users", {"take": "1000", "skip": "0"}, None, None
    )
    with pytest.raises(InvalidRequestError, match="1 to 1000"):
        users.list(take=1001)


async def test_pages(users, calcom_sandbox):
    """A page has the requested size."""
    assert [one.id async for one in users.list(take=2)] == [ANA, BO, CY]
    assert [(one.query["take"], one.query["skip"]) for one in sent_requests(calcom_sandbox)] == [("2", "0"), ("2", "2")]


async def test_emails_are_repeated(users, calcom_sandbox):
    """Each address is a parameter of its own, on every page; one text is one address."""
    found = [one.id async for one in users.list(emails=["ana@sandbox.test", "cy@sandbox.test"], take=1)]
    assert found == [ANA, CY]
    for seen in calcom_sandbox.requests:
        assert [value for name, value in seen.query if name == "emails"] == ["ana@sandbox.test", "cy@sandbox.test"]
    assert [one.id async for one in users.list(emails="bo@sandbox.test")] == [BO]
    assert last_request(calcom_sandbox).query["emails"] == "bo@sandbox.test"
    with pytest.raises(BadRequestError) as caught:
        await users.list(emails=["ana@sandbox.test,cy@sandbox.test"]).collect()
    assert list(caught.value.fields) == ["emails"]


async def test_by_team(users, calcom_sandbox):
    """Teams go as a comma list, and one of them is enough."""
    assert [one.id async for one in users.list(team_ids=[SUPPORT])] == [ANA, BO]
    assert [one.id async for one in users.list(team_ids=[SALES, SUPPORT])] == [ANA, BO, CY]
    assert last_request(calcom_sandbox).query["teamIds"] == "2,3"


async def test_by_attribute(cal, users, calcom_sandbox):
    """All of the options, one of them, or some other one."""
    attributes = cal.organization(ORGANIZATION).attributes
    values = [CreateAttributeOption(value=name, slug=name) for name in ("en", "pt")]
    skill = await attributes.create(name="Skill", slug="skill", type="MULTI_SELECT", options=values)
    ids = {one.value: one.id async for one in attributes.options(skill.id)}
    for user_id, value in ((ANA, "en"), (ANA, "pt"), (BO, "pt")):
        await attributes.assign(user_id, attribute_id=skill.id, option_id=ids[value])
    both = [ids["en"], ids["pt"]]
    assert [one.id async for one in users.list(assigned_option_ids=both)] == [ANA]
    assert last_request(calcom_sandbox).query["assignedOptionIds"] == ",".join(both)
    assert [one.id async for one in users.list(assigned_option_ids=both, attribute_query_operator="OR")] == [ANA, BO]
    other = users.list(assigned_option_ids=[ids["en"]], attribute_query_operator="NONE", team_ids=[SALES])
    assert [one.id async for one in other] == [ANA, BO]
    assert last_request(calcom_sandbox).query["attributeQueryOperator"] == "NONE"


async def test_create(users, calcom_sandbox):
    """An address is enough; the username is made of it, and there is no schedule."""
    made = await users.create(CreateOrganizationUser(email=NEWBIE))
    assert last_request(calcom_sandbox) == SentRequest("POST", "/organizations/1/users", {}, {"email": NEWBIE}, None)
    assert isinstance(made, OrganizationUser)
    assert (made.username, made.default_schedule_id, made.invited_to) == ("newbie-acme", None, ANA)
    assert [one.id async for one in users.list(emails=[NEWBIE])] == [made.id]


SETTINGS = {
    "weekday": ("Monday", "week_start"),
    "brand_color": ("#123456", None),
    "dark_brand_color": ("#abc", None),
    "hide_branding": (True, None),
    "bio": ("Hello", None),
    "metadata": ({"ref": "A1"}, None),
    "time_zone": ("Europe/Paris", None),
    "theme": ("dark", None),
    "app_theme": ("light", None),
    "time_format": (24, None),
    "locale": ("pt", None),
    "avatar_url": ("https://pictures.test/a.png", None),
}


@pytest.mark.parametrize("name", SETTINGS)
async def test_settings_come_back(users, name):
    """Every setting is read back as it was written, at creation and by an update of it alone."""
    value, shown = SETTINGS[name]
    made = await users.create(CreateOrganizationUser(email=NEWBIE, **{name: value}))
    changed = await users.update(CY, UpdateOrganizationUser(**{name: value}))
    assert [getattr(one, shown or name) for one in (made, changed)] == [value, value]


async def test_servers_that_cannot_store_the_weekday(users, calcom_sandbox):
    """A 500 to `weekday` names it as a likely cause, after one request; another 500 does not."""
    calcom_sandbox.faults.add("*", "/v2/organizations/1/users", status=500, times=9)
    calcom_sandbox.faults.add("*", f"/v2/organizations/1/users/{CY}", status=500, times=9)
    for call in (
        lambda **fields: users.create(CreateOrganizationUser(email=NEWBIE, **fields)),
        lambda **fields: users.update(CY, UpdateOrganizationUser(**fields)),
    ):
        calcom_sandbox.requests.clear()
        with pytest.raises(ServerError, match="Some servers cannot store weekday: try without it") as caught:
            await call(weekday="Monday")
        assert "weekday" in caught.value.hint
        assert len(calcom_sandbox.requests) == 1
    with pytest.raises(ServerError) as caught:
        await users.create(CreateOrganizationUser(email=NEWBIE))
    assert "weekday" not in str(caught.value)


async def test_role_and_acceptance(users, calcom_sandbox):
    """The role of a new user and whether they must accept first are set at creation."""
    await users.create(CreateOrganizationUser(email=NEWBIE, organization_role="ADMIN", auto_accept=False))
    assert last_request(calcom_sandbox).body == {"email": NEWBIE, "organizationRole": "ADMIN", "autoAccept": False}
    membership = list(calcom_sandbox.store.memberships.values())[-1]
    assert (membership["role"], membership["accepted"]) == ("ADMIN", False)


async def test_update(users, calcom_sandbox):
    """Given fields are sent, weekdays by name; metadata is replaced as a whole, None sends null."""
    await users.update(CY, UpdateOrganizationUser(metadata={"a": "1", "b": "2"}, theme="dark"))
    changed = await users.update(CY, UpdateOrganizationUser(metadata={"a": "3"}, theme=None, weekday=1))
    body = {"metadata": {"a": "3"}, "theme": None, "weekday": "Monday"}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/organizations/1/users/{CY}", {}, body, None)
    assert (changed.metadata, changed.theme, changed.week_start) == ({"a": "3"}, None, "Monday")


async def test_delete(users, calcom_sandbox):
    """Deleting returns the user; their data no longer exists and their key is invalid."""
    gone = await users.delete(CY)
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/organizations/1/users/{CY}", {}, None, None)
    assert gone.id == CY
    store = calcom_sandbox.store
    assert CY not in store.users
    assert not [one for one in store.schedules.values() if one["owner_id"] == CY]
    assert "cal_sandbox_cy" not in store.api_keys
    with pytest.raises(ForbiddenError, match="IsUserInOrg"):
        await users.delete(CY)


async def test_refusals(users):
    """A duplicate email is a conflict; usernames are rejected at creation, and duplicate ones on update."""
    with pytest.raises(ConflictError, match="already exists with that email"):
        await users.create(CreateOrganizationUser(email="bo@sandbox.test"))
    with pytest.raises(BadRequestError, match="check your request data"):
        await users.create(CreateOrganizationUser(email=NEWBIE, username="newbie"))
    with pytest.raises(ConflictError, match="Username is already taken"):
        await users.update(CY, UpdateOrganizationUser(username="bo"))
    with pytest.raises(BadRequestError) as caught:
        await users.update(CY, UpdateOrganizationUser(time_zone="Mars/One", email="x"))
    assert set(caught.value.fields) == {"timeZone", "email"}
    with pytest.raises(ForbiddenError, match="user with id=4 is not part"):
        await users.update(4, UpdateOrganizationUser(bio="x"))
