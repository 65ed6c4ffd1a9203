"""Times of tools: they are read in the time zone of the call, and returned in it and in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo

from calcom_async.errors import InvalidRequestError, printable
from calcom_async.time_ranges import first_instant, get_time_zone, last_instant

YEARS = range(2000, 2200)
"""Years of times in arguments. Others are mistakes, and next to the limits of `datetime` they cannot be converted."""


def parse_time(text: str, zone: tzinfo, parameter: str) -> datetime:
    """Return a time of an argument, in whole seconds. Without an offset it is a time in `zone`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or len(text) <= len("2026-12-01"):
        raise InvalidRequestError(f"{parameter} must be a time such as 2026-12-01T09:00, got {printable(text, 60)!r}")
    _check_year(moment, parameter)
    # Cal.com's times have no fractions of a second, and one that had would never equal that of its booking.
    moment = moment.replace(microsecond=0)
    return _in_zone(moment, zone, parameter) if moment.tzinfo is None else moment


def parse_day_or_time(text: str, zone: tzinfo, parameter: str) -> date | datetime:
    """Return a day, or a time as `parse_time` does."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return parse_time(text, zone, parameter)
    return _check_year(day, parameter)


def parse_range(start: str | None, end: str | None, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last instant of the arguments `start` and `end`, which are days or times."""
    first = first_instant(parse_day_or_time(start, zone, "start"), "start", str(zone)) if start else None
    last = last_instant(parse_day_or_time(end, zone, "end"), "end", str(zone)) if end else None
    if first and last and first >= last:
        raise InvalidRequestError("end must be after start")
    return first, last


def parse_day(text: str, parameter: str) -> date:
    """Return a day of an argument."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        problem = f"{parameter} must be a day such as 2026-12-01, got {printable(text, 60)!r}"
        raise InvalidRequestError(problem) from None
    return _check_year(day, parameter)


def _check_year(day: date, parameter: str) -> date:
    if day.year not in YEARS:
        raise InvalidRequestError(f"{parameter} must be in the years {YEARS[0]} to {YEARS[-1]}, got {day.year}")
    return day


def _in_zone(moment: datetime, zone: tzinfo, parameter: str) -> datetime:
    """Return the time in a zone. Raise if the clocks of the zone show it never or twice."""
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise InvalidRequestError(
            f"{parameter}: {moment.isoformat()} does not exist in {zone}, because the clocks go forward then. "
            f"Choose {local(second.astimezone(UTC), zone)} or {local(first.astimezone(UTC), zone)}"
        )
    raise InvalidRequestError(
        f"{parameter}: {moment.isoformat()} happens twice in {zone}, because the clocks go back then. "
        f"Choose {first.isoformat()} or {second.isoformat()}"
    )


def is_readable(moment: datetime | None) -> bool:
    """Return whether a time of a response can be shown: a server may send null, or a time without an offset."""
    return moment is not None and moment.tzinfo is not None


def local(moment: datetime, zone: tzinfo) -> str:
    """Return a time in the time zone of the call, with its offset; empty if the server sent none."""
    if not is_readable(moment):
        return ""
    return moment.astimezone(zone).isoformat(timespec=_precision(moment))


def utc(moment: datetime) -> str:
    """Return a time in UTC, such as `2026-12-01T09:00Z`; empty if the server sent none."""
    if not is_readable(moment):
        return ""
    return moment.astimezone(UTC).isoformat(timespec=_precision(moment)).removesuffix("+00:00") + "Z"


def _precision(moment: datetime) -> str:
    return "seconds" if moment.second else "minutes"


def both(moment: datetime, zone: tzinfo) -> str:
    """Return a time for a sentence, in the time zone of the call and in UTC."""
    if not is_readable(moment):
        return "an unknown time"
    return f"{moment.astimezone(zone):%a} {local(moment, zone)} ({utc(moment)})"


def call_zone(name: str, parameter: str = "time_zone") -> tzinfo:
    """Return the time zone of an argument."""
    try:
        return get_time_zone(name)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{parameter}: {error.message}") from None
