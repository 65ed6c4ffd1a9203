"""A sandbox whose clock is frozen on a Monday morning, and an open client of its host."""

from __future__ import annotations

import pytest
from sent_requests import MONDAY

from calcom_async.sandbox import Sandbox


@pytest.fixture
def calcom_sandbox():
    """Run a sandbox at a fixed time, and check that no handler failed."""
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox
    assert sandbox.handler_errors == []


@pytest.fixture
async def cal(calcom_client):
    """Open a client with Ana's key."""
    async with calcom_client() as cal:
        yield cal
