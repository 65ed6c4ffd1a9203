"""Handlers of roles and their permissions, of an organization and of its teams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization, guarded_team
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.forms import Form
from calcom_async.sandbox.http.paging import page, read_query
from calcom_async.sandbox.http.results import RawResponse
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations import roles
from calcom_async.sandbox.organizations.roles import CREATE, REMOVE, SET, UPDATE, Role, check_permissions

ROUTES = Routes()


ORG = "/v2/organizations/{orgId}/roles"
TEAM = "/v2/organizations/{orgId}/teams/{teamId}/roles"
ONE = "/{roleId}"
PERMISSIONS = ONE + "/permissions"


def _owner(call: Call) -> int:
    """Return the owner of the roles in the path if the caller is an admin of the organization, even to read."""
    # Admins of the team alone get a 403.
    owner = guarded_team(call, "ORG_ADMIN") if "teamId" in call.path else guarded_organization(call, "ORG_ADMIN")
    owner_id: int = owner["id"]
    return owner_id


def _role(call: Call) -> Role:
    """Return the custom role of the path."""
    return roles.find_role(call.store, _owner(call), call.path["roleId"])


def _view(call: Call, role: Role) -> dict[str, Any]:
    """Return a role as JSON."""
    return roles.role_view(role, "teamId" if "teamId" in call.path else "organizationId")


@ROUTES.add("GET", ORG)
@ROUTES.add("GET", TEAM)
def list_roles(call: Call) -> object:
    """List the system roles and the custom ones."""
    owner_id, query = _owner(call), read_query(call)
    return [_view(call, role) for role in page(list(roles.roles_of(call.store, owner_id)), query)]


@ROUTES.add("POST", ORG, status=201)
@ROUTES.add("POST", TEAM, status=201)
def create_role(call: Call) -> object:
    """Create a role. A name that exists is a 400."""
    owner_id, body = _owner(call), _body(call, CREATE)
    return _view(call, roles.new_role(call.store, owner_id, body, call.clock.now()))


def _body(call: Call, form: Form) -> dict[str, Any]:
    """Return the validated body. Raises a 400 for an unknown permission."""
    body = form.read(call.body)
    _check(call, body.get("permissions") or ())
    return body


def _check(call: Call, permissions: Iterable[str]) -> None:
    """Raise a 400 for a permission that the server does not know."""
    check_permissions(permissions, newer=call.server.newer_organizations)


@ROUTES.add("GET", ORG + ONE)
@ROUTES.add("GET", TEAM + ONE)
def get_role(call: Call) -> object:
    """Return a custom role."""
    return _view(call, _role(call))


@ROUTES.add("PATCH", ORG + ONE)
@ROUTES.add("PATCH", TEAM + ONE)
def update_role(call: Call) -> object:
    """Update a custom role."""
    role = _role(call)
    roles.change_role(role, _body(call, UPDATE), call.clock.now())
    return _view(call, role)


@ROUTES.add("DELETE", ORG + ONE)
@ROUTES.add("DELETE", TEAM + ONE)
def delete_role(call: Call) -> object:
    """Delete a custom role and return it, without its permissions."""
    return _view(call, call.store.roles.pop(_role(call)["id"]) | {"permissions": []})


# --- permissions ----------------------------------------------------------------------------------------------------


@ROUTES.add("GET", ORG + PERMISSIONS)
@ROUTES.add("GET", TEAM + PERMISSIONS)
def list_permissions(call: Call) -> object:
    """List the permissions of a role."""
    return _role(call)["permissions"]


@ROUTES.add("POST", ORG + PERMISSIONS)
@ROUTES.add("POST", TEAM + PERMISSIONS)
def add_permissions(call: Call) -> object:
    """Add permissions to a role."""
    role = _role(call)
    return _set(role, [*role["permissions"], *_requested_permissions(call)])


@ROUTES.add("PUT", ORG + PERMISSIONS)
@ROUTES.add("PUT", TEAM + PERMISSIONS)
def replace_permissions(call: Call) -> object:
    """Replace the permissions of a role."""
    return _set(_role(call), _requested_permissions(call))


def _requested_permissions(call: Call) -> list[str]:
    """Return the permissions of a body. Raises a 400 for an unknown one."""
    permissions: list[str] = SET.read(call.body)["permissions"]
    _check(call, permissions)
    return permissions


def _set(role: Role, wanted: list[str]) -> object:
    """Replace the permissions of a role and return them."""
    roles.set_permissions(role, wanted)
    return role["permissions"]


@ROUTES.add("DELETE", ORG + PERMISSIONS, status=204)
@ROUTES.add("DELETE", TEAM + PERMISSIONS, status=204)
def remove_permissions(call: Call) -> object:
    """Remove the permissions in the query from a role."""
    return _removed(call, REMOVE.read(call.fields).get("permissions") or [])


@ROUTES.add("DELETE", ORG + PERMISSIONS + "/{permission}", status=204)
@ROUTES.add("DELETE", TEAM + PERMISSIONS + "/{permission}", status=204)
def remove_permission(call: Call) -> object:
    """Remove one permission from a role."""
    return _removed(call, [call.path["permission"]])


def _removed(call: Call, removed: list[str]) -> RawResponse:
    """Remove permissions from a role; the response is a 204."""
    _owner(call)
    _check(call, removed)
    role = _role(call)
    # A permission that the role does not have is no error.
    roles.set_permissions(role, [permission for permission in role["permissions"] if permission not in removed])
    return RawResponse(None, 204)
