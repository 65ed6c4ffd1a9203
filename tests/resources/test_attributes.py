"""Attributes of an organization's members: creation, assignment and lists."""

from __future__ import annotations

import pytest
from sent_requests import ANA, BO, CY, ORGANIZATION, SALES, SUPPORT, SentRequest, last_request, sent_requests

from calcom_async import BadRequestError, ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from calcom_async.models import Attribute, AttributeOption, CreateAttributeOption, OptionAssignment

BASE = "/organizations/1/attributes"


@pytest.fixture
def attributes(cal):
    """Return the attributes of the sandbox's organization."""
    return cal.organization(ORGANIZATION).attributes


@pytest.fixture
async def department(attributes):
    """Create an attribute with options."""
    options = [CreateAttributeOption(value=name, slug=name.lower()) for name in ("Sales", "Support")]
    return await attributes.create(name="Department", slug="department", type="SINGLE_SELECT", options=options)


@pytest.fixture
async def ids(attributes, department):
    """Return the ids of its options by value."""
    return {option.value: option.id async for option in attributes.options(department.id)}


async def test_life_of_an_attribute(attributes, calcom_sandbox):
    """An attribute is created, read, updated and deleted; a list of options is always sent."""
    attribute = await attributes.create(name="Motto", slug="motto", type="TEXT", enabled=False)
    body = {"name": "Motto", "slug": "motto", "type": "TEXT", "options": [], "enabled": False}
    assert last_request(calcom_sandbox) == SentRequest("POST", BASE, {}, body, None)
    assert isinstance(attribute, Attribute)
    assert (attribute.team_id, attribute.type, attribute.enabled) == (ORGANIZATION, "TEXT", False)
    assert await attributes.get(attribute.id) == attribute
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{BASE}/{attribute.id}", {}, None, None)
    changed = await attributes.update(attribute.id, name="Creed", slug="creed", type="NUMBER", enabled=True)
    body = {"name": "Creed", "slug": "creed", "type": "NUMBER", "enabled": True}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{BASE}/{attribute.id}", {}, body, None)
    assert (changed.name, changed.slug, changed.type, changed.enabled) == ("Creed", "creed", "NUMBER", True)
    assert await attributes.delete(attribute.id) == changed
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{BASE}/{attribute.id}", {}, None, None)
    assert await attributes.list().collect() == []


async def test_unknown_is_not_found(attributes, calcom_sandbox):
    """An unknown attribute raises NotFoundError, although the server returns 200 and null."""
    with pytest.raises(NotFoundError, match="404 attribute nope not found") as caught:
        await attributes.get("nope")
    assert (calcom_sandbox.requests[-1].status, caught.value.status, caught.value.code) == (200, 404, None)
    for call in (attributes.update("nope", name="x"), attributes.delete("nope")):
        with pytest.raises(NotFoundError):
            await call


async def test_list_is_paged(attributes, calcom_sandbox):
    """Attributes are sorted by id, in pages of 250 by default."""
    ids = {(await attributes.create(name=f"A{n}", slug=f"a{n}", type="TEXT")).id for n in range(3)}
    assert [attribute.id async for attribute in attributes.list()] == sorted(ids)
    assert last_request(calcom_sandbox) == SentRequest("GET", BASE, {"take": "250", "skip": "0"}, None, None)
    assert [attribute.id async for attribute in attributes.list(take=2)] == sorted(ids)


async def test_life_of_an_option(attributes, department, calcom_sandbox):
    """Options are created, renamed and deleted; two options may have the same name."""
    created = await attributes.create_option(department.id, value="Ops", slug="ops")
    path = f"{BASE}/{department.id}/options"
    assert last_request(calcom_sandbox) == SentRequest("POST", path, {}, {"value": "Ops", "slug": "ops"}, None)
    assert isinstance(created, AttributeOption)
    assert (await attributes.create_option(department.id, value="Ops", slug="ops")).id != created.id
    changed = await attributes.update_option(department.id, created.id, value="Operations", slug="operations")
    body = {"value": "Operations", "slug": "operations"}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{path}/{created.id}", {}, body, None)
    assert (changed.id, changed.value, changed.slug) == (created.id, "Operations", "operations")
    assert await attributes.delete_option(department.id, created.id) == changed
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{path}/{created.id}", {}, None, None)
    assert sorted([option.value async for option in attributes.options(department.id)]) == ["Ops", "Sales", "Support"]
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {}, None, None)


async def test_assigning(attributes, department, ids, calcom_sandbox):
    """An option is assigned and unassigned by its id."""
    assignment = await attributes.assign(CY, attribute_id=department.id, option_id=ids["Sales"])
    body = {"attributeId": department.id, "attributeOptionId": ids["Sales"]}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{BASE}/options/{CY}", {}, body, None)
    assert isinstance(assignment, OptionAssignment)
    assert assignment.attribute_option_id == ids["Sales"]
    assert [option.value async for option in attributes.list_for_user(CY)] == ["Sales"]
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{BASE}/options/{CY}", {}, None, None)
    assert await attributes.unassign(CY, ids["Sales"]) == assignment
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{BASE}/options/{CY}/{ids['Sales']}", {}, None, None)
    assert await attributes.list_for_user(CY).collect() == []
    with pytest.raises(NotFoundError, match="does not belong to this user"):
        await attributes.unassign(CY, ids["Sales"])


