"""Workflows: messages sent before, after or on events of bookings and routing forms."""

from datetime import datetime
from typing import Any, Literal, Self

from msgspec import UNSET

from calcom_async.models._base import IntOrFloat, Model

WorkflowKind = Literal["event-type", "routing-form"] | str
WorkflowTriggerType = (
    Literal[
        "beforeEvent",
        "afterEvent",
        "afterHostsCalVideoNoShow",
        "afterGuestsCalVideoNoShow",
        "eventCancelled",
        "newEvent",
        "rescheduleEvent",
        "bookingRejected",
        "bookingRequested",
        "bookingPaymentInitiated",
        "bookingPaid",
        "bookingNoShowUpdated",
        "formSubmitted",
        "formSubmittedNoEvent",
    ]
    | str
)
WorkflowAction = (
    Literal[
        "email_host",
        "email_attendee",
        "email_address",
        "sms_attendee",
        "sms_number",
        "whatsapp_attendee",
        "whatsapp_number",
        "cal_ai_phone_call",
        "paths",
    ]
    | str
)
WorkflowRecipient = Literal["const", "attendee", "email", "phone_number"] | str
WorkflowTemplate = Literal["reminder", "custom", "rescheduled", "completed", "rating", "cancelled"] | str


class WorkflowOffset(Model, frozen=True, kw_only=True, gc=False):
    """Time before or after the event."""

    value: IntOrFloat
    unit: Literal["hour", "minute", "day"] | str


class WorkflowTrigger(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The event that starts a workflow.

    The first four of event types and `formSubmittedNoEvent` need an `offset`. Workflows of routing forms have only the
    triggers `formSubmitted` and `formSubmittedNoEvent`, which those of event types do not have.
    """

    type: WorkflowTriggerType
    offset: WorkflowOffset | None = None


class WorkflowActivation(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The event types or routing forms of a workflow: all of the team, or some."""

    is_active_on_all_event_types: bool | None = None
    active_on_event_type_ids: list[int] | None = None
    is_active_on_all_routing_forms: bool | None = None
    active_on_routing_form_ids: list[str] | None = None

    @classmethod
    def event_types(cls, *event_type_ids: int) -> "WorkflowActivation":
        """These event types of the team; by default all of them."""
        return cls(is_active_on_all_event_types=not event_type_ids, active_on_event_type_ids=[*event_type_ids])

    @classmethod
    def routing_forms(cls, *form_ids: str) -> "WorkflowActivation":
        """These routing forms of the team; by default all of them."""
        return cls(is_active_on_all_routing_forms=not form_ids, active_on_routing_form_ids=[*form_ids])


class WorkflowMessage(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The message: `html` for email, `text` for SMS and WhatsApp; variables look like `{EVENT_NAME}`.

    Some servers return the `text` of SMS steps empty, although they store it.
    """

    subject: str
    html: str | None = None
    text: str | None = None


class WorkflowPath(Model, frozen=True, kw_only=True, gc=False):
    """One branch of a workflow; its steps have its `id` as `path_id`."""

    id: str
    name: str | None = None


# The specification has one shape per action, folded into one here. A step of the action "paths" has no recipient and no
# message.
class WorkflowStep(Model, frozen=True, kw_only=True):
    """One message of a workflow; `email` and `phone` are empty unless the step has an address of its own.

    A step with the action "paths" has only `paths`, the branches of the workflow. It is made in the web app, and cannot
    be created with the API.
    """

    id: int
    step_number: int
    action: WorkflowAction
    recipient: WorkflowRecipient | None = None
    template: WorkflowTemplate | None = None
    sender: str | None = None
    message: WorkflowMessage | None = None
    include_calendar_event: bool | None = None
    phone_required: bool | None = None
    email: str | None = None
    phone: str | None = None
    auto_translate_enabled: bool | None = None
    source_locale: str | None = None
    skip_no_show_attendees: bool | None = None
    path_id: str | None = None
    """The branch that the step belongs to."""
    paths: list[WorkflowPath] | None = None


class SetWorkflowStep(Model, frozen=True, kw_only=True):
    """A step to write. In an update, `id` keeps the existing step; builds of 2025 require it there.

    `email_address` needs the `verified_email_id`, `sms_number` and `whatsapp_number` need the `verified_phone_id` of a
    verified resource of the team. Routing forms support email_attendee, email_address, sms_attendee and sms_number
    only.
    """

    id: int | None = None
    step_number: int
    action: WorkflowAction
    recipient: WorkflowRecipient
    template: WorkflowTemplate
    sender: str
    message: WorkflowMessage
    include_calendar_event: bool | None = None
    """For the email actions. The specification requires it; the server defaults to false."""
    phone_required: bool | None = None
    """For SMS and WhatsApp to the attendee: whether booking requires a phone number."""
    verified_email_id: int | None = None
    verified_phone_id: int | None = None
    auto_translate_enabled: bool | None = None
    """Translate the message for each attendee; only in organizations on the hosted API."""
    source_locale: str | None = None
    """Language of the message, for its translation."""
    skip_no_show_attendees: bool | None = None
    """For email_attendee with the trigger afterEvent and the template rating."""

    @classmethod
    def keep_paths(cls, step_id: int) -> Self:
        """Return the entry of an update that keeps the branches of a workflow: the id of its step "paths", alone."""
        # The server wants this entry without the fields that every other step requires.
        omitted: dict[str, Any] = dict.fromkeys(("step_number", "recipient", "template", "sender", "message"), UNSET)
        return cls(id=step_id, action="paths", **omitted)


class Workflow(Model, frozen=True, kw_only=True):
    """A workflow of either kind, given by `type`."""

    id: int
    name: str
    type: WorkflowKind
    activation: WorkflowActivation | None = None
    trigger: WorkflowTrigger
    steps: list[WorkflowStep]
    user_id: int | None = None
    """This and the three fields below are documented; known servers omit them."""
    team_id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class CreateWorkflow(Model, frozen=True, kw_only=True):
    """A new workflow with at least one step."""

    name: str
    activation: WorkflowActivation
    trigger: WorkflowTrigger
    steps: list[SetWorkflowStep]


class UpdateWorkflow(Model, frozen=True, kw_only=True):
    """Changes to a workflow; `steps` is replaced as a whole, except for those whose `id` is in it.

    For a workflow with branches, `steps` must have `SetWorkflowStep.keep_paths(...)`, and every step of every branch
    with its id.
    """

    name: str | None = None
    activation: WorkflowActivation | None = None
    trigger: WorkflowTrigger | None = None
    steps: list[SetWorkflowStep] | None = None
