"""`bookings`: list, show and change bookings."""

from __future__ import annotations

from contextlib import aclosing
from datetime import date, datetime
from itertools import count
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from calcom_async.cli.arguments import TimeZoneOption, parse_bound, parse_zone, zone_of
from calcom_async.cli.connect import run_with_client
from calcom_async.cli.exit_codes import EXIT_CODES_HELP
from calcom_async.cli.options import Command, JsonOption, Target, some_of, with_target
from calcom_async.cli.tables import Column, row_printer
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.models.bookings import Booking, BookingAttendee
from calcom_async.resources.booking_lists import PAGINATION, STATUSES
from calcom_async.time_ranges import DAY, first_instant

bookings: typer.Typer = typer.Typer(name="bookings", help="List, show and change bookings.", no_args_is_help=True)


@bookings.command("list", cls=Command, epilog=EXIT_CODES_HELP)
@with_target
def list_bookings(
    target: Target,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            parser=some_of(STATUSES),
            help=f"Only bookings with this status: {', '.join(STATUSES)}. Separate several with commas.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only bookings that start on or after this date, or at or after this time."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only bookings that end on or before this date, or at or before this time."),
    ] = None,
    event_type: Annotated[int | None, typer.Option(metavar="ID", help="Only bookings of this event type.")] = None,
    attendee: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Only bookings with this attendee. Letter case matters.")
    ] = None,
    team: Annotated[int | None, typer.Option(metavar="ID", help="Bookings of this team instead of yours.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most this many bookings.")] = None,
    time_zone: TimeZoneOption = None,
    json: JsonOption = False,
) -> None:
    """List bookings.

    Times and dates are in the time zone, in JSON in UTC.

    calcom-async bookings list --status upcoming --limit 20

    calcom-async bookings list --since 2026-12-01 --until 2026-12-31 --json
    """
    begin = None if since is None else parse_bound(since, "--since")
    end = None if until is None else parse_bound(until, "--until")
    zone = None if time_zone is None else parse_zone(time_zone)

    async def work(cal: Calcom) -> None:
        shown = zone or await zone_of(cal)
        after, before = _first_instant(begin, shown), _first_instant(_after_day(end), shown)
        if after and before and after > before:
            raise InvalidRequestError(f"--since {since} is later than --until {until}")
        lists: Any = cal if team is None else cal.team(team)
        pages = lists.bookings.list(
            status=status,
            after_start=after,
            before_end=before,
            event_type_id=event_type,
            attendee_email=attendee,
            take=limit and min(limit, PAGINATION.maximum),
        )
        with row_printer(booking_columns(shown), json=json, note=f"times in {shown.key}") as print_row:
            async with aclosing(aiter(pages)) as rows:
                numbers = count(1)
                async for booking in rows:
                    print_row(booking)
                    if next(numbers) == limit:
                        break

    run_with_client(target, work)


def _after_day(end: date | datetime | None) -> date | datetime | None:
    """Return the day after a date, at whose first instant the date ends; a time as it is."""
    return end if end is None or isinstance(end, datetime) else end + DAY


def _first_instant(bound: date | datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if bound is None else first_instant(bound, "bound", zone.key)


def booking_columns(zone: ZoneInfo) -> list[Column[Booking]]:
    """Return the columns of a list of bookings, with times in a time zone."""
    return [
        Column("uid", lambda booking: booking.uid),
        Column("start", lambda booking: booking.start and booking.start.astimezone(zone)),
        Column("end", lambda booking: booking.end and booking.end.astimezone(zone), in_table=False),
        Column("title", lambda booking: booking.title, can_shorten=True),
        Column("status", lambda booking: booking.status),
        Column("attendees", lambda booking: ", ".join(map(contact, booking.attendees)), can_shorten=True),
        Column("event_type", lambda booking: booking.event_type_id, in_table=False),
        Column("location", lambda booking: booking.location, in_table=False),
    ]


def contact(attendee: BookingAttendee) -> str:
    """Return by what an attendee can be reached, or else the name."""
    return attendee.display_email or attendee.email or attendee.phone_number or attendee.name or "unknown"
