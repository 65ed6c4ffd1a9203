"""Private links, verified contacts, conferencing apps, workflows and managed organizations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from http_client import ApiClient, recorded_body, sandbox_client

from calcom_async.sandbox.accounts.verified_handlers import CODE
from calcom_async.sandbox.calendars.accounts import GOOGLE, connect

TEAM = "/v2/organizations/1/teams/2"
WORKFLOWS = f"{TEAM}/workflows"
CODES = "/verification-code/request"
STEP = {
    "stepNumber": 1,
    "action": "email_attendee",
    "recipient": "attendee",
    "template": "reminder",
    "sender": "Acme",
    "includeCalendarEvent": True,
    "message": {"subject": "Soon", "html": "<p>Soon</p>"},
}
EVENT_FLOW = {
    "name": "Remind",
    "activation": {"isActiveOnAllEventTypes": False, "activeOnEventTypeIds": [1]},
    "trigger": {"type": "beforeEvent", "offset": {"value": 1, "unit": "day"}},
    "steps": [STEP],
}
FORM_FLOW = EVENT_FLOW | {
    "activation": {"isActiveOnAllRoutingForms": False, "activeOnRoutingFormIds": ["sandbox-form"]},
    "trigger": {"type": "formSubmitted"},
}
CALL = {"yourPhoneNumber": "+15550001111", "numberToCall": "+15550002222", "calApiKey": "cal_x"}


@pytest.fixture
def api() -> Iterator[ApiClient]:
    with sandbox_client() as api:
        yield api


def shape(value):
    """Return the keys of a response at every depth."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def connect_google(api: ApiClient) -> None:
    connect(api.sandbox.store, 1, GOOGLE, ["ana@sandbox.test"], read_only=False)


def team_event_type(api: ApiClient) -> int:
    body = {"title": "Demo", "slug": "demo", "lengthInMinutes": 30, "schedulingType": "collective"}
    return api.post(f"{TEAM}/event-types", body).data["id"]


def verified(api: ApiClient, path: str, field: str, address: str):
    api.post(f"{path}/verification-code/request", {field: address})
    return api.post(f"{path}/verification-code/verify", {field: address, "code": CODE})


# --- shapes


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/v2/event-types/1/private-links", {"expiresAt": "2050-06-30T23:59:59.000Z"}, "private_links_create_expiry"),
        (WORKFLOWS, EVENT_FLOW | {"steps": [STEP]}, "org_team_workflows_create"),
        (f"{WORKFLOWS}/routing-form", FORM_FLOW, "org_team_workflows_forms_create"),
        (
            "/v2/organizations/1/organizations",
            {"name": "Customer", "metadata": {"ext": "1"}},
            "managed_orgs_create",
        ),
        (
            "/v2/organizations/1/delegation-credentials",
            {
                "workspacePlatformSlug": "google",
                "domain": "sandbox.test",
                "serviceAccountKey": {"private_key": "x", "client_email": "x", "client_id": "x"},
            },
            "delegation_create_201_feature_off",
        ),
    ],
)
def test_created_objects_have_the_recorded_shape(api, shared, path, body, name):
    """A create request returns 201 and the recorded keys at every depth."""
    answer, real = api.post(path, body), recorded_body(shared, f"organisations/{name}")["data"]
    assert answer.status == 201
    assert shape(answer.data) == shape(real)


@pytest.mark.parametrize("place", ["/v2", "/v2/teams/2", TEAM])
def test_verified_resources_have_the_recorded_shape(api, shared, place):
    """Verified contacts have the recorded keys, in all scopes."""
    contact = verified(api, f"{place}/verified-resources/emails", "email", "a@sandbox.test")
    assert (contact.status, contact.data.keys()) == (
        200,
        recorded_body(shared, "organisations/verified_email_verify")["data"].keys(),
    )
    contact = verified(api, f"{place}/verified-resources/phones", "phone", "+351912345678")
    assert contact.data.keys() == recorded_body(shared, "organisations/verified_phones_get")["data"].keys()


