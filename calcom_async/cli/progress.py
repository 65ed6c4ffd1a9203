"""Progress of an export: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from rich.progress import BarColumn, Progress, TextColumn

from calcom_async.cli.terminal import stderr
from calcom_async.client import Calcom, Stats
from calcom_async.events import ClientEvent
from calcom_async.export import ExportProgress
from calcom_async.rate_limit_state import BucketStats


class ProgressDisplay:
    """Rows, rows per second, requests left, time left, and the reason for a pause."""

    LOOK_EVERY = 0.25
    LINE_EVERY = 5.0

    def __init__(self, noun: str) -> None:
        self.requests: int = 0
        self.waited: float = 0.0
        self._noun = noun
        self._count = ExportProgress(0, None)
        self._limit: BucketStats | None = None
        self._left: int | None = None
        self._trouble = ""
        self._pause = ""
        self._pause_ends = 0.0
        self._waiting_since: float | None = None
        self._started = self._waited_until = time.monotonic()
        self._line_due = 0.0
        self._bar = Progress(
            BarColumn(bar_width=12), TextColumn("{task.description}"), console=stderr, disable=not stderr.is_terminal
        )
        self._task = self._bar.add_task("connecting", total=None)

    @asynccontextmanager
    async def following(self, cal: Calcom) -> AsyncIterator[None]:
        """Keep the display up to date inside this block, also while no response comes."""
        with self._bar:
            self._started = time.monotonic()
            follower = asyncio.create_task(self._follow(cal))
            try:
                yield
            finally:
                follower.cancel()

    async def _follow(self, cal: Calcom) -> None:
        while True:
            self._read_limits(cal.stats())
            self._show()
            await asyncio.sleep(self.LOOK_EVERY)

    def on_event(self, event: ClientEvent) -> None:
        """Keep the figures that events bring."""
        if event.kind == "request":
            self.requests += 1
            self._trouble = ""
            self._left = self._left if event.remaining is None else event.remaining
        elif event.kind == "retry":
            self._trouble = f"{event.status or 'no response'}, trying again"
        elif event.kind == "wait":
            # Prefetched pages wait at the same time, so waits are not added up.
            now = time.monotonic()
            self.waited += min(event.seconds, now - self._waited_until)
            self._waited_until = now

    @property
    def saved(self) -> ExportProgress:
        """The rows written so far, and the file that they are in."""
        return self._count

    def forget_saved_rows(self) -> None:
        """Note that the rows written so far cannot be resumed."""
        self._count = ExportProgress(0, None)

    def on_progress(self, count: ExportProgress) -> None:
        """Keep the count."""
        self._count = count
        self._show()

    def _read_limits(self, stats: Stats) -> None:
        """Read from the limiter whether all requests wait, and for how long."""
        self._limit = max(stats.limits, key=lambda one: one.limit, default=None)
        blocked = max((bucket.blocked_for for bucket in stats.limits), default=0)
        next_permit_in = max(
            (one.next_permit_in for one in stats.limits if one.waiting and not one.in_flight), default=0
        )
        if blocked:
            self._pause = f"blocked by the rate limit for {blocked:.0f} s"
        elif next_permit_in:
            self._pause = f"waiting for the rate limit, {next_permit_in:.0f} s"
        else:
            self._pause = ""
        now = time.monotonic()
        self._pause_ends = now + max(blocked, next_permit_in)
        self._waiting_since = (self._waiting_since or now) if self._pause else None

    def _show(self) -> None:
        text, now = self._text(), time.monotonic()
        if stderr.is_terminal:
            self._bar.update(self._task, completed=self._count.rows, total=self._count.total, description=text)
        elif now >= self._line_due and (self._count.rows or self._pause or self._trouble):
            self._line_due = now + self.LINE_EVERY
            stderr.print(text)

    def _text(self) -> str:
        rows, total = self._count.rows, self._count.total
        passed = time.monotonic() - self._started
        new = rows - self._count.rows_before
        left = "" if self._left is None else f"{self._left:,} calls left"
        counted = f"{rows:,}" if total is None else f"{rows:,} of {total:,}"
        done = [f"{counted} {self._noun}", f"{new / max(0.001, passed):,.0f}/s"] if rows else [f"no {self._noun} yet"]
        return ", ".join(filter(None, [*done, self._trouble or self._pause or left, self._to_go(passed)]))

    def _to_go(self, passed: float) -> str:
        """Time to the end: at the pace of this run without its waits, but not before the rate limit allows it."""
        rows, total = self._count.rows, self._count.total
        new = rows - self._count.rows_before
        if not (new and total and total > rows):
            return ""
        now = time.monotonic()
        pause = max(0.0, self._pause_ends - now) if self._pause else 0.0
        waiting = now - self._waiting_since if self._waiting_since else 0.0
        seconds = pause + (total - rows) * max(0.0, passed - self.waited - waiting) / new
        if self._limit and self._left is not None:
            # A pause ends with a new window, which has room for as many requests as the limit.
            room = self._limit.limit if self._pause else self._left
            beyond = max(0.0, (total - rows) * self.requests / new - room)
            seconds = max(seconds, pause + beyond / self._limit.limit * self._limit.window)
        return f"{timedelta(seconds=round(seconds))} to go"
