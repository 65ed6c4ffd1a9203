"""How rows lie in a file: as JSON lines, as CSV, or, once it is whole, as Parquet.

FileFormat    a format: a batch as bytes, and the rows of two files joined; JsonLines, Csv and Parquet
Compression   how the bytes are compressed, in pieces that can be put one behind the other
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import msgspec
from msgspec import Raw

from calcom_async.decoding import decode
from calcom_async.errors import ConfigError, DecodeError, ExportError, InvalidRequestError
from calcom_async.export.rows import cells, columns_of

CHUNK = 1 << 18  # bytes that are read at a time
BLOCK = 1_000  # rows that are written at a time where files are joined

# ------------------------------------------------------------------------------------------------------- packing


class Decompressor(Protocol):
    """Reads one gzip member or one zstd frame."""

    @property
    def eof(self) -> bool:
        """Whether it ended."""

    @property
    def unused_data(self) -> bytes:
        """What came behind it."""

    def decompress(self, data: bytes, /) -> bytes:
        """What the next bytes hold."""


MEMBER = 250
"""Rows of a compressed piece, at least: it ends with the first group of equal times after so many."""


class Compression(NamedTuple):
    """How bytes are compressed, by pieces that can be put one behind the other."""

    compress: Callable[[bytes], bytes]
    decompressor: Callable[[], Decompressor] | None
    fault: type[Exception]
    """What reading something else raises."""

    def decompress(self, file: BinaryIO) -> Iterator[bytes]:
        """What a file holds, of as many pieces as there are; an `EOFError` if the last one is cut off."""
        rest = file.read(CHUNK)
        while rest and self.decompressor:
            piece = self.decompressor()
            while not piece.eof:
                if not rest:
                    raise EOFError("its end is missing")
                yield piece.decompress(rest)
                rest = piece.unused_data or file.read(CHUNK)
        while rest:
            yield rest
            rest = file.read(CHUNK)


def _plain() -> Compression:
    return Compression(bytes, None, EOFError)


def _gzip() -> Compression:
    return Compression(
        lambda data: gzip.compress(data, compresslevel=6, mtime=0),
        lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16),
        zlib.error,
    )


def _zstd() -> Compression:
    with _extra("zstd", ".zst files"):
        import zstandard  # noqa: PLC0415 - an extra
    return Compression(
        zstandard.ZstdCompressor().compress, zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError
    )


@contextmanager
def _extra(name: str, users: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ConfigError(f"{users} need {missing.name}: pip install 'calcom-async[{name}]'") from missing


# ------------------------------------------------------------------------------------------------------- formats


class FileFormat:
    """How rows of a model lie in a file, as pieces of bytes; `key` is the name on the wire of what tells rows apart."""

    name: str
    is_final: bool = True
    """Whether the partial file has the form of the whole one."""
    head: bytes = b""
    """What stands before the first row."""

    def __init__(self, model: type[msgspec.Struct], key: str, compression: Compression) -> None:
        self.model = model
        self.compression = compression
        self.least: int = MEMBER if compression.decompressor else 0
        self.key: str = key
        self.field: str = _field(model, key)

    def batch(self, rows: Sequence[Raw], *, first: bool) -> bytes:
        """The bytes of a batch, behind the head if it is the first."""
        data = self.encode(rows)
        return self.compression.compress(self.head + data if first else data)

    def last_row_of_each_key(self, path: Path) -> dict[Any, int]:
        """Which row of a partial file is the last of its key."""
        return {key: number for number, (key, _) in enumerate(self.keyed(path))}

    def merge(self, target: BinaryIO, old: Path | None, new: Path, last: dict[Any, int]) -> int:
        """Write the rows of `old` under other keys than those in `last`, then those of `new`; how many they are."""
        rows = chain(self.unchanged_rows(old, last) if old else (), self.latest_rows(new, last))
        target.write(self.compression.compress(self.head))
        count = 0
        while block := list(islice(rows, BLOCK)):
            target.write(self.compression.compress(b"".join(block)))
            count += len(block)
        return count

    def unchanged_rows(self, old: Path, superseded: Collection[Any]) -> Iterator[bytes]:
        """The rows of an earlier file whose keys do not come again."""
        return (row for key, row in self.keyed(old) if key not in superseded)

    def latest_rows(self, new: Path, last: dict[Any, int]) -> Iterator[bytes]:
        """The rows of a partial file, of those with one key the last."""
        return (row for number, (key, row) in enumerate(self.keyed(new)) if last.get(key, number) == number)

    def count(self, path: Path) -> int:
        """Number of rows in a partial file, as far as it can be read."""
        count = 0
        with suppress(ExportError):
            for _ in self.records(self.lines(path)):
                count += 1
        return max(0, count - bool(self.head))

    def lines(self, path: Path) -> Iterator[bytes]:
        """The lines of a file, unpacked, each with its end."""
        rest = b""
        with path.open("rb") as file:
            try:
                for data in self.compression.decompress(file):
                    *whole, rest = (rest + data).split(b"\n")
                    yield from [line + b"\n" for line in whole]
            except (self.compression.fault, EOFError) as error:
                raise incompatible_file(path, str(error)) from error
        if rest:
            yield rest + b"\n"

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Rows as they lie in the file."""
        raise NotImplementedError

    def records(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Put lines together that belong to one row."""
        return lines

    def keyed(self, path: Path) -> Iterator[tuple[Any, bytes]]:
        """Key and bytes of each row of a file."""
        raise NotImplementedError


def _field(model: type[msgspec.Struct], key: str) -> str:
    names = dict(zip(model.__struct_encode_fields__, model.__struct_fields__, strict=True))
    if key not in names:
        raise InvalidRequestError(f"{model.__name__} has no {key} to tell its rows apart; it has {', '.join(names)}")
    return names[key]


def incompatible_file(path: Path, why: str) -> ExportError:
    """What is said of a file that rows cannot be joined with."""
    return ExportError(
        f"{path} is not what such an export writes: {why}. Move it away, or choose another name and export anew"
    )


class JsonLines(FileFormat):
    """One row a line, as the server sent it: unknown fields are kept."""

    name = "JSON lines"

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Rows as lines."""
        return b"".join([_one_line(bytes(row)) + b"\n" for row in rows])

    def keyed(self, path: Path) -> Iterator[tuple[Any, bytes]]:
        """Key and line of each row."""
        kind = msgspec.defstruct("Row", [("key", int | str)], rename={"key": self.key})
        row: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        for number, line in enumerate(self.lines(path), 1):
            try:
                key = row.decode(line).key
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise incompatible_file(path, f"line {number:,} is no row with {self.key} ({error})") from error
            yield key, line


def _one_line(row: bytes) -> bytes:
    if b"\n" not in row and b"\r" not in row:
        return row
    try:
        return msgspec.json.format(row, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"a row of the list is not JSON: {error}") from error


class Csv(FileFormat):
    """A table with fixed columns, UTC times, and with `escape` no cell that a spreadsheet takes for a formula."""

    name: str = "CSV"

    def __init__(
        self, model: type[msgspec.Struct], key: str, compression: Compression, *, escape: bool = True, bom: bool = False
    ) -> None:
        super().__init__(model, key, compression)
        # Rows of different forms must not meet in one file, so the form is part of the name.
        self.name = ", ".join(["CSV", *(["not escaped"] if not escape else []), *(["with BOM"] if bom else [])])
        self._columns = columns_of(model)
        self._key_column = list(self._columns).index(self.field)
        self._escape = escape
        self.head: bytes = (BOM_UTF8 if bom else b"") + _table([list(self._columns)])

    def encode(self, rows: Sequence[Raw]) -> bytes:
        """Rows as records."""
        return _table([cells(self._columns, self._typed(row), escape=self._escape) for row in rows])

    def _typed(self, row: Raw) -> msgspec.Struct:
        typed: msgspec.Struct | None = decode(self.model, bytes(row))
        if typed is None:
            raise DecodeError("a row of the list is null")
        return typed

    def records(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Put lines together where a line end is in quotes; `csv` would change the bytes, and refuses long cells."""
        parts: list[bytes] = []
        is_open = False
        for line in lines:
            parts.append(line)
            is_open ^= line.count(b'"') % 2 == 1
            if not is_open:
                yield b"".join(parts)
                parts.clear()
        if parts:
            yield b"".join(parts)

    def keyed(self, path: Path) -> Iterator[tuple[Any, bytes]]:
        """Key, as it is written, and record of each row."""
        records = self.records(self.lines(path))
        if next(records, b"") != self.head:
            raise incompatible_file(path, "its columns are not those of this table")
        for number, record in enumerate(records, 2):
            key = next(islice(CELL.finditer(record), self._key_column, None), None)
            if not (key and key[1]):
                raise incompatible_file(path, f"record {number:,} has no {self.field}")
            yield key[1], record


CELL = re.compile(rb'("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(?:,|\r?\n)')


class _Texts(list[str]):
    """What csv writes to, collected: csv knows text files only, and a sink writes bytes."""

    write = list.append


def _table(rows: Sequence[Sequence[str]]) -> bytes:
    texts = _Texts()
    # Its own line ends, CR LF: csv quotes only what is in them, and a bare CR in a title must be quoted.
    csv.writer(texts).writerows(rows)
    return "".join(texts).encode()


class Parquet(JsonLines):
    """Typed columns. The partial file is JSON lines: Parquet is readable only with its end, which comes last."""

    name = "Parquet"
    is_final = False

    def __init__(self, model: type[msgspec.Struct], key: str, compression: Compression) -> None:
        super().__init__(model, key, compression)
        with _extra("parquet", ".parquet files"):
            from calcom_async.export import parquet  # noqa: PLC0415 - an extra
        self._typed = parquet

    def merge(self, target: BinaryIO, old: Path | None, new: Path, last: dict[Any, int]) -> int:
        """Write the typed rows of both files, in row groups."""
        schema = self._typed.schema_of(self.model)
        stays = self._typed.rows_to_keep(old, schema, self.field, last) if old else ()
        rows = self.latest_rows(new, last) if last else self.lines(new)
        return self._typed.write(target, schema, chain(stays, self._typed.batches(self.model, rows, new)))


FORMATS: dict[str, type[FileFormat]] = {".jsonl": JsonLines, ".ndjson": JsonLines, ".csv": Csv, ".parquet": Parquet}
COMPRESSIONS: dict[str, Callable[[], Compression]] = {"": _plain, ".gz": _gzip, ".zst": _zstd}
