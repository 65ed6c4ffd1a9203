"""Parts of an event type: locations, hosts, and the settings that can be disabled.

They are used in requests and responses. In requests, omitted fields are not sent; in responses, missing ones are
`None`. Where the API takes `{"disabled": true}`, use `DISABLED`. In responses, a disabled setting has `disabled` set
(or is None).
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
    """A location that an event type offers; `type` determines which other fields apply.

    `Location(type="attendeePhone")`, `attendeeAddress` and `attendeeDefined` ask the attendee; `organizersDefaultApp`
    is for teams only. The `type` "unknown" holds a location that the server could not parse, as JSON text in
    `location`.
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
        """A meeting at this address."""
        return cls(type="address", address=address, public=public)

    @classmethod
    def at_link(cls, link: str, *, public: bool = True) -> "Location":
        """A meeting at this URL."""
        return cls(type="link", link=link, public=public)

    @classmethod
    def by_phone(cls, phone: str, *, public: bool = True) -> "Location":
        """A call to this number."""
        return cls(type="phone", phone=phone, public=public)

    @classmethod
    def video(cls, integration: str = "cal-video") -> "Location":
        """A meeting in a conferencing app, which must be connected unless it is Cal Video."""
        return cls(type="integration", integration=integration)


class Host(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A team member who takes bookings. Only `user_id`, `mandatory` and `priority` can be written.

    `mandatory` and `priority` apply to round robin only, and are returned only there.
    """

    user_id: int
    name: str | None = None
    username: str | None = None
    avatar_url: str | None = None
    mandatory: bool | None = None
    priority: HostPriority | None = None


# Every field may be missing, because a disabled setting has none of them.
class Recurrence(DisableableSetting, frozen=True, kw_only=True):
    """Repetition every `interval` weeks (months, years), `occurrences` times; daily is not supported."""

    interval: int | None = None
    occurrences: int | None = None
    frequency: Frequency | None = None


class Seats(DisableableSetting, frozen=True, kw_only=True):
    """Several attendees share one booking. Cannot be combined with confirmation, recurrence or several locations."""

    seats_per_time_slot: int | None = None
    """1 to 1000."""
    show_attendee_info: bool | None = None
    """If false, bookers see no attendees, not even themselves in the response to their own booking."""
    show_availability_count: bool | None = None


class NoticeThreshold(Model, frozen=True, kw_only=True, gc=False):
    """How close a start must be to need confirmation."""

    unit: Literal["minutes", "hours"] | str
    count: int


class ConfirmationPolicy(DisableableSetting, frozen=True, kw_only=True):
    """Whether bookings are pending until a host confirms: always, or only those closer than the threshold."""

    type: Literal["always", "time"] | str | None = None
    notice_threshold: NoticeThreshold | None = None
    """Required if `type` is "time"."""
    block_unconfirmed_bookings_in_booker: bool | None = None


# The specification declares a list. Servers take and return one object (recorded from a self-hosted server of 2026-07).
class BookingWindow(DisableableSetting, frozen=True, kw_only=True):
    """How far ahead bookings are possible: a number of days, or a range of two dates ("2030-01-31")."""

    type: Literal["businessDays", "calendarDays", "range"] | str | None = None
    value: int | list[str] | None = None
    rolling: bool | None = None
    """For days: always offer this many available days."""


class BookingLimits(DisableableSetting, frozen=True, kw_only=True):
    """Maximum of bookings or booked minutes per period; numbers must not decrease from day to year.

    After `DISABLED` the server returns `{}`, a limit with all numbers None.
    """

    day: int | None = None
    week: int | None = None
    month: int | None = None
    year: int | None = None


# A booker at the limit is rejected when booking (400); slot searches do not know who will book.
class BookerActiveBookingsLimit(DisableableSetting, frozen=True, kw_only=True):
    """Maximum of upcoming bookings per booker. Cannot be combined with recurrence."""

    maximum_active_bookings: int | None = None
    offer_reschedule: bool | None = None


class DisableCancelling(DisableableSetting, frozen=True, kw_only=True):
    """Whether attendees cannot cancel; `disabled=True` turns cancelling off."""


# The API enforces only `minutes_before`. If rescheduling is disabled altogether, it still moves bookings (recorded from
# a self-hosted server of 2026-07).
class DisableRescheduling(DisableableSetting, frozen=True, kw_only=True):
    """Whether attendees cannot reschedule: never, or not in the last `minutes_before` the start."""

    minutes_before: int | None = None


class Color(Model, frozen=True, kw_only=True, gc=False):
    """Colors of the event type, as `#rrggbb`; the server ignores one without the other."""

    light_theme_hex: str
    dark_theme_hex: str


class BookerLayouts(Model, frozen=True, kw_only=True, gc=False):
    """Layouts of the booking page (month, week, column); the default must be enabled."""

    default_layout: Layout
    enabled_layouts: list[Layout]


class EventTypeDestinationCalendar(Model, frozen=True, kw_only=True, gc=False):
    """The calendar that receives bookings of this event type; one of the user's own."""

    integration: str
    external_id: str


class EmailSettings(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Standard emails to suppress.

    Only for event types of an organization's teams and, in version 2026-06-12, of its members.
    """

    disable_emails_to_attendees: bool | None = None
    disable_emails_to_hosts: bool | None = None


# The fields from `require_email_for_guests` on are columns of the database, which responses contain as well.
class CalVideoSettings(Model, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Recording and transcription in Cal Video; ignored for platform customers."""

    disable_recording_for_organizer: bool | None = None
    disable_recording_for_guests: bool | None = None
    redirect_url_on_exit: str | UnsetType | None = UNSET
    """None is sent as null, which clears it."""
    enable_automatic_recording_for_organizer: bool | None = None
    enable_automatic_transcription: bool | None = None
    disable_transcription_for_guests: bool | None = None
    disable_transcription_for_organizer: bool | None = None
    hide_transcription_for_guests: bool | None = None
    """Like the following three fields, needs version 2026-06-12, which is then sent."""
    hide_transcription_for_organizer: bool | None = None
    disable_attendee_recording_download_email: bool | None = None
    transcription_language: str | UnsetType | None = UNSET
    """For example "pt-BR", or "multi" to detect it. None is sent as null, which means English."""
    send_transcription_emails: bool | None = None
    require_email_for_guests: bool | None = None
    """Read only, like the following fields."""
    event_type_id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
