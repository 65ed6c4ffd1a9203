"""Operations: workflows of a team of an organisation, for event types and for routing forms."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.guards import guarded_team
from calcom_async.sandbox.routes import Call, Status, route
from calcom_async.sandbox.validation import Form, take_and_skip
from calcom_async.sandbox.workflows import EVENT_TYPES, ROUTING_FORMS, Kind, change, find, make, of_team, view

_PATH = "/v2/organizations/{orgId}/teams/{teamId}/workflows"
_LIST = Form(*take_and_skip())


def _register(kind: Kind, suffix: str) -> None:
    """Make the operations of a kind; nothing is ever sent."""
    many, one = _PATH + suffix, _PATH + "/{workflowId}" + suffix

    @route("GET", many)
    def list_all(call: Call) -> object:
        team, page = guarded_team(call, "TEAM_ADMIN"), _LIST.read(call.fields)
        found = of_team(call.store, kind, team["id"])
        return [view(workflow) for workflow in found[page["skip"] : page["skip"] + page["take"]]]

    @route("POST", many, status=201)
    def create(call: Call) -> object:
        team = guarded_team(call, "TEAM_ADMIN")
        return view(make(call.store, kind, team["id"], kind.create.read(call.body)))

    @route("GET", one)
    def get(call: Call) -> object:
        return view(_found(call, kind))

    @route("PATCH", one)
    def update(call: Call) -> object:
        workflow = _found(call, kind)
        change(call.store, workflow, kind.update.read(call.body))
        return view(workflow)

    @route("DELETE", one)
    def delete(call: Call) -> object:
        del call.store.workflows[_found(call, kind)["id"]]
        return Status()


def _found(call: Call, kind: Kind) -> dict[str, Any]:
    team = guarded_team(call, "TEAM_ADMIN")
    return find(call.store, kind, team["id"], call.int_path("workflowId", checked=True))


# The literal path of the second kind's list comes before the placeholder of the first kind's.
_register(ROUTING_FORMS, "/routing-form")
_register(EVENT_TYPES, "")
