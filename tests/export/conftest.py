"""The server that most tests of exports use."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from booking_factory import NOW, BookingFactory
from export_runs import TIES

from calcom_async.sandbox import Sandbox


@pytest.fixture
def factory() -> Iterator[BookingFactory]:
    """A server whose bookings share their times, in an order that changes with every request."""
    with Sandbox(ties=True, unstable_order=True, now=NOW) as sandbox:
        factory = BookingFactory(sandbox, random.Random(7))
        factory.fill(TIES)
        yield factory
