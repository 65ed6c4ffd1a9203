"""Times of bookings: reading a start, naming a zone, and the starts of a series."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from calcom_async.sandbox.http.constraints import canonical_zone
from calcom_async.sandbox.http.errors import bad_request
from calcom_async.sandbox.http.time_zones import zone_named

MONTHS = {"monthly": 1, "yearly": 12}


def read_time(text: object) -> datetime | None:
    """Read an ISO 8601 time: offsets are honoured, no zone means UTC, a bare date midnight; None when it is no time."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_start(text: object) -> datetime:
    """Read a booking's start, which keeps its seconds and loses what is smaller; refuse a day that does not exist."""
    moment = read_time(text)
    if moment is None:
        raise bad_request("Invalid Date.")
    return moment.replace(microsecond=0)


def find_zone(name: object) -> ZoneInfo | None:
    """The IANA zone of a name, whose case does not matter."""
    known = canonical_zone(name) if isinstance(name, str) else None
    return zone_named(known) if known else None


def occurrences(start: datetime, recurrence: dict[str, Any], count: int, zone: ZoneInfo) -> list[datetime]:
    """Starts of a series, in UTC: every one at the same time of day in `zone`, whatever the clocks do there."""
    local = start.astimezone(zone).replace(tzinfo=None)
    steps = _steps(local, recurrence["frequency"], max(1, recurrence["interval"]))
    return [next(steps).replace(tzinfo=zone).astimezone(UTC) for _ in range(count)]


def _steps(local: datetime, frequency: str, interval: int) -> Iterator[datetime]:
    """Wall-clock times; a month without that day is left out, as recurrence rules do."""
    months = MONTHS.get(frequency)
    at = 0
    while True:
        ahead = _months_later(local, at * interval * months) if months else _weeks_later(local, at * interval)
        if ahead:
            yield ahead
        at += 1


def _weeks_later(local: datetime, weeks: int) -> datetime:
    return datetime.fromordinal(local.toordinal() + 7 * weeks).replace(
        hour=local.hour, minute=local.minute, second=local.second
    )


def _months_later(local: datetime, months: int) -> datetime | None:
    years, month = divmod(local.month - 1 + months, 12)
    try:
        return local.replace(year=local.year + years, month=month + 1)
    except ValueError:
        return None
