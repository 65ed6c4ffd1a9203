"""The state of a sandbox: plain dictionaries in insertion order, which tests may read and change.

Keys of records are in snake_case unless noted. Event types, rows of schedules, attendees and calendars keep the
camelCase of the JSON, because they are sent as they are. Bookings are objects, because there may be a million of them:
assign their fields, and lists and slots follow.
"""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox.state.booking import Booking, Bookings
from calcom_async.sandbox.state.ordering import Key, R, shuffled_page
from calcom_async.sandbox.state.schedule import Schedule

_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TO_BASE58 = bytes(_BASE58[byte % 58] for byte in range(256))


class Store:
    """All data of a sandbox, with the queries that several areas need."""

    def __init__(self, *, seed: int = 0, ties: bool = False, unstable_order: bool = False) -> None:
        self.ties = ties
        self.unstable_order = unstable_order
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Delete everything, and restart ids and random names from `seed`."""
        self.rng: random.Random = random.Random(seed)
        self._counters: defaultdict[str, int] = defaultdict(int)
        self._requests = 0
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
        #: created_at, and the other fields of `platform.clients`}
        self.oauth_clients: dict[str, dict[str, Any]] = {}
        #: third-party OAuth2 apps: id -> {id, secret (None when public), name, redirect_uris}
        self.oauth2_apps: dict[str, dict[str, Any]] = {}
        #: {id, owner_id, name, time_zone, availability: [{days, startTime, endTime}],
        #: overrides: [{date, startTime, endTime}]}
        self.schedules: dict[int, dict[str, Any]] = {}
        #: made by event_types.new_event_type: JSON of GET; keys that start with "_" are internal
        self.event_types: dict[int, dict[str, Any]] = {}
        self.bookings: Bookings = Bookings()
        #: uid -> {uid, event_type_id, start, end, until, user_id}
        self.reservations: dict[str, dict[str, Any]] = {}
        #: id -> JSON of GET, plus _kind ("user", "event_type", "team", "organization", "client") and _owner_id
        self.webhooks: dict[str, dict[str, Any]] = {}
        #: connected calendars per user id, as GET /v2/calendars sends them
        self.calendars: dict[int, list[dict[str, Any]]] = {}
        #: {user_id, calendar_id, credential_id, start, end, title}; times are aware
        self.busy: list[dict[str, Any]] = []
        #: {id, name, slug, parent_id (organization or None), ... fields of the JSON in snake_case}
        self.teams: dict[int, dict[str, Any]] = {}
        #: {id, team_id (a team's or an organization's id), user_id, role, accepted, disable_impersonation}
        self.memberships: dict[int, dict[str, Any]] = {}
        #: {id, name, slug, owner_id, is_platform}
        self.organizations: dict[int, dict[str, Any]] = {}
        #: JSON of attributes, options and assignments by UUID; the memberId of an assignment is a membership's
        self.attributes: dict[str, dict[str, Any]] = {}
        self.attribute_options: dict[str, dict[str, Any]] = {}
        self.attribute_assignments: dict[str, dict[str, Any]] = {}
        #: custom roles by uuid: {id, owner_id (a team's or an organization's id), name, ... permissions}
        self.roles: dict[str, dict[str, Any]] = {}
        #: out-of-office entries in JSON form
        self.out_of_office: dict[int, dict[str, Any]] = {}
        #: token -> id of the team that it invites to
        self.invites: dict[str, int] = {}
        #: {id, event_type_id, until: aware datetime or None, uses (None: any number until then), used}
        self.private_links: dict[str, dict[str, Any]] = {}
        #: JSON of verified resources
        self.verified_emails: dict[int, dict[str, Any]] = {}
        self.verified_phones: dict[int, dict[str, Any]] = {}
        #: work that is due later, for instance the webhooks of meetings that begin
        self.schedule: Schedule = Schedule()
        #: unused verification codes by kind, owner and address
        self.verification_codes: dict[tuple[Any, ...], str] = {}
        #: JSON of routing forms; of their responses, plus _updatedAt
        self.routing_forms: dict[str, dict[str, Any]] = {}
        self.form_responses: dict[int, dict[str, Any]] = {}
        #: JSON of workflows, plus _team_id and _kind
        self.workflows: dict[int, dict[str, Any]] = {}
        #: data of areas without a table of their own: extras["attributes"][7]
        self.extras: defaultdict[str, dict[Any, Any]] = defaultdict(dict)

    def save(self, *services: object) -> Snapshot:
        """Return a copy of everything, for `restore`. The `services` that planned work refers to are not copied."""
        return Snapshot(deepcopy(vars(self), {id(shared): shared for shared in (self, *services)}))

    def restore(self, snapshot: Snapshot, *services: object) -> None:
        """Replace everything by what `save` returned, which can be restored again."""
        vars(self).update(deepcopy(snapshot.content, {id(shared): shared for shared in (self, *services)}))

    # --- ids

    def next_id(self, kind: str) -> int:
        """Return the next id of a kind (singular or plural), counted from 1 and after what `reserve_id` reserved."""
        kind = kind.removesuffix("s")
        self._counters[kind] += 1
        return self._counters[kind]

    def reserve_id(self, kind: str, taken: int) -> None:
        """Let `next_id` continue after `taken`."""
        kind = kind.removesuffix("s")
        self._counters[kind] = max(self._counters[kind], taken)

    def uid(self) -> str:
        """Return a seeded booking uid of 22 characters."""
        return self.rng.randbytes(22).translate(_TO_BASE58).decode()

    def uuid(self) -> str:
        """Return a seeded UUID, version 4."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    # --- bookings

    def add_booking(self, booking: Booking) -> Booking:
        """Add a booking under its uid."""
        self.bookings[booking.uid] = booking
        return booking

    def order(self, rows: Iterable[R], key: Key, descending: bool = False, salt: object = None) -> list[R]:  # noqa: FBT001, FBT002
        """Sort rows; with `ties` and a `salt` (take, skip, filters) the order of equal keys depends on the salt."""
        ordered = sorted(rows, key=key, reverse=descending)
        return ordered if salt is None else self.cut(ordered, key, 0, len(ordered), salt)

    def cut(self, ordered: Sequence[R], key: Key, skip: int, take: int, salt: object = None) -> list[R]:
        """Return a page of sorted rows; with `ties`, the order of rows with equal keys depends on salt and page.

        PostgreSQL guarantees no order among equal keys, so two pages may both contain a row, or neither of them. With
        `unstable_order` even the same page differs from request to request.
        """
        if not (self.ties or self.unstable_order):
            return list(ordered[skip : skip + take])
        self._requests += 1
        request = (self._requests,) if self.unstable_order else ()
        return shuffled_page(ordered, key, skip, take, (salt, skip, take, *request))


@dataclass(frozen=True, slots=True, repr=False)
class Snapshot:
    """A copy of the data of a sandbox."""

    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit: requests per `window` seconds; one more blocks for `block` seconds."""

    name: str
    limit: int
    window: float = 60
    block: float = 60
