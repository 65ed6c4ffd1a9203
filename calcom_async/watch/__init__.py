"""Watch slots or bookings by polling, within the rate limit, and report what has changed.

    poll_scheduler    decides which query is polled when, within a share of the rate limit
    watcher           `Watcher`: the loop, failures and intervals that both watchers share

    slot_queries      what to watch: event types as `SlotQuery`, and the range of time
    slot_changes      what changed between two polls of slots: pure functions
    slot_watcher      `SlotWatcher` polls slots, and yields which opened and closed

    booking_changes   what happened to a booking between two polls: pure functions
    tracked_bookings  the states that were seen lately, and the changes that follow from them
    booking_watcher   `BookingWatcher` polls bookings, and yields the changes

Changes are not queued. The next change of a key or a booking is the difference between the state that was delivered
last and the one known now. So a slow reader gets fewer and larger changes, a slot that opened and closed in between is
not reported, and memory does not grow.
"""

from calcom_async.watch.booking_changes import BookingChange
from calcom_async.watch.booking_watcher import BookingWatcher
from calcom_async.watch.slot_changes import SlotChange
from calcom_async.watch.slot_queries import SlotQuery
from calcom_async.watch.slot_watcher import SlotWatcher, StalenessWarning, WatchStats

__all__ = [
    "BookingChange",
    "BookingWatcher",
    "SlotChange",
    "SlotQuery",
    "SlotWatcher",
    "StalenessWarning",
    "WatchStats",
]
