"""Read all pages of the list at any path, also of one that has no method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError, shown
from calcom_async.list_call import PagedList
from calcom_async.operations.catalog import find_operation
from calcom_async.pages import Pages
from calcom_async.pagination import UNPAGED, Page, PageOffset, PaginationSpec, cursor_page, page_of
from calcom_async.resources import booking_lists, oauth_clients
from calcom_async.versions import CURSOR_PAGES, ApiVersions


def list_rows(
    cal: Calcom, path: str, query: Mapping[str, Any] | None = None, *, version: str | None = None
) -> Pages[Any]:
    """List the rows at a path, such as `/v2/bookings`, as decoded JSON. No request is sent before the iteration.

    A `take` or `limit` in the query, as the path calls it, is the page size. Raises `InvalidRequestError` if the path
    does not return a list.
    """
    sent = version or ApiVersions(cal.config.api_versions).for_path("GET", path.removeprefix("/v2"))
    spec, query = pagination_at(path, sent), dict(query or {})
    take = _page_size(query.pop(spec.take, None)) if spec.maximum else None
    return Pages(_AnyList(cal, path, spec, Any, query=query, version=version), take=take)


CURSOR_LIST = PaginationSpec(maximum=50, take="limit", cursor=True)
"""A list that is read with a cursor. All of them accept 50 rows per page, some more."""


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
        """Fetch one page; parameters in `query` replace those of the list."""
        spec, paging = self.spec, {}
        if spec.cursor:
            paging = {spec.take: offset.take, "cursor": offset.cursor}
        elif offset.take:
            paging = {spec.take: offset.take, spec.skip: offset.skip}
        query = {**self.query, **(query or {}), **paging}
        body = await self._cal.request("GET", self.name, query=query, version=self._version)
        page = self._page(body, offset)
        if self.row_type is msgspec.Raw:
            return msgspec.structs.replace(page, items=[msgspec.Raw(msgspec.json.encode(row)) for row in page.items])
        return page

    def _page(self, body: Any, offset: PageOffset) -> Page[Any]:
        data = body.get("data") if isinstance(body, dict) else None
        rows, objects = data, []
        if self.spec.cursor and isinstance(data, dict):
            # The rows of some cursor lists are the only list in `data`, and the cursor may be next to it.
            lists = [member for member in data.values() if isinstance(member, list)]
            rows, objects = lists[0] if len(lists) == 1 else None, [data]
        if not isinstance(rows, list):
            raise InvalidRequestError(f"{self.name} does not return a list")
        if self.spec.cursor:
            return cursor_page(rows, [body.get("pagination"), body.get("meta"), *objects], offset)
        return page_of(body, skip=offset.skip, take=offset.take)

    def raw(self) -> PagedList[msgspec.Raw]:
        """Return the same list with rows as JSON text, encoded again: `cal.request` has decoded the response."""
        return _AnyList(self._cal, self.name, self.spec, msgspec.Raw, query=self.query, version=self._version)

    def key(self) -> Callable[[Any], Any]:
        """Return the function that reads the key of a row, which may be any JSON value."""
        return _key


def pagination_at(path: str, version: str) -> PaginationSpec:
    """Return how the list at a path is paginated in a version. A path of no known operation is read as one page."""
    operation = find_operation("GET", path if path.startswith("/v2/") else f"/v2{path}")
    if operation is None:
        return UNPAGED
    if "cursor" in operation.query:
        return CURSOR_LIST
    if "limit" in operation.query:  # only the users of an OAuth client have `limit` and `offset`
        return oauth_clients.PAGINATION
    if operation.path in {"/v2/bookings", "/v2/organizations/{orgId}/bookings"} and version >= CURSOR_PAGES:
        return booking_lists.BY_CURSOR
    if operation.path.endswith("/bookings"):
        return booking_lists.PAGINATION
    return PaginationSpec() if "take" in operation.query else UNPAGED


def _page_size(take: Any) -> int | None:
    """Return the page size that the query asks for; the last one wins."""
    if isinstance(take, list):
        take = take[-1]
    try:
        return None if take is None else int(take)
    except ValueError as error:
        raise InvalidRequestError(f"take must be a number, got {shown(take)}") from error


def _key(row: Any) -> Any:
    """Return what identifies a row: its uid or id, or else the whole row."""
    ids = [row[name] for name in ("uid", "id") if isinstance(row.get(name), str | int)] if isinstance(row, dict) else []
    return ids[0] if ids else msgspec.json.encode(row, order="sorted")
