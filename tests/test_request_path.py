"""The way of a request through the package is short: few files, each once on the way out and once on the way back."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

import calcom_async
from calcom_async import Calcom
from calcom_async.models import Attendee
from calcom_async.sandbox import Sandbox

PACKAGE = Path(calcom_async.__file__).parent
LIST = ["pages.py", "list_call.py", "retry.py", "middleware.py", "transport.py"]


class CallStack(aiohttp.TraceConfig):
    """Notes the files of the package that wait for a request when it reaches aiohttp, the outermost first."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[str] = []
        self.on_request_start.append(self.note)

    async def note(self, session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
        paths = []
        frame = sys._getframe()
        while frame := frame.f_back:  # type: ignore[assignment]
            paths.append(Path(frame.f_code.co_filename))
        inside = [path.relative_to(PACKAGE).as_posix() for path in reversed(paths) if path.is_relative_to(PACKAGE)]
        self.files = [file for file, _ in groupby(inside)]


@pytest.fixture
async def stack():
    notes = CallStack()
    with Sandbox(bookings=3) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url, trace_configs=[notes]) as cal:
            yield notes, cal


async def test_one_request(stack):
    """Between a method and the socket lie five files: the method, its base, retry, middleware and transport."""
    notes, cal = stack
    await cal.me.get()
    assert notes.files == ["resources/me.py", "resources/_base.py", *LIST[2:]]


async def test_a_list(stack):
    """The pages of a list are requested through five files, and none is passed twice."""
    notes, cal = stack
    await cal.bookings.list().collect(limit=1)
    assert notes.files == LIST


async def test_a_booking(stack):
    """`cal.book` adds three files to those of `bookings.create`; only `create.py` is passed twice, by `run_safely`."""
    notes, cal = stack
    event_type = (await cal.event_types.list().collect())[0]
    await cal.book(
        start="2030-01-07T10:00:00Z",
        event_type_id=event_type.id,
        attendee=Attendee(name="Ada", email="ada@example.com", time_zone="UTC"),
        check=False,
    )
    booking = ["booking/create.py", "booking/reconcile.py", "booking/create.py"]
    assert notes.files == ["client_booking.py", *booking, "resources/bookings.py", "resources/_base.py", *LIST[2:]]
