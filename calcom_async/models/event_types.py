"""Event types of users and teams."""

from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, UnsetType, field
from msgspec.structs import force_setattr

from calcom_async.models._base import DisableableSetting, Model
from calcom_async.models.booking_fields import BookingField
from calcom_async.models.event_type_settings import (
    BookerActiveBookingsLimit,
    BookerLayouts,
    BookingLimits,
    BookingWindow,
    CalVideoSettings,
    Color,
    ConfirmationPolicy,
    DisableCancelling,
    DisableRescheduling,
    EmailSettings,
    EventTypeDestinationCalendar,
    Host,
    Location,
    Recurrence,
    Seats,
)

PrivateNoteMode = Literal["duplicate_event", "separate_events"] | str
SchedulingType = Literal["collective", "roundRobin", "managed"] | str

ALLOW_HOST_CHOICE = "allowRRHostChoiceOnReschedule"
"""A field on the wire; msgspec would spell it differently."""

# The specification declares a list, but the server sends one object; `EventType` accepts both.
if TYPE_CHECKING:
    _Window = BookingWindow
else:
    _Window = BookingWindow | list[BookingWindow]

# The database and older texts write COLLECTIVE and ROUND_ROBIN, which the API rejects.
_SCHEDULING_TYPES = {"collective": "collective", "roundrobin": "roundRobin", "managed": "managed"}


def scheduling_type(name: SchedulingType) -> SchedulingType:
    """Return COLLECTIVE, ROUND_ROBIN or MANAGED in the spelling of the API, from any spelling; others unchanged."""
    return _SCHEDULING_TYPES.get(name.replace("_", "").replace("-", "").lower(), name)


class EventTypeUser(Model, frozen=True, kw_only=True):
    """A user of an event type. Its `metadata` is public."""

    id: int
    name: str | None = None
    username: str | None = None
    avatar_url: str | None = None
    brand_color: str | None = None
    dark_brand_color: str | None = None
    week_start: str | None = None
    metadata: dict[str, Any] | None = None


class EventTypeTeam(Model, frozen=True, kw_only=True, gc=False):
    """The team of an event type; fetching one event type returns the `id` only, lists return all fields."""

    id: int | None = None
    """None for the children of a managed event type."""
    slug: str | None = None
    banner_url: str | None = None
    name: str | None = None
    logo_url: str | None = None
    week_start: str | None = None
    brand_color: str | None = None
    dark_brand_color: str | None = None
    theme: str | None = None


