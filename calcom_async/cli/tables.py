"""Lists on the command line: all pages of one, and rows as a table or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from calcom_async.cli.spelling import operation_of
from calcom_async.cli.terminal import line, print_json, stdout
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.pages import Pages
from calcom_async.pagination import UNPAGED, Page, PageOffset, PaginationSpec, page_of
from calcom_async.resources import bookings, oauth_clients

COLUMNS = 8
"""A table shows no more of a row than this."""
KEY_COLUMNS = (
    "id", "uid", "title", "name", "slug", "status", "start", "end", "lengthInMinutes", "email", "subscriberUrl", "role"
)  # fmt: skip
"""Fields that come first in a table, in this order."""


async def all_rows(cal: Calcom, path: str, query: Mapping[str, Any], *, version: str | None = None) -> list[Any]:
    """The rows of a list from its first page to its last; a `take` in the query is the size of a page."""
    listing = listing_of(path)
    query = dict(query)
    take = _page_size(query.pop(listing.take, None)) if listing.maximum else None

    async def fetch(cursor: PageOffset) -> Page[Any]:
        window = {listing.take: cursor.take, listing.skip: cursor.skip} if cursor.take else {}
        answer = await cal.request("GET", path, query={**query, **cursor.order, **window}, version=version)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise InvalidRequestError(f"{path} answers no list; leave out --all")
        return page_of(answer, skip=cursor.skip, take=cursor.take)

    return await Pages(fetch, listing, key=_key, take=take, name=path).collect()


def listing_of(path: str) -> PaginationSpec:
    """How the list at a path is paged; one that no operation is known for is taken to come whole."""
    operation = operation_of("GET", path if path.startswith("/v2/") else f"/v2{path}")
    if operation is None:
        return UNPAGED
    if "limit" in operation.query:
        return oauth_clients.PAGINATION
    if operation.path.endswith("/bookings"):
        return bookings.PAGINATION
    return PaginationSpec() if "take" in operation.query else UNPAGED


def _page_size(given: Any) -> int | None:
    """The last of the values that were given."""
    if isinstance(given, list):
        given = given[-1]
    try:
        return None if given is None else int(given)
    except ValueError as error:
        raise InvalidRequestError(f"take is a number, not {given!r}") from error


def _key(row: Any) -> Any:
    """What tells a row from the others: its uid or id, or else all of it."""
    known = (
        [row[name] for name in ("uid", "id") if isinstance(row.get(name), str | int)] if isinstance(row, dict) else []
    )
    return known[0] if known else msgspec.json.encode(row, order="sorted")


def print_rows(rows: Sequence[Any], *, json: bool) -> None:
    """Rows as JSON, or as a table of what is plain text or number in them."""
    if json:
        print_json(rows)
        return
    console = stdout()
    columns = _columns(rows)
    table = Table(box=None, header_style="bold")
    for name in columns:
        table.add_column(Text(line(name)))
    for row in rows:
        fields = row if isinstance(row, dict) else {"value": row}
        table.add_row(*(_cell(fields.get(name)) for name in columns))
    console.print(table)
    console.print(f"{len(rows):,} rows", style="dim")


def _columns(rows: Sequence[Any]) -> list[str]:
    """The names that tell a reader most, of those that have a plain value in some row."""
    names: dict[str, None] = {}
    for row in rows:
        fields = row if isinstance(row, dict) else {"value": row}
        names |= dict.fromkeys(name for name, value in fields.items() if isinstance(value, str | int | float))
    telling = [name for name in KEY_COLUMNS if name in names]
    return [*telling, *(name for name in names if name not in KEY_COLUMNS)][:COLUMNS]


def _cell(value: Any) -> Text:
    # Untrusted text: no markup, and one line, since a line end would look like another row.
    return Text("" if value is None else line(value))
