"""Progress of a long call, for clients that asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import ceil

from calcom_async.client import Calcom

REPORT_AFTER = 3.0
"""Seconds after which a call that waits reports so, and then again each time."""

Report = Callable[[float, float | None, str], Awaitable[None]]


class Progress:
    """Reports how far a call is: its rows, or that it waits."""

    def __init__(self, report: Report, cal: Calcom) -> None:
        self._report = report
        self._cal = cal
        self._rows: tuple[int, int | None] | None = None
        self._has_rows = asyncio.Event()

    def set_rows(self, rows: int, total: int | None) -> None:
        """Report that so many rows are done."""
        self._rows = rows, total
        self._has_rows.set()

    @asynccontextmanager
    async def reported(self) -> AsyncIterator[None]:
        """Report the progress of what happens in this block."""
        reports = asyncio.create_task(self._send_reports())
        try:
            yield
        finally:
            reports.cancel()
            # The client may be gone: a report that failed is of no interest.
            await asyncio.gather(reports, return_exceptions=True)

    async def _send_reports(self) -> None:
        waited = 0.0
        while True:
            try:
                async with asyncio.timeout(REPORT_AFTER):
                    await self._has_rows.wait()
            except TimeoutError:
                waited += REPORT_AFTER
            self._has_rows.clear()
            if self._rows is None:
                await self._report(waited, None, self._reason())
                continue
            rows, total = self._rows
            await self._report(rows, total, f"{rows:,} rows")

    def _reason(self) -> str:
        """Return what the call waits for."""
        waits = [max(limit.blocked_for, limit.next_permit_in) for limit in self._cal.limiter.stats() if limit.waiting]
        if seconds := max(waits, default=0.0):
            return f"waiting for the rate limit of Cal.com, about {ceil(seconds)} s"
        return "waiting for a response"
