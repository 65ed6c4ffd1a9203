"""`book`: the request, the output and the exit codes."""

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
    """Return the bodies of the create requests."""
    return [request.body for request in sandbox.requests if (request.method, request.path) == ("POST", "/v2/bookings")]


def test_a_booking_prints_its_uid_and_times(sandbox: Sandbox) -> None:
    """The first line is the uid; the second has the times in the account's time zone."""
    result = invoke("book", "ana/thirty", "--start", "2026-11-04T10:00+01:00", *ADA, *connection_args(sandbox))
    [uid] = sandbox.store.bookings
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        uid, "2026-11-04T09:00+00:00 to 2026-11-04T09:30+00:00 (Europe/Lisbon), accepted",
    ]  # fmt: skip


def test_options_reach_the_server(sandbox: Sandbox) -> None:
    """Time zone, guests, note, reservation and idempotency key are sent in the API's format."""
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
    assert "/v2/slots/reservations" in {request.path for request in sandbox.requests}
    assert "/v2/me" not in {request.path for request in sandbox.requests}


QUESTIONS = [
    {"type": "text", "slug": "topic", "label": "Topic", "required": True},
    {"type": "number", "slug": "people", "label": "People", "required": True},
    {"type": "multiselect", "slug": "days", "label": "Days", "required": True, "options": ["mon", "tue"]},
    {"type": "boolean", "slug": "terms", "label": "Terms", "required": True},
]


def test_phone_number_and_answers(sandbox: Sandbox) -> None:
    """The phone number and answers of each type are sent, and required questions are accepted as answered."""
    fields = {"title": "Call", "slug": "call", "lengthInMinutes": 30, "bookingFields": QUESTIONS}
    event_type_id = new_event_type(sandbox.store, 1, fields)["id"]
    answers = ["topic=a=b", "people:=2", "days=mon", "days=tue", "terms:=true"]
    options = [word for answer in answers for word in ("--answer", answer)]
    attendee = ["--name", "Bo", "--phone", "+390612345678", "--email", "bo@x.test", "--note", "Ring twice"]
    result = invoke("book", event_type_id, *NINE, *attendee, *options, *connection_args(sandbox))
    assert result.exit_code == 0, result.stderr
    [body] = bodies(sandbox)
    assert body["attendee"]["phoneNumber"] == "+390612345678"
    assert body["bookingFieldsResponses"] == {
        "notes": "Ring twice", "topic": "a=b", "people": 2, "days": ["mon", "tue"], "terms": True,
    }  # fmt: skip


def test_a_phone_number_without_an_email_address(sandbox: Sandbox) -> None:
    """Without --email only the phone number is sent; the event type decides whether that is enough."""
    result = invoke("book", "1", *NINE, "--name", "Bo", "--phone", "+390612345678", *connection_args(sandbox))
    [body, *_] = bodies(sandbox)
    assert body["attendee"] == {"name": "Bo", "phoneNumber": "+390612345678", "timeZone": "Europe/Lisbon"}
    assert result.exit_code == 3
    assert "email" in result.stderr


def test_an_email_address_or_phone_number_is_required(sandbox: Sandbox) -> None:
    """Without --email and --phone no request is sent."""
    result = invoke("book", "1", *NINE, "--name", "Bo", *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert "--email or --phone is required" in result.stderr


def test_a_start_in_the_past() -> None:
    """If a start in the past is rejected, the error says that it is in the past."""
    with Sandbox() as sandbox:
        result = invoke("book", "1", "--start", "2020-01-06T09:00Z", *ADA, *connection_args(sandbox))
    assert result.exit_code in {3, 9}
    assert "--start 2020-01-06T09:00+00:00 is in the past" in result.stderr


def test_first_is_the_first_free_time() -> None:
    """`--start first` books the first slot that `slots show` lists."""
    with Sandbox() as sandbox:
        slots = json.loads(invoke("slots", "show", "1", "--json", *connection_args(sandbox)).stdout)
        booking = json.loads(invoke("book", "1", "--start", "first", *ADA, "--json", *connection_args(sandbox)).stdout)
    assert booking["start"] == slots[0]["start"]


def test_what_is_shown_can_be_booked(sandbox: Sandbox) -> None:
    """A slot that `slots show` lists in a zone with a half-hour offset can be booked, once."""
    zone = ["--time-zone", "Asia/Kolkata"]
    shown = invoke(
        "slots", "show", "2", "--start", "2026-11-04", "--days", "1", "--json", *zone, *connection_args(sandbox)
    )
    start = json.loads(shown.stdout)[0]["start"]
    assert start == "2026-11-04T15:00:00+05:30"
    assert invoke("book", "2", "--start", start, *ADA, *zone, *connection_args(sandbox)).exit_code == 0
    assert invoke("book", "2", "--start", start, *ADA, *zone, *connection_args(sandbox)).exit_code == 9


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        ("1", {"eventTypeId": 1}),
        ("ana/thirty", {"username": "ana", "eventTypeSlug": "thirty"}),
        ("https://cal.com/ana/thirty", {"username": "ana", "eventTypeSlug": "thirty"}),
    ],
)
def test_an_event_type_by_id_slug_or_link(event_type: str, fields: dict[str, Any], sandbox: Sandbox) -> None:
    """The event type is an id, USERNAME/SLUG or a booking link."""
    result = invoke("book", event_type, *NINE, *ADA, "--dry-run", *connection_args(sandbox))
    assert json.loads(result.stdout)["body"].items() >= fields.items()


