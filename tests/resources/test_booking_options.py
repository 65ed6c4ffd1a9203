"""Bookings on the hosted API of 2026: options for hosts, requests to reschedule, and verified email addresses."""

from __future__ import annotations

import msgspec
import pytest
from sent_requests import ADA, MONDAY, THIRTY, at, book, last_request

from calcom_async import ApiError, BadRequestError, Calcom, NotFoundError, SlotTakenError
from calcom_async.models import (
    Attendee,
    CreateWorkflow,
    SetWorkflowStep,
    UpdateEventType,
    UpdateWorkflow,
    WorkflowActivation,
    WorkflowMessage,
    WorkflowStep,
    WorkflowTrigger,
)
from calcom_async.requests import encode
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.bookings.request import EMAIL_CODE

STEP = SetWorkflowStep(
    step_number=1,
    action="email_attendee",
    recipient="attendee",
    template="reminder",
    sender="Acme",
    message=WorkflowMessage(subject="Soon", html="<p>Soon</p>"),
)
BOB = Attendee(name="Bob", email="bob@visitors.test", time_zone="UTC")


async def test_a_host_may_book_a_taken_time(cal, calcom_sandbox):
    """`allow_conflicts` is sent in version 2026-02-25, and lets a host book over another booking."""
    await book(cal)
    overlapping = await book(cal, hour=9.25, attendee=BOB, allow_conflicts=True)
    assert (overlapping.start, overlapping.status) == (at(9.25), "accepted")
    assert last_request(calcom_sandbox).version == "2026-02-25"
    assert last_request(calcom_sandbox).body["allowConflicts"] is True


async def test_others_may_not_book_a_taken_time(cal, calcom_sandbox):
    """The server ignores the option for a user who is not a host."""
    await book(cal)
    async with Calcom.anonymous(base_url=calcom_sandbox.url) as stranger:
        with pytest.raises(ApiError) as caught:
            await book(stranger, hour=9.25, attendee=BOB, allow_conflicts=True)
    assert caught.value.reason == "slot_taken"


async def test_a_booking_without_options_is_sent_in_the_version_of_all_servers(cal, calcom_sandbox):
    """Only a request with one of the options needs the newer version."""
    await book(cal)
    assert last_request(calcom_sandbox).version == "2024-08-13"


async def test_book_does_not_check_what_the_options_allow(cal):
    """`cal.book` skips its own search for the slot if a host books despite a conflict."""
    await book(cal)
    with pytest.raises(SlotTakenError):
        await cal.book(start=at(9.25), attendee=BOB, event_type_id=THIRTY)
    booking = await cal.book(start=at(9.25), attendee=BOB, event_type_id=THIRTY, allow_conflicts=True)
    assert booking.start == at(9.25)


async def test_a_host_may_reschedule_onto_a_taken_time(cal, calcom_sandbox):
    """`reschedule` takes the same options."""
    await book(cal)
    moved = await book(cal, hour=11)
    booking = await cal.bookings.reschedule(moved.uid, start=at(9.25), allow_conflicts=True)
    assert booking.start == at(9.25)
    assert last_request(calcom_sandbox).version == "2026-02-25"


async def test_a_server_that_does_not_know_the_version_is_named():
    """On a self-hosted server an option raises an error that names the version."""
    with Sandbox(now=MONDAY, server="self-hosted-2026-07") as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            with pytest.raises(ApiError, match="cal-api-version 2026-02-25"):
                await cal.bookings.create(start=at(9), attendee=ADA, event_type_id=THIRTY, allow_conflicts=True)


async def test_a_request_to_reschedule_cancels_the_booking(cal, calcom_sandbox):
    """The booking is cancelled with the reason, and its webhook says that another time was asked for."""
    await cal.webhooks.create(subscriber_url="https://example.test/hook", triggers=["BOOKING_CANCELLED"])
    booking = await book(cal)
    await cal.bookings.request_reschedule(booking.uid, reason="conference")
    cancelled = await cal.bookings.get(booking.uid)
    assert (cancelled.status, cancelled.cancellation_reason) == ("cancelled", "conference")
    calcom_sandbox.wait_idle()
    [delivery] = calcom_sandbox.deliveries
    assert delivery.json["payload"]["requestReschedule"] is True
    with pytest.raises(BadRequestError) as caught:
        await cal.bookings.request_reschedule(booking.uid)
    assert caught.value.reason == "already_cancelled"


async def test_a_booking_that_was_not_routed_has_an_empty_trace(cal):
    """The trace of a plain booking has no steps."""
    trace = await cal.bookings.routing_trace((await book(cal)).uid)
    assert (trace.steps, trace.groups, trace.form_submission) == ([], [], None)


async def test_an_email_address_is_verified(cal):
    """Only the code that was sent to the address is right, and it is then used for a booking."""
    verification = cal.bookings.email_verification
    event_type = UpdateEventType(requires_booker_email_verification=True)
    await cal.event_types.update(THIRTY, event_type)
    assert await verification.check(email="ana@sandbox.test")
    assert not await verification.check(email="ada@visitors.test")
    with pytest.raises(BadRequestError):
        await verification.verify_code(email="ada@visitors.test", code=EMAIL_CODE)
    assert (await verification.send_code(email="ada@visitors.test")).sent
    with pytest.raises(BadRequestError) as caught:
        await verification.verify_code(email="ada@visitors.test", code="000000")
    assert caught.value.reason == "invalid_verification_code"
    assert (await verification.verify_code(email="ada@visitors.test", code=EMAIL_CODE)).verified
    assert (await book(cal, email_verification_code=EMAIL_CODE)).status == "accepted"


async def test_email_verification_needs_no_credentials(calcom_sandbox):
    """An anonymous client can verify an address."""
    async with Calcom.anonymous(base_url=calcom_sandbox.url) as cal:
        assert (await cal.bookings.email_verification.send_code(email="ada@visitors.test")).sent


async def test_workflows_of_a_user(cal):
    """A user's own workflows are created, read, changed and deleted like those of a team."""
    workflow = await cal.workflows.create(
        CreateWorkflow(
            name="Reminder",
            activation=WorkflowActivation.event_types(THIRTY),
            trigger=WorkflowTrigger(type="newEvent"),
            steps=[STEP],
        )
    )
    assert await cal.workflows.get(workflow.id) == workflow
    assert [row.id for row in await cal.workflows.list().collect()] == [workflow.id]
    renamed = await cal.workflows.update(workflow.id, UpdateWorkflow(name="Note"))
    assert (renamed.name, renamed.steps) == ("Note", workflow.steps)
    await cal.workflows.delete(workflow.id)
    with pytest.raises(NotFoundError):
        await cal.workflows.get(workflow.id)


def test_a_workflow_with_branches_is_read_and_kept():
    """A step "paths" has only its branches; an update keeps it by its id alone."""
    step = msgspec.convert(
        {"id": 7, "stepNumber": 2, "action": "paths", "paths": [{"id": "a", "name": "Yes"}]}, WorkflowStep
    )
    assert (step.recipient, [path.id for path in step.paths]) == (None, ["a"])
    assert encode(UpdateWorkflow(steps=[SetWorkflowStep.keep_paths(7)])) == b'{"steps":[{"id":7,"action":"paths"}]}'
