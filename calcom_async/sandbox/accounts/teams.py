"""Teams: creation, views and memberships."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.state.store import Store

Team = dict[str, Any]

# JSON names in the order of the response, and the names of the record.
_WIRE = {
    "hideBookATeamMember": "hide_book_a_team_member",
    "timeZone": "time_zone",
    "weekStart": "week_start",
    "id": "id",
    "parentId": "parent_id",
    "name": "name",
    "slug": "slug",
    "logoUrl": "logo_url",
    "calVideoLogo": "cal_video_logo",
    "appLogo": "app_logo",
    "appIconLogo": "app_icon_logo",
    "bio": "bio",
    "hideBranding": "hide_branding",
    "isOrganization": "is_organization",
    "isPrivate": "is_private",
    "metadata": "metadata",
    "theme": "theme",
    "brandColor": "brand_color",
    "darkBrandColor": "dark_brand_color",
    "bannerUrl": "banner_url",
    "timeFormat": "time_format",
}
_DEFAULTS = {
    "hide_book_a_team_member": False,
    "time_zone": "Europe/London",
    "week_start": "Sunday",
    "hide_branding": False,
    "is_organization": False,
    "is_private": False,
}


def team_view(team: Mapping[str, Any]) -> dict[str, Any]:
    """Return a team or an organization as JSON; `metadata` only if it was given."""
    record = {**_DEFAULTS, **team}
    return {wire: record.get(ours) for wire, ours in _WIRE.items() if wire != "metadata" or record.get("metadata")}


def new_team(store: Store, body: Mapping[str, Any], *, creator_id: int, parent_id: int | None = None) -> Team:
    """Create a team from a validated body; its creator becomes the owner, unless the body says otherwise."""
    slug = body.get("slug") or slugify(body["name"])
    if parent_id is not None:
        _check_slug(store, slug, parent_id)
    _check_name(store, body["name"], creator_id)
    _check_slug(store, slug, parent_id)
    team: Team = {"id": _free_id(store), **_DEFAULTS, "parent_id": parent_id, "slug": slug}
    team.update(_settings(body))
    store.teams[team["id"]] = team
    if parent_id is None or body.get("addCreatorAsOwner") is not False:
        # The creator is the owner even while the membership is pending.
        accepted = body.get("autoAcceptCreator") is not False
        add_member(store, team["id"], creator_id, role="OWNER", accepted=accepted)
    return team


def change_team(store: Store, team: Team, body: Mapping[str, Any]) -> None:
    """Apply a validated update to a team."""
    if (slug := body.get("slug")) is not None and slug != team["slug"]:
        _check_slug(store, slug, team["parent_id"])
    team.update(_settings(body))


def remove_team(store: Store, team: Team) -> None:
    """Delete a team or an organization with its memberships. The caller deletes its event types."""
    (store.organizations if team.get("is_organization") else store.teams).pop(team["id"])
    for membership in list(memberships_of(store, team["id"])):
        del store.memberships[membership["id"]]
    for user in store.users.values():
        if user["organization_id"] == team["id"]:
            user["organization_id"] = None


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a body with the names of the record."""
    return {ours: body[wire] for wire, ours in _WIRE.items() if body.get(wire) is not None and wire != "id"}


def _free_id(store: Store) -> int:
    """Return the next id. Teams and organizations share one table, and so one sequence."""
    for taken in (*store.teams, *store.organizations):
        store.reserve_id("team", taken)
    return store.next_id("team")


def slugify(name: str) -> str:
    """Return a slug in lower case, with words joined by hyphens."""
    return re.sub(r"[^\w.]+", "-", name.lower()).strip("-")


def _check_name(store: Store, name: str, creator_id: int) -> None:
    """Raise a 400 if the user already owns a team with this name."""
    for team in teams_of(store, creator_id):
        # A name need only be unique among the teams of one owner; slugs are unique in their organization.
        if team["name"] == name and role_in(store, team["id"], creator_id) == "OWNER":
            raise errors.bad_request(f"You already have created a team with name={name}")


def _check_slug(store: Store, slug: str, parent_id: int | None) -> None:
    """Raise a 409 if a team with this slug exists in the same organization."""
    if any(team["slug"] == slug and team["parent_id"] == parent_id for team in store.teams.values()):
        raise errors.database(409)


# --- members --------------------------------------------------------------------------------------------------------


def add_member(store: Store, team_id: int, user_id: int, *, role: str = "MEMBER", accepted: bool = True) -> Team:
    """Create a membership of a team or an organization and return it."""
    membership: Team = {
        "id": store.next_id("membership"),
        "team_id": team_id,
        "user_id": user_id,
        "role": role,
        "accepted": accepted,
        "disable_impersonation": False,
    }
    store.memberships[membership["id"]] = membership
    return membership


def memberships_of(store: Store, team_id: int) -> Iterator[dict[str, Any]]:
    """Yield the memberships of a team or an organization, pending ones included."""
    return (membership for membership in store.memberships.values() if membership["team_id"] == team_id)


def membership_of(store: Store, team_id: int, user_id: int) -> dict[str, Any] | None:
    """Return a user's membership of a team or an organization, or None."""
    return next((membership for membership in memberships_of(store, team_id) if membership["user_id"] == user_id), None)


def role_in(store: Store, team_id: int, user_id: int) -> str | None:
    """Return a user's role (MEMBER, ADMIN, OWNER) in a team or an organization, or None."""
    membership = membership_of(store, team_id, user_id)
    return membership["role"] if membership else None


def teams_of(store: Store, user_id: int) -> list[Team]:
    """Return the teams and organizations of a user by id, those with a pending membership included."""
    # The list contains the organization itself, as a team with `isOrganization` (recorded from a self-hosted server of
    # 2025-12).
    ids = sorted(membership["team_id"] for membership in store.memberships.values() if membership["user_id"] == user_id)
    teams = (find_team(store, team_id) for team_id in ids)
    return [team for team in teams if team is not None]


def accepted_team_ids(store: Store, user_id: int | None) -> set[int]:
    """Return the ids of the teams and organizations that a user has joined."""
    rows = store.memberships.values()
    return {membership["team_id"] for membership in rows if membership["user_id"] == user_id and membership["accepted"]}


def find_team(store: Store, team_id: int) -> Team | None:
    """Return a team, or an organization in the form of a team."""
    if (team := store.teams.get(team_id)) is not None:
        return team
    if (organization := store.organizations.get(team_id)) is not None:
        organization |= {"parent_id": None, "is_organization": True}
    return organization
