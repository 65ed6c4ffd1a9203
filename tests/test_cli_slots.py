"""`slots show` and `slots watch`: what they ask, what they print, and how they end."""

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

from calcom_async import Calcom, ConnectionFailedError, SlotQuery
from calcom_async.cli.slots import _warn_on_error
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.event_types.records import new_event_type

WEEK = ["--start", "2026-11-02"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=MONDAY) as sandbox:
        yield sandbox


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


# --- show


def test_a_week_is_a_timetable(sandbox: Sandbox) -> None:
    """A column for each day and a row for each hour, in the account's zone; a day without slots says none."""
    title, days, counts, *hours = rows(invoke("slots", "show", "ana/thirty", *connection_args(sandbox), *WEEK).stdout)
    assert " ".join(title) == "ana/thirty, Mon 2 Nov to Sun 8 Nov 2026, times in Europe/Lisbon"
    assert " ".join(days) == "Mon 2 Tue 3 Wed 4 Thu 5 Fri 6 Sat 7 Sun 8"
    assert counts == ["12", "free", *["14", "free"] * 4, "none", "none"]
    assert hours[-1] == ["16", *["00", "30"] * 5]
    assert [hour[0] for hour in hours] == [f"{hour:02}" for hour in range(9, 17)]


def test_times_are_those_of_the_zone_and_whole_days_of_it(sandbox: Sandbox) -> None:
    """Days begin at midnight of the zone that was asked for, far from UTC as well."""
    found = invoke("slots", "show", "1", *connection_args(sandbox), "--start", "2026-11-04", "--days", "1",
                   "--time-zone", "Pacific/Auckland", "--json")  # fmt: skip
    starts = [one["start"] for one in json.loads(found.stdout)]
    assert starts[0] == "2026-11-04T00:00:00+13:00"  # 11:00 in Lisbon, the day before
    assert {one[:10] for one in starts} == {"2026-11-04"}
    assert len(starts) == 14


@pytest.mark.parametrize("duration", [10, 15])
def test_many_slots_fit_into_80_columns(duration: int, sandbox: Sandbox) -> None:
    """Four and more starts an hour are folded, and a week is not wider than a screen."""
    fields = {"title": "Short", "slug": "short", "lengthInMinutes": duration, "minimumBookingNotice": 0}
    new_event_type(sandbox.store, 1, fields)
    shown = invoke("slots", "show", "ana/short", *connection_args(sandbox), *WEEK, columns=80).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert rows(shown)[-1] == ["16", *[f"00-{60 - duration}/{duration}"] * 5]


@pytest.mark.parametrize("columns", [20, 40, 60, 66, 80])
def test_a_narrow_terminal_shows_every_day(columns: int, sandbox: Sandbox) -> None:
    """A week that is wider than the terminal is split into several timetables, and no day is cut."""
    shown = invoke("slots", "show", "1", *connection_args(sandbox), *WEEK, columns=columns).stdout
    assert max(map(len, shown.splitlines())) <= columns
    assert re.findall(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d(?= |$)", shown.partition("Lisbon")[2], re.MULTILINE) == [
        "Mon 2", "Tue 3", "Wed 4", "Thu 5", "Fri 6", "Sat 7", "Sun 8",
    ]  # fmt: skip
    assert re.findall(r"\d+ free|none", shown) == ["12 free", *["14 free"] * 4, "none", "none"]


def test_more_than_a_week_is_several_timetables(sandbox: Sandbox) -> None:
    """Every week has a timetable of its own."""
    shown = invoke("slots", "show", "1", *connection_args(sandbox), *WEEK, "--days", "15").stdout
    assert shown.count("event type 1, ") == 3
    assert "event type 1, Mon 16 Nov to Mon 16 Nov 2026" in shown


