"""Compare the methods and models of the client with a specification, so that a change of the API is noticed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from calcom_async.operations.catalog import OPERATIONS, Operation, find_operation
from calcom_async.operations.exceptions import EXCEPTIONS, RETURNED_MEMBERS, Explanation
from calcom_async.operations.python_calls import PythonCall, python_calls
from calcom_async.operations.specification import SpecifiedOperations

ANY_FIELD = "*"
"""Stands for the members of an object that a model keeps as a plain dictionary."""


class Difference(NamedTuple):
    """One difference: `+` only the specification has it, `-` only the client has it, `!` they differ."""

    sign: str
    operation: str
    what: str
    """"query take", "body start", "response uid" or "version 2024-08-13"; empty for the whole operation."""

    def __str__(self) -> str:
        return f"{self.sign} {self.operation}" + (f": {self.what}" if self.what else "")


@dataclass
class ClientOperation:
    """What the methods of one operation send, and which fields their models have."""

    versions: set[str | None]
    query: set[str]
    body: set[str]
    response: set[str]


def compare(specified: SpecifiedOperations) -> Iterator[Difference]:
    """Yield every difference between the client and a specification, explained or not."""
    known = {(operation.verb, operation.path): operation for operation in OPERATIONS}
    for verb, path in sorted(specified.keys() - known.keys()):
        yield Difference("+", f"{verb} {path}", "")
    for verb, path in sorted(known.keys() - specified.keys()):
        yield Difference("-", f"{verb} {path}", "")
    for key, operation in known.items():
        if (specification := specified.get(key)) is None:
            continue
        if (client := client_operations().get(operation)) is None:
            yield Difference("+", str(operation), "method")
            continue
        yield from _different_names(operation, "query", specification.query, client.query)
        yield from _different_names(operation, "body", specification.body, client.body)
        if specification.response is not None:
            yield from _different_names(operation, "response", specification.response, client.response)
        # A document names one version per operation, and the hosted one names the newest.
        if specification.version not in {None, operation.version, *operation.newer_versions}:
            yield Difference("!", str(operation), f"version {specification.version}")
        if client.versions - {operation.version, *operation.newer_versions}:
            yield Difference("-", str(operation), f"version {max(filter(None, client.versions))}")


def unexplained(differences: Iterable[Difference]) -> list[Difference]:
    """Return the differences that no exception explains."""
    return [difference for difference in differences if explanation_of(difference) is None]


def explanation_of(difference: Difference) -> Explanation | None:
    """Return the exception that explains a difference, or None."""
    sign, operation, what = difference
    return next(
        (
            explanation
            for explanation in EXCEPTIONS
            if explanation.sign == sign
            and fnmatchcase(operation, explanation.operations)
            and any(
                fnmatchcase(what, f"{explanation.part} {name}".strip()) for name in explanation.names.split() or [""]
            )
        ),
        None,
    )


def _different_names(
    operation: Operation, part: str, specified: Iterable[str], client: Iterable[str]
) -> Iterator[Difference]:
    # A model that keeps an object as a dictionary has all of its fields.
    plain = tuple(name.removesuffix(ANY_FIELD) for name in client if name.endswith(ANY_FIELD))
    names = {name for name in client if not name.endswith(ANY_FIELD)}
    specified = set(specified)
    for name in sorted(specified - names):
        if not (plain and name.startswith(plain)):
            yield Difference("+", str(operation), f"{part} {name}")
    for name in sorted(names - specified):
        yield Difference("-", str(operation), f"{part} {name}")


@cache
def client_operations() -> Mapping[Operation, ClientOperation]:
    """Return what the methods send and return, by operation."""
    operations: dict[Operation, ClientOperation] = {}
    for call in python_calls():
        if (operation := find_operation(call.request.method, call.path)) is None:
            continue
        client = operations.setdefault(operation, ClientOperation(set(), set(), set(), set()))
        client.versions.add(call.request.headers.get("cal-api-version"))
        client.query |= query_names(call)
        client.body |= body_names(call)
        client.response |= set(model_fields(call.return_type, _member_returned(operation)))
    return operations


def _member_returned(operation: Operation) -> str:
    """Return the prefix of the fields if the methods return only one member of `data`."""
    members = (name for pattern, name in RETURNED_MEMBERS.items() if fnmatchcase(str(operation), pattern))
    return next((f"{name}." for name in members), "")


def query_names(call: PythonCall) -> set[str]:
    """Return the query parameters of a call, with `a[0][b]` as `a.b`."""
    pairs = parse_qsl(call.request.query, keep_blank_values=True)
    return {re.sub(r"\[\d+\]", "", name).replace("[", ".").replace("]", "") for name, _ in pairs}


def body_names(call: PythonCall) -> set[str]:
    """Return the fields of the body of a call."""
    return set(_json_fields(msgspec.json.decode(call.request.body))) if call.request.body else set()


def _json_fields(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _json_fields(item, prefix)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield prefix + name
            yield from _json_fields(item, f"{prefix}{name}.")


def model_fields(hint: Any, prefix: str = "", parents: frozenset[Any] = frozenset()) -> Iterator[str]:
    """Yield the fields of a model, in the server's spelling; `*` where it keeps any object."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        if hint in parents:  # a model may contain itself
            return
        types = get_type_hints(hint)
        for field in msgspec.structs.fields(hint):
            yield prefix + field.encode_name
            yield from model_fields(types[field.name], f"{prefix}{field.encode_name}.", parents | {hint})
    elif hint is Any or hint is dict or get_origin(hint) in {dict, Mapping}:
        yield prefix + ANY_FIELD
    else:
        for argument in get_args(hint):
            yield from model_fields(argument, prefix, parents)
