"""ListCall: one list of the API, as its request, its pagination and the type of its rows. It fetches a page."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import Raw

from calcom_async.decoding import decode, raw_field_reader
from calcom_async.errors import DecodeError, ServerError
from calcom_async.events import ClientEvent, Observer
from calcom_async.pagination import Page, PageOffset, PaginationSpec, read_cursor_page, read_page
from calcom_async.requests import CallContext, Request, query_string
from calcom_async.responses import Response, Send

T = TypeVar("T")

INTERNAL = 500


class PagedList(Generic[T]):
    """What `Pages` iterates over: the name, pagination, row type and query of a list, and a way to fetch a page."""

    def __init__(
        self,
        name: str,
        spec: PaginationSpec,
        row_type: Any,
        *,
        key_field: str = "id",
        query: Mapping[str, Any] | None = None,
    ) -> None:
        self.name: str = name
        self.spec: PaginationSpec = spec
        self.row_type: Any = row_type
        self.key_field: str = key_field
        """The field that identifies a row, in the server's spelling."""
        self.query: Mapping[str, Any] = query or {}

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[T]:
        """Fetch one page; parameters in `query` replace those of the list."""
        raise NotImplementedError

    def raw(self) -> PagedList[Raw]:
        """Return the same list with rows as JSON text."""
        raise NotImplementedError

    def by_offset(self) -> PagedList[T]:
        """Return the same list, read by take and skip."""
        return self

    def at_lower_priority(self) -> PagedList[T]:
        """Return the same list, whose requests wait for the rate limit behind others of the client."""
        raise NotImplementedError

    @property
    def has_reliable_total(self) -> bool:
        """Whether the server's total counts exactly the rows of this list."""
        return self.spec.has_total and self.spec.total_ignores.isdisjoint(self.query)

    def key(self) -> Callable[[Any], Hashable]:
        """Return the function that reads the key of a row."""
        return raw_field_reader(self.key_field) if self.row_type is Raw else attrgetter(self.key_field)

    def decode_row(self, row: Raw) -> T:
        """Decode one raw row as a row of this list."""
        decoded: Any = row if self.row_type is Raw else decode(self.row_type, bytes(row))
        return cast("T", decoded)


class ListCall(PagedList[T]):
    """One list of the API: its request, its pagination, and the type of its rows."""

    def __init__(
        self,
        request: Request,
        context: CallContext,
        spec: PaginationSpec,
        row_type: Any,
        *,
        key_field: str = "id",
        query: Mapping[str, Any] | None = None,
        send: Send,
        observer: Observer,
        rejects_paging: set[str],
    ) -> None:
        super().__init__(request.route, spec, row_type, key_field=key_field, query=query)
        self._request = request
        self._context = context
        self._send = send
        self._observer = observer
        self._rejects_paging = rejects_paging

    def raw(self) -> ListCall[Raw]:
        """Return the same list with rows as JSON text."""
        return self._copy(Raw, self._context)

    def once(self, timeout: float) -> ListCall[T]:
        """Return the same list with one attempt per request, of that many seconds. 429s are retried even so."""
        # As an unknown outcome is retried only if the operation is idempotent, it has to look as if it were not.
        return self._copy(self.row_type, msgspec.structs.replace(self._context, timeout=timeout, idempotent=False))

    def at_lower_priority(self) -> ListCall[T]:
        """Return the same list, whose requests wait for the rate limit behind others of the client."""
        return self._copy(self.row_type, msgspec.structs.replace(self._context, priority=self._context.priority + 1))

    def _copy(self, row_type: Any, context: CallContext) -> ListCall[Any]:
        return ListCall(
            self._request,
            context,
            self.spec,
            row_type,
            key_field=self.key_field,
            query=self.query,
            send=self._send,
            observer=self._observer,
            rejects_paging=self._rejects_paging,
        )

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[T]:
        """Fetch one page; parameters in `query` replace those of the list."""
        spec, paging = self.spec, {}
        if spec.cursor:
            paging = {spec.take: offset.take, "cursor": offset.cursor}
        elif offset.take:
            paging = {spec.take: offset.take, spec.skip: offset.skip}
        if not spec.fragile:
            return await self._fetch(offset, paging, query)
        # Builds of 2025 return 500 for `take` and `skip` in the lists of an organization's teams, or ignore them and
        # send the first 250 teams again. So the first page is requested without them.
        if offset.skip and self.name not in self._rejects_paging:
            try:
                return await self._fetch(offset, paging, query)
            except ServerError as error:
                if error.status != INTERNAL:
                    raise
                self._rejects_paging.add(self.name)
        page = await self._fetch(offset, {}, query)
        # If there is nothing new, the rows of the first page let `Pages` notice that the server cuts the list.
        return msgspec.structs.replace(page, items=page.items[offset.skip :] or page.items)

    async def _fetch(self, offset: PageOffset, paging: Mapping[str, Any], query: Mapping[str, Any] | None) -> Page[T]:
        """Send the request of one page, and read the response."""
        text = query_string({**self.query, **(query or {}), **paging})
        context = self._context
        if self.spec.fragile and paging:  # this 500 comes every time, so it is not retried
            context = msgspec.structs.replace(context, final_status=INTERNAL)
        response = await self._send(msgspec.structs.replace(self._request, query=text), context)
        try:
            page: Page[T] = self._read(response, offset)
        except DecodeError as error:
            # The frames of the decoder hold the body, so the error is raised again without them.
            problem = DecodeError(f"{self._request.method} {self._request.path}: {error}")
        else:
            self._observer.emit(
                ClientEvent(
                    kind="page",
                    call_id=response.call_id,
                    method="GET",
                    path=self.name,
                    status=response.status,
                    rows=len(page.items),
                )
            )
            return page
        raise problem

    def _read(self, response: Response, offset: PageOffset) -> Page[T]:
        page: Page[T]
        if self.spec.cursor:
            page = read_cursor_page(self.row_type, response, spec=self.spec, offset=offset, request=self._request)
        else:
            page = read_page(self.row_type, response, skip=offset.skip, take=offset.take, request=self._request)
        return msgspec.structs.replace(page, request_id=response.request_id, rate_limits=response.rate_limits)
