"""Users of an organization: JSON form, lists, creation and deletion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization
from calcom_async.sandbox.accounts.teams import membership_of, memberships_of
from calcom_async.sandbox.accounts.users import WEEK_DAYS, metadata, new_user
from calcom_async.sandbox.event_types.team_event_types import remove_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    LOCALES,
    boolean,
    canonical_zone,
    check,
    email,
    is_email,
    is_url,
    max_length,
    minimum,
    number,
    object_,
    one_of,
    string,
)
from calcom_async.sandbox.http.forms import Field, Form, take_and_skip
from calcom_async.sandbox.http.server_kind import ServerKind
from calcom_async.sandbox.organizations import memberships
from calcom_async.sandbox.organizations.attributes import FILTERS, option_ids_of
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

User = dict[str, Any]

CREATE_DEFAULTS: dict[str, str | bool] = {"organizationRole": "MEMBER", "autoAccept": True}
"""Defaults of a create body; validation errors repeat them as if they had been sent."""

_hex_color = check(
    "isHexColor",
    "$property must be a hexadecimal color",
    lambda v: isinstance(v, str) and re.fullmatch(r"#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", v) is not None,
)
_zone = check(
    "timezoneValidator",
    "Please include a valid time zone",
    lambda v: isinstance(v, str) and canonical_zone(v) is not None,
)
_avatar = check("avatarValidator", "Please include a valid avatar url", is_url)


def _word(name: str, what: str, allowed: tuple[Any, ...]) -> Any:
    """Return the rule for one of several values, with the message of these forms."""
    return one_of(allowed).named(name).with_text(f"Please include a valid {what}")


def _lower(value: Any) -> Any:
    """Convert a text to lower case."""
    return value.lower() if isinstance(value, str) else value


UPDATE = Form(
    Field("email", email, optional=True, convert=_lower),
    Field("username", string, optional=True, convert=_lower),
    Field("name", max_length(50), string, optional=True),
    Field("weekday", _word("weekdayValidator", "weekday", WEEK_DAYS), string, optional=True),
    Field("brandColor", _hex_color, optional=True),
    Field("bio", string, optional=True),
    Field("metadata", metadata, object_, optional=True),
    Field("darkBrandColor", _hex_color, optional=True),
    Field("hideBranding", boolean, optional=True),
    Field("timeZone", _zone, string, optional=True),
    Field("theme", _word("themeValidator", "theme", ("dark", "light")), string, optional=True),
    Field("appTheme", _word("themeValidator", "theme", ("dark", "light")), string, optional=True),
    Field("timeFormat", _word("timeFormatValidator", "time format", (12, 24)), number, optional=True),
    Field("defaultScheduleId", minimum(0), number, optional=True),
    Field("locale", _word("localeValidator", "locale", LOCALES), string, optional=True),
    Field("avatarUrl", _avatar, string, optional=True),
)
CREATE = Form(
    Field("email", email, convert=_lower),
    *UPDATE.parts[1:],
    Field("organizationRole", one_of(("MEMBER", "ADMIN", "OWNER")), string, optional=True),
    Field("autoAccept", boolean, optional=True),
    Field("skipNotificationEmail", boolean, optional=True),
)
LIST = Form(
    *take_and_skip(most=1000),
    Field(
        "emails",
        check(
            "IsEmailStringOrArray",
            "Please submit only valid email addresses",
            lambda v: isinstance(v, list) and all(map(is_email, v)),
        ),
        optional=True,
        convert=lambda value: [value] if isinstance(value, str) else value,
    ),
    *FILTERS,
    Field("attributeQueryOperator", one_of(("OR", "AND", "NONE"), name="isIn"), string, optional=True),
)

# JSON name in the order of the response, name in the record, and default.
_WIRE: tuple[tuple[str, str, Any], ...] = (
    ("id", "id", None),
    ("username", "username", None),
    ("name", "name", None),
    ("email", "email", None),
    ("emailVerified", "email_verified", None),
    ("bio", "bio", None),
    ("avatarUrl", "avatar_url", None),
    ("timeZone", "time_zone", None),
    ("weekStart", "week_start", None),
    ("appTheme", "app_theme", None),
    ("theme", "theme", None),
    ("defaultScheduleId", "default_schedule_id", None),
    ("locale", "locale", None),
    ("timeFormat", "time_format", None),
    ("hideBranding", "hide_branding", False),
    ("brandColor", "brand_color", None),
    ("darkBrandColor", "dark_brand_color", None),
    ("allowDynamicBooking", "allow_dynamic_booking", True),
    ("createdDate", "created_date", memberships.LONG_AGO),
    ("verified", "verified", True),
    ("invitedTo", "invited_to", None),
)
_OURS = {wire: ours for wire, ours, _ in _WIRE} | {"weekday": "week_start", "metadata": "metadata"}
_NULLABLE = {"theme", "appTheme", "locale"}


def user_view(store: Store, org_id: int, user: Mapping[str, Any]) -> dict[str, Any]:
    """Return a user as an organization's admin sees them; `metadata` only if it is not empty."""
    shown = {wire: user.get(ours, gap) for wire, ours, gap in _WIRE}
    if user["metadata"]:
        shown["metadata"] = user["metadata"]
    membership = membership_of(store, org_id, user["id"]) or {}
    profile = {"id": membership.get("id"), "organizationId": org_id, "userId": user["id"]}
    return shown | {"profile": profile | {"username": user["username"]}}


