"""How long a test waits before it fails, which tests take long, and ports that no other program uses."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

TIMEOUT = 300.0
"""Seconds after which a test that waits fails: long enough for any machine, since it only ends what hangs."""


def slow(*values: Any) -> list[Any]:
    """Parameters that are left to CI."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


STATIC_PORTS = range(20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, so that none of those takes a port that was free."""


def free_port() -> int:
    """A port for a server that cannot choose its own."""
    for port in random.SystemRandom().sample(STATIC_PORTS, 100):
        try:
            with closing(socket.create_server(("127.0.0.1", port))):
                return port
        except OSError:
            continue
    raise RuntimeError("no port is free")


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections; it is bound meanwhile, so that nobody else can listen on it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
