"""From the rows of a world to the records of a store, with the functions that the API itself uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from calcom_async.sandbox.accounts.teams import add_member, membership_of, new_team, slugify
from calcom_async.sandbox.accounts.users import new_user
from calcom_async.sandbox.bookings.create import new_attendee, title_of
from calcom_async.sandbox.bookings.hosts import HostAssignment
from calcom_async.sandbox.bookings.location import default_location
from calcom_async.sandbox.bookings.views import seats_of
from calcom_async.sandbox.event_types import team_event_types
from calcom_async.sandbox.event_types.fields import split_name
from calcom_async.sandbox.event_types.forms import CREATE, TEAM_CREATE, scheduling_type
from calcom_async.sandbox.event_types.records import host_ids, new_event_type
from calcom_async.sandbox.http.constraints import canonical_zone
from calcom_async.sandbox.http.errors import HttpError
from calcom_async.sandbox.schedules.records import create_schedule
from calcom_async.sandbox.state.booking import Booking as BookingRecord
from calcom_async.sandbox.state.clock import EARLIEST, LATEST, iso
from calcom_async.sandbox.state.store import Store
from calcom_async.sandbox.world.documents import (
    Attendee,
    Booking,
    BusyTime,
    EventType,
    Hours,
    Member,
    Organization,
    Override,
    Schedule,
    Team,
    User,
    World,
)

Record = dict[str, Any]


class WorldError(ValueError):
    """A world that cannot be loaded. The message names the value."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{reason} - at `$.{path}`" if path else reason)
        self.reason = reason
        self.path = path


@dataclass(slots=True)
class Loaded:
    """The records of a world, in the order of the document."""

    users: list[Record] = field(default_factory=list)
    teams: list[Record] = field(default_factory=list)
    schedules: list[Record] = field(default_factory=list)
    event_types: list[Record] = field(default_factory=list)
    bookings: list[BookingRecord] = field(default_factory=list)


def load_world(store: Store, world: World, now: datetime, *, api_key: str, organizations: bool) -> Loaded:
    """Add a world to a store. Raises a `WorldError`; the store is then partly changed.

    `api_key` is that of the first user if the store has no other. `organizations` says whether the kind of server has
    teams and organizations.
    """
    return _Loader(store, now, api_key).load(world, organizations=organizations)


_OUTSIDE_OF_SETTINGS = {"title", "slug", "lengthInMinutes", "schedulingType", "hosts", "assignAllTeamMembers"}


