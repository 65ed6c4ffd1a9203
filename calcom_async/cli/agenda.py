"""`agenda`: the bookings of the user, day by day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from calcom_async.booking import AgendaDay, agenda as booked_days
from calcom_async.booking.agenda import MAX_DAYS
from calcom_async.cli.arguments import TimeZoneOption, parse_day, parse_zone
from calcom_async.cli.booking_output import attendees_of, booking_columns
from calcom_async.cli.connect import run_with_client
from calcom_async.cli.options import JsonOption, Target, with_target
from calcom_async.cli.tables import Column, aligned, column_widths, print_rows
from calcom_async.cli.terminal import one_line, stdout
from calcom_async.client import Calcom
from calcom_async.models.bookings import Booking
from calcom_async.time_ranges import DAY

Meeting = tuple[Booking, date]
"""A booking, and the day on which it is shown."""
DAYS_FROM_TODAY = {"today": 0, "tomorrow": 1, "yesterday": -1}


@with_target
def agenda(
    target: Target,
    day: Annotated[
        str, typer.Argument(metavar="DAY", help="First day: a date such as 2026-12-01, today, tomorrow or yesterday.")
    ] = "today",
    days: Annotated[int, typer.Option(metavar="N", min=1, max=MAX_DAYS, help="Number of days.")] = 1,
    time_zone: TimeZoneOption = None,
    json: JsonOption = False,
) -> None:
    """Show your bookings, day by day.

    These are the accepted and pending bookings that you host or attend. On a terminal, the time between two bookings
    is shown as well. Otherwise each booking is one row, as in bookings list.

    calcom-async agenda

    calcom-async agenda 2026-12-01 --days 7 --time-zone Europe/Rome
    """
    first = None if day.casefold() in DAYS_FROM_TODAY else parse_day(day, "DAY", words=", today, tomorrow or yesterday")
    zone = None if time_zone is None else parse_zone(time_zone)

    async def work(cal: Calcom) -> None:
        me = await cal.me.get()
        shown = zone or parse_zone(me.time_zone)
        start = first or datetime.now(shown).date() + DAYS_FROM_TODAY[day.casefold()] * DAY
        agenda_days = await booked_days(cal.bookings, me, start=start, days=days, time_zone=shown.key)
        if stdout().is_terminal and not json:
            _print_days(agenda_days, shown)
        else:
            bookings = {booking.uid: booking for agenda_day in agenda_days for booking in agenda_day.bookings}
            print_rows(bookings.values(), booking_columns(shown), json=json)

    run_with_client(target, work)


def _print_days(days: list[AgendaDay], zone: ZoneInfo) -> None:
    """Print a paragraph for each day with bookings, and a line for each other day."""
    meetings = [(booking, day.day) for day in days for booking in day.bookings]
    columns = _columns(zone, with_status=any(booking.is_pending for booking, _ in meetings))
    lines = [[one_line(column.value(meeting)) for column in columns] for meeting in meetings]
    console = stdout()
    widths = column_widths(columns, lines, console.width) if lines else []
    remaining = iter(lines)
    for number, day in enumerate(days):
        if number and (day.bookings or days[number - 1].bookings):
            console.print()
        heading = f"{day.day:%a} {day.day.day} {day.day:%b %Y}"
        console.print(Text.assemble((heading, "bold"), ("" if day.bookings else ": no bookings", "dim")))
        busy_until: datetime | None = None
        for booking in day.bookings:
            if busy_until and busy_until < booking.start:
                console.print(Text(_gap(busy_until, booking.start, day.day, zone), "dim"))
            console.print(Text(aligned(next(remaining), widths, columns)), soft_wrap=True)
            busy_until = max(busy_until or booking.end, booking.end)
    console.print()
    count = len({booking.uid for booking, _ in meetings})
    console.print(Text(f"{count} booking{'' if count == 1 else 's'}, times in {zone.key}", "dim"))


def _columns(zone: ZoneInfo, *, with_status: bool) -> list[Column[Meeting]]:
    status = Column[Meeting]("status", lambda meeting: meeting[0].status if meeting[0].is_pending else "")
    return [
        Column("times", lambda meeting: _times(meeting[0].start, meeting[0].end, meeting[1], zone)),
        Column("uid", lambda meeting: meeting[0].uid),
        *([status] if with_status else []),
        Column("title", lambda meeting: meeting[0].title, can_shorten=True),
        Column("attendees", lambda meeting: attendees_of(meeting[0]), can_shorten=True),
    ]


def _gap(start: datetime, end: datetime, day: date, zone: ZoneInfo) -> str:
    """Return a line for the time between two bookings."""
    hours, minutes = divmod((end - start) // timedelta(minutes=1), 60)
    length = " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])
    return f"{_times(start, end, day, zone)}  no booking for {length or 'less than 1 min'}"


def _times(start: datetime, end: datetime, day: date, zone: ZoneInfo) -> str:
    """Return two times of day, with the day of the week for a time on another day."""
    times = [time.astimezone(zone) for time in (start, end)]
    return "-".join(f"{time:%H:%M}" if time.date() == day else f"{time:%a %H:%M}" for time in times)
