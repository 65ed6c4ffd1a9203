"""Page through a list: `PaginationSpec`, `PageOffset` and `Page`. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Generic, TypeVar

import msgspec

from calcom_async.decoding import UNKNOWN_PAGING, CursorEnvelope, Envelope, build, decode
from calcom_async.errors import DecodeError, InvalidRequestError, RateLimit, shown
from calcom_async.models.pagination import Pagination
from calcom_async.requests import Request
from calcom_async.responses import NO_DATA, Response, data_of, enveloped, read_envelope

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `total_items` is None if the server sends no total."""

    items: list[T]
    skip: int
    take: int
    pagination: Pagination | None = None
    by_cursor: bool = False
    """Whether the list is read with a cursor. Then `next_cursor` is where its next page begins, or None at the end."""
    next_cursor: str | None = None
    request_id: str | None = None
    """The id that the server gave the request, for support; None for a page of rows from several responses."""
    rate_limits: tuple[RateLimit, ...] = ()
    """The rate limits in the headers of the response, each with `limit`, `remaining` and `reset`."""

    @property
    def total_items(self) -> int | None:
        """The server's total of the list."""
        return self.pagination.total_items if self.pagination else None

    @property
    def has_next(self) -> bool:
        """Whether there is a next page: as the server reports, else if this one is full.

        There is none after an empty page, except in a list that is read with a cursor.
        """
        if self.by_cursor:
            return self.next_cursor is not None
        # The total of bookings ignores filters on creation and update. With them, a server can report a next page after
        # every empty one (recorded from a self-hosted server of 2026-07).
        if not self.items or not self.take:
            return False
        pagination = self.pagination
        if pagination is not None and pagination.has_next_page is not None:
            return pagination.has_next_page
        if pagination is not None and pagination.total_items is not None:
            return self.skip + len(self.items) < pagination.total_items
        return len(self.items) >= self.take


class PaginationSpec(msgspec.Struct, frozen=True):
    """How one list of the API is paged: the largest page, the names of its parameters, and what its total counts."""

    maximum: int = 250
    take: str = "take"
    skip: str = "skip"
    has_total: bool = False
    """Whether its responses carry a pagination object."""
    total_ignores: frozenset[str] = frozenset()
    """Filters that the server leaves out of the total."""
    max_skip: int | None = None
    """The largest skip that the server accepts."""
    fragile: bool = False
    """Whether some servers answer 500 to its `take` and `skip`. They are sent only for rows after the first page."""
    reads_by_time: bool = False
    """Whether its rows are bookings, which `keyset.py` can read by time when rows are missing."""
    cursor: bool = False
    """Whether it has no `skip` and no total, but each page names the next one. `take` is then "limit"."""
    rows: str = ""
    """The member of `data` that holds the rows of a cursor list, unless `data` is the rows."""

    @property
    def skip_limit(self) -> float:
        """The largest skip, or infinity."""
        return inf if self.max_skip is None else self.max_skip

    def page_size(self, take: int | None) -> int:
        """Check a page size, or return the largest."""
        if take is None or not self.maximum:
            return self.maximum
        if isinstance(take, bool) or not isinstance(take, int) or not 1 <= take <= self.maximum:
            raise InvalidRequestError(f"take must be an integer from 1 to {self.maximum}, got {shown(take)}")
        return take


class PageOffset(msgspec.Struct, frozen=True):
    """Position in a list: the rows before a page, and the size of the page. Cursor lists need the `cursor` too."""

    skip: int
    take: int
    cursor: str | None = None

    def advance(self, pages: int) -> PageOffset:
        """Return the offset that number of pages further."""
        return PageOffset(self.skip + pages * self.take, self.take)

    def after(self, page: Page[Any]) -> PageOffset:
        """Return the offset of the page after this one."""
        if page.by_cursor:
            return PageOffset(self.skip + len(page.items), self.take, page.next_cursor)
        return self.advance(1)


UNPAGED = PaginationSpec(maximum=0)
"""A list that comes whole, in one response."""


