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
    """Display of rows, rows per second, requests left, time left, and the reason for a pause."""

    UPDATE_EVERY = 0.25
    LINE_EVERY = 5.0
    """Seconds between two lines where there is no terminal: a log must not grow with every page."""

    def __init__(self, noun: str) -> None:
        self.requests: int = 0
        self.waited: float = 0.0
        self._noun = noun
        self._progress = ExportProgress(0, None)
        self._limit: BucketStats | None = None
        self._requests_left: int | None = None
        self._problem = ""
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
            await asyncio.sleep(self.UPDATE_EVERY)

    def on_event(self, event: ClientEvent) -> None:
        """Note the figures of an event."""
        if event.kind == "request":
            self.requests += 1
            self._problem = ""
            self._requests_left = self._requests_left if event.remaining is None else event.remaining
        elif event.kind == "retry":
            self._problem = f"{event.status or 'no response'}, trying again"
        elif event.kind == "wait":
            # Prefetched pages wait at the same time, so waits are not added up.
            now = time.monotonic()
            self.waited += min(event.seconds, now - self._waited_until)
            self._waited_until = now

    @property
    def saved(self) -> ExportProgress:
        """Return the number of rows written so far, and the file that they are in."""
        return self._progress

    def forget_saved_rows(self) -> None:
        """Note that the rows written so far cannot be resumed."""
        self._progress = ExportProgress(0, None)

    def on_progress(self, progress: ExportProgress) -> None:
        """Note the count."""
        self._progress = progress
        self._show()

    def _read_limits(self, stats: Stats) -> None:
        """Read from the limiter whether all requests wait, and for how long."""
        # Endpoints have smaller limits of their own, which an export does not use.
        self._limit = max(stats.limits, key=lambda bucket: bucket.limit, default=None)
        blocked = max((bucket.blocked_for for bucket in stats.limits), default=0)
        next_permit_in = max(
            (bucket.next_permit_in for bucket in stats.limits if bucket.waiting and not bucket.in_flight), default=0
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
        """Update the bar, or print a line if one is due."""
        text, now = self._text(), time.monotonic()
        if stderr.is_terminal:
            self._bar.update(self._task, completed=self._progress.rows, total=self._progress.total, description=text)
        elif now >= self._line_due and (self._progress.rows or self._pause or self._problem):
            self._line_due = now + self.LINE_EVERY
            stderr.print(text)

    def _text(self) -> str:
        """Return the progress in words."""
        rows, total = self._progress.rows, self._progress.total
        passed = time.monotonic() - self._started
        new = rows - self._progress.rows_before
        left = "" if self._requests_left is None else f"{self._requests_left:,} calls left"
        counted = f"{rows:,}" if total is None else f"{rows:,} of {total:,}"
        count = [f"{counted} {self._noun}", f"{new / max(0.001, passed):,.0f}/s"] if rows else [f"no {self._noun} yet"]
        return ", ".join(filter(None, [*count, self._problem or self._pause or left, self._time_left(passed)]))

    def _time_left(self, passed: float) -> str:
        """Estimate the time left from the rate of this run without its waits, and from the rate limit."""
        rows, total = self._progress.rows, self._progress.total
        new = rows - self._progress.rows_before
        if not (new and total and total > rows):
            return ""
        now = time.monotonic()
        pause = max(0.0, self._pause_ends - now) if self._pause else 0.0
        waiting = now - self._waiting_since if self._waiting_since else 0.0
        seconds = pause + (total - rows) * max(0.0, passed - self.waited - waiting) / new
        if self._limit and self._requests_left is not None:
            # A pause ends with a new window, which has room for as many requests as the limit.
            room = self._limit.limit if self._pause else self._requests_left
            beyond = max(0.0, (total - rows) * self.requests / new - room)
            seconds = max(seconds, pause + beyond / self._limit.limit * self._limit.window)
        return f"{timedelta(seconds=round(seconds))} to go"
