"""Which searches can offer a start: pure functions, compared with the slot grid of a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from calcom_async.booking.slot_searches import fallback_searches
from calcom_async.models import EventType

DAY = timedelta(days=1)
MIDNIGHT = datetime(2030, 5, 6, tzinfo=UTC)
WHOLE_DAYS = [
    {"start": MIDNIGHT - DAY, "end": MIDNIGHT + 2 * DAY, "time_zone": zone}
    for zone in ("Asia/Kolkata", "Asia/Kathmandu")
]


def at(hour: int, minute: int = 0) -> datetime:
    return MIDNIGHT.replace(hour=hour, minute=minute)


def event_type(**settings: int) -> EventType:
    return EventType(id=1, title="Talk", slug="talk", **{"length_in_minutes": 30} | settings)


def test_a_search_begins_with_the_start_and_ends_with_the_booking() -> None:
    """The range has exactly the length of the booking: the given one, else that of the event type, else a day."""
    for settings, length, end in ((event_type(), None, 30), (event_type(), 45, 45), (None, 45, 45), (None, None, 1440)):
        search = next(fallback_searches(at(9), "UTC", settings, length))
        assert search == {"start": at(9), "end": at(9) + timedelta(minutes=end), "time_zone": "UTC"}


@pytest.mark.parametrize(
    ("start", "zone", "zones"),
    [
        (at(9), "Europe/Rome", ["Europe/Rome"]),
        (at(9, 30), "UTC", ["UTC", "Asia/Kolkata"]),
        (at(9, 15), "Europe/Rome", ["Europe/Rome", "Asia/Kathmandu"]),
        (at(9, 30), "Asia/Kolkata", ["Asia/Kolkata"]),
        (at(9), "Mars/Olympus", ["Mars/Olympus", "UTC"]),
    ],
)
def test_the_start_is_also_searched_where_it_is_a_round_time(start: datetime, zone: str, zones: list[str]) -> None:
    """A second search uses a time zone with another minute, if the start is rounder on its clock."""
    assert [search["time_zone"] for search in fallback_searches(start, zone, event_type(), None)] == zones


def test_unknown_settings_may_have_an_offset() -> None:
    """If the settings cannot be read, whole days are searched in zones with other minutes, too."""
    assert list(fallback_searches(at(9), "UTC", None, 30))[1:] == WHOLE_DAYS


@pytest.mark.parametrize(
    ("settings", "start", "begin", "zone"),
    [
        ({"offset_start": 10}, at(9, 10), at(9), "UTC"),
        ({"offset_start": 10}, at(9, 50), at(9, 0), "UTC"),
        ({"offset_start": 10}, at(9, 40), at(9, 30), "UTC"),
        ({"offset_start": 7, "slot_interval": 25}, at(9, 12), at(9, 5), "UTC"),
    ],
)
def test_an_offset_is_searched_from_a_round_time(
    settings: dict[str, int], start: datetime, begin: datetime, zone: str
) -> None:
    """With an offset the last search begins at the latest round time from which the slot grid meets the start."""
    *_, last = fallback_searches(start, "UTC", event_type(**settings), None)
    assert last == {"start": begin, "end": start + DAY, "time_zone": zone}
