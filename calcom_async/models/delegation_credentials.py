"""Delegation credentials: service accounts with access to the calendars of everyone in a domain."""

from datetime import datetime
from typing import ClassVar, Literal

from calcom_async.models._base import Model, SecretModel

WorkspacePlatformSlug = Literal["google", "office365"] | str
SecretRotationError = (
    Literal[
        "missing_permission",
        "tenant_lifetime_policy",
        "transient",
        "unknown",
        "pending_secret_mint_failed",
        "pending_secret_promotion_failed",
    ]
    | str
)


class WorkspacePlatform(Model, frozen=True, kw_only=True, gc=False):
    """The platform that hosts the accounts of an organization."""

    name: str
    slug: WorkspacePlatformSlug


class DelegationSecret(Model, frozen=True, kw_only=True, gc=False):
    """Times of a client secret at Microsoft. The secret itself is never returned."""

    created_at: datetime | None = None
    """Only for a pending secret."""
    expires_at: datetime | None = None
    """None if not known yet."""


# The specification has one shape per platform, without a tag. They are folded into one, which the platform tells apart.
class DelegationCredential(Model, frozen=True, kw_only=True):
    """Access of Cal.com to the calendars of everyone in a domain. The key of the service account is never returned."""

    id: str
    enabled: bool
    domain: str
    organization_id: int
    workspace_platform: WorkspacePlatform
    created_at: datetime
    updated_at: datetime
    service_account_client_id: str | None = None
    """Only `list` and `get` return it."""
    opt_out_auto_secret_rotation: bool | None = None
    """Whether Cal.com leaves the client secret alone. This and the following fields are for `office365` only."""
    secret_rotation_blocked: bool | None = None
    """Whether the rotation stopped after failures; `reset_rotation` starts it again."""
    secret: DelegationSecret | None = None
    pending_secret: DelegationSecret | None = None
    """The next secret, during a rotation."""
    secret_rotation_error_code: SecretRotationError | None = None
    """Why the last rotation failed; None if it did not."""


# Snake case on the wire, as in the key files of the platforms.
class ServiceAccountKey(SecretModel, frozen=True, kw_only=True, rename=None):
    """Key of a service account: Google's has a `client_email`, Microsoft's a `tenant_id`."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"private_key"})

    private_key: str
    client_id: str
    client_email: str | None = None
    tenant_id: str | None = None


class CreateDelegationCredential(Model, frozen=True, kw_only=True):
    """A new delegation credential, initially disabled; one per domain."""

    workspace_platform_slug: WorkspacePlatformSlug
    domain: str
    service_account_key: ServiceAccountKey
    opt_out_auto_secret_rotation: bool | None = None
    """Only for `office365`. Default: false."""


class UpdateDelegationCredential(Model, frozen=True, kw_only=True):
    """Changes to a delegation credential. Enabling a key that does not work returns 500."""

    enabled: bool | None = None
    service_account_key: ServiceAccountKey | None = None
    opt_out_auto_secret_rotation: bool | None = None
    """Only for `office365`; 400 for `google`."""
