"""What the control API may use of a sandbox."""

from __future__ import annotations

from typing import Protocol

import msgspec

from calcom_async.sandbox.http.context import Context
from calcom_async.sandbox.http.faults import Faults
from calcom_async.sandbox.http.rate_limiter import RateLimiter
from calcom_async.sandbox.http.request_log import RequestLog


class Target(Protocol):
    """A sandbox that can be controlled."""

    context: Context
    faults: Faults
    rate_limiter: RateLimiter
    requests: RequestLog

    def reset(self) -> None:
        """Restore the initial data, and clear faults, rate limits and recordings."""


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What a request contains: its body, or its query parameters."""


class View(msgspec.Struct, rename="camel", kw_only=True):
    """What a response contains."""


def any_json(value: object) -> msgspec.Raw:
    """Return a value as JSON. One that is nested too deeply becomes a text that says so, and the others stay."""
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except RecursionError:
        return msgspec.Raw(b'"(nested too deeply)"')
