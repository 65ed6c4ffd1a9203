"""A booking as one flat row: stable columns, and nothing in a cell that a spreadsheet would run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from calcom_async.models.bookings import Booking

SEPARATOR = "; "
# What spreadsheets take for the beginning of a formula, after OWASP's page on CSV injection.
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def _of_all(people: str, field: str) -> Callable[[Booking], str]:
    """A column with what each of several people has in a field; gaps in the answer are passed over."""

    def joined(booking: Booking) -> str:
        found = [getattr(person, field) for person in getattr(booking, people) or () if person]
        return SEPARATOR.join(text for text in found if text)

    return joined


def _json(value: Any) -> str | None:
    return msgspec.json.encode(value).decode() if value else None


BOOKING_COLUMNS: Mapping[str, Callable[[Booking], Any]] = {
    "id": lambda booking: booking.id,
    "uid": lambda booking: booking.uid,
    "status": lambda booking: booking.status,
    "title": lambda booking: booking.title,
    "description": lambda booking: booking.description,
    "start": lambda booking: booking.start,
    "end": lambda booking: booking.end,
    "duration_minutes": lambda booking: booking.duration,
    "event_type_id": lambda booking: booking.event_type_id,
    "event_type_slug": lambda booking: booking.event_type.slug if booking.event_type else None,
    "location": lambda booking: booking.location,
    "host_emails": _of_all("hosts", "email"),
    "attendee_names": _of_all("attendees", "name"),
    "attendee_emails": _of_all("attendees", "email"),
    "attendee_time_zones": _of_all("attendees", "time_zone"),
    "guests": lambda booking: SEPARATOR.join(filter(None, booking.guests or ())),
    "absent_host": lambda booking: booking.absent_host,
    "cancellation_reason": lambda booking: booking.cancellation_reason,
    "rescheduling_reason": lambda booking: booking.rescheduling_reason,
    "rescheduled_from_uid": lambda booking: booking.rescheduled_from_uid,
    "rescheduled_to_uid": lambda booking: booking.rescheduled_to_uid,
    "recurring_booking_uid": lambda booking: booking.recurring_booking_uid,
    "rating": lambda booking: booking.rating,
    "ics_uid": lambda booking: booking.ics_uid,
    "created_at": lambda booking: booking.created_at,
    "updated_at": lambda booking: booking.updated_at,
    "metadata": lambda booking: _json(booking.metadata),
    "booking_fields_responses": lambda booking: _json(booking.booking_fields_responses),
}
"""Columns in their order; they come from here and never from the data, so every file has the same."""


def booking_cells(booking: Booking) -> list[str]:
    """The cells of one booking, as text; times in UTC, several people joined with `; `, nested answers as JSON."""
    return [_cell(column(booking)) for column in BOOKING_COLUMNS.values()]


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case str():
            return harmless(value)
    return str(value)


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula: cells come from whoever books."""
    return "'" + text if text.startswith(RISKY) else text
