"""The schema that a model gives to pydantic. Imported when pydantic asks for it."""

from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, UnsetType
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, ValidationError, core_schema

# Both names are read: an unknown name is ignored, so a field with the other name would be lost.
CONFIG = core_schema.CoreConfig(validate_by_alias=True, validate_by_name=True)


def model_schema(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Return the schema of a model, which may have type arguments: an instance, or a mapping of its fields."""
    model = get_origin(source) or source
    fields = core_schema.typed_dict_schema(_fields(source, model, handler), cls=model, config=CONFIG)

    def validate(value: Any, read_fields: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, model):
            return value
        try:
            return model(**read_fields(value))
        except ValidationError as error:
            details = [_without_input(detail) for detail in error.errors(include_url=False)]
        except ValueError as error:  # of `__post_init__`
            # Without the traceback, whose local variables hold the input.
            details = [_without_input({"type": "value_error", "loc": (), "ctx": {"error": error.with_traceback(None)}})]
        raise ValidationError.from_exception_data(model.__name__, details)

    def serialize(value: Any, write_fields: core_schema.SerializerFunctionWrapHandler) -> Any:
        values = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return write_fields({name: value for name, value in values if value is not UNSET})

    validate.__name__ = model.__name__  # pydantic names it in the first line of an error
    return core_schema.no_info_wrap_validator_function(
        validate,
        fields,
        ref=_reference(source),  # so that the models share definitions in a JSON schema
        serialization=core_schema.wrap_serializer_function_ser_schema(serialize, schema=fields),
    )


def dict_schema(source: Any, items: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Return the schema of a subclass of dict, given the type of a dict with its items."""
    return core_schema.no_info_after_validator_function(source, handler.generate_schema(items))


def _fields(source: Any, model: Any, handler: GetCoreSchemaHandler) -> dict[str, core_schema.TypedDictField]:
    hints = get_type_hints(model)
    arguments = dict(zip(getattr(model, "__parameters__", ()), get_args(source), strict=False))
    fields = {}
    for field in msgspec.structs.fields(model):
        hint = hints[field.name]
        schema = handler.generate_schema(
            _without_unset(arguments.get(hint, Any) if isinstance(hint, TypeVar) else hint)
        )
        if field.default is not UNSET and field.default is not NODEFAULT:
            schema = core_schema.with_default_schema(schema, default=field.default)
        elif field.default_factory is not NODEFAULT:
            schema = core_schema.with_default_schema(schema, default_factory=field.default_factory)
        fields[field.name] = core_schema.typed_dict_field(
            schema,
            required=field.required,
            validation_alias=field.encode_name,
            serialization_alias=field.encode_name,
        )
    return fields


def _without_unset(hint: Any) -> Any:
    """Return a type without `UnsetType`, which stands for a missing field."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    return Union[tuple(member for member in get_args(hint) if member is not UnsetType)]  # noqa: UP007 - made at runtime


def _without_input(detail: Any) -> Any:
    """Return a detail of an error with its type, place and context. The input may be or contain a secret."""
    return {name: detail[name] for name in ("type", "loc", "ctx") if name in detail} | {"input": "***"}


def _reference(source: Any) -> str:
    """Return the key of a definition, in the form from which pydantic makes the name in a JSON schema."""
    model = get_origin(source) or source
    arguments = ",".join(_reference(argument) for argument in get_args(source))
    return f"{model.__module__}.{model.__qualname__}:{id(model)}" + (f"[{arguments}]" if arguments else "")
