"""Page through a list: `PaginationSpec`, `PageOffset` and `Page`. No I/O."""

from __future__ import annotations

from math import inf
from typing import Any, Generic, TypeVar

import msgspec

from calcom_async.decoding import UNKNOWN_PAGING, Envelope, build
from calcom_async.errors import DecodeError, InvalidRequestError, shown
from calcom_async.models.pagination import Pagination
from calcom_async.requests import Request
from calcom_async.responses import Response, data_of, read_envelope

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `total_items` is None if the server sends no total."""

    items: list[T]
    skip: int
    take: int
    pagination: Pagination | None = None

    @property
    def total_items(self) -> int | None:
        """The server's total of the list."""
        return self.pagination.total_items if self.pagination else None

    @property
    def has_next(self) -> bool:
        """Whether there is a next page: as the server reports, else if this one is full; never after an empty one."""
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
    """Position in a list: the rows to skip, and the size of the page after them."""

    skip: int
    take: int

    def advance(self, pages: int) -> PageOffset:
        """Return the offset so many pages further."""
        return PageOffset(self.skip + pages * self.take, self.take)


UNPAGED = PaginationSpec(maximum=0)
"""A list that comes whole, in one response."""


def read_page(kind: Any, response: Response, *, skip: int, take: int, request: Request | None = None) -> Page[Any]:
    """Decode one page of a list whose rows are of `kind`."""
    return _page(read_envelope(list[kind], response, request), list[kind], skip, take)


def page_of(body: Any, *, skip: int, take: int) -> Page[Any]:
    """Make a page of a decoded response; its rows stay as they are."""
    return _page(build(Envelope[list[Any]], body, "$"), list[Any], skip, take)


def _page(envelope: Envelope[Any], kind: Any, skip: int, take: int) -> Page[Any]:
    """Make a page. Raise `DecodeError` if the response has a next page that the client cannot request."""
    page = Page(data_of(envelope, kind), skip, take, envelope.pagination)
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
    return any(found.get(name) for found in objects for name in NEXT_PAGE)


NEXT_PAGE = ("nextCursor", "next_cursor", "hasMore", "has_more", "hasNextPage", "has_next_page")
