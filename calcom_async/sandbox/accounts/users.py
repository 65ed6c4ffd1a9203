"""Users: creation, changes and views."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    Rule,
    canonical_zone,
    check,
    fits_metadata_limits,
    integer,
    locale,
    number,
    one_of,
    string,
    time_zone,
    url,
)
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()


WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def is_metadata(value: Any) -> bool:
    """Return whether metadata of a user is within the size limits and flat."""
    return fits_metadata_limits(value) and all(isinstance(item, (str, int, float)) for item in value.values())


metadata: Rule = check(
    "isValidMetadata",
    "Metadata must have at most 50 keys, each key up to 40 characters, and values up to 500 characters.",
    is_metadata,
)

hours: Rule = one_of((12, 24), name="isIn").with_text("$property must be a number either 12 or 24")

PROFILE = Form(
    Field("email", string, optional=True),
    Field("name", string, optional=True),
    Field("timeFormat", hours, optional=True),
    Field("defaultScheduleId", integer, number, optional=True),
    Field("weekStart", one_of(WEEK_DAYS, name="isIn"), optional=True),
    Field("timeZone", time_zone, optional=True),
    Field("locale", locale, optional=True),
    Field("avatarUrl", url, optional=True),
    Field("bio", string, optional=True),
    Field("metadata", metadata, optional=True),
)

#: JSON names and the names of the record, in the order of the response.
_WIRE = {
    "id": "id",
    "email": "email",
    "name": "name",
    "avatarUrl": "avatar_url",
    "bio": "bio",
    "timeFormat": "time_format",
    "defaultScheduleId": "default_schedule_id",
    "weekStart": "week_start",
    "timeZone": "time_zone",
    "username": "username",
    "organizationId": "organization_id",
}
_SETTABLE = {wire: ours for wire, ours in _WIRE.items() if wire in PROFILE.fields} | {"locale": "locale"}
_NULLABLE = {"name", "bio", "avatarUrl", "defaultScheduleId"}


def change_profile(user: dict[str, Any], values: dict[str, Any], *, verifies_email: bool = True) -> None:
    """Apply validated changes to a profile. A new email address waits for verification if `verifies_email`.

    A new time zone leaves the schedules alone, and `defaultScheduleId` is stored unchecked, also that of somebody else
    (recorded from a self-hosted server of 2026-07).
    """
    for wire, value in values.items():
        if wire == "email" or (value is None and wire not in _NULLABLE):
            continue
        if wire == "metadata":
            user["metadata"] = value
        else:
            user[_SETTABLE[wire]] = canonical_zone(value) if wire == "timeZone" else value
    # Its syntax is not checked: an address without `@` waits for its verification too.
    if values.get("email") in {None, user["email"]}:
        return
    if not verifies_email:
        user["email"] = values["email"]
    else:
        # Visible to everybody who reads an event type of this user, since event types contain the metadata of their
        # host.
        user["metadata"] = user["metadata"] | {"emailChangeWaitingForVerification": values["email"]}


def profile_view(user: dict[str, Any]) -> dict[str, Any]:
    """Return a user as JSON, with the fields that all kinds of servers know."""
    return {wire: user[ours] for wire, ours in _WIRE.items()}


def me_view(call: Call, *, organization: bool) -> dict[str, Any]:
    """Return the profile as JSON; the response to a GET also has the organization."""
    user = call.user
    shown = profile_view(user)
    if call.server.profile_has_locale:
        shown["locale"] = user["locale"]
    if organization and user["organization_id"] is not None:
        record = call.store.organizations[user["organization_id"]]
        shown["organization"] = {"isPlatform": record["is_platform"], "id": record["id"]}
    return shown


_WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]


def new_user(
    store: Store, user_id: int, username: str, name: str | None, zone: str, *, scheduled: bool = True, **more: Any
) -> dict[str, Any]:
    """Create a user. Unless `scheduled` is False, the default schedule is Mon-Fri 09:00-17:00 in their time zone."""
    user: dict[str, Any] = {
        "id": user_id,
        "username": username,
        "email": f"{username}@sandbox.test",
        "name": name,
        "time_zone": zone,
        "week_start": "Sunday",
        "time_format": 12,
        "default_schedule_id": _new_schedule(store, user_id, zone) if scheduled else None,
        "avatar_url": None,
        "bio": None,
        "brand_color": None,
        "dark_brand_color": None,
        "locale": "en",
        "metadata": {},
        "organization_id": None,
    }
    store.users[user_id] = user | more
    store.reserve_id("user", user_id)
    return store.users[user_id]


def _new_schedule(store: Store, user_id: int, zone: str) -> int:
    """Create the default schedule of a user and return its id."""
    schedule_id = store.next_id("schedule")
    store.schedules[schedule_id] = {
        "id": schedule_id,
        "owner_id": user_id,
        "name": "Working hours",
        "time_zone": zone,
        "availability": [{"days": list(_WEEK), "startTime": "09:00", "endTime": "17:00"}],
        "overrides": [],
    }
    return schedule_id
