"""Notifications of the user on devices, in Slack and in Telegram."""

from __future__ import annotations

from types import NoneType
from typing import Literal

from calcom_async.models.notifications import AppPushSubscription, ChatLinkIntent
from calcom_async.resources._base import Resource, secret_argument
from calcom_async.secret import Secret

Platform = Literal["IOS", "ANDROID"]
SUBSCRIPTIONS = "/notifications/subscriptions"


class AppPush(Resource):
    """Push notifications of the Cal.com app. Needs an API key."""

    async def register(self, *, token: str | Secret, platform: Platform, device_id: str) -> AppPushSubscription:
        """Subscribe a device by its Expo push token. Whether a second call adds a second row is not documented."""
        token = Secret(token)
        body = {"token": secret_argument(token, "token"), "platform": platform, "deviceId": device_id}
        return await self._post(AppPushSubscription, f"{SUBSCRIPTIONS}/app-push", body=body)

    async def remove(self, *, token: str | Secret) -> None:
        """Unsubscribe the device with this push token."""
        token = Secret(token)
        # A DELETE with a body: the row has no id that the API shows (specification of September 2026).
        body = {"token": secret_argument(token, "token")}
        await self._delete(NoneType, f"{SUBSCRIPTIONS}/app-push", body=body)


class SlackNotifications(Resource):
    """Notifications in Slack. Needs an API key."""

    async def create_link_intent(self) -> ChatLinkIntent:
        """Create a one-time token that links a Slack account to the user. Each call creates another one."""
        return await self._post(ChatLinkIntent, f"{SUBSCRIPTIONS}/slack/link-intents")

    async def remove(self, *, identifier: str, team_id: str) -> None:
        """Unsubscribe a Slack account. `team_id` is the Slack workspace, not a Cal.com team."""
        body = {"identifier": identifier, "teamId": team_id}
        await self._delete(NoneType, f"{SUBSCRIPTIONS}/slack", body=body)


class TelegramNotifications(Resource):
    """Notifications in Telegram. Needs an API key."""

    async def create_link_intent(self) -> ChatLinkIntent:
        """Create a one-time token that links a Telegram chat to the user. Each call creates another one."""
        return await self._post(ChatLinkIntent, f"{SUBSCRIPTIONS}/telegram/link-intents")

    async def remove(self, *, identifier: str) -> None:
        """Unsubscribe a Telegram chat."""
        await self._delete(NoneType, f"{SUBSCRIPTIONS}/telegram", body={"identifier": identifier})


class Notifications(Resource):
    """Subscriptions to notifications. The API has no list of them."""

    @property
    def app_push(self) -> AppPush:
        """Push notifications of the Cal.com app."""
        return self._child(AppPush)

    @property
    def slack(self) -> SlackNotifications:
        """Notifications in Slack."""
        return self._child(SlackNotifications)

    @property
    def telegram(self) -> TelegramNotifications:
        """Notifications in Telegram."""
        return self._child(TelegramNotifications)
