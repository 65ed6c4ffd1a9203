"""Payloads of webhooks: one class for each kind of trigger.

The server builds payloads in many places, and any field may be absent. So most may be None. `WebhookEvent.raw` has the
fields that the models lack.
"""

from datetime import datetime
from typing import Any, ClassVar, Final

from msgspec import field

from calcom_async.models._base import IntOrFloat, Model, SecretModel


class WebhookLanguage(Model, frozen=True, kw_only=True):
    """Language of a person."""

    locale: str | None = None


class WebhookPerson(Model, frozen=True, kw_only=True):
    """Person in a booking: the organizer, an attendee or a team member."""

    id: int | None = None
    name: str | None = None
    """Empty for guests."""
    email: str | None = None
    username: str | None = None
    username_in_org: str | None = None
    first_name: str | None = None
    """Empty unless the booking form has separate name fields; `last_name` likewise."""
    last_name: str | None = None
    phone_number: str | None = None
    time_zone: str | None = None
    language: WebhookLanguage | None = None
    time_format: int | str | None = None
    """12 or 24, or a format such as "h:mma"."""
    utc_offset: IntOrFloat | None = None
    """In minutes."""
    booking_seat: Any = None
    """The seat of an attendee of a seated booking."""


class WebhookTeam(Model, frozen=True, kw_only=True):
    """Team of a booking."""

    id: int | None = None
    name: str | None = None
    members: list[WebhookPerson] = field(default_factory=list)


class WebhookFieldResponse(Model, frozen=True, kw_only=True):
    """Answer to one booking field. `value` is None if the field was left empty."""

    label: str | None = None
    value: Any = None
    is_hidden: bool | None = None


class VideoCall(SecretModel, frozen=True, kw_only=True):
    """Video call of a booking."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    type: str | None = None
    id: str | None = None
    password: str | None = None
    url: str | None = None


class BookingPayload(SecretModel, frozen=True, kw_only=True):
    """Booking as the server's calendar code sees it, with details of the trigger.

    If a seat was cancelled or rescheduled, `attendees` has only the attendee of that seat. The ICS texts are whole
    calendar files; only webhooks of version 2026-07-27 get them, and either may be absent.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"one_time_password"})

    uid: str
    title: str
    # "2030-05-06T10:00:00Z", with "+00:00" in cancellations, and with milliseconds on the hosted API of September 2026.
    start_time: datetime
    end_time: datetime
    attendees: list[WebhookPerson] = field(default_factory=list)
    organizer: WebhookPerson | None = None
    booking_id: int | None = None
    event_type_id: int | None = None
    status: str | None = None
    """In upper case. CANCELLED also if only one seat was cancelled."""
    type: str | None = None
    """Slug of the event type."""
    event_type_title: str | None = None
    event_title: str | None = None
    event_description: str | None = None
    description: str | None = None
    additional_notes: str | None = None
    length: IntOrFloat | None = None
    """In minutes."""
    team: WebhookTeam | None = None
    location: str | None = None
    conference_data: Any = None
    video_call_data: VideoCall | None = None
    responses: dict[str, WebhookFieldResponse] = field(default_factory=dict)
    """All booking fields by slug. Labels of built-in fields are translation keys, for example `your_name`."""
    user_fields_responses: dict[str, WebhookFieldResponse] = field(default_factory=dict)
    """Custom fields only."""
    custom_inputs: Any = None
    metadata: dict[str, Any] | None = None
    attendee_seat_id: str | None = None

    cancelled_by: str | None = None
    """Absent if the host cancelled with an API key."""
    cancellation_reason: str | None = None
    request_reschedule: bool | None = None
    rejection_reason: str | None = None
    reschedule_id: int | None = None
    reschedule_uid: str | None = None
    """UID of the booking that this one replaces. `reschedule_id` and the reschedule times are of that booking too."""
    reschedule_start_time: datetime | None = None
    reschedule_end_time: datetime | None = None
    rescheduled_by: str | None = None
    payment_id: int | None = None
    payment_data: Any = None
    previous_location: str | None = None
    """Of BOOKING_LOCATION_UPDATED."""
    added_host_user_ids: list[int] = field(default_factory=list)
    """Of BOOKING_REASSIGNED, with `removed_host_user_ids`; `organizer` is the new host."""
    removed_host_user_ids: list[int] = field(default_factory=list)
    # Only in BOOKING_CREATED, _RESCHEDULED, _CANCELLED and _PAID, and in _REASSIGNED by the guide alone.
    attendee_ics_content: str | None = None
    organizer_ics_content: str | None = None

    ics_uid: str | None = field(name="iCalUID", default=None)
    """Rescheduling keeps the value of the first booking."""
    ics_sequence: int | None = field(name="iCalSequence", default=None)
    destination_calendar: Any = None
    apps_status: Any = None
    requires_confirmation: bool | None = None
    price: IntOrFloat | None = None
    currency: str | None = None
    scheduling_type: str | None = None
    recurring_event: Any = None
    recurrence_time_zone: str | None = None
    seats_per_time_slot: int | None = None
    seats_show_attendees: bool | None = None
    seats_show_availability_count: bool | None = None
    hide_organizer_email: bool | None = None
    hide_calendar_notes: bool | None = None
    hide_calendar_event_details: bool | None = None
    hide_branding: bool | None = None
    disable_rescheduling: bool | None = None
    disable_rescheduling_scope: str | None = None
    disable_cancelling: bool | None = None
    disable_cancelling_scope: str | None = None
    private_note_enabled: bool | None = None
    private_note_mode: str | None = None
    private_note_template: str | None = None
    booker_url: str | None = None
    custom_reply_to_email: str | None = None
    one_time_password: str | None = None
    hashed_link: Any = None
    assignment_reason: Any = None
    sms_reminder_number: str | None = None
    organization_id: int | None = None
    platform_client_id: str | None = None
    platform_booking_url: str | None = None
    platform_cancel_url: str | None = None
    platform_reschedule_url: str | None = None


