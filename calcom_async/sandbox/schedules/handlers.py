"""Handlers of the caller's schedules."""

from __future__ import annotations

import re
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.schedules.records import (
    CREATE,
    UPDATE,
    Wire,
    create_schedule,
    delete_schedule,
    find_schedule,
    schedules_of,
    show_schedule,
    update_schedule,
)
from calcom_async.sandbox.slots.grid_inputs import DAYS

ROUTES = Routes()


VERSIONS = ("2024-06-11", "2024-06-14")


@ROUTES.add("POST", "/v2/schedules", version=VERSIONS, status=201)
def post_schedule(call: Call) -> object:
    """Create a schedule; names need not be unique."""
    return show_schedule(call.store, create_schedule(call.store, call.user["id"], CREATE.read(_body(call))))


@ROUTES.add("GET", "/v2/schedules", version=VERSIONS)
def list_schedules(call: Call) -> object:
    """List all schedules of the caller; there is no paging."""
    return schedules_of(call.store, call.user["id"])


@ROUTES.add("GET", "/v2/schedules/default", version=VERSIONS)
def get_default_schedule(call: Call) -> object:
    """Return the caller's default schedule, or null."""
    schedule = call.store.schedules.get(call.user.get("default_schedule_id") or 0)
    # Null after the default was deleted; slots then follow Monday to Friday, 9 to 5.
    return schedule and show_schedule(call.store, schedule)


@ROUTES.add("GET", "/v2/schedules/{scheduleId}", version=VERSIONS)
def get_schedule(call: Call) -> object:
    """Return a schedule of the caller."""
    return show_schedule(call.store, own_schedule(call))


@ROUTES.add("PATCH", "/v2/schedules/{scheduleId}", version=VERSIONS)
def patch_schedule(call: Call) -> object:
    """Update a schedule; `availability` and `overrides` are replaced as a whole."""
    # The body is validated before the schedule is looked up, so an invalid body of an unknown schedule is a 400.
    body = UPDATE.read(_body(call))
    schedule = own_schedule(call)
    update_schedule(call.store, schedule, body)
    return show_schedule(call.store, schedule)


@ROUTES.add("DELETE", "/v2/schedules/{scheduleId}", version=VERSIONS)
def remove_schedule(call: Call) -> object:
    """Delete a schedule; unknown ids are a 400 here, not a 404."""
    schedule_id = call.int_path("scheduleId")
    if schedule_id not in call.store.schedules:
        raise errors.bad_request(f"Schedule with ID={schedule_id} does not exist.")
    delete_schedule(call.store, own_schedule(call))
    return Status()


def own_schedule(call: Call) -> Wire:
    """Return the schedule of the path if the caller owns it."""
    return find_schedule(call.store, call.int_path("scheduleId"), call.user["id"])


def _body(call: Call) -> Wire:
    """Return the body; legacy formats allow days as numbers, 0 = Sunday."""
    if not call.settings.legacy_formats or not isinstance(rows := call.body.get("availability"), list):
        return call.body
    return call.body | {"availability": [_named_days(row) for row in rows]}


def _named_days(row: Any) -> Any:
    """Return a row of an availability with the days as names."""
    if not isinstance(row, dict) or not isinstance(row.get("days"), list):
        return row
    return row | {"days": [_named_day(day) for day in row["days"]]}


def _named_day(day: Any) -> Any:
    """Return the name of a numbered day; other values stay."""
    known = re.fullmatch(r"[0-6]", str(day)) is not None and not isinstance(day, str)
    return DAYS[int(day)] if known else day
