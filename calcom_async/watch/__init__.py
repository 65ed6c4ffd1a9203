"""Watch the slots of many event types within the rate limit, and report which opened and closed.

    slot_queries     what to watch: event types as `SlotQuery`, and the range of time
    poll_scheduler   decides which query is polled when, within a share of the rate limit
    slot_changes     what changed between two polls: pure functions
    slot_watcher     `SlotWatcher` polls, and yields the changes

Changes are not queued. The next change of a key is the difference between the slots that were delivered last and the
slots known now. So a slow reader gets fewer and larger changes, a slot that opened and closed in between is not
reported, and memory does not grow.
"""

from calcom_async.watch.slot_changes import SlotChange
from calcom_async.watch.slot_queries import SlotQuery
from calcom_async.watch.slot_watcher import SlotWatcher, StalenessWarning, WatchStats

__all__ = ["SlotChange", "SlotQuery", "SlotWatcher", "StalenessWarning", "WatchStats"]
