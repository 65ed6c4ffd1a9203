"""Webhooks of a user, a team's event type, an organization or an OAuth client; one class serves all of them."""

from __future__ import annotations

from functools import partial
from typing import Unpack

from calcom_async.errors import CalcomError, ConfigError, ConflictError, InvalidRequestError, is_transient
from calcom_async.models.webhooks import CreateWebhook, UpdateWebhook, Webhook, WebhookTimeUnit, WebhookTrigger
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import List, Paging, Resource, drop_unset, listed
from calcom_async.secret import Secret

PAGINATION = PaginationSpec(maximum=250)


class Webhooks(Resource):
    """Webhooks of one owner. The server returns secrets in clear; reprs mask them."""

    def list(self, **paging: Unpack[Paging]) -> Pages[Webhook]:
        """List all webhooks of the owner, 250 per page."""
        return self._pages(Webhook, "/webhooks", pagination=PAGINATION, **paging)

    async def get(self, webhook_id: str) -> Webhook:
        """Fetch one webhook. Raises `NotFoundError`, or `ForbiddenError` if it belongs to another owner."""
        return await self._get(Webhook, "/webhooks/{}", webhook_id)

    async def create(
        self,
        *,
        subscriber_url: str,
        triggers: List[WebhookTrigger],
        active: bool = True,
        secret: str | Secret | None = None,
        payload_template: str | None = None,
        version: str | None = None,
        time: int | None = None,
        time_unit: WebhookTimeUnit | None = None,
    ) -> Webhook:
        """Subscribe a URL to triggers. Raises `ConflictError` if this owner already has a webhook with the URL.

        Without a `secret`, deliveries cannot be distinguished from forged ones. BOOKING_CREATED is sent for confirmed
        bookings. The hosted API requires `time` and `time_unit` for AFTER_HOSTS_CAL_VIDEO_NO_SHOW and
        AFTER_GUESTS_CAL_VIDEO_NO_SHOW, and has the payload `version` "2026-07-27"; self-hosted servers have neither.
        """
        hidden = _hidden(secret)
        del secret  # a traceback with local variables would show the secret
        body = CreateWebhook(
            subscriber_url=subscriber_url,
            triggers=triggers,
            active=active,
            secret=_checked(hidden),
            payload_template=payload_template,
            version=version,
            time=time,
            time_unit=time_unit,
        )
        return await self._post(Webhook, "/webhooks", body=body)

    async def update(
        self,
        webhook_id: str,
        *,
        subscriber_url: str | None = None,
        triggers: List[WebhookTrigger] | None = None,
        active: bool | None = None,
        secret: str | Secret | None = None,
        payload_template: str | None = None,
        version: str | None = None,
        time: int | None = None,
        time_unit: WebhookTimeUnit | None = None,
    ) -> Webhook:
        """Update the given fields; `triggers` is replaced as a whole."""
        hidden = _hidden(secret)
        del secret
        body = UpdateWebhook(
            subscriber_url=subscriber_url,
            triggers=triggers,
            active=active,
            secret=_checked(hidden),
            payload_template=payload_template,
            version=version,
            time=time,
            time_unit=time_unit,
        )
        return await self._patch(Webhook, "/webhooks/{}", webhook_id, body=body)

    async def ensure(
        self,
        subscriber_url: str,
        triggers: List[WebhookTrigger],
        *,
        active: bool = True,
        secret: str | Secret | None = None,
        payload_template: str | None = None,
    ) -> Webhook:
        """Make sure that this owner has one webhook with this URL and these settings: create or update it if needed.

        Safe to call at every start, from several processes at once, and again after an error. Settings that are not
        given stay as they are.
        """
        hidden = _hidden(secret)
        del secret
        _checked(hidden)
        triggers = listed("triggers", triggers)
        wanted = drop_unset(active=active, secret=hidden, payload_template=payload_template)
        webhook = await self._by_url(subscriber_url)
        if webhook is None:
            create = partial(self.create, subscriber_url=subscriber_url, triggers=triggers, **wanted)
            try:
                return await create()
            except CalcomError as error:
                if not (isinstance(error, ConflictError) or is_transient(error)):
                    raise  # such as a URL that the server does not allow
                # Another process may have created it, or this request, whose response was lost.
                webhook = await self._by_url(subscriber_url)
            if webhook is None:
                return await create()
        current = {
            "active": webhook.active,
            "secret": _hidden(webhook.secret),
            "payload_template": webhook.payload_template,
        }
        # Triggers have no order, and the server keeps duplicates.
        if set(webhook.triggers or ()) == set(map(str, triggers)) and current | wanted == current:
            return webhook
        return await self.update(webhook.id, triggers=triggers, **wanted)

    async def _by_url(self, subscriber_url: str) -> Webhook | None:
        """Return the webhook with this URL, of which an owner can have only one; None if there is none."""
        async for webhook in self.list():
            if webhook.subscriber_url == subscriber_url:
                return webhook
        return None

    async def delete(self, webhook_id: str) -> Webhook:
        """Delete a webhook. Returns the deleted webhook."""
        return await self._delete(Webhook, "/webhooks/{}", webhook_id)


class BulkDeleteWebhooks(Webhooks):
    """Webhooks of an event type or an OAuth client, which can be deleted all at once."""

    async def delete_all(self) -> str:
        """Delete all webhooks of the owner. Returns the server's message, such as `3 webhooks deleted`."""
        return await self._delete(str, "/webhooks")


def _hidden(secret: str | Secret | None) -> Secret | None:
    return None if secret is None else Secret(secret)


def _checked(hidden: Secret | None) -> str | None:
    """Return the secret for the request. Raises for a secret that deliveries cannot be verified with."""
    if hidden is None:
        return None
    try:
        return hidden.checked("secret").reveal()
    except ConfigError as error:
        raise InvalidRequestError(str(error)) from None