@pytest.mark.parametrize("options", [[], ["--reserve"]], ids=str)
def test_a_dry_run_books_nothing(options: list[str], sandbox: Sandbox) -> None:
    """`--dry-run` checks the time, prints the booking that would be sent, and sends nothing."""
    result = invoke("book", "1", *NINE, *ADA, *options, "--dry-run", *connection_args(sandbox))
    assert result.exit_code == 0
    request = json.loads(result.stdout)
    assert (request["method"], request["path"]) == ("POST", "/v2/bookings")
    assert (request["body"]["start"], request["body"]["attendee"]["name"]) == ("2026-11-04T09:00:00Z", "Ada Łódź")
    assert ("would first reserve the slot" in result.stderr) == (options == ["--reserve"])
    assert {request.method for request in sandbox.requests} == {"GET"}
    invoke("book", "1", *NINE, *ADA, *connection_args(sandbox))
    taken = invoke("book", "1", *NINE, *ADA, "--dry-run", *connection_args(sandbox))
    assert (taken.exit_code, taken.stdout) == (9, "")


def test_an_idempotency_key_books_once(sandbox: Sandbox) -> None:
    """The same command with the same idempotency key returns the booking of the first run."""
    first, again = (
        invoke("book", "1", *NINE, *ADA, "--idempotency-key", "order-7", *connection_args(sandbox)) for _ in range(2)
    )
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.stdout == again.stdout
    assert len(sandbox.store.bookings) == 1


def test_a_taken_time_lists_alternatives(sandbox: Sandbox) -> None:
    """A time that is not free ends with code 9 and lists free times that --start accepts."""
    assert invoke("book", "1", *NINE, *ADA, *connection_args(sandbox)).exit_code == 0
    result = invoke("book", "1", *NINE, *ADA, "--time-zone", "Europe/Rome", *connection_args(sandbox))
    free = [line.removeprefix("  free: ") for line in result.stderr.splitlines() if line.startswith("  free: ")]
    assert result.exit_code == 9
    assert result.stdout == ""
    assert "is not free" in result.stderr
    assert free[0] == "2026-11-04T10:30+01:00"
    assert invoke("book", "1", "--start", free[0], *ADA, *connection_args(sandbox)).exit_code == 0


def test_no_free_time_at_all(sandbox: Sandbox) -> None:
    """`--start first` ends with code 9 if there is no free time."""
    sandbox.store.schedules[1]["availability"] = []
    result = invoke("book", "1", "--start", "first", *ADA, *connection_args(sandbox))
    assert result.exit_code == 9
    assert "no free time in the next 60 days" in result.stderr
    assert bodies(sandbox) == []


def test_an_unknown_outcome_names_the_idempotency_key(sandbox: Sandbox) -> None:
    """If the response is lost and bookings cannot be listed, code 10 and the idempotency key are printed."""
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


INVALID_OPTIONS = [
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


@pytest.mark.parametrize(("options", "message"), INVALID_OPTIONS)
def test_invalid_options(options: list[str], message: str, sandbox: Sandbox) -> None:
    """An invalid option is one message and code 2, and no request is sent."""
    result = invoke("book", "1", *ADA, *options, *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert message in result.stderr


def test_a_reservation_needs_the_id_of_an_event_type(sandbox: Sandbox) -> None:
    """--reserve with a slug is an error before a request is sent."""
    result = invoke("book", "ana/thirty", *NINE, *ADA, "--reserve", *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert "--reserve works only with the id" in result.stderr


def test_a_rejected_key_is_not_printed(sandbox: Sandbox) -> None:
    """A rejected key ends with code 4 and is not printed."""
    result = invoke("book", "1", *NINE, *ADA, *connection_args(sandbox, SECRET))
    assert result.exit_code == 4
    assert SECRET not in result.output
