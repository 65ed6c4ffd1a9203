"""Private links of an event type of a user or of a team in an organization."""

from __future__ import annotations

from datetime import date, datetime

from calcom_async.models.private_links import DeletedPrivateLink, PrivateLink
from calcom_async.models.times import bound
from calcom_async.pages import Pages
from calcom_async.resources._base import Resource, drop_unset


class PrivateLinks(Resource):
    """Links to book one event type. An event type of another user raises `NotFoundError`.

    These paths ignore `cal-api-version`, so the client sends none.
    """

    def list(self) -> Pages[PrivateLink]:
        """List all links, expired ones included, in one response."""
        return self._pages(PrivateLink, "/private-links", key="link_id")

    async def create(
        self, *, expires_at: datetime | date | str | None = None, max_usage_count: int | None = None
    ) -> PrivateLink:
        """Create a link that expires at `expires_at` or after `max_usage_count` bookings; give exactly one of them.

        Both raise `BadRequestError`. Neither raises it too, or creates a link for one booking, depending on the server.
        A past time is accepted, and the link has expired at once.
        """
        ends = None if expires_at is None else bound(expires_at, "expires_at", is_end=True)
        body = drop_unset(expiresAt=ends, maxUsageCount=max_usage_count)
        return await self._post(PrivateLink, "/private-links", body=body)

    async def update(
        self, link_id: str, *, expires_at: datetime | date | str | None = None, max_usage_count: int | None = None
    ) -> PrivateLink:
        """Change when a link expires. The given limit replaces the other kind; if both are given, the time wins."""
        ends = None if expires_at is None else bound(expires_at, "expires_at", is_end=True)
        body = drop_unset(expiresAt=ends, maxUsageCount=max_usage_count)
        return await self._patch(PrivateLink, "/private-links/{}", link_id, body=body)

    async def delete(self, link_id: str) -> DeletedPrivateLink:
        """Delete a link. Raises `NotFoundError`."""
        return await self._delete(DeletedPrivateLink, "/private-links/{}", link_id)
