"""Bookings and their attendees, and the request bodies that create and change them."""

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType, field
from msgspec.structs import force_setattr

from calcom_async.errors import InvalidRequestError, shown
from calcom_async.models._base import IntOrFloat, Model
from calcom_async.models.times import from_epoch, parse_datetime

BookingStatus = Literal["accepted", "pending", "cancelled", "rejected", "awaiting_host"] | str


# gc=False: responses are trees without cycles, so the garbage collector can skip thousands of bookings per page.
class BookingHost(Model, frozen=True, kw_only=True, gc=False):
    """A host of a booking; `id` is the string "unknown" if the user was deleted."""

    id: int | str
    name: str | None = None
    email: str | None = None
    # The specification requires it, and a self-hosted server of 2025-12 does not return it.
    display_email: str | None = None
    username: str | None = None
    time_zone: str | None = None
    """Missing if the booking is fetched by seat."""


class BookingAttendee(Model, frozen=True, kw_only=True, gc=False):
    """An attendee or guest. Guests added when booking have an empty `name`.

    On seated bookings each attendee has a `seat_uid`, responses and metadata. Only the attendee operations return `id`
    and `booking_id`.
    """

    name: str | None = None
    email: str | None = None
    display_email: str | None = None
    """The address without the suffix that a platform adds."""
    time_zone: str
    language: str | None = None
    absent: bool = False
    phone_number: str | None = None
    seat_uid: str | None = None
    booking_fields_responses: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    created_at: datetime | None = None
    """When the seat was booked; only on seated bookings of the hosted API."""
    id: int | None = None
    booking_id: int | None = None


class BookingEventType(Model, frozen=True, kw_only=True, gc=False):
    """The event type of a booking."""

    id: int
    slug: str | None = None


class Booking(Model, frozen=True, kw_only=True, gc=False):
    """A booking of any kind: single, occurrence of a series, seated, or one seat.

    Rescheduling creates a new booking with a new `uid`. The old one becomes cancelled, and its `rescheduled_to_uid` is
    the new uid. The API never returns the reason of a declined booking. Attendees are unsorted: the booker is the one
    whose address is `booking_fields_responses["email"]`.
    """

    id: int
    uid: str
    title: str
    description: str | None = None
    """The notes; "" or None if there are none."""
    hosts: list[BookingHost]
    """One host for round robin and collective; the other hosts of a collective are among the attendees."""
    status: BookingStatus
    cancellation_reason: str | None = None
    """"" if there is none, like `cancelled_by_email`."""
    cancelled_by_email: str | None = None
    rescheduling_reason: str | None = None
    """Only set on the new booking."""
    rescheduled_by_email: str | None = None
    rescheduled_from_uid: str | None = None
    rescheduled_to_uid: str | None = None
    start: datetime
    end: datetime
    duration: IntOrFloat
    """Duration in minutes."""
    event_type_id: int | None = None
    """None if the event type was deleted, like `event_type`."""
    event_type: BookingEventType | None = None
    meeting_url: str | None = None
    """Deprecated; the same as `location`."""
    location: str | None = None
    """A URL, an address, or an app such as `integrations:daily` before its room exists."""
    absent_host: bool = False
    created_at: datetime
    updated_at: datetime | None = None
    metadata: dict[str, Any] | None = None
    rating: IntOrFloat | None = None
    ics_uid: str | None = None
    """Rescheduling does not change it."""
    attendees: list[BookingAttendee]
    """Empty if the caller may not see them, for example for the booker of a seat."""
    guests: list[str] | None = None
    booking_fields_responses: dict[str, Any] | None = None
    """Answers to the booking fields by slug; None on seated bookings, where each attendee has their own."""
    recurring_booking_uid: str | None = None
    """The same for all occurrences of a series."""
    seat_uid: str | None = None
    """Only returned when a seat is created or moved: store it to change that seat later."""
    is_platform_managed_user_booking: bool | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether it is confirmed."""
        return self.status == "accepted"

    @property
    def is_pending(self) -> bool:
        """Whether it waits for confirmation by a host, or for payment."""
        return self.status == "pending"

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled, or replaced by rescheduling (see `is_rescheduled`)."""
        return self.status == "cancelled"

    @property
    def is_rejected(self) -> bool:
        """Whether a host declined it."""
        return self.status == "rejected"

    @property
    def is_rescheduled(self) -> bool:
        """Whether the booking with `rescheduled_to_uid` replaced it."""
        return self.rescheduled_to_uid is not None

    @property
    def is_recurring(self) -> bool:
        """Whether it is an occurrence of a series."""
        return self.recurring_booking_uid is not None

    @property
    def is_seated(self) -> bool:
        """Whether attendees share it, judged by the answers: only unseated bookings have them at the top level."""
        return self.seat_uid is not None or self.booking_fields_responses is None


