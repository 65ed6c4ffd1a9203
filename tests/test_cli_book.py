"""`book`: what it sends, what it prints, and the codes of its failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cli_runner import SECRET, connection_args, invoke
from sent_requests import MONDAY

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.event_types.records import new_event_type

ADA = ["--name", "Ada Łódź", "--email", "ada@visitors.test"]
NINE = ["--start", "2026-11-04T09:00Z"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


def bodies(sandbox: Sandbox) -> list[Any]:
    return [seen.body for seen in sandbox.requests if (seen.method, seen.path) == ("POST", "/v2/bookings")]


def test_a_booking_is_its_uid_and_its_times(sandbox: Sandbox) -> None:
    """The uid stands alone in the first line, times are in the account's zone."""
    result = invoke("book", "ana/thirty", "--start", "2026-11-04T10:00+01:00", *ADA, *connection_args(sandbox))
    [uid] = sandbox.store.bookings
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        uid, "2026-11-04T09:00+00:00 to 2026-11-04T09:30+00:00 (Europe/Lisbon), accepted",
    ]  # fmt: skip


def test_options_reach_the_server(sandbox: Sandbox) -> None:
    """Zone, guests, notes, reservation and the idempotency key are sent as the API takes them."""
    options = ["--time-zone", "Asia/Tokyo", "--guest", "bo@x.test", "--guest", "cy@x.test", "--note", "By the door"]
    result = invoke(
        "book",
        "1",
        *NINE,
        *ADA,
        *options,
        "--reserve",
        "--idempotency-key",
        "order-7",
        "--json",
        *connection_args(sandbox),
    )
    assert json.loads(result.stdout)["uid"] in sandbox.store.bookings
    [body] = bodies(sandbox)
    assert body["attendee"] == {"name": "Ada Łódź", "email": "ada@visitors.test", "timeZone": "Asia/Tokyo"}
    assert body["guests"] == ["bo@x.test", "cy@x.test"]
    assert body["bookingFieldsResponses"] == {"notes": "By the door"}
    assert body["metadata"] == {"calcom_async_idempotency_key": "order-7"}
    assert "/v2/slots/reservations" in {seen.path for seen in sandbox.requests}
    assert "/v2/me" not in {seen.path for seen in sandbox.requests}


QUESTIONS = [
    {"type": "text", "slug": "topic", "label": "Topic", "required": True},
    {"type": "number", "slug": "people", "label": "People", "required": True},
    {"type": "multiselect", "slug": "days", "label": "Days", "required": True, "options": ["mon", "tue"]},
    {"type": "boolean", "slug": "terms", "label": "Terms", "required": True},
]


def test_a_caller_with_a_phone_number_can_book_with_answers(sandbox: Sandbox) -> None:
    """The phone number and the answers of each type are sent, and the questions of the event type are satisfied."""
    fields = {"title": "Call", "slug": "call", "lengthInMinutes": 30, "bookingFields": QUESTIONS}
    event = new_event_type(sandbox.store, 1, fields)["id"]
    answers = ["topic=a=b", "people:=2", "days=mon", "days=tue", "terms:=true"]
    options = [word for answer in answers for word in ("--answer", answer)]
    who = ["--name", "Bo", "--phone", "+390612345678", "--email", "bo@x.test", "--note", "Ring twice"]
    result = invoke("book", event, *NINE, *who, *options, *connection_args(sandbox))
    assert result.exit_code == 0, result.stderr
    [body] = bodies(sandbox)
    assert body["attendee"]["phoneNumber"] == "+390612345678"
    assert body["bookingFieldsResponses"] == {
        "notes": "Ring twice", "topic": "a=b", "people": 2, "days": ["mon", "tue"], "terms": True,
    }  # fmt: skip


def test_a_phone_number_alone_is_sent_alone(sandbox: Sandbox) -> None:
    """Without --email no address is made up; whether a phone number is enough is up to the event type."""
    result = invoke("book", "1", *NINE, "--name", "Bo", "--phone", "+390612345678", *connection_args(sandbox))
    [body, *_] = bodies(sandbox)
    assert body["attendee"] == {"name": "Bo", "phoneNumber": "+390612345678", "timeZone": "Europe/Lisbon"}
    assert result.exit_code == 3
    assert "email" in result.stderr


