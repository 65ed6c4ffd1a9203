"""What the control API may use of a sandbox."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

import msgspec

from calcom_async.sandbox.http.context import Context
from calcom_async.sandbox.http.faults import Faults
from calcom_async.sandbox.http.rate_limiter import RateLimiter
from calcom_async.sandbox.http.request_log import RequestLog
from calcom_async.sandbox.state.store import Snapshot
from calcom_async.sandbox.world.documents import World
from calcom_async.sandbox.world.loading import Loaded


class Target(Protocol):
    """A sandbox that can be controlled."""

    context: Context
    faults: Faults
    rate_limiter: RateLimiter
    requests: RequestLog
    snapshots: dict[int, Snapshot]

    def reset(self) -> None:
        """Restore the initial data, and clear faults, rate limits and recordings."""
        ...

    def snapshot(self) -> Snapshot:
        """Return a copy of the data."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Restore the data of a snapshot, and clear faults, rate limits and recordings."""
        ...

    def add_world(self, world: World) -> Loaded:
        """Add to the data. Raises a `WorldError`."""
        ...

    def load_world(self, world: World) -> Loaded:
        """Replace the data, also what `reset` restores. Raises a `WorldError`."""
        ...


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What a request contains: its body, or its query parameters."""


class View(msgspec.Struct, rename="camel", kw_only=True):
    """What a response contains."""


@dataclass(frozen=True, slots=True)
class EventStream:
    """A response that goes on: server-sent events, as bytes."""

    events: AsyncGenerator[bytes, None]


def any_json(value: object) -> msgspec.Raw:
    """Return a value as JSON. One that is nested too deeply becomes a text that says so, and the others stay."""
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except RecursionError:
        return msgspec.Raw(b'"(nested too deeply)"')
