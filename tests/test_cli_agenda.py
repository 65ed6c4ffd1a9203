"""`agenda` and `event-types`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cli_runner import connection_args, invoke
from sent_requests import MONDAY, SALES

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.event_types.records import new_event_type

ATTENDEE = ["--name", "Ada", "--email", "ada@visitors.test"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox with bookings on Wednesday 4 November 2026: 09:00, 11:00, 11:30 and a pending one at 14:30."""
    with Sandbox(now=MONDAY) as sandbox:
        policy = {"type": "always", "blockUnconfirmedBookingsInBooker": True}
        fields = {"title": "Ask", "slug": "ask", "lengthInMinutes": 60, "confirmationPolicy": policy}
        ask = new_event_type(sandbox.store, 1, fields)["id"]
        for event_type, time in ((1, "09:00"), (1, "11:00"), (1, "11:30"), (ask, "14:30")):
            start = ["--start", f"2026-11-04T{time}Z"]
            assert invoke("book", event_type, *start, *ATTENDEE, *connection_args(sandbox)).exit_code == 0
        yield sandbox


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_days_with_bookings_and_gaps(columns: int, sandbox: Sandbox) -> None:
    """Bookings are listed by day with the gaps between them; an empty day says so, and lines fit the terminal."""
    args = ["agenda", "2026-11-04", "--days", "3", *connection_args(sandbox)]
    lines = invoke(*args, terminal=True, columns=columns).stdout.splitlines()
    nine, eleven, half, pending = sandbox.store.bookings
    expected = [
        "Wed 4 Nov 2026",
        f"09:00-09:30  {nine}",
        "09:30-11:00  no booking for 1 h 30 min",
        f"11:00-11:30  {eleven}",
        f"11:30-12:00  {half}",
        "12:00-14:30  no booking for 2 h 30 min",
        f"14:30-15:30  {pending}",
        "",
        "Thu 5 Nov 2026: no bookings",
        "Fri 6 Nov 2026: no bookings",
        "",
        "4 bookings, times in Europe/Lisbon",
    ]
    assert [line[: len(start)] for line, start in zip(lines, expected, strict=True)] == expected
    assert max(map(len, lines)) <= columns
    assert [" pending " in line for line in lines].count(True) == 1
    assert lines[1].endswith("ada@visitors.test") == (columns == 120)


def test_a_booking_over_midnight(sandbox: Sandbox) -> None:
    """A booking over midnight of the time zone is on both days, and its other time has a day of the week."""
    args = ["agenda", "2026-11-04", "--days", "2", "--time-zone", "Asia/Tokyo", *connection_args(sandbox)]
    lines = invoke(*args, terminal=True).stdout.splitlines()
    assert "23:30-Thu 00:30  " in "\n".join(lines)
    assert "Wed 23:30-00:30  " in "\n".join(lines)
    assert lines[-1] == "4 bookings, times in Asia/Tokyo"
    assert invoke(*args).stdout.count("\n") == 5


def test_an_agenda_as_rows(sandbox: Sandbox) -> None:
    """Without a terminal, and with --json, the bookings are rows as in `bookings list`."""
    args = ["agenda", "2026-11-04", *connection_args(sandbox)]
    header, *lines = invoke(*args).stdout.splitlines()
    assert header.startswith("uid\tstart\tend\ttitle\tstatus")
    assert [line.split("\t")[1] for line in lines][:2] == ["2026-11-04T09:00:00+00:00", "2026-11-04T11:00:00+00:00"]
    assert [row["uid"] for row in json.loads(invoke(*args, "--json").stdout)] == [*sandbox.store.bookings]


@pytest.mark.parametrize("day", [[], ["today"], ["Tomorrow"], ["yesterday"]], ids=str)
def test_days_by_name(day: list[str], sandbox: Sandbox) -> None:
    """The first day is today, or a day near it."""
    result = invoke("agenda", *day, *connection_args(sandbox), terminal=True)
    assert (result.exit_code, result.stdout.splitlines()[0].endswith(": no bookings")) == (0, True)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["soon"], "DAY must be a date such as 2026-12-01, today, tomorrow or yesterday, got soon"),
        (["2026-13-01"], "DAY must be a date such as 2026-12-01"),
        (["--days", "0"], "--days"),
        (["--time-zone", "Mars/Base"], "unknown time zone"),
    ],
    ids=str,
)
def test_invalid_arguments(args: list[str], message: str, sandbox: Sandbox) -> None:
    """An invalid argument is one message, before a request is sent."""
    before = len(sandbox.requests)
    result = invoke("agenda", *args, *connection_args(sandbox))
    assert (result.exit_code, message in result.stderr, len(sandbox.requests)) == (2, True, before)


# --- event-types ----------------------------------------------------------------------------------------------------


def test_event_types(sandbox: Sandbox) -> None:
    """Event types have the id, slug and link that other commands accept."""
    header, *lines = invoke("event-types", "list", *connection_args(sandbox)).stdout.splitlines()
    assert header.split("\t") == ["id", "slug", "title", "minutes", "hidden", "link"]
    thirty = dict(zip(header.split("\t"), lines[0].split("\t"), strict=True))
    assert (thirty["id"], thirty["slug"], thirty["minutes"]) == ("1", "thirty", "30")
    rows = json.loads(invoke("event-types", "list", "--json", *connection_args(sandbox)).stdout)
    assert [row["lengthInMinutes"] for row in rows] == [int(line.split("\t")[3]) for line in lines]


def test_event_types_of_others(sandbox: Sandbox) -> None:
    """`--user` and `--team` list the event types of somebody else."""
    users_types = invoke("event-types", "list", "--user", "bo", *connection_args(sandbox))
    teams_types = invoke("event-types", "list", "--team", str(SALES), *connection_args(sandbox))
    assert (users_types.exit_code, teams_types.exit_code) == (0, 0)
    assert dict(sandbox.requests[-2].query) == {"username": "bo"}
    assert sandbox.requests[-1].path == f"/v2/teams/{SALES}/event-types"
    both = invoke("event-types", "list", "--user", "bo", "--team", str(SALES), *connection_args(sandbox))
    assert (both.exit_code, "--user cannot be combined with --team" in both.stderr) == (2, True)
