"""Print rows as a table or as JSON, and read all pages of a list that has no method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from calcom_async.cli.terminal import one_line, print_json, stdout
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.operations.catalog import find_operation
from calcom_async.pages import PagedList, Pages
from calcom_async.pagination import UNPAGED, Page, PageOffset, PaginationSpec, page_of
from calcom_async.resources import bookings, oauth_clients

MAX_COLUMNS = 8
KEY_COLUMNS = (
    "id", "uid", "title", "name", "slug", "status", "start", "end", "lengthInMinutes", "email", "subscriberUrl", "role"
)  # fmt: skip
"""Fields that a table shows first, in this order."""


async def all_rows(cal: Calcom, path: str, query: Mapping[str, Any], *, version: str | None = None) -> list[Any]:
    """Fetch all rows of a list; a `take` in the query is the page size."""
    spec, query = listing_of(path), dict(query)
    take = _page_size(query.pop(spec.take, None)) if spec.maximum else None
    return await Pages(_AnyList(cal, path, spec, Any, query=query, version=version), take=take).collect()


class _AnyList(PagedList[Any]):
    """A list at any path, with rows as plain objects."""

    def __init__(
        self,
        cal: Calcom,
        path: str,
        spec: PaginationSpec,
        row_type: Any,
        *,
        query: Mapping[str, Any],
        version: str | None,
    ) -> None:
        super().__init__(path, spec, row_type, query=query)
        self._cal = cal
        self._version = version

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[Any]:
        paging = {self.spec.take: offset.take, self.spec.skip: offset.skip} if offset.take else {}
        query = {**self.query, **(query or {}), **paging}
        body = await self._cal.request("GET", self.name, query=query, version=self._version)
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            raise InvalidRequestError(f"{self.name} does not return a list. Run the command without --all")
        page = page_of(body, skip=offset.skip, take=offset.take)
        if self.row_type is msgspec.Raw:
            return msgspec.structs.replace(page, items=[msgspec.Raw(msgspec.json.encode(row)) for row in page.items])
        return page

    def raw(self) -> PagedList[msgspec.Raw]:
        return _AnyList(self._cal, self.name, self.spec, msgspec.Raw, query=self.query, version=self._version)

    def key(self) -> Callable[[Any], Any]:
        return _key


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
