"""A sandbox for each module, as it was at the start for each test. Its clock stands still on a Monday."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from calcom_async.sandbox import Sandbox

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[Sandbox]:
    """Start the server once."""
    with Sandbox(now=NOW) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """Return the server with its initial data."""
    running_sandbox.reset()
    return running_sandbox
