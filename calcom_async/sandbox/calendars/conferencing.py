"""Conferencing apps, and the connections of users and teams."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox.calendars.oauth_redirects import Owner
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.state.store import Store


@dataclass(frozen=True, slots=True)
class App:
    """A conferencing app: its name in paths, type and app id in JSON, integration and consent page."""

    slug: str
    type: str
    app_id: str
    integration: str
    authorize: str | None = None


GOOGLE_MEET = App("google-meet", "google_video", "google-meet", "google-meet")
ZOOM = App("zoom", "zoom_video", "zoom", "zoom", "https://zoom.us/oauth/authorize")
TEAMS = App(
    "msteams",
    "office365_video",
    "msteams",
    "office365-video",
    "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
)
APPS = {app.slug: app for app in (GOOGLE_MEET, ZOOM, TEAMS)}
CAL_VIDEO = "daily-video"


def with_consent(slug: str) -> App:
    """Return an app that is connected on a consent page."""
    app = APPS.get(slug)
    if app is None or app.authorize is None:
        raise _unknown("conferencing app", (ZOOM.slug, TEAMS.slug))
    return app


def _unknown(noun: str, available: tuple[str, ...]) -> errors.HttpError:
    """Return the 400 for an unknown app."""
    # The real server puts the apps where the reason phrase belongs, and ends the message after the colon.
    message = f"Invalid {noun}, available apps are: "
    details = {"message": message, "error": ", ".join(available), "statusCode": 400}
    return errors.HttpError(400, "BadRequestException", message, details=details)


def connected(store: Store, owner: Owner) -> dict[str, dict[str, Any]]:
    """Return the connections of an owner by app name."""
    everybody: dict[Owner, dict[str, dict[str, Any]]] = store.extras["conferencing"]
    return everybody.setdefault(owner, {})


def connect(store: Store, owner: Owner, app: App) -> dict[str, Any]:
    """Connect an app, or return the existing connection."""
    connections = connected(store, owner)
    if app.slug not in connections:
        kind, owner_id = owner
        connections[app.slug] = {
            "id": store.next_id("credential"),
            "type": app.type,
            "key": {},
            "userId": owner_id if kind == "user" else None,
            "teamId": owner_id if kind == "team" else None,
            "appId": app.app_id,
            "subscriptionId": None,
            "paymentStatus": None,
            "billingCycleStart": None,
            "invalid": False,
            "delegationCredentialId": None,
        }
        _update_event_types(store, owner)
    return connections[app.slug]


def disconnect(store: Store, owner: Owner, slug: str) -> None:
    """Disconnect an app. Like the real server, damage the owner's locations."""
    if slug not in connected(store, owner):
        raise errors.bad_request(f"{slug} not connected.")
    del connected(store, owner)[slug]
    if store.extras["default_conferencing"].get(owner) == slug:
        del store.extras["default_conferencing"][owner]
    _update_event_types(store, owner)
    column = "ownerId" if owner[0] == "user" else "teamId"
    for event_type in store.event_types.values():
        if event_type.get(column) == owner[1]:
            # Recorded from a self-hosted server of 2025-12: all event types of the owner lose the links and addresses
            # of their locations, whatever app is disconnected.
            event_type["locations"] = [_wiped(location) for location in event_type["locations"]]


def _wiped(location: dict[str, Any]) -> dict[str, Any]:
    """Remove a location's link or address.

    What remains is a location of unknown type, as measured on a self-hosted build.
    """
    if location["type"] not in ("link", "address"):
        return location
    return {"type": "unknown", "location": json.dumps({"type": location["type"]}, separators=(",", ":"))}


def _update_event_types(store: Store, owner: Owner) -> None:
    """Update the apps that the user's event types may use."""
    kind, owner_id = owner
    if kind == "user":
        apps = {APPS[slug].integration for slug in connected(store, owner)}
        store.extras["conferencing_apps"][owner_id] = apps


def default_app(store: Store, owner: Owner) -> str | None:
    """Return the owner's default app; None if none was ever set."""
    slug: str | None = store.extras["default_conferencing"].get(owner)
    return slug


def set_default(store: Store, owner: Owner, slug: str) -> None:
    """Set a connected app, or Cal Video, as the owner's default."""
    if slug not in (*APPS, CAL_VIDEO):
        raise _unknown("app", tuple(APPS))
    if slug != CAL_VIDEO and slug not in connected(store, owner):
        raise errors.bad_request(f"{slug} not connected.")
    store.extras["default_conferencing"][owner] = slug