class EventType(Model, frozen=True, kw_only=True):
    """An event type of a user or of a team; durations are in minutes.

    A managed event type cannot be booked itself, only the children that creating it returns. Listing with several
    usernames returns a generated event type with id 0, hence the defaults, which are those of the server.
    """

    id: int
    owner_id: int | None = None
    """None for event types of teams."""
    length_in_minutes: int
    length_in_minutes_options: list[int] | None = None
    title: str
    slug: str
    description: str | None = None
    """Empty if there is none."""
    locations: list[Location] = field(default_factory=list)
    booking_fields: list[BookingField] = field(default_factory=list)
    recurrence: Recurrence | None = None
    disable_guests: bool | None = None
    slot_interval: int | None = None
    """Default: the length of the event."""
    minimum_booking_notice: int = 120
    before_event_buffer: int = 0
    after_event_buffer: int = 0
    metadata: dict[str, Any] | None = None
    price: int = 0
    """In minor units of `currency`."""
    currency: str = "usd"
    lock_time_zone_toggle_on_booking_page: bool | None = None
    seats_per_time_slot: int | None = None
    """Former place of `seats`, like `seats_show_availability_count`."""
    seats_show_availability_count: bool | None = None
    forward_params_success_redirect: bool | None = None
    success_redirect_url: str | None = None
    is_instant_event: bool | None = None
    # The specification of March 2026 says texts; servers send objects, whose metadata anyone can read.
    users: list[EventTypeUser] = field(default_factory=list)
    schedule_id: int | None = None
    """None: the default schedule of the host."""
    booking_limits_count: BookingLimits | None = None
    booking_limits_duration: BookingLimits | None = None
    booker_active_bookings_limit: BookerActiveBookingsLimit | None = None
    only_show_first_available_slot: bool | None = None
    offset_start: int = 0
    booking_window: _Window | None = None
    booker_layouts: BookerLayouts | None = None
    confirmation_policy: ConfirmationPolicy | None = None
    requires_booker_email_verification: bool | None = None
    hide_calendar_notes: bool | None = None
    color: Color | None = None
    seats: Seats | None = None
    custom_name: str | None = None
    destination_calendar: EventTypeDestinationCalendar | None = None
    use_destination_calendar_email: bool | None = None
    hide_calendar_event_details: bool | None = None
    hide_organizer_email: bool | None = None
    cal_video_settings: CalVideoSettings | None = None
    hidden: bool = False
    booking_requires_authentication: bool | None = None
    booking_url: str | None = None
    disable_cancelling: DisableCancelling | None = None
    disable_rescheduling: DisableRescheduling | None = None
    interface_language: str | None = None
    allow_rescheduling_past_bookings: bool | None = None
    allow_rescheduling_cancelled_bookings: bool | None = None
    show_optimized_slots: bool | None = None
    email_settings: EmailSettings | None = None
    """Like the following fields, returned only in version 2026-06-12, and for teams also in older ones."""
    skip_attendee_email_deliverability_check: bool | None = None
    private_note_enabled: bool | None = None
    private_note_mode: PrivateNoteMode | None = None
    private_note_template: str | None = None
    booking_proposal_count: int | None = None
    """How many times a booker must propose; None if the booker selects one."""

    hosts: list[Host] | None = None
    """This and the following fields are for teams only; children of a managed event type do not have them."""
    team_id: int | None = None
    parent_event_type_id: int | None = None
    scheduling_type: SchedulingType | None = None
    assign_all_team_members: bool | None = None
    team: EventTypeTeam | None = None
    reschedule_with_same_round_robin_host: bool | None = None
    allow_rr_host_choice_on_reschedule: bool | None = field(name=ALLOW_HOST_CHOICE, default=None)
    rr_host_subset_enabled: bool | None = None

    def __post_init__(self) -> None:
        if isinstance(self.booking_window, list):
            force_setattr(self, "booking_window", next(iter(self.booking_window), None))

    @property
    def is_recurring(self) -> bool:
        """Whether one booking creates a series."""
        return _is_on(self.recurrence)

    @property
    def is_seated(self) -> bool:
        """Whether several attendees share one booking."""
        return _is_on(self.seats)

    @property
    def needs_confirmation(self) -> bool:
        """Whether new bookings may be pending at first; with a policy of type "time", only near ones."""
        return _is_on(self.confirmation_policy)


def _is_on(setting: DisableableSetting | None) -> bool:
    return setting is not None and not setting.disabled


class DeletedEventType(Model, frozen=True, kw_only=True, gc=False):
    """A deleted event type; for teams only `id` and `title` are returned."""

    id: int
    title: str
    slug: str | None = None
    length_in_minutes: int | None = None


