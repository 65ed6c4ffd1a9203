"""`slots show` and `slots watch`: requests, output and exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cli_process import start_cli
from cli_runner import connection_args, invoke
from sent_requests import ADA, MONDAY
from timeouts import TIMEOUT

from calcom_async import Calcom, ConnectionFailedError, SlotChange, SlotQuery
from calcom_async.cli.slots import _rows, _warn_on_error
from calcom_async.models import Slot
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.event_types.records import new_event_type

WEEK = ["--start", "2026-11-02"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


def rows(text: str) -> list[list[str]]:
    """Return the words of each line."""
    return [line.split() for line in text.splitlines() if line.strip()]


# --- show


def test_a_week_is_a_timetable(sandbox: Sandbox) -> None:
    """A week is a table with a column per day and a row per hour, in the account's time zone."""
    title, days, counts, *hours = rows(
        invoke("slots", "show", "ana/thirty", *connection_args(sandbox), *WEEK, terminal=True).stdout
    )
    assert " ".join(title) == "ana/thirty, Mon 2 Nov to Sun 8 Nov 2026, times in Europe/Lisbon"
    assert " ".join(days) == "Mon 2 Tue 3 Wed 4 Thu 5 Fri 6 Sat 7 Sun 8"
    assert counts == ["12", "free", *["14", "free"] * 4, "none", "none"]
    assert hours[-1] == ["16", *["00", "30"] * 5]
    assert [hour[0] for hour in hours] == [f"{hour:02}" for hour in range(9, 17)]


def test_days_begin_at_midnight_of_the_zone(sandbox: Sandbox) -> None:
    """A day is the whole day of the selected time zone, even if that zone is far from UTC."""
    result = invoke("slots", "show", "1", *connection_args(sandbox), "--start", "2026-11-04", "--days", "1",
                   "--time-zone", "Pacific/Auckland", "--json")  # fmt: skip
    starts = [start["start"] for start in json.loads(result.stdout)]
    assert starts[0] == "2026-11-04T00:00:00+13:00"  # 11:00 in Lisbon, the day before
    assert {start[:10] for start in starts} == {"2026-11-04"}
    assert len(starts) == 14


@pytest.mark.parametrize("duration", [10, 15])
def test_many_slots_fit_into_80_columns(duration: int, sandbox: Sandbox) -> None:
    """Four or more starts per hour are abbreviated, so that a week fits into 80 columns."""
    fields = {"title": "Short", "slug": "short", "lengthInMinutes": duration, "minimumBookingNotice": 0}
    new_event_type(sandbox.store, 1, fields)
    shown = invoke("slots", "show", "ana/short", *connection_args(sandbox), *WEEK, columns=80, terminal=True).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert rows(shown)[-1] == ["16", *[f"00-{60 - duration}/{duration}"] * 5]


@pytest.mark.parametrize("columns", [20, 40, 60, 66, 80])
def test_a_narrow_terminal_shows_every_day(columns: int, sandbox: Sandbox) -> None:
    """A week that is wider than the terminal is split into several tables, and no day is cut."""
    shown = invoke("slots", "show", "1", *connection_args(sandbox), *WEEK, columns=columns, terminal=True).stdout
    assert max(map(len, shown.splitlines())) <= columns
    assert re.findall(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d(?= |$)", shown.partition("Lisbon")[2], re.MULTILINE) == [
        "Mon 2", "Tue 3", "Wed 4", "Thu 5", "Fri 6", "Sat 7", "Sun 8",
    ]  # fmt: skip
    assert re.findall(r"\d+ free|none", shown) == ["12 free", *["14 free"] * 4, "none", "none"]


def test_more_than_a_week_is_several_timetables(sandbox: Sandbox) -> None:
    """Each week is a separate table."""
    shown = invoke("slots", "show", "1", *connection_args(sandbox), *WEEK, "--days", "15", terminal=True).stdout
    assert shown.count("event type 1, ") == 3
    assert "event type 1, Mon 16 Nov to Mon 16 Nov 2026" in shown


