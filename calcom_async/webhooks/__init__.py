"""Receive webhooks. Works without a client.

With the secret of the webhook in the environment variable CAL_WEBHOOK_SECRET:

```python
import os
from aiohttp import web
from calcom_async import WebhookReceiver, WebhookRouter

router = WebhookRouter()


@router.on("BOOKING_CREATED", "BOOKING_RESCHEDULED")
async def booked(event):
    print(event.payload.start_time, event.payload.title)


receiver = WebhookReceiver(router, secrets=os.environ["CAL_WEBHOOK_SECRET"])
app = web.Application()
app.router.add_post("/cal", receiver.aiohttp_handler)
receiver.setup(app)  # then web.run_app(app)
```

Deliveries are verified on their raw bytes. The response is sent immediately. The handlers run in the background, with a
bounded queue.

- FastAPI or Starlette: `FastAPI(lifespan=receiver.lifespan)` and `app.add_route("/cal", receiver)`.
- Another server or thread, such as WSGI: `receiver.receive(headers, body)` returns status and text. The handlers run
  in the event loop of `async with receiver:`.
- `secrets=[new, old]` accepts two secrets while one replaces the other.
- `deduplicate=InMemoryDeduplicator()` drops duplicates, unless the handler failed the first time.

`verify`, `sign` and `parse` are functions without I/O: `parse` returns a `WebhookEvent` with a typed payload. This
subscribes, and can be run at every start:

```python
await cal.webhooks.ensure("https://example.com/cal", ["BOOKING_CREATED"], secret="whsec_...")
```
"""

from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.webhooks.deduplicator import InMemoryDeduplicator
from calcom_async.webhooks.parsing import parse
from calcom_async.webhooks.receiver import WebhookReceiver
from calcom_async.webhooks.router import WebhookRouter
from calcom_async.webhooks.signature import sign, verify

__all__ = ["InMemoryDeduplicator", "WebhookEvent", "WebhookReceiver", "WebhookRouter", "parse", "sign", "verify"]
