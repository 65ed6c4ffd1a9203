r"""Print rows: a table on a terminal, otherwise tab-separated values, and with --json a JSON array.

The rule is the same for all commands:

- A table fits the width of the terminal. Long texts are shortened. Columns that do not fit are left out, and the last
  line names them. Identifiers are never shortened.
- Tab-separated values have a header line and one line per row, with all columns. In a value, a tab is written as `\t`,
  a line break as `\n`, a carriage return as `\r` and a backslash as `\\`. Times have a UTC offset.
- The JSON array has one row per line, with the fields of the API. On a terminal the rows are indented.

Rows are printed as they arrive. If reading them fails, the JSON array is not closed, so nobody takes it for complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from textwrap import indent
from typing import Any, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from calcom_async.cli.terminal import json_text, one_line, print_json_text, print_tsv, stdout

R = TypeVar("R")

BUFFERED_ROWS = 100
"""A table gets the widths that its first rows need."""
MAX_NAMED = 5
"""Up to so many columns that do not fit are named."""
MIN_WIDTH = 12
"""Shortened texts have at least this width."""
GAP = "  "
KEY_COLUMNS = (
    "id", "uid", "title", "name", "slug", "status", "start", "end", "lengthInMinutes", "email", "subscriberUrl", "role"
)  # fmt: skip
"""Fields of any list that come first, in this order."""
IDENTIFIERS = {"id", "uid"}


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column: its name, and its value for a row."""

    name: str
    value: Callable[[R], object]
    can_shorten: bool = False
    """Whether a table may shorten the values."""
    in_table: bool = True
    """Whether a table shows the column."""


def row_printer(
    columns: Sequence[Column[R]], *, json: bool, note: str = ""
) -> AbstractContextManager[Callable[[R], None]]:
    """Return a context manager that yields a function to print a row. A table ends with the `note`."""
    if json:
        return _json_array()
    return _table(columns, note) if stdout().is_terminal else _tab_separated(columns)


def print_rows(rows: Iterable[R], columns: Sequence[Column[R]], *, json: bool, note: str = "") -> None:
    """Print all rows of a list."""
    with row_printer(columns, json=json, note=note) as print_row:
        for row in rows:
            print_row(row)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, one per line: on a terminal aligned, otherwise separated by a tab."""
    console = stdout()
    if not console.is_terminal:
        for name, value in fields.items():
            print_tsv([name, str(value)])
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, Text(one_line(value)))
    console.print(table)


def columns_of(rows: Sequence[Any]) -> list[Column[Any]]:
    """Return columns for rows of any list: the fields that are text or a number in some row, the key columns first."""
    names: dict[str, None] = {}
    for row in rows:
        names |= dict.fromkeys(name for name, value in _fields(row).items() if isinstance(value, str | int | float))
    ordered = [name for name in KEY_COLUMNS if name in names] + [name for name in names if name not in KEY_COLUMNS]
    return [_column(name) for name in ordered]


def _column(name: str) -> Column[Any]:
    return Column(name, lambda row: _fields(row).get(name), can_shorten=name not in IDENTIFIERS)


def _fields(row: Any) -> dict[str, Any]:
    return row if isinstance(row, dict) else {"value": row}


# --- the three formats ----------------------------------------------------------------------------------------------


@contextmanager
def _json_array() -> Iterator[Callable[[Any], None]]:
    """Print a JSON array. Each row is held back until it is known whether a comma follows it."""
    lines: list[str] = []
    is_terminal = stdout().is_terminal

    def print_row(row: Any) -> None:
        print_json_text(f"{lines.pop()}," if lines else "[")
        # A JSON text has line breaks only between its values.
        lines.append(indent(json_text(row), "  ") if is_terminal else json_text(row, compact=True))

    try:
        yield print_row
    except BaseException:
        if lines:
            print_json_text(lines.pop())
        raise
    for line in [*lines, "]"] if lines else ["[]"]:
        print_json_text(line)


@contextmanager
def _tab_separated(columns: Sequence[Column[R]]) -> Iterator[Callable[[R], None]]:
    header = [column.name for column in columns]

    def print_header() -> None:
        if header:
            print_tsv(header)
            header.clear()

    def print_row(row: R) -> None:
        print_header()
        print_tsv(_text(column.value(row), datetime.isoformat) for column in columns)

    yield print_row
    print_header()


@contextmanager
def _table(columns: Sequence[Column[R]], note: str) -> Iterator[Callable[[R], None]]:
    columns = [column for column in columns if column.in_table]
    names = [column.name for column in columns]
    console = stdout()
    first_rows: list[list[str]] = []
    widths: list[int] = []
    count = 0

    def print_cells(cells: list[str], style: str = "") -> None:
        console.print(Text(aligned(cells, widths, columns), style), soft_wrap=True)

    def print_first_rows() -> None:
        widths[:] = column_widths(columns, [names, *first_rows], console.width)
        print_cells(names, "bold")
        for cells in first_rows:
            print_cells(cells)

    def print_row(row: R) -> None:
        nonlocal count
        count += 1
        cells = [one_line(_text(column.value(row), _minutes)) for column in columns]
        if widths:
            print_cells(cells)
            return
        first_rows.append(cells)
        if len(first_rows) == BUFFERED_ROWS:
            print_first_rows()

    try:
        yield print_row
    finally:
        if first_rows and not widths:
            print_first_rows()
    parts = [f"{count:,} row{'' if count == 1 else 's'}", note, _hidden(names[len(widths) :] if count else [])]
    console.print(", ".join(filter(None, parts)), style="dim", markup=False, soft_wrap=True)


def _hidden(names: Sequence[str]) -> str:
    """Say which columns do not fit, or how many."""
    if not names:
        return ""
    return f"too narrow for {', '.join(names) if len(names) <= MAX_NAMED else f'{len(names)} more columns'}"


def column_widths(columns: Sequence[Column[Any]], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the widths of as many columns as fit, at least one."""
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    least = [min(w, MIN_WIDTH) if column.can_shorten else w for w, column in zip(widths, columns, strict=True)]
    while len(least) > 1 and sum(least) + len(GAP) * (len(least) - 1) > width:
        least.pop()
    room = width - len(GAP) * (len(least) - 1)
    widths = [min(natural, max(room, narrow)) for natural, narrow in zip(widths, least, strict=False)]
    while sum(widths) > room and (wider := [index for index, narrow in enumerate(least) if widths[index] > narrow]):
        widths[max(wider, key=widths.__getitem__)] -= 1
    return widths


def aligned(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column[Any]]) -> str:
    """Return a line of a table, with the columns that have a width."""
    parts = [_fit(cell, width, column) for cell, width, column in zip(cells, widths, columns, strict=False)]
    return GAP.join(parts).rstrip()


def _fit(cell: str, width: int, column: Column[Any]) -> str:
    """Return the text of a cell with this width, or longer if it must not be shortened."""
    if cell_len(cell) <= width:
        return set_cell_size(cell, width)
    return set_cell_size(f"{set_cell_size(cell, width - 1).rstrip()}…", width) if column.can_shorten else cell


# --- values ---------------------------------------------------------------------------------------------------------


def _text(value: object, time_text: Callable[[datetime], str]) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return time_text(value)
    return str(value)


def _minutes(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
