"""Who the user is, and what can be booked."""

from __future__ import annotations

from datetime import UTC, datetime

from calcom_async.mcp.call import ToolCall
from calcom_async.mcp.cursors import open_cursor, seal_cursor
from calcom_async.mcp.times import call_zone, local, utc
from calcom_async.mcp.tool import Cursor, Result, tool
from calcom_async.mcp.untrusted import clean
from calcom_async.mcp.views import MAX_ROWS, Row, weekday
from calcom_async.models.event_types import EventType


class EventTypeRow(Row, kw_only=True):
    """An event type."""

    id: int
    title: str
    link: str | None = None
    minutes: int
    other_minutes: list[int] | None = None
    needs_confirmation: bool = False
    recurring: bool = False
    seats: bool = False
    questions: list[str] | None = None
    """Slugs of the required questions other than name and email."""


class Account(Result, kw_only=True):
    """The user and their event types."""

    user_id: int
    name: str | None = None
    email: str
    username: str | None = None
    time_zone: str
    now: str
    now_utc: str
    weekday: str
    event_types: list[EventTypeRow]
    next_cursor: str | None = None


@tool(changes=False)
async def who_am_i(call: ToolCall, *, cursor: Cursor | None = None) -> Account:
    """Show the user: name, time zone, the time there now, and the event types to book. Call this first."""
    me = await call.cal.me.get()
    event_types = await call.cal.event_types.list().collect()
    skip = open_cursor(cursor, "who_am_i")
    zone, now = call_zone(me.time_zone), datetime.now(UTC).replace(second=0)
    rows = [_row(event_type) for event_type in event_types[skip : skip + MAX_ROWS]]
    return Account(
        message=f"{len(rows)} of {len(event_types)} event types. Book with the id of one.",
        user_id=me.id,
        name=clean(me.name),
        email=me.email,
        username=me.username,
        time_zone=me.time_zone,
        now=local(now, zone),
        now_utc=utc(now),
        weekday=weekday(now, zone),
        event_types=rows,
        next_cursor=seal_cursor(skip + MAX_ROWS, "who_am_i") if skip + MAX_ROWS < len(event_types) else None,
    )


IMPLIED_QUESTIONS = {"name", "email", "title", "location", "rescheduleReason", "guests", "notes"}


def _row(event_type: EventType) -> EventTypeRow:
    questions = [
        field.slug
        for field in event_type.booking_fields
        if getattr(field, "required", False) and field.slug and field.slug not in IMPLIED_QUESTIONS
    ]
    return EventTypeRow(
        id=event_type.id,
        title=clean(event_type.title) or "",
        link=event_type.booking_url,
        minutes=event_type.length_in_minutes,
        other_minutes=[n for n in event_type.length_in_minutes_options or () if n != event_type.length_in_minutes]
        or None,
        needs_confirmation=event_type.needs_confirmation,
        recurring=event_type.is_recurring,
        seats=event_type.is_seated,
        questions=questions or None,
    )
