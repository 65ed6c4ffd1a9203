"""Base of the resources: build the request of a method, send it, and read the response."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypedDict, TypeVar, Unpack

import msgspec

from calcom_async.auth import Credentials
from calcom_async.errors import DecodeError, InvalidRequestError, shown
from calcom_async.events import Observer
from calcom_async.list_call import ListCall
from calcom_async.pages import Pages
from calcom_async.pagination import UNPAGED, PaginationSpec
from calcom_async.requests import CallContext, EndpointLimit, Request, encode, fill, query_string
from calcom_async.responses import Send, read
from calcom_async.secret import Secret
from calcom_async.versions import ApiVersions

T = TypeVar("T")
R = TypeVar("R", bound="Resource")

INTERNAL = 500
Query = Mapping[str, Any]
List = list  # the method `list` hides the builtin from annotations inside its class


def secret_argument(value: str | Secret, keyword: str) -> Secret:
    """Return a secret argument, checked. The method wraps it in `Secret` first."""
    return Secret(value).checked(keyword, error=InvalidRequestError)


def drop_unset(**fields: Any) -> dict[str, Any]:
    """Return a body without the fields that are None, which means "not given"."""
    return {name: value for name, value in fields.items() if value is not None}


def name_request(problem: DecodeError, request: Request) -> DecodeError:
    """Return a `DecodeError` that names the request, without the decoder's frames, which hold the body."""
    return DecodeError(f"{request.method} {request.path}: {problem}")