def test_an_attendee_needs_an_address_or_a_number(sandbox: Sandbox) -> None:
    """Without --email and --phone nothing is sent."""
    result = invoke("book", "1", *NINE, "--name", "Bo", *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert "--email or --phone is required" in result.stderr


def test_a_start_in_the_past_is_told() -> None:
    """A start that cannot be booked because it is over is called past, and free times are listed."""
    with Sandbox() as sandbox:
        result = invoke("book", "1", "--start", "2020-01-06T09:00Z", *ADA, *connection_args(sandbox))
    assert result.exit_code in {3, 9}
    assert "--start 2020-01-06T09:00+00:00 is in the past" in result.stderr


def test_first_is_the_first_free_time() -> None:
    """`--start first` books what a search offers first."""
    with Sandbox() as sandbox:
        shown = json.loads(invoke("slots", "show", "1", "--json", *connection_args(sandbox)).stdout)
        made = json.loads(invoke("book", "1", "--start", "first", *ADA, "--json", *connection_args(sandbox)).stdout)
    assert made["start"] == shown[0]["start"]


def test_what_is_shown_can_be_booked(sandbox: Sandbox) -> None:
    """In a zone of half hours the full hours that are shown are free, though they are none of UTC."""
    zone = ["--time-zone", "Asia/Kolkata"]
    shown = invoke(
        "slots", "show", "2", "--start", "2026-11-04", "--days", "1", "--json", *zone, *connection_args(sandbox)
    )
    start = json.loads(shown.stdout)[0]["start"]
    assert start == "2026-11-04T15:00:00+05:30"
    assert invoke("book", "2", "--start", start, *ADA, *zone, *connection_args(sandbox)).exit_code == 0
    assert invoke("book", "2", "--start", start, *ADA, *zone, *connection_args(sandbox)).exit_code == 9


def test_an_idempotency_key_books_once(sandbox: Sandbox) -> None:
    """The same command with the same word finds the booking of the first run."""
    first, again = (
        invoke("book", "1", *NINE, *ADA, "--idempotency-key", "order-7", *connection_args(sandbox)) for _ in range(2)
    )
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.stdout == again.stdout
    assert len(sandbox.store.bookings) == 1


def test_a_taken_time_is_a_code_of_its_own_with_alternatives(sandbox: Sandbox) -> None:
    """A time that is not free is code 9; free ones around it are listed as --start takes them."""
    assert invoke("book", "1", *NINE, *ADA, *connection_args(sandbox)).exit_code == 0
    result = invoke("book", "1", *NINE, *ADA, "--time-zone", "Europe/Rome", *connection_args(sandbox))
    free = [line.removeprefix("  free: ") for line in result.stderr.splitlines() if line.startswith("  free: ")]
    assert result.exit_code == 9
    assert result.stdout == ""
    assert "is not free" in result.stderr
    assert free[0] == "2026-11-04T10:30+01:00"
    assert invoke("book", "1", "--start", free[0], *ADA, *connection_args(sandbox)).exit_code == 0


def test_nothing_free_at_all_is_the_same_code(sandbox: Sandbox) -> None:
    """`--start first` without any free time in sight is code 9."""
    sandbox.store.schedules[1]["availability"] = []
    result = invoke("book", "1", "--start", "first", *ADA, *connection_args(sandbox))
    assert result.exit_code == 9
    assert "no free time in the next 60 days" in result.stderr
    assert bodies(sandbox) == []


def test_an_unknown_outcome_tells_what_to_look_for(sandbox: Sandbox) -> None:
    """An answer that is lost where no look-up helps is code 10, and the mark of the booking is told."""
    sandbox.faults.add("POST", "/v2/bookings", cut="after")
    sandbox.faults.add("GET", "/v2/bookings", times=100, status=403)
    result = invoke("book", "1", *NINE, *ADA, "--idempotency-key", "order-7", *connection_args(sandbox))
    assert result.exit_code == 10
    assert "look for" in result.stderr
    assert "order-7" in result.stderr
    assert "--idempotency-key it finds the booking" in result.stderr
    sandbox.faults.clear()
    assert invoke("book", "1", *NINE, *ADA, "--idempotency-key", "order-7", *connection_args(sandbox)).exit_code == 0
    assert len(sandbox.store.bookings) == 1


WRONG = [
    (["--start", "monday"], "--start must be a time such as 2026-12-01T09:00+01:00"),
    (["--start", "9999-12-31T23:00Z"], "--start must be a time such as 2026-12-01T09:00+01:00"),
    (["--start", "2026-11-04T09:00"], "has no UTC offset"),
    (["--start", "first", "--idempotency-key", "x"], "--idempotency-key needs a time in --start"),
    ([*NINE, "--time-zone", "Nowhere"], "unknown time zone: 'Nowhere'"),
    ([*NINE, "--duration", "0"], "--duration"),
    ([], "--start"),
    ([*NINE, "--idempotency-key", ""], "--idempotency-key must not be empty"),
    ([*NINE, "--answer", "topic"], "--answer must be KEY=VALUE"),
    ([*NINE, "--answer", "=x"], "--answer must be KEY=VALUE"),
    ([*NINE, "--answer", "people:=many"], "--answer people: the value after := must be JSON"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_arguments_are_told_before_anything_is_sent(options: list[str], message: str, sandbox: Sandbox) -> None:
    """What cannot be meant is one message and code 2, without a request."""
    result = invoke("book", "1", *ADA, *options, *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert message in result.stderr


def test_a_reservation_wants_an_id(sandbox: Sandbox) -> None:
    """--reserve with a slug is told before anything is sent."""
    result = invoke("book", "ana/thirty", *NINE, *ADA, "--reserve", *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert "--reserve works only with the id" in result.stderr


def test_a_wrong_key_is_not_repeated(sandbox: Sandbox) -> None:
    """A key that is refused is code 4 and is not printed."""
    result = invoke("book", "1", *NINE, *ADA, *connection_args(sandbox, SECRET))
    assert result.exit_code == 4
    assert SECRET not in result.output