# Null clears `slot_interval` and `schedule_id` only. For a field that cannot be empty, such as the title, the server
# returns 500 (recorded from a self-hosted server of 2026-07).
class _EventTypeBody(Model, frozen=True, kw_only=True):
    """Base of the request bodies; durations are in minutes, `DISABLED` turns a setting off."""

    length_in_minutes_options: list[int] | None = None
    """Lengths to choose from; `length_in_minutes` is the default one."""
    description: str | None = None
    locations: list[Location] | None = None
    """Default: the default conferencing app of the host."""
    booking_fields: list[BookingField] | None = None
    """Fields with a `field`, the shape of version 2026-06-12, are sent in that version; so are all others then."""
    disable_guests: bool | None = None
    """Only versions of 2024 take it. In 2026-06-12 hide the booking field `guests` instead."""
    slot_interval: int | UnsetType | None = UNSET
    """None means every `length_in_minutes`."""
    minimum_booking_notice: int | None = None
    before_event_buffer: int | None = None
    after_event_buffer: int | None = None
    schedule_id: int | UnsetType | None = UNSET
    """None means the default schedule of the user."""
    booking_limits_count: BookingLimits | None = None
    booking_limits_duration: BookingLimits | None = None
    booker_active_bookings_limit: BookerActiveBookingsLimit | None = None
    only_show_first_available_slot: bool | None = None
    booking_window: BookingWindow | None = None
    offset_start: int | None = None
    booker_layouts: BookerLayouts | None = None
    confirmation_policy: ConfirmationPolicy | None = None
    recurrence: Recurrence | None = None
    seats: Seats | None = None
    requires_booker_email_verification: bool | None = None
    hide_calendar_notes: bool | None = None
    hide_calendar_event_details: bool | None = None
    hide_organizer_email: bool | None = None
    lock_time_zone_toggle_on_booking_page: bool | None = None
    use_destination_calendar_email: bool | None = None
    hidden: bool | None = None
    color: Color | None = None
    custom_name: str | None = None
    """May contain placeholders such as `{Event type title}` and `{Scheduler}`."""
    destination_calendar: EventTypeDestinationCalendar | None = None
    success_redirect_url: str | None = None
    cal_video_settings: CalVideoSettings | None = None
    booking_requires_authentication: bool | None = None
    disable_cancelling: DisableCancelling | None = None
    disable_rescheduling: DisableRescheduling | None = None
    interface_language: str | None = None
    """Default: the language of the visitor."""
    allow_rescheduling_past_bookings: bool | None = None
    allow_rescheduling_cancelled_bookings: bool | None = None
    show_optimized_slots: bool | None = None
    email_settings: EmailSettings | None = None
    """For event types that are not of a team this needs version 2026-06-12, as do the following fields."""
    skip_attendee_email_deliverability_check: bool | None = None
    """Only for members of an organization."""
    private_note_enabled: bool | None = None
    private_note_mode: PrivateNoteMode | None = None
    private_note_template: str | None = None


class CreateEventType(_EventTypeBody, frozen=True, kw_only=True):
    """A new event type; the slug must be unique among those of the user (400 otherwise)."""

    title: str
    slug: str
    length_in_minutes: int


class UpdateEventType(_EventTypeBody, frozen=True, kw_only=True):
    """Changes to an event type; `booking_fields` replaces all custom fields."""

    title: str | None = None
    slug: str | None = None
    length_in_minutes: int | None = None
    booking_proposal_count: int | UnsetType | None = UNSET
    """How many times a booker must propose; None lets the booker select one. Needs version 2026-06-12."""


class CreateTeamEventType(CreateEventType, frozen=True, kw_only=True):
    """A new event type of a team, with its `hosts` or all members; a managed one returns a list, the parent first.

    `scheduling_type` may also be written `COLLECTIVE` or `ROUND_ROBIN`.
    """

    scheduling_type: SchedulingType
    hosts: list[Host] | None = None
    assign_all_team_members: bool | None = None
    """With `hosts`, only for round robin: the mandatory ones of `hosts` are kept and the others are ignored."""
    reschedule_with_same_round_robin_host: bool | None = None
    allow_rr_host_choice_on_reschedule: bool | None = field(name=ALLOW_HOST_CHOICE, default=None)
    """Needs `reschedule_with_same_round_robin_host` and version 2026-06-12."""

    def __post_init__(self) -> None:
        force_setattr(self, "scheduling_type", scheduling_type(self.scheduling_type))


class UpdateTeamEventType(UpdateEventType, frozen=True, kw_only=True):
    """Changes to an event type of a team; `hosts` replaces the whole list. A managed one returns a list."""

    scheduling_type: SchedulingType | None = None
    """Only collective or round robin."""
    hosts: list[Host] | None = None
    assign_all_team_members: bool | None = None
    reschedule_with_same_round_robin_host: bool | None = None
    allow_rr_host_choice_on_reschedule: bool | None = field(name=ALLOW_HOST_CHOICE, default=None)
    """Needs `reschedule_with_same_round_robin_host` and version 2026-06-12."""

    def __post_init__(self) -> None:
        if self.scheduling_type is not None:
            force_setattr(self, "scheduling_type", scheduling_type(self.scheduling_type))
