"""Teams of the organization and of nobody, their members, event types and private links."""

from __future__ import annotations

from typing import Any

from conformance.organizations.members import ORG
from conformance.plan import EVENT_TYPES, SCHEDULES, PlannedRequest, delete, get, patch, post, prepare

TEAM, OTHER_TEAM, SPARE_TEAM = (ORG + f"/teams/{{{name}}}" for name in ("team", "other_team", "spare_team"))
PLAIN, SPARE_PLAIN = "/teams/{plain}", "/teams/{spare_plain}"
LINK = {"type": "link", "link": "https://meet.visitors.test/team", "public": True}
BOTH = [{"userId": "{owner}"}, {"userId": "{member}"}]


def team_event_type(slug: str, kind: str, hosts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the body of an event type of a team."""
    common = {"title": slug.capitalize(), "slug": f"{slug}-{{tag}}", "lengthInMinutes": 30, "locations": [LINK]}
    return {**common, "schedulingType": kind, "hosts": hosts, "minimumBookingNotice": 0, **more}


def memberships(name: str, team: str, *, no_access: str) -> tuple[PlannedRequest, ...]:
    """Return the requests for the memberships of a team. `no_access` is the name of its refused list."""
    every, one = f"{team}/memberships", f"{team}/memberships/{{{name}_membership}}"
    body = {"userId": "{newcomer}", "role": "MEMBER", "accepted": True}
    return (
        post(f"{name}_memberships_create", every, body, **{f"{name}_membership": "data.id"}),
        post(f"{name}_memberships_create_400", every, {"role": "MEMBER"} if name == "teams" else {"userId": "x"}),
        get(f"{name}_memberships_list", every),
        get(
            f"{name}_memberships_list_403_{no_access}",
            every if name == "teams" else OTHER_TEAM + "/memberships",
            key="member_key",
        ),
        get(f"{name}_memberships_get", one),
        get(f"{name}_memberships_get_404", f"{every}/999999999"),
        patch(f"{name}_memberships_update", one, {"role": "ADMIN", "disableImpersonation": True}),
        patch(f"{name}_memberships_update_400", one, {"role": "CHIEF"}),
        delete(f"{name}_memberships_delete", one),
        delete(f"{name}_memberships_delete_404_again", one),
    )


def private_links(name: str, event_type: str, refused: PlannedRequest) -> tuple[PlannedRequest, ...]:
    """Return the requests for the private links of an event type."""
    links = f"{event_type}/private-links"
    one = f"{links}/{{{name}_link}}"
    return (
        post(
            f"{name}_create_expiry", links, {"expiresAt": "{new_year}T12:00:00.000Z"}, **{f"{name}_link": "data.linkId"}
        ),
        post(f"{name}_create_400", links, {"maxUsageCount": -1}),
        get(f"{name}_list", links),
        refused,
        patch(f"{name}_update_expiry", one, {"expiresAt": "{new_year}T18:00:00.000Z"}),
        patch(f"{name}_update_404", f"{links}/nope", {"maxUsageCount": 2}),
        delete(f"{name}_delete", one),
        delete(f"{name}_delete_404_again", one),
    )


ORGANIZATION_TEAMS = (
    post("org_teams_create", ORG + "/teams", {"name": "Team {tag}", "autoAcceptCreator": True}, team="data.id"),
    post("org_teams_create_400", ORG + "/teams", {"slug": "x"}),
    *prepare(
        post("a team without the member", ORG + "/teams", {"name": "Other {tag}"}, other_team="data.id"),
        post(
            "a team to delete",
            ORG + "/teams",
            {"name": "Spare {tag}", "metadata": {"order": "7"}},
            spare_team="data.id",
        ),
        post("the member's place", TEAM + "/memberships", {"userId": "{member}", "role": "MEMBER", "accepted": True}),
        get("the team's slug", TEAM, team_slug="data.slug"),
    ),
    get("org_teams_get", TEAM),
    get("org_teams_get_403_not_in_team", OTHER_TEAM, key="member_key"),
    get("org_teams_list_403_member", ORG + "/teams", key="member_key"),
    get("org_teams_me_member", ORG + "/teams/me", key="member_key"),
    get("org_teams_me_403_outsider", ORG + "/teams/me", key="outsider_key"),
    get("org_teams_eventtypes_list_all_500", ORG + "/teams/event-types", EVENT_TYPES),
    patch("org_teams_update", OTHER_TEAM, {"name": "Rare {tag}", "bio": "few"}),
    patch("org_teams_update_400", SPARE_TEAM, {"timeFormat": "x", "hideBranding": "maybe"}),
    delete("org_teams_delete_403_member", SPARE_TEAM, key="member_key"),
    delete("org_teams_delete", SPARE_TEAM),
    post("org_team_invite", TEAM + "/invite"),
    post("org_team_invite_403_member", TEAM + "/invite", key="member_key"),
    *memberships("org_team", TEAM, no_access="not_in_team"),
    get("org_team_schedules_list", TEAM + "/schedules", SCHEDULES),
    get("org_team_schedules_list_403_not_in_team", OTHER_TEAM + "/schedules", SCHEDULES, key="member_key"),
    get("org_team_user_schedules_list", TEAM + "/users/{member}/schedules", SCHEDULES),
    get("org_team_user_schedules_list_403_not_in_team", TEAM + "/users/{helper}/schedules", SCHEDULES),
)

TYPES = TEAM + "/event-types"
ORGANIZATION_EVENT_TYPES = (
    *prepare(
        post("round robin", TYPES, team_event_type("turns", "roundRobin", BOTH), EVENT_TYPES, turns="data.id"),
        post(
            "collective",
            TYPES,
            team_event_type("panel", "collective", BOTH, lengthInMinutes=60),
            EVENT_TYPES,
            panel="data.id",
        ),
        post(
            "managed",
            TYPES,
            team_event_type("model", "managed", [{"userId": "{member}"}]),
            EVENT_TYPES,
            managed_parent="data.0.id",
            managed_child="data.1.id",
        ),
        post(
            "own event type",
            "/event-types",
            {"title": "Own", "slug": "own-{tag}", "lengthInMinutes": 30, "locations": [LINK]},
            EVENT_TYPES,
            own_type="data.id",
        ),
    ),
    get("org_team_eventtypes_list", TYPES, EVENT_TYPES),
    *prepare(
        post(
            "all settings",
            TYPES,
            team_event_type(
                "full",
                "roundRobin",
                BOTH,
                lengthInMinutesOptions=[30, 45],
                locations=[{"type": "organizersDefaultApp"}],
                bookingLimitsCount={"day": 5},
                bookingLimitsDuration={"week": 300},
                bookingWindow={"type": "calendarDays", "value": 90, "rolling": True},
                confirmationPolicy={"type": "always", "blockUnconfirmedBookingsInBooker": False},
                color={"lightThemeHex": "#224466", "darkThemeHex": "#ccddee"},
            ),
            EVENT_TYPES,
            full="data.id",
        ),
    ),
    post(
        "org_team_eventtypes_create_201_hosts_and_assign_all",
        TYPES,
        {
            "title": "Everybody",
            "slug": "everybody-{tag}",
            "lengthInMinutes": 30,
            "schedulingType": "collective",
            "hosts": [{"userId": "{member}"}],
            "assignAllTeamMembers": True,
        },
        EVENT_TYPES,
        spare_type="data.id",
    ),
    post(
        "org_team_eventtypes_create_400_duplicate_slug",
        TYPES,
        team_event_type("panel", "collective", [{"userId": "{member}"}]),
        EVENT_TYPES,
    ),
    get("exp_disconnect_1_event_type_before", TYPES + "/{turns}", EVENT_TYPES),
    get("org_team_eventtypes_get_403_member", TYPES + "/{turns}", EVENT_TYPES, key="member_key"),
    get("org_team_eventtypes_list_404_team_not_in_org", ORG + "/teams/999999999/event-types", EVENT_TYPES),
    post("org_team_eventtypes_phone_call_400", TYPES + "/{turns}/create-phone-call", {}, EVENT_TYPES),
    patch(
        "org_team_eventtypes_update_hosts",
        TYPES + "/{full}",
        {
            "title": "Fuller",
            "hosts": [{"userId": "{owner}", "mandatory": False, "priority": "high"}, {"userId": "{member}"}],
        },
        EVENT_TYPES,
    ),
    patch("org_team_eventtypes_update_400", TYPES + "/{turns}", {"lengthInMinutes": "short"}, EVENT_TYPES),
    delete("org_team_eventtypes_delete_403_member", TYPES + "/{spare_type}", EVENT_TYPES, key="member_key"),
    delete("org_team_eventtypes_delete", TYPES + "/{spare_type}", EVENT_TYPES),
    get("eventtypes_get_managed_child_as_host", "/event-types/{managed_child}", EVENT_TYPES, key="member_key"),
    get(
        "eventtypes_by_username_org",
        "/event-types?username={owner_username}&orgSlug={organization_slug}",
        EVENT_TYPES,
        key=None,
    ),
    *private_links(
        "private_links",
        "/event-types/{own_type}",
        get("private_links_list_404_other", "/event-types/{own_type}/private-links", key="outsider_key"),
    ),
    *private_links(
        "org_team_private_links",
        TYPES + "/{turns}",
        get(
            "org_team_private_links_list_403_other",
            OTHER_TEAM + "/event-types/{turns}/private-links",
            key="member_key",
        ),
    ),
)

PLAIN_TYPES = PLAIN + "/event-types"
PLAIN_TEAMS = (
    post(
        "teams_create",
        "/teams",
        {"name": "Spare {tag}", "autoAcceptCreator": True, "metadata": {"order": "7"}},
        spare_plain="data.id",
    ),
    post("teams_create_400", "/teams", {}),
    *prepare(
        post("a plain team", "/teams", {"name": "Simple {tag}"}, plain="data.id"),
        post("the member's place", PLAIN + "/memberships", {"userId": "{member}", "role": "MEMBER", "accepted": True}),
    ),
    get("teams_get", PLAIN),
    get("teams_get_403_outsider", PLAIN, key="outsider_key"),
    get("teams_list", "/teams"),
    get("teams_list_401_nokey", "/teams", key=None),
    patch("teams_update", SPARE_PLAIN, {"name": "Simpler {tag}", "bio": "few", "weekStart": "Monday"}),
    patch("teams_update_400", SPARE_PLAIN, {"hideBranding": "x"}),
    delete("teams_delete_403_member", PLAIN, key="member_key"),
    delete("teams_delete", SPARE_PLAIN),
    *memberships("teams", PLAIN, no_access="member"),
    get("teams_schedules_list", PLAIN + "/schedules", SCHEDULES),
    get("teams_schedules_list_403_member", PLAIN + "/schedules", SCHEDULES, key="member_key"),
    get("teams_bookings_404_absent_in_build", PLAIN + "/bookings", "2024-08-13"),
    post("teams_invite_404_absent_in_build", PLAIN + "/invite", {}),
    # --- event types
    *prepare(
        post(
            "an event type of the plain team",
            PLAIN_TYPES,
            team_event_type("plain", "roundRobin", [{"userId": "{member}"}]),
            EVENT_TYPES,
            kept_type="data.id",
        ),
        post(
            "a collective of the plain team",
            PLAIN_TYPES,
            team_event_type("together", "collective", [{"userId": "{member}"}]),
            EVENT_TYPES,
        ),
    ),
    get("teams_eventtypes_list", PLAIN_TYPES, EVENT_TYPES),
    get("teams_eventtypes_get", PLAIN_TYPES + "/{kept_type}", EVENT_TYPES),
    post(
        "teams_eventtypes_create",
        PLAIN_TYPES,
        {
            "title": "Simple",
            "slug": "simple-{tag}",
            "lengthInMinutes": 20,
            "schedulingType": "roundRobin",
            "hosts": [{"userId": "{member}"}],
        },
        EVENT_TYPES,
        plain_type="data.id",
    ),
    post("teams_eventtypes_create_400", PLAIN_TYPES, {"title": "Simple"}, EVENT_TYPES),
    get("teams_eventtypes_get_403_member", PLAIN_TYPES + "/{plain_type}", EVENT_TYPES, key="member_key"),
    get("teams_eventtypes_list_400_text", "/teams/abc/event-types", EVENT_TYPES),
    get("teams_eventtypes_webhooks_404_absent_in_build", PLAIN_TYPES + "/{plain_type}/webhooks"),
    post(
        "teams_eventtypes_phone_call_400",
        PLAIN_TYPES + "/{plain_type}/create-phone-call",
        {
            "yourPhoneNumber": "+31201234567",
            "numberToCall": "+31207654321",
            "calApiKey": "cal_no_key",
            "enabled": True,
            "templateType": "CUSTOM_TEMPLATE",
            "generalPrompt": "Greet",
        },
        EVENT_TYPES,
    ),
    patch(
        "teams_eventtypes_update",
        PLAIN_TYPES + "/{plain_type}",
        {"title": "Simpler", "lengthInMinutes": 25},
        EVENT_TYPES,
    ),
    patch("teams_eventtypes_update_400", PLAIN_TYPES + "/999999999", {"title": "Simple"}, EVENT_TYPES),
    delete("teams_eventtypes_delete", PLAIN_TYPES + "/{plain_type}", EVENT_TYPES),
    delete("teams_eventtypes_delete_404_again", PLAIN_TYPES + "/{plain_type}", EVENT_TYPES),
)

END = prepare(
    delete("remove the own event type", "/event-types/{own_type}", EVENT_TYPES),
    delete("remove the team", TEAM),
    delete("remove the other team", OTHER_TEAM),
    delete("remove the plain team", PLAIN),
)
