"""Routing forms with their responses, and workflows."""

from __future__ import annotations

from typing import Any

from conformance.organizations.members import ORG
from conformance.organizations.teams import TEAM
from conformance.plan import delete, get, patch, post, prepare

FORMS = ORG + "/routing-forms"
RESPONSES = FORMS + "/{form}/responses"
FORM_TEAM = ORG + "/teams/{form_team}"
TEAM_RESPONSES = FORM_TEAM + "/routing-forms/{form}/responses"
WEEK = "?start={monday}&end={friday}"
CHANGED = {"{question}": {"label": "Question", "value": "changed"}}

ROUTING = (
    get(
        "org_routing_forms_list",
        FORMS,
        form="data.0.id",
        form_team="data.0.teamId",
        question="data.0.fields.0.identifier",
    ),
    get("org_routing_forms_list_400", FORMS + "?sortCreatedAt=up"),
    get("org_team_routing_forms_list", FORM_TEAM + "/routing-forms"),
    get("org_team_routing_forms_list_403_member", TEAM + "/routing-forms", key="member_key"),
    post("org_team_routing_form_responses_create", TEAM_RESPONSES + WEEK, {"{question}": "{answer}"}),
    post("org_team_routing_form_responses_create_400", TEAM_RESPONSES + WEEK, {}),
    post("org_routing_form_responses_create_custom_message", RESPONSES + WEEK, {"{question}": "other"}),
    post("org_routing_form_responses_create_400_missing_field", RESPONSES + WEEK, {}),
    get("org_routing_form_responses_list", RESPONSES, response="data.0.id"),
    get("org_routing_form_responses_list_403_member", RESPONSES, key="member_key"),
    get("org_team_routing_form_responses_list", TEAM_RESPONSES),
    get("org_team_routing_form_responses_list_403_other_team", TEAM + "/routing-forms/{form}/responses"),
    patch("org_routing_form_responses_update", RESPONSES + "/{response}", {"response": CHANGED}),
    patch(
        "org_routing_form_responses_update_403_member", RESPONSES + "/{response}", {"response": {}}, key="member_key"
    ),
    patch("org_team_routing_form_responses_update", TEAM_RESPONSES + "/{response}", {"response": CHANGED}),
    patch("org_team_routing_form_responses_update_404", TEAM_RESPONSES + "/999999999", {"response": {}}),
    post(
        "routing_forms_calculate_slots_nokey",
        "/routing-forms/{form}/calculate-slots" + WEEK,
        {"{question}": "{answer}"},
        key=None,
    ),
    post("routing_forms_calculate_slots_400", "/routing-forms/{form}/calculate-slots", {"{question}": "{answer}"}),
)

WORKFLOWS, FORM_WORKFLOWS = TEAM + "/workflows", FORM_TEAM + "/workflows"
ONE = WORKFLOWS + "/{workflow}"
ONE_FOR_FORMS = FORM_WORKFLOWS + "/{form_workflow}/routing-form"


def _step(number: int, action: str, recipient: str, **more: Any) -> dict[str, Any]:
    """Return a step of a workflow."""
    common = {"stepNumber": number, "action": action, "recipient": recipient, "template": "reminder", "sender": "Us"}
    return {**common, **more}


MAIL = {"includeCalendarEvent": True, "message": {"subject": "Soon: {{EVENT_NAME}}", "html": "<p>{{EVENT_NAME}}</p>"}}
SMS = {"message": {"subject": "Soon", "text": "{{EVENT_NAME}}"}}
FORM_WORKFLOW = {
    "name": "After forms",
    "activation": {"isActiveOnAllRoutingForms": False, "activeOnRoutingFormIds": ["{form}"]},
    "steps": [_step(1, "email_attendee", "attendee", **MAIL)],
}


def _workflow(*steps: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a workflow for the round robin."""
    return {
        "name": "Remind",
        "activation": {"isActiveOnAllEventTypes": False, "activeOnEventTypeIds": ["{turns}"]},
        "trigger": {"type": "beforeEvent", "offset": {"value": 2, "unit": "day"}},
        "steps": list(steps),
    }


WORKFLOW_STEPS = (
    post(
        "org_team_workflows_create",
        WORKFLOWS,
        _workflow(
            _step(1, "email_attendee", "attendee", **MAIL),
            _step(2, "sms_number", "phone_number", verifiedPhoneId="{org_team_phone}", **SMS),
            _step(3, "email_address", "email", verifiedEmailId="{org_team_email}", **MAIL),
            _step(4, "sms_attendee", "attendee", phoneRequired=True, **SMS),
        ),
        workflow="data.id",
        first_step="data.steps.0.id",
    ),
    post(
        "org_team_workflows_create_400_foreign_verified_email",
        WORKFLOWS,
        _workflow(_step(1, "email_address", "email", verifiedEmailId=999999999, **MAIL)),
    ),
    get("org_team_workflows_get", ONE),
    get("org_team_workflows_get_404", WORKFLOWS + "/999999999"),
    get("org_team_workflows_list", WORKFLOWS),
    get("org_team_workflows_list_403_member", WORKFLOWS, key="member_key"),
    patch(
        "org_team_workflows_update",
        ONE,
        {
            "name": "Follow up",
            "trigger": {"type": "afterEvent", "offset": {"value": 3, "unit": "hour"}},
            "steps": [_step(1, "email_attendee", "attendee", id="{first_step}", **MAIL)],
        },
    ),
    patch("org_team_workflows_update_400", ONE, {"trigger": {"type": "never"}}),
    delete("org_team_workflows_delete_403_member", ONE, key="member_key"),
    delete("org_team_workflows_delete", ONE),
    # --- for forms
    post(
        "org_team_workflows_forms_create",
        FORM_WORKFLOWS + "/routing-form",
        {**FORM_WORKFLOW, "trigger": {"type": "formSubmitted"}},
        form_workflow="data.id",
    ),
    post(
        "org_team_workflows_forms_create_400",
        FORM_WORKFLOWS + "/routing-form",
        {**FORM_WORKFLOW, "trigger": {"type": "newEvent"}},
    ),
    get("org_team_workflows_forms_get", ONE_FOR_FORMS),
    get("org_team_workflows_forms_get_404", FORM_WORKFLOWS + "/999999999/routing-form"),
    *prepare(
        post(
            "a workflow that waits",
            FORM_WORKFLOWS + "/routing-form",
            {**FORM_WORKFLOW, "trigger": {"type": "formSubmittedNoEvent", "offset": {"value": 1, "unit": "hour"}}},
            late_workflow="data.id",
        )
    ),
    get("org_team_workflows_forms_list", FORM_WORKFLOWS + "/routing-form"),
    get("org_team_workflows_forms_list_as_member_403", WORKFLOWS + "/routing-form", key="member_key"),
    patch("org_team_workflows_forms_update", ONE_FOR_FORMS, {"name": "After all forms"}),
    patch("org_team_workflows_forms_update_404", FORM_WORKFLOWS + "/999999999/routing-form", {"name": "After"}),
    delete("org_team_workflows_forms_delete", ONE_FOR_FORMS),
    delete("org_team_workflows_forms_delete_404_again", ONE_FOR_FORMS),
    *prepare(delete("remove the workflow that waits", FORM_WORKFLOWS + "/{late_workflow}/routing-form")),
)
