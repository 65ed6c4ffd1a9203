"""`bookings`: lists, one booking, and changes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cli_runner import connection_args, invoke

from calcom_async.sandbox import Sandbox


@pytest.fixture(scope="module")
def filled() -> Iterator[Sandbox]:
    """Run a sandbox whose bookings no test changes."""
    with Sandbox(bookings=300) as sandbox:
        yield sandbox


def rows(*args: str, sandbox: Sandbox) -> list[dict[str, str]]:
    """Return the rows that a command prints as tab-separated values."""
    result = invoke(*args, *connection_args(sandbox))
    assert (result.exit_code, result.stderr) == (0, "")
    return [*csv.DictReader(result.stdout.splitlines(), dialect="excel-tab", quoting=csv.QUOTE_NONE)]


# --- list -----------------------------------------------------------------------------------------------------------


def test_all_bookings_are_listed_with_local_times(filled: Sandbox) -> None:
    """Each booking of the account is one row, with times in the time zone."""
    listed = rows("bookings", "list", "--time-zone", "Asia/Kolkata", sandbox=filled)
    start_by_uid = {booking.uid: booking.start for booking in filled.store.bookings.values()}
    assert {row["uid"] for row in listed} <= {*start_by_uid}
    assert len(listed) > 250
    for row in listed[:5]:
        assert row["start"].endswith("+05:30")
        assert row["start"][:16] == (start_by_uid[row["uid"]] + timedelta(hours=5.5)).isoformat()[:16]


def query(sandbox: Sandbox) -> dict[str, Any]:
    """Return the query of the last list of bookings, without the page size."""
    request = [request for request in sandbox.requests if request.path.endswith("/bookings")][-1]
    return {name: value for name, value in request.query if name not in {"take", "skip"}}


def test_filters_reach_the_server(filled: Sandbox) -> None:
    """Filters are sent in the format of the API; dates are days of the time zone."""
    filters = ["--status", "Past,cancelled", "--since", "2026-01-01", "--until", "2026-01-31", "--event-type", "1"]
    rows("bookings", "list", *filters, "--attendee", "a@x.test", "--time-zone", "Europe/Rome", sandbox=filled)
    assert query(filled) == {
        "status": "past,cancelled",
        "afterStart": "2025-12-31T23:00:00Z",
        "beforeEnd": "2026-01-31T23:00:00Z",
        "eventTypeId": "1",
        "attendeeEmail": "a@x.test",
    }
    rows("bookings", "list", "--since", "2026-01-01T09:00+01:00", sandbox=filled)
    assert query(filled) == {"afterStart": "2026-01-01T08:00:00Z"}


def test_a_limit_takes_one_small_page(filled: Sandbox) -> None:
    """With a limit, no more rows than needed are fetched."""
    before = len(filled.requests)
    result = invoke("bookings", "list", "--limit", "3", "--json", *connection_args(filled))
    assert len(json.loads(result.stdout)) == 3
    assert [request.query for request in filled.requests[before:] if request.path == "/v2/bookings"] == [
        [("take", "3"), ("skip", "0")]
    ]


def test_bookings_of_a_team(filled: Sandbox) -> None:
    """`--team` lists the bookings of the team."""
    team = next(iter(filled.store.teams))
    rows("bookings", "list", "--team", str(team), sandbox=filled)
    assert filled.requests[-1].path == f"/v2/teams/{team}/bookings"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--status", "sleeping"], "must be one of upcoming, recurring"),
        (["--since", "soon"], "--since must be a date such as 2026-12-01, or a time"),
        (["--until", "2026-01-31T09:00"], "--until 2026-01-31T09:00 has no UTC offset"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "--since 2026-02-01 is later than --until 2026-01-01"),
        (["--time-zone", "Mars/Base"], "unknown time zone"),
        (["--limit", "0"], "--limit"),
    ],
    ids=str,
)
def test_invalid_options_of_list(options: list[str], message: str, filled: Sandbox) -> None:
    """An invalid option is one message, and no list is requested."""
    before = [request.path for request in filled.requests].count("/v2/bookings")
    result = invoke("bookings", "list", *options, *connection_args(filled))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert [request.path for request in filled.requests].count("/v2/bookings") == before
