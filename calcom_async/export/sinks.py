"""Output of an export: a file, named `NAME.part` until it is complete, or a stream.

open_sink     selects the format of a path
FileSink      writes the file
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec import Raw

from calcom_async.errors import ExportError, InvalidRequestError, UnfinishedExportError
from calcom_async.export.formats import (
    Compression,
    Csv,
    FileFormat,
    JsonLines,
    gzip_members,
    no_compression,
    zstd_frames,
)
from calcom_async.export.integrity import (
    TAIL,
    ValidPrefix,
    completion_problem,
    modification_time,
    read_tail,
    resume_problem,
    was_modified_since,
    write_problem,
)
from calcom_async.extras import require_extra
from calcom_async.models.bookings import Booking

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
STDOUT = Path("/dev/stdout")


class FileSink:
    """A file that gets its name only when it is complete. Until then, and after a failure, it is `NAME.part`.

    A partial file is kept until the first rows of another run replace it. Pipes and devices are written directly. All
    errors of the file system are raised as `ExportError`. So are changes of the partial file by other programs, as far
    as `integrity.py` notices them; the complete file of an earlier export then keeps its name.
    """

    def __init__(self, path: Path, format: FileFormat, *, private: bool = False) -> None:
        self.path: Path = path
        self.is_regular_file: bool = path != STDOUT and stat.S_IFMT(_mode(path)) in {0, stat.S_IFREG}
        # A rename would replace a symbolic link, so it gets the real path.
        self.whole: Path = Path(os.path.realpath(path)) if self.is_regular_file else path
        self.partial: Path = self._sibling(".part")
        self.format: str = format.name
        self.rows: int = 0
        self.min_batch_rows: int = format.min_batch_rows
        """Minimum number of rows per batch. Some formats need it, so that batches do not depend on the requests."""
        self.was_modified: bool = False
        """After `begin(prefix)`: whether the partial file was modified after the run that wrote it, or copied."""
        self._format = format
        self._private = private
        self._prefix = ValidPrefix()
        self._tail = b""
        self._file: FileIO | None = None
        self._written: os.stat_result | None = None
        """Status of a regular file after our last write, by which changes of other programs are noticed."""
        self._is_new = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._close()
            if self._is_new and not self._prefix.size:
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

    def begin(self, prefix: ValidPrefix | None = None) -> None:
        """Open a new partial file, or continue an existing one after `prefix` and cut off the rest.

        The first rows of a new one overwrite an earlier partial file. If an existing one does not match `prefix`,
        begin() raises `ExportError` and does not change it.
        """
        with self._map_os_errors():
            if prefix and prefix.size:
                self._resume_from(prefix)
            # A file that this run created and wrote nothing to is deleted at the end.
            self._is_new = self.is_regular_file and not self.partial.exists()
            self._file = self._opened()
            if self._prefix.size:
                self._truncate()
            self._note_status()

    def write(self, rows: Sequence[Raw]) -> ValidPrefix:
        """Write one batch, without a buffer. If it fails, no part of a row is left in the file.

        If another program changed the partial file since the last write, write() raises `UnfinishedExportError`.
        """
        if rows:
            self._append(self._format.batch(rows, first=not self._prefix.size), len(rows))
        return self._prefix

    def finish(self, *, upsert: bool = False) -> None:
        """Complete the file and give it its name. May be called in a thread.

        With `upsert`, the rows of the earlier file whose keys do not occur again come first, then the new ones, each
        key once with its last row. Streams are left as they were written.

        If another program changed the partial file, finish() raises `UnfinishedExportError` and the earlier file keeps
        its name.
        """
        if not self._prefix.size:
            self._append(self._format.batch([], first=True), 0)
        with self._map_os_errors():
            if self._written and self._file:
                self._check_unchanged()
                os.fsync(self._file.fileno())
                self._note_status()  # some network file systems set the modification time here
                self._complete(upsert=upsert)
            self._close()

    # ---------------------------------------------------------------------------------------------- partial file

    def _resume_from(self, prefix: ValidPrefix) -> None:
        """Check that the partial file has these rows, and continue the counts after them."""
        if not self.is_regular_file:
            raise ExportError(f"cannot resume: {self.path} is not a regular file. Start a new export")
        if difference := resume_problem(self.partial, prefix):
            raise UnfinishedExportError(
                f"cannot resume {self.whole}: {self.partial} {difference}. Restore that file if you can",
                path=self.partial,
                rows=prefix.rows,
                can_resume=False,
            )
        self._prefix, self.rows = prefix, prefix.rows
        self._tail = read_tail(self.partial, prefix.size)
        self.was_modified = was_modified_since(self.partial, prefix)

    def _opened(self) -> FileIO:
        """Open the output without a buffer, so that a checkpoint never counts rows that a kill would lose."""
        if self.path == STDOUT:
            if sys.__stdout__ is None:  # descriptor 1 may be a socket by now
                raise ExportError("the standard output is closed. Choose another output")
            return FileIO(1, "ab", closefd=False)
        if self._private:
            self.partial.touch(mode=0o600)
        return self.partial.open("ab", buffering=0)

    def _append(self, data: bytes, rows: int) -> None:
        """Write bytes and update the valid part; after an error, cut off what was written of them."""
        if self._file is None:
            raise ExportError(f"{self.path} is not open. Call begin() first, in a `with` block")
        with self._map_os_errors():
            self._check_unchanged()
            if not self._prefix.size:
                self._truncate()
            try:
                rest = memoryview(data)
                while rest:  # pipes, and disks that are nearly full, take a part at a time
                    rest = rest[self._file.write(rest) :]
            except OSError:
                with suppress(OSError):
                    self._truncate()
                raise
            finally:
                self._note_status()
        self.rows += rows
        self._tail = data[-TAIL:] if len(data) >= TAIL else (self._tail + data)[-TAIL:]
        modified = modification_time(self._written) if self._written else 0
        self._prefix = ValidPrefix(self._prefix.size + len(data), self.rows, zlib.crc32(self._tail), modified)

    def _truncate(self) -> None:
        """Cut off what is not in the valid part. That part did not change, so its modification time is restored."""
        if not (self.is_regular_file and self._file):
            return
        status = os.fstat(self._file.fileno())
        if status.st_size != self._prefix.size:
            self._file.truncate(self._prefix.size)
            if self._prefix.modified:
                with suppress(OSError):  # another user's file; the next run that resumes it warns without need
                    os.utime(self._file.fileno(), ns=(status.st_atime_ns, self._prefix.modified))

    def _note_status(self) -> None:
        if self.is_regular_file and self._file:
            self._written = os.fstat(self._file.fileno())

    def _check_unchanged(self, *, is_complete: bool = False) -> None:
        """Raise if another program wrote to the partial file since our last write, or replaced it."""
        if not self._written:
            return
        difference = write_problem(self.partial, self._written)
        if is_complete:
            difference = difference or completion_problem(self.partial, self._prefix)
        if difference:
            raise UnfinishedExportError(
                f"cannot complete {self.whole}: {self.partial} {difference}. Another program must have written to it",
                path=self.partial,
                rows=self.rows,
                can_resume=False,
            )

    def _close(self) -> None:
        file, self._file = self._file, None
        if file:
            file.close()

    # ------------------------------------------------------------------------------------------------ whole file

    # Crash safety: until the rename, the partial file and the checkpoint are unchanged, so every step can be repeated.
    # A kill between the rename and the unlink leaves both files: merging rows twice changes nothing.
    def _complete(self, *, upsert: bool) -> None:
        """Rename the partial file, or merge it into a new one if it has another format or updates an earlier file."""
        self._check_unchanged(is_complete=True)
        old = self.whole if upsert and self.whole.exists() else None
        last = self._format.last_row_of_each_key(self.partial) if upsert else {}
        if self._format.is_final and not old and len(last) in {0, self.rows}:
            self._close()  # Windows renames no open file
            self.partial.replace(self.whole)
            return
        new = self._sibling(".new")
        try:
            with self._created(new) as target:
                self.rows = self._format.merge(target, old, self.partial, last)
                target.flush()
                os.fsync(target.fileno())
            self._check_unchanged(is_complete=True)  # merging reads the partial file, which takes a while
            self._close()
            new.replace(self.whole)
        finally:
            new.unlink(missing_ok=True)
        self.partial.unlink()

    def _created(self, path: Path) -> BinaryIO:
        # The mode has to be right before the first byte is there.
        if self._private:
            path.touch(mode=0o600)
        return path.open("wb")

    def _sibling(self, suffix: str) -> Path:
        return self.whole.with_name(self.whole.name + suffix) if self.is_regular_file else self.whole

    @contextmanager
    def _map_os_errors(self) -> Iterator[None]:
        """Raise errors of the file system as `ExportError` that says what to do."""
        try:
            yield
        except OSError as error:
            remedy = "Free some space or choose" if error.errno in DISK_FULL else "Choose"
            reason = error.strerror or error
            raise ExportError(f"cannot write {self.partial}: {reason}. {remedy} another file") from error


def _mode(path: Path) -> int:
    """Return the file mode; 0 if there is no such file, or if it cannot be read. Opening it reports the latter."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def usable_path(path: str | os.PathLike[str], what: str) -> Path:
    """Return a path that the file system accepts, or raise `ExportError`. `what` names it in the message."""
    try:
        usable = Path(path)
        if b"\0" in os.fsencode(usable):
            raise ExportError(f"{what} contains a NUL character: {str(usable)!r}. Choose another path")
    except TypeError:
        raise InvalidRequestError(f"{what} must be a path, got {path!r}") from None
    except ValueError as error:
        raise ExportError(f"{what} cannot be a path: {error}. Choose another one") from error
    return usable


