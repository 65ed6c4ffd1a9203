"""Connected conferencing apps and Stripe accounts, and the URLs to connect them."""

from typing import Any, ClassVar, Literal

from calcom_async.models._base import Model, SecretModel

ConferencingAppSlug = Literal["google-meet", "zoom", "msteams", "daily-video"] | str
"""`daily-video` is Cal Video, which needs no connection; `msteams` is also known as office365-video."""


class ConferencingApp(SecretModel, frozen=True, kw_only=True):
    """The stored connection of a user or a team to a conferencing app; `key` may contain its tokens."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"key"})

    id: int
    type: str
    """For example `google_video`, `zoom_video` or `office365_video`."""
    user_id: int | None = None
    """None for the app of a team, as `team_id` is for that of a user."""
    team_id: int | None = None
    app_id: str | None = None
    invalid: bool | None = None
    """Whether the connection is broken."""
    key: Any = None
    subscription_id: str | None = None
    payment_status: str | None = None
    billing_cycle_start: int | None = None
    delegation_credential_id: str | None = None


# A shape of its own in the specification of September 2026: team and user routes return `ConferencingApp`.
class UserConferencingApp(Model, frozen=True, kw_only=True):
    """A conferencing app that a user of an organization has connected."""

    id: int
    type: str
    """For example `google_video`, `zoom_video` or `office365_video`."""
    user_id: int
    invalid: bool | None = None
    """Whether the connection is broken."""
    app_slug: ConferencingAppSlug
    is_default: bool


class DefaultConferencingApp(Model, frozen=True, kw_only=True):
    """The app or the fixed link for bookings of event types without a location."""

    app_slug: ConferencingAppSlug | None = None
    app_link: str | None = None


class ConferencingAuthUrl(SecretModel, frozen=True, kw_only=True):
    """URL where the user connects a conferencing app.

    It contains the API key of the caller in its `state`. Reprs mask it; do not log it.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"url"})

    url: str


class StripeAuthUrl(SecretModel, frozen=True, kw_only=True):
    """URL where the user connects Stripe.

    It contains the API key of the caller in its `state`. Reprs mask it; do not log it.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"auth_url"})

    auth_url: str
