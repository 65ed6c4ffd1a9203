"""Run an operation on Cal.com until its outcome is known.

    attempt -> succeeded: return its result
            -> failed:    find_existing -> found:   return it
                                        -> nothing: attempt again if may_retry allows it, else raise the error

Cal.com has no idempotency keys of its own. A failed attempt may therefore have taken effect: its response was lost, or
an earlier attempt was slow. So each failure is reconciled with the bookings on the server before the next attempt.

For accepted bookings the database has a unique key of host, start and end (https://github.com/calcom/cal.diy/pull/13865).
It prevents a second booking, but the error of a retry does not say that the first one exists.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from calcom_async.errors import CalcomError, InvalidRequestError, in_range, is_transient, may_have_acted, shown

R = TypeVar("R")

MAX_TIMEOUT = 1e9
"""Upper bound of `total_timeout`, in seconds."""
DEFAULT_TIMEOUT = 300.0
DEFAULT_PAUSE = 0.5
MAX_LOST_RESPONSES = 5
"""Attempts whose response may be lost, and retries of a read."""
MAX_REJECTIONS = 20
"""Attempts that the server may reject because somebody else was faster, while the slot stays free."""
LOOKUP_DELAYS = (0, 1, 2, 4)
"""Delays before the look-ups that follow a lost response, in pauses."""


@dataclass
class Retries:
    """Failed attempts of one operation, and the time that it has left.

    After `ends_at` (time of the event loop) nothing is retried. The look-ups after a lost response still run then, but
    without delays between them.
    """

    ends_at: float
    pause: float
    lost: int = 0
    """Attempts that may have taken effect, since their response was lost."""
    rejected: int = 0

    @classmethod
    def start(cls, total_timeout: float | None, pause: float) -> Retries:
        """Start the clock. `pause` is the first of the growing pauses, in seconds."""
        if total_timeout is not None and not in_range(total_timeout, 0, MAX_TIMEOUT):
            raise InvalidRequestError(
                f"total_timeout must be from 0 to {MAX_TIMEOUT:g} seconds, got {shown(total_timeout)}"
            )
        seconds = DEFAULT_TIMEOUT if total_timeout is None else total_timeout
        return cls(asyncio.get_running_loop().time() + seconds, pause)

    @property
    def is_out_of_time(self) -> bool:
        """Whether the total timeout has passed."""
        return asyncio.get_running_loop().time() >= self.ends_at

    @property
    def is_exhausted(self) -> bool:
        """Whether no further attempt may be made."""
        return self.lost == MAX_LOST_RESPONSES or self.rejected == MAX_REJECTIONS or self.is_out_of_time

    async def sleep(self, pauses: float) -> None:
        """Sleep for a number of pauses, but not beyond the total timeout."""
        remaining = self.ends_at - asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, min(pauses * self.pause, remaining)))

    async def sleep_after_conflict(self, conflicts: int) -> None:
        """Sleep for a random time, so that callers who collided do not collide again."""
        await self.sleep(random.uniform(0, min(2**conflicts, 8)))  # noqa: S311 - no secret

    async def read(self, fetch: Callable[[], Awaitable[R]]) -> R:
        """Call `fetch`, and retry transient errors while there is time left."""
        retries = 0
        while True:
            try:
                return await fetch()
            except CalcomError as error:
                # The client has retried the request already; this goes on after its attempts are used up.
                if not is_transient(error) or retries == MAX_LOST_RESPONSES or self.is_out_of_time:
                    raise
            await self.sleep(2**retries)
            retries += 1

    async def look_up(self, find: Callable[[], Awaitable[R | None]]) -> R | None:
        """Call `find`; after a lost response several times, since the server may still be processing the request."""
        for delay in LOOKUP_DELAYS if self.lost else LOOKUP_DELAYS[:1]:
            await self.sleep(delay)
            if (existing := await self.read(find)) is not None:
                return existing
        return None


async def run_safely(
    attempt: Callable[[], Awaitable[R]],
    find_existing: Callable[[CalcomError], Awaitable[R | None]],
    may_retry: Callable[[CalcomError], Awaitable[bool]],
    retries: Retries,
) -> R:
    """Run `attempt` until its outcome is known: return the result, or raise an error that means that there is none.

    `find_existing` gets the error of a failed attempt. It returns the result that the attempts so far have had, or None
    if they had none, and raises `UnknownOutcomeError` if it cannot tell. After None, `may_retry` gets the error.
    """
    while True:
        try:
            return await attempt()
        except CalcomError as raised:
            error = raised  # handled below, where a new error does not get this one as its context
        # The two are counted apart, since many callers may compete for one slot, but responses are rarely lost.
        if may_have_acted(error):
            retries.lost += 1
        else:
            retries.rejected += 1
        if (existing := await find_existing(error)) is not None:
            return existing
        if retries.is_exhausted or not await may_retry(error):
            if retries.lost:
                # `find_existing` raises if it cannot tell, so at this point it is certain.
                error.add_note("A look-up has shown that this call changed nothing.")
            raise error
