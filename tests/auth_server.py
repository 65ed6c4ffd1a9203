"""A server in memory that rotates tokens, a token store in memory, and processes that use both."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from fakes import FakeSend, error_response, ok_response

from calcom_async import (
    AccessToken,
    Secret,
    TokenStore,
    TransportError,
)
from calcom_async.middleware import authenticated
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response, Send

EXPIRED = error_response(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")
INVALID_REFRESH = error_response(400, "BadRequestException", "Invalid refresh token")


class AuthServer:
    """A `Send` that rotates pairs: `refresh-1` gives `access-2` and `refresh-2`, once. Each request takes a second."""

    def __init__(self, delay: float = 1.0) -> None:
        self.delay = delay
        self.pair = 1
        self.expired = {1}
        self.spent: set[int] = set()
        self.served: list[str] = []
        self.refreshes = 0
        self.lifetime = timedelta(hours=1)
        self.loses_response = False

    async def __call__(self, request: Request, context: CallContext) -> Response:
        await asyncio.sleep(self.delay)
        if request.path.endswith("/refresh"):
            return await self.refresh(request, context)
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if int(token.rpartition("-")[2]) in self.expired:
            return await FakeSend(EXPIRED)(request, context)
        self.served.append(token)
        return ok_response()

    async def refresh(self, request: Request, context: CallContext) -> Response:
        self.refreshes += 1
        number = int(json.loads(request.body or b"")["refreshToken"].rpartition("-")[2])
        if number in self.spent or number > self.pair:
            return await FakeSend(INVALID_REFRESH)(request, context)
        self.spent.add(number)
        self.pair += 1
        expires_at = (datetime.now(UTC) + self.lifetime).timestamp() * 1000
        data = {"accessToken": f"access-{self.pair}", "refreshToken": f"refresh-{self.pair}"}
        if self.loses_response:
            raise TransportError("lost", sent=True)
        return ok_response(data | {"accessTokenExpiresAt": int(expires_at)})


class MemoryStore:
    """A store in memory, whose operations take a second and can fail."""

    def __init__(self) -> None:
        self.text: Secret | None = None
        self.problem: Exception | None = None
        self.saves = 0
        self._lock = asyncio.Lock()

    def lock(self) -> asyncio.Lock:
        return self._lock

    async def load(self) -> Secret | None:
        assert self._lock.locked()
        await asyncio.sleep(1)
        return self.text

    async def save(self, tokens: Secret) -> None:
        assert self._lock.locked()
        await asyncio.sleep(1)
        self.saves += 1
        if self.problem:
            raise self.problem
        self.text = tokens


def token(store: TokenStore, number: int = 1, **fields: Any) -> AccessToken:
    """Return the credentials of a process that is given the pair with this number."""
    return AccessToken(f"access-{number}", f"refresh-{number}", client_id="c", client_secret="s", store=store, **fields)


def process(server: AuthServer, store: TokenStore, number: int = 1, **fields: Any) -> Send:
    """Return the `Send` of a process of its own."""
    return authenticated(server, token(store, number, **fields))
