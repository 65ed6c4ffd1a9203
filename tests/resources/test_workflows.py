"""Workflows of event types and of routing forms: two kinds, the same operations."""

from __future__ import annotations

import msgspec
import pytest
from sent_requests import ORGANIZATION, SALES, THIRTY, SentRequest, last_request

from calcom_async import BadRequestError, ForbiddenError, NotFoundError
from calcom_async.models import (
    CreateWorkflow,
    SetWorkflowStep,
    UpdateWorkflow,
    WorkflowActivation,
    WorkflowMessage,
    WorkflowOffset,
    WorkflowTrigger,
)
from calcom_async.sandbox.accounts.verified_handlers import CODE

PATH = "/organizations/1/teams/2/workflows"
DAY_BEFORE = WorkflowTrigger(type="beforeEvent", offset=WorkflowOffset(value=1, unit="day"))
SUBMITTED = WorkflowTrigger(type="formSubmitted")


@pytest.fixture
def workflows(cal):
    """Return the workflows of the organization's first team."""
    return cal.organization(ORGANIZATION).team(SALES).workflows


def email_step(number=1, **fields):
    """Return a step that sends an email to the attendee."""
    defaults = {
        "step_number": number,
        "action": "email_attendee",
        "recipient": "attendee",
        "template": "reminder",
        "sender": "Acme",
        "message": WorkflowMessage(subject="Soon", html="<p>Soon</p>"),
    }
    return SetWorkflowStep(**defaults | fields)


def text_step(**fields):
    """Return a step that sends a text message."""
    message = WorkflowMessage(subject="Soon", text="Soon")
    return email_step(2, **{"action": "sms_attendee", "message": message} | fields)


def reminder(*steps, **fields):
    """Return a workflow of one event type."""
    defaults = {"name": "Remind", "activation": WorkflowActivation.event_types(THIRTY), "trigger": DAY_BEFORE}
    return CreateWorkflow(**defaults | fields, steps=[*(steps or [email_step()])])


async def test_create(workflows, calcom_sandbox):
    """A workflow is sent in the server's format and returned with ids."""
    workflow = await workflows.create(reminder(email_step(include_calendar_event=True), text_step(phone_required=True)))
    step = {"recipient": "attendee", "template": "reminder", "sender": "Acme"}
    first = {**step, "stepNumber": 1, "action": "email_attendee", "includeCalendarEvent": True}
    second = {**step, "stepNumber": 2, "action": "sms_attendee", "phoneRequired": True}
    body = {
        "name": "Remind",
        "activation": {"isActiveOnAllEventTypes": False, "activeOnEventTypeIds": [THIRTY]},
        "trigger": {"type": "beforeEvent", "offset": {"value": 1, "unit": "day"}},
        "steps": [
            {**first, "message": {"subject": "Soon", "html": "<p>Soon</p>"}},
            {**second, "message": {"subject": "Soon", "text": "Soon"}},
        ],
    }
    assert last_request(calcom_sandbox) == SentRequest("POST", PATH, {}, body, None)
    assert (workflow.type, workflow.name, workflow.trigger) == ("event-type", "Remind", DAY_BEFORE)
    assert [(row.action, row.include_calendar_event, row.phone_required) for row in workflow.steps] == [
        ("email_attendee", True, None),
        ("sms_attendee", False, True),
    ]


async def test_the_text_of_a_message_is_not_returned(workflows):
    """The server omits the text of a message, so do not write back what was read."""
    workflow = await workflows.create(reminder(text_step()))
    assert workflow.steps[0].message.text == ""


