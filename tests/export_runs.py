"""Helpers of the tests of exports: a server with many equal times, the files of a run, and interrupted runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from booking_factory import BookingFactory

from calcom_async import Calcom, ForbiddenError
from calcom_async.export import ExportJob, export

ROWS = 500
TIES = [(number // 7, number // 3, number // 9) for number in range(ROWS)]
"""Minutes of creation, start and update, which several bookings share."""


class Killed(Exception):  # noqa: N818 - it is no error of the export
    """Stands for a kill at one place."""


def client(factory: BookingFactory, key: str | None = None) -> Calcom:
    return Calcom(key or factory.sandbox.api_key, base_url=factory.sandbox.url, backoff_base=0.0)


def uids(path: Path) -> list[str]:
    """Return the uids in a JSON Lines file."""
    return [json.loads(line)["uid"] for line in path.read_text("utf-8").splitlines()]


def file_names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


async def interrupt_export(factory: BookingFactory, path: Path, *, after: int = 6, **options: Any) -> bytes:
    """Run an export that fails after some rows; return the bytes of its partial file."""
    factory.sandbox.faults.add("GET", "/v2/bookings", status=403, after=after)
    async with client(factory) as cal:
        with pytest.raises(ForbiddenError):
            await export(cal, ExportJob(take=50), path, **options)
    factory.sandbox.faults.clear()
    return path.with_name(path.name + ".part").read_bytes()
