"""Handlers of the users of an organization."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.paging import page
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations import users
from calcom_async.sandbox.organizations.users import CREATE, CREATE_DEFAULTS, LIST, UPDATE, guarded_user, user_view

ROUTES = Routes()


ALL = "/v2/organizations/{orgId}/users"
ONE = ALL + "/{userId}"


@ROUTES.add("GET", ALL)
def list_organization_users(call: Call) -> object:
    """List the users of the organization by id."""
    org_id = guarded_organization(call, "ORG_ADMIN")["id"]
    # Validation errors repeat this default as if it had been sent.
    query = LIST.read({"attributeQueryOperator": "AND", **call.fields})
    rows = page(users.users_of(call.store, org_id, query), query)
    return [user_view(call.store, org_id, user) for user in rows]


@ROUTES.add("POST", ALL, status=201)
def create_organization_user(call: Call) -> object:
    """Create a user who is a member of the organization."""
    org_id = guarded_organization(call, "ORG_ADMIN")["id"]
    body = CREATE.read({**CREATE_DEFAULTS, **call.body})
    users.check_server(call.server, body)
    user = users.invite(call.store, org_id, body, inviter_id=call.user["id"], now=call.clock.now())
    return user_view(call.store, org_id, user)


def _known(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Return a body without the name, if the server does not know it."""
    return body if call.server.newer_organizations else {name: value for name, value in body.items() if name != "name"}


@ROUTES.add("PATCH", ONE)
def update_organization_user(call: Call) -> object:
    """Update a user. The new email address applies at once, unlike in `/v2/me`."""
    org_id, user = guarded_user(call)
    body = _known(call, UPDATE.read(call.body))
    users.check_server(call.server, body)
    users.check_username(call.store, org_id, user, body.get("username"))
    users.change(user, body)
    return user_view(call.store, org_id, user)


@ROUTES.add("DELETE", ONE)
def delete_organization_user(call: Call) -> object:
    """Delete a user with all their data and return them."""
    org_id, user = guarded_user(call)
    # The response shows the user as before, so it is built first.
    view = user_view(call.store, org_id, user)
    users.delete_user(call.store, user, call.clock.now())
    return view
