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
    """Workflows of the organization's first team."""
    return cal.organization(ORGANIZATION).team(SALES).workflows


def mail(number=1, **fields):
    """A step that writes to the attendee."""
    given = {
        "step_number": number,
        "action": "email_attendee",
        "recipient": "attendee",
        "template": "reminder",
        "sender": "Acme",
        "message": WorkflowMessage(subject="Soon", html="<p>Soon</p>"),
    }
    return SetWorkflowStep(**given | fields)


def text(**fields):
    """A step that writes to phones."""
    message = WorkflowMessage(subject="Soon", text="Soon")
    return mail(2, **{"action": "sms_attendee", "message": message} | fields)


def remind(*steps, **fields):
    """A workflow of one event type."""
    given = {"name": "Remind", "activation": WorkflowActivation.event_types(THIRTY), "trigger": DAY_BEFORE}
    return CreateWorkflow(**given | fields, steps=[*(steps or [mail()])])


async def test_create_sends_what_is_given(workflows, calcom_sandbox):
    """A workflow is sent in the server's format and returned with ids."""
    made = await workflows.create(remind(mail(include_calendar_event=True), text(phone_required=True)))
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
    assert (made.type, made.name, made.trigger) == ("event-type", "Remind", DAY_BEFORE)
    assert [(one.action, one.include_calendar_event, one.phone_required) for one in made.steps] == [
        ("email_attendee", True, None),
        ("sms_attendee", False, True),
    ]


async def test_the_text_to_phones_comes_back_empty(workflows):
    """The server omits this field in responses, so do not write back what was read."""
    made = await workflows.create(remind(text()))
    assert made.steps[0].message.text == ""


async def test_the_whole_life(workflows, calcom_sandbox):
    """Both kinds are created, listed, read, updated and deleted below their own paths, independently."""
    forms = workflows.routing_forms
    mine = await workflows.create(remind())
    of_forms = await forms.create(remind(activation=WorkflowActivation.routing_forms(), trigger=SUBMITTED))
    assert (of_forms.type, of_forms.activation.is_active_on_all_routing_forms) == ("routing-form", True)
    assert last_request(calcom_sandbox).path == f"{PATH}/routing-form"
    for kind, made, suffix in ((workflows, mine, ""), (forms, of_forms, "/routing-form")):
        assert await kind.list().collect() == [made]
        assert last_request(calcom_sandbox) == SentRequest(
            "GET", PATH + suffix, {"take": "250", "skip": "0"}, None, None
        )
        assert await kind.get(made.id) == made
        changed = await kind.update(made.id, UpdateWorkflow(name="Other"))
        assert last_request(calcom_sandbox) == SentRequest(
            "PATCH", f"{PATH}/{made.id}{suffix}", {}, {"name": "Other"}, None
        )
        assert (changed.name, changed.steps, changed.trigger) == ("Other", made.steps, made.trigger)
        assert await kind.delete(made.id) is None
        assert last_request(calcom_sandbox).endpoint == f"DELETE {PATH}/{made.id}{suffix}"
        with pytest.raises(NotFoundError, match=rf"workflow \({made.id}\) not found"):
            await kind.get(made.id)


async def test_each_kind_is_unknown_to_the_other(workflows):
    """The id of one kind is not found among the other."""
    made = await workflows.create(remind())
    with pytest.raises(NotFoundError, match="routing form workflow"):
        await workflows.routing_forms.get(made.id)


async def test_steps_are_replaced_but_for_the_ids_given(workflows):
    """A step with an id keeps it, steps not in the list are deleted, and a step without an id is rejected."""
    made = await workflows.create(remind(mail(1), mail(2)))
    kept = mail(1, id=made.steps[1].id, sender="New")
    changed = await workflows.update(made.id, UpdateWorkflow(steps=[kept]))
    assert [(step.id, step.sender) for step in changed.steps] == [(made.steps[1].id, "New")]
    with pytest.raises(BadRequestError) as caught:
        await workflows.update(made.id, UpdateWorkflow(steps=[kept, mail(2)]))
    assert list(caught.value.fields) == ["steps.1.id"]


async def test_a_trigger_needs_no_offset(workflows):
    """A workflow before an event may leave out how long before."""
    made = await workflows.create(remind(trigger=WorkflowTrigger(type="beforeEvent")))
    assert made.trigger == WorkflowTrigger(type="beforeEvent")


async def test_addresses_of_their_own_are_verified_ones(cal, workflows):
    """A step with its own address names a verified resource of the team, and is shown with the address itself."""
    phones = cal.organization(ORGANIZATION).team(SALES).verified_resources.phones
    await phones.request_code("+351912345678")
    phone = await phones.verify("+351912345678", code=CODE)
    step = text(action="sms_number", recipient="phone_number", verified_phone_id=phone.id)
    assert (await workflows.create(remind(step))).steps[0].phone == "+351912345678"
    stranger = mail(action="email_address", recipient="email", verified_email_id=99)
    with pytest.raises(BadRequestError, match="Invalid Verified Email Id"):
        await workflows.create(remind(stranger))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"trigger": SUBMITTED}, "trigger.type"),
        ({"activation": WorkflowActivation()}, "activation.isActiveOnAllEventTypes"),
    ],
)
async def test_what_the_server_refuses_is_named(workflows, fields, wrong):
    """The error names the field for a trigger of the other kind and for an empty activation."""
    with pytest.raises(BadRequestError) as caught:
        await workflows.create(remind(**fields))
    assert wrong in caught.value.fields


async def test_a_workflow_needs_a_step(workflows):
    """An empty list of steps is rejected."""
    with pytest.raises(BadRequestError) as caught:
        await workflows.create(msgspec.structs.replace(remind(), steps=[]))
    assert list(caught.value.fields) == ["steps"]


async def test_workflows_are_for_admins_of_the_team(cal):
    """A member is forbidden."""
    own = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).team(SALES).workflows
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await own.list().collect()
