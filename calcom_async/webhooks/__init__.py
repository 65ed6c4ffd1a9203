"""Receive webhooks. Works without a client.

    router = WebhookRouter()

    @router.on("BOOKING_CREATED")
    async def greet(event: WebhookEvent[BookingPayload]) -> None:
        print(event.payload.title)

    receiver = WebhookReceiver(router, secrets=os.environ["CAL_WEBHOOK_SECRET"])

`sign`, `verify` and `parse` are pure functions. A `WebhookRouter` maps triggers to handlers. A `WebhookReceiver`
responds to deliveries and runs the handlers in the background. It works with aiohttp.web (`receiver.aiohttp_handler`),
is an ASGI application, and has a method for any other server (`receiver.receive`).
"""

from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.webhooks.deduplicator import InMemoryDeduplicator
from calcom_async.webhooks.parsing import parse
from calcom_async.webhooks.receiver import WebhookReceiver
from calcom_async.webhooks.router import WebhookRouter
from calcom_async.webhooks.signature import sign, verify

__all__ = ["InMemoryDeduplicator", "WebhookEvent", "WebhookReceiver", "WebhookRouter", "parse", "sign", "verify"]
