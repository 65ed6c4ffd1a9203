"""The operations as an official specification (OpenAPI, JSON) tells them, and what changed since the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from calcom_async.sandbox.catalog import OPERATIONS

_VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Specified:
    """What the specification says of one operation."""

    version: str | None
    query: frozenset[str]
    body: frozenset[str]


Operations = Mapping[tuple[str, str], Specified]


def read_specification(path: str | Path) -> Operations:
    """The operations by verb and path. Raises OSError, or ValueError for what is no JSON."""
    document: dict[str, Any] = msgspec.json.decode(Path(path).read_bytes())
    schemas = document["components"]["schemas"]
    return {
        (verb.upper(), path): _specified(item[verb], item.get("parameters", ()), schemas)
        for path, item in document["paths"].items()
        for verb in _VERBS
        if verb in item
    }


def _specified(operation: Mapping[str, Any], shared: Sequence[Any], schemas: Mapping[str, Any]) -> Specified:
    parameters = [*operation.get("parameters", ()), *shared]
    versions = [one["schema"].get("default") for one in parameters if one["name"] == "cal-api-version"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return Specified(
        version=versions[0] if versions else None,
        query=frozenset(one["name"] for one in parameters if one["in"] == "query"),
        body=frozenset(_names(body, schemas)),
    )


def _names(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str = "", inside: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The fields of a schema, of all its alternatives, and of what it is a list of; `inside` these named schemas."""
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in inside:
            return
        schema, inside = schemas[name], inside | {name}
    parts = [part for word in ("oneOf", "anyOf", "allOf") for part in schema.get(word, ())]
    for part in [*parts, *([schema["items"]] if "items" in schema else ())]:
        yield from _names(part, schemas, prefix, inside)
    for name, inner in schema.get("properties", {}).items():
        yield prefix + name
        yield from _names(inner, schemas, f"{prefix}{name}.", inside)


def differences(specified: Operations) -> Iterator[str]:
    """One line for each thing that the specification adds (+) to the catalog, or removes (-)."""
    known = {(one.verb, one.path): one for one in OPERATIONS}
    for verb, path in specified.keys() - known.keys():
        yield f"+ {verb} {path}"
    for verb, path in known.keys() - specified.keys():
        yield f"- {verb} {path}"
    for key, ours in known.items():
        if (theirs := specified.get(key)) is None:
            continue
        for what in ("query", "body"):
            before, after = getattr(ours, what), getattr(theirs, what)
            yield from (f"+ {ours}: {what} {name}" for name in sorted(after - before))
            yield from (f"- {ours}: {what} {name}" for name in sorted(before - after))
        if theirs.version not in {None, ours.version}:
            yield f"! {ours}: version {theirs.version} instead of {ours.version}"
