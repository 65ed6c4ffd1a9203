"""Processor time, for tests that compare two pieces of work on the same machine; how fast it is does not matter."""

from __future__ import annotations

import time
from collections.abc import Callable


def cpu_time(work: Callable[[], object], repeats: int = 5) -> float:
    """The least processor time of this process that `work` took."""
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return min(seconds)
