"""What webhooks deliver: one envelope, and a payload for each kind of trigger.

Payloads come from many places of the server and any field may be absent, so most may be None; `WebhookEvent.raw` has
what the models do not know.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, Final, Generic, TypeVar

import msgspec
from msgspec import field

from calcom_async.models._base import IntOrFloat, Model, SecretModel
from calcom_async.models.webhooks import WebhookTrigger

P = TypeVar("P")


class WebhookEvent(Model, Generic[P], frozen=True, kw_only=True):
    """One delivery; `payload` is of the class that `PAYLOADS` has for the trigger, or plain JSON for any other.

    What does not fit the class is None there, and still in `raw`. The repr shows no payload: it is made for logs.
    """

    trigger: WebhookTrigger
    """Empty when the body, written by a payload template, names none."""
    created_at: datetime | None = None
    """When it was sent; with MEETING_STARTED and MEETING_ENDED, when the booking was made."""
    payload: P
    """The root of the body where that has no `payload`: MEETING_STARTED, MEETING_ENDED and payload templates."""
    raw: Any
    """The whole body as JSON, or as text where it is none."""

    @property
    def uid(self) -> str | None:
        """The booking that it tells of."""
        uid = self._part("uid") or self._part("bookingUid")
        return uid if isinstance(uid, str) else None

    @property
    def key(self) -> str | None:
        """The same for a delivery that comes again; None where nothing tells a repeat from another event."""
        sent_at = self.raw.get("createdAt") if isinstance(self.raw, dict) else None
        if not self.trigger or not sent_at:
            return None
        what = [self.uid, self._seat()] if self.uid else [_digest(self.raw)]
        return " ".join(str(part) for part in (self.trigger, *what, sent_at) if part)

    def _seat(self) -> Any:
        """What tells seats of one booking apart: events of two may be sent within the same millisecond."""
        if seat_id := self._part("attendeeSeatId"):
            return seat_id
        return _digest(self._part("attendees"))[:16] if self._part("seatsPerTimeSlot") else None

    def _part(self, name: str) -> Any:
        payload = self.raw.get("payload", self.raw) if isinstance(self.raw, dict) else None
        return payload.get(name) if isinstance(payload, dict) else None

    def __repr__(self) -> str:
        return f"<WebhookEvent {self.key or self.trigger or 'of a payload template'}>"


def _digest(body: Any) -> str:
    return sha256(msgspec.json.encode(body)).hexdigest()


class WebhookLanguage(Model, frozen=True, kw_only=True):
    """The language of a person."""

    locale: str | None = None


class WebhookPerson(Model, frozen=True, kw_only=True):
    """Somebody in a booking: the organizer, an attendee or a member of the team."""

    id: int | None = None
    name: str | None = None
    """Empty for guests."""
    email: str | None = None
    username: str | None = None
    username_in_org: str | None = None
    first_name: str | None = None
    """Empty, as is `last_name`, unless the name field is split."""
    last_name: str | None = None
    phone_number: str | None = None
    time_zone: str | None = None
    language: WebhookLanguage | None = None
    time_format: str | None = None
    utc_offset: IntOrFloat | None = None
    """Minutes."""


class WebhookTeam(Model, frozen=True, kw_only=True):
    """The team of a booking."""

    id: int | None = None
    name: str | None = None
    members: list[WebhookPerson] = field(default_factory=list)


class WebhookFieldResponse(Model, frozen=True, kw_only=True):
    """What the booker answered in one field; `value` is None in a field left empty."""

    label: str | None = None
    value: Any = None
    is_hidden: bool | None = None


class VideoCall(SecretModel, frozen=True, kw_only=True):
    """The room of a video call."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    type: str | None = None
    id: str | None = None
    password: str | None = None
    url: str | None = None


