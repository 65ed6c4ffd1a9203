"""Webhooks, platform clients with their managed users and tokens, and managed organizations."""

from __future__ import annotations

from conformance.organizations.members import ORG
from conformance.plan import CLIENT, SCHEDULES, delete, get, patch, post, prepare

WEBHOOKS = ORG + "/webhooks"
CLIENTS = "/oauth-clients"
ONE = CLIENTS + "/{new_client}"
CLIENT_WEBHOOKS = CLIENTS + "/{client_id}/webhooks"
USERS = CLIENTS + "/{client_id}/users"
MANAGED = ORG + "/organizations"

STEPS = (
    post(
        "org_webhooks_create",
        WEBHOOKS,
        {
            "active": True,
            "subscriberUrl": "https://hooks.visitors.test/{tag}",
            "triggers": ["FORM_SUBMITTED", "OOO_CREATED", "BOOKING_CREATED"],
        },
        webhook="data.id",
    ),
    post("org_webhooks_create_400", WEBHOOKS, {"subscriberUrl": "x", "triggers": ["NOPE"]}),
    get("org_webhooks_list", WEBHOOKS),
    get("org_webhooks_list_403_member", WEBHOOKS, key="member_key"),
    get("org_webhooks_get", WEBHOOKS + "/{webhook}"),
    get("org_webhooks_get_403", WEBHOOKS + "/nope"),
    patch("org_webhooks_update", WEBHOOKS + "/{webhook}", {"active": True, "triggers": ["BOOKING_CREATED"]}),
    patch("org_webhooks_update_400", WEBHOOKS + "/{webhook}", {"triggers": ["NOPE"]}),
    delete("org_webhooks_delete", WEBHOOKS + "/{webhook}"),
    delete("org_webhooks_delete_404_again", WEBHOOKS + "/{webhook}"),
    # --- clients
    post(
        "oauth_clients_create",
        CLIENTS,
        {
            "name": "Second client",
            "redirectUris": ["https://visitors.test/callback"],
            "permissions": ["*"],
            "areEmailsEnabled": False,
            **{f"booking{kind}RedirectUri": "https://visitors.test" for kind in ("", "Cancel", "Reschedule")},
        },
        key=CLIENT,
        new_client="data.clientId",
    ),
    post("oauth_clients_create_400", CLIENTS, {"name": "Second client"}, key=CLIENT),
    get("oauth_clients_list", CLIENTS, key=CLIENT),
    get("oauth_clients_list_401_personal_key", CLIENTS),
    get("oauth_clients_get", CLIENTS + "/{client_id}"),
    get("oauth_clients_get_403_other_org", CLIENTS + "/{client_id}", key="outsider_key"),
    patch("oauth_clients_update", ONE, {"name": "Third client", "areEmailsEnabled": True}),
    patch("oauth_clients_update_400", ONE, {"redirectUris": "x"}),
    delete("oauth_clients_delete", ONE),
    delete("oauth_clients_delete_404_again", ONE),
    # --- webhooks of a client
    post(
        "oauth_client_webhooks_create",
        CLIENT_WEBHOOKS,
        {
            "active": True,
            "subscriberUrl": "https://hooks.visitors.test/{tag}/client",
            "triggers": ["BOOKING_CREATED"],
            "secret": "not-a-secret",
        },
        key=CLIENT,
        client_webhook="data.id",
    ),
    post("oauth_client_webhooks_create_400", CLIENT_WEBHOOKS, {"triggers": ["NOPE"]}, key=CLIENT),
    get("oauth_client_webhooks_list", CLIENT_WEBHOOKS, key=CLIENT),
    get("oauth_client_webhooks_list_403_other_org", CLIENT_WEBHOOKS, key="outsider_key"),
    get("oauth_client_webhooks_get", CLIENT_WEBHOOKS + "/{client_webhook}", key=CLIENT),
    get("oauth_client_webhooks_get_404", CLIENT_WEBHOOKS + "/nope", key=CLIENT),
    patch("oauth_client_webhooks_update", CLIENT_WEBHOOKS + "/{client_webhook}", {"active": False}, key=CLIENT),
    patch("oauth_client_webhooks_update_404", CLIENT_WEBHOOKS + "/nope", {"active": False}, key=CLIENT),
    delete("oauth_client_webhooks_delete", CLIENT_WEBHOOKS + "/{client_webhook}", key=CLIENT),
    delete("oauth_client_webhooks_delete_404_again", CLIENT_WEBHOOKS + "/{client_webhook}", key=CLIENT),
    *prepare(
        post(
            "a webhook to delete",
            CLIENT_WEBHOOKS,
            {"active": True, "subscriberUrl": "https://hooks.visitors.test/{tag}/all", "triggers": ["BOOKING_CREATED"]},
            key=CLIENT,
        )
    ),
    delete("oauth_client_webhooks_delete_all_403_other_org", CLIENT_WEBHOOKS, key="outsider_key"),
    delete("oauth_client_webhooks_delete_all", CLIENT_WEBHOOKS, key=CLIENT),
    # --- managed users
    post(
        "oauth_clients_users_create",
        USERS,
        {
            "email": "mona-{tag}@visitors.test",
            "name": "Mona",
            "timeZone": "Europe/Rome",
            "weekStart": "Monday",
            "timeFormat": 24,
            "locale": "en",
            "metadata": {"order": "7"},
        },
        key=CLIENT,
        managed_user="data.user.id",
        refresh_token="data.refreshToken",
    ),
    post("oauth_clients_users_create_400", USERS, {"email": "x", "timeZone": "Mars/One", "timeFormat": 13}, key=CLIENT),
    get("oauth_clients_users_list", USERS, key=CLIENT),
    get("oauth_clients_users_list_400", USERS + "?limit=0", key=CLIENT),
    get("oauth_clients_users_get", USERS + "/{managed_user}", key=CLIENT),
    get("oauth_clients_users_get_404", USERS + "/999999999", key=CLIENT),
    patch(
        "oauth_clients_users_update",
        USERS + "/{managed_user}",
        {"name": "Mona M", "timeZone": "Asia/Tokyo", "metadata": {"order": "8"}, "locale": "it", "bio": "hello"},
        key=CLIENT,
    ),
    patch("oauth_clients_users_update_400", USERS + "/{managed_user}", {"timeZone": "Mars/One"}, key=CLIENT),
    # --- tokens
    post(
        "oauth_refresh",
        "/oauth/{client_id}/refresh",
        {"refreshToken": "{refresh_token}"},
        key=CLIENT,
    ),
    post("oauth_refresh_400_empty", "/oauth/{client_id}/refresh", {}, key=CLIENT),
    post(
        "oauth_clients_users_force_refresh",
        USERS + "/{managed_user}/force-refresh",
        key=CLIENT,
        access_token="data.accessToken",
    ),
    post("oauth_clients_users_force_refresh_404", USERS + "/999999999/force-refresh", key=CLIENT),
    get("schedules_list_managed_user", "/schedules", SCHEDULES, key="access_token"),
    get("me_401_garbage_token", "/me", key="garbage"),
    delete("oauth_clients_users_delete", USERS + "/{managed_user}", key=CLIENT),
    delete("oauth_clients_users_delete_404_again", USERS + "/{managed_user}", key=CLIENT),
    # --- managed organizations
    post(
        "managed_orgs_create",
        MANAGED,
        {"name": "Customer", "slug": "customer-{tag}", "metadata": {"order": "7"}, "apiKeyDaysValid": 20},
        managed_org="data.id",
        managed_key="data.apiKey",
    ),
    post("managed_orgs_create_400", MANAGED, {"slug": "x"}),
    get("managed_orgs_list", MANAGED),
    get("managed_orgs_list_403_outsider", MANAGED, key="outsider_key"),
    get("managed_orgs_get", MANAGED + "/{managed_org}"),
    get("managed_orgs_get_403_unknown", MANAGED + "/999999999"),
    patch("managed_orgs_update", MANAGED + "/{managed_org}", {"name": "Customers", "metadata": {"order": "8"}}),
    patch("managed_orgs_update_400", MANAGED + "/{managed_org}", {"metadata": "x"}),
    get("managed_orgs_own_key_me", "/me", key="managed_key"),
    get("managed_orgs_own_key_teams", "/organizations/{managed_org}/teams", key="managed_key"),
    post(
        "api_keys_refresh", "/api-keys/refresh", {"apiKeyDaysValid": 10}, key="managed_key", managed_key="data.apiKey"
    ),
    post(
        "api_keys_refresh_400_both",
        "/api-keys/refresh",
        {"apiKeyNeverExpires": True, "apiKeyDaysValid": 5},
        key="managed_key",
    ),
    delete("managed_orgs_delete", MANAGED + "/{managed_org}"),
    delete("managed_orgs_delete_403_again", MANAGED + "/{managed_org}"),
)
