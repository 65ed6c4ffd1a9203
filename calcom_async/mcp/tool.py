"""Tools: the JSON schemas that clients see, and the check of arguments against them. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, get_type_hints

import msgspec
from msgspec import Meta

from calcom_async.errors import InvalidRequestError
from calcom_async.mcp.call import ToolCall

TimeZone = Annotated[
    str, Meta(description="IANA zone of times without an offset, and of the result", examples=["Asia/Kolkata"])
]
Cursor = Annotated[str, Meta(description="next_cursor of the previous result", examples=["eyJ0Ijoi"], max_length=400)]


class Result(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a tool returns. Fields without a value are left out."""

    message: str
    """What happened, in a sentence or two."""


Function = Callable[Concatenate[ToolCall, ...], Awaitable[Result]]


@dataclass(frozen=True)
class Tool:
    """One tool. Its name, description and parameters are those of its function."""

    function: Function
    arguments: type[msgspec.Struct]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    changes: bool
    """Whether it changes anything in Cal.com."""
    writes_file: bool
    destructive: bool
    """Whether it deletes or replaces something."""
    idempotent: bool
    """Whether a second call with the same arguments changes nothing more."""
    open_world: bool
    """Whether it reaches Cal.com."""

    @property
    def name(self) -> str:
        """The name that clients call."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """What it does, for the model."""
        return " ".join((self.function.__doc__ or "").split())

    def parse(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the function. Raises `InvalidRequestError` for arguments that do not fit."""
        required = self.input_schema.get("required", ())
        # Some clients send null for each parameter that they leave out.
        readable = {
            name: self._as_json(name, value)
            for name, value in arguments.items()
            if value is not None or name in required or name not in self.input_schema["properties"]
        }
        try:
            parsed = msgspec.convert(readable, self.arguments)
        except msgspec.ValidationError as error:
            raise InvalidRequestError(self._explain(str(error))) from None
        except RecursionError:
            raise InvalidRequestError("the arguments are nested too deeply") from None
        return msgspec.structs.asdict(parsed)

    def _as_json(self, name: str, value: Any) -> Any:
        """Return a list, an object, a number or a boolean that a client has sent as a text; some clients do that."""
        accepted = self.input_schema["properties"].get(name, {}).get("type")
        if not isinstance(value, str) or accepted is None or "string" in accepted:
            return value
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value

    def _explain(self, problem: str) -> str:
        """Return the message of an invalid argument, in the words of the tool's parameters."""
        text, _, place = problem.partition(" - at `$")
        place = place.removesuffix("`").lstrip(".")
        text = re.sub(r"`([\w |]+)`", lambda match: _json_types(match[1]), text)
        text = text.replace("Object missing required field", "missing parameter").replace(
            "Object contains unknown field", "unknown parameter"
        )
        if text.startswith("Invalid enum value"):
            text += f", expected {' or '.join(_schema_at(self.input_schema, place)['enum'])}"
        text = text[:1].lower() + text[1:]
        return (
            f"{f'{place}: ' if place else ''}{text}. The parameters are {', '.join(self.arguments.__struct_fields__)}"
        )


def tool(
    *,
    changes: bool = True,
    writes_file: bool = False,
    destructive: bool = False,
    idempotent: bool = True,
    open_world: bool = True,
) -> Callable[[Function], Tool]:
    """Make a tool of a function. Its first parameter is the `ToolCall`, the others are those that clients see."""

    def decorate(function: Function) -> Tool:
        arguments = _arguments(function)
        return Tool(
            function,
            arguments,
            _schema(arguments),
            _outline(_schema(get_type_hints(function)["return"])),
            changes=changes,
            writes_file=writes_file,
            destructive=destructive,
            idempotent=idempotent,
            open_world=open_world,
        )

    return decorate


JSON_TYPES = {"int": "integer", "float": "number", "str": "text", "bool": "true or false", "array": "list"}


def _json_types(types: str) -> str:
    """Return types of Python, such as `int | null`, in the words of JSON. Null is left out: it stands for no value."""
    names = types.split(" | ")
    return " or ".join(JSON_TYPES.get(name, name) for name in names if name != "null" or len(names) == 1)


def _schema_at(schema: Any, place: str) -> Any:
    """Return the part of a schema for a place of the arguments, such as `weekly_hours[0].days[0]`."""
    for part in re.findall(r"\w+|\[", re.sub(r"\[\w+\]|\[\.\.\.\]", "[", place)):
        schema = schema["items"] if part == "[" else schema["properties"][part]
    return schema


def _arguments(function: Function) -> type[msgspec.Struct]:
    """Return a type with the parameters of a function, without the first."""
    hints = get_type_hints(function, include_extras=True)
    _, *parameters = inspect.signature(function).parameters.values()
    fields: list[Any] = [
        (parameter.name, hints[parameter.name])
        if parameter.default is parameter.empty
        else (parameter.name, hints[parameter.name], parameter.default)
        for parameter in parameters
    ]
    return msgspec.defstruct(function.__name__, fields, kw_only=True, forbid_unknown_fields=True)


def _schema(kind: type) -> dict[str, Any]:
    """Return the JSON schema of a type, as short as possible: without titles, references and nulls."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    shortened: dict[str, Any] = _shorten(schema, components)
    return shortened


def _outline(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a result with the names of what its rows always have, to keep the list of tools short."""
    return {**schema, "properties": {name: _row_outline(field) for name, field in schema["properties"].items()}}


def _row_outline(schema: Any) -> Any:
    if "items" in schema:
        return {**schema, "items": _row_outline(schema["items"])}
    if "properties" in schema:
        return {name: content for name, content in schema.items() if name in {"type", "required"}}
    return schema


def _shorten(schema: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_shorten(item, components) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        # The description of a model documents Python; that of a parameter is next to the reference.
        model = {name: content for name, content in components[schema["$ref"]].items() if name != "description"}
        return _shorten(model | {name: content for name, content in schema.items() if name != "$ref"}, components)
    short = {
        name: {field: _shorten(value, components) for field, value in content.items()}
        if name == "properties"
        else _shorten(content, components)
        for name, content in schema.items()
        if name != "title" and content not in (None, [])
    }
    if "enum" in short:
        short["type"] = "string"
    if "anyOf" not in short:
        return short
    kinds = [kind for kind in short.pop("anyOf") if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **short}
    merged = {name: content for kind in kinds for name, content in kind.items()}
    return {**short, **merged, "type": [kind["type"] for kind in kinds]}
