"""Handlers of out-of-office entries: of the caller, of members of a team, and of an organization's users.

Those of the caller and of team members are documented since September 2026; seen live were reads of both, and the
caller's POST and DELETE. The entries are those of the organization's users, which were measured.
"""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization, guarded_team
from calcom_async.sandbox.accounts.teams import membership_of, memberships_of
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.paging import read_query
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations import out_of_office as ooo
from calcom_async.sandbox.organizations.out_of_office import CREATE, LIST, LIST_OF_ALL, UPDATE, Entry
from calcom_async.sandbox.organizations.users import guarded_user

ROUTES = Routes()


ALL = "/v2/organizations/{orgId}/ooo"
OF_USER = "/v2/organizations/{orgId}/users/{userId}/ooo"
OF_MEMBER = "/v2/teams/{teamId}/users/{userId}/ooo"
OWN = "/v2/me/ooo"


@ROUTES.add("GET", ALL)
def list_out_of_office(call: Call) -> object:
    """List the entries of all users of the organization."""
    organization, query = guarded_organization(call, "ORG_ADMIN"), read_query(call, LIST_OF_ALL)
    users = [call.store.users[membership["user_id"]] for membership in memberships_of(call.store, organization["id"])]
    wanted = {user["id"] for user in users if query.get("email") in (None, user["email"])}
    rows = [entry for entry in call.store.out_of_office.values() if entry["userId"] in wanted]
    return ooo.sorted_page(call.store, rows, query)


@ROUTES.add("GET", OF_USER)
@ROUTES.add("GET", OF_MEMBER)
@ROUTES.add("GET", OWN)
def list_out_of_office_of_user(call: Call) -> object:
    """List the entries of a user."""
    user, query = _user(call), read_query(call, LIST)
    return ooo.sorted_page(call.store, list(ooo.entries_of(call.store, user["id"])), query)


@ROUTES.add("POST", OF_USER, status=201)
@ROUTES.add("POST", OF_MEMBER, status=201)
@ROUTES.add("POST", OWN, status=201)
def create_out_of_office(call: Call) -> object:
    """Create an entry. The same period again is a 409."""
    # No webhook: entries that are made through the API send no OOO_CREATED (recorded from a self-hosted server of
    # 2025-12).
    return ooo.new_entry(call.store, _user(call)["id"], CREATE.read(call.body))


@ROUTES.add("PATCH", OF_USER + "/{oooId}")
@ROUTES.add("PATCH", OF_MEMBER + "/{oooId}")
@ROUTES.add("PATCH", OWN + "/{oooId}")
def update_out_of_office(call: Call) -> object:
    """Update an entry; start and end only together."""
    entry, body = _entry(call), UPDATE.read(call.body)
    ooo.check_entry(call.store, entry["userId"], body)
    ooo.change_entry(entry, body)
    return entry


@ROUTES.add("DELETE", OF_USER + "/{oooId}")
@ROUTES.add("DELETE", OF_MEMBER + "/{oooId}")
@ROUTES.add("DELETE", OWN + "/{oooId}")
def delete_out_of_office(call: Call) -> object:
    """Delete an entry and return it."""
    return call.store.out_of_office.pop(_entry(call)["id"])


def _user(call: Call) -> dict[str, Any]:
    """Return the user whose entries the path names, if the caller may see them."""
    if "orgId" in call.path:
        return guarded_user(call)[1]
    if "teamId" not in call.path:
        return call.user
    team, user_id = guarded_team(call, "TEAM_ADMIN"), call.int_path("userId", checked=True)
    if membership_of(call.store, team["id"], user_id) is None:
        raise errors.forbidden(f"IsUserInTeam - User with id={user_id} is not part of the team with id={team['id']}.")
    return call.store.users[user_id]


def _entry(call: Call) -> Entry:
    """Return the entry of the path. An unknown one is a 403."""
    user = _user(call)
    entry = call.store.out_of_office.get(call.int_path("oooId", checked=True))
    if entry is None or entry["userId"] != user["id"]:
        raise errors.forbidden("This OOO entry does not belong to this user.")
    return entry
