"""Locks that keep two exports from writing one file, in one process or in several."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from calcom_async.errors import ExportError, ExportLockedError
from calcom_async.file_lock import acquire, real_path, release


class ExportLockWarning(UserWarning):
    """The file system has no locks, so other processes could write the same file during an export."""


@contextmanager
def exclusive(*paths: Path) -> Iterator[None]:
    """Lock each path for the duration of the block. Raises `ExportLockedError` if one of them is locked.

    Different spellings of a path, and symbolic links to it, count as one path. If the file system has no locks, this
    emits an `ExportLockWarning`, and excludes only exports of the same process.
    """
    with ExitStack() as stack:
        for path in dict.fromkeys(map(real_path, paths)):
            try:
                unsupported = acquire(path, ExportError)
            except BlockingIOError:
                raise ExportLockedError(
                    f"another export is writing {path}. Wait until it has finished, or choose another output"
                ) from None
            stack.callback(release, path)
            if unsupported:
                warnings.warn(
                    f"{os.path.dirname(path)} is on a file system without locks ({unsupported.strerror}): make sure "  # noqa: PTH120
                    f"that no other process exports to {path} at the same time",
                    ExportLockWarning,
                    stacklevel=3,
                )
        yield
