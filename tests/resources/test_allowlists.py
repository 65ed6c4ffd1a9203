"""IP addresses of Cal.com, for firewalls."""

from __future__ import annotations

import pytest
from sent_requests import SentRequest, last_request

from calcom_async import NotFoundError


async def test_all_services(cal, calcom_sandbox):
    """The services have names, a direction and networks."""
    services = (await cal.allowlists.list()).services
    assert last_request(calcom_sandbox) == SentRequest("GET", "/allowlists", {}, None, None)
    assert services["webhooks"].direction == "egress-from-cal"
    assert services["webhooks"].ipv4 == ["192.0.2.0/28", "203.0.113.7/32"]


async def test_one_service(cal, calcom_sandbox):
    """One service is what the list has for it, with its name; an unknown one raises `NotFoundError`."""
    allowlist = await cal.allowlists.get("webhooks")
    assert last_request(calcom_sandbox).endpoint == "GET /allowlists/webhooks"
    assert allowlist.service.name == "webhooks"
    assert allowlist.service.ipv4 == (await cal.allowlists.list()).services["webhooks"].ipv4
    with pytest.raises(NotFoundError):
        await cal.allowlists.get("tea")
