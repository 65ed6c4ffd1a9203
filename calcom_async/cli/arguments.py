"""Arguments and options that several commands have, and what they mean."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from calcom_async.booking_links import looks_like_link, parse_booking_link
from calcom_async.client import Calcom
from calcom_async.config import BOOKING_URL
from calcom_async.errors import InvalidRequestError, SlotTakenError
from calcom_async.resources.slots import has_room
from calcom_async.time_ranges import DAY, MONTH, first_instant, get_time_zone

YEARS = range(2000, 2200)
FIRST = "first"
SEARCH_AHEAD = timedelta(days=60)
"""How far ahead a search for the first free time goes."""

EventArgument = Annotated[
    str,
    typer.Argument(metavar="EVENT", help="Event type: its id, USERNAME/SLUG, or a booking link.", show_default=False),
]
StartOption = Annotated[
    str,
    typer.Option(
        "--start",
        metavar="TIME",
        help='Start, for example 2026-12-01T09:00+01:00, or "first" for the first free time.',
    ),
]
TeamOption = Annotated[bool, typer.Option("--team", help="The name before the slash is the slug of a team.")]
OrganizationOption = Annotated[
    str | None, typer.Option("--organization", metavar="SLUG", help="Slug of the organization of the user or team.")
]
TimeZoneOption = Annotated[
    str | None,
    typer.Option(
        "--time-zone",
        metavar="ZONE",
        help="Time zone, for example Europe/Rome. [default: the time zone of the account]",
    ),
]
DurationOption = Annotated[
    int | None, typer.Option("--duration", metavar="MINUTES", min=1, help="Duration, if the event type offers several.")
]


def parse_event_type(text: str, *, team: bool, organization: str | None) -> dict[str, Any]:
    """Return `7`, `ana/thirty` or a booking link as the keywords of `Slots.search` that select an event type.

    They include the `duration` that a link may have.
    """
    if looks_like_link(text):
        if team or organization:
            raise InvalidRequestError("--team and --organization work only with NAME/SLUG, not with a link")
        return _parse_link(text)
    if text.isdecimal() and text.isascii():
        if team or organization:
            raise InvalidRequestError("--team and --organization work only with NAME/SLUG, not with an id")
        return {"event_type_id": int(text)}
    owner, slash, slug = text.partition("/")
    if not (owner and slash and slug) or "/" in slug:
        raise InvalidRequestError(
            f"EVENT must be an id, USERNAME/SLUG or a booking link, for example 7 or ana/thirty, got {text}"
        )
    params = {"team_slug" if team else "username": owner, "event_type_slug": slug}
    return params | ({"organization_slug": organization} if organization else {})


def _parse_link(link: str) -> dict[str, Any]:
    target = parse_booking_link(link, os.environ.get("CAL_BOOKING_URL") or BOOKING_URL)
    if target.private_link_id is not None:
        raise InvalidRequestError("the API cannot open a private link; pass the id of its event type instead")
    return target.search_keywords


def parse_zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name."""
    zone = get_time_zone(name)
    if not isinstance(zone, ZoneInfo):
        raise InvalidRequestError("this machine has no time zone database. Install it: pip install tzdata")
    return zone


async def zone_of(cal: Calcom) -> ZoneInfo:
    """Return the time zone of the account."""
    return parse_zone((await cal.me.get()).time_zone)


def parse_day(text: str, name: str, *, words: str = "") -> date:
    """Return the date in an argument. `words` are the other values that the argument can have."""
    try:
        day = date.fromisoformat(text)
        _check_year(day)
    except ValueError:
        raise InvalidRequestError(f"{name} must be a date such as 2026-12-01{words}, got {text}") from None
    return day


def parse_bound(text: str, name: str) -> date | datetime:
    """Return the date, or the time with a UTC offset, in an argument."""
    try:
        bound = date.fromisoformat(text) if len(text) <= len("2026-12-01") else datetime.fromisoformat(text)
        _check_year(bound)
    except ValueError:
        raise InvalidRequestError(
            f"{name} must be a date such as 2026-12-01, or a time such as 2026-12-01T09:00+01:00, got {text}"
        ) from None
    return _require_offset(bound, text, name) if isinstance(bound, datetime) else bound


def instants_of(
    since: date | datetime | None, until: date | datetime | None, time_zone: str
) -> tuple[datetime | None, datetime | None]:
    """Return when --since begins and when --until ends. A date is a whole day in the time zone."""
    after = None if since is None else first_instant(since, "--since", time_zone)
    day_after = until if until is None or isinstance(until, datetime) else until + DAY
    before = None if day_after is None else first_instant(day_after, "--until", time_zone)
    if after and before and after > before:
        raise InvalidRequestError(f"--since {since} is later than --until {until}")
    return after, before


def parse_start(text: str) -> datetime | None:
    """Return the time of --start, which must have a UTC offset; None for "first"."""
    return None if text == FIRST else parse_time(text, "--start", "a time such as 2026-12-01T09:00+01:00, or first")


def parse_time(text: str, name: str, expected: str = "a time such as 2026-12-01T09:00+01:00") -> datetime:
    """Return a time, which must have a UTC offset."""
    try:
        time = datetime.fromisoformat(text)
        _check_year(time)
    except ValueError:
        raise InvalidRequestError(f"{name} must be {expected}, got {text}") from None
    return _require_offset(time, text, name)


def _require_offset(time: datetime, text: str, name: str) -> datetime:
    if time.tzinfo is None:
        raise InvalidRequestError(f"{name} {text} has no UTC offset. Add Z for UTC, or an offset such as +01:00")
    return time


def _check_year(day: date) -> None:
    """Raise ValueError for a year that nobody means and that calendar arithmetic may not reach."""
    if day.year not in YEARS:
        raise ValueError(day)


async def first_free(cal: Calcom, search: dict[str, Any], *, not_at: datetime | None = None) -> datetime:
    """Return the start of the first free slot within the next 60 days, other than `not_at`."""
    today = datetime.now(UTC).date()
    slot = await cal.slots.first_available(start=today, end=today + SEARCH_AHEAD, **search)
    if slot is not None and slot.start == not_at:  # a class with free seats is free at its own time
        day = slot.start.date() - DAY
        later = await cal.slots.search(start=day, end=day + MONTH, **search)
        slot = next((slot for slot in later.slots() if slot.start > not_at and has_room(slot)), None)
    if slot is None:
        raise SlotTakenError(f"no free time in the next {SEARCH_AHEAD.days} days")
    return slot.start
