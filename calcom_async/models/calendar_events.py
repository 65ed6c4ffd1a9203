"""Events in a connected calendar, in the same form for every provider."""

from datetime import datetime
from typing import ClassVar, Literal

from msgspec import UNSET, UnsetType, field

from calcom_async.models._base import Model, SecretModel

CalendarEventStatus = Literal["accepted", "pending", "declined", "cancelled"] | str
CalendarResponseStatus = Literal["accepted", "pending", "declined", "needsAction"] | str
CalendarSource = Literal["google", "office365", "apple"] | str


class CalendarEventTime(Model, frozen=True, kw_only=True, gc=False):
    """A time, and the time zone in which the calendar shows it."""

    time: datetime
    time_zone: str


class CalendarEventLocation(SecretModel, frozen=True, kw_only=True):
    """How to join: by `video`, `phone`, `sip` or `more`; codes are set if the provider returns them."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"password", "pin", "access_code"})

    type: Literal["video", "phone", "sip", "more"] | str
    url: str
    label: str | None = None
    password: str | None = None
    meeting_code: str | None = None
    access_code: str | None = None
    pin: str | None = None
    region_code: str | None = None


class CalendarEventAttendee(Model, frozen=True, kw_only=True, gc=False):
    """An attendee of an event."""

    email: str
    name: str | None = None
    response_status: CalendarResponseStatus | None = None
    is_self: bool | None = field(name="self", default=None)
    """Whether the attendee is the owner of the calendar."""
    optional: bool | None = None
    host: bool | None = None


class CalendarEventHost(Model, frozen=True, kw_only=True, gc=False):
    """A host of an event, or the owner of its calendar."""

    email: str
    name: str | None = None
    response_status: CalendarResponseStatus | None = None


class CalendarEvent(Model, frozen=True, kw_only=True):
    """An event in a connected calendar."""

    id: str
    title: str
    start: CalendarEventTime
    end: CalendarEventTime
    description: str | None = None
    locations: list[CalendarEventLocation] | None = None
    attendees: list[CalendarEventAttendee] | None = None
    status: CalendarEventStatus | None = None
    hosts: list[CalendarEventHost] | None = None
    calendar_event_owner: CalendarEventHost | None = None
    source: CalendarSource


# Only from the specification: no server with a Google account was seen.
class UpdateCalendarEventAttendee(Model, frozen=True, kw_only=True):
    """New values of an attendee, identified by `email`."""

    email: str | None = None
    name: str | None = None
    response_status: CalendarResponseStatus | UnsetType | None = UNSET
    is_self: bool | UnsetType | None = field(name="self", default=UNSET)
    optional: bool | UnsetType | None = UNSET
    host: bool | UnsetType | None = UNSET


class UpdateCalendarEvent(Model, frozen=True, kw_only=True):
    """Changes to an event; omitted fields stay unchanged, None clears a field."""

    start: CalendarEventTime | None = None
    end: CalendarEventTime | None = None
    title: str | None = None
    description: str | UnsetType | None = UNSET
    attendees: list[UpdateCalendarEventAttendee] | UnsetType | None = UNSET
    """Replaces the whole list."""
    status: CalendarEventStatus | UnsetType | None = UNSET
