"""Working hours and days off."""

from __future__ import annotations

import re
from datetime import date, tzinfo
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from calcom_async.errors import ConflictError, InvalidRequestError, printable
from calcom_async.mcp.call import ToolCall
from calcom_async.mcp.cursors import open_cursor, seal_cursor
from calcom_async.mcp.lost_responses import resolve_if_lost
from calcom_async.mcp.times import call_zone, local, parse_day, utc
from calcom_async.mcp.tool import Cursor, Result, TimeZone, tool
from calcom_async.mcp.untrusted import clean
from calcom_async.mcp.views import MAX_ROWS, Row
from calcom_async.models.out_of_office import OutOfOfficeEntry
from calcom_async.models.schedules import Availability, Override, Schedule
from calcom_async.models.times import Weekday

MONDAY: list[dict[str, Any]] = [{"days": ["Monday"], "start": "09:00", "end": "17:00"}]
Clock = Annotated[str, Meta(description="Such as 09:00")]
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class WeeklyHours(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Hours on some days of the week."""

    days: list[str]
    start: Clock
    end: Clock


class DateHours(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Hours on one date, which replace its weekly hours. Without start and end, a day off."""

    date: str
    start: Clock | None = None
    end: Clock | None = None


class DaysOff(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whole days in UTC on which the user cannot be booked."""

    first_day: str
    last_day: str
    reason: Literal["unspecified", "vacation", "travel", "sick", "public_holiday"] | None = None
    notes: str | None = None


AllWeeklyHours = Annotated[list[WeeklyHours], Meta(description="Replaces all weekly hours", examples=[MONDAY])]
SingleDates = Annotated[
    list[DateHours],
    Meta(description="Hours of single dates; without start, a day off", examples=[[{"date": "2026-12-24"}]]),
]
NewDaysOff = Annotated[
    DaysOff | None, Meta(description="Out of office", examples=[{"first_day": "2026-12-24", "last_day": "2026-12-31"}])
]


class ScheduleRow(Row, kw_only=True):
    """A schedule. Its hours are in its own time zone."""

    id: int
    name: str
    is_default: bool
    time_zone: str
    weekly_hours: list[WeeklyHours]
    dates: list[DateHours] | None = None


class OutOfOfficeRow(Row, kw_only=True):
    """Days off."""

    id: int
    start: str
    start_utc: str
    end: str
    end_utc: str
    reason: str | None = None
    notes: str | None = None


class AvailabilityResult(Result, kw_only=True):
    """Working hours and days off."""

    schedules: list[ScheduleRow]
    out_of_office: list[OutOfOfficeRow]
    next_cursor: str | None = None


@tool(changes=False)
async def get_availability(call: ToolCall, *, time_zone: TimeZone, cursor: Cursor | None = None) -> AvailabilityResult:
    """Show the user's schedules of working hours, each in its own time zone, and their days off (out of office)."""
    return await _read(call, call_zone(time_zone), open_cursor(cursor, "get_availability"))


async def _read(call: ToolCall, zone: tzinfo, skip: int = 0, message: str = "") -> AvailabilityResult:
    """Return up to `MAX_ROWS` schedules and as many days off, both after the first `skip`."""
    end = skip + MAX_ROWS
    schedules = await call.cal.schedules.list().collect(end + 1)
    entries = await call.cal.me.out_of_office.list().collect(end + 1)
    has_more = max(len(schedules), len(entries)) > end
    schedules, entries = schedules[skip:end], entries[skip:end]
    message = message or f"{len(schedules)} schedules, {len(entries)} out-of-office entries."
    return AvailabilityResult(
        message=f"{message} get_availability shows more with the cursor." if has_more else message,
        schedules=[_schedule_row(schedule) for schedule in schedules],
        out_of_office=[_entry_row(entry, zone) for entry in entries],
        next_cursor=seal_cursor(end, "get_availability") if has_more else None,
    )


def _schedule_row(schedule: Schedule) -> ScheduleRow:
    return ScheduleRow(
        id=schedule.id,
        name=clean(schedule.name),
        is_default=schedule.is_default,
        time_zone=schedule.time_zone,
        weekly_hours=[
            WeeklyHours(days=[str(day) for day in hours.days], start=hours.start_time, end=hours.end_time)
            for hours in schedule.availability or ()
        ],
        dates=[_date_hours(override) for override in schedule.overrides or ()] or None,
    )


def _date_hours(override: Override) -> DateHours:
    if override.start_time == override.end_time:
        return DateHours(date=str(override.date))
    return DateHours(date=str(override.date), start=override.start_time, end=override.end_time)


def _entry_row(entry: OutOfOfficeEntry, zone: tzinfo) -> OutOfOfficeRow:
    return OutOfOfficeRow(
        id=entry.id,
        start=local(entry.start, zone),
        start_utc=utc(entry.start),
        end=local(entry.end, zone),
        end_utc=utc(entry.end),
        reason=clean(entry.reason),
        notes=clean(entry.notes),
    )


@tool(destructive=True)
async def set_availability(
    call: ToolCall,
    *,
    time_zone: TimeZone,
    schedule_id: Annotated[int, Meta(description="Default: the default schedule", examples=[1])] | None = None,
    weekly_hours: AllWeeklyHours | None = None,
    dates: SingleDates | None = None,
    add_days_off: NewDaysOff = None,
    remove_days_off: Annotated[int, Meta(description="Id of an out-of-office entry", examples=[7])] | None = None,
) -> AvailabilityResult:
    """Set working hours, hours of single dates, or days off.

    time_zone must be that of the schedule, so that no hours are misread. Days off are whole days in UTC.
    """
    zone = call_zone(time_zone)
    if weekly_hours is None and dates is None and add_days_off is None and remove_days_off is None:
        raise InvalidRequestError("pass weekly_hours, dates, add_days_off or remove_days_off")
    # Read all arguments before the first change, so that an invalid one leaves everything as it was.
    availability = None if weekly_hours is None else [_availability(hours) for hours in weekly_hours]
    overrides = [_override(hours) for hours in dates or ()]
    days_off = _period(add_days_off) if add_days_off else None
    message = "Set. This is the availability now."
    if availability is not None or overrides:
        await _set_hours(call, zone, schedule_id, availability, overrides)
    if add_days_off and days_off:
        await _add_days_off(call, add_days_off, *days_off)
    if remove_days_off is not None:
        if any(entry.id == remove_days_off for entry in await _entries(call)):
            await resolve_if_lost(_delete(call, remove_days_off), lambda: _true_if_deleted(call, remove_days_off))
        else:
            message = f"There is no out-of-office entry {remove_days_off} to remove. This is the availability now."
    return await _read(call, zone, message=message)


async def _set_hours(
    call: ToolCall,
    zone: tzinfo,
    schedule_id: int | None,
    availability: list[Availability] | None,
    overrides: list[Override],
) -> None:
    schedules = call.cal.schedules
    schedule = await (schedules.default() if schedule_id is None else schedules.get(schedule_id))
    if schedule is None:
        raise InvalidRequestError("there is no default schedule; pass schedule_id, from get_availability")
    if str(zone) != schedule.time_zone:
        raise InvalidRequestError(
            f"the hours of schedule {schedule.id} are in {schedule.time_zone}. Convert them to that time zone, and "
            f"repeat the call with time_zone={schedule.time_zone}"
        )
    days: set[date] = {override.date for override in overrides}
    kept = [override for override in schedule.overrides if override.date not in days]
    await schedules.update(schedule.id, availability=availability, overrides=kept + overrides if overrides else None)


def _availability(hours: WeeklyHours) -> Availability:
    for day in hours.days:
        if day.upper() not in Weekday.__members__:
            raise InvalidRequestError(f"days must be names such as Monday, got {printable(day, 60)!r}")
    _check_span(hours.start, hours.end)
    return Availability(days=hours.days, start_time=hours.start, end_time=hours.end)


def _check_span(start: str, end: str) -> None:
    for clock in (start, end):
        if not CLOCK.fullmatch(clock):
            raise InvalidRequestError(
                f"start and end of hours must be from 00:00 to 23:59, such as 09:00, got {printable(clock, 60)!r}"
            )
    if start >= end:
        raise InvalidRequestError(f"hours must end after they start, got {start} to {end}")


def _override(hours: DateHours) -> Override:
    day = parse_day(hours.date, "dates")
    if hours.start is None and hours.end is None:
        return Override.day_off(day)
    if hours.start is None or hours.end is None:
        raise InvalidRequestError(f"dates: {day} needs start and end, or neither for a day off")
    _check_span(hours.start, hours.end)
    return Override(date=day, start_time=hours.start, end_time=hours.end)


async def _entries(call: ToolCall) -> list[OutOfOfficeEntry]:
    return await call.cal.me.out_of_office.list().collect()


def _period(days: DaysOff) -> tuple[date, date]:
    first, last = parse_day(days.first_day, "first_day"), parse_day(days.last_day, "last_day")
    if last < first:
        raise InvalidRequestError("last_day must not be before first_day")
    return first, last


async def _add_days_off(call: ToolCall, days: DaysOff, first: date, last: date) -> None:
    async def find_result() -> OutOfOfficeEntry | None:
        for entry in await _entries(call):
            if (entry.start.date(), entry.end.date()) == (first, last):
                return entry
        return None

    create = call.cal.me.out_of_office.create(start=first, end=last, reason=days.reason, notes=days.notes)
    try:
        await resolve_if_lost(create, find_result)
    except ConflictError:
        if await find_result() is None:
            raise


async def _delete(call: ToolCall, entry_id: int) -> bool:
    await call.cal.me.out_of_office.delete(entry_id)
    return True


async def _true_if_deleted(call: ToolCall, entry_id: int) -> bool | None:
    return None if any(entry.id == entry_id for entry in await _entries(call)) else True
