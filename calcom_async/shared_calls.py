"""Concurrent identical requests share one call: the callers wait for one response, and each decodes its own objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from calcom_async.responses import Response

K = TypeVar("K")


class SharedCall:
    """One call and the callers that wait for it; it is cancelled when the last of them is."""

    def __init__(self, work: Coroutine[Any, Any, Response]) -> None:
        self._task = asyncio.create_task(work)
        self._traceback: TracebackType | None = None
        self.callers: int = 0

    @property
    def is_running(self) -> bool:
        """Whether another caller in this event loop can still join."""
        task = self._task
        return not (task.done() or task.cancelling()) and task.get_loop() is asyncio.get_running_loop()

    async def wait(self) -> Response:
        """Wait for the response. Cancelling one caller does not cancel the others. All of them get an error."""
        self.callers += 1
        try:
            await asyncio.wait([self._task])  # `await self._task` would cancel the task together with this caller
        finally:
            self.callers -= 1
            if not self.callers:
                self._task.cancel()  # for a task that has just failed, this marks its exception as retrieved
        error = self._task.exception()
        if error is None:
            return self._task.result()
        # The callers share the exception, and each raise adds frames to its traceback. Start from the first one's.
        self._traceback = self._traceback or error.__traceback__
        raise error.with_traceback(self._traceback)


async def share(calls: dict[K, SharedCall], key: K, work: Callable[[], Coroutine[Any, Any, Response]]) -> Response:
    """Return the response of the call in flight with this key, or of a new one.

    `calls` are the calls that others may join. Clear it, and the next caller starts a new call; those that wait already
    still get their response.
    """
    call = calls.get(key)
    if call is None or not call.is_running:
        call = calls[key] = SharedCall(work())
    try:
        return await call.wait()
    finally:
        if not call.callers and calls.get(key) is call:
            del calls[key]
