"""What the commands share: where to connect, how to run, and what each kind of failure looks like."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import typer

from calcom_async.auth import Credentials
from calcom_async.cli.terminal import say, stdout_pipe
from calcom_async.cli.waiting import AnnouncingLimiter
from calcom_async.client import Calcom
from calcom_async.config import BASE_URL, Config, sends_in_clear
from calcom_async.errors import (
    ApiError,
    CalcomError,
    ConfigError,
    ConnectionFailedError,
    DecodeError,
    ExportError,
    ExportLockedError,
    ForbiddenError,
    IncompleteListError,
    SignatureError,
    SlotTakenError,
    TransportError,
    UnauthorizedError,
    UnknownOutcomeError,
)
from calcom_async.events import Event
from calcom_async.pages import IncompleteListWarning
from calcom_async.rate_limiter import RateLimiter, TokenBucket
from calcom_async.watch import StalenessWarning

T = TypeVar("T")

SANDBOX_BOOKINGS = 2_000
SECONDS_TO_CONNECT = 4.0

BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Base URL of the API. [default: CAL_API_URL]")
]
ApiKeyOption = Annotated[str | None, typer.Option("--api-key", metavar="KEY", help="API key. [default: CAL_API_KEY]")]
AllowHttpOption = Annotated[
    bool,
    typer.Option("--allow-http", help="Allow http:// to other hosts, without encryption, as CAL_ALLOW_HTTP=1 does."),
]
SandboxOption = Annotated[bool, typer.Option("--sandbox", help="Use a built-in Cal.com server with sample data.")]

FAILURES: dict[int, tuple[str, tuple[type[CalcomError], ...]]] = {
    4: ("credentials refused, or not allowed to do this", (UnauthorizedError, ForbiddenError)),
    3: ("refused by Cal.com, or failed there", (ApiError,)),
    5: ("no answer", (TransportError,)),
    6: ("unreadable answer", (DecodeError,)),
    12: ("file in use by another export", (ExportLockedError,)),
    7: ("file not written", (ExportError,)),
    8: ("incomplete list", (IncompleteListError,)),
    9: ("time not free, nothing booked", (SlotTakenError,)),
    10: ("outcome unknown, look before you repeat", (UnknownOutcomeError,)),
    11: ("signature refused", (SignatureError,)),
    2: ("wrong usage or settings", (CalcomError,)),
}
"""Exit codes, looked through in this order, so that the narrower kinds stand first."""

OUTPUT_CLOSED = 141
"""The exit code when whoever reads the output has gone; a shell reports the same for other programs."""

EXIT_CODES = "Exit codes: " + "; ".join(
    [
        "0 done",
        *(f"{code} {what}" for code, (what, _) in sorted(FAILURES.items())),
        "130 interrupted",
        f"{OUTPUT_CLOSED} output closed",
        "143 terminated",
    ]
)

NEW_KEY = (
    "You can create an API key in Cal.com under Settings > Developer > API keys: "
    "https://app.cal.com/settings/developer/api-keys"
)


@dataclass(frozen=True)
class Where:
    """Which Cal.com to talk to, and as whom; what is None comes from the environment."""

    base_url: str | None = None
    api_key: str | None = None
    sandbox: bool = False
    allow_http: bool = False

    def __repr__(self) -> str:
        return f"Where({self.base_url!r}, '***', {self.sandbox}, {self.allow_http})"


def where(
    context: typer.Context, base_url: str | None, api_key: str | None, sandbox: bool, allow_http: bool = False
) -> Where:
    """Options of the command, over those given before it."""
    outer: Where = context.obj or Where()
    return Where(
        base_url or outer.base_url,
        api_key or outer.api_key,
        sandbox or outer.sandbox,
        allow_http or outer.allow_http,
    )


def config_of(place: Where) -> Config:
    """The settings that the environment gives, at the address that the options give."""
    address = {"base_url": place.base_url} if place.base_url else {}
    allow_http = place.allow_http or Config.from_env(base_url=BASE_URL).allow_http
    config = Config.from_env(**address, allow_http=True)
    if sends_in_clear(config.base_url) and not allow_http:
        raise ConfigError(
            f"{config.base_url} would send the API key unencrypted. Use https://, or allow it with --allow-http or "
            "CAL_ALLOW_HTTP=1"
        )
    return config


@asynccontextmanager
async def connect(
    place: Where,
    on_event: Callable[[Event], object] | None = None,
    *,
    limiter: RateLimiter | None = None,
    credentials: Credentials | str | None = None,
    announce_waits: bool = True,
    **more: Any,
) -> AsyncIterator[Calcom]:
    """A client, open, with the built-in sandbox behind it if that is what was asked for; `more` goes to `Calcom`.

    `announce_waits=False` is for a command that shows the waits for the rate limit itself.
    """
    if announce_waits:
        limiter = AnnouncingLimiter(TokenBucket() if limiter is None else limiter)
    settings: dict[str, Any] = {"on_event": on_event, "limiter": limiter, **more}
    if place.sandbox:
        if place.base_url:
            raise ConfigError("--sandbox and --base-url name two places; give one of them")
        from calcom_async.sandbox import Sandbox

        with Sandbox(bookings=SANDBOX_BOOKINGS) as server:
            async with Calcom(credentials or server.api_key, base_url=server.url, **settings) as cal:
                yield cal
        return
    config = config_of(place)
    credentials = credentials or place.api_key
    if not (credentials or config.api_key):
        raise ConfigError(
            f"no API key: give --api-key, or set CAL_API_KEY, or try things out with --sandbox. {NEW_KEY}"
        )
    async with Calcom(credentials, config=config, **settings) as cal:
        yield cal


@contextmanager
def needed(option: str, extra: str) -> Iterator[None]:
    """Import what an option needs; where it is missing, say how to get it."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ConfigError(f"{option} needs {missing.name}: pip install 'calcom-async[{extra}]'") from missing


