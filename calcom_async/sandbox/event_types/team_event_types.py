"""Event types of teams and their hosts. A managed one is a parent with a copy for each host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from calcom_async.sandbox.accounts.teams import memberships_of
from calcom_async.sandbox.event_types.records import EventType, change_event_type, is_team_event_type, new_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.state.store import Store

# Fields of a managed child that do not follow the parent.
_OWN = ("id", "ownerId", "teamId", "parentEventTypeId", "schedulingType", "hosts", "assignAllTeamMembers", "scheduleId")


def create(store: Store, team: Mapping[str, Any], body: Mapping[str, Any], now: datetime) -> list[EventType]:
    """Create a team's event type; a managed one is returned with its children."""
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
        # The event type stays after this 403. A client that repeats the request meets its own slug.
        _reject_pending_members(store, team_id)
        record["hosts"] = hosts
    return [record, *_sync_children(store, record)]


def change(
    store: Store, team: Mapping[str, Any], record: EventType, body: Mapping[str, Any], now: datetime
) -> list[EventType]:
    """Update a team's event type; the children of a managed one follow."""
    slug = body.get("slug")
    if slug is not None and find_by_slug(store, team["id"], slug) not in (None, record):
        raise errors.bad_request("Team event type with this slug already exists")
    hosts = _hosts(store, team["id"], body)
    change_event_type(store, record, _allowed(body, team), now=now)
    kind = body.get("schedulingType") or record["schedulingType"]
    if kind != record["schedulingType"] or "hosts" in body or body.get("assignAllTeamMembers"):
        # A new scheduling type without hosts leaves none: the hosts of the old type do not carry over.
        record.update(hosts=hosts, schedulingType=kind)
    if body.get("assignAllTeamMembers") is not None:
        record["assignAllTeamMembers"] = body["assignAllTeamMembers"]
    return [record, *_sync_children(store, record)]


def _allowed(body: Mapping[str, Any], team: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the email settings, which only teams in organizations have."""
    return {name: value for name, value in body.items() if name != "emailSettings" or team["parent_id"] is not None}


def _hosts(store: Store, team_id: int, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the hosts for a body: all members of the team, or those that it lists."""
    members = [membership["user_id"] for membership in memberships_of(store, team_id) if membership["accepted"]]
    if body.get("assignAllTeamMembers"):
        return [_host({"userId": user_id}) for user_id in members]
    named = body.get("hosts") or []
    # A host outside the team is a 404, as if the user did not exist (recorded from a self-hosted server of 2025-12).
    if strangers := [host["userId"] for host in named if host["userId"] not in members]:
        raise errors.not_found(f"Invalid hosts: {', '.join(map(str, strangers))}")
    return [_host(host) for host in named]


def _host(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a host with the server's defaults."""
    return {
        "userId": given["userId"],
        "mandatory": bool(given.get("mandatory")),
        "priority": given.get("priority") or "medium",
    }


def _reject_pending_members(store: Store, team_id: int) -> None:
    """Raise an error if a member has not accepted. Like on the real server, the event type exists by then."""
    if not all(membership["accepted"] for membership in memberships_of(store, team_id)):
        raise errors.no_details(403, "TRPCError", "FORBIDDEN")


def assign_member(store: Store, team_id: int, user_id: int) -> None:
    """Add a new member to the hosts of event types that assign all members."""
    for record in of_team(store, team_id):
        if record["assignAllTeamMembers"] and all(host["userId"] != user_id for host in record["hosts"]):
            record["hosts"].append(_host({"userId": user_id}))
            _sync_children(store, record)


# --- managed children -----------------------------------------------------------------------------------------------


def children_of(store: Store, record: EventType) -> list[EventType]:
    """List the children of a managed event type."""
    return [child for child in store.event_types.values() if child.get("parentEventTypeId") == record["id"]]


def _sync_children(store: Store, parent: EventType) -> list[EventType]:
    """Create, update and delete the children of a managed event type, one for each host."""
    if parent["schedulingType"] != "managed":
        return []
    children = {child["ownerId"]: child for child in children_of(store, parent)}
    owners = [host["userId"] for host in parent["hosts"]]
    for owner_id in children.keys() - set(owners):
        remove_event_type(store, children[owner_id])
    return [_sync_child(store, parent, owner_id, children.get(owner_id)) for owner_id in owners]


def _sync_child(store: Store, parent: EventType, owner_id: int, child: EventType | None) -> EventType:
    """Create or update the child of a host; its own fields stay."""
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
    # A change of the parent overwrites what a member has changed in the child.
    own = {name: child[name] for name in _OWN}
    child.clear()
    child.update(deepcopy(parent), **own)
    return child


def remove_event_type(store: Store, record: EventType) -> None:
    """Delete an event type with its children and webhooks; its bookings keep no event type."""
    for child in children_of(store, record):
        remove_event_type(store, child)
    del store.event_types[record["id"]]
    for booking in store.bookings.with_event_type(record["id"]):
        booking.event_type_id = None
    for webhook in list(store.webhooks.values()):
        if webhook["eventTypeId"] == record["id"]:
            del store.webhooks[webhook["id"]]


# --- lookup ----------------------------------------------------------------------------------------------------------


def of_team(store: Store, team_id: int) -> list[EventType]:
    """List a team's event types, without managed children."""
    return [
        record for record in store.event_types.values() if is_team_event_type(record) and record["teamId"] == team_id
    ]


def find_by_slug(store: Store, team_id: int, slug: str) -> EventType | None:
    """Return a team's event type by slug."""
    return next((record for record in of_team(store, team_id) if record["slug"] == slug), None)


def by_creation(records: Iterable[EventType], direction: str | None) -> list[EventType]:
    """Sort event types by creation (by id) if a direction is given."""
    if direction is None:
        return list(records)
    return sorted(records, key=lambda record: record["id"], reverse=direction == "desc")
