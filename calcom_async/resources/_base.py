"""Resource: what every noun of the API is made of. Methods say what to ask; here it becomes one `Request` and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar, TypedDict, TypeVar, Unpack

import msgspec

from calcom_async.errors import DecodeError, InvalidRequestError, shown
from calcom_async.events import Observer
from calcom_async.pages import ListCall, Pages
from calcom_async.pagination import UNPAGED, PaginationSpec
from calcom_async.requests import EndpointLimit, Request, encode, fill, query_string
from calcom_async.responses import Response, read
from calcom_async.secret import Secret

T = TypeVar("T")
R = TypeVar("R", bound="Resource")

INTERNAL = 500
Query = Mapping[str, Any]
List = list  # the method `list` hides the builtin from annotations inside its class


def secret_argument(value: str | Secret, keyword: str) -> Secret:
    """A secret that a method was given, checked; the method has wrapped it before."""
    return Secret(value).checked(keyword, error=InvalidRequestError)


def given(**fields: Any) -> dict[str, Any]:
    """A small body: the fields that are given, as None says "not given"."""
    return {name: value for name, value in fields.items() if value is not None}


def named(problem: DecodeError, request: Request) -> DecodeError:
    """A `DecodeError` that says which call it was; without the frames of the decoder, which hold the body."""
    return DecodeError(f"{request.method} {request.path}: {problem}")


def listed(name: str, value: Any) -> List[Any]:
    """The items of an argument that is to be a list."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidRequestError(f"{name} must be a list, not {shown(value)}")
    return [*value]


def table(name: str, value: Any) -> dict[str, Any]:
    """The fields of an argument that is to be a mapping."""
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"{name} must be a mapping, not {shown(value)}")
    return dict(value)


class RequestContext(msgspec.Struct, frozen=True):
    """The way down that a client gives its resources: a function that sends, and what each request carries along."""

    send: Callable[[Request], Awaitable[Response]]
    observer: Observer
    versions: Mapping[str, str] = {}
    priority: int = 0
    rejects_paging: set[str] = msgspec.field(default_factory=set)
    """Routes of lists whose `take` and `skip` this server has answered with 500."""


class Paging(TypedDict, total=False):
    """How to read a list.

    `take` is the page size, by default the largest that the list allows. The first `skip` rows are left out. Up to
    `prefetch` pages are requested before they are needed. `strict` makes an incomplete list an error instead of a
    warning.
    """

    take: int | None
    skip: int | None
    prefetch: int | None
    strict: bool | None


class Resource:
    """One noun of the API, below a scope such as `/organizations/{}`; one class serves every scope it occurs in."""

    area: ClassVar[str] = ""
    """Its name in `Config.api_versions`."""
    version: ClassVar[str] = ""
    """The `cal-api-version` that its paths need; empty where any will do."""

    def __init__(self, context: RequestContext, scope: str = "", *scope_ids: int | str) -> None:
        self._context = context
        self._scope = scope
        self._scope_ids = scope_ids
        self._prefix: str = scope
        # Checked here, so that a bad id is told where it was given and not at the first call.
        self._prefix = fill(scope, scope_ids)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._prefix or '/'}>"

    def _below(self, resource: type[R], route: str = "", *ids: int | str) -> R:
        """Another noun below this scope."""
        return resource(self._context, self._scope + route, *self._scope_ids, *ids)

    def _request(
        self,
        method: str,
        route: str,
        ids: tuple[int | str, ...],
        *,
        query: Query | None = None,
        body: Any = None,
        idempotent: bool,
        endpoint_limit: EndpointLimit | None = None,
    ) -> Request:
        version = self._context.versions.get(self.area, self.version)
        return Request(
            method=method,
            route=self._scope + route,
            path=self._prefix + fill(route, ids),
            query=query_string(query) if query else "",
            headers={"cal-api-version": version} if version else {},
            body=None if body is None else encode(body),
            idempotent=idempotent,
            endpoint_limit=endpoint_limit,
            priority=self._context.priority,
        )

    async def _ask(self, kind: type[T], request: Request) -> T:
        response = await self._context.send(request)
        try:
            result: T = read(kind, response, request)
        except DecodeError as error:
            problem = named(error, request)
        else:
            return result
        raise problem

    async def _get(
        self, kind: type[T], route: str, *ids: int | str, query: Query | None = None, idempotent: bool = True
    ) -> T:
        return await self._ask(kind, self._request("GET", route, ids, query=query, idempotent=idempotent))

    async def _location(self, route: str, *ids: int | str, query: Query) -> str:
        """A GET that changes state and answers a redirect: where it leads to, which may be nowhere."""
        request = self._request("GET", route, ids, query=query, idempotent=False)
        response = await self._context.send(msgspec.structs.replace(request, expects_redirect=True))
        return response.headers.get("location", "")

    async def _post(
        self,
        kind: type[T],
        route: str,
        *ids: int | str,
        body: Any = None,
        idempotent: bool = False,
        endpoint_limit: EndpointLimit | None = None,
    ) -> T:
        request = self._request("POST", route, ids, body=body, idempotent=idempotent, endpoint_limit=endpoint_limit)
        return await self._ask(kind, request)

    async def _patch(
        self,
        kind: type[T],
        route: str,
        *ids: int | str,
        body: Any,
        idempotent: bool = True,
        endpoint_limit: EndpointLimit | None = None,
        final: int = 0,
    ) -> T:
        request = self._request("PATCH", route, ids, body=body, idempotent=idempotent, endpoint_limit=endpoint_limit)
        return await self._ask(kind, msgspec.structs.replace(request, final=final) if final else request)

    async def _put(self, kind: type[T], route: str, *ids: int | str, body: Any) -> T:
        return await self._ask(kind, self._request("PUT", route, ids, body=body, idempotent=True))

    async def _delete(
        self,
        kind: type[T],
        route: str,
        *ids: int | str,
        query: Query | None = None,
        idempotent: bool = False,
        endpoint_limit: EndpointLimit | None = None,
    ) -> T:
        request = self._request("DELETE", route, ids, query=query, idempotent=idempotent, endpoint_limit=endpoint_limit)
        return await self._ask(kind, request)

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
        list_call: ListCall[T] = ListCall(
            self._request("GET", route, ids, query=query, idempotent=True),
            pagination,
            kind,
            key_field=key,
            query=query,
            send=self._context.send,
            observer=self._context.observer,
            rejects_paging=self._context.rejects_paging,
        )
        options: Any = given(**paging)
        return Pages(list_call, **options)
