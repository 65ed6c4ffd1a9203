"""Parquet: rows of a model as typed columns. The types come from the model, so all files of a model have the same ones.

Parquet        the file format
Column         a Parquet type, and the conversion of Python values to a column of it
schema_of      the columns of a model
batches        convert rows from JSON
rows_to_keep   rows of an earlier file that stay
write          write both to a file

This module imports pyarrow, so it is imported only when such a file is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import accumulate, chain, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import NODEFAULT, UNSET, inspect

from calcom_async.decoding import decode
from calcom_async.errors import DecodeError, ExportError
from calcom_async.export.errors import incompatible_file
from calcom_async.export.formats import JsonLines

GROUP = 5_000
"""Rows per row group; they are in memory together as columns."""
BATCH = 500
"""Rows that are in memory together as objects."""

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


class Parquet(JsonLines):
    """Typed columns. The partial file is JSON Lines, because a Parquet file cannot be read before it is complete."""

    name = "Parquet"
    is_final = False

    def merge(self, target: BinaryIO, old: Path | None, new: Path, last: dict[Any, int]) -> int:
        """Write the rows of both files as typed columns, in row groups; return the number of rows."""
        schema = schema_of(self.model)
        kept = rows_to_keep(old, schema, self.field, last) if old else ()
        rows = self.latest_rows(new, last) if last else self.lines(new)
        return write(target, schema, chain(kept, batches(self.model, rows, new)))


class Column(NamedTuple):
    """A Parquet type, and the conversion of Python values to a column of it."""

    type: pa.DataType
    array: Callable[[Sequence[Any]], pa.Array[Any]]


def schema_of(model: type[msgspec.Struct]) -> pa.Schema:
    """Return the columns of a model by their Python names; all are nullable, since a response may lack any field."""
    return _batch(model, []).schema


def batches(model: type[msgspec.Struct], rows: Iterable[bytes], origin: Path) -> Iterator[pa.RecordBatch]:
    """Convert rows from JSON; a row that does not fit raises an `ExportError` that names it and its column."""
    numbered = enumerate(rows, 1)
    while block := list(islice(numbered, BATCH)):
        try:
            yield _batch(model, [decode(model, row) for _, row in block])
        except CONVERSION_ERRORS as error:
            # Arrow names neither row nor column, so the batch is converted again value by value.
            where = _first_error(model, block) or str(error)
            raise ExportError(f"{origin}: {where}. The rows stay there, as JSON Lines") from error


def rows_to_keep(path: Path, schema: pa.Schema, key: str, superseded: Collection[Any]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file whose `key` was not superseded. Its columns must be those of `schema`."""
    try:
        with pq.ParquetFile(path) as file:
            if not file.schema_arrow.equals(schema):
                raise incompatible_file(path, "its columns differ")
            for batch in file.iter_batches(BATCH):
                is_kept = [value not in superseded for value in batch.column(key).to_pylist()]
                yield batch.filter(pa.array(is_kept, pa.bool_()))
    except (pa.ArrowException, OSError) as error:
        raise incompatible_file(path, str(error)) from error


def write(target: BinaryIO, schema: pa.Schema, parts: Iterable[pa.RecordBatch]) -> int:
    """Write a file, and return the number of its rows."""
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for group in _groups(parts):
            writer.write_table(pa.Table.from_batches(group, schema))
            rows += sum(part.num_rows for part in group)
            # Else this group would stay in memory until the next one is complete, and freed pages with it.
            del group
            pa.default_memory_pool().release_unused()
    return rows


def _groups(parts: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Combine batches of any size into row groups."""
    group: list[pa.RecordBatch] = []
    for batch in parts:
        group.append(batch)
        if sum(batch.num_rows for batch in group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


def _batch(model: type[msgspec.Struct], rows: Sequence[Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(cast("pa.StructArray", _table(model).array(rows)))


def _first_error(model: type[msgspec.Struct], rows: Iterable[tuple[int, bytes]]) -> str:
    """Return the position of the first value that its column cannot represent, and the reason."""
    for number, row in rows:
        name = ""
        try:
            typed = decode(model, row)
            for field in _fields(model):
                name = field.name
                _settable(field).array([getattr(typed, name)])
        except CONVERSION_ERRORS as error:
            return f"row {number:,}, {name and f'column {name}, '}does not fit: {error}"
    return ""


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
    """Return the Parquet type of a single type, or None if only JSON represents it."""
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
        objects = [NULL if value is None else value for value in values]
        parts = [column.array(list(map(attrgetter(name), objects))) for name, column in columns.items()]
        return pa.StructArray.from_arrays(parts, fields=layout, mask=_null_mask(values))

    return Column(pa.struct(layout), array)


def _list(item: Column) -> Column:
    """Return a column of lists: the items of all rows in one column, and where each list ends."""
    layout = pa.list_(item.type)

    def array(values: Sequence[Any]) -> pa.Array[Any]:
        ends = accumulate((len(value or ()) for value in values), initial=0)
        items = item.array(list(chain.from_iterable(value or () for value in values)))
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items, type=layout, mask=_null_mask(values))

    return Column(layout, array)


def _null_mask(values: Sequence[Any]) -> pa.Array[Any]:
    return pa.array([value is None for value in values], pa.bool_())
