"""Read bookings in bounded work: those at one start, and what a booking has become after moves."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from typing import Any

from calcom_async.errors import CalcomError
from calcom_async.models.bookings import Booking
from calcom_async.resources.bookings import Bookings

PAGE = 100
MOST_ROWS = 10_000
MOST_MOVES = 100


async def bookings_at(bookings: Bookings, start: datetime, **filters: Any) -> list[Booking]:
    """Fetch the bookings that begin at `start`, of every status, over all pages until the start is later."""
    found: list[Booking] = []
    number = 0
    pages = bookings.list(after_start=start, sort_start="asc", take=PAGE, **filters)
    async with aclosing(aiter(pages)) as rows:
        async for row in rows:
            if row.start is not None and row.start.tzinfo is not None and row.start > start:
                break
            if row.start == start:
                found.append(row)
            number += 1
            if number == MOST_ROWS:
                raise CalcomError(f"more than {MOST_ROWS} bookings are listed at {start.isoformat()}")
    return found


async def follow_reschedules(bookings: Bookings, booking: Booking) -> list[Booking]:
    """Fetch what a booking has become: the booking itself, then the one after each move, the latest last."""
    chain = [booking]
    while later := chain[-1].rescheduled_to_uid:
        if len(chain) > MOST_MOVES or later in {one.uid for one in chain}:
            raise CalcomError(f"the moves of booking {booking.uid} do not end")
        chain.append(await bookings.get(later))
    return chain
