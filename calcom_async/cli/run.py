"""Run a command: warnings and log records go to stderr, and an error or a signal ends it with one message."""

from __future__ import annotations

import asyncio
import logging
import signal
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar

import typer

from calcom_async.cli.exit_codes import INTERRUPTED, exit_code
from calcom_async.cli.hints import hint_for, warning_lines
from calcom_async.cli.terminal import print_json, print_problem, print_status, stdout_pipe
from calcom_async.errors import CalcomError, ReadOnlyError
from calcom_async.export import ModifiedFileWarning
from calcom_async.pages import IncompleteListWarning
from calcom_async.watch import StalenessWarning

T = TypeVar("T")


class StoppedError(BaseException):
    """A signal ended the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(
    main: Coroutine[Any, Any, T],
    *,
    resume_hint: Callable[[], str] = str,
    endless: bool = False,
) -> T:
    """Run to the end. An error, Ctrl-C or SIGTERM becomes one message on stderr and an exit code.

    `resume_hint` says what was saved and how to continue.
    An `endless` command, which only prints, ends as soon as the reader of its output closes the pipe.
    """
    with warnings.catch_warnings(), _logs_on_stderr():
        for category in (IncompleteListWarning, ModifiedFileWarning, StalenessWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = lambda message, *_, **__: print_problem("[yellow]warning:[/]", *warning_lines(message))
        try:
            return asyncio.run(_until_stopped(main, stdout_pipe() if endless else None))
        except KeyboardInterrupt:
            print_problem("[yellow]interrupted.[/]", resume_hint())
            raise typer.Exit(INTERRUPTED) from None
        except StoppedError as stop:
            print_problem("[yellow]terminated.[/]", resume_hint())
            raise typer.Exit(128 + stop.number) from None
        except ReadOnlyError as error:
            _print_dry_run(error)
        except CalcomError as error:
            fail(error, resume_hint())


def _print_dry_run(error: ReadOnlyError) -> NoReturn:
    """Print the request that --dry-run has not sent."""
    print_status("[yellow]dry run:[/]", "nothing was changed. Without --dry-run the command would send:")
    print_json({"method": error.method, "path": f"/v2{error.path}", "body": error.body})
    raise typer.Exit(0)


async def _until_stopped(main: Coroutine[Any, Any, T], pipe: int | None) -> T:
    """Let SIGTERM, and the SIGHUP of a closed terminal, cancel the task as Ctrl-C does, so that it cleans up.

    The same happens when the reading end of `pipe` is closed.
    """
    task, loop, received = asyncio.current_task(), asyncio.get_running_loop(), list[int]()
    assert task is not None

    def stop(number: int) -> None:
        received.append(number)
        task.cancel()

    def on_reader_closed() -> None:
        assert pipe is not None
        loop.remove_reader(pipe)
        stop(0)

    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
                loop.add_signal_handler(number, stop, number)
    if pipe is not None:
        with suppress(NotImplementedError, OSError):
            # The writing end of a pipe becomes readable only when the reading end is closed.
            loop.add_reader(pipe, on_reader_closed)
    try:
        return await main
    except asyncio.CancelledError:
        if received:
            raise (StoppedError(received[0]) if received[0] else BrokenPipeError) from None
        raise


class _StderrHandler(logging.Handler):
    """Prints log records as messages of the command. Without a handler, Python prints them as they are."""

    def emit(self, record: logging.LogRecord) -> None:
        print_problem("[yellow]warning:[/]", *self.format(record).splitlines())


@contextmanager
def _logs_on_stderr() -> Iterator[None]:
    """Print log records of level WARNING and above on stderr inside this block."""
    handler = _StderrHandler(logging.WARNING)
    # `AnnouncingLimiter`, or the progress of an export, displays waits for the rate limit.
    handler.addFilter(lambda record: record.module != "rate_limiter")
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def fail(error: CalcomError, resume_hint: str = "") -> NoReturn:
    """Print an error with its notes, and exit with its code."""
    print_problem("[red]error:[/]", *error_lines(error), *filter(None, [resume_hint]))
    raise typer.Exit(exit_code(error)) from None


def error_lines(error: CalcomError) -> list[str]:
    """Return the message of an error, the notes that the command added, and what the user can do about it."""
    return [error.message, *getattr(error, "__notes__", ()), *filter(None, [hint_for(error)])]
