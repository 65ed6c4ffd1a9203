"""Private links of a user's event type and of a team's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sent_requests import ORGANIZATION, SALES, THIRTY, SentRequest, last_request

from calcom_async import BadRequestError, ForbiddenError, InvalidRequestError, NotFoundError
from calcom_async.models import CreateTeamEventType, DeletedPrivateLink, PrivateLink

LATER = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def links(cal):
    """Return the links of Ana's event type of thirty minutes."""
    return cal.event_types.private_links(THIRTY)


@pytest.mark.servers("self-hosted-2025-12", "self-hosted-2026-07")
async def test_create_by_time(links, calcom_sandbox):
    """A link with an end has no count; no version is sent, because the server has no such route with one."""
    link = await links.create(expires_at=LATER)
    assert isinstance(link, PrivateLink)
    assert (link.event_type_id, link.is_expired, link.expires_at) == (THIRTY, False, LATER)
    assert (link.max_usage_count, link.usage_count) == (None, None)
    assert link.booking_url.endswith(f"/d/{link.link_id}")
    body = {"expiresAt": "2027-01-01T00:00:00Z"}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/event-types/{THIRTY}/private-links", {}, body, None)


async def test_create_by_count(links):
    """A link for a number of bookings has no end."""
    link = await links.create(max_usage_count=5)
    assert (link.max_usage_count, link.usage_count, link.expires_at) == (5, 0, None)


async def test_a_past_end(links):
    """The server accepts an end in the past."""
    assert (await links.create(expires_at=datetime(2020, 1, 1, tzinfo=UTC))).is_expired


@pytest.mark.servers("hosted")
async def test_the_hosted_api_returns_the_whole_booking_url(links, calcom_sandbox):
    """Version 2024-09-04 is sent first; there a link without a limit has one use, and -1 means any number."""
    link = await links.create()
    assert (link.max_usage_count, link.booking_url) == (1, f"https://cal.com/d/{link.link_id}/thirty")
    assert last_request(calcom_sandbox).version == "2024-09-04"
    unlimited = await links.create(max_usage_count=-1)
    assert (unlimited.max_usage_count, unlimited.is_expired) == (-1, False)


@pytest.mark.servers("self-hosted-2025-12", "self-hosted-2026-07")
async def test_self_hosted_builds_require_a_limit(links):
    """A self-hosted build rejects a link without a limit."""
    with pytest.raises(BadRequestError):
        await links.create()


@pytest.mark.parametrize("limits", [{"expires_at": LATER, "max_usage_count": 1}, {"max_usage_count": 0}])
async def test_an_end_or_a_count_is_required(links, limits):
    """An end and a count together, or a count of 0, are rejected by the server."""
    with pytest.raises(BadRequestError):
        await links.create(**limits)


async def test_a_naive_end(links, calcom_sandbox):
    """A naive end raises before a request is sent."""
    with pytest.raises(InvalidRequestError, match="expires_at must have a time zone"):
        await links.create(expires_at=datetime(2027, 1, 1))  # noqa: DTZ001 - what is refused
    assert calcom_sandbox.requests == []


@pytest.mark.servers("self-hosted-2025-12", "self-hosted-2026-07")
async def test_update_changes_the_kind(links, calcom_sandbox):
    """An update replaces an end by a count or the other way round, and is idempotent."""
    link = await links.create(expires_at=LATER)
    changed = await links.update(link.link_id, max_usage_count=9)
    assert (changed.link_id, changed.max_usage_count, changed.expires_at) == (link.link_id, 9, None)
    path = f"/event-types/{THIRTY}/private-links/{link.link_id}"
    assert last_request(calcom_sandbox) == SentRequest("PATCH", path, {}, {"maxUsageCount": 9}, None)
    assert (await links.update(link.link_id, max_usage_count=2, expires_at=LATER)).max_usage_count is None


@pytest.mark.servers("self-hosted-2025-12", "self-hosted-2026-07")
async def test_list_and_delete(links, calcom_sandbox):
    """The list is one response; deleting a link twice raises NotFoundError."""
    first, second = await links.create(max_usage_count=1), await links.create(expires_at=LATER)
    assert await links.list().collect() == [first, second]
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/event-types/{THIRTY}/private-links", {}, None, None)
    deleted = await links.delete(first.link_id)
    assert deleted == DeletedPrivateLink(link_id=first.link_id, message="Private link deleted successfully")
    assert await links.list().collect() == [second]
    with pytest.raises(NotFoundError, match="Deleted link not found"):
        await links.delete(first.link_id)
    with pytest.raises(NotFoundError, match="Updated link not found"):
        await links.update(first.link_id, max_usage_count=1)


@pytest.mark.servers("hosted", "self-hosted-2025-12")
async def test_of_a_team(cal, calcom_sandbox):
    """Private links work the same below a team of an organization, for its admins."""
    kind = {"title": "Demo", "slug": "demo", "length_in_minutes": 30, "scheduling_type": "collective"}
    team = cal.organization(ORGANIZATION).team(SALES)
    event_type = await team.event_types.create(CreateTeamEventType(**kind))
    links = team.event_types.private_links(event_type.id)
    link = await links.create(max_usage_count=2)
    assert last_request(calcom_sandbox).path == f"/organizations/1/teams/2/event-types/{event_type.id}/private-links"
    assert [row.link_id async for row in links.list()] == [link.link_id]
    member = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).team(SALES)
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await member.event_types.private_links(event_type.id).list().collect()


async def test_event_types_of_others(cal):
    """The links of another user's event type, or of an unknown one, are not found."""
    for key, event_type_id in (("cal_sandbox_bo", THIRTY), ("cal_sandbox", 999)):
        links = cal.with_credentials(key).event_types.private_links(event_type_id)
        with pytest.raises(NotFoundError, match=f"Event type with id {event_type_id} not found"):
            await links.list().collect()
