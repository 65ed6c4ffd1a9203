"""Users of an organization, as their admins read and write them."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from calcom_async.models._base import Model
from calcom_async.models.memberships import MembershipRole
from calcom_async.models.times import Weekday


class OrganizationProfile(Model, frozen=True, kw_only=True, gc=False):
    """Profile of the user in the organization."""

    id: int
    organization_id: int
    user_id: int
    username: str | None = None


# `metadata` is missing if it was never set; most other fields are null then.
class OrganizationUser(Model, frozen=True, kw_only=True):
    """A user of an organization, as visible to its admins."""

    id: int
    username: str | None = None
    name: str | None = None
    email: str
    email_verified: datetime | None = None
    bio: str | None = None
    avatar_url: str | None = None
    time_zone: str
    week_start: str
    app_theme: str | None = None
    theme: str | None = None
    default_schedule_id: int | None = None
    """None for users created through this API. Their slots are Monday to Friday, 09:00 to 17:00."""
    locale: str | None = None
    time_format: int | None = None
    """12 or 24."""
    hide_branding: bool
    brand_color: str | None = None
    dark_brand_color: str | None = None
    allow_dynamic_booking: bool | None = None
    created_date: datetime
    verified: bool | None = None
    invited_to: int | None = None
    metadata: dict[str, Any] | None = None
    profile: OrganizationProfile


class _UserBody(Model, frozen=True, kw_only=True):
    """Base of the request bodies."""

    username: str | None = None
    name: str | None = None
    """Up to 50 characters. Self-hosted servers ignore it."""
    weekday: int | str | None = None
    """First day of the user's week, in any form that `Weekday.of` accepts; responses call it `week_start`.

    Builds of 2025 cannot store it and return 500.
    """
    brand_color: str | None = None
    """Hexadecimal, like `dark_brand_color`: "#1BA774"."""
    dark_brand_color: str | None = None
    hide_branding: bool | None = None
    bio: str | None = None
    metadata: dict[str, Any] | None = None
    """Replaced as a whole: up to 50 keys of 40 characters, with values of 500."""
    time_zone: str | None = None
    theme: str | UnsetType | None = UNSET
    """"light", "dark", or None for the theme of the user's system; the same for `app_theme`."""
    app_theme: str | UnsetType | None = UNSET
    time_format: int | None = None
    """12 or 24."""
    default_schedule_id: int | None = None
    locale: str | UnsetType | None = UNSET
    avatar_url: str | None = None
    """An https URL. Builds of 2025 reject other URLs without a reason in `.fields`."""

    def __post_init__(self) -> None:
        if self.weekday is not None:
            force_setattr(self, "weekday", Weekday.of(self.weekday))


class CreateOrganizationUser(_UserBody, frozen=True, kw_only=True):
    """A new user of an organization. Without `skip_notification_email`, Cal.com emails a link to set a password.

    Omit `username`: the server treats it as the address of the invitee and always returns 400. It is derived from the
    address (`newbie@acme.example` becomes `newbie-acme`).
    """

    email: str
    organization_role: MembershipRole | None = None
    """Default: MEMBER."""
    auto_accept: bool | None = None
    """Default: true."""
    skip_notification_email: bool | None = None
    """Whether to send no email. Default: false. Self-hosted servers ignore it and send one."""


class UpdateOrganizationUser(_UserBody, frozen=True, kw_only=True):
    """Changes to a user of an organization; omitted fields stay unchanged."""

    email: str | None = None
