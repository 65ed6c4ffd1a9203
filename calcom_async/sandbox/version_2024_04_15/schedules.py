"""Schedules in the form of 2024-04-15: days are numbers (0 is Sunday), times of day are datetimes.

Creation was recorded from the self-hosted build of 2026-07. The effects of updates come from the source code of the
server: without a name an update only sets the default schedule.
"""

from __future__ import annotations

import re
from typing import Any

from calcom_async.sandbox.bookings.times import find_zone
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import array, boolean, check, each, is_iso_date, number, string, time_zone
from calcom_async.sandbox.http.errors import bad_request
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.http.time_zones import zone_named
from calcom_async.sandbox.schedules.handlers import own_schedule, remove_schedule
from calcom_async.sandbox.schedules.records import Wire, create_schedule, update_schedule
from calcom_async.sandbox.slots.grid_inputs import DAYS

ROUTES = Routes()

VERSION = ("2024-04-15",)

_DATE = "isDate", "$property must be a Date instance"


def _time_of_day(name: str) -> Field:
    """Return the field for a time of day, which `_checked_time` has already read."""
    return Field(name, check(*_DATE, lambda value: value is not None), convert=lambda value: _read_time(name, value))


def _read_time(name: str, value: Any) -> str | None:
    """Return the clock part of a datetime as `HH:MM`, or None if it is invalid. Raises a 400 for other forms."""
    if not isinstance(value, str) or "T" not in value:
        raise bad_request(
            f"Invalid datestring format. Expected format(ISO8061): 2025-04-12T13:17:56.324Z. Received: {value}"
        )
    # Milliseconds and everything after them are cut off. Without milliseconds a `Z` stays, and is no number.
    parts = value.split("T")[1].partition(".")[0].split(":")
    if len(parts) != 3:
        raise bad_request(f"Invalid time format. Expected format(ISO8061): 2025-0412T13:17:56.324Z. Received: {value}")
    if not all(re.fullmatch(r"\d+", part) for part in parts):
        return None
    for unit, part, most in zip(("hours", "minutes", "seconds"), parts, (23, 59, 59), strict=True):
        if int(part) > most:
            raise bad_request(f"Invalid {name} {unit}. Expected value between 0 and {most}")
    return f"{int(parts[0]):02}:{int(parts[1]):02}"


_CREATE = Form(
    Field("name", string),
    Field("timeZone", time_zone),
    Field(
        "availabilities",
        array,
        optional=True,
        nested=Form(Field("days", each(number), array), _time_of_day("startTime"), _time_of_day("endTime")),
    ),
    Field("isDefault", boolean),
)
_MOMENT = check(*_DATE, is_iso_date)
_UPDATE = Form(
    Field("timeZone", string, optional=True),
    Field("name", string, optional=True),
    Field("isDefault", boolean, optional=True),
    Field("schedule", array, optional=True),
    Field("dateOverrides", array, optional=True, nested=Form(Field("start", _MOMENT), Field("end", _MOMENT))),
)


@ROUTES.add("POST", "/v2/schedules", version=VERSION, status=201)
def post_schedule(call: Call) -> object:
    """Create a schedule. It is from Monday to Friday, 9 to 5, unless `availabilities` has rows."""
    body = _CREATE.read(call.body)
    rows = [row | {"days": [DAYS[int(day) % 7] for day in row["days"]]} for row in body.get("availabilities") or []]
    schedule = create_schedule(call.store, call.user["id"], body | ({"availability": rows} if rows else {}))
    return _view(call, schedule)


@ROUTES.add("GET", "/v2/schedules", version=VERSION)
def list_schedules(call: Call) -> object:
    """List all schedules of the caller."""
    return [_view(call, schedule) for schedule in _schedules_of(call)]


@ROUTES.add("GET", "/v2/schedules/default", version=VERSION)
def get_default_schedule(call: Call) -> object:
    """Return the caller's default schedule, or null."""
    schedule = call.store.schedules.get(call.user.get("default_schedule_id") or 0)
    return schedule and _view(call, schedule)


@ROUTES.add("GET", "/v2/schedules/{scheduleId}", version=VERSION)
def get_schedule(call: Call) -> object:
    """Return a schedule of the caller."""
    return _view(call, own_schedule(call))


@ROUTES.add("PATCH", "/v2/schedules/{scheduleId}", version=VERSION)
def patch_schedule(call: Call) -> object:
    """Update a schedule. With a name, overrides that the body lacks are deleted."""
    body = _UPDATE.read(call.body)
    schedule = own_schedule(call)
    previous = call.user.get("default_schedule_id")
    if not body.get("name"):
        update_schedule(call.store, schedule, {"isDefault": body.get("isDefault")})
        names = {"userId": schedule["owner_id"], "name": schedule["name"], "id": schedule["id"]}
        return {"schedule": names, "isDefault": call.user.get("default_schedule_id") == schedule["id"]}
    changes: Wire = {"overrides": [_override(row) for row in body.get("dateOverrides") or []]}
    if body.get("schedule") is not None:
        changes["availability"] = _weekly(body["schedule"])
    kept = {name: body[name] for name in ("name", "timeZone", "isDefault") if body.get(name) is not None}
    update_schedule(call.store, schedule, changes | kept)
    current = call.user.get("default_schedule_id")
    return {
        "schedule": {
            "id": schedule["id"],
            "userId": schedule["owner_id"],
            "name": schedule["name"],
            "availability": _rows(schedule),
            "timeZone": schedule["time_zone"],
            "eventType": [
                {"id": record["id"], "eventName": record.get("customName")}
                for record in call.store.event_types.values()
                if record.get("scheduleId") == schedule["id"]
            ],
        },
        "availability": _week(call, schedule, whole_days=False),
        "timeZone": schedule["time_zone"],
        "isDefault": current == schedule["id"],
        "prevDefaultId": previous,
        "currentDefaultId": current,
    }


