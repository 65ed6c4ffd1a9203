"""Where rows go: a file of JSON lines or CSV, named `NAME.part` until it is whole."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import msgspec
from msgspec import Raw

from calcom_async.errors import ExportError
from calcom_async.export.rows import BOOKING_COLUMNS, booking_cells
from calcom_async.models.bookings import Booking
from calcom_async.wire import decode


class Sink(Protocol):
    """Takes rows batch by batch. Leaving its `with` block without an error makes the file whole."""

    rows: int

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, rows: Sequence[Raw]) -> None:
        """Write one batch, down to the file."""


class FileSink:
    """A file that bears its own name only when it is whole: until then, and after a failure, it is `NAME.part`.

    A partial file is valid as far as it goes. Every fault of the disk is an `ExportError` that says what to do.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        # A pipe or a device cannot be renamed; it is written directly.
        self.partial = self.path.with_name(self.path.name + ".part") if self._is_plain() else self.path
        self.rows = 0
        self._size = 0
        self._file: FileIO | None = None

    def _is_plain(self) -> bool:
        return not self.path.exists() or self.path.is_file()

    def __enter__(self) -> Self:
        try:
            self._file = self.partial.open("wb", buffering=0)
            self._append(self._head())
        except OSError as error:
            raise self._failure(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._file:
                self._file.close()
            if kind is None and self.partial != self.path:
                self.partial.replace(self.path)
        except OSError as failure:
            if error is None:
                raise self._failure(failure) from failure

    def write(self, rows: Sequence[Raw]) -> None:
        """Write one batch through to the file; a batch that does not fit leaves no half row behind."""
        try:
            self._append(self._encode(rows))
        except OSError as error:
            raise self._failure(error) from error
        self.rows += len(rows)

    def _append(self, data: bytes) -> None:
        if self._file is None:
            raise ExportError(f"{self.path} is not open; use the sink in a `with` block")
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._size)
            raise
        self._size += len(data)

    def _failure(self, error: OSError) -> ExportError:
        return ExportError(
            f"cannot write {self.partial}: {error.strerror or error}. {self.rows} rows were written before; "
            "free some space or choose another place with -o"
        )

    def _head(self) -> bytes:
        """What stands before the first row."""
        return b""

    def _encode(self, rows: Sequence[Raw]) -> bytes:
        raise NotImplementedError


class JsonlSink(FileSink):
    """One row a line, as the server sent it: unknown fields are kept."""

    def _encode(self, rows: Sequence[Raw]) -> bytes:
        return b"".join([_one_line(bytes(row)) + b"\n" for row in rows])


def _one_line(row: bytes) -> bytes:
    return msgspec.json.format(row, indent=-1) if b"\n" in row else row


class CsvSink(FileSink):
    """A table with fixed columns, UTC times, and cells that no spreadsheet takes for a formula."""

    def _head(self) -> bytes:
        return _table([list(BOOKING_COLUMNS)])

    def _encode(self, rows: Sequence[Raw]) -> bytes:
        return _table([booking_cells(decode(Booking, bytes(row))) for row in rows])


class _Lines(list[str]):
    """What csv writes to, collected: csv knows text files only, and a sink writes bytes."""

    write = list.append


def _table(cells: Sequence[Sequence[str]]) -> bytes:
    lines = _Lines()
    csv.writer(lines, lineterminator="\n").writerows(cells)
    return "".join(lines).encode()


SINKS = {".jsonl": JsonlSink, ".ndjson": JsonlSink, ".csv": CsvSink}


def open_sink(path: str | os.PathLike[str], format: str | None = None) -> FileSink:
    """A sink for a file, by `format` ("jsonl" or "csv") or else by the end of its name."""
    suffix = f".{format}" if format else Path(path).suffix.lower()
    try:
        return SINKS[suffix](path)
    except KeyError:
        raise ExportError(f"cannot tell the format of {path}: name it .jsonl or .csv, or say --format") from None
