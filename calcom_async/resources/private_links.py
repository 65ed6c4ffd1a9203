"""Private links of an event type of a user or of a team in an organization."""

from __future__ import annotations

from datetime import date, datetime

from msgspec.structs import replace

from calcom_async.errors import NotFoundError
from calcom_async.models.private_links import DeletedPrivateLink, PrivateLink
from calcom_async.models.times import bound
from calcom_async.pages import Pages
from calcom_async.requests import CallContext, Request
from calcom_async.resources._base import Resource, ResourceContext, drop_unset
from calcom_async.responses import Response, Send
from calcom_async.versions import PRIVATE_LINKS


class PrivateLinks(Resource):
    """Links to book one event type. An event type of another user raises `NotFoundError`.

    The hosted API returns the whole booking URL in version 2024-09-04. Older servers return 404 for that version, so
    the first call to one of them costs two requests; the client remembers it.
    """

    def __init__(self, context: ResourceContext, scope: str = "", *scope_ids: int | str) -> None:
        super().__init__(replace(context, send=_with_newest_version(context)), scope, *scope_ids)

    def list(self) -> Pages[PrivateLink]:
        """List all links, expired ones included, in one response."""
        return self._pages(PrivateLink, "/private-links", key="link_id")

    async def create(
        self, *, expires_at: datetime | date | str | None = None, max_usage_count: int | None = None
    ) -> PrivateLink:
        """Create a link that expires at `expires_at` or after `max_usage_count` bookings; give exactly one of them.

        Both raise `BadRequestError` on self-hosted servers. Neither raises it there, and creates a link for one booking
        on the hosted API, where -1 allows any number of bookings. A past time is accepted, and the link has expired at
        once.
        """
        ends = None if expires_at is None else bound(expires_at, "expires_at", is_end=True)
        body = drop_unset(expiresAt=ends, maxUsageCount=max_usage_count)
        return await self._post(PrivateLink, "/private-links", body=body)

    async def update(
        self, link_id: str, *, expires_at: datetime | date | str | None = None, max_usage_count: int | None = None
    ) -> PrivateLink:
        """Change when a link expires. The given limit replaces the other kind; if both are given, the time wins.

        On the hosted API a `max_usage_count` of -1 allows any number of bookings.
        """
        ends = None if expires_at is None else bound(expires_at, "expires_at", is_end=True)
        body = drop_unset(expiresAt=ends, maxUsageCount=max_usage_count)
        return await self._patch(PrivateLink, "/private-links/{}", link_id, body=body)

    async def delete(self, link_id: str) -> DeletedPrivateLink:
        """Delete a link. Raises `NotFoundError`."""
        return await self._delete(DeletedPrivateLink, "/private-links/{}", link_id)


def _with_newest_version(context: ResourceContext) -> Send:
    """Send the newest version of private links until the server turns out not to know it."""

    async def send(request: Request, call: CallContext) -> Response:
        """Send a request in the newest version, and again without one if the server does not know it."""
        # A version in the request comes from the settings of the user, which take precedence.
        if "cal-api-version" in request.headers or PRIVATE_LINKS in context.rejected_versions:
            return await context.send(request, call)
        newest = replace(request, headers={**request.headers, "cal-api-version": PRIVATE_LINKS})
        try:
            return await context.send(newest, call)
        except NotFoundError as error:
            # An unknown link or event type is a 404 too, and says nothing about the version.
            if error.reason != "unknown_operation":
                raise
        context.rejected_versions.add(PRIVATE_LINKS)
        return await context.send(request, call)

    return send
