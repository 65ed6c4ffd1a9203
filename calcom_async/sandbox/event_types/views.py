"""JSON forms of event types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from calcom_async.sandbox.event_types.fields import visible_fields
from calcom_async.sandbox.event_types.records import _DEFAULTS, _TEAM_DEFAULTS, EventType, is_team_event_type
from calcom_async.sandbox.state.store import Store

WEBSITE = "https://cal.com"

_TEAM_ONLY = frozenset(_TEAM_DEFAULTS) - {"locations", "calVideoSettings", "ownerId"}

# Lengths of the event type that stands for several `usernames`.
_DYNAMIC_LENGTHS = [15, 30, 45, 60, 90]


def user_view(store: Store, record: EventType, *, listed: bool = False) -> EventType:
    """Return a user's event type; `listed` omits hidden booking fields, as the list does for everybody."""
    owner = store.users[record["ownerId"]]
    return {
        **_shown(record, listed=listed, without=_TEAM_ONLY),
        "users": [_person(owner)],
        "bookingUrl": f"{WEBSITE}/{owner['username']}/{record['slug']}",
    }


def team_view(store: Store, record: EventType, *, listed: bool = False) -> EventType:
    """Return a team's event type with its hosts; lists contain the team, a single read only its id."""
    team = store.teams.get(record["teamId"]) if is_team_event_type(record) else None
    return {
        **_shown(record, listed=False, without=frozenset()),
        "hosts": [_host(store, record, host) for host in record["hosts"]],
        "team": team and (_team(team) if listed else {"id": team["id"]}),
    }


def _shown(record: EventType, *, listed: bool, without: frozenset[str]) -> EventType:
    """Return the record without internal keys."""
    shown = {name: value for name, value in record.items() if not name.startswith("_") and name not in without}
    if listed:
        shown["bookingFields"] = visible_fields(record["bookingFields"])
    return shown


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
