"""Subscriptions to notifications on devices, in Slack and in Telegram."""

from __future__ import annotations

import pytest
from sent_requests import ANA, SentRequest, last_request

from calcom_async import BadRequestError
from calcom_async.models import AppPushSubscription

BASE = "/notifications/subscriptions"


async def test_app_push(cal, calcom_sandbox):
    """A device is registered and removed by its push token, which no repr shows."""
    subscription = await cal.notifications.app_push.register(token="secret-token", platform="IOS", device_id="d1")
    assert isinstance(subscription, AppPushSubscription)
    assert (subscription.user_id, subscription.platform, subscription.device_id) == (ANA, "IOS", "d1")
    assert "secret-token" not in repr(subscription)
    body = {"token": "secret-token", "platform": "IOS", "deviceId": "d1"}
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{BASE}/app-push", {}, body, None)
    await cal.notifications.app_push.remove(token="secret-token")
    assert last_request(calcom_sandbox) == SentRequest(
        "DELETE", f"{BASE}/app-push", {}, {"token": "secret-token"}, None
    )


async def test_slack(cal, calcom_sandbox):
    """A Slack account is linked by a one-time token, and removed by its ids in the body of the DELETE."""
    intent = await cal.notifications.slack.create_link_intent()
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{BASE}/slack/link-intents", {}, None, None)
    assert intent.token not in repr(intent)
    assert intent.expires_at > calcom_sandbox.clock.now()
    await cal.notifications.slack.remove(identifier="U1", team_id="T1")
    body = {"identifier": "U1", "teamId": "T1"}
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{BASE}/slack", {}, body, None)


async def test_telegram(cal, calcom_sandbox):
    """A Telegram chat is linked by a one-time token, and removed by its id in the body of the DELETE."""
    first, second = [await cal.notifications.telegram.create_link_intent() for _ in range(2)]
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{BASE}/telegram/link-intents", {}, None, None)
    assert first.token != second.token
    await cal.notifications.telegram.remove(identifier="42")
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{BASE}/telegram", {}, {"identifier": "42"}, None)


async def test_an_empty_token_is_rejected(cal):
    """The server requires every field."""
    with pytest.raises(BadRequestError):
        await cal.notifications.telegram.remove(identifier="")
