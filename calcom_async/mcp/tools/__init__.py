"""The tools, by area."""

from __future__ import annotations

from calcom_async.mcp.tool import Tool
from calcom_async.mcp.tools.account import who_am_i
from calcom_async.mcp.tools.availability import get_availability, set_availability
from calcom_async.mcp.tools.bookings import book, cancel_booking, decide_booking, reschedule_booking
from calcom_async.mcp.tools.export import export
from calcom_async.mcp.tools.lists import get_agenda, get_booking, list_bookings
from calcom_async.mcp.tools.operations import call_read, call_write, search_operations
from calcom_async.mcp.tools.people import change_attendees
from calcom_async.mcp.tools.slots import find_times

TOOLS: tuple[Tool, ...] = (
    who_am_i,
    find_times,
    book,
    reschedule_booking,
    cancel_booking,
    list_bookings,
    get_agenda,
    get_booking,
    decide_booking,
    change_attendees,
    get_availability,
    set_availability,
    export,
    search_operations,
    call_read,
    call_write,
)
