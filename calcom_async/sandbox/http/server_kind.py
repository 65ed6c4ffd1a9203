"""The kinds of Cal.com servers: which versions and routes they know, and where their statuses and shapes differ.

Handlers ask these values through `call.server`, and never which server it is. The sandbox shows the hosted API of
September 2026 unless told otherwise; where nobody has seen the hosted API, it behaves like the self-hosted builds.

Sources: two self-hosted builds were run through the same 800 requests and compared: one of December 2025 with teams and
organizations, and one of July 2026 without. The hosted API is known from its specification of September 2026 and from
requests of other people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from typing import Literal

ServerName = Literal["hosted", "self-hosted-2025-12", "self-hosted-2026-07"]

#: A missing or unknown `cal-api-version` means this version; no server rejects one.
DEFAULT_VERSION = "2024-04-15"
_VERSIONS_OF_2024 = frozenset({DEFAULT_VERSION, "2024-06-11", "2024-06-14", "2024-08-13", "2024-09-04"})
_VERSIONS_OF_2026 = frozenset({"2026-02-25", "2026-05-01", "2026-06-12"})

# Routes are patterns of method and path, in which `*` stands for anything.
#: Operations of the specification of September 2026 that that of March does not have, nor any self-hosted build.
_ADDED_BY_SEPTEMBER_2026 = (
    "* /v2/allowlists*",
    "* /v2/bookings/verification/*",
    "POST /v2/bookings/{bookingUid}/request-reschedule",
    "GET /v2/bookings/{bookingUid}/routing-trace",
    "* /v2/credits/*",
    "* /v2/*/event-types/{eventTypeId}/booking-fields*",
    "* /v2/event-types/{eventTypeId}/booking-fields*",
    "GET /v2/event-types/{eventTypeId}/crm-sync-errors",
    "GET /v2/event-types/{eventTypeId}/history",
    "GET /v2/event-types/{eventTypeId}/scheduling-config",
    "* /v2/events",
    "* /v2/events/*",
    "* /v2/insights/*",
    "* /v2/me/*",
    "* /v2/notifications/*",
    "GET /v2/organizations/{orgId}/attributes/assignments/*",
    "PATCH /v2/organizations/{orgId}/attributes/options/*",
    "GET /v2/organizations/{orgId}/attributes/sync-history*",
    "POST /v2/organizations/{orgId}/bookings/*",
    "GET /v2/organizations/{orgId}/delegation-credentials*",
    "DELETE /v2/organizations/{orgId}/delegation-credentials/*",
    "POST /v2/organizations/{orgId}/delegation-credentials/*",
    "* /v2/organizations/{orgId}/users/{userId}/conferencing*",
    "POST /v2/teams/{teamId}/routing-forms/*",
    "* /v2/teams/{teamId}/users/*",
    "* /v2/workflows*",
)
_MISSING_IN_2025_12 = (
    "GET /v2/bookings/by-seat/*",
    "* /v2/bookings/{bookingUid}/attendees*",
    "PATCH /v2/bookings/{bookingUid}/location",
    "POST /v2/*/invite",
    "GET /v2/teams/{teamId}/bookings",
    "* /v2/teams/{teamId}/event-types/{eventTypeId}/webhooks*",
    "* /v2/auth/oauth2/*",
)
_MISSING_IN_2026_07 = ("* /v2/teams*", "* /v2/organizations*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKind:
    """What one kind of server does. The defaults are those of the hosted API."""

    versions: frozenset[str] = _VERSIONS_OF_2024 | _VERSIONS_OF_2026
    missing_routes: tuple[str, ...] = ()
    has_organizations: bool = True
    newer_organizations: bool = True
    """Whether organizations have what September 2026 added: members by address, names of users, teams without their
    creator, and more permissions and types of attributes."""

    def version(self, sent: str | None) -> str:
        """Return the version for a header; a missing or unknown one means the oldest version."""
        return sent if sent in self.versions else DEFAULT_VERSION

    def has(self, method: str, path: str) -> bool:
        """Return whether the server has the route of an operation."""
        route = f"{method} {path}"
        return not any(_compiled(pattern).match(route) for pattern in self.missing_routes)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return the pattern of a route as a regular expression."""
    return re.compile(translate(pattern))


SERVER_KINDS: dict[ServerName, ServerKind] = {
    "hosted": ServerKind(),
    "self-hosted-2025-12": ServerKind(
        versions=_VERSIONS_OF_2024,
        missing_routes=_ADDED_BY_SEPTEMBER_2026 + _MISSING_IN_2025_12,
        newer_organizations=False,
    ),
    "self-hosted-2026-07": ServerKind(
        versions=_VERSIONS_OF_2024,
        missing_routes=_ADDED_BY_SEPTEMBER_2026 + _MISSING_IN_2026_07,
        has_organizations=False,
    ),
}


def server_kind(name: str) -> ServerKind:
    """Return a kind of server by name. Raises ValueError for an unknown one."""
    for known, kind in SERVER_KINDS.items():
        if known == name:
            return kind
    raise ValueError(f"server must be one of {', '.join(SERVER_KINDS)}, got {name!r}")
