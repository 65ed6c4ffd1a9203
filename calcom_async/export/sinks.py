"""Where rows go: a file of JSON lines or CSV, named `NAME.part` until it is whole."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import msgspec
from msgspec import Raw

from calcom_async.errors import ExportError, InvalidRequestError
from calcom_async.export.rows import BOOKING_COLUMNS, booking_cells
from calcom_async.models.bookings import Booking
from calcom_async.wire import decode

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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

    A partial file is valid as far as it goes, and one from before is kept until the first rows come to replace it.
    Pipes and devices are written directly. Every fault of the disk is an `ExportError` that says what to do.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path)
        self.is_plain: bool = not self.path.exists() or self.path.is_file()
        # A link keeps pointing to the file that is replaced.
        self.whole: Path = Path(os.path.realpath(self.path)) if self.is_plain else self.path
        self.partial: Path = self.whole.with_name(self.whole.name + ".part") if self.is_plain else self.path
        self.rows: int = 0
        self._size: int | None = None
        self._file: FileIO | None = None
        self._made_here = False

    def __enter__(self) -> Self:
        try:
            self._made_here = not self.partial.exists()
            self._file = self.partial.open("ab", buffering=0)
        except OSError as error:
            raise self._failure(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._append(b"")
            self._close(finished=kind is None)
        except OSError as failure:
            if error is None:
                raise self._failure(failure) from failure

    def write(self, rows: Sequence[Raw]) -> None:
        """Write one batch through to the file; a batch that does not fit leaves no half row behind."""
        data = self._encode(rows)
        try:
            self._append(data)
        except OSError as error:
            raise self._failure(error) from error
        self.rows += len(rows)

    def _append(self, data: bytes) -> None:
        if self._file is None:
            raise ExportError(f"{self.path} is not open; use the sink in a `with` block")
        if self._size is None:
            data = self._head() + data
            self._cut(0)
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            with suppress(OSError):
                self._cut(self._size or 0)
            raise
        self._size = (self._size or 0) + len(data)

    def _cut(self, size: int) -> None:
        if self.is_plain and self._file:
            self._file.truncate(size)

    def _close(self, *, finished: bool) -> None:
        if self._file is None:
            return
        with self._file as file:
            if finished and self.is_plain:
                os.fsync(file.fileno())
        if finished and self.is_plain:
            self.partial.replace(self.whole)
        elif self._made_here and not self._size:
            self.partial.unlink()

    def _failure(self, error: OSError) -> ExportError:
        remedy = "free some space or choose" if error.errno in FULL else "choose"
        return ExportError(f"cannot write {self.partial}: {error.strerror or error}; {remedy} another place")

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
    # Its own line ends, CR LF: csv quotes only what is in them, and a bare CR in a title must be quoted.
    csv.writer(lines).writerows(cells)
    return "".join(lines).encode()


SINKS: dict[str, type[FileSink]] = {".jsonl": JsonlSink, ".ndjson": JsonlSink, ".csv": CsvSink}


def open_sink(path: str | os.PathLike[str], format: str | None = None) -> FileSink:
    """A sink for a file, by `format` ("jsonl" or "csv") or else by the end of its name; JSON lines for a device.

    `-` is the standard output.
    """
    path = Path("/dev/stdout" if str(path) == "-" else path)
    suffix = f".{format}" if format else path.suffix.lower()
    if not suffix and (path.is_char_device() or path.is_fifo()):
        suffix = ".jsonl"
    if suffix not in SINKS:
        raise InvalidRequestError(f"cannot tell the format of {path}: name it .jsonl or .csv, or say --format")
    return SINKS[suffix](path)
