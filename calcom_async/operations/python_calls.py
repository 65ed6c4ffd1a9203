"""Which Python call sends which request, found by calling every method with a sender that only records.

`python -m calcom_async.operations.python_calls` writes the calls into `python_calls.json`, which `calcom-async ops`
prints. Every parameter gets a value: ids their own name in braces, models all of their fields, others a value of their
type.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import Enum
from itertools import product
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict
from urllib.parse import unquote

import msgspec
from msgspec import UnsetType

from calcom_async.client import Calcom
from calcom_async.client_resources import ClientResources, resource
from calcom_async.events import Observer
from calcom_async.operations.catalog import OPERATIONS, PYTHON_CALLS, find_operation
from calcom_async.pages import Pages
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import Resource, ResourceContext
from calcom_async.responses import Response

SAMPLE_VALUES: dict[str, Any] = {
    "start_time": "09:00",
    "end_time": "10:00",
    "your_phone_number": "+351912345678",
    "number_to_call": "+351912345679",
    "guest_email": "ada@example.com",
}
"""Texts that must have a certain format, by the name of their field."""

SORTS = ("sort_start", "sort_end", "sort_created", "sort_updated_at")
ONE_SORT = [[other for other in SORTS if other != sort] for sort in SORTS]
EXCLUSIVE_KEYWORDS: dict[str, Sequence[Sequence[str]]] = {
    "Bookings.list": ONE_SORT,
    "OrganizationBookings.list": ONE_SORT,
    "OrganizationMemberships.create": [["email"], ["user_id", "accepted", "disable_impersonation"]],
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
"""Methods whose keywords exclude each other: for each sample call, the keywords that it omits."""


@dataclass(frozen=True, slots=True)
class PythonCall:
    """A call of a method, and the request that it sends."""

    expression: str
    """`cal.team(team_id).memberships.update(membership_id, ...)`."""
    method: str
    """Class and name: `Memberships.update`."""
    request: Request
    context: CallContext
    return_type: Any
    is_list: bool
    """Whether the method returns `Pages`."""

    @property
    def path(self) -> str:
        """The path that the server receives, with placeholders in braces."""
        return "/v2" + unquote(self.request.path)


class _Recorded(Exception):  # noqa: N818 - carries the request out of the call; it is no error
    def __init__(self, request: Request, context: CallContext) -> None:
        self.request = request
        self.context = context


async def record_request(request: Request, context: CallContext) -> Response:
    """Raise an exception with the request, instead of sending it."""
    raise _Recorded(request, context)


COMPOSED = {"ensure", "first_available", "search_many"}
"""Methods that call other methods, and are not an operation themselves."""


def python_calls() -> Iterator[PythonCall]:
    """Yield every call that the client offers."""
    client = SimpleNamespace(_context=ResourceContext(record_request, Observer(None)))
    for name, member in vars(ClientResources).items():
        if isinstance(member, resource):
            # The descriptor needs only the `_context` of a client, so no client has to be opened.
            yield from calls_of_resource(f"cal.{name}", getattr(Calcom, name).__get__(client, Calcom))
        elif not name.startswith("_") and inspect.isfunction(member) and _takes_ids(member):
            scope = member(client, *(f"{{{name_of_id}}}" for name_of_id in _ids(member)))
            yield from calls_of_resource(f"cal.{name}({', '.join(_ids(member))})", scope)


def _takes_ids(function: Callable[..., Any]) -> bool:
    names = [*inspect.signature(function).parameters][1:]
    return bool(names) and all(name.endswith("_id") for name in names)


def _ids(function: Callable[..., Any]) -> list[str]:
    parameters = [*inspect.signature(function).parameters.values()][1:]
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]


def calls_of_resource(path: str, resource: Resource) -> Iterator[PythonCall]:
    """Yield the calls of a resource and of those below it; `path` is the expression that returns it."""
    for name in dir(type(resource)):
        member = inspect.getattr_static(resource, name)
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield from calls_of_resource(f"{path}.{name}", getattr(resource, name))
        elif inspect.isfunction(member) and name not in COMPOSED:
            yield from _calls_of_method(f"{path}.{name}", getattr(resource, name), member)


def _calls_of_method(path: str, method: Callable[..., Any], function: Callable[..., Any]) -> Iterator[PythonCall]:
    owner = type(method.__self__).__name__  # type: ignore[attr-defined]
    for arguments, keywords in sample_arguments(function, f"{owner}.{function.__name__}"):
        result = method(*arguments, **keywords)
        # A method such as `webhooks(event_type_id)` sends nothing, but leads to other methods.
        if isinstance(result, Resource):
            yield from calls_of_resource(f"{path}({', '.join(_ids(function))})", result)
            return
        is_list = isinstance(result, Pages)
        request, context = call_of(result.first_page() if is_list else result)
        yield PythonCall(
            _expression(path, function),
            f"{owner}.{function.__name__}",
            request,
            context,
            return_type=_return_type(function, type(method.__self__)),  # type: ignore[attr-defined]
            is_list=is_list,
        )


def _return_type(function: Callable[..., Any], owner: type[Resource]) -> Any:
    """Return the type that a method returns; the parameter of a generic resource is replaced by its model."""
    hint = get_type_hints(function)["return"]
    for base in getattr(owner, "__orig_bases__", ()):
        for parameter, model in zip(getattr(get_origin(base), "__parameters__", ()), get_args(base), strict=False):
            if hint == parameter:
                return model
            if parameter in getattr(hint, "__parameters__", ()):
                return hint[model]
    return hint


def call_of(coroutine: Any) -> tuple[Request, CallContext]:
    """Run a call up to its first request. It needs no event loop, because nothing waits before that."""
    try:
        coroutine.send(None)
    except _Recorded as recorded:
        return recorded.request, recorded.context
    raise AssertionError(f"{coroutine} returned without a request")


def _expression(path: str, function: Callable[..., Any]) -> str:
    parameters = [*inspect.signature(function).parameters.values()][1:]
    words = [
        f"*{parameter.name}" if parameter.kind is parameter.VAR_POSITIONAL else parameter.name
        for parameter in parameters
        if parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.VAR_POSITIONAL}
    ]
    return f"{path}({', '.join([*words, '...'] if len(words) < len(parameters) else words)})"


# --- values for every parameter -------------------------------------------------------------------------------------


def sample_arguments(function: Callable[..., Any], method: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Yield the arguments of each sample call: one call per known value of a path part and per keyword set."""
    hints = get_type_hints(function)
    parameters = [*inspect.signature(function).parameters.values()][1:]
    positional = [parameter for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    variadic = [parameter for parameter in parameters if parameter.kind is parameter.VAR_POSITIONAL]
    rest = [sample_value(hints[parameter.name], parameter.name) for parameter in variadic]
    keywords = _keywords(parameters, hints)
    for arguments in product(*(_values(hints[parameter.name], parameter.name) for parameter in positional)):
        for omitted in EXCLUSIVE_KEYWORDS.get(method, ((),)):
            yield [*arguments, *rest], {name: hint for name, hint in keywords.items() if name not in omitted}


def _values(hint: Any, name: str) -> Sequence[Any]:
    if literals := _literal(hint):
        return literals
    model = _best(hint)
    return (
        [sample_value(hint, name)] if isinstance(model, type) and issubclass(model, msgspec.Struct) else [f"{{{name}}}"]
    )


def _keywords(parameters: Sequence[inspect.Parameter], hints: Mapping[str, Any]) -> dict[str, Any]:
    keywords: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY:
            keywords[parameter.name] = sample_value(hints[parameter.name], parameter.name)
        elif parameter.kind is parameter.VAR_KEYWORD:
            table = get_args(hints[parameter.name])[0]  # a TypedDict, in `**fields: Unpack[BookingFields]`
            keywords |= {name: sample_value(hint, name) for name, hint in get_type_hints(table).items()}
    return keywords


def sample_value(hint: Any, name: str) -> Any:
    """Return a value of a type, with as many fields as possible."""
    # With as many fields as possible, so that the tests find every field that the client can send.
    hint = _best(hint)
    if name in SAMPLE_VALUES:
        return SAMPLE_VALUES[name]
    if known := _literal(hint):
        return known[0]
    if get_origin(hint) in {list, Sequence, frozenset, tuple} or getattr(hint, "__name__", "") == "Sequence":
        return [sample_value(get_args(hint)[0], name)] * 2
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint(**{field: sample_value(inner, field) for field, inner in _fields(hint).items()})
    if is_typeddict(hint):
        return {field: sample_value(inner, field) for field, inner in get_type_hints(hint).items()}
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
    """Return the richest member of a union: a model, then literals, a list, and last a plain value."""
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


# --- the data -------------------------------------------------------------------------------------------------------


def expressions() -> dict[str, list[str]]:
    """Return the Python calls of each operation; most have one."""
    calls: dict[str, list[str]] = {str(operation): [] for operation in OPERATIONS}
    for call in python_calls():
        operation = find_operation(call.request.method, call.path)
        if operation is not None and call.expression not in calls[str(operation)]:
            calls[str(operation)].append(call.expression)
    return calls


if __name__ == "__main__":
    PYTHON_CALLS.write_bytes(msgspec.json.format(msgspec.json.encode(expressions())) + b"\n")
