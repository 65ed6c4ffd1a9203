"""JSON forms of event types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from calcom_async.sandbox.event_types.fields import visible_fields
from calcom_async.sandbox.event_types.named_fields import named_fields, older_fields
from calcom_async.sandbox.event_types.records import (
    _DEFAULTS,
    _TEAM_DEFAULTS,
    NEWER_DEFAULTS,
    NEWER_TEAM_DEFAULTS,
    EventType,
    is_team_event_type,
)
from calcom_async.sandbox.event_types.settings import NEWER_VIDEO_SETTINGS
from calcom_async.sandbox.state.store import Store

WEBSITE = "https://cal.com"

_TEAM_ONLY = frozenset(_TEAM_DEFAULTS) - {"locations", "calVideoSettings", "ownerId"}

# Lengths of the event type that stands for several `usernames`.
_DYNAMIC_LENGTHS = [15, 30, 45, 60, 90]


def user_view(store: Store, record: EventType, *, listed: bool = False, newer: bool = False) -> EventType:
    """Return a user's event type. `listed` omits hidden booking fields, and `newer` is version 2026-06-12."""
    owner = store.users[record["ownerId"]]
    return {
        **_shown(record, listed=listed, newer=newer, without=_TEAM_ONLY),
        **(_newer_fields(record, NEWER_DEFAULTS) if newer else {}),
        # The specification says texts; servers send objects (recorded from both self-hosted servers).
        "users": [_person(owner)],
        "bookingUrl": f"{WEBSITE}/{owner['username']}/{record['slug']}",
    }


def team_view(store: Store, record: EventType, *, listed: bool = False, newer: bool = False) -> EventType:
    """Return a team's event type with its hosts; lists contain the team, a single read only its id."""
    team = store.teams.get(record["teamId"]) if is_team_event_type(record) else None
    view = {
        **_shown(record, listed=False, newer=newer, without=frozenset()),
        "hosts": [_host(store, record, host) for host in record["hosts"]],
        "team": team and (_team(team) if listed else {"id": team["id"]}),
    }
    if not newer:
        return view
    return view | _newer_fields(record, NEWER_TEAM_DEFAULTS) | {"bookingUrl": _team_url(team, record)}


def _shown(record: EventType, *, listed: bool, newer: bool, without: frozenset[str]) -> EventType:
    """Return the public keys of an event type, with its booking fields in the shape of the version."""
    shown = {name: value for name, value in record.items() if not name.startswith("_") and name not in without}
    fields = named_fields(record["bookingFields"]) if newer else older_fields(record["bookingFields"])
    shown["bookingFields"] = visible_fields(fields) if listed else fields
    if not newer and (video := record.get("calVideoSettings")):
        shown["calVideoSettings"] = {key: value for key, value in video.items() if key not in NEWER_VIDEO_SETTINGS}
    return shown


def _newer_fields(record: EventType, defaults: EventType) -> EventType:
    """Return what version 2026-06-12 adds. There a booking window is a list, unless it is off."""
    # The hosted API of September 2026 sends a list of one window, and an object while the window is off.
    window = record["bookingWindow"]
    return {**defaults, **record.get("_newer", {}), "bookingWindow": window if window.get("disabled") else [window]}


def _team_url(team: Mapping[str, Any] | None, record: EventType) -> str | None:
    """Return the booking page; None for a managed event type and for a team without slug."""
    if record["schedulingType"] == "managed" or team is None or not team.get("slug"):
        return None
    return f"{WEBSITE}/team/{team['slug']}/{record['slug']}"


def _person(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return a user as event types contain them."""
    return {
        "id": user["id"],
        "name": user.get("name"),
        "username": user.get("username"),
        "avatarUrl": user.get("avatar_url"),
        "brandColor": user.get("brand_color"),
        "darkBrandColor": user.get("dark_brand_color"),
        "weekStart": user.get("week_start"),
        # Anybody can read the metadata of a host this way: public lists of event types contain it.
        "metadata": user.get("metadata") or {},
    }


def _host(store: Store, record: EventType, host: Mapping[str, Any]) -> dict[str, Any]:
    """Return a host; `mandatory` and `priority` only for a round robin."""
    user = store.users[host["userId"]]
    turns = {}
    if record["schedulingType"] == "roundRobin":
        turns = {"mandatory": host.get("mandatory", False), "priority": host.get("priority", "medium")}
    about = {"name": user.get("name"), "username": user.get("username"), "avatarUrl": user.get("avatar_url")}
    return {**turns, "userId": user["id"], **about}


def _team(team: Mapping[str, Any]) -> dict[str, Any]:
    """Return a team as lists of event types contain it."""
    names = ("banner_url", "logo_url", "week_start", "brand_color", "dark_brand_color", "theme")
    return {
        "id": team["id"],
        "name": team["name"],
        "slug": team.get("slug"),
        **{_camel(name): team.get(name) for name in names},
    }


def _camel(name: str) -> str:
    """Return a name in camelCase."""
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def dynamic_view(users: Sequence[Mapping[str, Any]]) -> EventType:
    """Return the event type that stands for several users; it is not stored, and its id is 0."""
    record: EventType = {"id": 0, "ownerId": 0, **deepcopy(_DEFAULTS)}
    record.update(lengthInMinutes=30, lengthInMinutesOptions=list(_DYNAMIC_LENGTHS), title="Group Meeting")
    record.update(slug="dynamic", metadata={"multipleDuration": list(_DYNAMIC_LENGTHS)})
    record["description"] = "Join us for a meeting with multiple people"
    record["locations"] = [{"type": "integration", "integration": "cal-video"}]
    names = "+".join(str(user["username"]) for user in users)
    return {
        **record,
        "users": [_person(user) for user in users],
        "bookingUrl": f"{WEBSITE}/{names}/dynamic",
    }
