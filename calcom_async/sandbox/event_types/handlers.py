"""Handlers of event types of users (version 2024-06-14), of teams and of teams in an organization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization, guarded_team, team_of
from calcom_async.sandbox.accounts.teams import role_in
from calcom_async.sandbox.event_types import team_event_types as teams
from calcom_async.sandbox.event_types.forms import (
    CREATE,
    NEWER_CREATE,
    NEWER_TEAM_CREATE,
    NEWER_TEAM_UPDATE,
    NEWER_UPDATE,
    SORTED,
    TEAM_CREATE,
    TEAM_UPDATE,
    UPDATE,
    scheduling_type,
)
from calcom_async.sandbox.event_types.named_fields import NAMED_FIELDS, stored_fields
from calcom_async.sandbox.event_types.records import EventType, change_event_type, is_team_event_type, new_event_type
from calcom_async.sandbox.event_types.views import dynamic_view, team_view, user_view
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import integer, one_of, string
from calcom_async.sandbox.http.forms import Field, Form, to_int, to_list
from calcom_async.sandbox.http.paging import page, paged_form, read_query
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()


VERSION = ("2024-06-14", NAMED_FIELDS)
_LIST = Form(
    Field("username", string, optional=True),
    Field("eventSlug", string, optional=True),
    Field("usernames", optional=True, convert=to_list),
    Field("orgSlug", string, optional=True),
    Field("orgId", integer, optional=True, convert=to_int),
    Field("sortCreatedAt", one_of(("asc", "desc"), name="isIn"), optional=True),
)

_ORGANIZATION_LIST = paged_form(*SORTED.fields.values())

# --- event types of users --------------------------------------------------------------------------------------------


@ROUTES.add("POST", "/v2/event-types", version=VERSION, auth="guarded", status=201)
def create_event_type(call: Call) -> object:
    """Create an event type. A slug that the user already has is a 400."""
    body = _body(call, CREATE, NEWER_CREATE)
    if by_slug(call.store, call.user["id"], body["slug"]):
        raise errors.bad_request("User already has an event type with this slug.")
    record = new_event_type(call.store, call.user["id"], body, now=call.clock.now())
    return user_view(call.store, record, newer=_is_newer(call))


def _is_newer(call: Call) -> bool:
    """Return whether a request is of version 2026-06-12."""
    return call.version == NAMED_FIELDS


def _body(call: Call, older: Form, newer: Form) -> dict[str, Any]:
    """Return the validated body. Booking fields of the newer version are converted for the store."""
    if not _is_newer(call):
        return older.read(call.body)
    body = newer.read(call.body)
    if (fields := body.pop("bookingFields", None)) is not None:
        body["_bookingFields"] = stored_fields(fields)
    return body


@ROUTES.add("GET", "/v2/event-types", version=VERSION, auth="optional")
def list_event_types(call: Call) -> object:
    """List the caller's event types, those of a user, or the dynamic one of several users."""
    query = _LIST.read(call.fields)
    # One name in `usernames` is enough for the dynamic event type. Unknown names are ignored.
    if query.get("usernames") and not query.get("username"):
        users = [user for name in query["usernames"] for user in _named(call.store, name, query)]
        return [dynamic_view(users)] if users else []
    records = teams.by_creation(_listed(call, query), query.get("sortCreatedAt"))
    newer, caller_id = _is_newer(call), call.caller.user_id
    return [
        user_view(call.store, record, listed=not newer or record["ownerId"] != caller_id, newer=newer)
        for record in records
    ]


def _listed(call: Call, query: Mapping[str, Any]) -> Iterable[EventType]:
    """Return the visible event types: hidden ones only for their owner."""
    asking = call.caller.user_id
    # Without a name `eventSlug` is ignored too.
    if query.get("username") is None:
        return _owned(call.store, asking)
    owners = [user["id"] for user in _named(call.store, query["username"], query)]
    records = [
        record for owner in owners for record in _owned(call.store, owner) if not record["hidden"] or owner == asking
    ]
    slug = query.get("eventSlug")
    return [record for record in records if slug is None or record["slug"] == slug]


