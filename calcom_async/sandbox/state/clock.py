"""The clock of a sandbox, and the two time formats of the API."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

#: Times outside of this range are not accepted from users: calculations with them could leave the calendar.
EARLIEST, LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that tests can set, freeze and move; `monotonic()` moves too, so rate limits follow it."""

    def __init__(self, now: datetime | None = None) -> None:
        self._shift = 0.0
        self._frozen: float | None = None
        if now is not None:
            self.set(now)

    def now(self) -> datetime:
        """Return the current time in UTC, cut to milliseconds like those of the API."""
        moment = datetime.fromtimestamp(self.monotonic(), UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        """Return the same time as seconds since 1970."""
        return (time.time() if self._frozen is None else self._frozen) + self._shift

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still until it is moved."""
        return self._frozen is not None

    def set(self, moment: datetime) -> None:
        """Freeze the clock at `moment` until `move` or `resume`."""
        if moment.tzinfo is None:
            raise ValueError(f"the clock must be set to an aware datetime, got {moment!r}; add tzinfo=UTC")
        self._shift = 0.0
        self._frozen = moment.timestamp()

    def freeze(self) -> None:
        """Freeze the clock at the current time."""
        self.set(datetime.fromtimestamp(self.monotonic(), UTC))

    def resume(self) -> None:
        """Let the clock run from its current time."""
        self._shift = self.monotonic() - time.time()
        self._frozen = None

    def move(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move the clock, frozen or running, forward (or backward with negative numbers)."""
        self._shift += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def iso(moment: datetime) -> str:
    """Format a time like the API: `2026-01-26T10:00:00.000Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def iso_seconds(moment: datetime) -> str:
    """Format a UTC time in whole seconds, as in webhook payloads: `2026-01-26T10:00:00Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch_ms(moment: datetime) -> int:
    """Format a time like the token endpoints: milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
