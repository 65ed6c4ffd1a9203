"""OAuth clients of a platform, and the users that they manage."""

from datetime import datetime
from typing import Any, ClassVar, Final, Literal, get_args

from msgspec.structs import force_setattr

from calcom_async.models._base import Model, SecretModel
from calcom_async.models.me import UpdateMe
from calcom_async.models.oauth import ManagedUserTokens
from calcom_async.models.times import Weekday

_Permission = Literal[
    "EVENT_TYPE_READ",
    "EVENT_TYPE_WRITE",
    "BOOKING_READ",
    "BOOKING_WRITE",
    "SCHEDULE_READ",
    "SCHEDULE_WRITE",
    "APPS_READ",
    "APPS_WRITE",
    "PROFILE_READ",
    "PROFILE_WRITE",
]
OAuthPermission = _Permission | str
"""A permission of the tokens of a client; `"*"` in a new client grants all."""
OAUTH_PERMISSIONS: Final[tuple[str, ...]] = get_args(_Permission)


class OAuthClient(SecretModel, frozen=True, kw_only=True):
    """An OAuth client of a platform. The server returns its secret every time; reprs mask it."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"secret"})

    id: str
    name: str
    secret: str
    permissions: list[OAuthPermission]
    logo: str | None = None
    redirect_uris: list[str]
    organization_id: int
    created_at: datetime
    booking_redirect_uri: str | None = None
    booking_cancel_redirect_uri: str | None = None
    booking_reschedule_redirect_uri: str | None = None
    are_emails_enabled: bool | None = None
    are_default_event_types_enabled: bool | None = None
    """Whether new managed users get four event types: 30 and 60 minutes, with and without video."""
    are_calendar_events_enabled: bool | None = None


class OAuthClientCredentials(SecretModel, frozen=True, kw_only=True):
    """Id and secret of a new client, for `PlatformClient`."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"client_secret"})

    client_id: str
    client_secret: str


class UpdateOAuthClient(Model, frozen=True, kw_only=True):
    """Changes to a client; omitted fields stay unchanged. Permissions cannot be changed."""

    name: str | None = None
    redirect_uris: list[str] | None = None
    """Allowed redirect targets of an authorization. Browsers may use the client's tokens from their origins."""
    logo: str | None = None
    booking_redirect_uri: str | None = None
    booking_cancel_redirect_uri: str | None = None
    booking_reschedule_redirect_uri: str | None = None
    are_emails_enabled: bool | None = None
    are_default_event_types_enabled: bool | None = None
    """Default: off."""
    are_calendar_events_enabled: bool | None = None
    """Default: on."""


class CreateOAuthClient(UpdateOAuthClient, frozen=True, kw_only=True):
    """A new client of the platform organization."""

    name: str
    redirect_uris: list[str]
    permissions: list[OAuthPermission]
    """Names of permissions, or `["*"]` for all."""


# Self-hosted servers of 2025-12 omit `metadata` and return null for the locale if they were never set.
class ManagedUser(Model, frozen=True, kw_only=True):
    """A user managed by a client. The address contains the id of the client: `ada+<client id>@example.com`."""

    id: int
    email: str
    username: str | None = None
    name: str | None = None
    bio: str | None = None
    time_zone: str
    week_start: str
    created_date: datetime
    time_format: int | None = None
    default_schedule_id: int | None = None
    """None for users created without a time zone: they have no schedule, so no slots."""
    locale: str | None = None
    avatar_url: str | None = None
    metadata: dict[str, Any] | None = None


class ManagedUserCreated(ManagedUserTokens, frozen=True, kw_only=True):
    """A new managed user with tokens."""

    user: ManagedUser


class CreateManagedUser(Model, frozen=True, kw_only=True):
    """A new managed user; `time_zone` creates a default schedule, Monday to Friday, 09:00 to 17:00."""

    email: str
    """The user's own address; the server adds the id of the client to it."""
    name: str
    time_format: int | None = None
    """12 or 24."""
    week_start: int | str | None = None
    """A weekday in any form that `Weekday.of` accepts; 0 = Sunday."""
    time_zone: str | None = None
    locale: str | None = None
    avatar_url: str | None = None
    bio: str | None = None
    metadata: dict[str, Any] | None = None
    """Up to 50 keys of 40 characters, with values of 500."""

    def __post_init__(self) -> None:
        if self.week_start is not None:
            force_setattr(self, "week_start", Weekday.of(self.week_start))


class UpdateManagedUser(UpdateMe, frozen=True, kw_only=True):
    """Changes to a managed user. A new address takes effect immediately; `metadata` is replaced as a whole."""


class OAuth2Client(Model, frozen=True, kw_only=True, rename=None):
    """Public data of a third-party OAuth2 client, in snake case on the wire."""

    client_id: str
    name: str
    # Servers have one or the other: the field was renamed between March and September 2026.
    redirect_uris: list[str] | None = None
    redirect_uri: str | None = None
    """From servers where a client has only one."""
    logo: str | None = None
    is_trusted: bool
    client_type: Literal["CONFIDENTIAL", "PUBLIC"] | str
