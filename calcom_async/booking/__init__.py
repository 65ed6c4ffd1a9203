"""Create and reschedule bookings so that a lost response never leads to a second booking.

`cal.book` checks that the time is free, books it, and looks for the booking before it tries again. Many callers can
compete for one slot; a bot that takes the first free time needs a loop:

```python
from datetime import UTC, datetime, timedelta
from calcom_async import SlotTakenError
from calcom_async.models import Attendee

ada = Attendee(name="Ada", email="ada@example.com", time_zone="Europe/Rome")
now = datetime.now(UTC)
while slot := await cal.slots.first_available(event_type_id=1, start=now, end=now + timedelta(days=60)):
    try:
        booking = await cal.book(start=slot.start, event_type_id=1, attendee=ada)
        break
    except SlotTakenError as error:
        print("another attendee was faster; free times near it:", error.alternatives)
```

- `idempotency_key="order-7"`: a later call with the same key, event type and start returns the existing booking as it
  is now, even if it was rescheduled. A cancelled or rejected booking does not count.
- `check=False` skips the availability check, and so allows start times outside the slot grid.
- `reserve=True` reserves the slot while it is booked. It needs `event_type_id`.
- `cal.book_series(recurrence_count=4, ...)` books all occurrences of a recurring event type, or none.
- `cal.link("https://cal.com/ana/30min")` has `slots` and `book` for the event type of a booking link.
- `cal.cancel(uid)`, `cal.confirm(uid)` and `cal.decline(uid)` find out what happened if a response is lost.
- `cal.agenda(date(2026, 12, 1), days=7)` returns the bookings of the user by day.
- `cal.reschedule(uid, start=...)` accepts the uid from before an earlier reschedule, too.

The server does not guarantee two things. Where a host has to confirm, several attendees can hold pending bookings of
one slot. A seated event type can get more attendees than seats if they book at the same instant. Without credentials,
or for event types whose bookings you cannot list, a lost response is an `UnknownOutcomeError`.

How it works: `reconcile.run_safely` runs the operation. After each failure it looks for the booking on the server
before it tries again; `create` and `reschedule` tell it how. Cal.com has no idempotency keys. Instead, each booking
stores a key in its metadata (`IDEMPOTENCY_KEY`). The key distinguishes the booking of this call from another one of
the same attendee, and a seat from the other seats of its booking.

How safe a retry is depends on the event type. A host has one accepted booking at a time, so the server rejects a
duplicate. It also recognizes duplicates of pending, round-robin and seated bookings, unless the first request is
still in progress. Therefore look-ups are delayed and repeated, and a successful retry is followed by one more
look-up, which cancels duplicates.
"""

from calcom_async.booking.agenda import AgendaDay, agenda
from calcom_async.booking.booking_request import IDEMPOTENCY_KEY
from calcom_async.booking.create import book, book_series
from calcom_async.booking.decisions import cancel, confirm, decline
from calcom_async.booking.link import BookingLink
from calcom_async.booking.reschedule import reschedule

__all__ = [
    "IDEMPOTENCY_KEY",
    "AgendaDay",
    "BookingLink",
    "agenda",
    "book",
    "book_series",
    "cancel",
    "confirm",
    "decline",
    "reschedule",
]