async def test_both_kinds(workflows, calcom_sandbox):
    """Both kinds are created, listed, read, updated and deleted below their own paths, independently."""
    forms = workflows.routing_forms
    workflow_of_event_types = await workflows.create(reminder())
    of_forms = await forms.create(reminder(activation=WorkflowActivation.routing_forms(), trigger=SUBMITTED))
    assert (of_forms.type, of_forms.activation.is_active_on_all_routing_forms) == ("routing-form", True)
    assert last_request(calcom_sandbox).path == f"{PATH}/routing-form"
    for kind, workflow, suffix in ((workflows, workflow_of_event_types, ""), (forms, of_forms, "/routing-form")):
        assert await kind.list().collect() == [workflow]
        assert last_request(calcom_sandbox) == SentRequest(
            "GET", PATH + suffix, {"take": "250", "skip": "0"}, None, None
        )
        assert await kind.get(workflow.id) == workflow
        changed = await kind.update(workflow.id, UpdateWorkflow(name="Other"))
        assert last_request(calcom_sandbox) == SentRequest(
            "PATCH", f"{PATH}/{workflow.id}{suffix}", {}, {"name": "Other"}, None
        )
        assert (changed.name, changed.steps, changed.trigger) == ("Other", workflow.steps, workflow.trigger)
        assert await kind.delete(workflow.id) is None
        assert last_request(calcom_sandbox).endpoint == f"DELETE {PATH}/{workflow.id}{suffix}"
        with pytest.raises(NotFoundError, match=rf"workflow \({workflow.id}\) not found"):
            await kind.get(workflow.id)


async def test_a_workflow_of_the_other_kind(workflows):
    """The id of one kind is not found as the other."""
    workflow = await workflows.create(reminder())
    with pytest.raises(NotFoundError, match="routing form workflow"):
        await workflows.routing_forms.get(workflow.id)


async def test_update_of_steps(workflows):
    """A step with an id keeps it, steps not in the list are deleted, and a step without an id is rejected."""
    workflow = await workflows.create(reminder(email_step(1), email_step(2)))
    kept_step = email_step(1, id=workflow.steps[1].id, sender="New")
    changed = await workflows.update(workflow.id, UpdateWorkflow(steps=[kept_step]))
    assert [(step.id, step.sender) for step in changed.steps] == [(workflow.steps[1].id, "New")]
    with pytest.raises(BadRequestError) as caught:
        await workflows.update(workflow.id, UpdateWorkflow(steps=[kept_step, email_step(2)]))
    assert list(caught.value.fields) == ["steps.1.id"]


async def test_a_trigger_needs_no_offset(workflows):
    """A trigger before an event may have no offset."""
    workflow = await workflows.create(reminder(trigger=WorkflowTrigger(type="beforeEvent")))
    assert workflow.trigger == WorkflowTrigger(type="beforeEvent")


async def test_steps_with_their_own_address(cal, workflows):
    """A step with its own address names a verified resource of the team, and is shown with the address itself."""
    phones = cal.organization(ORGANIZATION).team(SALES).verified_resources.phones
    await phones.request_code("+351912345678")
    phone = await phones.verify("+351912345678", code=CODE)
    step = text_step(action="sms_number", recipient="phone_number", verified_phone_id=phone.id)
    assert (await workflows.create(reminder(step))).steps[0].phone == "+351912345678"
    stranger = email_step(action="email_address", recipient="email", verified_email_id=99)
    with pytest.raises(BadRequestError, match="Invalid Verified Email Id"):
        await workflows.create(reminder(stranger))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"trigger": SUBMITTED}, "trigger.type"),
        ({"activation": WorkflowActivation()}, "activation.isActiveOnAllEventTypes"),
    ],
)
async def test_rejections(workflows, fields, wrong):
    """The error names the field for a trigger of the other kind and for an empty activation."""
    with pytest.raises(BadRequestError) as caught:
        await workflows.create(reminder(**fields))
    assert wrong in caught.value.fields


async def test_a_workflow_needs_a_step(workflows):
    """A workflow without steps is rejected."""
    with pytest.raises(BadRequestError) as caught:
        await workflows.create(msgspec.structs.replace(reminder(), steps=[]))
    assert list(caught.value.fields) == ["steps"]


async def test_a_member_is_forbidden(cal):
    """A member is forbidden."""
    own = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).team(SALES).workflows
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await own.list().collect()