async def test_assigning_by_value(cal, attributes, calcom_sandbox):
    """Texts and numbers are assigned by value; memberships return numbers as numbers."""
    for name, type, value in (("Motto", "TEXT", "Ship it"), ("Level", "NUMBER", "7")):
        attribute = await attributes.create(name=name, slug=name.lower(), type=type)
        await attributes.assign(CY, attribute_id=attribute.id, value=value)
        assert last_request(calcom_sandbox).body == {"attributeId": attribute.id, "value": value}
        assert [option.value async for option in attributes.options(attribute.id)] == [value]
    memberships = cal.organization(ORGANIZATION).memberships
    [membership] = [membership async for membership in memberships.list() if membership.user_id == CY]
    assert [(value.name, value.type, value.option) for value in membership.attributes] == [
        ("Motto", "text", "Ship it"),
        ("Level", "number", 7),
    ]


async def test_memberships_show_choices(cal, attributes, department, ids):
    """A membership shows one option or several; of two single selections it shows the first."""
    skills = await attributes.create(
        name="Skills", slug="skills", type="MULTI_SELECT", options=[CreateAttributeOption(value="pt", slug="pt")]
    )
    [portuguese] = await attributes.options(skills.id).collect()
    await attributes.assign(CY, attribute_id=skills.id, option_id=portuguese.id)
    for value in ("Support", "Sales"):
        await attributes.assign(CY, attribute_id=department.id, option_id=ids[value])
    memberships = cal.organization(ORGANIZATION).memberships
    [membership] = [membership async for membership in memberships.list() if membership.user_id == CY]
    several, single = membership.attributes
    assert (several.type, [option.option for option in several.options or []]) == ("multiSelect", ["pt"])
    assert (single.type, single.option, single.option_id) == ("singleSelect", "Support", ids["Support"])


async def test_assigned_options(attributes, department, ids, calcom_sandbox):
    """Assigned options are listed with their users, by the attribute's id or slug, page by page."""
    for user_id, value in ((ANA, "Sales"), (CY, "Sales"), (BO, "Support")):
        await attributes.assign(user_id, attribute_id=department.id, option_id=ids[value])
    users_of_options = {
        option.value: option.assigned_user_ids async for option in attributes.assigned_options(department.id)
    }
    path = f"{BASE}/{department.id}/options/assigned"
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {"take": "1000", "skip": "0"}, None, None)
    assert users_of_options == {"Sales": [ANA, CY], "Support": [BO]}
    by_slug = {
        option.value: option.assigned_user_ids async for option in attributes.assigned_options_by_slug("department")
    }
    assert last_request(calcom_sandbox).path == f"{BASE}/slugs/department/options/assigned"
    assert by_slug == users_of_options
    assert len(await attributes.assigned_options(department.id, take=1).collect()) == 2


async def test_filters_of_assigned_options(attributes, department, ids, calcom_sandbox):
    """Assigned options can be filtered by teams of the users and by their other options."""
    for user_id, value in ((CY, "Sales"), (BO, "Support")):
        await attributes.assign(user_id, attribute_id=department.id, option_id=ids[value])
    in_support = attributes.assigned_options(department.id, team_ids=[SUPPORT])
    assert [option.value async for option in in_support] == ["Support"]
    assert last_request(calcom_sandbox).query["teamIds"] == "3"
    same = attributes.assigned_options_by_slug("department", assigned_option_ids=[ids["Sales"]], team_ids=[SALES])
    assert [option.value async for option in same] == ["Sales"]
    assert last_request(calcom_sandbox).query["assignedOptionIds"] == ids["Sales"]
    assert await attributes.assigned_options(department.id, assigned_option_ids=["nope"]).collect() == []


async def test_unknown_attributes_and_users(attributes):
    """Lists below an unknown attribute or user are empty; writes are rejected."""
    assert await attributes.options("nope").collect() == []
    assert await attributes.assigned_options("nope").collect() == []
    assert await attributes.list_for_user(999).collect() == []
    with pytest.raises(BadRequestError):
        await attributes.create_option("nope", value="x", slug="x")
    with pytest.raises(NotFoundError, match="Attribute option not found"):
        await attributes.delete_option("nope", "nope")
    with pytest.raises(NotFoundError, match="Attribute not found"):
        await attributes.assign(CY, attribute_id="nope", value="x")


