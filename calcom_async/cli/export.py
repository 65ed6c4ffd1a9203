"""`export`: lists of the API into files."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from calcom_async.cli.board import Board
from calcom_async.cli.connection import (
    EXIT_CODES,
    ApiKeyOption,
    BaseUrlOption,
    SandboxOption,
    Where,
    connect,
    fail,
    knock,
    run,
    stderr,
    where,
)
from calcom_async.errors import CalcomError, InvalidRequestError
from calcom_async.export import Progress, Report, export, open_sink
from calcom_async.export.sinks import FileSink

export_app: typer.Typer = typer.Typer(help="Write a list of the API into a file.", no_args_is_help=True)


class Format(StrEnum):
    """Formats of files."""

    JSONL = "jsonl"
    CSV = "csv"


@export_app.callback()
def _before_the_list(
    context: typer.Context,
    base_url: BaseUrlOption = None,
    api_key: ApiKeyOption = None,
    sandbox: SandboxOption = False,
) -> None:
    context.obj = where(context, base_url, api_key, sandbox)


@export_app.command(epilog=EXIT_CODES)
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
    take: Annotated[int | None, typer.Option(min=1, max=250, help="Bookings a page.")] = None,
    prefetch: Annotated[int, typer.Option(min=0, help="Pages to ask for ahead, inside the rate limit.")] = 2,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if the server hides bookings that it counts.")] = False,
    base_url: BaseUrlOption = None,
    api_key: ApiKeyOption = None,
    sandbox: SandboxOption = False,
) -> None:
    """Write bookings into a file of JSON lines or CSV, by their start.

    The file is named with .part at its end until it is whole. Each booking comes once; those that the server's paging
    hides are looked for. A pipe or a device takes JSON lines unless --format says otherwise.
    """
    try:
        sink = open_sink(output, format)
        filters = _filters(status, since, until, take=take, prefetch=prefetch, strict=strict)
    except CalcomError as error:
        fail(error)
    board, trail = Board(), Trail(sink)
    report = run(_run(where(context, base_url, api_key, sandbox), filters, sink, board, trail), left_behind=trail.told)
    rate = report.rows / report.seconds if report.seconds else 0
    stderr.print(
        f"{report.rows:,} bookings in {report.seconds:.1f} s ({rate:,.0f} a second), {board.requests} requests, "
        f"{board.waited:.1f} s waited for the rate limit: {output}",
        markup=False,
    )


async def _run(place: Where, filters: dict[str, Any], sink: FileSink, board: Board, trail: Trail) -> Report:
    def on_progress(count: Progress) -> None:
        board.on_progress(count)
        trail.follow(count)

    async with connect(place, board.on_event) as cal:
        pages = cal.bookings.list(**filters).raw()
        await knock(cal)
        async with board.following(cal):
            return await export(pages, sink, on_progress=on_progress)


def _filters(status: str | None, since: str | None, until: str | None, **others: Any) -> dict[str, Any]:
    after, before = _moment("--since", since), _moment("--until", until)
    if after and before and after > before:
        raise InvalidRequestError(f"--since {since} is later than --until {until}")
    statuses = status.split(",") if status is not None else None
    chosen = {"status": statuses, "after_start": after, "before_end": before, "sort_start": "asc", **others}
    return {name: value for name, value in chosen.items() if value is not None}


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if len(text) <= len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequestError(f"{option} wants 2026-01-31 or 2026-01-31T09:00+01:00, not {text!r}") from None
    raise InvalidRequestError(f"{option} {text} has no time zone: add Z for UTC, or an offset such as +01:00")


class Trail:
    """How far an export came, for those who have to go on from there."""

    def __init__(self, sink: FileSink) -> None:
        self._sink = sink
        self._start = ""
        self._in_order = True

    def follow(self, count: Progress) -> None:
        """Remember the latest start; a start before it belongs to the search for hidden bookings."""
        start = msgspec.json.decode(count.last).get("start") or ""
        self._in_order = self._in_order and start >= self._start
        self._start = start

    def told(self) -> str:
        """What is in the partial file, and how to get the rest."""
        if not self._sink.rows:
            return ""
        onwards = (
            f"To go on from there, give --since {self._start} and another file to the same command; bookings of that "
            "very time come again. "
            if self._in_order and self._start
            else ""
        )
        return (
            f"{self._sink.rows:,} bookings are in {self._sink.partial}, whole lines all of them. "
            f"{onwards}The same command as it was starts anew, which is surer where many bookings share a time."
        )
