"""Parquet: rows of a model as typed columns. The types come from the model, so all files of a model have the same ones.

Parquet        the file format
batches        convert rows from JSON
rows_to_keep   rows of an earlier file that stay
write          write both to a file

This module imports pyarrow, so it is imported only when such a file is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from calcom_async.arrow import CONVERSION_ERRORS, misfit, record_batch, schema_of
from calcom_async.decoding import decode
from calcom_async.errors import ExportError
from calcom_async.export.errors import incompatible_file
from calcom_async.export.formats import JsonLines

GROUP = 5_000
"""Rows per row group; they are in memory together as columns."""
BATCH = 500
"""Rows that are in memory together as objects."""


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


def batches(model: type[msgspec.Struct], rows: Iterable[bytes], origin: Path) -> Iterator[pa.RecordBatch]:
    """Convert rows from JSON; a row that does not fit raises an `ExportError` that names it and its column."""
    numbered = enumerate(rows, 1)
    while block := list(islice(numbered, BATCH)):
        try:
            yield record_batch(model, [decode(model, row) for _, row in block])
        except CONVERSION_ERRORS as error:
            where = _first_misfit(model, block) or str(error)
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


def _first_misfit(model: type[msgspec.Struct], rows: Iterable[tuple[int, bytes]]) -> str:
    """Return the position of the first value that its column cannot represent, and the reason."""
    for number, row in rows:
        try:
            where = misfit(model, decode(model, row))
        except CONVERSION_ERRORS as error:
            where = f"does not fit: {error}"
        if where:
            return f"row {number:,}, {where}"
    return ""
