"""Which method makes which request: learned by calling each one, with a way down that only takes notes.

Nothing here is kept by hand but what cannot be said together, so it cannot be out of date. Every parameter is filled:
ids with their own name in braces, the others with a value of their type, models with all of their fields.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import cached_property
from itertools import product
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict
from urllib.parse import unquote

import msgspec
from msgspec import UnsetType

from calcom_async.client import Calcom
from calcom_async.events import Observer
from calcom_async.operations.catalog import OPERATIONS, Operation
from calcom_async.pages import Pages
from calcom_async.requests import Request
from calcom_async.resources._base import RequestContext, Resource
from calcom_async.responses import Response
from calcom_async.sandbox.routes import DEFAULT_VERSION, Route, RouteTable

WORDS: dict[str, Any] = {
    "start_time": "09:00",
    "end_time": "10:00",
    "your_phone_number": "+351912345678",
    "number_to_call": "+351912345679",
    "guest_email": "ada@example.com",
}
"""Texts that have to have a form, by the name of their field."""

SORTS = ("sort_start", "sort_end", "sort_created", "sort_updated_at")
ONE_SORT = [[other for other in SORTS if other != sort] for sort in SORTS]
APART: dict[str, Sequence[Sequence[str]]] = {
    "Bookings.list": ONE_SORT,
    "OrganizationBookings.list": ONE_SORT,
    "OrganizationTeamBookings.list": ONE_SORT,
    "TeamBookings.list": ONE_SORT,
    "UserBookings.list": ONE_SORT,
    "Slots.search": [
        ["event_type_slug", "username", "team_slug", "usernames", "organization_slug"],
        ["event_type_id", "team_slug", "usernames"],
        ["event_type_id", "username", "usernames"],
        ["event_type_id", "event_type_slug", "username", "team_slug"],
    ],
    "OAuth2.token": [
        ["refresh_token", "code_verifier"],
        ["refresh_token", "client_secret"],
        ["code", "redirect_uri", "code_verifier"],
    ],
}
"""Keywords that cannot be said together: for each call of the method, those that it leaves out."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method, and the request that came of it."""

    spelling: str
    """`cal.team(team_id).memberships.update(membership_id, ...)`."""
    method: str
    """Class and name: `Memberships.update`."""
    request: Request
    answers: Any
    """The type that the method says it answers."""
    walks: bool
    """Whether that is `Pages`."""

    @property
    def path(self) -> str:
        """The path as the server reads it, placeholders in braces."""
        return "/v2" + unquote(self.request.path)


class _Noted(Exception):  # noqa: N818 - a message from the far end of a call, not a failure
    def __init__(self, request: Request) -> None:
        self.request = request


async def _note(request: Request) -> Response:
    raise _Noted(request)


COMPOSED = {"ensure", "first_available", "search_many"}
"""Methods that are made of others: they are no operation of their own."""


def calls() -> Iterator[Call]:
    """Every call that the client can make."""
    client = SimpleNamespace(_context=RequestContext(_note, Observer(None)), credentials=None)
    for name, member in vars(Calcom).items():
        if isinstance(member, cached_property):
            yield from _of_resource(f"cal.{name}", member.func(client))
        elif not name.startswith("_") and inspect.isfunction(member) and _takes_ids(member):
            resource = member(client, *(f"{{{one}}}" for one in _ids(member)))
            yield from _of_resource(f"cal.{name}({', '.join(_ids(member))})", resource)


def _takes_ids(function: Callable[..., Any]) -> bool:
    names = [*inspect.signature(function).parameters][1:]
    return bool(names) and all(name.endswith("_id") for name in names)


def _ids(function: Callable[..., Any]) -> list[str]:
    parameters = [*inspect.signature(function).parameters.values()][1:]
    return [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]


def _of_resource(spelling: str, resource: Resource) -> Iterator[Call]:
    for name in dir(type(resource)):
        member = inspect.getattr_static(resource, name)
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield from _of_resource(f"{spelling}.{name}", getattr(resource, name))
        elif inspect.isfunction(member) and name not in COMPOSED:
            yield from _of_method(f"{spelling}.{name}", getattr(resource, name), member)


def _of_method(spelling: str, method: Callable[..., Any], function: Callable[..., Any]) -> Iterator[Call]:
    owner = type(method.__self__).__name__  # type: ignore[attr-defined]
    for arguments, keywords in _fillings(function, f"{owner}.{function.__name__}"):
        result = method(*arguments, **keywords)
        if isinstance(result, Resource):
            yield from _of_resource(f"{spelling}({', '.join(_ids(function))})", result)
            return
        walks = isinstance(result, Pages)
        request = _request_of(result.first_page() if walks else result)
        answers = get_type_hints(function)["return"]
        yield Call(_spelled(spelling, function), f"{owner}.{function.__name__}", request, answers, walks)


