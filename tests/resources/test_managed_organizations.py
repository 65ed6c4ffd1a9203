"""Managed organizations and phone calls."""

from __future__ import annotations

import pytest
from sent_requests import ORGANIZATION, SALES, SentRequest, last_request

from calcom_async import BadRequestError, ConflictError, ForbiddenError, NotFoundError, UnauthorizedError
from calcom_async.models import (
    CreateManagedOrganization,
    CreatePhoneCall,
    CreateTeamEventType,
    ManagedOrganization,
    UpdateManagedOrganization,
)

PATH = "/organizations/1/organizations"


@pytest.fixture
def managed(cal):
    """Return the organizations that the sandbox's organization manages."""
    return cal.organization(ORGANIZATION).organizations


async def test_create(cal, managed, calcom_sandbox):
    """Creating returns a working, masked key; no other response contains it."""
    organization = await managed.create(
        CreateManagedOrganization(name="First", metadata={"a": "1"}, api_key_days_valid=30)
    )
    body = {"name": "First", "metadata": {"a": "1"}, "apiKeyDaysValid": 30}
    assert last_request(calcom_sandbox) == SentRequest("POST", PATH, {}, body, None)
    assert isinstance(organization, ManagedOrganization)
    assert (organization.name, organization.slug, organization.metadata) == ("First", "first", {"a": "1"})
    assert organization.api_key not in repr(organization)
    assert (await cal.with_credentials(organization.api_key).me.get()).id == 1
    again = await managed.get(organization.id)
    assert (again.id, again.api_key) == (organization.id, None)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{PATH}/{organization.id}", {}, None, None)


async def test_rejections_of_create(managed):
    """A duplicate slug is a conflict; both key settings at once are rejected, but the organization is created."""
    await managed.create(CreateManagedOrganization(name="First"))
    with pytest.raises(ConflictError):
        await managed.create(CreateManagedOrganization(name="Second", slug="first"))
    both = CreateManagedOrganization(name="Third", api_key_days_valid=1, api_key_never_expires=True)
    with pytest.raises(BadRequestError, match="Cannot set both"):
        await managed.create(both)
    assert [organization.slug async for organization in managed.list()] == ["first", "third"]
    with pytest.raises(BadRequestError) as caught:
        await managed.create(CreateManagedOrganization(name="", metadata={"k" * 41: "x"}))
    assert set(caught.value.fields) == {"name", "metadata"}


async def test_list(managed, calcom_sandbox):
    """The list is paged and counted; its filters are sent under the server's names."""
    for number in range(5):
        await managed.create(CreateManagedOrganization(name=f"N {number}", metadata={"n": str(number)}))
    pages = managed.list(take=2)
    assert [organization.name async for organization in pages] == [f"N {number}" for number in range(5)]
    assert last_request(calcom_sandbox) == SentRequest("GET", PATH, {"take": "2", "skip": "4"}, None, None)
    page = await managed.list().first_page()
    assert (page.total_items, page.has_next, len(page.items)) == (5, False, 5)
    [match] = await managed.list(slug="n-3", metadata_key="n", metadata_value="3").collect()
    assert match.name == "N 3"
    query = {"slug": "n-3", "metadataKey": "n", "metadataValue": "3", "take": "250", "skip": "0"}
    assert last_request(calcom_sandbox).query == query
    assert await managed.list(metadata_key="n", metadata_value="9").collect() == []


async def test_update_and_delete(cal, managed, calcom_sandbox):
    """An update replaces the given fields; deleting returns the organization, which then no longer exists."""
    organization = await managed.create(CreateManagedOrganization(name="First", metadata={"a": "1"}))
    changed = await managed.update(organization.id, UpdateManagedOrganization(name="1st", metadata={"b": "2"}))
    body = {"name": "1st", "metadata": {"b": "2"}}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{PATH}/{organization.id}", {}, body, None)
    assert (changed.name, changed.slug, changed.metadata) == ("1st", "first", {"b": "2"})
    assert await managed.delete(organization.id) == changed
    for again in (managed.get, managed.delete):
        with pytest.raises(ForbiddenError, match="is not owned by manager organization"):
            await again(organization.id)
    with pytest.raises(UnauthorizedError):
        await cal.with_credentials(organization.api_key).me.get()


async def test_only_managed_organizations_are_found(managed):
    """The own organization is not found as a managed one."""
    assert await managed.list().collect() == []
    with pytest.raises(ForbiddenError):
        await managed.get(ORGANIZATION)


@pytest.mark.parametrize("place", ["", "/organizations/1"])
async def test_phone_calls(cal, calcom_sandbox, place):
    """A phone call is sent with every field and masks its key; the server rejects numbers with spaces."""
    kind = {"title": "Demo", "slug": "demo", "length_in_minutes": 30, "scheduling_type": "collective"}
    event_type = await cal.organization(ORGANIZATION).team(SALES).event_types.create(CreateTeamEventType(**kind))
    calls = (cal.organization(ORGANIZATION) if place else cal).team(SALES).event_types
    call = CreatePhoneCall(
        your_phone_number="+15550001111",
        number_to_call="+15550002222",
        cal_api_key="cal_hush",
        template_type="CHECK_IN_APPOINTMENT",
        scheduler_name="Ana",
        guest_name="Ada",
        guest_email="ada@visitors.test",
        guest_company="Acme",
        begin_message="Hello",
        general_prompt="Be kind",
    )
    assert "hush" not in repr(call)
    phone_call = await calls.create_phone_call(event_type.id, call)
    assert phone_call.call_id
    path = f"{place}/teams/{SALES}/event-types/{event_type.id}/create-phone-call"
    body = {
        "yourPhoneNumber": "+15550001111",
        "numberToCall": "+15550002222",
        "calApiKey": "cal_hush",
        "enabled": True,
        "templateType": "CHECK_IN_APPOINTMENT",
        "schedulerName": "Ana",
        "guestName": "Ada",
        "guestEmail": "ada@visitors.test",
        "guestCompany": "Acme",
        "beginMessage": "Hello",
        "generalPrompt": "Be kind",
    }
    assert last_request(calcom_sandbox) == SentRequest("POST", path, {}, body, None)
    wrong = CreatePhoneCall(your_phone_number="+1 555", number_to_call="+15550002222", cal_api_key="x")
    with pytest.raises(BadRequestError) as caught:
        await calls.create_phone_call(event_type.id, wrong)
    assert list(caught.value.fields) == ["yourPhoneNumber"]
    with pytest.raises(NotFoundError):
        await calls.create_phone_call(999, call)
