"""Locks that keep two exports from writing one file, in one process or in several.

A lock is a file next to the one it protects, `FILE.lock`. The operating system releases the lock when the process ends,
however it ends, so the lock file of a killed process blocks nobody.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from calcom_async.errors import ExportError, ExportLockedError

if sys.platform == "win32":  # pragma: no cover - there is no Windows in CI
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


TAKEN = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
UNSUPPORTED = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL}
ATTEMPTS = 50
"""Another process may delete the lock file between opening and locking it; then the new one is opened."""


class ExportLockWarning(UserWarning):
    """The file system has no locks, so other processes could write the same file during an export."""


_held: dict[str, list[int]] = {}
"""Real paths that this process has locked, with the descriptors of their lock files; empty without file locks."""


def _close_after_fork() -> None:
    """Close the descriptors that a fork has copied: the child would keep the locks of a dead parent."""
    for files in _held.values():
        while files:
            os.close(files.pop())
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_after_fork)


@contextmanager
def exclusive(*paths: Path) -> Iterator[None]:
    """Lock each path for the duration of the block. Raises `ExportLockedError` if one of them is locked.

    Different spellings of a path, and symbolic links to it, count as one path. If the file system has no locks, this
    emits an `ExportLockWarning`, and excludes only exports of the same process.
    """
    with ExitStack() as stack:
        for path in dict.fromkeys(os.path.normcase(os.path.realpath(path)) for path in paths):
            stack.enter_context(_exclusive(path))
        yield


@contextmanager
def _exclusive(path: str) -> Iterator[None]:
    """Lock one real path."""
    files: list[int] = []
    # Before the file is opened: on some systems, closing a second descriptor releases the lock of the first one.
    if _held.setdefault(path, files) is not files:
        raise _locked_error(path)
    name = path + ".lock"
    try:
        files += _acquire(path, name)
        yield
    finally:
        # Delete the file while it is locked. Otherwise another process could lock it in between, and hold a lock on a
        # deleted file. A forked child has no descriptors here.
        while files:
            _discard(name, files.pop(), unlink=True)
        _held.pop(path, None)


def _acquire(path: str, name: str) -> list[int]:
    """Return the descriptor of the locked lock file, in a list that is empty if the file system has no locks."""
    for _ in range(ATTEMPTS):
        try:
            file = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise ExportError(f"cannot write {name}: {error.strerror}; choose another place") from error
        try:
            _lock(file)
        except OSError as error:
            _discard(name, file, unlink=error.errno in UNSUPPORTED)
            if error.errno in TAKEN:
                raise _locked_error(path) from None
            if error.errno not in UNSUPPORTED:
                raise ExportError(f"cannot lock {name}: {error.strerror}; choose another place") from error
            warnings.warn(
                f"{os.path.dirname(path)} is on a file system without locks ({error.strerror}): make sure that no "  # noqa: PTH120
                f"other process exports to {path} at the same time",
                ExportLockWarning,
                stacklevel=6,
            )
            return []
        if _is_at(name, file):
            return [file]
        os.close(file)
    raise _locked_error(path)


def _discard(name: str, file: int, *, unlink: bool) -> None:
    """Close a lock file, and with `unlink` delete it."""
    # Lock files are empty, so a file with content belongs to someone else. So does one that replaced ours.
    is_ours = unlink and _is_at(name, file) and os.fstat(file).st_size == 0
    if is_ours and sys.platform != "win32":
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
    os.close(file)
    if is_ours and sys.platform == "win32":  # pragma: no cover - Windows deletes no open file
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108


def _is_at(name: str, file: int) -> bool:
    """Whether a path still refers to an open file."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(name))  # noqa: PTH116
    except OSError:
        return False


def _locked_error(path: str) -> ExportLockedError:
    return ExportLockedError(f"another export is writing {path}. Wait until it has finished, or choose another output")
