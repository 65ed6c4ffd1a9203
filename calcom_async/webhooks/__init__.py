"""Receiving webhooks; works without a client.

    router = Router()

    @router.on("BOOKING_CREATED")
    async def greet(event: WebhookEvent[BookingPayload]) -> None:
        print(event.payload.title)

    receiver = Receiver(router, secrets=os.environ["CAL_WEBHOOK_SECRET"])

`verify`, `sign` and `parse` are pure; a `Router` knows who handles what; a `Receiver` answers deliveries and runs the
handlers behind it, for aiohttp.web (`receiver.aiohttp_handler`), ASGI (`receiver.asgi`) or anything else
(`receiver.receive`).
"""

from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.webhooks.deliveries import parse, sign, verify
from calcom_async.webhooks.receiver import Receiver, RecentDeliveries
from calcom_async.webhooks.router import Router

__all__ = ["Receiver", "RecentDeliveries", "Router", "WebhookEvent", "parse", "sign", "verify"]
