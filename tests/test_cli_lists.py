"""`ops` lists every operation, and `api --all` reads every page of a list."""

from __future__ import annotations

import csv
import json

import pytest
from cli_runner import invoke

from calcom_async import Calcom
from calcom_async.operations.catalog import read_python_calls
from calcom_async.operations.lists import list_rows
from calcom_async.sandbox import Sandbox

BOOKINGS = 37
"""Enough bookings for several pages of ten."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch):
    """Run a sandbox with a few bookings, and set its URL and key in the environment."""
    with Sandbox(bookings=BOOKINGS) as sandbox:
        monkeypatch.setenv("CAL_API_URL", sandbox.url)
        monkeypatch.setenv("CAL_API_KEY", sandbox.api_key)
        yield sandbox


# --- ops


def test_ops_lists_every_operation():
    """Each operation is one line with its Python call, and long lines are not wrapped."""
    result = invoke("ops", columns=40, terminal=True)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) >= 349
    assert all(" cal." in line for line in lines)
    assert any(line.startswith("GET    /v2/me ") and line.endswith("cal.me.get()") for line in lines)


def test_operations_as_tab_separated_values():
    """Without a terminal, the method, path and Python call are columns."""
    rows = [*csv.DictReader(invoke("ops", "/v2/me").stdout.splitlines(), dialect="excel-tab")]
    assert {"method": "GET", "path": "/v2/me", "python": "cal.me.get()"} in rows


def test_every_python_call_is_valid_syntax():
    """Each Python call compiles once its ellipsis is replaced."""
    for calls in read_python_calls().values():
        for call in calls:
            compile(call.replace("...", "**options"), call, "eval")


@pytest.mark.parametrize("word", ["selected", "SELECTED", "deselect"])
def test_a_word_filters_the_operations(word):
    """A word is searched in path and Python call, ignoring case."""
    lines = invoke("ops", word).stdout.splitlines()
    assert any("cal.calendars.deselect(" in line for line in lines)
    assert len(lines) <= 3


def test_a_word_without_match():
    """A word that matches nothing is an error."""
    result = invoke("ops", "nonsense")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nonsense" in result.stderr


def test_important_columns_come_first(account):
    """A narrow table of event types shows id, title and slug before other fields."""
    result = invoke("api", "GET", "/v2/event-types", "--all", columns=80, terminal=True)
    assert result.exit_code == 0
    assert {"id", "title", "slug"} <= set(result.stdout.splitlines()[0].split())


def test_operations_as_json():
    """JSON has the method, path, version and Python calls."""
    operations = json.loads(invoke("ops", "bookings/{bookingUid}/cancel", "--json").stdout)
    assert operations == [
        {
            "method": "POST",
            "path": "/v2/bookings/{bookingUid}/cancel",
            "version": "2024-08-13",
            "list": False,
            "python": [
                "cal.bookings.cancel(uid, ...)",
                "cal.bookings.cancel_series(recurring_uid, ...)",
                "cal.bookings.cancel_subsequent(uid, ...)",
            ],
        }
    ]


# --- api --all


def test_all_pages_as_json(account):
    """Each row comes once, over as many pages as needed; `take` is the page size."""
    result = invoke("api", "GET", "/v2/bookings", "--all", "--json", "-q", "take=10")
    rows = json.loads(result.stdout)
    assert len({row["uid"] for row in rows}) == len(rows) == BOOKINGS
    pages = [dict(request.query) for request in account.requests if request.path == "/v2/bookings"]
    assert [page["skip"] for page in pages] == ["0", "10", "20", "30"]
    assert {request.headers["cal-api-version"] for request in account.requests if request.path == "/v2/bookings"} == {
        "2024-08-13"
    }


def test_all_pages_as_a_table(account):
    """On a terminal the plain values of the rows are a table, followed by the number of rows."""
    result = invoke("api", "get", "/bookings", "--all", "-q", "status=cancelled", terminal=True)
    count = len(
        {booking.uid for booking in account.store.bookings.values() if booking.status in {"cancelled", "rejected"}}
    )
    head, *rows, last = result.stdout.splitlines()
    assert {"id", "uid", "title", "status"} <= set(head.split())
    assert (len(rows), last.partition(",")[0]) == (count, f"{count} rows")


def test_all_pages_as_tab_separated_values(account):
    """Without a terminal the plain values of the rows are tab-separated below their names."""
    table = csv.DictReader(invoke("api", "get", "/bookings", "--all").stdout.splitlines(), dialect="excel-tab")
    assert {row["uid"]: row["start"] for row in table} == {
        booking.uid: booking.start.strftime("%Y-%m-%dT%H:%M:%S.000Z") for booking in account.store.bookings.values()
    }


@pytest.mark.parametrize("path", ["/v2/event-types", "/v2/schedules", "/v2/webhooks", "/v2/teams"])
def test_lists_of_other_styles(account, path):
    """Lists without pages, or without a total, are read in one request."""
    rows = json.loads(invoke("api", "GET", path, "--all", "--json").stdout)
    assert isinstance(rows, list)
    assert len([request for request in account.requests if request.path == path]) == 1


def test_rows_with_unusable_ids_are_kept(account):
    """Rows whose id is not text or a number are all kept."""
    rows = [{"id": []}, {"uid": {}}, {"id": None}, {"id": 7}, 5]
    account.faults.add("GET", "/v2/webhooks", body=json.dumps({"status": "success", "data": rows}))
    assert json.loads(invoke("api", "GET", "/v2/webhooks", "--all", "--json").stdout) == rows


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("GET", "/v2/me", "--all"), 2, "does not return a list"),
        (("POST", "/v2/bookings", "--all"), 2, "only with GET and without --data"),
        (("GET", "/v2/bookings", "--all", "-q", "take=many"), 2, "take must be a number"),
        (("GET", "/v2/bookings", "--all", "-q", "take=251"), 2, "from 1 to 250"),
        (("GET", "/v2/nowhere", "--all"), 3, "Cannot GET"),
    ],
)
def test_errors_of_all(account, words, code, message):
    """A response that is not a list, or an invalid page size, is one message with an exit code."""
    result = invoke("api", *words)
    assert result.exit_code == code
    assert message in result.stderr


async def test_list_rows_in_python(account):
    """`list_rows` yields the rows that `api --all` prints."""
    async with Calcom() as cal:
        rows = await list_rows(cal, "/v2/bookings", {"take": 10}).collect()
        event_types = [row["id"] async for row in list_rows(cal, "/v2/event-types")]
    assert len({row["uid"] for row in rows}) == BOOKINGS
    assert event_types
