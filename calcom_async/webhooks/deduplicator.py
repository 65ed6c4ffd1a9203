"""Detect webhook deliveries that were received before."""

from __future__ import annotations

import time
from collections.abc import Callable

from calcom_async.errors import ConfigError

DAY = 86_400.0


class InMemoryDeduplicator:
    """Keys of the latest deliveries: at most `size` of them, each for `ttl` seconds.

    Calling it returns whether it has the key, and adds the key if not. Each process has its own: several processes need
    a shared store, for example Redis with SET NX EX. A delivery that is repeated after `ttl` counts as a new one.
    """

    def __init__(self, size: int = 10_000, ttl: float = DAY, *, clock: Callable[[], float] = time.monotonic) -> None:
        for name, number in {"size": size, "ttl": ttl}.items():
            if not isinstance(number, int | float) or not number > 0:
                raise ConfigError(f"{name} must be a number greater than 0, got {number!r}")
        self._size = size
        self._ttl = ttl
        self._clock = clock
        self._expires_at: dict[str, float] = {}  # in order of arrival, which is the order of expiry

    def __call__(self, key: str) -> bool:
        """Return whether the key is known, and add it."""
        now = self._clock()
        while self._expires_at and self._expires_at[oldest := next(iter(self._expires_at))] <= now:
            del self._expires_at[oldest]
        if key in self._expires_at:
            return True
        # Full: the oldest key goes, which is the one least likely to come again.
        if len(self._expires_at) == self._size:
            del self._expires_at[next(iter(self._expires_at))]
        self._expires_at[key] = now + self._ttl
        return False

    def forget(self, key: str) -> None:
        """Remove a key, so that it counts as new."""
        self._expires_at.pop(key, None)

    def __len__(self) -> int:
        return len(self._expires_at)
