"""How handlers are declared, what they are given and what they may return.

    @route("GET", "/v2/bookings/{bookingUid}", version=("2024-08-13",), auth="optional")
    def get_booking(call: Call) -> object:
        return render(call.store.bookings[call.path["bookingUid"]])

A handler returns the value of `data`, or one of `Page`, `Bare`, `Status`, or raises a `Refusal`. One that is `async`
lets other requests in wherever it awaits; all else happens between two requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import unquote

from .auth import Caller
from .clock import Clock
from .errors import bad_request, database
from .query import parse_query
from .store import Store

if TYPE_CHECKING:
    from .app import Sandbox

Handler = Callable[["Call"], object]
H = TypeVar("H", bound=Handler)
Auth = Literal["required", "optional", "public", "guarded"]
Kind = Literal["key", "token", "client"]

DEFAULT_VERSION = "2024-04-15"
VERSIONS = frozenset({DEFAULT_VERSION, "2024-06-11", "2024-06-14", "2024-08-13", "2024-09-04"})


# --- what a handler is given ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Call:
    """One request that was matched, counted and authenticated, as a handler sees it."""

    sandbox: Sandbox
    caller: Caller
    method: str
    url: str
    """Path and query string as sent, the `path` of error answers."""
    path: dict[str, str]
    query: list[tuple[str, str]]
    body: dict[str, Any]
    """The decoded JSON object; empty when nothing, or no JSON, was sent."""
    version: str
    headers: Mapping[str, str]

    @property
    def store(self) -> Store:
        return self.sandbox.store

    @property
    def clock(self) -> Clock:
        return self.sandbox.clock

    @property
    def user(self) -> dict[str, Any]:
        """The record of the user who asks; only where authentication is not optional."""
        assert self.caller.user_id is not None, "this route also answers callers without a user"
        return self.store.users[self.caller.user_id]

    def param(self, name: str) -> str | None:
        """The query parameter's last value, or None when it was not sent."""
        return next((value for key, value in reversed(self.query) if key == name), None)

    def params(self, name: str) -> list[str] | None:
        """All values of a list parameter: repeats, `a[]=`, `a[0]=` and comma lists; None when it was not sent."""
        pattern = re.compile(re.escape(name) + r"(\[\d*\])?")
        sent = [value for key, value in self.query if pattern.fullmatch(key)]
        return [part.strip() for value in sent for part in value.split(",")] if sent else None

    @property
    def fields(self) -> dict[str, Any]:
        """The query as nested values (`a[0][b]=c` is `{"a": [{"b": "c"}]}`), for `Form.read`."""
        return parse_query(self.query)

    def int_path(self, name: str, *, checked: bool = False) -> int:
        """A path parameter as int. Most routes let a non-number reach the database (500); `checked` ones say 400."""
        text = self.path[name]
        if re.fullmatch(r"-?\d+", text) is None and checked:
            raise bad_request("Validation failed (numeric string is expected)")
        number = re.match(r"\s*-?\d+", text)
        if number is None or not -(2**31) <= int(number[0]) < 2**31:
            raise database(500)
        return int(number[0])

    def emit(self, trigger: str, payload: Mapping[str, Any], **scope: Any) -> None:
        """Tell whoever listens (webhook delivery) what happened; `scope` may name user_id, event_type_id, team_id."""
        for listener in LISTENERS:
            listener(self, trigger, payload, scope)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` run beside the answer, on the sandbox's loop; `Sandbox.settle()` waits for it."""
        self.sandbox.spawn(work)


Listener = Callable[[Call, str, Mapping[str, Any], dict[str, Any]], None]
LISTENERS: list[Listener] = []


def listener(function: Listener) -> Listener:
    """Register `function(call, trigger, payload, scope)` to hear every `call.emit`."""
    LISTENERS.append(function)
    return function


# --- what a handler may return -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """A list with its sibling `pagination` object."""

    items: Sequence[Any]
    pagination: dict[str, Any]

    @classmethod
    def of(cls, items: Sequence[Any], *, total: int, take: int, skip: int) -> Page:
        """A page with the metadata that the real server computes (`returnedItems` is not the length of `data`)."""
        return cls(items, pagination(total=total, take=take, skip=skip))


def pagination(*, total: int, take: int, skip: int) -> dict[str, Any]:
    """The pagination object: everything follows from the total and what was asked for."""
    start = min(skip, total)
    pages = ceil(total / take)
    return {
        "returnedItems": max(0, min(total - start, take)),
        "totalItems": total,
        "itemsPerPage": take,
        "remainingItems": max(0, total - (start + take)),
        "currentPage": min(start // take + 1, pages),
        "totalPages": pages,
        "hasNextPage": start + take < total,
        "hasPreviousPage": start > 0,
    }


@dataclass(frozen=True, slots=True)
class Bare:
    """An answer without envelope: JSON for dicts and lists, text for str, nothing for None."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Status:
    """The answer `{"status": "success"}` without data; `status` overrides the route's HTTP status."""

    status: int | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """`data` with keys beside it, or with another HTTP status than the route's."""

    data: Any
    status: int | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)


# --- the table of routes -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: where it is, which versions it answers, who may call it and which function answers."""

    method: str
    path: str
    handler: Handler
    versions: frozenset[str] = frozenset()
    auth: Auth = "required"
    kinds: tuple[Kind, ...] = ()
    status: int = 200
    limit: tuple[str, int] | None = None
    form: bool = False
    stateful: bool = True

    def answers(self, version: str) -> bool:
        return not self.versions or version in self.versions


ROUTES: list[Route] = []


def route(
    method: str,
    path: str,
    *,
    version: tuple[str, ...] = (),
    auth: Auth = "required",
    kinds: tuple[Kind, ...] = (),
    status: int = 200,
    limit: tuple[str, int] | None = None,
    form: bool = False,
    stateful: bool = True,
) -> Callable[[H], H]:
    """Declare the operation that the decorated function answers; the function itself stays as it is.

    `version=()` answers every version. `kinds` narrows the credentials that the route takes. `limit=(name, n)` is
    an endpoint throttle that replaces the default one. `form` also accepts a form-encoded body. `stateful=False` says
    that the answer has the right shape and nothing behind it. Decorators stack.
    """

    def register(handler: H) -> H:
        versions = frozenset(version)
        ROUTES.append(Route(method, path, handler, versions, auth, kinds, status, limit, form, stateful))
        return handler

    return register


class RouteTable:
    """Finds the route of a request: literal parts before placeholders, case ignored, a trailing slash forgiven."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._root = _Node()
        for entry in routes:
            self._node(entry.path).routes.append(entry)

    def find(self, method: str, path: str, version: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its decoded path parameters. HEAD is answered where GET is."""
        verb = "GET" if method == "HEAD" else method
        parts = path.removesuffix("/").split("/")[1:]
        for node, values in self._root.walk(parts, 0):
            for entry in node.routes:
                if entry.method == verb and entry.answers(version):
                    return entry, dict(zip(_names(entry.path), values, strict=True))
        return None

    def _node(self, path: str) -> _Node:
        node = self._root
        for part in path.split("/")[1:]:
            node = node.grow(part)
        return node


class _Node:
    __slots__ = ("literal", "routes", "wild")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.wild: _Node | None = None
        self.routes: list[Route] = []

    def grow(self, part: str) -> _Node:
        if not part.startswith("{"):
            return self.literal.setdefault(part.lower(), _Node())
        if self.wild is None:
            self.wild = _Node()
        return self.wild

    def walk(self, parts: list[str], at: int) -> Iterator[tuple[_Node, list[str]]]:
        """Every node that the parts lead to, with the values of its placeholders; the most literal one first."""
        if at == len(parts):
            yield self, []
            return
        part = parts[at]
        if (child := self.literal.get(part.lower())) is not None:
            yield from child.walk(parts, at + 1)
        if self.wild is not None and part:
            for node, values in self.wild.walk(parts, at + 1):
                yield node, [unquote(part), *values]


def _names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)
