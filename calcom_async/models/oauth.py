"""Tokens of managed users (platform) and of third-party OAuth2 clients."""

from datetime import datetime
from typing import ClassVar

from calcom_async.models._base import SecretModel
from calcom_async.models.times import from_epoch


class ManagedUserTokens(SecretModel, frozen=True, kw_only=True):
    """Tokens of a managed user, valid for 60 minutes (access) and one year (refresh).

    Refreshing returns a new pair and revokes the refresh token; the old access token works until it expires. A forced
    refresh revokes both immediately.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token"})

    access_token: str
    refresh_token: str
    access_token_expires_at: int
    """Epoch milliseconds, like `refresh_token_expires_at`."""
    refresh_token_expires_at: int

    @property
    def access_expires(self) -> datetime | None:
        """Expiry of the access token; None if the server's number is out of range."""
        return from_epoch(self.access_token_expires_at, per_second=1000)

    @property
    def refresh_expires(self) -> datetime | None:
        """Expiry of the refresh token; None if the server's number is out of range."""
        return from_epoch(self.refresh_token_expires_at, per_second=1000)


class OAuth2Tokens(SecretModel, frozen=True, kw_only=True, rename=None):
    """Tokens of a third-party client, valid for 30 minutes (access) and 30 days (refresh).

    The only response in snake case and without an envelope. Refreshing does not revoke the old refresh token.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"access_token", "refresh_token"})

    access_token: str
    token_type: str
    refresh_token: str
    expires_in: int
    """Seconds."""


class ApiKeyRefreshed(SecretModel, frozen=True, kw_only=True):
    """A new API key. The old one is revoked before this response arrives."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"api_key"})

    api_key: str
