"""The body of a booking creation, checked in the order of the real server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from calcom_async.sandbox.bookings.answers import check_answers
from calcom_async.sandbox.bookings.location import ResolvedLocation, resolve_location
from calcom_async.sandbox.bookings.permissions import may_book_protected
from calcom_async.sandbox.bookings.times import find_zone, read_start
from calcom_async.sandbox.bookings.views import Wire
from calcom_async.sandbox.event_types.records import host_ids, is_team_event_type
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.time_zones import zone_named
from calcom_async.sandbox.slots.availability import NO_OVERRIDES, Overrides
from calcom_async.sandbox.state.store import Store

# The email verification code that the sandbox accepts.
EMAIL_CODE = "123456"
AUTHENTICATION = "checkBookingRequiresAuthentication - "


@dataclass(slots=True, kw_only=True)
class BookingRequest:
    """A requested booking that fits its event type; its time is not checked yet."""

    event_type: Wire
    start: datetime
    end: datetime
    attendee: Wire
    place: ResolvedLocation
    guests: list[str] = field(default_factory=list)
    answers: Wire = field(default_factory=dict)
    metadata: Wire = field(default_factory=dict)
    count: int = 1
    instant: bool = False
    overrides: Overrides = NO_OVERRIDES
    series_uid: str | None = None
    """The series that a single occurrence belongs to; only version 2024-04-15 makes them one by one."""

    @property
    def email(self) -> str:
        """The address of the attendee; made from the phone number if there is none."""
        return self.attendee.get("email") or f"{self.attendee.get('phoneNumber', '')}@sms.cal.com"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which a series keeps its time of day."""
        return find_zone(self.attendee["timeZone"]) or zone_named("UTC")


def parse_request(call: Call, body: Wire) -> BookingRequest:
    """Check the request against its event type; the body itself is already validated."""
    event_type = find_event_type(call.store, body)
    _check_bookable_by(call, event_type)
    _check_kind(event_type, instant=bool(body.get("instant")))
    given = body.get("bookingFieldsResponses") or {}
    guests = body.get("guests") or []
    check_answers(event_type, body["attendee"], given, guests)
    _check_email_code(event_type, body.get("emailVerificationCode"))
    start = read_start(body["start"])
    length = _length(event_type, body.get("lengthInMinutes"))
    return BookingRequest(
        event_type=event_type,
        start=start,
        end=start + timedelta(minutes=length),
        attendee=body["attendee"],
        place=resolve_location(event_type, body.get("location") or body.get("meetingUrl")),
        # The booker is an attendee already.
        guests=[guest for guest in guests if guest != body["attendee"].get("email")],
        answers={slug: "" if value is None else value for slug, value in given.items()},
        metadata=_metadata(body.get("metadata") or {}),
        count=_count(event_type, body.get("recurrenceCount")),
        instant=bool(body.get("instant")),
        overrides=overrides_of(call, event_type, body),
    )


def overrides_of(call: Call, event_type: Wire, body: Wire) -> Overrides:
    """Return the overrides of a body. Like on the real server, they are ignored for callers who are no hosts."""
    user_id = call.caller.user_id
    if user_id is None or not may_book_protected(call.store, event_type, user_id):
        return NO_OVERRIDES
    names = ("allowConflicts", "allowBookingOutOfBounds", "skipBookingLimits")
    return Overrides(*(bool(body.get(name)) for name in names))


def _check_email_code(event_type: Wire, code: str | None) -> None:
    """Raise an error without the code that verifies the email address, if the event type requires one."""
    if event_type.get("requiresBookerEmailVerification") and code != EMAIL_CODE:
        raise errors.no_envelope(400, "email_verification_required" if code is None else "invalid_verification_code")


# --- the event type


def find_event_type(store: Store, body: Wire) -> Wire:
    """Return the event type that a body names by id, by slug and user, or by slug and team."""
    # An id wins; a slug and a user name beside it are not even looked at.
    if body.get("eventTypeId") is not None:
        event_type = store.event_types.get(body["eventTypeId"])
        if event_type is None:
            raise errors.not_found(f"Event type with id {body['eventTypeId']} not found.")
        return event_type
    if body.get("username") is not None:
        return _of_user(store, body)
    return _of_team(store, body)


def _of_user(store: Store, body: Wire) -> Wire:
    """Return a user's event type by slug."""
    name = body["username"]
    user = next((user for user in store.users.values() if user["username"] == name), None)
    if user is None:
        raise errors.not_found(f"User with username {name} not found")
    return _by_slug(
        store,
        body,
        f"user {name}",
        lambda candidate: not is_team_event_type(candidate) and candidate["ownerId"] == user["id"],
    )


