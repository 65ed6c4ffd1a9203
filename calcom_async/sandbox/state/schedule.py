"""Work that is due at a time of the sandbox's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush

Work = Callable[[], None]


class Schedule:
    """Planned work, in order of the time at which it is due. The server runs what is due before each request."""

    def __init__(self) -> None:
        self._planned: list[tuple[datetime, int, Work]] = []
        self._added = 0

    def add(self, due: datetime, work: Work) -> None:
        """Plan work for a time."""
        self._added += 1
        heappush(self._planned, (due, self._added, work))

    def run_due(self, now: datetime) -> None:
        """Run the work that is due by now, the earliest first."""
        while self._planned and self._planned[0][0] <= now:
            heappop(self._planned)[2]()
