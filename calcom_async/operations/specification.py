"""Read the operations of an OpenAPI document and compare them with the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from calcom_async.operations.catalog import OPERATIONS

_VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class SpecifiedOperation:
    """One operation as the OpenAPI document describes it."""

    version: str | None
    query: frozenset[str]
    body: frozenset[str]


SpecifiedOperations = Mapping[tuple[str, str], SpecifiedOperation]


def read_specification(path: str | Path) -> SpecifiedOperations:
    """Return the operations by HTTP method and path.

    Raises OSError, or ValueError if the file is not JSON.
    """
    document: dict[str, Any] = msgspec.json.decode(Path(path).read_bytes())
    schemas = document["components"]["schemas"]
    return {
        (verb.upper(), path): _operation(item[verb], item.get("parameters", ()), schemas)
        for path, item in document["paths"].items()
        for verb in _VERBS
        if verb in item
    }


def _operation(operation: Mapping[str, Any], shared: Sequence[Any], schemas: Mapping[str, Any]) -> SpecifiedOperation:
    parameters = [*operation.get("parameters", ()), *shared]
    versions = [
        parameter["schema"].get("default") for parameter in parameters if parameter["name"] == "cal-api-version"
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return SpecifiedOperation(
        version=versions[0] if versions else None,
        query=frozenset(parameter["name"] for parameter in parameters if parameter["in"] == "query"),
        body=frozenset(_field_names(body, schemas)),
    )


def _field_names(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str = "", parents: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield the fields of a schema, of its alternatives and of its items.

    `parents` are the named schemas around this one: a schema may contain itself.
    """
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in parents:
            return
        schema, parents = schemas[name], parents | {name}
    parts = [part for word in ("oneOf", "anyOf", "allOf") for part in schema.get(word, ())]
    for part in [*parts, *([schema["items"]] if "items" in schema else ())]:
        yield from _field_names(part, schemas, prefix, parents)
    for name, inner in schema.get("properties", {}).items():
        yield prefix + name
        yield from _field_names(inner, schemas, f"{prefix}{name}.", parents)


def differences(specified: SpecifiedOperations) -> Iterator[str]:
    """Yield a line for each addition (+), removal (-) and changed version (!) compared with the catalog."""
    known = {(operation.verb, operation.path): operation for operation in OPERATIONS}
    for verb, path in specified.keys() - known.keys():
        yield f"+ {verb} {path}"
    for verb, path in known.keys() - specified.keys():
        yield f"- {verb} {path}"
    for key, operation in known.items():
        if (current := specified.get(key)) is None:
            continue
        for part in ("query", "body"):
            before, after = getattr(operation, part), getattr(current, part)
            yield from (f"+ {operation}: {part} {name}" for name in sorted(after - before))
            yield from (f"- {operation}: {part} {name}" for name in sorted(before - after))
        if current.version not in {None, operation.version}:
            yield f"! {operation}: version {current.version} instead of {operation.version}"
