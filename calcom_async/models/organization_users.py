"""Users of an organisation: profiles that its admins may read and write."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from calcom_async.models._base import Model
from calcom_async.models.memberships import MembershipRole
from calcom_async.models.times import Weekday


class OrganizationProfile(Model, frozen=True, kw_only=True, gc=False):
    """Who the user is inside the organisation."""

    id: int
    organization_id: int
    user_id: int
    username: str | None = None


class OrganizationUser(Model, frozen=True, kw_only=True):
    """A user of an organisation, seen by its admins."""

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
    """None for users made through this API; without a schedule, slots are those of Monday to Friday, 09 to 17 h."""
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
    """What creating and updating a user have in common."""

    username: str | None = None
    weekday: int | str | None = None
    """The first day of the user's week, in any form that `Weekday.of` takes; responses call it `week_start`.

    A server of 2025 cannot store it and answers 500.
    """
    brand_color: str | None = None
    """Hexadecimal, as is `dark_brand_color`: "#1BA774"."""
    dark_brand_color: str | None = None
    hide_branding: bool | None = None
    bio: str | None = None
    metadata: dict[str, Any] | None = None
    """Replaces the whole object: at most 50 keys of 40 characters, values of 500."""
    time_zone: str | None = None
    theme: str | UnsetType | None = UNSET
    """"light", "dark", or None for the user's system; the same for `app_theme`."""
    app_theme: str | UnsetType | None = UNSET
    time_format: int | None = None
    """12 or 24."""
    default_schedule_id: int | None = None
    locale: str | UnsetType | None = UNSET
    avatar_url: str | None = None
    """An https URL. A server of 2025 rejects others without naming a reason in `.fields`."""

    def __post_init__(self) -> None:
        if self.weekday is not None:
            force_setattr(self, "weekday", Weekday.of(self.weekday))


class CreateOrganizationUser(_UserBody, frozen=True, kw_only=True):
    """A new user of an organisation, who is sent a mail to choose a password.

    Leave `username` out: the server takes it for the invitee's address and refuses every one with a 400. It is made
    from the address (`newbie@acme.example` is `newbie-acme`).
    """

    email: str
    organization_role: MembershipRole | None = None
    """MEMBER unless given."""
    auto_accept: bool | None = None
    """True unless given."""


class UpdateOrganizationUser(_UserBody, frozen=True, kw_only=True):
    """Changes to a user of an organisation; what is not given stays as it is."""

    email: str | None = None
