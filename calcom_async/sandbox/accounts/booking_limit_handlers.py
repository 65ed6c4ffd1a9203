"""Handlers of the booking limits of the current user."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.booking_limits import (
    PERIODS,
    UPDATE,
    changed_limits,
    effective_limits,
    limited_teams,
    limits_view,
    own_limits,
    team_limits_view,
)
from calcom_async.sandbox.accounts.teams import membership_of
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.results import RawResponse
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


OWN = "/v2/me/booking-limits"
OF_TEAMS = "/v2/me/team-booking-limits"
NO_CONTENT = RawResponse(status=204)


@ROUTES.add("GET", OWN)
def get_booking_limits(call: Call) -> object:
    """Return the limits over all event types."""
    return limits_view(own_limits(call.store, _member(call)["id"]))


@ROUTES.add("PATCH", OWN)
def update_booking_limits(call: Call) -> object:
    """Merge the given limits; null removes one."""
    user = _member(call)
    user["booking_limits"] = changed_limits(user.get("booking_limits"), UPDATE.read(call.body))
    return limits_view(user["booking_limits"])


@ROUTES.add("DELETE", OWN)
def delete_booking_limits(call: Call) -> object:
    """Remove all limits; without a body."""
    _member(call).pop("booking_limits", None)
    return NO_CONTENT


@ROUTES.add("GET", OF_TEAMS)
def get_team_booking_limits(call: Call) -> object:
    """Return the limits of the teams where the caller is a round-robin host."""
    store, user_id = call.store, call.user["id"]
    teams, overall = list(limited_teams(store, user_id)), own_limits(store, user_id)
    effective = [effective_limits(store, team, user_id) for team in teams]
    return {
        "teams": [team_limits_view(store, team, user_id) for team in teams],
        "globalLimit": limits_view(overall) if overall else None,
        # Whether the teams together may take more than the user allows in all.
        "isOvercommitted": any(
            sum(limits.get(name, 0) for limits in effective) > overall[name] for name in PERIODS if name in overall
        ),
    }


@ROUTES.add("PATCH", OF_TEAMS + "/{teamId}")
def update_team_booking_limit(call: Call) -> object:
    """Merge the given limits of the caller for a team; null is the team's. A team without any is a 400."""
    team, body = _team(call), UPDATE.read(call.body)
    if team is None:
        raise errors.bad_request("You are not a round-robin host of a team with booking limits.")
    membership = membership_of(call.store, team["id"], call.user["id"]) or {}
    membership["booking_limits"] = changed_limits(membership.get("booking_limits"), body)
    return team_limits_view(call.store, team, call.user["id"])


@ROUTES.add("DELETE", OF_TEAMS + "/{teamId}")
def delete_team_booking_limit(call: Call) -> object:
    """Restore the team's limits; without a body. Without limits of the caller's own it is a 404."""
    team = _team(call)
    membership = membership_of(call.store, team["id"], call.user["id"]) if team else None
    if not membership or not membership.pop("booking_limits", None):
        raise errors.not_found("Team booking limit not found.")
    return NO_CONTENT


def _member(call: Call) -> dict[str, Any]:
    """Return the caller, who must be a member of an organization."""
    # A rule of the specification of September 2026. The text of the error is made up.
    if call.user["organization_id"] is None:
        raise errors.forbidden("Booking limits are only for members of an organization.")
    return call.user


def _team(call: Call) -> dict[str, Any] | None:
    """Return the team of the path, if its limits apply to the caller."""
    team_id = call.int_path("teamId", checked=True)
    return next((team for team in limited_teams(call.store, call.user["id"]) if team["id"] == team_id), None)
