"""`slots`: show free times as a timetable, find the first, or watch them open and close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import date, datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from calcom_async.cli.arguments import (
    DurationOption,
    EventArgument,
    OrganizationOption,
    TeamOption,
    TimeZoneOption,
    first_free,
    parse_day,
    parse_event_type,
    parse_zone,
    zone_of,
)
from calcom_async.cli.booking_output import local
from calcom_async.cli.connect import run_with_client
from calcom_async.cli.options import (
    Command,
    JsonOption,
    Target,
    with_target,
)
from calcom_async.cli.tables import Column, print_rows
from calcom_async.cli.terminal import echo, print_json, print_problem, stdout
from calcom_async.client import Calcom
from calcom_async.errors import CalcomError
from calcom_async.models.slots import Slot
from calcom_async.resources.slots import has_room
from calcom_async.time_ranges import DAY, WEEK
from calcom_async.watch import SlotChange, SlotQuery

MAX_LISTED = 3
"""A timetable cell lists at most this many evenly spaced minutes one by one; more are shown as a range."""

SLOT_COLUMNS = [
    Column[Slot]("start", lambda slot: slot.start),
    Column[Slot]("end", lambda slot: slot.end),
    Column[Slot]("seats", lambda slot: slot.seats_remaining),
]

slots: typer.Typer = typer.Typer(name="slots", help="Show, find or watch free times.", no_args_is_help=True)


@slots.command("show", cls=Command, no_args_is_help=True)
@with_target
def show(
    target: Target,
    event: EventArgument,
    start: Annotated[
        str | None, typer.Option(metavar="DATE", help="First day, for example 2026-12-01. [default: today]")
    ] = None,
    days: Annotated[int, typer.Option(metavar="N", min=1, max=31, help="Number of days.")] = 7,
    time_zone: TimeZoneOption = None,
    duration: DurationOption = None,
    team: TeamOption = False,
    organization: OrganizationOption = None,
    json: JsonOption = False,
) -> None:
    """Show the free times of a week.

    On a terminal, this is a table with a column per day and a row per hour. The cells contain the minutes; 00-45/15
    means every 15 minutes from 00 to 45.

    calcom-async slots show ana/thirty --time-zone Europe/Rome
    """
    event_type = parse_event_type(event, team=team, organization=organization)
    if duration is not None:
        event_type["duration"] = duration
    first = None if start is None else parse_day(start, "--start")
    zone = None if time_zone is None else parse_zone(time_zone)

    async def work(cal: Calcom) -> tuple[list[Slot], list[date], ZoneInfo]:
        return await _search(cal, event_type, first, days, zone or await zone_of(cal))

    free, dates, shown = run_with_client(target, work)
    if stdout().is_terminal and not json:
        _print_weeks(event, free, dates, shown)
    else:
        print_rows(free if json else filter(has_room, free), SLOT_COLUMNS, json=json)


@slots.command("first", cls=Command, no_args_is_help=True)
@with_target
def first_slot(
    target: Target,
    event: EventArgument,
    time_zone: TimeZoneOption = None,
    duration: DurationOption = None,
    team: TeamOption = False,
    organization: OrganizationOption = None,
    json: JsonOption = False,
) -> None:
    """Print the first free time of the next 60 days.

    calcom-async slots first ana/thirty --time-zone Europe/Rome
    """
    event_type = parse_event_type(event, team=team, organization=organization)
    if duration is not None:
        event_type["duration"] = duration
    zone = None if time_zone is None else parse_zone(time_zone)

    async def work(cal: Calcom) -> None:
        shown = zone or await zone_of(cal)
        start = await first_free(cal, event_type | {"time_zone": shown.key})
        print_json({"start": start}) if json else echo(local(start, shown))

    run_with_client(target, work)


async def _search(
    cal: Calcom, event_type: dict[str, Any], first: date | None, days: int, zone: ZoneInfo
) -> tuple[list[Slot], list[date], ZoneInfo]:
    """Return the slots of whole days in the time zone, the days, and the time zone."""
    begin = first or datetime.now(zone).date()
    dates = [begin + DAY * number for number in range(days)]
    # The server reads the dates of a search in UTC, so the search is one day longer at each end.
    start, end = dates[0] - DAY, dates[-1] + DAY
    days_of_slots = await cal.slots.search(start=start, end=end, time_zone=zone.key, include_end=True, **event_type)
    slots = [_in_zone(slot, zone) for slot in days_of_slots.slots()]
    return [slot for slot in slots if dates[0] <= slot.start.date() <= dates[-1]], dates, zone


def _in_zone(slot: Slot, zone: ZoneInfo) -> Slot:
    end = slot.end and slot.end.astimezone(zone)
    return msgspec.structs.replace(slot, start=slot.start.astimezone(zone), end=end)


# --- the timetable --------------------------------------------------------------------------------------------------


def _print_weeks(event: str, slots: list[Slot], dates: list[date], zone: ZoneInfo) -> None:
    """Print a timetable for each week."""
    console = stdout()
    name = f"event type {event}" if event.isdecimal() else event
    free = [slot.start for slot in slots if has_room(slot)]
    for begin in range(0, len(dates), WEEK.days):
        week = dates[begin : begin + WEEK.days]
        console.print(f"\n{name}, {_span(week)}, times in {zone.key}", markup=False, highlight=False, style="bold")
        for number, table in enumerate(_split_to_fit(console, free, week)):
            if number:
                console.print()
            console.print(table)


def _split_to_fit(console: Console, free: list[datetime], week: list[date]) -> list[Table]:
    """Return the timetable of a week in as many parts as the width of the terminal needs."""
    unlimited = console.options.update(max_width=10_000)
    for most in range(len(week), 0, -1):
        parts = [week[begin : begin + most] for begin in range(0, len(week), most)]
        tables = [_timetable([start for start in free if start.date() in part], part) for part in parts]
        if all(Measurement.get(console, unlimited, table).maximum <= console.width for table in tables):
            break
    return tables


def _span(week: list[date]) -> str:
    return f"{week[0]:%a} {week[0].day} {week[0]:%b} to {week[-1]:%a} {week[-1].day} {week[-1]:%b %Y}"


def _timetable(free: list[datetime], week: list[date]) -> Table:
    """Return a table with a column per day and a row per hour. The cells contain minutes."""
    minutes: dict[tuple[date, int], list[int]] = {}
    for start in free:
        minutes.setdefault((start.date(), start.hour), []).append(start.minute)
    counts = {day: sum(start.date() == day for start in free) for day in week}
    hours = sorted(start.hour for start in free)
    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column("", justify="right", style="dim")
    for day in week:
        count = f"{counts[day]} free" if counts[day] else "[dim]none[/]"
        table.add_column(f"[bold]{day:%a} {day.day}[/]\n{count}", min_width=7)
    for hour in range(hours[0], hours[-1] + 1) if hours else ():
        table.add_row(f"{hour:02}", *(_minutes_cell(minutes.get((day, hour), [])) for day in week))
    return table


def _minutes_cell(minutes: list[int]) -> str:
    """Return the minutes of an hour. Many at equal distances become `00-45/15`."""
    steps = {later - sooner for sooner, later in pairwise(minutes)}
    if len(minutes) > MAX_LISTED and len(steps) == 1:
        return f"{minutes[0]:02}-{minutes[-1]:02}/{steps.pop()}"
    return " ".join(f"{minute:02}" for minute in minutes)


# --- watch ----------------------------------------------------------------------------------------------------------


@slots.command("watch", cls=Command, no_args_is_help=True)
@with_target
def watch(
    target: Target,
    events: Annotated[
        list[str],
        typer.Argument(metavar="EVENT", help="Ids, USERNAME/SLUG, or booking links.", show_default=False),
    ],
    interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, max=86_400, help="Polling interval per event type.")
    ] = 60,
    days: Annotated[int, typer.Option(metavar="N", min=1, max=366, help="Number of days to watch.")] = 14,
    time_zone: TimeZoneOption = None,
    duration: DurationOption = None,
    team: TeamOption = False,
    organization: OrganizationOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON text per line.")] = False,
) -> None:
    """Print free times that open or close.

    The first lines show the number of free times. Then each line is a time that opened (+) or closed (-), until Ctrl-C.
    With --json, each line has an event, a start and a change: free (at first), opened or closed.

    calcom-async slots watch ana/thirty ana/sixty --interval 30
    """
    targets = {event: parse_event_type(event, team=team, organization=organization) for event in events}
    zone = None if time_zone is None else parse_zone(time_zone)

    async def work(cal: Calcom) -> None:
        shown = zone or await zone_of(cal)
        queries = {
            event: SlotQuery(**event_type, duration=duration, time_zone=shown.key)
            for event, event_type in targets.items()
        }
        watcher = cal.watch_slots(queries, days=days, interval=interval, on_error=_warn_on_error(queries))
        async with aclosing(aiter(watcher)) as changes:
            async for change in changes:
                if json:
                    for row in _rows(change):
                        print_json(row, compact=True)
                else:
                    for line in _lines(change, days, shown):
                        echo(line)

    run_with_client(target, work, endless=True)


def _warn_on_error(queries: dict[str, SlotQuery]) -> Callable[[SlotQuery, CalcomError], None]:
    """Return a handler that prints a warning when a poll has failed. The watcher polls again."""
    names = {query: event for event, query in queries.items()}
    return lambda query, error: print_problem(
        "[yellow]warning:[/]", f"cannot read the free times of {names[query]}, will try again: {error}"
    )


def _rows(change: SlotChange) -> Iterator[dict[str, Any]]:
    """Yield what --json prints for a change: a row for each free time at first, then for each that opens or closes."""
    opened = [("free" if change.is_initial else "opened", slot.start) for slot in change.opened]
    for kind, start in sorted([*opened, *(("closed", slot.start) for slot in change.closed)], key=itemgetter(1)):
        yield {"event": change.key, "change": kind, "start": start}


def _lines(change: SlotChange, days: int, zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines that report a change."""
    if change.is_initial:
        until = (change.seen_at + timedelta(days=days)).astimezone(zone)
        yield f"{change.key}: {len(change.opened)} free until {until:%Y-%m-%d %H:%M}, times in {zone.key}"
        return
    changes = [("+", slot.start) for slot in change.opened] + [("-", slot.start) for slot in change.closed]
    for sign, start in sorted(changes, key=itemgetter(1)):
        yield f"{sign} {start.astimezone(zone):%Y-%m-%d %H:%M} {change.key}"
