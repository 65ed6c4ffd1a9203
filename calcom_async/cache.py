"""In-memory cache for event types; concurrent identical reads share one request.

It is the outermost middleware: a cached response waits for no rate limit, and a shared call includes its retries. The
cache holds responses as bytes. Each caller decodes its own objects, and may change them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from calcom_async.auth import Credentials
from calcom_async.config import is_header_value
from calcom_async.errors import ApiError, DecodeError
from calcom_async.requests import CallContext, Request
from calcom_async.responses import Response, Send, read
from calcom_async.shared_calls import SharedCall, share

EVENT_TYPES = ("/event-types", "/event-types/{}")
"""Ends of the routes that read or write event types of a user, a team or an organization."""


class Cache:
    """Responses kept for `ttl` seconds, for all credentials of a client; each sees only its own responses.

    Views with other headers do not share responses, because a gateway may choose the response by a header.

    After `ttl` the next read sends `If-None-Match`. The 304 counts against the rate limit like any response. A request
    that creates, updates or deletes an event type clears the cache, because it may change lists and managed children
    too. Errors and unreadable responses are not kept.
    """

    MAX_ENTRIES = 500
    """When there are more, the least recently used ones are dropped."""

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        self._loop_cache: _LoopCache | None = None

    def wrap(self, send: Send, credentials: Credentials, headers: Mapping[str, object]) -> Send:
        """Put the cache around a `Send` that uses these credentials and additional headers."""
        identity = _IdentityKey(credentials, headers)

        async def cached(request: Request, context: CallContext) -> Response:
            """Answer a read of event types from memory if possible, and clear the memory after a write."""
            if not request.route.endswith(EVENT_TYPES):
                return await send(request, context)
            if request.method == "GET":
                return await self._read(send, request, context, identity)
            try:
                return await send(request, context)
            finally:  # also after an error: the request may have taken effect
                self._loop_cache = None

        return cached

    async def _read(self, send: Send, request: Request, context: CallContext, identity: _IdentityKey) -> Response:
        """Return the cached response, or that of a call in progress, or that of a new request."""
        cache = self._cache_of(asyncio.get_running_loop())
        key = _Key(identity, request.path, request.query, request.headers.get("cal-api-version"))
        entry = cache.get(key)
        if entry and cache.loop.time() < entry.expires_at:
            return entry.response
        # Calls are not shared across priorities: an urgent request must not wait for a low-priority one.
        return await share(
            cache.calls, (key, context.priority), lambda: self._fetch(send, request, context, cache, key)
        )

    async def _fetch(
        self, send: Send, request: Request, context: CallContext, cache: _LoopCache, key: _Key
    ) -> Response:
        """Send the request, with the ETag of the cached response if there is one, and keep the response."""
        entry = cache.get(key)
        # aiohttp decodes header bytes that are not UTF-8 to surrogates, which it cannot send.
        if entry and is_header_value(tag := entry.response.headers.get("etag")):
            request = msgspec.structs.replace(request, headers={**request.headers, "If-None-Match": tag})
        try:
            response = await send(request, context)
        except ApiError as error:
            if not entry or error.status != 304:
                raise
            response = entry.response
        if _is_readable(response):
            cache.put(key, _Entry(response, cache.loop.time() + self.ttl), max_entries=self.MAX_ENTRIES)
        return response

    def _cache_of(self, loop: asyncio.AbstractEventLoop) -> _LoopCache:
        """Return the entries of this event loop. Another loop has another clock, so it starts empty."""
        if self._loop_cache is None or self._loop_cache.loop is not loop:
            self._loop_cache = _LoopCache(loop)
        return self._loop_cache


class _IdentityKey:
    """Credentials and headers as part of a key. Credentials are compared by identity: they need not be hashable."""

    def __init__(self, credentials: Credentials, headers: Mapping[str, object]) -> None:
        self.credentials = credentials
        self.headers = headers

    def __hash__(self) -> int:
        return id(self.credentials)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _IdentityKey) and other.credentials is self.credentials and other.headers == self.headers
        )


class _Key(NamedTuple):
    identity: _IdentityKey
    path: str
    query: str
    version: str | None


class _Entry(NamedTuple):
    response: Response
    expires_at: float


class _LoopCache:
    """Entries since the last write. Calls that began before it put their responses into the old object, unread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.calls: dict[tuple[_Key, float], SharedCall] = {}
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()

    def get(self, key: _Key) -> _Entry | None:
        """Return the entry of a key and mark it as used; None if there is none. It may have expired."""
        if key in self._entries:
            self._entries.move_to_end(key)
        return self._entries.get(key)

    def put(self, key: _Key, entry: _Entry, *, max_entries: int) -> None:
        """Keep an entry, and drop the least recently used one if there are too many."""
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > max_entries:
            self._entries.popitem(last=False)


def _is_readable(response: Response) -> bool:
    """Return whether the response is a successful one, in the envelope of the API."""
    try:
        read(msgspec.Raw, response)
    except (ApiError, DecodeError):
        return False
    return True
