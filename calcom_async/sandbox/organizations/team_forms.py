"""Forms of the bodies of teams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import boolean, min_length, object_, string, time_zone, url
from calcom_async.sandbox.http.forms import Field, Form

CREATE_DEFAULTS: dict[str, str | bool] = {
    "hideBranding": False,
    "timeZone": "Europe/London",
    "weekStart": "Sunday",
    "autoAcceptCreator": True,
}
"""Defaults of a create body; validation errors repeat them as if they had been sent."""

_COMMON = (
    # An update needs a name, although the specification says otherwise (measured, build of 2025-12).
    Field("name", min_length(1).named("isLength"), string),
    Field("slug", string, optional=True),
    Field("logoUrl", url, optional=True),
    Field("calVideoLogo", url, optional=True),
    Field("appLogo", url, optional=True),
    Field("appIconLogo", url, optional=True),
    Field("bio", string, optional=True),
    Field("hideBranding", boolean, optional=True),
    Field("isPrivate", boolean, optional=True),
    Field("hideBookATeamMember", boolean, optional=True),
    Field("metadata", object_, optional=True),
    Field("theme", string, optional=True),
    Field("brandColor", string, optional=True),
    Field("darkBrandColor", string, optional=True),
    Field("bannerUrl", url, optional=True),
    Field("timeFormat", string, optional=True),
    Field("timeZone", time_zone, optional=True),
    Field("weekStart", string, optional=True),
)

TEAM_CREATE = Form(
    *_COMMON, Field("autoAcceptCreator", boolean, optional=True), Field("addCreatorAsOwner", boolean, optional=True)
)
TEAM_UPDATE = Form(
    *_COMMON,
    Field("bookingLimits", string, optional=True),
    Field("includeManagedEventsInLimits", boolean, optional=True),
)


def check_time_format(body: Mapping[str, Any]) -> None:
    """Reject every time format: the validation requires text and the database a number."""
    # Recorded from a self-hosted server of 2025-12: a number is a 400 and a text a 500.
    if body.get("timeFormat") is not None:
        raise errors.database(500)
