"""agenda(): the meetings of a person, day by day."""

from __future__ import annotations

from contextlib import aclosing
from datetime import date

import msgspec

from calcom_async.errors import InvalidRequestError, in_range, shown
from calcom_async.models.bookings import Booking
from calcom_async.models.me import Me
from calcom_async.models.times import parse_date
from calcom_async.resources.bookings import Bookings
from calcom_async.time_ranges import DAY, first_instant

MAX_DAYS = 366


class AgendaDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a time zone, and the bookings that overlap it, by start."""

    day: date
    bookings: list[Booking]


async def agenda(
    bookings: Bookings, me: Me, *, start: date | str, days: int = 1, time_zone: str | None = None
) -> list[AgendaDay]:
    """Return the accepted and pending bookings that `me` hosts or attends, for each day from `start`."""
    first = parse_date(start, "start")
    if isinstance(days, bool) or not isinstance(days, int) or not in_range(days, 1, MAX_DAYS):
        raise InvalidRequestError(f"days must be an integer from 1 to {MAX_DAYS}, got {shown(days)}")
    zone = me.time_zone if time_zone is None else time_zone
    try:
        dates = [first + DAY * number for number in range(days)]
        midnights = [first_instant(day, "start", zone) for day in [*dates, dates[-1] + DAY]]
        # The filters find bookings that lie in their range. The first and the last one may reach beyond the days.
        since, until = midnights[0] - DAY, midnights[-1] + DAY
    except OverflowError:
        raise InvalidRequestError(f"start is out of range: {first.isoformat()}") from None
    # Without a status, because "upcoming" leaves out the bookings of today that are over.
    async with aclosing(aiter(bookings.list(after_start=since, before_end=until))) as rows:
        meetings = [
            booking
            async for booking in rows
            if (booking.is_accepted or booking.is_pending) and _has_times(booking) and _takes_part(me, booking)
        ]
    meetings.sort(key=lambda booking: (booking.start, booking.end, booking.uid))
    return [
        AgendaDay(
            day=day,
            bookings=[booking for booking in meetings if booking.start < next_midnight and booking.end > midnight],
        )
        for day, midnight, next_midnight in zip(dates, midnights, midnights[1:], strict=False)
    ]


def _has_times(booking: Booking) -> bool:
    """Whether both times could be read. A booking without them has no day."""
    return all(time is not None and time.tzinfo is not None for time in (booking.start, booking.end))


def _takes_part(me: Me, booking: Booking) -> bool:
    """Whether the person hosts or attends it. Lists also have the bookings of teams that the person administers."""
    emails = [*(host.email for host in booking.hosts), *(attendee.email for attendee in booking.attendees)]
    is_host = any(host.id == me.id for host in booking.hosts)
    return is_host or me.email.casefold() in {(email or "").casefold() for email in emails}
