"""Attributes: what an organisation notes about its members, to find and to route to them."""

from datetime import datetime
from typing import Any, Literal

from msgspec import field

from calcom_async.models._base import IntOrFloat, Model

AttributeType = Literal["TEXT", "NUMBER", "SINGLE_SELECT", "MULTI_SELECT"] | str


class Attribute(Model, frozen=True, kw_only=True):
    """Something that an organisation notes about its members, such as a department or skills."""

    id: str
    team_id: int
    """The organisation's id."""
    type: AttributeType
    name: str
    slug: str
    enabled: bool
    """Whether it is shown on profiles."""
    users_can_edit_relation: bool | None = None
    is_weights_enabled: bool | None = None
    is_locked: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class AttributeOption(Model, frozen=True, kw_only=True):
    """A value that an attribute can have; each text or number that was ever assigned is one too."""

    id: str
    attribute_id: str
    value: str
    slug: str
    is_group: bool | None = None
    contains: list[Any] | None = None


class AssignedOption(Model, frozen=True, kw_only=True):
    """An option that somebody has, and who has it."""

    id: str
    attribute_id: str
    value: str
    slug: str
    assigned_user_ids: list[int]


class OptionAssignment(Model, frozen=True, kw_only=True):
    """That a member has an option; `member_id` is the id of their membership, not of the user."""

    id: str
    member_id: int
    attribute_option_id: str
    weight: IntOrFloat | None = None
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
    """Changes to an option; whoever has it keeps it."""

    value: str | None = None
    slug: str | None = None


class CreateAttribute(Model, frozen=True, kw_only=True):
    """A new attribute. `options` are only kept for the two SELECT types, yet the API always wants the list."""

    name: str
    slug: str
    type: AttributeType
    options: list[CreateAttributeOption] = field(default_factory=list)
    enabled: bool | None = None
    """True unless given."""


class UpdateAttribute(Model, frozen=True, kw_only=True):
    """Changes to an attribute; what is not given stays as it is."""

    name: str | None = None
    slug: str | None = None
    type: AttributeType | None = None
    enabled: bool | None = None


class AssignOption(Model, frozen=True, kw_only=True):
    """An attribute for a user: `value` for TEXT and NUMBER, `attribute_option_id` for the SELECT types."""

    attribute_id: str
    attribute_option_id: str | None = None
    value: str | None = None
