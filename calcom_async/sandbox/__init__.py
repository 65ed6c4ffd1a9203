"""A local Cal.com server for tests and experiments: no account, no access to other machines.

It is a real HTTP server with the slots, conflicts, errors, rate limits and unstable sort order of Cal.com, and with
`Sandbox(races=True)` its races between concurrent bookings. `calcom-async sandbox` runs it for other languages. From
Python it runs in a thread of its own:

```python
from calcom_async import Calcom
from calcom_async.sandbox import Sandbox

with Sandbox(bookings=1000) as sandbox:
    async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
        print(len(await cal.bookings.list().collect()))
```

The package brings two pytest fixtures. They work with pytest-asyncio in either mode, or without it:

```python
from datetime import UTC, datetime, timedelta
from calcom_async.models import Attendee

ADA = Attendee(name="Ada", email="ada@example.com", time_zone="Europe/Rome")


async def test_a_lost_response_makes_no_second_booking(calcom_sandbox, calcom_client):
    calcom_sandbox.faults.add("POST", "/v2/bookings", cut="after")  # the server books, then drops the connection
    async with calcom_client() as cal:
        now = datetime.now(UTC)
        slot = await cal.slots.first_available(event_type_id=1, start=now, end=now + timedelta(days=9))
        booking = await cal.book(start=slot.start, event_type_id=1, attendee=ADA)
    assert [*calcom_sandbox.store.bookings] == [booking.uid]
```

`Sandbox(server="self-hosted-2026-07")` is a self-hosted build instead of the hosted API (`ServerName` lists the kinds):
it knows other versions and routes, and some statuses and shapes differ. In pytest, override the fixture
`calcom_server` to return another kind.

`sandbox.clock` freezes and moves the time, `sandbox.faults` scripts failures, `sandbox.requests` records requests. The
platform client is `sandbox-client` with the secret `sandbox-secret`; the tokens of its managed user are
`sandbox-access-token` and `sandbox-refresh-token`. If your tests mock HTTP themselves, use `Calcom(...,
rate_limit=1_000_000)`: without rate limit headers the client keeps to the documented limit.

`http` is the HTTP machinery, `state` the data, `seed` the sample data; each other folder is an area of the API with
its routes, rules and views. The package imports nothing of the client, so that the two cannot share a mistake.
"""

from calcom_async.sandbox.http.faults import Faults
from calcom_async.sandbox.http.request_log import RecordedRequest
from calcom_async.sandbox.http.server_kind import ServerName
from calcom_async.sandbox.sandbox import Sandbox
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Limit
from calcom_async.sandbox.webhooks.delivery import Delivery

__all__ = ["Clock", "Delivery", "Faults", "Limit", "RecordedRequest", "Sandbox", "ServerName"]
