"""Who asks: the three kinds of credentials, the headers that prove them, and the renewal of access tokens."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Protocol

from calcom_async.errors import (
    ApiError,
    ConfigError,
    DecodeError,
    TokenExpiredError,
    TransportError,
    UnauthorizedError,
)
from calcom_async.models._base import SecretModel
from calcom_async.models.oauth import ManagedUserTokens, OAuth2Tokens
from calcom_async.wire import Request, Response, decode, encode, fill, read

Send = Callable[[Request], Awaitable[Response]]

SOON = timedelta(seconds=30)


class Credentials(Protocol):
    """What the client needs of a credential."""

    @property
    def budget(self) -> int:
        """The documented limit, in calls a minute."""

    @property
    def fingerprint(self) -> str:
        """Whose rate limit it is, without giving the secret away."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that prove it."""

    async def refresh_soon(self, send: Send) -> None:
        """Renew ahead of the end, where the end is known and near."""

    async def renewed(self, send: Send, stale: str, refusal: UnauthorizedError) -> bool:
        """Renew after a refusal of the credential whose fingerprint was `stale`; False if that cannot help."""

    async def aclose(self) -> None:
        """Wait for a renewal in flight: a token that was paid for must be stored."""


def _fingerprint(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()[:16]


def _header_value(text: str, what: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{what} must be one word of ASCII text, without spaces or line ends; what was given is not")
    return text


class ApiKey:
    """An API key, `cal_...` or `cal_live_...`: acts as its user, 120 calls a minute unless Cal.com says otherwise."""

    budget = 120

    def __init__(self, key: str) -> None:
        self.replace(key)

    def __repr__(self) -> str:
        return "ApiKey('***')"

    def replace(self, key: str) -> None:
        """Go on with another key, for all clients that hold this object: the old one was refreshed."""
        self.headers: Mapping[str, str] = {"Authorization": "Bearer " + _header_value(key, "the API key")}
        self.fingerprint: str = _fingerprint(key)

    async def refresh_soon(self, send: Send) -> None:
        """A key is not renewed."""

    async def renewed(self, send: Send, stale: str, refusal: UnauthorizedError) -> bool:  # noqa: ARG002
        """A key is not renewed; but it may have been replaced while the refused call was on its way."""
        return stale != self.fingerprint

    async def aclose(self) -> None:
        """Nothing is in flight."""


class PlatformClient(ApiKey):
    """Id and secret of a platform OAuth client: acts as the owner of its organisation, 500 calls a minute."""

    budget = 500

    def __init__(self, client_id: str, secret: str) -> None:
        self.client_id: str = _header_value(client_id, "the client id")
        secret = _header_value(secret, "the client secret")
        self.headers: Mapping[str, str] = {"x-cal-client-id": client_id, "x-cal-secret-key": secret}
        self.fingerprint: str = _fingerprint(client_id)

    def __repr__(self) -> str:
        return f"PlatformClient({self.client_id!r}, '***')"


class Tokens(SecretModel, frozen=True):
    """A pair of tokens as `on_renewed` gets it, to be stored at once: the old refresh token may be dead already."""

    secrets: ClassVar[frozenset[str]] = frozenset({"access", "refresh"})

    access: str
    refresh: str | None
    expires_at: datetime | None


class AccessToken:
    """An access token, of a managed user or (with `oauth2=True`) of a third-party OAuth2 app; 500 calls a minute.

    With `refresh` and `client_id` it renews itself: a managed user's on 498, an OAuth2 one shortly before `expires_at`
    or once after a 401. Tasks that meet the end together share one renewal. `on_renewed(tokens)`, sync or async, is
    called before the call is repeated; store the new pair there, since the refresh token of a managed user works only
    once.

    A managed user's renewal needs `client_secret`; an OAuth2 one only for confidential clients.
    """

    budget = 500

    def __init__(
        self,
        access: str,
        refresh: str | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        oauth2: bool = False,
        expires_at: datetime | None = None,
        on_renewed: Callable[[Tokens], object] | None = None,
    ) -> None:
        if refresh and not (client_id and (client_secret or oauth2)):
            raise ConfigError("to renew an access token, give client_id and client_secret beside the refresh token")
        if expires_at is not None and expires_at.tzinfo is None:
            raise ConfigError("expires_at has no time zone; datetime.fromtimestamp(..., tz=UTC) gives one")
        self.client_id: str = client_id or ""
        self.client_secret = client_secret
        self.oauth2 = oauth2
        self.on_renewed = on_renewed
        access = _header_value(access, "the access token")
        self.tokens: Tokens = Tokens(access=access, refresh=refresh, expires_at=expires_at)
        self._renewal: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"AccessToken('***', oauth2={self.oauth2}, expires_at={self.tokens.expires_at})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_renewal": None}

    @property
    def headers(self) -> Mapping[str, str]:
        """The bearer header with the present token."""
        return {"Authorization": f"Bearer {self.tokens.access}"}

    @property
    def fingerprint(self) -> str:
        """The present token's; the server counts each token apart."""
        return _fingerprint(self.tokens.access)

    async def refresh_soon(self, send: Send) -> None:
        """Renew an OAuth2 token in its last 30 s; if that fails while it still works, go on with it."""
        end = self.tokens.expires_at
        if not (self.oauth2 and self.tokens.refresh and end) or datetime.now(UTC) < end - SOON:
            return
        try:
            await self._renew_once(send)
        except (ApiError, TransportError):
            if datetime.now(UTC) >= end:
                raise

    async def renewed(self, send: Send, stale: str, refusal: UnauthorizedError) -> bool:
        """Renew if the refusal can mean an expired token; True when there is another token to try with."""
        if stale != self.fingerprint:
            # Another task has renewed it, but perhaps not stored it yet.
            if self._renewal and not self._renewal.done():
                await self._renew_once(send)
            return True
        expired = isinstance(refusal, TokenExpiredError) or (self.oauth2 and refusal.code is not None)
        if not expired or not self.tokens.refresh:
            return False
        await self._renew_once(send)
        return True

    async def aclose(self) -> None:
        """Wait for a renewal in flight; how it ended was told to those who asked for it."""
        task, self._renewal = self._renewal, None
        if task and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([task])

    async def _renew_once(self, send: Send) -> None:
        """One renewal in flight; a caller that is cancelled leaves it running for the others."""
        task = self._renewal
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._renewal = asyncio.create_task(self._renew(send))
        await asyncio.shield(task)

    async def _renew(self, send: Send) -> None:
        response = await send(self._renewal_request())
        self.tokens = self._pair(response)
        if self.on_renewed:
            stored = self.on_renewed(self.tokens)
            if inspect.isawaitable(stored):
                await stored

    def _pair(self, response: Response) -> Tokens:
        pair = decode(OAuth2Tokens, response.body) if self.oauth2 else read(ManagedUserTokens, response)
        if not (pair and pair.access_token):
            raise DecodeError("the renewal of the access token was answered without a token; is the base URL right?")
        if not self.oauth2:
            end = pair.access_expires if pair.access_token_expires_at else None
        else:
            end = datetime.now(UTC) + timedelta(seconds=pair.expires_in) if pair.expires_in else None
        return Tokens(access=pair.access_token, refresh=pair.refresh_token or self.tokens.refresh, expires_at=end)

    def _renewal_request(self) -> Request:
        if self.oauth2:
            body = {"client_id": self.client_id, "grant_type": "refresh_token", "refresh_token": self.tokens.refresh}
            if self.client_secret:
                body["client_secret"] = self.client_secret
            return Request(method="POST", template="/auth/oauth2/token", path="/auth/oauth2/token", body=encode(body))
        headers = {"x-cal-secret-key": self.client_secret or ""}
        template = "/oauth/{}/refresh"
        body = {"refreshToken": self.tokens.refresh}
        return Request(
            method="POST", template=template, path=fill(template, [self.client_id]), headers=headers, body=encode(body)
        )
