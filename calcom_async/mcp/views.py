"""Rows of results: short, without nulls, with every time in UTC and in the time zone of the call."""

from __future__ import annotations

from datetime import datetime, tzinfo

import msgspec

from calcom_async.mcp.times import local, utc

MAX_ROWS = 50
"""Most rows of one result. A cursor leads to the next ones."""


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Base of the rows. Fields without a value are left out."""


class FreeTime(Row, kw_only=True):
    """A time that can be booked."""

    start: str
    start_utc: str
    weekday: str
    seats_left: int | None = None


def free_time(start: datetime, zone: tzinfo, seats_left: int | None = None) -> FreeTime:
    """Return the row of a free time."""
    return FreeTime(start=local(start, zone), start_utc=utc(start), weekday=weekday(start, zone), seats_left=seats_left)


def weekday(moment: datetime, zone: tzinfo) -> str:
    """Return the day of the week in a time zone, because models often get it wrong."""
    return f"{moment.astimezone(zone):%A}"