def listed(name: str, value: Any) -> List[Any]:
    """Return the items of an argument that must be a list."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidRequestError(f"{name} must be a list, got {shown(value)}")
    return [*value]


def table(name: str, value: Any) -> dict[str, Any]:
    """Return the fields of an argument that must be a mapping."""
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"{name} must be a mapping, got {shown(value)}")
    return dict(value)


class ResourceContext(msgspec.Struct, frozen=True):
    """What a client passes to its resources."""

    send: Send
    observer: Observer
    versions: ApiVersions = ApiVersions({})
    priority: int = 0
    credentials: Credentials | None = None
    rejects_paging: set[str] = msgspec.field(default_factory=set)
    """Routes of lists whose `take` and `skip` this server has answered with 500."""
    rejected_versions: set[str] = msgspec.field(default_factory=set)
    """Versions that this server does not know for an optional newer form of an operation."""
    cursor_support: dict[str, bool] = msgspec.field(default_factory=dict)
    """Whether this server can read a list with a cursor, by route, as far as it is known."""
    slot_searches: dict[Any, Any] | None = None
    """Slot searches in flight, which an equal search joins. None: each search sends a request."""


class Paging(TypedDict, total=False):
    """How to read a list.

    `take` is the page size, by default the largest that the list allows. The first `skip` rows are left out. Up to
    `prefetch` pages are requested before they are needed. `strict` makes an incomplete list an error instead of a
    warning. Lists that are read with a cursor accept neither `skip` nor `strict`, and ignore `prefetch`.
    """

    take: int | None
    skip: int | None
    prefetch: int | None
    strict: bool | None


class CursorPaging(TypedDict, total=False):
    """How to read a list that is always read with a cursor: `take` is the page size, by default the largest."""

    take: int | None


class Resource:
    """One noun of the API, below a scope such as `/organizations/{}`. One class serves all its scopes."""

    def __init__(self, context: ResourceContext, scope: str = "", *scope_ids: int | str) -> None:
        self._context = context
        self._scope = scope
        self._scope_ids = scope_ids
        self._prefix: str = scope
        # Checked here, so that the traceback of an invalid id points to where it was given.
        self._prefix = fill(scope, scope_ids)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._prefix or '/'}>"

    def _child(self, resource: type[R], route: str = "", *ids: int | str) -> R:
        """Return another resource, below this scope."""
        return resource(self._context, self._scope + route, *self._scope_ids, *ids)

    def _request(
        self,
        method: str,
        route: str,
        ids: tuple[int | str, ...],
        *,
        query: Query | None = None,
        body: Any = None,
        needed: str = "",
    ) -> Request:
        """Build a request. `needed` is the version of the API that one of its fields needs."""
        whole_route = self._scope + route
        version = self._context.versions.for_route(method, whole_route, needed)
        return Request(
            method=method,
            route=whole_route,
            path=self._prefix + fill(route, ids),
            query=query_string(query) if query else "",
            headers={"cal-api-version": version} if version else {},
            body=None if body is None else encode(body),
        )

    async def _send(
        self,
        kind: type[T],
        request: Request,
        *,
        idempotent: bool,
        endpoint_limit: EndpointLimit | None = None,
        final_status: int = 0,
        send: Send | None = None,
    ) -> T:
        context = CallContext(
            idempotent=idempotent,
            endpoint_limit=endpoint_limit,
            final_status=final_status,
            priority=self._context.priority,
        )
        response = await (send or self._context.send)(request, context)
        try:
            result: T = read(kind, response, request)
        except DecodeError as error:
            problem = name_request(error, request)
        else:
            return result
        raise problem

    def _get(
        self, kind: type[T], route: str, *ids: int | str, query: Query | None = None, idempotent: bool = True
    ) -> Awaitable[T]:
        return self._send(kind, self._request("GET", route, ids, query=query), idempotent=idempotent)

    async def _get_redirect(self, route: str, *ids: int | str, query: Query) -> str:
        """Send a GET that changes state, and return the URL that it redirects to; an empty string if there is none."""
        context = CallContext(expects_redirect=True, priority=self._context.priority)
        response = await self._context.send(self._request("GET", route, ids, query=query), context)
        return response.headers.get("location", "")

    def _post(
        self,
        kind: type[T],
        route: str,
        *ids: int | str,
        body: Any = None,
        idempotent: bool = False,
        endpoint_limit: EndpointLimit | None = None,
        needed: str = "",
    ) -> Awaitable[T]:
        request = self._request("POST", route, ids, body=body, needed=needed)
        return self._send(kind, request, idempotent=idempotent, endpoint_limit=endpoint_limit)

    def _patch(
        self,
        kind: type[T],
        route: str,
        *ids: int | str,
        body: Any,
        idempotent: bool = True,
        endpoint_limit: EndpointLimit | None = None,
        final_status: int = 0,
        needed: str = "",
    ) -> Awaitable[T]:
        request = self._request("PATCH", route, ids, body=body, needed=needed)
        return self._send(
            kind, request, idempotent=idempotent, endpoint_limit=endpoint_limit, final_status=final_status
        )

    def _put(self, kind: type[T], route: str, *ids: int | str, body: Any) -> Awaitable[T]:
        return self._send(kind, self._request("PUT", route, ids, body=body), idempotent=True)

    def _delete(
        self,
        kind: type[T],
        route: str,
        *ids: int | str,
        query: Query | None = None,
        body: Any = None,
        idempotent: bool = False,
        endpoint_limit: EndpointLimit | None = None,
    ) -> Awaitable[T]:
        request = self._request("DELETE", route, ids, query=query, body=body)
        return self._send(kind, request, idempotent=idempotent, endpoint_limit=endpoint_limit)

    def _pages(
        self,
        kind: type[T],
        route: str,
        *ids: int | str,
        pagination: PaginationSpec = UNPAGED,
        query: Query | None = None,
        key: str = "id",
        **paging: Unpack[Paging],
    ) -> Pages[T]:
        """Return a list, without a request. Arguments that cannot be sent raise here."""
        request = self._request("GET", route, ids, query=query)
        options: Any = drop_unset(**paging)
        return Pages(self._list_call(kind, request, pagination, query=query, key=key), **options)

    def _list_call(
        self, kind: type[T], request: Request, pagination: PaginationSpec, *, query: Query | None, key: str
    ) -> ListCall[T]:
        return ListCall(
            request,
            CallContext(idempotent=True, priority=self._context.priority),
            pagination,
            kind,
            key_field=key,
            query=query,
            send=self._context.send,
            observer=self._context.observer,
            rejects_paging=self._context.rejects_paging,
        )
