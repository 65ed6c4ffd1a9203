"""Workflows: validation, storage and JSON forms. They are never executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import Rule, array, boolean, each, min_size, number, object_, one_of, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.state.store import Store

Workflow = dict[str, Any]

_ALL_ACTIONS = (
    "email_host",
    "email_attendee",
    "email_address",
    "sms_attendee",
    "sms_number",
    "whatsapp_attendee",
    "whatsapp_number",
    "cal_ai_phone_call",
)
_FORM_ACTIONS = ("email_attendee", "email_address", "sms_attendee", "sms_number")
_RECIPIENTS = ("const", "attendee", "email", "phone_number")
_TEMPLATES = ("reminder", "custom", "rescheduled", "completed", "rating", "cancelled")
_EVENT_TRIGGERS = (
    "beforeEvent",
    "eventCancelled",
    "newEvent",
    "afterEvent",
    "rescheduleEvent",
    "afterHostsCalVideoNoShow",
    "afterGuestsCalVideoNoShow",
    "bookingRejected",
    "bookingRequested",
    "bookingPaymentInitiated",
    "bookingPaid",
    "bookingNoShowUpdated",
)
_FORM_TRIGGERS = ("formSubmitted", "formSubmittedNoEvent")
_TIMED = {
    "beforeEvent",
    "afterEvent",
    "afterHostsCalVideoNoShow",
    "afterGuestsCalVideoNoShow",
    "formSubmittedNoEvent",
}
_OFFSET = Form(Field("value", number), Field("unit", one_of(("hour", "minute", "day"), name="isIn")))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of workflow: its name in responses and errors, its activation and its forms."""

    name: str
    label: str
    everywhere: str
    somewhere: str
    create: Form
    update: Form


def _kind(name: str, label: str, noun: str, *, ids: Rule, triggers: tuple[str, ...], actions: tuple[str, ...]) -> Kind:
    """Return a kind of workflow with its forms."""
    everywhere, somewhere = f"isActiveOnAll{noun}s", f"activeOn{noun}Ids"
    no_steps = "Your workflow must contain at least one step."
    if name == "routing-form":
        no_steps = f"Your workflow must contain at least one allowed step. allowed steps are {','.join(actions)}"
    activation = Form(Field(everywhere, boolean), Field(somewhere, each(ids), array, optional=True))
    trigger = Form(
        Field("type", one_of(triggers, name="isIn")),
        # A trigger without offset is accepted; what the real server does with it is unknown.
        Field("offset", object_, nested=_OFFSET, optional=True, when=lambda target: target.get("type") in [*_TIMED]),
    )

    def form(*, kept: bool) -> Form:
        """Return the form of a create request, or of an update, whose steps are `kept` by their id."""
        return Form(
            Field("name", string),
            Field("activation", object_, nested=activation),
            Field("trigger", object_, nested=trigger),
            Field("steps", min_size(1).with_text(no_steps), array, nested=_step_form(actions, kept=kept)),
        )

    return Kind(name, label, everywhere, somewhere, form(kept=False), form(kept=True).partial())


def _step_form(actions: tuple[str, ...], *, kept: bool) -> Form:
    """Return the form of a step; in an update each step must have an id."""
    message = Form(Field("subject", string), Field("html", string, optional=True), Field("text", string, optional=True))
    return Form(
        Field("id", number, optional=not kept),
        Field("action", one_of(actions, name="isIn")),
        Field("stepNumber", number),
        Field("recipient", one_of(_RECIPIENTS, name="isIn")),
        Field("template", one_of(_TEMPLATES, name="isIn")),
        Field("sender", string),
        Field("includeCalendarEvent", boolean, optional=True),
        Field("phoneRequired", boolean, optional=True),
        Field("autoTranslateEnabled", boolean, optional=True),
        Field("sourceLocale", string, optional=True),
        Field("skipNoShowAttendees", boolean, optional=True),
        Field("verifiedEmailId", number, when=lambda target: target.get("action") == "email_address"),
        Field("verifiedPhoneId", number, when=lambda target: str(target.get("action")).endswith("_number")),
        Field("message", object_, nested=message),
    )


