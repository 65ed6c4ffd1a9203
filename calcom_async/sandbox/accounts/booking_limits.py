"""Booking limits of users: their own over all event types, and those of teams for their round-robin event types.

A user's own limits are in `booking_limits` of the user, those for one team in `booking_limits` of the membership, and
those of the team in `booking_limits` of the team.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from calcom_async.sandbox.accounts.teams import membership_of, teams_of
from calcom_async.sandbox.http.constraints import minimum, number
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.state.store import Store

Limits = dict[str, int]
"""The limits that are set, by their names in `PERIODS`."""

Unit = Literal["day", "week", "month", "year"]
PERIODS: dict[str, Unit] = {"perDay": "day", "perWeek": "week", "perMonth": "month", "perYear": "year"}
"""The names in JSON, and the units of time."""

UPDATE = Form(*(Field(name, minimum(1), number, optional=True) for name in PERIODS))


def changed_limits(limits: Limits | None, changes: Mapping[str, Any]) -> Limits:
    """Return limits with changes; null removes one."""
    merged = {**(limits or {}), **changes}
    return {name: most for name, most in merged.items() if most is not None}


def limits_view(limits: Mapping[str, int]) -> dict[str, int | None]:
    """Return limits as JSON: all four, null where none is set."""
    return {name: limits.get(name) for name in PERIODS}


def own_limits(store: Store, user_id: int) -> Limits:
    """Return the limits of a user over all event types."""
    limits: Limits = store.users[user_id].get("booking_limits", {})
    return limits


def is_round_robin_host(event_type: Mapping[str, Any], user_id: int) -> bool:
    """Return whether a user is a host of a round robin that may also choose another one."""
    hosts = event_type.get("hosts") or () if event_type.get("schedulingType") == "roundRobin" else ()
    return any(host["userId"] == user_id and not host.get("mandatory") for host in hosts)


def limited_teams(store: Store, user_id: int) -> Iterator[dict[str, Any]]:
    """Yield the teams with limits that apply to a user as a round-robin host."""
    hosted = {
        event_type["teamId"]
        for event_type in store.event_types.values()
        if event_type.get("teamId") and is_round_robin_host(event_type, user_id)
    }
    return (team for team in teams_of(store, user_id) if team["id"] in hosted and team.get("booking_limits"))


def member_limits(store: Store, team_id: int, user_id: int) -> Limits:
    """Return the user's own limits for a team."""
    membership = membership_of(store, team_id, user_id) or {}
    limits: Limits = membership.get("booking_limits", {})
    return limits


def effective_limits(store: Store, team: Mapping[str, Any], user_id: int) -> Limits:
    """Return the limits that count in a team: the user's where set, else the team's, at most those over all."""
    # The limits of a member replace those of the team, so they may also be higher.
    limits = {**team.get("booking_limits", {}), **member_limits(store, team["id"], user_id)}
    overall = own_limits(store, user_id)
    return {name: min(most, overall.get(name, most)) for name, most in limits.items()}


def team_limits_view(store: Store, team: Mapping[str, Any], user_id: int) -> dict[str, Any]:
    """Return the limits of a team for a user as JSON."""
    member = member_limits(store, team["id"], user_id)
    return {
        "teamId": team["id"],
        "teamName": team["name"],
        "teamLimit": limits_view(team["booking_limits"]),
        "memberLimit": limits_view(member) if member else None,
        "effectiveLimit": limits_view(effective_limits(store, team, user_id)),
    }
