"""Rows of a model as Arrow: one schema in one place, for `Pages.to_arrow` and for Parquet files.

schema_of       the columns of a model
record_batch    convert rows to columns
misfit          the column that cannot represent a value
ArrowRows       rows of a list as columns, in tables or in batches of one size

This module imports pyarrow, so it is imported only when rows are converted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import cache, partial
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any, NamedTuple, cast

import msgspec
import pyarrow as pa
from msgspec import NODEFAULT, UNSET, inspect

from calcom_async.errors import DecodeError, InvalidRequestError
from calcom_async.pagination import Page

CHUNK = 10_000
"""Rows per chunk of a table."""

CONVERSION_ERRORS = (DecodeError, ValueError, TypeError, OverflowError)
"""Exceptions for a value that its type cannot represent, those of Arrow included."""

INTEGER, FLOAT, TEXT = pa.int64(), pa.float64(), pa.string()

PLAIN: dict[type[inspect.Type], pa.DataType] = {
    inspect.StrType: TEXT,
    inspect.IntType: INTEGER,
    inspect.FloatType: FLOAT,
    inspect.BoolType: pa.bool_(),
    inspect.DateTimeType: pa.timestamp("ms", tz="UTC"),  # the resolution of the server
    inspect.DateType: pa.date32(),
}


class Column(NamedTuple):
    """An Arrow type, and the conversion of Python values to a column of it."""

    type: pa.DataType
    array: Callable[[Sequence[Any]], pa.Array[Any]]


def schema_of(model: type[msgspec.Struct]) -> pa.Schema:
    """Return the columns of a model by their Python names; all are nullable, since a response may lack any field."""
    return record_batch(model, []).schema


def record_batch(model: type[msgspec.Struct], rows: Sequence[Any]) -> pa.RecordBatch:
    """Convert rows to columns; a value that does not fit is one of `CONVERSION_ERRORS`."""
    return pa.RecordBatch.from_struct_array(cast("pa.StructArray", _table(model).array(rows)))


def misfit(model: type[msgspec.Struct], row: Any) -> str:
    """Return the first column that cannot represent the value of a row, and the reason; empty if all can."""
    # Arrow names neither row nor column, so the caller converts the rows again one by one.
    for field in _fields(model):
        try:
            _settable(field).array([getattr(row, field.name)])
        except CONVERSION_ERRORS as error:
            return f"column {field.name}, does not fit: {error}"
    return ""


class ArrowRows:
    """Rows of a list as columns. Those that were not delivered, because a request failed, come first in the next call.

    The objects of a page are freed before the next page is fetched.
    """

    def __init__(self, name: str, row_type: Any) -> None:
        if not (isinstance(row_type, type) and issubclass(row_type, msgspec.Struct)):
            raise InvalidRequestError(
                f"{name}: these rows have no model, so they have no columns",
                hint="Use a list of models, not of raw rows",
            )
        self._name = name
        self._model = row_type
        # A table is often printed, and its repr shows the values.
        self._hidden: dict[str, None] = dict.fromkeys(getattr(row_type, "secret_fields", ()))
        self._converted = 0
        self._parts: deque[pa.RecordBatch] = deque()
        """Rows that are not delivered yet."""

    async def batches(self, pages: AsyncGenerator[Page[Any], None], rows: int) -> AsyncGenerator[pa.RecordBatch, None]:
        """Yield batches of `rows` rows, the last one with the rest."""
        waiting = sum(part.num_rows for part in self._parts)
        async with aclosing(pages):
            while True:
                while waiting >= rows:
                    waiting -= rows
                    yield self._take(rows)
                page = await anext(pages, None)
                if page is None:
                    break
                waiting += self._convert(page.items)
                del page
        if waiting:
            yield self._take(waiting)

    async def table(self, pages: AsyncGenerator[Page[Any], None]) -> pa.Table:
        """Return all rows as a table."""
        chunks: list[pa.RecordBatch] = []
        try:
            async with aclosing(self.batches(pages, CHUNK)) as batches:
                async for batch in batches:
                    chunks.append(batch)  # noqa: PERF401 - a comprehension would lose them to an error
        except BaseException:
            # The caller gets none of these rows, so the next call has to deliver them.
            self._parts.extendleft(reversed(chunks))
            raise
        return pa.Table.from_batches(chunks, schema_of(self._model))

    def _convert(self, rows: Sequence[Any]) -> int:
        """Convert the rows of a page; return their number."""
        if self._hidden:
            rows = [msgspec.structs.replace(row, **self._hidden) for row in rows]
        try:
            self._parts.append(record_batch(self._model, rows))
        except CONVERSION_ERRORS as error:
            numbered = enumerate(rows, self._converted + 1)
            places = (f"row {number:,}, {where}" for number, row in numbered if (where := misfit(self._model, row)))
            raise DecodeError(
                f"{self._name}: {next(places, error)}",
                hint="Leave the row out with a filter, or iterate over the rows",
            ) from error
        self._converted += len(rows)
        return len(rows)

    def _take(self, rows: int) -> pa.RecordBatch:
        """Remove the first rows, and return them as one batch."""
        parts = []
        while rows:
            part = self._parts.popleft()
            if part.num_rows > rows:
                self._parts.appendleft(part.slice(rows))
                part = part.slice(0, rows)
            parts.append(part)
            rows -= part.num_rows
        if len(parts) == 1:
            return parts[0]
        try:
            (batch,) = pa.Table.from_batches(parts).combine_chunks().to_batches()
        except (ValueError, pa.ArrowException) as error:  # the texts of a column may be 2 GiB together
            raise DecodeError(
                f"{self._name}: {sum(part.num_rows for part in parts):,} rows are too large for one batch",
                hint="Use arrow_batches() with fewer rows",
            ) from error
        return batch


# -------------------------------------------------------------------------------------------------------- columns


@cache
def _table(model: type[msgspec.Struct]) -> Column:
    return _struct(_fields(model))


def _fields(model: type[msgspec.Struct]) -> Sequence[inspect.Field]:
    kind = inspect.type_info(model)
    assert isinstance(kind, inspect.StructType)
    return kind.fields


def _settable(field: inspect.Field) -> Column:
    """Return the column of a field; a field that is not set becomes null."""
    column = _column(field.type)
    # `inspect` shows UNSET as if there were no default.
    if field.required or (field.default, field.default_factory) != (NODEFAULT, NODEFAULT):
        return column
    return Column(column.type, lambda values: column.array([None if value is UNSET else value for value in values]))


def _column(kind: inspect.Type) -> Column:
    """Return the column of a type: structs and lists as such, JSON for anything without a single type."""
    union = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    kinds = [member for member in union if not isinstance(member, inspect.NoneType)]  # every column has nulls anyway
    match kinds:
        case [inspect.StructType(fields=fields)]:
            return _struct(fields)
        case [inspect.ListType(item_type=item)]:
            return _list(_column(item))
    types = {_plain(member) for member in kinds}
    if types == {INTEGER, FLOAT}:  # such as a duration, which JSON writes as 30 or 30.5
        types = {FLOAT}
    if len(types) == 1 and (arrow_type := types.pop()):
        return Column(arrow_type, partial(pa.array, type=arrow_type))
    return _text(str if types and types <= {TEXT, INTEGER, FLOAT} else _json)


def _plain(kind: inspect.Type) -> pa.DataType | None:
    """Return the Arrow type of a single type, or None if only JSON represents it."""
    match kind:
        case inspect.LiteralType(values=values):
            return TEXT if all(isinstance(value, str) for value in values) else None
        case inspect.EnumType(cls=cls):
            return TEXT if issubclass(cls, str) else None
    return PLAIN.get(type(kind))


def _text(write: Callable[[Any], str]) -> Column:
    return Column(TEXT, lambda values: pa.array([None if value is None else write(value) for value in values], TEXT))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class _Null:
    """Placeholder for a struct that is null: every attribute is null."""

    def __getattr__(self, name: str) -> None:
        return None


NULL = _Null()


def _struct(fields: Sequence[inspect.Field]) -> Column:
    """Return a column of structs: a column per field, and a mask of the rows that are null."""
    columns = {field.name: _settable(field) for field in fields}
    layout = [pa.field(name, column.type) for name, column in columns.items()]

    def array(values: Sequence[Any]) -> pa.Array[Any]:
        mask = _null_mask(values)
        objects = [NULL if value is None else value for value in values] if mask is not None else values
        parts = [column.array(list(map(attrgetter(name), objects))) for name, column in columns.items()]
        return pa.StructArray.from_arrays(parts, fields=layout, mask=mask)

    return Column(pa.struct(layout), array)


def _list(item: Column) -> Column:
    """Return a column of lists: the items of all rows in one column, and where each list ends."""
    layout = pa.list_(item.type)

    def array(values: Sequence[Any]) -> pa.Array[Any]:
        ends = accumulate((len(value or ()) for value in values), initial=0)
        items = item.array(list(chain.from_iterable(value or () for value in values)))
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items, type=layout, mask=_null_mask(values))

    return Column(layout, array)


def _null_mask(values: Sequence[Any]) -> pa.Array[Any] | None:
    """Return which values are null; None if none is, as in most columns."""
    nulls = [value is None for value in values]
    return pa.array(nulls, pa.bool_()) if True in nulls else None
