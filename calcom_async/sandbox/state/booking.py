"""The booking record and the table of bookings."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

_CONTAINERS = ("attendees", "host_ids", "guests", "responses", "metadata", "seats", "references")


@dataclass(slots=True, kw_only=True, eq=False)
class Booking:
    """One booking; times are aware and in UTC.

    - `attendees`: JSON objects with an id (name, email, displayEmail, timeZone, language, absent, phoneNumber?)
    - `responses`: answers to the booking fields as stored; name and email may be missing
    - `seats`: {seat_uid, attendee_id, responses, metadata}
    - `references`: JSON objects {type, eventUid, ...}
    - `updated_at`: None until the first change, as in the real database; filters on it do not match such bookings
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
    attendees: list[dict[str, Any]] = field(default_factory=list)
    host_ids: list[int] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)
    responses: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    seats: list[dict[str, Any]] = field(default_factory=list)
    references: list[dict[str, Any]] = field(default_factory=list)
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

    def copied(self, memo: dict[int, Any]) -> Booking:
        """Return a deep copy; several times faster than `deepcopy`, which does not know that most values are texts."""
        clone = replace(self)
        for name in _CONTAINERS:
            setattr(clone, name, deepcopy(getattr(self, name), memo))
        return clone


class Bookings(dict[str, Booking]):
    """Bookings by uid; every change invalidates the store's cached views."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed

    def __deepcopy__(self, memo: dict[int, Any]) -> Bookings:
        """Copy the bookings without a notice for each."""
        copied = Bookings(deepcopy(self._changed, memo))
        dict.update(copied, {uid: booking.copied(memo) for uid, booking in self.items()})
        return copied

    # A change of a booking's own fields is not noticed: call `store.changed()` after it.
    def __setitem__(self, uid: str, booking: Booking) -> None:
        super().__setitem__(uid, booking)
        self._changed()

    def __delitem__(self, uid: str) -> None:
        super().__delitem__(uid)
        self._changed()

    def pop(self, uid: str, *default: Any) -> Any:
        """Remove a booking and return it."""
        self._changed()
        return super().pop(uid, *default)

    def clear(self) -> None:
        """Remove all bookings."""
        super().clear()
        self._changed()
