"""Credentials from a function, for example an API key in a vault that is rotated."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from calcom_async.auth import ApiKey, Credentials
from calcom_async.errors import BadRequestError, ConfigError, TimedOutError, UnauthorizedError
from calcom_async.responses import Send
from calcom_async.secret import Hidden, Secret

CredentialsValue = Credentials | Secret | str
CredentialsProvider = Callable[[], CredentialsValue | Awaitable[CredentialsValue]]

MIN_INTERVAL = 60.0
"""Seconds until the function is called again for a key that was rejected and that it still returned."""
CALL_TIMEOUT = 60.0
"""Seconds after which an async function is cancelled. The requests that wait for it have no timeout of their own."""


class ProvidedCredentials:
    """Credentials that a function returns: at the first request, and again after the server has rejected them.

    Concurrent requests share one call. It runs in the event loop: a function that blocks must be a coroutine function,
    for example with `asyncio.to_thread`. The requests that wait for it raise its exception as it is, or `TimedOutError`
    if it takes more than 60 s. The next request calls it again.
    """

    def __init__(self, provider: CredentialsProvider) -> None:
        self.current: Credentials | None = None
        """What the function returned; None before the first call."""
        self._provider = provider
        self._task: asyncio.Task[None] | None = None
        self._rejected: str | None = None
        self._called_at: float = 0.0
        self._has_changed = False

    def __repr__(self) -> str:
        return f"ProvidedCredentials({self.current or 'not called yet'})"

    @property
    def default_rate_limit(self) -> int:
        """The limit of the current credentials, and that of API keys before the first call."""
        return self.current.default_rate_limit if self.current else ApiKey.default_rate_limit

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the current credentials."""
        return self.current.fingerprint if self.current else "not provided yet"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the current credentials."""
        return self.current.headers if self.current else {}

    async def refresh_if_expiring(self, send: Send) -> None:
        """Call the function before the first request, and refresh the token that it returned if that expires."""
        if self.current is None:
            await self._call_once(None)
        if self.current is not None:
            await self.current.refresh_if_expiring(send)

    async def refresh_after(self, send: Send, stale: str, error: UnauthorizedError) -> bool:
        """Refresh the token or call the function; return True if there are new credentials to try."""
        if self.current is None:
            return False
        try:
            if await self.current.refresh_after(send, stale, error):
                return True
        except BadRequestError:  # the refresh token is used up
            if not await self._replace(stale):
                raise
            return True
        # A 401 without a code is not about credentials: a booking limit is reached.
        return error.code is not None and await self._replace(stale)

    async def aclose(self) -> None:
        """Wait for a call of the function or a refresh in progress."""
        if self._task and self._task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([self._task])
        if self.current:
            await self.current.aclose()

    async def _replace(self, rejected: str) -> bool:
        """Call the function for rejected credentials, and return whether it returned others."""
        elapsed = asyncio.get_running_loop().time() - self._called_at
        if self._is_being_called() or rejected != self._rejected or elapsed >= MIN_INTERVAL:
            await self._call_once(rejected)
        return self._has_changed

    def _is_being_called(self) -> bool:
        task = self._task
        return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()

    async def _call_once(self, rejected: str | None) -> None:
        """Start a call, or join the one in progress. Cancelling a caller does not cancel it for the others."""
        if self._task is None or not self._is_being_called():
            self._task = asyncio.create_task(self._call(rejected))
        await asyncio.shield(self._task)

    async def _call(self, rejected: str | None) -> None:
        provided: Hidden[Any] = Hidden(self._provider())
        if inspect.isawaitable(provided.reveal()):
            provided = Hidden(await _within_timeout(provided.reveal()))
        credentials = _checked(provided)
        self._has_changed = self.current is None or self.current.headers != credentials.headers
        if self._has_changed:
            self.current = credentials
        self._rejected, self._called_at = rejected, asyncio.get_running_loop().time()


async def _within_timeout(awaitable: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(CALL_TIMEOUT) as timeout:
            return await awaitable
    except TimeoutError:
        if not timeout.expired():  # an error of the function
            raise
    raise TimedOutError(
        f"the function for the credentials has not returned within {CALL_TIMEOUT:.0f} s", sent=False, retryable=False
    )


def _checked(provided: Hidden[Any]) -> Credentials:
    """Return what the function returned as credentials."""
    kind = type(provided.reveal())
    if issubclass(kind, str | Secret):
        return ApiKey(Secret(provided.reveal()))
    if not hasattr(kind, "refresh_after") or issubclass(kind, ProvidedCredentials):
        raise ConfigError(
            "the function for the credentials must return an API key (str), an ApiKey, a PlatformClient or an "
            f"AccessToken, got {kind.__name__}"
        )
    credentials: Credentials = provided.reveal()
    return credentials
