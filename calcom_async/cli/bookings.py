"""`bookings`: list, show and change bookings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from itertools import count
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from calcom_async.cli.arguments import (
    StartOption,
    TimeZoneOption,
    first_free,
    instants_of,
    parse_bound,
    parse_start,
    parse_zone,
    zone_of,
)
from calcom_async.cli.booking_output import (
    booking_columns,
    print_booking,
    print_details,
    start_hints,
    times_of,
)
from calcom_async.cli.booking_watch import watch
from calcom_async.cli.connect import run_with_client
from calcom_async.cli.options import Command, DryRunOption, JsonOption, Target, some_of, with_target
from calcom_async.cli.tables import row_printer
from calcom_async.cli.terminal import print_json, print_status
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.models.bookings import Booking
from calcom_async.resources.booking_lists import PAGINATION, STATUSES

UidArgument = Annotated[
    str, typer.Argument(metavar="UID", help="Uid of the booking, as bookings list prints it.", show_default=False)
]
SeatOption = Annotated[str | None, typer.Option("--seat-uid", metavar="UID", help="Change only this seat.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Reason for the attendees.")]

bookings: typer.Typer = typer.Typer(name="bookings", help="List, show and change bookings.", no_args_is_help=True)


@bookings.command("list", cls=Command)
@with_target
def list_bookings(
    target: Target,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            parser=some_of(STATUSES),
            autocompletion=lambda: STATUSES,
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
        after, before = instants_of(begin, end, shown.key)
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


@bookings.command("get", cls=Command, no_args_is_help=True)
@with_target
def get(target: Target, uid: UidArgument, time_zone: TimeZoneOption = None, json: JsonOption = False) -> None:
    """Show a booking.

    calcom-async bookings get 7VhzkCJqGGKFyRTrhfzvNU
    """
    zone = None if time_zone is None else parse_zone(time_zone)

    async def work(cal: Calcom) -> None:
        booking = await cal.bookings.get(uid)
        if json:
            print_json(booking)
        else:
            print_details(booking, zone or await zone_of(cal))

    run_with_client(target, work)


bookings.command("watch", cls=Command)(watch)


# --- changes --------------------------------------------------------------------------------------------------------


@bookings.command("cancel", cls=Command, no_args_is_help=True)
@with_target
def cancel(
    target: Target,
    uid: UidArgument,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Reason for the attendees. Hosts must usually give one."),
    ] = None,
    seat_uid: SeatOption = None,
    following: Annotated[
        bool, typer.Option("--following", help="Cancel this occurrence of a series and all later ones.")
    ] = False,
    time_zone: TimeZoneOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Cancel a booking.

    calcom-async bookings cancel 7VhzkCJqGGKFyRTrhfzvNU --reason Ill --dry-run
    """
    if following and seat_uid:
        raise InvalidRequestError("--following cancels whole bookings, so it cannot be combined with --seat-uid")

    async def change(cal: Calcom, booking: Booking, zone: ZoneInfo) -> Booking:
        if booking.is_cancelled:
            moved = booking.rescheduled_to_uid
            state = f"was rescheduled and has the uid {moved} now" if moved else "is cancelled already"
            raise InvalidRequestError(f"booking {uid} {state}")
        return await cal.cancel(uid, reason=reason, seat_uid=seat_uid, following=following)

    _change(target, uid, change, time_zone, dry_run=dry_run, json=json)


@bookings.command("reschedule", cls=Command, no_args_is_help=True)
@with_target
def reschedule(
    target: Target,
    uid: UidArgument,
    start: StartOption,
    reason: ReasonOption = None,
    seat_uid: SeatOption = None,
    time_zone: TimeZoneOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Move a booking or a seat to a free time.

    The booking gets a new uid, which is printed. It is moved once: if the response is lost, the command finds out
    whether it was moved before it tries again. The uid from before an earlier reschedule is accepted too.

    calcom-async bookings reschedule 7VhzkCJqGGKFyRTrhfzvNU --start first
    """
    when = parse_start(start)

    async def change(cal: Calcom, booking: Booking, zone: ZoneInfo) -> Booking:
        if when is None and booking.event_type_id is None:
            raise InvalidRequestError("the event type of the booking was deleted. Give a time in --start, not first")
        search = {"event_type_id": booking.event_type_id, "time_zone": zone.key}
        new_start = when or await first_free(cal, search, not_at=booking.start)
        with start_hints(new_start, zone):
            return await cal.reschedule(uid, start=new_start, reason=reason, seat_uid=seat_uid)

    _change(target, uid, change, time_zone, dry_run=dry_run, json=json)


@bookings.command("confirm", cls=Command, no_args_is_help=True)
@with_target
def confirm(
    target: Target,
    uid: UidArgument,
    time_zone: TimeZoneOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Accept a pending booking.

    Cal.com does not check whether the time is free.

    calcom-async bookings confirm 7VhzkCJqGGKFyRTrhfzvNU
    """

    async def change(cal: Calcom, booking: Booking, zone: ZoneInfo) -> Booking:
        return await cal.confirm(uid)

    _change(target, uid, change, time_zone, dry_run=dry_run, json=json)


@bookings.command("decline", cls=Command, no_args_is_help=True)
@with_target
def decline(
    target: Target,
    uid: UidArgument,
    reason: ReasonOption = None,
    time_zone: TimeZoneOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Decline a pending booking.

    calcom-async bookings decline 7VhzkCJqGGKFyRTrhfzvNU --reason "Fully booked"
    """

    async def change(cal: Calcom, booking: Booking, zone: ZoneInfo) -> Booking:
        return await cal.decline(uid, reason=reason)

    _change(target, uid, change, time_zone, dry_run=dry_run, json=json)


def _change(
    target: Target,
    uid: str,
    change: Callable[[Calcom, Booking, ZoneInfo], Awaitable[Booking]],
    time_zone: str | None,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    """Read a booking, change it, and print the result."""
    zone = None if time_zone is None else parse_zone(time_zone)

    async def work(cal: Calcom) -> None:
        shown = zone or await zone_of(cal)
        booking = await cal.bookings.get(uid)
        if dry_run:
            print_status("[yellow]dry run:[/]", f"{booking.title}, {times_of(booking, shown)}, {booking.status}")
        print_booking(await change(cal, booking, shown), shown, json=json)

    run_with_client(target, work, dry_run=dry_run)
