"""Checks that a partial file still has the bytes that the export wrote, at a cost per batch and none per row.

A checksum of everything would cost a third of an export. So this does what the index of git does: it compares what the
file system says about the file.

    before each batch, and before the file gets its name    same file, size and modification time as after the last
                                                            write; at the end also the same last 4 KiB
    when an interrupted export resumes                      at least the size in the checkpoint, and the same 4 KiB
                                                            before its end; if the size is the same and the
                                                            modification time is not, a warning, because copying a
                                                            file changes its time too

An edit is not noticed if it keeps the size and the last 4 KiB, and one of these is true:

- It is made within one step of the file system's clock after our own write: 1 to 10 ms on Linux, up to 2 s on FAT and
  on some network file systems. Or it is made while fsync() writes the file to the disk.
- The program that makes it sets the modification time back (`touch -r`, `rsync --times`).
- The partial file is longer than the checkpoint says: the export was killed between a write and its checkpoint.
- It is made on Windows, which may set the modification time of an open file late. There, times are not compared.

The time of the last status change (`st_ctime`) would show a time that was set back. But backup programs change it too,
by hard links and attributes, and then an export that lost nothing would fail. On a network file system whose server
sets times by its own clock, an export can fail although nobody wrote to the file. Export to a local disk there.
"""

from __future__ import annotations

import os
import sys
import zlib
from pathlib import Path

import msgspec

from calcom_async.export.plan import Count

TAIL = 4096
"""Bytes at the end of the valid part that are read and compared."""
TIMES_ARE_EXACT = sys.platform != "win32"


class ModifiedFileWarning(UserWarning):
    """A partial file was modified after the run that wrote it, or it was copied. Its rows are used."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path: Path = path
        self.message: str = (
            f"{path} was modified after the interrupted export had written it, or it was copied. The last rows are "
            "intact and the export continues after them, but earlier rows may have been changed"
        )

    def __str__(self) -> str:
        return f"{self.message}. If it was not only copied, export again with restart=True"


class ValidPrefix(msgspec.Struct, frozen=True):
    """Valid part of a partial file: its size in bytes, its number of rows, and the CRC-32 of its last `TAIL` bytes.

    `modified` is the modification time of the file in nanoseconds after the write that ended this part, 0 if unknown.
    """

    size: Count = 0
    rows: Count = 0
    crc: Count = 0
    modified: int = 0


def modification_time(status: os.stat_result) -> int:
    """Return the modification time in nanoseconds; 0 where the system may set it some time after the write."""
    return status.st_mtime_ns if TIMES_ARE_EXACT else 0


def resume_problem(path: Path, prefix: ValidPrefix) -> str:
    """Return why a file does not have this prefix, or an empty text."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "is gone"
    if size < prefix.size:
        return f"has only {size:,} bytes of {prefix.size:,}"
    return "" if _has_tail(path, prefix) else "was changed"


def was_modified_since(path: Path, prefix: ValidPrefix) -> bool:
    """Return whether a file of exactly this prefix has another modification time than when it was written."""
    status = path.stat()
    return status.st_size == prefix.size and prefix.modified not in {0, modification_time(status)}


def write_problem(path: Path, written: os.stat_result) -> str:
    """Return how a file differs from its status after our last write, or an empty text."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return "is gone"
    if not os.path.samestat(status, written):
        return "was replaced by another file"
    if status.st_size != written.st_size:
        return f"has {status.st_size:,} bytes instead of {written.st_size:,}"
    return "was changed" if modification_time(status) != modification_time(written) else ""


def completion_problem(path: Path, prefix: ValidPrefix) -> str:
    """Return how a file differs from the prefix that it should consist of, or an empty text."""
    size = path.stat().st_size
    if size != prefix.size:
        return f"has {size:,} bytes instead of {prefix.size:,}"
    return "" if _has_tail(path, prefix) else "was changed"


def _has_tail(path: Path, prefix: ValidPrefix) -> bool:
    return zlib.crc32(read_tail(path, prefix.size)) == prefix.crc


def read_tail(path: Path, size: int) -> bytes:
    """Return the last `TAIL` bytes of the first `size` bytes."""
    with path.open("rb") as file:
        file.seek(max(0, size - TAIL))
        return file.read(min(size, TAIL))
