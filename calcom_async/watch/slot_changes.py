"""What changed between two polls of slots. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import datetime

import msgspec

from calcom_async.models.slots import Slot
from calcom_async.resources.slots import has_room
from calcom_async.time_ranges import TimeRange
from calcom_async.watch.slot_queries import SlotQuery

SlotsByStart = dict[datetime, Slot]
"""Aware datetimes are equal if they are the same instant, whatever their time zones, so a start is a key."""


class SlotChange(msgspec.Struct, frozen=True, kw_only=True):
    """Slots of one key that opened or closed since the previous change."""

    key: Hashable
    """The target as it was given to the watcher, or its name if the targets are a mapping."""
    query: SlotQuery
    opened: tuple[Slot, ...]
    closed: tuple[Slot, ...]
    seen_at: datetime
    since: datetime | None
    """Time of the poll of the previous change of this key. The slots opened and closed after that, up to `seen_at`."""

    @property
    def is_initial(self) -> bool:
        """Whether this is the first change of the key: `opened` holds all free slots, and may be empty."""
        return self.since is None


def bookable_slots(slots: Iterable[Slot], part: TimeRange, whole: TimeRange) -> SlotsByStart:
    """Return the slots that can be booked, start in the part and end in the whole range."""
    return {
        slot.start: slot
        for slot in slots
        if part.start <= slot.start < part.end and (slot.end or slot.start) <= whole.end and has_room(slot)
    }


def diff(before: SlotsByStart, after: SlotsByStart, now: datetime) -> tuple[tuple[Slot, ...], tuple[Slot, ...]]:
    """Return which slots opened and which closed, by start. A slot whose start has passed did not close."""
    opened = sorted(after.keys() - before.keys())
    closed = sorted(start for start in before.keys() - after.keys() if start > now)
    return tuple(after[start] for start in opened), tuple(before[start] for start in closed)
