"""Memberships of teams and organizations: who is a member, and in which role."""

from datetime import datetime
from typing import Any, Literal

from calcom_async.models._base import IntOrFloat, Model

MembershipRole = Literal["MEMBER", "ADMIN", "OWNER"] | str


class MembershipUser(Model, frozen=True, kw_only=True, gc=False):
    """The user of a membership, as visible to the team."""

    email: str
    username: str | None = None
    name: str | None = None
    avatar_url: str | None = None
    bio: str | None = None
    metadata: dict[str, Any] | None = None


class Membership(Model, frozen=True, kw_only=True):
    """Membership of a user in a team; `accepted` is false while an invitation is pending."""

    id: int
    user_id: int
    team_id: int
    """Id of the team, or of the organization."""
    accepted: bool
    role: MembershipRole
    disable_impersonation: bool | None = None
    user: MembershipUser


class MembershipAttributeOption(Model, frozen=True, kw_only=True, gc=False):
    """One selected option of a multi-select attribute."""

    option_id: str
    option: str


# Four shapes in the API, folded into one.
class MembershipAttribute(Model, frozen=True, kw_only=True):
    """An attribute for which a member has a value; `type` has other names than `Attribute.type`.

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
    """Membership of a user in an organization, with the user's attributes."""

    # This and both times are not in the specification. Recorded from a self-hosted server of 2025-12.
    custom_role_id: str | None = None
    """Id of a `Role`: a system role such as "member_role", or a custom one."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    attributes: list[MembershipAttribute]


class CreateMembership(Model, frozen=True, kw_only=True):
    """A new membership. Without `accepted` it is pending until the user accepts."""

    user_id: int
    role: MembershipRole = "MEMBER"
    """Always sent, since the API requires it within an organization."""
    accepted: bool | None = None
    disable_impersonation: bool | None = None


class CreateMembershipByEmail(Model, frozen=True, kw_only=True):
    """A new membership of an organization, for the user with this address."""

    email: str
    role: MembershipRole = "MEMBER"


class UpdateMembership(Model, frozen=True, kw_only=True):
    """Changes to a membership; omitted fields stay unchanged."""

    role: MembershipRole | None = None
    accepted: bool | None = None
    disable_impersonation: bool | None = None
