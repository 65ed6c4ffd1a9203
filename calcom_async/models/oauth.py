"""Tokens of managed users (platform) and of third-party OAuth2 clients."""

from datetime import UTC, datetime
from typing import ClassVar

from calcom_async.models._base import SecretModel


class ManagedUserTokens(SecretModel, frozen=True, kw_only=True):
    """A managed user's pair of tokens: 60 minutes and one year.

    A refresh gives a new pair and spends the refresh token, while the old access token works until it expires; a forced
    refresh ends both at once.
    """

    secrets: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token"})

    access_token: str
    refresh_token: str
    access_token_expires_at: int
    """Epoch milliseconds, as is `refresh_token_expires_at`."""
    refresh_token_expires_at: int

    @property
    def access_expires(self) -> datetime:
        """When the access token ends."""
        return datetime.fromtimestamp(self.access_token_expires_at / 1000, UTC)

    @property
    def refresh_expires(self) -> datetime:
        """When the refresh token ends."""
        return datetime.fromtimestamp(self.refresh_token_expires_at / 1000, UTC)


class OAuth2Tokens(SecretModel, frozen=True, kw_only=True, rename=None):
    """A third-party client's pair of tokens: 30 minutes and 30 days.

    The only answer in snake_case and without an envelope. A refresh does not end the old refresh token.
    """

    secrets: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token"})

    access_token: str
    token_type: str
    refresh_token: str
    expires_in: int
    """Seconds."""


class ApiKeyRefreshed(SecretModel, frozen=True, kw_only=True):
    """A fresh API key; the old one is dead as soon as this arrives."""

    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})

    api_key: str
