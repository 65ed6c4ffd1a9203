"""Webhook subscriptions for every kind of owner.

A record is the JSON of `GET /v2/webhooks/{id}`, plus `_kind` and `_owner_id`. A `WebhookScope` describes the owner of
the webhooks below a path, and `webhook_routes` returns the routes of a scope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import array, boolean, each, integer, minimum, one_of, string
from calcom_async.sandbox.http.forms import Field, Form, take_and_skip
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.http.server_kind import ServerKind
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.webhooks.delivery import NEWER_VERSION, VERSION

Webhook = dict[str, Any]

TRIGGERS = (
    "BOOKING_CREATED",
    "BOOKING_PAYMENT_INITIATED",
    "BOOKING_PAID",
    "BOOKING_RESCHEDULED",
    "BOOKING_REQUESTED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
    "BOOKING_NO_SHOW_UPDATED",
    "FORM_SUBMITTED",
    "MEETING_ENDED",
    "MEETING_STARTED",
    "RECORDING_READY",
    "INSTANT_MEETING",
    "RECORDING_TRANSCRIPTION_GENERATED",
    "OOO_CREATED",
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW",
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
    "FORM_SUBMITTED_NO_EVENT",
    "ROUTING_FORM_FALLBACK_HIT",
    "DELEGATION_CREDENTIAL_ERROR",
    "WRONG_ASSIGNMENT_REPORT",
)
#: Triggers of the specification of September 2026.
NEWER_TRIGGERS = (
    "BOOKING_LOCATION_UPDATED",
    "BOOKING_REASSIGNED",
    "INSTANT_MEETING_ACCEPTED",
    "DELEGATION_CREDENTIAL_SECRET_ROTATED",
    "DELEGATION_CREDENTIAL_SECRET_ROTATION_FAILED",
    "DELEGATION_CREDENTIAL_ROTATION_REQUIRED",
    "CALENDAR_ENTRY_REJECTED",
)
# These appear in examples of the official documentation, but the server rejects them.
LEGACY_TRIGGERS = ("BOOKING_CONFIRMED", "BOOKING_COMPLETED", "BOOKING_NO_SHOW", "BOOKING_REOPENED")
_FOR_ORGANIZATIONS = "DELEGATION_CREDENTIAL_ERROR"
# The secret is returned in clear by every read.
_SHOWN = ("id", "payloadTemplate", "triggers", "subscriberUrl", "active", "secret")
_CHANGEABLE = ("active", "subscriberUrl", "triggers", "payloadTemplate", "secret", "version", "time", "timeUnit")
_SHOWN_BY_NEWER = ("time", "timeUnit", "version")
_BLANK: Webhook = {
    "id": "",
    "userId": None,
    "teamId": None,
    "eventTypeId": None,
    "subscriberUrl": "",
    "payloadTemplate": None,
    "createdAt": "",
    "active": True,
    "appId": None,
    "secret": None,
    "platform": False,
    "time": None,
    "timeUnit": None,
    "version": VERSION,
    "triggers": [],
    "oAuthClientId": None,
}
_LIST = Form(*take_and_skip())


@cache
def _form(*, newer: bool, legacy: bool, unknown: frozenset[str]) -> Form:
    """Return the form of a create request, without the triggers that are `unknown`."""
    known = tuple(trigger for trigger in TRIGGERS if trigger not in unknown)
    triggers = known + (NEWER_TRIGGERS if newer else ()) + (LEGACY_TRIGGERS if legacy else ())
    delay = (
        Field("time", minimum(1), integer, optional=True),
        Field("timeUnit", one_of(("DAY", "HOUR", "MINUTE")), optional=True),
    )
    return Form(
        Field("payloadTemplate", string, optional=True),
        Field("active", boolean),
        Field("subscriberUrl", string),
        Field("triggers", each(one_of(triggers)), array),
        Field("secret", string, optional=True),
        Field("version", one_of((VERSION, NEWER_VERSION) if newer else (VERSION,)), optional=True),
        *(delay if newer else ()),
    )


@dataclass(frozen=True, slots=True)
class WebhookScope:
    """The owner of the webhooks below a path.

    - `column`: name of the owner in the response
    - `owner(call)`: checks permissions and returns the owner's id
    - `member(call, owner_id, webhook_id)`: returns a webhook or raises the error of this scope
    - `whole_row`: a single read returns every column
    - `delete_all`: adds DELETE for all webhooks
    """

    kind: str
    path: str
    column: str
    owner: Callable[[Call], Any]
    member: Callable[[Call, Any, str], Webhook]
    whole_row: bool = False
    delete_all: bool = False

    @property
    def label(self) -> str:
        """The kind as error messages spell it."""
        return "oAuth client" if self.kind == "client" else self.kind.replace("_", " ")

    def owned(self, call: Call, owner_id: Any) -> list[Webhook]:
        """List an owner's webhooks by id, which is a UUID and so no order of creation."""
        owned = (
            webhook
            for webhook in call.store.webhooks.values()
            if (webhook["_kind"], webhook["_owner_id"]) == (self.kind, owner_id)
        )
        # A new webhook may appear anywhere in the list, so a client that pages through it may miss one.
        return sorted(owned, key=lambda webhook: str(webhook["id"]))

    def view(self, webhook: Webhook, server: ServerKind) -> Webhook:
        """Return a webhook as JSON, with one owner."""
        # Only a single read of a user's own webhook shows these columns on older servers.
        newer = _SHOWN_BY_NEWER if server.newer_webhooks and self.kind != "client" else ()
        return {name: webhook[name] for name in (*_SHOWN, *newer, self.column)}