async def knock(cal: Calcom) -> None:
    """Open a connection, to the proxy if there is one, and close it again, so that a wrong address is told at once.

    The client itself would try for a minute, which is right in the middle of an export and not at its start.
    """
    place = urlsplit(cal.proxy or cal.config.base_url)
    try:
        async with asyncio.timeout(SECONDS_TO_CONNECT):
            port = place.port or (443 if place.scheme == "https" else 80)
            _, writer = await asyncio.open_connection(
                place.hostname, port, ssl=place.scheme == "https", happy_eyeballs_delay=0.25
            )
    except (OSError, ValueError) as error:
        refused = os.strerror(error.errno) if isinstance(error, ConnectionError) and error.errno else None
        why = refused or getattr(error, "strerror", None) or str(error) or f"no answer in {SECONDS_TO_CONNECT:g} s"
        what, settings = (
            ("the proxy ", "the proxy settings of the environment") if cal.proxy else ("", "--base-url, CAL_API_URL")
        )
        raise ConnectionFailedError(
            f"cannot connect to {what}{place.netloc}: {why}. Is the address right ({settings})?", sent=False
        ) from error
    writer.close()


class StoppedError(BaseException):
    """A signal has ended the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(
    main: Coroutine[Any, Any, T],
    *,
    left_behind: Callable[[], str] = str,
    words: Callable[[str], str] = str,
    endless: bool = False,
) -> T:
    """Run to the end; a failure, Ctrl-C or SIGTERM becomes one message on stderr and an exit code.

    `left_behind` adds what is there all the same, and how to go on. `words` rewrites warnings for the command line.
    An `endless` command, which only prints, ends as soon as nobody can read its output.
    """
    with warnings.catch_warnings(), _logs_on_stderr():
        for kind in (IncompleteListWarning, StalenessWarning):
            warnings.simplefilter("always", kind)
        warnings.showwarning = lambda message, *_, **__: say("[yellow]warning:[/]", words(str(message)))
        try:
            return asyncio.run(_until_stopped(main, stdout_pipe() if endless else None))
        except KeyboardInterrupt:
            say("[yellow]interrupted.[/]", left_behind())
            raise typer.Exit(130) from None
        except StoppedError as stop:
            say("[yellow]terminated.[/]", left_behind())
            raise typer.Exit(128 + stop.number) from None
        except CalcomError as error:
            fail(error, left_behind())


async def _until_stopped(main: Coroutine[Any, Any, T], pipe: int | None) -> T:
    """Let SIGTERM, and the SIGHUP of a closed terminal, cancel the task as Ctrl-C does, so that it cleans up.

    The same happens when the reading end of `pipe` is closed.
    """
    task, loop, received = asyncio.current_task(), asyncio.get_running_loop(), list[int]()
    assert task is not None

    def stop(number: int) -> None:
        received.append(number)
        task.cancel()

    def lose_reader() -> None:
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
            # The writing end of a pipe becomes ready to read only when the reading end is closed.
            loop.add_reader(pipe, lose_reader)
    try:
        return await main
    except asyncio.CancelledError:
        if received:
            raise (StoppedError(received[0]) if received[0] else BrokenPipeError) from None
        raise


class _OnStderr(logging.Handler):
    """Log records as messages of the command, since without a handler Python would print them as they are."""

    def emit(self, record: logging.LogRecord) -> None:
        say("[yellow]warning:[/]", *self.format(record).splitlines())


@contextmanager
def _logs_on_stderr() -> Iterator[None]:
    handler = _OnStderr(logging.WARNING)
    # Waits for the rate limit are announced by `AnnouncingLimiter`, or shown by the board of an export.
    handler.addFilter(lambda record: record.module != "rate_limiter")
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def fail(error: CalcomError, left_behind: str = "") -> NoReturn:
    """Say what went wrong, with the notes that the error was given, and leave with the code of its kind."""
    say("[red]error:[/]", *told(error), *filter(None, [left_behind]))
    raise typer.Exit(code_of(error)) from None


def told(error: CalcomError) -> list[str]:
    """The lines that explain an error: its message, its notes, and what to do about a wrong API key."""
    lines = [str(error), *getattr(error, "__notes__", ())]
    # A used-up booking limit of an event type is a 401 as well.
    if isinstance(error, UnauthorizedError) and not error.message.endswith("_limit_reached"):
        lines.append(f"Check the API key (--api-key or CAL_API_KEY). {NEW_KEY}")
    return lines


def code_of(error: BaseException | None) -> int:
    """The exit code of a failure; 1 for one that is a bug of ours."""
    return next((code for code, (_, kinds) in FAILURES.items() if isinstance(error, kinds)), 1)
