"""`bookings watch`: print what happens to bookings, and continue after the last change of an earlier run."""

from __future__ import annotations

import os
from contextlib import aclosing, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from calcom_async.cli.arguments import TimeZoneOption, instants_of, parse_bound, parse_zone, zone_of
from calcom_async.cli.booking_output import local
from calcom_async.cli.connect import run_with_client
from calcom_async.cli.options import Target, with_target
from calcom_async.cli.terminal import echo, print_json, print_problem
from calcom_async.client import Calcom
from calcom_async.errors import CalcomError, ConfigError, ExportError
from calcom_async.watch import BookingChange

MAX_STATE_BYTES = 100


@with_target
def watch(
    target: Target,
    interval: Annotated[float, typer.Option(metavar="SECONDS", min=1, max=86_400, help="Polling interval.")] = 60,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Print changes since this date or time too. Ignored if the file of --state exists. [default: now]",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Continue where the last watch with this file ended. It is created. Each watch needs its own.",
        ),
    ] = None,
    event_type: Annotated[int | None, typer.Option(metavar="ID", help="Only bookings of this event type.")] = None,
    team: Annotated[
        int | None, typer.Option(metavar="ID", help="Bookings of this team, if the server can list its changes.")
    ] = None,
    time_zone: TimeZoneOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON text per line.")] = False,
) -> None:
    """Print what happens to bookings.

    Each line is the change (created, rescheduled, cancelled, confirmed, rejected or updated), the start, the uid and
    the title of a booking, until Ctrl-C. With --json, each line has the change, both uids and the booking. Several
    changes between two polls are one line. Bookings that are deleted, or that another host takes over, are not
    noticed. With --since or --state, the changes of the 5 minutes before that time can come too.

    calcom-async bookings watch --json --state bookings.watch
    """
    begin = None if since is None else parse_bound(since, "--since")
    zone = None if time_zone is None else parse_zone(time_zone)
    stored = None if state is None else _read_state(state)

    async def work(cal: Calcom) -> None:
        shown = zone or await zone_of(cal)
        lists: Any = cal if team is None else cal.team(team)
        after, _ = instants_of(begin, None, shown.key)
        watcher = cal.watch_bookings(
            lists.bookings,
            interval=interval,
            since=stored or after,
            on_error=_warn,
            event_type_id=event_type,
        )
        _save_state(state, stored or await watcher.start())
        try:
            async with aclosing(aiter(watcher)) as changes:
                async for change in changes:
                    _save_state(state, watcher.watermark)
                    print_json(_row(change), compact=True) if json else echo(_line(change, shown))
        finally:
            _save_state(state, watcher.watermark)

    run_with_client(target, work, endless=True)


def _warn(error: CalcomError) -> None:
    """Print a warning when a poll has failed. The watcher polls again."""
    print_problem("[yellow]warning:[/]", f"cannot read the changed bookings, will try again: {error}")


def _row(change: BookingChange) -> dict[str, Any]:
    return {
        "change": change.kind,
        "uid": change.uid,
        "previousUid": change.previous_uid,
        "seenAt": change.seen_at,
        "booking": change.booking,
    }


def _line(change: BookingChange, zone: ZoneInfo) -> str:
    before = f" (was {change.previous_uid})" if change.previous_uid else ""
    return f"{change.kind} {local(change.booking.start, zone)} {change.uid}{before} {change.booking.title}"


def _read_state(file: Path) -> datetime | None:
    """Return the time that an earlier run has stored, or None if there is no file."""
    try:
        with file.open(encoding="utf-8") as stream:
            stored = datetime.fromisoformat(stream.read(MAX_STATE_BYTES).strip())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror or error}") from None
    except ValueError:
        raise ConfigError(f"--state {file} is not a file of bookings watch: it has no time") from None
    if stored.tzinfo is None:
        raise ConfigError(f"--state {file} is not a file of bookings watch: its time has no UTC offset")
    return stored


def _save_state(file: Path | None, watermark: datetime | None) -> None:
    """Replace the file in one step."""
    if file is None or watermark is None:
        return
    partial = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        partial.write_text(f"{watermark.isoformat()}\n", encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise ExportError(f"cannot write {file}: {error.strerror or error}") from None