class NoShowAttendee(Model, frozen=True, kw_only=True):
    """Attendee who was marked as a no-show, or as present again."""

    email: str | None = None
    no_show: bool | None = None


class NoShowPayload(Model, frozen=True, kw_only=True):
    """Attendees marked as no-shows, or as present again."""

    booking_uid: str
    booking_id: int | None = None
    attendees: list[NoShowAttendee] = field(default_factory=list)
    message: str | None = None


# Without an envelope, and payload templates do not apply to it (recorded from a self-hosted server of 2026-07).
class MeetingPayload(Model, frozen=True, kw_only=True):
    """Database row of a booking that starts or ends now. `id` is the booking id."""

    uid: str
    id: int | None = None
    title: str | None = None
    description: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    created_at: datetime | None = None
    status: str | None = None
    location: str | None = None
    user_id: int | None = None
    event_type_id: int | None = None
    attendees: list[WebhookPerson] = field(default_factory=list)
    user: WebhookPerson | None = None
    user_primary_email: str | None = None
    responses: dict[str, Any] | None = None
    """Answers by slug, without labels."""
    metadata: dict[str, Any] | None = None
    ics_uid: str | None = field(name="iCalUID", default=None)


class TranscriptionLink(Model, frozen=True, kw_only=True):
    """Link to a transcript in one format."""

    format: str | None = None
    link: str | None = None


class DownloadLinks(Model, frozen=True, kw_only=True):
    """Links to the transcripts, and to their recording."""

    transcription: list[TranscriptionLink] = field(default_factory=list)
    recording: str | None = None


class RecordingPayload(Model, frozen=True, kw_only=True):
    """Recording (`download_link`) or transcripts (`download_links`) that are ready. The rest may be absent."""

    type: str | None = None
    download_link: str | None = None
    download_links: DownloadLinks | None = None
    uid: str | None = None
    title: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    organizer: WebhookPerson | None = None
    attendees: list[WebhookPerson] = field(default_factory=list)
    custom_reply_to_email: str | None = None


class InstantMeetingPayload(Model, frozen=True, kw_only=True):
    """Attendee who is waiting in a video call now.

    The hosted API sends the booking (`uid` to `custom_inputs`), older servers the texts of a browser notification.
    """

    uid: str | None = None
    connect_and_join_url: str | None = None
    event_type_id: int | None = None
    event_type_title: str | None = None
    responses: dict[str, Any] = field(default_factory=dict)
    """Answers by slug, without labels."""
    custom_inputs: Any = None
    title: str | None = None
    body: str | None = None
    url: str | None = None
    """Link to join the call."""
    icon: str | None = None
    actions: Any = None
    require_interaction: bool | None = None
    type: str | None = None


class InstantMeetingAcceptedPayload(Model, frozen=True, kw_only=True):
    """Instant meeting that the first host has accepted."""

    booking_uid: str | None = None
    booking_id: int | None = None
    event_type_id: int | None = None
    status: str | None = None
    title: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    organizer: WebhookPerson | None = None
    attendees: list[WebhookPerson] = field(default_factory=list)
    responses: dict[str, Any] = field(default_factory=dict)
    location: str | None = None
    metadata: dict[str, Any] | None = None


class WebhookOutOfOfficeReason(Model, frozen=True, kw_only=True):
    """Reason of an out-of-office entry."""

    emoji: str | None = None
    reason: str | None = None


class WebhookOutOfOfficeEntry(Model, frozen=True, kw_only=True):
    """Days on which `user` is away. `to_user`, if set, takes the bookings."""

    id: int | None = None
    uuid: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    notes: str | None = None
    reason: WebhookOutOfOfficeReason | None = None
    reason_id: int | None = None
    user: WebhookPerson | None = None
    to_user: WebhookPerson | None = None


class OutOfOfficePayload(Model, frozen=True, kw_only=True):
    """Out-of-office entry that was created."""

    entry: WebhookOutOfOfficeEntry | None = field(name="oooEntry", default=None)


