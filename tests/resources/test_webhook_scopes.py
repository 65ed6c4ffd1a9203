"""Webhooks of five kinds of owners: one class below five paths."""

from __future__ import annotations

import pytest
from sent_requests import ORGANIZATION, SALES, last_request, sent_requests

from calcom_async import PlatformClient
from calcom_async.models import CreateTeamEventType
from calcom_async.resources.webhooks import BulkDeleteWebhooks, Webhooks

URL = "https://hooks.test/cal"


async def scope(cal, name):
    """Return the webhooks of an owner, their path, and the field with the owner's id."""
    if name == "team event type":
        webhook = (
            await cal.organization(ORGANIZATION)
            .team(SALES)
            .event_types.create(
                CreateTeamEventType(title="T", slug="t", length_in_minutes=30, scheduling_type="collective")
            )
        )
        ids = (SALES, webhook.id)
        return BulkDeleteWebhooks(cal._context, "/teams/{}/event-types/{}", *ids), "event_type_id"
    platform = cal.with_credentials(PlatformClient("sandbox-client", "sandbox-secret"))
    return {
        "user": (Webhooks(cal._context), "user_id"),
        "event type": (BulkDeleteWebhooks(cal._context, "/event-types/{}", 1), "event_type_id"),
        "organization": (Webhooks(cal._context, "/organizations/{}", ORGANIZATION), "team_id"),
        "client": (BulkDeleteWebhooks(platform._context, "/oauth-clients/{}", "sandbox-client"), "oauth_client_id"),
    }[name]


@pytest.mark.servers("hosted")
@pytest.mark.parametrize("name", ["user", "event type", "team event type", "organization", "client"])
async def test_the_life_of_a_webhook(cal, calcom_sandbox, name):
    """Webhooks of each owner are created, read, listed, updated and deleted, and have the id of this owner only."""
    webhooks, owner = await scope(cal, name)
    webhook = await webhooks.create(subscriber_url=URL, triggers=["BOOKING_CREATED"], secret="s3cret")
    owners = ("user_id", "team_id", "event_type_id", "oauth_client_id")
    assert [field for field in owners if getattr(webhook, field) is not None] == [owner]
    assert (await webhooks.get(webhook.id)).subscriber_url == URL
    assert [row.id for row in await webhooks.list().collect()] == [webhook.id]
    assert not (await webhooks.update(webhook.id, active=False)).active
    assert (await webhooks.delete(webhook.id)).id == webhook.id
    assert await webhooks.list().collect() == []
    assert {request.version for request in sent_requests(calcom_sandbox) if "/webhooks" in request.path} == {None}


@pytest.mark.servers("hosted")
@pytest.mark.parametrize("name", ["event type", "team event type", "client"])
async def test_delete_all(cal, calcom_sandbox, name):
    """`delete_all` deletes all webhooks of an event type or an OAuth client."""
    webhooks, _ = await scope(cal, name)
    for number in range(3):
        await webhooks.create(subscriber_url=f"{URL}/{number}", triggers=["BOOKING_CREATED"])
    assert await webhooks.delete_all() == "3 webhooks deleted"
    assert last_request(calcom_sandbox).method == "DELETE"
    assert last_request(calcom_sandbox).path.endswith("/webhooks")
    assert await webhooks.list().collect() == []
