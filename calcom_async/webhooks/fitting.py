"""Fit JSON to a model, whatever it is: a value that does not fit costs itself and nothing around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from math import isfinite
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from calcom_async.models._base import Model
from calcom_async.models.webhook_events import WebhookFieldResponse, WebhookLanguage, WebhookPerson

NUMBERS = frozenset({int, float, bool})
LONGEST_NUMBER = 40
"""Characters of text that are read as a number: reading one takes time quadratic in its length."""

M = TypeVar("M", bound=Model)


def fitted(kind: type[M], value: Any) -> M:
    """Build the model with every field that fits; any other has its default, or None where it has none."""
    return _struct(kind, value if isinstance(value, dict) else {})


def _struct(kind: type[M], sent: dict[str, Any]) -> M:
    hints = _hints(kind)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.required:
            values[field.name] = None
        if field.encode_name in sent:
            with suppress(msgspec.ValidationError):
                values[field.name] = _fit(hints[field.name], sent[field.encode_name])
    return kind(**values)


_hints = cache(get_type_hints)


def _fit(kind: Any, value: Any) -> Any:
    """The value as the type; a `ValidationError` if nothing of it fits."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        for option in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
            with suppress(msgspec.ValidationError):
                return _forced(option, value)
        raise


def _forced(kind: Any, value: Any) -> Any:
    """The value as one type that is no union, read with all the tolerance there is."""
    origin = get_origin(kind) or kind
    if origin is list:
        [item] = get_args(kind)
        return [*_those_that_fit(item, value)] if isinstance(value, list) else [_fit(item, value)]
    if origin is dict and isinstance(value, dict):
        _, item = get_args(kind)
        return {name: one for name in value for one in _those_that_fit(item, [value[name]])}
    if isinstance(origin, type) and issubclass(origin, Model):
        return _struct(origin, value if isinstance(value, dict) else _stands_for(origin, value))
    if origin in NUMBERS and isinstance(value, str) and len(value) <= LONGEST_NUMBER:
        number = msgspec.convert(value.strip(), origin, strict=False)
        if isfinite(number):
            return number
    raise msgspec.ValidationError


def _those_that_fit(kind: Any, values: list[Any]) -> Iterator[Any]:
    for value in values:
        with suppress(msgspec.ValidationError):
            yield _fit(kind, value)


def _stands_for(kind: type[Model], value: Any) -> dict[str, Any]:
    """The fields of an object that a plain value is given for, such as the name of a person.

    A template writes "" where there is nothing, and "[object Object]" for an object that it does not take apart.
    """
    if kind is WebhookFieldResponse:
        return {"value": value}
    if isinstance(value, str) and value.strip() not in {
        "",
        "[object Object]",
    }:
        if kind is WebhookPerson:
            return {"email" if "@" in value else "name": value}
        if kind is WebhookLanguage:
            return {"locale": value}
    raise msgspec.ValidationError
