"""Handlers of the history of attributes, and of their synchronization, which is made up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization
from calcom_async.sandbox.accounts.teams import membership_of, memberships_of
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.paging import cursor_form, cursor_page
from calcom_async.sandbox.http.results import Data
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.organizations.attribute_history import entries_of
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


ALL = "/v2/organizations/{orgId}/attributes"
_HISTORY = cursor_form(default=25, most=50)
_SYNC_HISTORY = cursor_form(default=25, most=100)


@ROUTES.add("GET", ALL + "/assignments/{userId}/history")
def get_assignment_history(call: Call) -> object:
    """Return the changes of a member's attributes. The cursor is in `data`, and absent on the last page."""
    org_id, user_id = guarded_organization(call, "ORG_ADMIN")["id"], call.int_path("userId", checked=True)
    query, membership = _HISTORY.read(call.fields), membership_of(call.store, org_id, user_id)
    if membership is None:
        raise errors.not_found(f"Membership for user with id {user_id} within organization id {org_id} not found")
    logs, place = cursor_page(entries_of(call.store, membership["id"]), query)
    # Only this list of the hosted API has the cursor inside `data`.
    return {"userId": user_id, "membershipId": membership["id"], "auditLogs": logs, **_without_null(place)}


def _without_null(place: dict[str, Any]) -> dict[str, Any]:
    """Return where the next page begins, without a cursor on the last page."""
    return {name: value for name, value in place.items() if value is not None}


@ROUTES.add("GET", ALL + "/sync-history", stateful=False)
def get_sync_history(call: Call) -> object:
    """Return one made-up run per member."""
    organization = guarded_organization(call, "ORG_ADMIN")
    members = [membership["user_id"] for membership in memberships_of(call.store, organization["id"])]
    return _runs(call, [_run(call, organization["id"], user_id, 0) for user_id in members])


@ROUTES.add("GET", ALL + "/sync-history/user/{userId}", stateful=False)
def get_user_sync_history(call: Call) -> object:
    """Return two made-up runs of one member; none for a user who is no member."""
    organization, user_id = guarded_organization(call, "ORG_ADMIN"), call.int_path("userId", checked=True)
    is_member = membership_of(call.store, organization["id"], user_id) is not None
    return _runs(call, [_run(call, organization["id"], user_id, number) for number in range(2 * is_member)])


def _runs(call: Call, runs: list[dict[str, Any]]) -> Data:
    """Return a page of runs. The cursor is in `meta`, and absent on the last page."""
    items, place = cursor_page(runs, _SYNC_HISTORY.read(call.fields))
    # A third place for the cursor, after `pagination` and `data`; the specification is that uneven.
    return Data(items, extra={"meta": _without_null(place)})


def _run(call: Call, org_id: int, user_id: int, number: int) -> dict[str, Any]:
    """Return a run that passed one rule, wrote one attribute and changed one team."""
    user, run_id = call.store.users[user_id], f"00000000-0000-4000-8000-{user_id:06}{number:06}"
    created = iso(call.clock.now() - timedelta(days=number))
    part = {"runId": run_id, "createdAt": created}
    return {
        "id": run_id,
        "provider": "SALESFORCE",
        "credentialId": None,
        "organizationId": org_id,
        "userId": user_id,
        "userName": user["name"],
        # The form of Salesforce ids.
        "externalUserId": f"005{user_id:012}",
        "status": "APPLIED",
        "signatureVerified": True,
        "errorMessage": None,
        "createdAt": created,
        "ruleEvaluations": [
            {
                "id": f"{run_id}-rule",
                **part,
                "ruleId": None,
                "evaluationOrder": 0,
                "attributeKey": "Department",
                "operator": "EQUALS",
                "expectedValue": "Sales",
                "expectedValueType": "STRING",
                "actualValue": "Sales",
                "actualValueType": "STRING",
                "passed": True,
            }
        ],
        "appliedFieldMappings": [
            {
                "id": f"{run_id}-field",
                **part,
                "fieldMappingId": None,
                "attributeId": None,
                "attributeSlug": "department",
                "attributeName": "Department",
                "sourceField": "Department",
                "previousValue": None,
                "newValue": "Sales",
                "outcome": "UPDATED",
            }
        ],
        "teamMembershipChanges": [
            {
                "id": f"{run_id}-team",
                **part,
                "teamId": None,
                "teamName": "Sales",
                "teamSlug": "sales",
                "outcome": "NO_CHANGE",
            }
        ],
    }
