"""Users, memberships, schedules and times out of office."""

from __future__ import annotations

from conformance.plan import SCHEDULES, delete, get, patch, post, prepare

ORG = "/organizations/{org}"
WORKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
HOURS = {"availability": [{"days": WORKDAYS, "startTime": "08:00", "endTime": "18:00"}]}
USER = ORG + "/users/{newcomer}"
MEMBERSHIP = ORG + "/memberships/{membership}"
MEMBER_SCHEDULES = ORG + "/users/{member}/schedules"
AWAY = ORG + "/users/{member}/ooo"

PEOPLE = prepare(
    get("the owner", "/me", org="data.organizationId", owner="data.id", owner_username="data.username"),
    get("the member", "/me", key="member_key", member="data.id"),
    get("the outsider", "/me", key="outsider_key", outsider="data.id"),
    get("the owner's schedule", "/schedules/default", SCHEDULES, old_schedule="data.id"),
    post(
        "hours of the owner",
        "/schedules",
        {"name": "Conformance", "timeZone": "UTC", "isDefault": True, **HOURS},
        SCHEDULES,
        owner_schedule="data.id",
    ),
    post("a helper", ORG + "/users", {"email": "helper-{tag}@visitors.test", "name": "Hana Helper"}, helper="data.id"),
)

USERS = (
    get("org_users_list", ORG + "/users"),
    get("org_users_list_400_email", ORG + "/users?emails=not-an-address"),
    post(
        "org_users_create",
        ORG + "/users",
        {
            "email": "newcomer-{tag}@visitors.test",
            "timeZone": "Europe/Madrid",
            "organizationRole": "MEMBER",
            "autoAccept": True,
            "locale": "en",
            "metadata": {"order": "7"},
        },
        newcomer="data.id",
    ),
    post("org_users_create_400", ORG + "/users", {"username": "newcomer"}),
    patch("org_users_update", USER, {"bio": "New", "timeZone": "Europe/Oslo", "metadata": {"order": "8", "parts": 2}}),
    patch("org_users_update_400", USER, {"timeZone": "Mars/Olympus", "email": "nobody"}),
    # --- memberships
    post(
        "org_memberships_create",
        ORG + "/memberships",
        {"userId": "{helper}", "role": "MEMBER", "accepted": True, "disableImpersonation": False},
        membership="data.id",
    ),
    post("org_memberships_create_400_role", ORG + "/memberships", {"userId": "{helper}", "role": "CHIEF"}),
    get("org_memberships_list_400", ORG + "/memberships?take=abc"),
    get("org_memberships_get_403_member", MEMBERSHIP, key="member_key"),
    delete("org_memberships_delete_403_member", MEMBERSHIP, key="member_key"),
    # --- schedules
    post(
        "org_user_schedules_create",
        MEMBER_SCHEDULES,
        {
            "name": "Long days",
            "timeZone": "UTC",
            "isDefault": True,
            "overrides": [{"date": "{new_year}", "startTime": "10:00", "endTime": "11:00"}],
            **HOURS,
        },
        SCHEDULES,
        schedule="data.id",
    ),
    post("org_user_schedules_create_400", MEMBER_SCHEDULES, {"name": "x", "timeZone": "UTC"}, SCHEDULES),
    get("org_user_schedules_get", MEMBER_SCHEDULES + "/{schedule}", SCHEDULES),
    get("org_user_schedules_get_403_other_user", MEMBER_SCHEDULES + "/{owner_schedule}", SCHEDULES),
    get("org_user_schedules_list", MEMBER_SCHEDULES, SCHEDULES),
    get("org_user_schedules_list_403_member_self", MEMBER_SCHEDULES, SCHEDULES, key="member_key"),
    patch("org_user_schedules_update", MEMBER_SCHEDULES + "/{schedule}", {"name": "Longer days"}, SCHEDULES),
    patch(
        "org_user_schedules_update_400",
        MEMBER_SCHEDULES + "/{schedule}",
        {"availability": [{"days": ["Someday"], "startTime": "8", "endTime": "9"}]},
        SCHEDULES,
    ),
    get("org_schedules_list", ORG + "/schedules", SCHEDULES),
    get("org_schedules_list_403_member", ORG + "/schedules", SCHEDULES, key="member_key"),
    # --- out of office
    post(
        "org_user_ooo_create",
        AWAY,
        {
            "start": "{new_year}T00:00:00.000Z",
            "end": "{new_year}T20:00:00.000Z",
            "notes": "closed",
            "reason": "vacation",
            "toUserId": "{owner}",
        },
        away="data.id",
    ),
    post("org_user_ooo_create_400_body", AWAY, {"start": "soon"}),
    get("org_user_ooo_list", AWAY),
    get("org_user_ooo_list_401", AWAY, key=None),
    get("org_ooo_list", ORG + "/ooo"),
    get("org_ooo_list_400", ORG + "/ooo?sortStart=up"),
    patch("org_user_ooo_update", AWAY + "/{away}", {"notes": "moved", "reason": "sick", "toUserId": "{owner}"}),
    patch("org_user_ooo_update_400", AWAY + "/{away}", {"reason": "weather"}),
    delete("org_user_ooo_delete_403", AWAY + "/999999999"),
    delete("org_user_ooo_delete", AWAY + "/{away}"),
)

END = (
    delete("org_user_schedules_delete", MEMBER_SCHEDULES + "/{schedule}", SCHEDULES),
    delete("org_user_schedules_delete_400_again", MEMBER_SCHEDULES + "/{schedule}", SCHEDULES),
    patch("org_memberships_update", MEMBERSHIP, {"role": "ADMIN"}),
    patch("org_memberships_update_400", MEMBERSHIP, {"role": "CHIEF"}),
    delete("org_memberships_delete", MEMBERSHIP),
    delete("org_users_delete", USER),
    delete("org_users_delete_403_again", USER),
    *prepare(
        patch("the old default schedule", "/schedules/{old_schedule}", {"isDefault": True}, SCHEDULES),
        delete("hours of the owner", "/schedules/{owner_schedule}", SCHEDULES),
    ),
)
