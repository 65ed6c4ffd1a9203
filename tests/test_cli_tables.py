"""Rows on the command line: tables on a terminal, tab-separated values, and JSON arrays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cli_runner import TERMINAL
from rich.cells import cell_len

from calcom_async.cli.tables import BUFFERED_ROWS, Column, columns_of, print_rows, row_printer

UID = "7VhzkCJqGGKFyRTrhfzvNU"
COLUMNS = [
    Column[Any]("uid", lambda row: row["uid"]),
    Column[Any]("title", lambda row: row["title"], can_shorten=True),
    Column[Any]("start", lambda row: row["start"]),
    Column[Any]("notes", lambda row: row["notes"], in_table=False),
]
START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ROW = {"uid": UID, "title": "Trial lesson with Łukasz Żak and 陳大文", "start": START, "notes": None}


@pytest.fixture(params=[60, 80, 120])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Print on a terminal of this width."""
    for name, value in (TERMINAL | {"COLUMNS": str(request.param)}).items():
        monkeypatch.setenv(name, value)
    return request.param


def print_all(capsys: pytest.CaptureFixture[str], rows: Sequence[Any], *, json: bool = False) -> list[str]:
    """Print rows, and return the lines."""
    print_rows(rows, COLUMNS, json=json, note="times in UTC")
    return capsys.readouterr().out.splitlines()


# --- tables ---------------------------------------------------------------------------------------------------------


def test_a_table_fits_the_terminal(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """No line is longer than the terminal, and the uid is whole."""
    header, *rows, _ = print_all(capsys, [ROW, ROW | {"title": "x" * 500}])
    assert header.split() == ["uid", "title", "start"]
    assert all(cell_len(row) <= width and row.startswith(f"{UID}  ") for row in rows)
    assert all(row.endswith("  2026-12-01 09:00") for row in rows)
    assert rows[1].count("…") == 1


def test_columns_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The last columns are left out first, and the last line names them."""
    for name, value in (TERMINAL | {"COLUMNS": "40"}).items():
        monkeypatch.setenv(name, value)
    header, row, last = print_all(capsys, [ROW])
    assert (header.split(), row.partition(" ")[0]) == (["uid", "title"], UID)
    assert last == "1 row, times in UTC, too narrow for start"


def test_many_columns_that_do_not_fit_are_counted(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """More than a few columns that do not fit are not named."""
    row = {f"column{number}": "x" * 30 for number in range(20)}
    print_rows([row], columns_of([row]), json=False)
    assert re.fullmatch(r"1 row, too narrow for \d+ more columns", capsys.readouterr().out.splitlines()[-1])


def test_an_identifier_wider_than_the_terminal_is_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first column is printed even if it does not fit."""
    for name, value in (TERMINAL | {"COLUMNS": "10"}).items():
        monkeypatch.setenv(name, value)
    assert print_all(capsys, [ROW])[1] == UID


def test_rows_after_the_first_hundred_keep_the_layout(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Later rows are printed as they arrive, in the columns of the first rows."""
    with row_printer(COLUMNS, json=False) as print_row:
        for _ in range(BUFFERED_ROWS):
            print_row(ROW | {"title": "Trial"})
        assert len(capsys.readouterr().out.splitlines()) == BUFFERED_ROWS + 1
        print_row(ROW)
        assert capsys.readouterr().out == f"{UID}  Tria…  2026-12-01 09:00\n"
    assert capsys.readouterr().out == f"{BUFFERED_ROWS + 1} rows\n"


def test_a_table_without_rows(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A table without rows is the line that says so."""
    assert print_all(capsys, []) == ["0 rows, times in UTC"]


# --- tab-separated values -------------------------------------------------------------------------------------------


def test_tab_separated_values_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    """Every row is one line; tabs, line breaks and backslashes are escaped, and control characters are removed."""
    header, line = print_all(capsys, [ROW | {"title": "a\tb\nc\r\\d\x1b[2J", "notes": True}])
    assert header == "uid\ttitle\tstart\tnotes"
    assert line == rf"{UID}" + "\t" + r"a\tb\nc\r\\d[2J" + "\t2026-12-01T09:00:00+00:00\ttrue"


def test_tab_separated_values_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Without rows there is the header."""
    assert print_all(capsys, []) == ["uid\ttitle\tstart\tnotes"]


def test_columns_of_any_rows() -> None:
    """Rows of any list have a column for each plain value, the important ones first; other rows are one value."""
    rows = [{"slug": "a", "hidden": None, "hosts": []}, {"id": 1, "price": 2.5}, 7]
    assert [column.name for column in columns_of(rows)] == ["id", "slug", "price", "value"]


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_json_is_an_array_with_a_row_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The rows are complete, and each is one line."""
    lines = print_all(capsys, [ROW, ROW], json=True)
    assert json.loads("".join(lines)) == [{**ROW, "start": "2026-12-01T09:00:00Z"}] * 2
    assert json.loads(lines[1].removesuffix(",")) == json.loads(lines[2])
    assert print_all(capsys, [], json=True) == ["[]"]


def test_json_on_a_terminal_is_indented(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal each field is a line, and the text is the same JSON."""
    lines = print_all(capsys, [ROW, ROW], json=True)
    assert f'    "uid": "{UID}",' in lines
    assert json.loads("".join(lines)) == [{**ROW, "start": "2026-12-01T09:00:00Z"}] * 2


def test_json_after_an_error_is_no_complete_array(capsys: pytest.CaptureFixture[str]) -> None:
    """If reading the rows fails, the rows before are printed, and the array is not closed."""

    def broken_list() -> Iterator[Any]:
        yield ROW
        raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        print_rows(broken_list(), COLUMNS, json=True)
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[1])["uid"] == UID
    with pytest.raises(json.JSONDecodeError):
        json.loads("".join(lines))
