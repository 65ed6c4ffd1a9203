"""What the commands share: where to connect, how to run, and what each kind of failure looks like."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console

from calcom_async.client import Calcom
from calcom_async.config import Config
from calcom_async.errors import (
    ApiError,
    CalcomError,
    DecodeError,
    ExportError,
    ForbiddenError,
    IncompleteListError,
    TransportError,
    UnauthorizedError,
)
from calcom_async.events import Event

T = TypeVar("T")

SANDBOX_BOOKINGS = 2_000

BaseUrlOption = Annotated[str | None, typer.Option("--base-url", help="Where the API lives; else CAL_API_URL.")]
ApiKeyOption = Annotated[str | None, typer.Option("--api-key", help="The API key; else CAL_API_KEY.")]
SandboxOption = Annotated[bool, typer.Option("--sandbox", help="Use a built-in Cal.com with made-up data.")]

# Looked through in this order, so that the narrower kinds stand first.
FAILURES: tuple[tuple[int, type[CalcomError], str], ...] = (
    (4, UnauthorizedError, "credentials refused"),
    (4, ForbiddenError, "not allowed"),
    (3, ApiError, "refused by Cal.com"),
    (5, TransportError, "no answer"),
    (6, DecodeError, "unreadable answer"),
    (7, ExportError, "file not written"),
    (8, IncompleteListError, "incomplete list"),
    (2, CalcomError, "wrong usage or settings"),
)
_BY_CODE = sorted(FAILURES, key=itemgetter(0))
EXIT_CODES = ", ".join(["0 done", *(f"{code} {what}" for code, _, what in _BY_CODE), "130 interrupted"])

stderr = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Where:
    """Which Cal.com to talk to, and as whom; what is None comes from the environment."""

    base_url: str | None = None
    api_key: str | None = None
    sandbox: bool = False

    def __repr__(self) -> str:
        return f"Where({self.base_url!r}, '***', {self.sandbox})"


def where(context: typer.Context, base_url: str | None, api_key: str | None, sandbox: bool) -> Where:
    """Options of the command, over those given before it."""
    outer: Where = context.obj or Where()
    return Where(base_url or outer.base_url, api_key or outer.api_key, sandbox or outer.sandbox)


@asynccontextmanager
async def connect(place: Where, on_event: Callable[[Event], object] | None = None) -> AsyncIterator[Calcom]:
    """A client, open, with the built-in sandbox behind it if that is what was asked for."""
    if place.sandbox:
        from calcom_async.sandbox import Sandbox

        with Sandbox(bookings=SANDBOX_BOOKINGS) as server:
            async with Calcom(server.api_key, base_url=server.url, on_event=on_event) as cal:
                yield cal
        return
    config = Config.from_env(**({"base_url": place.base_url} if place.base_url else {}))
    async with Calcom(place.api_key, config=config, on_event=on_event) as cal:
        yield cal


def run(main: Coroutine[Any, Any, T], *, on_interrupt: Callable[[], str] | None = None) -> T:
    """Run to the end; a failure becomes one message on stderr and an exit code, Ctrl-C the words of `on_interrupt`."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, *_, **__: stderr.print(f"[yellow]warning:[/] {message}")
        try:
            return asyncio.run(main)
        except KeyboardInterrupt:
            stderr.print(f"interrupted. {on_interrupt() if on_interrupt else ''}", soft_wrap=True)
            raise typer.Exit(130) from None
        except CalcomError as error:
            fail(error)


def fail(error: CalcomError) -> NoReturn:
    """Say what went wrong and leave with the code of its kind."""
    stderr.print("[red]error:[/]", end=" ")
    stderr.print(str(error), markup=False, soft_wrap=True)
    raise typer.Exit(next(code for code, kind, _ in FAILURES if isinstance(error, kind))) from None
