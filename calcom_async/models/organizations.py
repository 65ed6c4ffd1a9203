"""Organisations that a platform manages."""

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType

from calcom_async.models._base import Model, SecretModel


class ManagedOrganization(SecretModel, frozen=True, kw_only=True):
    """An organisation made by a platform; `api_key` comes only in the answer that creates it."""

    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})

    id: int
    name: str
    slug: str | None = None
    metadata: dict[str, Any] | None = None
    api_key: str | None = None


class CreateManagedOrganization(Model, frozen=True, kw_only=True):
    """A new managed organisation with a key of its own.

    Give one of the two key settings at most: with both the server answers 400, but the organisation exists.
    """

    name: str
    slug: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    api_key_days_valid: int | UnsetType = UNSET
    """30 unless given."""
    api_key_never_expires: bool | UnsetType = UNSET


class UpdateManagedOrganization(Model, frozen=True, kw_only=True):
    """Changes to a managed organisation."""

    name: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
