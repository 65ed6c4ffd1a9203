"""A list of bookings whose rows move while it is read, without HTTP."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Raw

from calcom_async.keyset import CREATED, START, TIME_RESOLUTION, UPDATED, SortKey, Times
from calcom_async.list_call import PagedList
from calcom_async.models.pagination import Pagination
from calcom_async.pagination import Page, PageOffset
from calcom_async.resources.booking_lists import PAGINATION

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = {key.sort: key for key in (CREATED, UPDATED, START)}


@dataclass
class MovingBookings:
    """A server that reads the ids of a page in order, and then the rows, as Cal.com does; rows move in between.

    Rows that share a time come in another order on every page.
    """

    rng: random.Random
    moves: int = 0
    """Rows that move during every page."""
    shift: timedelta = timedelta(hours=50)
    moving: SortKey = START
    ignores: frozenset[str] = frozenset()
    """Parameters that the server does not know."""
    broken_order: bool = False
    rows: dict[str, dict[str, datetime]] = field(default_factory=dict)
    total: int | None = None
    """The total that the server sends, if it is wrong."""
    now: datetime = BEGIN + timedelta(days=300)
    requests: int = 0
    faults: dict[int, Exception] = field(default_factory=dict)
    """Errors by the number of the request that they answer."""

    def add(self, created: int, start: int, updated: int) -> None:
        minutes = {"created_at": created, "start": start, "updated_at": updated}
        self.rows[f"u{len(self.rows):05}"] = {
            name: BEGIN + minute * timedelta(minutes=1) for name, minute in minutes.items()
        }

    def list(self, row_type: Any = Times, **query: Any) -> BookingList:
        """Return the list with these query parameters."""
        return BookingList(self, row_type, query)

    def page(self, query: dict[str, Any]) -> Page[Raw]:
        self.requests += 1
        assert self.requests < 20_000, "the reading does not end"
        if fault := self.faults.pop(self.requests, None):
            raise fault
        query = {name: value for name, value in query.items() if name not in self.ignores and value is not None}
        self.move()
        skip, take = query.get("skip", 0), query["take"]
        uids = self.ordered(query)[skip : skip + take]
        self.move()
        total = len(self.rows) if self.total is None else self.total
        pagination = Pagination(
            returned_items=len(uids), total_items=total, items_per_page=take, remaining_items=0, current_page=1,
            total_pages=1, has_next_page=skip + take < len(self.rows), has_previous_page=False,
        )  # fmt: skip
        return Page([self.raw(uid) for uid in uids], skip, take, pagination)

    def ordered(self, query: dict[str, Any]) -> list[str]:
        (key,) = [key for sort, key in KEYS.items() if sort in query] or [CREATED]
        uids = [uid for uid, row in self.rows.items() if self.matches(row, query)]
        self.rng.shuffle(uids)
        is_descending = query.get(key.sort) == "desc"
        return uids if self.broken_order else sorted(uids, key=lambda u: self.rows[u][key.field], reverse=is_descending)

    @staticmethod
    def matches(row: dict[str, datetime], query: dict[str, Any]) -> bool:
        for key in KEYS.values():
            time = row[key.field]
            if time < query.get(key.after, time) or (key.before and time > query.get(key.before, time)):
                return False
        return True

    def move(self) -> None:
        for uid in self.rng.sample(sorted(self.rows), min(self.moves, len(self.rows))):
            self.now += timedelta(seconds=1)
            row = self.rows[uid]
            if self.moving is UPDATED:
                row["updated_at"] = self.now
            else:
                row["start"] += self.rng.uniform(-1, 1) * self.shift // TIME_RESOLUTION * TIME_RESOLUTION

    def raw(self, uid: str) -> Raw:
        names = {"created_at": "createdAt", "start": "start", "updated_at": "updatedAt"}
        return Raw(msgspec.json.encode({"uid": uid} | {names[name]: time for name, time in self.rows[uid].items()}))


class BookingList(PagedList[Any]):
    """The list of a `MovingBookings`."""

    def __init__(self, server: MovingBookings, row_type: Any, query: Mapping[str, Any]) -> None:
        super().__init__("/bookings", PAGINATION, row_type, key_field="uid", query=query)
        self.server = server

    async def fetch_page(self, offset: PageOffset, query: Mapping[str, Any] | None = None) -> Page[Any]:
        paging = {"take": offset.take, "skip": offset.skip}
        page = self.server.page({**self.query, **(query or {}), **paging})
        items = page.items if self.row_type is Raw else [self.decode_row(row) for row in page.items]
        return msgspec.structs.replace(page, items=items)

    def raw(self) -> BookingList:
        return BookingList(self.server, Raw, self.query)
