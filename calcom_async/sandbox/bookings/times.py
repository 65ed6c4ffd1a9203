"""Times of bookings: parsing, time zones, and the starts of a series."""

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
    """Parse an ISO 8601 time; no offset means UTC, and a bare date midnight. Returns None for other text."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_start(text: object) -> datetime:
    """Parse a booking's start and drop fractions of seconds. Raises an error for days that do not exist."""
    moment = read_time(text)
    if moment is None:
        raise bad_request("Invalid Date.")
    return moment.replace(microsecond=0)


def find_zone(name: object) -> ZoneInfo | None:
    """Return the IANA time zone of a name in any case."""
    known = canonical_zone(name) if isinstance(name, str) else None
    return zone_named(known) if known else None


def occurrences(start: datetime, recurrence: dict[str, Any], count: int, zone: ZoneInfo) -> list[datetime]:
    """Return the starts of a series in UTC, all at the same time of day in `zone`."""
    # A weekly meeting at 10:00 in Lisbon stays at 10:00 when the clocks change, and so moves by an hour in UTC
    # (recorded from a self-hosted server of 2026-07).
    local = start.astimezone(zone).replace(tzinfo=None)
    steps = _steps(local, recurrence["frequency"], max(1, recurrence["interval"]))
    return [next(steps).replace(tzinfo=zone).astimezone(UTC) for _ in range(count)]


def _steps(local: datetime, frequency: str, interval: int) -> Iterator[datetime]:
    """Yield wall-clock times. As in iCalendar recurrence rules (RFC 5545), a month without that day is skipped."""
    months = MONTHS.get(frequency)
    at = 0
    while True:
        ahead = _months_later(local, at * interval * months) if months else _weeks_later(local, at * interval)
        if ahead:
            yield ahead
        at += 1


def _weeks_later(local: datetime, weeks: int) -> datetime:
    """Return the same time of day some weeks later."""
    return datetime.fromordinal(local.toordinal() + 7 * weeks).replace(
        hour=local.hour, minute=local.minute, second=local.second
    )


def _months_later(local: datetime, months: int) -> datetime | None:
    """Return the same day and time some months later, or None if that month has no such day."""
    years, month = divmod(local.month - 1 + months, 12)
    try:
        return local.replace(year=local.year + years, month=month + 1)
    except ValueError:
        return None
