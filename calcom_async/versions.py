"""The `cal-api-version` of each operation: the one that every server understands, and the newer ones. Data only.

An operation that is missing here answers whatever version is sent, or none; the client sends none.

Sources: the official specifications of March and September 2026, and requests to self-hosted servers of December 2025
and July 2026. These know only the versions of 2024. They treat an unknown version like a missing one, and run the
handler of 2024-04-15, which takes and returns other shapes, or answer 404 if that version has no such route.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

import msgspec

NO_VERSION = "-"
"""In the table: no header is sent."""

# HTTP method, route, name in `Config.api_versions`, default version, newer versions
_TABLE = """\
GET    /bookings                               bookings.list                   2024-08-13 2026-02-25 2026-05-01
POST   /bookings                               bookings.create                 2024-08-13 2026-02-25
GET    /bookings/by-seat/{}                    bookings.get_by_seat            2024-08-13 2026-02-25
GET    /bookings/{}                            bookings.get                    2024-08-13 2026-02-25
GET    /bookings/{}/recordings                 bookings.recordings             2024-08-13 2026-02-25
GET    /bookings/{}/transcripts                bookings.transcripts            2024-08-13 2026-02-25
POST   /bookings/{}/reschedule                 bookings.reschedule             2024-08-13 2026-02-25
POST   /bookings/{}/request-reschedule         bookings.request_reschedule     2026-02-25
POST   /bookings/{}/cancel                     bookings.cancel                 2024-08-13 2026-02-25
POST   /bookings/{}/mark-absent                bookings.mark_absent            2024-08-13 2026-02-25
POST   /bookings/{}/reassign                   bookings.reassign               2024-08-13 2026-02-25
POST   /bookings/{}/reassign/{}                bookings.reassign_to            2024-08-13 2026-02-25
POST   /bookings/{}/confirm                    bookings.confirm                2024-08-13 2026-02-25
POST   /bookings/{}/decline                    bookings.decline                2024-08-13 2026-02-25
GET    /bookings/{}/calendar-links             bookings.calendar_links         2024-08-13 2026-02-25
GET    /bookings/{}/references                 bookings.references             2024-08-13 2026-02-25
GET    /bookings/{}/conferencing-sessions      bookings.conferencing_sessions  2024-08-13 2026-02-25
GET    /bookings/{}/routing-trace              bookings.routing_trace          2024-08-13
PATCH  /bookings/{}/location                   bookings.update_location        2024-08-13
GET    /bookings/{}/attendees                  bookings.attendees              2024-08-13 2026-02-25
POST   /bookings/{}/attendees                  bookings.add_attendee           2024-08-13 2026-02-25
GET    /bookings/{}/attendees/{}               bookings.attendee               2024-08-13 2026-02-25
DELETE /bookings/{}/attendees/{}               bookings.remove_attendee        2024-08-13
POST   /bookings/{}/guests                     bookings.add_guests             2024-08-13
GET    /organizations/{}/bookings              organization_bookings.list      - 2026-05-01

GET    /event-types                            event_types.list                2024-06-14 2026-06-12
POST   /event-types                            event_types.create              2024-06-14 2026-06-12
GET    /event-types/{}                         event_types.get                 2024-06-14 2026-06-12
PATCH  /event-types/{}                         event_types.update              2024-06-14 2026-06-12
DELETE /event-types/{}                         event_types.delete              2024-06-14 2026-06-12
GET    /event-types/{}/history                 event_types.history             2026-06-12
GET    /event-types/{}/scheduling-config       event_types.scheduling_config   2026-06-12
GET    /event-types/{}/crm-sync-errors         event_types.crm_sync_errors     2026-06-12

GET    {team}/event-types                      team_event_types.list           - 2026-06-12
POST   {team}/event-types                      team_event_types.create         - 2026-06-12
GET    {team}/event-types/{}                   team_event_types.get            - 2026-06-12
PATCH  {team}/event-types/{}                   team_event_types.update         - 2026-06-12
DELETE {team}/event-types/{}                   team_event_types.delete         - 2026-06-12
POST   {team}/event-types/{}/create-phone-call team_event_types.create_phone_call - 2026-06-12
GET    /organizations/{}/teams/event-types     team_event_types.list_all       - 2026-06-12

GET    {any}/event-types/{}/booking-fields     booking_fields.get              2026-06-12
PUT    {any}/event-types/{}/booking-fields     booking_fields.replace          2026-06-12
POST   {any}/event-types/{}/booking-fields     booking_fields.add              2026-06-12
PATCH  {any}/event-types/{}/booking-fields     booking_fields.update           2026-06-12
DELETE {any}/event-types/{}/booking-fields/{}  booking_fields.delete           2026-06-12

GET    {any}/event-types/{}/private-links      private_links.list              - 2024-09-04
POST   {any}/event-types/{}/private-links      private_links.create            - 2024-09-04
PATCH  {any}/event-types/{}/private-links/{}   private_links.update            - 2024-09-04
DELETE {any}/event-types/{}/private-links/{}   private_links.delete            - 2024-09-04

GET    /schedules                              schedules.list                  2024-06-11
POST   /schedules                              schedules.create                2024-06-11
GET    /schedules/default                      schedules.get_default           2024-06-11
GET    /schedules/{}                           schedules.get                   2024-06-11
PATCH  /schedules/{}                           schedules.update                2024-06-11
DELETE /schedules/{}                           schedules.delete                2024-06-11

