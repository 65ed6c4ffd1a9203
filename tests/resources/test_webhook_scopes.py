"""Webhooks of the five owners: one class below five paths."""

from __future__ import annotations

import pytest
from sent_requests import ORGANIZATION, SALES, last_request, sent_requests

from calcom_async import PlatformClient
from calcom_async.models import CreateTeamEventType
from calcom_async.resources.webhooks import BulkDeleteWebhooks, Webhooks

URL = "https://hooks.test/cal"


async def scope(cal, name):
    """The webhooks of an owner, their path, and the field that names the owner."""
    if name == "team event type":
        made = (
            await cal.organization(ORGANIZATION)
            .team(SALES)
            .event_types.create(
                CreateTeamEventType(title="T", slug="t", length_in_minutes=30, scheduling_type="collective")
            )
        )
        ids = (SALES, made.id)
        return BulkDeleteWebhooks(cal._context, "/teams/{}/event-types/{}", *ids), "event_type_id"
    platform = cal.with_credentials(PlatformClient("sandbox-client", "sandbox-secret"))
    return {
        "user": (Webhooks(cal._context), "user_id"),
        "event type": (BulkDeleteWebhooks(cal._context, "/event-types/{}", 1), "event_type_id"),
        "organization": (Webhooks(cal._context, "/organizations/{}", ORGANIZATION), "team_id"),
        "client": (BulkDeleteWebhooks(platform._context, "/oauth-clients/{}", "sandbox-client"), "oauth_client_id"),
    }[name]


@pytest.mark.parametrize("name", ["user", "event type", "team event type", "organization", "client"])
async def test_the_life_of_a_webhook(cal, calcom_sandbox, name):
    """Each owner's webhooks are made, read, listed, changed and deleted, and name just that owner."""
    webhooks, owner = await scope(cal, name)
    made = await webhooks.create(subscriber_url=URL, triggers=["BOOKING_CREATED"], secret="s3cret")
    owners = ("user_id", "team_id", "event_type_id", "oauth_client_id")
    assert [field for field in owners if getattr(made, field) is not None] == [owner]
    assert (await webhooks.get(made.id)).subscriber_url == URL
    assert [one.id for one in await webhooks.list().collect()] == [made.id]
    assert not (await webhooks.update(made.id, active=False)).active
    assert (await webhooks.delete(made.id)).id == made.id
    assert await webhooks.list().collect() == []
    assert {one.version for one in sent_requests(calcom_sandbox) if "/webhooks" in one.path} == {None}


@pytest.mark.parametrize("name", ["event type", "team event type", "client"])
async def test_delete_all(cal, calcom_sandbox, name):
    """Event types and OAuth clients can be rid of all their webhooks at once."""
    webhooks, _ = await scope(cal, name)
    for number in range(3):
        await webhooks.create(subscriber_url=f"{URL}/{number}", triggers=["BOOKING_CREATED"])
    assert await webhooks.delete_all() == "3 webhooks deleted"
    assert last_request(calcom_sandbox).method == "DELETE"
    assert last_request(calcom_sandbox).path.endswith("/webhooks")
    assert await webhooks.list().collect() == []
