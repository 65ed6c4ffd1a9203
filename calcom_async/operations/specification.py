"""Read the operations of an OpenAPI document: their versions, parameters, and the fields of bodies and responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from calcom_async.operations.catalog import OPERATIONS

_VERBS = ("get", "post", "put", "patch", "delete")
_SUCCESSES = ("200", "201")
_ALTERNATIVES = ("oneOf", "anyOf", "allOf")


@dataclass(frozen=True, slots=True)
class SpecifiedOperation:
    """One operation as a document describes it. Names of nested fields are joined by dots."""

    version: str | None
    query: frozenset[str]
    body: frozenset[str]
    response: frozenset[str] | None = None
    """The fields of the `data` of a success; None if the document does not describe it."""


SpecifiedOperations = Mapping[tuple[str, str], SpecifiedOperation]


def read_specification(path: str | Path) -> SpecifiedOperations:
    """Return the operations of a document by HTTP method and path.

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


def catalog_as_specification() -> SpecifiedOperations:
    """Return the operations of the catalog, which does not describe responses."""
    return {
        (operation.verb, operation.path): SpecifiedOperation(operation.version, operation.query, operation.body)
        for operation in OPERATIONS
    }


def _operation(operation: Mapping[str, Any], shared: Sequence[Any], schemas: Mapping[str, Any]) -> SpecifiedOperation:
    # Parameters may stand at the path, for all of its methods.
    parameters = [*operation.get("parameters", ()), *shared]
    versions = [
        parameter["schema"].get("default") for parameter in parameters if parameter["name"] == "cal-api-version"
    ]
    responses = operation.get("responses", {})
    data = [part for code in _SUCCESSES for part in _data_schemas(_json_schema(responses.get(code, {})), schemas)]
    return SpecifiedOperation(
        version=versions[0] if versions else None,
        query=frozenset(parameter["name"] for parameter in parameters if parameter["in"] == "query"),
        body=frozenset(_field_names(_json_schema(operation.get("requestBody", {})), schemas)),
        response=frozenset(name for schema in data for name in _field_names(schema, schemas)) or None,
    )


def _json_schema(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a body; an empty one if there is none."""
    schema: Mapping[str, Any] = content.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _data_schemas(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas of the `data` member in the envelope of a response."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    # The envelope is an alternative in responses that have several shapes.
    for part in (schema, *(part for word in _ALTERNATIVES for part in schema.get(word, ()))):
        while "$ref" in part:
            part = schemas[part["$ref"].rpartition("/")[2]]  # noqa: PLW2901
        if "data" in part.get("properties", {}):
            yield part["properties"]["data"]


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
    parts = [part for word in _ALTERNATIVES for part in schema.get(word, ())]
    for part in [*parts, *([schema["items"]] if "items" in schema else ())]:
        yield from _field_names(part, schemas, prefix, parents)
    for name, inner in schema.get("properties", {}).items():
        yield prefix + name
        yield from _field_names(inner, schemas, f"{prefix}{name}.", parents)
