"""A sandbox whose clock is frozen on a Monday morning, and an open client of its host."""

from __future__ import annotations

import pytest
from sent_requests import MONDAY

from calcom_async.sandbox import Sandbox


@pytest.fixture
def calcom_sandbox():
    """The plugin's sandbox at a fixed time; no handler of it may fail."""
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox
    assert sandbox.handler_errors == []


@pytest.fixture
async def cal(calcom_client):
    """An open client with Ana's key."""
    async with calcom_client() as cal:
        yield cal
