"""Private links of an event type, of a user or of a team of an organisation."""

from __future__ import annotations

from datetime import date, datetime

from calcom_async.models.private_links import DeletedPrivateLink, PrivateLink
from calcom_async.models.times import bound
from calcom_async.pages import Pages
from calcom_async.resources._base import Resource, given


class PrivateLinks(Resource):
    """Links that let somebody book one event type; an event type of somebody else is a `NotFoundError`.

    These paths know no `cal-api-version`, so none is sent.
    """

    def list(self) -> Pages[PrivateLink]:
        """All links, expired ones included, in one answer."""
        return self._pages(PrivateLink, "/private-links", key="link_id")

    async def create(
        self, *, expires_at: datetime | date | str | None = None, max_usage_count: int | None = None
    ) -> PrivateLink:
        """Make a link that ends at `expires_at` or after `max_usage_count` bookings: exactly one of them.

        Both are a `BadRequestError`; neither is one as well, or a link for a single booking, depending on the server.
        A past time is accepted, and the link is expired at once.
        """
        ends = None if expires_at is None else bound(expires_at, "expires_at", is_end=True)
        body = given(expiresAt=ends, maxUsageCount=max_usage_count)
        return await self._post(PrivateLink, "/private-links", body=body)

    async def update(
        self, link_id: str, *, expires_at: datetime | date | str | None = None, max_usage_count: int | None = None
    ) -> PrivateLink:
        """Change when a link ends; the one that is given replaces the other kind, and of both the time wins."""
        ends = None if expires_at is None else bound(expires_at, "expires_at", is_end=True)
        body = given(expiresAt=ends, maxUsageCount=max_usage_count)
        return await self._patch(PrivateLink, "/private-links/{}", link_id, body=body)

    async def delete(self, link_id: str) -> DeletedPrivateLink:
        """Delete a link. Raises `NotFoundError` when unknown."""
        return await self._delete(DeletedPrivateLink, "/private-links/{}", link_id)
