"""Handlers of the history of an event type, its errors with a CRM, and how it selects hosts.

History and errors have the right shape and made-up content.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from calcom_async.sandbox.accounts.teams import role_in
from calcom_async.sandbox.event_types.named_fields import NAMED_FIELDS
from calcom_async.sandbox.event_types.records import EventType, is_team_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import boolean, string
from calcom_async.sandbox.http.forms import Field, to_bool
from calcom_async.sandbox.http.paging import cursor_form, cursor_page
from calcom_async.sandbox.http.results import Data
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


ONE = "/v2/event-types/{eventTypeId}"
VERSION = (NAMED_FIELDS,)
_ENTRIES = 3

_HISTORY = cursor_form(default=25, most=50)
_ERRORS = cursor_form(
    Field("appSlug", string),
    Field("includeDismissed", boolean, optional=True, convert=to_bool, default=False),
    default=50,
    most=100,
)


def _event_type(call: Call) -> EventType:
    """Return the event type of the path if the caller owns it or leads its team or organization."""
    event_type_id = call.int_path("eventTypeId", checked=True)
    record = call.store.event_types.get(event_type_id)
    if record is None:
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    team = call.store.teams.get(record.get("teamId") or 0, {})
    above = (team_id for team_id in (team.get("id"), team.get("parent_id")) if team_id is not None)
    # Hosts who are not admins get the 403, unlike for the event type itself.
    leads = any(role_in(call.store, team_id, call.user["id"]) in ("ADMIN", "OWNER") for team_id in above)
    if record["ownerId"] != call.user["id"] and not leads:
        raise errors.forbidden(f"You do not have access to event type with id {event_type_id}")
    return record


@ROUTES.add("GET", ONE + "/history", version=VERSION, stateful=False)
def get_history(call: Call) -> object:
    """Return made-up changes, the newest first."""
    record, query = _event_type(call), _HISTORY.read(call.fields)
    logs, pagination = cursor_page([_log(call, record, number) for number in range(_ENTRIES)], query)
    return Data({"eventTypeId": record["id"], "auditLogs": logs}, extra={"pagination": pagination})


def _log(call: Call, record: EventType, number: int) -> dict[str, Any]:
    """Return a change with a field of each type."""
    # The four types of values that the specification of September 2026 names; no response was recorded.
    values = (
        {"type": "valueChange", "previous": "Old title", "next": record["title"]},
        {"type": "rawValue", "value": "30"},
        {"type": "rawValues", "values": ["ana@sandbox.test"]},
        {"type": "diff", "previous": "{}", "next": '{"a": 1}'},
    )
    return {
        "id": f"log-{_ENTRIES - number}",
        "action": "EVENT_TYPE_MODIFIED",
        "type": "RECORD_MODIFIED",
        "timestamp": iso(call.clock.now() - timedelta(hours=number)),
        "source": "WEBAPP",
        "actor": {
            "type": "USER",
            "displayName": call.user["name"],
            "displayEmail": call.user["email"],
            "displayAvatar": None,
        },
        "impersonatedBy": None,
        "actionDisplayTitle": "Event type modified",
        "displayFields": [{"label": value["type"], "fieldValue": value} for value in values],
        "displayJson": None,
        "hasError": False,
    }


@ROUTES.add("GET", ONE + "/crm-sync-errors", version=VERSION, stateful=False)
def get_crm_sync_errors(call: Call) -> object:
    """Return made-up errors, of which one is dismissed."""
    record, query = _event_type(call), _ERRORS.read(call.fields)
    rows = [_crm_error(call, record, query["appSlug"], number) for number in range(_ENTRIES)]
    shown = [row for row in rows if query["includeDismissed"] or row["dismissedAt"] is None]
    items, pagination = cursor_page(shown, query)
    return Data(items, extra={"pagination": pagination})


def _crm_error(call: Call, record: EventType, app_slug: str, number: int) -> dict[str, Any]:
    """Return an error; the last one is dismissed."""
    now = call.clock.now()
    return {
        "id": f"error-{_ENTRIES - number}",
        "credentialId": 1,
        "eventTypeId": record["id"],
        "appSlug": app_slug,
        "timestamp": iso(now - timedelta(hours=number)),
        "errorCode": "FIELD_NOT_WRITABLE",
        "errorMessage": "A field could not be written.",
        "rawMessage": "INVALID_FIELD_FOR_INSERT_UPDATE",
        "droppedFields": ["Budget__c"],
        "eventCreated": True,
        "bookingUid": "booking-uid",
        "dismissedAt": iso(now) if number == _ENTRIES - 1 else None,
    }


@ROUTES.add("GET", ONE + "/scheduling-config", version=VERSION)
def get_scheduling_config(call: Call) -> object:
    """Return how a team's event type selects its hosts; the settings of round robin only for round robin."""
    record = _event_type(call)
    if not is_team_event_type(record):
        raise errors.unprocessable(f"Event type with id {record['id']} is not a team event type")
    # The specification gives these settings to a round robin only.
    turns = record["schedulingType"] == "roundRobin"
    config: dict[str, Any] = {
        "eventTypeId": record["id"],
        "schedulingType": record["schedulingType"],
        "hosts": [_host(call, host, turns=turns) for host in record["hosts"]],
        "assignAllTeamMembers": record["assignAllTeamMembers"],
    }
    if turns:
        config |= {
            "hostGroups": [],
            "rescheduleWithSameRoundRobinHost": record["rescheduleWithSameRoundRobinHost"],
            "allowRRHostChoiceOnReschedule": record.get("_newer", {}).get("allowRRHostChoiceOnReschedule", False),
            "isRRWeightsEnabled": False,
            "maxLeadThreshold": None,
            "includeNoShowInRRCalculation": False,
            "crmRecordOwnerFallbackWindowHours": None,
            "crmRecordOwnerFallbackWindowSkipWeekends": False,
        }
    return config


def _host(call: Call, host: dict[str, Any], *, turns: bool) -> dict[str, Any]:
    """Return a host, with priority and weight only for round robin."""
    user = call.store.users[host["userId"]]
    shown = {
        "userId": user["id"],
        "name": user["name"],
        "username": user["username"],
        "mandatory": bool(host.get("mandatory")),
        "avatarUrl": user.get("avatar_url"),
    }
    return shown | ({"priority": host["priority"], "weight": 100, "groupId": None} if turns else {})
