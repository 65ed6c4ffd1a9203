"""`book`: what it sends, what it prints, and the codes of its failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from command_at_hand import SECRET, at, invoke
from witness import MONDAY

from calcom_async.sandbox import Sandbox

ADA = ["--name", "Ada Łódź", "--email", "ada@visitors.test"]
NINE = ["--start", "2026-11-04T09:00Z"]


@pytest.fixture
def world() -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


def bodies(world: Sandbox) -> list[Any]:
    return [seen.body for seen in world.requests if (seen.method, seen.path) == ("POST", "/v2/bookings")]


def test_a_booking_is_its_uid_and_its_times(world: Sandbox) -> None:
    """The uid stands alone in the first line, times are in the account's zone."""
    result = invoke("book", "ana/thirty", "--start", "2026-11-04T10:00+01:00", *ADA, *at(world))
    [uid] = world.store.bookings
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        uid, "2026-11-04T09:00+00:00 to 2026-11-04T09:30+00:00 (Europe/Lisbon), accepted",
    ]  # fmt: skip


def test_options_reach_the_server(world: Sandbox) -> None:
    """Zone, guests, notes, reservation and the word of --once are sent as the API takes them."""
    options = ["--time-zone", "Asia/Tokyo", "--guest", "bo@x.test", "--guest", "cy@x.test", "--note", "By the door"]
    result = invoke("book", "1", *NINE, *ADA, *options, "--reserve", "--once", "order-7", "--json", *at(world))
    assert json.loads(result.stdout)["uid"] in world.store.bookings
    [body] = bodies(world)
    assert body["attendee"] == {"name": "Ada Łódź", "email": "ada@visitors.test", "timeZone": "Asia/Tokyo"}
    assert body["guests"] == ["bo@x.test", "cy@x.test"]
    assert body["bookingFieldsResponses"] == {"notes": "By the door"}
    assert body["metadata"] == {"calcom_async_request": "order-7"}
    assert "/v2/slots/reservations" in {seen.path for seen in world.requests}
    assert "/v2/me" not in {seen.path for seen in world.requests}


def test_first_is_the_first_free_time() -> None:
    """`--start first` books what a search offers first."""
    with Sandbox() as world:
        shown = json.loads(invoke("slots", "show", "1", "--json", *at(world)).stdout)
        made = json.loads(invoke("book", "1", "--start", "first", *ADA, "--json", *at(world)).stdout)
    assert made["start"] == shown[0]["start"]


def test_what_is_shown_can_be_booked(world: Sandbox) -> None:
    """In a zone of half hours the full hours that are shown are free, though they are none of UTC."""
    zone = ["--time-zone", "Asia/Kolkata"]
    shown = invoke("slots", "show", "2", "--start", "2026-11-04", "--days", "1", "--json", *zone, *at(world))
    start = json.loads(shown.stdout)[0]["start"]
    assert start == "2026-11-04T15:00:00+05:30"
    assert invoke("book", "2", "--start", start, *ADA, *zone, *at(world)).exit_code == 0
    assert invoke("book", "2", "--start", start, *ADA, *zone, *at(world)).exit_code == 9


def test_once_books_once(world: Sandbox) -> None:
    """The same command with the same word finds the booking of the first run."""
    first, again = (invoke("book", "1", *NINE, *ADA, "--once", "order-7", *at(world)) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.stdout == again.stdout
    assert len(world.store.bookings) == 1


def test_a_taken_time_is_a_code_of_its_own_with_alternatives(world: Sandbox) -> None:
    """A time that is not free is code 9; free ones around it are listed as --start takes them."""
    assert invoke("book", "1", *NINE, *ADA, *at(world)).exit_code == 0
    result = invoke("book", "1", *NINE, *ADA, "--time-zone", "Europe/Rome", *at(world))
    free = [line.removeprefix("  free: ") for line in result.stderr.splitlines() if line.startswith("  free: ")]
    assert result.exit_code == 9
    assert result.stdout == ""
    assert "is not free" in result.stderr
    assert free[0] == "2026-11-04T10:30+01:00"
    assert invoke("book", "1", "--start", free[0], *ADA, *at(world)).exit_code == 0


def test_nothing_free_at_all_is_the_same_code(world: Sandbox) -> None:
    """`--start first` without any free time in sight is code 9."""
    world.store.schedules[1]["availability"] = []
    result = invoke("book", "1", "--start", "first", *ADA, *at(world))
    assert result.exit_code == 9
    assert "nothing is free in the next 60 days" in result.stderr
    assert bodies(world) == []


def test_an_unknown_outcome_tells_what_to_look_for(world: Sandbox) -> None:
    """An answer that is lost where no look-up helps is code 10, and the mark of the booking is told."""
    world.faults.add("POST", "/v2/bookings", cut="after")
    world.faults.add("GET", "/v2/bookings", times=100, status=403)
    result = invoke("book", "1", *NINE, *ADA, "--once", "order-7", *at(world))
    assert result.exit_code == 10
    assert "look for" in result.stderr
    assert "order-7" in result.stderr
    assert "--once finds the booking" in result.stderr
    world.faults.clear()
    assert invoke("book", "1", *NINE, *ADA, "--once", "order-7", *at(world)).exit_code == 0
    assert len(world.store.bookings) == 1


WRONG = [
    (["--start", "monday"], "--start wants 2026-12-01T09:00+01:00"),
    (["--start", "9999-12-31T23:00Z"], "--start wants 2026-12-01T09:00+01:00"),
    (["--start", "2026-11-04T09:00"], "has no time zone"),
    (["--start", "first", "--once", "x"], "--once finds a booking by its time"),
    ([*NINE, "--time-zone", "Nowhere"], "no time zone 'Nowhere'"),
    ([*NINE, "--duration", "0"], "--duration"),
    ([], "--start"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_arguments_are_told_before_anything_is_sent(options: list[str], message: str, world: Sandbox) -> None:
    """What cannot be meant is one message and code 2, without a request."""
    result = invoke("book", "1", *ADA, *options, *at(world))
    assert (result.exit_code, world.requests) == (2, [])
    assert message in result.stderr


def test_a_reservation_wants_an_id(world: Sandbox) -> None:
    """--reserve with a slug is told before anything is sent."""
    result = invoke("book", "ana/thirty", *NINE, *ADA, "--reserve", *at(world))
    assert (result.exit_code, world.requests) == (2, [])
    assert "--reserve wants the id" in result.stderr


def test_a_wrong_key_is_not_repeated(world: Sandbox) -> None:
    """A key that is refused is code 4 and is not printed."""
    result = invoke("book", "1", *NINE, *ADA, *at(world, SECRET))
    assert result.exit_code == 4
    assert SECRET not in result.output
