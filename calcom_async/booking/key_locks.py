"""A lock per key that works across the threads and event loops of a process."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Hashable
from concurrent.futures import Future
from contextlib import asynccontextmanager


class KeyLocks:
    """One lock per key, first come, first served. A key that nobody holds takes no memory."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: dict[Hashable, deque[Future[None]]] = {}
        """The waiters of each key that is held."""

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        """Wait until nobody holds the key, and hold it inside the block."""
        # A future of `concurrent.futures`, because the call that passes the key on may run in another event loop.
        acquired = self._enqueue(key)
        try:
            await asyncio.wrap_future(acquired)
        except BaseException:
            if not acquired.cancel():  # this call got the lock before it was cancelled
                self._release(key)
            raise
        try:
            yield
        finally:
            self._release(key)

    def _enqueue(self, key: Hashable) -> Future[None]:
        """Return a future that is done as soon as the caller holds the key."""
        acquired: Future[None] = Future()
        with self._mutex:
            if key in self._waiting:
                self._waiting[key].append(acquired)
            else:
                self._waiting[key] = deque()
                acquired.set_result(None)
        return acquired

    def _release(self, key: Hashable) -> None:
        """Pass the key to the first waiter that was not cancelled."""
        with self._mutex:
            waiting = self._waiting[key]
            while waiting:
                following = waiting.popleft()
                # Claims the future: from here on it can no longer be cancelled, so the key cannot get lost.
                if following.set_running_or_notify_cancel():
                    break
            else:
                del self._waiting[key]
                return
        following.set_result(None)  # outside the mutex, because it may run callbacks immediately
