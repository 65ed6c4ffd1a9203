"""Report what the client does: events for a callback, counts for `stats()`, and log records."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from calcom_async.deprecation import DeprecatedOperationWarning
from calcom_async.errors import RateLimit
from calcom_async.requests import CallContext, Request

log: logging.Logger = logging.getLogger("calcom_async")


class ClientEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the client, without bodies, ids or secrets.

    `kind` is `request` for an attempt that got a response or failed, `retry` before a retry, `wait` after a wait for
    the rate limit, `call` for the end of a call with all its attempts and waits, and `page` for a page of a list, after
    the end of its call. A token refresh is a call of its own.
    """

    kind: Literal["request", "retry", "wait", "call", "page"]
    call_id: int = 0
    """A number that all events of a call have in common; no other call of this process has it."""
    method: str
    path: str
    """The route, such as `/bookings/{}`."""
    seconds: float = 0.0
    """Duration of the attempt, of the pause before the retry, of the wait, or of the whole call."""
    status: int | None = None
    """None if there was no response."""
    error: str | None = None
    """The type of the exception that ended the attempt or the call, or that the retry follows."""
    attempt: int = 1
    """Number of the attempt, in events of an attempt or a retry."""
    remaining: int | None = None
    """Requests left in the window, from the headers of the response."""
    rows: int | None = None


class Observer:
    """Counts events, logs them and passes them to the callback. An exception of the callback is only logged."""

    def __init__(
        self, on_event: Callable[[ClientEvent], object] | None = None, *, parent: Observer | None = None
    ) -> None:
        self.on_event = on_event
        self._parent = parent
        self.counts: Counter[str] = Counter()
        self.seconds_waited: float = 0.0
        self.deprecated_operations: set[tuple[str, str]] = set() if parent is None else parent.deprecated_operations

    def child(self) -> Observer:
        """Return an observer with its own counts, whose events are counted here too."""
        return Observer(self.on_event, parent=self)

    def emit(self, event: ClientEvent) -> None:
        """Count an event, log it and pass it to the callback."""
        self.count(event.kind, event.status, event.seconds)
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "%s %s %s: %s, %.3f s, attempt %d, %s left, call %d",
                event.kind,
                event.method,
                event.path,
                event.status,
                event.seconds,
                event.attempt,
                event.remaining,
                event.call_id,
            )
        if self.on_event is not None:
            try:
                self.on_event(event)
            except Exception:
                log.exception("the on_event callback failed; the call goes on")

    def record_attempt(
        self,
        request: Request,
        context: CallContext,
        status: int | None,
        seconds: float = 0.0,
        limits: Sequence[RateLimit] = (),
        *,
        error: Exception | None = None,
    ) -> None:
        """Report an attempt that got a response or failed; only count it if no event would be logged or passed on."""
        if self.on_event is None and not context.call_id:
            self.count("request", status)
            return
        self.emit(
            ClientEvent(
                kind="request",
                call_id=context.call_id,
                method=request.method,
                path=request.route,
                seconds=seconds,
                status=status,
                error=None if error is None else type(error).__name__,
                attempt=context.attempt,
                remaining=max([limit.remaining for limit in limits], default=None),
            )
        )

    def warn_deprecated(self, method: str, route: str, notice: str) -> None:
        """Warn that an operation will end, once per operation for a client and its views."""
        if (method, route) not in self.deprecated_operations:
            self.deprecated_operations.add((method, route))
            warnings.warn(f"{method} {route} {notice}", DeprecatedOperationWarning, stacklevel=2)

    def count(self, kind: str, status: int | None = None, seconds: float = 0.0) -> None:
        """Count an event, here and in the observer of the client that this one is a view of."""
        self.counts[kind] += 1
        if kind == "wait":
            self.seconds_waited += seconds
        elif status == 429 and kind == "request":
            self.counts["rate_limited"] += 1
        if self._parent:
            self._parent.count(kind, status, seconds)
