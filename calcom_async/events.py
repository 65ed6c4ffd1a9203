"""What the client tells about its own work: events to a callback, counts for `stats()`, records for logging."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Literal

import msgspec

log: logging.Logger = logging.getLogger("calcom_async")


class ClientEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened; it holds no bodies, no ids and no secrets.

    `kind` says what: an attempt was answered or failed (`request`), a repeat is coming (`retry`), the rate limit made
    us wait (`wait`), a page of a list arrived (`page`).
    """

    kind: Literal["request", "retry", "wait", "page"]
    method: str
    path: str
    """The path template, e.g. `/bookings/{}`."""
    seconds: float = 0.0
    """Of the attempt, of the pause before the repeat, or of the wait."""
    status: int | None = None
    """None where no answer came."""
    attempt: int = 1
    remaining: int | None = None
    """Calls left in the window, as the server last said."""
    rows: int | None = None


class Observer:
    """Counts events, logs them and hands them to the callback; one that fails is logged and never felt by the call."""

    def __init__(
        self, on_event: Callable[[ClientEvent], object] | None = None, *, parent: Observer | None = None
    ) -> None:
        self.on_event = on_event
        self._parent = parent
        self.counts: Counter[str] = Counter()
        self.seconds_waited: float = 0.0

    def child(self) -> Observer:
        """An observer with counts of its own, whose events count here as well."""
        return Observer(self.on_event, parent=self)

    def emit(self, event: ClientEvent) -> None:
        """Pass one event to everybody concerned."""
        self._count(event)
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "%s %s %s: %s, %.3f s, attempt %d, %s left",
                event.kind,
                event.method,
                event.path,
                event.status,
                event.seconds,
                event.attempt,
                event.remaining,
            )
        if self.on_event is not None:
            try:
                self.on_event(event)
            except Exception:
                log.exception("the on_event callback failed; the call goes on")

    def _count(self, event: ClientEvent) -> None:
        self.counts[event.kind] += 1
        if event.kind == "wait":
            self.seconds_waited += event.seconds
        elif event.kind == "request" and event.status == 429:
            self.counts["rate_limited"] += 1
        if self._parent:
            self._parent._count(event)  # noqa: SLF001 - one of its own kind
