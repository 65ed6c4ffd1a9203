"""An event loop with a virtual clock: hours pass in milliseconds, deterministically.

`run(coro)` is `asyncio.run` on such a loop. Sleeping, timeouts and `call_at` work; sockets, processes and threads do
not exist. When nothing is ready and nothing is scheduled, nothing can ever happen: that raises `WedgedError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class WedgedError(RuntimeError):
    """Every task waits, and nothing is scheduled that could wake one."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """A loop whose time moves only while nothing is ready, straight to the next scheduled call."""

    def __init__(self, start: float = 1000.0, *, early: float = 0.0) -> None:
        """Start the clock at `start`. Long sleeps end `early` seconds too soon, as with coarse clocks."""
        super().__init__()
        self._early = early
        self._now = start
        self._clock_resolution = 1e-9
        self._selector = self  # the base class asks it for events; there are none, so it only lets time pass
        self._turn_began = time.thread_time()
        self.longest_turn = 0.0

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Advance the clock by the time the loop would have slept, and measure the CPU time of the last iteration."""
        self.longest_turn = max(self.longest_turn, time.thread_time() - self._turn_began)
        if timeout is None:
            raise WedgedError("nothing is ready and nothing is scheduled")
        self._now += timeout - self._early if timeout > 2 * self._early else timeout
        self._turn_began = time.thread_time()
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """Do nothing: there are no sockets."""

    def _write_to_self(self) -> None:
        """Do nothing: the loop never sleeps."""


def run(coro: Coroutine[Any, Any, Result], *, start: float = 1000.0) -> Result:
    """Run the coroutine on a virtual loop of its own."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start)) as runner:
        return runner.run(coro)
