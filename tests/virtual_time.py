"""An event loop with a virtual clock: hours pass in milliseconds, deterministically.

`run(coro)` is `asyncio.run` on such a loop. Sleeping, timeouts and `call_at` work; sockets, processes and threads do
not work. If no task is ready and no timer is set, the loop could never continue, so it raises `WedgedError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class WedgedError(RuntimeError):
    """Raised if every task waits and no timer is set, which is a deadlock."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """A loop whose clock advances only if no task is ready, directly to the next timer."""

    def __init__(self, start: float = 1000.0, *, early: float = 0.0) -> None:
        """Start the clock at `start`. Long sleeps end `early` seconds too soon, as with coarse clocks."""
        super().__init__()
        self._early = early
        self._now = start
        self._clock_resolution = 1e-9
        self._selector = self  # the base class polls it for I/O; there is none, so `select` only advances the clock
        self._iteration_started = time.thread_time()
        self.longest_iteration = 0.0

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Advance the clock by the time the loop would have slept, and measure the CPU time of the last iteration."""
        # thread_time, not a wall clock: other processes of the machine must not count.
        self.longest_iteration = max(self.longest_iteration, time.thread_time() - self._iteration_started)
        if timeout is None:
            raise WedgedError("no task is ready and no timer is set")
        # `early` models clocks that wake a sleeper just before its time.
        self._now += timeout - self._early if timeout > 2 * self._early else timeout
        self._iteration_started = time.thread_time()
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """Do nothing: there are no sockets."""

    def _write_to_self(self) -> None:
        """Do nothing: the loop never sleeps."""


def run(coro: Coroutine[Any, Any, Result], *, start: float = 1000.0) -> Result:
    """Run the coroutine on a virtual loop of its own."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start)) as runner:
        return runner.run(coro)
