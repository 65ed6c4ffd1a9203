"""Organizations managed by a platform."""

from typing import Any, ClassVar

from calcom_async.models._base import Model, SecretModel


class ManagedOrganization(SecretModel, frozen=True, kw_only=True):
    """An organization created by a platform; only creating it returns its `api_key`."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"api_key"})

    id: int
    name: str
    slug: str | None = None
    metadata: dict[str, Any] | None = None
    api_key: str | None = None


class CreateManagedOrganization(Model, frozen=True, kw_only=True):
    """A new managed organization with an API key of its own.

    Give at most one of the two key settings: with both, the server returns 400 but creates the organization.
    """

    name: str
    slug: str | None = None
    metadata: dict[str, Any] | None = None
    api_key_days_valid: int | None = None
    """Default: 30."""
    api_key_never_expires: bool | None = None


class UpdateManagedOrganization(Model, frozen=True, kw_only=True):
    """Changes to a managed organization."""

    name: str | None = None
    slug: str | None = None
    metadata: dict[str, Any] | None = None