def _of_team(store: Store, body: Wire) -> Wire:
    """Return a team's event type by slug."""
    slug = body["teamSlug"]
    homes = {None: "", **{organization["id"]: organization["slug"] for organization in store.organizations.values()}}
    wanted = body.get("organizationSlug")
    team = next(
        (
            team
            for team in store.teams.values()
            if team.get("slug") == slug and (wanted is None or homes.get(team.get("parent_id")) == wanted)
        ),
        None,
    )
    if team is None:
        raise errors.not_found(f"Team with slug {slug} not found")
    return _by_slug(store, body, f"team {slug}", lambda candidate: candidate.get("teamId") == team["id"])


def _by_slug(store: Store, body: Wire, owner: str, belongs: Any) -> Wire:
    """Return the event type with the slug of the body that belongs to the owner."""
    slug = body["eventTypeSlug"]
    match = next(
        (event_type for event_type in store.event_types.values() if event_type["slug"] == slug and belongs(event_type)),
        None,
    )
    if match is None:
        within = f" within organization {body['organizationSlug']}" if body.get("organizationSlug") else ""
        raise errors.not_found(f"Event type with slug {slug} belonging to {owner}{within} not found.")
    return match


def _check_bookable_by(call: Call, event_type: Wire) -> None:
    """Raise an error if the event type requires credentials that the caller does not have."""
    if not event_type.get("bookingRequiresAuthentication"):
        return
    if call.caller.user_id is None:
        raise errors.unauthorized(
            AUTHENTICATION + "request must be authenticated by passing credentials belonging to event type owner, "
            "host or team or org admin or owner."
        )
    if not may_book_protected(call.store, event_type, call.caller.user_id):
        raise errors.forbidden(
            AUTHENTICATION + "user is not authorized to access this event type. User has to be either event type "
            "owner, host, team admin or owner or org admin or owner."
        )


def _check_kind(event_type: Wire, *, instant: bool) -> None:
    """Raise an error for managed parents and for teams without hosts, which cannot be booked."""
    if event_type.get("schedulingType") == "managed" and is_team_event_type(event_type):
        raise errors.bad_request(
            f"Event type with id={event_type['id']} is the parent managed event type that can't be booked. You have "
            "to provide the child event type id aka id of event type that has been assigned to one of the users."
        )
    if not host_ids(event_type):
        raise errors.unprocessable(
            "Can't book this team event type because it has no hosts. Please, add at least 1 host (User) to the team "
            "event type."
        )
    if instant and not is_team_event_type(event_type):
        raise errors.bad_request(
            "Instant bookings are only supported for team event types, not individual user event types."
        )


# --- length, occurrences, metadata


def _length(event_type: Wire, wanted: int | None) -> int:
    """Return the length in minutes. Raises a 400 if the event type does not offer it."""
    options = event_type.get("lengthInMinutesOptions")
    if wanted is None:
        return int(event_type["lengthInMinutes"])
    if not options:
        raise errors.bad_request(
            "Can't specify 'lengthInMinutes' because event type does not have multiple possible lengths. Please, "
            "remove the 'lengthInMinutes' field from the request."
        )
    if wanted not in options:
        raise errors.bad_request(
            "Provided 'lengthInMinutes' is not one of the possible lengths for the event type. The possible lengths "
            f"are: {', '.join(map(str, options))}"
        )
    return wanted


def _count(event_type: Wire, wanted: int | None) -> int:
    """Return the number of occurrences: by default all of a series, and 1 without recurrence."""
    recurrence = event_type.get("recurrence")
    if not recurrence:
        return 1
    most = int(recurrence["occurrences"])
    if wanted is not None and wanted > most:
        raise errors.bad_request("Provided recurrence count is higher than the event type's recurring event count.")
    return most if wanted is None else wanted


def _metadata(metadata: Wire) -> Wire:
    """Return the metadata. Raises a zod error for values that are not text, although the validation accepts them."""
    # The first validation accepts numbers and booleans, as the specification says. The second one, of the booking core,
    # does not.
    kinds = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object", type(None): "null"}
    wrong = [
        (f"metadata.{key}", f"Expected string, received {kinds[type(value)]}")
        for key, value in metadata.items()
        if not isinstance(value, str)
    ]
    if wrong:
        raise errors.zod(*wrong)
    return metadata
