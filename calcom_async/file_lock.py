"""Locks of files that exclude other processes, and other users of the file in this process.

A lock is a file next to the one it protects, `FILE.lock`. The operating system releases the lock when the process ends,
however it ends, so the lock file of a killed process blocks nobody. Nothing here waits.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from calcom_async.errors import CalcomError

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


def real_path(path: str | os.PathLike[str]) -> str:
    """Return the path that `acquire` takes: different spellings of it, and symbolic links to it, are one path."""
    return os.path.normcase(os.path.realpath(path))


def acquire(path: str, error: type[CalcomError]) -> OSError | None:
    """Lock a real path. Raises `BlockingIOError` if it is locked, and `error` if there can be no lock file.

    Returns None, or the error of a file system without locks: the path is then locked only within this process.
    """
    files: list[int] = []
    # Before the file is opened: on some systems, closing a second descriptor releases the lock of the first one.
    if _held.setdefault(path, files) is not files:
        raise BlockingIOError(errno.EWOULDBLOCK, "locked", path)
    try:
        file = _open_and_lock(path + ".lock", error)
    except BaseException as reason:
        if isinstance(reason, OSError) and reason.errno in UNSUPPORTED:
            return reason
        _held.pop(path, None)
        raise
    files.append(file)
    return None


def release(path: str) -> None:
    """Release the lock of a real path, and delete the lock file."""
    # Delete the file while it is locked. Otherwise another process could lock it in between, and hold a lock on a
    # deleted file. A forked child has no descriptors here.
    files = _held.get(path, [])
    while files:
        _discard(path + ".lock", files.pop(), unlink=True)
    _held.pop(path, None)


def _open_and_lock(name: str, error: type[CalcomError]) -> int:
    """Return the descriptor of the locked lock file; raise `OSError` if it is locked or cannot be."""
    for _ in range(ATTEMPTS):
        try:
            file = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as reason:
            raise error(f"cannot write {name}: {reason.strerror}; choose another place") from reason
        try:
            _lock(file)
        except OSError as reason:
            _discard(name, file, unlink=reason.errno in UNSUPPORTED)
            if reason.errno in TAKEN:
                break
            if reason.errno in UNSUPPORTED:
                raise
            raise error(f"cannot lock {name}: {reason.strerror}; choose another place") from reason
        if _is_at(name, file):
            return file
        os.close(file)
    raise BlockingIOError(errno.EWOULDBLOCK, "locked", name)


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
