"""Cache: event types answered from memory while they are fresh, and asked for once by all who want them at once.

It stands above `retrying(...)`: an answer from memory waits for no limit, and callers that meet share one call with its
repeats. What is shared is the answer as bytes; each caller decodes his own, and may do with it as he likes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import msgspec

from calcom_async.auth import Credentials, Send
from calcom_async.config import is_header_value
from calcom_async.errors import ApiError, DecodeError
from calcom_async.requests import Request
from calcom_async.responses import Response, read

EVENT_TYPES = ("/event-types", "/event-types/{}")
"""How the templates end of all that reads or writes event types, be it of a user, a team or an organisation."""


class Cache:
    """Answers kept for `ttl` seconds, for all credentials of a client; each gets only what it was told itself.

    After that the server is asked whether they still hold (`If-None-Match`); its 304 counts against the limit like any
    answer. Creating, changing or deleting an event type forgets everything: lists and managed children change too.
    Errors, and answers that cannot be read, are not kept.
    """

    MOST = 500
    """Answers kept; those not asked for the longest make room."""

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        self._memory: _Memory | None = None

    def over(self, send: Send, credentials: Credentials) -> Send:
        """Put the cache above a `Send` that signs with these credentials."""
        who = _Who(credentials)

        async def answer(request: Request) -> Response:
            if not request.route.endswith(EVENT_TYPES):
                return await send(request)
            if request.method == "GET":
                return await self._read(send, request, who)
            try:
                return await send(request)
            finally:  # also after an error: the server may have acted
                self._memory = None

        return answer

    async def _read(self, send: Send, request: Request, who: _Who) -> Response:
        memory = self._memory_of(asyncio.get_running_loop())
        key = _Key(who, request.path, request.query, request.headers.get("cal-api-version"))
        kept = memory.recall(key)
        if kept and memory.loop.time() < kept.until:
            return kept.response
        # Callers of another priority ask for themselves: nobody urgent shall stand in a slower line.
        call = memory.calls.get((key, request.priority))
        if call is None or not call.goes_on:
            call = _Call(self._ask(send, request, memory, key))
            memory.calls[key, request.priority] = call
        return await call.answer()

    async def _ask(self, send: Send, request: Request, memory: _Memory, key: _Key) -> Response:
        """Ask the server, with the tag of what is known if there is any, and remember the answer."""
        kept = memory.recall(key)
        # aiohttp reads bytes of a header that are no text as characters that it cannot send back.
        if kept and is_header_value(tag := kept.response.headers.get("etag")):
            request = msgspec.structs.replace(request, headers={**request.headers, "If-None-Match": tag})
        try:
            response = await send(request)
        except ApiError as error:
            if not kept or error.status != 304:
                raise
            response = kept.response
        if _is_readable(response):
            memory.keep(key, _Kept(response, memory.loop.time() + self.ttl), most=self.MOST)
        return response

    def _memory_of(self, loop: asyncio.AbstractEventLoop) -> _Memory:
        """What is known; nothing in another event loop, which has another clock."""
        if self._memory is None or self._memory.loop is not loop:
            self._memory = _Memory(loop)
        return self._memory


class _Who:
    """Credentials as part of a key: the very object, whatever it is equal to and whether or not it can be hashed."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def __hash__(self) -> int:
        return id(self.credentials)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Who) and other.credentials is self.credentials


class _Key(NamedTuple):
    who: _Who
    path: str
    query: str
    version: str | None


class _Kept(NamedTuple):
    response: Response
    until: float


class _Memory:
    """What is known since the last write. Calls begun before it answer into the old memory, which nobody reads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.calls: WeakValueDictionary[tuple[_Key, int], _Call] = WeakValueDictionary()
        self._answers: OrderedDict[_Key, _Kept] = OrderedDict()

    def recall(self, key: _Key) -> _Kept | None:
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def keep(self, key: _Key, kept: _Kept, *, most: int) -> None:
        self._answers[key] = kept
        self._answers.move_to_end(key)
        if len(self._answers) > most:
            self._answers.popitem(last=False)


class _Call:
    """One request on its way and those who wait for it; it is given up when none of them is left."""

    def __init__(self, work: Coroutine[Any, Any, Response]) -> None:
        self._task = asyncio.create_task(work)
        self._callers = 0

    @property
    def goes_on(self) -> bool:
        return not (self._task.done() or self._task.cancelling())

    async def answer(self) -> Response:
        self._callers += 1
        try:
            await asyncio.wait([self._task])
        finally:
            self._callers -= 1
            if not self._callers:
                self._task.cancel()  # of a task that failed this very moment, it marks the error as heard
        return self._task.result()


def _is_readable(response: Response) -> bool:
    try:
        read(msgspec.Raw, response)
    except (ApiError, DecodeError):
        return False
    return True
