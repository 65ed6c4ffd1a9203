"""Bookings, the people in them, and the bodies that make and change them."""

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType, field
from msgspec.structs import force_setattr

from calcom_async.errors import InvalidRequestError, shown
from calcom_async.models._base import IntOrFloat, Model
from calcom_async.models.times import from_epoch, parse_datetime

BookingStatus = Literal["accepted", "pending", "cancelled", "rejected", "awaiting_host"] | str


# gc=False on bookings and their parts: answers are trees, so the collector need not walk a page of thousands of them.
class BookingHost(Model, frozen=True, kw_only=True, gc=False):
    """Who is booked; the `id` is the text "unknown" once the user was deleted."""

    id: int | str
    name: str | None = None
    email: str | None = None
    display_email: str | None = None
    username: str | None = None
    time_zone: str | None = None
    """Missing when a booking is read by seat."""


class BookingAttendee(Model, frozen=True, kw_only=True, gc=False):
    """Who comes, guests included; guests named at creation have an empty `name`.

    On seated bookings each attendee carries `seat_uid`, responses and metadata. `id` and `booking_id` come only from
    the attendee operations.
    """

    name: str | None = None
    email: str | None = None
    display_email: str | None = None
    """The address without the suffix of a platform."""
    time_zone: str
    language: str | None = None
    absent: bool = False
    phone_number: str | None = None
    seat_uid: str | None = None
    booking_fields_responses: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    id: int | None = None
    booking_id: int | None = None


class BookingEventType(Model, frozen=True, kw_only=True, gc=False):
    """The event type of a booking."""

    id: int
    slug: str | None = None


class Booking(Model, frozen=True, kw_only=True, gc=False):
    """A booking of any kind: plain, occurrence of a series, seated, or a seat in one.

    Rescheduling makes a new booking with a new `uid`; the old one becomes cancelled and points to it with
    `rescheduled_to_uid`. The reason of a declined booking is nowhere. Attendees are in no fixed order: the booker is
    the one with the address in `booking_fields_responses["email"]`.
    """

    id: int
    uid: str
    title: str
    description: str | None = None
    """The notes; "" or None without any."""
    hosts: list[BookingHost]
    """One for round robin and collective; a collective's other hosts are among the attendees."""
    status: BookingStatus
    cancellation_reason: str | None = None
    """"" when there is none, as is `cancelled_by_email`."""
    cancelled_by_email: str | None = None
    rescheduling_reason: str | None = None
    """Only on the new one of a rescheduled pair."""
    rescheduled_by_email: str | None = None
    rescheduled_from_uid: str | None = None
    rescheduled_to_uid: str | None = None
    start: datetime
    end: datetime
    duration: IntOrFloat
    """Minutes."""
    event_type_id: int | None = None
    """None when the event type was deleted, as is `event_type`."""
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
    """Stays that of the first booking when one is rescheduled."""
    attendees: list[BookingAttendee]
    """Empty for those who may not see them, bookers of a seat included."""
    guests: list[str] | None = None
    booking_fields_responses: dict[str, Any] | None = None
    """Answers by field slug; None on seated bookings, where each attendee has their own."""
    recurring_booking_uid: str | None = None
    """Shared by the occurrences of a series."""
    seat_uid: str | None = None
    """Only in the answers that make or move a seat: keep it to change that seat later."""
    is_platform_managed_user_booking: bool | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether it takes place."""
        return self.status == "accepted"

    @property
    def is_pending(self) -> bool:
        """Whether it waits for a host's confirmation, or for payment."""
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
        """Whether another booking replaced it: the one with `rescheduled_to_uid`."""
        return self.rescheduled_to_uid is not None

    @property
    def is_recurring(self) -> bool:
        """Whether it is an occurrence of a series."""
        return self.recurring_booking_uid is not None

    @property
    def is_seated(self) -> bool:
        """Whether attendees share it; told by the responses, which only unseated bookings have at the top."""
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
    """Seconds."""
    share_token: str | None = None
    download_link: str | None = None
    error: str | None = None

    @property
    def started_at(self) -> datetime | None:
        """When the recording began; None where the server's figure is no time."""
        return from_epoch(self.start_ts)


class ConferencingParticipant(Model, frozen=True, kw_only=True, gc=False):
    """Somebody in a Cal Video room: `join_time` in epoch seconds, `duration` in seconds."""

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
    """A link that adds the booking to a calendar; the ICS one is a `data:` URL."""

    label: str
    id: str | None = None
    link: str


class BookingReference(Model, frozen=True, kw_only=True, gc=False):
    """Where the booking lives outside Cal.com: a calendar event or a video room."""

    type: str
    event_uid: str
    destination_calendar_id: int | str | None = None
    id: int


class ReassignedHost(Model, frozen=True, kw_only=True, gc=False):
    """The host who has the booking now."""

    id: int
    name: str | None = None
    email: str
    display_email: str | None = None