def _named(store: Store, username: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the users with this name (none or one), within an organization if the query has one."""
    users = [user for user in store.users.values() if user["username"] == username]
    if query.get("orgId") is None and query.get("orgSlug") is None:
        return users
    wanted = {
        organization["id"]
        for organization in store.organizations.values()
        if organization["id"] == query.get("orgId") or organization.get("slug") == query.get("orgSlug")
    }
    return [user for user in users if user.get("organization_id") in wanted]


def _owned(store: Store, user_id: int | None) -> list[EventType]:
    """List a user's own event types, managed children included."""
    return [record for record in store.event_types.values() if user_id is not None and record["ownerId"] == user_id]


def by_slug(store: Store, user_id: int, slug: str) -> list[EventType]:
    """List a user's event types with this slug."""
    return [record for record in _owned(store, user_id) if record["slug"] == slug]


@ROUTES.add("GET", "/v2/event-types/{eventTypeId}", version=VERSION, auth="guarded")
def get_event_type(call: Call) -> object:
    """Return an event type of the caller, or of a team that they host for or lead."""
    record = _readable(call, call.int_path("eventTypeId"))
    view = team_view if is_team_event_type(record) else user_view
    return view(call.store, record, newer=_is_newer(call))


def _readable(call: Call, event_type_id: int) -> EventType:
    """Return an event type that the caller may read: their own, one they host, or one of a team that they manage."""
    record = call.store.event_types.get(event_type_id)
    if record is None or not _may_read(call.store, record, call.user):
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    return record


def _may_read(store: Store, record: EventType, user: Mapping[str, Any]) -> bool:
    """Return whether the user owns or hosts the event type, or leads its team or the owner's organization."""
    if record["ownerId"] == user["id"] or any(host["userId"] == user["id"] for host in record.get("hosts", ())):
        return True
    owner = store.users.get(record["ownerId"] or 0, {})
    team = store.teams.get(record.get("teamId") or 0, {})
    above = (team.get("id"), team.get("parent_id"), owner.get("organization_id"))
    return any(role_in(store, team_id, user["id"]) in ("ADMIN", "OWNER") for team_id in above if team_id is not None)


@ROUTES.add("PATCH", "/v2/event-types/{eventTypeId}", version=VERSION, auth="guarded")
def update_event_type(call: Call) -> object:
    """Update an event type. The error for a used slug differs from that of a create request."""
    event_type_id = call.int_path("eventTypeId", checked=True)
    body = _body(call, UPDATE, NEWER_UPDATE)
    record = call.store.event_types.get(event_type_id)
    # The text cannot tell a foreign event type from a missing one; DELETE tells them apart.
    if record is None or record["ownerId"] != call.user["id"]:
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    if "slug" in body and by_slug(call.store, call.user["id"], body["slug"]) not in ([], [record]):
        raise errors.no_details(400, "TRPCError", "error_event_type_url_duplicate")
    change_event_type(call.store, record, body, now=call.clock.now())
    return user_view(call.store, record, newer=_is_newer(call))


@ROUTES.add("DELETE", "/v2/event-types/{eventTypeId}", version=VERSION, auth="guarded")
def delete_event_type(call: Call) -> dict[str, Any]:
    """Delete an event type. A foreign one is a 403 here, while reading it is a 404."""
    record = _existing(call, call.store.event_types.get(call.int_path("eventTypeId")))
    if record["ownerId"] != call.user["id"]:
        raise errors.forbidden(f"User with ID={call.user['id']} does not own event type with ID={record['id']}")
    teams.remove_event_type(call.store, record)
    return {name: record[name] for name in ("id", "lengthInMinutes", "slug", "title")}


def _existing(call: Call, record: EventType | None) -> EventType:
    """Return the record, or raise the 404 of delete requests."""
    if record is None:
        raise errors.not_found(f"Event type with ID={call.int_path('eventTypeId')} does not exist.")
    return record


# --- event types of teams, below /v2/teams and below an organization -------------------------------------------------


@ROUTES.add("POST", "/v2/teams/{teamId}/event-types", status=201)
@ROUTES.add("POST", "/v2/organizations/{orgId}/teams/{teamId}/event-types", status=201)
def create_team_event_type(call: Call) -> object:
    """Create a team's event type; the response is a list for a managed one."""
    team = guarded_team(call, "TEAM_ADMIN")
    body = _team_body(call, TEAM_CREATE, NEWER_TEAM_CREATE)
    return _one_or_all(call, teams.create(call.store, team, body, call.clock.now()))


def _team_body(call: Call, older: Form, newer: Form) -> dict[str, Any]:
    """Return the validated body with the scheduling type as the API names it."""
    body = _body(call, older, newer)
    if "schedulingType" in body:
        body["schedulingType"] = scheduling_type(body["schedulingType"])
    return body


def _one_or_all(call: Call, records: list[EventType]) -> object:
    """Return an event type; a managed one is a list with the parent first."""
    views = [team_view(call.store, record, newer=_is_newer(call)) for record in records]
    # Creating or updating a managed event type returns a list, reading it the parent alone.
    return views if records[0]["schedulingType"] == "managed" else views[0]


@ROUTES.add("GET", "/v2/teams/{teamId}/event-types", auth="optional")
@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/{teamId}/event-types", auth="optional")
def list_team_event_types(call: Call) -> object:
    """List a team's event types; no credentials needed. Like the real server, ignore `hostsLimit`."""
    team_id = team_of(call)["id"] if "orgId" in call.path else call.int_path("teamId", checked=True)
    query = SORTED.read(call.fields)
    records = teams.by_creation(teams.of_team(call.store, team_id), query.get("sortCreatedAt"))
    slug = call.param("eventSlug")
    newer = _is_newer(call)
    listed = (record for record in records if slug is None or record["slug"] == slug)
    return [team_view(call.store, record, listed=True, newer=newer) for record in listed]


@ROUTES.add("GET", "/v2/teams/{teamId}/event-types/{eventTypeId}")
@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/{teamId}/event-types/{eventTypeId}")
def get_team_event_type(call: Call) -> object:
    """Return a team's event type for admins of the team."""
    record = _of_team(call)
    if record is None:
        raise errors.not_found(f"Event type with id {call.int_path('eventTypeId', checked=True)} not found")
    return team_view(call.store, record, newer=_is_newer(call))


def _of_team(call: Call) -> EventType | None:
    """Return the event type of the path if the caller is an admin of its team."""
    team, event_type_id = guarded_team(call, "TEAM_ADMIN"), call.int_path("eventTypeId", checked=True)
    record = call.store.event_types.get(event_type_id)
    return record if record is not None and record.get("teamId") == team["id"] else None


@ROUTES.add("PATCH", "/v2/teams/{teamId}/event-types/{eventTypeId}")
@ROUTES.add("PATCH", "/v2/organizations/{orgId}/teams/{teamId}/event-types/{eventTypeId}")
def update_team_event_type(call: Call) -> object:
    """Update a team's event type. An unknown one is a 400 here, while reading it is a 404."""
    record, team = _of_team(call), team_of(call)
    body = _team_body(call, TEAM_UPDATE, NEWER_TEAM_UPDATE)
    if record is None:
        raise errors.bad_request("Event type to update not found")
    return _one_or_all(call, teams.change(call.store, team, record, body, call.clock.now()))


@ROUTES.add("DELETE", "/v2/teams/{teamId}/event-types/{eventTypeId}")
@ROUTES.add("DELETE", "/v2/organizations/{orgId}/teams/{teamId}/event-types/{eventTypeId}")
def delete_team_event_type(call: Call) -> object:
    """Delete a team's event type with its managed children."""
    record = _existing(call, _of_team(call))
    teams.remove_event_type(call.store, record)
    return {"id": record["id"], "title": record["title"]}


@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/event-types")
def list_organization_event_types(call: Call) -> object:
    """List the event types of all teams of the organization by id."""
    if not call.server.lists_organization_event_types:
        # The route of a single team comes first there, and parses "event-types" as an id (measured, build of 2025-12).
        raise errors.database(500)
    organization, query = guarded_organization(call, "ORG_ADMIN"), read_query(call, _ORGANIZATION_LIST)
    team_ids = [team["id"] for team in call.store.teams.values() if team["parent_id"] == organization["id"]]
    records = [record for team_id in team_ids for record in teams.of_team(call.store, team_id)]
    ordered = teams.by_creation(records, query.get("sortCreatedAt") or "asc")
    return [team_view(call.store, record, listed=True, newer=_is_newer(call)) for record in page(ordered, query)]