def _request_of(coroutine: Any) -> Request:
    """Run as far as the first request; no event loop is needed, since nothing waits on the way there."""
    try:
        coroutine.send(None)
    except _Noted as note:
        return note.request
    raise AssertionError(f"{coroutine} came back without a request")


def _spelled(spelling: str, function: Callable[..., Any]) -> str:
    parameters = [*inspect.signature(function).parameters.values()][1:]
    words = [
        f"*{one.name}" if one.kind is one.VAR_POSITIONAL else one.name
        for one in parameters
        if one.kind in {one.POSITIONAL_OR_KEYWORD, one.VAR_POSITIONAL}
    ]
    return f"{spelling}({', '.join([*words, '...'] if len(words) < len(parameters) else words)})"


# --- values for every parameter -------------------------------------------------------------------------------------


def _fillings(function: Callable[..., Any], method: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """The arguments of each call: one for each value that a path part is known to have, and each way of speaking."""
    hints = get_type_hints(function)
    parameters = [*inspect.signature(function).parameters.values()][1:]
    places = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    rest = [value(hints[one.name], one.name) for one in parameters if one.kind is one.VAR_POSITIONAL]
    keywords = _keywords(parameters, hints)
    for arguments in product(*(_values(hints[one.name], one.name) for one in places)):
        for silent in APART.get(method, ((),)):
            yield [*arguments, *rest], {name: hint for name, hint in keywords.items() if name not in silent}


def _values(hint: Any, name: str) -> Sequence[Any]:
    known = _literal(hint)
    if known:
        return known
    model = _best(hint)
    return [value(hint, name)] if isinstance(model, type) and issubclass(model, msgspec.Struct) else [f"{{{name}}}"]


def _keywords(parameters: Sequence[inspect.Parameter], hints: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY:
            found[one.name] = value(hints[one.name], one.name)
        elif one.kind is one.VAR_KEYWORD:
            table = get_args(hints[one.name])[0]
            found |= {name: value(hint, name) for name, hint in get_type_hints(table).items()}
    return found


def value(hint: Any, name: str) -> Any:
    """A value of a type, as full as it can be."""
    hint = _best(hint)
    if name in WORDS:
        return WORDS[name]
    if known := _literal(hint):
        return known[0]
    if get_origin(hint) in {list, Sequence, frozenset, tuple} or getattr(hint, "__name__", "") == "Sequence":
        return [value(get_args(hint)[0], name)] * 2
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint(**{field: value(inner, field) for field, inner in _fields(hint).items()})
    if is_typeddict(hint):
        return {field: value(inner, field) for field, inner in get_type_hints(hint).items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    return _PLAIN.get(get_origin(hint) or hint, name)


_PLAIN: dict[Any, Any] = {
    bool: True,
    int: 1,
    float: 1.0,
    datetime: datetime(2030, 1, 7, 9, tzinfo=UTC),
    date: date(2030, 1, 7),
    time: time(9),
    dict: {},
    Mapping: {},
}
_RANK = (list, Sequence, dict, datetime, date, bool, int, float, str)


def _fields(model: type[msgspec.Struct]) -> dict[str, Any]:
    hints = get_type_hints(model)
    return {field.name: hints[field.name] for field in msgspec.structs.fields(model)}


def _best(hint: Any) -> Any:
    """Of a union the part that says most: a model, words, a list, and only then a plain value."""
    if get_origin(hint) not in {Union, UnionType}:
        return hint
    parts = [part for part in get_args(hint) if part not in {NoneType, UnsetType}]
    return min(map(_best, parts), key=_rank)


def _rank(hint: Any) -> int:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return -2
    if get_origin(hint) is Literal:
        return -1
    kind = get_origin(hint) or hint
    return _RANK.index(kind) if kind in _RANK else len(_RANK)


def _literal(hint: Any) -> tuple[Any, ...]:
    hint = _best(hint)
    return get_args(hint) if get_origin(hint) is Literal else ()


# --- which operation a request is -----------------------------------------------------------------------------------

_BY_NAME = {(one.verb, one.path): one for one in OPERATIONS}
_TABLE = RouteTable([Route(one.verb, one.path, lambda call: call) for one in OPERATIONS])


def operation_of(verb: str, path: str) -> Operation | None:
    """The operation that the server would take a request for; None when there is none."""
    found = _TABLE.find(verb, path, DEFAULT_VERSION)
    return found and _BY_NAME[found[0].method, found[0].path]
