"""Who asks: the three kinds of credentials, the headers that prove them, and the renewal of access tokens."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Protocol

from calcom_async.decoding import decode
from calcom_async.errors import (
    ApiError,
    ConfigError,
    DecodeError,
    InvalidRequestError,
    TokenExpiredError,
    TransportError,
    UnauthorizedError,
)
from calcom_async.events import log
from calcom_async.models._base import SecretModel
from calcom_async.models.times import parse_datetime
from calcom_async.requests import Request, encode, fill
from calcom_async.responses import Response
from calcom_async.secret import Hidden, Secret

Send = Callable[[Request], Awaitable[Response]]

SOON = timedelta(seconds=30)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Credentials(Protocol):
    """What the client needs of a credential."""

    @property
    def default_rate_limit(self) -> int:
        """The documented limit, in calls a minute."""

    @property
    def fingerprint(self) -> str:
        """Whose rate limit it is, without giving the secret away."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that prove it."""

    async def refresh_if_expiring(self, send: Send) -> None:
        """Renew ahead of the end, where the end is known and near."""

    async def refresh_after(self, send: Send, stale: str, refusal: UnauthorizedError) -> bool:
        """Renew after a refusal of the credential whose fingerprint was `stale`; False if that cannot help."""

    async def aclose(self) -> None:
        """Wait for a renewal in flight: a token that was paid for must be stored."""


def _fingerprint(secret: Secret) -> str:
    return sha256(secret.reveal().encode()).hexdigest()[:16]


class ApiKey:
    """An API key, `cal_...` or `cal_live_...`: acts as its user, 120 calls a minute unless Cal.com says otherwise."""

    default_rate_limit = 120

    def __init__(self, key: str | Secret) -> None:
        key = Secret(key)
        self.replace(key)

    def __repr__(self) -> str:
        return "ApiKey('***')"

    def replace(self, key: str | Secret) -> None:
        """Go on with another key, for all clients that hold this object: the old one was refreshed."""
        key = Secret(key)
        self._key = key.checked("the API key", in_header=True)
        self.fingerprint: str = _fingerprint(key)

    @property
    def headers(self) -> Mapping[str, str]:
        """The bearer header with the present key."""
        return {"Authorization": "Bearer " + self._key.reveal()}

    async def refresh_if_expiring(self, send: Send) -> None:
        """A key is not renewed."""

    async def refresh_after(self, send: Send, stale: str, refusal: UnauthorizedError) -> bool:  # noqa: ARG002
        """A key is not renewed; but it may have been replaced while the refused call was on its way."""
        return stale != self.fingerprint

    async def aclose(self) -> None:
        """Nothing is in flight."""


class PlatformClient(ApiKey):
    """Id and secret of a platform OAuth client: acts as the owner of its organisation, 500 calls a minute."""

    default_rate_limit = 500

    def __init__(self, client_id: str | Secret, secret: str | Secret) -> None:
        client_id, secret = Secret(client_id), Secret(secret)  # the two may have been mixed up
        self.client_id: str = ""
        self._key = secret.checked("the client secret", in_header=True)
        self.client_id = client_id.checked("the client id", in_header=True).reveal()
        self.fingerprint: str = _fingerprint(client_id)

    @property
    def headers(self) -> Mapping[str, str]:
        """The two headers of a platform client."""
        return {"x-cal-client-id": self.client_id, "x-cal-secret-key": self._key.reveal()}

    def __repr__(self) -> str:
        return f"PlatformClient({self.client_id!r}, '***')"


