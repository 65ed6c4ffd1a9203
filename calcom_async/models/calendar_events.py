"""Events in a connected calendar, in one form for every provider."""

from datetime import datetime
from typing import ClassVar, Literal

from msgspec import UNSET, UnsetType, field

from calcom_async.models._base import Model, SecretModel

CalendarEventStatus = Literal["accepted", "pending", "declined", "cancelled"] | str
CalendarResponseStatus = Literal["accepted", "pending", "declined", "needsAction"] | str
CalendarSource = Literal["google", "office365", "apple"] | str


class CalendarEventTime(Model, frozen=True, kw_only=True, gc=False):
    """A moment, and the time zone that the calendar shows it in."""

    time: datetime
    time_zone: str


class CalendarEventLocation(SecretModel, frozen=True, kw_only=True):
    """How to join: by `video`, `phone`, `sip` or `more`; codes are there where the provider tells them."""

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
    """Somebody invited to an event."""

    email: str
    name: str | None = None
    response_status: CalendarResponseStatus | None = None
    is_self: bool | None = field(name="self", default=None)
    """Whether it is the owner of the calendar."""
    optional: bool | None = None
    host: bool | None = None


class CalendarEventHost(Model, frozen=True, kw_only=True, gc=False):
    """Somebody who hosts an event, or owns the calendar that it is in."""

    email: str
    name: str | None = None
    response_status: CalendarResponseStatus | None = None


class CalendarEvent(Model, frozen=True, kw_only=True):
    """An event of a connected calendar."""

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


class UpdateCalendarEventAttendee(Model, frozen=True, kw_only=True):
    """An attendee as an event is to have it; `email` says which one."""

    email: str | None = None
    name: str | None = None
    response_status: CalendarResponseStatus | UnsetType | None = UNSET
    is_self: bool | UnsetType | None = field(name="self", default=UNSET)
    optional: bool | UnsetType | None = UNSET
    host: bool | UnsetType | None = UNSET


class UpdateCalendarEvent(Model, frozen=True, kw_only=True):
    """Changes to an event; what is not given stays as it is, None takes it away."""

    start: CalendarEventTime | None = None
    end: CalendarEventTime | None = None
    title: str | None = None
    description: str | UnsetType | None = UNSET
    attendees: list[UpdateCalendarEventAttendee] | UnsetType | None = UNSET
    """The whole list."""
    status: CalendarEventStatus | UnsetType | None = UNSET
