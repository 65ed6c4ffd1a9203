"""The user who asks: `/v2/me`."""

from __future__ import annotations

from typing import Any

from calcom_async.sandbox.routes import Call, route
from calcom_async.sandbox.rules import (
    Rule,
    canonical_zone,
    check,
    integer,
    locale,
    number,
    one_of,
    string,
    time_zone,
    url,
)
from calcom_async.sandbox.validation import Field, Form

WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def is_metadata(value: Any) -> bool:
    """Whether user or booking metadata is small and flat enough."""
    if not isinstance(value, dict) or len(value) > 50:
        return False
    return all(
        len(key) <= 40 and isinstance(item, (str, int, float)) and (not isinstance(item, str) or len(item) <= 500)
        for key, item in value.items()
    )


metadata: Rule = check(
    "isValidMetadata",
    "Metadata must have at most 50 keys, each key up to 40 characters, and values up to 500 characters.",
    is_metadata,
)

hours: Rule = one_of((12, 24), name="isIn").saying("$property must be a number either 12 or 24")

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

#: The wire's names and ours, in the order of the answer.
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


@route("GET", "/v2/me")
def get_me(call: Call) -> object:
    return me_view(call, organization=True)


@route("PATCH", "/v2/me")
def patch_me(call: Call) -> object:
    change_profile(call.user, PROFILE.read(call.body))
    return me_view(call, organization=False)


def change_profile(user: dict[str, Any], values: dict[str, Any]) -> None:
    """Write a profile's valid values. A new e-mail waits for verification, so the old one stays."""
    for wire, value in values.items():
        if wire == "email" or (value is None and wire not in _NULLABLE):
            continue
        if wire == "metadata":
            user["metadata"] = value
        else:
            user[_SETTABLE[wire]] = canonical_zone(value) if wire == "timeZone" else value
    if values.get("email") not in {None, user["email"]}:
        user["metadata"] = user["metadata"] | {"emailChangeWaitingForVerification": values["email"]}


def me_view(call: Call, *, organization: bool) -> dict[str, Any]:
    """The profile; reading it also tells of the organization, changing it does not."""
    user = call.user
    shown = {wire: user[ours] for wire, ours in _WIRE.items()}
    if organization and user["organization_id"] is not None:
        record = call.store.organizations[user["organization_id"]]
        shown["organization"] = {"isPlatform": record["is_platform"], "id": record["id"]}
    return shown
