"""Memberships: JSON forms, bodies, and the effects of joining and leaving."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from calcom_async.sandbox.accounts.teams import add_member, membership_of, memberships_of
from calcom_async.sandbox.event_types import team_event_types
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import boolean, email, integer, one_of
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.organizations.attributes import member_attributes
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

Membership = dict[str, Any]

CREATE_DEFAULTS: dict[str, str | bool] = {"accepted": False, "role": "MEMBER", "disableImpersonation": False}
"""Defaults of a create body; validation errors repeat them as if they had been sent."""
LONG_AGO = "2026-01-01T00:00:00.000Z"
"""Time at which the initial members joined."""

UPDATE = Form(
    Field("accepted", boolean, optional=True),
    Field("role", one_of(("MEMBER", "ADMIN", "OWNER")), optional=True),
    Field("disableImpersonation", boolean, optional=True),
)
CREATE = Form(Field("userId", integer), *UPDATE.parts)
CREATE_BY_EMAIL = Form(Field("email", email), UPDATE.fields["role"])
_SETTABLE = {"accepted": "accepted", "role": "role", "disableImpersonation": "disable_impersonation"}


def team_membership_view(store: Store, membership: Membership) -> dict[str, Any]:
    """Return a membership of a team as JSON."""
    return {
        "id": membership["id"],
        "userId": membership["user_id"],
        "teamId": membership["team_id"],
        "accepted": membership["accepted"],
        "role": membership["role"],
        "disableImpersonation": membership["disable_impersonation"],
        "user": _user_view(store.users[membership["user_id"]]),
    }


def organization_membership_view(store: Store, membership: Membership) -> dict[str, Any]:
    """Return a membership of an organization as JSON, with more fields."""
    return team_membership_view(store, membership) | {
        # A self-hosted server of 2025-12 fills this in, also without custom roles.
        "customRoleId": f"{membership['role'].lower()}_role",
        "createdAt": membership.get("created_at", LONG_AGO),
        "updatedAt": membership.get("updated_at", LONG_AGO),
        "attributes": member_attributes(store, membership["id"]),
    }


def _user_view(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return a user as memberships contain them."""
    shown = {"avatarUrl": user["avatar_url"], "username": user["username"], "name": user["name"]}
    return shown | {"email": user["email"], "bio": user["bio"]}


def join(store: Store, team_id: int, body: Mapping[str, Any], now: datetime) -> Membership:
    """Create a membership for a validated body."""
    if body["userId"] not in store.users:
        raise errors.database(400)
    membership = add_member(store, team_id, body["userId"])
    membership["created_at"] = iso(now)
    change(store, membership, {**CREATE_DEFAULTS, **body}, now)
    return membership


def change(store: Store, membership: Membership, body: Mapping[str, Any], now: datetime) -> None:
    """Update a membership; active members become hosts of event types that assign all members."""
    membership |= {ours: body[wire] for wire, ours in _SETTABLE.items() if body.get(wire) is not None}
    membership["updated_at"] = iso(now)
    # A pending member hosts nothing.
    if membership["accepted"] and membership["team_id"] in store.teams:
        team_event_types.assign_member(store, membership["team_id"], membership["user_id"])


def leave(store: Store, membership: Membership, now: datetime) -> None:
    """Delete a membership; the user no longer hosts the team's event types."""
    del store.memberships[membership["id"]]
    for key, row in list(store.attribute_assignments.items()):
        if row["memberId"] == membership["id"]:
            del store.attribute_assignments[key]
    team = store.teams.get(membership["team_id"])
    for record in team_event_types.of_team(store, membership["team_id"]) if team else ():
        rest = [host for host in record["hosts"] if host["userId"] != membership["user_id"]]
        if rest != record["hosts"]:
            team_event_types.change(store, team or {}, record, {"hosts": rest}, now)


def leave_organization(store: Store, membership: Membership, now: datetime) -> None:
    """Delete a membership of an organization, and those of its teams."""
    org_id, user_id = membership["team_id"], membership["user_id"]
    for team in [team for team in store.teams.values() if team["parent_id"] == org_id]:
        if (within := membership_of(store, team["id"], user_id)) is not None:
            leave(store, within, now)
    leave(store, membership, now)
    if store.users[user_id]["organization_id"] == org_id:
        store.users[user_id]["organization_id"] = None


def by_id(store: Store, team_id: int) -> list[Membership]:
    """List the memberships of a team or an organization by id."""
    return sorted(memberships_of(store, team_id), key=lambda membership: membership["id"])


def find(store: Store, team_id: int, membership_id: int) -> Membership | None:
    """Return a membership of a team or an organization by its id."""
    membership = store.memberships.get(membership_id)
    return membership if membership is not None and membership["team_id"] == team_id else None
