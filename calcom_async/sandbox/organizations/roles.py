"""Roles: the three system roles, and custom ones of organizations and teams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import array, min_length, string
from calcom_async.sandbox.http.forms import Field, Form, to_list
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

Role = dict[str, Any]

_CRUD = ("create", "read", "update", "delete")


def _named(**actions: Iterable[str]) -> list[str]:
    """Return permissions for resources and their actions; `_` stands for the dot in a resource's name."""
    return [f"{resource.replace('_', '.')}.{action}" for resource, names in actions.items() for action in names]


_ADMIN = [
    *_named(
        eventType=_CRUD,
        role=_CRUD,
        team=("create", "read", "update", "invite", "remove", "changeMemberRole", "listMembers", "listMembersPrivate"),
        organization=("read", "update", "listMembers", "listMembersPrivate", "invite", "remove", "manageBilling"),
        booking=("read", "update", "readTeamBookings", "readOrgBookings", "readRecordings"),
        insights=("read",),
        availability=(*_CRUD, "override"),
        workflow=_CRUD,
        routingForm=(*_CRUD, "manage"),
        apiKey=("create", "read", "delete", "findKeyOfType"),
        organization_attributes=(*_CRUD, "editUsers"),
        webhook=_CRUD,
        ooo=_CRUD,
        watchlist=_CRUD,
    ),
    "organization.changeMemberRole",
    "organization.impersonate",
    "team.impersonate",
    "team.manageBilling",
]
_MEMBER = _named(
    eventType=("read",),
    team=("read", "listMembers"),
    role=("read",),
    organization=("read", "listMembers"),
    booking=("update",),
    availability=("read", "update"),
    workflow=("read",),
    routingForm=("read",),
    organization_attributes=("read",),
    webhook=("read",),
    ooo=("read",),
)
_ONLY_CUSTOM = _named(
    team=("delete",),
    organization=("create", "passwordReset"),
    booking=("readTeamAuditLogs", "readOrgAuditLogs"),
    featureOptIn=("read", "update"),
)
_NEWER = _named(
    role=("readTeamRoles", "readOrgRoles"),
    eventType=("readTeamEventTypes", "readOrgEventTypes"),
    team=("readOrgTeams", "readTeamSettings", "readConferencing", "readVerifiedResources", "readMemberships"),
    organization=("readMemberships", "readManagedOrganizations", "readDelegationCredentials", "editUsers", "delete"),
    booking=("updateOrgBookings", "reassignOrgPastBookings", "updateTeamBookings", "reassignTeamPastBookings"),
    workflow=("readTeamWorkflows",),
    organization_attributes=("readSyncHistory", "readAuditLogs"),
    routingForm=(
        "readTeamRoutingForms",
        "readOrgRoutingForms",
        "readOrgAuditLogs",
        "readResponsePii",
        "readTeamAuditLogs",
    ),
    webhook=("readOrgWebhooks",),
    availability=("readTeamAvailability", "readOrgAvailability", "updateOrgAvailability"),
    ooo=("readOrgOoo",),
    organization_customDomain=("create", "read", "update", "delete"),
    tag=("create", "update", "delete"),
)
# The system roles have permissions that the specification does not list, so clients must not treat it as complete.
PERMISSIONS = frozenset({"*.*", *_ADMIN, *_MEMBER, *_ONLY_CUSTOM})
NEWER_PERMISSIONS = PERMISSIONS | frozenset(_NEWER)
"""The permissions of the hosted API."""

_SYSTEM = (
    ("owner_role", "Owner", "#1BA774", "Full access to all resources", ["*.*"]),
    ("admin_role", "Admin", "#6633EE", "Administrative access to most resources", _ADMIN),
    ("member_role", "Member", "#EAB308", "Basic member access", _MEMBER),
)
_SYSTEM_ROLES_CREATED = "2026-01-01T00:00:00.000Z"


def check_permissions(permissions: Iterable[str], *, newer: bool) -> None:
    """Raise a 400 for the first unknown permission. `newer` is whether the server has those of September 2026."""
    known = NEWER_PERMISSIONS if newer else PERMISSIONS
    for permission in permissions:
        if not isinstance(permission, str) or permission not in known:
            raise errors.bad_request(
                f"Permission '{permission}' must be a valid permission string in format 'resource.action' "
                "(e.g., 'eventType.read', 'booking.create')"
            )


_COMMON = (
    Field("color", string, optional=True),
    Field("description", string, optional=True),
    Field("permissions", array, optional=True),
)
CREATE = Form(*_COMMON, Field("name", min_length(1), string))
UPDATE = CREATE.partial()
SET = Form(Field("permissions", array))
REMOVE = Form(Field("permissions", optional=True, convert=to_list))


def role_view(role: Mapping[str, Any], owner_column: str) -> dict[str, Any]:
    """Return a role as JSON; the owner's key depends on the kind of owner."""
    return {
        "id": role["id"],
        "name": role["name"],
        "color": role["color"],
        "description": role["description"],
        owner_column: role["owner_id"],
        "type": "CUSTOM" if role["owner_id"] else "SYSTEM",
        "permissions": list(role["permissions"]),
        "createdAt": role["created_at"],
        "updatedAt": role["updated_at"],
    }


def roles_of(store: Store, owner_id: int) -> Iterator[Role]:
    """Yield the system roles, then those of the owner."""
    # Every list begins with these three. A read, an update or a delete of one is a 404.
    for role_id, name, color, description, permissions in _SYSTEM:
        yield {
            "id": role_id,
            "name": name,
            "color": color,
            "description": description,
            "owner_id": None,
            "permissions": permissions,
            "created_at": _SYSTEM_ROLES_CREATED,
            "updated_at": _SYSTEM_ROLES_CREATED,
        }
    yield from (role for role in store.roles.values() if role["owner_id"] == owner_id)


def find_role(store: Store, owner_id: int, role_id: str) -> Role:
    """Return a custom role; system roles count as unknown."""
    role = store.roles.get(role_id)
    if role is None or role["owner_id"] != owner_id:
        # The server's message says team for an organization.
        raise errors.not_found(f"Role with id {role_id} within team id {owner_id} not found")
    return role


def new_role(store: Store, owner_id: int, body: Mapping[str, Any], now: datetime) -> Role:
    """Create a custom role for a validated body."""
    # The names of the system roles are taken as well.
    if any(role["name"] == body["name"] for role in roles_of(store, owner_id)):
        raise errors.bad_request(f'Role with name "{body["name"]}" already exists')
    role: Role = {
        "id": store.uuid(),
        "owner_id": owner_id,
        "name": body["name"],
        "color": body.get("color"),
        "description": body.get("description"),
        "permissions": list(dict.fromkeys(body.get("permissions") or ())),
        "created_at": iso(now),
        "updated_at": iso(now),
    }
    store.roles[role["id"]] = role
    return role


def change_role(role: Role, body: Mapping[str, Any], now: datetime) -> None:
    """Update a role. Like the server, accept a description and do not store it."""
    # Recorded from a self-hosted server of 2025-12.
    role |= {name: body[name] for name in ("name", "color") if body.get(name) is not None}
    role["updated_at"] = iso(now)
    if body.get("permissions") is not None:
        set_permissions(role, body["permissions"])


def set_permissions(role: Role, wanted: Iterable[str]) -> None:
    """Replace a role's permissions: existing ones keep their position, new ones follow."""
    requested = list(dict.fromkeys(wanted))
    kept = [permission for permission in role["permissions"] if permission in requested]
    role["permissions"] = kept + [permission for permission in requested if permission not in kept]
