"""Where rows go: a file named `NAME.part` until it is whole, or a stream.

open_sink     the sink of a path, by the end of its name
FileSink      a file: its names, its disk, its end
ValidPrefix how far a partial file is vouched for
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec import Raw

from calcom_async.errors import ExportError, InvalidRequestError
from calcom_async.export.formats import CHUNK, COMPRESSIONS, FORMATS, Csv, FileFormat
from calcom_async.export.plan import Count
from calcom_async.models.bookings import Booking

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
STDOUT = Path("/dev/stdout")


class ValidPrefix(msgspec.Struct, frozen=True):
    """How far a partial file is vouched for: its first `size` bytes hold `rows` rows and have this CRC-32."""

    size: Count = 0
    rows: Count = 0
    crc: Count = 0


class FileSink:
    """A file that bears its own name only when it is whole: until then, and after a failure, it is `NAME.part`.

    A partial file is valid as far as it goes, and one from before is kept until the first rows come to replace it.
    Pipes and devices are written directly. Every fault of the disk is an `ExportError` that says what to do.
    """

    def __init__(self, path: Path, format: FileFormat, *, private: bool = False) -> None:
        self.path: Path = path
        self.is_regular_file: bool = path != STDOUT and stat.S_IFMT(_mode(path)) in {0, stat.S_IFREG}
        # A link keeps pointing to the file that is replaced.
        self.whole: Path = Path(os.path.realpath(path)) if self.is_regular_file else path
        self.partial: Path = self._beside(".part")
        self.format: str = format.name
        self.rows: int = 0
        self.least: int = format.least
        """How many rows a batch should have at least, so that its size does not depend on the requests."""
        self._format = format
        self._private = private
        self._mark = ValidPrefix()
        self._file: FileIO | None = None
        self._made_here = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._close()
            if self._made_here and not self._mark.size:
                self.partial.unlink(missing_ok=True)

    def rows_left(self) -> int | None:
        """Number of rows in a partial file of an earlier run; None if there is no such file, or it is empty.

        Reads the whole file, so call it in a thread.
        """
        with self._map_os_errors():
            if not (self.is_regular_file and self.partial.is_file()):
                return None
            empty = self._format.batch([], first=True)
            with self.partial.open("rb") as file:
                if file.read(len(empty) + 1) in {b"", empty}:
                    return None
            return self._format.count(self.partial)

    def begin(self, mark: ValidPrefix | None = None) -> None:
        """Open a new partial file, or continue after `mark`: the rest of the file is cut off.

        An existing partial file is overwritten by the first rows. If it does not match `mark`, begin() raises
        `ExportError` and does not change it.
        """
        with self._map_os_errors():
            if mark and mark.size:
                self._resume_from(mark)
            self._made_here = self.is_regular_file and not self.partial.exists()
            self._file = self._opened()
            if self._mark.size:
                self._truncate()

    def write(self, rows: Sequence[Raw]) -> ValidPrefix:
        """Write one batch through to the file; a batch that does not fit leaves no half row behind."""
        if rows:
            self._append(self._format.batch(rows, first=not self._mark.size), len(rows))
        return self._mark

    def finish(self, *, upsert: bool = False) -> None:
        """Make the file whole: it gets its own name. May be called in a thread.

        With `upsert` the rows that the whole file of before has under other keys come first, then the new ones, of a
        key that came twice the last. What went through a pipe stays as it went.

        The size and the checksum of the partial file are verified first. If another program changed it, finish()
        raises `ExportError` and the earlier file keeps its name.
        """
        if not self._mark.size:
            self._append(self._format.batch([], first=True), 0)
        with self._map_os_errors():
            if self.is_regular_file and self._file:
                os.fsync(self._file.fileno())
            self._close()
            if self.is_regular_file:
                if objection := _mismatch(self.partial, self._mark, is_complete=True):
                    raise ExportError(
                        f"cannot finish {self.whole}: {self.partial} {objection}. Another program must have written to "
                        "it. Start a new export"
                    )
                self._complete(upsert=upsert)

    # ---------------------------------------------------------------------------------------------- partial file

    def _resume_from(self, mark: ValidPrefix) -> None:
        if not self.is_regular_file:
            raise ExportError(f"{self.path} is no file: what went there before cannot be taken up; start anew")
        if objection := _mismatch(self.partial, mark):
            raise ExportError(
                f"cannot resume {self.whole}: {self.partial} {objection}. Restore that file, or discard it with "
                "restart=True"
            )
        self._mark, self.rows = mark, mark.rows

    def _opened(self) -> FileIO:
        if self.path == STDOUT:
            if sys.__stdout__ is None:  # descriptor 1 may be a socket by now
                raise ExportError("the standard output is closed. Choose another output")
            return FileIO(1, "ab", closefd=False)
        if self._private:
            self.partial.touch(mode=0o600)
        return self.partial.open("ab", buffering=0)

    def _append(self, data: bytes, rows: int) -> None:
        if self._file is None:
            raise ExportError(f"{self.path} is not open; begin() comes first, in a `with` block")
        with self._map_os_errors():
            if not self._mark.size:
                self._truncate()
            try:
                left = memoryview(data)
                while left:
                    left = left[self._file.write(left) :]
            except OSError:
                with suppress(OSError):
                    self._truncate()
                raise
        self.rows += rows
        self._mark = ValidPrefix(self._mark.size + len(data), self.rows, zlib.crc32(data, self._mark.crc))

    def _truncate(self) -> None:
        if self.is_regular_file and self._file:
            self._file.truncate(self._mark.size)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file:
            file.close()

    # ------------------------------------------------------------------------------------------------ whole file

    # A kill may come after any step. Until the new file takes the name, the partial one and its marks are untouched,
    # and whoever goes on from them does all of it again. So it is where both are there: joining rows to a file that
    # has them already makes the same file. Where the partial one is gone, all was done: the whole one has the name.
    def _complete(self, *, upsert: bool) -> None:
        old = self.whole if upsert and self.whole.exists() else None
        last = self._format.last_row_of_each_key(self.partial) if upsert else {}
        if self._format.is_final and not old and len(last) in {0, self.rows}:
            self.partial.replace(self.whole)
            return
        new = self._beside(".new")
        try:
            with self._created(new) as target:
                self.rows = self._format.merge(target, old, self.partial, last)
                target.flush()
                os.fsync(target.fileno())
            new.replace(self.whole)
        finally:
            new.unlink(missing_ok=True)
        self.partial.unlink()

    def _created(self, path: Path) -> BinaryIO:
        if self._private:
            path.touch(mode=0o600)
        return path.open("wb")

    def _beside(self, suffix: str) -> Path:
        return self.whole.with_name(self.whole.name + suffix) if self.is_regular_file else self.whole

    @contextmanager
    def _map_os_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = "free some space or choose" if error.errno in FULL else "choose"
            reason = error.strerror or error
            raise ExportError(f"cannot write {self.partial}: {reason}; {remedy} another place") from error


def _mismatch(path: Path, mark: ValidPrefix, *, is_complete: bool = False) -> str:
    """Why a file does not match a mark, or an empty text; with `is_complete` it must end where the mark ends."""
    if not path.exists():
        return "is gone"
    left, crc = mark.size, 0
    with path.open("rb") as file:
        while data := file.read(min(left, CHUNK)):
            left, crc = left - len(data), zlib.crc32(data, crc)
        beyond = is_complete and file.read(1)
    if left:
        return f"has only {mark.size - left:,} bytes of {mark.size:,}"
    if beyond:
        return f"has more than {mark.size:,} bytes"
    return "was changed" if crc != mark.crc else ""


def _mode(path: Path) -> int:
    """What is there; 0 for nothing, or for what cannot be reached, which opening it will tell."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def usable_path(path: str | os.PathLike[str], what: str) -> Path:
    """Return a path that the file system can take, or raise `ExportError`; `what` names it in the message."""
    try:
        usable = Path(path)
        if b"\0" in os.fsencode(usable):
            raise ExportError(f"{what} contains a NUL character: {str(usable)!r}. Choose another path")
    except TypeError:
        raise InvalidRequestError(f"{what} must be a path, got {path!r}") from None
    except ValueError as error:
        raise ExportError(f"{what} cannot be a path: {error}. Choose another one") from error
    return usable


