"""Video conferencing apps and Stripe: what is connected, and where to go to connect."""

from typing import Any, ClassVar, Literal

from calcom_async.models._base import Model, SecretModel

ConferencingAppSlug = Literal["google-meet", "zoom", "msteams", "daily-video"] | str
"""`daily-video` is Cal Video, which needs no connection; `msteams` is also known as office365-video."""


class ConferencingApp(SecretModel, frozen=True, kw_only=True):
    """The stored connection of a user or a team to a conferencing app; `key` may hold its tokens."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"key"})

    id: int
    type: str
    """Such as `google_video`, `zoom_video` or `office365_video`."""
    user_id: int | None = None
    """None for a team's, as is `team_id` for a user's."""
    team_id: int | None = None
    app_id: str | None = None
    invalid: bool | None = None
    """Whether the connection is broken."""
    key: Any = None
    subscription_id: str | None = None
    payment_status: str | None = None
    billing_cycle_start: int | None = None
    delegation_credential_id: str | None = None


class DefaultConferencingApp(Model, frozen=True, kw_only=True):
    """The app, or the fixed link, that bookings of event types without a location use."""

    app_slug: ConferencingAppSlug | None = None
    app_link: str | None = None


class ConferencingAuthUrl(SecretModel, frozen=True, kw_only=True):
    """Where the user has to go to connect a conferencing app.

    The URL carries the caller's API key inside its state, so it is masked in reprs; do not log it.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"url"})

    url: str


class StripeAuthUrl(SecretModel, frozen=True, kw_only=True):
    """Where the user has to go to connect Stripe.

    The URL carries the caller's API key inside its state, so it is masked in reprs; do not log it.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"auth_url"})

    auth_url: str
