"""How handlers are declared, and how a request finds its handler.

    ROUTES = Routes()

    @ROUTES.add("GET", "/v2/bookings/{bookingUid}", version=("2024-08-13",), auth="optional")
    def get_booking(call: Call) -> object:
        return booking_view(call.store, call.store.bookings[call.path["bookingUid"]])

A handler returns the value of `data`, or one of `results`, or raises an `HttpError`. While an `async` handler awaits,
other requests are handled; all other handlers run one after another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote

from calcom_async.sandbox.http.auth import Auth, Kind
from calcom_async.sandbox.http.call import Call

Handler = Callable[[Call], object]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: path, versions, accepted credentials and handler."""

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

    def accepts(self, version: str) -> bool:
        """Return whether the route answers this version."""
        return not self.versions or version in self.versions


class Routes(list[Route]):
    """The routes of one module, in the order of their declaration."""

    def add(
        self,
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
        """Declare the route of the decorated function, which stays as it is. Decorators can be stacked.

        `version=()` accepts every version. `kinds` restricts the credentials. `limit=(name, requests)` is a limit of
        the endpoint that replaces the default one. `form` also accepts a form-encoded body. `stateful=False` marks a
        response that has the right shape and made-up content.
        """

        def declare(handler: H) -> H:
            """Append the route of a handler."""
            versions = frozenset(version)
            self.append(Route(method, path, handler, versions, auth, kinds, status, limit, form, stateful))
            return handler

        return declare


class RouteTable:
    """A tree of path segments.

    As on the real server, a literal segment wins over a placeholder; case and one trailing slash are ignored.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._root = _Node()
        for entry in routes:
            self._node(entry.path).routes.append(entry)

    def find(self, method: str, path: str, version: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and its decoded path parameters. HEAD requests use the route of GET."""
        # aiohttp drops the body of such a response.
        verb = "GET" if method == "HEAD" else method
        parts = path.removesuffix("/").split("/")[1:]
        for node, values in self._root.walk(parts, 0):
            for entry in node.routes:
                # Without a match the walk goes on: a route with a placeholder may accept a version that the literal one
                # does not.
                if entry.method == verb and entry.accepts(version):
                    return entry, dict(zip(_names(entry.path), values, strict=True))
        return None

    def _node(self, path: str) -> _Node:
        """Return the node of a path, created with its parents if needed."""
        node = self._root
        for part in path.split("/")[1:]:
            node = node.grow(part)
        return node


class _Node:
    """A segment of the tree of paths."""

    __slots__ = ("literal", "routes", "wild")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.wild: _Node | None = None
        self.routes: list[Route] = []

    def grow(self, part: str) -> _Node:
        """Return the child for a segment, created if needed."""
        if not part.startswith("{"):
            return self.literal.setdefault(part.lower(), _Node())
        if self.wild is None:
            self.wild = _Node()
        return self.wild

    def walk(self, parts: list[str], at: int) -> Iterator[tuple[_Node, list[str]]]:
        """Yield every node that matches, with the values of its placeholders, the most literal one first."""
        if at == len(parts):
            yield self, []
            return
        part = parts[at]
        if (child := self.literal.get(part.lower())) is not None:
            yield from child.walk(parts, at + 1)
        # An empty segment, as in a doubled slash, is a 404.
        if self.wild is not None and part:
            for node, values in self.wild.walk(parts, at + 1):
                yield node, [unquote(part), *values]


def _names(path: str) -> list[str]:
    """Return the names of the placeholders in a path."""
    return re.findall(r"\{(\w+)\}", path)
