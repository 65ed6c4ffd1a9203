"""Choose the searches that together offer every start that any search offers. Pure.

The server lays a slot grid over each free range of the host. It rounds the first start up to a multiple of some minutes
within the hour, on the clock of the requested time zone. The multiple is the longest of `STEPS` that divides the
distance between slots. A range also begins at the start of the search, or now. So if any search offers a start, the
search that begins with it offers it too, in the time zone on whose clock the start is the roundest. (Measured on
self-hosted builds of 2025-12 and 2026-07.)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from calcom_async.errors import InvalidRequestError
from calcom_async.models.event_types import EventType
from calcom_async.time_ranges import DAY, get_time_zone

MINUTE = timedelta(minutes=1)
OFFSET_ZONES = {"UTC": 0, "Asia/Kolkata": 30, "Asia/Kathmandu": 45}
"""A time zone for each offset from UTC within the hour, in minutes."""
STEPS = (60, 30, 20, 15, 10, 5, 1)

Search = dict[str, Any]


def fallback_searches(
    start: datetime, time_zone: str, event_type: EventType | None, length: int | None
) -> Iterator[Search]:
    """Yield searches that may offer a start (in UTC) that a search of whole days in UTC does not offer.

    `time_zone` is that of the attendee, in which the server counts the days of a booking window. `event_type` is None
    if its settings cannot be read, and `length` (in minutes) if it is unknown.
    """
    length = length or (event_type.length_in_minutes if event_type else None)
    # The range has no spare minutes, because the server shifts optimized slots within a longer one.
    since = {"start": start, "end": start + (length * MINUTE if length else DAY)}
    yield since | {"time_zone": time_zone}
    roundest = max(OFFSET_ZONES, key=lambda zone: _step(start, OFFSET_ZONES[zone]))
    if _minute(start, time_zone) != _minute(start, roundest):
        yield since | {"time_zone": roundest}
    if event_type and not event_type.offset_start:
        return
    # An offset moves every slot away from the round times, so the slots depend on where a range begins.
    midnight = start.replace(hour=0, minute=0, second=0)
    for zone in ("Asia/Kolkata", "Asia/Kathmandu"):
        yield {"start": midnight - DAY, "end": midnight + 2 * DAY, "time_zone": zone}
    if event_type and length:
        yield from _from_a_round_time(start, event_type.offset_start, event_type.slot_interval or length)


def _from_a_round_time(start: datetime, offset: int, distance: int) -> Iterator[Search]:
    """Yield the search that begins at the latest round time from which the slot grid meets the start."""
    rounding = next(step for step in STEPS if distance % step == 0)
    for slots in range(rounding):
        begin = start - (offset + slots * (offset + distance)) * MINUTE
        for zone, ahead in OFFSET_ZONES.items():
            if (begin.minute + ahead) % rounding == 0:
                yield {"start": begin, "end": start + DAY, "time_zone": zone}
                return


def _step(start: datetime, ahead: int) -> int:
    return next(step for step in STEPS if (start.minute + ahead) % 60 % step == 0)


def _minute(start: datetime, zone: str) -> int | None:
    """Return the minute of the start on the clock of a time zone, None if this machine does not know the zone."""
    if zone in OFFSET_ZONES:
        return (start.minute + OFFSET_ZONES[zone]) % 60
    try:
        local: datetime = start.astimezone(get_time_zone(zone))
    except InvalidRequestError:
        return None
    return local.minute
