"""Handler of `GET /v2/slots`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from calcom_async.sandbox.event_types.records import is_team_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    array,
    canonical_zone,
    each,
    min_size,
    number,
    one_of,
    strict_iso8601,
    string,
    time_zone,
)
from calcom_async.sandbox.http.forms import Field, Form, to_int, to_ints, to_list
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.http.time_zones import zone_named
from calcom_async.sandbox.slots.availability import free_slots
from calcom_async.sandbox.slots.seats import Slot
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()


Wire = dict[str, Any]

VERSION = ("2024-09-04",)


_COMMON = (
    Field("start", strict_iso8601.named("isDateString")),
    Field("end", strict_iso8601.named("isDateString")),
    Field("timeZone", time_zone, optional=True),
    Field("duration", number, optional=True, convert=to_int),
    Field(
        "format",
        one_of(["range", "time"]).with_text("slotFormat must be either 'range' or 'time'"),
        optional=True,
        convert=lambda value: str(value).lower() if value else None,
    ),
    Field("bookingUidToReschedule", string, optional=True),
    Field("rrHostSubsetIds", each(number), array, optional=True, convert=to_ints),
)
_SLUG = Field("eventTypeSlug", string)
_ORGANIZATION = Field("organizationSlug", string, optional=True)

_BY_ID = Form(Field("eventTypeId", number, convert=to_int), *_COMMON)
_BY_USERNAME = Form(_SLUG, Field("username", string), _ORGANIZATION, *_COMMON)
_BY_TEAM = Form(_SLUG, Field("teamSlug", string), _ORGANIZATION, *_COMMON)
_BY_USERNAMES = Form(
    Field(
        "usernames",
        each(string),
        min_size(2).with_text("The array must contain at least 2 elements."),
        array,
        convert=to_list,
    ),
    Field("organizationSlug", string),
    *_COMMON,
)

#: Parameter names in older documentation and today.
_LEGACY_NAMES = {"startTime": "start", "endTime": "end"}


@dataclass(frozen=True, slots=True)
class Target:
    """The event type of a query, and its hosts if they are not all of its own."""

    event_type: Wire
    hosts: list[int] | None = None


@ROUTES.add("GET", "/v2/slots", version=VERSION, auth="public")
def get_slots(call: Call) -> object:
    """Return available slots by local date. The given parameters decide how the event type is identified.

    The real server may answer from a cache of about two seconds, and so show a slot that was just booked. The sandbox
    does not.
    """
    fields = _legacy_names(call.fields) if call.settings.legacy_formats else call.fields
    # Unlike nearly all other operations, this one rejects unknown parameters with a 400.
    query = _form(fields).read_strict(fields)
    target = find_target(call.store, query)
    days = free_slots(
        call.store,
        call.clock,
        target.event_type,
        parse_time(query["start"], "start"),
        _end(query["end"]),
        zone=query.get("timeZone"),
        duration=query.get("duration"),
        reschedule_uid=query.get("bookingUidToReschedule"),
        hosts=query.get("rrHostSubsetIds") if target.hosts is None else target.hosts,
    )
    shown = _SlotFormat(query.get("timeZone"), ranges=query.get("format") == "range")
    return {day: [shown.slot(slot) for slot in slots] for day, slots in days.items()}


def _legacy_names(fields: Wire) -> Wire:
    """Accept the legacy formats: `startTime` and `endTime`, and a slug that is ignored next to an id."""
    renamed = {_LEGACY_NAMES.get(name, name): value for name, value in fields.items()}
    if renamed.get("eventTypeId"):
        renamed.pop("eventTypeSlug", None)
    return renamed


def _form(fields: Mapping[str, Any]) -> Form:
    """Return the form for the way in which a query identifies the event type."""
    # The server chooses by presence, in this order. What belongs to another way is an unknown field then: an id with a
    # slug beside it is a 400, and a slug alone is judged as a query by `usernames`.
    if fields.get("eventTypeId"):
        return _BY_ID
    if fields.get("eventTypeSlug") and fields.get("username"):
        return _BY_USERNAME
    if fields.get("eventTypeSlug") and fields.get("teamSlug"):
        return _BY_TEAM
    return _BY_USERNAMES


def find_target(store: Store, query: Wire) -> Target:
    """Return the event type of a query. Raises a 404."""
    if "usernames" in query:
        return Target(_dynamic(query), _ids(store, query["usernames"]))
    if "eventTypeId" in query:
        event_type = store.event_types.get(query["eventTypeId"])
    elif "username" in query:
        event_type = _of_user(store, query["username"], query["eventTypeSlug"])
    else:
        event_type = _of_team(store, query["teamSlug"], query.get("organizationSlug"), query["eventTypeSlug"])
    if event_type is None:
        raise errors.not_found("Event Type not found")
    return Target(event_type)


def _of_user(store: Store, username: str, slug: str) -> Wire | None:
    """Return a user's event type by slug."""
    user = next((user for user in store.users.values() if user["username"] == username), None)
    if user is None:
        raise errors.not_found(f"User with username {username} not found")
    own = (
        event_type
        for event_type in store.event_types.values()
        if event_type["ownerId"] == user["id"] and not is_team_event_type(event_type)
    )
    return next((event_type for event_type in own if event_type["slug"] == slug), None)


