"""The rows of a world. In JSON their names are in camelCase, and unknown names are rejected."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Name = Annotated[str, Meta(min_length=1, max_length=500)]
Slug = Annotated[str, Meta(pattern=r"^[\w.-]+$(?!\n)", max_length=200)]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$(?!\n)", max_length=320)]
Moment = Annotated[datetime, Meta(tz=True)]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$(?!\n)", examples=["09:00"])]
Day = Literal["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
Role = Literal["MEMBER", "ADMIN", "OWNER"]
Status = Literal["accepted", "pending", "cancelled", "rejected"]
SchedulingType = Literal["roundRobin", "collective", "managed"]
Priority = Literal["lowest", "low", "medium", "high", "highest"]


class _Row(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A part of a world."""


class User(_Row):
    """A user with an API key.

    - `name`, `email`: by default the username with a capital letter, and `USERNAME@sandbox.test`.
    - `api_key`: must begin with `cal_`. The first user also has `Sandbox.api_key`; the default of the others is
      `cal_sandbox_USERNAME`.
    - Without a default schedule of their own, they work Monday to Friday 09:00 to 17:00 in their time zone.
    """

    username: Slug
    name: Name | None = None
    email: Email | None = None
    time_zone: str = "UTC"
    week_start: Day = "Sunday"
    time_format: Literal[12, 24] = 12
    locale: Annotated[str, Meta(max_length=20)] = "en"
    bio: Annotated[str, Meta(max_length=10_000)] | None = None
    api_key: Annotated[str, Meta(pattern=r"^cal_[\x21-\x7e]+$(?!\n)", max_length=200)] | None = None


class Organization(_Row):
    """The organization of all users and teams of the world. The first user is its owner."""

    name: Name
    slug: Slug | None = None


class Member(_Row):
    """A member of a team. Only an accepted one can be a host."""

    user: str
    role: Role = "MEMBER"
    accepted: bool = True


class Team(_Row):
    """A team. The default slug is made of the name."""

    name: Name
    members: Annotated[list[Member], Meta(min_length=1)]
    slug: Slug | None = None


class Hours(_Row):
    """Working hours of some days of the week."""

    days: Annotated[list[Day], Meta(min_length=1)]
    start_time: TimeOfDay
    end_time: TimeOfDay


class Override(_Row):
    """The hours of one date, in place of those of its day of the week."""

    date: date
    start_time: TimeOfDay
    end_time: TimeOfDay


class Schedule(_Row):
    """A schedule of a user. The default time zone is that of the user; only one schedule of each can be the default."""

    owner: str
    availability: list[Hours]
    name: Name = "Working hours"
    time_zone: str | None = None
    overrides: list[Override] = field(default_factory=list)
    is_default: bool = True


class Host(_Row):
    """A host of an event type of a team. `mandatory` and `priority` are for a round robin."""

    user: str
    mandatory: bool = False
    priority: Priority = "medium"


class EventType(_Row):
    """An event type of a user or a team.

    - `owner`: a username, or the slug of a team. Hosts and `scheduling_type` are for teams; the default hosts are all
      members.
    - `settings`: any other fields of POST `/v2/event-types`, with its names and rules.
    """

    slug: Slug
    owner: str
    length_in_minutes: Annotated[int, Meta(ge=1, le=100_000)]
    title: Name | None = None
    scheduling_type: SchedulingType | None = None
    hosts: list[Host] | None = None
    settings: dict[str, Any] = field(default_factory=dict)


class Attendee(_Row):
    """A person who has booked."""

    name: Name
    email: Email
    time_zone: str = "UTC"
    language: Annotated[str, Meta(max_length=20)] = "en"
    phone_number: Annotated[str, Meta(max_length=50)] | None = None


class Booking(_Row):
    """A booking in the past or the future. It is not checked against working hours or other bookings.

    - `event_type`: `OWNER/SLUG`.
    - `end`: by default the start plus the length of the event type.
    - `attendees`: several of them share the booking; on an event type with seats each has a seat.
    - `host`: a username, for the event types of a team; the default is the first host.
    - `created_at`: by default a day before the start, and not in the future.
    """

    event_type: str
    start: Moment
    attendees: Annotated[list[Attendee], Meta(min_length=1)]
    end: Moment | None = None
    status: Status = "accepted"
    uid: Annotated[str, Meta(pattern=r"^[\w-]+$(?!\n)", max_length=100)] | None = None
    title: Name | None = None
    description: Annotated[str, Meta(max_length=100_000)] = ""
    location: Annotated[str, Meta(max_length=2_000)] | None = None
    host: str | None = None
    responses: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    cancellation_reason: Annotated[str, Meta(max_length=10_000)] | None = None
    created_at: Moment | None = None


class BusyTime(_Row):
    """A time at which a calendar outside of Cal.com keeps a user busy."""

    user: str
    start: Moment
    end: Moment
    title: Annotated[str, Meta(max_length=500)] = "Busy"


class World(_Row):
    """The data of a sandbox. The first user of a new world has the API key of the sandbox."""

    users: list[User] = field(default_factory=list)
    organization: Organization | None = None
    teams: list[Team] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    event_types: list[EventType] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    busy_times: list[BusyTime] = field(default_factory=list)
