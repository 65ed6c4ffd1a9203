"""The parts of an event type: locations, booking fields, hosts and everything that can be switched off.

These go both ways. Written, what was not given is left out; read, it is `None`. Wherever the API takes
`{"disabled": true}`, `DISABLED` says so, and what is off reads as a setting whose `disabled` is true (or as None).
"""

from datetime import datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from calcom_async.models._base import DisableableSetting, Model

LocationType = (
    Literal[
        "address",
        "link",
        "phone",
        "integration",
        "attendeeAddress",
        "attendeePhone",
        "attendeeDefined",
        "organizersDefaultApp",
        "unknown",
    ]
    | str
)
HostPriority = Literal["lowest", "low", "medium", "high", "highest"] | str
Frequency = Literal["yearly", "monthly", "weekly"] | str
Layout = Literal["month", "week", "column"] | str


class Location(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A place that an event type offers; which fields go with it follows from `type`.

    `Location(type="attendeePhone")`, `attendeeAddress` and `attendeeDefined` ask the attendee; `organizersDefaultApp`
    is for teams only. A `type` of "unknown" holds what the server could not read, as JSON text in `location`.
    """

    type: LocationType
    address: str | None = None
    link: str | None = None
    phone: str | None = None
    integration: str | None = None
    public: bool | None = None
    """Whether it is shown before booking."""
    credential_id: int | None = None
    location: str | None = None

    @classmethod
    def in_person(cls, address: str, *, public: bool = True) -> "Location":
        """Meet at this address."""
        return cls(type="address", address=address, public=public)

    @classmethod
    def at_link(cls, link: str, *, public: bool = True) -> "Location":
        """Meet at this URL."""
        return cls(type="link", link=link, public=public)

    @classmethod
    def by_phone(cls, phone: str, *, public: bool = True) -> "Location":
        """Call this number."""
        return cls(type="phone", phone=phone, public=public)

    @classmethod
    def video(cls, integration: str = "cal-video") -> "Location":
        """Meet in a video app; all but Cal Video have to be connected."""
        return cls(type="integration", integration=integration)


class BookingField(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A question that the booker answers.

    System fields are named by `type` (name, splitName, email) or `slug` (title, notes, guests, rescheduleReason,
    location); custom ones need `type`, `slug`, `label` and `required`. An update replaces the whole set of custom ones.
    """

    is_default: bool | None = None
    """Read only: true for the system's own."""
    type: str | None = None
    slug: str | None = None
    label: str | None = None
    required: bool | None = None
    placeholder: str | None = None
    options: list[str] | None = None
    """For select, multiselect, checkbox and radio."""
    disable_on_prefill: bool | None = None
    hidden: bool | None = None
    first_name_label: str | None = None
    """This and the following are for splitName."""
    first_name_placeholder: str | None = None
    first_name_disable_on_prefill: bool | None = None
    last_name_label: str | None = None
    last_name_placeholder: str | None = None
    last_name_required: bool | None = None
    last_name_disable_on_prefill: bool | None = None


class Host(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A team member who takes bookings; only `user_id`, `mandatory` and `priority` are written.

    `mandatory` and `priority` matter for round robin only, and are answered only there.
    """

    user_id: int
    name: str | None = None
    username: str | None = None
    avatar_url: str | None = None
    mandatory: bool | None = None
    priority: HostPriority | None = None


class Recurrence(DisableableSetting, frozen=True, kw_only=True):
    """Every `interval` weeks (months, years), `occurrences` times; there is no daily."""

    interval: int | None = None
    occurrences: int | None = None
    frequency: Frequency | None = None


class Seats(DisableableSetting, frozen=True, kw_only=True):
    """Several attendees share one booking; not together with confirmation, recurrence or several locations."""

    seats_per_time_slot: int | None = None
    """1 to 1000."""
    show_attendee_info: bool | None = None
    """When false, bookers see no attendees, not even themselves in the answer to their own booking."""
    show_availability_count: bool | None = None


class NoticeThreshold(Model, frozen=True, kw_only=True, gc=False):
    """How near a start has to be to need confirmation."""

    unit: Literal["minutes", "hours"] | str
    count: int


class ConfirmationPolicy(DisableableSetting, frozen=True, kw_only=True):
    """New bookings are pending until a host confirms them: always, or only those nearer than the threshold."""

    type: Literal["always", "time"] | str | None = None
    notice_threshold: NoticeThreshold | None = None
    """Needed when `type` is "time"."""
    block_unconfirmed_bookings_in_booker: bool | None = None


class BookingWindow(DisableableSetting, frozen=True, kw_only=True):
    """How far ahead can be booked: a number of days, or a range of two dates ("2030-01-31")."""

    type: Literal["businessDays", "calendarDays", "range"] | str | None = None
    value: int | list[str] | None = None
    rolling: bool | None = None
    """For days: always that many available ones."""


class BookingLimits(DisableableSetting, frozen=True, kw_only=True):
    """The most bookings, or booked minutes, in a period; numbers may not fall from day to year.

    After `DISABLED` the server answers `{}`, which is a limit whose numbers are all None.
    """

    day: int | None = None
    week: int | None = None
    month: int | None = None
    year: int | None = None


class BookerActiveBookingsLimit(DisableableSetting, frozen=True, kw_only=True):
    """How many bookings one booker may have ahead; not together with recurrence."""

    maximum_active_bookings: int | None = None
    offer_reschedule: bool | None = None


class DisableCancelling(DisableableSetting, frozen=True, kw_only=True):
    """Whether attendees may not cancel: here `disabled` true means that cancelling is off."""


class DisableRescheduling(DisableableSetting, frozen=True, kw_only=True):
    """Whether attendees may not reschedule: always, or in the last `minutes_before` the start."""

    minutes_before: int | None = None


class Color(Model, frozen=True, kw_only=True, gc=False):
    """The event type's colours, as `#rrggbb`; with one missing the server drops both."""

    light_theme_hex: str
    dark_theme_hex: str


class BookerLayouts(Model, frozen=True, kw_only=True, gc=False):
    """Layouts of the booking page (month, week, column); the default has to be an enabled one."""

    default_layout: Layout
    enabled_layouts: list[Layout]


class EventTypeDestinationCalendar(Model, frozen=True, kw_only=True, gc=False):
    """The calendar that this event type's bookings are written to; one of the user's own."""

    integration: str
    external_id: str


class EmailSettings(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Standard e-mails to leave out; only for teams of an organisation."""

    disable_emails_to_attendees: bool | None = None
    disable_emails_to_hosts: bool | None = None


class CalVideoSettings(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Recording and transcription in Cal Video; platform customers' are ignored."""

    disable_recording_for_organizer: bool | None = None
    disable_recording_for_guests: bool | None = None
    redirect_url_on_exit: str | UnsetType | None = UNSET
    """None is sent as null and clears it."""
    enable_automatic_recording_for_organizer: bool | None = None
    enable_automatic_transcription: bool | None = None
    disable_transcription_for_guests: bool | None = None
    disable_transcription_for_organizer: bool | None = None
    send_transcription_emails: bool | None = None
    require_email_for_guests: bool | None = None
    """Read only, as are the following."""
    event_type_id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
