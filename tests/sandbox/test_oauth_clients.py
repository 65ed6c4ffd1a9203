"""OAuth clients and managed users: permissions, errors, and the shapes of the real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from http_client import ApiClient, ApiResponse, recorded_body, sandbox_client, send_request

from calcom_async.sandbox.platform.clients import PERMISSIONS, permission_bits, stored_email, username_of
from calcom_async.sandbox.webhooks.delivery import matching

CLIENTS = "/v2/oauth-clients"
ONE = f"{CLIENTS}/sandbox-client"
USERS = f"{ONE}/users"
ORGANISATIONS = "organisations"
SECOND = {"name": "Second", "redirectUris": ["https://second.test"], "permissions": ["*"]}
ADA = {"email": "ada@customers.test", "name": "Ada", "timeZone": "Europe/Rome"}


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client() as api:
        yield api


def platform(api: ApiClient, method: str, path: str, body: Any = None, **more: str) -> ApiResponse:
    """Send a request with the client's own credentials."""
    headers = {"x-cal-secret-key": "sandbox-secret", "x-cal-client-id": "sandbox-client"} | more
    return send_request(api.sandbox, method, path, body, key=None, headers=headers)


def test_managed_users_belong_to_the_organization(api):
    """A managed user's profile names the client's organization; an invalid address is rejected."""
    user = platform(api, "POST", USERS, ADA).data
    own = ApiClient(api.sandbox, key=user["accessToken"]).get("/v2/me").data
    assert (
        own["organizationId"]
        == own["organization"]["id"]
        == api.sandbox.store.oauth_clients["sandbox-client"]["organization_id"]
    )
    assert platform(api, "POST", USERS, ADA | {"email": "x"}).error == (400, "Invalid email x")


def test_emails_of_a_client_are_off_by_default(api):
    """A new client sends no emails by default."""
    client = platform(api, "POST", CLIENTS, SECOND).data
    [shown] = [row for row in platform(api, "GET", CLIENTS).data if row["id"] == client["clientId"]]
    assert (shown["areEmailsEnabled"], shown["areCalendarEventsEnabled"]) == (False, True)


# --- shapes


def test_clients_have_the_recorded_fields(api, shared):
    """A client has the recorded fields, read with a key or with its own credentials."""
    real = recorded_body(shared, f"{ORGANISATIONS}/oauth_clients_get")["data"]
    assert api.get(ONE).data.keys() == real.keys()
    assert platform(api, "GET", CLIENTS).data == [api.get(ONE).data]
    response = platform(api, "POST", CLIENTS, SECOND)
    assert response.status == 201
    assert response.data.keys() == recorded_body(shared, f"{ORGANISATIONS}/oauth_clients_create")["data"].keys()
    assert api.get(f"{CLIENTS}/{response.data['clientId']}").data.keys() == real.keys()


def test_managed_users_have_the_recorded_fields(api, shared):
    """A managed user and their tokens have the recorded fields; `metadata` only if it was given."""
    response = platform(api, "POST", USERS, ADA | {"metadata": {"id": "7"}})
    real = recorded_body(shared, f"{ORGANISATIONS}/oauth_clients_users_create")["data"]
    assert response.status == 201
    assert (response.data.keys(), response.data["user"].keys()) == (real.keys(), real["user"].keys())
    plain = platform(api, "POST", USERS, {"email": "bea@customers.test", "name": "Bea"}).data["user"]
    assert real["user"].keys() - plain.keys() == {"metadata"}
    assert plain["defaultScheduleId"] is None


@pytest.mark.parametrize(
    ("name", "line", "body"),
    [
        ("oauth_clients_create_400", f"POST {CLIENTS}", {"name": "x"}),
        ("oauth_clients_update_400", f"PATCH {ONE}", {"redirectUris": "x"}),
        ("oauth_clients_users_create_400", f"POST {USERS}", {"email": "x", "timeZone": "Mars/One", "timeFormat": 13}),
        ("oauth_clients_users_update_400", f"PATCH {USERS}/4", {"timeZone": "Mars/One"}),
        ("oauth_clients_users_list_400", f"GET {USERS}?limit=0", None),
        ("oauth_clients_users_get_404", f"GET {USERS}/99999", None),
        ("oauth_clients_users_force_refresh_404", f"POST {USERS}/99999/force-refresh", None),
        ("oauth_client_webhooks_get_404", f"GET {ONE}/webhooks/nope", None),
    ],
)
def test_errors_are_the_recorded_ones(api, shared, name, line, body):
    """Code, message and constraints equal the recorded ones."""
    refused = platform(api, *line.split(" "), body)
    assert refused.body["error"] == recorded_body(shared, f"{ORGANISATIONS}/{name}")["error"]


# --- who may


def test_a_personal_key_has_no_organization(api, shared):
    """Listing and creating clients need an organization, which a personal key does not have."""
    words = recorded_body(shared, f"{ORGANISATIONS}/oauth_clients_list_401_personal_key")["error"]["message"]
    assert api.get(CLIENTS).error == (401, words)
    assert api.post(CLIENTS, SECOND).error == (401, words)
    api.sandbox.store.organizations[1]["is_platform"] = False
    assert api.get(CLIENTS).error == (403, "OrganizationRolesGuard - Organization is not a platform (SHP).")


