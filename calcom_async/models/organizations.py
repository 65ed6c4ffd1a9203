"""Organisations that a platform manages, and the credentials that act for everybody in one."""

from datetime import datetime
from typing import Any, ClassVar

from calcom_async.models._base import Model, SecretModel


class ManagedOrganization(SecretModel, frozen=True, kw_only=True):
    """An organisation made by a platform; `api_key` comes only in the answer that creates it."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"api_key"})

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
    slug: str | None = None
    metadata: dict[str, Any] | None = None
    api_key_days_valid: int | None = None
    """30 unless given."""
    api_key_never_expires: bool | None = None


class UpdateManagedOrganization(Model, frozen=True, kw_only=True):
    """Changes to a managed organisation."""

    name: str | None = None
    slug: str | None = None
    metadata: dict[str, Any] | None = None


class WorkspacePlatform(Model, frozen=True, kw_only=True, gc=False):
    """Where the accounts of an organisation live."""

    name: str
    slug: str
    """`google` or `office365`."""


class DelegationCredential(Model, frozen=True, kw_only=True):
    """What lets Cal.com use the calendars of everybody in a domain; the service account's key never comes back."""

    id: str
    enabled: bool
    domain: str
    organization_id: int
    workspace_platform: WorkspacePlatform
    created_at: datetime
    updated_at: datetime


class ServiceAccountKey(SecretModel, frozen=True, kw_only=True, rename=None):
    """The key of a service account: Google's has a `client_email`, Microsoft's a `tenant_id`."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"private_key"})

    private_key: str
    client_id: str
    client_email: str | None = None
    tenant_id: str | None = None


class CreateDelegationCredential(Model, frozen=True, kw_only=True):
    """A new delegation credential, disabled at first; one for each domain."""

    workspace_platform_slug: str
    domain: str
    service_account_key: ServiceAccountKey


class UpdateDelegationCredential(Model, frozen=True, kw_only=True):
    """Changes to a delegation credential; a key that does not work cannot be enabled (500)."""

    enabled: bool | None = None
    service_account_key: ServiceAccountKey | None = None
