"""Tokens of managed users (platform) and of third-party OAuth2 clients."""

from datetime import datetime
from typing import ClassVar

from calcom_async.models._base import SecretModel
from calcom_async.models.times import from_epoch


class ManagedUserTokens(SecretModel, frozen=True, kw_only=True):
    """A managed user's pair of tokens: 60 minutes and one year.

    A refresh gives a new pair and spends the refresh token, while the old access token works until it expires; a forced
    refresh ends both at once.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token"})

    access_token: str
    refresh_token: str
    access_token_expires_at: int
    """Epoch milliseconds, as is `refresh_token_expires_at`."""
    refresh_token_expires_at: int

    @property
    def access_expires(self) -> datetime | None:
        """When the access token ends; None where the server's figure is no time."""
        return from_epoch(self.access_token_expires_at, per_second=1000)

    @property
    def refresh_expires(self) -> datetime | None:
        """When the refresh token ends; None where the server's figure is no time."""
        return from_epoch(self.refresh_token_expires_at, per_second=1000)


class OAuth2Tokens(SecretModel, frozen=True, kw_only=True, rename=None):
    """A third-party client's pair of tokens: 30 minutes and 30 days.

    The only answer in snake_case and without an envelope. A refresh does not end the old refresh token.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token"})

    access_token: str
    token_type: str
    refresh_token: str
    expires_in: int
    """Seconds."""


class ApiKeyRefreshed(SecretModel, frozen=True, kw_only=True):
    """A fresh API key; the old one is dead as soon as this arrives."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"api_key"})

    api_key: str
