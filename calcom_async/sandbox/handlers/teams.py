"""Operations: teams, below /v2/teams."""

from __future__ import annotations

from calcom_async.sandbox.guards import guarded_team
from calcom_async.sandbox.routes import Call, route
from calcom_async.sandbox.team_event_types import of_team, remove_event_type
from calcom_async.sandbox.team_forms import CREATED_AS, TEAM_CREATE, TEAM_UPDATE, check_time_format
from calcom_async.sandbox.teams import Team, change_team, new_team, remove_team, team_view, teams_of


@route("POST", "/v2/teams", status=201)
def create_team(call: Call) -> object:
    return team_view(made(call, parent_id=None))


def made(call: Call, *, parent_id: int | None) -> Team:
    """Make the team that a request describes, the caller its owner."""
    body = TEAM_CREATE.read({**CREATED_AS, **call.body})
    check_time_format(body)
    return new_team(call.store, body, creator_id=call.user["id"], parent_id=parent_id)


@route("GET", "/v2/teams")
def list_teams(call: Call) -> object:
    return [team_view(team) for team in teams_of(call.store, call.user["id"])]


@route("GET", "/v2/teams/{teamId}")
def get_team(call: Call) -> object:
    return team_view(guarded_team(call, "TEAM_MEMBER"))


@route("PATCH", "/v2/teams/{teamId}")
def update_team(call: Call) -> object:
    return team_view(changed(call, guarded_team(call, "TEAM_OWNER")))


def changed(call: Call, team: Team) -> Team:
    """Change a team as a request says."""
    body = TEAM_UPDATE.read(call.body)
    check_time_format(body)
    change_team(call.store, team, body)
    return team


@route("DELETE", "/v2/teams/{teamId}")
def delete_team(call: Call) -> object:
    return team_view(removed(call, guarded_team(call, "TEAM_OWNER")))


def removed(call: Call, team: Team) -> Team:
    """Drop a team with its members and event types."""
    for record in of_team(call.store, team["id"]):
        remove_event_type(call.store, record)
    remove_team(call.store, team)
    return team
