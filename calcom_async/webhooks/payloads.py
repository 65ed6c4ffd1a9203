"""Convert the payload of a webhook to its model. A value that does not fit is dropped, and nothing around it.

Responses of the API are read by stricter rules (`decoding.py`): there, text is never a number or a person. In webhooks
it may be one, because payload templates write every value as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from math import isfinite
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from calcom_async.models._base import Model
from calcom_async.models.webhook_payloads import WebhookFieldResponse, WebhookLanguage, WebhookPerson

NUMBER_TYPES = frozenset({int, float, bool})
MAX_NUMBER_LENGTH = 40
"""Characters of a text that is converted to a number, which takes time quadratic in its length."""

M = TypeVar("M", bound=Model)


def convert_payload(model: type[M], value: Any) -> M:
    """Return the model with every field that fits. Others have their default, or None if they have none."""
    return _convert_object(model, value if isinstance(value, dict) else {})


def _convert_object(model: type[M], received: dict[str, Any]) -> M:
    """Return an object as its model, field by field."""
    hints = _type_hints(model)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(model):
        if field.required:
            values[field.name] = None  # although its type has no None: one missing value must not lose the event
        if field.encode_name in received:
            with suppress(msgspec.ValidationError):
                values[field.name] = _convert(hints[field.name], received[field.encode_name])
    return model(**values)


_type_hints = cache(get_type_hints)


def _convert(annotation: Any, value: Any) -> Any:
    """Return the value as the type. Raises `ValidationError` if no part of it fits."""
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        # msgspec rejects a value as a whole. So each member of a union is tried part by part.
        for option in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,):
            with suppress(msgspec.ValidationError):
                return _convert_leniently(option, value)
        raise


def _convert_leniently(annotation: Any, value: Any) -> Any:
    """Return the value as one type that is no union: text as a number or a person, one value as a list."""
    origin = get_origin(annotation) or annotation
    if origin is list:
        [item_type] = get_args(annotation)
        return [*_convert_items(item_type, value)] if isinstance(value, list) else [_convert(item_type, value)]
    if origin is dict and isinstance(value, dict):
        _, item_type = get_args(annotation)
        return {name: item for name in value for item in _convert_items(item_type, [value[name]])}
    if isinstance(origin, type) and issubclass(origin, Model):
        return _convert_object(origin, value if isinstance(value, dict) else _object_of_text(origin, value))
    if origin in NUMBER_TYPES and isinstance(value, str) and len(value) <= MAX_NUMBER_LENGTH:
        number = msgspec.convert(value.strip(), origin, strict=False)
        if isfinite(number):  # "nan" and "inf" are texts that convert to floats
            return number
    raise msgspec.ValidationError


def _convert_items(item_type: Any, values: list[Any]) -> Iterator[Any]:
    """Yield the items that fit."""
    for value in values:
        with suppress(msgspec.ValidationError):
            yield _convert(item_type, value)


def _object_of_text(model: type[Model], value: Any) -> dict[str, Any]:
    """Return the fields of an object that a template replaced by a plain value, such as the name of a person.

    A template writes "" for a missing object, and "[object Object]" for an object that it does not take apart.
    """
    if model is WebhookFieldResponse:
        return {"value": value}
    if isinstance(value, str) and value.strip() not in {"", "[object Object]"}:
        if model is WebhookPerson:
            return {"email" if "@" in value else "name": value}
        if model is WebhookLanguage:
            return {"locale": value}
    raise msgspec.ValidationError
