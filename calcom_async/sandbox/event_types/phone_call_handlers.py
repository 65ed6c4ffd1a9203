"""Handlers of phone calls of team event types. The sandbox calls nobody."""

from __future__ import annotations

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import boolean, email, matches, one_of, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes

ROUTES = Routes()


_NUMBER = matches(
    r"^\+[1-9]\d{1,14}$",
    "Invalid phone number format. Expected format: +<CountryCode><PhoneNumber> with no spaces or separators.",
)
_BODY_DEFAULTS = {"enabled": True, "templateType": "CUSTOM_TEMPLATE"}
_FORM = Form(
    Field("yourPhoneNumber", _NUMBER, string),
    Field("numberToCall", _NUMBER, string),
    Field("calApiKey", string),
    Field("enabled", boolean),
    Field("templateType", one_of(("CHECK_IN_APPOINTMENT", "CUSTOM_TEMPLATE"))),
    Field("schedulerName", string, optional=True),
    Field("guestName", string, optional=True),
    Field("guestEmail", email, optional=True),
    Field("guestCompany", string, optional=True),
    Field("beginMessage", string, optional=True),
    Field("generalPrompt", string, optional=True),
)


@ROUTES.add("POST", "/v2/teams/{teamId}/event-types/{eventTypeId}/create-phone-call", status=201, stateful=False)
@ROUTES.add(
    "POST",
    "/v2/organizations/{orgId}/teams/{teamId}/event-types/{eventTypeId}/create-phone-call",
    status=201,
    stateful=False,
)
def create_phone_call(call: Call) -> object:
    """Return made-up ids of a call and an agent."""
    team = guarded_team(call, "TEAM_ADMIN")
    if "orgId" not in call.path and not call.server.plain_teams_can_call:
        # Recorded from a self-hosted server of 2025-12: the handler reads the id of an organization from the path.
        raise errors.bad_request("Validation failed (numeric string is expected)")
    # The defaults are required fields: the server adds them before it validates.
    _FORM.read(_BODY_DEFAULTS | call.body)
    event_type_id = call.int_path("eventTypeId", checked=True)
    if call.store.event_types.get(event_type_id, {}).get("teamId") != team["id"]:
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    return {"callId": f"call_{call.store.uid()}", "agentId": f"agent_{call.store.uid()}"}
