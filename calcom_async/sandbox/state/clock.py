"""The sandbox's time: the wall clock until a test freezes or moves it, and the two ways the API writes it down."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Wall time that a test may set, freeze and move; `monotonic()` moves with it, so limits run on the same time."""

    def __init__(self, now: datetime | None = None) -> None:
        self._shift = 0.0
        self._frozen: float | None = None
        if now is not None:
            self.set(now)

    def now(self) -> datetime:
        """The current moment, aware and in UTC, cut to milliseconds as the API keeps it."""
        moment = datetime.fromtimestamp(self.monotonic(), UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        """The same moment as seconds since 1970."""
        return (time.time() if self._frozen is None else self._frozen) + self._shift

    def set(self, moment: datetime) -> None:
        """Jump to `moment` and stand still there until `move` or `resume`."""
        if moment.tzinfo is None:
            raise ValueError(f"the sandbox clock needs an aware datetime, got {moment!r}; add tzinfo=UTC")
        self._shift = 0.0
        self._frozen = moment.timestamp()

    def freeze(self) -> None:
        """Stand still at the current moment."""
        self.set(datetime.fromtimestamp(self.monotonic(), UTC))

    def resume(self) -> None:
        """Run on from where the clock stands."""
        self._shift = self.monotonic() - time.time()
        self._frozen = None

    def move(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move the clock, frozen or running, forwards (or backwards with negative numbers)."""
        self._shift += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def iso(moment: datetime) -> str:
    """Write a moment as the API does: `2026-01-26T10:00:00.000Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def epoch_ms(moment: datetime) -> int:
    """Write a moment as the token endpoints do: milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
