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

The package brings pytest fixtures: `calcom_sandbox`, `calcom_client` for a client of it, and `calcom_session_sandbox`
for one server in the whole session. They work with pytest-asyncio in either mode, with anyio, or without a plugin. With
pytest-xdist each worker has servers of its own. A marker sets the options of `Sandbox`:

```python
from datetime import UTC, datetime, timedelta
import pytest
from calcom_async.models import Attendee

ADA = Attendee(name="Ada", email="ada@example.com", time_zone="Europe/Rome")


@pytest.mark.calcom(bookings=50, rate_limit=120)
async def test_a_lost_response_makes_no_second_booking(calcom_sandbox, calcom_client):
    before = {*calcom_sandbox.store.bookings}
    calcom_sandbox.faults.add("POST", "/v2/bookings", cut="after")  # the server books, then drops the connection
    async with calcom_client() as cal:
        now = datetime.now(UTC)
        slot = await cal.slots.first_available(event_type_id=1, start=now, end=now + timedelta(days=9))
        booking = await cal.book(start=slot.start, event_type_id=1, attendee=ADA)
    assert {*calcom_sandbox.store.bookings} - before == {booking.uid}
    (request,) = calcom_sandbox.requests.wait_for(method="POST", path="/v2/bookings")
    assert request.body["eventTypeId"] == 1
```

- `sandbox.requests` is the list of received requests. `matching` filters them, and `wait_for` blocks until they arrive.
- `sandbox.faults` scripts failures, delays and lost responses; `sandbox.deliveries` are the webhooks that were sent.
- `sandbox.clock` sets, freezes and moves the time. time-machine works too: a sandbox in the process of the test follows
  the time of the system unless its own clock was set.
- `Sandbox(world=...)` starts with declared data: see `calcom_async.sandbox.world`. `reset()`, `snapshot()` and
  `restore()` bring earlier data back.
- In a browser, `http://127.0.0.1:PORT/_sandbox` shows bookings, free slots, requests and deliveries as they happen.
- Tests in other languages use the control API: see `calcom_async.sandbox.control`.

`Sandbox(server="self-hosted-2026-07")` is a self-hosted build instead of the hosted API (`ServerName` lists the kinds):
it knows other versions and routes, and some statuses and shapes differ.

The sample data of a hosted sandbox:

- users 1 to 3, `ana`, `bo` and `cy`, with the API keys `cal_sandbox`, `cal_sandbox_bo` and `cal_sandbox_cy`;
- event types 1 to 3 of ana: `thirty`, `sixty` and `class` (60 minutes, 10 seats), Monday to Friday 09:00 to 17:00 in
  Lisbon, with a calendar that is busy from 12:00 to 13:00 UTC;
- organization 1 of all three, with the teams 2 (`sales`) and 3 (`support`);
- event type 4 of team 2, `sales-call`, a round robin of bo and cy; the routing form `sandbox-form` leads to it;
- the platform client `sandbox-client` with the secret `sandbox-secret`, and its managed user 4 with the tokens
  `sandbox-access-token` and `sandbox-refresh-token`;
- the OAuth2 app `sandbox-app` with the secret `sandbox-app-secret`, and its tokens of ana, `sandbox-app-access` and
  `sandbox-app-refresh`.

If your tests mock HTTP themselves, use `Calcom(..., rate_limit=1_000_000)`: without rate limit headers the client keeps
to the documented limit.

How close the sandbox is to a real server is checked by a script in the repository: `python -m conformance` in `tests`
sends some 500 requests to any server, and compares the responses with a folder of responses recorded from another one.

`http` is the HTTP machinery, `state` the data, `seed` the sample data; each other folder is an area of the API with
its routes, rules and views. `version_2024_04_15` serves requests without `cal-api-version`. The package imports nothing
of the client, so that the two cannot share a mistake.
"""

from calcom_async.sandbox.http.delivery_log import Delivery
from calcom_async.sandbox.http.faults import Faults
from calcom_async.sandbox.http.request_log import RecordedRequest
from calcom_async.sandbox.http.server_kind import ServerName
from calcom_async.sandbox.sandbox import Sandbox
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Limit

__all__ = ["Clock", "Delivery", "Faults", "Limit", "RecordedRequest", "Sandbox", "ServerName"]
