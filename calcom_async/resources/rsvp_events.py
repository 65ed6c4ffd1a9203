"""Event pages: events on a fixed date that guests RSVP to; read only."""

from __future__ import annotations

from typing import Unpack

from calcom_async.models.rsvp_events import RsvpEvent
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource


class RsvpEvents(Resource):
    """Event pages that the user owns or co-hosts. They are neither event types nor calendar events.

    The API can only read them. No OAuth scope is documented, so third-party tokens are rejected. In September 2026 the
    hosted API returned 404 for the list, so `NotFoundError` does not mean that there are no events.
    """

    def list(self, *, slug: str | None = None, **paging: Unpack[Paging]) -> Pages[RsvpEvent]:
        """List all events on one page, or the one at cal.com/{slug}."""
        return self._pages(RsvpEvent, "/events", query={"slug": slug}, key="uuid", **paging)

    async def get(self, uuid: str) -> RsvpEvent:
        """Fetch one event. Members of the team that owns it may also read it.

        Raises `BadRequestError` for an id that is not a UUID.
        """
        return await self._get(RsvpEvent, "/events/{}", uuid)
