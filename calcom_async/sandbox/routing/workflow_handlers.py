"""Handlers of workflows for event types and for routing forms."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.forms import Form, take_and_skip
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.routing.workflows import (
    EVENT_TYPES,
    ROUTING_FORMS,
    Kind,
    Owner,
    change,
    find,
    make,
    of_owner,
    view,
)

ROUTES = Routes()


_OF_TEAM = "/v2/organizations/{orgId}/teams/{teamId}/workflows"
_OF_USER = "/v2/workflows"
_LIST = Form(*take_and_skip())


def _owner(call: Call) -> Owner:
    """Return the owner of the workflows of the path, checked."""
    if "teamId" in call.path:
        return Owner(team_id=guarded_team(call, "TEAM_ADMIN")["id"])
    # New on the hosted API of September 2026; self-hosted builds know workflows of teams only.
    return Owner(user_id=call.user["id"])


def _add_routes(path: str, kind: Kind, suffix: str = "") -> None:
    """Declare the routes of a kind. The sandbox stores workflows and sends nothing."""
    many, workflow_path = path + suffix, path + "/{workflowId}" + suffix

    @ROUTES.add("GET", many)
    def list_all(call: Call) -> object:
        """List the workflows of the owner."""
        owner, page = _owner(call), _LIST.read(call.fields)
        workflows = of_owner(call.store, kind, owner)
        return [view(workflow) for workflow in workflows[page["skip"] : page["skip"] + page["take"]]]

    @ROUTES.add("POST", many, status=201)
    def create(call: Call) -> object:
        """Create a workflow."""
        owner = _owner(call)
        return view(make(call.store, kind, owner, kind.create.read(call.body)))

    @ROUTES.add("GET", workflow_path)
    def get(call: Call) -> object:
        """Return a workflow."""
        return view(_found(call, kind))

    @ROUTES.add("PATCH", workflow_path)
    def update(call: Call) -> object:
        """Update a workflow."""
        workflow = _found(call, kind)
        change(call.store, workflow, kind.update.read(call.body))
        return view(workflow)

    @ROUTES.add("DELETE", workflow_path)
    def delete(call: Call) -> object:
        """Delete a workflow."""
        del call.store.workflows[_found(call, kind)["id"]]
        return Status()


def _found(call: Call, kind: Kind) -> dict[str, Any]:
    """Return the workflow of the path."""
    return find(call.store, kind, _owner(call), call.int_path("workflowId", checked=True))


# The two kinds share paths. As on the server, the literal `/routing-form` wins over the placeholder.
_add_routes(_OF_TEAM, ROUTING_FORMS, "/routing-form")
_add_routes(_OF_TEAM, EVENT_TYPES)
_add_routes(_OF_USER, EVENT_TYPES)
