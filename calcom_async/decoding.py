"""Decode JSON into models. A value that does not fit is dropped; it never costs a page or a row. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from calcom_async.errors import DecodeError
from calcom_async.lenient_json import TOO_DEEP, NotJsonError, parse
from calcom_async.models.pagination import Pagination

T = TypeVar("T")


class Envelope(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """`{"status": "success", "data": ..., "pagination": ...}`. Some responses have no data."""

    data: T = None  # type: ignore[assignment]  # `data_of` rejects it where data is required
    status: str | None = None
    pagination: Pagination | None = None
    meta: Any = None
    """Like `next_cursor` and `has_more`: sent with lists that are read with a cursor."""
    next_cursor: Any = None
    has_more: Any = None


class CursorEnvelope(msgspec.Struct, frozen=True, rename="camel"):
    """The envelope of a list that is read with a cursor. `data` holds the rows, or an object with the rows in it."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    status: str | None = None
    pagination: Any = None
    meta: Any = None


UNKNOWN_PAGING = "this version does not support the pagination of this list, and would lose rows"
CHECK_BASE_URL = "Check that the base URL is that of a Cal.com API, and that no proxy has answered"


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a type. It is built once, since building costs more than decoding."""
    try:
        return _decoders[kind]
    except KeyError:
        return _decoders.setdefault(kind, msgspec.json.Decoder(kind))


@cache
def raw_field_reader(name: str) -> Callable[[msgspec.Raw], Any]:
    """Return a function that reads one field of a row left as JSON text. It raises `DecodeError` if there is none."""
    key = decoder(msgspec.defstruct("Key", [(name, int | str | None)]))

    def read_key(row: msgspec.Raw) -> Any:
        try:
            return getattr(key.decode(row), name)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DecodeError(f"a row of the list has no usable {name}: {error}") from error

    return read_key


def decode(kind: Any, body: bytes, where: str = "$") -> Any:
    """Decode JSON as `kind`. A value of another type becomes None; a response of another form is a `DecodeError`.

    `where` is the place of the JSON in the response.
    """
    try:
        return decoder(kind).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return build(kind, parse(body), where)
    except NotJsonError as error:
        if not body.strip():
            raise DecodeError(f"the response is empty. {CHECK_BASE_URL}") from None
        # Broken JSON is not quoted, because it may contain a token.
        start = "" if body.lstrip()[:1] in {b"{", b"["} else f"; it starts with {body[:80]!r}"
        reason = f"the response is not JSON ({error}){start}"
    except RecursionError:
        reason = f"the response is JSON that is {TOO_DEEP}"
    raise DecodeError(f"{reason}. {CHECK_BASE_URL}")


# The slow path, for the rare response that breaks its specification: values of another type are dropped one by one.


def build(kind: Any, value: Any, where: str) -> Any:
    """Build a response, or a row of one, without values of another type; raise `DecodeError` for anything else."""
    if value is None:
        return None
    if get_origin(kind) is Envelope and isinstance(value, dict):
        return _build_envelope(get_args(kind)[0], value)
    if kind is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        mismatch = error
    if isinstance(value, list) and (rows := _union_member(kind, list)):
        if where == "$" or None not in value:
            return [build(get_args(rows)[0], item, f"{where}[{index}]") for index, item in enumerate(value)]
    elif isinstance(value, dict) and (struct := _union_member(kind, msgspec.Struct)):
        fields = _fields(struct, value)
        if _has_known_field(struct, value, fields):
            return struct(**fields)
        if nullable(kind):
            return None
    elif isinstance(value, dict) and _union_member(kind, dict) and (table := _build_part(kind, value)):
        return table
    raise _unknown_form(mismatch, where)


DATA = "$.data"


def _unknown_form(mismatch: Exception, where: str) -> DecodeError:
    error = DecodeError(f"{mismatch} (in {where}). This version does not know this form of response")
    error.__cause__ = mismatch
    return error


def _build_envelope(kind: Any, value: dict[str, Any]) -> Envelope[Any]:
    return Envelope(
        data=build(kind, value.get("data"), DATA),
        status=_build_part(str, value.get("status")),
        pagination=_pagination(value.get("pagination")),
        meta=value.get("meta"),
        next_cursor=value.get("nextCursor"),
        has_more=value.get("hasMore"),
    )


def _pagination(value: Any) -> Pagination | None:
    """Read a pagination object. Raise if it says in an unknown way whether there are more rows: they would be lost."""
    if value is None:
        return None
    pagination: Pagination | None = _build_part(Pagination, value)
    if pagination is None or (pagination.has_next_page is None and pagination.total_items is None):
        known = isinstance(value, dict) and value.keys() <= set(Pagination.__struct_encode_fields__)
        if not (known and value and value.get("hasNextPage") is None and value.get("totalItems") is None):
            names = ", ".join(sorted(map(str, value))[:8]) if isinstance(value, dict) else type(value).__name__
            raise DecodeError(f"{UNKNOWN_PAGING}: its pagination object has {names[:200] or 'no fields'}")
    return pagination


def _build_part(kind: Any, value: Any) -> Any:
    """Build a part of a response without values of another type; return None if nothing is left."""
    if value is None:
        return None
    if kind is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        pass
    if isinstance(value, list) and (items := _union_member(kind, list)):
        return _build_items(get_args(items)[0], value)
    if isinstance(value, dict) and (struct := _union_member(kind, msgspec.Struct)):
        fields = _fields(struct, value)
        return struct(**fields) if _has_known_field(struct, value, fields) else None
    if isinstance(value, dict) and (table := _union_member(kind, dict)):
        names, items = get_args(table)
        parts = ((_build_part(names, name), _build_part(items, item)) for name, item in value.items())
        return {name: part for name, part in parts if name is not None and part is not None}
    return None


def _build_items(kind: Any, items: list[Any]) -> list[Any]:
    parts = (_build_part(kind, item) for item in items)
    return [part for part in parts if part is not None]


def nullable(kind: Any) -> bool:
    """Return whether None is a value of a type."""
    return kind in {Any, NoneType} or NoneType in get_args(kind)


def _union_member(kind: Any, base: type) -> Any:
    """Return the type, or the member of a union, that is derived from `base`; None if there is none."""
    for item in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        origin = get_origin(item) or item
        if isinstance(origin, type) and issubclass(origin, base):
            return item
    return None


@cache
def _specification(kind: type[msgspec.Struct]) -> list[tuple[str, str, Any, bool]]:
    """Return the name, JSON name, type and whether it is required, for each field of a model."""
    hints = get_type_hints(kind)
    fields = msgspec.structs.fields(kind)
    return [(field.name, field.encode_name, hints[field.name], field.required) for field in fields]


def _fields(kind: type[msgspec.Struct], value: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a model; None for unreadable ones, and for missing ones that are required."""
    return {
        name: _build_part(hint, value.get(sent)) for name, sent, hint, required in _specification(kind)
        if sent in value or required
    }  # fmt: skip


def _has_known_field(kind: type[msgspec.Struct], value: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Return whether an object is the model, with errors in it: at least one field is readable, or all are null."""
    if any(field is not None for field in fields.values()):
        return True
    known = value.keys() & set(kind.__struct_encode_fields__)
    return bool(known) and all(value[name] is None for name in known)
