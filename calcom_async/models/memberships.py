"""Memberships: who belongs to a team or an organisation, and as what."""

from datetime import datetime
from typing import Any, Literal

from calcom_async.models._base import IntOrFloat, Model

MembershipRole = Literal["MEMBER", "ADMIN", "OWNER"] | str


class MembershipUser(Model, frozen=True, kw_only=True, gc=False):
    """The user of a membership, as the team sees them."""

    email: str
    username: str | None = None
    name: str | None = None
    avatar_url: str | None = None
    bio: str | None = None
    metadata: dict[str, Any] | None = None


class Membership(Model, frozen=True, kw_only=True):
    """A user's place in a team; `accepted` is false while an invitation is pending."""

    id: int
    user_id: int
    team_id: int
    """The team's id; the organisation's for a membership of an organisation."""
    accepted: bool
    role: MembershipRole
    disable_impersonation: bool | None = None
    user: MembershipUser


class MembershipAttributeOption(Model, frozen=True, kw_only=True, gc=False):
    """One choice of a multi-select attribute."""

    option_id: str
    option: str


class MembershipAttribute(Model, frozen=True, kw_only=True):
    """An attribute that a member has a value for; its `type` is spelled otherwise than `Attribute.type`.

    "text", "number" and "singleSelect" have `option` (a number for "number") and `option_id`; "multiSelect" has
    `options`.
    """

    id: str
    name: str
    type: Literal["text", "number", "singleSelect", "multiSelect"] | str
    option: str | IntOrFloat | None = None
    option_id: str | None = None
    options: list[MembershipAttributeOption] | None = None


class OrganizationMembership(Membership, frozen=True, kw_only=True):
    """A user's place in an organisation, with their attributes."""

    custom_role_id: str | None = None
    """The id of a `Role`: "member_role" and its like, or a custom one."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    attributes: list[MembershipAttribute]


class CreateMembership(Model, frozen=True, kw_only=True):
    """A new membership. Without `accepted` it is pending until the user accepts."""

    user_id: int
    role: MembershipRole = "MEMBER"
    """Below an organisation the API wants this one always, so it is always sent."""
    accepted: bool | None = None
    disable_impersonation: bool | None = None


class UpdateMembership(Model, frozen=True, kw_only=True):
    """Changes to a membership; what is not given stays as it is."""

    role: MembershipRole | None = None
    accepted: bool | None = None
    disable_impersonation: bool | None = None
