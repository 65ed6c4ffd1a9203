"""Book and reschedule so that a lost response is looked for, and never followed by a second booking.

    try -> succeeded                     return it
        -> refused for another reason    raise
        -> response lost, or slot taken  look -> found: return it
                                              -> nothing: try again where that is safe, else say why not

Cal.com has no idempotency keys. In their place each booking carries a key in its metadata, which tells the booking of
this call from another one of the same attendee, and a seat from the seats of others in the same booking. A host has one
accepted booking at a time, so that a repeat can only be refused. Of pending, round-robin and seated bookings the server
recognizes a repeat, unless the first request is still under way. Hence the pauses between the looks, and a last look
after a repeat that cancels what was made twice.
"""

from calcom_async.booking.create import IDEMPOTENCY_KEY, book
from calcom_async.booking.reschedule import RescheduleFields, reschedule

__all__ = ["IDEMPOTENCY_KEY", "RescheduleFields", "book", "reschedule"]