class Reassignment(Model, frozen=True, kw_only=True, gc=False):
    """The outcome of reassigning a booking; the booking keeps its uid."""

    booking_uid: str
    reassigned_to: ReassignedHost


class Attendee(Model, frozen=True, kw_only=True, gc=False):
    """Who books, or joins a booking; needs an `email` or a `phone_number`.

    The time zone is for display, and keeps the wall-clock time of a series over clock changes.
    """

    name: str
    time_zone: str
    email: str | None = None
    phone_number: str | None = None
    language: str | None = None
    """English unless given."""

    def __post_init__(self) -> None:
        if not (self.email or self.phone_number):
            raise InvalidRequestError(f"attendee {shown(self.name)} needs an email or a phone_number")


class Guest(Model, frozen=True, kw_only=True, gc=False):
    """Somebody to invite to an existing booking; the host's time zone and language unless given."""

    email: str
    name: str | None = None
    time_zone: str | None = None
    phone_number: str | None = None
    language: str | None = None


class BookingLocation(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Where to meet; when booking, `type` (and `integration`) has to be one that the event type offers.

    Booking: address, link, phone and organizersDefaultApp take their value from the event type; attendeeAddress needs
    `address`, attendeePhone `phone`, attendeeDefined `location`, integration `integration`. Changing the location of a
    booking needs the value for every type.
    """

    type: str
    address: str | None = None
    link: str | None = None
    phone: str | None = None
    location: str | None = None
    integration: str | None = None


class Routing(Model, frozen=True, kw_only=True):
    """What a routing form decided; goes unchanged from its answer into `CreateBooking`."""

    team_member_ids: list[int]
    response_id: int | UnsetType | None = UNSET
    queued_response_id: str | UnsetType | None = UNSET
    team_member_email: str | UnsetType | None = UNSET
    skip_contact_owner: bool | UnsetType | None = UNSET
    crm_app_slug: str | UnsetType | None = UNSET
    crm_owner_record_type: str | UnsetType | None = UNSET


class CreateBooking(Model, frozen=True, kw_only=True):
    """A new booking of `event_type_id`, or of `event_type_slug` with `username` or `team_slug`.

    Recurring event types answer a list. Nothing marks a repeated request as one: it may be refused, or book again.
    """

    start: datetime
    attendee: Attendee
    event_type_id: int | None = None
    event_type_slug: str | None = None
    username: str | None = None
    team_slug: str | None = None
    organization_slug: str | None = None
    booking_fields_responses: dict[str, Any] | None = None
    """Answers by field slug; `notes` become the description."""
    guests: list[str] | None = None
    """E-mail addresses; each only once."""
    location: BookingLocation | str | None = None
    """A plain text is the old form, and is not checked against the event type."""
    meeting_url: str | None = None
    """Deprecated; the same as a link location."""
    metadata: dict[str, str] | None = None
    """At most 50 keys of 40 characters, texts of 500; numbers are refused."""
    length_in_minutes: int | None = None
    """Only for event types with several lengths."""
    routing: Routing | None = None
    email_verification_code: str | None = None
    recurrence_count: int | None = None
    """Occurrences to book, all of them unless given; only the first is checked for availability."""
    instant: bool | None = None
    """A meeting right now; team event types only."""

    def __post_init__(self) -> None:
        force_setattr(self, "start", parse_datetime(self.start, "start"))


class RescheduleBooking(Model, frozen=True, kw_only=True):
    """A new time for a booking, or for one seat of it; no reason can be given for a seat."""

    start: datetime
    rescheduled_by: str | None = None
    """An e-mail address; the organiser's own makes the new booking accepted at once."""
    reason: str | None = field(name="reschedulingReason", default=None)
    seat_uid: str | None = None
    email_verification_code: str | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "start", parse_datetime(self.start, "start"))


class CancelBooking(Model, frozen=True, kw_only=True):
    """Why and how much to cancel: a booking, one seat, or an occurrence and the later ones.

    A host who cancels has to give a reason, unless the event type says otherwise.
    """

    reason: str | None = field(name="cancellationReason", default=None)
    cancel_subsequent: bool | None = field(name="cancelSubsequentBookings", default=None)
    seat_uid: str | None = None


class AbsentAttendee(Model, frozen=True, kw_only=True, gc=False):
    """Whether this attendee did not come."""

    email: str
    absent: bool = True


class MarkAbsent(Model, frozen=True, kw_only=True):
    """Who did not come."""

    host: bool | None = None
    attendees: list[AbsentAttendee] | None = None


class AddGuests(Model, frozen=True, kw_only=True):
    """Guests to invite: 1 to 10 at a time, 30 attendees in all."""

    guests: list[Guest]


class UpdateBookingLocation(Model, frozen=True, kw_only=True):
    """Another place for a booking."""

    location: BookingLocation
