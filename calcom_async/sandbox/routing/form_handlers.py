"""Handlers of routing forms of an organization and of its teams, their responses, and their routing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from calcom_async.sandbox.accounts.guards import TeamRole, guarded_organization, guarded_team
from calcom_async.sandbox.event_types.records import allows_host_choice
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import array, boolean, date_string, each, number, one_of, string, time_zone
from calcom_async.sandbox.http.forms import Field, Form, comma_ids, take_and_skip, to_bool, to_int
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.http.time_zones import parse_iso_time
from calcom_async.sandbox.routing.forms import (
    Response,
    RoutingForm,
    answered,
    by_identifier,
    destination,
    event_type_of,
    find_form,
    forms_of,
    response_view,
    responses_of,
    store_response,
    with_answers,
)
from calcom_async.sandbox.slots.handlers import get_slots
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


_ORGANIZATION = "/v2/organizations/{orgId}/routing-forms"
_TEAM = "/v2/organizations/{orgId}/teams/{teamId}/routing-forms"
_RESPONSES = "/{routingFormId}/responses"
_ONE_RESPONSE = _RESPONSES + "/{responseId}"

_ORDER = one_of(("asc", "desc"))
# Unlike other lists, these accept a `take` above 250 and above 1000 (measured).
_LIST = Form(
    *take_and_skip(most=1_000_000),
    Field("sortCreatedAt", _ORDER, optional=True),
    Field("sortUpdatedAt", _ORDER, optional=True),
    Field("afterCreatedAt", date_string, optional=True),
    Field("beforeCreatedAt", date_string, optional=True),
    Field("afterUpdatedAt", date_string, optional=True),
    Field("beforeUpdatedAt", date_string, optional=True),
    Field("routedToBookingUid", string, optional=True),
)
_LIST_OF_ORGANIZATION = _LIST.extended(Field("teamIds", each(number), array, optional=True, convert=comma_ids))
_SLOTS = Form(
    Field("start", date_string),
    Field("end", date_string),
    Field("timeZone", time_zone, optional=True),
    Field("duration", number, optional=True, convert=to_int),
    Field("format", one_of(("range", "time")), optional=True),
    Field("bookingUidToReschedule", string, optional=True),
    Field("rescheduleWithSameHost", boolean, optional=True, convert=to_bool),
    Field("queueResponse", boolean, optional=True, convert=to_bool),
)
_ELSEWHERE = {"customPageMessage": "routingCustomMessage", "externalRedirectUrl": "routingExternalRedirectUrl"}
_FOR_SLOTS = ("start", "end", "timeZone", "duration", "format", "bookingUidToReschedule")


# --- forms ----------------------------------------------------------------------------------------------------------


@ROUTES.add("GET", _ORGANIZATION)
def list_organization_forms(call: Call) -> object:
    """List the forms of the organization's teams."""
    organization, query = guarded_organization(call, "ORG_ADMIN"), _LIST_OF_ORGANIZATION.read(call.fields)
    teams = {team["id"] for team in call.store.teams.values() if team["parent_id"] == organization["id"]}
    wanted = teams & set(query["teamIds"]) if query.get("teamIds") else teams
    return _forms(call, wanted, query)


@ROUTES.add("GET", _TEAM)
def list_team_forms(call: Call) -> object:
    """List the forms of a team."""
    return _forms(call, {guarded_team(call, "TEAM_ADMIN")["id"]}, _LIST.read(call.fields))


def _forms(call: Call, team_ids: set[int], query: Mapping[str, Any]) -> list[RoutingForm]:
    """Return a page of the forms of these teams."""
    forms = forms_of(call.store, team_ids)
    if uid := query.get("routedToBookingUid"):
        forms = [form for form in forms if _has_led_to(call, form, uid)]
    return _page(forms, query, updated="updatedAt")


def _has_led_to(call: Call, form: RoutingForm, uid: str) -> bool:
    """Return whether a response to the form led to this booking."""
    return any(response["routedToBookingUid"] == uid for response in responses_of(call.store, form["id"]))


def _page(rows: list[dict[str, Any]], query: Mapping[str, Any], *, updated: str) -> list[dict[str, Any]]:
    """Filter rows by time, sort them on request, and return a page."""
    for column, name in (("createdAt", "CreatedAt"), (updated, "UpdatedAt")):
        after, before = _time(query.get("after" + name)), _time(query.get("before" + name))
        rows = [row for row in rows if (not after or row[column] >= after) and (not before or row[column] <= before)]
        if direction := query.get("sort" + name):
            rows = sorted(rows, key=lambda row: str(row[column]), reverse=direction == "desc")
    return rows[query["skip"] : query["skip"] + query["take"]]


def _time(text: str | None) -> str | None:
    """Return a time of the query in the format of the rows, so that the texts compare like times."""
    return iso(_moment(text)) if text else None