class _Loader:
    """The store, and the records by the names that rows refer to."""

    def __init__(self, store: Store, now: datetime, api_key: str) -> None:
        self._store = store
        self._now = now
        self._api_key = api_key
        self._loaded = Loaded()
        self._users: dict[str, Record] = {user["username"]: user for user in store.users.values()}
        self._teams: dict[str, Record] = {team["slug"]: team for team in store.teams.values()}
        self._event_types: dict[str, Record] = {
            f"{owner}/{event_type['slug']}": event_type
            for event_type in store.event_types.values()
            if (owner := self._owner_of(event_type)) is not None
        }
        self._with_default: set[int] = set()
        self._taken = {
            (booking.user_id, booking.start, booking.end)
            for booking in store.bookings.values()
            if booking.status == "accepted"
        }

    def _owner_of(self, event_type: Record) -> str | None:
        """Return the name of the owner of an event type."""
        if event_type.get("teamId") is not None:
            team = self._store.teams.get(event_type["teamId"])
            return None if team is None else team["slug"]
        owner = self._store.users.get(event_type["ownerId"])
        return None if owner is None else owner["username"]

    def load(self, world: World, *, organizations: bool) -> Loaded:
        """Add all rows, those that others refer to first."""
        if not organizations and (world.teams or world.organization):
            raise WorldError("this kind of server has no teams and no organizations")
        with_schedule = {schedule.owner for schedule in world.schedules if schedule.is_default}
        _add_each("users", world.users, lambda user: self._add_user(user, scheduled=user.username not in with_schedule))
        if world.organization is not None:
            with _at("organization"):
                self._add_organization(world.organization)
        _add_each("teams", world.teams, self._add_team)
        _add_each("schedules", world.schedules, self._add_schedule)
        _add_each("eventTypes", world.event_types, self._add_event_type)
        _add_each("bookings", world.bookings, self._add_booking)
        _add_each("busyTimes", world.busy_times, self._add_busy_time)
        return self._loaded

    # --- people

    def _add_user(self, user: User, *, scheduled: bool) -> None:
        """Add a user with an API key."""
        if user.username in self._users:
            raise WorldError(f"there is already a user {user.username!r}", "username")
        record = new_user(
            self._store,
            self._store.next_id("user"),
            user.username,
            user.name or user.username.capitalize(),
            _zone("timeZone", user.time_zone),
            scheduled=scheduled,
            email=user.email or f"{user.username}@sandbox.test",
            week_start=user.week_start,
            time_format=user.time_format,
            locale=user.locale,
            bio=user.bio,
        )
        keys = self._store.api_keys
        is_first = self._api_key not in keys
        if is_first:
            keys[self._api_key] = record["id"]
        key = user.api_key or (None if is_first else f"cal_sandbox_{user.username}")
        if key is not None and keys.setdefault(key, record["id"]) != record["id"]:
            raise WorldError("another user has this API key", "apiKey")
        self._users[user.username] = record
        self._loaded.users.append(record)

    def _add_organization(self, organization: Organization) -> None:
        """Add an organization of all users and teams of the world."""
        if not self._loaded.users:
            raise WorldError("an organization needs at least one user in the same document", "")
        organization_id = self._store.next_id("team")
        self._store.organizations[organization_id] = {
            "id": organization_id,
            "name": organization.name,
            "slug": organization.slug or slugify(organization.name),
            "owner_id": self._loaded.users[0]["id"],
            "is_platform": False,
        }
        for position, user in enumerate(self._loaded.users):
            add_member(self._store, organization_id, user["id"], role="MEMBER" if position else "OWNER")
            user["organization_id"] = organization_id

    def _add_team(self, team: Team) -> None:
        """Add a team with its members."""
        slug = team.slug or slugify(team.name)
        if slug in self._teams or slug in self._users:
            raise WorldError(f"there is already a user or a team {slug!r}", "slug")
        members: dict[int, Member] = {}
        for position, member in enumerate(team.members):
            path = f"members[{position}].user"
            user_id = self._user(path, member.user)["id"]
            if user_id in members:
                raise WorldError(f"{member.user!r} is a member twice", path)
            members[user_id] = member
        creator_id = next(iter(members))
        parent_id = self._store.users[creator_id]["organization_id"]
        record = new_team(self._store, {"name": team.name, "slug": slug}, creator_id=creator_id, parent_id=parent_id)
        for user_id, member in members.items():
            membership = membership_of(self._store, record["id"], user_id) or add_member(
                self._store, record["id"], user_id
            )
            membership.update(role=member.role, accepted=member.accepted)
        self._teams[slug] = record
        self._loaded.teams.append(record)

    def _user(self, path: str, username: str) -> Record:
        """Return a user by name."""
        if (user := self._users.get(username)) is None:
            raise WorldError(f"there is no user {username!r}", path)
        return user

    # --- schedules and event types

    def _add_schedule(self, schedule: Schedule) -> None:
        """Add a schedule of a user."""
        owner = self._user("owner", schedule.owner)
        if schedule.is_default and owner["id"] in self._with_default:
            raise WorldError(f"{schedule.owner!r} already has a default schedule", "isDefault")
        if schedule.is_default:
            self._with_default.add(owner["id"])
        _add_each("availability", schedule.availability, _check_hours)
        _add_each("overrides", schedule.overrides, _check_hours)
        body = {
            "name": schedule.name,
            "timeZone": _zone("timeZone", schedule.time_zone or owner["time_zone"]),
            "availability": [
                {"days": hours.days, "startTime": hours.start_time, "endTime": hours.end_time}
                for hours in schedule.availability
            ],
            "overrides": [
                {"date": row.date.isoformat(), "startTime": row.start_time, "endTime": row.end_time}
                for row in schedule.overrides
            ],
            "isDefault": schedule.is_default,
        }
        self._loaded.schedules.append(create_schedule(self._store, owner["id"], body))

    def _add_event_type(self, event_type: EventType) -> None:
        """Add an event type of a user or a team."""
        name = f"{event_type.owner}/{event_type.slug}"
        if name in self._event_types:
            raise WorldError(f"there is already an event type {name!r}", "slug")
        body: Record = {
            "title": event_type.title or event_type.slug.replace("-", " ").capitalize(),
            "slug": event_type.slug,
            "lengthInMinutes": event_type.length_in_minutes,
        }
        if fixed := _OUTSIDE_OF_SETTINGS & event_type.settings.keys():
            raise WorldError(f"{min(fixed)} must be next to settings, not in it", "settings")
        body |= event_type.settings
        team = self._teams.get(event_type.owner)
        if team is not None:
            record = self._new_team_event_type(event_type, team, body)
        elif event_type.scheduling_type is not None or event_type.hosts is not None:
            reason = f"only event types of teams have hosts and a schedulingType; there is no team {event_type.owner!r}"
            raise WorldError(reason, "owner")
        else:
            owner = self._user("owner", event_type.owner)
            with _at("settings"):
                record = new_event_type(self._store, owner["id"], CREATE.read_strict(body), now=self._now)
        self._event_types[name] = record
        self._loaded.event_types.append(record)

    def _new_team_event_type(self, event_type: EventType, team: Record, body: Record) -> Record:
        """Add an event type of a team, with the copies of a managed one."""
        if event_type.scheduling_type is None:
            raise WorldError("an event type of a team needs one of roundRobin, collective, managed", "schedulingType")
        body["schedulingType"] = event_type.scheduling_type
        if event_type.hosts is None:
            body["assignAllTeamMembers"] = True
        else:
            body["hosts"] = [
                {"userId": self._user(f"hosts[{position}].user", host.user)["id"]}
                | {"mandatory": host.mandatory, "priority": host.priority}
                for position, host in enumerate(event_type.hosts)
            ]
        with _at("settings"):
            form = TEAM_CREATE.read_strict(body)
            form["schedulingType"] = scheduling_type(form["schedulingType"])
            return team_event_types.create(self._store, team, form, self._now)[0]

    # --- bookings

    def _add_booking(self, booking: Booking) -> None:
        """Add a booking as it is, without a check of the time."""
        event_type = self._event_types.get(booking.event_type)
        if event_type is None:
            known = ", ".join(sorted(self._event_types)[:5]) or "none"
            raise WorldError(f"there is no event type {booking.event_type!r}; known are: {known}", "eventType")
        start = _moment("start", booking.start)
        length = timedelta(minutes=event_type["lengthInMinutes"])
        end = start + length if booking.end is None else _moment("end", booking.end)
        if end <= start:
            raise WorldError(f"must be after the start {iso(start)}, got {iso(end)}", "end")
        uid = booking.uid or self._store.uid()
        if uid in self._store.bookings:
            raise WorldError(f"there is already a booking {uid!r}", "uid")
        hosts = self._hosts(booking, event_type)
        if booking.status == "accepted":
            if (hosts.organizer, start, end) in self._taken:
                raise WorldError("the host already has an accepted booking with this start and end", "start")
            self._taken.add((hosts.organizer, start, end))
        record = self._booking_record(booking, event_type, hosts, uid, start, end)
        self._store.add_booking(record)
        self._loaded.bookings.append(record)

    def _booking_record(  # noqa: PLR0917 - one value after another of the record
        self, booking: Booking, event_type: Record, hosts: HostAssignment, uid: str, start: datetime, end: datetime
    ) -> BookingRecord:
        """Return the record of a booking."""
        store = self._store
        booker = booking.attendees[0]
        created = booking.created_at or min(self._now, start - timedelta(days=1))
        record = BookingRecord(
            id=store.next_id("booking"),
            uid=uid,
            title=booking.title or title_of(store, event_type, hosts, booker.name),
            user_id=hosts.organizer,
            host_ids=hosts.everybody,
            start=start,
            end=end,
            created_at=_moment("createdAt", created),
            updated_at=_moment("createdAt", created),
            status=booking.status,
            description=booking.description,
            event_type_id=event_type["id"],
            location=booking.location or default_location(event_type),
            attendees=self._attendees(booking),
            responses=_responses(event_type, booker) | booking.responses,
            metadata=dict(booking.metadata),
            ics_uid=f"{uid}@Cal.com",
            team_id=event_type.get("teamId"),
            cancellation_reason=booking.cancellation_reason,
        )
        seats = seats_of(event_type)
        if seats is not None:
            if len(booking.attendees) > seats["seatsPerTimeSlot"]:
                raise WorldError(
                    f"must be at most {seats['seatsPerTimeSlot']}, as many as there are seats", "attendees"
                )
            record.seats = [
                {"seat_uid": store.uuid(), "attendee_id": attendee["id"]}
                | {"responses": {"name": attendee["name"], "email": attendee["email"]}, "metadata": {}}
                for attendee in record.attendees
            ]
        return record

    def _attendees(self, booking: Booking) -> list[Record]:
        """Return the records of the attendees."""
        attendees = []
        for position, attendee in enumerate(booking.attendees):
            with _at(f"attendees[{position}]"):
                attendees.append(new_attendee(self._store, _person(attendee)))
        return attendees

    def _hosts(self, booking: Booking, event_type: Record) -> HostAssignment:
        """Return the hosts of a booking: the given one, or the first of the event type."""
        possible = host_ids(event_type)
        if booking.host is not None:
            organizer = self._user("host", booking.host)["id"]
            if organizer not in possible:
                raise WorldError(f"{booking.host!r} is no host of {booking.event_type!r}", "host")
        elif possible:
            organizer = possible[0]
        else:
            raise WorldError(f"{booking.event_type!r} has no hosts", "eventType")
        together = event_type.get("schedulingType") == "collective"
        return HostAssignment(organizer, [host for host in possible if host != organizer] if together else [])

    def _add_busy_time(self, busy: BusyTime) -> None:
        """Add a busy time of a calendar."""
        user = self._user("user", busy.user)
        start, end = _moment("start", busy.start), _moment("end", busy.end)
        if end <= start:
            raise WorldError(f"must be after the start {iso(start)}, got {iso(end)}", "end")
        self._store.busy.append(
            {"user_id": user["id"], "calendar_id": "world", "credential_id": 0, "start": start, "end": end}
            | {"title": busy.title}
        )


