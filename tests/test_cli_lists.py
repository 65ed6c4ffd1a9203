"""The command line's lists: `ops` tells every operation, `api --all` goes through all pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from calcom_async import Calcom
from calcom_async.cli.api import api
from calcom_async.cli.ops import ops
from calcom_async.operations.catalog import read_python_calls
from calcom_async.operations.lists import list_rows
from calcom_async.sandbox import Sandbox

SHORT = 37
"""As many bookings as make several pages of ten."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs one of the two commands, with a wide screen."""
    app = typer.Typer()
    app.command()(ops)
    app.command()(api)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words, **settings: CliRunner().invoke(app, [*words], env=settings)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch):
    """A sandbox with a few bookings, which the environment names."""
    with Sandbox(bookings=SHORT) as sandbox:
        monkeypatch.setenv("CAL_API_URL", sandbox.url)
        monkeypatch.setenv("CAL_API_KEY", sandbox.api_key)
        yield sandbox


# --- ops


def test_ops_lists_every_operation(run):
    """Every operation is a line with its Python call; the longest is not wrapped."""
    told = run("ops", COLUMNS="40")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert len(lines) >= 272
    assert all(" cal." in line for line in lines)
    assert any(line.startswith("GET    /v2/me ") and line.endswith("cal.me.get()") for line in lines)


def test_every_python_call_is_valid_syntax():
    """A call compiles once its ellipsis is replaced."""
    for calls in read_python_calls().values():
        for call in calls:
            compile(call.replace("...", "**options"), call, "eval")


@pytest.mark.parametrize("word", ["selected", "SELECTED", "deselect"])
def test_a_word_narrows(run, word):
    """The word is looked for in path and spelling, whatever its case."""
    lines = run("ops", word).stdout.splitlines()
    assert any("cal.calendars.deselect(" in line for line in lines)
    assert len(lines) <= 2


def test_a_word_of_nothing(run):
    """A word that is nowhere is said so, with an exit code."""
    told = run("ops", "nonsense")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "nonsense" in told.stderr


def test_the_columns_that_tell_most_come_first(run, account):
    """A table of event types shows what they are called, however many settings stand before it."""
    told = run("api", "GET", "/v2/event-types", "--all", COLUMNS="80")
    assert told.exit_code == 0
    assert {"id", "title", "slug"} <= set(told.stdout.splitlines()[0].split())


def test_operations_as_json(run):
    """JSON has verb, path, version and spellings."""
    told = json.loads(run("ops", "bookings/{bookingUid}/cancel", "--json").stdout)
    assert told == [
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


def test_all_pages_as_json(run, account):
    """Every row comes once, over as many pages as it takes; `take` is the size of a page."""
    told = run("api", "GET", "/v2/bookings", "--all", "--json", "-q", "take=10")
    rows = json.loads(told.stdout)
    assert len({row["uid"] for row in rows}) == len(rows) == SHORT
    pages = [dict(seen.query) for seen in account.requests if seen.path == "/v2/bookings"]
    assert [page["skip"] for page in pages] == ["0", "10", "20", "30"]
    assert {seen.headers["cal-api-version"] for seen in account.requests if seen.path == "/v2/bookings"} == {
        "2024-08-13"
    }


def test_all_pages_as_a_table(run, account):
    """Without --json the plain values of the rows are a table, with a count at the end."""
    told = run("api", "get", "/bookings", "--all", "-q", "status=cancelled")
    count = len({one.uid for one in account.store.bookings.values() if one.status in {"cancelled", "rejected"}})
    head, *rows, last = told.stdout.splitlines()
    assert {"id", "uid", "title", "status"} <= set(head.split())
    assert (len(rows), last) == (count, f"{count} rows")


@pytest.mark.parametrize("path", ["/v2/event-types", "/v2/schedules", "/v2/webhooks", "/v2/teams"])
def test_lists_of_other_styles(run, account, path):
    """Lists that come whole, or page without a total, are gone through as they are made."""
    rows = json.loads(run("api", "GET", path, "--all", "--json").stdout)
    assert isinstance(rows, list)
    assert len([seen for seen in account.requests if seen.path == path]) == 1


def test_rows_with_odd_ids_are_kept(run, account):
    """A row whose id is no text or number is told apart by all of its content."""
    rows = [{"id": []}, {"uid": {}}, {"id": None}, {"id": 7}, 5]
    account.faults.add("GET", "/v2/webhooks", body=json.dumps({"status": "success", "data": rows}))
    assert json.loads(run("api", "GET", "/v2/webhooks", "--all", "--json").stdout) == rows


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("GET", "/v2/me", "--all"), 2, "does not return a list"),
        (("POST", "/v2/bookings", "--all"), 2, "only with GET and without --body"),
        (("GET", "/v2/bookings", "--all", "-q", "take=many"), 2, "take must be a number"),
        (("GET", "/v2/bookings", "--all", "-q", "take=251"), 2, "from 1 to 250"),
        (("GET", "/v2/nowhere", "--all"), 3, "Cannot GET"),
    ],
)
def test_what_is_no_list(run, account, words, code, said):
    """What cannot be gone through is told in one message, with the exit code of its kind."""
    told = run("api", *words)
    assert told.exit_code == code
    assert said in told.stderr


async def test_a_program_lists_the_rows_at_any_path(account):
    """What `api --all` prints is a list in Python as well: `list_rows`."""
    async with Calcom() as cal:
        rows = await list_rows(cal, "/v2/bookings", {"take": 10}).collect()
        event_types = [row["id"] async for row in list_rows(cal, "/v2/event-types")]
    assert len({row["uid"] for row in rows}) == SHORT
    assert event_types
