"""Event types of teams: their hosts, and managed ones, which are a parent and a copy for each host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from calcom_async.sandbox.accounts.teams import memberships_of
from calcom_async.sandbox.event_types.records import EventType, change_event_type, is_of_team, new_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.state.store import Store

# What a managed child keeps when its parent changes.
_OWN = ("id", "ownerId", "teamId", "parentEventTypeId", "schedulingType", "hosts", "assignAllTeamMembers", "scheduleId")


def create(store: Store, team: Mapping[str, Any], body: Mapping[str, Any], now: datetime) -> list[EventType]:
    """Make a team's event type; a managed one comes with its children behind it."""
    team_id, kind = team["id"], body["schedulingType"]
    if find_by_slug(store, team_id, body["slug"]) is not None:
        raise errors.bad_request("Team event type with this slug already exists")
    hosts, everybody = _hosts(store, team_id, body), bool(body.get("assignAllTeamMembers"))
    metadata: dict[str, Any] = {"metadata": {"managedEventConfig": {}}} if kind == "managed" else {}
    record = new_event_type(
        store,
        None,
        _allowed(body, team),
        now=now,
        teamId=team_id,
        schedulingType=kind,
        hosts=[] if everybody else hosts,
        assignAllTeamMembers=everybody,
        **metadata,
    )
    if everybody:
        _refuse_pending(store, team_id)
        record["hosts"] = hosts
    return [record, *_sync_children(store, record)]


def change(
    store: Store, team: Mapping[str, Any], record: EventType, body: Mapping[str, Any], now: datetime
) -> list[EventType]:
    """Change a team's event type; a managed one passes everything on to its children."""
    slug = body.get("slug")
    if slug is not None and find_by_slug(store, team["id"], slug) not in (None, record):
        raise errors.bad_request("Team event type with this slug already exists")
    hosts = _hosts(store, team["id"], body)
    change_event_type(store, record, _allowed(body, team), now=now)
    kind = body.get("schedulingType") or record["schedulingType"]
    if kind != record["schedulingType"] or "hosts" in body or body.get("assignAllTeamMembers"):
        record.update(hosts=hosts, schedulingType=kind)
    if body.get("assignAllTeamMembers") is not None:
        record["assignAllTeamMembers"] = body["assignAllTeamMembers"]
    return [record, *_sync_children(store, record)]


def _allowed(body: Mapping[str, Any], team: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out email settings, which only teams of organizations have."""
    return {name: value for name, value in body.items() if name != "emailSettings" or team["parent_id"] is not None}


def _hosts(store: Store, team_id: int, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the hosts that a body asks for: all members of the team, or those that it names."""
    members = [one["user_id"] for one in memberships_of(store, team_id) if one["accepted"]]
    if body.get("assignAllTeamMembers"):
        return [_host({"userId": user_id}) for user_id in members]
    named = body.get("hosts") or []
    if strangers := [host["userId"] for host in named if host["userId"] not in members]:
        raise errors.not_found(f"Invalid hosts: {', '.join(map(str, strangers))}")
    return [_host(host) for host in named]


def _host(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "userId": given["userId"],
        "mandatory": bool(given.get("mandatory")),
        "priority": given.get("priority") or "medium",
    }


def _refuse_pending(store: Store, team_id: int) -> None:
    """Refuse to assign everybody while somebody has not accepted; the event type is there by then, as it really is."""
    if not all(one["accepted"] for one in memberships_of(store, team_id)):
        raise errors.no_details(403, "TRPCError", "FORBIDDEN")


def assign_member(store: Store, team_id: int, user_id: int) -> None:
    """Make a new member a host of the team's event types that assign everybody."""
    for record in of_team(store, team_id):
        if record["assignAllTeamMembers"] and all(host["userId"] != user_id for host in record["hosts"]):
            record["hosts"].append(_host({"userId": user_id}))
            _sync_children(store, record)


# --- managed children -----------------------------------------------------------------------------------------------


def children_of(store: Store, record: EventType) -> list[EventType]:
    """List the children of a managed event type."""
    return [one for one in store.event_types.values() if one.get("parentEventTypeId") == record["id"]]


def _sync_children(store: Store, parent: EventType) -> list[EventType]:
    """Give each host of a managed event type a child that is like it, and nobody else one."""
    if parent["schedulingType"] != "managed":
        return []
    children = {child["ownerId"]: child for child in children_of(store, parent)}
    owners = [host["userId"] for host in parent["hosts"]]
    for owner_id in children.keys() - set(owners):
        remove_event_type(store, children[owner_id])
    return [_sync_child(store, parent, owner_id, children.get(owner_id)) for owner_id in owners]


def _sync_child(store: Store, parent: EventType, owner_id: int, child: EventType | None) -> EventType:
    if child is None:
        child = {
            "id": store.next_id("event_type"),
            "ownerId": owner_id,
            "teamId": None,
            "parentEventTypeId": parent["id"],
            "schedulingType": None,
            "hosts": [],
            "assignAllTeamMembers": False,
            "scheduleId": None,
        }
        store.event_types[child["id"]] = child
    own = {name: child[name] for name in _OWN}
    child.clear()
    child.update(deepcopy(parent), **own)
    return child


def remove_event_type(store: Store, record: EventType) -> None:
    """Drop an event type with its children and webhooks; its bookings stay, without an event type."""
    for child in children_of(store, record):
        remove_event_type(store, child)
    del store.event_types[record["id"]]
    for booking in store.bookings.values():
        if booking.event_type_id == record["id"]:
            booking.event_type_id = None
    for webhook in list(store.webhooks.values()):
        if webhook["eventTypeId"] == record["id"]:
            del store.webhooks[webhook["id"]]


# --- finding them ---------------------------------------------------------------------------------------------------


def of_team(store: Store, team_id: int) -> list[EventType]:
    """List a team's event types, without managed children."""
    return [one for one in store.event_types.values() if is_of_team(one) and one["teamId"] == team_id]


def find_by_slug(store: Store, team_id: int, slug: str) -> EventType | None:
    """Find a team's event type by its slug."""
    return next((one for one in of_team(store, team_id) if one["slug"] == slug), None)


def by_creation(records: Iterable[EventType], direction: str | None) -> list[EventType]:
    """Sort event types by creation, which is the order of their ids, if a direction is given."""
    if direction is None:
        return list(records)
    return sorted(records, key=lambda one: one["id"], reverse=direction == "desc")