EVENT_TYPES = _kind("event-type", "event-type", "EventType", ids=number, triggers=_EVENT_TRIGGERS, actions=_ALL_ACTIONS)
ROUTING_FORMS = _kind(
    "routing-form", "routing form", "RoutingForm", ids=string, triggers=_FORM_TRIGGERS, actions=_FORM_ACTIONS
)


class Owner(NamedTuple):
    """The team or the user that workflows belong to; one of the two ids is None."""

    team_id: int | None = None
    user_id: int | None = None


def of_owner(store: Store, kind: Kind, owner: Owner) -> list[Workflow]:
    """List an owner's workflows of a kind by id."""
    rows = store.workflows.values()
    return [workflow for workflow in rows if (workflow["_owner"], workflow["type"]) == (owner, kind.name)]


def find(store: Store, kind: Kind, owner: Owner, workflow_id: int) -> Workflow:
    """Return an owner's workflow of a kind, or raise an error."""
    match = next((workflow for workflow in of_owner(store, kind, owner) if workflow["id"] == workflow_id), None)
    if match is None:
        raise errors.not_found(f"IsWorkflowInTeam - {kind.label} workflow ({workflow_id}) not found.")
    return match


def make(store: Store, kind: Kind, owner: Owner, body: Mapping[str, Any]) -> Workflow:
    """Create a workflow."""
    workflow: Workflow = {"id": 0, "type": kind.name, "_owner": owner, "_kind": kind}
    change(store, workflow, body)
    workflow["id"] = store.next_id("workflow")
    store.workflows[workflow["id"]] = workflow
    return workflow


def change(store: Store, workflow: Workflow, body: Mapping[str, Any]) -> None:
    """Apply an update; steps are replaced, and keep their ids."""
    changes = {name: body[name] for name in ("name", "trigger") if body.get(name) is not None}
    if (activation := body.get("activation")) is not None:
        kind: Kind = workflow["_kind"]
        # Null and missing mean the same to the server: no event types, or no forms.
        changes["activation"] = activation | {kind.somewhere: activation.get(kind.somewhere) or []}
    if body.get("steps") is not None:
        kept = {step["id"] for step in workflow.get("steps", ())}
        changes["steps"] = [_step(store, workflow["_owner"], kept, step) for step in body["steps"]]
    workflow.update(changes)


def view(workflow: Workflow) -> Workflow:
    """Return a workflow as JSON."""
    return {name: value for name, value in workflow.items() if not name.startswith("_")}


def _step(store: Store, owner: Owner, kept: set[int], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step as the server does: with plain addresses, and without the text of messages to phones."""
    is_mail = given["action"].startswith("email")
    # The text of a message to a phone comes back empty in all responses (recorded from a self-hosted server of
    # 2025-12).
    text = {"html": given["message"].get("html")} if is_mail else {"text": ""}
    optional = ("phoneRequired", "autoTranslateEnabled", "sourceLocale", "skipNoShowAttendees")
    return {
        # An update replaces all steps. Only an id keeps a step, and one of another workflow counts as new.
        "id": given["id"] if given.get("id") in kept else store.next_id("workflow_step"),
        "stepNumber": given["stepNumber"],
        "template": given["template"],
        "recipient": given["recipient"],
        "sender": given["sender"],
        "includeCalendarEvent": bool(given.get("includeCalendarEvent")),
        **{name: given[name] for name in optional if given.get(name) is not None},
        "email": _address(store, owner, "email", given.get("verifiedEmailId")),
        "phone": _address(store, owner, "phone", given.get("verifiedPhoneId")),
        "message": {"subject": given["message"]["subject"], **text},
        "action": given["action"],
    }


def _address(store: Store, owner: Owner, word: str, wanted: int | None) -> str:
    """Return a verified resource of the owner."""
    if wanted is None:
        return ""
    contact = (store.verified_emails if word == "email" else store.verified_phones).get(wanted)
    if (
        contact is None
        or Owner(contact.get("teamId"), None if contact.get("teamId") else contact.get("userId")) != owner
    ):
        raise errors.bad_request(f"Invalid Verified {word.title()} Id.")
    return str(contact["email" if word == "email" else "phoneNumber"])