class Recording(Model, frozen=True, kw_only=True, gc=False):
    """A Cal Video recording; `download_link` is a signed URL that expires."""

    id: str
    room_name: str
    start_ts: IntOrFloat
    """Epoch seconds; `started_at` is the same as a datetime."""
    status: str
    max_participants: int | None = None
    duration: IntOrFloat
    """Duration in seconds."""
    share_token: str | None = None
    download_link: str | None = None
    error: str | None = None

    @property
    def started_at(self) -> datetime | None:
        """Start of the recording; None if the server's number is out of range."""
        return from_epoch(self.start_ts)


class ConferencingParticipant(Model, frozen=True, kw_only=True, gc=False):
    """A participant in a Cal Video room: `join_time` in epoch seconds, `duration` in seconds."""

    user_id: str | None = None
    user_name: str | None = None
    join_time: IntOrFloat
    duration: IntOrFloat


class ConferencingSession(Model, frozen=True, kw_only=True):
    """One meeting in a Cal Video room: `start_time` in epoch seconds, `duration` in seconds."""

    id: str
    room: str
    start_time: IntOrFloat
    duration: IntOrFloat
    ongoing: bool
    max_participants: int
    participants: list[ConferencingParticipant]


class CalendarLink(Model, frozen=True, kw_only=True, gc=False):
    """A link that adds the booking to a calendar; the ICS link is a `data:` URL."""

    label: str
    id: str | None = None
    link: str


class BookingReference(Model, frozen=True, kw_only=True, gc=False):
    """The booking in another system: a calendar event or a video room."""

    type: str
    event_uid: str
    destination_calendar_id: int | str | None = None
    id: int


class ReassignedHost(Model, frozen=True, kw_only=True, gc=False):
    """The new host of the booking."""

    id: int
    name: str | None = None
    email: str
    display_email: str | None = None


class Reassignment(Model, frozen=True, kw_only=True, gc=False):
    """Result of reassigning a booking; the booking keeps its uid."""

    booking_uid: str
    reassigned_to: ReassignedHost


class Attendee(Model, frozen=True, kw_only=True, gc=False):
    """The person who books or joins a booking; needs an `email` or a `phone_number`.

    The time zone is used for display. A series keeps its local time in this zone when clocks change.
    """

    name: str
    time_zone: str
    email: str | None = None
    phone_number: str | None = None
    language: str | None = None
    """Default: English."""

    def __post_init__(self) -> None:
        # The specification marks both as optional. The server rejects an attendee without either.
        if not (self.email or self.phone_number):
            raise InvalidRequestError(f"attendee {shown(self.name)} needs an email or a phone_number")


class Guest(Model, frozen=True, kw_only=True, gc=False):
    """A guest to invite to an existing booking. Defaults: the time zone and language of the host."""

    email: str
    name: str | None = None
    time_zone: str | None = None
    phone_number: str | None = None
    language: str | None = None


