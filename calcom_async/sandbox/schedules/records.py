"""Schedules: creation, changes, deletion and JSON form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.constraints import (
    array,
    boolean,
    each,
    matches,
    one_of,
    strict_iso8601,
    string,
    time_zone,
)
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.slots.grid_inputs import DAYS, WORKING_WEEK
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()


Wire = dict[str, Any]

_TIME = r"^([01]\d|2[0-3]):([0-5]\d)$"


def _time(name: str) -> Field:
    """Return the field for a time of day."""
    return Field(name, matches(_TIME, "$property must be a valid time format HH:MM"))


_AVAILABILITY = Form(
    Field("days", each(one_of(DAYS[1:] + DAYS[:1], name="isIn")), array), _time("startTime"), _time("endTime")
)
_OVERRIDE = Form(Field("date", strict_iso8601), _time("startTime"), _time("endTime"))

CREATE = Form(
    Field("name", string),
    Field("timeZone", time_zone),
    Field("availability", array, optional=True, nested=_AVAILABILITY),
    Field("isDefault", boolean),
    Field("overrides", array, optional=True, nested=_OVERRIDE),
)
UPDATE = CREATE.partial()


def show_schedule(store: Store, schedule: Wire) -> Wire:
    """Return a schedule as JSON; rows without days are omitted."""
    owner = store.users.get(schedule["owner_id"], {})
    return {
        "id": schedule["id"],
        "ownerId": schedule["owner_id"],
        "name": schedule["name"],
        "timeZone": schedule["time_zone"],
        # An empty list of days is accepted and vanishes.
        "availability": [dict(row) for row in schedule["availability"] if row["days"]],
        "isDefault": owner.get("default_schedule_id") == schedule["id"],
        "overrides": [dict(row) for row in schedule["overrides"]],
    }


def schedules_of(store: Store, user_id: int) -> list[Wire]:
    """Return a user's schedules as JSON."""
    return [show_schedule(store, schedule) for schedule in store.schedules.values() if schedule["owner_id"] == user_id]


def create_schedule(store: Store, user_id: int, body: Wire) -> Wire:
    """Create a schedule for a validated body; the default `availability` is Monday to Friday, 9 to 5."""
    schedule_id = store.next_id("schedule")
    availability = body.get("availability")
    schedule = {
        "id": schedule_id,
        "owner_id": user_id,
        "name": body["name"],
        # Stored as sent: `europe/rome` stays in lower case, unlike in a profile.
        "time_zone": body["timeZone"],
        "availability": _rows(WORKING_WEEK if availability is None else availability),
        "overrides": _dates(body.get("overrides") or []),
    }
    store.schedules[schedule_id] = schedule
    # The first schedule of a user does not become the default by itself.
    if body["isDefault"]:
        store.users[user_id]["default_schedule_id"] = schedule_id
    return schedule


def update_schedule(store: Store, schedule: Wire, body: Wire) -> None:
    """Replace the given fields. `isDefault: false` has no effect; null causes a database error."""
    # The validation of an optional field accepts null, and the column does not.
    if any(name in body and body[name] is None for name in ("name", "timeZone")):
        raise errors.database(500)
    _set(schedule, "name", body.get("name"))
    _set(schedule, "time_zone", body.get("timeZone"))
    _set(schedule, "availability", body.get("availability"), _rows)
    _set(schedule, "overrides", body.get("overrides"), _dates)
    if body.get("isDefault"):
        store.users[schedule["owner_id"]]["default_schedule_id"] = schedule["id"]


def delete_schedule(store: Store, schedule: Wire) -> None:
    """Delete a schedule; its owner may have no default then, and event types use the default schedule."""
    del store.schedules[schedule["id"]]
    owner = store.users[schedule["owner_id"]]
    if owner.get("default_schedule_id") == schedule["id"]:
        owner["default_schedule_id"] = None
    for event_type in store.event_types.values():
        if event_type.get("scheduleId") == schedule["id"]:
            event_type["scheduleId"] = None


def find_schedule(store: Store, schedule_id: int, user_id: int) -> Wire:
    """Return the user's schedule. Raises 404 for unknown ids and 403 for other people's."""
    schedule = store.schedules.get(schedule_id)
    if schedule is None:
        raise errors.not_found(f"Schedule with ID={schedule_id} does not exist.")
    if schedule["owner_id"] != user_id:
        raise errors.forbidden(f"User with ID={user_id} does not own schedule with ID={schedule_id}")
    return schedule


def _set(schedule: Wire, name: str, value: Any, build: Callable[[Any], Any] = lambda value: value) -> None:
    """Store a value unless it is None."""
    if value is not None:
        schedule[name] = build(value)


def _rows(rows: list[Wire]) -> list[Wire]:
    """Return copies of the rows of an availability, with the known keys only."""
    return [{"days": list(row["days"]), "startTime": row["startTime"], "endTime": row["endTime"]} for row in rows]


def _dates(rows: list[Wire]) -> list[Wire]:
    """Return overrides with datetimes cut to dates."""
    return [{"date": row["date"][:10], "startTime": row["startTime"], "endTime": row["endTime"]} for row in rows]
