"""The sandbox's state: plain dictionaries in insertion order, which tests may read and change.

Records are dicts with snake_case keys unless noted; event types, schedules' rows, attendees and calendars keep
the wire's camelCase because they are sent as they are. Bookings, of which there may be a million, are slotted.
"""

from __future__ import annotations

import random
import uuid
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Literal, Protocol, TypeVar

from .throttle import Limit

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Identified(Protocol):
    id: int


R = TypeVar("R", bound=Identified)
T = TypeVar("T")
Key = Callable[[Any], Any]
#: Whether equal rows change places: not at all, with the page that is asked for, with every request.
Ties = bool | Literal["restless"]


@dataclass(slots=True, kw_only=True, eq=False)
class Booking:
    """One booking; times are aware and in UTC, containers belong to this booking alone.

    `attendees` are wire dicts plus "id" (name, email, displayEmail, timeZone, language, absent, phoneNumber?);
    `responses` are the booking field answers as stored, and may lack name and email, which the first attendee has;
    `seats` are dicts {seat_uid, attendee_id, responses, metadata}; `references` {type, eventUid, ...} wire dicts.
    `updated_at` may be None, as in the real table: no filter on it finds such a row.
    """

    id: int
    uid: str
    title: str
    user_id: int
    start: datetime
    end: datetime
    created_at: datetime
    updated_at: datetime | None
    status: str = "accepted"
    description: str | None = ""
    event_type_id: int | None = None
    location: str | None = None
    attendees: list[dict[str, Any]] = field(default_factory=list)
    host_ids: list[int] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)
    responses: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    seats: list[dict[str, Any]] = field(default_factory=list)
    references: list[dict[str, Any]] = field(default_factory=list)
    cancellation_reason: str | None = None
    cancelled_by: str | None = None
    rescheduling_reason: str | None = None
    rescheduled_by: str | None = None
    from_uid: str | None = None
    to_uid: str | None = None
    recurring_uid: str | None = None
    absent_host: bool = False
    ics_uid: str | None = None
    reassign_reason: str | None = None
    reassigned_by: int | None = None
    rating: int | None = None
    team_id: int | None = None


