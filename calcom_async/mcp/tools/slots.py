"""Find free times."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from itertools import islice
from typing import Annotated, Any

from msgspec import Meta

from calcom_async.errors import InvalidRequestError
from calcom_async.mcp.call import ToolCall
from calcom_async.mcp.cursors import open_cursor, seal_cursor
from calcom_async.mcp.event_types import EventType, event_type_keywords
from calcom_async.mcp.times import both, call_zone, parse_day_or_time, parse_range
from calcom_async.mcp.tool import Cursor, Result, TimeZone, tool
from calcom_async.mcp.views import MAX_ROWS, FreeTime, free_time
from calcom_async.resources.slots import has_room

MAX_RANGE = timedelta(days=62)
LOOK_AHEAD = timedelta(days=60)
"""How far a search without a result looks for the next free time."""

Duration = Annotated[
    int, Meta(description="Minutes, if the event type offers several lengths", examples=[30], ge=1, le=1440)
]
MovedUid = Annotated[str, Meta(description="To be moved: its own time counts as free", examples=["bk_3fA9"])]


class FreeTimes(Result, kw_only=True):
    """Free times in order."""

    times: list[FreeTime]
    next_cursor: str | None = None


@tool(changes=False)
async def find_times(
    call: ToolCall,
    *,
    event_type: EventType,
    start: Annotated[str, Meta(description="First day, or a time", examples=["2026-12-01", "2026-12-01T09:00"])],
    end: Annotated[str, Meta(description="Last day, included, or a time", examples=["2026-12-07"])],
    time_zone: TimeZone,
    duration: Duration | None = None,
    booking_uid: MovedUid | None = None,
    cursor: Cursor | None = None,
) -> FreeTimes:
    """Find times at which an event type can be booked, up to 62 days at once. Pass one of them to book as start."""
    zone = call_zone(time_zone)
    parse_range(start, end, zone)  # raises if the range is empty
    first, last = parse_day_or_time(start, zone, "start"), parse_day_or_time(end, zone, "end")
    _check_span(first, last)
    keywords = event_type_keywords(call.cal, event_type)
    if duration is not None:
        keywords["duration"] = duration
    arguments = ("find_times", event_type, start, end, time_zone, duration, booking_uid)
    skip = open_cursor(cursor, *arguments)
    days = await call.cal.slots.search(
        start=first, end=last, time_zone=time_zone, booking_uid_to_reschedule=booking_uid, **keywords
    )
    slots = [slot for slot in days.slots() if has_room(slot)]
    rows = [free_time(slot.start, zone, slot.seats_remaining) for slot in islice(slots, skip, skip + MAX_ROWS)]
    rest = len(slots) - skip - len(rows)
    message = f"{len(slots)} free times from {start} to {end} ({time_zone})."
    if not slots:
        message = f"No free time from {start} to {end} ({time_zone}). {await _next_free(call, last, zone, keywords)}"
    elif rest > 0:
        message += f" {rest} more with the cursor."
    return FreeTimes(
        message=message, times=rows, next_cursor=seal_cursor(skip + MAX_ROWS, *arguments) if rest > 0 else None
    )


async def _next_free(call: ToolCall, last: date | datetime, zone: tzinfo, keywords: dict[str, Any]) -> str:
    """Return a sentence with the first free time after the range."""
    slot = await call.cal.slots.first_available(start=last, end=last + LOOK_AHEAD, time_zone=str(zone), **keywords)
    return f"The next one is {both(slot.start, zone)}." if slot else f"Nor in the {LOOK_AHEAD.days} days after that."


def _check_span(first: date | datetime, last: date | datetime) -> None:
    span = date(last.year, last.month, last.day) - date(first.year, first.month, first.day)
    if span > MAX_RANGE:
        raise InvalidRequestError(f"start and end must be at most {MAX_RANGE.days} days apart, got {span.days}")
