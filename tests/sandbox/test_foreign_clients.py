"""What clients of other authors send and expect, in other languages than Python."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from http_client import ApiClient, send_request

from calcom_async.sandbox import Sandbox

NOW = datetime(2026, 12, 2, 8, tzinfo=UTC)
EVENT_TYPES, BOOKINGS = "/v2/event-types", "/v2/bookings"
JSON = {"Content-Type": "application/json", "cal-api-version": "2024-06-14"}
EVENT_TYPE = {"title": "T", "slug": "t", "lengthInMinutes": 30}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=NOW) as running:
        yield running
        assert running.handler_errors == []


def post_bytes(sandbox: Sandbox, body: bytes, content_type: str = "application/json") -> Any:
    """Create an event type from a body that is sent unchanged."""
    return send_request(sandbox, "POST", EVENT_TYPES, body, headers=JSON | {"Content-Type": content_type})


def event_type_bytes(**numbers: str) -> bytes:
    """Return the body of an event type with numbers as they are written."""
    fields = {"title": '"T"', "slug": '"t"', "lengthInMinutes": "30", **numbers}
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}").encode()


# --- numbers


@pytest.mark.parametrize("text", ["30.0", "3e1", "3.0E+1", "30"])
def test_whole_numbers_are_integers(sandbox: Sandbox, text: str) -> None:
    """JSON has one kind of numbers: 30.0 and 3e1 are stored as 30, and the slots of that event type are found."""
    record = post_bytes(
        sandbox, event_type_bytes(lengthInMinutes=text, beforeEventBuffer="0.0", slotInterval=text)
    ).data
    assert [repr(record[name]) for name in ("lengthInMinutes", "beforeEventBuffer", "slotInterval")] == [
        "30",
        "0",
        "30",
    ]
    slots = ApiClient(sandbox, "2024-09-04").get(
        f"/v2/slots?eventTypeId={record['id']}&start=2026-12-07&end=2026-12-07"
    )
    assert len(slots.data["2026-12-07"]) == 14


def test_other_whole_numbers(sandbox: Sandbox) -> None:
    """A time format of 12.0 is 12, and a reservation of 5.0 minutes is one of 5."""
    me = send_request(sandbox, "PATCH", "/v2/me", b'{"timeFormat": 12.0}', headers=JSON)
    assert me.data["timeFormat"] == 12
    body = b'{"eventTypeId": 1.0, "slotStart": "2026-12-07T10:00:00Z", "reservationDuration": 5e0}'
    headers = JSON | {"cal-api-version": "2024-09-04"}
    reservation = send_request(sandbox, "POST", "/v2/slots/reservations", body, headers=headers).data
    assert (repr(reservation["eventTypeId"]), repr(reservation["reservationDuration"])) == ("1", "5")


@pytest.mark.parametrize("number", ["2147483648", "-2147483649", "1e20"])
@pytest.mark.parametrize("field", ["lengthInMinutes", "slotInterval", "beforeEventBuffer"])
def test_numbers_beyond_32_bits_are_rejected(sandbox: Sandbox, field: str, number: str) -> None:
    """A whole number that does not fit its column is a 400."""
    response = post_bytes(sandbox, event_type_bytes(**{field: number}))
    assert response.status == 400
    assert "t" not in {record["slug"] for record in sandbox.store.event_types.values()}


def test_nested_numbers_beyond_32_bits_are_rejected(sandbox: Sandbox) -> None:
    """Numbers inside of objects and lists are checked too."""
    for field, text in (
        ("bookingWindow", '{"type": "calendarDays", "value": 1e20}'),
        ("recurrence", '{"interval": 1, "occurrences": 1e20, "frequency": "weekly"}'),
        ("lengthInMinutesOptions", "[30, 2147483648]"),
    ):
        assert post_bytes(sandbox, event_type_bytes(**{field: text})).error == (400, "BAD_REQUEST")


def test_ids_in_paths_are_read_as_numbers(sandbox: Sandbox) -> None:
    """`2.0` in a path is 2, also where the id is checked; a fraction is not."""
    api = ApiClient(sandbox, "2024-06-14")
    assert api.get("/v2/teams/2.0").data["id"] == 2
    assert api.get("/v2/event-types/1.0").data["id"] == 1
    assert api.get("/v2/teams/2.5").status == 400


# --- bytes


def test_a_byte_order_mark_is_removed(sandbox: Sandbox) -> None:
    """A body may begin with the byte order mark of UTF-8."""
    assert post_bytes(sandbox, b"\xef\xbb\xbf" + event_type_bytes()).status == 201


def test_other_kinds_of_json_are_no_body(sandbox: Sandbox) -> None:
    """`application/vnd.api+json` counts as no body, so all required fields are missing."""
    response = post_bytes(sandbox, event_type_bytes(), "application/vnd.api+json")
    assert response.constraints.keys() == {"lengthInMinutes", "title", "slug"}


@pytest.mark.parametrize(
    ("charset", "status"), [("utf-8", 201), ("UTF-8", 201), ("latin1", 415), ("utf-99", 415), ("utf-16", 400)]
)
def test_charsets(sandbox: Sandbox, charset: str, status: int) -> None:
    """Only charsets of Unicode are supported, and a body has to be in its charset."""
    response = post_bytes(sandbox, event_type_bytes(), f"application/json; charset={charset}")
    assert response.status == status
    if status == 415:
        assert response.body == {"statusCode": 415, "message": f'unsupported charset "{charset.upper()}"'}


def test_half_of_a_surrogate_pair_cannot_be_stored(sandbox: Sandbox) -> None:
    """A lone surrogate is valid JSON that the database rejects with a 500."""
    assert post_bytes(sandbox, event_type_bytes(title='"\\ud800"')).error == (
        500,
        "There was an error, please try again later.",
    )


def test_a_request_for_a_whole_url(sandbox: Sandbox) -> None:
    """A request line may contain the whole URL, as proxies send it; no header names the software."""
    place = urlsplit(sandbox.url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        line = f"GET http://{place.netloc}/v2/me HTTP/1.1\r\nHost: {place.netloc}\r\n"
        connection.sendall((line + "Authorization: Bearer cal_sandbox\r\nConnection: close\r\n\r\n").encode())
        head = connection.makefile("rb").read().partition(b"\r\n\r\n")[0].decode()
    assert head.startswith("HTTP/1.1 200 OK")
    assert "\r\nserver:" not in head.lower()