def webhook_routes(scope: WebhookScope) -> Routes:
    """Return the operations of a scope."""
    routes = Routes()
    webhook_path = scope.path + "/{webhookId}"

    @routes.add("POST", scope.path, status=201)
    def create(call: Call) -> object:
        """Create a webhook. A second one with the same URL and owner is a 409."""
        return scope.view(_create(call, scope, scope.owner(call)), call.server)

    @routes.add("GET", scope.path)
    def list_all(call: Call) -> object:
        """List the webhooks of the owner by id."""
        page = _LIST.read(call.fields)
        owned = scope.owned(call, scope.owner(call))
        return [scope.view(webhook, call.server) for webhook in owned[page["skip"] : page["skip"] + page["take"]]]

    @routes.add("GET", webhook_path)
    def get(call: Call) -> object:
        """Return a webhook."""
        webhook = _find_webhook(call, scope)
        return _row(webhook) if scope.whole_row else scope.view(webhook, call.server)

    @routes.add("PATCH", webhook_path)
    def update(call: Call) -> object:
        """Update a webhook."""
        webhook = _find_webhook(call, scope)
        webhook.update(_changes(call, scope, update=True))
        return scope.view(webhook, call.server)

    @routes.add("DELETE", webhook_path)
    def delete(call: Call) -> object:
        """Delete a webhook and return it."""
        webhook = _find_webhook(call, scope)
        return scope.view(call.store.webhooks.pop(webhook["id"]), call.server)

    if scope.delete_all:
        routes.add("DELETE", scope.path)(lambda call: _delete_all(call, scope))
    return routes


def _find_webhook(call: Call, scope: WebhookScope) -> Webhook:
    """Return the webhook of the path."""
    return scope.member(call, scope.owner(call), call.path["webhookId"])


def _delete_all(call: Call, scope: WebhookScope) -> str:
    """Delete all webhooks of the owner; `data` is a sentence."""
    owned = scope.owned(call, scope.owner(call))
    for webhook in owned:
        del call.store.webhooks[webhook["id"]]
    return f"{len(owned)} webhooks deleted"


def _row(webhook: Webhook) -> Webhook:
    """Return all columns of a webhook."""
    return {name: value for name, value in webhook.items() if not name.startswith("_")}


def _create(call: Call, scope: WebhookScope, owner_id: Any) -> Webhook:
    """Create a webhook for a request."""
    given = _changes(call, scope)
    # Another owner may use the same URL; the receiver then gets an event from each.
    if any(webhook["subscriberUrl"] == given["subscriberUrl"] for webhook in scope.owned(call, owner_id)):
        raise errors.conflict(f"Webhook with this subscriber url already exists for this {scope.label}")
    webhook = {**_BLANK, "id": call.store.uuid(), "createdAt": iso(call.clock.now()), **given}
    webhook.update({"_kind": scope.kind, "_owner_id": owner_id, scope.column: owner_id})
    call.store.webhooks[webhook["id"]] = webhook
    return webhook


def _changes(call: Call, scope: WebhookScope, *, update: bool = False) -> dict[str, Any]:
    """Return the changes of a validated body."""
    server = call.server
    form = _form(newer=server.newer_webhooks, legacy=call.settings.legacy_formats, unknown=server.unknown_triggers)
    given = (form.partial() if update else form).read(call.body)
    changes = {name: given[name] for name in _CHANGEABLE if name in given and _is_stored(name, given[name])}
    if scope.kind != "organization" and _FOR_ORGANIZATIONS in changes.get("triggers", ()):
        raise errors.bad_request(f"{_FOR_ORGANIZATIONS} trigger is only available for organization webhooks")
    if "subscriberUrl" in changes and call.server.checks_webhook_urls:
        _check_url(changes["subscriberUrl"])
    return changes


def _is_stored(name: str, value: Any) -> bool:
    """Return whether a value is stored; null is stored only for fields that can be cleared."""
    # An empty text is stored as it is; only null clears.
    return value is not None or name in ("payloadTemplate", "secret")


def _check_url(url: str) -> None:
    """Raise an error for invalid URLs; private addresses are allowed, as on a self-hosted server."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    # The hosted API also demands https and a public address; a sandbox would then have no receiver to call.
    if not parts.scheme or not (parts.netloc or parts.path):
        raise errors.bad_request("Webhook URL is not allowed: Invalid URL format")
    if parts.scheme not in ("http", "https"):
        raise errors.bad_request("Webhook URL is not allowed: Only HTTP and HTTPS protocols are allowed")
    if not parts.hostname:
        raise errors.bad_request("Webhook URL is not allowed: Invalid URL format")


def known(call: Call, webhook_id: str) -> Webhook:
    """Return a webhook of any owner, or raise a 404."""
    webhook = call.store.webhooks.get(webhook_id)
    if webhook is None:
        raise errors.not_found(f"Webhook ({webhook_id}) not found")
    return webhook


def member_or_404(scope_kind: str) -> Callable[[Call, Any, str], Webhook]:
    """Return a `member` for scopes that return 404 for webhooks of other owners."""

    def member(call: Call, owner_id: Any, webhook_id: str) -> Webhook:
        """Return the webhook if it belongs to this owner."""
        webhook = known(call, webhook_id)
        if (webhook["_kind"], webhook["_owner_id"]) != (scope_kind, owner_id):
            raise errors.not_found(f"Webhook ({webhook_id}) not found")
        return webhook

    return member
