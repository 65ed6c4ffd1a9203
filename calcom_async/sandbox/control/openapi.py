"""The OpenAPI document of the control API, made of the annotations of the operations."""

from __future__ import annotations

from http import HTTPStatus
from inspect import getdoc
from typing import Any

import msgspec

from calcom_async.sandbox.control.operations import Operation
from calcom_async.sandbox.control.target import EventStream

_REFERENCE = "#/components/schemas/{name}"
_TITLE = "Control API of the calcom_async sandbox"
_DESCRIPTION = (
    "Controls a local Cal.com server for tests: its data, clock, faults and rate limit, and what it recorded. "
    'Requests with a foreign Host or Origin are a 403. Errors are `{"error": message}`.'
)
_ERROR = {
    "description": "An error",
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        }
    },
}


def document(operations: list[Operation], version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of these operations."""
    types = [kind for operation in operations for kind in _structs(operation)]
    _, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = paths.setdefault(f"/_sandbox{operation.path}", {})
        path[operation.method.lower()] = _described(operation, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _structs(operation: Operation) -> list[Any]:
    """Return the types of an operation that have a name of their own in the document."""
    return [
        kind for name, kind in operation.types.items() if name in {"query", "body", "return"} and kind not in _PLAIN
    ]


_PLAIN = (type(None), dict[str, Any], EventStream)


def _described(operation: Operation, components: dict[str, Any]) -> dict[str, Any]:
    """Return one operation."""
    summary = (getdoc(operation.handler) or "").strip()
    described: dict[str, Any] = {
        "operationId": operation.handler.__name__,
        "summary": summary.split(". ")[0].rstrip("."),
        "description": summary,
        "parameters": _parameters(operation, components),
        "responses": {str(operation.status): _response(operation), "default": _ERROR},
    }
    if "body" in operation.types:
        content: dict[str, Any] = {"schema": _reference(operation.types["body"])}
        if operation.example is not None:
            content["example"] = operation.example
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _parameters(operation: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters in the path and in the query."""
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(operation.types[name])}
        for name in operation.names
    ]
    if (query := operation.types.get("query")) is not None:
        properties = components[query.__name__]["properties"]
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]
    return parameters


def _response(operation: Operation) -> dict[str, Any]:
    """Return the description of a successful response."""
    response: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    returned = operation.types["return"]
    if returned is EventStream:
        response["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    elif returned is not type(None):
        schema = {"type": "object"} if returned in _PLAIN else _reference(returned)
        response["content"] = {"application/json": {"schema": schema}}
    return response


def _reference(kind: Any) -> dict[str, str]:
    """Return the reference to a schema."""
    return {"$ref": _REFERENCE.format(name=kind.__name__)}
