"""Subscriptions to notifications on devices and in chats."""

from datetime import datetime
from typing import ClassVar

from calcom_async.models._base import SecretModel


class AppPushSubscription(SecretModel, frozen=True, kw_only=True):
    """A device that receives push notifications; `identifier` is its push token."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"identifier"})

    id: int
    user_id: int
    type: str
    platform: str
    """IOS or ANDROID."""
    identifier: str
    device_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ChatLinkIntent(SecretModel, frozen=True, kw_only=True):
    """A one-time token that links a chat to the user."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"token"})

    token: str
    expires_at: datetime
