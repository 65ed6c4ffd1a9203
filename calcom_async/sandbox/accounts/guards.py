"""Guards of the routes of teams and organizations, in the order and with the messages of the real server."""

from __future__ import annotations

from typing import Any, Literal

from calcom_async.sandbox.accounts.teams import find_team, role_in
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call

OrgRole = Literal["ORG_MEMBER", "ORG_ADMIN", "ORG_OWNER"]
TeamRole = Literal["TEAM_MEMBER", "TEAM_ADMIN", "TEAM_OWNER"]
_LADDER = ("MEMBER", "ADMIN", "OWNER")


def organization_of(call: Call) -> dict[str, Any]:
    """Return the organization of the path, without a permission check."""
    org_id = call.int_path("orgId")
    organization = call.store.organizations.get(org_id)
    # Unknown is a 403 here, and a 404 for a team inside it.
    if organization is None:
        raise errors.forbidden(
            f"IsOrgGuard - provided organization id={org_id} does not represent any existing organization."
        )
    return organization


def team_of(call: Call) -> dict[str, Any]:
    """Return the team of the path, without a permission check. Below an organization it must be one of its teams."""
    team_id = call.int_path("teamId", checked=True)
    team = find_team(call.store, team_id)
    if "orgId" not in call.path:
        if team is None:
            raise errors.not_found(f"Team with id {team_id} not found")
        return team
    if team is None or team["parent_id"] != organization_of(call)["id"]:
        # The real server has two messages for this; unknown and foreign teams both get the first.
        raise errors.not_found(f"IsTeamInOrg - Team ({team_id}) not found.")
    return team


def guarded_organization(call: Call, minimum: OrgRole) -> dict[str, Any]:
    """Return the organization of the path if the caller has at least this role in it."""
    organization = organization_of(call)
    user_id, org_id = call.user["id"], organization["id"]
    # The real server caches a positive check for five minutes, so a revoked role may still pass. The sandbox does not.
    role = role_in(call.store, org_id, user_id)
    if role is None:
        raise errors.forbidden(f"RolesGuard - User is not a member of the organization with id={org_id}.")
    if not reaches(role, minimum):
        raise _too_low(call, minimum)
    return organization


def guarded_team(call: Call, minimum: TeamRole | OrgRole) -> dict[str, Any]:
    """Return the team of the path if the caller has this role in the team, or in its organization."""
    if "orgId" in call.path:
        _check_role_in_organization(call, minimum)
    else:
        _check_role_in_team(call, minimum)
    return team_of(call)


def _check_role_in_team(call: Call, minimum: str) -> None:
    """Raise a 403 unless the caller has this role in the team of the path."""
    team_id = call.int_path("teamId", checked=True)
    role = role_in(call.store, team_id, call.user["id"])
    if role is None:
        raise errors.forbidden(f"RolesGuard - User is not a member of the team with id={team_id}.")
    if not reaches(role, minimum):
        raise _too_low(call, minimum)


def _check_role_in_organization(call: Call, minimum: str) -> None:
    """Raise a 403 unless the caller has this role in the team, or leads its organization."""
    org_id, team_id = organization_of(call)["id"], call.int_path("teamId", checked=True)
    above = role_in(call.store, org_id, call.user["id"])
    if above is None:
        raise errors.forbidden(f"RolesGuard - User is not part of the organization with id={org_id}.")
    # Admins of an organization have every role in its teams, but only below the path of the organization.
    if reaches(above, "ORG_ADMIN"):
        if not minimum.startswith("ORG_") or reaches(above, minimum):
            return
        raise _too_low(call, minimum)
    within = above if minimum.startswith("ORG_") else role_in(call.store, team_id, call.user["id"])
    if within is None:
        raise errors.forbidden(
            f"RolesGuard - User is not part of the team with id={team_id} and/or, is not an admin nor an owner of the "
            f"organization with id={org_id}."
        )
    if not reaches(within, minimum):
        raise _too_low(call, minimum)


def reaches(role: str, minimum: str) -> bool:
    """Return whether a role is at least `minimum`, whose prefix (`ORG_`, `TEAM_`) does not count."""
    return _LADDER.index(role) >= _LADDER.index(minimum.partition("_")[2])


def _too_low(call: Call, minimum: str) -> errors.HttpError:
    """Return the 403 for a member whose role is below `minimum`."""
    places = [("orgId", "organization"), ("teamId", "team")]
    where = " ".join(f"{word} with id={call.path[name]}" for name, word in places if name in call.path)
    return errors.forbidden(
        f"RolesGuard - user with id={call.user['id']} does not have the minimum required role={minimum} within {where}."
    )