def test_the_first_free_time() -> None:
    """`slots first` prints the time that `book --start first` would book, in the time zone."""
    with Sandbox() as sandbox:
        options = ["ana/thirty", *connection_args(sandbox), "--time-zone", "Asia/Tokyo"]
        first = invoke("slots", "first", *options)
        as_json = json.loads(invoke("slots", "first", *options, "--json").stdout)
        attendee = ["--name", "Ada", "--email", "ada@visitors.test"]
        booking = json.loads(invoke("book", *options, "--start", "first", *attendee, "--json").stdout)
    assert first.stdout.endswith("+09:00\n")
    starts = {datetime.fromisoformat(text.strip()) for text in (first.stdout, as_json["start"], booking["start"])}
    assert len(starts) == 1


def test_full_slots_are_not_shown_as_free(sandbox: Sandbox) -> None:
    """A seated slot without free seats is in the JSON, but not in the table."""
    seats = {"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True}
    fields = {"title": "Duo", "slug": "duo", "lengthInMinutes": 60, "seats": seats, "minimumBookingNotice": 0}
    event_type_id = int(new_event_type(sandbox.store, 1, fields)["id"])
    options = [*connection_args(sandbox), "--start", "2026-11-04", "--days", "1"]
    for email in ("a@x.test", "b@x.test"):
        result = invoke(
            "book",
            event_type_id,
            "--start",
            "2026-11-04T09:00Z",
            "--name",
            "A",
            "--email",
            email,
            *connection_args(sandbox),
        )
        assert result.exit_code == 0
    assert "6 free" in invoke("slots", "show", event_type_id, *options, terminal=True).stdout
    assert len(json.loads(invoke("slots", "show", event_type_id, *options, "--json").stdout)) == 7
    header, *lines = invoke("slots", "show", event_type_id, *options).stdout.splitlines()
    assert (header, len(lines)) == ("start\tend\tseats", 6)
    assert "2026-11-04T10:00:00+00:00\t2026-11-04T11:00:00+00:00\t2" in lines


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ana"], "EVENT must be an id, USERNAME/SLUG or a booking link"),
        (["ana/"], "EVENT must be an id, USERNAME/SLUG or a booking link"),
        (["org/ana/thirty"], "EVENT must be an id, USERNAME/SLUG or a booking link"),
        (["1", "--team"], "--team and --organization work only with NAME/SLUG"),
        (["1", "--time-zone", "Mars/Crater"], "unknown time zone: 'Mars/Crater'"),
        (["1", "--time-zone", "../etc"], "unknown time zone: '../etc'"),
        (["1", "--time-zone", ""], "unknown time zone: ''"),
        (["1", "--start", "tomorrow"], "--start must be a date"),
        (["1", "--start", "0001-01-01"], "--start must be a date"),
        (["1", "--days", "0"], "--days"),
        (["1", "--duration", "0"], "--duration"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_invalid_arguments(args: list[str], message: str, sandbox: Sandbox) -> None:
    """An invalid argument is one message and code 2, and no request is sent."""
    result = invoke("slots", "show", *args, *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert message in result.stderr


def test_an_unknown_event_type(sandbox: Sandbox) -> None:
    """An unknown event type ends with code 3."""
    result = invoke("slots", "show", "ana/nothing", *connection_args(sandbox))
    assert result.exit_code == 3
    assert "404" in result.stderr


def test_teams_and_organizations_are_named_by_options(sandbox: Sandbox) -> None:
    """With --team and --organization the slugs of team and organization are sent."""
    invoke("slots", "show", "sales/demo", "--team", "--organization", "sandbox-org", *connection_args(sandbox))
    query = dict(sandbox.requests[-1].query)
    assert (query["teamSlug"], query["eventTypeSlug"], query["organizationSlug"]) == ("sales", "demo", "sandbox-org")


# --- watch


PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def interrupt(running: subprocess.Popen[str]) -> str:
    """Send Ctrl-C, check the exit code and return the text on stderr."""
    running.send_signal(signal.SIGINT)
    _, message = running.communicate(timeout=TIMEOUT)
    assert running.returncode == 130
    assert "Traceback" not in message
    return message


@pytest.mark.slow
async def test_watch_prints_a_line_for_each_change_until_ctrl_c() -> None:
    """The first line is the number of free slots, then each closed or opened slot is a line in the selected zone."""
    with Sandbox() as sandbox:
        running = start_cli(
            "slots",
            "watch",
            "ana/thirty",
            "--interval",
            "1",
            "--time-zone",
            "Asia/Tokyo",
            *connection_args(sandbox),
            **PIPES,
        )
        assert running.stdout
        first = running.stdout.readline()
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            now = datetime.now(UTC)
            slot = await cal.slots.first_available(event_type_id=1, start=now.date(), end=now + timedelta(days=7))
            assert slot
            booking = await cal.bookings.create(start=slot.start, event_type_id=1, attendee=ADA)
            closed = running.stdout.readline()
            await cal.bookings.cancel(booking.uid, reason="rain")
            opened = running.stdout.readline()
        message = interrupt(running)
    time = f"{slot.start.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M}"
    assert re.fullmatch(r"ana/thirty: \d+ free until \S+ \S+, times in Asia/Tokyo\n", first)
    assert (closed, opened) == (f"- {time} ana/thirty\n", f"+ {time} ana/thirty\n")
    assert "interrupted" in message


@pytest.mark.slow
def test_watch_warns_if_the_limit_is_too_small() -> None:
    """If the rate limit is too small for the interval, a warning says how old the slots can be."""
    with Sandbox(rate_limit=6) as sandbox:
        running = start_cli("slots", "watch", "1", "--interval", "1", *connection_args(sandbox), **PIPES)
        assert running.stderr
        warning = running.stderr.readline()
        interrupt(running)
    assert re.search(r"warning: 1 slot query cannot be polled every 1 s, .* within \d+ s", warning)


def test_a_failed_poll_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """A failed poll is a warning with the event type as the user wrote it."""
    query = SlotQuery(event_type_id=1)
    _warn_on_error({"my/event": query})(query, ConnectionFailedError("cut [off]", sent=True))
    assert capsys.readouterr().err == "warning: cannot read the free times of my/event, will try again: cut [off]\n"


def test_changes_as_json() -> None:
    """With --json, each free, opened or closed time is a row."""
    early, late = (Slot(start=datetime(2026, 11, 4, hour, tzinfo=UTC)) for hour in (9, 10))
    common = {"key": "ana/thirty", "query": SlotQuery(event_type_id=1), "seen_at": late.start}
    first = SlotChange(**common, opened=(early,), closed=(), since=None)
    change = SlotChange(**common, opened=(late,), closed=(early,), since=early.start)
    assert [(row["event"], row["change"], row["start"].hour) for row in (*_rows(first), *_rows(change))] == [
        ("ana/thirty", "free", 9),
        ("ana/thirty", "closed", 9),
        ("ana/thirty", "opened", 10),
    ]


def test_watch_ends_on_a_permanent_error(sandbox: Sandbox) -> None:
    """An unknown event type ends the watch with code 3."""
    result = invoke("slots", "watch", "ana/nothing", *connection_args(sandbox), "--time-zone", "UTC")
    assert result.exit_code == 3
    assert "ana" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ana"], "EVENT must be"),
        (["1", "--interval", "0"], "--interval"),
        (["1", "--interval", "inf"], "--interval"),
        (["1", "--days", "0"], "--days"),
    ],
)
def test_invalid_arguments_of_watch(args: list[str], message: str, sandbox: Sandbox) -> None:
    """An invalid argument is an error before a request is sent."""
    result = invoke("slots", "watch", *args, *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert message in result.stderr
