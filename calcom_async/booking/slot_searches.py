"""Which searches for slots together offer every start that any search offers. Pure.

The server lays a raster over each free range of the host. It rounds the first start up, on the clock of the requested
time zone, to a multiple of some minutes within the hour; the longest of `STEPS` that divides the distance of the slots.
A range also begins where the search does, or now. So a start is offered by some search if it is offered by the one that
begins with it, in the time zone on whose clock it is the roundest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from calcom_async.errors import InvalidRequestError
from calcom_async.models.event_types import EventType
from calcom_async.time_ranges import DAY, get_time_zone

MINUTE = timedelta(minutes=1)
RASTERS = {"UTC": 0, "Asia/Kolkata": 30, "Asia/Kathmandu": 45}
"""A time zone for each offset within the hour, in minutes."""
STEPS = (60, 30, 20, 15, 10, 5, 1)

Search = dict[str, Any]


def fallback_searches(
    start: datetime, time_zone: str, event_type: EventType | None, length: int | None
) -> Iterator[Search]:
    """Searches that may offer a start (in UTC) that a search of whole days in UTC does not.

    `time_zone` is the attendee's: the server counts the days of a booking window in it. `event_type` is None where its
    settings cannot be read, and `length` where it is unknown.
    """
    length = length or (event_type.length_in_minutes if event_type else None)
    # Without minutes to spare, slots that are optimized are not shifted.
    since = {"start": start, "end": start + (length * MINUTE if length else DAY)}
    yield since | {"time_zone": time_zone}
    roundest = max(RASTERS, key=lambda zone: _step(start, RASTERS[zone]))
    if _minute(start, time_zone) != _minute(start, roundest):
        yield since | {"time_zone": roundest}
    if event_type and not event_type.offset_start:
        return
    # An offset moves every slot away from the round times, so only the beginning of a range tells where they are.
    midnight = start.replace(hour=0, minute=0, second=0)
    for zone in ("Asia/Kolkata", "Asia/Kathmandu"):
        yield {"start": midnight - DAY, "end": midnight + 2 * DAY, "time_zone": zone}
    if event_type and length:
        yield from _from_a_round_time(start, event_type.offset_start, event_type.slot_interval or length)


def _from_a_round_time(start: datetime, offset: int, distance: int) -> Iterator[Search]:
    """The search that begins at a round time from which the raster meets the start, as late as possible."""
    rounded = next(step for step in STEPS if distance % step == 0)
    for slots in range(rounded):
        begin = start - (offset + slots * (offset + distance)) * MINUTE
        for zone, ahead in RASTERS.items():
            if (begin.minute + ahead) % rounded == 0:
                yield {"start": begin, "end": start + DAY, "time_zone": zone}
                return


def _step(start: datetime, ahead: int) -> int:
    return next(step for step in STEPS if (start.minute + ahead) % 60 % step == 0)


def _minute(start: datetime, zone: str) -> int | None:
    """The minute of the start on the clock of a time zone; None for one that this machine does not know."""
    if zone in RASTERS:
        return (start.minute + RASTERS[zone]) % 60
    try:
        local: datetime = start.astimezone(get_time_zone(zone))
    except InvalidRequestError:
        return None
    return local.minute
