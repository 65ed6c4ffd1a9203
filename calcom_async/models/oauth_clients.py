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
"""What tokens of a client may do; `"*"`, when making a client, is all of it."""
OAUTH_PERMISSIONS: Final[tuple[str, ...]] = get_args(_Permission)


class OAuthClient(SecretModel, frozen=True, kw_only=True):
    """A platform's OAuth client. Its secret is shown at every read, so it is masked in reprs."""

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
    """Whether a new managed user gets four event types, of 30 and 60 minutes, with and without video."""
    are_calendar_events_enabled: bool | None = None


class OAuthClientCredentials(SecretModel, frozen=True, kw_only=True):
    """Id and secret of a new client: what `PlatformClient` takes."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"client_secret"})

    client_id: str
    client_secret: str


class UpdateOAuthClient(Model, frozen=True, kw_only=True):
    """Changes to a client; what is not given stays as it is. Permissions cannot be changed."""

    name: str | None = None
    redirect_uris: list[str] | None = None
    """Where an authorisation may lead back to; their origins are those that browsers may use its tokens from."""
    logo: str | None = None
    booking_redirect_uri: str | None = None
    booking_cancel_redirect_uri: str | None = None
    booking_reschedule_redirect_uri: str | None = None
    are_emails_enabled: bool | None = None
    are_default_event_types_enabled: bool | None = None
    """Off unless said."""
    are_calendar_events_enabled: bool | None = None
    """On unless said."""


class CreateOAuthClient(UpdateOAuthClient, frozen=True, kw_only=True):
    """A new client of the platform's organisation."""

    name: str
    redirect_uris: list[str]
    permissions: list[OAuthPermission]
    """Names, or `["*"]` for all."""


class ManagedUser(Model, frozen=True, kw_only=True):
    """A user that belongs to a client. The address carries the client's id: `ada+<client id>@example.com`."""

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
    """None for users made without a time zone: these have no schedule, and so no slots."""
    locale: str | None = None
    avatar_url: str | None = None
    metadata: dict[str, Any] | None = None


class ManagedUserCreated(ManagedUserTokens, frozen=True, kw_only=True):
    """A new managed user and its tokens."""

    user: ManagedUser


class CreateManagedUser(Model, frozen=True, kw_only=True):
    """A new managed user; `time_zone` makes a default schedule, Monday to Friday from 9 to 17 there."""

    email: str
    """As the user knows it; the server stores it with the client's id inside."""
    name: str
    time_format: int | None = None
    """12 or 24."""
    week_start: int | str | None = None
    """A day of the week in any form that `Weekday.of` takes; 0 = Sunday."""
    time_zone: str | None = None
    locale: str | None = None
    avatar_url: str | None = None
    bio: str | None = None
    metadata: dict[str, Any] | None = None
    """At most 50 keys of 40 characters, values of 500."""

    def __post_init__(self) -> None:
        if self.week_start is not None:
            force_setattr(self, "week_start", Weekday.of(self.week_start))


class UpdateManagedUser(UpdateMe, frozen=True, kw_only=True):
    """Changes to a managed user; a new address is applied at once, `metadata` replaces the whole object."""


class OAuth2Client(Model, frozen=True, kw_only=True, rename=None):
    """What anybody with a credential may know of a third-party OAuth2 client. Snake case on the wire."""

    client_id: str
    name: str
    redirect_uris: list[str] | None = None
    redirect_uri: str | None = None
    """Of servers where a client has only one."""
    logo: str | None = None
    is_trusted: bool
    client_type: Literal["CONFIDENTIAL", "PUBLIC"] | str
