"""OAuth clients of a platform and their managed users: access, storage and JSON forms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from calcom_async.sandbox.accounts.guards import OrgRole, reaches
from calcom_async.sandbox.accounts.teams import role_in
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.organizations.users import delete_user
from calcom_async.sandbox.platform.tokens import drop_tokens
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

Client = dict[str, Any]
User = dict[str, Any]

PERMISSIONS = (
    "EVENT_TYPE_READ",
    "EVENT_TYPE_WRITE",
    "BOOKING_READ",
    "BOOKING_WRITE",
    "SCHEDULE_READ",
    "SCHEDULE_WRITE",
    "APPS_READ",
    "APPS_WRITE",
    "PROFILE_READ",
    "PROFILE_WRITE",
)
"""Permissions by bit, the lowest first."""

_SETTINGS = {
    "name": "name",
    "logo": "logo",
    "redirectUris": "redirect_uris",
    "bookingRedirectUri": "booking_redirect_uri",
    "bookingCancelRedirectUri": "booking_cancel_redirect_uri",
    "bookingRescheduleRedirectUri": "booking_reschedule_redirect_uri",
    "areEmailsEnabled": "are_emails_enabled",
    "areDefaultEventTypesEnabled": "are_default_event_types_enabled",
    "areCalendarEventsEnabled": "are_calendar_events_enabled",
}
"""The changeable fields: JSON name and name in the record."""
_UNSET = {"are_emails_enabled": False, "are_default_event_types_enabled": False, "are_calendar_events_enabled": True}

# --- permissions


def own_organization(call: Call) -> int:
    """Return the organization of the caller; only a client's own credentials belong to one, API keys are personal."""
    if call.caller.kind != "client":
        organization = call.store.organizations.get(call.user["organization_id"] or 0)
        # Recorded from a self-hosted server of 2025-12: the personal key of a platform's owner is not enough where no
        # client is named in the path.
        if organization is not None and not organization["is_platform"]:
            raise errors.forbidden("OrganizationRolesGuard - Organization is not a platform (SHP).")
        raise errors.unauthorized("GetOrgId decorator: Organization ID not found")
    organization_id: int = call.store.oauth_clients[call.caller.client_id or ""]["organization_id"]
    return organization_id


def guarded_client(call: Call, minimum: OrgRole) -> Client:
    """Return the client of the path, for itself or for callers with this role in its organization."""
    client = call.store.oauth_clients.get(call.path["clientId"])
    organization = call.store.organizations.get(call.user["organization_id"] or 0)
    if organization is None:
        raise errors.forbidden("OAuthClientGuard - No organization associated with the user.")
    if not organization["is_platform"]:
        raise errors.forbidden("OrganizationRolesGuard - Organization is not a platform (SHP).")
    if client is None or client["organization_id"] != organization["id"]:
        raise errors.not_found("OAuthClientGuard - OAuth client not found.")
    role = role_in(call.store, organization["id"], call.user["id"])
    if role is None or not reaches(role, minimum):
        raise errors.forbidden(f"OrganizationRolesGuard - User must have role {minimum} in the organization.")
    return client


# --- clients


def settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a body with the names of the record."""
    return {ours: body[wire] for wire, ours in _SETTINGS.items() if body.get(wire) is not None}


def permission_bits(names: list[str]) -> int:
    """Return the bits of permission names; `*` means all."""
    return sum(1 << bit for bit, name in enumerate(PERMISSIONS) if name in names or "*" in names)


def client_view(client: Client) -> dict[str, Any]:
    """Return a client as JSON with its secret; booking page URLs only if they were given."""
    shown = {wire: client.get(ours, _UNSET.get(ours)) for wire, ours in _SETTINGS.items()}
    return {
        "id": client["id"],
        # Every read shows the secret, to any member of the organization.
        "secret": client["secret"],
        "permissions": [name for bit, name in enumerate(PERMISSIONS) if client["permissions"] >> bit & 1],
        "organizationId": client["organization_id"],
        "createdAt": iso(client["created_at"]),
        **{wire: value for wire, value in shown.items() if value is not None or wire == "logo"},
    }


def remove_client(store: Store, client: Client, now: datetime) -> None:
    """Delete a client with its managed users and webhooks."""
    for user_id in list(client["managed"]):
        remove_user(store, client, user_id, now)
    for webhook in list(store.webhooks.values()):
        if (webhook["_kind"], webhook["_owner_id"]) == ("client", client["id"]):
            del store.webhooks[webhook["id"]]
    del store.oauth_clients[client["id"]]


# --- managed users


def stored_email(email: str, client_id: str) -> str:
    """Return the address that the server stores, which contains the client's id."""
    local, _, domain = email.partition("@")
    # A client may send the address in either form.
    return email if local.endswith(f"+{client_id}") else f"{local}+{client_id}@{domain}"


def username_of(stored: str) -> str:
    """Return the username that the server makes of a stored address."""
    return stored.replace("+", "-").replace("@", "-").replace(".", "-")


def managed_user(call: Call, client: Client) -> User:
    """Return the user of the path if the client manages them."""
    user_id = call.int_path("userId")
    if user_id not in client["managed"]:
        raise errors.not_found(f"User with ID {user_id} is not part of this OAuth client.")
    user: User = call.store.users[user_id]
    return user


def user_view(client: Client, user: User) -> dict[str, Any]:
    """Return a managed user as JSON; metadata only if it is not empty."""
    shown = {
        "id": user["id"],
        "email": user["email"],
        "username": user["username"],
        "name": user["name"],
        "bio": user["bio"],
        "timeZone": user["time_zone"],
        "weekStart": user["week_start"],
        "createdDate": iso(user.get("created_date") or client["created_at"]),
        "timeFormat": user["time_format"],
        "defaultScheduleId": user["default_schedule_id"],
        "locale": user["locale"],
        "avatarUrl": user["avatar_url"],
    }
    return shown | ({"metadata": user["metadata"]} if user["metadata"] else {})


def remove_user(store: Store, client: Client, user_id: int, now: datetime) -> None:
    """Delete a managed user with tokens and all their data."""
    drop_tokens(store, user_id, client["id"])
    client["managed"].remove(user_id)
    delete_user(store, store.users[user_id], now)
