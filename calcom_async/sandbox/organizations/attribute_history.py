"""History of the attributes of members: one entry for each assignment, removal and change of a weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

Wire = dict[str, Any]


def entries_of(store: Store, member_id: int) -> list[Wire]:
    """List the entries of a membership, the newest first."""
    entries: list[Wire] = store.extras["attribute_history"].get(member_id, [])
    return entries[::-1]


def note_change(
    call: Call, kind: str, *, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
) -> None:
    """Add an entry for an assignment before and after a change; None if there was none."""
    store, user = call.store, call.user
    assignment = after or before or {}
    # An option names its attribute; the assignment only names the option.
    attribute = store.attributes[store.attribute_options[assignment["attributeOptionId"]]["attributeId"]]
    entry = {
        "id": store.uuid(),
        "timestamp": iso(call.clock.now()),
        "source": "API_V2",
        "actor": {
            "type": "USER",
            "displayName": user["name"],
            "displayEmail": user["email"],
            "displayAvatar": user.get("avatar_url"),
        },
        "sourceContext": {"kind": "API_V2"},
        "changes": [
            {
                "type": kind,
                "attribute": {name: attribute[name] for name in ("id", "slug", "name", "type")},
                "previous": before and _option(store, before),
                "current": after and _option(store, after),
            }
        ],
        "hasError": False,
    }
    store.extras["attribute_history"].setdefault(assignment["memberId"], []).append(entry)


def _option(store: Store, assignment: Mapping[str, Any]) -> Wire:
    """Return the option of an assignment with its weight."""
    option = store.attribute_options[assignment["attributeOptionId"]]
    shown = {"optionId": option["id"], "optionSlug": option["slug"], "value": option["value"]}
    return shown | {"weight": assignment["weight"]}
