"""A local Cal.com server for tests and experiments: no account, no access to other machines.

    with Sandbox(bookings=1000) as sandbox:
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            ...

`http` is the HTTP machinery, `state` the data, `seed` the sample data; each other folder is an area of the API with its
routes, rules and views. The package imports nothing of the client, so that the two cannot share a mistake.
"""

from calcom_async.sandbox.http.faults import Faults
from calcom_async.sandbox.http.messages import RecordedRequest
from calcom_async.sandbox.sandbox import Sandbox
from calcom_async.sandbox.state.clock import Clock
from calcom_async.sandbox.state.store import Limit
from calcom_async.sandbox.webhooks.delivery import Delivery

__all__ = ["Clock", "Delivery", "Faults", "Limit", "RecordedRequest", "Sandbox"]