def test_full_slots_are_not_shown_as_free(sandbox: Sandbox) -> None:
    """A seated slot without seats left is in the JSON, and not among the free ones."""
    seats = {"seatsPerTimeSlot": 2, "showAttendeeInfo": True, "showAvailabilityCount": True}
    fields = {"title": "Duo", "slug": "duo", "lengthInMinutes": 60, "seats": seats, "minimumBookingNotice": 0}
    event = int(new_event_type(sandbox.store, 1, fields)["id"])
    options = [*connection_args(sandbox), "--start", "2026-11-04", "--days", "1"]
    for email in ("a@x.test", "b@x.test"):
        made = invoke(
            "book", event, "--start", "2026-11-04T09:00Z", "--name", "A", "--email", email, *connection_args(sandbox)
        )
        assert made.exit_code == 0
    assert "6 free" in invoke("slots", "show", event, *options).stdout
    assert len(json.loads(invoke("slots", "show", event, *options, "--json").stdout)) == 7


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ana"], "EVENT must be an id or USERNAME/SLUG"),
        (["ana/"], "EVENT must be an id or USERNAME/SLUG"),
        (["org/ana/thirty"], "EVENT must be an id or USERNAME/SLUG"),
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
def test_wrong_arguments_are_told_before_anything_is_sent(args: list[str], message: str, sandbox: Sandbox) -> None:
    """What cannot be meant is one message and code 2, without a request."""
    result = invoke("slots", "show", *args, *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert message in result.stderr


def test_an_unknown_event_type_is_a_refusal(sandbox: Sandbox) -> None:
    """An event type that there is not is code 3."""
    result = invoke("slots", "show", "ana/nothing", *connection_args(sandbox))
    assert result.exit_code == 3
    assert "404" in result.stderr


def test_teams_and_organizations_are_named_by_options(sandbox: Sandbox) -> None:
    """--team and --organization reach the server as the slugs that they are."""
    invoke("slots", "show", "sales/demo", "--team", "--organization", "sandbox-org", *connection_args(sandbox))
    asked = dict(sandbox.requests[-1].query)
    assert (asked["teamSlug"], asked["eventTypeSlug"], asked["organizationSlug"]) == ("sales", "demo", "sandbox-org")


# --- watch


PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def interrupted(running: subprocess.Popen[str]) -> str:
    """What it says on stderr when Ctrl-C ends it, which it does as it should."""
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=TIMEOUT)
    assert running.returncode == 130
    assert "Traceback" not in told
    return told


@pytest.mark.slow
async def test_watch_prints_a_line_for_each_change_until_ctrl_c() -> None:
    """First the count of what is free, then what closes and opens, in the zone asked for; Ctrl-C is 130."""
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
            made = await cal.bookings.create(start=slot.start, event_type_id=1, attendee=ADA)
            closed = running.stdout.readline()
            await cal.bookings.cancel(made.uid, reason="rain")
            opened = running.stdout.readline()
        told = interrupted(running)
    time = f"{slot.start.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M}"
    assert re.fullmatch(r"ana/thirty: \d+ free until \S+ \S+, times in Asia/Tokyo\n", first)
    assert (closed, opened) == (f"- {time} ana/thirty\n", f"+ {time} ana/thirty\n")
    assert "interrupted" in told


def test_watch_says_when_the_limit_carries_less() -> None:
    """A limit that cannot carry the interval is a warning with the staleness that it can."""
    with Sandbox(rate_limit=6) as sandbox:
        running = start_cli("slots", "watch", "1", "--interval", "1", *connection_args(sandbox), **PIPES)
        assert running.stderr
        warning = running.stderr.readline()
        interrupted(running)
    assert re.search(r"warning: 1 slot query cannot be polled every 1 s, .* within \d+ s", warning)


def test_a_failed_look_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """A look that failed is told under the name that the event type was given."""
    query = SlotQuery(event_type_id=1)
    _warn_on_error({"my/event": query})(query, ConnectionFailedError("cut [off]", sent=True))
    assert capsys.readouterr().err == "warning: cannot read the free times of my/event, will try again: cut [off]\n"


def test_watch_ends_with_what_will_not_pass(sandbox: Sandbox) -> None:
    """An event type that there is not ends the watch, with code 3."""
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
def test_watch_tells_wrong_arguments_first(args: list[str], message: str, sandbox: Sandbox) -> None:
    """What cannot be meant is told before anything is sent."""
    result = invoke("slots", "watch", *args, *connection_args(sandbox))
    assert (result.exit_code, sandbox.requests) == (2, [])
    assert message in result.stderr
