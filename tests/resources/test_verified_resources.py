"""Verified e-mail addresses and phone numbers, in three scopes, with limits of their own."""

from __future__ import annotations

import pytest
from sent_requests import ANA, ORGANIZATION, SALES, SentRequest, last_request

from calcom_async import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from calcom_async.models import VerifiedEmail, VerifiedPhone
from calcom_async.requests import EndpointLimit
from calcom_async.resources._base import ResourceContext
from calcom_async.sandbox.accounts.verified_handlers import CODE

SCOPES = {
    "users": lambda cal: cal,
    "teams": lambda cal: cal.team(SALES),
    "org_teams": lambda cal: cal.organization(ORGANIZATION).team(SALES),
}
PATHS = {"users": "", "teams": "/teams/2", "org_teams": "/organizations/1/teams/2"}
EMAIL, PHONE = "desk@sandbox.test", "+351912345678"


def at(cal, owner):
    """The resource of a scope."""
    return SCOPES[owner](cal).verified_resources


@pytest.mark.parametrize("owner", SCOPES)
async def test_an_address_is_verified_in_two_steps(cal, calcom_sandbox, owner):
    """A verified address is listed and found by its id."""
    emails, path = at(cal, owner).emails, f"{PATHS[owner]}/verified-resources/emails"
    assert await emails.request_code(EMAIL) is None
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"{path}/verification-code/request", {}, {"email": EMAIL}, None
    )
    made = await emails.verify(EMAIL, code=CODE)
    body = {"email": EMAIL, "code": CODE}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{path}/verification-code/verify", {}, body, None)
    assert made == VerifiedEmail(id=1, email=EMAIL, user_id=ANA, team_id=None if owner == "users" else SALES)
    assert await emails.list().collect() == [made]
    assert last_request(calcom_sandbox) == SentRequest("GET", path, {"take": "250", "skip": "0"}, None, None)
    assert await emails.get(made.id) == made
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{path}/{made.id}", {}, None, None)
    with pytest.raises(ConflictError, match="already verified"):
        await emails.request_code(EMAIL)


@pytest.mark.parametrize("owner", SCOPES)
async def test_a_number_is_verified_in_two_steps(cal, calcom_sandbox, owner):
    """The same for phone numbers, with their own field names."""
    phones, path = at(cal, owner).phones, f"{PATHS[owner]}/verified-resources/phones"
    await phones.request_code(PHONE)
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"{path}/verification-code/request", {}, {"phone": PHONE}, None
    )
    made = await phones.verify(PHONE, code=CODE)
    body = {"phone": PHONE, "code": CODE}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{path}/verification-code/verify", {}, body, None)
    assert made == VerifiedPhone(id=1, phone_number=PHONE, user_id=ANA, team_id=None if owner == "users" else SALES)
    assert await phones.list(take=5, skip=0).collect() == [made]
    assert await phones.get(made.id) == made


@pytest.mark.parametrize("owner", SCOPES)
async def test_the_unknown_is_not_found(cal, calcom_sandbox, owner):
    """An unknown id raises NotFoundError, although the server returns 200 and null."""
    with pytest.raises(NotFoundError, match="verified email address 99 not found"):
        await at(cal, owner).emails.get(99)
    with pytest.raises(NotFoundError, match="verified phone number 99 not found"):
        await at(cal, owner).phones.get(99)
    assert [seen.status for seen in calcom_sandbox.requests] == [200, 200]


async def test_wrong_codes_and_addresses(cal):
    """A wrong code, a code that was not requested and an invalid address are rejected."""
    mine = at(cal, "users")
    with pytest.raises(BadRequestError):
        await mine.emails.verify(EMAIL, code=CODE)
    await mine.phones.request_code(PHONE)
    with pytest.raises(BadRequestError, match="Could not verify phone number"):
        await mine.phones.verify(PHONE, code="000000")
    with pytest.raises(BadRequestError) as caught:
        await mine.phones.request_code("12345")
    assert list(caught.value.fields) == ["phone"]


async def test_a_users_list_holds_what_they_verified_for_teams(cal):
    """What was verified for a team is the team's and also its verifier's; other people's is neither."""
    team = at(cal, "teams")
    await team.emails.request_code(EMAIL)
    made = await team.emails.verify(EMAIL, code=CODE)
    assert await at(cal, "users").emails.list().collect() == [made]
    bo = cal.with_credentials("cal_sandbox_bo")
    assert await at(bo, "users").emails.list().collect() == []


async def test_teams_are_for_their_admins(cal):
    """A member is forbidden."""
    for owner in ("teams", "org_teams"):
        with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
            await at(cal.with_credentials("cal_sandbox_cy"), owner).emails.list().collect()


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
async def test_limits_of_their_own(cal, owner, kind, method, endpoint_limit):
    """The client follows the rate limit of the headers, including the misspelled name."""
    asked = []
    resource = getattr(at(cal, owner), kind)
    resource._context = overheard(resource._context, asked)
    address = EMAIL if kind == "emails" else PHONE
    await resource.request_code(address)
    if method == "verify":
        await resource.verify(address, code=CODE)
    context, response = asked[-1]
    [told] = response.limits
    assert context.endpoint_limit == endpoint_limit
    assert told.name == (endpoint_limit.name if endpoint_limit else "default")
    assert endpoint_limit is None or told.limit == endpoint_limit.limit


def overheard(channel, asked):
    """A middleware that records requests and responses."""

    async def send(request, context):
        asked.append((context, await channel.send(request, context)))
        return asked[-1][1]

    return ResourceContext(send, channel.observer)


async def test_other_versions_do_not_know_these_paths(cal):
    """The paths work only without an API version, so none is sent."""
    with pytest.raises(NotFoundError, match="Cannot GET"):
        await cal.request("GET", "/v2/verified-resources/emails", version="2024-08-13")