FORMATS = {".jsonl", ".ndjson", ".csv", ".parquet"}
COMPRESSIONS: Mapping[str, Callable[[], Compression]] = {"": no_compression, ".gz": gzip_members, ".zst": zstd_frames}


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

    `format` ("jsonl", "csv", "parquet") overrides the extension. The default for a device is JSON Lines. `-` is the
    standard output. `key` is the JSON name of the field that identifies a row. Only their owner can read files of
    models with secrets.

    In CSV, a text that a spreadsheet would run as a formula gets an apostrophe in front, unless `escape` is False.
    `bom` writes a byte order mark, by which Excel recognizes UTF-8.
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
        raise InvalidRequestError(f"{path} cannot be Parquet: Parquet needs a regular file, and compresses by itself")
    if suffix != ".csv" and (bom or not escape):
        raise InvalidRequestError(f"escape and bom are options of CSV, and {path} is another format")
    compression = COMPRESSIONS[packed]()
    file_format: FileFormat
    match suffix:
        case ".csv":
            file_format = Csv(model, key, compression, escape=escape, bom=bom)
        case ".parquet":
            with require_extra("Parquet", "arrow"):
                from calcom_async.export.parquet import Parquet  # noqa: PLC0415 - an extra
            file_format = Parquet(model, key, compression)
        case _:
            file_format = JsonLines(model, key, compression)
    return FileSink(path, file_format, private=bool(getattr(model, "secret_fields", None)))