def _person(attendee: Attendee) -> Record:
    """Return an attendee as requests contain them."""
    return {
        "name": attendee.name,
        "email": attendee.email,
        "timeZone": _zone("timeZone", attendee.time_zone),
        "language": attendee.language,
        "phoneNumber": attendee.phone_number,
    }


def _responses(event_type: Record, booker: Attendee) -> Record:
    """Return the stored answers of the booker."""
    names = split_name(event_type["bookingFields"], booker.name)
    return {"email": booker.email, "name": names or booker.name}


def _check_hours(hours: Hours | Override) -> None:
    """Raise an error for hours that end before they start."""
    if hours.start_time >= hours.end_time:
        raise WorldError(f"must be after the start {hours.start_time}, got {hours.end_time}", "endTime")


# --- values and errors ---------------------------------------------------------------------------------------------


def _zone(path: str, name: str) -> str:
    """Return a time zone with its usual spelling."""
    zone = canonical_zone(name)
    if zone is None:
        raise WorldError(f"must be an IANA time zone such as Europe/Rome, got {name!r}", path)
    return zone


def _moment(path: str, moment: datetime) -> datetime:
    """Return a time in UTC, cut to milliseconds."""
    if moment.tzinfo is None:
        raise WorldError(f"must have a time zone, got {moment.isoformat()}", path)
    # Compared before the conversion, which fails near the ends of the calendar.
    if not EARLIEST <= moment <= LATEST:
        raise WorldError(f"must be between {iso(EARLIEST)} and {iso(LATEST)}", path)
    moment = moment.astimezone(EARLIEST.tzinfo)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Row = TypeVar("Row")


def _add_each(name: str, rows: Iterable[Row], add: Callable[[Row], None]) -> None:
    """Add, or check, rows one after another."""
    for position, row in enumerate(rows):
        with _at(f"{name}[{position}]"):
            add(row)


@contextmanager
def _at(path: str) -> Iterator[None]:
    """Put a path in front of that of an error; errors of the API become errors of the world."""
    try:
        yield
    except WorldError as error:
        raise WorldError(error.reason, f"{path}.{error.path}" if error.path else path) from None
    except HttpError as error:
        raise WorldError(error.message.strip(), path) from None