def open_sink(
    path: str | os.PathLike[str],
    model: type[msgspec.Struct] = Booking,
    *,
    key: str = "uid",
    format: str | None = None,
    escape: bool = True,
    bom: bool = False,
) -> FileSink:
    """Return a sink for a file. The extension selects the format: .jsonl, .csv (both optionally .gz or .zst), .parquet.

    `format` ("jsonl", "csv", "parquet") overrides the extension; a device gets JSON lines by default. `-` is the
    standard output. `key` is the field, as Cal.com names it, that tells rows apart. Files of models with secrets can be
    read by their owner only.

    In CSV, a text that a spreadsheet would run as a formula gets an apostrophe in front, unless `escape` is False;
    `bom` writes a byte order mark first, by which Excel recognizes UTF-8.
    """
    path = usable_path(path, "the output")
    path = STDOUT if str(path) in {"-", str(STDOUT)} else path
    packed = path.suffix.lower() if path.suffix.lower() in COMPRESSIONS else ""
    suffix = f".{format}" if format else path.with_suffix("").suffix.lower() if packed else path.suffix.lower()
    is_stream = path == STDOUT or stat.S_IFMT(_mode(path)) in {stat.S_IFCHR, stat.S_IFIFO}
    if not suffix and is_stream:
        suffix = ".jsonl"
    if suffix not in FORMATS:
        raise InvalidRequestError(
            f"unknown output format: {path}. Name it .jsonl or .csv (both optionally with .gz or .zst) or .parquet, or "
            "set the format"
        )
    if suffix == ".parquet" and (packed or is_stream):
        raise InvalidRequestError(f"{path} cannot be Parquet: it is compressed in itself, and needs a file")
    if suffix != ".csv" and (bom or not escape):
        raise InvalidRequestError(f"only CSV has a byte order mark and escaped cells, not {path}")
    compression = COMPRESSIONS[packed]()
    format_ = (
        Csv(model, key, compression, escape=escape, bom=bom)
        if suffix == ".csv"
        else FORMATS[suffix](model, key, compression)
    )
    return FileSink(path, format_, private=bool(getattr(model, "secret_fields", None)))
