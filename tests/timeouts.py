"""Timeouts, parameters of slow tests, and free ports."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

TIMEOUT = 300.0
"""Seconds until a waiting test fails. Long enough for any machine, because it only ends a test that hangs."""


def slow(*values: Any) -> list[Any]:
    """Mark parameters as slow, so that only CI runs them."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


STATIC_PORTS = range(20_000, 32_000)
"""Below the ephemeral ports of Linux, so that no outgoing connection takes a port that was free."""


def free_port() -> int:
    """Return a port for a server that cannot choose its own."""
    for port in random.SystemRandom().sample(STATIC_PORTS, 100):
        try:
            with closing(socket.create_server(("127.0.0.1", port))):
                return port
        except OSError:
            continue
    raise RuntimeError("no port is free")


@contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections. It stays bound, so no other program can listen on it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
