"""Attributes of the members of an organization, used to find members and to route bookings to them."""

from datetime import datetime
from typing import Any, Literal

from msgspec import field

from calcom_async.models._base import IntOrFloat, Model

AttributeType = Literal["TEXT", "NUMBER", "SINGLE_SELECT", "MULTI_SELECT", "USER_RELATIONSHIP"] | str
"""Self-hosted servers do not have USER_RELATIONSHIP."""


class Attribute(Model, frozen=True, kw_only=True):
    """A property that an organization defines for its members, such as a department or skills."""

    id: str
    team_id: int
    """Id of the organization."""
    type: AttributeType
    name: str
    slug: str
    enabled: bool
    """Whether profiles show it."""
    users_can_edit_relation: bool | None = None
    is_weights_enabled: bool | None = None
    is_locked: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class AttributeOption(Model, frozen=True, kw_only=True):
    """A value of an attribute. Every text or number that was ever assigned is one too."""

    id: str
    attribute_id: str
    value: str
    slug: str
    is_group: bool | None = None
    contains: list[Any] | None = None


class AssignedOption(Model, frozen=True, kw_only=True):
    """An option and the users who have it."""

    id: str
    attribute_id: str
    value: str
    slug: str
    assigned_user_ids: list[int]  # the specification of March 2026 says texts


# The fields from `created_at` on are not in the specification. Recorded from a self-hosted server of 2025-12.
class OptionAssignment(Model, frozen=True, kw_only=True):
    """Assignment of an option to a member; `member_id` is the id of the membership, not of the user."""

    id: str
    member_id: int
    attribute_option_id: str
    weight: IntOrFloat | None = None
    """Share of the bookings that a router gives to the user; None without weights."""
    created_at: datetime | None = None
    created_by_id: int | None = None
    created_by_d_sync_id: str | None = None
    updated_at: datetime | None = None
    updated_by_id: int | None = None
    updated_by_d_sync_id: str | None = None


class CreateAttributeOption(Model, frozen=True, kw_only=True):
    """A new option of an attribute."""

    value: str
    slug: str


class UpdateAttributeOption(Model, frozen=True, kw_only=True):
    """Changes to an option. Members who have it keep it."""

    value: str | None = None
    slug: str | None = None


class CreateAttribute(Model, frozen=True, kw_only=True):
    """A new attribute. `options` are used for the two SELECT types only, but the API always requires the list."""

    name: str
    slug: str
    type: AttributeType
    options: list[CreateAttributeOption] = field(default_factory=list)
    enabled: bool | None = None
    """Default: true."""


class UpdateAttribute(Model, frozen=True, kw_only=True):
    """Changes to an attribute; omitted fields stay unchanged."""

    name: str | None = None
    slug: str | None = None
    type: AttributeType | None = None
    enabled: bool | None = None


class AssignOption(Model, frozen=True, kw_only=True):
    """An assignment to a user: `value` for TEXT and NUMBER, `attribute_option_id` for the SELECT types."""

    attribute_id: str
    attribute_option_id: str | None = None
    value: str | None = None
    weight: IntOrFloat | None = None


class UpdateOptionWeight(Model, frozen=True, kw_only=True):
    """The new weight of an option that a user has."""

    weight: IntOrFloat
