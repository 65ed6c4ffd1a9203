"""Read the list of bookings with a cursor, or by take and skip if the server cannot."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from calcom_async.errors import DecodeError, NotFoundError, ServerError, TimedOutError
from calcom_async.list_call import ListCall, PagedList
from calcom_async.pages import CursorFallbackWarning
from calcom_async.pagination import Page, PageOffset

T = TypeVar("T")

PROBE_TIMEOUT = 15.0
"""Timeout of the first request with a cursor, in seconds. The hosted API did not respond in September 2026."""


class CursorBookings(PagedList[T]):
    """A list of bookings read with a cursor, one status after the other.

    The first request of a client has one attempt of 15 s. If the server returns 404, 5xx or another list, or
    not in time, this list and all later ones are read by take and skip. A list that has begun never changes.
    """

    def __init__(self, by_status: Sequence[ListCall[T]], by_offset: ListCall[T], support: dict[str, bool]) -> None:
        first = by_status[0]
        super().__init__(first.name, first.spec, first.row_type, key_field=first.key_field, query=by_offset.query)
        self._by_status = by_status
        self._by_offset = by_offset
        self._support = support
        self._has_begun = False

    def raw(self) -> CursorBookings[Raw]:
        """Return the same list with rows as JSON text."""
        return CursorBookings([call.raw() for call in self._by_status], self._by_offset.raw(), self._support)

    def by_offset(self) -> ListCall[T]:
        """Return the same list, read by take and skip."""
        return self._by_offset

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[T]:
        """Fetch one page; parameters in `query` replace those of the list."""
        page = await self._fetch_by_cursor(offset, query) if self.spec.cursor else None
        if page is None:
            # `Pages` looks at the specification after every page, and goes on by take and skip.
            self.spec = self._by_offset.spec
            return await self._by_offset.fetch_page(offset, query)
        return page

    async def _fetch_by_cursor(self, offset: PageOffset, query: Mapping[str, Any] | None) -> Page[T] | None:
        """Fetch one page; None if the list has to be read by take and skip."""
        # The server takes one status per request here. So the cursor of a list of several statuses is prefixed with the
        # number of the status that it belongs to, and a page still needs nothing but its offset.
        number, cursor = 0, offset.cursor
        if len(self._by_status) > 1 and cursor is not None:
            prefix, _, cursor = cursor.partition(":")
            number = int(prefix)
        call, position = self._by_status[number], PageOffset(offset.skip, offset.take, cursor or None)
        works = self._support.get(self.name)
        # Once a page has come by cursor, a failure is a failure: the rows so far have no place in a list by offset.
        if self._has_begun or works:
            page = await call.fetch_page(position, query)
        elif works is None:
            try:
                page = await call.once(PROBE_TIMEOUT).fetch_page(position, query)
            except (NotFoundError, ServerError, TimedOutError, DecodeError) as error:
                if isinstance(error, TimedOutError) and not error.sent:
                    raise  # no connection: this says nothing about cursors
                self._fall_back(error)
                return await self._fetch_by_cursor(offset, query)  # another task may have found that cursors work
        else:
            return None
        if not self.spec.cursor:  # another task has begun to read this list by take and skip
            return None
        self._has_begun = True
        self._support.setdefault(self.name, True)  # an earlier verdict stays, so that lists in progress agree
        return self._with_status(page, number)

    def _with_status(self, page: Page[T], number: int) -> Page[T]:
        """Return a page whose cursor names the status too; the last page of a status leads to the next status."""
        if len(self._by_status) == 1:
            return page
        cursor = None
        if page.next_cursor is not None:
            cursor = f"{number}:{page.next_cursor}"
        elif number + 1 < len(self._by_status):
            cursor = f"{number + 1}:"
        return msgspec.structs.replace(page, next_cursor=cursor)

    def _fall_back(self, error: Exception) -> None:
        """Remember that the server cannot read this list with a cursor, unless another task has found that it can."""
        if self._has_begun or self.name in self._support:
            return
        self._support[self.name] = False
        warnings.warn(
            f"this server cannot read {self.name} with a cursor, so the client reads it by take and skip: {error}",
            CursorFallbackWarning,
            stacklevel=2,
        )