def _of_team(store: Store, team_slug: str, organization_slug: str | None, slug: str) -> Wire | None:
    """Return a team's event type by slug. Without an organization, only teams outside of organizations are found."""
    inside: set[int | None] = {None}
    if organization_slug is not None:
        inside = {
            organization["id"]
            for organization in store.organizations.values()
            if organization["slug"] == organization_slug
        }
    teams = [team for team in store.teams.values() if team["slug"] == team_slug and team["parent_id"] in inside]
    if not teams:
        raise errors.not_found(f"Team with slug {team_slug} not found")
    team_id = teams[0]["id"]
    return next(
        (
            event_type
            for event_type in store.event_types.values()
            if event_type.get("teamId") == team_id and event_type["slug"] == slug
        ),
        None,
    )


def _ids(store: Store, usernames: list[str]) -> list[int]:
    """Return the ids of users by name; unknown names are ignored."""
    return [user["id"] for user in store.users.values() if user["username"] in usernames]


def _dynamic(query: Wire) -> Wire:
    """Return the event type that stands for several users; all of them must be free."""
    return {
        "id": 0,
        "lengthInMinutes": query.get("duration") or 30,
        # The settings of the users' own event types have no effect on this one.
        "minimumBookingNotice": 120,
        "schedulingType": "collective",
    }


def parse_time(text: str, name: str) -> datetime:
    """Parse a date or time of the query; no offset means UTC."""
    padded = text + "-01" * (2 - text.count("-")) if len(text) < len("2030-03-06") else text
    try:
        moment = datetime.fromisoformat(padded) if " " not in padded else None
    except ValueError:
        moment = None
    if moment is None:
        raise errors.bad_request(f"Invalid {name} date")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _end(text: str) -> datetime:
    """Parse the end; midnight means the end of that day."""
    end = parse_time(text, "end")
    # So a bare date includes its day, and an `end` of exactly midnight gains one.
    if (end.hour, end.minute, end.second) == (0, 0, 0):
        return end.replace(hour=23, minute=59, second=59)
    return end


def time_writer(zone: str | None) -> Callable[[datetime], str]:
    """Return the function that writes times: in UTC with `Z`, or with the offset of the requested time zone."""
    # With `UTC` the times end in `Z` like without a time zone; any other zone without an offset ends in `+00:00`.
    if zone is None or zone.lower() in {"utc", "gmt"}:
        return iso
    known = zone_named(canonical_zone(zone) or "UTC")
    return lambda moment: moment.astimezone(known).isoformat(timespec="milliseconds")


class _SlotFormat:
    """The output format of slots: with or without their ends."""

    def __init__(self, zone: str | None, *, ranges: bool) -> None:
        self._time = time_writer(zone)
        self._ranges = ranges

    def slot(self, slot: Slot) -> Wire:
        """Return a slot as JSON."""
        shown: Wire = {"start": self._time(slot.start)}
        if self._ranges:
            shown["end"] = self._time(slot.end)
        if slot.seats_total is not None:
            shown |= {
                "seatsBooked": slot.seats_booked,
                # Full slots stay in the list with 0 left, also if the event type hides the number of free seats.
                "seatsRemaining": slot.seats_total - slot.seats_booked,
                "seatsTotal": slot.seats_total,
            }
            if slot.booking_uid is not None:
                shown["bookingUid"] = slot.booking_uid
        return shown