class Tokens(SecretModel, frozen=True):
    """A pair of tokens as `on_refresh` gets it, to be stored at once: the old refresh token may be dead already."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"access", "refresh"})

    access: str
    refresh: str | None
    expires_at: datetime | None


class AccessToken:
    """An access token, of a managed user or (with `oauth2=True`) of a third-party OAuth2 app; 500 calls a minute.

    With `refresh` and `client_id` it renews itself: a managed user's on 498, an OAuth2 one shortly before `expires_at`
    or once after a 401. Tasks that meet the end together share one renewal. `on_refresh(tokens)`, sync or async, is
    called before the call is repeated; store the new pair there, since the refresh token of a managed user works only
    once.

    A managed user's renewal needs `client_secret`; an OAuth2 one only for confidential clients.
    """

    default_rate_limit = 500

    def __init__(
        self,
        access: str | Secret,
        refresh: str | Secret | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | Secret | None = None,
        oauth2: bool = False,
        expires_at: datetime | str | None = None,
        on_refresh: Callable[[Tokens], object] | None = None,
    ) -> None:
        access, refresh, client_secret = Secret(access), _secret_or_none(refresh), _secret_or_none(client_secret)
        self.oauth2 = oauth2
        self._expires_at: datetime | None = None
        if refresh and not (client_id and (client_secret or oauth2)):
            raise ConfigError("to renew an access token, give client_id and client_secret beside the refresh token")
        if not isinstance(client_id, str | None):
            raise ConfigError(f"client_id must be a text (str), not {type(client_id).__name__}")
        try:
            self._expires_at = None if expires_at is None else parse_datetime(expires_at, "expires_at")
        except InvalidRequestError as error:
            raise ConfigError(str(error)) from None
        self.client_id: str = client_id or ""
        self.client_secret: Secret | None = client_secret.checked("the client secret") if client_secret else None
        self.on_refresh = on_refresh
        self._access = access.checked("the access token", in_header=True)
        self._refresh: Secret | None = refresh.checked("the refresh token") if refresh else None
        self._renewal: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"AccessToken('***', oauth2={self.oauth2}, expires_at={self._expires_at})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_renewal": None}

    @property
    def tokens(self) -> Tokens:
        """The present pair of tokens."""
        return Tokens(
            access=self._access.reveal(),
            refresh=self._refresh.reveal() if self._refresh else None,
            expires_at=self._expires_at,
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """The bearer header with the present token."""
        return {"Authorization": "Bearer " + self._access.reveal()}

    @property
    def fingerprint(self) -> str:
        """The present token's; the server counts each token apart."""
        return _fingerprint(self._access)

    async def refresh_if_expiring(self, send: Send) -> None:
        """Renew an OAuth2 token in its last 30 s; if that fails while it still works, go on with it."""
        end = self._expires_at
        if not (self.oauth2 and self._refresh and end) or datetime.now(UTC) < end - SOON:
            return
        try:
            await self._renew_once(send)
        except (ApiError, TransportError):
            if datetime.now(UTC) >= end:
                raise

    async def refresh_after(self, send: Send, stale: str, refusal: UnauthorizedError) -> bool:
        """Renew if the refusal can mean an expired token; True when there is another token to try with."""
        if stale != self.fingerprint:
            # Another task has renewed it, but perhaps not stored it yet.
            if self._renewal and not self._renewal.done():
                await self._renew_once(send)
            return True
        expired = isinstance(refusal, TokenExpiredError) or (self.oauth2 and refusal.code is not None)
        if not expired or not self._refresh:
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
        """Renew the pair. What the response holds of it is kept and reported before anything about it can fail."""
        response = await send(self._renewal_request())
        pair = _Pair(response, oauth2=self.oauth2)
        if not (pair.access or pair.refresh):
            raise DecodeError("the response to the renewal of the access token has no token. Check the base URL")
        self._access = pair.access or self._access
        self._refresh = pair.refresh or self._refresh
        self._expires_at = pair.expires_at
        if self.on_refresh is not None:
            stored = self.on_refresh(self.tokens)
            if inspect.isawaitable(stored):
                await stored
        if not pair.access:
            raise DecodeError("the response to the renewal has no access token that can be sent in a header")

    def _renewal_request(self) -> Request:
        secret = self.client_secret
        if self.oauth2:
            body = {"client_id": self.client_id, "grant_type": "refresh_token", "refresh_token": self._refresh}
            return Request(
                method="POST",
                route="/auth/oauth2/token",
                path="/auth/oauth2/token",
                body=encode(body | ({"client_secret": secret} if secret else {})),
            )
        return Request(
            method="POST",
            route="/oauth/{}/refresh",
            path=fill("/oauth/{}/refresh", [self.client_id]),
            headers={"x-cal-secret-key": secret.reveal() if secret else ""},
            body=encode({"refreshToken": self._refresh}),
        )


class _Pair:
    """The tokens in a response to a renewal; what is no token or no time is None, and costs the others nothing."""

    def __init__(self, response: Response, *, oauth2: bool) -> None:
        found = Hidden(_fields(response, oauth2=oauth2))
        access, refresh = ("access_token", "refresh_token") if oauth2 else ("accessToken", "refreshToken")
        self.access = _usable(Secret(found.reveal().get(access)), in_header=True)
        self.refresh = _usable(Secret(found.reveal().get(refresh)))
        lifetime, end = [found.reveal().get(name) for name in ("expires_in", "accessTokenExpiresAt")]
        self.expires_at = _after(datetime.now(UTC), lifetime) if oauth2 else _after(EPOCH, end, 1000)


def _fields(response: Response, *, oauth2: bool) -> Any:
    try:
        found = Hidden(decode(Any, response.body))
    except DecodeError as error:
        problem = str(error)
    else:
        if not oauth2:
            found = Hidden(found.reveal().get("data") if isinstance(found.reveal(), dict) else None)
        return found.reveal() if isinstance(found.reveal(), dict) else {}
    raise DecodeError(f"renewal of the access token: {problem}")


def _usable(token: Secret, *, in_header: bool = False) -> Secret | None:
    try:
        return token.checked("the token", in_header=in_header)
    except ConfigError:
        return None


def _after(start: datetime, units: Any, per_second: int = 1) -> datetime | None:
    """The time so many units after the start; None for what is no time."""
    if not isinstance(units, int | float) or units <= 0:
        return None
    try:
        return start + timedelta(seconds=units / per_second)
    except (OverflowError, ValueError):
        log.warning("the renewed access token has an unreadable expiry; it is renewed when the server rejects it")
        return None


def _secret_or_none(text: str | Secret | None) -> Secret | None:
    return None if text is None or text == "" else Secret(text)