async def test_rejections(cal, attributes, department, ids, calcom_sandbox):
    """Duplicate slugs and values for choices are rejected; an empty assignment is rejected before it is sent."""
    with pytest.raises(ConflictError):
        await attributes.create(name="Other", slug="department", type="TEXT")
    with pytest.raises(BadRequestError, match="does not support value"):
        await attributes.assign(CY, attribute_id=department.id, value="Sales")
    before = len(sent_requests(calcom_sandbox))
    with pytest.raises(InvalidRequestError, match="option_id"):
        await attributes.assign(CY, attribute_id=department.id)
    assert len(sent_requests(calcom_sandbox)) == before
    cy = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).attributes
    assert await cy.get(department.id) == department
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await cy.delete(department.id)


async def test_a_deleted_attribute(attributes, department, ids):
    """Deleting an attribute deletes its options and their assignments."""
    await attributes.assign(CY, attribute_id=department.id, option_id=ids["Sales"])
    await attributes.delete(department.id)
    assert await attributes.list_for_user(CY).collect() == []


async def test_weight(attributes, department, ids, calcom_sandbox):
    """A weight is set when an option is assigned, and updated later; it needs an assignment."""
    assigned = await attributes.assign(BO, attribute_id=department.id, option_id=ids["Sales"], weight=100)
    assert last_request(calcom_sandbox).body["weight"] == 100
    assert assigned.weight == 100
    changed = await attributes.set_weight(BO, ids["Sales"], weight=0.5)
    assert last_request(calcom_sandbox) == SentRequest(
        "PATCH", f"{BASE}/options/{BO}/{ids['Sales']}", {}, {"weight": 0.5}, None
    )
    assert (changed.id, changed.weight) == (assigned.id, 0.5)
    with pytest.raises(BadRequestError):
        await attributes.set_weight(BO, ids["Sales"], weight=-1)
    with pytest.raises(NotFoundError):
        await attributes.set_weight(BO, ids["Support"], weight=1)
    assert (await attributes.unassign(BO, ids["Sales"])).weight == 0.5


async def test_history(attributes, department, ids, calcom_sandbox):
    """The history has an entry for each assignment, weight and removal, the newest first, and is read with a cursor."""
    await attributes.assign(BO, attribute_id=department.id, option_id=ids["Sales"])
    await attributes.set_weight(BO, ids["Sales"], weight=50)
    await attributes.unassign(BO, ids["Sales"])
    entries = await attributes.history(BO, take=2).collect()
    path = f"{BASE}/assignments/{BO}/history"
    first, second = sent_requests(calcom_sandbox)[-2:]
    assert first == SentRequest("GET", path, {"limit": "2"}, None, None)
    assert second == SentRequest("GET", path, {"limit": "2", "cursor": entries[1].id}, None, None)
    changes = [entry.changes[0] for entry in entries]
    assert [change.type for change in changes] == ["UNASSIGNED", "WEIGHT_CHANGED", "ASSIGNED"]
    removed, weighted, assigned = changes
    assert (removed.current, removed.previous.weight) == (None, 50)
    assert (weighted.previous.weight, weighted.current.weight) == (None, 50)
    assert (assigned.previous, assigned.current.value, assigned.attribute.slug) == (None, "Sales", "department")
    assert (entries[0].actor.display_name, entries[0].source) == ("Ana Sandbox", "API_V2")
    assert await attributes.history(CY).collect() == []


async def test_history_is_for_admins(cal, attributes):
    """A member cannot read the history, and a user outside the organization has none."""
    with pytest.raises(ForbiddenError):
        await cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).attributes.history(BO).collect()
    with pytest.raises(NotFoundError):
        await attributes.history(999).collect()


async def test_sync_history(attributes, calcom_sandbox):
    """Synchronizations are read with a cursor, for all users or for one."""
    runs = await attributes.sync_history(take=2).collect()
    assert [request.query.get("limit") for request in sent_requests(calcom_sandbox)] == ["2", "2"]
    assert [run.user_id for run in runs] == [ANA, BO, CY]
    assert (runs[0].provider, runs[0].status, runs[0].signature_verified) == ("SALESFORCE", "APPLIED", True)
    assert (runs[0].rule_evaluations[0].passed, runs[0].applied_field_mappings[0].new_value) == (True, "Sales")
    assert runs[0].team_membership_changes[0].outcome == "NO_CHANGE"
    of_bo = await attributes.user_sync_history(BO).collect()
    assert last_request(calcom_sandbox) == SentRequest(
        "GET", f"{BASE}/sync-history/user/{BO}", {"limit": "100"}, None, None
    )
    assert [run.user_id for run in of_bo] == [BO, BO]


async def test_relationships(cal, attributes):
    """The hosted API has attributes that relate a member to another; memberships do not show them."""
    created = await attributes.create(name="Manager", slug="manager", type="USER_RELATIONSHIP")
    assert created.type == "USER_RELATIONSHIP"
    await attributes.assign(BO, attribute_id=created.id, value="ana")
    memberships = {member.user_id: member async for member in cal.organization(ORGANIZATION).memberships.list()}
    assert memberships[BO].attributes == []