def test_members_may_read_and_admins_may_write(api):
    """Any member of the platform's organization sees a client; changing it takes an admin."""
    cy = api.as_user("cy")
    assert cy.get(ONE).status == 200
    assert cy.patch(ONE, {"name": "x"}).status == cy.delete(ONE).status == 403
    assert api.as_user("bo").patch(ONE, {"name": "Renamed"}).data["name"] == "Renamed"


def test_other_organizations(api):
    """Callers without an organization, or in one that is no platform, cannot read clients."""
    store = api.sandbox.store
    store.users[2]["organization_id"] = None
    text = "OAuthClientGuard - No organization associated with the user."
    assert api.as_user("bo").get(ONE).error == (403, text)
    store.organizations[1]["is_platform"] = False
    text = "OrganizationRolesGuard - Organization is not a platform (SHP)."
    assert api.get(ONE).error == (403, text)
    assert api.get(f"{ONE}/webhooks").error == (403, text)


def test_unknown_clients(api):
    """An unknown client is a 404 for a key, and an authentication error for client credentials."""
    assert api.get(f"{CLIENTS}/nobody").error == (404, "OAuthClientGuard - OAuth client not found.")
    assert platform(api, "GET", f"{CLIENTS}/nobody").status == 401


def test_managed_users_need_the_client_or_an_admin_of_its_organization(api):
    """The key of the platform's owner can manage a client's users, that of a member and of a stranger cannot."""
    assert [user["id"] for user in api.get(USERS).data] == [4]
    assert api.post(USERS, ADA).status == 201
    assert api.as_user("cy").get(USERS).status == 403
    api.sandbox.store.users[2]["organization_id"] = None
    stranger = api.as_user("bo").get(USERS)
    assert stranger.error == (403, "OAuthClientGuard - No organization associated with the user.")


# --- what happens


def test_deleting_a_client_deletes_its_users(api):
    """Deleting a client deletes its users, tokens and webhooks."""
    store = api.sandbox.store
    hook = {"active": True, "subscriberUrl": "https://hooks.test", "triggers": ["BOOKING_CREATED"]}
    assert platform(api, "POST", f"{ONE}/webhooks", hook).data["oAuthClientId"] == "sandbox-client"
    deleted = api.delete(ONE)
    assert deleted.data["id"] == "sandbox-client"
    assert (4 in store.users, store.webhooks, store.oauth_clients) == (False, {}, {})
    assert all(token["client_id"] != "sandbox-client" for token in store.access_tokens.values())


def test_webhooks_of_a_client_receive_events_of_its_users(api):
    """A client's webhook receives the events of its managed users only."""
    hook = {"active": True, "subscriberUrl": "https://hooks.test", "triggers": ["BOOKING_CREATED"]}
    webhook_id = platform(api, "POST", f"{ONE}/webhooks", hook).data["id"]
    heard = [matching(api.sandbox.store, "BOOKING_CREATED", {"user_id": user_id}) for user_id in (4, 1)]
    assert [[webhook["id"] for webhook in hooks] for hooks in heard] == [[webhook_id], []]
    again = platform(api, "POST", f"{ONE}/webhooks", hook)
    assert again.error == (409, "Webhook with this subscriber url already exists for this oAuth client")


def test_a_new_address_is_applied_at_once(api):
    """A managed user's address changes without verification, and its username with it."""
    changed = platform(api, "PATCH", f"{USERS}/4", {"email": "new@customers.test"}).data
    assert changed["email"] == "new+sandbox-client@customers.test"
    assert changed["username"] == "new-sandbox-client-customers-test"
    response = platform(api, "POST", USERS, {"email": "new@customers.test", "name": "x"})
    assert response.error == (409, "User with the provided e-mail already exists. Existing user ID=4")


def test_default_event_types(api):
    """A client can create four event types for each new user."""
    api.patch(ONE, {"areDefaultEventTypesEnabled": True})
    user_id = platform(api, "POST", USERS, ADA).data["user"]["id"]
    slugs = [record["slug"] for record in api.sandbox.store.event_types.values() if record["ownerId"] == user_id]
    assert slugs == ["thirty-minutes", "thirty-minutes-video", "sixty-minutes", "sixty-minutes-video"]


def test_pages_and_addresses(api):
    """The default is fifty users, offsets go up to 250, and addresses match in either form."""
    for number in range(51):
        platform(api, "POST", USERS, {"email": f"u{number}@customers.test", "name": "U"})
    assert len(platform(api, "GET", USERS).data) == 50
    assert len(platform(api, "GET", f"{USERS}?limit=250&offset=50").data) == 2
    assert platform(api, "GET", f"{USERS}?offset=251").constraints == {
        "offset": {"max": "offset must not be greater than 250"}
    }
    both = "u1@customers.test,u2%2Bsandbox-client@customers.test"
    assert [user["name"] for user in platform(api, "GET", f"{USERS}?emails={both}").data] == ["U", "U"]


def test_permissions_are_bits():
    """Each permission is a bit; `*` means all."""
    assert permission_bits(["*"]) == 1023 == sum(1 << bit for bit in range(len(PERMISSIONS)))
    assert permission_bits(["BOOKING_READ", "BOOKING_WRITE"]) == 12


def test_addresses_contain_the_id_of_the_client():
    """The client's id is added to an address once, and the username is made from the address."""
    stored = stored_email("ada@customers.test", "c1")
    assert stored == "ada+c1@customers.test" == stored_email(stored, "c1")
    assert username_of(stored) == "ada-c1-customers-test"