# FORM_SUBMITTED_NO_EVENT comes 15 minutes after the response if it led to no booking.
class RoutingFormPayload(Model, frozen=True, kw_only=True):
    """Response to a routing form. `raw` of the event repeats each answer at the top level."""

    form_id: str | None = None
    form_name: str | None = None
    team_id: int | None = None
    responses: dict[str, Any] = field(default_factory=dict)
    """A `{value, response}` object per field identifier."""
    response_id: int | None = None
    redirect: Any = None
    fallback_action: Any = None


# From the guides: none of the payloads below was seen.
class VideoNoShowPayload(Model, frozen=True, kw_only=True):
    """Hosts or guests who had not joined the video call some minutes after the start."""

    booking_uid: str | None = None
    booking_id: int | None = None
    title: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    attendees: list[WebhookPerson] = field(default_factory=list)
    participants: Any = None
    host_email: str | None = None
    no_show_host: Any = None
    guests: Any = None
    event_type: Any = None
    webhook: Any = None
    message: str | None = None


class WebhookError(Model, frozen=True, kw_only=True):
    """Error that a payload reports, with a `type` or a `code`."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


class WebhookCredential(Model, frozen=True, kw_only=True):
    """Calendar or video credential of a user."""

    id: int | None = None
    type: str | None = None
    app_id: str | None = None
    delegation_credential_id: str | None = None


class WebhookUser(Model, frozen=True, kw_only=True):
    """User of an organization."""

    id: int | None = None
    email: str | None = None
    organization_id: int | None = None


class DelegationErrorPayload(Model, frozen=True, kw_only=True):
    """Delegation credential that failed for a user; only webhooks of organizations get it."""

    error: WebhookError | None = None
    credential: WebhookCredential | None = None
    user: WebhookUser | None = None


class WebhookDelegationCredential(Model, frozen=True, kw_only=True):
    """Delegation credential of an organization, without its secret."""

    id: str | None = None
    workspace_platform: str | None = None
    domain: str | None = None
    organization_id: int | None = None
    secret_expires_at: datetime | None = None


class DelegationRotationPayload(Model, frozen=True, kw_only=True):
    """Secret of a Microsoft delegation credential that was rotated, could not be rotated, or must be by hand.

    A failure is sent after 48 hours of failed attempts, and has an `error`.
    """

    delegation_credential: WebhookDelegationCredential | None = None
    error: WebhookError | None = None


class ReportedEventType(Model, frozen=True, kw_only=True):
    """Event type of a reported booking."""

    id: int | None = None
    title: str | None = None
    slug: str | None = None
    team_id: int | None = None


class ReportedBooking(Model, frozen=True, kw_only=True):
    """Booking that was assigned to the wrong host."""

    uid: str | None = None
    id: int | None = None
    title: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    status: str | None = None
    event_type: ReportedEventType | None = None


class WrongAssignmentReport(Model, frozen=True, kw_only=True):
    """What a host reports about a wrong assignment."""

    reported_by: WebhookPerson | None = None
    routing_reason: str | None = None
    guest: Any = None
    host: WebhookPerson | None = None
    correct_assignee: Any = None
    additional_notes: str | None = None


class WrongAssignmentPayload(Model, frozen=True, kw_only=True):
    """Report that a booking was assigned to the wrong host."""

    booking: ReportedBooking | None = None
    report: WrongAssignmentReport | None = None


_TRIGGERS: dict[type[Model], str] = {
    BookingPayload: """
        BOOKING_CREATED BOOKING_REQUESTED BOOKING_REJECTED BOOKING_RESCHEDULED BOOKING_CANCELLED
        BOOKING_PAYMENT_INITIATED BOOKING_PAID BOOKING_LOCATION_UPDATED BOOKING_REASSIGNED CALENDAR_ENTRY_REJECTED
    """,
    NoShowPayload: "BOOKING_NO_SHOW_UPDATED",
    MeetingPayload: "MEETING_STARTED MEETING_ENDED",
    RecordingPayload: "RECORDING_READY RECORDING_TRANSCRIPTION_GENERATED",
    InstantMeetingPayload: "INSTANT_MEETING",
    InstantMeetingAcceptedPayload: "INSTANT_MEETING_ACCEPTED",
    OutOfOfficePayload: "OOO_CREATED",
    RoutingFormPayload: "FORM_SUBMITTED FORM_SUBMITTED_NO_EVENT ROUTING_FORM_FALLBACK_HIT",
    VideoNoShowPayload: "AFTER_HOSTS_CAL_VIDEO_NO_SHOW AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
    DelegationErrorPayload: "DELEGATION_CREDENTIAL_ERROR",
    DelegationRotationPayload: """
        DELEGATION_CREDENTIAL_SECRET_ROTATED DELEGATION_CREDENTIAL_SECRET_ROTATION_FAILED
        DELEGATION_CREDENTIAL_ROTATION_REQUIRED
    """,
    WrongAssignmentPayload: "WRONG_ASSIGNMENT_REPORT",
}
PAYLOADS: Final[dict[str, type[Model]]] = {
    trigger: payload for payload, triggers in _TRIGGERS.items() for trigger in triggers.split()
}
"""Payload class of each trigger. Those of CALENDAR_ENTRY_REJECTED and ROUTING_FORM_FALLBACK_HIT are not documented."""
