"""Connected calendars and their busy times."""

from datetime import datetime
from typing import Any, ClassVar

from msgspec import field
from msgspec.structs import force_setattr

from calcom_async.models._base import Model, SecretModel


class Calendar(Model, frozen=True, kw_only=True, gc=False):
    """One calendar of a connection, identified by `credential_id` and `external_id` together."""

    name: str | None = None
    read_only: bool
    external_id: str
    integration: str | None = None
    primary: bool | None = None
    email: str | None = None  # the specification says email addresses here and above, but CalDAV has URLs
    is_selected: bool
    """Whether it is checked for conflicts."""
    credential_id: int
    delegation_credential_id: str | None = None


class CalendarIntegration(Model, frozen=True, kw_only=True):
    """The app of a connection, as described in the app store."""

    app_data: dict[str, Any] | None = None
    dir_name: str | None = None
    template: str | None = field(name="__template", default=None)
    name: str | None = None
    title: str | None = None
    slug: str | None = None
    type: str
    """For example `google_calendar` or `ics-feed_calendar`."""
    logo: str | None = None
    variant: str | None = None
    category: str | None = None
    categories: list[str] | None = None
    publisher: str | None = None
    email: str | None = None
    url: str | None = None
    description: str | None = None
    installed: bool | None = None
    is_template: bool | None = None
    location_option: Any = None


class CalendarError(Model, frozen=True, kw_only=True, gc=False):
    """Why a connection does not work."""

    message: str | None = None


class ConnectedCalendar(Model, frozen=True, kw_only=True):
    """A connection to a calendar provider with its calendars; a broken one has an `error` instead."""

    integration: CalendarIntegration
    credential_id: int
    delegation_credential_id: str | None = None
    primary: Calendar | None = None
    calendars: list[Calendar] | None = None
    error: CalendarError | None = None


# Every field may be missing, because the server returns {} if there is no destination.
class DestinationCalendar(Model, frozen=True, kw_only=True, gc=False):
    """The calendar that receives new bookings."""

    id: int | None = None
    integration: str | None = None
    external_id: str | None = None
    primary_email: str | None = None
    user_id: int | None = None
    event_type_id: int | None = None
    credential_id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    delegation_credential_id: str | None = None
    custom_calendar_reminder: int | None = None
    name: str | None = None
    primary: bool | None = None
    read_only: bool | None = None
    email: str | None = None
    integration_title: str | None = None


class ConnectedCalendars(Model, frozen=True, kw_only=True):
    """All connections of the user. Fetching them creates the default selected and destination calendars."""

    connected_calendars: list[ConnectedCalendar]
    destination_calendar: DestinationCalendar | None = None

    def __post_init__(self) -> None:
        # The server returns {} if there is none.
        if self.destination_calendar == DestinationCalendar():
            force_setattr(self, "destination_calendar", None)


class BusyTime(Model, frozen=True, kw_only=True, gc=False):
    """A busy time of a calendar, in UTC whatever time zone was requested.

    An ICS feed returns all its events, whatever dates and calendar were requested.
    """

    start: datetime
    end: datetime
    title: str | None = None
    source: str | None = None


class CalendarCredential(Model, frozen=True, kw_only=True):
    """The stored connection, as returned when connecting and disconnecting."""

    id: int
    type: str
    user_id: int | None = None
    team_id: int | None = None
    app_id: str | None = None
    invalid: bool | None = None
    subscription_id: str | None = None
    payment_status: str | None = None
    billing_cycle_start: int | None = None
    delegation_credential_id: str | None = None


class CalendarAuthUrl(SecretModel, frozen=True, kw_only=True):
    """URL where the user connects a calendar.

    It contains the API key of the caller in its `state`. Reprs mask it; do not log it.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"auth_url"})

    auth_url: str


class ConnectAppleCalendar(SecretModel, frozen=True, kw_only=True):
    """Apple ID and app-specific password for connecting an Apple calendar."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    username: str
    password: str


class SaveIcsFeeds(SecretModel, frozen=True, kw_only=True):
    """Feeds to connect; each URL must end in `.ics`. The URL of a private feed is a secret."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"urls"})

    urls: list[str]
    read_only: bool | None = None


class SelectedCalendar(Model, frozen=True, kw_only=True, gc=False):
    """A calendar selected for conflict checks or as destination, as returned when selecting it."""

    user_id: int
    integration: str
    external_id: str
    credential_id: int | None = None


class SelectCalendar(Model, frozen=True, kw_only=True):
    """The calendar to check for conflicts."""

    integration: str
    external_id: str
    credential_id: int
    delegation_credential_id: str | None = None


class SetDestinationCalendar(Model, frozen=True, kw_only=True):
    """The calendar to write new bookings to; it must be connected and writable."""

    integration: str
    external_id: str
    delegation_credential_id: str | None = None
