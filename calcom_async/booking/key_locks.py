"""KeyLocks: one call at a time for each key, over all threads and event loops of the process."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Hashable
from concurrent.futures import Future
from contextlib import asynccontextmanager


class KeyLocks:
    """A lock for each key, first come, first served; keys that nobody uses take no memory."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: dict[Hashable, deque[Future[None]]] = {}

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        """Wait until no other call has the key, and keep it inside the block."""
        place = self._line_up(key)
        try:
            await asyncio.wrap_future(place)
        except BaseException:
            if not place.cancel():  # the turn has come already
                self._pass_on(key)
            raise
        try:
            yield
        finally:
            self._pass_on(key)

    def _line_up(self, key: Hashable) -> Future[None]:
        place: Future[None] = Future()
        with self._mutex:
            if key in self._waiting:
                self._waiting[key].append(place)
            else:
                self._waiting[key] = deque()
                place.set_result(None)
        return place

    def _pass_on(self, key: Hashable) -> None:
        with self._mutex:
            waiting = self._waiting[key]
            while waiting:
                place = waiting.popleft()
                if place.set_running_or_notify_cancel():
                    break
            else:
                del self._waiting[key]
                return
        place.set_result(None)  # outside of the mutex, as it may call back at once