def read_page(kind: Any, response: Response, *, skip: int, take: int, request: Request | None = None) -> Page[Any]:
    """Decode one page of a list whose rows are of `kind`."""
    return _page(read_envelope(enveloped(list[kind]), response, request), list[kind], skip, take)


def page_of(body: Any, *, skip: int, take: int) -> Page[Any]:
    """Make a page of a decoded response; its rows stay as they are."""
    return _page(build(Envelope[list[Any]], body, "$"), list[Any], skip, take)


def _page(envelope: Envelope[Any], kind: Any, skip: int, take: int) -> Page[Any]:
    """Make a page. Raise `DecodeError` if the response has a next page that the client cannot request."""
    page = Page(data_of(envelope, kind), skip, take, envelope.pagination)
    # Fail rather than return the first page as if it were the whole list: the hosted API has begun to move lists from
    # take and skip to cursors (September 2026).
    if envelope.next_cursor or envelope.has_more or _names_next_page(envelope.meta):
        raise DecodeError(f"{UNKNOWN_PAGING}: the response has a cursor to a next page")
    if not take and page.pagination and page.pagination.has_next_page:
        raise DecodeError(f"{UNKNOWN_PAGING}: it was one response so far, but the server reports a next page")
    return page


def _names_next_page(meta: Any) -> bool:
    """Whether the `meta` of a response, or an object in it, has a next page."""
    if not isinstance(meta, dict):
        return False
    objects = [meta, *(item for item in meta.values() if isinstance(item, dict))]
    return any(place.get(name) for place in objects for name in NEXT_PAGE)


# Cursor lists of September 2026 have the cursor in one of three places: in `data`, in `pagination` or in `meta`.
NEXT_PAGE = ("nextCursor", "next_cursor", "hasMore", "has_more", "hasNextPage", "has_next_page")


CURSOR_FIELDS = ("nextCursor", "hasMore")
MAX_CURSOR = 4096
"""Longer cursors would not fit into a URL that every proxy accepts."""
NULL = b"null"


def read_cursor_page(
    kind: Any, response: Response, *, spec: PaginationSpec, offset: PageOffset, request: Request | None = None
) -> Page[Any]:
    """Decode one page of a cursor list whose rows are of `kind`."""
    envelope = read_envelope(CursorEnvelope, response, request)
    data, where, objects = bytes(envelope.data or NULL), "$.data", [envelope.pagination, envelope.meta]
    if spec.rows and data != NULL:
        members = decode(dict[str, msgspec.Raw], data, where)
        objects.append({name: decode(Any, bytes(members[name])) for name in CURSOR_FIELDS if name in members})
        data, where = bytes(members.get(spec.rows, NULL)), f"{where}.{spec.rows}"
    if data == NULL:
        raise DecodeError(NO_DATA)
    return cursor_page(decode(list[kind], data, where), objects, offset)


def cursor_page(rows: list[Any], objects: list[Any], offset: PageOffset) -> Page[Any]:
    """Make a page of a cursor list; the first of the objects that has a cursor counts.

    Raises `DecodeError` if there are rows, but no object says whether there is a next page.
    """
    known = [place for place in objects if isinstance(place, dict) and any(name in place for name in CURSOR_FIELDS)]
    if rows and not known:
        raise DecodeError(f"{UNKNOWN_PAGING}: neither pagination nor meta nor data has nextCursor or hasMore")
    return Page(rows, offset.skip, offset.take, by_cursor=True, next_cursor=_next_cursor(known[0]) if known else None)


def _next_cursor(place: Mapping[str, Any]) -> str | None:
    """Return the cursor to the next page; None at the end."""
    cursor, has_more = place.get("nextCursor"), place.get("hasMore")
    if has_more is False or (has_more is None and cursor is None):
        return None
    if isinstance(cursor, int) and not isinstance(cursor, bool):  # an id as the cursor; a bool is an int too
        cursor = str(cursor)
    if has_more not in (None, True) or not isinstance(cursor, str) or not 0 < len(cursor) <= MAX_CURSOR:
        raise DecodeError(f"{UNKNOWN_PAGING}: nextCursor is {shown(cursor)} and hasMore is {shown(has_more)}")
    return cursor