GET    /slots                                  slots.search                    2024-09-04
POST   /slots/reservations                     slots.reservations.create       2024-09-04
GET    /slots/reservations/{}                  slots.reservations.get          2024-09-04
PATCH  /slots/reservations/{}                  slots.reservations.update       2024-09-04
DELETE /slots/reservations/{}                  slots.reservations.delete       2024-09-04
"""

_OWNERS = {
    "{team}": ("/teams/{}", "/organizations/{}/teams/{}"),
    "{any}": ("", "/teams/{}", "/organizations/{}/teams/{}"),
}
"""What the placeholders at the start of a route stand for. An owner without such a route does no harm."""

ADDED = {
    "bookings 2026-02-25": "allow_conflicts, allow_booking_out_of_bounds and skip_booking_limits",
    "bookings.list 2026-05-01": "pages by cursor, without a total",
    "organization_bookings.list 2026-05-01": "pages by cursor, without a total",
    "event_types 2026-06-12": "booking fields by name, private notes and email settings",
    "team_event_types 2026-06-12": "booking fields by name, private notes and the booking URL",
    "private_links 2024-09-04": "the whole booking URL, and links without a limit",
}
"""What a newer version adds to an operation, or to all operations of an area."""

BOOKING_OPTIONS = "2026-02-25"
"""The version from which a booking may ignore conflicts, bounds and limits."""
CURSOR_PAGES = "2026-05-01"
"""The version from which the lists of bookings are paged by cursor."""
EVENT_TYPES = "2026-06-12"
"""The version with booking fields by name, private notes and email settings of event types."""
PRIVATE_LINKS = "2024-09-04"
"""The version of private links that the hosted API answers; self-hosted servers answer 404 to it."""

NEWEST_IS_WORSE = frozenset({"bookings.list", "organization_bookings.list"})
"""`"latest"` leaves these at the default: their cursor form has no total, and timed out on the hosted API."""

NEWEST_EVERYWHERE = "2024-09-04"
"""The newest version that all servers know."""


class OperationVersions(msgspec.Struct, frozen=True):
    """The versions of one operation; `default` is empty if none is sent."""

    name: str
    default: str
    newer: tuple[str, ...] = ()

    @property
    def area(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    @property
    def latest(self) -> str:
        """The version that `Config(api_versions="latest")` sends."""
        return self.default if self.name in NEWEST_IS_WORSE or not self.newer else self.newer[-1]


@cache
def operation_versions() -> Mapping[tuple[str, str], OperationVersions]:
    """Return the versions of every operation that has some, by HTTP method and route."""
    rows = {}
    for line in filter(None, _TABLE.splitlines()):
        method, route, name, default, *newer = line.split()
        start, slash, rest = route.partition("/")
        versions = OperationVersions(name, default.removeprefix(NO_VERSION), tuple(newer))
        for owner in _OWNERS.get(start, ("",)):
            rows[method, owner + slash + rest] = versions
    return rows


@cache
def override_names() -> frozenset[str]:
    """Return the names that `Config.api_versions` may have: areas and operations."""
    rows = operation_versions().values()
    return frozenset(row.name for row in rows) | frozenset(row.area for row in rows)


def find_versions(method: str, path: str) -> OperationVersions | None:
    """Return the versions of the operation that a server selects for a path: literal parts precede placeholders."""
    parts = path.removesuffix("/").split("/")
    matches = [key for key in operation_versions() if _matches(key[1].split("/"), parts)]
    if matches:
        # Another method on the same path tells the version too, if this one is not listed.
        return operation_versions()[min(matches, key=lambda key: (key[0] != method, key[1].count("{}")))]
    # A path that is not listed: its area may need a version.
    return operation_versions().get(("GET", "/".join(parts[:2])))


def _matches(route: list[str], parts: list[str]) -> bool:
    return len(route) == len(parts) and all(name in {"{}", part} for name, part in zip(route, parts, strict=True))


class ApiVersions:
    """Selects the version of each request: the default, unless the settings or a feature need another one."""

    def __init__(self, overrides: Mapping[str, str] | Literal["latest"]) -> None:
        self._overrides = overrides

    def select(self, versions: OperationVersions | None, needed: str = "") -> str:
        """Return the version to send; empty for none. `needed` is that of a feature which the request uses."""
        if versions is None:
            return ""
        if isinstance(self._overrides, str):
            return versions.latest
        override = self._overrides.get(versions.name) or self._overrides.get(versions.area)
        return override or needed or versions.default

    def for_route(self, method: str, route: str, needed: str = "") -> str:
        """Return the version to send to an operation; empty for none."""
        return self.select(operation_versions().get((method, route)), needed)

    def for_path(self, method: str, path: str) -> str:
        """Return the version to send to a path, of which the route is not known; empty for none."""
        return self.select(find_versions(method, path))


def version_hint(status: int, reason: str | None, version: str | None) -> str:
    """Return what to say about the version of a failed request; nothing if it is not a likely cause."""
    if version is None:
        return ""
    if reason == "unknown_operation":
        return (
            f"This server has no such operation in cal-api-version {version}; Config.api_versions selects another one"
        )
    if version <= NEWEST_EVERYWHERE or status not in {400, 422}:
        return ""
    return (
        f"The request was sent with cal-api-version {version}. A server that does not know it expects other fields; "
        "Config.api_versions selects another one"
    )
