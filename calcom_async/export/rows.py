"""CSV rows of a model: fixed columns, and no cell that a spreadsheet would run as a formula."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any
from unicodedata import category, normalize

import msgspec

from calcom_async.models.bookings import Booking

SEPARATOR = "; "
FORMULA = frozenset("=+-@")
"""Characters that begin a formula in a spreadsheet."""
PHONE = re.compile(r"[+-][0-9\s().,/+-]*(?:(?:#|x|ext\.?)\s*[0-9]{1,6})?", re.IGNORECASE)
"""Phone numbers and numbers with a sign. They name no cell and no function, so a spreadsheet runs nothing."""
LONGEST_PHONE = 40


def _of_all(people: str, field: str) -> Callable[[Booking], str]:
    """Return a column with one field of several people. Responses may lack people, or the field of some."""

    def joined(booking: Booking) -> str:
        texts = [getattr(person, field) for person in getattr(booking, people) or () if person]
        return SEPARATOR.join(text for text in texts if text)

    return joined


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
    "metadata": lambda booking: booking.metadata or None,
    "booking_fields_responses": lambda booking: booking.booking_fields_responses or None,
}
"""Columns in order. They do not depend on the data, so every file has the same ones."""

Columns = Mapping[str, Callable[[Any], Any]]
"""Column names, and how the value of each is read from a row."""


def columns_of(model: type[msgspec.Struct]) -> Columns:
    """Return the columns of a model: `BOOKING_COLUMNS` for bookings, else its fields by their Python names."""
    return BOOKING_COLUMNS if model is Booking else {name: attrgetter(name) for name in model.__struct_fields__}


def cells(columns: Columns, row: msgspec.Struct, *, escape: bool = True) -> list[str]:
    """Return the cells of one row as text: times in UTC, null as an empty cell, nested values as JSON."""
    return [_cell(value(row), escape=escape) for value in columns.values()]


def _cell(value: Any, *, escape: bool) -> str:
    match value:
        case None:
            return ""
        case bool():  # before int, of which it is a subclass
            return "true" if value else "false"
        case datetime():  # before date, of which it is a subclass
            return _in_utc(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case str():
            return escape_formula(value) if escape else value
        case int() | float():
            return str(value)
        case date():
            return value.isoformat()
    return msgspec.json.encode(value).decode()


def _in_utc(moment: datetime) -> datetime:
    """Return a time in UTC, which a time without a zone is taken to be. One that UTC cannot express stays unchanged."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        return moment


def escape_formula(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula: attendees choose the content of cells.

    Spreadsheets skip blanks and invisible characters in front, and take full-width signs for the usual ones. Phone
    numbers and numbers stay as they are.
    """
    if text[:1].isalnum():  # nearly every cell
        return text
    begin = next((index for index, character in enumerate(text) if not _is_invisible(character)), 0)
    if normalize("NFKC", text[begin : begin + 1]) not in FORMULA:
        return text
    # NFKC turns full-width signs into the usual ones.
    is_short = len(text) - begin <= LONGEST_PHONE
    return text if is_short and PHONE.fullmatch(normalize("NFKC", text[begin:])) else "'" + text


def _is_invisible(character: str) -> bool:
    return character.isspace() or category(character) in {"Cc", "Cf"}