def test_apps_have_the_recorded_shape(api, shared):
    """A connection and the default app have the recorded keys; without a default there is no `data`."""
    connect_google(api)
    assert api.get("/v2/conferencing/default").body == {"status": "success"}
    response = api.post("/v2/conferencing/google-meet/connect")
    assert response.status == 200
    assert (
        response.data.keys() == recorded_body(shared, "organisations/conferencing_connect_google_meet")["data"].keys()
    )
    api.post("/v2/conferencing/google-meet/default")
    assert api.get("/v2/conferencing/default").body == recorded_body(shared, "organisations/conferencing_default_get")
    # Disconnecting takes the default with it.
    assert api.delete("/v2/conferencing/google-meet/disconnect").body == {"status": "success"}
    assert api.get("/v2/conferencing/default").body == {"status": "success"}


def test_a_page_of_managed_organizations_is_counted(api, shared):
    """The pagination object has the recorded keys."""
    api.post("/v2/organizations/1/organizations", {"name": "Customer"})
    body = api.get("/v2/organizations/1/organizations").body
    assert body["pagination"] == recorded_body(shared, "organisations/managed_orgs_list")["pagination"] | {
        "returnedItems": 1,
        "totalItems": 1,
    }


# --- refusals


@pytest.mark.parametrize(
    ("request_of", "name"),
    [
        (("POST", "/v2/event-types/1/private-links", {"maxUsageCount": -1}), "private_links_create_400"),
        (("POST", f"/v2/verified-resources/emails{CODES}", {"email": "x"}), "verified_email_request_400"),
        (("POST", f"{TEAM}/verified-resources/phones{CODES}", {"phone": "x"}), "verified_phone_request_400"),
        (("PATCH", "/v2/organizations/1/organizations/{managed}", {"metadata": "x"}), "managed_orgs_update_400"),
        (("POST", "/v2/organizations/1/organizations", {"slug": "x"}), "managed_orgs_create_400"),
        (("POST", f"{TEAM}/event-types/1/create-phone-call", {}), "org_team_eventtypes_phone_call_400"),
        (("POST", "/v2/conferencing/nope/default", None), "conferencing_default_set_400"),
        (("GET", "/v2/conferencing/nope/oauth/auth-url", None), "conferencing_oauth_auth_url_400"),
        (("POST", "/v2/conferencing/zoom/connect", None), "conferencing_connect_400_oauth_app"),
        (("DELETE", "/v2/conferencing/google-meet/disconnect", None), "conferencing_disconnect_400_again"),
        (("GET", "/v2/conferencing/zoom/oauth/callback?code=x", None), "conferencing_oauth_callback_400_no_state"),
        (("GET", "/v2/stripe/save?code=x", None), "stripe_save_400_no_state"),
    ],
)
def test_invalid_requests_get_the_recorded_errors(api, shared, request_of, name):
    """Message and details equal the recorded ones."""
    method, path, body = request_of
    if "{managed}" in path:
        path = path.format(managed=api.post("/v2/organizations/1/organizations", {"name": "x"}).data["id"])
    real = recorded_body(shared, f"organisations/{name}")["error"]
    error = api(method, path, body).body["error"]
    assert (error["message"], error["details"]) == (real["message"], real["details"])


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        (f"{WORKFLOWS}/routing-form", FORM_FLOW | {"trigger": {"type": "newEvent"}}, "forms_create_400"),
        (WORKFLOWS, EVENT_FLOW | {"trigger": {"type": "never"}}, "update_400"),
    ],
)
def test_invalid_triggers_get_the_recorded_error(api, shared, path, body, name):
    """The innermost validation error equals the recorded one."""
    real = recorded_body(shared, f"organisations/org_team_workflows_{name}")["error"]["details"]["errors"][0][
        "children"
    ]
    assert api.post(path, body).body["error"]["details"]["errors"][0]["children"] == real


def test_wrong_codes(api):
    """A wrong code has different errors for email addresses and phone numbers; a code can be used once."""
    emails, phones = "/v2/verified-resources/emails", "/v2/verified-resources/phones"
    given = {"email": "a@sandbox.test", "code": "000000"}
    text = "Bad request: Please check your request data and try again"
    assert api.post(f"{emails}/verification-code/verify", given).error == (400, text)
    given = {"phone": "+351912345678", "code": CODE}
    assert api.post(f"{phones}/verification-code/verify", given).error == (400, "Could not verify phone number.")
    first = verified(api, phones, "phone", "+351912345678").data
    assert api.post(f"{phones}/verification-code/verify", given).status == 400
    assert verified(api, phones, "phone", "+351912345678").data == first
    assert api.get(f"{emails}/abc").status == 500


