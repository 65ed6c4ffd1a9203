"""Change who attends a booking."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.mcp.call import ToolCall
from calcom_async.mcp.lost_responses import resolve_if_lost
from calcom_async.mcp.times import call_zone
from calcom_async.mcp.tool import TimeZone, tool
from calcom_async.mcp.tools.bookings import OneBooking, Uid, reject_if_moved
from calcom_async.mcp.views import booking_row
from calcom_async.models.bookings import Booking, BookingAttendee, Guest


class NewGuest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A person to invite."""

    email: str
    name: str | None = None
    time_zone: str | None = None


NewGuests = Annotated[
    list[NewGuest], Meta(description="People to invite", examples=[[{"email": "bo@example.com"}]], max_length=10)
]
Emails = Annotated[
    list[str], Meta(description="Emails of attendees, except the booker", examples=[["cy@example.com"]], max_length=5)
]


@tool(destructive=True)
async def change_attendees(
    call: ToolCall, *, uid: Uid, time_zone: TimeZone, add: NewGuests | None = None, remove: Emails | None = None
) -> OneBooking:
    """Invite guests to a booking, or remove attendees. They get emails. Limited to 5 changes per minute."""
    zone, cal = call_zone(time_zone), call.cal
    if not (add or remove):
        raise InvalidRequestError("pass add, remove or both")
    booking = await cal.bookings.get(uid)
    await reject_if_moved(call, booking)
    if booking.is_cancelled or booking.is_rejected:
        raise InvalidRequestError(f"the booking is {booking.status}, so its attendees cannot change")
    present = await _attendees(cal, uid)
    new = {guest.email.lower(): guest for guest in add or () if guest.email.lower() not in present}
    leaving = {email.lower() for email in remove or ()} & present.keys()
    if new:
        guests = [Guest(email=guest.email, name=guest.name, time_zone=guest.time_zone) for guest in new.values()]
        invite = cal.bookings.add_guests(uid, *guests)
        await resolve_if_lost(invite, partial(_booking_if, cal, uid, with_emails=new.keys()))
    for email in leaving:
        removal = cal.bookings.remove_attendee(uid, present[email].id or 0)
        await resolve_if_lost(removal, partial(_attendee_if_gone, cal, uid, present[email]))
    done = f"Invited: {len(new)}, removed: {len(leaving)}."
    unchanged = len(add or ()) + len(remove or ()) - len(new) - len(leaving)
    message = done + (f" Nothing to do for {unchanged}." if unchanged else "")
    return OneBooking(message=message, booking=booking_row(await cal.bookings.get(uid), zone))


async def _attendees(cal: Calcom, uid: str) -> dict[str, BookingAttendee]:
    """Return the attendees by email, in lower case."""
    return {
        email.lower(): attendee
        for attendee in await cal.bookings.attendees(uid)
        for email in {attendee.email, attendee.display_email}
        if email
    }


async def _booking_if(cal: Calcom, uid: str, *, with_emails: Collection[str]) -> Booking | None:
    """Return the booking if these people attend it."""
    present = await _attendees(cal, uid)
    return await cal.bookings.get(uid) if all(email in present for email in with_emails) else None


async def _attendee_if_gone(cal: Calcom, uid: str, attendee: BookingAttendee) -> BookingAttendee | None:
    """Return the attendee if they do not attend the booking any more."""
    remaining = await cal.bookings.attendees(uid)
    return None if any(other.id == attendee.id for other in remaining) else attendee
