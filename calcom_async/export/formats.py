"""File formats of an export: JSON Lines and CSV, optionally compressed. `parquet.py` has the third one.

FileFormat    a batch of rows as bytes, and the merge of two files; JsonLines and Csv
Compression   gzip and zstd, written as independent pieces that can be concatenated
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import msgspec
from msgspec import Raw

from calcom_async.decoding import decode
from calcom_async.errors import DecodeError, ExportError, InvalidRequestError
from calcom_async.export.errors import incompatible_file
from calcom_async.export.rows import cells, columns_of
from calcom_async.extras import require_extra

CHUNK = 1 << 18
"""Bytes per read."""
MERGE_ROWS = 1_000
"""Rows per write when files are merged."""
PIECE_ROWS = 250
"""Minimum number of rows in a compressed piece. It ends with the first group of equal times after them."""

# --------------------------------------------------------------------------------------------------- compression


class Decompressor(Protocol):
    """Reads one gzip member or one zstd frame."""

    @property
    def eof(self) -> bool:
        """Whether the end of the member or frame was reached."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after the end."""

    def decompress(self, data: bytes, /) -> bytes:
        """Decompress the next bytes."""


class Compression(NamedTuple):
    """A way to compress pieces of bytes so that they can be concatenated."""

    compress: Callable[[bytes], bytes]
    decompressor: Callable[[], Decompressor] | None
    error: type[Exception]
    """What the decompressor raises for other data."""

    def decompress(self, file: BinaryIO) -> Iterator[bytes]:
        """Return the content of all pieces; raise `EOFError` if the last one is truncated.

        The stream readers of the libraries do not fit: the one of zstandard ends a truncated file without an error.
        """
        rest = file.read(CHUNK)
        while rest and self.decompressor:
            piece = self.decompressor()
            while not piece.eof:
                if not rest:
                    raise EOFError("it is truncated")
                yield piece.decompress(rest)
                rest = piece.unused_data or file.read(CHUNK)
        while rest:
            yield rest
            rest = file.read(CHUNK)


def no_compression() -> Compression:
    """Write the bytes as they are."""
    return Compression(bytes, None, EOFError)


def gzip_members() -> Compression:
    """Write each piece as a gzip member."""
    return Compression(
        # Without a time in its header, equal rows give equal bytes.
        lambda data: gzip.compress(data, compresslevel=6, mtime=0),
        lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16),
        zlib.error,
    )


def zstd_frames() -> Compression:
    """Write each piece as a zstd frame; raises `ConfigError` if the extra `zstd` is not installed."""
    with require_extra("zstd compression", "zstd"):
        import zstandard  # noqa: PLC0415 - an extra
    return Compression(
        zstandard.ZstdCompressor().compress, zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError
    )


# ------------------------------------------------------------------------------------------------------- formats


class FileFormat:
    """Rows of a model in a file. `key` is the JSON name of the field that identifies a row."""

    name: str
    is_final: bool = True
    """Whether the partial file has the format of the complete one."""
    head: bytes = b""
    """Bytes before the first row."""

    def __init__(self, model: type[msgspec.Struct], key: str, compression: Compression) -> None:
        self.model = model
        self.compression = compression
        self.min_batch_rows: int = PIECE_ROWS if compression.decompressor else 0
        """Compressed pieces must not depend on the pages that were read, or a resumed file would differ."""
        self.key: str = key
        self.field: str = _field(model, key)

    def batch(self, rows: Sequence[Raw], *, first: bool) -> bytes:
        """Return the bytes of a batch; the first one begins with the head."""
        data = self.encode(rows)
        return self.compression.compress(self.head + data if first else data)

    def last_row_of_each_key(self, path: Path) -> dict[Any, int]:
        """Return the number of the last row of each key in a partial file."""
        return {key: number for number, (key, _) in enumerate(self.keyed(path))}

    def merge(self, target: BinaryIO, old: Path | None, new: Path, last: dict[Any, int]) -> int:
        """Write the rows of `old` whose keys are not in `last`, then those of `new`; return the number of rows."""
        rows = chain(self.unchanged_rows(old, last) if old else (), self.latest_rows(new, last))
        target.write(self.compression.compress(self.head))
        count = 0
        while block := list(islice(rows, MERGE_ROWS)):
            target.write(self.compression.compress(b"".join(block)))
            count += len(block)
        return count

    def unchanged_rows(self, old: Path, superseded: Collection[Any]) -> Iterator[bytes]:
        """Return the rows of an earlier file that are not superseded."""
        return (row for key, row in self.keyed(old) if key not in superseded)

    def latest_rows(self, new: Path, last: dict[Any, int]) -> Iterator[bytes]:
        """Return the rows of a partial file; if a key occurs repeatedly, only its last row."""
        return (row for number, (key, row) in enumerate(self.keyed(new)) if last.get(key, number) == number)

    def count(self, path: Path) -> int:
        """Return the number of rows in a partial file, as far as it can be read."""
        count = 0
        with suppress(ExportError):  # rows of a damaged file count up to the damage
            for _ in self.records(self.lines(path)):
                count += 1
        return max(0, count - bool(self.head))

    def lines(self, path: Path) -> Iterator[bytes]:
        """Return the decompressed lines of a file, each with its line end."""
        rest = b""
        with path.open("rb") as file:
            try:
                for data in self.compression.decompress(file):
                    *lines, rest = (rest + data).split(b"\n")
                    yield from [line + b"\n" for line in lines]
            except (self.compression.error, EOFError) as error:
                raise incompatible_file(path, str(error)) from error
        if rest:
            yield rest + b"\n"  # an editor may have removed the last line end

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Return rows as uncompressed bytes."""
        raise NotImplementedError

    def records(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Join the lines that belong to one row."""
        return lines

    def keyed(self, path: Path) -> Iterator[tuple[Any, bytes]]:
        """Return the key and the bytes of each row of a file."""
        raise NotImplementedError


