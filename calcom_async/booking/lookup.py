"""Read bookings in a bounded number of requests: all at one start, and the chain of reschedules of one."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from typing import Any

from calcom_async.errors import CalcomError
from calcom_async.models.bookings import Booking
from calcom_async.resources.bookings import Bookings

PAGE_SIZE = 100
MAX_ROWS = 10_000
MAX_RESCHEDULES = 100


async def bookings_at(bookings: Bookings, start: datetime, **filters: Any) -> list[Booking]:
    """Fetch the bookings of every status that begin at `start`.

    Reads pages until a booking begins later. Raises `CalcomError` after 10,000 rows.
    """
    matching: list[Booking] = []
    number = 0
    # The list has no filter for one start: `after_start` includes it, and `before_end` would need the length.
    pages = bookings.list(after_start=start, sort_start="asc", take=PAGE_SIZE, **filters)
    async with aclosing(aiter(pages)) as rows:
        async for row in rows:
            # A start that could not be read, or has no time zone, says nothing about the rows that follow.
            if row.start is not None and row.start.tzinfo is not None and row.start > start:
                break
            if row.start == start:
                matching.append(row)
            number += 1
            if number == MAX_ROWS:
                raise CalcomError(f"more than {MAX_ROWS} bookings are listed at {start.isoformat()}")
    return matching


async def follow_reschedules(bookings: Bookings, booking: Booking) -> list[Booking]:
    """Fetch the chain of reschedules: `booking` itself, then the booking after each reschedule, the latest last.

    Raises `CalcomError` if the chain does not end.
    """
    chain = [booking]
    while following := chain[-1].rescheduled_to_uid:
        if len(chain) > MAX_RESCHEDULES or following in {earlier.uid for earlier in chain}:
            raise CalcomError(f"the reschedules of booking {booking.uid} form an endless chain")
        chain.append(await bookings.get(following))
    return chain
