"""Webhook delivery over HTTP: recipients, bodies and results.

Like the real server, make one attempt, follow no redirects, and sign the exact bytes. The sandbox sends only to
loopback addresses; deliveries to others are recorded and not sent. The real server does this in
`packages/features/webhooks/lib/sendPayload.ts` of https://github.com/calcom/cal.com.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from calcom_async.sandbox.http.context import Context
from calcom_async.sandbox.http.delivery_log import Delivery
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

VERSION, NEWER_VERSION = "2021-10-20", "2026-07-27"
NO_SECRET = "no-secret-provided"  # noqa: S105 - what the server writes where there is none
# A scheduled job of the server sends these two without an envelope and without templates.
FLAT = frozenset({"MEETING_STARTED", "MEETING_ENDED"})
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_VARIABLE = re.compile(r"\{\{\{?\s*([^{}\s]+)\s*\}?\}\}")


def deliver(context: Context, trigger: str, payload: Mapping[str, Any], scope: Mapping[str, Any]) -> None:
    """Send an event to every matching webhook, in the background.

    `scope` may have `user_id` (one or several hosts), `event_type_id` and `team_id`. The webhooks of the managed
    parent, of the organization and of the OAuth client follow from these. `root` in it is added next to the payload.
    """
    send(context, matching(context.store, trigger, scope), trigger, payload, scope.get("root"))


def send(
    context: Context,
    webhooks: Iterable[Mapping[str, Any]],
    trigger: str,
    payload: Mapping[str, Any],
    root: Mapping[str, Any] | None,
) -> None:
    """Send an event to these webhooks, in the background."""
    for webhook in webhooks:
        context.spawn(_send(context, dict(webhook), trigger, payload, root))


# --- recipients


def matching(store: Store, trigger: str, scope: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the active webhooks for a trigger within a scope."""
    owners = set(_owners(store, scope))
    return [
        webhook
        for webhook in store.webhooks.values()
        if webhook["active"] and trigger in webhook["triggers"] and (webhook["_kind"], webhook["_owner_id"]) in owners
    ]


def _owners(store: Store, scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield all owners whose webhooks an event concerns, as (kind, id)."""
    event_type = store.event_types.get(scope.get("event_type_id") or 0, {})
    parent = store.event_types.get(event_type.get("parentEventTypeId") or 0, {})
    for record in (event_type, parent):
        yield "event_type", record.get("id")
        yield from _team_and_organization(store, record.get("teamId"))
    yield from _team_and_organization(store, scope.get("team_id"))
    for user_id in _each(scope.get("user_id")):
        yield "user", user_id
        yield "organization", store.users.get(user_id, {}).get("organization_id")
        yield from _clients(store, user_id)


def _each(given: int | Iterable[int] | None) -> Iterable[int]:
    """Return one id, several or none as an iterable."""
    if given is None:
        return ()
    return (given,) if isinstance(given, int) else given


def _team_and_organization(store: Store, team_id: int | None) -> Iterator[tuple[str, Any]]:
    """Yield a team and its organization as owners."""
    team = store.teams.get(team_id or 0)
    if team is not None:
        yield "team", team["id"]
        yield "organization", team["parent_id"]


def _clients(store: Store, user_id: int) -> Iterator[tuple[str, Any]]:
    """Yield the OAuth clients that manage a user."""
    for client_id, client in store.oauth_clients.items():
        if user_id in client.get("managed", ()):
            yield "client", client_id


# --- bodies


def render(
    webhook: Mapping[str, Any],
    trigger: str,
    payload: Mapping[str, Any],
    now: str,
    root: Mapping[str, Any] | None = None,
) -> tuple[bytes, str]:
    """Return the body of a delivery and its content type; `root` is added next to the payload."""
    template = webhook.get("payloadTemplate")
    if trigger in FLAT:
        return msgspec.json.encode({"triggerEvent": trigger, **payload}), "application/json"
    if not template:
        # `createdAt` is the time of sending, not of the booking.
        body = {**(root or {}), "triggerEvent": trigger, "createdAt": now, "payload": payload}
        return msgspec.json.encode(body), "application/json"
    # A template is the whole body: without the envelope, and without percent-encoding although it is sent as a form.
    text = fill(template, {**payload, "triggerEvent": trigger, "createdAt": now})
    return text.encode(), "application/json" if _is_json(template) else "application/x-www-form-urlencoded"


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """Replace `{{a.b.0}}` with the value at this path, or with nothing if there is none."""
    return _VARIABLE.sub(lambda match: _text(_look_up(variables, match[1])), template)


def _look_up(value: Any, path: str) -> Any:
    """Return the value at a path, or None."""
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _text(value: Any) -> str:
    """Format a value like JavaScript."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "[object Object]"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def _is_json(template: str) -> bool:
    """Return whether a template is JSON before its variables are filled in."""
    try:
        json.loads(template)
    except ValueError:
        return False
    return True


def sign(body: bytes, secret: str | None) -> str:
    """Return the signature of a body: lower-case hex of HMAC-SHA256 over the exact bytes, without a prefix."""
    return hmac.digest(secret.encode(), body, "sha256").hex() if secret else NO_SECRET


# --- the request


async def _send(
    context: Context, webhook: dict[str, Any], trigger: str, payload: Mapping[str, Any], root: Mapping[str, Any] | None
) -> None:
    """Make one attempt and record it with any error."""
    url = webhook["subscriberUrl"]
    if trigger == "BOOKING_REQUESTED" and not context.server.requests_use_templates:
        # Measured on the build of 2026-07, which sends this trigger through a newer path.
        webhook["payloadTemplate"] = None
    body, content_type = render(webhook, trigger, payload, iso(context.clock.now()), root)
    headers = {
        "Content-Type": content_type,
        "X-Cal-Signature-256": sign(body, webhook["secret"]),
        "User-Agent": "node",
    }
    if context.server.sends_webhook_version:
        headers["X-Cal-Webhook-Version"] = webhook.get("version") or VERSION
    status, error = await _post(url, headers, body)
    _record(context, Delivery(webhook["id"], url, trigger, headers, body, status, error))


async def redeliver(context: Context, delivery: Delivery) -> Delivery:
    """Send the same bytes and headers to the same address again, and record it as a delivery of its own."""
    status, error = await _post(delivery.url, delivery.headers, delivery.body)
    return _record(context, replace(delivery, status=status, error=error))


def _record(context: Context, delivery: Delivery) -> Delivery:
    """Keep a completed delivery, and return it with its number."""
    recorded = context.deliveries.record(delivery)
    context.changes.notify()
    return recorded


async def _post(url: str, headers: dict[str, str], body: bytes) -> tuple[int | None, str | None]:
    """Send a body. Returns the status, or None and the reason."""
    try:
        # The sandbox is for tests: it must never call the servers of others.
        if not is_loopback(url):
            return None, "not sent: the sandbox sends only to loopback addresses"
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            # One attempt, no redirects and no retry, as on a server without a queue. Any status is recorded.
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status, None
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"


def is_loopback(url: str) -> bool:
    """Return whether a URL points to this machine."""
    return is_loopback_host(urlsplit(url).hostname or "")


def is_loopback_host(host: str) -> bool:
    """Return whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
