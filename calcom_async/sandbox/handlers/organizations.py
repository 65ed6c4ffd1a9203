"""Operations: the teams of an organisation."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.guards import guarded_organization, guarded_team
from calcom_async.sandbox.handlers.teams import changed, made, removed
from calcom_async.sandbox.routes import Call, route
from calcom_async.sandbox.teams import Team, membership_of, team_view

# The two lists ignore take and skip, and always answer the beginning.
_MOST = 250


def _teams(call: Call, org_id: int) -> list[Team]:
    return sorted(
        (team for team in call.store.teams.values() if team["parent_id"] == org_id), key=lambda one: one["id"]
    )


@route("GET", "/v2/organizations/{orgId}/teams")
def list_organization_teams(call: Call) -> object:
    organization = guarded_organization(call, "ORG_ADMIN")
    return [team_view(team) for team in _teams(call, organization["id"])[:_MOST]]


@route("GET", "/v2/organizations/{orgId}/teams/me")
def list_my_organization_teams(call: Call) -> object:
    organization = guarded_organization(call, "ORG_MEMBER")
    above = membership_of(call.store, organization["id"], call.user["id"])
    sees_all = above is not None and above["role"] in ("ADMIN", "OWNER")
    views = [_with_role(call, team) for team in _teams(call, organization["id"])]
    return [view for view in views if sees_all or "role" in view][:_MOST]


def _with_role(call: Call, team: Team) -> dict[str, Any]:
    membership = membership_of(call.store, team["id"], call.user["id"])
    return team_view(team) | (
        {"accepted": membership["accepted"], "role": membership["role"]} if membership is not None else {}
    )


@route("POST", "/v2/organizations/{orgId}/teams", status=201)
def create_organization_team(call: Call) -> object:
    organization = guarded_organization(call, "ORG_ADMIN")
    return team_view(made(call, parent_id=organization["id"]))


@route("GET", "/v2/organizations/{orgId}/teams/{teamId}")
def get_organization_team(call: Call) -> object:
    return team_view(guarded_team(call, "TEAM_ADMIN"))


@route("PATCH", "/v2/organizations/{orgId}/teams/{teamId}")
def update_organization_team(call: Call) -> object:
    return team_view(changed(call, guarded_team(call, "ORG_ADMIN")))


@route("DELETE", "/v2/organizations/{orgId}/teams/{teamId}")
def delete_organization_team(call: Call) -> object:
    return team_view(removed(call, guarded_team(call, "ORG_ADMIN")))
