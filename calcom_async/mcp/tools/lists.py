"""Show bookings: one, a list, or the agenda of some days."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta

from calcom_async.booking.lookup import follow_reschedules
from calcom_async.mcp.call import ToolCall
from calcom_async.mcp.cursors import open_cursor, seal_cursor
from calcom_async.mcp.times import call_zone, parse_day, parse_range
from calcom_async.mcp.tool import Cursor, Result, TimeZone, tool
from calcom_async.mcp.tools.bookings import OneBooking, Uid
from calcom_async.mcp.views import MAX_ROWS, BookingRow, booking_row

Status = Literal["upcoming", "recurring", "unconfirmed", "past", "cancelled"]
StatusFilter = Annotated[Status, Meta(description="Default: upcoming; any within start and end", examples=["past"])]


class ManyBookings(Result, kw_only=True):
    """Bookings in order of their start."""

    bookings: list[BookingRow]
    next_cursor: str | None = None


@tool(changes=False)
async def list_bookings(
    call: ToolCall,
    *,
    time_zone: TimeZone,
    status: StatusFilter | None = None,
    start: Annotated[str, Meta(description="From this day or time on", examples=["2026-12-01"])] | None = None,
    end: Annotated[str, Meta(description="Ending by this day or time", examples=["2026-12-31"])] | None = None,
    attendee_email: Annotated[str, Meta(description="In the same letter case", examples=["ada@example.com"])]
    | None = None,
    event_type_id: Annotated[int, Meta(description="See who_am_i", examples=[1])] | None = None,
    cursor: Cursor | None = None,
) -> ManyBookings:
    """List bookings of the user, and of teams that they administer, 50 at a time."""
    zone = call_zone(time_zone)
    first, last = parse_range(start, end, zone)
    filters: dict[str, Any] = {
        "status": status or (None if start or end else "upcoming"),
        "after_start": first,
        "before_end": last,
        "attendee_email": attendee_email or None,
        "event_type_id": event_type_id,
    }
    arguments = ("list_bookings", time_zone, status, start, end, attendee_email, event_type_id)
    skip = open_cursor(cursor, *arguments)
    given = {name: value for name, value in filters.items() if value is not None}
    page = await call.cal.bookings.list(take=MAX_ROWS, skip=skip, **given).first_page()
    total = "" if page.total_items is None else f" of {page.total_items}"
    return ManyBookings(
        message=f"{len(page.items)}{total} bookings.",
        bookings=[booking_row(booking, zone) for booking in page.items],
        next_cursor=seal_cursor(skip + MAX_ROWS, *arguments) if page.has_next else None,
    )


@tool(changes=False)
async def get_agenda(
    call: ToolCall,
    *,
    time_zone: TimeZone,
    day: Annotated[str, Meta(description="First day", examples=["2026-12-01"])],
    days: Annotated[int, Meta(description="Number of days", examples=[7], ge=1, le=31)] = 1,
    cursor: Cursor | None = None,
) -> ManyBookings:
    """Show the accepted and pending bookings of a day or some days that the user hosts or attends, in order."""
    zone, first = call_zone(time_zone), parse_day(day, "day")
    arguments = ("get_agenda", time_zone, day, days)
    skip = open_cursor(cursor, *arguments)
    agenda = await call.cal.agenda(first, days=days, time_zone=time_zone)
    # A booking over midnight is on both days.
    bookings = list({booking.uid: booking for shown in agenda for booking in shown.bookings}.values())
    return ManyBookings(
        message=f"{len(bookings)} bookings on {_days(first, agenda[-1].day)} ({time_zone}).",
        bookings=[booking_row(booking, zone) for booking in bookings[skip : skip + MAX_ROWS]],
        next_cursor=seal_cursor(skip + MAX_ROWS, *arguments) if skip + MAX_ROWS < len(bookings) else None,
    )


def _days(first: date, last: date) -> str:
    return f"{first:%A} {first}" + (f" to {last:%A} {last}" if last != first else "")


@tool(changes=False)
async def get_booking(call: ToolCall, *, uid: Uid, time_zone: TimeZone) -> OneBooking:
    """Show one booking with its notes and the answers of the attendee."""
    zone = call_zone(time_zone)
    booking = await call.cal.bookings.get(uid)
    message = f"The booking is {booking.status}."
    if booking.is_rescheduled:
        latest = (await follow_reschedules(call.cal.bookings, booking))[-1]
        message = f"The booking was moved: its uid is now {latest.uid}."
    return OneBooking(message=message, booking=booking_row(booking, zone, details=True))
