"""Print a booking, and add to the errors of booking what the user can do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from calcom_async.cli.tables import Column, print_fields
from calcom_async.cli.terminal import echo, print_json
from calcom_async.errors import BadRequestError, SlotTakenError
from calcom_async.models.bookings import Booking, BookingAttendee


def print_details(booking: Booking, zone: ZoneInfo) -> None:
    """Print the fields of a booking, one per line."""
    fields = {
        "uid": booking.uid,
        "title": booking.title,
        "status": booking.status,
        "start": local(booking.start, zone),
        "end": local(booking.end, zone),
        "time zone": zone.key,
        "hosts": ", ".join(host.email or host.name or "unknown" for host in booking.hosts),
        "attendees": attendees_of(booking),
        "guests": ", ".join(booking.guests or []),
        "location": booking.location,
        "notes": booking.description,
        "event type": booking.event_type_id,
        "reason": booking.cancellation_reason or booking.rescheduling_reason,
        "rescheduled from": booking.rescheduled_from_uid,
        "rescheduled to": booking.rescheduled_to_uid,
        "series": booking.recurring_booking_uid,
        "created": local(booking.created_at, zone),
    }
    print_fields({name: value for name, value in fields.items() if value})


def print_booking(booking: Booking, zone: ZoneInfo, *, json: bool) -> None:
    """Print the uid on one line, and the times and the status on the next; or JSON."""
    if json:
        print_json(booking)
        return
    echo(booking.uid)
    echo(f"{times_of(booking, zone)}, {booking.status}")


def times_of(booking: Booking, zone: ZoneInfo) -> str:
    """Return the times of a booking in a time zone."""
    return f"{local(booking.start, zone)} to {local(booking.end, zone)} ({zone.key})"


def local(time: datetime | None, zone: ZoneInfo) -> str:
    """Return a time in a time zone, with the UTC offset. None is a time that could not be read."""
    return "unknown" if time is None else time.astimezone(zone).isoformat(timespec="minutes")


@contextmanager
def start_hints(start: datetime, zone: ZoneInfo) -> Iterator[None]:
    """Add to an error about the start what the user can choose instead."""
    try:
        yield
    except (SlotTakenError, BadRequestError) as error:
        if start < datetime.now(UTC):
            error.add_note(f"--start {local(start, zone)} is in the past. Choose a later time.")
        for slot in getattr(error, "alternatives", ()):
            error.add_note(f"  free: {local(slot.start, zone)}")
        raise


def booking_columns(zone: ZoneInfo) -> list[Column[Booking]]:
    """Return the columns of a list of bookings, with times in a time zone."""
    return [
        Column("uid", lambda booking: booking.uid),
        Column("start", lambda booking: booking.start and booking.start.astimezone(zone)),
        Column("end", lambda booking: booking.end and booking.end.astimezone(zone), in_table=False),
        Column("title", lambda booking: booking.title, can_shorten=True),
        Column("status", lambda booking: booking.status),
        Column("attendees", attendees_of, can_shorten=True),
        Column("event_type", lambda booking: booking.event_type_id, in_table=False),
        Column("location", lambda booking: booking.location, in_table=False),
    ]


def attendees_of(booking: Booking) -> str:
    """Return by what the attendees can be reached."""
    return ", ".join(map(_contact, booking.attendees))


def _contact(attendee: BookingAttendee) -> str:
    return attendee.display_email or attendee.email or attendee.phone_number or attendee.name or "unknown"