class Bookings(dict[str, Booking]):
    """Bookings by uid; adding and removing tells the store that its cached views are stale."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed

    def __setitem__(self, uid: str, booking: Booking) -> None:
        super().__setitem__(uid, booking)
        self._changed()

    def __delitem__(self, uid: str) -> None:
        super().__delitem__(uid)
        self._changed()

    def pop(self, uid: str, *default: Any) -> Any:
        self._changed()
        return super().pop(uid, *default)

    def clear(self) -> None:
        super().clear()
        self._changed()


class Store:
    """Everything that the sandbox knows, and the few questions that several handlers ask about it."""

    def __init__(self, *, seed: int = 0, ties: Ties = False) -> None:
        self.ties: Ties = ties
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Forget everything, and start ids and random names anew from `seed`."""
        self.rng: random.Random = random.Random(seed)
        self._counters: defaultdict[str, int] = defaultdict(int)
        self._views: dict[Hashable, Any] = {}
        self._cuts = count()
        #: id, username, email, name, time_zone, week_start, time_format, default_schedule_id, avatar_url, bio,
        #: brand_color, dark_brand_color, locale, metadata, organization_id
        self.users: dict[int, dict[str, Any]] = {}
        self.api_keys: dict[str, int] = {}
        self.expired_keys: set[str] = set()
        #: named limits of a key; a key that is not here has the default limit
        self.limits: dict[str, list[Limit]] = {}
        #: token -> {kind: "managed" | "oauth2", user_id, client_id, expires: aware datetime}
        self.access_tokens: dict[str, dict[str, Any]] = {}
        #: the same keys as access tokens, plus access_token (the one it was given out with)
        self.refresh_tokens: dict[str, dict[str, Any]] = {}
        #: id -> {id, secret, name, user_id (owner), organization_id, permissions (bits), redirect_uris, managed (ids),
        #: created_at, and what else `sandbox.oauth_clients` lets be set}
        self.oauth_clients: dict[str, dict[str, Any]] = {}
        #: third-party OAuth2 apps: id -> {id, secret (None when public), name, redirect_uris}
        self.oauth2_apps: dict[str, dict[str, Any]] = {}
        #: {id, owner_id, name, time_zone, availability: [{days, startTime, endTime}],
        #: overrides: [{date, startTime, endTime}]}
        self.schedules: dict[int, dict[str, Any]] = {}
        #: made by event_types.new_event_type: the wire form of GET, keys that start with "_" are never shown
        self.event_types: dict[int, dict[str, Any]] = {}
        self.bookings: Bookings = Bookings(self.changed)
        #: uid -> {uid, event_type_id, start, end, until, user_id}
        self.reservations: dict[str, dict[str, Any]] = {}
        #: id -> the wire form of GET, plus _kind ("user", "event_type", "team", "organization", "client") and _owner_id
        self.webhooks: dict[str, dict[str, Any]] = {}
        #: connected calendars per user id, as GET /v2/calendars sends them
        self.calendars: dict[int, list[dict[str, Any]]] = {}
        #: {user_id, calendar_id, credential_id, start, end, title}; times are aware
        self.busy: list[dict[str, Any]] = []
        #: {id, name, slug, parent_id (organization or None), ... wire fields in snake_case}
        self.teams: dict[int, dict[str, Any]] = {}
        #: {id, team_id (a team's or an organization's id), user_id, role, accepted, disable_impersonation}
        self.memberships: dict[int, dict[str, Any]] = {}
        #: {id, name, slug, owner_id, is_platform}
        self.organizations: dict[int, dict[str, Any]] = {}
        #: wire form of attributes, their options and who has which, by uuid; an assignment's memberId is a membership's
        self.attributes: dict[str, dict[str, Any]] = {}
        self.attribute_options: dict[str, dict[str, Any]] = {}
        self.attribute_assignments: dict[str, dict[str, Any]] = {}
        #: custom roles by uuid: {id, owner_id (a team's or an organization's id), name, ... permissions}
        self.roles: dict[str, dict[str, Any]] = {}
        #: days off, in wire form
        self.out_of_office: dict[int, dict[str, Any]] = {}
        #: token -> id of the team that it invites to
        self.invites: dict[str, int] = {}
        #: {id, event_type_id, until: aware datetime or None, uses (None: any number until then), used}
        self.private_links: dict[str, dict[str, Any]] = {}
        #: wire form of verified resources
        self.verified_emails: dict[int, dict[str, Any]] = {}
        self.verified_phones: dict[int, dict[str, Any]] = {}
        #: codes sent and not yet used, by what, for whom and where to
        self.verification_codes: dict[tuple[Any, ...], str] = {}
        #: wire form of routing forms; of the responses to them, plus _updatedAt
        self.routing_forms: dict[str, dict[str, Any]] = {}
        self.form_responses: dict[int, dict[str, Any]] = {}
        #: wire form of workflows, plus _team_id and _kind
        self.workflows: dict[int, dict[str, Any]] = {}
        #: room for areas without a table of their own: extras["attributes"][7]
        self.extras: defaultdict[str, dict[Any, Any]] = defaultdict(dict)

    # --- names for new things

    def next_id(self, kind: str) -> int:
        """The next id of a kind (a singular or its plural), counted from 1 and beyond what `reserve_id` has seen."""
        kind = kind.removesuffix("s")
        self._counters[kind] += 1
        return self._counters[kind]

    def reserve_id(self, kind: str, taken: int) -> None:
        """Make `next_id` go on after `taken`."""
        kind = kind.removesuffix("s")
        self._counters[kind] = max(self._counters[kind], taken)

    def uid(self) -> str:
        """A seeded booking uid: 22 characters."""
        return "".join(self.rng.choices(_BASE58, k=22))

    def uuid(self) -> str:
        """A seeded uuid, version 4."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    # --- bookings

    def add_booking(self, booking: Booking) -> Booking:
        """Keep a booking under its uid."""
        self.bookings[booking.uid] = booking
        return booking

    def changed(self) -> None:
        """Drop the cached views; the server calls this after every request that is not a GET."""
        self._views.clear()

    def cached(self, key: Hashable, build: Callable[[], T]) -> T:
        """`build()`, remembered under `key` until something changes; what makes paging a large list quick."""
        if key not in self._views:
            self._views[key] = build()
        view: T = self._views[key]
        return view

    def order(self, rows: Iterable[R], key: Key, descending: bool = False, salt: object = None) -> list[R]:  # noqa: FBT001, FBT002
        """Sort rows; with `ties` and a `salt` (take, skip, filters) equal keys come in an order of that salt's own."""
        ordered = sorted(rows, key=key, reverse=descending)
        return ordered if salt is None else self.cut(ordered, key, 0, len(ordered), salt)

    def cut(self, ordered: Sequence[R], key: Key, skip: int, take: int, salt: object = None) -> list[R]:
        """A page of sorted rows; with `ties`, rows of equal key change places with the salt, across page borders.

        A database promises no order among equals, so two pages of one walk may both, or neither, show a row; and when
        ties are "restless", the same page asked for again may show others.
        """
        stop = min(skip + take, len(ordered))
        if not self.ties or skip >= stop:
            return list(ordered[skip:stop])
        first, last = _widen(ordered, key, skip, stop)
        turn = (next(self._cuts),) if self.ties == "restless" else ()
        return _scramble(ordered[first:last], key, (salt, skip, take, *turn))[skip - first : stop - first]


def _widen(ordered: Sequence[Any], key: Key, start: int, stop: int) -> tuple[int, int]:
    """Grow a slice until no run of equal keys is cut."""
    while start > 0 and key(ordered[start - 1]) == key(ordered[start]):
        start -= 1
    while stop < len(ordered) and key(ordered[stop]) == key(ordered[stop - 1]):
        stop += 1
    return start, stop


def _scramble(ordered: Sequence[R], key: Key, salt: object) -> list[R]:
    """Shuffle each run of equal keys, the same way for the same salt."""
    rng = random.Random(zlib.crc32(repr(salt).encode()))
    scrambled: list[R] = []
    run: list[R] = []
    for row in ordered:
        if run and key(row) != key(run[0]):
            scrambled += _shuffled(run, rng)
            run = []
        run.append(row)
    return scrambled + _shuffled(run, rng)


def _shuffled(run: list[R], rng: random.Random) -> list[R]:
    rng.shuffle(run)
    return run