ROUTES.add("DELETE", "/v2/schedules/{scheduleId}", version=VERSION)(remove_schedule)


def _schedules_of(call: Call) -> list[Wire]:
    """Return the caller's schedules."""
    return [schedule for schedule in call.store.schedules.values() if schedule["owner_id"] == call.user["id"]]


# --- requests


def _weekly(days: list[Any]) -> list[Wire]:
    """Return the rows of an availability for seven lists of ranges, Sunday first."""
    ranges: dict[tuple[str, str], list[str]] = {}
    for day, rows in zip(DAYS, days, strict=False):
        for row in rows if isinstance(rows, list) else []:
            hours = tuple(_clock(row.get(name)) for name in ("start", "end")) if isinstance(row, dict) else ()
            if len(hours) == 2:
                ranges.setdefault(hours, []).append(day)
    return [{"days": names, "startTime": start, "endTime": end} for (start, end), names in ranges.items()]


def _override(row: Wire) -> Wire:
    """Return an override for a range of datetimes."""
    return {"date": row["start"][:10], "startTime": _clock(row["start"]), "endTime": _clock(row["end"])}


def _clock(moment: Any) -> str:
    """Return the time of day in an ISO 8601 text, as it is written there."""
    if not is_iso_date(moment) or "T" not in moment:
        raise bad_request("Invalid Date.")
    return str(moment.partition("T")[2][:5])


# --- responses


def _view(call: Call, schedule: Wire) -> Wire:
    """Return a schedule as JSON; overrides of past days are omitted."""
    user = call.user
    return {
        "id": schedule["id"],
        "name": schedule["name"],
        "isManaged": False,
        "workingHours": [
            {
                "days": [DAYS.index(day) for day in row["days"]],
                "startTime": _minutes(row["startTime"]),
                "endTime": _minutes(row["endTime"]),
                "userId": schedule["owner_id"],
            }
            for row in sorted(schedule["availability"], key=lambda row: str(row["startTime"]))
            if row["days"] and row["startTime"] < row["endTime"]
        ],
        "schedule": _rows(schedule),
        "availability": _week(call, schedule, whole_days=True),
        "timeZone": schedule["time_zone"],
        "dateOverrides": _date_overrides(call, schedule),
        "isDefault": user.get("default_schedule_id") == schedule["id"],
        "isLastSchedule": len(_schedules_of(call)) <= 1,
        "readOnly": False,
        "userId": schedule["owner_id"],
    }


def _minutes(time: str) -> int:
    """Return a time of day in minutes."""
    return int(time[:2]) * 60 + int(time[3:])


def _rows(schedule: Wire) -> list[Wire]:
    """Return the rows of the table that has both the weekly hours and the overrides."""
    rows: list[tuple[Wire, list[int], str | None]] = [
        (row, [DAYS.index(day) for day in row["days"]], None) for row in schedule["availability"]
    ]
    rows += [(row, [], f"{row['date']}T00:00:00.000Z") for row in schedule["overrides"]]
    return [
        {
            # Rows have no ids here: this one is made from the schedule's id and the position.
            "id": schedule["id"] * 1000 + position,
            "userId": schedule["owner_id"],
            "eventTypeId": None,
            "days": days,
            "startTime": f"1970-01-01T{row['startTime']}:00.000Z",
            "endTime": f"1970-01-01T{row['endTime']}:00.000Z",
            "date": date,
            "scheduleId": schedule["id"],
        }
        for position, (row, days, date) in enumerate(rows)
    ]


def _week(call: Call, schedule: Wire, *, whole_days: bool) -> list[list[Wire]]:
    """Return seven lists of ranges, Sunday first, all dated today. With `whole_days` a day ends at 23:59:59.999."""
    today = call.clock.now().date().isoformat()
    week: list[list[Wire]] = [[] for _ in DAYS]
    for row in schedule["availability"]:
        end = f"{today}T{row['endTime']}:00.000Z"
        if whole_days:
            end = end.replace("23:59:00.000Z", "23:59:59.999Z")
        for day in row["days"]:
            week[DAYS.index(day)].append({"start": f"{today}T{row['startTime']}:00.000Z", "end": end})
    return week


def _date_overrides(call: Call, schedule: Wire) -> list[Wire]:
    """Return the overrides from today on, grouped by date."""
    zone = find_zone(schedule["time_zone"]) or zone_named("UTC")
    today = call.clock.now().astimezone(zone).date().isoformat()
    dates: dict[str, list[Wire]] = {}
    for row in schedule["overrides"]:
        if row["date"] >= today:
            span = {name: f"{row['date']}T{row[f'{name}Time']}:00.000Z" for name in ("start", "end")}
            dates.setdefault(row["date"], []).append(span)
    return [{"ranges": ranges} for ranges in dates.values()]