def _moment(text: str) -> datetime:
    """Parse a time of the query; no offset means UTC."""
    moment = parse_iso_time(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


# --- responses ------------------------------------------------------------------------------------------------------


def _form(call: Call, role: TeamRole = "TEAM_ADMIN") -> RoutingForm:
    """Return the form of the path if the caller may see it."""
    if "teamId" not in call.path:
        guarded_organization(call, "ORG_ADMIN")
        return find_form(call.store, call.path["routingFormId"])
    team, form_id = guarded_team(call, role), call.path["routingFormId"]
    form = call.store.routing_forms.get(form_id)
    # An unknown form is a 403 below a team, and a 404 below its organization.
    if form is None or form["teamId"] != team["id"]:
        raise errors.forbidden(
            f"IsRoutingFormInTeam - team with id=({team['id']}) does not own routing form with id=({form_id})."
        )
    return form


@ROUTES.add("GET", _ORGANIZATION + _RESPONSES)
@ROUTES.add("GET", _TEAM + _RESPONSES)
def list_responses(call: Call) -> object:
    """List the responses to a form."""
    form, query = _form(call), _LIST.read(call.fields)
    uid = query.get("routedToBookingUid")
    responses = [
        response for response in responses_of(call.store, form["id"]) if uid in (None, response["routedToBookingUid"])
    ]
    return [response_view(response) for response in _page(responses, query, updated="_updatedAt")]


@ROUTES.add("POST", _ORGANIZATION + _RESPONSES, status=201)
@ROUTES.add("POST", _TEAM + _RESPONSES, status=201)
@ROUTES.add("POST", "/v2/teams/{teamId}/routing-forms" + _RESPONSES, status=201)
def create_response(call: Call) -> object:
    """Store a response and return its route: slots, a message or an external URL."""
    # The answers are the body, the times for the slots the query.
    form, query = _form(call, "TEAM_MEMBER"), _SLOTS.read(call.fields)
    _check_order(query)
    response = answered(form, call.body)
    action = destination(form, response)
    if (name := _ELSEWHERE.get(action["type"])) is not None:
        _submit(call, form, response)
        return {name: with_answers(form, response, action)}
    outcome = _slots(call, action, query)
    # A queued response waits for a booking of the web app, so in the sandbox it stays queued.
    if query.get("queueResponse"):
        known: dict[str, Any] = {"queuedResponseId": call.store.uuid()}
    else:
        known = {"responseId": _submit(call, form, response)["id"]}
    return {"routing": {**known, "teamMemberIds": [], "skipContactOwner": False}, **outcome}


def _submit(call: Call, form: RoutingForm, response: Mapping[str, Any]) -> Response:
    """Store a response and emit the webhook event, whose payload contains the answers twice."""
    answers = by_identifier(form, response)
    payload = {
        "formId": form["id"],
        "formName": form["name"],
        "teamId": form["teamId"],
        "responses": {name: {"value": value, "response": value} for name, value in answers.items()},
    }
    stored = store_response(call.store, form, response, call.clock.now())
    scope = {"user_id": form["userId"], "team_id": form["teamId"], "root": answers, "response_id": stored["id"]}
    call.emit("FORM_SUBMITTED", payload, **scope)
    return stored


def _check_order(query: Mapping[str, Any]) -> None:
    """Raise a 400 if the range ends before it starts."""
    if _moment(query["end"]) < _moment(query["start"]):
        # `GET /v2/slots` returns no slots for such a range instead.
        raise errors.bad_request("End date cannot be before start date.")


def _slots(call: Call, action: Mapping[str, Any], query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the slots that `GET /v2/slots` returns."""
    event_type = event_type_of(call.store, action)
    parameters = [(name, str(query[name])) for name in _FOR_SLOTS if query.get(name) is not None]
    if (host_id := _same_host(call, event_type, query)) is not None:
        parameters.append(("rrHostSubsetIds", str(host_id)))
    slots = get_slots(replace(call, query=[("eventTypeId", str(event_type["id"])), *parameters]))
    return {"eventTypeId": event_type["id"], "slots": slots}


def _same_host(call: Call, event_type: Mapping[str, Any], query: Mapping[str, Any]) -> int | None:
    """Return the host of the booking to reschedule, if only that host's slots are wanted."""
    if not query.get("rescheduleWithSameHost") or not allows_host_choice(event_type):
        return None
    booking = call.store.bookings.get(query.get("bookingUidToReschedule", ""))
    return None if booking is None else booking.user_id


@ROUTES.add("PATCH", _ORGANIZATION + _ONE_RESPONSE)
@ROUTES.add("PATCH", _TEAM + _ONE_RESPONSE)
def update_response(call: Call) -> object:
    """Replace the answers without validation: like on the real server, a text becomes its letters by index."""
    form, response_id = _form(call), call.int_path("responseId", checked=True)
    response = call.store.form_responses.get(response_id)
    if response is None or response["formId"] != form["id"]:
        raise errors.database(404)
    given = call.body.get("response")
    if given is not None:
        response["response"] = (
            # JavaScript spreads a text into its letters.
            given if isinstance(given, dict) else {str(at): letter for at, letter in enumerate(str(given))}
        )
        response["_updatedAt"] = iso(call.clock.now())
    return response_view(response)


# --- without credentials ---------------------------------------------------------------------------------------------


@ROUTES.add("POST", "/v2/routing-forms/{routingFormId}/calculate-slots", auth="optional")
def calculate_slots(call: Call) -> object:
    """Return the route of answers without storing them; only routes to event types of teams are supported."""
    query = _SLOTS.read(call.fields)
    form = find_form(call.store, call.path["routingFormId"])
    _check_order(query)
    action = destination(form, answered(form, call.body))
    # Messages and external URLs have no slots; the server cannot show them here.
    if action["type"] != "eventTypeRedirectUrl":
        raise errors.not_found("Event type not found.")
    return _slots(call, action, query)
