"""Handlers of webhooks of users, event types, organizations and OAuth clients."""

from __future__ import annotations

from calcom_async.sandbox.accounts.guards import guarded_organization, guarded_team
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.platform.clients import guarded_client
from calcom_async.sandbox.webhooks.subscriptions import Webhook, WebhookScope, known, member_or_404, webhook_routes


def _own(call: Call, user_id: int, webhook_id: str) -> Webhook:
    """Return a webhook of the user. A foreign one is a 403."""
    webhook = known(call, webhook_id)
    # A webhook of an event type has no user, so it gets this error too.
    if webhook["userId"] != user_id:
        raise errors.forbidden(
            f"IsUserWebhookGuard - user with id=({user_id}) is not the owner of webhook with id=({webhook_id})"
        )
    return webhook


def _event_type(call: Call) -> int:
    """Return the event type of the path if the caller owns it."""
    event_type_id = call.int_path("eventTypeId")
    event_type = call.store.event_types.get(event_type_id)
    if event_type is None:
        raise errors.not_found(f"IsUserEventTypeWebhookGuard - Event type ({event_type_id}) not found")
    if event_type["ownerId"] != call.user["id"]:
        raise errors.forbidden(
            f"IsUserEventTypeWebhookGuard - User ({call.user['id']}) is not the owner of event type ({event_type_id})"
        )
    return event_type_id


def _of_event_type(call: Call, event_type_id: int, webhook_id: str) -> Webhook:
    """Return a webhook of the event type. One of another kind is a 400, a foreign one a 403."""
    webhook, guard = known(call, webhook_id), f"IsUserEventTypeWebhookGuard - Webhook ({webhook_id}) is not associated"
    # Three errors for three kinds of wrong ids, each with the name of the guard.
    if webhook["eventTypeId"] is None:
        raise errors.bad_request(f"{guard} with an event type")
    if webhook["eventTypeId"] != event_type_id:
        raise errors.forbidden(f"{guard} with event type ({event_type_id})")
    return webhook


def _team_event_type(call: Call) -> int:
    """Return the team's event type of the path for admins of the team."""
    team, event_type_id = guarded_team(call, "TEAM_ADMIN"), call.int_path("eventTypeId")
    event_type = call.store.event_types.get(event_type_id)
    if event_type is None or event_type.get("teamId") != team["id"]:
        raise errors.not_found(f"Event type with id {event_type_id} not found")
    return event_type_id


def _organization(call: Call) -> int:
    """Return the organization of the path for its admins."""
    organization: dict[str, int] = guarded_organization(call, "ORG_ADMIN")
    return organization["id"]


def _of_organization(call: Call, org_id: int, webhook_id: str) -> Webhook:
    """Return a webhook of the organization. An unknown one is a 403."""
    webhook = call.store.webhooks.get(webhook_id)
    # Recorded from a self-hosted server of 2025-12.
    if webhook is None or (webhook["_kind"], webhook["_owner_id"]) != ("organization", org_id):
        raise errors.forbidden(
            f"IsWebhookInOrg - webhook with id={webhook_id} is not part of the organization with id={org_id}."
        )
    return webhook


def _user(call: Call) -> int:
    """Return the caller."""
    user_id: int = call.user["id"]
    return user_id


def _client(call: Call) -> str:
    """Return the client of the path for members of its organization."""
    client_id: str = guarded_client(call, "ORG_MEMBER")["id"]
    return client_id


EVENT_TYPES = "/v2/event-types/{eventTypeId}/webhooks"
TEAM_EVENT_TYPES = "/v2/teams/{teamId}/event-types/{eventTypeId}/webhooks"
ORGANIZATIONS = "/v2/organizations/{orgId}/webhooks"
CLIENTS = "/v2/oauth-clients/{clientId}/webhooks"

_SCOPES = (
    WebhookScope("user", "/v2/webhooks", "userId", _user, _own, whole_row=True),
    WebhookScope("event_type", EVENT_TYPES, "eventTypeId", _event_type, _of_event_type, delete_all=True),
    WebhookScope(
        "event_type", TEAM_EVENT_TYPES, "eventTypeId", _team_event_type, member_or_404("event_type"), delete_all=True
    ),
    WebhookScope("organization", ORGANIZATIONS, "teamId", _organization, _of_organization),
    WebhookScope("client", CLIENTS, "oAuthClientId", _client, member_or_404("client"), delete_all=True),
)
ROUTES = [route for scope in _SCOPES for route in webhook_routes(scope)]
