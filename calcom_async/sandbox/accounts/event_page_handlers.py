"""Handlers of event pages: events on a fixed date that guests RSVP to. There is one, a week ahead."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


UUID = "11111111-1111-4111-8111-111111111111"


@ROUTES.add("GET", "/v2/events", stateful=False)
def list_event_pages(call: Call) -> object:
    """List the event, unless `slug` names another one."""
    page = _event_page(call) | {"confirmedCount": 2}
    return [page] if call.param("slug") in {None, page["slug"]} else []


@ROUTES.add("GET", "/v2/events/{uuid}", stateful=False)
def get_event_page(call: Call) -> object:
    """Return the event. An id that is not a UUID is a 400, an unknown one a 404."""
    uuid = call.path["uuid"]
    # Checked before the lookup, as routes with a ParseUUIDPipe do.
    if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", uuid) is None:
        raise errors.bad_request("Validation failed (uuid is expected)")
    if uuid != UUID:
        raise errors.not_found(f"Event with uuid={uuid} not found")
    return _event_page(call)


def _event_page(call: Call) -> dict[str, Any]:
    """Return the event, with each kind of location."""
    start = call.clock.now().replace(hour=18, minute=0, second=0, microsecond=0) + timedelta(days=7)
    return {
        "uuid": UUID,
        "slug": "sandbox-party",
        "title": "Sandbox party",
        "description": None,
        "startTime": iso(start),
        "endTime": iso(start + timedelta(hours=2)),
        "timeZone": "Europe/Lisbon",
        "visibility": "PUBLIC",
        "hidden": False,
        "publishedAt": iso(start - timedelta(days=30)),
        "cancelledAt": None,
        "locations": [
            {"type": "address", "address": "Sandbox Street 1"},
            {"type": "link", "link": "https://party.sandbox.test"},
            {"type": "integration", "integration": "cal-video"},
            {"type": "organizersDefaultApp"},
        ],
        "coverImageUrl": None,
        "requiresApproval": False,
        "waitlistEnabled": True,
    }
