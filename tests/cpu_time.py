"""CPU time, for tests that compare two pieces of work on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable


def cpu_time(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the least CPU time that `work` took in this process."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)
