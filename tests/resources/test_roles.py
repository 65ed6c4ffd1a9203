"""Roles and permissions of an organization and of its teams."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from sent_requests import ORGANIZATION, SALES, SentRequest, last_request

from calcom_async import BadRequestError, Calcom, Config, ForbiddenError, NotFoundError
from calcom_async.models import Role
from calcom_async.sandbox import Sandbox

SCOPES = {
    "organization": lambda cal: cal.organization(ORGANIZATION).roles,
    "team": lambda cal: cal.organization(ORGANIZATION).team(SALES).roles,
}


@pytest.fixture(params=list(SCOPES))
def scope(request):
    """Return the scope of the roles."""
    return request.param


@pytest.fixture
def roles(cal, scope):
    """Return the roles of the scope."""
    return SCOPES[scope](cal)


@pytest.fixture
def path(roles):
    """Return the path of the roles."""
    return f"{roles._prefix}/roles"


async def test_life_of_a_role(roles, scope, path, calcom_sandbox):
    """A role is created, read, updated and deleted, with its permissions; the owner is in the field of its kind."""
    arguments = {"name": "Booker", "color": "#123456", "description": "may book"}
    role = await roles.create(**arguments, permissions=["booking.read", "eventType.read"])
    body = arguments | {"permissions": ["booking.read", "eventType.read"]}
    assert last_request(calcom_sandbox) == SentRequest("POST", path, {}, body, None)
    assert isinstance(role, Role)
    owner = (ORGANIZATION, None) if scope == "organization" else (None, SALES)
    assert (role.organization_id, role.team_id, role.type) == (*owner, "CUSTOM")
    assert await roles.get(role.id) == role
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{path}/{role.id}", {}, None, None)
    body = {"name": "Reader", "color": "#abc", "description": "may read", "permissions": ["booking.read"]}
    changed = await roles.update(role.id, **body)
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{path}/{role.id}", {}, body, None)
    assert (changed.name, changed.color) == ("Reader", "#abc")
    assert changed.description == "may book", "the server accepts another description and does not store it"
    assert changed.permissions == ["booking.read"]
    assert await roles.delete(role.id) == replace(changed, permissions=[])
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{path}/{role.id}", {}, None, None)
    with pytest.raises(NotFoundError, match="not found"):
        await roles.get(role.id)


async def test_list(roles, path, calcom_sandbox):
    """System roles are listed first, then custom ones; the list uses take and skip."""
    role = await roles.create(name="Booker")
    rows = await roles.list().collect()
    assert [row.id for row in rows] == ["owner_role", "admin_role", "member_role", role.id]
    assert [row.type for row in rows] == ["SYSTEM"] * 3 + ["CUSTOM"]
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {"take": "250", "skip": "0"}, None, None)
    assert await roles.list(take=2).collect() == rows


async def test_permissions(roles, path, calcom_sandbox):
    """Permissions are listed, added, replaced and removed; removing returns None."""
    role = await roles.create(name="Booker", permissions=["booking.read", "eventType.read"])
    where = f"{path}/{role.id}/permissions"
    assert await roles.permissions(role.id) == ["booking.read", "eventType.read"]
    assert last_request(calcom_sandbox) == SentRequest("GET", where, {}, None, None)
    added = await roles.add_permissions(role.id, ["team.read", "booking.read"])
    body = {"permissions": ["team.read", "booking.read"]}
    assert last_request(calcom_sandbox) == SentRequest("POST", where, {}, body, None)
    assert added == ["booking.read", "eventType.read", "team.read"]
    replaced = await roles.set_permissions(role.id, ["team.read", "insights.read", "booking.read"])
    body = {"permissions": ["team.read", "insights.read", "booking.read"]}
    assert last_request(calcom_sandbox) == SentRequest("PUT", where, {}, body, None)
    assert replaced == ["booking.read", "team.read", "insights.read"]
    assert await roles.remove_permissions(role.id, ["booking.read", "insights.read"]) is None
    removed = {"permissions": "booking.read,insights.read"}
    assert last_request(calcom_sandbox) == SentRequest("DELETE", where, removed, None, None)
    assert await roles.permissions(role.id) == ["team.read"]
    assert await roles.remove_permission(role.id, "team.read") is None
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{where}/team.read", {}, None, None)
    assert await roles.permissions(role.id) == []
    await roles.remove_permissions(role.id, ["team.read"])


async def test_a_single_permission(roles, calcom_sandbox):
    """A text is one permission wherever a list is accepted."""
    role = await roles.create(name="Booker", permissions="booking.read")
    assert role.permissions == ["booking.read"]
    assert await roles.add_permissions(role.id, "team.read") == ["booking.read", "team.read"]
    await roles.remove_permissions(role.id, "booking.read")
    assert last_request(calcom_sandbox).query == {"permissions": "booking.read"}


async def test_rejections(cal, roles, scope):
    """Unknown permissions and duplicate names are bad requests, system roles are not found, members are forbidden."""
    role = await roles.create(name="Booker")
    with pytest.raises(BadRequestError, match=r"'fly.high' must be a valid permission"):
        await roles.add_permissions(role.id, ["fly.high"])
    with pytest.raises(BadRequestError, match=r"'fly.high' must be a valid permission"):
        await roles.remove_permission(role.id, "fly.high")
    with pytest.raises(BadRequestError, match="already exists"):
        await roles.create(name="Booker")
    for call in (roles.get("admin_role"), roles.update("admin_role", name="x"), roles.delete("admin_role")):
        with pytest.raises(NotFoundError, match="admin_role"):
            await call
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await SCOPES[scope](cal.with_credentials("cal_sandbox_cy")).list().collect()


async def test_roles_of_another_scope(cal):
    """A team's role is not a role of the organization."""
    role = await SCOPES["team"](cal).create(name="Booker")
    with pytest.raises(NotFoundError):
        await SCOPES["organization"](cal).get(role.id)


async def test_permissions_of_september_2026(roles):
    """The hosted API has permissions that older servers reject; the client passes on any."""
    role = await roles.create(name="Auditor", permissions=["organization.attributes.readAuditLogs", "tag.create"])
    assert role.permissions == ["organization.attributes.readAuditLogs", "tag.create"]
    with Sandbox(server="self-hosted-2025-12") as sandbox:
        config = Config(base_url=sandbox.url, allow_http=True)
        async with Calcom(sandbox.api_key, config=config) as older:
            with pytest.raises(BadRequestError, match="must be a valid permission"):
                await older.organization(ORGANIZATION).roles.create(name="Auditor", permissions=["tag.create"])
