"""What happens in the sandbox, as server-sent events: the console shows it without polling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta

from calcom_async.sandbox.control.operations import ControlError, Operations
from calcom_async.sandbox.control.recordings import latest_deliveries, latest_requests
from calcom_async.sandbox.control.target import Body, EventStream, Target

OPERATIONS = Operations()
PAUSE = 0.05
"""Seconds between two batches of events, so that a load test is not slowed down by who watches it."""
HEARTBEAT = 5.0
"""Seconds after which a `change` is sent in any case: it also shows whether the reader is still there."""
MAX_ROWS = 200
MAX_STREAMS = 20
"""Open streams at a time. Each sends every request, so hundreds would slow the sandbox down."""


class EventsQuery(Body):
    """After which numbers to begin."""

    requests: Annotated[int, Meta(ge=0)] = 0
    deliveries: Annotated[int, Meta(ge=0)] = 0


@OPERATIONS.add("GET", "/events")
def read_events(sandbox: Target, query: EventsQuery) -> EventStream:
    """Follow the sandbox as server-sent events: `request`, `delivery`, and `change` when anything may have changed.

    The data of the first two is that of the lists of requests and deliveries; there are up to 200 at a time, the
    latest. A `change` has the numbers of the first request and the first delivery that are still recorded: a reset
    removes those before. It is also sent every 5 seconds, for changes that Python code makes without a request.
    """
    if sandbox.context.changes.streams >= MAX_STREAMS:
        message = f"{MAX_STREAMS} streams of events are open already; close one first"
        raise ControlError(HTTPStatus.SERVICE_UNAVAILABLE, message)
    return EventStream(_counted(sandbox, query))


async def _counted(sandbox: Target, query: EventsQuery) -> AsyncGenerator[bytes, None]:
    """Yield events, and count this stream as long as it is open."""
    changes = sandbox.context.changes
    changes.streams += 1
    try:
        async with aclosing(_events(sandbox, query.requests, query.deliveries)) as events:
            async for event in events:
                yield event
    finally:
        changes.streams -= 1


async def _events(sandbox: Target, last_request: int, last_delivery: int) -> AsyncGenerator[bytes, None]:
    """Yield events until the reader is gone."""
    changes = sandbox.context.changes
    while True:
        seen = changes.count
        requests = latest_requests(sandbox, after=last_request, take=MAX_ROWS)
        deliveries = latest_deliveries(sandbox, after=last_delivery, take=MAX_ROWS)
        last_request = requests[-1].number if requests else last_request
        last_delivery = deliveries[-1].number if deliveries else last_delivery
        change = {"requests": sandbox.requests.first_number, "deliveries": sandbox.context.deliveries.first_number}
        rows = [*(("request", row) for row in requests), *(("delivery", row) for row in deliveries)]
        yield b"".join(_event(name, data) for name, data in [*rows, ("change", change)])
        await asyncio.sleep(PAUSE)
        await changes.wait_after(seen, HEARTBEAT)


def _event(name: str, data: object) -> bytes:
    """Return one event."""
    return f"event: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"
