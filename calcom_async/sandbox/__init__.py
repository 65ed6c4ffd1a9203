"""A Cal.com API v2 to run against, on loopback and without an account.

    with Sandbox(bookings=1000) as sandbox:
        Calcom(sandbox.api_key, base_url=sandbox.url)

Nothing here imports the client, so the two cannot share a mistake.
"""

from .app import Sandbox
from .clock import Clock
from .delivery import Delivery
from .faults import Faults
from .server import Seen
from .throttle import Limit

__all__ = ["Clock", "Delivery", "Faults", "Limit", "Sandbox", "Seen"]
