"""Create bookings with chosen times in the sandbox, and change them while they are listed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.store import Store

EPOCH = datetime(2026, 1, 5, 9, tzinfo=UTC)
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA = {
    "name": "Ada",
    "email": "ada@visitors.test",
    "displayEmail": "ada@visitors.test",
    "timeZone": "UTC",
    "language": "en",
    "absent": False,
}


@dataclass
class BookingFactory:
    """Creates bookings of the sandbox's host, and changes some after every list response."""

    sandbox: Sandbox
    rng: random.Random
    created: int = 0
    ticks: int = 0
    all_uids: set[str] = field(default_factory=set)

    @property
    def store(self) -> Store:
        return self.sandbox.store

    def fill(self, times: Iterable[tuple[int, int, int | None]]) -> set[str]:
        """Replace all bookings by these, given as minutes of creation, start and update. Return their uids."""
        self.sandbox.faults.clear()
        self.store.bookings.clear()
        for created, start, updated in times:
            self.add(
                EPOCH + created * MINUTE,
                EPOCH + start * MINUTE,
                None if updated is None else EPOCH + updated * MINUTE,
            )
        return set(self.store.bookings)

    def add(self, created: datetime, start: datetime, updated: datetime | None) -> Booking:
        self.created += 1
        booking = Booking(
            id=self.store.next_id("booking"),
            uid=f"booking{self.rng.randrange(10**6):06}x{self.created}",
            title=f"Meeting {self.created}",
            user_id=1,
            host_ids=[1],
            start=start,
            end=start + 30 * MINUTE,
            created_at=created,
            updated_at=updated,
            event_type_id=1,
            attendees=[{"id": self.created, **ADA}],
        )
        self.store.bookings[booking.uid] = booking
        self.all_uids.add(booking.uid)
        return booking

    def mutate(self, created: int, touched: int, moved: int, cancelled: int) -> None:
        """After every list response create, update, reschedule and cancel this many bookings."""

        def change_bookings(_: Store) -> None:
            for _ in range(created):
                self.add(self._now(), EPOCH + self.rng.randrange(200) * MINUTE, self.rng.choice([None, self._now()]))
            for booking in self._sample(touched):
                booking.updated_at = self._now()
            for booking in self._sample(cancelled):
                booking.status, booking.updated_at = "cancelled", self._now()
            for booking in self._sample(moved):
                successor = self.add(self._now(), booking.start + MINUTE, self._now())
                booking.status, booking.updated_at, booking.to_uid = "cancelled", self._now(), successor.uid

        self.sandbox.faults.after_each("GET", "/v2/*", change_bookings)

    def _now(self) -> datetime:
        """Return a time later than every time used before."""
        self.ticks += 1
        return NOW + timedelta(seconds=self.ticks)

    def _sample(self, number: int) -> list[Booking]:
        bookings = list(self.store.bookings.values())
        return self.rng.sample(bookings, min(number, len(bookings)))
