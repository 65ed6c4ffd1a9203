"""Bookings in the shape and size of real responses, made from a seed: the same bytes on every machine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

FIRST_START = datetime(2030, 1, 7, 8, 0, tzinfo=UTC)
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
GIVEN = ("Amara", "Björn", "Chidi", "Dolores", "Eszter", "Farid", "Göran", "Haruka", "Inês", "Jakub", "Keiko", "Lotte")
FAMILY = ("Almeida", "Brandt", "Castellanos", "Dąbrowska", "Eriksen", "Fournier", "García", "Haddad", "Ito", "Joshi")
ZONES = (("Europe/Berlin", "de"), ("America/New_York", "en"), ("Asia/Tokyo", "ja"), ("America/Sao_Paulo", "pt"))
EVENT_TYPES = ((11, "first-meeting", 30), (12, "review", 60), (13, "quick-question", 15))
PLACES = ("integrations:daily", "https://meet.example.com/room-7", "12 Harbour Street, Bristol", "integrations:zoom")
HOST = {
    "id": 5,
    "name": "Mira Benchmark",
    "email": "mira@bench.example",
    "displayEmail": "mira@bench.example",
    "username": "mira",
    "timeZone": "Europe/Berlin",
}
ME = {
    "id": 5,
    "email": "mira@bench.example",
    "name": "Mira Benchmark",
    "avatarUrl": None,
    "bio": "Answers as fast as possible",
    "timeFormat": 24,
    "defaultScheduleId": 3,
    "weekStart": "Monday",
    "timeZone": "Europe/Berlin",
    "username": "mira",
    "organizationId": None,
}


def bookings(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Yield bookings in order of their start."""
    dice = random.Random(seed)
    return (_booking(number, dice) for number in range(count))


def _booking(number: int, dice: random.Random) -> dict[str, Any]:
    uid = "".join(dice.choices(ALPHABET, k=22))
    type_id, slug, minutes = dice.choice(EVENT_TYPES)
    start = FIRST_START + timedelta(minutes=15 * number)
    made = iso(start - timedelta(seconds=dice.randrange(3600, 5_000_000), milliseconds=dice.randrange(1000)))
    booker, *others = (_attendee(dice) for _ in range(dice.choices((1, 2, 3), (80, 15, 5))[0]))
    guests = [guest["email"] for guest in others]
    place = dice.choice(PLACES)
    row: dict[str, Any] = {
        "id": 1000 + number,
        "uid": uid,
        "title": f"{slug.replace('-', ' ').capitalize()} between {HOST['name']} and {booker['name']}",
        "description": dice.choice((None, None, "", "Please bring the figures of the last quarter.")),
        "hosts": [HOST],
        "status": "accepted",
        "cancellationReason": "",
        "cancelledByEmail": "",
        "rescheduledByEmail": None,
        "start": iso(start),
        "end": iso(start + timedelta(minutes=minutes)),
        "duration": minutes,
        "eventTypeId": type_id,
        "eventType": {"id": type_id, "slug": slug},
        "meetingUrl": place,
        "location": place,
        "absentHost": False,
        "createdAt": made,
        "updatedAt": made,
        "metadata": {"source": "newsletter"} if dice.random() < 0.2 else {},
        "rating": dice.choice((None, None, None, 4, 5)),
        "icsUid": f"{uid}@Cal.com",
        "attendees": [booker, *others],
        "bookingFieldsResponses": _responses(booker, guests),
    }
    return row | _fate(booker, dice) | ({"guests": guests} if guests else {})


def _attendee(dice: random.Random) -> dict[str, Any]:
    given, family = dice.choice(GIVEN), dice.choice(FAMILY)
    zone, language = dice.choice(ZONES)
    email = f"person{dice.randrange(100_000)}@guests.example"
    return {
        "name": f"{given} {family}",
        "email": email,
        "displayEmail": email,
        "timeZone": zone,
        "language": language,
        "absent": dice.random() < 0.03,
    }


def _responses(booker: dict[str, Any], guests: list[str]) -> dict[str, Any]:
    responses = {"email": booker["email"], "name": booker["name"], "displayEmail": booker["email"]}
    return responses | {"guests": guests, "displayGuests": guests} if guests else responses


def _fate(booker: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Return the status fields: one in ten is cancelled, one in twenty rescheduled."""
    fate = dice.random()
    if fate < 0.10:
        return {"status": "cancelled", "cancellationReason": "no time", "cancelledByEmail": booker["email"]}
    if fate < 0.15:
        moved_to = "".join(dice.choices(ALPHABET, k=22))
        return {"status": "cancelled", "rescheduledByEmail": booker["email"], "rescheduledToUid": moved_to}
    return {}


def iso(moment: datetime) -> str:
    """Return a time in the format of the API."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pagination(total: int, take: int, skip: int) -> dict[str, Any]:
    """Return the pagination object of a page."""
    pages = -(-total // take)
    return {
        "returnedItems": max(0, min(take, total - skip)),
        "totalItems": total,
        "itemsPerPage": take,
        "remainingItems": max(0, total - skip - take),
        "currentPage": min(skip // take + 1, pages),
        "totalPages": pages,
        "hasNextPage": skip + take < total,
        "hasPreviousPage": skip > 0,
    }
