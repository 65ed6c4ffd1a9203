"""Handlers of workflows for event types and for routing forms."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.forms import Form, take_and_skip
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.routing.workflows import EVENT_TYPES, ROUTING_FORMS, Kind, change, find, make, of_team, view

ROUTES = Routes()


_PATH = "/v2/organizations/{orgId}/teams/{teamId}/workflows"
_LIST = Form(*take_and_skip())


def _add_routes(kind: Kind, suffix: str) -> None:
    """Declare the routes of a kind. The sandbox stores workflows and sends nothing."""
    many, workflow_path = _PATH + suffix, _PATH + "/{workflowId}" + suffix

    @ROUTES.add("GET", many)
    def list_all(call: Call) -> object:
        """List the workflows of the team."""
        team, page = guarded_team(call, "TEAM_ADMIN"), _LIST.read(call.fields)
        workflows = of_team(call.store, kind, team["id"])
        return [view(workflow) for workflow in workflows[page["skip"] : page["skip"] + page["take"]]]

    @ROUTES.add("POST", many, status=201)
    def create(call: Call) -> object:
        """Create a workflow."""
        team = guarded_team(call, "TEAM_ADMIN")
        return view(make(call.store, kind, team["id"], kind.create.read(call.body)))

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
    team = guarded_team(call, "TEAM_ADMIN")
    return find(call.store, kind, team["id"], call.int_path("workflowId", checked=True))


# The two kinds share paths. As on the server, the literal `/routing-form` wins over the placeholder.
_add_routes(ROUTING_FORMS, "/routing-form")
_add_routes(EVENT_TYPES, "")