class BookingPayload(SecretModel, frozen=True, kw_only=True):
    """A booking as the server's calendar knows it, with what happened to it.

    After a cancelled or changed seat `attendees` holds that seat's attendee alone.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"one_time_password"})

    uid: str
    title: str
    start_time: datetime
    end_time: datetime
    attendees: list[WebhookPerson] = field(default_factory=list)
    organizer: WebhookPerson | None = None
    booking_id: int | None = None
    event_type_id: int | None = None
    status: str | None = None
    """In upper case; CANCELLED also when only a seat went."""
    type: str | None = None
    """The slug of the event type."""
    event_title: str | None = None
    event_description: str | None = None
    description: str | None = None
    additional_notes: str | None = None
    length: IntOrFloat | None = None
    """Minutes."""
    team: WebhookTeam | None = None
    location: str | None = None
    conference_data: Any = None
    video_call_data: VideoCall | None = None
    responses: dict[str, WebhookFieldResponse] = field(default_factory=dict)
    """Every field by its slug; labels of built-in ones are keys such as `your_name`."""
    user_fields_responses: dict[str, WebhookFieldResponse] = field(default_factory=dict)
    """The custom fields alone."""
    custom_inputs: Any = None
    metadata: dict[str, Any] | None = None
    attendee_seat_id: str | None = None

    cancelled_by: str | None = None
    """Absent when the host cancels by API key."""
    cancellation_reason: str | None = None
    request_reschedule: bool | None = None
    rejection_reason: str | None = None
    reschedule_id: int | None = None
    reschedule_uid: str | None = None
    """Of the booking that this one replaces, as are the id and the times."""
    reschedule_start_time: datetime | None = None
    reschedule_end_time: datetime | None = None
    rescheduled_by: str | None = None
    payment_id: int | None = None
    payment_data: Any = None

    ics_uid: str | None = field(name="iCalUID", default=None)
    """Stays that of the first booking when one is rescheduled."""
    ics_sequence: int | None = field(name="iCalSequence", default=None)
    destination_calendar: Any = None
    apps_status: Any = None
    requires_confirmation: bool | None = None
    price: IntOrFloat | None = None
    currency: str | None = None
    scheduling_type: str | None = None
    recurring_event: Any = None
    seats_per_time_slot: int | None = None
    seats_show_attendees: bool | None = None
    seats_show_availability_count: bool | None = None
    hide_organizer_email: bool | None = None
    hide_calendar_notes: bool | None = None
    hide_calendar_event_details: bool | None = None
    hide_branding: bool | None = None
    disable_rescheduling: bool | None = None
    disable_cancelling: bool | None = None
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
    """Somebody who did not come, or did after all."""

    email: str | None = None
    no_show: bool | None = None


class NoShowPayload(Model, frozen=True, kw_only=True):
    """Attendees were marked as absent, or as present again."""

    booking_uid: str
    booking_id: int | None = None
    attendees: list[NoShowAttendee] = field(default_factory=list)
    message: str | None = None


class MeetingPayload(Model, frozen=True, kw_only=True):
    """The row of a booking whose start or end has come; `id` is the booking's."""

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
    """The answers themselves by slug, without labels."""
    metadata: dict[str, Any] | None = None
    ics_uid: str | None = field(name="iCalUID", default=None)


class TranscriptionLink(Model, frozen=True, kw_only=True):
    """Where to get a transcript in one format."""

    format: str | None = None
    link: str | None = None


class DownloadLinks(Model, frozen=True, kw_only=True):
    """Where to get the transcripts, and the recording they are of."""

    transcription: list[TranscriptionLink] = field(default_factory=list)
    recording: str | None = None


class RecordingPayload(Model, frozen=True, kw_only=True):
    """A recording (`download_link`) or its transcripts (`download_links`) are ready; the rest may be absent."""

    download_link: str | None = None
    download_links: DownloadLinks | None = None
    uid: str | None = None
    title: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    organizer: WebhookPerson | None = None
    attendees: list[WebhookPerson] = field(default_factory=list)


class InstantMeetingPayload(Model, frozen=True, kw_only=True):
    """Somebody waits in a room, now; the texts are those of a browser's notification."""

    title: str | None = None
    body: str | None = None
    url: str | None = None
    """Where to join."""
    icon: str | None = None
    actions: Any = None
    require_interaction: bool | None = None
    type: str | None = None


class WebhookOutOfOfficeReason(Model, frozen=True, kw_only=True):
    """Why somebody is away."""

    emoji: str | None = None
    reason: str | None = None


class WebhookOutOfOfficeEntry(Model, frozen=True, kw_only=True):
    """Days on which `user` is away and `to_user` stands in."""

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
    """An out-of-office entry was made."""

    entry: WebhookOutOfOfficeEntry | None = field(name="oooEntry", default=None)


class RoutingFormPayload(Model, frozen=True, kw_only=True):
    """A routing form was answered; `raw` of the event repeats each answer at its root."""

    form_id: str | None = None
    form_name: str | None = None
    team_id: int | None = None
    responses: dict[str, Any] = field(default_factory=dict)
    """For each identifier a `{value, response}`."""
    response_id: int | None = None
    redirect: Any = None
    fallback_action: Any = None


class VideoNoShowPayload(Model, frozen=True, kw_only=True):
    """Hosts or guests were not in the video room some minutes after the start."""

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


_TRIGGERS: dict[type[Model], str] = {
    BookingPayload: """
        BOOKING_CREATED BOOKING_REQUESTED BOOKING_REJECTED BOOKING_RESCHEDULED BOOKING_CANCELLED
        BOOKING_PAYMENT_INITIATED BOOKING_PAID
    """,
    NoShowPayload: "BOOKING_NO_SHOW_UPDATED",
    MeetingPayload: "MEETING_STARTED MEETING_ENDED",
    RecordingPayload: "RECORDING_READY RECORDING_TRANSCRIPTION_GENERATED",
    InstantMeetingPayload: "INSTANT_MEETING",
    OutOfOfficePayload: "OOO_CREATED",
    RoutingFormPayload: "FORM_SUBMITTED FORM_SUBMITTED_NO_EVENT ROUTING_FORM_FALLBACK_HIT",
    VideoNoShowPayload: "AFTER_HOSTS_CAL_VIDEO_NO_SHOW AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
}
PAYLOADS: Final[dict[str, type[Model]]] = {
    trigger: payload for payload, triggers in _TRIGGERS.items() for trigger in triggers.split()
}
"""The class of each trigger's payload; DELEGATION_CREDENTIAL_ERROR and WRONG_ASSIGNMENT_REPORT stay plain JSON."""
