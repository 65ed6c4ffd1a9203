"""Print rows as a table or as JSON, and read all pages of a list that has no method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from calcom_async.cli.terminal import one_line, print_json, stdout
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.operations.catalog import find_operation
from calcom_async.pages import Pages
from calcom_async.pagination import UNPAGED, Page, PageOffset, PaginationSpec, page_of
from calcom_async.resources import bookings, oauth_clients

MAX_COLUMNS = 8
KEY_COLUMNS = (
    "id", "uid", "title", "name", "slug", "status", "start", "end", "lengthInMinutes", "email", "subscriberUrl", "role"
)  # fmt: skip
"""Fields that a table shows first, in this order."""


async def all_rows(cal: Calcom, path: str, query: Mapping[str, Any], *, version: str | None = None) -> list[Any]:
    """Return all rows of a list. A `take` in the query is the page size."""
    listing = listing_of(path)
    query = dict(query)
    take = _page_size(query.pop(listing.take, None)) if listing.maximum else None

    async def fetch(cursor: PageOffset) -> Page[Any]:
        window = {listing.take: cursor.take, listing.skip: cursor.skip} if cursor.take else {}
        answer = await cal.request("GET", path, query={**query, **cursor.order, **window}, version=version)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise InvalidRequestError(f"{path} does not return a list. Run the command without --all")
        return page_of(answer, skip=cursor.skip, take=cursor.take)

    return await Pages(fetch, listing, key=_key, take=take, name=path).collect()


def listing_of(path: str) -> PaginationSpec:
    """Return how the list at a path is paginated. A path of no known operation is read as one page."""
    operation = find_operation("GET", path if path.startswith("/v2/") else f"/v2{path}")
    if operation is None:
        return UNPAGED
    if "limit" in operation.query:
        return oauth_clients.PAGINATION
    if operation.path.endswith("/bookings"):
        return bookings.PAGINATION
    return PaginationSpec() if "take" in operation.query else UNPAGED


def _page_size(take: Any) -> int | None:
    """Return the page size that the query asks for; the last one wins."""
    if isinstance(take, list):
        take = take[-1]
    try:
        return None if take is None else int(take)
    except ValueError as error:
        raise InvalidRequestError(f"--query take must be a number, got {take}") from error


def _key(row: Any) -> Any:
    """Return what identifies a row: its uid or id, or else the whole row."""
    ids = [row[name] for name in ("uid", "id") if isinstance(row.get(name), str | int)] if isinstance(row, dict) else []
    return ids[0] if ids else msgspec.json.encode(row, order="sorted")


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
