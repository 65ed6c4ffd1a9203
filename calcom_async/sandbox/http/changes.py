"""Waiting for something to change in a sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Wakes coroutines that wait for a change; used only in the thread of the sandbox."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self.count: int = 0
        """How many changes there were."""
        self.streams: int = 0
        """How many streams of events follow them."""

    def notify(self) -> None:
        """Let every waiting coroutine check its condition again."""
        self.count += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition holds, at most so many seconds. Return whether it holds."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._next()
        except TimeoutError:
            return condition()
        return True

    async def wait_after(self, count: int, seconds: float) -> bool:
        """Wait until there were more changes than `count`, at most so many seconds. Return whether there were."""
        return await self.wait_until(lambda: self.count > count, seconds)

    async def _next(self) -> None:
        """Wait for the next change."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
