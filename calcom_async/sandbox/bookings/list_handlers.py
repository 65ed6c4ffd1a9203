"""Handlers of the lists of bookings of a user, an organization, a team and a member."""

from __future__ import annotations

from calcom_async.sandbox.accounts.guards import guarded_organization, guarded_team
from calcom_async.sandbox.bookings.cursor_list import (
    ORGANIZATION_CURSOR_LIST,
    USER_CURSOR_LIST,
    VERSION,
    list_by_cursor,
)
from calcom_async.sandbox.bookings.list_query import (
    OLD_TEAM_LIST,
    ORGANIZATION_LIST,
    TEAM_LIST,
    USER_LIST,
    list_bookings,
)
from calcom_async.sandbox.bookings.permissions import BookingScope, booking_scope, members, organization_scope
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.errors import forbidden
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


@ROUTES.add("GET", "/v2/bookings", version=("2024-08-13", "2026-02-25"), auth="guarded")
def get_bookings(call: Call) -> object:
    """List the caller's bookings, the ones they attend, and those of teams that they lead."""
    return list_bookings(call, USER_LIST, booking_scope(call.store, call.user["id"]))


@ROUTES.add("GET", "/v2/bookings", version=(VERSION,), auth="guarded")
def get_bookings_by_cursor(call: Call) -> object:
    """List the caller's bookings page by page with a cursor."""
    return list_by_cursor(call, USER_CURSOR_LIST, booking_scope(call.store, call.user["id"]))


@ROUTES.add("GET", "/v2/organizations/{orgId}/bookings")
def get_organization_bookings(call: Call) -> object:
    """List the bookings of an organization's members and teams."""
    organization = guarded_organization(call, "ORG_ADMIN")
    scope = organization_scope(call.store, organization["id"])
    # Unlike the list of the user, this route accepts every version; only one of them pages by cursor.
    if call.version == VERSION:
        return list_by_cursor(call, ORGANIZATION_CURSOR_LIST, scope)
    return list_bookings(call, ORGANIZATION_LIST, scope)


@ROUTES.add("GET", "/v2/organizations/{orgId}/users/{userId}/bookings")
def get_organization_user_bookings(call: Call) -> object:
    """List the bookings that a member of the organization hosts or attends."""
    organization = guarded_organization(call, "ORG_ADMIN")
    user_id = call.int_path("userId")
    if user_id not in members(call.store, frozenset({organization["id"]})):
        raise forbidden(
            f"IsUserInOrg - user with id={user_id} is not part of the organization with id={organization['id']}."
        )
    return list_bookings(call, USER_LIST, BookingScope(frozenset({user_id}), email=call.store.users[user_id]["email"]))


@ROUTES.add("GET", "/v2/teams/{teamId}/bookings")
@ROUTES.add("GET", "/v2/organizations/{orgId}/teams/{teamId}/bookings")
def get_team_bookings(call: Call) -> object:
    """List the bookings of a team's event types."""
    team = guarded_team(call, "TEAM_ADMIN")
    form = TEAM_LIST if call.server.team_bookings_have_all_filters else OLD_TEAM_LIST
    return list_bookings(call, form, BookingScope(frozenset(), frozenset({team["id"]})))
