"""Bookings of teams, and their slots."""

from __future__ import annotations

from typing import Any

from conformance.organizations.members import ORG
from conformance.organizations.teams import TEAM
from conformance.plan import BOOKINGS, SLOTS, get, post, prepare

VISITOR = {"name": "Noor Visser", "email": "noor@visitors.test", "timeZone": "America/New_York"}


def _booking(event_type: str, start: str) -> dict[str, Any]:
    """Return the body of a booking."""
    return {"eventTypeId": event_type, "start": start, "attendee": VISITOR}


STEPS = (
    get(
        "slots_collective_range",
        "/slots?eventTypeId={panel}&start={monday}&end={monday}&format=range",
        SLOTS,
        key=None,
    ),
    get(
        "slots_team_slug_404",
        "/slots?eventTypeSlug=turns-{tag}&teamSlug=nope&organizationSlug={organization_slug}"
        "&start={monday}&end={monday}",
        SLOTS,
        key=None,
    ),
    post(
        "bookings_create_by_team_slug",
        "/bookings",
        {
            "start": "{monday}T10:00:00Z",
            "eventTypeSlug": "turns-{tag}",
            "teamSlug": "{team_slug}",
            "organizationSlug": "{organization_slug}",
            "attendee": VISITOR,
        },
        BOOKINGS,
        key=None,
        turn="data.uid",
        turn_host="data.hosts.0.id",
    ),
    post(
        "bookings_create_400_managed_parent",
        "/bookings",
        _booking("{managed_parent}", "{monday}T12:00:00Z"),
        BOOKINGS,
        key=None,
    ),
    *prepare(
        post(
            "collective booking",
            "/bookings",
            _booking("{panel}", "{tuesday}T09:00:00Z"),
            BOOKINGS,
            key=None,
            panel_booking="data.uid",
        )
    ),
    get("bookings_get_collective", "/bookings/{panel_booking}", BOOKINGS),
    post("bookings_reassign_400_collective", "/bookings/{panel_booking}/reassign", version=BOOKINGS),
    post(
        "bookings_reschedule_collective",
        "/bookings/{panel_booking}/reschedule",
        {"start": "{tuesday}T14:00:00Z", "reschedulingReason": "later"},
        BOOKINGS,
    ),
    post("bookings_reassign_auto", "/bookings/{turn}/reassign", version=BOOKINGS),
    post("bookings_reassign_to_user", "/bookings/{turn}/reassign/{turn_host}", {"reason": "knows more"}, BOOKINGS),
    post(
        "bookings_reassign_to_user_400_not_host",
        "/bookings/{turn}/reassign/{helper}",
        {"reason": "free"},
        BOOKINGS,
    ),
    get("org_bookings_list", ORG + "/bookings?take=5&afterStart={monday}T00:00:00Z", BOOKINGS),
    get("org_bookings_list_400_status", ORG + "/bookings?status=odd", BOOKINGS),
    get("org_user_bookings_list", ORG + "/users/{turn_host}/bookings?take=3&afterStart={monday}T00:00:00Z", BOOKINGS),
    get("org_user_bookings_list_403_member", ORG + "/users/{member}/bookings", BOOKINGS, key="member_key"),
    get("org_team_bookings_list", TEAM + "/bookings?take=3", BOOKINGS),
    get("org_team_bookings_list_400", TEAM + "/bookings?sortStart=up", BOOKINGS),
    get("org_team_booking_references", TEAM + "/bookings/{turn}/references", BOOKINGS),
    get("org_team_booking_references_400", TEAM + "/bookings/{turn}/references?type=fax", BOOKINGS),
    get("bookings_list_foreign_team", "/bookings?teamsIds={team}&take=2", BOOKINGS, key="outsider_key"),
    get("bookings_498_token_expired", "/bookings", BOOKINGS, key="expired_token"),
    post("bookings_cancel_roundrobin", "/bookings/{turn}/cancel", {"cancellationReason": "ill"}, BOOKINGS),
)