def users_of(store: Store, org_id: int, query: Mapping[str, Any]) -> list[User]:
    """List an organization's users by id, after the filters."""
    ids = sorted(membership["user_id"] for membership in memberships_of(store, org_id))
    return [store.users[user_id] for user_id in ids if _passes(store, org_id, store.users[user_id], query)]


def _passes(store: Store, org_id: int, user: User, query: Mapping[str, Any]) -> bool:
    """Return whether a user passes the filters of a list."""
    # The parameter must be repeated: a list with commas is one invalid address.
    if query.get("emails") and user["email"] not in query["emails"]:
        return False
    if query.get("teamIds") and all(membership_of(store, team_id, user["id"]) is None for team_id in query["teamIds"]):
        return False
    if not (wanted := set(query.get("assignedOptionIds") or ())):
        return True
    has = option_ids_of(store, org_id, user["id"])
    # NONE compares single assignments: a user with any other option matches too (source code of the server).
    tests = {"AND": wanted <= has, "OR": bool(wanted & has), "NONE": bool(has - wanted)}
    return tests[query.get("attributeQueryOperator") or "AND"]


def invite(store: Store, org_id: int, body: Mapping[str, Any], *, inviter_id: int, now: datetime) -> User:
    """Create a user and their membership. The username is made from the address; others are rejected."""
    if any(user["email"] == body["email"] for user in users_of(store, org_id, {})):
        raise errors.conflict("A user already exists with that email")
    # The server takes the name for the address of the person to invite, and rejects every one (recorded from a self-
    # hosted server of 2025-12).
    if body.get("username"):
        raise errors.no_details(400, "TRPCError", errors.GENERAL_TRPC_MESSAGE)
    local, _, domain = body["email"].partition("@")
    user = new_user(
        store,
        store.next_id("user"),
        f"{local}-{domain.partition('.')[0]}",
        None,
        "Europe/London",
        scheduled=False,
        email=body["email"],
        organization_id=org_id,
        invited_to=inviter_id,
        locale=None,
        created_date=iso(now),
    )
    change(user, {name: value for name, value in body.items() if name != "email"})
    joining = {"userId": user["id"], "role": body["organizationRole"], "accepted": body["autoAccept"]}
    memberships.join(store, org_id, joining, now)
    return user


def check_server(server: ServerKind, body: Mapping[str, Any]) -> None:
    """Raise the errors of servers that cannot store these settings."""
    if server.user_weekday_fails and body.get("weekday") is not None:
        raise errors.database(500)
    if server.avatars_need_https and str(body.get("avatarUrl") or "").startswith("http:"):
        problem = {"target": dict(body), "value": body["avatarUrl"], "property": "avatarUrl", "children": []}
        raise errors.validation([problem | {"constraints": {"avatarValidator": ""}}])


def change(user: User, body: Mapping[str, Any]) -> None:
    """Apply a validated body; `metadata` is replaced as a whole."""
    settable = {name: value for name, value in body.items() if name in _OURS}
    # Metadata is replaced as a whole, not merged.
    user |= {_OURS[name]: value for name, value in settable.items() if value is not None or name in _NULLABLE}


def check_username(store: Store, org_id: int, user: User, username: str | None) -> None:
    """Raise an error if another user of the organization has this username."""
    if username and any(other["username"] == username and other is not user for other in users_of(store, org_id, {})):
        raise errors.conflict("Username is already taken")


def delete_user(store: Store, user: User, now: datetime) -> None:
    """Delete a user with all their data."""
    for membership in [membership for membership in store.memberships.values() if membership["user_id"] == user["id"]]:
        memberships.leave(store, membership, now)
    for record in [record for record in store.event_types.values() if record["ownerId"] == user["id"]]:
        remove_event_type(store, record)
    store.bookings.remove_all(store.bookings.organized_by(user["id"]))
    for table, owner in ((store.schedules, "owner_id"), (store.out_of_office, "userId"), (store.webhooks, "userId")):
        _drop(table, owner, user["id"])
    for key in [key for key, owner in store.api_keys.items() if owner == user["id"]]:
        del store.api_keys[key]
    del store.users[user["id"]]


def _drop(table: dict[Any, dict[str, Any]], column: str, value: int) -> None:
    """Delete the rows with this value in a column."""
    for key in [key for key, row in table.items() if row[column] == value]:
        del table[key]


# --- guards ---------------------------------------------------------------------------------------------------------


def guarded_user(call: Call) -> tuple[int, User]:
    """Return the user of the path, and the organization id, if the caller is an admin there."""
    org_id, user_id = guarded_organization(call, "ORG_ADMIN")["id"], call.int_path("userId", checked=True)
    if membership_of(call.store, org_id, user_id) is None:
        raise errors.forbidden(
            f"IsUserInOrg - user with id={user_id} is not part of the organization with id={org_id}."
        )
    return org_id, call.store.users[user_id]
