"""Routing forms: creation, routing and responses.

The API cannot create forms, so tests use `new_form`:

    new_form(store, clock.now(), name="Contact", team_id=2, user_id=1, fields=[...], routes=[...])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

RoutingForm = dict[str, Any]
Response = dict[str, Any]
Rule = Mapping[str, Any]


def new_form(
    store: Store,
    now: datetime,
    *,
    name: str,
    team_id: int | None,
    user_id: int,
    fields: Sequence[Mapping[str, Any]],
    routes: Sequence[Mapping[str, Any]],
    form_id: str | None = None,
) -> RoutingForm:
    """Create a form, stored in the JSON form of the list."""
    form: RoutingForm = {
        "id": form_id or store.uuid(),
        "description": None,
        "position": 0,
        "routes": list(routes),
        "createdAt": iso(now),
        "updatedAt": iso(now),
        "name": name,
        "fields": list(fields),
        "updatedById": None,
        "userId": user_id,
        "teamId": team_id,
        "disabled": False,
        "settings": {"emailOwnerOnSubmission": False},
    }
    store.routing_forms[form["id"]] = form
    return form


def field(identifier: str, label: str, *, required: bool = False) -> dict[str, Any]:
    """Return a text field."""
    return {"id": identifier, "type": "text", "label": label, "required": required, "identifier": identifier}


def route_to(route_id: str, action: str, value: str, **when: str) -> dict[str, Any]:
    """Return a route with its action and the answers it requires; without answers it is the fallback."""
    rules = {
        f"rule-{route_id}-{name}": {
            "type": "rule",
            "properties": {
                "field": name,
                "value": [wanted],
                "operator": "equal",
                "valueSrc": ["value"],
                "valueType": ["text"],
            },
        }
        for name, wanted in when.items()
    }
    query = {"id": route_id, "type": "group", **({"children1": rules} if rules else {})}
    return {"id": route_id, "action": {"type": action, "value": value}, "isFallback": not rules, "queryValue": query}


def forms_of(store: Store, team_ids: set[int]) -> list[RoutingForm]:
    """List the forms of these teams by id."""
    forms = store.routing_forms.values()
    return sorted((form for form in forms if form["teamId"] in team_ids), key=lambda form: str(form["id"]))


def find_form(store: Store, form_id: str) -> RoutingForm:
    """Return a form of any team."""
    form = store.routing_forms.get(form_id)
    if form is None:
        raise errors.not_found("Routing form not found.")
    return form


# --- routing ---------------------------------------------------------------------------------------------------------


def answered(form: RoutingForm, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers by identifier as the form stores them. Raises an error for missing ones."""
    if missing := [field["label"] for field in form["fields"] if field["required"] and not body.get(_name(field))]:
        raise errors.bad_request(f"Missing required fields {', '.join(missing)}")
    answered_fields = [field for field in form["fields"] if _name(field) in body]
    return {field["id"]: {"label": field["label"], "value": body[_name(field)]} for field in answered_fields}


def _name(field: Mapping[str, Any]) -> str:
    """Return the identifier of a field, by which requests name it."""
    return str(field.get("identifier") or field["id"])


def destination(form: RoutingForm, response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the action of the first route that matches the answers."""
    # The fallback comes last wherever it is in the list.
    for route in sorted(form["routes"], key=lambda route: bool(route["isFallback"])):
        rules = route["queryValue"].get("children1", {}).values()
        if all(_holds(rule["properties"], response) for rule in rules):
            action: Mapping[str, Any] = route["action"]
            return action
    raise errors.not_found("No route found for the response.")


def _holds(rule: Rule, response: Mapping[str, Any]) -> bool:
    """Return whether a rule of a route holds; texts are compared in lower case."""
    given = str(response.get(rule["field"], {}).get("value", "")).lower()
    wanted = [str(value).lower() for value in rule["value"]]
    match rule["operator"]:
        case "equal":
            return given in wanted
        case "not_equal":
            return given not in wanted
        case "like":
            return any(text in given for text in wanted)
    return False


def by_identifier(form: RoutingForm, response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers by the identifier of their question."""
    return {_name(field): response[field["id"]]["value"] for field in form["fields"] if field["id"] in response}


def with_answers(form: RoutingForm, response: Mapping[str, Any], action: Mapping[str, Any]) -> str:
    """Return the JSON of an action; the answers are appended to an external URL."""
    value = str(action["value"])
    if action["type"] != "externalRedirectUrl":
        return value
    # Recorded from a self-hosted server of 2025-12.
    parameters = {**by_identifier(form, response), "form": form["id"], "cal.action": action["type"]}
    return f"{value}?{urlencode(parameters, doseq=True)}"


def event_type_of(store: Store, action: Mapping[str, Any]) -> dict[str, Any]:
    """Return the team's event type of a route, given by id or as `team/SLUG/EVENT-TYPE`."""
    for record in store.event_types.values():
        team = store.teams.get(record.get("teamId") or 0)
        if team is None:
            continue
        if action.get("eventTypeId") == record["id"] or action["value"] == f"team/{team['slug']}/{record['slug']}":
            return record
    raise errors.not_found("Event type not found.")


# --- responses ------------------------------------------------------------------------------------------------------


def store_response(store: Store, form: RoutingForm, response: Mapping[str, Any], now: datetime) -> Response:
    """Store a response in the JSON form of the list."""
    kept: Response = {
        "id": store.next_id("form_response"),
        "formId": form["id"],
        "formFillerId": store.uid(),
        "routedToBookingUid": None,
        "response": dict(response),
        "createdAt": iso(now),
        "_updatedAt": iso(now),
    }
    store.form_responses[kept["id"]] = kept
    return kept


def responses_of(store: Store, form_id: str) -> list[Response]:
    """List the responses to a form by id."""
    return [response for response in store.form_responses.values() if response["formId"] == form_id]


def response_view(response: Response) -> Response:
    """Return a response as JSON."""
    return {name: value for name, value in response.items() if not name.startswith("_")}
