"""Organizations managed by a platform, and delegation credentials."""

from datetime import datetime
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


class WorkspacePlatform(Model, frozen=True, kw_only=True, gc=False):
    """The platform that hosts the accounts of an organization."""

    name: str
    slug: str
    """`google` or `office365`."""


class DelegationCredential(Model, frozen=True, kw_only=True):
    """Access of Cal.com to the calendars of everyone in a domain. The key of the service account is never returned."""

    id: str
    enabled: bool
    domain: str
    organization_id: int
    workspace_platform: WorkspacePlatform
    created_at: datetime
    updated_at: datetime


class ServiceAccountKey(SecretModel, frozen=True, kw_only=True, rename=None):
    """Key of a service account: Google's has a `client_email`, Microsoft's a `tenant_id`."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"private_key"})

    private_key: str
    client_id: str
    client_email: str | None = None
    tenant_id: str | None = None


class CreateDelegationCredential(Model, frozen=True, kw_only=True):
    """A new delegation credential, initially disabled; one per domain."""

    workspace_platform_slug: str
    domain: str
    service_account_key: ServiceAccountKey


class UpdateDelegationCredential(Model, frozen=True, kw_only=True):
    """Changes to a delegation credential. Enabling a key that does not work returns 500."""

    enabled: bool | None = None
    service_account_key: ServiceAccountKey | None = None
