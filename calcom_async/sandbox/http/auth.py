"""Authentication: reads the credentials of a request and returns the caller, or the error of the real server.

The real server does this in `apps/api/v2/src/modules/auth/strategies/api-auth/api-auth.strategy.ts` of
https://github.com/calcom/cal.com.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from calcom_async.sandbox.http.errors import HttpError, forbidden, string_details, unauthorized
from calcom_async.sandbox.state.store import Store

KEY_PREFIX = "cal_"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request. `user_id` is None only for anonymous callers of optional and public routes."""

    kind: Literal["key", "token", "client", "none"]
    user_id: int | None = None
    client_id: str | None = None
    key: str | None = None


ANONYMOUS = Caller("none")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request, not yet checked."""

    bearer: str | None
    client_id: str | None
    secret: str | None
    origin: str | None

    @classmethod
    def of(cls, headers: Mapping[str, str], path: Mapping[str, str]) -> Credentials:
        """Read the headers; a `{clientId}` in the path replaces the client id header."""
        sent = headers.get("Authorization")
        # Like the real server, remove only this exact scheme: a bare key works, "bearer cal_..." counts as a token.
        bearer = sent.replace("Bearer ", "").strip() if sent else None
        client_id = path.get("clientId") or headers.get("x-cal-client-id")
        return cls(bearer or None, client_id or None, headers.get("x-cal-secret-key") or None, headers.get("Origin"))

    @property
    def key(self) -> str | None:
        """The API key, if the bearer is one."""
        return self.bearer if self.bearer and self.bearer.startswith(KEY_PREFIX) else None

    def tracker(self, ip: str) -> str:
        """Return the key by which the rate limiter counts."""
        if self.bearer:
            return f"{'key' if self.key else 'token'}:{self.bearer}"
        return f"client:{self.client_id}" if self.client_id else f"ip:{ip}"


def check_key_exists(store: Store, sent: Credentials) -> None:
    """Raise an error for unknown keys. The limiter does this before anything else, on public routes too."""
    if sent.key is not None and sent.key not in store.api_keys and sent.key not in store.expired_keys:
        # So this 401 carries no rate limit headers, unlike all others.
        raise unauthorized("CustomThrottlerGuard - Invalid API Key")


def authenticate(
    store: Store, sent: Credentials, now: datetime, auth: Auth = "required", kinds: Sequence[Kind] = ()
) -> Caller:
    """Return the caller of a route that needs `auth` and accepts these kinds of credentials (all if empty)."""
    if auth == "public":
        return ANONYMOUS
    if auth == "guarded" and not sent.bearer and not sent.client_id:
        raise forbidden(
            "PermissionsGuard - no authentication provided. Provide either authorization bearer token containing "
            "managed user access token or oAuth client id in 'x-cal-client-id' header."
        )
    caller = _identify(store, sent, now)
    if caller is ANONYMOUS and auth != "optional":
        raise _missing(sent)
    if kinds and caller.kind not in kinds:
        raise _not_allowed(kinds)
    return caller


def _identify(store: Store, sent: Credentials, now: datetime) -> Caller:
    """Return the caller. The first kind of credentials that is present decides, even if it is invalid."""
    # Client credentials win over a bearer token. A lone client id beside a bearer token is ignored.
    if sent.client_id and sent.secret:
        return _client(store, sent.client_id, sent.secret)
    if sent.key:
        return _key(store, sent.key)
    if sent.bearer:
        return _token(store, sent.bearer, sent.origin, now)
    return ANONYMOUS


def _key(store: Store, key: str) -> Caller:
    """Return the caller of an API key. The key exists: the rate limiter looked it up."""
    # The real server compares calendar days: a key works through the whole of its last day.
    if key in store.expired_keys:
        raise unauthorized("ApiAuthStrategy - api key - Your api key is expired")
    return Caller("key", store.api_keys[key], key=key)


def check_client(store: Store, client_id: str, secret: str) -> dict[str, Any]:
    """Return the OAuth client if the secret is correct."""
    client = store.oauth_clients.get(client_id)
    if client is None:
        raise unauthorized(f"ApiAuthStrategy - oAuth client - Client with ID {client_id} not found")
    if client["secret"] != secret:
        raise unauthorized("ApiAuthStrategy - oAuth client - Invalid client secret")
    return client


def _client(store: Store, client_id: str, secret: str) -> Caller:
    """Return the caller of client credentials: the user who owns the client."""
    client = check_client(store, client_id, secret)
    return Caller("client", client["user_id"], client_id=client_id)


def _token(store: Store, token: str, origin: str | None, now: datetime) -> Caller:
    """Return the caller of an access token. Only managed users' tokens get a 498 after they expire."""
    # Third-party tokens that expired look like unknown ones. Only the tokens of platform users have a status of their
    # own.
    known = store.access_tokens.get(token)
    managed = known is not None and known["kind"] == "managed"
    if known is None or (known["expires"] <= now and not managed):
        raise unauthorized("Invalid Access Token.")
    if known["expires"] <= now:
        raise string_details(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")
    # A token that a server sends has no Origin header, and works from anywhere.
    if managed and origin:
        _check_origin(store, known["client_id"], origin)
    return Caller("token", known["user_id"], client_id=known["client_id"])


def _check_origin(store: Store, client_id: str, origin: str) -> None:
    """Raise a 401 if a browser sends the token from a site that is not among the client's redirect URIs."""
    allowed = [urlsplit(uri) for uri in store.oauth_clients[client_id]["redirect_uris"]]
    if origin not in {f"{uri.scheme}://{uri.netloc}" for uri in allowed}:
        raise unauthorized(f"ApiAuthStrategy - access token - Invalid request origin - {origin}")


def _missing(sent: Credentials) -> HttpError:
    """Return the 401 for missing or incomplete credentials."""
    if sent.client_id:
        return unauthorized(_incomplete("x-cal-client-id", "x-cal-secret-key"))
    if sent.secret:
        return unauthorized(_incomplete("x-cal-secret-key", "x-cal-client-id"))
    return unauthorized(
        "ApiAuthStrategy - No authentication method provided. Either pass an API key as 'Bearer' header or OAuth "
        "client credentials as 'x-cal-secret-key' and 'x-cal-client-id' headers"
    )


def _incomplete(given: str, other: str) -> str:
    """Return the message for one client header without the other."""
    return (
        f"ApiAuthStrategy - Only '{given}' header provided. Please also provide '{other}' header or Auth bearer "
        "token as 'Authentication' header"
    )


def _not_allowed(kinds: Sequence[Kind]) -> HttpError:
    """Return the 401 for a kind of credentials that the route does not accept."""
    words = {"key": "API_KEY", "token": "ACCESS_TOKEN", "client": "OAUTH_CLIENT_CREDENTIALS"}
    allowed = ", ".join(words[kind] for kind in kinds)
    return unauthorized(
        "ApiAuthStrategy - Invalid authentication method. Please provide one of the allowed methods: " + allowed
    )


Auth = Literal["required", "optional", "public", "guarded"]
Kind = Literal["key", "token", "client"]
