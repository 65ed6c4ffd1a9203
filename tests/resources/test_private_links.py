"""Private links, of a user's event type and of a team's: one class at two places."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sent_requests import ORGANIZATION, SALES, THIRTY, SentRequest, last_request

from calcom_async import BadRequestError, ForbiddenError, InvalidRequestError, NotFoundError
from calcom_async.models import CreateTeamEventType, DeletedPrivateLink, PrivateLink

LATER = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def links(cal):
    """Links of Ana's event type of thirty minutes."""
    return cal.event_types.private_links(THIRTY)


async def test_create_by_time(links, calcom_sandbox):
    """A link with an end carries that end and no count; no version is sent, for the server would not find it."""
    made = await links.create(expires_at=LATER)
    assert isinstance(made, PrivateLink)
    assert (made.event_type_id, made.is_expired, made.expires_at) == (THIRTY, False, LATER)
    assert (made.max_usage_count, made.usage_count) == (None, None)
    assert made.booking_url.endswith(f"/d/{made.link_id}")
    body = {"expiresAt": "2027-01-01T00:00:00Z"}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"/event-types/{THIRTY}/private-links", {}, body, None)


async def test_create_by_count(links):
    """A link for some bookings counts them and has no end."""
    made = await links.create(max_usage_count=5)
    assert (made.max_usage_count, made.usage_count, made.expires_at) == (5, 0, None)


async def test_a_past_end_is_expired_at_once(links):
    """The server takes a time that is over."""
    assert (await links.create(expires_at=datetime(2020, 1, 1, tzinfo=UTC))).is_expired


@pytest.mark.parametrize("given", [{}, {"expires_at": LATER, "max_usage_count": 1}, {"max_usage_count": 0}])
async def test_create_wants_one_of_two(links, given):
    """Neither, both or no bookings at all are refused by the server."""
    with pytest.raises(BadRequestError):
        await links.create(**given)


async def test_a_naive_end_is_refused_here(links, calcom_sandbox):
    """A time without a zone is never sent."""
    with pytest.raises(InvalidRequestError, match="expires_at must have a time zone"):
        await links.create(expires_at=datetime(2027, 1, 1))  # noqa: DTZ001 - what is refused
    assert calcom_sandbox.requests == []


async def test_update_changes_the_kind(links, calcom_sandbox):
    """The given kind of limit replaces the other one, and the update is idempotent."""
    made = await links.create(expires_at=LATER)
    changed = await links.update(made.link_id, max_usage_count=9)
    assert (changed.link_id, changed.max_usage_count, changed.expires_at) == (made.link_id, 9, None)
    path = f"/event-types/{THIRTY}/private-links/{made.link_id}"
    assert last_request(calcom_sandbox) == SentRequest("PATCH", path, {}, {"maxUsageCount": 9}, None)
    assert (await links.update(made.link_id, max_usage_count=2, expires_at=LATER)).max_usage_count is None


async def test_list_and_delete(links, calcom_sandbox):
    """The list is one response; deleting a link twice raises NotFoundError."""
    first, second = await links.create(max_usage_count=1), await links.create(expires_at=LATER)
    assert await links.list().collect() == [first, second]
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/event-types/{THIRTY}/private-links", {}, None, None)
    gone = await links.delete(first.link_id)
    assert gone == DeletedPrivateLink(link_id=first.link_id, message="Private link deleted successfully")
    assert await links.list().collect() == [second]
    with pytest.raises(NotFoundError, match="Deleted link not found"):
        await links.delete(first.link_id)
    with pytest.raises(NotFoundError, match="Updated link not found"):
        await links.update(first.link_id, max_usage_count=1)


async def test_of_a_team(cal, calcom_sandbox):
    """Private links work the same below a team of an organization, for its admins."""
    kind = {"title": "Demo", "slug": "demo", "length_in_minutes": 30, "scheduling_type": "collective"}
    team = cal.organization(ORGANIZATION).team(SALES)
    event_type = await team.event_types.create(CreateTeamEventType(**kind))
    links = team.event_types.private_links(event_type.id)
    made = await links.create(max_usage_count=2)
    assert last_request(calcom_sandbox).path == f"/organizations/1/teams/2/event-types/{event_type.id}/private-links"
    assert [one.link_id async for one in links.list()] == [made.link_id]
    member = cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).team(SALES)
    with pytest.raises(ForbiddenError, match="TEAM_ADMIN"):
        await member.event_types.private_links(event_type.id).list().collect()


async def test_event_types_of_others(cal):
    """Somebody else's event type is not found, nor is one that there is not."""
    for key, event_type_id in (("cal_sandbox_bo", THIRTY), ("cal_sandbox", 999)):
        links = cal.with_credentials(key).event_types.private_links(event_type_id)
        with pytest.raises(NotFoundError, match=f"Event type with id {event_type_id} not found"):
            await links.list().collect()
