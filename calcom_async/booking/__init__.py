"""Create and reschedule bookings so that a lost response never leads to a second booking.

`reconcile.run_safely` runs the operation. After each failure it looks for the booking on the server before it tries
again; `create` and `reschedule` tell it how. Cal.com has no idempotency keys. Instead, each booking stores a key in its
metadata. The key distinguishes the booking of this call from another one of the same attendee, and a seat from the
other seats of its booking.

How safe a retry is depends on the event type. A host has one accepted booking at a time, so the server rejects a
duplicate. It also recognizes duplicates of pending, round-robin and seated bookings, unless the first request is still
in progress. Therefore look-ups are delayed and repeated, and a successful retry is followed by one more look-up, which
cancels duplicates.
"""

from calcom_async.booking.create import IDEMPOTENCY_KEY, book, book_series
from calcom_async.booking.reschedule import reschedule

__all__ = ["IDEMPOTENCY_KEY", "book", "book_series", "reschedule"]