def _field(model: type[msgspec.Struct], key: str) -> str:
    names = dict(zip(model.__struct_encode_fields__, model.__struct_fields__, strict=True))
    if key not in names:
        raise InvalidRequestError(f"{model.__name__} has no field {key}. Choose a key from {', '.join(names)}")
    return names[key]


class JsonLines(FileFormat):
    """One row per line, as the server sent it. Unknown fields are kept."""

    name = "JSON Lines"

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Return rows as lines."""
        # Servers send compact JSON, so one search of the page replaces a search of each row.
        joined = b"".join(rows)
        if b"\n" in joined or b"\r" in joined:
            return b"".join([_one_line(bytes(row)) + b"\n" for row in rows])
        return b"\n".join([*rows, b""])

    def keyed(self, path: Path) -> Iterator[tuple[Any, bytes]]:
        """Return the key and the line of each row."""
        kind = msgspec.defstruct("Row", [("key", int | str)], rename={"key": self.key})
        row: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        for number, line in enumerate(self.lines(path), 1):
            try:
                key = row.decode(line).key
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise incompatible_file(path, f"line {number:,} has no usable {self.key} ({error})") from error
            yield key, line


def _one_line(row: bytes) -> bytes:
    """Return a row without line ends, which JSON allows between values."""
    if b"\n" not in row and b"\r" not in row:
        return row
    try:
        return msgspec.json.format(row, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"a row of the list is not JSON: {error}") from error


class Csv(FileFormat):
    """A table with fixed columns and UTC times. With `escape`, no cell is a formula for a spreadsheet."""

    name: str = "CSV"

    def __init__(
        self, model: type[msgspec.Struct], key: str, compression: Compression, *, escape: bool = True, bom: bool = False
    ) -> None:
        super().__init__(model, key, compression)
        # The checkpoint holds the name. So a run with other options cannot continue this file.
        self.name = ", ".join(["CSV", *(["not escaped"] if not escape else []), *(["with BOM"] if bom else [])])
        self._columns = columns_of(model)
        self._key_column = list(self._columns).index(self.field)
        self._escape = escape
        self.head: bytes = (BOM_UTF8 if bom else b"") + _table([list(self._columns)])

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Return rows as CSV records."""
        return _table([cells(self._columns, self._typed(row), escape=self._escape) for row in rows])

    def _typed(self, row: Raw) -> msgspec.Struct:
        typed: msgspec.Struct | None = decode(self.model, bytes(row))
        if typed is None:
            raise DecodeError("a row of the list is null")
        return typed

    def records(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Join the lines of a record whose cells contain line ends.

        The `csv` module would change the bytes, and rejects cells of more than 131,072 characters.
        """
        parts: list[bytes] = []
        is_open = False
        for line in lines:
            parts.append(line)
            is_open ^= line.count(b'"') % 2 == 1  # a quote within a cell is doubled, so it changes nothing
            if not is_open:
                yield b"".join(parts)
                parts.clear()
        if parts:
            yield b"".join(parts)

    def keyed(self, path: Path) -> Iterator[tuple[Any, bytes]]:
        """Return the key, as it is written in the file, and the record of each row."""
        records = self.records(self.lines(path))
        if next(records, b"") != self.head:
            raise incompatible_file(path, "its columns differ")
        for number, record in enumerate(records, 2):
            key = next(islice(CELL.finditer(record), self._key_column, None), None)
            if not (key and key[1]):
                raise incompatible_file(path, f"record {number:,} has no {self.field}")
            yield key[1], record


# A cell in quotes or a bare one, up to its comma or the end of the record.
CELL = re.compile(rb'("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(?:,|\r?\n)')


class _Texts(list[str]):
    """A text file for `csv` that collects what is written."""

    write = list.append


def _table(rows: Sequence[Sequence[str]]) -> bytes:
    texts = _Texts()
    # csv quotes a cell if it contains a character of the line end. With its default CR LF it quotes a bare CR too.
    csv.writer(texts).writerows(rows)
    return "".join(texts).encode()
