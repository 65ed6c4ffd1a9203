"""Book and reschedule so that a lost answer is looked for, and never answered by a second booking.

    ask -> answered                      return it
        -> refused, nothing lost before  raise, unless the time is said to be taken
        -> answer lost, or time taken    look -> found: return it
                                              -> nothing: ask again where that is safe, else say why not

Cal.com knows no idempotency keys. In their place each booking carries a mark in its metadata, which tells the booking
of this call from another one of the same attendee, and a seat from the seats of others in the same booking. Of accepted
bookings a host has one for a time, so that a repeat can only be refused; for pending, round-robin and seated ones the
server recognises a repeat, unless the first request is still under way. Hence the pauses between the looks, and a last
look after a repeat that takes back what was made twice all the same.
"""

from calcom_async.booking.create import MARK, book
from calcom_async.booking.move import RescheduleFields, reschedule

__all__ = ["MARK", "RescheduleFields", "book", "reschedule"]
