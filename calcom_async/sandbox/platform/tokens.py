"""Access and refresh tokens: of managed users (60 minutes) and of third-party apps (30 minutes)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from calcom_async.sandbox.state.clock import epoch_ms
from calcom_async.sandbox.state.store import Store

Kind = Literal["managed", "oauth2"]

_LIFETIMES: dict[Kind, tuple[timedelta, timedelta]] = {
    "managed": (timedelta(minutes=60), timedelta(days=365)),
    "oauth2": (timedelta(minutes=30), timedelta(days=30)),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of tokens."""

    access: str
    refresh: str
    access_expires: datetime
    refresh_expires: datetime

    def managed(self) -> dict[str, Any]:
        """Return the JSON for managed users; times are in epoch milliseconds."""
        return {
            "accessToken": self.access,
            "refreshToken": self.refresh,
            "accessTokenExpiresAt": epoch_ms(self.access_expires),
            "refreshTokenExpiresAt": epoch_ms(self.refresh_expires),
        }

    def oauth2(self, *, scope: str | None = None) -> dict[str, Any]:
        """Return the JSON for third-party apps, which has no envelope; `scope` is separated by spaces."""
        return {
            "access_token": self.access,
            "token_type": "bearer",
            "refresh_token": self.refresh,
            "expires_in": int(_LIFETIMES["oauth2"][0].total_seconds()),
            **({} if scope is None else {"scope": scope}),
        }


def store_tokens(
    store: Store,
    now: datetime,
    *,
    kind: Kind,
    user_id: int,
    client_id: str,
    pair: tuple[str, str] | None = None,
) -> Pair:
    """Create and store a pair for a user, or store the given one."""
    short, long = _LIFETIMES[kind]
    expires, refresh_expires = now + short, now + long
    if kind == "managed":
        # Rounded down to the minute, and to the day (recorded from a self-hosted server of 2025-12).
        expires = expires.replace(second=0, microsecond=0)
        refresh_expires = refresh_expires.replace(hour=0, minute=0, second=0, microsecond=0)
    owner = {"kind": kind, "user_id": user_id, "client_id": client_id}
    access, refresh = pair or (_jwt(store, "access_token", owner), _jwt(store, "refresh_token", owner))
    store.access_tokens[access] = owner | {"expires": expires}
    # Third-party tokens are stateless on the real server: a refresh leaves the earlier pairs valid.
    store.refresh_tokens[refresh] = owner | {"expires": refresh_expires, "access_token": access}
    return Pair(access, refresh, expires, refresh_expires)


def drop_tokens(store: Store, user_id: int, client_id: str) -> None:
    """Delete all tokens of a client for a user."""
    for tokens in (store.access_tokens, store.refresh_tokens):
        for token, owner in list(tokens.items()):
            if (owner["user_id"], owner["client_id"]) == (user_id, client_id):
                del tokens[token]


def _jwt(store: Store, kind: str, owner: dict[str, Any]) -> str:
    """Return a token that looks like a JWT; its signature is random, because nobody verifies it."""
    payload = {"type": kind, "clientId": owner["client_id"], "ownerId": owner["user_id"], "jti": store.uuid()}
    return ".".join((_encode_part({"alg": "HS256", "typ": "JWT"}), _encode_part(payload), _encode_part(store.uid())))


def _encode_part(value: Any) -> str:
    """Return a value as a part of a JWT."""
    return urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")
