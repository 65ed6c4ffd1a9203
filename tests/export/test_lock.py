"""Locks: one export at a time writes a file, in one process or in several, and a killed process blocks no other."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from cli_process import TIMEOUT, cli_environment

from calcom_async import ExportError, ExportLockedError, file_lock
from calcom_async.export import ExportLockWarning
from calcom_async.export.lock import exclusive

HOLD = "import sys; from pathlib import Path; from calcom_async.export.lock import exclusive\n"
UNTIL_INPUT = "print('locked', flush=True); sys.stdin.readline()"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def start_owner(folder: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start another process that runs a program and keeps its lock until it gets input or is killed."""

    def start(program: str) -> subprocess.Popen[str]:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", HOLD + program],
                env=cli_environment(), cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                start_new_session=True,
            )
        )  # fmt: skip
        stack.callback(end, process)
        assert process.stdout
        assert process.stdout.readline() == "locked\n"
        return process

    with ExitStack() as stack:
        yield start


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process and those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def is_locked(path: Path) -> bool:
    try:
        with exclusive(path):
            return False
    except ExportLockedError:
        return True


def paths_to_one_file(folder: Path) -> list[Path]:
    """Return several paths to one file."""
    (folder / "folder").mkdir()
    (folder / "link").symlink_to(folder / "folder")
    (folder / "linked.jsonl").symlink_to(folder / "folder" / "a.jsonl")
    names = ["folder/a.jsonl", "link/a.jsonl", "folder/../link/./a.jsonl", "linked.jsonl"]
    return [folder / name for name in names] + [Path("folder/a.jsonl")]


def test_all_paths_of_a_file_share_a_lock(folder: Path) -> None:
    """Links and other spellings of a path are the same file, and a second lock in this process is an error."""
    paths = paths_to_one_file(folder)
    for path in paths:
        with exclusive(path):
            assert all(is_locked(path) for path in paths)
            assert not is_locked(folder / "other.jsonl")
            with pytest.raises(ExportLockedError, match="another export is writing"), exclusive(folder / "other", path):
                pass
            assert not is_locked(folder / "other")
        assert not any(is_locked(path) for path in paths)


def test_a_path_that_is_given_twice_is_locked_once(folder: Path) -> None:
    """A checkpoint and an output can share a lock within one run."""
    with exclusive(Path("a"), folder / "a"):
        assert is_locked(Path("a"))


@pytest.mark.parametrize("failing", [False, True])
def test_no_lock_file_is_left(folder: Path, *, failing: bool) -> None:
    """The lock file is deleted with the lock, also after an error."""
    with suppress(ZeroDivisionError), exclusive(folder / "a"):
        assert [file.name for file in folder.iterdir()] == ["a.lock"]
        assert 1 / (not failing)
    assert list(folder.iterdir()) == []


def test_another_process_is_excluded(folder: Path, start_owner: Callable[[str], subprocess.Popen[str]]) -> None:
    """While one process has the lock, no other one gets it, and a failed attempt leaves the lock alone."""
    process = start_owner(f"with exclusive(Path('a')): {UNTIL_INPUT}")
    assert is_locked(folder / "a")
    assert is_locked(folder / "a")
    process.communicate("end\n", timeout=TIMEOUT)
    assert not is_locked(folder / "a")


def test_a_killed_process_blocks_no_other(folder: Path, start_owner: Callable[[str], subprocess.Popen[str]]) -> None:
    """Its lock is released, and the lock file that it left is used and deleted."""
    process = start_owner(f"with exclusive(Path('a')): {UNTIL_INPUT}")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=TIMEOUT)
    assert (folder / "a.lock").exists()
    assert not is_locked(folder / "a")
    assert list(folder.iterdir()) == []


# The forked child writes a byte when it runs. By then it has closed its copies of the descriptors.
FORK = "ready, started = os.pipe(); os.fork() or os.write(started, b'.') and time.sleep(60); os.read(ready, 1)"


@pytest.mark.slow
@pytest.mark.parametrize("start", ["subprocess.Popen(['sleep', '60'], close_fds=False)", FORK], ids=["start", "fork"])
def test_children_do_not_keep_the_lock(
    start: str, folder: Path, start_owner: Callable[[str], subprocess.Popen[str]]
) -> None:
    """A process that the owner of a lock started or forked does not have the lock after the owner is killed."""
    process = start_owner(f"import os, subprocess, time\nwith exclusive(Path('a')):\n    {start}\n    {UNTIL_INPUT}")
    process.send_signal(signal.SIGKILL)
    process.wait(TIMEOUT)
    assert not is_locked(folder / "a")


def test_a_lock_file_that_is_deleted_while_it_is_locked_is_created_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a deleted file excludes no other process, so the file is opened again."""
    acquire, calls = file_lock._lock, []

    def deleted_first(file: int) -> None:
        if not calls:
            (folder / "a.lock").unlink()
        calls.append(file)
        acquire(file)

    monkeypatch.setattr(file_lock, "_lock", deleted_first)
    with exclusive(folder / "a"):
        assert len(calls) == 2
        assert (folder / "a.lock").exists()


def test_a_file_with_content_is_kept(folder: Path) -> None:
    """A file of the user whose name ends with .lock is neither changed nor deleted."""
    (folder / "poetry.lock").write_text("content")
    with exclusive(folder / "poetry"):
        assert is_locked(folder / "poetry")
    assert (folder / "poetry.lock").read_text() == "content"


def test_a_lock_file_that_was_replaced_is_kept(folder: Path) -> None:
    """Only the own lock file is deleted, not another one at the same path."""
    with exclusive(folder / "a"):
        (folder / "a.lock").unlink()
        (folder / "a.lock").touch()
    assert (folder / "a.lock").exists()


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_a_warning(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning names the directory. Exports of one process still exclude each other."""

    def unsupported(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_lock, "_lock", unsupported)
    with pytest.warns(ExportLockWarning, match=f"{folder} is on a file system without locks"), exclusive(folder / "a"):
        assert is_locked(folder / "a")
    assert list(folder.iterdir()) == []


def test_a_lock_that_fails_is_an_export_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So are a missing directory, a directory at the path of the lock file, and a fault of the disk."""
    (folder / "a.lock").mkdir()
    for path in (folder / "a", folder / "nowhere" / "a", folder / ("a" * 255)):
        with pytest.raises(ExportError, match=r"cannot write .*\.lock"), exclusive(path):
            pass

    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(file_lock, "_lock", failing)
    with pytest.raises(ExportError, match="cannot lock"), exclusive(folder / "b"):
        pass
