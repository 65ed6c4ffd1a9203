"""Users of an organization: filtered by email, team and attribute; created, updated and deleted."""

from __future__ import annotations

import pytest
from sent_requests import ANA, BO, CY, ORGANIZATION, SALES, SUPPORT, SentRequest, last_request, sent_requests

from calcom_async import BadRequestError, ConflictError, ForbiddenError, InvalidRequestError, ServerError
from calcom_async.models import CreateAttributeOption, CreateOrganizationUser, OrganizationUser, UpdateOrganizationUser

NEW_EMAIL = "newbie@acme.test"


@pytest.fixture
def users(cal):
    """Return the users of the sandbox's organization."""
    return cal.organization(ORGANIZATION).users


async def test_list(users, calcom_sandbox):
    """The list has all users by id, 1,000 per page."""
    users_found = await users.list().collect()
    assert [(user.id, user.profile.user_id, user.profile.organization_id) for user in users_found] == [
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
    assert [user.id async for user in users.list(take=2)] == [ANA, BO, CY]
    assert [(request.query["take"], request.query["skip"]) for request in sent_requests(calcom_sandbox)] == [
        ("2", "0"),
        ("2", "2"),
    ]


async def test_emails_are_repeated(users, calcom_sandbox):
    """Each email address is a separate parameter, on every page; a text is one address."""
    users_found = [user.id async for user in users.list(emails=["ana@sandbox.test", "cy@sandbox.test"], take=1)]
    assert users_found == [ANA, CY]
    for request in calcom_sandbox.requests:
        assert [value for name, value in request.query if name == "emails"] == ["ana@sandbox.test", "cy@sandbox.test"]
    assert [user.id async for user in users.list(emails="bo@sandbox.test")] == [BO]
    assert last_request(calcom_sandbox).query["emails"] == "bo@sandbox.test"
    with pytest.raises(BadRequestError) as caught:
        await users.list(emails=["ana@sandbox.test,cy@sandbox.test"]).collect()
    assert list(caught.value.fields) == ["emails"]


async def test_by_team(users, calcom_sandbox):
    """Team ids are sent comma-separated, and users of any of them are listed."""
    assert [user.id async for user in users.list(team_ids=[SUPPORT])] == [ANA, BO]
    assert [user.id async for user in users.list(team_ids=[SALES, SUPPORT])] == [ANA, BO, CY]
    assert last_request(calcom_sandbox).query["teamIds"] == "2,3"


async def test_by_attribute(cal, users, calcom_sandbox):
    """Users can be filtered by all of the options, any of them, or none."""
    attributes = cal.organization(ORGANIZATION).attributes
    values = [CreateAttributeOption(value=name, slug=name) for name in ("en", "pt")]
    skill = await attributes.create(name="Skill", slug="skill", type="MULTI_SELECT", options=values)
    ids = {user.value: user.id async for user in attributes.options(skill.id)}
    for user_id, value in ((ANA, "en"), (ANA, "pt"), (BO, "pt")):
        await attributes.assign(user_id, attribute_id=skill.id, option_id=ids[value])
    both = [ids["en"], ids["pt"]]
    assert [user.id async for user in users.list(assigned_option_ids=both)] == [ANA]
    assert last_request(calcom_sandbox).query["assignedOptionIds"] == ",".join(both)
    assert [user.id async for user in users.list(assigned_option_ids=both, attribute_query_operator="OR")] == [ANA, BO]
    other = users.list(assigned_option_ids=[ids["en"]], attribute_query_operator="NONE", team_ids=[SALES])
    assert [user.id async for user in other] == [ANA, BO]
    assert last_request(calcom_sandbox).query["attributeQueryOperator"] == "NONE"


async def test_create(users, calcom_sandbox):
    """An email address is enough; the username is derived from it, and there is no schedule."""
    user = await users.create(CreateOrganizationUser(email=NEW_EMAIL))
    assert last_request(calcom_sandbox) == SentRequest("POST", "/organizations/1/users", {}, {"email": NEW_EMAIL}, None)
    assert isinstance(user, OrganizationUser)
    assert (user.username, user.default_schedule_id, user.invited_to) == ("newbie-acme", None, ANA)
    assert [row.id async for row in users.list(emails=[NEW_EMAIL])] == [user.id]


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
    """Every setting is read as it was written, on creation and by an update of this setting only."""
    value, shown = SETTINGS[name]
    user = await users.create(CreateOrganizationUser(email=NEW_EMAIL, **{name: value}))
    changed = await users.update(CY, UpdateOrganizationUser(**{name: value}))
    assert [getattr(row, shown or name) for row in (user, changed)] == [value, value]


async def test_servers_that_cannot_store_the_weekday(users, calcom_sandbox):
    """A 500 to `weekday` names it as a likely cause, after one request; another 500 does not."""
    calcom_sandbox.faults.add("*", "/v2/organizations/1/users", status=500, times=9)
    calcom_sandbox.faults.add("*", f"/v2/organizations/1/users/{CY}", status=500, times=9)
    for call in (
        lambda **fields: users.create(CreateOrganizationUser(email=NEW_EMAIL, **fields)),
        lambda **fields: users.update(CY, UpdateOrganizationUser(**fields)),
    ):
        calcom_sandbox.requests.clear()
        with pytest.raises(ServerError, match="Some servers cannot store weekday: try without it") as caught:
            await call(weekday="Monday")
        assert "weekday" in caught.value.hint
        assert len(calcom_sandbox.requests) == 1
    with pytest.raises(ServerError) as caught:
        await users.create(CreateOrganizationUser(email=NEW_EMAIL))
    assert "weekday" not in str(caught.value)


async def test_role_and_acceptance(users, calcom_sandbox):
    """The role of a new user and whether they must accept first are set at creation."""
    await users.create(CreateOrganizationUser(email=NEW_EMAIL, organization_role="ADMIN", auto_accept=False))
    assert last_request(calcom_sandbox).body == {"email": NEW_EMAIL, "organizationRole": "ADMIN", "autoAccept": False}
    membership = list(calcom_sandbox.store.memberships.values())[-1]
    assert (membership["role"], membership["accepted"]) == ("ADMIN", False)


async def test_update(users, calcom_sandbox):
    """Given fields are sent, weekdays by name; metadata is replaced completely, and None sends null."""
    await users.update(CY, UpdateOrganizationUser(metadata={"a": "1", "b": "2"}, theme="dark"))
    changed = await users.update(CY, UpdateOrganizationUser(metadata={"a": "3"}, theme=None, weekday=1))
    body = {"metadata": {"a": "3"}, "theme": None, "weekday": "Monday"}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/organizations/1/users/{CY}", {}, body, None)
    assert (changed.metadata, changed.theme, changed.week_start) == ({"a": "3"}, None, "Monday")


async def test_delete(users, calcom_sandbox):
    """Deleting returns the user; their data no longer exists and their key is invalid."""
    deleted = await users.delete(CY)
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/organizations/1/users/{CY}", {}, None, None)
    assert deleted.id == CY
    store = calcom_sandbox.store
    assert CY not in store.users
    assert not [user for user in store.schedules.values() if user["owner_id"] == CY]
    assert "cal_sandbox_cy" not in store.api_keys
    with pytest.raises(ForbiddenError, match="IsUserInOrg"):
        await users.delete(CY)


async def test_rejections(users):
    """A duplicate email is a conflict; usernames are rejected at creation, and duplicate ones on update."""
    with pytest.raises(ConflictError, match="already exists with that email"):
        await users.create(CreateOrganizationUser(email="bo@sandbox.test"))
    with pytest.raises(BadRequestError, match="check your request data"):
        await users.create(CreateOrganizationUser(email=NEW_EMAIL, username="newbie"))
    with pytest.raises(ConflictError, match="Username is already taken"):
        await users.update(CY, UpdateOrganizationUser(username="bo"))
    with pytest.raises(BadRequestError) as caught:
        await users.update(CY, UpdateOrganizationUser(time_zone="Mars/One", email="x"))
    assert set(caught.value.fields) == {"timeZone", "email"}
    with pytest.raises(ForbiddenError, match="user with id=4 is not part"):
        await users.update(4, UpdateOrganizationUser(bio="x"))


async def test_name_and_no_email(users, calcom_sandbox):
    """A user is created with a name and without an email, and the name can be changed."""
    user = await users.create(
        CreateOrganizationUser(email="ada@acme.test", name="Ada Byron", skip_notification_email=True)
    )
    assert last_request(calcom_sandbox).body == {
        "email": "ada@acme.test",
        "name": "Ada Byron",
        "skipNotificationEmail": True,
    }
    assert user.name == "Ada Byron"
    assert (await users.update(user.id, UpdateOrganizationUser(name="Ada Lovelace"))).name == "Ada Lovelace"
    with pytest.raises(BadRequestError) as caught:
        await users.update(user.id, UpdateOrganizationUser(name="x" * 51))
    assert list(caught.value.fields) == ["name"]
