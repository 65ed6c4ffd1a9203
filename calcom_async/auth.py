"""Credentials: API keys, platform clients and access tokens, their headers, and refreshing tokens."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from calcom_async.decoding import decode
from calcom_async.errors import (
    ApiError,
    BadRequestError,
    ConfigError,
    DecodeError,
    InvalidRequestError,
    TokenExpiredError,
    TokenStoreError,
    TransportError,
    UnauthorizedError,
)
from calcom_async.events import log
from calcom_async.models._base import SecretModel
from calcom_async.models.times import parse_datetime
from calcom_async.requests import CallContext, Request, encode, fill
from calcom_async.responses import Response, Send
from calcom_async.secret import Hidden, Secret, fingerprint

if TYPE_CHECKING:
    from calcom_async.token_store import SharedTokens, TokenStore

REFRESH_MARGIN = timedelta(seconds=30)
REJECTED_REFRESH = (
    "If the refresh token was used before, for example by a refresh whose response was lost, it cannot be used again. "
    "Get new tokens: with `force_refresh` for a managed user, by authorization for an OAuth2 app"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Credentials(Protocol):
    """Interface of credentials."""

    @property
    def default_rate_limit(self) -> int:
        """The documented rate limit, in requests per minute."""

    @property
    def fingerprint(self) -> str:
        """Rate limit key: identifies the credentials without revealing the secret."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The authentication headers."""

    async def refresh_if_expiring(self, send: Send) -> None:
        """Refresh the token if it is about to expire."""

    async def refresh_after(self, send: Send, stale: str, error: UnauthorizedError) -> bool:
        """Refresh the token with the fingerprint `stale` after a 401; return False if that cannot help."""

    async def aclose(self) -> None:
        """Wait for a refresh in progress, since the new token must be stored."""


def rate_limit_key(base_url: str, fingerprint: str) -> str:
    """Return the key of the rate limit of credentials; the same credentials have another limit on another server."""
    return f"{base_url} {fingerprint}"


class ApiKey:
    """An API key, `cal_...` or `cal_live_...`. Acts as its user, by default with 120 requests per minute."""

    default_rate_limit = 120

    def __init__(self, key: str | Secret) -> None:
        key = Secret(key)
        self.replace(key)

    def __repr__(self) -> str:
        return "ApiKey('***')"

    def replace(self, key: str | Secret) -> None:
        """Use another key from now on, in all clients that share this object, after the old one was refreshed."""
        key = Secret(key)
        self._key = key.checked("the API key", in_header=True)
        self.fingerprint: str = fingerprint(key)

    @property
    def headers(self) -> Mapping[str, str]:
        """The bearer header with the current key."""
        return {"Authorization": "Bearer " + self._key.reveal()}

    async def refresh_if_expiring(self, send: Send) -> None:
        """Do nothing: keys are not refreshed automatically."""

    async def refresh_after(self, send: Send, stale: str, error: UnauthorizedError) -> bool:  # noqa: ARG002
        """Return whether the key was replaced after the rejected request was sent."""
        return stale != self.fingerprint

    async def aclose(self) -> None:
        """Do nothing: there is never a refresh in progress."""


class Anonymous:
    """No credentials: for what Cal.com offers to everybody, with 120 requests per minute and IP address."""

    default_rate_limit = 120
    fingerprint = "anonymous"
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return "Anonymous()"

    async def refresh_if_expiring(self, send: Send) -> None:
        """Do nothing: there is no token."""

    async def refresh_after(self, send: Send, stale: str, error: UnauthorizedError) -> bool:  # noqa: ARG002
        """Return False: there is no token."""
        return False

    async def aclose(self) -> None:
        """Do nothing: there is never a refresh in progress."""


class PlatformClient(ApiKey):
    """Id and secret of a platform OAuth client. Acts as the owner of its organization, with 500 requests per minute."""

    default_rate_limit = 500

    def __init__(self, client_id: str | Secret, secret: str | Secret) -> None:
        client_id, secret = Secret(client_id), Secret(secret)  # wrap both: the caller may have swapped them
        self.client_id: str = ""
        self._key = secret.checked("the client secret", in_header=True)
        self.client_id = client_id.checked("the client id", in_header=True).reveal()
        self.fingerprint: str = fingerprint(client_id)

    @property
    def headers(self) -> Mapping[str, str]:
        """The two headers of a platform client."""
        return {"x-cal-client-id": self.client_id, "x-cal-secret-key": self._key.reveal()}

    def __repr__(self) -> str:
        return f"PlatformClient({self.client_id!r}, '***')"


