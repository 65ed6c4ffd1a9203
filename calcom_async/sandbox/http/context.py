"""What handlers and the server may use of a sandbox."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox.http.changes import Changes
from calcom_async.sandbox.http.delivery_log import DeliveryLog
from calcom_async.sandbox.http.events import EventBus
from calcom_async.sandbox.http.server_kind import ServerKind
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Store


@dataclass(slots=True)
class Settings:
    """Options of a sandbox; a test may change them while it runs."""

    rate_limit: int
    window: float
    block: float
    races: bool
    legacy_formats: bool


@dataclass(frozen=True, slots=True)
class Context:
    """The services of one sandbox."""

    store: Store
    clock: Clock
    settings: Settings
    server: ServerKind
    events: EventBus
    changes: Changes
    """Is notified of every recorded request and webhook delivery."""
    deliveries: DeliveryLog
    base_url: Callable[[], str]
    """Returns the base URL, which is known only while the sandbox runs."""
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    """Runs a coroutine in the background, in the event loop of the sandbox."""
    on_error: Callable[[Exception], None]
    """Receives the unplanned errors of handlers."""