class BookingLocation(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The location of a booking; `type` (and `integration`) must be one that the event type offers.

    When booking, address, link, phone and organizersDefaultApp take their value from the event type. attendeeAddress
    needs `address`, attendeePhone `phone`, attendeeDefined `location`, and integration `integration`. When the location
    of a booking is changed, every type needs its value.
    """

    type: str
    address: str | None = None
    link: str | None = None
    phone: str | None = None
    location: str | None = None
    integration: str | None = None


# UNSET everywhere: what the routing form returned goes back unchanged, nulls included.
class Routing(Model, frozen=True, kw_only=True):
    """The result of a routing form; pass it unchanged to `CreateBooking`."""

    team_member_ids: list[int]
    response_id: int | UnsetType | None = UNSET
    queued_response_id: str | UnsetType | None = UNSET
    team_member_email: str | UnsetType | None = UNSET
    skip_contact_owner: bool | UnsetType | None = UNSET
    crm_app_slug: str | UnsetType | None = UNSET
    crm_owner_record_type: str | UnsetType | None = UNSET
    crm_record_owner_fallback_team_member_ids: list[int] | UnsetType | None = UNSET
    crm_record_owner_fallback_mode: str | UnsetType | None = UNSET
    """"relationship" or "attributeRules"."""


# Only the hosted API has routing traces. It was seen to return empty ones, so every field may be missing.
class RoutingTraceStep(Model, frozen=True, kw_only=True):
    """One step of routing."""

    message: str | None = None
    round: str | None = None
    domain: str | None = None
    step: str | None = None
    timestamp: IntOrFloat | None = None
    """Milliseconds since 1970."""
    data: Any = None


class RoutingTraceGroup(Model, frozen=True, kw_only=True):
    """Steps of one round of routing."""

    round: str | None = None
    domain: str | None = None
    steps: list[RoutingTraceStep] = field(default_factory=list)


class RoutingTraceForm(Model, frozen=True, kw_only=True):
    """The routing form of a trace."""

    name: str | None = None
    description: str | None = None


class RoutingTraceResponse(Model, frozen=True, kw_only=True):
    """One answer to the routing form."""

    field_id: str | None = None
    label: str | None = None
    display_value: str | None = None


class RoutingTraceSubmission(Model, frozen=True, kw_only=True):
    """The routing form that led to a booking, and the answers to it."""

    form: RoutingTraceForm | None = None
    responses: list[RoutingTraceResponse] = field(default_factory=list)


class RoutingTrace(Model, frozen=True, kw_only=True):
    """How routing rules led to the host of a booking; empty lists for a booking that was not routed."""

    steps: list[RoutingTraceStep] = field(default_factory=list)
    groups: list[RoutingTraceGroup] = field(default_factory=list)
    form_submission: RoutingTraceSubmission | None = None


# The server rejects unknown fields of this body (400) instead of dropping them (self-hosted server of 2026-07). So the
# newer fields are sent only if they are given.
class CreateBooking(Model, frozen=True, kw_only=True):
    """A new booking of `event_type_id`, or of `event_type_slug` with `username` or `team_slug`.

    Recurring event types return a list. The API has no idempotency: a repeated request is rejected, or books again.
    """

    start: datetime
    attendee: Attendee
    event_type_id: int | None = None
    event_type_slug: str | None = None
    username: str | None = None
    team_slug: str | None = None
    organization_slug: str | None = None
    booking_fields_responses: dict[str, Any] | None = None
    """Answers to the booking fields by slug; `notes` become the description."""
    guests: list[str] | None = None
    """Email addresses without duplicates."""
    location: BookingLocation | str | None = None
    """A string is the old form, which is not checked against the event type."""
    meeting_url: str | None = None
    """Deprecated; the same as a link location."""
    metadata: dict[str, str] | None = None
    """Up to 50 keys of 40 characters, with strings of 500. The server rejects numbers."""
    length_in_minutes: int | None = None
    """Only for event types with several lengths."""
    routing: Routing | None = None
    email_verification_code: str | None = None
    recurrence_count: int | None = None
    """Number of occurrences; default: all. Only the first is checked for availability."""
    instant: bool | None = None
    """Start a meeting immediately; for event types of teams only."""
    allow_conflicts: bool | None = None
    allow_booking_out_of_bounds: bool | None = None
    skip_booking_limits: bool | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "start", parse_datetime(self.start, "start"))


class RescheduleBooking(Model, frozen=True, kw_only=True):
    """A new time for a booking or for one seat; a seat takes no reason."""

    start: datetime
    rescheduled_by: str | None = None
    """An email address. If it is the organizer's own, the new booking is accepted immediately."""
    reason: str | None = field(name="reschedulingReason", default=None)
    seat_uid: str | None = None
    email_verification_code: str | None = None
    reschedule_with_same_host: bool | None = None
    allow_conflicts: bool | None = None
    allow_booking_out_of_bounds: bool | None = None
    skip_booking_limits: bool | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "start", parse_datetime(self.start, "start"))


# `cancel_subsequent` and `seat_uid` exclude each other: the API has one body for each.
class CancelBooking(Model, frozen=True, kw_only=True):
    """What to cancel, and why: a booking, one seat, or an occurrence and all later ones.

    A host who cancels must give a reason, unless the event type does not require one.
    """

    reason: str | None = field(name="cancellationReason", default=None)
    cancel_subsequent: bool | None = field(name="cancelSubsequentBookings", default=None)
    seat_uid: str | None = None


class AbsentAttendee(Model, frozen=True, kw_only=True, gc=False):
    """Whether this attendee was absent."""

    email: str
    absent: bool = True


class MarkAbsent(Model, frozen=True, kw_only=True):
    """The absent persons."""

    host: bool | None = None
    attendees: list[AbsentAttendee] | None = None


class AddGuests(Model, frozen=True, kw_only=True):
    """Guests to invite: 1 to 10 at a time, up to a total of 30 attendees."""

    guests: list[Guest]


class UpdateBookingLocation(Model, frozen=True, kw_only=True):
    """A new location of a booking."""

    location: BookingLocation
