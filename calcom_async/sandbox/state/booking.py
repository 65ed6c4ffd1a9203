"""The booking record and the table of bookings, which keeps its indexes up to date."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    ItemsView,
    Iterable,
    Iterator,
    MutableMapping,
    Sequence,
    ValuesView,
)
from copy import deepcopy
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from weakref import ref

import msgspec

from calcom_async.sandbox.state.booking_index import GroupIndex, SortedIndex

#: A table keeps at most this many lists, those that were read last.
MAX_LISTS = 64
_SEQUENCES = ("attendees", "host_ids", "guests", "seats", "references")
_CONTAINERS = (*_SEQUENCES, "responses", "metadata")


# Without references to other bookings, records need no garbage collection: a million of them would slow it down.
class Booking(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """One booking; times are aware and in UTC.

    - `attendees`: JSON objects with an id (name, email, displayEmail, timeZone, language, absent, phoneNumber?)
    - `responses`: answers to the booking fields as stored; name and email may be missing
    - `seats`: {seat_uid, attendee_id, responses, metadata}
    - `references`: JSON objects {type, eventUid, ...}
    - `updated_at`: None until the first change, as in the real database; filters on it do not match such bookings

    Assigning a field of a stored booking updates the indexes of its table. That is why its sequences are tuples: assign
    a new sequence to change them, also to change the address of an attendee.
    """

    id: int
    uid: str
    title: str
    user_id: int
    start: datetime
    end: datetime
    created_at: datetime
    updated_at: datetime | None
    status: str = "accepted"
    description: str | None = ""
    event_type_id: int | None = None
    location: str | None = None
    attendees: Sequence[dict[str, Any]] = ()
    host_ids: Sequence[int] = ()
    guests: Sequence[str] = ()
    responses: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    seats: Sequence[dict[str, Any]] = ()
    references: Sequence[dict[str, Any]] = ()
    cancellation_reason: str | None = None
    cancelled_by: str | None = None
    rescheduling_reason: str | None = None
    rescheduled_by: str | None = None
    from_uid: str | None = None
    to_uid: str | None = None
    recurring_uid: str | None = None
    absent_host: bool = False
    ics_uid: str | None = None
    reassign_reason: str | None = None
    reassigned_by: int | None = None
    rating: int | None = None
    team_id: int | None = None
    #: set by the table when the booking is stored: itself, and the place in the order of insertion
    table: ref[Bookings] | None = None
    position: int = 0

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SEQUENCES:
            value = tuple(value)
        table = None if self.table is None else self.table()
        # A copy names the same table, but is not in it.
        if table is not None and table.get(self.uid) is self:
            table.assign(self, name, value)
        else:
            super().__setattr__(name, value)

    # Several times faster than the default, which does not know that most values are texts.
    def __deepcopy__(self, memo: dict[int, Any]) -> Booking:
        clone = msgspec.structs.replace(self, table=None)
        for name in _CONTAINERS:
            setattr(clone, name, deepcopy(getattr(self, name), memo))
        return clone


_set_field = msgspec.Struct.__setattr__
Index = GroupIndex[Booking] | SortedIndex[Booking]
_START, _CREATION, _INSERTION = attrgetter("start"), attrgetter("created_at"), attrgetter("position")


def _people(booking: Booking) -> set[Hashable]:
    """Return the ids of the organizer and the hosts, and the addresses of the attendees."""
    people: set[Hashable] = {attendee["email"] for attendee in booking.attendees}
    people.add(booking.user_id)
    people.update(booking.host_ids)
    return people


#: by name of a group index: the order of its groups, and the groups of a booking
_GROUPS: dict[str, tuple[Callable[[Booking], Any], Callable[[Booking], Collection[Hashable]]]] = {
    "all": (_START, lambda _: (None,)),
    "person": (_START, _people),
    "event type": (_START, lambda booking: (booking.event_type_id,)),
    "series": (_START, lambda booking: (booking.recurring_uid,) if booking.recurring_uid else ()),
    "seat": (_INSERTION, lambda booking: {seat["seat_uid"] for seat in booking.seats}),
    "turn": (_INSERTION, lambda booking: ((booking.event_type_id, booking.user_id),)),
}


class Bookings(MutableMapping[str, Booking]):
    """Bookings by uid, in the order of insertion, with indexes that follow every change.

    Indexes are built when they are first read. Lists that methods return are in order of start, unless noted, and must
    not be changed.
    """

    def __init__(self, bookings: Iterable[Booking] = ()) -> None:
        self._rows: dict[str, Booking] = {}
        self._reference = ref(self)
        self._added = 0
        self._groups: dict[str, GroupIndex[Booking]] = {}
        self._lists: dict[Hashable, SortedIndex[Booking]] = {}
        self.add_all(bookings)

    # --- lookups

    def between(self, start: datetime, end: datetime) -> list[Booking]:
        """Return the bookings of any host that overlap a time range."""
        return self._group("all").between(None, start, end)

    @property
    def longest(self) -> timedelta:
        """A length that no booking exceeds."""
        return self._group("all").longest(None)

    def hosted_by(self, user_id: int, start: datetime, end: datetime) -> list[Booking]:
        """Return the bookings that overlap a time range and that a user organizes or hosts."""
        return self._group("person").between(user_id, start, end)

    def of_person(self, user_id: int, email: str, start: datetime, end: datetime) -> list[Booking]:
        """Return the bookings that overlap a time range and that a user organizes, hosts or attends."""
        hosted, attended = self.hosted_by(user_id, start, end), self._group("person").between(email, start, end)
        return sorted({*hosted, *attended}, key=lambda row: (row.start, row.position)) if attended else hosted

    def of_event_type(self, event_type_id: int | None, start: datetime, end: datetime) -> list[Booking]:
        """Return the bookings of an event type that overlap a time range."""
        return self._group("event type").between(event_type_id, start, end)

    def with_event_type(self, event_type_id: int) -> list[Booking]:
        """Return all bookings of an event type."""
        return list(self._group("event type").rows(event_type_id))

    def attended_by(self, email: str) -> list[Booking]:
        """Return the bookings that somebody attends under an address, in the order of insertion."""
        return sorted(self._group("person").rows(email), key=_INSERTION)

    def organized_by(self, user_id: int) -> list[Booking]:
        """Return all bookings of an organizer."""
        return [booking for booking in self._group("person").rows(user_id) if booking.user_id == user_id]

    def of_series(self, uid: str) -> list[Booking]:
        """Return the occurrences of a series."""
        return list(self._group("series").rows(uid))

    def with_seat(self, seat_uid: str) -> Booking | None:
        """Return the first booking with this seat."""
        return next(iter(self._group("seat").rows(seat_uid)), None)

    def created_since(self, moment: datetime) -> list[Booking]:
        """Return the bookings that were created at a time or later, in the order of creation."""
        rows = self.ordered("created", _CREATION)
        return rows[bisect_left(rows, moment, key=_CREATION) :]

    def newest(self, event_type_id: int, user_id: int) -> Booking | None:
        """Return the booking of an event type and an organizer that was added last."""
        rows = self._group("turn").rows((event_type_id, user_id))
        return rows[-1] if rows else None

    def ordered(
        self, name: Hashable, key: Callable[[Booking], Any], covers: Callable[[Booking], bool] = lambda _: True
    ) -> list[Booking]:
        """Return the bookings that `covers` accepts, sorted by `key`; equal keys stay in the order of insertion.

        `name` stands for both functions. They are used until the list is dropped, so they must depend on the booking
        alone.
        """
        index = self._lists.pop(name, None)
        if index is None:
            index = SortedIndex(key, covers, self._rows.values())
        self._lists[name] = index
        if len(self._lists) > MAX_LISTS:
            del self._lists[next(iter(self._lists))]
        return index.rows

    def _group(self, name: str) -> GroupIndex[Booking]:
        """Return a group index, built if it is new."""
        if name not in self._groups:
            self._groups[name] = GroupIndex(*_GROUPS[name], self._rows.values())
        return self._groups[name]

    # --- changes

    def add_all(self, bookings: Iterable[Booking]) -> None:
        """Add many bookings, faster than one by one."""
        self._drop_indexes()
        for booking in bookings:
            self._store(booking, self._rows.get(booking.uid))

    def remove_all(self, bookings: Iterable[Booking]) -> None:
        """Remove many bookings, faster than one by one."""
        self._drop_indexes()
        for booking in bookings:
            del self[booking.uid]

    def clear(self) -> None:
        """Remove all bookings."""
        self._drop_indexes()
        self._rows.clear()

    def assign(self, booking: Booking, name: str, value: Any) -> None:
        """Set a field of a stored booking; `Booking` calls this."""
        if name == "uid":
            raise AttributeError("the uid of a stored booking cannot change; remove the booking and add a copy")
        changed = msgspec.structs.replace(booking, **{name: value})
        moving = [index for index in self._indexes() if index.entry(booking) != index.entry(changed)]
        for index in moving:
            index.remove(booking)
        _set_field(booking, name, value)
        for index in moving:
            index.add(booking)

    def __setitem__(self, uid: str, booking: Booking) -> None:
        if uid != booking.uid:
            raise ValueError(f"a booking is stored under its uid: must be {booking.uid!r}, got {uid!r}")
        replaced = self._rows.get(uid)
        if replaced is not None:
            self._unindex(replaced)
        self._store(booking, replaced)
        for index in self._indexes():
            index.add(booking)

    def __delitem__(self, uid: str) -> None:
        self._unindex(self._rows[uid])
        del self._rows[uid]

    def _store(self, booking: Booking, replaced: Booking | None) -> None:
        """Add a booking without its index entries. As in any dictionary, it takes the place of the replaced one."""
        self._added += 1
        _set_field(booking, "position", self._added if replaced is None else replaced.position)
        _set_field(booking, "table", self._reference)
        for name in _SEQUENCES:
            if type(items := getattr(booking, name)) is not tuple:
                _set_field(booking, name, tuple(items))
        self._rows[booking.uid] = booking

    def _unindex(self, booking: Booking) -> None:
        for index in self._indexes():
            index.remove(booking)

    def _drop_indexes(self) -> None:
        """Let the indexes be built anew when they are read."""
        self._groups.clear()
        self._lists.clear()

    def _indexes(self) -> Iterator[Index]:
        yield from self._groups.values()
        yield from self._lists.values()

    # --- the mapping

    def __getitem__(self, uid: str) -> Booking:
        return self._rows[uid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def values(self) -> ValuesView[Booking]:
        """Return a view of the bookings."""
        return self._rows.values()

    def items(self) -> ItemsView[str, Booking]:
        """Return a view of the uids and bookings."""
        return self._rows.items()

    def __deepcopy__(self, memo: dict[int, Any]) -> Bookings:
        return Bookings(booking.__deepcopy__(memo) for booking in self._rows.values())
