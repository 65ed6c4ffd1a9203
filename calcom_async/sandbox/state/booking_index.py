"""Sorted lists that follow the changes of their rows.

The owner of an index removes a row before its fields change, and adds it afterwards. Rows with equal keys stay in order
of their `position`, in which they are first given.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar


class Positioned(Protocol):
    """A row with a start, an end, and its place in the order of insertion."""

    start: datetime
    end: datetime
    position: int


R = TypeVar("R", bound=Positioned)
Key = Callable[[Any], Any]
_start = attrgetter("start")


def _place(key: Key) -> Key:
    """Return the key that decides where a row is in a list sorted by `key`; no two rows have the same."""
    return lambda row: (key(row), row.position)


class SortedIndex(Generic[R]):
    """One list: the rows that `covers` accepts, sorted by a key."""

    def __init__(self, key: Key, covers: Callable[[R], bool], rows: Iterable[R]) -> None:
        self._covers = covers
        self._place = _place(key)
        self.rows: list[R] = sorted(filter(covers, rows), key=key)

    def entry(self, row: R) -> object:
        """Return what decides whether the row is in the list, and where."""
        return self._place(row) if self._covers(row) else None

    def add(self, row: R) -> None:
        """Insert a row."""
        if self._covers(row):
            insort(self.rows, row, key=self._place)

    def remove(self, row: R) -> None:
        """Remove a row whose fields are those that it was added with."""
        if self._covers(row):
            del self.rows[bisect_left(self.rows, self._place(row), key=self._place)]


class GroupIndex(Generic[R]):
    """A sorted list for each value that `values` returns, without duplicates; a row may be in several of them."""

    def __init__(self, key: Key, values: Callable[[R], Collection[Hashable]], rows: Iterable[R]) -> None:
        self._values = values
        self._place = _place(key)
        self._groups: dict[Hashable, list[R]] = {}
        #: by group, a length that no row exceeds; only of groups that were read by time
        self._longest: dict[Hashable, timedelta] = {}
        for row in sorted(rows, key=key):
            for value in values(row):
                self._groups.setdefault(value, []).append(row)

    def rows(self, value: Hashable) -> Sequence[R]:
        """Return the rows of a group."""
        return self._groups.get(value, ())

    def longest(self, value: Hashable) -> timedelta:
        """Return a length that no row of a group exceeds."""
        if value not in self._longest:
            if value not in self._groups:
                return timedelta()
            self._longest[value] = max(row.end - row.start for row in self._groups[value])
        return self._longest[value]

    def between(self, value: Hashable, start: datetime, end: datetime) -> list[R]:
        """Return the rows of a group that overlap a time range; only for groups sorted by start."""
        rows = self._groups.get(value)
        if not rows:
            return []
        # A row that overlaps the range may start before it, by the longest length at most.
        first = bisect_left(rows, start - self.longest(value), key=_start)
        last = bisect_right(rows, end, lo=first, key=_start)
        inside = min(bisect_left(rows, start, lo=first, key=_start), last)
        return [*(row for row in rows[first:inside] if row.end >= start), *rows[inside:last]]

    def entry(self, row: R) -> object:
        """Return what decides in which groups the row is, and where."""
        return self._place(row), row.end, set(self._values(row))

    def add(self, row: R) -> None:
        """Insert a row into its groups."""
        for value in self._values(row):
            insort(self._groups.setdefault(value, []), row, key=self._place)
            if value in self._longest:
                self._longest[value] = max(self._longest[value], row.end - row.start)

    def remove(self, row: R) -> None:
        """Remove a row, whose fields are those that it was added with, from its groups."""
        for value in self._values(row):
            rows = self._groups[value]
            del rows[bisect_left(rows, self._place(row), key=self._place)]
            if not rows:
                del self._groups[value]
                self._longest.pop(value, None)
