"""What a watcher watches: event types as `SlotQuery` values, and a range of time that may move with the clock."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from calcom_async.errors import InvalidRequestError, in_range, shown
from calcom_async.models.times import parse_date_or_datetime
from calcom_async.time_ranges import SECOND, TimeRange, first_instant, last_instant

DEFAULT_DAYS = 14
MAX_DAYS = 3660


class SlotQuery(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """An event type, selected in one of the ways of `Slots.search`, and the options of its search.

    It is hashable, so that it can be the key of a mapping of targets.
    """

    event_type_id: int | None = None
    event_type_slug: str | None = None
    username: str | None = None
    team_slug: str | None = None
    usernames: Sequence[str] | None = None
    organization_slug: str | None = None
    time_zone: str | None = None
    duration: int | None = None
    """In minutes."""
    booking_uid_to_reschedule: str | None = None
    host_subset_ids: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for name in ("usernames", "host_subset_ids"):
            if isinstance(value := getattr(self, name), list):  # a list is not hashable
                msgspec.structs.force_setattr(self, name, tuple(value))

    def options(self) -> dict[str, Any]:
        """Return the options that are set, as keywords of `Slots.search`."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class WatchedRange(NamedTuple):
    """The range that is watched. Without a start it begins now; without an end it has a fixed length."""

    start: datetime | None
    end: datetime | None
    length: timedelta

    def at(self, now: datetime) -> TimeRange:
        """Return the part of the range that has not passed yet, from the beginning of the current minute on."""
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        start = max(self.start or minute, minute)
        return TimeRange(start, self.end or start + self.length)


def keys_by_query(
    targets: Iterable[int | SlotQuery] | Mapping[Any, int | SlotQuery], time_zone: str | None
) -> dict[SlotQuery, list[Hashable]]:
    """Return the distinct queries of the targets, each with the keys of its targets.

    `time_zone` is for targets without one of their own. The key of a target is the target itself, or its name if the
    targets are a mapping.
    """
    if not isinstance(targets, Iterable):
        raise InvalidRequestError(f"targets must be a list or a mapping of event types, got {shown(targets)}")
    by_key = targets.items() if isinstance(targets, Mapping) else [(target, target) for target in targets]
    keys: dict[SlotQuery, list[Hashable]] = {}
    # Through a dict, so that a target that is given twice is watched once.
    for key, target in dict(by_key).items():
        query = SlotQuery(event_type_id=target) if isinstance(target, int) else target
        if not isinstance(query, SlotQuery):
            raise InvalidRequestError(
                f"each target must be the id of an event type or a SlotQuery, got {shown(target)}"
            )
        if query.time_zone is None:
            query = msgspec.structs.replace(query, time_zone=time_zone)
        # Targets that mean the same search share its polls.
        keys.setdefault(query, []).append(key)
    if not keys:
        raise InvalidRequestError("targets must contain at least one event type")
    return keys


def watched_range(
    start: date | datetime | str | None, end: date | datetime | str | None, days: float | None, time_zone: str | None
) -> WatchedRange:
    """Return the range of `Calcom.watch_slots`, checked. Dates are days of `time_zone`, and `end` includes its day."""
    start = None if start is None else parse_date_or_datetime(start, "start")
    end = None if end is None else parse_date_or_datetime(end, "end")
    if end is not None and days is not None:
        raise InvalidRequestError("pass either end or days, not both")
    if days is not None and not (in_range(days, 0, MAX_DAYS) and days > 0):
        raise InvalidRequestError(f"days must be above 0 and at most {MAX_DAYS}, got {shown(days)}")
    length = timedelta(days=DEFAULT_DAYS if days is None else days)
    try:
        first = None if start is None else first_instant(start, "start", time_zone).astimezone(UTC)
        last = first + length if first and end is None else None
        if end is not None:
            last = last_instant(end, "end", time_zone).astimezone(UTC)
            if not isinstance(end, datetime):
                last += SECOND  # `last_instant` is the last second of the day, and a `TimeRange` excludes its end
    except OverflowError:
        raise InvalidRequestError(f"start or end is out of range: {start} to {end}") from None
    if first and last and first >= last:
        raise InvalidRequestError(f"end must be after start, got {start} to {end}")
    return WatchedRange(first, last, length)
