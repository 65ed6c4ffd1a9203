"""Rows of results: short, without nulls, with every time in UTC and in the time zone of the call."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import msgspec

from calcom_async.mcp.times import is_readable, local, utc
from calcom_async.mcp.untrusted import clean
from calcom_async.models.bookings import Booking, BookingAttendee

MAX_ROWS = 50
"""Most rows of one result. A cursor leads to the next ones."""
MAX_ATTENDEES = 10
MAX_NAME = 100
"""Longest name and address of an attendee, in characters. A list has up to 500 of them."""
MAX_ANSWERS = 30
MAX_NOTES = 1_000


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Base of the rows. Fields without a value are left out."""


class FreeTime(Row, kw_only=True):
    """A time that can be booked."""

    start: str
    start_utc: str
    weekday: str
    seats_left: int | None = None


class Person(Row, kw_only=True):
    """An attendee or a guest."""

    name: str | None = None
    email: str | None = None
    time_zone: str | None = None
    absent: bool = False


class Untrusted(Row, kw_only=True):
    """What other people wrote about a booking. The answers and notes are only in the view of one booking."""

    title: str | None = None
    attendees: list[Person] | None = None
    attendee_count: int | None = None
    location: str | None = None
    notes: str | None = None
    answers: dict[str, str] | None = None
    reason: str | None = None


class BookingRow(Row, kw_only=True):
    """A booking."""

    uid: str
    status: str
    start: str
    start_utc: str
    end: str
    end_utc: str
    weekday: str
    event_type_id: int | None = None
    hosts: list[str]
    moved_to_uid: str | None = None
    moved_from_uid: str | None = None
    series_uid: str | None = None
    seat_uid: str | None = None
    untrusted: Untrusted


def free_time(start: datetime, zone: tzinfo, seats_left: int | None = None) -> FreeTime:
    """Return the row of a free time."""
    return FreeTime(start=local(start, zone), start_utc=utc(start), weekday=weekday(start, zone), seats_left=seats_left)


def weekday(moment: datetime, zone: tzinfo) -> str:
    """Return the day of the week in a time zone, because models often get it wrong."""
    return f"{moment.astimezone(zone):%A}" if is_readable(moment) else ""


def booking_row(booking: Booking, zone: tzinfo, *, details: bool = False) -> BookingRow:
    """Return the row of a booking, with its notes and answers if it is shown alone."""
    return BookingRow(
        uid=clean(booking.uid),
        status=clean(booking.status) or "",
        start=local(booking.start, zone),
        start_utc=utc(booking.start),
        end=local(booking.end, zone),
        end_utc=utc(booking.end),
        weekday=weekday(booking.start, zone),
        event_type_id=booking.event_type_id,
        hosts=[clean(host.email or host.name or str(host.id)) or "" for host in booking.hosts or ()],
        moved_to_uid=booking.rescheduled_to_uid,
        moved_from_uid=booking.rescheduled_from_uid,
        series_uid=booking.recurring_booking_uid,
        seat_uid=booking.seat_uid,
        untrusted=_untrusted(booking, details=details),
    )


def _untrusted(booking: Booking, *, details: bool) -> Untrusted:
    attendees = booking.attendees or []
    shown = [person(attendee) for attendee in attendees[:MAX_ATTENDEES]]
    text = Untrusted(
        title=clean(booking.title) or None,
        attendees=shown or None,
        attendee_count=len(attendees) if len(attendees) > len(shown) else None,
        location=clean(booking.location) or None,
        reason=clean(booking.cancellation_reason or booking.rescheduling_reason) or None,
    )
    if details:
        text.notes = clean(booking.description, MAX_NOTES) or None
        text.answers = _answers(booking.booking_fields_responses)
    return text


def _answers(responses: dict[str, Any] | None) -> dict[str, str] | None:
    answers = list((responses or {}).items())[:MAX_ANSWERS]
    return {clean(slug, 60): clean(str(value)) for slug, value in answers if value not in (None, "", [])} or None


def person(attendee: BookingAttendee) -> Person:
    """Return the row of an attendee."""
    return Person(
        name=clean(attendee.name, MAX_NAME) or None,
        email=clean(attendee.display_email or attendee.email, MAX_NAME),
        time_zone=clean(attendee.time_zone, MAX_NAME),
        absent=attendee.absent,
    )
