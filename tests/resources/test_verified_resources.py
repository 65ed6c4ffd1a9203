"""Verified email addresses and phone numbers in three scopes, with their own rate limits."""

from __future__ import annotations

import pytest
from sent_requests import ANA, ORGANIZATION, SALES, SentRequest, last_request

from calcom_async import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from calcom_async.models import VerifiedEmail, VerifiedPhone
from calcom_async.requests import EndpointLimit
from calcom_async.resources._base import ResourceContext
from calcom_async.responses import rate_limits
from calcom_async.sandbox.accounts.verified_handlers import CODE

SCOPES = {
    "users": lambda cal: cal,
    "teams": lambda cal: cal.team(SALES),
    "org_teams": lambda cal: cal.organization(ORGANIZATION).team(SALES),
}
PATHS = {"users": "", "teams": "/teams/2", "org_teams": "/organizations/1/teams/2"}
EMAIL, PHONE = "desk@sandbox.test", "+351912345678"


def resources_of(cal, owner):
    """Return the verified resources of a scope."""
    return SCOPES[owner](cal).verified_resources


@pytest.mark.parametrize("owner", SCOPES)
async def test_verify_an_email_address(cal, calcom_sandbox, owner):
    """A verified address is listed and found by its id."""
    emails, path = resources_of(cal, owner).emails, f"{PATHS[owner]}/verified-resources/emails"
    assert await emails.request_code(EMAIL) is None
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"{path}/verification-code/request", {}, {"email": EMAIL}, None
    )
    verified = await emails.verify(EMAIL, code=CODE)
    body = {"email": EMAIL, "code": CODE}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{path}/verification-code/verify", {}, body, None)
    assert verified == VerifiedEmail(id=1, email=EMAIL, user_id=ANA, team_id=None if owner == "users" else SALES)
    assert await emails.list().collect() == [verified]
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {"take": "250", "skip": "0"}, None, None)
    assert await emails.get(verified.id) == verified
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{path}/{verified.id}", {}, None, None)
    with pytest.raises(ConflictError, match="already verified"):
        await emails.request_code(EMAIL)


@pytest.mark.parametrize("owner", SCOPES)
async def test_verify_a_phone_number(cal, calcom_sandbox, owner):
    """A verified phone number is listed and found by its id."""
    phones, path = resources_of(cal, owner).phones, f"{PATHS[owner]}/verified-resources/phones"
    await phones.request_code(PHONE)
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"{path}/verification-code/request", {}, {"phone": PHONE}, None
    )
    verified = await phones.verify(PHONE, code=CODE)
    body = {"phone": PHONE, "code": CODE}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{path}/verification-code/verify", {}, body, None)
    assert verified == VerifiedPhone(id=1, phone_number=PHONE, user_id=ANA, team_id=None if owner == "users" else SALES)
    assert await phones.list(take=5, skip=0).collect() == [verified]
    assert await phones.get(verified.id) == verified


@pytest.mark.parametrize("owner", SCOPES)
async def test_unknown_ids(cal, calcom_sandbox, owner):
    """An unknown id raises NotFoundError, although the server returns 200 and null."""
    with pytest.raises(NotFoundError, match="verified email address 99 not found"):
        await resources_of(cal, owner).emails.get(99)
    with pytest.raises(NotFoundError, match="verified phone number 99 not found"):
        await resources_of(cal, owner).phones.get(99)
    assert [request.status for request in calcom_sandbox.requests] == [200, 200]


async def test_wrong_codes_and_addresses(cal):
    """A wrong code, a code that was not requested and an invalid address are rejected."""
    own = resources_of(cal, "users")
    with pytest.raises(BadRequestError):
        await own.emails.verify(EMAIL, code=CODE)
    await own.phones.request_code(PHONE)
    with pytest.raises(BadRequestError, match="Could not verify phone number"):
        await own.phones.verify(PHONE, code="000000")
    with pytest.raises(BadRequestError) as caught:
        await own.phones.request_code("12345")
    assert list(caught.value.fields) == ["phone"]


async def test_the_list_of_the_verifier(cal):
    """What a user verified for a team is in the lists of both, but not in those of others."""
    team = resources_of(cal, "teams")
    await team.emails.request_code(EMAIL)
    verified = await team.emails.verify(EMAIL, code=CODE)
    assert await resources_of(cal, "users").emails.list().collect() == [verified]
    bo = cal.with_credentials("cal_sandbox_bo")
    assert await resources_of(bo, "users").emails.list().collect() == []


async def test_a_member_is_forbidden(cal):
    """A member is forbidden to use the resources of a team."""
    for owner in ("teams", "org_teams"):
        with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
            await resources_of(cal.with_credentials("cal_sandbox_cy"), owner).emails.list().collect()


THROTTLES = [
    ("users", "emails", "request_code", EndpointLimit("users_verified_resources_emails_requests", 5)),
    ("users", "emails", "verify", EndpointLimit("users_verified_resources_phones_verify", 3)),
    ("users", "phones", "request_code", EndpointLimit("users_verified_resources_phones_requests", 3)),
    ("users", "phones", "verify", None),
    ("teams", "emails", "request_code", EndpointLimit("teams_verified_resources_emails_requests", 5)),
    ("teams", "emails", "verify", None),
    ("teams", "phones", "request_code", EndpointLimit("teams_verified_resources_phones_requests", 3)),
    ("teams", "phones", "verify", EndpointLimit("teams_verified_resources_phones_verify", 3)),
    ("org_teams", "emails", "request_code", EndpointLimit("org_teams_verified_resources_emails_requests", 3)),
    ("org_teams", "emails", "verify", None),
    ("org_teams", "phones", "request_code", EndpointLimit("org_teams_verified_resources_phones_requests", 3)),
    ("org_teams", "phones", "verify", EndpointLimit("org_teams_verified_resources_phones_verify", 3)),
]


@pytest.mark.parametrize(("owner", "kind", "method", "endpoint_limit"), THROTTLES)
async def test_endpoint_limits(cal, owner, kind, method, endpoint_limit):
    """The client follows the rate limit of the headers, including the misspelled name."""
    requests = []
    resource = getattr(resources_of(cal, owner), kind)
    resource._context = record_exchanges(resource._context, requests)
    address = EMAIL if kind == "emails" else PHONE
    await resource.request_code(address)
    if method == "verify":
        await resource.verify(address, code=CODE)
    context, response = requests[-1]
    [limit] = rate_limits(response.headers)
    assert context.endpoint_limit == endpoint_limit
    assert limit.name == (endpoint_limit.name if endpoint_limit else "default")
    assert endpoint_limit is None or limit.limit == endpoint_limit.limit


def record_exchanges(channel, requests):
    """A middleware that records requests and responses."""

    async def send(request, context):
        requests.append((context, await channel.send(request, context)))
        return requests[-1][1]

    return ResourceContext(send, channel.observer)


async def test_no_version_is_sent(cal):
    """The paths work only without an API version, so none is sent."""
    with pytest.raises(NotFoundError, match="Cannot GET"):
        await cal.request("GET", "/v2/verified-resources/emails", version="2024-08-13")
