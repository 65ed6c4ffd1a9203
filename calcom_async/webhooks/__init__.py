"""Receiving webhooks; works without a client.

    router = WebhookRouter()

    @router.on("BOOKING_CREATED")
    async def greet(event: WebhookEvent[BookingPayload]) -> None:
        print(event.payload.title)

    receiver = WebhookReceiver(router, secrets=os.environ["CAL_WEBHOOK_SECRET"])

`verify`, `sign` and `parse` are pure; a `WebhookRouter` knows who handles what; a `WebhookReceiver` answers deliveries
and runs the handlers behind it, for aiohttp.web (`receiver.aiohttp_handler`), ASGI (`receiver.asgi`) or anything else
(`receiver.receive`).
"""

from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.webhooks.deliveries import parse, sign, verify
from calcom_async.webhooks.receiver import InMemoryDeduplicator, WebhookReceiver
from calcom_async.webhooks.router import WebhookRouter

__all__ = ["InMemoryDeduplicator", "WebhookEvent", "WebhookReceiver", "WebhookRouter", "parse", "sign", "verify"]