class Tokens(SecretModel, frozen=True):
    """The pair of tokens passed to `on_refresh`. Store it at once: the old refresh token may be revoked already."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"access", "refresh"})

    access: str
    refresh: str | None
    expires_at: datetime | None


class AccessToken:
    """An access token of a managed user, or with `oauth2=True` of a third-party OAuth2 app; 500 requests per minute.

    With `refresh` and `client_id` it refreshes itself: for a managed user after a 498, for OAuth2 shortly before
    `expires_at` or once after a 401. Concurrent requests share one refresh. `on_refresh(tokens)`, sync or async, is
    called before the request is retried. Store the new pair there, because the refresh token of a managed user works
    only once.

    Processes that act as one user share its tokens with a `store`, such as `FileTokenStore` or `RedisTokenStore`: one
    of them refreshes, and stores the new pair before it uses it and before its `on_refresh` is called. The others use
    that pair. A stored pair that was made from the given one replaces it, also in a process that starts later. While
    the store cannot be used, requests raise `TokenStoreError`, or `ConnectionFailedError` if Redis is unavailable;
    until a new pair is stored, no request uses it.

    Refreshing needs `client_secret` for managed users and for confidential OAuth2 clients.
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
        store: TokenStore | None = None,
    ) -> None:
        access, refresh, client_secret = Secret(access), _secret_or_none(refresh), _secret_or_none(client_secret)
        self.oauth2 = oauth2
        self._expires_at: datetime | None = None
        if refresh and not (client_id and (client_secret or oauth2)):
            raise ConfigError("refreshing an access token needs client_id and client_secret as well")
        if not isinstance(client_id, str | None):
            raise ConfigError(f"client_id must be a string, got {type(client_id).__name__}")
        try:
            self._expires_at = None if expires_at is None else parse_datetime(expires_at, "expires_at")
        except InvalidRequestError as error:
            raise ConfigError(str(error)) from None
        self.client_id: str = client_id or ""
        self.client_secret: Secret | None = client_secret.checked("the client secret") if client_secret else None
        self.on_refresh = on_refresh
        self._access = access.checked("the access token", in_header=True)
        self.fingerprint: str = fingerprint(self._access)  # of the current token: the server counts requests per token
        self._refresh: Secret | None = refresh.checked("the refresh token") if refresh else None
        self._refresh_task: asyncio.Task[None] | None = None
        self._shared: SharedTokens | None = None
        if store is not None:
            from calcom_async.token_store import SharedTokens  # noqa: PLC0415 - most credentials have no store

            self._shared = SharedTokens(store, self._refresh)

    def __repr__(self) -> str:
        return f"AccessToken('***', oauth2={self.oauth2}, expires_at={self._expires_at})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_refresh_task": None}

    @property
    def tokens(self) -> Tokens:
        """The current pair of tokens."""
        return Tokens(
            access=self._access.reveal(),
            refresh=self._refresh.reveal() if self._refresh else None,
            expires_at=self._expires_at,
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """The bearer header with the current token."""
        return {"Authorization": "Bearer " + self._access.reveal()}

    async def refresh_if_expiring(self, send: Send) -> None:
        """Refresh an OAuth2 token in its last 30 s. If that fails, use the old one as long as it is valid."""
        if self._shared and not self._shared.is_synchronized:
            await self._refresh_once(send, None)
        end = self._expires_at
        if not (self.oauth2 and self._refresh and end) or datetime.now(UTC) < end - REFRESH_MARGIN:
            return
        try:
            await self._refresh_once(send, self.fingerprint)
        except (ApiError, TransportError):
            if datetime.now(UTC) >= end:
                raise

    async def refresh_after(self, send: Send, stale: str, error: UnauthorizedError) -> bool:
        """Refresh after an error that may mean an expired token; return True if there is a new token to try."""
        if stale != self.fingerprint:
            # Another task has refreshed the token, but may not have stored it yet.
            is_unstored = self._shared and not self._shared.is_synchronized
            if is_unstored or (self._refresh_task and not self._refresh_task.done()):
                await self._refresh_once(send, None)
            return True
        expired = isinstance(error, TokenExpiredError) or (self.oauth2 and error.code is not None)
        if not expired or not self._refresh:
            return False
        await self._refresh_once(send, stale)
        return True

    async def aclose(self) -> None:
        """Wait for a refresh in progress. Its errors were raised in the calls that waited for it."""
        task, self._refresh_task = self._refresh_task, None
        if task and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([task])

    async def _refresh_once(self, send: Send, stale: str | None) -> None:
        """Start a refresh, or join the one in progress. Cancelling a caller does not cancel it for the others."""
        task = self._refresh_task
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._refresh_task = asyncio.create_task(self._do_refresh(send, stale))
        await asyncio.shield(task)

    async def _do_refresh(self, send: Send, stale: str | None) -> None:
        """Replace the token with the fingerprint `stale`; None only synchronizes with the store.

        Store and report new tokens before anything about them can fail.
        """
        problem: TokenStoreError | None = None
        if self._shared is None:
            pair: _TokenPair | None = await self._request_pair(send)
        else:
            async with self._shared.lock():
                pair = await self._newer_pair(send, stale, self._shared)
                if not self._shared.is_synchronized:
                    problem = await self._shared.save(self._access, self._refresh, self._expires_at)
        if pair and self.on_refresh is not None:
            stored = self.on_refresh(self.tokens)
            if inspect.isawaitable(stored):
                await stored
        if problem:
            raise problem
        if pair and not pair.access:
            raise DecodeError("the response to the token refresh contains no valid access token")

    async def _newer_pair(self, send: Send, stale: str | None, shared: SharedTokens) -> _TokenPair | None:
        """Use the pair in the store if it is newer and valid; otherwise refresh and return the new one."""
        await self._use_stored(shared)
        if stale is None or (stale != self.fingerprint and not self._is_expiring()):
            return None
        try:
            return await self._request_pair(send)
        except BadRequestError:
            # A process that lost the lock may have refreshed the pair at the same time.
            if not await self._use_stored(shared):
                raise
        return None

    async def _use_stored(self, shared: SharedTokens) -> bool:
        """Use the pair in the store if it is newer, and return whether it was."""
        newer = await shared.read(self._access, self._refresh)
        if newer:
            self._replace(Secret(newer.access), Secret(newer.refresh), newer.expires_at)
        return newer is not None

    async def _request_pair(self, send: Send) -> _TokenPair:
        """Refresh the pair, and use what the server sent of it."""
        try:
            response = await send(self._refresh_request(), CallContext(is_anonymous=True))
        except BadRequestError as error:
            error.hint = error.hint or REJECTED_REFRESH
            raise
        pair = _TokenPair(response, oauth2=self.oauth2)
        if not (pair.access or pair.refresh):
            raise DecodeError("the response to the token refresh contains no token. Check the base URL")
        if self._shared:
            self._shared.note_refresh(self._refresh)
        self._replace(pair.access or self._access, pair.refresh or self._refresh, pair.expires_at)
        return pair

    def _replace(self, access: Secret, refresh: Secret | None, expires_at: datetime | None) -> None:
        self._access, self._refresh, self._expires_at = access, refresh, expires_at
        self.fingerprint = fingerprint(access)

    def _is_expiring(self) -> bool:
        return self._expires_at is not None and datetime.now(UTC) >= self._expires_at - REFRESH_MARGIN

    def _refresh_request(self) -> Request:
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


class _TokenPair:
    """Tokens in a refresh response. Invalid ones become None, without affecting the others."""

    def __init__(self, response: Response, *, oauth2: bool) -> None:
        fields = Hidden(_fields(response, oauth2=oauth2))
        access, refresh = ("access_token", "refresh_token") if oauth2 else ("accessToken", "refreshToken")
        self.access = _usable(Secret(fields.reveal().get(access)), in_header=True)
        self.refresh = _usable(Secret(fields.reveal().get(refresh)))
        lifetime, end = [fields.reveal().get(name) for name in ("expires_in", "accessTokenExpiresAt")]
        self.expires_at = _after(datetime.now(UTC), lifetime) if oauth2 else _after(EPOCH, end, 1000)


def _fields(response: Response, *, oauth2: bool) -> Any:
    """Return the JSON object with the tokens, which OAuth2 sends without an envelope; empty if there is none."""
    try:
        body = Hidden(decode(Any, response.body))
    except DecodeError as error:
        problem = str(error)
    else:
        if not oauth2:
            body = Hidden(body.reveal().get("data") if isinstance(body.reveal(), dict) else None)
        return body.reveal() if isinstance(body.reveal(), dict) else {}
    raise DecodeError(f"token refresh: {problem}")


def _usable(token: Secret, *, in_header: bool = False) -> Secret | None:
    """Return a token of a response; None if it cannot be one."""
    try:
        return token.checked("the token", in_header=in_header)
    except ConfigError:
        return None


def _after(start: datetime, units: Any, per_second: int = 1) -> datetime | None:
    """Return the time `units` after the start; None for an invalid value."""
    if not isinstance(units, int | float) or units <= 0:
        return None
    try:
        return start + timedelta(seconds=units / per_second)
    except (OverflowError, ValueError):
        log.warning("the new access token has an unreadable expiry; it is refreshed once the server rejects it")
        return None


def _secret_or_none(text: str | Secret | None) -> Secret | None:
    return None if text is None or text == "" else Secret(text)
