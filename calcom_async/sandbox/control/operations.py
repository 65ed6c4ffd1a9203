"""How the operations of the control API are declared.

    OPERATIONS = Operations()

    @OPERATIONS.add("PATCH", "/clock", example={"moveBy": 3600})
    def change_clock(sandbox: Target, body: ClockChange) -> ClockView:
        ...

The annotations are the contract: `body` and `query` are read as their Structs, each placeholder of the path as the
parameter of its name, and the result is encoded. The OpenAPI document is made of the same annotations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import signature
from typing import Any, TypeVar, get_type_hints

import msgspec

from calcom_async.sandbox.http.messages import BODY_LIMIT, HttpRequest

Handler = Callable[..., Any]
Reader = Callable[[HttpRequest], Any]
H = TypeVar("H", bound=Handler)


class ControlError(Exception):
    """An error response of the control API."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: method, path below `/_sandbox`, handler, and what the handler takes and returns."""

    method: str
    path: str
    handler: Handler
    status: int = 200
    example: Any = None
    public: bool = False
    body_limit: int = BODY_LIMIT
    read: Reader | None = None
    types: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of the placeholders in the path."""
        return re.findall(r"\{(\w+)\}", self.path)

    def arguments(self, request: HttpRequest, path: dict[str, str]) -> dict[str, Any]:
        """Return what the handler is called with. Raises a `ControlError` for bad input."""
        values: dict[str, Any] = {name: self._path_value(name, value) for name, value in path.items()}
        if "query" in self.types:
            values["query"] = self._query(request)
        elif request.query_string:
            raise ControlError(HTTPStatus.BAD_REQUEST, "this operation has no query parameters")
        if "body" in self.types:
            values["body"] = self._body(request)
        elif request.raw:
            raise ControlError(HTTPStatus.BAD_REQUEST, "this operation has no body")
        return values

    def _path_value(self, name: str, value: str) -> Any:
        """Convert a part of the path."""
        try:
            return msgspec.convert(value, self.types[name], strict=False)
        except msgspec.ValidationError:
            raise ControlError(
                HTTPStatus.NOT_FOUND, f"the {name} in the path must be an integer, got {value!r}"
            ) from None

    def _query(self, request: HttpRequest) -> Any:
        """Convert the query parameters."""
        given: dict[str, str] = {}
        for name, value in request.query:
            if name in given:
                raise ControlError(HTTPStatus.BAD_REQUEST, f"query: {name} is given twice")
            given[name] = value
        try:
            return msgspec.convert(given, self.types["query"], strict=False)
        except msgspec.ValidationError as error:
            raise ControlError(HTTPStatus.BAD_REQUEST, f"query: {error}") from None

    def _body(self, request: HttpRequest) -> Any:
        """Decode the body."""
        if self.read is not None:
            return self.read(request)
        try:
            return msgspec.json.decode(request.raw or b"{}", type=self.types["body"])
        except RecursionError:
            raise ControlError(HTTPStatus.BAD_REQUEST, "body: the JSON is nested too deeply") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ControlError(HTTPStatus.BAD_REQUEST, f"body: {error}") from None


class Operations(list[Operation]):
    """The operations of one module."""

    def add(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        example: Any = None,
        public: bool = False,
        body_limit: int = BODY_LIMIT,
        read: Reader | None = None,
    ) -> Callable[[H], H]:
        """Declare the operation of the decorated function, which stays as it is.

        `example` is a body for the documentation. A `public` operation needs no token.
        `read` decodes the body of a request, which is JSON by default.
        """

        def declare(handler: H) -> H:
            """Append the operation of a handler."""
            types = get_type_hints(handler, include_extras=True)
            types.pop(next(iter(signature(handler).parameters)))
            self.append(Operation(method, path, handler, status, example, public, body_limit, read, types))
            return handler

        return declare


def find(operations: list[Operation], method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """Return the operation for a path, and the parts of the path by name. Raises a `ControlError` if there is none."""
    parts = path.split("/")
    matching = [
        (operation, values)
        for operation in operations
        if (values := _match(operation.path.split("/"), parts)) is not None
    ]
    if not matching:
        message = f"there is no /_sandbox{path}; GET /_sandbox/openapi.json describes what there is"
        raise ControlError(HTTPStatus.NOT_FOUND, message)
    for operation, values in matching:
        if operation.method == method:
            return operation, values
    allowed = ", ".join(sorted(operation.method for operation, _ in matching))
    raise ControlError(HTTPStatus.METHOD_NOT_ALLOWED, f"the method must be one of {allowed}, got {method}")


def _match(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    """Return the values of the placeholders, or None if the path is another one."""
    if len(pattern) != len(parts):
        return None
    values: dict[str, str] = {}
    for expected, part in zip(pattern, parts, strict=True):
        if expected.startswith("{"):
            values[expected[1:-1]] = part
        elif expected != part:
            return None
    return values
