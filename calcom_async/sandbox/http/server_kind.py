"""The kinds of Cal.com servers: which versions and routes they know, and where their statuses and shapes differ.

Handlers ask these values through `call.server`, and never which server it is. The sandbox shows the hosted API of
September 2026 unless told otherwise; where nobody has seen the hosted API, it behaves like the self-hosted builds.

Sources: two self-hosted builds were run through the same 800 requests and compared: one of December 2025 with teams and
organizations, and one of July 2026 without. The hosted API is known from its specification of September 2026 and from
requests of other people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from typing import Any, Literal

ServerName = Literal["hosted", "self-hosted-2025-12", "self-hosted-2026-07"]

#: A missing or unknown `cal-api-version` means this version; no server rejects one.
DEFAULT_VERSION = "2024-04-15"
_VERSIONS_OF_2024 = frozenset({DEFAULT_VERSION, "2024-06-11", "2024-06-14", "2024-08-13", "2024-09-04"})
_VERSIONS_OF_2026 = frozenset({"2026-02-25", "2026-05-01", "2026-06-12"})

# Routes are patterns of method and path, with a version after `@` if only that one is missing. `*` matches anything.
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
    "* /v2/event-types/{eventTypeId}/private-links*@2024-09-04",
)
_MISSING_IN_2025_12 = (
    "GET /v2/bookings/by-seat/*",
    "* /v2/bookings/{bookingUid}/attendees*",
    "PATCH /v2/bookings/{bookingUid}/location",
    "POST /v2/teams/{teamId}/invite",
    "GET /v2/teams/{teamId}/bookings",
    "* /v2/teams/{teamId}/event-types/{eventTypeId}/webhooks*",
    "* /v2/auth/oauth2/*",
)
_UNKNOWN_IN_2025_12 = frozenset(
    {
        "displayEmail",
        "displayGuests",
        "disableCancelling",
        "disableRescheduling",
        "interfaceLanguage",
        "allowReschedulingPastBookings",
        "allowReschedulingCancelledBookings",
        "showOptimizedSlots",
        "isPlatformManagedUserBooking",
    }
)
_MISSING_IN_2026_07 = ("* /v2/teams*", "* /v2/organizations*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKind:
    """What one kind of server does. The defaults are those of the hosted API."""

    versions: frozenset[str] = _VERSIONS_OF_2024 | _VERSIONS_OF_2026
    missing_routes: tuple[str, ...] = ()
    has_organizations: bool = True
    unknown_fields: frozenset[str] = frozenset()
    """Fields that the server neither accepts nor returns."""

    # accounts
    profile_has_locale: bool = True
    email_waits_for_verification: bool = True
    """Whether `PATCH /v2/me` keeps the old address until the new one is verified."""

    # bookings
    general_trpc_messages: bool = False
    """Whether a 400 with the code TRPCError has a general message instead of the reason."""
    reassigns_single_hosts: bool = True
    """Whether reassigning a booking of one host succeeds without a change; else it is a 400."""
    team_bookings_have_all_filters: bool = True
    """Whether lists of a team's bookings filter by creation and update; else they ignore these filters."""
    absence_needs_attendee: bool = False
    """Whether marking an unknown address as absent is a 500; else it changes nothing."""

    # event types
    event_types_have_url: bool = True

    # organizations
    newer_organizations: bool = True
    """Whether organizations have what September 2026 added: members by address, names of users, teams without their
    creator, and more permissions and types of attributes."""
    lists_organization_event_types: bool = True
    """Whether the list of the event types of all teams works; else the route of a single team hides it."""
    plain_teams_can_call: bool = True
    """Whether a team without an organization can make phone calls; else it is a 400."""
    team_lists_accept_paging: bool = True
    """Whether lists of an organization's teams ignore `take` and `skip`; else these are a 500."""
    user_weekday_fails: bool = False
    avatars_need_https: bool = False

    # platform
    tokens_have_scope: bool = True

    # webhooks
    newer_webhooks: bool = True
    """Whether there are 28 triggers, two payload versions, `time` and `timeUnit`."""
    unknown_triggers: frozenset[str] = frozenset()
    """Triggers of older webhooks that the server rejects."""
    checks_webhook_urls: bool = True
    requests_use_templates: bool = True
    """Whether a payload template applies to BOOKING_REQUESTED."""
    sends_webhook_version: bool = True

    def version(self, sent: str | None) -> str:
        """Return the version for a header; a missing or unknown one means the oldest version."""
        return sent if sent in self.versions else DEFAULT_VERSION

    def has(self, method: str, path: str, versions: Iterable[str] = ()) -> bool:
        """Return whether the server has a route, in at least one of these versions."""
        route = f"{method} {path}"
        if self._lacks(route):
            return False
        # A handler may serve several versions; it stays while the server knows one of them.
        in_versions = [f"{route}@{version}" for version in versions]
        return not in_versions or not all(map(self._lacks, in_versions))

    def _lacks(self, route: str) -> bool:
        """Return whether a pattern of a missing route matches."""
        return any(_compiled(pattern).match(route) for pattern in self.missing_routes)

    def known(self, value: Any) -> Any:
        """Return a JSON value without the fields that the server does not know, at every depth."""
        if not self.unknown_fields:
            return value
        if isinstance(value, list):
            return [self.known(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        hidden = self.unknown_fields
        # `lengthInMinutes` marks an event type; other objects keep their `bookingUrl`.
        if not self.event_types_have_url and "lengthInMinutes" in value:
            hidden |= {"bookingUrl"}
        return {name: self.known(item) for name, item in value.items() if name not in hidden}


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
        unknown_fields=_UNKNOWN_IN_2025_12,
        profile_has_locale=False,
        email_waits_for_verification=False,
        general_trpc_messages=True,
        reassigns_single_hosts=False,
        team_bookings_have_all_filters=False,
        absence_needs_attendee=True,
        event_types_have_url=False,
        lists_organization_event_types=False,
        plain_teams_can_call=False,
        team_lists_accept_paging=False,
        user_weekday_fails=True,
        avatars_need_https=True,
        tokens_have_scope=False,
        newer_webhooks=False,
        unknown_triggers=frozenset({"ROUTING_FORM_FALLBACK_HIT", "WRONG_ASSIGNMENT_REPORT"}),
        checks_webhook_urls=False,
        sends_webhook_version=False,
    ),
    "self-hosted-2026-07": ServerKind(
        versions=_VERSIONS_OF_2024,
        missing_routes=_ADDED_BY_SEPTEMBER_2026 + _MISSING_IN_2026_07,
        has_organizations=False,
        profile_has_locale=False,
        tokens_have_scope=False,
        newer_webhooks=False,
        unknown_triggers=frozenset({"ROUTING_FORM_FALLBACK_HIT", "INSTANT_MEETING"}),
        requests_use_templates=False,
    ),
}


def server_kind(name: str) -> ServerKind:
    """Return a kind of server by name. Raises ValueError for an unknown one."""
    for known, kind in SERVER_KINDS.items():
        if known == name:
            return kind
    raise ValueError(f"server must be one of {', '.join(SERVER_KINDS)}, got {name!r}")
