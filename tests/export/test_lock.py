"""One export at a time writes a file, in one process or in several, and nobody waits for a process that is gone."""

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

from calcom_async import ExportError, ExportLockedError
from calcom_async.export import ExportLockWarning, lock
from calcom_async.export.lock import exclusive

HOLD = "import sys; from pathlib import Path; from calcom_async.export.lock import exclusive\n"
UNTIL_TOLD = "print('locked', flush=True); sys.stdin.readline()"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def holder(here: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start another process that runs a program and holds what it locked until it is told or killed."""

    def start(program: str) -> subprocess.Popen[str]:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", HOLD + program],
                env=cli_environment(), cwd=here, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
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


def spellings(here: Path) -> list[Path]:
    """Ways to one file."""
    (here / "folder").mkdir()
    (here / "link").symlink_to(here / "folder")
    (here / "linked.jsonl").symlink_to(here / "folder" / "a.jsonl")
    names = ["folder/a.jsonl", "link/a.jsonl", "folder/../link/./a.jsonl", "linked.jsonl"]
    return [here / name for name in names] + [Path("folder/a.jsonl")]


def test_one_file_is_locked_once_however_it_is_spelled(here: Path) -> None:
    """Links and other spellings of a path are the same file; a second holder in this process is refused."""
    ways = spellings(here)
    for path in ways:
        with exclusive(path):
            assert all(is_locked(way) for way in ways)
            assert not is_locked(here / "other.jsonl")
            with pytest.raises(ExportLockedError, match="another export is writing"), exclusive(here / "other", path):
                pass
            assert not is_locked(here / "other")
        assert not any(is_locked(way) for way in ways)


def test_a_path_that_is_named_twice_is_locked_once(here: Path) -> None:
    """A checkpoint and an output may share a lock within one run."""
    with exclusive(Path("a"), here / "a"):
        assert is_locked(Path("a"))


@pytest.mark.parametrize("failing", [False, True])
def test_no_lock_file_is_left(here: Path, *, failing: bool) -> None:
    """The lock file goes with the lock, after an error too."""
    with suppress(ZeroDivisionError), exclusive(here / "a"):
        assert [file.name for file in here.iterdir()] == ["a.lock"]
        assert 1 / (not failing)
    assert list(here.iterdir()) == []


def test_another_process_is_excluded(here: Path, holder: Callable[[str], subprocess.Popen[str]]) -> None:
    """While a process holds a file no other one gets it; a refused one leaves the lock alone."""
    process = holder(f"with exclusive(Path('a')): {UNTIL_TOLD}")
    assert is_locked(here / "a")
    assert is_locked(here / "a")
    process.communicate("end\n", timeout=TIMEOUT)
    assert not is_locked(here / "a")


def test_a_killed_process_blocks_nobody(here: Path, holder: Callable[[str], subprocess.Popen[str]]) -> None:
    """The lock of a killed process is gone, and the lock file that it left is used and deleted."""
    process = holder(f"with exclusive(Path('a')): {UNTIL_TOLD}")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=TIMEOUT)
    assert (here / "a.lock").exists()
    assert not is_locked(here / "a")
    assert list(here.iterdir()) == []


# The forked child tells when it runs: by then it has closed its copies of the descriptors.
FORK = "ready, started = os.pipe(); os.fork() or os.write(started, b'.') and time.sleep(60); os.read(ready, 1)"


@pytest.mark.slow
@pytest.mark.parametrize("start", ["subprocess.Popen(['sleep', '60'], close_fds=False)", FORK], ids=["start", "fork"])
def test_children_do_not_keep_the_lock(start: str, here: Path, holder: Callable[[str], subprocess.Popen[str]]) -> None:
    """A process that the holder started or forked does not hold its lock after the holder is killed."""
    process = holder(f"import os, subprocess, time\nwith exclusive(Path('a')):\n    {start}\n    {UNTIL_TOLD}")
    process.send_signal(signal.SIGKILL)
    process.wait(TIMEOUT)
    assert not is_locked(here / "a")


def test_a_lock_file_that_is_deleted_meanwhile_is_made_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever locks a file that another process has just deleted locks nothing, and so tries again."""
    acquire, calls = lock._lock, []

    def deleted_first(file: int) -> None:
        if not calls:
            (here / "a.lock").unlink()
        calls.append(file)
        acquire(file)

    monkeypatch.setattr(lock, "_lock", deleted_first)
    with exclusive(here / "a"):
        assert len(calls) == 2
        assert (here / "a.lock").exists()


def test_a_file_of_that_name_with_content_is_kept(here: Path) -> None:
    """Somebody's own file that ends with .lock is neither changed nor deleted."""
    (here / "poetry.lock").write_text("content")
    with exclusive(here / "poetry"):
        assert is_locked(here / "poetry")
    assert (here / "poetry.lock").read_text() == "content"


def test_a_lock_file_that_was_replaced_is_kept(here: Path) -> None:
    """Only the own lock file is deleted, not one that stands in its place."""
    with exclusive(here / "a"):
        (here / "a.lock").unlink()
        (here / "a.lock").touch()
    assert (here / "a.lock").exists()


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS])
def test_without_locks_of_the_file_system_there_is_a_warning(
    number: int, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning names the place; within the process exports exclude each other all the same."""

    def unsupported(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock, "_lock", unsupported)
    with pytest.warns(ExportLockWarning, match=f"{here} is on a file system without locks"), exclusive(here / "a"):
        assert is_locked(here / "a")
    assert list(here.iterdir()) == []


def test_a_lock_that_cannot_be_made_is_an_export_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder, a folder in the place of the lock file, and a fault of the disk are told."""
    (here / "a.lock").mkdir()
    for path in (here / "a", here / "nowhere" / "a", here / ("a" * 255)):
        with pytest.raises(ExportError, match=r"cannot write .*\.lock"), exclusive(path):
            pass

    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(lock, "_lock", failing)
    with pytest.raises(ExportError, match="cannot lock"), exclusive(here / "b"):
        pass
