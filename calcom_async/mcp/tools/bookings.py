"""Book, move, cancel and decide on bookings."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from calcom_async.booking.lookup import follow_reschedules
from calcom_async.errors import InvalidRequestError
from calcom_async.mcp.call import ToolCall
from calcom_async.mcp.confirmation import Confirm
from calcom_async.mcp.event_types import EventType, event_type_keywords
from calcom_async.mcp.times import both, call_zone, is_readable, parse_time
from calcom_async.mcp.tool import Result, TimeZone, tool
from calcom_async.mcp.tools.slots import Duration
from calcom_async.mcp.untrusted import clean
from calcom_async.mcp.views import BookingRow, booking_row
from calcom_async.models.bookings import Attendee, Booking, BookingLocation

Uid = Annotated[str, Meta(description="uid of the booking", examples=["bk_3fA9"], min_length=1, max_length=200)]
SeatUid = Annotated[str, Meta(description="Only this seat", examples=["st_7Kq2"], min_length=1, max_length=200)]
Start = Annotated[str, Meta(description="One of the times of find_times", examples=["2026-12-01T09:00"])]
Reason = Annotated[str, Meta(description="Reason, which the attendee receives", examples=["Ada is ill"])]


async def reject_if_moved(call: ToolCall, booking: Booking) -> None:
    """Raise an error with the uid that a booking has now, if it was moved."""
    if booking.is_rescheduled:
        latest = (await follow_reschedules(call.cal.bookings, booking))[-1]
        raise InvalidRequestError(f"the booking was moved: its uid is now {clean(latest.uid)}")


class OneBooking(Result, kw_only=True):
    """A booking as it is now."""

    booking: BookingRow


@tool()
async def book(
    call: ToolCall,
    *,
    event_type: EventType,
    start: Start,
    time_zone: TimeZone,
    name: Annotated[str, Meta(description="Attendee", examples=["Ada Lovelace"], min_length=1)],
    email: Annotated[str, Meta(description="Their email; or pass phone", examples=["ada@example.com"])] | None = None,
    phone: Annotated[str, Meta(description="Their phone", examples=["+390612345678"])] | None = None,
    attendee_time_zone: Annotated[str, Meta(description="If not time_zone", examples=["Europe/Rome"])] | None = None,
    answers: Annotated[dict[str, Any], Meta(description="By slug of the question", examples=[{"topic": "Trial"}])]
    | None = None,
    guests: Annotated[list[str], Meta(description="Emails of guests", examples=[["bo@example.com"]])] | None = None,
    notes: Annotated[str, Meta(description="For the host", examples=["About the trial"])] | None = None,
    duration: Duration | None = None,
    location: Annotated[
        BookingLocation | None,
        Meta(description="Only if the attendee chooses it", examples=[{"type": "attendeePhone", "phone": "+39061234"}]),
    ] = None,
) -> OneBooking:
    """Book a free time for an attendee. Host and attendee get emails. Identical calls make one booking."""
    zone, moment = call_zone(time_zone), parse_time(start, call_zone(time_zone), "start")
    if not (email or phone):
        raise InvalidRequestError("email or phone is required, so that the attendee can be reached")
    if attendee_time_zone:
        call_zone(attendee_time_zone, "attendee_time_zone")
    keywords = event_type_keywords(call.cal, event_type)
    if "usernames" in keywords:
        raise InvalidRequestError("Cal.com's API cannot book a meeting with several users")
    link_duration = keywords.pop("duration", None)
    duration = duration or link_duration
    attendee = Attendee(
        name=name, email=email or None, phone_number=phone or None, time_zone=attendee_time_zone or time_zone
    )
    responses = ({"notes": notes} if notes else {}) | (answers or {})
    booking = await call.cal.book(
        start=moment,
        attendee=attendee,
        guests=guests or None,
        booking_fields_responses=responses or None,
        length_in_minutes=duration,
        location=location,
        idempotency_key=_key(keywords, name, (email or "").lower(), phone, responses, guests, duration, location),
        **keywords,
    )
    when = both(booking.start, zone)
    message = f"Booked for {when}."
    if is_readable(booking.start) and booking.start != moment:
        message = f"This was booked before, and moved since: it takes place {when}."
    if booking.is_pending:
        message += " It is pending until the host confirms it."
    return OneBooking(message=message, booking=booking_row(booking, zone, details=True))


def _key(*content: Any) -> str:
    """Return the idempotency key of a call: the same for the same event type, attendee and answers.

    The library adds the start: the same key with another start is another booking. The time zones are no part of it,
    because the same call in another time zone means the same booking.
    """
    encoded = msgspec.json.encode(content, order="deterministic")
    return "mcp-" + hashlib.sha256(encoded).hexdigest()[:40]


@tool(destructive=True)
async def reschedule_booking(
    call: ToolCall,
    *,
    uid: Uid,
    start: Start,
    time_zone: TimeZone,
    reason: Reason | None = None,
    seat_uid: SeatUid | None = None,
) -> OneBooking:
    """Move a booking to a free time. It gets a new uid, and people get emails. Safe to repeat."""
    zone = call_zone(time_zone)
    moment = parse_time(start, zone, "start")
    current = await call.cal.bookings.get(uid)
    if current.start == moment and not (current.is_cancelled or current.is_rejected):
        message = f"Nothing to do: the booking is at {both(moment, zone)} already."
    else:
        current = await call.cal.reschedule(uid, start=moment, reason=reason, seat_uid=seat_uid)
        message = f"Moved to {both(current.start, zone)}. The uid is now {current.uid}."
    if current.is_pending:
        message += " It is pending until the host confirms it."
    return OneBooking(message=message, booking=booking_row(current, zone))


@tool(destructive=True)
async def cancel_booking(
    call: ToolCall,
    *,
    uid: Uid,
    time_zone: TimeZone,
    reason: Reason | None = None,
    seat_uid: SeatUid | None = None,
    later_too: Annotated[bool, Meta(description="Of a series: all later ones too", examples=[True])] = False,
    confirm: Confirm = False,
) -> OneBooking:
    """Cancel a booking, after the user has agreed. Hosts usually need a reason. People get emails."""
    zone = call_zone(time_zone)
    if seat_uid and later_too:
        raise InvalidRequestError("pass seat_uid or later_too, not both")
    booking = await call.cal.bookings.get(uid)
    await reject_if_moved(call, booking)
    if not (booking.is_cancelled or booking.is_rejected):
        what = "Cancel one seat of the booking" if seat_uid else "Cancel the booking"
        later = " and all later occurrences" if later_too else ""
        question = f"{what} on {both(booking.start, zone)}{later}?"
        await call.confirmation.ask(question, confirmed=confirm, title=clean(booking.title, 100))
        booking = await call.cal.cancel(uid, reason=reason, seat_uid=seat_uid, following=later_too)
        message = "Cancelled."
    else:
        message = "Nothing to do: the booking was cancelled or declined before."
    return OneBooking(message=message, booking=booking_row(booking, zone))


@tool(destructive=True)
async def decide_booking(
    call: ToolCall,
    *,
    uid: Uid,
    decision: Annotated[Literal["confirm", "decline"], Meta(description="What the host decides", examples=["confirm"])],
    time_zone: TimeZone,
    reason: Reason | None = None,
) -> OneBooking:
    """Confirm or decline a pending booking, as its host. The attendee gets an email."""
    zone = call_zone(time_zone)
    booking = await call.cal.bookings.get(uid)
    await reject_if_moved(call, booking)
    decided = "accepted" if decision == "confirm" else "rejected"
    if booking.status == decided:
        message = f"Nothing to do: the booking is {decided} already."
        return OneBooking(message=message, booking=booking_row(booking, zone))
    if not booking.is_pending:
        raise InvalidRequestError(f"only a pending booking can be decided on; this one is {clean(booking.status)}")
    booking = await (call.cal.confirm(uid) if decision == "confirm" else call.cal.decline(uid, reason=reason))
    return OneBooking(message=f"The booking is {decided} now.", booking=booking_row(booking, zone))
