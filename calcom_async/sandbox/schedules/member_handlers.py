"""Handlers of members' schedules, for organizations and teams, in every version."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization, guarded_team
from calcom_async.sandbox.accounts.teams import membership_of, memberships_of
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.forms import Field, to_int
from calcom_async.sandbox.http.paging import PAGING, page, paged_form, read_query
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations.users import guarded_user
from calcom_async.sandbox.schedules.records import (
    CREATE,
    UPDATE,
    create_schedule,
    delete_schedule,
    find_schedule,
    schedules_of,
    show_schedule,
    update_schedule,
)
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()


OF_USER = "/v2/organizations/{orgId}/users/{userId}/schedules"
_LIST = paged_form(Field("eventTypeId", optional=True, convert=to_int))


def _of_members(store: Store, team_id: int) -> list[dict[str, Any]]:
    """List the schedules of all members of a team or an organization by id."""
    # Pending members are included.
    rows = [row for membership in memberships_of(store, team_id) for row in schedules_of(store, membership["user_id"])]
    return sorted(rows, key=lambda row: row["id"])


def _for_event_type(store: Store, rows: list[dict[str, Any]], event_type_id: int | None) -> list[dict[str, Any]]:
    """Return the schedules that apply to an event type's hosts: its own, or their default ones."""
    if event_type_id is None:
        return rows
    event_type = store.event_types.get(event_type_id, {})
    hosts = {host["userId"] for host in event_type.get("hosts", ())} | {event_type.get("ownerId")}
    # A schedule of the event type replaces those of all its hosts.
    own = event_type.get("scheduleId")
    return [row for row in rows if row["ownerId"] in hosts and (row["id"] == own if own else row["isDefault"])]


@ROUTES.add("GET", "/v2/organizations/{orgId}/schedules")
def list_organization_schedules(call: Call) -> object:
    """List the schedules of all users of the organization by id."""
    organization = guarded_organization(call, "ORG_ADMIN")
    return page(_of_members(call.store, organization["id"]), read_query(call))


@ROUTES.add("GET", "/v2/teams/{teamId}/schedules")
@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/{teamId}/schedules")
def list_team_schedules(call: Call) -> object:
    """List the members' schedules; only the list of an organization's team can filter by event type."""
    team, query = guarded_team(call, "TEAM_ADMIN"), read_query(call, _LIST if "orgId" in call.path else PAGING)
    rows = _of_members(call.store, team["id"])
    return page(_for_event_type(call.store, rows, query.get("eventTypeId")), query)


@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/{teamId}/users/{userId}/schedules")
def list_team_user_schedules(call: Call) -> object:
    """List the schedules of a member of a team; this list is not paged."""
    team, user_id = guarded_team(call, "TEAM_ADMIN"), call.int_path("userId", checked=True)
    if membership_of(call.store, team["id"], user_id) is None:
        raise errors.forbidden(
            f"IsUserInOrgTeam - user with id=({user_id}) is not part of the team with id=({team['id']}) in the "
            f"organization with id=({team['parent_id']})"
        )
    query = read_query(call, _LIST)
    return _for_event_type(call.store, schedules_of(call.store, user_id), query.get("eventTypeId"))


# --- schedules of one user of an organization ------------------------------------------------------------------------


@ROUTES.add("GET", OF_USER)
def list_user_schedules(call: Call) -> object:
    """List the schedules of a user; this list is not paged."""
    _, user = guarded_user(call)
    return schedules_of(call.store, user["id"])


@ROUTES.add("POST", OF_USER, status=201)
def create_user_schedule(call: Call) -> object:
    """Create a schedule for a user."""
    _, user = guarded_user(call)
    return show_schedule(call.store, create_schedule(call.store, user["id"], CREATE.read(call.body)))


@ROUTES.add("GET", OF_USER + "/{scheduleId}")
def get_user_schedule(call: Call) -> object:
    """Return a schedule of a user."""
    return show_schedule(call.store, _schedule(call))


@ROUTES.add("PATCH", OF_USER + "/{scheduleId}")
def update_user_schedule(call: Call) -> object:
    """Update a schedule of a user."""
    body, schedule = UPDATE.read(call.body), _schedule(call)
    update_schedule(call.store, schedule, body)
    return show_schedule(call.store, schedule)


@ROUTES.add("DELETE", OF_USER + "/{scheduleId}")
def delete_user_schedule(call: Call) -> object:
    """Delete a schedule; an unknown one is a 400 here, not a 404."""
    schedule_id = call.int_path("scheduleId", checked=True)
    if schedule_id not in call.store.schedules:
        raise errors.bad_request(f"Schedule with ID={schedule_id} does not exist.")
    delete_schedule(call.store, _schedule(call))
    return Status()


def _schedule(call: Call) -> dict[str, Any]:
    """Return the schedule of the path if it is the user's."""
    _, user = guarded_user(call)
    return find_schedule(call.store, call.int_path("scheduleId", checked=True), user["id"])
