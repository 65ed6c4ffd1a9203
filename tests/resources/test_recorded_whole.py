"""Recorded responses pass through the client methods without losing a key or value."""

from __future__ import annotations

import pytest
from recorded_operations import OPERATIONS
from test_models import losses
from test_recorded import call_method, exchanges, strict  # noqa: F401 - the last one is a fixture

# People of organisations and teams, by the part of the path that is theirs; the recorded server knew no invitations to
# teams outside an organisation.
AREAS = ("/memberships", "/roles", "/attributes", "/ooo", "/organizations/{}/teams/{}/invite", "/{}/schedules")
USERS = ("/organizations/{}/users", "/organizations/{}/users/{}")
OPERATIONS = [key for key in OPERATIONS if any(area in key for area in AREAS) or key.endswith(USERS)]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.usefixtures("strict")
async def test_recorded_responses(shared, operation):
    """Each recorded success decodes strictly, and encoding the result returns all of it."""
    recorded = [row for row in exchanges(shared) if row.operation == operation and row.response.status < 300]
    assert recorded
    for exchange in recorded:
        result = await call_method(exchange)
        data = dict(exchange.body or ()).get("data")  # a 204 has no body at all
        assert losses(data, getattr(result, "items", result)) == []
