"""Print rows as a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from calcom_async.cli.terminal import one_line, print_json, stdout

MAX_COLUMNS = 8
KEY_COLUMNS = (
    "id", "uid", "title", "name", "slug", "status", "start", "end", "lengthInMinutes", "email", "subscriberUrl", "role"
)  # fmt: skip
"""Fields that a table shows first, in this order."""


def print_rows(rows: Sequence[Any], *, json: bool) -> None:
    """Print rows as JSON, or as a table of the fields that are text or numbers."""
    if json:
        print_json(rows)
        return
    console = stdout()
    columns = _columns(rows)
    table = Table(box=None, header_style="bold")
    for name in columns:
        table.add_column(Text(one_line(name)))
    for row in rows:
        fields = row if isinstance(row, dict) else {"value": row}
        table.add_row(*(_cell(fields.get(name)) for name in columns))
    console.print(table)
    console.print(f"{len(rows):,} rows", style="dim")


def _columns(rows: Sequence[Any]) -> list[str]:
    """Return the fields to show: those that are text or a number in some row, the key columns first."""
    names: dict[str, None] = {}
    for row in rows:
        fields = row if isinstance(row, dict) else {"value": row}
        names |= dict.fromkeys(name for name, value in fields.items() if isinstance(value, str | int | float))
    key_columns = [name for name in KEY_COLUMNS if name in names]
    return [*key_columns, *(name for name in names if name not in KEY_COLUMNS)][:MAX_COLUMNS]


def _cell(value: Any) -> Text:
    # Untrusted text: no markup, and on one line, because a line break would look like another row.
    return Text("" if value is None else one_line(value))
