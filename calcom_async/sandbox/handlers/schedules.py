"""Operations: schedules of the caller, and the functions that team and organization copies share with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from calcom_async.sandbox import errors
from calcom_async.sandbox.availability import DAYS, WORKING_WEEK
from calcom_async.sandbox.routes import Call, Status, route
from calcom_async.sandbox.rules import array, boolean, each, matches, one_of, strict_iso8601, string, time_zone
from calcom_async.sandbox.store import Store
from calcom_async.sandbox.validation import Field, Form

Wire = dict[str, Any]

VERSIONS = ("2024-06-11", "2024-06-14")

_TIME = r"^([01]\d|2[0-3]):([0-5]\d)$"


def _time(name: str) -> Field:
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


# --- what schedules are, whoever asks


def show_schedule(store: Store, schedule: Wire) -> Wire:
    """A schedule as it is sent; rows without days are not."""
    owner = store.users.get(schedule["owner_id"], {})
    return {
        "id": schedule["id"],
        "ownerId": schedule["owner_id"],
        "name": schedule["name"],
        "timeZone": schedule["time_zone"],
        "availability": [dict(row) for row in schedule["availability"] if row["days"]],
        "isDefault": owner.get("default_schedule_id") == schedule["id"],
        "overrides": [dict(row) for row in schedule["overrides"]],
    }


def schedules_of(store: Store, user_id: int) -> list[Wire]:
    """A user's schedules as they are sent."""
    return [show_schedule(store, one) for one in store.schedules.values() if one["owner_id"] == user_id]


def create_schedule(store: Store, user_id: int, body: Wire) -> Wire:
    """Make a schedule from a validated body; without `availability` it is Monday to Friday, 9 to 5."""
    schedule_id = store.next_id("schedule")
    availability = body.get("availability")
    schedule = {
        "id": schedule_id,
        "owner_id": user_id,
        "name": body["name"],
        "time_zone": body["timeZone"],
        "availability": _rows(WORKING_WEEK if availability is None else availability),
        "overrides": _dates(body.get("overrides") or []),
    }
    store.schedules[schedule_id] = schedule
    if body["isDefault"]:
        store.users[user_id]["default_schedule_id"] = schedule_id
    return schedule


def update_schedule(store: Store, schedule: Wire, body: Wire) -> None:
    """Replace what was sent. `isDefault: false` takes nothing away; null is too much for the database."""
    if any(name in body and body[name] is None for name in ("name", "timeZone")):
        raise errors.database(500)
    _set(schedule, "name", body.get("name"))
    _set(schedule, "time_zone", body.get("timeZone"))
    _set(schedule, "availability", body.get("availability"), _rows)
    _set(schedule, "overrides", body.get("overrides"), _dates)
    if body.get("isDefault"):
        store.users[schedule["owner_id"]]["default_schedule_id"] = schedule["id"]


def delete_schedule(store: Store, schedule: Wire) -> None:
    """Remove a schedule; whoever had it as default has none then, and event types fall back to the default."""
    del store.schedules[schedule["id"]]
    owner = store.users[schedule["owner_id"]]
    if owner.get("default_schedule_id") == schedule["id"]:
        owner["default_schedule_id"] = None
    for event_type in store.event_types.values():
        if event_type.get("scheduleId") == schedule["id"]:
            event_type["scheduleId"] = None


def find_schedule(store: Store, schedule_id: int, user_id: int) -> Wire:
    """The user's schedule, or why not: 404 for unknown ids, 403 for other people's."""
    schedule = store.schedules.get(schedule_id)
    if schedule is None:
        raise errors.not_found(f"Schedule with ID={schedule_id} does not exist.")
    if schedule["owner_id"] != user_id:
        raise errors.forbidden(f"User with ID={user_id} does not own schedule with ID={schedule_id}")
    return schedule


def _set(schedule: Wire, name: str, value: Any, build: Callable[[Any], Any] = lambda value: value) -> None:
    if value is not None:
        schedule[name] = build(value)


def _rows(rows: list[Wire]) -> list[Wire]:
    return [{"days": list(row["days"]), "startTime": row["startTime"], "endTime": row["endTime"]} for row in rows]


def _dates(rows: list[Wire]) -> list[Wire]:
    """Overrides, with a datetime cut to its date."""
    return [{"date": row["date"][:10], "startTime": row["startTime"], "endTime": row["endTime"]} for row in rows]


# --- the caller's own


@route("POST", "/v2/schedules", version=VERSIONS, status=201)
def post_schedule(call: Call) -> object:
    """Make a schedule; names may repeat."""
    return show_schedule(call.store, create_schedule(call.store, call.user["id"], CREATE.read(_body(call))))


@route("GET", "/v2/schedules", version=VERSIONS)
def list_schedules(call: Call) -> object:
    """All schedules of the caller, without paging."""
    return schedules_of(call.store, call.user["id"])


@route("GET", "/v2/schedules/default", version=VERSIONS)
def get_default_schedule(call: Call) -> object:
    """The caller's default schedule, or null."""
    schedule = call.store.schedules.get(call.user.get("default_schedule_id") or 0)
    return schedule and show_schedule(call.store, schedule)


@route("GET", "/v2/schedules/{scheduleId}", version=VERSIONS)
def get_schedule(call: Call) -> object:
    """One schedule of the caller."""
    return show_schedule(call.store, _own(call))


@route("PATCH", "/v2/schedules/{scheduleId}", version=VERSIONS)
def patch_schedule(call: Call) -> object:
    """Change what is sent: `availability` and `overrides` are replaced as a whole."""
    body = UPDATE.read(_body(call))
    schedule = _own(call)
    update_schedule(call.store, schedule, body)
    return show_schedule(call.store, schedule)


@route("DELETE", "/v2/schedules/{scheduleId}", version=VERSIONS)
def remove_schedule(call: Call) -> object:
    """Remove a schedule; unknown ids are a 400 here, not a 404."""
    schedule_id = call.int_path("scheduleId")
    if schedule_id not in call.store.schedules:
        raise errors.bad_request(f"Schedule with ID={schedule_id} does not exist.")
    delete_schedule(call.store, _own(call))
    return Status()


def _own(call: Call) -> Wire:
    return find_schedule(call.store, call.int_path("scheduleId"), call.user["id"])


def _body(call: Call) -> Wire:
    """The body; in the seed dialect days may be numbers, 0 = Sunday."""
    if not call.sandbox.seed_dialect or not isinstance(rows := call.body.get("availability"), list):
        return call.body
    return call.body | {"availability": [_named_days(row) for row in rows]}


def _named_days(row: Any) -> Any:
    if not isinstance(row, dict) or not isinstance(row.get("days"), list):
        return row
    return row | {"days": [_named_day(day) for day in row["days"]]}


def _named_day(day: Any) -> Any:
    known = re.fullmatch(r"[0-6]", str(day)) is not None and not isinstance(day, str)
    return DAYS[int(day)] if known else day
