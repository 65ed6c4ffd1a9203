"""Recorded responses pass through the client methods without losing a key or value."""

from __future__ import annotations

import pytest
from recorded_operations import OPERATIONS
from test_models import losses
from test_recorded import ask, exchanges, strict  # noqa: F401 - the last one is a fixture

# People of organisations and teams, by the part of the path that is theirs; the recorded server knew no invitations to
# teams outside an organisation.
AREAS = ("/memberships", "/roles", "/attributes", "/ooo", "/organizations/{}/teams/{}/invite", "/{}/schedules")
USERS = ("/organizations/{}/users", "/organizations/{}/users/{}")
OPERATIONS = [key for key in OPERATIONS if any(area in key for area in AREAS) or key.endswith(USERS)]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.usefixtures("strict")
async def test_answers_are_read_whole(shared, operation):
    """Each recorded success decodes strictly, and encoding the result gives everything back."""
    found = [one for one in exchanges(shared) if one.operation == operation and one.response.status < 300]
    assert found
    for exchange in found:
        result = await ask(exchange)
        data = dict(exchange.body or ()).get("data")  # a 204 has no body at all
        assert losses(data, getattr(result, "items", result)) == []
