"""The parts of a suite: requests in order, each with the name of the recorded exchange that it repeats.

`{name}` in a path or a body is a value that an earlier request has saved from its response, an option of the script,
or one of `start_values`. Requests inside `prepare` are not compared: the others need what they create.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from types import MappingProxyType
from typing import Any, NamedTuple

SLOTS, BOOKINGS, EVENT_TYPES, SCHEDULES = "2024-09-04", "2024-08-13", "2024-06-14", "2024-06-11"
CLIENT = "client"
"""In place of a key: the request has the headers of the platform client."""


class PlannedRequest(NamedTuple):
    """One request. `key` names the value with its API key, `save` the values of the response: name -> `data.0.id`."""

    name: str
    method: str
    path: str
    version: str | None = None
    body: Any = None
    key: str | None = "key"
    save: Mapping[str, str] = MappingProxyType({})
    recorded: bool = True


@dataclass(frozen=True)
class Suite:
    """Requests that repeat the exchanges of one recording."""

    steps: tuple[PlannedRequest, ...]
    differences: Mapping[str, Mapping[str, str]]
    """Name of the exchange -> place -> why the sandbox differs there."""
    not_repeated: Mapping[str, str]
    """Recorded exchanges that no request repeats, and why."""


def get(name: str, path: str, version: str | None = None, *, key: str | None = "key", **save: str) -> PlannedRequest:
    """Return a GET request."""
    return PlannedRequest(name, "GET", path, version, key=key, save=save)


def delete(name: str, path: str, version: str | None = None, *, key: str | None = "key", **save: str) -> PlannedRequest:
    """Return a DELETE request."""
    return PlannedRequest(name, "DELETE", path, version, key=key, save=save)


def post(
    name: str, path: str, body: Any = None, version: str | None = None, *, key: str | None = "key", **save: str
) -> PlannedRequest:
    """Return a POST request."""
    return PlannedRequest(name, "POST", path, version, body, key, save)


def patch(
    name: str, path: str, body: Any = None, version: str | None = None, *, key: str | None = "key", **save: str
) -> PlannedRequest:
    """Return a PATCH request."""
    return PlannedRequest(name, "PATCH", path, version, body, key, save)


def prepare(*steps: PlannedRequest) -> tuple[PlannedRequest, ...]:
    """Return requests that are not compared."""
    return tuple(step._replace(recorded=False) for step in steps)


def start_values(now: datetime) -> dict[str, str]:
    """Return the first values: a tag for slugs and URLs, two wrong keys, and days of a week about two months ahead."""
    monday = (now + timedelta(days=63 - now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    names = ("monday", "tuesday", "wednesday", "thursday", "friday")
    days = {name: f"{monday + timedelta(days=number):%Y-%m-%d}" for number, name in enumerate(names)}
    days |= {"this_week": f"{now:%Y-%m-%d}", "next_week": f"{now + timedelta(days=7):%Y-%m-%d}"}
    return {
        "tag": token_hex(4),
        "unknown": "cal_" + "0" * 32,
        "garbage": "no-token",
        "new_year": f"{monday.year + 1}-01-01",
        **days,
    }


def today() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)
