"""Handlers of teams, below `/v2/teams` and below an organization."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization, guarded_team
from calcom_async.sandbox.accounts.teams import (
    Team,
    change_team,
    membership_of,
    new_team,
    remove_team,
    team_view,
    teams_of,
)
from calcom_async.sandbox.event_types.team_event_types import of_team, remove_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations.team_forms import CREATE_DEFAULTS, TEAM_CREATE, TEAM_UPDATE, check_time_format

ROUTES = Routes()


# The two lists ignore take and skip, and always return the first rows (measured, build of 2025-12).
_LIST_LIMIT = 250


def _teams(call: Call, org_id: int) -> list[Team]:
    """List the teams of an organization by id."""
    if not call.server.team_lists_accept_paging and (call.param("take") or call.param("skip")):
        raise errors.database(500)  # the query reaches the database as text (measured, build of 2025-12)
    return sorted(
        (team for team in call.store.teams.values() if team["parent_id"] == org_id), key=lambda team: team["id"]
    )


@ROUTES.add("GET", "/v2/organizations/{orgId}/teams")
def list_organization_teams(call: Call) -> object:
    """List the teams of the organization."""
    organization = guarded_organization(call, "ORG_ADMIN")
    return [team_view(team) for team in _teams(call, organization["id"])[:_LIST_LIMIT]]


@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/me")
def list_my_organization_teams(call: Call) -> object:
    """List the teams of the caller; an admin of the organization sees all teams."""
    organization = guarded_organization(call, "ORG_MEMBER")
    above = membership_of(call.store, organization["id"], call.user["id"])
    # Rows of teams without the caller lack `role` and `accepted`.
    sees_all = above is not None and above["role"] in ("ADMIN", "OWNER")
    views = [_with_role(call, team) for team in _teams(call, organization["id"])]
    return [view for view in views if sees_all or "role" in view][:_LIST_LIMIT]


def _with_role(call: Call, team: Team) -> dict[str, Any]:
    """Return a team as JSON, with the caller's role if they are a member."""
    membership = membership_of(call.store, team["id"], call.user["id"])
    return team_view(team) | (
        {"accepted": membership["accepted"], "role": membership["role"]} if membership is not None else {}
    )


@ROUTES.add("POST", "/v2/organizations/{orgId}/teams", status=201)
def create_organization_team(call: Call) -> object:
    """Create a team of the organization."""
    organization = guarded_organization(call, "ORG_ADMIN")
    return team_view(create_requested_team(call, parent_id=organization["id"]))


@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/{teamId}")
def get_organization_team(call: Call) -> object:
    """Return a team of the organization for admins of the team."""
    return team_view(guarded_team(call, "TEAM_ADMIN"))


@ROUTES.add("PATCH", "/v2/organizations/{orgId}/teams/{teamId}")
def update_organization_team(call: Call) -> object:
    """Update a team of the organization."""
    return team_view(update_requested_team(call, guarded_team(call, "ORG_ADMIN")))


@ROUTES.add("DELETE", "/v2/organizations/{orgId}/teams/{teamId}")
def delete_organization_team(call: Call) -> object:
    """Delete a team of the organization and return it."""
    return team_view(delete_team_with_event_types(call, guarded_team(call, "ORG_ADMIN")))


@ROUTES.add("POST", "/v2/teams", status=201)
def create_team(call: Call) -> object:
    """Create a team outside of organizations."""
    # Where teams are billed, the hosted API may return a payment link instead. The sandbox bills nothing.
    return team_view(create_requested_team(call, parent_id=None))


def create_requested_team(call: Call, *, parent_id: int | None) -> Team:
    """Create a team for a request; the caller becomes its owner."""
    body = TEAM_CREATE.read({**CREATE_DEFAULTS, **call.body})
    if not call.server.newer_organizations:
        body.pop("addCreatorAsOwner", None)
    check_time_format(body)
    return new_team(call.store, body, creator_id=call.user["id"], parent_id=parent_id)


@ROUTES.add("GET", "/v2/teams")
def list_teams(call: Call) -> object:
    """List the teams and organizations of the caller."""
    # Pending memberships count as well; this list has no pages.
    return [team_view(team) for team in teams_of(call.store, call.user["id"])]


@ROUTES.add("GET", "/v2/teams/{teamId}")
def get_team(call: Call) -> object:
    """Return a team for its members."""
    return team_view(guarded_team(call, "TEAM_MEMBER"))


@ROUTES.add("PATCH", "/v2/teams/{teamId}")
def update_team(call: Call) -> object:
    """Update a team for its owners."""
    return team_view(update_requested_team(call, guarded_team(call, "TEAM_OWNER")))


def update_requested_team(call: Call, team: Team) -> Team:
    """Update a team for a request."""
    body = TEAM_UPDATE.read(call.body)
    check_time_format(body)
    change_team(call.store, team, body)
    return team


@ROUTES.add("DELETE", "/v2/teams/{teamId}")
def delete_team(call: Call) -> object:
    """Delete a team and return it."""
    return team_view(delete_team_with_event_types(call, guarded_team(call, "TEAM_OWNER")))


def delete_team_with_event_types(call: Call, team: Team) -> Team:
    """Delete a team with its members and event types."""
    for record in of_team(call.store, team["id"]):
        remove_event_type(call.store, record)
    remove_team(call.store, team)
    return team