@pytest.mark.parametrize("path", ["/v2/verified-resources/emails", "/v2/event-types/1/private-links"])
def test_paths_that_know_no_version(api, path):
    """Private links and contacts of users exist only in the oldest version, those below an organization in all."""
    for version, status in (("", 200), ("2024-04-15", 200), ("2024-08-13", 404)):
        assert ApiClient(api.sandbox, version).get(path).status == status
    links = f"{TEAM}/event-types/{team_event_type(api)}/private-links"
    assert ApiClient(api.sandbox, "2024-08-13").get(links).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/event-types/1/private-links", 403),
        ("/v2/verified-resources/emails", 401),
        ("/v2/conferencing", 401),
        ("/v2/stripe/check", 401),
        (f"{TEAM}/stripe/save?state=%7B%7D&code=x", 401),
        (f"{TEAM}/workflows", 401),
    ],
)
def test_requests_without_credentials(api, path, status):
    """Without credentials the response is a 401, or a 403 behind the permission check."""
    assert api.as_user(None).get(path).status == status


# --- ways out and back


def test_a_callback_with_an_empty_state(api):
    """A callback whose state has no URL is a 301 with an empty Location, and one whose state is no JSON a bare 500."""
    for path in ("/v2/conferencing/zoom/oauth/callback", "/v2/stripe/save"):
        for state in ("%7B%7D", "%5B%5D"):
            back = api.as_user(None).get(f"{path}?code=x&state={state}")
            assert (back.status, back.headers["Location"]) == (301, "")
        broken = api.as_user(None).get(f"{path}?state=s")
        assert broken.body == {"statusCode": 500, "message": "Internal server error"}


def test_a_callback_with_an_unknown_key(api):
    """A callback with an unknown credential in its state connects nothing."""
    for token, text in (("cal_nobody", "CustomThrottlerGuard - Invalid API Key"), ("x", "Invalid Access Token.")):
        back = api.get(f"/v2/stripe/save?code=x&state=%7B%22accessToken%22%3A%22{token}%22%7D")
        assert back.error == (401, text)
    assert api.get("/v2/stripe/check").status == 404


def test_connected_apps_can_be_locations(api):
    """An event type may name an app only once it is connected."""
    connect_google(api)
    body = {"title": "x", "slug": "x", "lengthInMinutes": 30}
    meet = {"locations": [{"type": "integration", "integration": "google-meet"}]}
    assert api.sandbox.store.event_types
    events = ApiClient(api.sandbox, "2024-06-14")
    assert events.post("/v2/event-types", body | meet).status == 400
    api.post("/v2/conferencing/google-meet/connect")
    assert events.post("/v2/event-types", body | meet).status == 201


# --- the rest


def test_private_links_expire(api):
    """A link expires at its time; it is valid just before and expired from then on."""
    api.sandbox.clock.freeze()
    until = api.sandbox.clock.now().replace(year=2100)
    path = "/v2/event-types/1/private-links"
    api.post(path, {"expiresAt": until.isoformat()})
    assert [link["isExpired"] for link in api.get(path).data] == [False]
    api.sandbox.clock.set(until)
    assert [link["isExpired"] for link in api.get(path).data] == [True]
    link = api.get(path).data[0]["linkId"]
    assert api.patch(f"{path}/{link}", {}).data["expiresAt"]
    assert api.patch(f"{path}/{link}", {"expiresAt": None}).data["isExpired"]


def test_phone_calls_need_an_event_type_of_the_team(api):
    """A phone call for an event type of another team is a 404; defaults need not be sent."""
    own = team_event_type(api)
    assert api.post(f"{TEAM}/event-types/{own}/create-phone-call", CALL).status == 201
    assert api.post(f"/v2/teams/2/event-types/{own}/create-phone-call", CALL).data.keys() == {"callId", "agentId"}
    assert api.post(f"{TEAM}/event-types/1/create-phone-call", CALL).status == 404
    assert api.as_user("cy").post(f"{TEAM}/event-types/{own}/create-phone-call", CALL).status == 403
