"""`export`: lists of the API into files."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from calcom_async.cli.connection import (
    ApiKeyOption,
    BaseUrlOption,
    SandboxOption,
    Where,
    connect,
    fail,
    run,
    stderr,
    where,
)
from calcom_async.errors import CalcomError, InvalidRequestError
from calcom_async.events import Event
from calcom_async.export import Progress as Count
from calcom_async.export import Report, export, open_sink
from calcom_async.export.sinks import FileSink

export_app = typer.Typer(help="Write a list of the API into a file.", no_args_is_help=True)


class Format(StrEnum):
    """Formats of files."""

    JSONL = "jsonl"
    CSV = "csv"


@export_app.callback()
def _keep_bookings_a_command() -> None:
    """Write a list of the API into a file."""


@export_app.command()
def bookings(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file; .jsonl or .csv tells the format.")],
    format: Annotated[Format | None, typer.Option("--format", help="The format, whatever the name.")] = None,
    status: Annotated[
        str | None,
        typer.Option(help="upcoming, recurring, past, cancelled, unconfirmed; several with commas."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Start then or later: a date (00:00 UTC) or a time with its zone."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="End then or earlier: a date (00:00 UTC) or a time with its zone."),
    ] = None,
    take: Annotated[int | None, typer.Option(help="Bookings a page, 1 to 250.")] = None,
    prefetch: Annotated[int, typer.Option(help="Pages to ask for ahead, inside the rate limit.")] = 2,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if the server hides bookings that it counts.")] = False,
    base_url: BaseUrlOption = None,
    api_key: ApiKeyOption = None,
    sandbox: SandboxOption = False,
) -> None:
    """Write bookings into a file of JSON lines or CSV.

    The file is named with .part at its end until it is whole. Each booking comes once; those that the server's paging
    hides are looked for.
    """
    try:
        sink = open_sink(output, format)
        filters = _filters(status, since, until, take=take, prefetch=prefetch, strict=strict)
    except CalcomError as error:
        fail(error)
    board = Board()
    place = where(context, base_url, api_key, sandbox)
    report = run(_run(place, filters, sink, board), on_interrupt=lambda: _how_to_go_on(sink))
    rate = report.rows / report.seconds if report.seconds else 0
    stderr.print(
        f"{report.rows:,} bookings in {report.seconds:.1f} s ({rate:,.0f} a second), {board.requests} requests, "
        f"{board.waited:.1f} s waited for the rate limit: {output}",
        soft_wrap=True,
    )


async def _run(place: Where, filters: dict[str, Any], sink: FileSink, board: Board) -> Report:
    async with connect(place, board.on_event) as cal:
        pages = cal.bookings.list(**filters)
        with board:
            return await export(pages.raw(), sink, on_progress=board.on_progress)


def _filters(status: str | None, since: str | None, until: str | None, **others: Any) -> dict[str, Any]:
    times = {"after_start": _moment("--since", since), "before_end": _moment("--until", until)}
    chosen = {"status": status.split(",") if status else None, **times, **others}
    return {name: value for name, value in chosen.items() if value is not None}


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if len(text) <= len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequestError(f"{option} wants 2026-01-31 or 2026-01-31T09:00+01:00, not {text!r}") from None
    if moment.tzinfo is None:
        raise InvalidRequestError(f"{option} {text} has no time zone: add Z for UTC, or an offset such as +01:00")
    return moment


def _how_to_go_on(sink: FileSink) -> str:
    return (
        f"{sink.rows:,} bookings are in {sink.partial}, whole lines all of them. "
        "The same command starts anew; with --since and the last start in that file it goes on from there."
    )


class Board:
    """The progress bar: rows, rate, calls left, time to go."""

    def __init__(self) -> None:
        self.requests = 0
        self.waited = 0.0
        self.left: int | None = None
        self._bar = Progress(
            TextColumn("bookings"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.speed:,.0f}/s"),
            TextColumn("{task.fields[left]} calls left"),
            TimeRemainingColumn(),
            console=stderr,
            disable=not stderr.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> None:
        self._bar.start()
        self._task = self._bar.add_task("bookings", total=None, left="?")

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_event(self, event: Event) -> None:
        """Keep the figures that events bring."""
        if event.kind == "request":
            self.requests += 1
            self.left = self.left if event.remaining is None else event.remaining
        elif event.kind == "wait":
            self.waited += event.seconds

    def on_progress(self, count: Count) -> None:
        """Move the bar."""
        if self._task is not None:
            left = "?" if self.left is None else self.left
            self._bar.update(self._task, completed=count.rows, total=count.total, left=left)
